/* parts.h - what the files of src/marathon share. Only they include this. */
#ifndef GATE_MARATHON_PARTS_H
#define GATE_MARATHON_PARTS_H

#include "marathon/marathon.h"
#include "spec/marathon.h"

#define GATE_VERSIONS_KEPT  50   /* of each app, as Marathon (zk_max_versions) */
#define GATE_RESOURCES_MS   1000 /* how often it is looked whether there is room now */
#define GATE_LEAST_DELAY_MS 100  /* between launches of what fails at once with backoffSeconds 0 */
#define GATE_NS_PER_MS      1000000
#define GATE_ROLE           "*"

struct marathon;

/* One version of an app. */
struct def {
	struct def *next;
	struct gate_app *app;
	char *client;
	uint32_t rights; /* of who made it: what its tasks may */
};

/* A health check, or the readiness check, of one instance that runs. */
struct check {
	struct marathon *m;
	struct instance *instance;
	const struct gate_app_health *health; /* one of these two */
	const struct gate_app_readiness *readiness;
	int64_t next_ms, grace_ms; /* asked next; until when failures do not count. Both go on when a clock is set */
	struct gate_probe *probe;
	bool asking, answered; /* answered: the next three say what came */
	int status;
	bool good;
	char why[256];
	int64_t first_success, last_success, last_failure; /* wall; 0: never */
	char cause[256];
	int64_t failures; /* in a row */
	bool ready;
};

/* One of the instances that an app has or had; a new task for each incarnation. */
struct instance {
	struct instance *next;
	struct app *app;
	char id[37];
	int64_t version; /* of its task, or of the last one */
	int64_t incarnation;
	bool stopping; /* it is to end and not to come back */
	bool doomed;   /* it is the one to go when there are too many */
	char *task;    /* id; NULL: none now */
	int64_t since; /* wall: waits, or runs, since */
	struct check *checks;
	size_t n_checks;
};

struct app {
	struct app *next;
	char *id;
	struct def *defs; /* those that are needed in memory */
	struct def *now;  /* the current one */
	bool deleted;     /* its deployment is stopping it */
	struct instance *instances;
	/* Back-off: since when (wall, and the clock that nobody sets), how long, the configuration's version (0: none). */
	int64_t delay_at, delay_from, delay_ns, delay_config;
	char *failure;        /* lastTaskFailure: JSON or NULL */
	int64_t queued_since; /* wall; 0: nothing waits */
	bool short_of;        /* what waits does not fit */
};

enum action_kind { ACTION_START = 1, ACTION_STOP, ACTION_SCALE, ACTION_RESTART };
struct action {
	struct action *next;
	int64_t step;
	enum action_kind kind;
	char *app;
	int64_t was, becomes; /* versions; 0: the app was not there, is not there any more */
};
struct deployment {
	struct deployment *next;
	char id[37];
	int64_t seq, version, step, n_steps;
	struct action *actions; /* in the order of steps */
};

struct marathon {
	struct gate_agent *agent;
	struct gate_prober prober;
	struct app *apps; /* by id */
	struct deployment *deployments, **deployments_end;
	int64_t last_version, last_seq;
	uint16_t next_port;
	bool loading;
};

/* --- store.c --- */
int gate_m_load(void *self, struct gate_agent *a, struct gate_err *err);
void gate_m_clear(struct marathon *m);
void gate_m_save_app(struct marathon *m, struct app *app);
void gate_m_save_instance(struct marathon *m, struct instance *i);
void gate_m_delete_instance(struct marathon *m, struct instance *i); /* frees it */
void gate_m_delete_app(struct marathon *m, struct app *app);         /* frees it, with its versions */
struct app *gate_m_find(struct marathon *m, const char *id);         /* deleted ones too */
struct app *gate_m_shown(struct marathon *m, const char *id);        /* those that people see */
struct app *gate_m_new_app(struct marathon *m, const char *id, struct gate_err *err);
/* The definition of a version, read from the database when it is not in memory; NULL: unknown. */
struct def *gate_m_def(struct marathon *m, struct app *app, int64_t version);
/* Takes `def`. */
int gate_m_add_version(struct marathon *m, struct app *app, struct gate_app *def, const char *client, uint32_t rights,
                       struct gate_err *err);
struct instance *gate_m_new_instance(struct marathon *m, struct app *app, int64_t version);
void gate_m_save_deployment(struct marathon *m, struct deployment *d, bool with_actions);
void gate_m_delete_deployment(struct marathon *m, struct deployment *d); /* frees it */
int64_t gate_m_version(struct marathon *m);                              /* a new one: now, and later than all others */

/* --- instances (instance.c) --- */
struct gate_agent_task *gate_m_task(const struct marathon *m,
                                    const struct instance *i); /* NULL: none, or it has ended */
bool gate_m_running(const struct marathon *m, const struct instance *i);
bool gate_m_healthy(const struct marathon *m, const struct instance *i); /* runs, and every check says so */
bool gate_m_ready(const struct marathon *m, const struct instance *i);
void gate_m_stop(struct marathon *m, struct instance *i); /* frees one that has no task */
/* The n that are to go first, doomed ones before all others. Returns how many there were. */
size_t gate_m_kill_order(struct marathon *m, struct app *app, size_t n, struct instance **ret);
size_t gate_m_alive(const struct app *app); /* instances that are not stopping */
size_t gate_m_stopping(const struct app *app);
struct instance *gate_m_of_task(struct marathon *m, const char *task); /* NULL: nobody's */
struct failure {
	const char *task, *version, *message;
	enum gate_state state;
};
void gate_m_failed(struct marathon *m, struct app *app, const struct failure *why); /* lastTaskFailure, to be saved */
void gate_m_task_changed(void *self, struct gate_agent_task *t, enum gate_state before);

/* --- launch.c --- */
int64_t gate_m_delay_left(const struct marathon *m, const struct app *app); /* ms; 0: may be launched */
void gate_m_delay_more(struct marathon *m, struct app *app);
void gate_m_delay_move(struct marathon *m, struct app *app);
void gate_m_delay_reset(struct marathon *m, struct app *app);
/* Launches what waits, with the version of `def`, when it may and fits. */
void gate_m_launch(struct marathon *m, struct app *app, struct def *def);

/* --- drive.c --- */
void gate_m_tick(void *self);
void gate_m_soon(struct marathon *m); /* a tick at once */
const struct action *gate_m_action(const struct marathon *m, const char *app, const struct deployment **ret);

/* --- deploy.c: what is to change, as one deployment --- */
struct change {
	char id[GATE_APP_ID_MAX + 2];
	struct gate_app *def; /* taken; NULL: it is to go, or (restart) stays as it is */
	bool restart;
	struct instance *const *doomed; /* those that go when it shrinks */
	size_t n_doomed;
};
void gate_m_change_done(struct change *c, size_t n);
/* Are there deployments in the way? Their ids: "[{"id":…}]". */
bool gate_m_locked(const struct marathon *m, const struct change *changes, size_t n, struct gate_buf *locks);
/* In a transaction, which is to be aborted when it fails; deployments that are in the way are cancelled. `id` and *version are those
 * of the new one. Definitions are taken in any case. */
int gate_m_deploy(struct marathon *m, struct change *changes, size_t n, const char *client, uint32_t rights,
                  char id[37], int64_t *version, struct gate_err *err);
void gate_m_cancel(struct marathon *m, struct deployment *d); /* as it is, so it stays */
int gate_m_rollback(struct marathon *m, struct deployment *d, const char *client, uint32_t rights, char id[37],
                    int64_t *version, struct gate_err *err);

/* --- health.c --- */
void gate_m_checks_start(struct marathon *m, struct instance *i); /* it runs now */
void gate_m_checks_stop(struct marathon *m, struct instance *i);
void gate_m_checks_work(struct marathon *m, struct app *app);

/* --- show.c: JSON; the app's and the task's into an open object --- */
enum {
	SHOW_TASKS = 1 << 0,
	SHOW_COUNTS = 1 << 1,
	SHOW_DEPLOYMENTS = 1 << 2,
	SHOW_READINESS = 1 << 3,
	SHOW_FAILURE = 1 << 4,
	SHOW_STATS = 1 << 5,
	SHOW_ENV = 1 << 6 /* values of the environment: to those who might have written them */
};
void gate_m_show_app(struct marathon *m, struct app *app, unsigned what, struct gate_json *j);
void gate_m_show_task(struct marathon *m, const struct instance *i, const struct gate_agent_task *t,
                      struct gate_json *j);
void gate_m_show_deployment(const struct marathon *m, const struct deployment *d, struct gate_json *j);
void gate_m_show_plan(const struct deployment *d, struct gate_json *j);                  /* as events have it */
void gate_m_show_actions(const struct deployment *d, int64_t step, struct gate_json *j); /* elements of an array */
void gate_m_show_instance_id(const struct instance *i, struct gate_json *j);
void gate_m_show_definition(const struct gate_app *def, bool with_env, struct gate_json *j);
void gate_m_show_queue(struct marathon *m, struct app *app, struct gate_json *j);
void gate_m_show_time(struct gate_json *j, const char *key, int64_t ms);

/* --- say.c: events --- */
void gate_m_say_deployment(struct marathon *m, const char *type, const struct deployment *d);
void gate_m_say_instance(struct marathon *m, const struct instance *i, const struct gate_agent_task *t);
void gate_m_say_gone(struct marathon *m, const char *app);
void gate_m_say_failed_check(struct marathon *m, const struct check *c);
void gate_m_say_unhealthy(struct marathon *m, const struct check *c, const struct gate_agent_task *t);
void gate_m_say_post(struct marathon *m, const char *client, const char *uri, const struct gate_app *def);
const char *gate_m_condition(enum gate_state s); /* "Running" */

/* --- rest*.c --- */
extern const struct gate_http_route gate_m_routes[];
gate_http_fn gate_m_apps_get, gate_m_apps_post, gate_m_apps_put, gate_m_apps_patch;                /* rest_apps.c */
gate_http_fn gate_m_app_get, gate_m_app_post, gate_m_app_put, gate_m_app_patch, gate_m_app_delete; /* rest_app.c */
gate_http_fn gate_m_tasks_get, gate_m_tasks_post;                                                  /* rest_tasks.c */
void gate_m_app_tasks(struct marathon *m, struct app *app, const struct gate_http_request *r,
                      struct gate_http_answer *a);
/* `task` NULL: all, or those on ?host=. */
void gate_m_app_tasks_delete(struct marathon *m, const char *id, const char *task, const struct gate_http_request *r,
                             struct gate_http_answer *a);
/* rest.c */
unsigned gate_m_embed(const struct gate_http_request *r); /* what ?embed= asks for, and the environment by rights */
/* The body as JSON; false: answered with 400. `arena` holds it. */
bool gate_m_body(const struct gate_http_request *r, struct gate_arena *arena, const struct gate_doc **ret,
                 struct gate_http_answer *a);
void gate_m_no_app(const char *id, struct gate_http_answer *a);
/* May who asks have this run? False: answered. */
int gate_m_may(struct marathon *m, const struct gate_app *def, uint32_t rights, struct gate_err *err);
bool gate_m_allowed(struct marathon *m, const struct gate_http_request *r, const struct gate_app *def,
                    struct gate_http_answer *a);
/* All of it: locks (unless ?force), the transaction, the deployment, and {version, deploymentId} with `status`; false: answered with
 * what went wrong. Takes the definitions. */
bool gate_m_carry_out(struct marathon *m, const struct gate_http_request *r, struct change *changes, size_t n,
                      bool force, int status, struct gate_http_answer *a);
/* A definition for the app by PUT, PATCH or POST (judged, nothing changed yet); false: answered. *created: there was none. */
bool gate_m_read_change(struct marathon *m, const struct gate_http_request *r, const struct gate_doc *body,
                        const char *id, bool partial, bool may_create, struct change *ret, bool *created,
                        struct gate_http_answer *a);

#endif
