/* fake.h - a world for tests of what stands on src/agent: time that the test moves, chance with a seed, a pretend launcher, HTTP
 * without a server.
 *
 *	struct fake *f = fake_open(schedulers, NULL);       // recovered: the inventory was empty
 *	fake_call(f, "POST", "/v2/apps", "{…}", &answer);
 *	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 1);
 *	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
 *	fake_ends(f, container, 1 << 8);                    // wait(2)'s status
 *	fake_advance(f, 1000);
 *	fake_close(f);
 *
 * Every fake_… that tells the agent something calls gate_agent_turn until nothing is due. */
#ifndef TESTS_AGENT_FAKE_H
#define TESTS_AGENT_FAKE_H

#include "agent/agent.h"
#include "agent/profiles.h"

#define FAKE_WALL INT64_C(1468587779735) /* 2016-07-15T13:02:59.735Z */

struct fake_message { /* what the agent sent, in order */
	struct fake_message *next;
	uint32_t type;
	uint64_t serial;
	int64_t a, b;
	char container[GATE_IPC_NAME_MAX + 1];
	void *bytes; /* of the memfd; NULL: none */
	size_t len;
};

struct fake_container { /* what the launcher has */
	struct fake_container *next;
	struct gate_ipc_task is;
	uint64_t launch; /* the serial that waits for LAUNCHED; 0: answered */
};

struct fake {
	struct gate_agent *agent;
	struct gate_db *db;
	struct gate_config config; /* change it before fake_open_with, or between restarts */
	int64_t now, wall;
	uint64_t seed;
	struct fake_message *sent, **sent_end;
	struct fake_container *containers;
	bool unreachable;  /* sending fails */
	bool no_keepers;   /* every KILL is refused: its keeper cannot be reached */
	bool starts_itself; /* every LAUNCH is answered by LAUNCHED, and every KILL by the end, at once */
	bool boots; /* internal: the launcher answers INVENTORY by itself */
	gate_scheduler_open_fn *const *schedulers;
	struct fake_route *routes;
	uint32_t rights; /* of who calls: all */
	/* answers GATE_IPC_OPEN; NULL: there is nothing */
	int (*open)(enum gate_ipc_open what, const void *bytes, size_t len, int *fd, struct gate_err *err);
	char log[4096];  /* what the agent said, a line each */
	uint32_t next_pid;
	/* what fake_profiles.c answers: see there */
	struct gate_err profile_error; /* code not OK: every decision fails so */
	const char *place;             /* "web.json:40:9", or NULL */
};

/* `schedulers` ends with NULL and may be NULL; `path` of the database, NULL: in memory. */
struct fake *fake_open(gate_scheduler_open_fn *const *schedulers, const char *path);
/* The same without recovery: containers can be added, the configuration changed. Then fake_boot. */
struct fake *fake_new(gate_scheduler_open_fn *const *schedulers, const char *path);
void fake_boot(struct fake *f);
int fake_try_boot(struct fake *f, struct gate_err *err); /* … that may fail */
void fake_close(struct fake *f);
/* The front is killed and starts again: same database, same containers, same clock. */
void fake_restart(struct fake *f);
void fake_crash(struct fake *f); /* its first half */

void fake_turn(struct fake *f);
void fake_advance(struct fake *f, int64_t ms); /* timers are run at their times on the way */
void fake_full(struct fake *f, bool full);     /* nothing can be written */

/* --- what the agent asked of the launcher --- */
size_t fake_sent(const struct fake *f, uint32_t type, const char *container); /* how many; container NULL: any */
struct fake_message *fake_message(const struct fake *f, uint32_t type, const char *container); /* the newest, or NULL */
const char *fake_last(const struct fake *f, uint32_t type); /* its container; fails the test when there is none */
void fake_forget(struct fake *f);                           /* counts begin anew */
/* A launched task as the launcher would get it. */
void fake_task(const struct fake *f, const char *container, struct gate_task *t, struct gate_wire_profile *p);

/* --- what the launcher tells --- */
struct fake_container *fake_container(struct fake *f, const char *name); /* made when it is not there: for orphans */
void fake_starts(struct fake *f, const char *container);
void fake_ends(struct fake *f, const char *container, int wait_status); /* LAUNCHED before it, if that was not said */
void fake_ends_denied(struct fake *f, const char *container, int wait_status, uint32_t nr); /* an x86_64 call, killed */
void fake_ends_with(struct fake *f, const char *container, const struct gate_record *r);
void fake_not_started(struct fake *f, const char *container, const char *why); /* LAUNCHED with a failed step */
void fake_refuses(struct fake *f, const char *container, const char *why);     /* the launch */
void fake_loses(struct fake *f, const char *container, bool rebooted);         /* its keeper is gone; told at the next inventory */
void fake_removes(struct fake *f, const char *container); /* nothing of it is left; not told either */
void fake_exec_ends(struct fake *f, const char *container, int wait_status, bool timed_out, const char *text); /* the oldest */
void fake_exec_refused(struct fake *f, const char *container, const char *why);

/* --- HTTP --- */
struct fake_answer {
	int status;
	char *body; /* NUL-terminated */
	char location[512], deployment[64];
	const char *type;
	int retry_after;
	bool waiting; /* gate_http_later: it is filled in when the agent finishes it */
	struct gate_http_stream *stream;
};
/* `url` with a query. 404 when no table has it. */
void fake_call(struct fake *f, const char *method, const char *url, const char *body, struct fake_answer *ret);
void fake_call_with(struct fake *f, const char *method, const char *url, const char *header, const char *value,
                    const char *body, struct fake_answer *ret);
void fake_answer_done(struct fake_answer *a); /* also ends a stream, as its client would */
void fake_routes(struct fake *f, const struct gate_http_route *table, void *ctx); /* one more table */
/* What came on a stream so far; `room` bounds what it takes (SIZE_MAX at first). */
const char *fake_stream_text(const struct fake_answer *a);
void fake_stream_room(const struct fake_answer *a, size_t room);

/* --- used by the parts of the fake --- */
struct fake_route {
	struct fake_route *next;
	const struct gate_http_route *table;
	void *ctx;
	bool always; /* before recovery too */
};
extern struct fake *fake_now; /* the last one opened */

#endif
