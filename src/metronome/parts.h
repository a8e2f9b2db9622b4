/* parts.h - the inside of src/metronome, shared by its own files only. */
#ifndef GATE_METRONOME_PARTS_H
#define GATE_METRONOME_PARTS_H

#include "metronome/metronome.h"
#include "spec/metronome.h"

#define METRO_HISTORY 1000              /* metronome.history.count: runs that are kept of each kind */
#define METRO_BACK_MS INT64_C(10800000) /* a clock that is put back by more is a new one */

/* A definition and its text. Shared: a run keeps the one that it began with. */
struct metro_spec {
	unsigned refs;
	struct gate_job *job;
	char *json;
};

struct metro_task {
	struct metro_task *next;
	enum gate_state state;
	int64_t started_ms, completed_ms; /* wall; 0: not yet */
	char id[];
};

enum metro_status { METRO_INITIAL = 0, METRO_STARTING, METRO_ACTIVE, METRO_SUCCESS, METRO_FAILED };

struct metro_run {
	struct metro_run *next;
	char id[24];
	enum metro_status status;
	struct metro_spec *spec;
	uint32_t rights;
	char *client;
	int64_t created_ms, completed_ms;
	int64_t deadline_ms; /* by then it must have started; 0: whenever */
	int64_t relaunch_ms; /* its next task is due; 0: none is */
	int64_t quick;       /* tasks in a row that failed soon after their start */
	struct metro_task *tasks, **last;
};

struct metro_job {
	struct metro_job *next; /* by id */
	struct metro_spec *spec;
	uint32_t rights; /* of who wrote it: what its tasks may */
	char *client;
	int64_t successes, failures, last_success_ms, last_failure_ms;
	/* Order of starts and ends of all jobs: numbers that only grow, so that clocks that jump do not matter. */
	int64_t started, ended;
	bool ended_well;                /* the last run that ended */
	int64_t next_ms, planned_ms;    /* of the schedule: the next moment, and when that was found out; 0: none */
	struct metro_run *runs, **last; /* active ones, oldest first */
};

struct metro_zone {
	struct metro_zone *next;
	struct gate_zone *zone;
	char name[];
};

struct metro {
	struct gate_agent *agent;
	struct metro_job *jobs;
	struct metro_zone *zones;
	int64_t order;
	bool look; /* at jobs with dependencies */
	struct gate_job_host host;
};

/* jobs.c: what is in memory */
struct metro_job *metro_find(struct metro *m, const char *id);
struct metro_run *metro_find_run(struct metro_job *j, const char *id);
static inline const char *metro_id(const struct metro_job *j)
{
	return j->spec->job->id;
}
/* Takes `job`; NULL when memory is gone. */
struct metro_spec *metro_spec_new(struct gate_job *job);
void metro_spec_drop(struct metro_spec *s);                                /* NULL is fine */
struct metro_job *metro_job_new(struct metro *m, struct metro_spec *spec); /* takes it, also on failure */
void metro_job_unlink(struct metro *m, struct metro_job *j);               /* and frees it */
struct metro_run *metro_run_new(struct metro_job *j, const char *id);
void metro_run_unlink(struct metro_job *j, struct metro_run *r);
struct metro_task *metro_task_new(struct metro_run *r, const char *id);
void metro_clear(struct metro *m);
const char *metro_status_name(enum metro_status s);

/* store.c: rows */
int metro_load(void *self, struct gate_agent *a, struct gate_err *err);
void metro_save_job(struct metro *m, const struct metro_job *j);
void metro_save_run(struct metro *m, const struct metro_job *j, const struct metro_run *r);
void metro_save_task(struct metro *m, const struct metro_job *j, const struct metro_run *r, const struct metro_task *t);
void metro_delete_run(struct metro *m, const struct metro_job *j, const struct metro_run *r);
void metro_delete_job(struct metro *m, const char *id);
/* Into the history, with its counts. `failure`: JSON, or NULL. */
void metro_save_history(struct metro *m, const struct metro_job *j, const struct metro_run *r, bool good,
                        const char *failure);

/* runs.c: all in a transaction */
/* A new run. deadline_ms: wall, 0: none. On failure *ret is the run (NULL: memory is gone), which must be ended or the transaction
 * given up. */
int metro_start(struct metro *m, struct metro_job *j, int64_t deadline_ms, uint32_t rights, const char *client,
                struct metro_run **ret, struct gate_err *err);
/* Its tasks are killed and it has FAILED. The run is gone. */
void metro_stop(struct metro *m, struct metro_job *j, struct metro_run *r, const char *why);
void metro_task_changed(void *self, struct gate_agent_task *t, enum gate_state before);
/* What is due in the runs of one job; the next time of interest into *next_ms (wall). */
void metro_run_work(struct metro *m, struct metro_job *j, int64_t wall, int64_t *next_ms);
/* A run that begins by itself: what keeps it from starting is in its history. */
void metro_start_or_fail(struct metro *m, struct metro_job *j, int64_t deadline_ms);
void metro_dependents_work(struct metro *m);

/* schedule.c */
void metro_plan(struct metro *m, struct metro_job *j); /* anew, from now on */
void metro_tick(void *self);
/* A zone of /usr/share/zoneinfo, read once. */
const struct gate_zone *metro_zone(void *ctx, const char *name);
void metro_zones_free(struct metro *m);

/* show.c */
void metro_show_run(const struct metro_job *j, const struct metro_run *r, struct gate_json *out);
enum { METRO_EMBED_RUNS = 1, METRO_EMBED_SCHEDULES = 2, METRO_EMBED_HISTORY = 4, METRO_EMBED_SUMMARY = 8 };
void metro_show_job(struct metro *m, const struct metro_job *j, unsigned embed, struct gate_json *out);
/* {"taskId":…,"state":…,"reason":…,"message":…,"profile":…,"denials":[…]}, beyond Metronome; the caller frees it. */
char *metro_failure_text(const struct gate_agent_task *t, const char *message);

/* rest.c */
extern const struct gate_http_route metro_routes[];

#endif
