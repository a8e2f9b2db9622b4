/* parts.h - the inside of the operator API, shared by its own files only. */
#ifndef GATE_MESOS_PARTS_H
#define GATE_MESOS_PARTS_H

#include "mesos/mesos.h"
#include "spec/mesos.h"

/* A request that is answered when a container has come so far. */
enum wait_for { WAIT_LAUNCHED = 1, WAIT_ENDED };
struct waiter {
	struct waiter *next;
	struct gate_mesos *m;
	struct gate_http_pending *pending;
	enum wait_for what;
	const char *call; /* a literal: "WAIT_CONTAINER" */
	char container[GATE_MESOS_ID_MAX + 1];
};

struct gate_mesos {
	struct gate_agent *agent;
	struct waiter *waiters;
	char id[64]; /* of this agent, as Mesos' agent ids are: "<uuid>-S0" */
	bool ticking;
};

/* A call of POST /api/v1. */
struct call {
	struct gate_mesos *m;
	const struct gate_http_request *r;
	struct gate_http_answer *a;
	const char *type;           /* as it was said: a literal */
	const struct gate_doc *arg; /* the object of the call, or NULL when it was not said */
	struct gate_arena *arena;
};
typedef void call_fn(struct call *c);

/* Plain text, as Mesos answers. */
void gate_mesos_say(struct gate_http_answer *a, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What an error stands for in this API: what cannot be is 400. */
void gate_mesos_fail(struct gate_http_answer *a, const struct gate_err *err);
/* {"type":"X","x":{…}}: begins it, and an object within; gate_mesos_end ends both. */
void gate_mesos_begin(struct call *c, struct gate_json *j);
void gate_mesos_end(struct call *c, struct gate_json *j);
/* The container that the call names, or an answer (400) and false. *t NULL: it is not there. */
bool gate_mesos_target(struct call *c, struct gate_mesos_id *id, struct gate_agent_task **t);

/* launch.c, containers.c: standalone and nested containers */
call_fn gate_mesos_launch, gate_mesos_wait, gate_mesos_kill, gate_mesos_remove, gate_mesos_get_containers;
void gate_mesos_answer_waiters(void *m); /* those whose time has come */
struct waiter *gate_mesos_await(struct call *c, const char *container, enum wait_for what); /* NULL: answered */
void gate_mesos_forget(struct gate_mesos *m);                                               /* all waiters: 503 */
gate_http_fn gate_mesos_containers_get, gate_mesos_statistics_get;

/* show.c: containers and tasks as JSON */
void gate_mesos_put(struct gate_json *j, const char *key, const char *value);
void gate_mesos_put_id(struct gate_mesos *m, const struct gate_agent_task *t, const char *key, struct gate_json *j);
void gate_mesos_put_value(struct gate_json *j, const char *key, const char *value); /* {"value":…} */
void gate_mesos_put_status(struct gate_mesos *m, const struct gate_agent_task *t, struct gate_json *j);
void gate_mesos_put_statistics(struct gate_mesos *m, struct gate_agent_task *t, struct gate_json *j);
void gate_mesos_put_seccomp(const struct gate_agent_task *t, struct gate_json *j);
void gate_mesos_put_resources(const char *key, double cpus, uint64_t mem, uint64_t disk, const char *ports, bool flat,
                              struct gate_json *j);
void gate_mesos_put_task(struct gate_mesos *m, const struct gate_agent_task *t, bool flat, struct gate_json *j);
const char *gate_mesos_framework(const struct gate_agent_task *t);

/* state.c, agent.c */
call_fn gate_mesos_get_state, gate_mesos_get_tasks, gate_mesos_get_frameworks, gate_mesos_get_executors;
call_fn gate_mesos_get_health, gate_mesos_get_flags, gate_mesos_get_version, gate_mesos_get_metrics,
    gate_mesos_get_agent, gate_mesos_get_logging, gate_mesos_get_operations, gate_mesos_get_providers;
gate_http_fn gate_mesos_state, gate_mesos_flags, gate_mesos_health, gate_mesos_version, gate_mesos_metrics;
void gate_mesos_ports_text(const struct gate_config *c, char text[32]);

/* files.c */
call_fn gate_mesos_list_files, gate_mesos_read_file;
gate_http_fn gate_mesos_browse, gate_mesos_read, gate_mesos_download;

/* calls.c */
gate_http_fn gate_mesos_post;

/* info.c: what this agent is, and whether it may be something else now. */
int gate_mesos_info_load(struct gate_mesos *m, struct gate_err *err);

#endif
