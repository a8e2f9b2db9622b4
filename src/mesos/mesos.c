/* The scheduler: what changes elsewhere, and requests that wait. */
#include <stdio.h>

#include "mesos/parts.h"

#define POLL_MS 500 /* containers of other schedulers do not tell us */

static const struct gate_http_route routes[] = {
	{ "POST", "/api/v1", GATE_RIGHT_READ, true, gate_mesos_post, NULL },
	{ "GET", "/state", GATE_RIGHT_READ, false, gate_mesos_state, NULL },
	{ "GET", "/slave(1)/state", GATE_RIGHT_READ, false, gate_mesos_state, NULL },
	{ "GET", "/containers", GATE_RIGHT_READ, false, gate_mesos_containers_get, NULL },
	{ "GET", "/monitor/statistics", GATE_RIGHT_READ, false, gate_mesos_statistics_get, NULL },
	{ "GET", "/flags", GATE_RIGHT_READ, false, gate_mesos_flags, NULL },
	{ "GET", "/health", GATE_RIGHT_READ, false, gate_mesos_health, NULL },
	{ "GET", "/version", GATE_RIGHT_READ, false, gate_mesos_version, NULL },
	{ "GET", "/metrics/snapshot", GATE_RIGHT_READ, false, gate_mesos_metrics, NULL },
	{ "GET", "/files/browse", GATE_RIGHT_READ, false, gate_mesos_browse, NULL },
	{ "GET", "/files/read", GATE_RIGHT_READ, false, gate_mesos_read, NULL },
	{ "GET", "/files/download", GATE_RIGHT_READ, false, gate_mesos_download, NULL },
	{ 0 },
};

/* --- requests that wait --- */

static void gone(void *ctx)
{
	struct waiter *w = ctx, **at = &w->m->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

struct waiter *gate_mesos_await(struct call *c, const char *container, enum wait_for what)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		gate_mesos_say(c->a, 503, "out of memory");
		return NULL;
	}
	*w = (struct waiter){ .m = c->m, .what = what, .call = c->type };
	(void)snprintf(w->container, sizeof(w->container), "%s", container);
	w->pending = gate_http_later(c->r, c->a, gone, w);
	if (w->pending == NULL) {
		free(w);
		return NULL;
	}
	w->next = c->m->waiters;
	c->m->waiters = w;
	gate_agent_wake(c->m->agent, c->m, gate_agent_now(c->m->agent) + POLL_MS);
	return w;
}

void gate_mesos_forget(struct gate_mesos *m)
{
	while (m->waiters != NULL) {
		struct gate_http_answer a = { .status = 0 };
		struct waiter *w = m->waiters;

		m->waiters = w->next;
		gate_mesos_say(&a, 503, "the agent is going away");
		gate_http_finish(w->pending, &a);
		free(w);
	}
}

/* --- the scheduler --- */

/* Mesos destroys what is nested in a container with it. */
static bool end_children(struct gate_mesos *m)
{
	bool some = false;

	for (struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next) {
		const struct gate_agent_task *parent;

		if (t->parent == NULL || gate_state_ended(t->state))
			continue;
		parent = gate_tasks_container(m->agent, t->parent);
		some = true;
		if ((parent == NULL || gate_state_ended(parent->state)) && t->state != GATE_STATE_KILLING)
			gate_tasks_kill(m->agent, t, 9, 0);
	}
	return some;
}

static void task(void *self, struct gate_agent_task *t, enum gate_state before)
{
	struct gate_mesos *m = self;

	(void)before;
	if (gate_state_ended(t->state))
		(void)end_children(m);
	if (m->waiters != NULL)
		gate_agent_after(m->agent, gate_mesos_answer_waiters, m);
	if (t->parent != NULL && !gate_state_ended(t->state))
		gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + POLL_MS);
}

static void tick(void *self)
{
	struct gate_mesos *m = self;
	bool nested = end_children(m);

	if (m->waiters != NULL)
		gate_agent_after(m->agent, gate_mesos_answer_waiters, m);
	if (nested || m->waiters != NULL)
		gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + POLL_MS);
}

static int load(void *self, struct gate_agent *a, struct gate_err *err)
{
	struct gate_mesos *m = self;

	gate_agent_wake(a, m, gate_agent_now(a) + POLL_MS);
	return gate_mesos_info_load(m, err);
}

static void close_it(void *self)
{
	gate_mesos_forget(self);
	free(self);
}

int gate_mesos_open(struct gate_agent *a, struct gate_err *err)
{
	struct gate_mesos *m = calloc(1, sizeof(*m));
	const struct gate_scheduler s = {
		.name = "mesos",
		.owner = GATE_OWNER_OPERATOR,
		.load = load,
		.task = task,
		.tick = tick,
		.close = close_it,
		.routes = routes,
		.self = m,
	};

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	m->agent = a;
	if (gate_agent_add(a, &s, err) < 0) {
		free(m);
		return -1;
	}
	return 0;
}
