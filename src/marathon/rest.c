/* REST: what all of it shares, and the small endpoints. */
#include <stdio.h>

#include "marathon/parts.h"

#define LOCKED                                                                                                         \
	"App is locked by one or more deployments. Override with the option '?force=true'. View details at "           \
	"'/v2/deployments/<DEPLOYMENT_ID>'."

/* --- shared --- */

unsigned gate_m_embed(const struct gate_http_request *r)
{
	static const struct {
		const char *name;
		unsigned what;
	} names[] = { { "tasks", SHOW_TASKS | SHOW_DEPLOYMENTS },
		      { "counts", SHOW_COUNTS },
		      { "deployments", SHOW_DEPLOYMENTS },
		      { "readiness", SHOW_READINESS },
		      { "lastTaskFailure", SHOW_FAILURE },
		      { "failures", SHOW_FAILURE },
		      { "taskStats", SHOW_STATS } };
	unsigned what = (r->peer->rights & GATE_RIGHT_LAUNCH) != 0 ? SHOW_ENV : 0;

	for (const char *e = gate_http_query(r, "embed"); e != NULL; e = gate_http_query_next(r, "embed", e)) {
		const char *word = strncmp(e, "apps.", 5) == 0 ? e + 5 : strncmp(e, "app.", 4) == 0 ? e + 4 : e;

		for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++)
			if (strcmp(names[i].name, word) == 0)
				what |= names[i].what;
	}
	return what;
}

bool gate_m_body(const struct gate_http_request *r, struct gate_arena *arena, const struct gate_doc **ret,
                 struct gate_http_answer *a)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_json j;

	if (gate_doc_read(arena, r->body, r->body_len, ret, &err) == 0)
		return true;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "message");
	gate_json_text(&j, "Invalid JSON");
	gate_json_key(&j, "details");
	gate_json_text(&j, err.text);
	gate_json_end(&j, '}');
	a->status = err.code == GATE_E_SYNTAX ? 400 : gate_http_status(&err);
	return false;
}

void gate_m_no_app(const char *id, struct gate_http_answer *a)
{
	gate_http_say(a, 404, "App '%s' does not exist", id);
}

/* Could it be a task at all, on this agent, and may it be one of whoever has these rights? Better said now than in a loop of
 * failures. */
int gate_m_may(struct marathon *m, const struct gate_app *def, uint32_t rights, struct gate_err *err)
{
	static const uint16_t ports[32] = { 0 };
	const struct gate_config *c = gate_agent_config(m->agent);
	const struct gate_app_instance i = { "task", c->hostname, c->isolation, c->cfs, ports, def->ports.n };
	struct gate_task t;
	int result;

	if (gate_app_choice(def).unconfined && (rights & GATE_RIGHT_UNCONFINED) == 0)
		return GATE_FAIL(err, GATE_E_DENIED, "running unconfined needs the right 'unconfined'");
	gate_task_init(&t);
	result = gate_app_task(def, &i, &t, err) < 0 || gate_right_host(rights, &t, err) < 0 ? -1 : 0;
	gate_task_done(&t);
	return result;
}

bool gate_m_allowed(struct marathon *m, const struct gate_http_request *r, const struct gate_app *def,
                    struct gate_http_answer *a)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_m_may(m, def, r->peer->rights, &err) == 0)
		return true;
	gate_http_fail(a, &err);
	return false;
}

static void say_locked(const struct gate_buf *locks, struct gate_http_answer *a)
{
	struct gate_json j;

	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "message");
	gate_json_text(&j, LOCKED);
	gate_json_key(&j, "deployments");
	gate_json_raw(&j, locks->failed ? "[]" : locks->data);
	gate_json_end(&j, '}');
	a->status = 409;
}

static void say_deployment(const char *id, int64_t version, int status, struct gate_http_answer *a)
{
	struct gate_json j;

	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_m_show_time(&j, "version", version);
	gate_json_key(&j, "deploymentId");
	gate_json_text(&j, id);
	gate_json_end(&j, '}');
	(void)snprintf(a->deployment, sizeof(a->deployment), "%s", id);
	a->status = status;
}

/* Ends the transaction; false: answered with the error. */
static bool end(struct marathon *m, int result, struct gate_err *err, struct gate_http_answer *a)
{
	if (result < 0)
		gate_agent_abort(m->agent);
	if (result == 0 && gate_agent_commit(m->agent, err) == 0)
		return true;
	gate_http_fail(a, err);
	return false;
}

bool gate_m_carry_out(struct marathon *m, const struct gate_http_request *r, struct change *changes, size_t n,
                      bool force, int status, struct gate_http_answer *a)
{
	GATE_AUTO(gate_buf_done) struct gate_buf locks = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;
	int64_t version = 0;
	char id[37], client[80];
	int result;

	if (!force && gate_m_locked(m, changes, n, &locks)) {
		gate_m_change_done(changes, n);
		say_locked(&locks, a);
		return false;
	}
	gate_client_text(r->peer, client);
	gate_agent_begin(m->agent);
	result = gate_m_deploy(m, changes, n, client, r->peer->rights, id, &version, &err);
	for (size_t i = 0; result == 0 && i < n && strcmp(r->method, "DELETE") != 0; i++) {
		const struct app *app = gate_m_shown(m, changes[i].id);

		if (app != NULL)
			gate_m_say_post(m, client, r->path, app->now->app);
	}
	if (!end(m, result, &err, a))
		return false;
	say_deployment(id, version, status, a);
	return true;
}

/* --- deployments --- */

static void deployments_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	struct gate_json j;

	(void)r;
	gate_json_init(&j, &a->body, 0);
	gate_json_array(&j);
	for (const struct deployment *d = m->deployments; d != NULL; d = d->next) {
		gate_json_object(&j);
		gate_m_show_deployment(m, d, &j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	a->status = 200;
}

static void deployment_delete(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	struct deployment *d = m->deployments;
	struct gate_err err = GATE_ERR_INIT;
	bool force = gate_http_query_true(r, "force");
	int64_t version = 0;
	char id[37], client[80];
	int result = 0;

	while (d != NULL && strcmp(d->id, r->tail) != 0)
		d = d->next;
	if (d == NULL) {
		gate_http_say(a, 404, "DeploymentPlan %s does not exist", r->tail);
		return;
	}
	gate_client_text(r->peer, client);
	gate_agent_begin(m->agent);
	if (force)
		gate_m_cancel(m, d);
	else
		result = gate_m_rollback(m, d, client, r->peer->rights, id, &version, &err);
	if (!end(m, result, &err, a))
		return;
	if (force)
		a->status = 202;
	else
		say_deployment(id, version, 200, a);
}

/* --- the queue --- */

static bool queued(const struct app *app)
{
	for (const struct instance *i = app->instances; i != NULL; i = i->next)
		if (!i->stopping && i->task == NULL)
			return true;
	return false;
}

static void queue_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct marathon *m = ctx;
	struct gate_json j;

	(void)r;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "queue");
	gate_json_array(&j);
	for (struct app *app = m->apps; app != NULL; app = app->next) {
		if (app->deleted || !queued(app))
			continue;
		gate_json_object(&j);
		gate_m_show_queue(m, app, &j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	a->status = 200;
}

/* DELETE /v2/queue/APP/delay */
static void queue_delete(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	static const char suffix[] = "/delay";
	struct marathon *m = ctx;
	size_t len = strlen(r->tail), n = sizeof(suffix) - 1;
	char id[GATE_APP_ID_MAX + 2], text[GATE_APP_ID_MAX + 16];
	struct gate_err err = GATE_ERR_INIT;
	struct app *app = NULL;

	if (len <= n || len >= sizeof(text) || strcmp(r->tail + len - n, suffix) != 0) {
		gate_http_say(a, 404, "no such path: DELETE /v2/queue/APP/delay");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.*s", (int)(len - n), r->tail);
	if (gate_app_path(text, id))
		app = gate_m_shown(m, id);
	if (app == NULL || !queued(app)) {
		gate_http_say(a, 404, "Application %s not found in tasks queue.", text);
		return;
	}
	gate_agent_begin(m->agent);
	gate_m_delay_reset(m, app);
	gate_m_soon(m);
	if (end(m, 0, &err, a))
		a->status = 204;
}

/* --- who we are --- */

static void put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void info_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	const struct gate_config *c = gate_agent_config(((struct marathon *)ctx)->agent);
	struct gate_json j;

	(void)r;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	put(&j, "name", "marathon");
	put(&j, "version", "1.11.24"); /* whose calls these are: clients choose theirs by it */
	put(&j, "buildref", "callgate");
	put(&j, "callgate", c->version);
	gate_json_key(&j, "elected");
	gate_json_bool(&j, true);
	put(&j, "leader", c->hostname);
	put(&j, "frameworkId", "callgate");
	gate_json_key(&j, "marathon_config");
	gate_json_object(&j);
	gate_json_key(&j, "features");
	gate_json_array(&j);
	gate_json_end(&j, ']');
	put(&j, "framework_name", "marathon");
	put(&j, "hostname", c->hostname);
	put(&j, "mesos_role", GATE_ROLE);
	gate_json_key(&j, "ha");
	gate_json_bool(&j, false);
	gate_json_key(&j, "checkpoint");
	gate_json_bool(&j, true);
	gate_json_key(&j, "local_port_min");
	gate_json_u64(&j, c->port_low);
	gate_json_key(&j, "local_port_max");
	gate_json_u64(&j, c->port_high);
	gate_json_end(&j, '}');
	gate_json_end(&j, '}');
	a->status = 200;
}

static void leader_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_json j;

	(void)r;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	put(&j, "leader", gate_agent_config(((struct marathon *)ctx)->agent)->hostname);
	gate_json_end(&j, '}');
	a->status = 200;
}

static void ping(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	(void)r;
	a->type = "text/plain";
	gate_buf_puts(&a->body, "pong");
	a->status = 200;
}

static void gauge(void *ctx, const char *name, double value)
{
	struct gate_json *j = ctx;

	gate_json_key(j, name);
	gate_json_object(j);
	gate_json_key(j, "value");
	gate_json_double(j, value);
	gate_json_end(j, '}');
}

/* Dropwizard's shape, which Marathon's /metrics has. */
static void metrics_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	static const char *const empty[] = { "counters", "histograms", "meters", "timers" };
	struct marathon *m = ctx;
	struct gate_json j;
	double apps = 0, deployments = 0;

	(void)r;
	for (const struct app *app = m->apps; app != NULL; app = app->next)
		apps += !app->deleted;
	for (const struct deployment *d = m->deployments; d != NULL; d = d->next)
		deployments++;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	put(&j, "version", "4.0.0");
	gate_json_key(&j, "gauges");
	gate_json_object(&j);
	gauge(&j, "marathon.apps.active.gauge", apps);
	gauge(&j, "marathon.deployments.active.gauge", deployments);
	gate_metrics(m->agent, gauge, &j);
	gate_json_end(&j, '}');
	for (size_t i = 0; i < GATE_ARRAY_LEN(empty); i++) {
		gate_json_key(&j, empty[i]);
		gate_json_object(&j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, '}');
	a->status = 200;
}

static void no_groups(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	(void)r;
	gate_http_say(a, 501, "groups are not built: apps have paths, and PUT /v2/apps takes several of them at once");
}

static void no_pods(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	(void)r;
	gate_http_say(a, 501, "pods are not built: nested containers are started through Mesos' operator API");
}

static void no_leader_change(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	(void)r;
	gate_http_say(a, 501, "there is nobody else who could lead");
}

#define READ   GATE_RIGHT_READ
#define LAUNCH GATE_RIGHT_LAUNCH
#define KILL   GATE_RIGHT_KILL
#define ALL(path, fn)                                                                                                  \
	{ "GET", path, READ, false, fn, NULL }, { "POST", path, READ, true, fn, NULL },                                \
	    { "PUT", path, READ, true, fn, NULL },                                                                     \
	{                                                                                                              \
		"DELETE", path, READ, true, fn, NULL                                                                   \
	}

const struct gate_http_route gate_m_routes[] = {
	{ "GET", "/v2/apps", READ, false, gate_m_apps_get, NULL },
	{ "POST", "/v2/apps", LAUNCH, true, gate_m_apps_post, NULL },
	{ "PUT", "/v2/apps", LAUNCH, true, gate_m_apps_put, NULL },
	{ "PATCH", "/v2/apps", LAUNCH, true, gate_m_apps_patch, NULL },
	{ "GET", "/v2/apps/*", READ, false, gate_m_app_get, NULL },
	{ "POST", "/v2/apps/*", LAUNCH, true, gate_m_app_post, NULL },
	{ "PUT", "/v2/apps/*", LAUNCH, true, gate_m_app_put, NULL },
	{ "PATCH", "/v2/apps/*", LAUNCH, true, gate_m_app_patch, NULL },
	{ "DELETE", "/v2/apps/*", KILL, true, gate_m_app_delete, NULL },
	{ "GET", "/v2/tasks", READ, false, gate_m_tasks_get, NULL },
	{ "POST", "/v2/tasks/delete", KILL, true, gate_m_tasks_post, NULL },
	{ "GET", "/v2/deployments", READ, false, deployments_get, NULL },
	{ "DELETE", "/v2/deployments/*", LAUNCH, true, deployment_delete, NULL },
	{ "GET", "/v2/queue", READ, false, queue_get, NULL },
	{ "DELETE", "/v2/queue/*", LAUNCH, true, queue_delete, NULL },
	{ "GET", "/v2/info", READ, false, info_get, NULL },
	{ "GET", "/v2/leader", READ, false, leader_get, NULL },
	{ "DELETE", "/v2/leader", LAUNCH, true, no_leader_change, NULL },
	{ "GET", "/ping", READ, false, ping, NULL },
	{ "GET", "/metrics", READ, false, metrics_get, NULL },
	ALL("/v2/groups", no_groups),
	ALL("/v2/groups/*", no_groups),
	ALL("/v2/pods", no_pods),
	ALL("/v2/pods/*", no_pods),
	{ 0 },
};
