/* Deployments: what is to change as steps, who is locked, and the way back. */
#include <stdio.h>

#include "marathon/parts.h"

struct planned {
	struct change *c;
	struct app *app;
	enum action_kind kind; /* 0: nothing is to be done */
	int64_t was, becomes;
	size_t depth; /* longest way through dependencies that change too */
};

static bool affects(const struct deployment *d, const char *app)
{
	for (const struct action *x = d->actions; x != NULL; x = x->next)
		if (strcmp(x->app, app) == 0)
			return true;
	return false;
}

static bool in_the_way(const struct deployment *d, const struct change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (affects(d, changes[i].id))
			return true;
	return false;
}

void gate_m_cancel(struct marathon *m, struct deployment *d)
{
	gate_m_say_deployment(m, "deployment_failed", d);
	gate_m_delete_deployment(m, d);
	gate_m_soon(m);
}

bool gate_m_locked(const struct marathon *m, const struct change *changes, size_t n, struct gate_buf *locks)
{
	bool locked = false;

	for (const struct deployment *d = m->deployments; d != NULL; d = d->next) {
		if (!in_the_way(d, changes, n))
			continue;
		gate_buf_printf(locks, "%s{\"id\": \"%s\"}", locked ? ", " : "[", d->id);
		locked = true;
	}
	if (locked)
		gate_buf_puts(locks, "]");
	return locked;
}

static void unlock(struct marathon *m, const struct change *changes, size_t n)
{
	struct deployment *next;

	for (struct deployment *d = m->deployments; d != NULL; d = next) {
		next = d->next;
		if (in_the_way(d, changes, n))
			gate_m_cancel(m, d);
	}
}

void gate_m_change_done(struct change *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		gate_app_free(GATE_TAKE(&c[i].def));
}

/* --- what becomes of one app --- */

static int stay(struct planned *p, struct gate_err *err)
{
	if (p->c->def != NULL || !p->c->restart)
		return 0;
	return gate_app_copy(p->app->now->app, &p->c->def, err);
}

static int settle(struct marathon *m, struct planned *p, int64_t version, const char *client, uint32_t rights,
                  struct gate_err *err)
{
	struct app *app = gate_m_find(m, p->c->id);
	const struct gate_app *now;
	struct gate_app *def;
	bool differs;

	p->app = app = app != NULL ? app : gate_m_new_app(m, p->c->id, err);
	if (app == NULL || stay(p, err) < 0)
		return -1;
	now = app->now == NULL || app->deleted ? NULL : app->now->app;
	p->was = now == NULL ? 0 : now->version_ms;
	def = GATE_TAKE(&p->c->def);
	if (def == NULL) {
		p->kind = ACTION_STOP;
		app->deleted = true;
		gate_m_save_app(m, app);
		return 0;
	}
	differs = now == NULL || p->c->restart || gate_app_differs(now, def);
	if (!differs && now->instances == def->instances) {
		gate_app_free(def); /* it says what is */
		return 0;
	}
	def->version_ms = def->scaled_ms = version;
	def->config_ms = differs ? version : now->config_ms;
	p->kind = now == NULL ? ACTION_START : !differs || def->instances == 0 ? ACTION_SCALE : ACTION_RESTART;
	p->becomes = version;
	app->deleted = false;
	/* Whoever says nothing new about the task lends it no rights, and takes none from it. */
	bool same = now != NULL && !gate_app_differs(now, def);
	if (gate_m_add_version(m, app, def, same ? app->now->client : client, same ? app->now->rights : rights, err) <
	    0)
		return -1;
	gate_m_save_app(m, app);
	for (size_t i = 0; i < p->c->n_doomed; i++) {
		p->c->doomed[i]->doomed = true;
		gate_m_save_instance(m, p->c->doomed[i]);
	}
	return 0;
}

/* --- the order --- */

static bool depends(const struct app *app, const char *id)
{
	const struct gate_texts *deps = &app->now->app->dependencies;
	char path[GATE_APP_ID_MAX + 2];

	for (size_t i = 0; i < deps->n; i++)
		if (gate_app_path(deps->at[i], path) && strcmp(path, id) == 0)
			return true;
	return false;
}

static int sort_by_dependencies(struct planned *p, size_t n, struct gate_err *err)
{
	bool changed = true;

	for (size_t round = 0; changed; round++) {
		changed = false;
		if (round > n)
			return GATE_FAIL(err, GATE_E_INVALID, "Dependency graph has cyclic dependencies.");
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < n; k++) {
				if (i == k || p[i].becomes == 0 || p[k].becomes == 0 || p[i].depth > p[k].depth ||
				    !depends(p[i].app, p[k].app->id))
					continue;
				p[i].depth = p[k].depth + 1;
				changed = true;
			}
		}
	}
	return 0;
}

static int add_action(struct deployment *d, enum action_kind kind, const struct planned *p, struct gate_err *err)
{
	struct action *x = calloc(1, sizeof(*x)), **at = &d->actions;

	if (x == NULL || (x->app = strdup(p->app->id)) == NULL) {
		free(x);
		return GATE_FAIL_NOMEM(err);
	}
	x->step = d->n_steps;
	x->kind = kind;
	x->was = p->was;
	x->becomes = p->becomes;
	while (*at != NULL)
		at = &(*at)->next;
	*at = x;
	return 0;
}

/* One step of all that are of this kind (and depth). START is followed by a SCALE in its depth. */
static int add_step(struct deployment *d, const struct planned *p, size_t n, enum action_kind kind, size_t depth,
                    struct gate_err *err)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		bool fits =
		    kind == ACTION_SCALE ? p[i].kind >= ACTION_SCALE || p[i].kind == ACTION_START : p[i].kind == kind;

		if (p[i].kind == 0 || !fits || p[i].depth != depth)
			continue;
		any = true;
		if (add_action(d, kind == ACTION_SCALE && p[i].kind == ACTION_RESTART ? ACTION_RESTART : kind, &p[i],
		               err) < 0)
			return -1;
	}
	d->n_steps += any;
	return 0;
}

static int add_steps(struct deployment *d, struct planned *p, size_t n, struct gate_err *err)
{
	size_t deepest = 0;

	if (add_step(d, p, n, ACTION_STOP, 0, err) < 0 || add_step(d, p, n, ACTION_START, 0, err) < 0 ||
	    sort_by_dependencies(p, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		deepest = p[i].depth > deepest ? p[i].depth : deepest;
	for (size_t depth = 0; depth <= deepest; depth++)
		if (add_step(d, p, n, ACTION_SCALE, depth, err) < 0)
			return -1;
	return 0;
}

/* --- all together --- */

static void begin(struct marathon *m, struct deployment *d)
{
	*m->deployments_end = d;
	m->deployments_end = &d->next;
	gate_m_save_deployment(m, d, true);
	gate_m_say_deployment(m, "deployment_info", d);
	if (d->n_steps == 0) { /* nothing to do: it is over, and whoever waits for its end hears of it */
		gate_m_say_deployment(m, "deployment_success", d);
		gate_m_delete_deployment(m, d);
	}
	gate_m_soon(m);
}

static int plan(struct marathon *m, struct deployment *d, struct planned *p, size_t n, const char *client,
                uint32_t rights, struct gate_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (settle(m, &p[i], d->version, client, rights, err) < 0)
			return -1;
	return add_steps(d, p, n, err);
}

static void forget(struct deployment *d)
{
	while (d != NULL && d->actions != NULL) {
		struct action *x = d->actions;

		d->actions = x->next;
		free(x->app);
		free(x);
	}
	free(d);
}

int gate_m_deploy(struct marathon *m, struct change *changes, size_t n, const char *client, uint32_t rights,
                  char id[37], int64_t *version, struct gate_err *err)
{
	struct deployment *d = calloc(1, sizeof(*d));
	struct planned *p = calloc(n + 1, sizeof(*p));
	int result = d == NULL || p == NULL ? GATE_FAIL_NOMEM(err) : 0;

	if (result == 0) {
		unlock(m, changes, n);
		for (size_t i = 0; i < n; i++)
			p[i].c = &changes[i];
		gate_agent_uuid(m->agent, d->id);
		d->version = gate_m_version(m);
		d->seq = ++m->last_seq;
		result = plan(m, d, p, n, client, rights, err);
	}
	gate_m_change_done(changes, n);
	free(p);
	if (result < 0) {
		forget(d);
		return -1;
	}
	memcpy(id, d->id, sizeof(d->id));
	*version = d->version;
	begin(m, d);
	return 0;
}

/* --- and back --- */

static int way_back(struct marathon *m, const struct deployment *d, uint32_t rights, struct change *changes, size_t *n,
                    struct gate_err *err)
{
	for (const struct action *x = d->actions; x != NULL; x = x->next) {
		struct app *app = x->kind == ACTION_START ? NULL : gate_m_find(m, x->app);
		struct def *was = app == NULL || x->was == 0 ? NULL : gate_m_def(m, app, x->was);

		if (app == NULL)
			continue;
		(void)snprintf(changes[*n].id, sizeof(changes[*n].id), "%s", x->app);
		if (was != NULL && gate_app_copy(was->app, &changes[*n].def, err) < 0)
			return -1;
		(*n)++;
		/* What its author might is not lent to who brings it back. */
		bool other = was != NULL && (app->deleted || gate_app_differs(was->app, app->now->app));

		if (other && gate_m_may(m, was->app, rights, err) < 0)
			return GATE_NOTE(err, "app '%.100s' as it was", x->app);
	}
	return 0;
}

int gate_m_rollback(struct marathon *m, struct deployment *d, const char *client, uint32_t rights, char id[37],
                    int64_t *version, struct gate_err *err)
{
	struct change *changes;
	size_t n = 0;
	int result;

	for (const struct action *x = d->actions; x != NULL; x = x->next)
		n++;
	changes = calloc(n + 1, sizeof(*changes));
	if (changes == NULL)
		return GATE_FAIL_NOMEM(err);
	n = 0;
	result = way_back(m, d, rights, changes, &n, err);
	if (result == 0 && n == 0)
		gate_m_cancel(m, d); /* nothing of it is left */
	if (result == 0)
		result = gate_m_deploy(m, changes, n, client, rights, id, version, err); /* cancels d */
	else
		gate_m_change_done(changes, n);
	free(changes);
	return result;
}
