/* parts.h - the core's inside, shared by its own files only. */
#ifndef GATE_AGENT_PARTS_H
#define GATE_AGENT_PARTS_H

#include "agent/agent.h"
#include "agent/map.h"
#include "agent/profiles.h"

#define GATE_RETRY_MS     1000 /* what could not be written is tried again */
#define GATE_SCHEDULERS   8
#define GATE_EVENTS_KEPT  100000
#define GATE_ENDED_KEPT   1000 /* ended containers at most, whatever gc_delay says */
#define GATE_STREAM_TYPES 32

/* --- tasks --- */
struct task {
	struct gate_agent_task t; /* first: what others see */
	int64_t seq;
	int kill_signal; /* what was asked, for asking again */
	uint64_t kill_ms;
	uint32_t denied; /* calls that were refused, kinds counted once */
	bool dirty;      /* differs from its row: written before the commit */
	bool damaged;    /* its row could not be read: shown, watched, not touched */
	bool collecting; /* REMOVE was sent */
	struct task *before, *next_dirty;
};

/* --- what is to be done once a transaction is on disk, in its order --- */
enum action_kind { ACTION_SEND = 1, ACTION_CALL, ACTION_EVENT, ACTION_REFUSE };
struct action {
	struct action *next;
	enum action_kind kind;
	/* SEND */
	uint32_t type;
	uint64_t serial;
	int64_t a, b;
	int fd;     /* owned; -1: none */
	char *name; /* container. EVENT: its type */
	/* CALL */
	void (*fn)(void *ctx);
	void *ctx;
	/* EVENT. REFUSE: data is the sentence */
	int64_t id;
	char *data;
};
struct action_list {
	struct action *first, **last;
};

/* A request that waits for its answer. */
struct asked {
	struct asked *next;
	uint64_t serial;
	uint32_t type;
	char *name;         /* container */
	gate_exec_fn *done; /* EXEC; NULL: forgotten */
	void *ctx;
};

/* A message that is not in the database yet. */
struct letter {
	struct letter *next;
	uint32_t type;
	uint64_t serial;
	int64_t a;
	char *name;     /* of the container, when it is an answer to one of our requests */
	uint32_t asked; /* … and the request's type */
	size_t len;
	_Alignas(8) uint8_t bytes[];
};

/* A kill that a full disk has not let us write down (it was sent all the same), or one that could not be carried out. */
struct owed {
	struct owed *next;
	char *container;
	int signal;
	uint64_t grace_ms;
};

struct sched {
	struct gate_scheduler s;
	int64_t wake_ms;
};

struct stream;
struct counter {
	struct counter *next;
	int64_t value;
	char name[];
};
/* How long answers took: upto[i] took at most gate_latency_ms[i], the last one longer. */
#define GATE_LATENCIES 12
extern const int64_t gate_latency_ms[GATE_LATENCIES];
struct latency {
	int64_t upto[GATE_LATENCIES + 1];
	int64_t n, ms;
};
struct audit {
	struct audit *next;
	int64_t at_ms;
	char *client, *method, *path;
	int status; /* 0: it was carried out */
};

enum recovery { RECOVERY_NOT_ASKED, RECOVERY_ASKED, RECOVERY_DONE };

struct gate_agent {
	struct gate_loop *loop;
	struct gate_db *db;
	const struct gate_config *config;
	struct gate_world world;
	struct gate_profiles *profiles;
	struct gate_err fatal; /* memory could not be made what the database has: the front must end */
	bool nomem;            /* in this transaction */
	bool loading;

	struct task *first, *last, *dirty;
	struct gate_map by_id, by_container;
	size_t n_tasks, n_ended;
	int64_t next_seq;
	int64_t gc_ms; /* wall: nothing is to be collected earlier; INT64_MAX: nothing at all */
	bool gc_soon;
	struct owed *owed;
	struct owed *again; /* kills that are to be asked for again … */
	int64_t again_ms;   /* … at this time of now */

	struct action_list todo, pending; /* pending: of the open transaction */
	struct asked *asked;
	uint64_t serial;
	struct letter *inbox, **inbox_end;
	int64_t retry_ms;     /* now: the inbox and what is owed are not tried earlier */
	uint64_t inventory;   /* its serial */
	struct gate_map seen; /* containers of the inventory: keys are owned */
	enum recovery recovery;
	int64_t recovery_started_ms, recovery_ms, opened_ms;

	struct sched scheds[GATE_SCHEDULERS];
	size_t n_scheds;

	int64_t last_event; /* id, this transaction's included */
	struct stream *streams;
	bool lagging; /* a stream waits for room */

	struct counter *counters;
	struct latency latency;
	struct audit *audit, **audit_end;
};

/* agent.c */
void gate_action_send(struct gate_agent *a, uint32_t type, const char *container, int64_t x, int64_t y, int fd,
                      uint64_t *serial);
struct action *gate_action_new(struct gate_agent *a,
                               enum action_kind kind);      /* NULL: memory is gone, the commit fails */
char *gate_agent_copy(struct gate_agent *a, const char *s); /* NULL for NULL; without memory the commit fails */
void gate_agent_log(struct gate_agent *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gate_agent_unask(struct gate_agent *a, uint64_t serial);
bool gate_agent_asks(struct gate_agent *a, uint64_t serial, uint32_t type, const char *name, gate_exec_fn *done,
                     void *ctx);

/* table.c: tasks in memory and their rows */
int gate_table_load(struct gate_agent *a, struct gate_err *err);
void gate_table_clear(struct gate_agent *a);
void gate_table_flush(struct gate_agent *a); /* dirty ones, before the commit */
void gate_table_dirty(struct gate_agent *a, struct gate_agent_task *t);
void gate_table_insert(struct gate_agent *a, struct task *k); /* row and memory; takes it */
void gate_table_delete(struct gate_agent *a, struct task *k);
void gate_table_free(struct task *k);
void gate_table_text(struct gate_agent *a, char **field, const char *value);

/* change.c: changes of state, each with its event and its owner told */
void gate_change_state(struct gate_agent *a, struct gate_agent_task *t, enum gate_state state, enum gate_cause cause,
                       const char *message);
void gate_change_report(struct gate_agent *a, struct gate_agent_task *t, const struct gate_ipc_task *k);
void gate_change_refused(struct gate_agent *a, struct gate_agent_task *t, const char *cause, const char *why);
void gate_change_gone(struct gate_agent *a, struct gate_agent_task *t); /* a row without a container */

/* heard.c */
void gate_heard_work(struct gate_agent *a);
void gate_heard_forget(struct gate_agent *a); /* what has not been worked on */

/* kill.c */
void gate_kill_owe(struct gate_agent *a, struct action_list *lost);
void gate_kill_reapply(struct gate_agent *a); /* to memory that was loaded anew */
void gate_kill_work(struct gate_agent *a);    /* tries to write down what is owed */
void gate_kill_send(struct gate_agent *a, struct gate_agent_task *t);
void gate_kill_refused(struct gate_agent *a, const char *container); /* asks again, after a while */
void gate_kill_forget(struct gate_agent *a);

/* collect.c */
void gate_collect_work(struct gate_agent *a);
int64_t gate_collect_next(struct gate_agent *a); /* now_ms */
void gate_collect_refused(struct gate_agent *a, struct gate_agent_task *t);

/* events.c */
int gate_events_load(struct gate_agent *a, struct gate_err *err);
void gate_events_live(struct gate_agent *a, const struct action *event);
bool gate_events_work(struct gate_agent *a); /* true: there is more to do at once */
void gate_events_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer);
void gate_events_close(struct gate_agent *a);

/* describe.c */
char *gate_denials_json(struct gate_agent *a, const struct gate_agent_task *t, const struct gate_record *r);
/* "; seccomp: ptrace (101, x86_64) …" for those that killed, or for all. */
void gate_denials_text(struct gate_agent *a, const struct gate_agent_task *t, const struct gate_record *r, bool all,
                       struct gate_buf *out);

/* metrics.c */
void gate_metrics_gauges(struct gate_agent *a, gate_metric_fn *fn, void *ctx);
void gate_metrics_counters(struct gate_agent *a, gate_metric_fn *fn, void *ctx);
/* Of a refusal: what the front itself has refused, after the answer or before, has its code as a negative number. */
const char *gate_cause_of_code(int64_t code);
/* `cause` is one word: profile, policy, task (what it says cannot be), launcher (what it needs cannot be made), program (not
 * executed), seccomp (its profile refuses that), restart (of the agent, before it was begun). */
void gate_metrics_not_launched(struct gate_agent *a, const char *cause);
void gate_metrics_denied(struct gate_agent *a, const struct gate_record *r);
void gate_metrics_ended(struct gate_agent *a, enum gate_state state);
void gate_metrics_close(struct gate_agent *a);

/* prometheus.c */
void gate_prometheus_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer);

/* audit.c */
void gate_audit_written(struct gate_agent *a); /* it is on disk */
void gate_audit_flush(struct gate_agent *a);   /* into the open transaction */
void gate_audit_close(struct gate_agent *a);
bool gate_audit_waits(const struct gate_agent *a);

#endif
