/* route.c - which handler a request is for. Tables are short: they are looked through in order. */
#include <stdio.h>

#include "http/server.h"

int gate_http_add(struct gate_http *h, const struct gate_http_route *table, void *ctx, struct gate_err *err)
{
	for (const struct gate_http_route *r = table; r->method; r++) {
		/* No change by GET: a link or an image in a page may not do anything. */
		GATE_CHECK(!r->writes || strcmp(r->method, "GET") != 0);
		GATE_CHECK(r->pattern[0] == '/' && r->fn);
	}
	if (gate_grow(&h->tables, h->n_tables, &h->cap_tables, sizeof(*h->tables)) < 0)
		return GATE_FAIL_NOMEM(err);
	h->tables[h->n_tables++] = (struct table){ table, ctx };
	return 0;
}

/* What the star stands for, or NULL: no match. */
static const char *match(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return strncmp(pattern, path, len - 1) == 0 ? path + len - 1 : NULL;
	return strcmp(pattern, path) == 0 ? "" : NULL;
}

static bool same_method(const char *route, const char *asked)
{
	return strcmp(route, asked) == 0 || (strcmp(route, "GET") == 0 && strcmp(asked, "HEAD") == 0);
}

static void allow(struct gate_http_answer *a, const char *method)
{
	size_t len = strlen(a->allow), n = strlen(method);
	const char *found = strstr(a->allow, method);

	if ((found && (found[n] == ',' || !found[n])) || len + n + 3 > sizeof(a->allow))
		return;
	snprintf(a->allow + len, sizeof(a->allow) - len, "%s%s", len ? ", " : "", method);
}

const struct gate_http_route *gate_route_find(struct talk *t, struct gate_http_answer *a)
{
	const struct gate_http *h = t->conn->side->http;

	for (size_t i = 0; i < h->n_tables; i++)
		for (const struct gate_http_route *r = h->tables[i].routes; r->method; r++) {
			const char *tail = match(r->pattern, t->path);
			if (tail && same_method(r->method, t->method)) {
				t->tail = tail;
				t->route_ctx = h->tables[i].ctx;
				return r;
			}
			if (tail)
				allow(a, r->method);
		}
	if (*a->allow)
		gate_http_say(a, 405, "the method %s is not allowed here", t->method);
	else
		gate_http_say(a, 404, "there is nothing at '%s'", t->path);
	return NULL;
}
