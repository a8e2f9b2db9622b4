/* What lasts: apps, their versions, instances, deployments. Memory is a copy, changed together with its rows. */
#include <stdio.h>

#include "marathon/parts.h"

/* --- freeing --- */

static void free_def(struct def *d)
{
	if (d == NULL)
		return;
	gate_app_free(d->app);
	free(d->client);
	free(d);
}

static void free_instance(struct marathon *m, struct instance *i)
{
	gate_m_checks_stop(m, i);
	free(i->task);
	free(i);
}

static void free_app(struct marathon *m, struct app *app)
{
	while (app->instances != NULL) {
		struct instance *i = app->instances;

		app->instances = i->next;
		free_instance(m, i);
	}
	while (app->defs != NULL) {
		struct def *d = app->defs;

		app->defs = d->next;
		free_def(d);
	}
	free(app->failure);
	free(app->id);
	free(app);
}

static void free_deployment(struct deployment *d)
{
	while (d->actions != NULL) {
		struct action *x = d->actions;

		d->actions = x->next;
		free(x->app);
		free(x);
	}
	free(d);
}

void gate_m_clear(struct marathon *m)
{
	while (m->apps != NULL) {
		struct app *app = m->apps;

		m->apps = app->next;
		free_app(m, app);
	}
	while (m->deployments != NULL) {
		struct deployment *d = m->deployments;

		m->deployments = d->next;
		free_deployment(d);
	}
	m->deployments_end = &m->deployments;
	m->last_version = m->last_seq = 0;
}

/* --- finding --- */

struct app *gate_m_find(struct marathon *m, const char *id)
{
	for (struct app *app = m->apps; app != NULL; app = app->next)
		if (strcmp(app->id, id) == 0)
			return app;
	return NULL;
}

struct app *gate_m_shown(struct marathon *m, const char *id)
{
	struct app *app = gate_m_find(m, id);

	return app == NULL || app->deleted ? NULL : app;
}

int64_t gate_m_version(struct marathon *m)
{
	int64_t now = gate_agent_wall(m->agent);

	m->last_version = now > m->last_version ? now : m->last_version + 1;
	return m->last_version;
}

/* --- definitions --- */

static struct def *keep_def(struct app *app, struct gate_app *def, const char *client, uint32_t rights)
{
	struct def *d = calloc(1, sizeof(*d));

	if (d == NULL || (d->client = strdup(client)) == NULL) {
		free(d);
		gate_app_free(def);
		return NULL;
	}
	d->app = def;
	d->rights = rights;
	d->next = app->defs;
	app->defs = d;
	return d;
}

static struct def *read_def(struct marathon *m, struct app *app, int64_t version, struct gate_err *err)
{
	struct gate_db_rows q;
	struct gate_app *def = NULL;
	struct def *ret = NULL;

	gate_db_query(gate_agent_db(m->agent), &q,
	              "SELECT definition, client, rights FROM marathon_versions WHERE app = ? AND version = ?", "ti",
	              app->id, version);
	if (gate_db_next(&q)) {
		const char *text = gate_db_text(&q, 0);

		if (gate_app_load(text, strlen(text), &def, err) == 0) {
			ret = keep_def(app, def, gate_db_text(&q, 1), (uint32_t)gate_db_int(&q, 2));
			if (ret == NULL)
				gate_err_set(err, GATE_E_NOMEM, 0, "out of memory");
		}
	}
	gate_db_end(&q);
	return ret;
}

struct def *gate_m_def(struct marathon *m, struct app *app, int64_t version)
{
	for (struct def *d = app->defs; d != NULL; d = d->next)
		if (d->app->version_ms == version)
			return d;
	return read_def(m, app, version, NULL);
}

/* Definitions in memory that nothing refers to any more. */
static void forget_defs(struct app *app)
{
	for (struct def **at = &app->defs; *at != NULL;) {
		struct def *d = *at;
		bool needed = d == app->now;

		for (const struct instance *i = app->instances; i != NULL && !needed; i = i->next)
			needed = i->version == d->app->version_ms;
		if (needed) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		free_def(d);
	}
}

static void prune_versions(struct marathon *m, const struct app *app)
{
	gate_db_run(
	    gate_agent_db(m->agent),
	    "DELETE FROM marathon_versions WHERE app = ? AND version NOT IN (SELECT version FROM marathon_versions "
	    "WHERE app = ? ORDER BY version DESC LIMIT ?) AND version NOT IN (SELECT version FROM marathon_instances "
	    "WHERE app = ?) AND version NOT IN (SELECT was FROM marathon_actions WHERE app = ?)",
	    "ttitt", app->id, app->id, (int64_t)GATE_VERSIONS_KEPT, app->id, app->id);
}

int gate_m_add_version(struct marathon *m, struct app *app, struct gate_app *def, const char *client, uint32_t rights,
                       struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_json j;
	struct def *d;

	gate_json_init(&j, &text, 0);
	gate_json_object(&j);
	gate_app_write(def, &j);
	gate_json_end(&j, '}');
	d = keep_def(app, def, client, rights);
	if (text.failed || d == NULL)
		return GATE_FAIL_NOMEM(err);
	gate_db_run(gate_agent_db(m->agent), "INSERT OR REPLACE INTO marathon_versions VALUES (?, ?, ?, ?, ?)", "titti",
	            app->id, def->version_ms, text.data, client, (int64_t)rights);
	app->now = d;
	forget_defs(app);
	prune_versions(m, app);
	return 0;
}

/* --- apps --- */

static void insert_app(struct marathon *m, struct app *app)
{
	struct app **at = &m->apps;

	while (*at != NULL && strcmp((*at)->id, app->id) < 0)
		at = &(*at)->next;
	app->next = *at;
	*at = app;
}

struct app *gate_m_new_app(struct marathon *m, const char *id, struct gate_err *err)
{
	struct app *app = calloc(1, sizeof(*app));

	if (app == NULL || (app->id = strdup(id)) == NULL) {
		free(app);
		gate_err_set(err, GATE_E_NOMEM, 0, "out of memory");
		return NULL;
	}
	insert_app(m, app);
	return app;
}

void gate_m_save_app(struct marathon *m, struct app *app)
{
	gate_db_run(gate_agent_db(m->agent), "INSERT OR REPLACE INTO marathon_apps VALUES (?, ?, ?, ?, ?, ?, ?)",
	            "tiiiiit", app->id, app->now->app->version_ms, (int64_t)app->deleted, app->delay_at, app->delay_ns,
	            app->delay_config, app->failure);
}

void gate_m_delete_app(struct marathon *m, struct app *app)
{
	struct gate_db *db = gate_agent_db(m->agent);

	gate_db_run(db, "DELETE FROM marathon_apps WHERE id = ?", "t", app->id);
	gate_db_run(db, "DELETE FROM marathon_versions WHERE app = ?", "t", app->id);
	gate_db_run(db, "DELETE FROM marathon_instances WHERE app = ?", "t", app->id);
	for (struct app **at = &m->apps; *at != NULL; at = &(*at)->next) {
		if (*at == app) {
			*at = app->next;
			break;
		}
	}
	free_app(m, app);
}

/* --- instances --- */

void gate_m_save_instance(struct marathon *m, struct instance *i)
{
	gate_db_run(gate_agent_db(m->agent),
	            "INSERT OR REPLACE INTO marathon_instances VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "ttiiiiti", i->id,
	            i->app->id, i->version, i->incarnation, (int64_t)i->stopping, (int64_t)i->doomed, i->task,
	            i->since);
}

static void append_instance(struct app *app, struct instance *i)
{
	struct instance **at = &app->instances;

	while (*at != NULL)
		at = &(*at)->next;
	i->app = app;
	*at = i;
}

struct instance *gate_m_new_instance(struct marathon *m, struct app *app, int64_t version)
{
	struct instance *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return NULL; /* there is one fewer until the next tick */
	gate_agent_uuid(m->agent, i->id);
	i->version = version;
	i->since = gate_agent_wall(m->agent);
	append_instance(app, i);
	gate_m_save_instance(m, i);
	return i;
}

void gate_m_delete_instance(struct marathon *m, struct instance *i)
{
	gate_db_run(gate_agent_db(m->agent), "DELETE FROM marathon_instances WHERE id = ?", "t", i->id);
	for (struct instance **at = &i->app->instances; *at != NULL; at = &(*at)->next) {
		if (*at == i) {
			*at = i->next;
			break;
		}
	}
	free_instance(m, i);
}

/* --- deployments --- */

void gate_m_save_deployment(struct marathon *m, struct deployment *d, bool with_actions)
{
	struct gate_db *db = gate_agent_db(m->agent);
	int64_t place = 0;

	gate_db_run(db, "INSERT OR REPLACE INTO marathon_deployments VALUES (?, ?, ?, ?)", "tiii", d->id, d->seq,
	            d->version, d->step);
	for (const struct action *x = d->actions; with_actions && x != NULL; x = x->next)
		gate_db_run(db, "INSERT INTO marathon_actions VALUES (?, ?, ?, ?, ?, ?, ?)", "tiiitii", d->id, x->step,
		            place++, (int64_t)x->kind, x->app, x->was, x->becomes);
}

void gate_m_delete_deployment(struct marathon *m, struct deployment *d)
{
	struct gate_db *db = gate_agent_db(m->agent);
	struct deployment **at = &m->deployments;

	gate_db_run(db, "DELETE FROM marathon_actions WHERE deployment = ?", "t", d->id);
	gate_db_run(db, "DELETE FROM marathon_deployments WHERE id = ?", "t", d->id);
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	if (m->deployments_end == &d->next)
		m->deployments_end = at;
	free_deployment(d);
}

/* --- from the database --- */

/* How long ago that was; nothing, by a clock that was set back. */
static int64_t past(const struct marathon *m, int64_t wall_ms)
{
	int64_t ms = gate_agent_wall(m->agent) - wall_ms;

	return ms < 0 ? 0 : ms;
}

static int load_apps(struct marathon *m, struct gate_err *err)
{
	struct gate_db_rows q;
	int result = 0;

	gate_db_query(gate_agent_db(m->agent), &q,
	              "SELECT id, version, deleted, delay_at, delay_ns, delay_config, failure FROM marathon_apps", "");
	while (result == 0 && gate_db_next(&q)) {
		struct app *app = gate_m_new_app(m, gate_db_text(&q, 0), err);
		const char *failure = gate_db_text(&q, 6);

		if (app == NULL) {
			result = -1;
			break;
		}
		app->deleted = gate_db_int(&q, 2) != 0;
		app->delay_at = gate_db_int(&q, 3);
		app->delay_from = gate_agent_now(m->agent) - past(m, app->delay_at);
		app->delay_ns = gate_db_int(&q, 4);
		app->delay_config = gate_db_int(&q, 5);
		if (failure != NULL && (app->failure = strdup(failure)) == NULL)
			result = GATE_FAIL_NOMEM(err);
		else if ((app->now = read_def(m, app, gate_db_int(&q, 1), err)) == NULL)
			result = err->code != GATE_OK
			             ? GATE_NOTE(err, "app '%s'", app->id)
			             : GATE_FAIL(err, GATE_E_PROTO, "app '%s' has no definition", app->id);
	}
	gate_db_end(&q);
	return result;
}

static int load_instances(struct marathon *m, struct gate_err *err)
{
	struct gate_db_rows q;
	int result = 0;

	gate_db_query(
	    gate_agent_db(m->agent), &q,
	    "SELECT id, app, version, incarnation, stopping, doomed, task, since FROM marathon_instances ORDER BY since, "
	    "rowid",
	    "");
	while (result == 0 && gate_db_next(&q)) {
		struct app *app = gate_m_find(m, gate_db_text(&q, 1));
		const char *task = gate_db_text(&q, 6);
		struct instance *i = calloc(1, sizeof(*i));

		if (app == NULL || i == NULL || strlen(gate_db_text(&q, 0)) != 36) {
			free(i);
			result = i == NULL ? GATE_FAIL_NOMEM(err)
			                   : GATE_FAIL(err, GATE_E_PROTO, "an instance of '%s' belongs to no app",
			                               gate_db_text(&q, 1));
			break;
		}
		memcpy(i->id, gate_db_text(&q, 0), sizeof(i->id));
		i->version = gate_db_int(&q, 2);
		i->incarnation = gate_db_int(&q, 3);
		i->stopping = gate_db_int(&q, 4) != 0;
		i->doomed = gate_db_int(&q, 5) != 0;
		i->since = gate_db_int(&q, 7);
		append_instance(app, i);
		if (task != NULL && (i->task = strdup(task)) == NULL)
			result = GATE_FAIL_NOMEM(err);
	}
	gate_db_end(&q);
	return result;
}

static int load_actions(struct marathon *m, struct deployment *d, struct gate_err *err)
{
	struct action **at = &d->actions;
	struct gate_db_rows q;
	int result = 0;

	gate_db_query(
	    gate_agent_db(m->agent), &q,
	    "SELECT step, kind, app, was, becomes FROM marathon_actions WHERE deployment = ? ORDER BY step, place", "t",
	    d->id);
	while (result == 0 && gate_db_next(&q)) {
		struct action *x = calloc(1, sizeof(*x));

		if (x == NULL || (x->app = strdup(gate_db_text(&q, 2))) == NULL) {
			free(x);
			result = GATE_FAIL_NOMEM(err);
			break;
		}
		x->step = gate_db_int(&q, 0);
		x->kind = (enum action_kind)gate_db_int(&q, 1);
		x->was = gate_db_int(&q, 3);
		x->becomes = gate_db_int(&q, 4);
		d->n_steps = x->step + 1;
		*at = x;
		at = &x->next;
	}
	gate_db_end(&q);
	return result;
}

static int load_deployments(struct marathon *m, struct gate_err *err)
{
	struct gate_db_rows q;
	int result = 0;

	gate_db_query(gate_agent_db(m->agent), &q,
	              "SELECT id, seq, version, step FROM marathon_deployments ORDER BY seq", "");
	while (result == 0 && gate_db_next(&q)) {
		struct deployment *d = calloc(1, sizeof(*d));

		if (d == NULL) {
			result = GATE_FAIL_NOMEM(err);
			break;
		}
		(void)snprintf(d->id, sizeof(d->id), "%s", gate_db_text(&q, 0));
		m->last_seq = d->seq = gate_db_int(&q, 1);
		d->version = gate_db_int(&q, 2);
		d->step = gate_db_int(&q, 3);
		*m->deployments_end = d;
		m->deployments_end = &d->next;
		result = load_actions(m, d, err);
	}
	gate_db_end(&q);
	return result;
}

static void load_newest(struct marathon *m)
{
	struct gate_db_rows q;

	gate_db_query(gate_agent_db(m->agent), &q, "SELECT coalesce(max(version), 0) FROM marathon_versions", "");
	if (gate_db_next(&q))
		m->last_version = gate_db_int(&q, 0);
	gate_db_end(&q);
}

int gate_m_load(void *self, struct gate_agent *a, struct gate_err *err)
{
	struct marathon *m = self;

	(void)a;
	gate_m_clear(m);
	if (load_apps(m, err) < 0 || load_instances(m, err) < 0 || load_deployments(m, err) < 0)
		return GATE_NOTE(err, "Marathon's state");
	load_newest(m);
	m->loading = true;
	for (struct app *app = m->apps; app != NULL; app = app->next)
		for (struct instance *i = app->instances; i != NULL; i = i->next)
			if (gate_m_running(m, i))
				gate_m_checks_start(m, i);
	gate_m_soon(m);
	m->loading = false;
	return gate_db_trouble(gate_agent_db(m->agent), err);
}
