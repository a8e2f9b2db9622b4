/* What GET shows: apps with what was asked to be embedded, tasks, deployments, the queue. */
#include <stdio.h>

#include "marathon/parts.h"

static void put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void put_u64(struct gate_json *j, const char *key, uint64_t n)
{
	gate_json_key(j, key);
	gate_json_u64(j, n);
}

void gate_m_show_time(struct gate_json *j, const char *key, int64_t ms)
{
	char text[32];

	gate_app_time(ms, text);
	put(j, key, ms != 0 ? text : NULL);
}

void gate_m_show_instance_id(const struct instance *i, struct gate_json *j)
{
	struct gate_buf out = GATE_BUF_INIT;

	gate_buf_puts(&out, i->app->id + 1);
	for (size_t k = 0; k < out.len; k++)
		out.data[k] = out.data[k] == '/' ? '_' : out.data[k];
	gate_buf_printf(&out, ".instance-%s", i->id);
	gate_json_text(j, out.failed ? i->id : out.data);
	gate_buf_done(&out);
}

/* Whoever may only read sees that there is a variable, not what is in it. */
void gate_m_show_definition(const struct gate_app *def, bool with_env, struct gate_json *j)
{
	struct gate_app shown = *def;

	if (!with_env && def->env.n > 0) {
		shown.env.at = calloc(def->env.n, sizeof(*shown.env.at));
		if (shown.env.at == NULL)
			shown.env.n = 0;
		for (size_t i = 0; i < shown.env.n; i++)
			shown.env.at[i] = (struct gate_named){ def->env.at[i].key, "(hidden)" };
	}
	gate_app_write(&shown, j);
	if (shown.env.at != def->env.at)
		free(shown.env.at);
}

/* --- tasks --- */

static void show_check(const struct check *c, struct gate_json *j)
{
	gate_json_object(j);
	gate_json_key(j, "alive");
	gate_json_bool(j, c->last_success != 0 && c->failures == 0);
	put_u64(j, "consecutiveFailures", (uint64_t)c->failures);
	gate_m_show_time(j, "firstSuccess", c->first_success);
	gate_m_show_time(j, "lastFailure", c->last_failure);
	gate_m_show_time(j, "lastSuccess", c->last_success);
	put(j, "lastFailureCause", c->cause[0] != '\0' ? c->cause : NULL);
	gate_json_key(j, "instanceId");
	gate_m_show_instance_id(c->instance, j);
	gate_json_end(j, '}');
}

static void show_checks(const struct instance *i, struct gate_json *j)
{
	size_t n = 0;

	for (size_t k = 0; k < i->n_checks; k++) {
		const struct check *c = &i->checks[k];

		if (c->health == NULL || (c->last_success == 0 && c->last_failure == 0))
			continue; /* nothing is known yet */
		if (n++ == 0) {
			gate_json_key(j, "healthCheckResults");
			gate_json_array(j);
		}
		show_check(c, j);
	}
	if (n > 0)
		gate_json_end(j, ']');
}

static void show_ports(struct gate_json *j, const char *key, const char *ports)
{
	gate_json_key(j, key);
	gate_json_array(j);
	while (*ports != '\0') {
		gate_json_u64(j, strtoull(ports, NULL, 10));
		ports += strcspn(ports, ",");
		ports += *ports == ',';
	}
	gate_json_end(j, ']');
}

static void show_service_ports(const struct gate_app *def, struct gate_json *j)
{
	gate_json_key(j, "servicePorts");
	gate_json_array(j);
	for (size_t i = 0; def != NULL && i < def->ports.n; i++)
		gate_json_u64(j, (uint64_t)gate_app_ports(def)[i].port);
	gate_json_end(j, ']');
}

void gate_m_show_task(struct marathon *m, const struct instance *i, const struct gate_agent_task *t,
                      struct gate_json *j)
{
	const char *host = gate_agent_config(m->agent)->hostname;
	const struct def *d = gate_m_def(m, i->app, i->version);

	put(j, "id", t->id);
	put(j, "appId", i->app->id);
	put(j, "host", host);
	put(j, "slaveId", host);
	put(j, "state", gate_state_name(t->state));
	gate_m_show_time(j, "stagedAt", t->staged_ms);
	if (t->started_ms != 0)
		gate_m_show_time(j, "startedAt", t->started_ms);
	put(j, "version", t->version);
	show_ports(j, "ports", t->ports);
	show_service_ports(d == NULL ? NULL : d->app, j);
	gate_json_key(j, "ipAddresses");
	gate_json_array(j);
	gate_json_end(j, ']');
	show_checks(i, j);
	put(j, "role", GATE_ROLE);
	gate_json_key(j, "callgate"); /* what Marathon lacks: the effective profile and its digests */
	gate_json_object(j);
	gate_task_describe(t, j);
	gate_json_end(j, '}');
}

/* --- counts --- */

struct counts {
	uint64_t staged, running, healthy, unhealthy;
	int64_t lives[1024]; /* ms; of the first ones that run */
	size_t n_lives;
};

static void count_one(struct marathon *m, const struct instance *i, struct counts *c)
{
	const struct gate_agent_task *t = gate_m_task(m, i);

	if (t == NULL)
		return;
	c->staged += t->state == GATE_STATE_STAGING || t->state == GATE_STATE_STARTING;
	c->running += t->state == GATE_STATE_RUNNING;
	if (t->state != GATE_STATE_RUNNING)
		return;
	if (i->n_checks > 0 && t->health_known) {
		c->healthy += t->healthy;
		c->unhealthy += !t->healthy;
	}
	if (c->n_lives < GATE_ARRAY_LEN(c->lives))
		c->lives[c->n_lives++] = gate_agent_wall(m->agent) - t->started_ms;
}

static void show_counts(struct marathon *m, const struct app *app, struct gate_json *j)
{
	struct counts c = { 0 };

	for (const struct instance *i = app->instances; i != NULL; i = i->next)
		count_one(m, i, &c);
	put_u64(j, "tasksStaged", c.staged);
	put_u64(j, "tasksRunning", c.running);
	put_u64(j, "tasksHealthy", c.healthy);
	put_u64(j, "tasksUnhealthy", c.unhealthy);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void show_lives(struct counts *c, struct gate_json *j)
{
	double sum = 0, middle;

	if (c->n_lives == 0)
		return;
	qsort(c->lives, c->n_lives, sizeof(c->lives[0]), by_time);
	for (size_t i = 0; i < c->n_lives; i++)
		sum += (double)c->lives[i];
	middle = ((double)c->lives[c->n_lives / 2] + (double)c->lives[(c->n_lives - 1) / 2]) / 2;
	gate_json_key(j, "lifeTime");
	gate_json_object(j);
	gate_json_key(j, "averageSeconds");
	gate_json_double(j, sum / (double)c->n_lives / 1000);
	gate_json_key(j, "medianSeconds");
	gate_json_double(j, middle / 1000);
	gate_json_end(j, '}');
}

enum which { STATS_ALL, STATS_CONFIG, STATS_OLD, STATS_SCALED };

static bool belongs(const struct app *app, const struct instance *i, enum which w)
{
	const struct gate_app *def = app->now->app;

	switch (w) {
	case STATS_CONFIG:
		return i->version >= def->config_ms;
	case STATS_OLD:
		return i->version < def->config_ms;
	case STATS_SCALED:
		return i->since >= def->scaled_ms;
	case STATS_ALL:
		break;
	}
	return true;
}

static void show_stats_of(struct marathon *m, const struct app *app, const char *key, enum which w, struct gate_json *j)
{
	struct counts c = { 0 };
	size_t n = 0;

	for (const struct instance *i = app->instances; i != NULL; i = i->next) {
		if (gate_m_task(m, i) == NULL || !belongs(app, i, w))
			continue;
		n++;
		count_one(m, i, &c);
	}
	if (n == 0)
		return;
	gate_json_key(j, key);
	gate_json_object(j);
	gate_json_key(j, "stats");
	gate_json_object(j);
	gate_json_key(j, "counts");
	gate_json_object(j);
	put_u64(j, "staged", c.staged);
	put_u64(j, "running", c.running);
	put_u64(j, "healthy", c.healthy);
	put_u64(j, "unhealthy", c.unhealthy);
	gate_json_end(j, '}');
	show_lives(&c, j);
	gate_json_end(j, '}');
	gate_json_end(j, '}');
}

static void show_stats(struct marathon *m, const struct app *app, struct gate_json *j)
{
	gate_json_key(j, "taskStats");
	gate_json_object(j);
	show_stats_of(m, app, "startedAfterLastScaling", STATS_SCALED, j);
	show_stats_of(m, app, "withLatestConfig", STATS_CONFIG, j);
	show_stats_of(m, app, "withOutdatedConfig", STATS_OLD, j);
	show_stats_of(m, app, "totalSummary", STATS_ALL, j);
	gate_json_end(j, '}');
}

/* --- apps --- */

static void show_deployments(const struct marathon *m, const struct app *app, struct gate_json *j)
{
	gate_json_key(j, "deployments");
	gate_json_array(j);
	for (const struct deployment *d = m->deployments; d != NULL; d = d->next) {
		bool affected = false;

		for (const struct action *x = d->actions; x != NULL && !affected; x = x->next)
			affected = strcmp(x->app, app->id) == 0;
		if (!affected)
			continue;
		gate_json_object(j);
		put(j, "id", d->id);
		gate_json_end(j, '}');
	}
	gate_json_end(j, ']');
}

static void show_readiness(const struct app *app, struct gate_json *j)
{
	gate_json_array(j);
	for (const struct instance *i = app == NULL ? NULL : app->instances; i != NULL; i = i->next) {
		for (size_t k = 0; k < i->n_checks; k++) {
			const struct check *c = &i->checks[k];

			if (c->readiness == NULL)
				continue;
			gate_json_object(j);
			put(j, "name", c->readiness->name);
			put(j, "taskId", i->task);
			gate_json_key(j, "ready");
			gate_json_bool(j, c->ready);
			gate_json_end(j, '}');
		}
	}
	gate_json_end(j, ']');
}

static void show_tasks(struct marathon *m, const struct app *app, struct gate_json *j)
{
	gate_json_key(j, "tasks");
	gate_json_array(j);
	for (const struct instance *i = app->instances; i != NULL; i = i->next) {
		const struct gate_agent_task *t = gate_m_task(m, i);

		if (t == NULL)
			continue;
		gate_json_object(j);
		gate_m_show_task(m, i, t, j);
		gate_json_end(j, '}');
	}
	gate_json_end(j, ']');
}

void gate_m_show_app(struct marathon *m, struct app *app, unsigned what, struct gate_json *j)
{
	gate_m_show_definition(app->now->app, (what & SHOW_ENV) != 0, j);
	if ((what & SHOW_COUNTS) != 0)
		show_counts(m, app, j);
	if ((what & SHOW_DEPLOYMENTS) != 0)
		show_deployments(m, app, j);
	if ((what & SHOW_READINESS) != 0) {
		gate_json_key(j, "readinessCheckResults");
		show_readiness(app, j);
	}
	if ((what & SHOW_TASKS) != 0)
		show_tasks(m, app, j);
	if ((what & SHOW_FAILURE) != 0 && app->failure != NULL) {
		gate_json_key(j, "lastTaskFailure");
		gate_json_raw(j, app->failure);
	}
	if ((what & SHOW_STATS) != 0)
		show_stats(m, app, j);
}

/* --- deployments --- */

static const char *action_name(enum action_kind k)
{
	static const char *const names[] = { [ACTION_START] = "StartApplication",
		                             [ACTION_STOP] = "StopApplication",
		                             [ACTION_SCALE] = "ScaleApplication",
		                             [ACTION_RESTART] = "RestartApplication" };

	return (size_t)k < GATE_ARRAY_LEN(names) && names[k] != NULL ? names[k] : "?";
}

static void show_step(const struct deployment *d, int64_t step, const struct marathon *m, struct gate_json *j)
{
	for (const struct action *x = d->actions; x != NULL; x = x->next) {
		if (x->step != step)
			continue;
		gate_json_object(j);
		put(j, "action", action_name(x->kind));
		put(j, "app", x->app);
		if (m != NULL) {
			gate_json_key(j, "readinessCheckResults");
			show_readiness(gate_m_find((struct marathon *)m, x->app), j);
		}
		gate_json_end(j, '}');
	}
}

void gate_m_show_actions(const struct deployment *d, int64_t step, struct gate_json *j)
{
	show_step(d, step, NULL, j);
}

static void show_steps(const struct deployment *d, struct gate_json *j)
{
	gate_json_key(j, "steps");
	gate_json_array(j);
	for (int64_t step = 0; step < d->n_steps; step++) {
		gate_json_object(j);
		gate_json_key(j, "actions");
		gate_json_array(j);
		show_step(d, step, NULL, j);
		gate_json_end(j, ']');
		gate_json_end(j, '}');
	}
	gate_json_end(j, ']');
}

void gate_m_show_plan(const struct deployment *d, struct gate_json *j)
{
	put(j, "id", d->id);
	gate_m_show_time(j, "version", d->version);
	show_steps(d, j);
}

static bool first_mention(const struct deployment *d, const struct action *x)
{
	for (const struct action *y = d->actions; y != x; y = y->next)
		if (strcmp(y->app, x->app) == 0)
			return false;
	return true;
}

void gate_m_show_deployment(const struct marathon *m, const struct deployment *d, struct gate_json *j)
{
	put(j, "id", d->id);
	gate_m_show_time(j, "version", d->version);
	gate_json_key(j, "affectedApps");
	gate_json_array(j);
	for (const struct action *x = d->actions; x != NULL; x = x->next)
		if (first_mention(d, x))
			gate_json_text(j, x->app);
	gate_json_end(j, ']');
	gate_json_key(j, "affectedPods");
	gate_json_array(j);
	gate_json_end(j, ']');
	show_steps(d, j);
	gate_json_key(j, "currentActions");
	gate_json_array(j);
	show_step(d, d->step, m, j);
	gate_json_end(j, ']');
	put_u64(j, "currentStep", (uint64_t)d->step + 1);
	put_u64(j, "totalSteps", (uint64_t)d->n_steps);
}

/* --- the queue: what waits for its back-off, or for room --- */

void gate_m_show_queue(struct marathon *m, struct app *app, struct gate_json *j)
{
	int64_t left = gate_m_delay_left(m, app);
	uint64_t n = 0;

	for (const struct instance *i = app->instances; i != NULL; i = i->next)
		n += !i->stopping && i->task == NULL;
	put_u64(j, "count", n);
	gate_json_key(j, "delay");
	gate_json_object(j);
	put_u64(j, "timeLeftSeconds", (uint64_t)(left + 999) / 1000);
	gate_json_key(j, "overdue");
	gate_json_bool(j, left == 0);
	gate_json_end(j, '}');
	gate_m_show_time(j, "since", app->queued_since);
	/* There are no offers here: one host has what it has. */
	gate_json_key(j, "processedOffersSummary");
	gate_json_object(j);
	put_u64(j, "processedOffersCount", app->short_of);
	put_u64(j, "unusedOffersCount", app->short_of);
	gate_json_end(j, '}');
	put(j, "role", GATE_ROLE);
	gate_json_key(j, "app");
	gate_json_object(j);
	gate_m_show_definition(app->now->app, false, j);
	gate_json_end(j, '}');
}
