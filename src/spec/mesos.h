/* mesos.h - what Mesos' operator API says of a container (v1 JSON): CommandInfo, ContainerInfo, Resources and limits to a task.
 * Pure.
 *
 * A field is honoured or refused by name with its path and the reason; null is "not said". Protobuf's JSON would drop unknown
 * fields in silence: here they are refused. docs/from-mesos.md has the table. */
#ifndef GATE_SPEC_MESOS_H
#define GATE_SPEC_MESOS_H

#include "doc/doc.h"
#include "task/task.h"

/* container_id: {"value":"c","parent":{"value":"p"}} */
#define GATE_MESOS_ID_MAX 128 /* with its parents: a name of the store */
struct gate_mesos_id {
	char name[GATE_MESOS_ID_MAX + 1];   /* "p.c" */
	char parent[GATE_MESOS_ID_MAX + 1]; /* "p", or "" */
};
/* `d` may be NULL (not said): INVALID. Mesos' rules for the value (no '/', '.', space), then the store's letters; a container that
 * is there already (`known`) may have a '.' in its name, because other schedulers name theirs so. */
int gate_mesos_id_read(const struct gate_doc *d, bool known, struct gate_mesos_id *ret, struct gate_err *err);

struct gate_mesos_resources {
	double cpus, limit_cpus; /* limit: 0: none said; HUGE_VAL: "Infinity" */
	double mem, limit_mem;   /* MiB */
	double disk;
	char ports[256]; /* "31000,31001"; "" */
};
struct gate_mesos_launch {
	struct gate_mesos_id id;
	struct gate_mesos_resources resources;
	bool seccomp, unconfined; /* linux_info.seccomp is there; what it says */
	const char *profile_name; /* NULL: not said. In the task's arena */
};
/* What the agent is. */
struct gate_mesos_facts {
	uint32_t isolation; /* bits of enum gate_isolator */
	bool cfs;           /* --cgroups_enable_cfs: cpus are a hard limit */
	const char *hostname;
};
/* The object behind "launch_container" (or "launch_nested_container": `nested`). `t` was initialised by gate_task_init. UNSUPPORTED:
 * "The provided ContainerInfo is not supported" and why; INVALID: the sentence begins with the field's path. */
int gate_mesos_launch_read(const struct gate_doc *call, const struct gate_mesos_facts *f, struct gate_task *t,
                           struct gate_mesos_launch *ret, struct gate_err *err);

#endif
