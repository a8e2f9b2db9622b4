/* KILL_CONTAINER, REMOVE_CONTAINER, GET_CONTAINERS and /containers. */
#include <signal.h>

#include "base/num.h"
#include "mesos/parts.h"

/* A signal that is not SIGKILL is only sent, as in Mesos: no SIGKILL comes after it by itself. */
#define NEVER_MS UINT64_C(315360000000)

static bool signal_of(const struct gate_doc *d, int *ret)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM };
	uint64_t n;

	*ret = SIGKILL;
	if (d == NULL || d->kind == GATE_DOC_NULL)
		return true;
	if (d->kind != GATE_DOC_NUMBER || gate_u64_parse(d->text, d->len, 64, &n) < 0)
		return false;
	*ret = (int)n;
	for (size_t i = 0; i < GATE_ARRAY_LEN(ending); i++)
		if (ending[i] == (int)n)
			return true;
	return false;
}

void gate_mesos_kill(struct call *c)
{
	struct gate_agent *a = c->m->agent;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_agent_task *t = NULL;
	struct gate_mesos_id id;
	char client[80];
	int sig;

	if (!gate_mesos_target(c, &id, &t))
		return;
	if (!signal_of(gate_doc_member(c->arg, "signal"), &sig)) {
		gate_mesos_say(
		    c->a, 400,
		    "Failed to validate agent::Call: only signals that end a container are sent: 1, 2, 3, 9, 15");
		return;
	}
	if (t == NULL || gate_state_ended(t->state)) {
		gate_mesos_say(c->a, 404, "Container '%s' cannot be found (or is already killed)", id.name);
		return;
	}
	gate_client_text(c->r->peer, client);
	gate_agent_begin(a);
	gate_tasks_kill(a, t, sig, sig == SIGKILL ? 0 : NEVER_MS);
	gate_audit_add(a, client, "POST", "/api/v1 KILL_CONTAINER", 0);
	if (gate_agent_commit(a, &err) < 0)
		gate_mesos_fail(c->a, &err);
	else
		c->a->status = 200;
}

/* With what is nested in it. */
static void collect(struct gate_agent *a, const char *container)
{
	struct gate_agent_task *t, *next;

	for (t = gate_tasks_first(a); t != NULL; t = next) {
		next = t->next;
		if (t->parent != NULL && strcmp(t->parent, container) == 0 && gate_state_ended(t->state))
			collect(a, t->container);
	}
	t = gate_tasks_container(a, container);
	if (t != NULL)
		gate_tasks_collect(a, t);
}

void gate_mesos_remove(struct call *c)
{
	struct gate_agent *a = c->m->agent;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_agent_task *t = NULL;
	struct gate_mesos_id id;
	char client[80];

	if (!gate_mesos_target(c, &id, &t))
		return;
	if (t == NULL) {
		c->a->status = 200; /* as in Mesos: it is gone, which is what was asked for */
		return;
	}
	if (t->owner != GATE_OWNER_OPERATOR) {
		gate_mesos_say(c->a, 409, "Container '%s' belongs to %s", id.name, gate_mesos_framework(t));
		return;
	}
	if (!gate_state_ended(t->state)) {
		gate_mesos_say(c->a, 500, "%s has not terminated yet",
		               t->parent != NULL ? "Nested container" : "Container");
		return;
	}
	gate_client_text(c->r->peer, client);
	gate_agent_begin(a);
	collect(a, id.name);
	gate_audit_add(a, client, "POST", "/api/v1 REMOVE_CONTAINER", 0);
	if (gate_agent_commit(a, &err) < 0)
		gate_mesos_fail(c->a, &err);
	else
		c->a->status = 200;
}

/* --- showing --- */

static void put_container(struct gate_mesos *m, struct gate_agent_task *t, struct gate_json *j)
{
	gate_json_object(j);
	gate_mesos_put_id(m, t, "container_id", j);
	if (t->owner != GATE_OWNER_OPERATOR) {
		gate_mesos_put_value(j, "executor_id", t->id);
		gate_mesos_put_value(j, "framework_id", gate_mesos_framework(t));
		gate_mesos_put(j, "executor_name", t->name);
	}
	gate_mesos_put_status(m, t, j);
	gate_json_key(j, "resource_statistics");
	gate_mesos_put_statistics(m, t, j);
	gate_json_end(j, '}');
}

static bool shown(const struct gate_agent_task *t, bool nested, bool standalone)
{
	if (gate_state_ended(t->state))
		return false;
	if (t->parent != NULL)
		return nested;
	return t->owner != GATE_OWNER_OPERATOR || standalone;
}

static bool on(const struct gate_doc *arg, const char *key)
{
	const struct gate_doc *d = gate_doc_member(arg, key);

	return d != NULL && d->kind == GATE_DOC_BOOL && d->text[0] == 't';
}

void gate_mesos_get_containers(struct call *c)
{
	bool nested = on(c->arg, "show_nested"), standalone = on(c->arg, "show_standalone");
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "containers");
	gate_json_array(&j);
	for (struct gate_agent_task *t = gate_tasks_first(c->m->agent); t != NULL; t = t->next)
		if (shown(t, nested, standalone))
			put_container(c->m, t, &j);
	gate_json_end(&j, ']');
	gate_mesos_end(c, &j);
}

/* The older form: ids are texts, and everything is one level up. */
static void put_flat(struct gate_mesos *m, struct gate_agent_task *t, bool status, struct gate_json *j)
{
	gate_json_object(j);
	gate_mesos_put(j, "container_id", t->container);
	gate_mesos_put(j, "executor_id", t->id);
	gate_mesos_put(j, "executor_name", t->name);
	gate_mesos_put(j, "framework_id", gate_mesos_framework(t));
	gate_mesos_put(j, "source", t->id);
	if (status)
		gate_mesos_put_status(m, t, j);
	gate_json_key(j, "statistics");
	gate_mesos_put_statistics(m, t, j);
	gate_json_end(j, '}');
}

static void list(struct gate_mesos *m, const struct gate_http_request *r, bool status, struct gate_http_answer *a)
{
	const char *id = gate_http_query(r, "container_id"), *framework = gate_http_query(r, "framework_id"),
		   *executor = gate_http_query(r, "executor_id");
	struct gate_json j;

	gate_json_init(&j, &a->body, 0);
	gate_json_array(&j);
	for (struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next)
		if (!gate_state_ended(t->state) && (id == NULL || strcmp(id, t->container) == 0) &&
		    (framework == NULL || strcmp(framework, gate_mesos_framework(t)) == 0) &&
		    (executor == NULL || strcmp(executor, t->id) == 0))
			put_flat(m, t, status, &j);
	gate_json_end(&j, ']');
	a->status = 200;
}

void gate_mesos_containers_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	list(ctx, r, true, a);
}

void gate_mesos_statistics_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	list(ctx, r, false, a);
}
