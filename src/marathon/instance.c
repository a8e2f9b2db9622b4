/* Instances: what runs of an app, what becomes of it when a task changes, and which go first. */
#include <stdio.h>

#include "marathon/parts.h"

struct gate_agent_task *gate_m_task(const struct marathon *m, const struct instance *i)
{
	struct gate_agent_task *t = i->task == NULL ? NULL : gate_tasks_find(m->agent, i->task);

	return t == NULL || gate_state_ended(t->state) ? NULL : t;
}

bool gate_m_running(const struct marathon *m, const struct instance *i)
{
	const struct gate_agent_task *t = gate_m_task(m, i);

	return t != NULL && t->state == GATE_STATE_RUNNING;
}

bool gate_m_healthy(const struct marathon *m, const struct instance *i)
{
	if (!gate_m_running(m, i))
		return false;
	for (size_t k = 0; k < i->n_checks; k++) {
		const struct check *c = &i->checks[k];

		if (c->health != NULL && (c->last_success == 0 || c->failures > 0))
			return false;
	}
	return true;
}

bool gate_m_ready(const struct marathon *m, const struct instance *i)
{
	(void)m;
	for (size_t k = 0; k < i->n_checks; k++)
		if (i->checks[k].readiness != NULL && !i->checks[k].ready)
			return false;
	return true;
}

size_t gate_m_alive(const struct app *app)
{
	size_t n = 0;

	for (const struct instance *i = app->instances; i != NULL; i = i->next)
		n += !i->stopping;
	return n;
}

size_t gate_m_stopping(const struct app *app)
{
	size_t n = 0;

	for (const struct instance *i = app->instances; i != NULL; i = i->next)
		n += i->stopping;
	return n;
}

struct instance *gate_m_of_task(struct marathon *m, const char *task)
{
	for (struct app *app = m->apps; app != NULL; app = app->next)
		for (struct instance *i = app->instances; i != NULL; i = i->next)
			if (i->task != NULL && strcmp(i->task, task) == 0)
				return i;
	return NULL;
}

void gate_m_stop(struct marathon *m, struct instance *i)
{
	struct gate_agent_task *t = gate_m_task(m, i);

	if (t == NULL) {
		gate_m_delete_instance(m, i);
		return;
	}
	i->stopping = true;
	gate_m_save_instance(m, i);
	gate_tasks_kill(m->agent, t, 0, UINT64_MAX);
}

/* --- who goes first (ScalingProposition.scala): what does not run yet before what runs, then by age --- */

enum weight { WEIGHT_DOOMED, WEIGHT_WAITING, WEIGHT_UNHEALTHY, WEIGHT_STAGING, WEIGHT_STARTING, WEIGHT_RUNNING };

struct candidate {
	struct instance *i;
	enum weight weight;
	int64_t since;
};

static struct candidate weigh(struct marathon *m, struct instance *i)
{
	const struct gate_agent_task *t = gate_m_task(m, i);
	struct candidate c = { i, WEIGHT_RUNNING,
		               t == NULL            ? i->since
		               : t->started_ms != 0 ? t->started_ms
		                                    : t->staged_ms };

	if (i->doomed)
		c.weight = WEIGHT_DOOMED;
	else if (t == NULL)
		c.weight = WEIGHT_WAITING;
	else if (t->state == GATE_STATE_STAGING)
		c.weight = WEIGHT_STAGING;
	else if (t->state == GATE_STATE_STARTING)
		c.weight = WEIGHT_STARTING;
	else if (t->health_known && !t->healthy)
		c.weight = WEIGHT_UNHEALTHY;
	return c;
}

/* `a` comes after `b` in the list. */
static bool before(const struct candidate *a, const struct candidate *b, int selection)
{
	if (a->weight != b->weight)
		return a->weight < b->weight;
	if (a->since != b->since)
		return selection == GATE_KILL_OLDEST ? a->since < b->since : a->since > b->since;
	return selection != GATE_KILL_OLDEST; /* `a` is later in the list: it was made later */
}

size_t gate_m_kill_order(struct marathon *m, struct app *app, size_t n, struct instance **ret)
{
	int selection = app->now->app->kill_selection;
	size_t found = 0;

	for (; found < n; found++) {
		struct candidate best = { NULL, WEIGHT_RUNNING, 0 };

		for (struct instance *i = app->instances; i != NULL; i = i->next) {
			struct candidate c = weigh(m, i);
			bool taken = i->stopping;

			for (size_t k = 0; k < found && !taken; k++)
				taken = ret[k] == i;
			if (!taken && (best.i == NULL || before(&c, &best, selection)))
				best = c;
		}
		if (best.i == NULL)
			break;
		ret[found] = best.i;
	}
	return found;
}

/* --- changes of a task --- */

static void put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

void gate_m_failed(struct marathon *m, struct app *app, const struct failure *why)
{
	struct gate_buf out = GATE_BUF_INIT;
	const char *host = gate_agent_config(m->agent)->hostname;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	put(&j, "appId", app->id);
	put(&j, "host", host);
	put(&j, "message", why->message);
	put(&j, "state", gate_state_name(why->state));
	put(&j, "taskId", why->task);
	gate_m_show_time(&j, "timestamp", gate_agent_wall(m->agent));
	put(&j, "version", why->version);
	put(&j, "slaveId", host);
	gate_json_end(&j, '}');
	free(app->failure);
	app->failure = gate_buf_take(&out); /* without memory the last failure is not known: no reason to fail */
}

static bool counts(enum gate_state s) /* for the back-off: everything but what was asked for */
{
	return gate_state_ended(s) && s != GATE_STATE_KILLED;
}

static bool failed(enum gate_state s)
{
	return counts(s) && s != GATE_STATE_FINISHED;
}

/* Is the app being replaced, and this one of what is replaced? Then it does not come back. */
static bool replaced(const struct marathon *m, const struct instance *i)
{
	const struct action *x = gate_m_action(m, i->app->id, NULL);

	return x != NULL && x->kind == ACTION_RESTART && i->version != x->becomes;
}

static void ended(struct marathon *m, struct instance *i, struct gate_agent_task *t)
{
	struct app *app = i->app;

	gate_m_checks_stop(m, i);
	free(GATE_TAKE(&i->task));
	if (failed(t->state))
		gate_m_failed(m, app, &(struct failure){ t->id, t->version, t->message, t->state });
	if (counts(t->state))
		gate_m_delay_more(m, app);
	gate_m_save_app(m, app);
	if (i->stopping || replaced(m, i)) {
		gate_m_delete_instance(m, i);
		return;
	}
	gate_metric_add(m->agent, "callgate/restarts/marathon", 1);
	i->since = gate_agent_wall(m->agent);
	gate_m_save_instance(m, i);
}

void gate_m_task_changed(void *self, struct gate_agent_task *t, enum gate_state was)
{
	struct marathon *m = self;
	struct instance *i = gate_m_of_task(m, t->id);

	gate_m_soon(m);
	if (i == NULL)
		return; /* of an app that was cancelled and forgotten: the core follows it to its end */
	if (t->state != was || t->state == GATE_STATE_STAGING)
		gate_m_say_instance(m, i, t);
	if (gate_state_ended(t->state)) {
		ended(m, i, t);
		return;
	}
	if (t->state == GATE_STATE_STARTING || t->state == GATE_STATE_RUNNING) {
		i->since = gate_agent_wall(m->agent);
		gate_m_delay_move(m, i->app);
	}
	if (t->state == GATE_STATE_RUNNING && i->checks == NULL)
		gate_m_checks_start(m, i);
}
