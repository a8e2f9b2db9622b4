/* The driver: what is wanted against what is, and the next step between them. It keeps nothing of its own, so it goes on wherever
 * the front was killed. */
#include <math.h>

#include "marathon/parts.h"

/* Memory is also loaded after a commit that failed: trying again at once would fail again, for ever. */
void gate_m_soon(struct marathon *m)
{
	gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + (m->loading ? GATE_RESOURCES_MS : 0));
}

/* The action that an app is in, or the next one that it will be in. */
const struct action *gate_m_action(const struct marathon *m, const char *app, const struct deployment **ret)
{
	for (const struct deployment *d = m->deployments; d != NULL; d = d->next) {
		for (const struct action *x = d->actions; x != NULL; x = x->next) {
			if (x->step < d->step || strcmp(x->app, app) != 0)
				continue;
			if (ret != NULL)
				*ret = d;
			return x;
		}
	}
	return NULL;
}

/* --- one app --- */

static void stop_some(struct marathon *m, struct app *app, size_t n)
{
	struct instance **order = calloc(n, sizeof(struct instance *));
	size_t found = order == NULL ? 0 : gate_m_kill_order(m, app, n, order);

	for (size_t i = 0; i < found; i++)
		gate_m_stop(m, order[i]);
	free(order);
}

static void stop_all(struct marathon *m, struct app *app)
{
	struct instance *next;

	for (struct instance *i = app->instances; i != NULL; i = next) {
		next = i->next;
		if (!i->stopping)
			gate_m_stop(m, i);
	}
}

static void scale(struct marathon *m, struct app *app, const struct def *def)
{
	size_t want = (size_t)def->app->instances, alive = gate_m_alive(app);

	if (alive > want)
		stop_some(m, app, alive - want);
	for (; alive < want; alive++)
		if (gate_m_new_instance(m, app, def->app->version_ms) == NULL)
			break;
	for (struct instance *i = app->instances; i != NULL; i = i->next) {
		if (!i->doomed || i->stopping)
			continue;
		i->doomed = false; /* there was room for it after all */
		gate_m_save_instance(m, i);
	}
}

/* --- replacing (TaskReplaceActor.scala), from what is there alone --- */

struct census {
	size_t old_active, old_all, old_healthy; /* all: those that are being killed too */
	size_t new_started, new_good;            /* good: healthy and ready */
};

static struct census count(const struct marathon *m, const struct app *app, int64_t version)
{
	struct census c = { 0 };

	for (const struct instance *i = app->instances; i != NULL; i = i->next) {
		if (i->version != version) {
			c.old_all++;
			c.old_active += !i->stopping;
			c.old_healthy += !i->stopping && gate_m_healthy(m, i);
		} else if (!i->stopping) {
			c.new_started++;
			c.new_good += gate_m_healthy(m, i) && gate_m_ready(m, i);
		}
	}
	return c;
}

/* Old ones that have no task are no capacity: they need not be kept. */
static void drop_waiting(struct marathon *m, struct app *app, int64_t version)
{
	struct instance *next;

	for (struct instance *i = app->instances; i != NULL; i = next) {
		next = i->next;
		if (i->version != version && i->task == NULL)
			gate_m_delete_instance(m, i);
	}
}

/* The old one to go next: unhealthy ones first, then as the app says. */
static struct instance *next_old(struct marathon *m, struct app *app, int64_t version, bool newer)
{
	size_t n = gate_m_alive(app);
	struct instance **order = calloc(n + 1, sizeof(struct instance *)), *ret = NULL;
	size_t found = order == NULL ? 0 : gate_m_kill_order(m, app, n, order);

	for (int healthy = 0; healthy < 2 && ret == NULL; healthy++)
		for (size_t i = 0; i < found && ret == NULL; i++)
			if ((order[i]->version == version) == newer && gate_m_healthy(m, order[i]) == (healthy == 1))
				ret = order[i];
	free(order);
	return ret;
}

static void kill_old(struct marathon *m, struct app *app, int64_t version, size_t n, bool newer)
{
	struct instance *i;

	while (n-- > 0 && (i = next_old(m, app, version, newer)) != NULL)
		gate_m_stop(m, i);
}

static size_t kills_allowed(const struct census *c, size_t want, size_t least)
{
	size_t good = c->old_healthy + c->new_good, n = good > least ? good - least : 0;
	size_t extra = c->old_active > want ? c->old_active - want : 0;

	return n > extra ? n : extra;
}

static void replace(struct marathon *m, struct app *app, const struct action *x)
{
	const struct gate_app *def = app->now->app;
	size_t want = (size_t)def->instances;
	size_t least = (size_t)ceil((double)want * def->upgrade->health_capacity);
	size_t most = (size_t)floor((double)want * (1 + def->upgrade->over_capacity));
	struct census c;

	drop_waiting(m, app, x->becomes);
	c = count(m, app, x->becomes);
	if (least == most && most <= c.old_healthy + c.new_good)
		most++; /* or nothing could ever begin */
	kill_old(m, app, x->becomes, kills_allowed(&c, want, least), false);
	if (c.new_started > want)
		kill_old(m, app, x->becomes, c.new_started - want, true);
	c = count(m, app, x->becomes);
	/* Old ones that are too ill to be killed for, and no room beside them: one more, as above. */
	if (c.new_started < want && c.old_all + c.new_started >= most && c.old_all == c.old_active &&
	    c.new_started == c.new_good && kills_allowed(&c, want, least) == 0)
		most = c.old_all + c.new_started + 1;
	while (c.new_started < want && c.old_all + c.new_started < most) {
		if (gate_m_new_instance(m, app, x->becomes) == NULL)
			return;
		c.new_started++;
	}
}

static bool done(struct marathon *m, const struct action *x)
{
	struct app *app = gate_m_find(m, x->app);
	struct census c;

	if (app == NULL || x->kind == ACTION_START)
		return true;
	if (x->kind == ACTION_STOP)
		return app->instances == NULL;
	if (x->kind == ACTION_RESTART) {
		c = count(m, app, x->becomes);
		return c.old_all == 0 && c.new_good >= (size_t)app->now->app->instances;
	}
	for (const struct instance *i = app->instances; i != NULL; i = i->next)
		if (i->stopping || !gate_m_healthy(m, i) || !gate_m_ready(m, i))
			return false;
	return gate_m_alive(app) == (size_t)app->now->app->instances;
}

static void drive_app(struct marathon *m, struct app *app)
{
	const struct deployment *d = NULL;
	const struct action *x = gate_m_action(m, app->id, &d);
	struct def *def = app->now;

	if (app->deleted) {
		stop_all(m, app);
		return;
	}
	if (x != NULL && x->kind != ACTION_START && x->step > d->step) {
		/* Its turn has not come: it stays what it was. */
		def = x->was == 0 ? NULL : gate_m_def(m, app, x->was);
	} else if (x != NULL && x->kind == ACTION_START) {
		def = NULL;
	} else if (x != NULL && x->kind == ACTION_RESTART) {
		replace(m, app, x);
		gate_m_launch(m, app, def);
		return;
	}
	if (def == NULL)
		return;
	scale(m, app, def);
	gate_m_launch(m, app, def);
}

/* --- deployments --- */

static void remove_app(struct marathon *m, struct app *app)
{
	gate_m_say_gone(m, app->id);
	gate_m_delete_app(m, app);
}

static bool step_done(struct marathon *m, const struct deployment *d)
{
	for (const struct action *x = d->actions; x != NULL; x = x->next)
		if (x->step == d->step && !done(m, x))
			return false;
	return true;
}

/* True when a step has ended: there may be more to do at once. */
static bool advance(struct marathon *m, struct deployment *d)
{
	if (!step_done(m, d))
		return false;
	gate_m_say_deployment(m, "deployment_step_success", d);
	for (const struct action *x = d->actions; x != NULL; x = x->next) {
		struct app *app = x->step == d->step && x->kind == ACTION_STOP ? gate_m_find(m, x->app) : NULL;

		if (app != NULL)
			remove_app(m, app);
	}
	d->step++;
	if (d->step < d->n_steps) {
		gate_m_save_deployment(m, d, false);
		gate_m_say_deployment(m, "deployment_info", d);
		return true;
	}
	d->step = d->n_steps - 1; /* for the last word about it */
	gate_m_say_deployment(m, "deployment_success", d);
	gate_m_delete_deployment(m, d);
	return true;
}

static bool drive(struct marathon *m)
{
	struct deployment *next;
	bool more = false;

	for (struct app *app = m->apps; app != NULL; app = app->next)
		drive_app(m, app);
	for (struct deployment *d = m->deployments; d != NULL; d = next) {
		next = d->next;
		more |= advance(m, d);
	}
	return more;
}

/* Apps whose stopping deployment was cancelled: their instances still end, and then they are gone. */
static void sweep(struct marathon *m)
{
	struct app *next;

	for (struct app *app = m->apps; app != NULL; app = next) {
		next = app->next;
		if (app->deleted && app->instances == NULL && gate_m_action(m, app->id, NULL) == NULL)
			remove_app(m, app);
	}
}

void gate_m_tick(void *self)
{
	struct marathon *m = self;

	for (struct app *app = m->apps; app != NULL; app = app->next)
		gate_m_checks_work(m, app);
	while (drive(m))
		;
	sweep(m);
}
