/* mesos_parts.h - how Mesos' messages are walked. Only src/spec/mesos*.c include this. */
#ifndef GATE_SPEC_MESOS_PARTS_H
#define GATE_SPEC_MESOS_PARTS_H

#include "base/buf.h"
#include "spec/mesos.h"

struct gate_mesos_maker {
	struct gate_task *task;
	struct gate_mesos_launch *launch;
	const struct gate_mesos_facts *facts;
	char path[200]; /* of what is being read: "/container/linux_info" */
	/* CommandInfo */
	const char *value;
	const struct gate_doc *arguments;
	bool shell, has_command;
	/* linux_info */
	uint64_t effective, bounding;
	bool has_effective, has_bounding, share_pid, share_cgroups;
	int ipc; /* 0 not said, 1 PRIVATE, 2 SHARE_PARENT */
};

struct gate_mesos_row {
	const char *name;
	int (*take)(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err); /* NULL: refused */
	const char *why; /* … because; NULL with NULL take: says nothing that matters here, accepted */
};
/* Every member of an object by its row; `d` of another kind, unknown members and refused ones are INVALID with the path. A refused
 * member that says nothing (null, false, [], {}) is fine. */
int gate_mesos_walk(struct gate_mesos_maker *m, const struct gate_doc *d, const struct gate_mesos_row *rows,
                    struct gate_err *err);
int gate_mesos_each(struct gate_mesos_maker *m, const struct gate_doc *list,
                    int (*take)(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err),
                    struct gate_err *err);
/* INVALID at the path that is being read. */
int gate_mesos_bad(const struct gate_mesos_maker *m, struct gate_err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int gate_mesos_text(struct gate_mesos_maker *m, const struct gate_doc *d, const char **ret, struct gate_err *err);
int gate_mesos_bool(struct gate_mesos_maker *m, const struct gate_doc *d, bool *ret, struct gate_err *err);
int gate_mesos_number(struct gate_mesos_maker *m, const struct gate_doc *d, double *ret, struct gate_err *err);
/* A word's place in a NULL-ended list, from 0. */
int gate_mesos_word(struct gate_mesos_maker *m, const struct gate_doc *d, const char *const *words, int *ret,
                    struct gate_err *err);

extern const struct gate_mesos_row gate_mesos_container[]; /* ContainerInfo */
/* Capabilities and namespaces, once all of it was read. */
int gate_mesos_container_finish(struct gate_mesos_maker *m, struct gate_err *err);

#endif
