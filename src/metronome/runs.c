/* Runs: started, told by their tasks, ended. */
#include <stdio.h>

#include "metronome/parts.h"

/* A task that fails sooner after its start fails at once for Metronome, too; but hundreds of launches a second help nobody. */
#define QUICK_MS     10000
#define WAIT_MS      1000
#define WAIT_MOST_MS 60000
#define TASKS_KEPT   20 /* of a run that is tried again and again */

/* --- one task --- */
static void ids(struct metro *m, const struct metro_job *j, const struct metro_run *r, char task[256],
                char container[37])
{
	size_t n;

	gate_agent_uuid(m->agent, container);
	/* Mesos' form of Metronome's ids: the path with '_' */
	n = (size_t)snprintf(task, 256, "%.*s_%s.instance-%s._app.1", GATE_JOB_ID_MAX, metro_id(j), r->id, container);
	n = strnlen(metro_id(j), n);
	for (size_t i = 0; i < n; i++)
		if (task[i] == '.')
			task[i] = '_';
}

static char *labels_text(const struct gate_job *job)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	for (size_t i = 0; i < job->labels.n; i++) {
		gate_json_key(&j, job->labels.at[i].key);
		gate_json_text(&j, job->labels.at[i].value);
	}
	gate_json_end(&j, '}');
	return gate_buf_take(&out);
}

static int launch(struct metro *m, struct metro_job *j, struct metro_run *r, struct gate_err *err)
{
	const struct gate_config *c = gate_agent_config(m->agent);
	const struct gate_job *job = r->spec->job;
	const struct gate_job_seccomp *s = job->run->linux_info == NULL ? NULL : job->run->linux_info->seccomp;
	GATE_AUTOFREE char *labels = labels_text(job);
	struct gate_agent_task *t;
	struct gate_task task;
	char id[256], container[37];

	ids(m, j, r, id, container);
	struct gate_job_launch l = { .task_id = id, .run_id = r->id, .isolation = c->isolation, .cfs = c->cfs };
	struct gate_new_task n = {
		.id = id,
		.container = container,
		.owner = GATE_OWNER_METRONOME,
		.owner_id = metro_id(j),
		.version = r->id,
		.name = metro_id(j),
		.labels = labels,
		.client = r->client,
		.cpus = job->run->cpus,
		.mem_mib = (uint64_t)job->run->mem,
		.disk_mib = (uint64_t)job->run->disk,
		.task = &task,
		.keep_refused = true, /* a run that fails, and is tried again as its policy says */
		.seccomp = { s != NULL, s != NULL ? s->profile_name : NULL, s != NULL && s->unconfined },
		.app_path = metro_id(j),
		.rights = r->rights,
	};

	gate_task_init(&task);
	if (labels == NULL || gate_job_task(job, &l, &task, err) < 0) {
		gate_task_done(&task);
		return labels == NULL ? GATE_FAIL_NOMEM(err) : -1;
	}
	r->relaunch_ms = 0;
	return gate_tasks_add(m->agent, &n, &t, err);
}

/* Long histories of failures are in the events; the oldest tasks of a run are forgotten, and their containers go. */
static void forget_oldest(struct metro *m, struct metro_run *r)
{
	size_t n = 0;

	for (const struct metro_task *t = r->tasks; t != NULL; t = t->next)
		n++;
	while (n > TASKS_KEPT && r->tasks->completed_ms != 0) {
		struct metro_task *t = r->tasks;
		struct gate_agent_task *known = gate_tasks_find(m->agent, t->id);

		if (known != NULL)
			gate_tasks_collect(m->agent, known);
		gate_db_run(gate_agent_db(m->agent), "DELETE FROM metronome_tasks WHERE id = ?", "t", t->id);
		r->tasks = t->next;
		free(t);
		n--;
	}
}

/* --- a run --- */
/* yyyyMMddHHmmss and five letters or digits, as Metronome's. */
static void run_id(struct metro *m, const struct metro_job *j, int64_t wall, char id[24])
{
	static const char bytes[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const struct gate_world *w = gate_agent_world(m->agent);
	struct gate_day d = gate_day_of(wall / 86400000);
	unsigned s = (unsigned)(wall / 1000 % 86400);
	uint8_t chance[5];

	do {
		w->random(w->ctx, chance, sizeof(chance));
		for (size_t i = 0; i < sizeof(chance); i++)
			chance[i] = (uint8_t)bytes[chance[i] % (sizeof(bytes) - 1)];
		(void)snprintf(id, 24, "%04u%02u%02u%02u%02u%02u%.5s", (unsigned)d.year % 10000,
		               (unsigned)d.month % 100, (unsigned)d.day % 100, s / 3600, s / 60 % 60, s % 60,
		               (const char *)chance);
	} while (metro_find_run((struct metro_job *)j, id) != NULL);
}

int metro_start(struct metro *m, struct metro_job *j, int64_t deadline_ms, uint32_t rights, const char *client,
                struct metro_run **ret, struct gate_err *err)
{
	int64_t wall = gate_agent_wall(m->agent);
	struct metro_run *r;
	char id[24];

	run_id(m, j, wall, id);
	r = metro_run_new(j, id);
	if (r == NULL)
		return GATE_FAIL_NOMEM(err);
	r->spec = j->spec;
	r->spec->refs++;
	r->status = METRO_STARTING;
	r->rights = rights;
	r->created_ms = wall;
	r->deadline_ms = deadline_ms;
	r->client = strdup(client);
	*ret = r;
	if (r->client == NULL)
		return GATE_FAIL_NOMEM(err);
	j->started = ++m->order;
	metro_save_job(m, j);
	metro_save_run(m, j, r);
	gate_metric_add(m->agent, "callgate/job_runs_started", 1);
	gate_agent_wake(m->agent, m, gate_agent_now(m->agent));
	return launch(m, j, r, err);
}

static void finish(struct metro *m, struct metro_job *j, struct metro_run *r, bool good, const char *failure)
{
	int64_t wall = gate_agent_wall(m->agent);

	r->status = good ? METRO_SUCCESS : METRO_FAILED;
	r->completed_ms = wall;
	*(good ? &j->successes : &j->failures) += 1;
	*(good ? &j->last_success_ms : &j->last_failure_ms) = wall;
	j->ended = ++m->order;
	j->ended_well = good;
	m->look = true;
	metro_save_history(m, j, r, good, failure);
	metro_delete_run(m, j, r);
	metro_save_job(m, j);
	gate_metric_add(m->agent, good ? "callgate/job_runs_succeeded" : "callgate/job_runs_failed", 1);
	gate_agent_wake(m->agent, m, gate_agent_now(m->agent));
	metro_run_unlink(j, r);
}

static void fail(struct metro *m, struct metro_job *j, struct metro_run *r, const struct gate_agent_task *t,
                 const char *message)
{
	GATE_AUTOFREE char *failure = metro_failure_text(t, message);

	finish(m, j, r, false, failure);
}

void metro_stop(struct metro *m, struct metro_job *j, struct metro_run *r, const char *why)
{
	const struct gate_agent_task *last = NULL;

	for (const struct metro_task *t = r->tasks; t != NULL; t = t->next) {
		struct gate_agent_task *known = gate_tasks_find(m->agent, t->id);

		if (known == NULL || gate_state_ended(known->state))
			continue;
		/* The run hears of it and must not try again. */
		r->status = METRO_FAILED;
		gate_tasks_kill(m->agent, known, 0, UINT64_MAX);
		last = known;
	}
	fail(m, j, r, last, why);
}

/* Metronome: again at once, while the policy and the deadline allow it. */
static void fail_or_retry(struct metro *m, struct metro_job *j, struct metro_run *r, const struct gate_agent_task *t,
                          int64_t lived_ms, const char *message)
{
	const struct gate_job_restart *p = r->spec->job->run->restart;
	int64_t wall = gate_agent_wall(m->agent), wait = 0;

	if (p->policy != GATE_JOB_ON_FAILURE || (p->deadline_s >= 0 && r->created_ms + p->deadline_s * 1000 <= wall)) {
		fail(m, j, r, t, message);
		return;
	}
	r->quick = lived_ms < QUICK_MS ? r->quick + 1 : 0;
	if (r->quick > 1)
		wait = r->quick > 7 ? WAIT_MOST_MS : WAIT_MS << (r->quick - 2);
	r->relaunch_ms = wall + wait;
	metro_save_run(m, j, r);
	forget_oldest(m, r);
	gate_metric_add(m->agent, "callgate/restarts/metronome", 1);
	gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + wait);
}

static struct metro_task *entry(struct metro_run *r, const char *id)
{
	for (struct metro_task *t = r->tasks; t != NULL; t = t->next)
		if (strcmp(t->id, id) == 0)
			return t;
	return metro_task_new(r, id);
}

void metro_task_changed(void *self, struct gate_agent_task *t, enum gate_state before)
{
	struct metro *m = self;
	struct metro_job *j = metro_find(m, t->owner_id);
	struct metro_run *r = j == NULL ? NULL : metro_find_run(j, t->version);
	struct metro_task *e = r == NULL || r->status == METRO_FAILED ? NULL : entry(r, t->id);

	(void)before;
	if (e == NULL)
		return; /* of a run that was stopped */
	e->state = t->state;
	e->started_ms = t->staged_ms;
	e->completed_ms = gate_state_ended(t->state) ? t->ended_ms : 0;
	metro_save_task(m, j, r, e);
	if (t->state == GATE_STATE_FINISHED) {
		finish(m, j, r, true, NULL);
	} else if (gate_state_ended(t->state)) {
		fail_or_retry(m, j, r, t, t->started_ms != 0 ? t->ended_ms - t->started_ms : 0, t->message);
	} else if (r->status != METRO_ACTIVE && t->state != GATE_STATE_STAGING) {
		r->status = METRO_ACTIVE;
		metro_save_run(m, j, r);
	}
}

/* --- what time does --- */
/* The newest task that the agent still knows to live. */
static bool lives(struct metro *m, const struct metro_run *r)
{
	for (const struct metro_task *e = r->tasks; e != NULL; e = e->next) {
		const struct gate_agent_task *t = gate_tasks_find(m->agent, e->id);

		if (t != NULL && !gate_state_ended(t->state))
			return true;
	}
	return false;
}

/* No task, and none to come: its end was missed, which no order of events should bring about. */
static void heal(struct metro *m, struct metro_job *j, struct metro_run *r)
{
	const struct metro_task *last = r->tasks;
	struct gate_agent_task *t;

	while (last != NULL && last->next != NULL)
		last = last->next;
	t = last == NULL ? NULL : gate_tasks_find(m->agent, last->id);
	if (t != NULL)
		metro_task_changed(m, t, t->state);
	else
		fail_or_retry(m, j, r, NULL, 0, "its task is not known any more");
}

static void relaunch(struct metro *m, struct metro_job *j, struct metro_run *r)
{
	struct gate_err err = GATE_ERR_INIT;

	if (launch(m, j, r, &err) < 0)
		fail(m, j, r, NULL, err.text);
	else
		metro_save_run(m, j, r);
}

static void earlier(int64_t *next, int64_t at)
{
	if (at < *next)
		*next = at;
}

void metro_run_work(struct metro *m, struct metro_job *j, int64_t wall, int64_t *next_ms)
{
	struct metro_run *next;

	for (struct metro_run *r = j->runs; r != NULL; r = next) {
		next = r->next;
		if (r->relaunch_ms == 0 && !lives(m, r)) {
			heal(m, j, r);
			earlier(next_ms, wall);
			continue;
		}
		if (r->status == METRO_STARTING && r->deadline_ms != 0 && wall > r->deadline_ms) {
			metro_stop(m, j, r, "startingDeadlineSeconds have passed, and it has not started");
			continue;
		}
		/* A clock that was put back must not make it wait for hours. */
		if (r->relaunch_ms != 0 && (r->relaunch_ms <= wall || r->relaunch_ms > wall + WAIT_MOST_MS))
			relaunch(m, j, r);
		else if (r->relaunch_ms != 0)
			earlier(next_ms, r->relaunch_ms);
		else if (r->status == METRO_STARTING && r->deadline_ms != 0)
			earlier(next_ms, r->deadline_ms + 1);
	}
}

/* All that it depends on ended well since its last start, the latest run of each counts, and nothing of it runs. */
static bool is_due(struct metro *m, const struct metro_job *j)
{
	const struct gate_job *job = j->spec->job;

	for (size_t i = 0; i < job->dependencies.n; i++) {
		const struct metro_job *p = metro_find(m, gate_job_dependency(job, i));

		if (p == NULL || p->runs != NULL || !p->ended_well || p->ended <= j->started)
			return false;
	}
	return job->dependencies.n > 0 && j->runs == NULL;
}

void metro_dependents_work(struct metro *m)
{
	struct gate_err err = GATE_ERR_INIT;
	struct metro_run *r = NULL;

	if (!m->look)
		return;
	m->look = false;
	for (struct metro_job *j = m->jobs; j != NULL; j = j->next)
		if (is_due(m, j) && metro_start(m, j, 0, j->rights, j->client, &r, &err) < 0 && r != NULL)
			fail(m, j, r, NULL, err.text);
}

void metro_start_or_fail(struct metro *m, struct metro_job *j, int64_t deadline_ms)
{
	struct gate_err err = GATE_ERR_INIT;
	struct metro_run *r = NULL;

	if (metro_start(m, j, deadline_ms, j->rights, j->client, &r, &err) < 0 && r != NULL)
		fail(m, j, r, NULL, err.text);
}
