/* The functions of http/http.h without a server: a test calls, the handler answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake.h"

struct request {
	char *query; /* decoded in place when asked for */
	const char *header, *value;
	struct fake_answer *answer;
	struct query {
		char *name, *value;
	} queries[64];
	size_t n;
};
struct gate_http_pending {
	struct fake_answer *answer;
	void (*gone)(void *ctx);
	void *ctx;
};
struct gate_http_stream {
	struct gate_buf text;
	size_t room;
	bool ended;
	void (*gone)(void *ctx);
	void *ctx;
};

static char hex(char c)
{
	return (char)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static void decode(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (*s == '%' && s[1] != '\0' && s[2] != '\0') {
			*to++ = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		} else {
			*to++ = *s == '+' ? ' ' : *s;
		}
	}
	*to = '\0';
}

static void split(struct request *r)
{
	for (char *at = r->query; at != NULL && *at != '\0' && r->n < 64;) {
		char *part = strsep(&at, "&"), *value = strchr(part, '=');

		if (value != NULL)
			*value++ = '\0';
		else
			value = part + strlen(part);
		decode(part);
		decode(value);
		r->queries[r->n++] = (struct query){ part, value };
	}
}

const char *gate_http_query_next(const struct gate_http_request *r, const char *name, const char *last)
{
	const struct request *q = r->impl;
	bool past = last == NULL;

	for (size_t i = 0; i < q->n; i++) {
		if (past && strcmp(q->queries[i].name, name) == 0)
			return q->queries[i].value;
		past = past || q->queries[i].value == last;
	}
	return NULL;
}

const char *gate_http_query(const struct gate_http_request *r, const char *name)
{
	return gate_http_query_next(r, name, NULL);
}

bool gate_http_query_true(const struct gate_http_request *r, const char *name)
{
	const char *v = gate_http_query(r, name);

	return v != NULL && (v[0] == '\0' || strcmp(v, "true") == 0 || strcmp(v, "1") == 0);
}

const char *gate_http_header(const struct gate_http_request *r, const char *name)
{
	const struct request *q = r->impl;

	return q->header != NULL && strcasecmp(q->header, name) == 0 ? q->value : NULL;
}

bool gate_http_accepts(const struct gate_http_request *r, const char *type)
{
	const char *accept = gate_http_header(r, "Accept");

	return accept == NULL || strstr(accept, type) != NULL || strstr(accept, "*/*") != NULL;
}

void gate_http_say(struct gate_http_answer *a, int status, const char *format, ...)
{
	struct gate_buf text = GATE_BUF_INIT;
	struct gate_json j;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&text, format, ap);
	va_end(ap);
	gate_buf_done(&a->body);
	a->body = (struct gate_buf)GATE_BUF_INIT;
	a->status = status;
	a->type = NULL;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "message");
	gate_json_textn(&j, text.data != NULL ? text.data : "", text.len);
	gate_json_end(&j, '}');
	gate_buf_done(&text);
}

/* The same table as src/http/answer.c. */
int gate_http_status(const struct gate_err *err)
{
	static const int status[GATE_ERRC_MAX] = {
		[GATE_E_NOMEM] = 503,       [GATE_E_SYS] = 500,     [GATE_E_SYNTAX] = 400,   [GATE_E_INVALID] = 422,
		[GATE_E_UNSUPPORTED] = 422, [GATE_E_LIMIT] = 413,   [GATE_E_NOTFOUND] = 404, [GATE_E_DENIED] = 403,
		[GATE_E_CONFLICT] = 409,    [GATE_E_NOSPACE] = 507, [GATE_E_PROTO] = 502,    [GATE_E_UNPROVEN] = 500,
	};

	return err->code > GATE_OK && err->code < GATE_ERRC_MAX ? status[err->code] : 500;
}

void gate_http_fail(struct gate_http_answer *a, const struct gate_err *err)
{
	if (err->line != 0)
		gate_http_say(a, gate_http_status(err), "%u:%u: %s", err->line, err->column, err->text);
	else
		gate_http_say(a, gate_http_status(err), "%s", err->text);
}

static void give(struct fake_answer *to, struct gate_http_answer *a)
{
	to->status = a->status != 0 ? a->status : 500;
	to->type = a->type;
	to->retry_after = a->retry_after;
	(void)strcpy(to->location, a->location);
	(void)strcpy(to->deployment, a->deployment);
	free(to->body);
	to->body = a->body.data != NULL ? gate_buf_take(&a->body) : strdup("");
	to->waiting = false;
}

struct gate_http_pending *gate_http_later(const struct gate_http_request *r, struct gate_http_answer *a,
                                          void (*gone)(void *ctx), void *ctx)
{
	struct gate_http_pending *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	*p = (struct gate_http_pending){ ((const struct request *)r->impl)->answer, gone, ctx };
	a->later = p;
	return p;
}

void gate_http_finish(struct gate_http_pending *p, struct gate_http_answer *a)
{
	give(p->answer, a);
	free(p);
}

struct gate_http_stream *gate_http_open_stream(const struct gate_http_request *r, struct gate_http_answer *a,
                                               const char *type, void (*gone)(void *ctx), void *ctx)
{
	struct gate_http_stream *s = calloc(1, sizeof(*s));

	(void)r;
	assert_non_null(s);
	*s = (struct gate_http_stream){ .room = SIZE_MAX, .gone = gone, .ctx = ctx };
	a->stream = s;
	a->type = type;
	a->status = 200;
	return s;
}

void gate_http_stream_add(struct gate_http_stream *s, const void *bytes, size_t len)
{
	assert_true(len <= s->room);
	gate_buf_add(&s->text, bytes, len);
	if (s->room != SIZE_MAX)
		s->room -= len;
}

size_t gate_http_stream_room(const struct gate_http_stream *s)
{
	return s->room;
}

void gate_http_stream_end(struct gate_http_stream *s)
{
	s->ended = true;
}

/* --- calling --- */
void fake_routes(struct fake *f, const struct gate_http_route *table, void *ctx)
{
	struct fake_route *r = calloc(1, sizeof(*r)), **at = &f->routes;

	assert_non_null(r);
	*r = (struct fake_route){ .table = table, .ctx = ctx };
	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
}

static bool matches(const char *pattern, const char *path, const char **tail)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*') {
		*tail = path + len - 1;
		return strncmp(pattern, path, len - 1) == 0;
	}
	*tail = "";
	return strcmp(pattern, path) == 0;
}

static void dispatch(struct fake *f, struct gate_http_request *r, struct gate_http_answer *a)
{
	bool path_known = false;

	for (struct fake_route *t = f->routes; t != NULL; t = t->next) {
		for (const struct gate_http_route *x = t->table; x->method != NULL; x++) {
			const char *tail;

			if (!matches(x->pattern, r->path, &tail))
				continue;
			path_known = true;
			if (strcmp(x->method, r->method) != 0)
				continue;
			r->tail = tail;
			if ((x->right & ~f->rights) != 0)
				gate_http_say(a, 403, "not allowed");
			else if (!gate_agent_recovered(f->agent))
				gate_http_say(a, 503, "Agent has not finished recovery");
			else
				x->fn(x->ctx != NULL ? x->ctx : t->ctx, r, a);
			return;
		}
	}
	gate_http_say(a, path_known ? 405 : 404, "no such path");
}

void fake_call_with(struct fake *f, const char *method, const char *url, const char *header, const char *value,
                    const char *body, struct fake_answer *ret)
{
	const struct gate_http_peer peer = { .local = true, .uid = 1000, .gid = 1000, .pid = 42, .rights = f->rights };
	struct request q = { .header = header, .value = value, .answer = ret };
	struct gate_http_answer a = { 0 };
	char *path = strdup(url), *text = strdup(body != NULL ? body : "");
	struct gate_http_request r = { .method = method, .path = path, .tail = "", .body = text, .peer = &peer, .impl = &q };

	assert_true(path != NULL && text != NULL);
	r.body_len = strlen(text);
	q.query = strchr(path, '?');
	if (q.query != NULL)
		*q.query++ = '\0';
	for (char *p = path; *p != '\0'; p++)
		assert_true(*p != '+'); /* in a path it would stand for itself */
	decode(path);
	split(&q);
	*ret = (struct fake_answer){ 0 };
	dispatch(f, &r, &a);
	if (a.later == NULL)
		give(ret, &a);
	ret->waiting = a.later != NULL && ret->status == 0;
	ret->stream = a.stream;
	free(path);
	free(text);
	fake_turn(f);
}

void fake_call(struct fake *f, const char *method, const char *url, const char *body, struct fake_answer *ret)
{
	fake_call_with(f, method, url, NULL, NULL, body, ret);
}

const char *fake_stream_text(const struct fake_answer *a)
{
	return a->stream->text.data != NULL ? a->stream->text.data : "";
}

void fake_stream_room(const struct fake_answer *a, size_t room)
{
	a->stream->room = room;
}

void fake_answer_done(struct fake_answer *a)
{
	if (a->stream != NULL) {
		if (!a->stream->ended)
			a->stream->gone(a->stream->ctx);
		gate_buf_done(&a->stream->text);
		free(a->stream);
	}
	free(a->body);
	*a = (struct fake_answer){ 0 };
}
