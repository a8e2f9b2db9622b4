#include "agent/profiles.h"
#include "front/front.h"

struct entry {
	struct gate_agent *agent;
	const struct gate_http_route *route;
	void *ctx; /* of the route's owner */
};
struct table {
	struct table *next;
	struct gate_http_route *routes;
	struct entry *entries;
};
struct gate_guard {
	struct table *tables;
};

/* --- each request --- */
static void guarded(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	const struct entry *e = ctx;
	char client[80];

	if (!gate_agent_recovered(e->agent)) {
		gate_http_say(answer, 503, "Agent has not finished recovery");
		answer->retry_after = 1;
		return;
	}
	if (!e->route->writes) {
		e->route->fn(e->ctx, r, answer);
		return;
	}
	gate_client_text(r->peer, client);
	gate_audit_add(e->agent, client, r->method, r->path, 0);
	e->route->fn(e->ctx, r, answer);
	gate_audit_drop(e->agent); /* nothing was changed: no row */
}

void gate_guard_answered(void *ctx, const struct gate_http_request *r, int status, int64_t took_ms)
{
	struct gate_agent *a = *(struct gate_agent **)ctx;
	char client[80];

	if (a == NULL)
		return;
	gate_metric_answered(a, status, took_ms);
	if ((status != 401 && status != 403) || r == NULL || r->peer == NULL)
		return;
	gate_client_text(r->peer, client);
	gate_audit_add(a, client, r->method, r->path, status);
}

/* All that a row gives to this peer. Root may everything; who is in no row may nothing. */
uint32_t gate_guard_rights(void *ctx, const struct gate_http_peer *peer)
{
	struct gate_agent *a = *(struct gate_agent **)ctx;
	const struct gate_config *c = a == NULL ? NULL : gate_agent_config(a);
	uint32_t rights = 0;

	if (peer->local && peer->uid == 0)
		return GATE_RIGHT_ALL;
	for (size_t i = 0; c != NULL && i < c->n_acl; i++) {
		const struct gate_acl *row = &c->acl[i];
		bool named = row->subject != NULL;

		if (named ? peer->subject != NULL && strcmp(peer->subject, row->subject) == 0
		          : peer->local && (row->uid < 0 || row->uid == peer->uid) &&
		                (row->gid < 0 || row->gid == peer->gid))
			rights |= row->rights;
	}
	return rights;
}

/* --- tables --- */
static int add(struct gate_guard *g, struct gate_agent *a, struct gate_http *h, const struct gate_http_route *table,
               void *ctx, struct gate_err *err)
{
	struct table *t = calloc(1, sizeof(*t));
	size_t n = 0;

	while (table[n].method != NULL)
		n++;
	if (t == NULL)
		return GATE_FAIL_NOMEM(err);
	t->next = g->tables;
	g->tables = t;
	t->routes = calloc(n + 1, sizeof(*t->routes));
	t->entries = calloc(n + 1, sizeof(*t->entries));
	if (t->routes == NULL || t->entries == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < n; i++) {
		t->entries[i] = (struct entry){ a, &table[i], table[i].ctx != NULL ? table[i].ctx : ctx };
		t->routes[i] = table[i];
		t->routes[i].fn = guarded;
		t->routes[i].ctx = &t->entries[i];
	}
	return gate_http_add(h, t->routes, NULL, err);
}

GATE_DEFINE_FREEP(struct gate_guard, gate_guard_close)

int gate_guard_open(struct gate_agent *a, struct gate_http *h, struct gate_guard **ret, struct gate_err *err)
{
	GATE_AUTO(gate_guard_closep) struct gate_guard *g = calloc(1, sizeof(*g));
	const struct gate_scheduler *s;

	if (g == NULL)
		return GATE_FAIL_NOMEM(err);
	if (add(g, a, h, gate_agent_routes, a, err) < 0 ||
	    add(g, a, h, gate_profiles_routes, gate_agent_profiles(a), err) < 0)
		return -1;
	for (size_t i = 0; (s = gate_agent_scheduler(a, i)) != NULL; i++)
		if (s->routes != NULL && add(g, a, h, s->routes, s->self, err) < 0)
			return -1;
	*ret = GATE_TAKE(&g);
	return 0;
}

void gate_guard_close(struct gate_guard *g)
{
	while (g != NULL && g->tables != NULL) {
		struct table *t = g->tables;

		g->tables = t->next;
		free(t->routes);
		free(t->entries);
		free(t);
	}
	free(g);
}
