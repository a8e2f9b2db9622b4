/* agent.h - the front's core: the state of one host, and who may change it. Schedulers (src/marathon, src/metronome, src/mesos)
 * stand on it and do not know each other.
 *
 * Everything that lasts is in the database; memory is a copy of it. A change is one transaction: gate_agent_begin, changes of
 * memory and rows together, gate_agent_commit. A commit that fails (disk full) reloads memory from the database, so nothing
 * half done is seen. What must happen outside (launch, kill, answer, event) is queued by the change and done after the
 * commit. So what was acknowledged is on disk, and what is not on disk was not acknowledged.
 *
 * Deterministic: time, chance and the launcher come through struct gate_world; tests script them. */
#ifndef GATE_AGENT_AGENT_H
#define GATE_AGENT_AGENT_H

#include <sys/types.h>

#include "agent/loop.h"
#include "base/buf.h"
#include "doc/doc.h"
#include "http/http.h"
#include "ipc/ipc.h"
#include "store/db.h"
#include "task/task.h"
#include "task/wire.h"

struct gate_agent;
struct gate_profiles;

/* --- what lies outside --- */
struct gate_world {
	int64_t (*wall_ms)(void *ctx); /* since 1970 */
	int64_t (*now_ms)(void *ctx);  /* gate_loop_now's clock: for delays */
	void (*random)(void *ctx, void *bytes, size_t n);
	/* To the launcher: answers come to gate_agent_heard with the same serial. -1: it cannot be reached now. The memfds are
	 * borrowed. */
	int (*send)(void *ctx, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len,
	            int fd);
	/* GATE_IPC_OPEN, answered at once. */
	int (*open)(void *ctx, enum gate_ipc_open what, const void *bytes, size_t len, int *fd, struct gate_err *err);
	/* GATE_IPC_STATS, answered at once. NULL: not to be had. */
	int (*stats)(void *ctx, const char *container, struct gate_ipc_stats *ret, struct gate_err *err);
	/* A line for the operator: no control bytes in it. NULL: nobody reads. */
	void (*log)(void *ctx, const char *line);
	void *ctx;
};

/* --- rights of API clients (bits of gate_http_peer.rights) --- */
enum gate_right {
	GATE_RIGHT_READ = 1 << 0,
	GATE_RIGHT_LAUNCH = 1 << 1,
	GATE_RIGHT_KILL = 1 << 2,
	GATE_RIGHT_EXEC = 1 << 3,
	GATE_RIGHT_UNCONFINED = 1 << 4,
	GATE_RIGHT_HOST = 1 << 5 /* what gate_task_of_host names */
};
#define GATE_RIGHT_ALL 0x3fU
/* DENIED when a task has something of the host, and whoever asked for it has not the right. gate_tasks_add asks; schedulers that
 * keep definitions ask before, so that it is said at once. */
int gate_right_host(uint32_t rights, const struct gate_task *t, struct gate_err *err);

/* --- configuration: flags, MESOS_* variables, agent.yaml, already one (src/config makes it) --- */
struct gate_setting {
	const char *name, *value; /* of GET_FLAGS and /flags: Mesos' names */
};
struct gate_acl {
	int64_t uid, gid;    /* -1: any */
	const char *subject; /* of a certificate; NULL: none */
	uint32_t rights;
};
/* Who may be unconfined: every part that is said must match. */
struct gate_may {
	const char *user, *path, *label; /* globs; label "KEY=VALUE"; NULL: any */
};
struct gate_config {
	uint32_t isolation; /* bits of enum gate_isolator */
	const char *isolation_text;
	const char *profile_name;          /* NULL: no default profile */
	bool mesos_dialect;                /* profiles mean what Mesos makes of them */
	const char *const *allowed;        /* globs of profile names; NULL: all */
	const char *floor;                 /* name of a profile, or NULL */
	const struct gate_may *unconfined; /* NULL user, path and label end it; NULL: nobody is restricted further */
	size_t n_unconfined;
	bool unconfined_limited;    /* `unconfined` was said, maybe as an empty list: nobody */
	const struct gate_acl *acl; /* root may everything anyway */
	size_t n_acl;
	const char *hostname, *state_dir, *version;
	uint64_t caps; /* what tasks can have here at most: the mother's bounding set */
	double cpus;   /* resources of the host, or --resources */
	uint64_t mem_mib, disk_mib;
	uint16_t port_low, port_high; /* 31000 to 32000 */
	uint64_t gc_delay_ms;         /* ended containers stay that long (--gc_delay, 1 week) */
	uint64_t ended_most;          /* … and so many at most, the oldest go first; 0: 1000 */
	bool strict;                  /* recovery: a row that cannot be read ends the start; else it is put aside */
	bool cfs;                     /* cpus are a hard limit (--cgroups_enable_cfs), else a share */
	bool measured;                /* resources are what the host has: nobody said them */
	bool log;                     /* filters write down what they answer with an error, too */
	bool additive; /* --reconfiguration_policy: resources may grow while tasks run; else they must be equal */
	const char *attributes; /* as said, or NULL */
	const struct gate_setting *settings;
	size_t n_settings;
};

/* --- tasks (tasks.c) --- */
enum gate_state { /* Mesos' TaskState, its numbers */
	          GATE_STATE_STARTING = 0,
	          GATE_STATE_RUNNING,
	          GATE_STATE_FINISHED,
	          GATE_STATE_FAILED,
	          GATE_STATE_KILLED,
	          GATE_STATE_LOST,
	          GATE_STATE_STAGING,
	          GATE_STATE_ERROR,
	          GATE_STATE_KILLING,
	          GATE_STATE_DROPPED,
	          GATE_STATE_UNREACHABLE,
	          GATE_STATE_GONE,
	          GATE_STATE_GONE_BY_OPERATOR,
	          GATE_STATE_UNKNOWN
};
const char *gate_state_name(enum gate_state s); /* "TASK_RUNNING" */
bool gate_state_ended(enum gate_state s);
enum gate_cause { /* Mesos' TaskStatus.Reason, its numbers; 0: none */
	          GATE_CAUSE_NONE = 0,
	          GATE_CAUSE_EXECUTOR_TERMINATED = 1,
	          GATE_CAUSE_MEMORY = 8, /* CONTAINER_LIMITATION_MEMORY */
	          GATE_CAUSE_AGENT_RESTARTED = 10,
	          GATE_CAUSE_TASK_INVALID = 14,
	          GATE_CAUSE_LAUNCH_FAILED = 21, /* CONTAINER_LAUNCH_FAILED */
	          GATE_CAUSE_KILLED_DURING_LAUNCH = 30,
	          GATE_CAUSE_MAX_COMPLETION_TIME = 33
};
const char *gate_cause_name(enum gate_cause c); /* "REASON_CONTAINER_LAUNCH_FAILED" */

enum gate_owner { GATE_OWNER_MARATHON = 1, GATE_OWNER_METRONOME, GATE_OWNER_OPERATOR };

/* linux_info.seccomp as it was said. */
struct gate_seccomp_choice {
	bool present;             /* the object is there */
	const char *profile_name; /* NULL: not said; "" was said as such */
	bool unconfined;
};

struct gate_agent_task {
	char *id;        /* Mesos task id; unique for ever */
	char *container; /* container id: name in the store; "parent.child" for nested ones */
	char *parent;    /* NULL, or the container that it is nested in */
	enum gate_owner owner;
	char *owner_id, *version;    /* app id and version; job id and run id; "" */
	char *name, *user, *command; /* for people */
	enum gate_state state;
	enum gate_cause cause;
	char *message;
	bool has_status;
	int32_t wait_status;                     /* wait(2)'s, once ended */
	int64_t staged_ms, started_ms, ended_ms; /* wall; 0: not yet */
	bool kill_asked;                         /* an end is then KILLED, not FAILED */
	bool health_known, healthy;
	char *profile; /* name; "" none (unconfined or no default) */
	bool unconfined;
	char *text_digest, *meaning_digest; /* "" when unconfined */
	char *denials;                      /* JSON array once it has ended (see describe.c), or NULL */
	double cpus;
	uint64_t mem_mib, disk_mib;
	char *ports;                  /* "31000,31001" or "" */
	char *labels;                 /* JSON object */
	char *extra;                  /* the owner's own, JSON or NULL */
	char *client;                 /* who asked: "uid 1000", "CN" */
	bool collected;               /* its container has been removed */
	uint32_t pid;                 /* of the first process; 0: unknown */
	struct gate_agent_task *next; /* all, oldest first */
};

/* What a scheduler wants started. Strings are copied; `task` is moved. */
struct gate_new_task {
	const char *id, *container, *parent;
	enum gate_owner owner;
	const char *owner_id, *version, *name, *extra, *labels, *client, *ports;
	double cpus;
	uint64_t mem_mib, disk_mib;
	struct gate_task *task; /* without a profile; gate_task_init'ed. Taken, also on failure */
	/* What the profiles or the policy refuse becomes a task that fails with the next turn ("Failed to launch container: …"),
	 * not an error: for who tries again by itself. */
	bool keep_refused;
	struct gate_seccomp_choice seccomp;
	const char *app_path; /* for the policy: app, job or container id */
	uint32_t rights;      /* of who asked: gate_http_peer.rights; what an app may is what its author might */
};
/* In a transaction: writes the row (STAGING) and queues the launch. The answer comes as changes of state. CONFLICT: the id or
 * container is known; whatever is refused changes nothing (gate_agent_leave). Pointers to tasks are good until the end of the
 * transaction: keep the id. */
int gate_tasks_add(struct gate_agent *a, struct gate_new_task *n, struct gate_agent_task **ret, struct gate_err *err);
/* In a transaction: KILLING, and the stop signal with `grace_ms` until SIGKILL (UINT64_MAX: the task's own) after the commit. A
 * repeated kill is no error. */
void gate_tasks_kill(struct gate_agent *a, struct gate_agent_task *t, int signal, uint64_t grace_ms);
struct gate_agent_task *gate_tasks_find(struct gate_agent *a, const char *id);
struct gate_agent_task *gate_tasks_container(struct gate_agent *a, const char *container);
struct gate_agent_task *gate_tasks_first(struct gate_agent *a);
/* Ended tasks leave memory and database when their container has been collected; this asks for it now (REMOVE_CONTAINER). */
void gate_tasks_collect(struct gate_agent *a, struct gate_agent_task *t);
/* In a transaction. Health as a check has found it: event, row. */
void gate_tasks_health(struct gate_agent *a, struct gate_agent_task *t, bool healthy);
/* One more process in the task, under its filter; `done` gets wait(2)'s status (-1: could not be started, `text` says why). */
typedef void gate_exec_fn(void *ctx, int32_t wait_status, bool timed_out, const char *text);
int gate_tasks_exec(struct gate_agent *a, struct gate_agent_task *t, const struct gate_wire_exec *e, gate_exec_fn *done,
                    void *ctx, struct gate_err *err);
/* An error that names the id as docker's and Mesos' do is the caller's. `done` of execs of a scheduler that goes away. */
void gate_tasks_exec_forget(struct gate_agent *a, void *ctx);
int gate_tasks_stats(struct gate_agent *a, struct gate_agent_task *t, struct gate_ipc_stats *ret, struct gate_err *err);

/* describe.c: one task as JSON members, into an open object: id, state, message, reason, profile {name, textDigest,
 * meaningDigest, unconfined}, denials […], times. Used by every API that shows what Mesos lacks. */
void gate_task_describe(const struct gate_agent_task *t, struct gate_json *j);

/* --- events (events.c): gap-free ids, kept in the database (the newest 100,000), live to streams --- */
/* In a transaction. `data` is a JSON object; "eventType" and "timestamp" are added in front, as Marathon has them. */
void gate_event_add(struct gate_agent *a, const char *type, const char *data);

/* --- schedulers --- */
struct gate_scheduler {
	const char *name;
	enum gate_owner owner;
	/* Memory from the database, in a transaction; what was in memory is forgotten. */
	int (*load)(void *self, struct gate_agent *a, struct gate_err *err);
	/* A task of this owner has changed its state, in the same transaction. NULL: of no interest. */
	void (*task)(void *self, struct gate_agent_task *t, enum gate_state before);
	/* In a transaction of its own, when the time asked for has come. */
	void (*tick)(void *self);
	void (*close)(void *self);
	const struct gate_http_route *routes; /* ctx is self */
	void *self;
};
int gate_agent_add(struct gate_agent *a, const struct gate_scheduler *s, struct gate_err *err);
const struct gate_scheduler *gate_agent_scheduler(const struct gate_agent *a, size_t i); /* NULL: no more */
/* What a scheduler's module has for the front's table and for tests: makes itself and calls gate_agent_add. */
typedef int gate_scheduler_open_fn(struct gate_agent *a, struct gate_err *err);
/* `tick` of the scheduler with this self is to be called at now_ms, or earlier if asked for already. */
void gate_agent_wake(struct gate_agent *a, void *self, int64_t at_ms);

/* --- transactions --- */
void gate_agent_begin(struct gate_agent *a);
/* On failure memory is what the database has, made anew: pointers to tasks and to what schedulers hold are gone. NOSPACE when
 * the disk is full or read-only (kills of this transaction are carried out all the same). */
int gate_agent_commit(struct gate_agent *a, struct gate_err *err);
void gate_agent_abort(struct gate_agent *a); /* rolls back and reloads */
/* The same for one in which the caller has changed nothing, because what it was for has been refused: memory stays as it is, unless
 * the core itself has changed something. With many tasks a reload costs more than the request. */
void gate_agent_leave(struct gate_agent *a);
/* Run once after the commit of this transaction, never when it fails. */
void gate_agent_after(struct gate_agent *a, void (*fn)(void *ctx), void *ctx);

struct gate_db *gate_agent_db(struct gate_agent *a);
const struct gate_config *gate_agent_config(const struct gate_agent *a);
const struct gate_world *gate_agent_world(const struct gate_agent *a);
struct gate_profiles *gate_agent_profiles(struct gate_agent *a);
struct gate_loop *gate_agent_loop(struct gate_agent *a); /* NULL in tests without one */
int64_t gate_agent_now(const struct gate_agent *a);
int64_t gate_agent_wall(const struct gate_agent *a);
void gate_agent_uuid(const struct gate_agent *a, char text[37]); /* version 4 */
/* "2016-07-15T13:02:59.735Z" (Marathon's versions and events). */
void gate_time_text(int64_t wall_ms, char text[32]);

/* --- counters for /metrics: a fixed table by name, e.g. "slave/container_launch_errors" (metrics.c) --- */
void gate_metric_add(struct gate_agent *a, const char *name, int64_t n);
/* Every metric, computed gauges too, by name: fn(ctx, name, value). */
typedef void gate_metric_fn(void *ctx, const char *name, double value);
void gate_metrics(struct gate_agent *a, gate_metric_fn *fn, void *ctx);
/* A request was answered. */
void gate_metric_answered(struct gate_agent *a, int status, int64_t took_ms);

/* --- life --- */
int gate_agent_open(struct gate_loop *loop, struct gate_db *db, const struct gate_config *c, const struct gate_world *w,
                    struct gate_agent **ret, struct gate_err *err);
/* After all schedulers were added: memory from the database, then asks the launcher for its inventory. Routes of schedulers answer
 * 503 until that has come. */
int gate_agent_recover(struct gate_agent *a, struct gate_err *err);
bool gate_agent_recovered(const struct gate_agent *a);
/* A message of the launcher. Takes the descriptors that it wants. */
void gate_agent_heard(struct gate_agent *a, struct gate_ipc *m);
/* Runs what is due: ticks, queued actions. Returns when to be called next (now_ms), INT64_MAX: when something happens. */
int64_t gate_agent_turn(struct gate_agent *a);
void gate_agent_close(struct gate_agent *a);
/* The database cannot be read any more, so what is in memory means nothing: the front must end. */
bool gate_agent_failed(const struct gate_agent *a, struct gate_err *err);

/* --- HTTP of the core: /api/v1/tasks, /api/v1/events, /v2/events (all with ctx the agent) and /metrics/prometheus --- */
extern const struct gate_http_route gate_agent_routes[];
/* "uid 1000", "CN web": who asks, for gate_new_task and the audit trail. */
void gate_client_text(const struct gate_http_peer *peer, char text[80]);
/* Who did what: written with the next commit, so an acknowledged change has its row. `status` 0: it is being carried out. */
void gate_audit_add(struct gate_agent *a, const char *client, const char *method, const char *path, int status);
void gate_audit_drop(struct gate_agent *a); /* rows of status 0 that no commit has taken */

#endif
