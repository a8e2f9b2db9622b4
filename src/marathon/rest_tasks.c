/* Tasks: lists (JSON, or the lines that load balancers read), and killing some, with or without making the app smaller. */
#include <stdio.h>

#include "marathon/parts.h"

/* --- lists --- */

/* "shop_web<TAB>SERVICEPORT<TAB>host:31000<TAB>host:31001", a line for each port. */
static void text_line(struct marathon *m, const struct app *app, size_t port, struct gate_buf *out)
{
	const char *host = gate_agent_config(m->agent)->hostname;
	const struct gate_app *def = app->now->app;

	for (const char *s = app->id + 1; *s != '\0'; s++)
		gate_buf_add(out, *s == '/' ? "_" : s, 1);
	if (port < def->ports.n)
		gate_buf_printf(out, "\t%lld\t", (long long)gate_app_ports(def)[port].port);
	else
		gate_buf_puts(out, "\t \t");
	for (const struct instance *i = app->instances; i != NULL; i = i->next) {
		const struct gate_agent_task *t = gate_m_task(m, i);
		const char *p = t == NULL ? "" : t->ports;

		if (t == NULL || t->state != GATE_STATE_RUNNING)
			continue;
		for (size_t n = 0; n < port && *p != '\0'; n++) {
			p += strcspn(p, ",");
			p += *p == ',';
		}
		if (port < def->ports.n)
			gate_buf_printf(out, "%s:%lu\t", host, strtoul(p, NULL, 10));
		else
			gate_buf_printf(out, "%s\t", host);
	}
	gate_buf_puts(out, "\n");
}

static void text_list(struct marathon *m, const struct app *only, struct gate_http_answer *a)
{
	for (const struct app *app = m->apps; app != NULL; app = app->next) {
		size_t n = app->now->app->ports.n;

		if (app->deleted || (only != NULL && app != only))
			continue;
		for (size_t port = 0; port < (n == 0 ? 1 : n); port++)
			text_line(m, app, port, &a->body);
	}
	a->type = "text/plain";
	a->status = 200;
}

static bool wants_text(const struct gate_http_request *r)
{
	const char *accept = gate_http_header(r, "Accept");

	return accept != NULL && strncmp(accept, "text/plain", 10) == 0;
}

/* ?status=running, ?status=staging, or several ?status[]= */
static bool status_fits(const struct gate_http_request *r, enum gate_state s)
{
	static const char *const names[] = { "status", "status[]" };
	bool any = false, fits = false;

	for (size_t k = 0; k < GATE_ARRAY_LEN(names); k++) {
		for (const char *v = gate_http_query(r, names[k]); v != NULL;
		     v = gate_http_query_next(r, names[k], v)) {
			any = any || strcmp(v, "running") == 0 || strcmp(v, "staging") == 0;
			fits = fits || (strcmp(v, "running") == 0 && s == GATE_STATE_RUNNING) ||
			       (strcmp(v, "staging") == 0 && s == GATE_STATE_STAGING);
		}
	}
	return !any || fits;
}

static void show(struct marathon *m, const struct instance *i, const struct gate_agent_task *t, struct gate_json *j)
{
	gate_json_object(j);
	gate_m_show_task(m, i, t, j);
	gate_json_end(j, '}');
}

static void json_list(struct marathon *m, const struct app *only, const struct gate_http_request *r,
                      struct gate_http_answer *a)
{
	struct gate_json j;

	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "tasks");
	gate_json_array(&j);
	for (const struct app *app = m->apps; app != NULL; app = app->next) {
		for (const struct instance *i = app->instances; i != NULL && (only == NULL || only == app);
		     i = i->next) {
			const struct gate_agent_task *t = gate_m_task(m, i);

			if (t != NULL && (only != NULL || status_fits(r, t->state)))
				show(m, i, t, &j);
		}
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	a->status = 200;
}

void gate_m_tasks_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	if (wants_text(r))
		text_list(ctx, NULL, a);
	else
		json_list(ctx, NULL, r, a);
}

void gate_m_app_tasks(struct marathon *m, struct app *app, const struct gate_http_request *r,
                      struct gate_http_answer *a)
{
	if (wants_text(r))
		text_list(m, app, a);
	else
		json_list(m, app, r, a);
}

/* --- killing --- */

struct victims {
	struct instance **at;
	size_t n, cap;
};

static bool add(struct victims *v, struct instance *i)
{
	for (size_t k = 0; k < v->n; k++)
		if (v->at[k] == i)
			return true;
	if (gate_grow(&v->at, v->n, &v->cap, sizeof(*v->at)) < 0)
		return false;
	v->at[v->n++] = i;
	return true;
}

/* By the task's id or the instance's ("app.instance-UUID"). */
static bool named(const struct instance *i, const char *id)
{
	const char *uuid = strstr(id, ".instance-");

	return (i->task != NULL && strcmp(i->task, id) == 0) || (uuid != NULL && strcmp(uuid + 10, i->id) == 0);
}

static void kill_all(struct marathon *m, const struct victims *v, bool single, struct gate_http_answer *a)
{
	struct gate_err err = GATE_ERR_INIT;
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, single ? "task" : "tasks");
	if (!single)
		gate_json_array(&j);
	gate_agent_begin(m->agent);
	for (size_t i = 0; i < v->n; i++) {
		struct gate_agent_task *t = gate_m_task(m, v->at[i]);

		if (t == NULL)
			continue;
		show(m, v->at[i], t, &j);
		gate_tasks_kill(m->agent, t, 0, UINT64_MAX);
	}
	if (!single)
		gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	if (gate_agent_commit(m->agent, &err) < 0) {
		gate_http_fail(a, &err);
		return;
	}
	a->body = out;
	out = (struct gate_buf)GATE_BUF_INIT;
	a->status = 200;
}

/* The instances of one app go, and it is smaller by their number. */
static bool shrink(const struct app *app, struct instance *const *doomed, size_t n, struct change *ret,
                   struct gate_http_answer *a)
{
	struct gate_err err = GATE_ERR_INIT;

	*ret = (struct change){ .doomed = doomed, .n_doomed = n };
	(void)snprintf(ret->id, sizeof(ret->id), "%s", app->id);
	if (gate_app_copy(app->now->app, &ret->def, &err) < 0) {
		gate_http_fail(a, &err);
		return false;
	}
	ret->def->instances = ret->def->instances > (int64_t)n ? ret->def->instances - (int64_t)n : 0;
	return true;
}

static int by_app(const void *x, const void *y)
{
	const struct instance *a = *(struct instance *const *)x, *b = *(struct instance *const *)y;

	return strcmp(a->app->id, b->app->id);
}

static void kill_and_scale(struct marathon *m, const struct gate_http_request *r, struct victims *v,
                           struct gate_http_answer *a)
{
	struct change *changes = calloc(v->n + 1, sizeof(*changes));
	size_t n = 0;
	bool ok = changes != NULL;

	if (!ok)
		gate_http_say(a, 503, "out of memory");
	if (v->n > 0)
		qsort(v->at, v->n, sizeof(*v->at), by_app);
	for (size_t i = 0; ok && i < v->n;) {
		size_t end = i;

		while (end < v->n && v->at[end]->app == v->at[i]->app)
			end++;
		ok = shrink(v->at[i]->app, v->at + i, end - i, &changes[n], a);
		n += ok;
		i = end;
	}
	if (ok)
		(void)gate_m_carry_out(m, r, changes, n, gate_http_query_true(r, "force"), 200, a);
	else if (changes != NULL)
		gate_m_change_done(changes, n);
	free(changes);
}

/* False: answered. */
static bool how(const struct gate_http_request *r, bool *scale, struct gate_http_answer *a)
{
	*scale = gate_http_query_true(r, "scale");
	if (!*scale || !gate_http_query_true(r, "wipe"))
		return true;
	gate_http_say(a, 400, "You cannot use scale and wipe at the same time.");
	return false;
}

void gate_m_app_tasks_delete(struct marathon *m, const char *id, const char *task, const struct gate_http_request *r,
                             struct gate_http_answer *a)
{
	const char *host = gate_http_query(r, "host"), *here = gate_agent_config(m->agent)->hostname;
	struct app *app = gate_m_shown(m, id);
	struct victims v = { 0 };
	bool scale, elsewhere = host != NULL && strcmp(host, "*") != 0 && strcmp(host, here) != 0;

	if (!how(r, &scale, a))
		return;
	if (app == NULL) {
		gate_m_no_app(id, a);
		return;
	}
	for (struct instance *i = app->instances; i != NULL && !elsewhere; i = i->next)
		if (!i->stopping && gate_m_task(m, i) != NULL && (task == NULL || named(i, task)) && !add(&v, i))
			break;
	if (task != NULL && v.n == 0)
		gate_http_say(a, 404, "Task '%s' does not exist", task);
	else if (scale)
		kill_and_scale(m, r, &v, a);
	else
		kill_all(m, &v, task != NULL, a);
	free(v.at);
}

static struct instance *find(struct marathon *m, const char *id)
{
	for (struct app *app = m->apps; app != NULL; app = app->next)
		for (struct instance *i = app->instances; i != NULL && !app->deleted; i = i->next)
			if (!i->stopping && named(i, id))
				return i;
	return NULL;
}

/* POST /v2/tasks/delete {"ids": […]} */
void gate_m_tasks_post(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct marathon *m = ctx;
	const struct gate_doc *body = NULL, *ids;
	struct victims v = { 0 };
	bool scale;

	if (!how(r, &scale, a) || !gate_m_body(r, &arena, &body, a))
		return;
	ids = body->kind == GATE_DOC_OBJECT ? gate_doc_member(body, "ids") : NULL;
	if (ids == NULL || ids->kind != GATE_DOC_ARRAY) {
		gate_http_say(a, 422, "{\"ids\": [TASK, …]} is expected here");
		return;
	}
	for (uint32_t i = 0; i < ids->n_items; i++) {
		const char *id = ids->items[i].kind == GATE_DOC_STRING ? ids->items[i].text : "";
		struct instance *found;

		if (strstr(id, ".instance-") == NULL) {
			gate_http_say(a, 400, "Invalid task id '%s'.", id);
			free(v.at);
			return;
		}
		found = find(m, id);
		if (found != NULL && !add(&v, found))
			break;
	}
	if (scale)
		kill_and_scale(m, r, &v, a);
	else
		kill_all(m, &v, false, a);
	free(v.at);
}
