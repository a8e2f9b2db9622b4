/* /v2/apps: several at once. */
#include <stdio.h>

#include "marathon/parts.h"

/* --- looking for some --- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains(const char *text, const char *part)
{
	size_t n = strlen(part);

	for (; strlen(text) >= n; text++) {
		size_t i = 0;

		while (i < n && lower(text[i]) == lower(part[i]))
			i++;
		if (i == n)
			return true;
		if (*text == '\0')
			break;
	}
	return false;
}

/* -1: the selector is none; answered. */
static int selected(const struct app *app, const struct gate_http_request *r, struct gate_http_answer *a)
{
	const char *cmd = gate_http_query(r, "cmd"), *id = gate_http_query(r, "id"),
		   *label = gate_http_query(r, "label");
	struct gate_err err = GATE_ERR_INIT;
	bool match = true;

	if (label != NULL && gate_app_label_match(label, app->now->app, &match, &err) < 0) {
		gate_http_fail(a, &err);
		return -1;
	}
	return match && (id == NULL || contains(app->id, id)) &&
	       (cmd == NULL || (app->now->app->cmd != NULL && contains(app->now->app->cmd, cmd)));
}

void gate_m_apps_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	unsigned what = gate_m_embed(r) | SHOW_COUNTS | SHOW_DEPLOYMENTS;
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "apps");
	gate_json_array(&j);
	for (struct app *app = m->apps; app != NULL; app = app->next) {
		int match = app->deleted ? 0 : selected(app, r, a);

		if (match < 0)
			return;
		if (match == 0)
			continue;
		gate_json_object(&j);
		gate_m_show_app(m, app, what, &j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	a->body = out;
	out = (struct gate_buf)GATE_BUF_INIT;
	a->status = 200;
}

/* --- changing --- */

/* A definition from the versions that the app had. */
static int old_version(struct marathon *m, struct app *app, const char *version, struct gate_app **ret,
                       struct gate_err *err)
{
	struct def *d;
	int64_t ms;

	if (!gate_app_time_parse(version, &ms) || (d = gate_m_def(m, app, ms)) == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "Rolling back to version %s is not possible: there is none",
		                 version);
	return gate_app_copy(d->app, ret, err);
}

static bool path_of(const struct gate_doc *body, const char *id, char ret[GATE_APP_ID_MAX + 2],
                    struct gate_http_answer *a)
{
	const struct gate_doc *member =
	    id != NULL || body->kind != GATE_DOC_OBJECT ? NULL : gate_doc_member(body, "id");

	if (id == NULL && member != NULL && member->kind == GATE_DOC_STRING)
		id = member->text;
	if (id == NULL || id[0] == '\0') {
		ret[0] = '\0'; /* the definition's reader says what is missing */
		return true;
	}
	if (gate_app_path(id, ret))
		return true;
	gate_http_say(a, 422, "an app's id has at most %d characters", GATE_APP_ID_MAX);
	return false;
}

static void refuse(const struct gate_faults *f, const struct gate_err *err, struct gate_http_answer *a)
{
	if (f->n == 0 || err->code != GATE_E_INVALID) {
		gate_http_fail(a, err);
		return;
	}
	gate_faults_write(f, &a->body);
	a->status = 422;
}

static int read_def(struct marathon *m, struct app *app, const struct gate_doc *body, const char *id, bool partial,
                    struct gate_faults *f, struct gate_app **ret, struct gate_err *err)
{
	const struct gate_config *config = gate_agent_config(m->agent);
	const struct gate_app_host host = { config->hostname, config->attributes };
	const char *version = app != NULL && partial ? gate_app_only_version(body, f) : NULL;

	if (f->n > 0)
		return gate_faults_fail(f, err);
	if (version != NULL)
		return old_version(m, app, version, ret, err);
	if (app != NULL && partial)
		return gate_app_patch(app->now->app, body, &host, f, ret, err);
	return gate_app_read(body, id[0] != '\0' ? id : NULL, &host, f, ret, err);
}

bool gate_m_read_change(struct marathon *m, const struct gate_http_request *r, const struct gate_doc *body,
                        const char *id, bool partial, bool may_create, struct change *ret, bool *created,
                        struct gate_http_answer *a)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	GATE_AUTO(gate_faults_done) struct gate_faults f = { .arena = &arena };
	struct gate_err err = GATE_ERR_INIT;
	struct app *app;

	*ret = (struct change){ .def = NULL };
	if (!path_of(body, id, ret->id, a))
		return false;
	app = gate_m_shown(m, ret->id);
	*created = app == NULL;
	if (app == NULL && !may_create) {
		gate_m_no_app(ret->id, a);
		return false;
	}
	if (read_def(m, app, body, ret->id, partial, &f, &ret->def, &err) < 0) {
		refuse(&f, &err, a);
		return false;
	}
	if (gate_m_allowed(m, r, ret->def, a))
		return true;
	gate_m_change_done(ret, 1);
	return false;
}

static void show_created(struct marathon *m, const char *id, struct gate_http_answer *a)
{
	struct app *app = gate_m_shown(m, id);
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	if (app == NULL)
		return;
	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_m_show_app(m, app, SHOW_COUNTS | SHOW_DEPLOYMENTS | SHOW_ENV, &j);
	gate_json_end(&j, '}');
	gate_buf_done(&a->body);
	a->body = out;
	(void)snprintf(a->location, sizeof(a->location), "/v2/apps%s", id);
}

void gate_m_apps_post(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct marathon *m = ctx;
	const struct gate_doc *body = NULL;
	char id[GATE_APP_ID_MAX + 2];
	struct change c;
	bool created;

	if (!gate_m_body(r, &arena, &body, a) || !gate_m_read_change(m, r, body, NULL, false, true, &c, &created, a))
		return;
	(void)snprintf(id, sizeof(id), "%s", c.id);
	if (!created) {
		gate_m_change_done(&c, 1);
		gate_http_say(a, 409, "An app with id [%s] already exists.", id);
		return;
	}
	if (gate_m_carry_out(m, r, &c, 1, gate_http_query_true(r, "force"), 201, a))
		show_created(m, id, a);
}

/* An array of updates: all in one deployment, or none. */
static void update_all(struct marathon *m, const struct gate_http_request *r, bool partial, bool may_create,
                       struct gate_http_answer *a)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *body = NULL;
	struct change *c;
	bool ok = true, created;
	size_t n = 0;

	if (!gate_m_body(r, &arena, &body, a))
		return;
	if (body->kind != GATE_DOC_ARRAY) {
		gate_http_say(a, 422, "an array of apps is expected here");
		return;
	}
	c = calloc((size_t)body->n_items + 1, sizeof(*c));
	if (c == NULL) {
		gate_http_say(a, 503, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < body->n_items && ok; i++) {
		ok = gate_m_read_change(m, r, &body->items[i], NULL, partial, may_create, &c[i], &created, a);
		n += ok;
		for (size_t k = 0; ok && k + 1 < n; k++) {
			if (strcmp(c[k].id, c[i].id) != 0)
				continue;
			gate_http_say(a, 422, "'%s' is there twice", c[i].id);
			ok = false;
			break;
		}
	}
	if (ok)
		(void)gate_m_carry_out(m, r, c, n, gate_http_query_true(r, "force"), 200, a);
	else
		gate_m_change_done(c, n);
	free(c);
}

static bool said_no(const struct gate_http_request *r, const char *name)
{
	const char *v = gate_http_query(r, name);

	return v != NULL && (strcmp(v, "false") == 0 || strcmp(v, "0") == 0);
}

void gate_m_apps_put(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	update_all(ctx, r, !said_no(r, "partialUpdate"), true, a);
}

void gate_m_apps_patch(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	update_all(ctx, r, true, false, a);
}
