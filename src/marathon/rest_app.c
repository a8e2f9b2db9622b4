/* /v2/apps/{id}, …/restart, …/versions[/{version}], …/tasks[/{task}]. Ids have slashes in them, so the end of the path decides. */
#include <stdio.h>

#include "marathon/parts.h"

enum place { PLACE_APP, PLACE_RESTART, PLACE_VERSIONS, PLACE_VERSION, PLACE_TASKS, PLACE_TASK, PLACE_GROUP };
struct target {
	enum place place;
	char id[GATE_APP_ID_MAX + 2];
	char item[320]; /* of VERSION and TASK */
};

static bool split(const char *text, char *id, size_t size, const char **last, const char **before)
{
	size_t n = strlen(text);

	if (n >= size)
		return false;
	memcpy(id, text, n + 1);
	while (n > 0 && id[n - 1] == '/')
		id[--n] = '\0';
	*last = strrchr(id, '/');
	*before = NULL;
	for (const char *s = id; *last != NULL && s < *last; s++)
		if (*s == '/')
			*before = s;
	return true;
}

static bool is(const char *from, const char *to, const char *word)
{
	return (size_t)(to - from) == strlen(word) && memcmp(from, word, strlen(word)) == 0;
}

static bool find(const struct gate_http_request *r, struct target *t, struct gate_http_answer *a)
{
	char text[1024];
	const char *last, *before, *end;
	size_t keep;

	*t = (struct target){ .place = PLACE_APP };
	if (!split(r->tail, text, sizeof(text), &last, &before)) {
		gate_http_say(a, 404, "no app has such an id");
		return false;
	}
	end = text + strlen(text);
	keep = (size_t)(end - text);
	if (strcmp(text, "*") == 0 || (last != NULL && strcmp(last, "/*") == 0)) {
		t->place = PLACE_GROUP;
		keep = last == NULL ? 0 : (size_t)(last - text);
	} else if (last != NULL && is(last + 1, end, "restart")) {
		t->place = PLACE_RESTART;
		keep = (size_t)(last - text);
	} else if (last != NULL && (is(last + 1, end, "tasks") || is(last + 1, end, "versions"))) {
		t->place = last[1] == 't' ? PLACE_TASKS : PLACE_VERSIONS;
		keep = (size_t)(last - text);
	} else if (before != NULL && (is(before + 1, last, "tasks") || is(before + 1, last, "versions"))) {
		t->place = before[1] == 't' ? PLACE_TASK : PLACE_VERSION;
		keep = (size_t)(before - text);
		(void)snprintf(t->item, sizeof(t->item), "%.319s", last + 1);
	}
	text[keep] = '\0';
	if (gate_app_path(text, t->id))
		return true;
	gate_http_say(a, 404, "App '%.200s' does not exist", text);
	return false;
}

static struct app *known(struct marathon *m, const struct target *t, struct gate_http_answer *a)
{
	struct app *app = gate_m_shown(m, t->id);

	if (app == NULL)
		gate_m_no_app(t->id, a);
	return app;
}

/* --- GET --- */

static void show_one(struct marathon *m, struct app *app, const struct gate_http_request *r, struct gate_http_answer *a)
{
	unsigned what = gate_m_embed(r) | SHOW_COUNTS | SHOW_TASKS | SHOW_FAILURE | SHOW_DEPLOYMENTS;
	struct gate_json j;

	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "app");
	gate_json_object(&j);
	gate_m_show_app(m, app, what, &j);
	gate_json_end(&j, '}');
	gate_json_end(&j, '}');
	a->status = 200;
}

/* GET /v2/apps/GROUP/ and a star: {"*": [apps below it]} */
static void show_group(struct marathon *m, const char *group, const struct gate_http_request *r,
                       struct gate_http_answer *a)
{
	unsigned what = gate_m_embed(r) | SHOW_COUNTS | SHOW_DEPLOYMENTS;
	size_t n = strcmp(group, "/") == 0 ? 0 : strlen(group), found = 0;
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "*");
	gate_json_array(&j);
	for (struct app *app = m->apps; app != NULL; app = app->next) {
		if (app->deleted || strncmp(app->id, group, n) != 0 || app->id[n] != '/')
			continue;
		found++;
		gate_json_object(&j);
		gate_m_show_app(m, app, what, &j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	if (found == 0 && n > 0) {
		gate_http_say(a, 404, "Group '%s' does not exist", group);
		return;
	}
	a->body = out;
	out = (struct gate_buf)GATE_BUF_INIT;
	a->status = 200;
}

static void show_versions(struct marathon *m, const struct app *app, struct gate_http_answer *a)
{
	struct gate_db_rows q;
	struct gate_json j;
	char text[32];

	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "versions");
	gate_json_array(&j);
	gate_db_query(gate_agent_db(m->agent), &q,
	              "SELECT version FROM marathon_versions WHERE app = ? ORDER BY version DESC", "t", app->id);
	while (gate_db_next(&q)) {
		gate_app_time(gate_db_int(&q, 0), text);
		gate_json_text(&j, text);
	}
	gate_db_end(&q);
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	a->status = 200;
}

static void show_version(struct marathon *m, struct app *app, const struct target *t, const struct gate_http_request *r,
                         struct gate_http_answer *a)
{
	struct gate_json j;
	struct def *d;
	int64_t ms;

	if (!gate_app_time_parse(t->item, &ms) || (d = gate_m_def(m, app, ms)) == NULL) {
		gate_http_say(a, 404, "App '%s' does not exist in version %s", app->id, t->item);
		return;
	}
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_m_show_definition(d->app, (gate_m_embed(r) & SHOW_ENV) != 0, &j);
	gate_json_end(&j, '}');
	a->status = 200;
}

void gate_m_app_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	struct target t;
	struct app *app;

	if (!find(r, &t, a))
		return;
	if (t.place == PLACE_GROUP) {
		show_group(m, t.id, r, a);
		return;
	}
	app = known(m, &t, a);
	if (app == NULL)
		return;
	if (t.place == PLACE_APP)
		show_one(m, app, r, a);
	else if (t.place == PLACE_VERSIONS)
		show_versions(m, app, a);
	else if (t.place == PLACE_VERSION)
		show_version(m, app, &t, r, a);
	else if (t.place == PLACE_TASKS)
		gate_m_app_tasks(m, app, r, a);
	else
		gate_http_say(a, 405, "there is nothing to get here");
}

/* --- changes --- */

static void update(struct marathon *m, const struct gate_http_request *r, bool partial, bool may_create,
                   struct gate_http_answer *a)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *body = NULL;
	struct target t;
	struct change c;
	bool created;

	if (!find(r, &t, a))
		return;
	if (t.place != PLACE_APP) {
		gate_http_say(a, 405, "only an app can be changed so");
		return;
	}
	if (!gate_m_body(r, &arena, &body, a) ||
	    !gate_m_read_change(m, r, body, t.id, partial, may_create, &c, &created, a))
		return;
	if (gate_m_carry_out(m, r, &c, 1, gate_http_query_true(r, "force"), created ? 201 : 200, a) && created)
		(void)snprintf(a->location, sizeof(a->location), "/v2/apps%s", t.id);
}

void gate_m_app_put(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	const char *partial = gate_http_query(r, "partialUpdate");

	update(ctx, r, partial == NULL || gate_http_query_true(r, "partialUpdate"), true, a);
}

void gate_m_app_patch(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	update(ctx, r, true, false, a);
}

static void change_by_id(struct marathon *m, const struct gate_http_request *r, const char *id, bool restart,
                         bool force, struct gate_http_answer *a)
{
	struct change c = { .restart = restart };

	(void)snprintf(c.id, sizeof(c.id), "%s", id);
	(void)gate_m_carry_out(m, r, &c, 1, force, 200, a);
}

void gate_m_app_post(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	struct target t;

	if (!find(r, &t, a))
		return;
	if (t.place != PLACE_RESTART)
		gate_http_say(a, 405, "apps are made by POST /v2/apps, or PUT; POST …/restart restarts one");
	else if (known(m, &t, a) != NULL)
		change_by_id(m, r, t.id, true, gate_http_query_true(r, "force"), a);
}

void gate_m_app_delete(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	const char *force = gate_http_query(r, "force");
	struct target t;

	if (!find(r, &t, a))
		return;
	if (t.place == PLACE_TASKS || t.place == PLACE_TASK)
		gate_m_app_tasks_delete(m, t.id, t.place == PLACE_TASK ? t.item : NULL, r, a);
	else if (t.place != PLACE_APP)
		gate_http_say(a, 405, "only an app or its tasks can be deleted");
	else if (known(m, &t, a) != NULL) /* here, and only here, force is Marathon's default */
		change_by_id(m, r, t.id, false, force == NULL || gate_http_query_true(r, "force"), a);
}
