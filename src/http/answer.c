/* answer.c - what goes back: at once, or later. */
#include <stdarg.h>
#include <stdio.h>

#include "doc/doc.h"
#include "http/server.h"

struct gate_http_pending {
	struct talk *talk;
	void (*gone)(void *ctx);
	void *ctx;
};

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
	gate_json_textn(&j, text.data ? text.data : "", text.len);
	gate_json_end(&j, '}');
	gate_buf_done(&text);
}

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
	if (err->line)
		gate_http_say(a, gate_http_status(err), "%u:%u: %s", err->line, err->column, err->text);
	else
		gate_http_say(a, gate_http_status(err), "%s", err->text);
}

static struct MHD_Response *make_response(struct gate_http_answer *a)
{
	size_t len = a->body.len;
	struct MHD_Response *r;

	if (a->stream)
		return gate_stream_response(a->stream);
	if (!a->body.data)
		return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	r = MHD_create_response_from_buffer(len, a->body.data, MHD_RESPMEM_MUST_FREE);
	if (r)
		a->body = (struct gate_buf)GATE_BUF_INIT;
	return r;
}

static void add_headers(struct MHD_Response *r, const struct gate_http_answer *a, const char *type, bool close)
{
	char number[16];
	const struct {
		const char *name, *value;
	} all[] = {
		{ "Content-Type", type },
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
		{ "Location", a->location },
		{ "Marathon-Deployment-Id", a->deployment },
		{ "Allow", a->allow },
		{ "Retry-After", number },
		{ "Connection", close ? "close" : "" },
	};

	snprintf(number, sizeof(number), "%d", a->retry_after);
	if (!a->retry_after)
		*number = 0;
	for (size_t i = 0; i < GATE_ARRAY_LEN(all); i++)
		if (*all[i].value)
			MHD_add_response_header(r, all[i].name, all[i].value);
}

void gate_talk_respond(struct talk *t, struct gate_http_answer *a, bool close)
{
	struct gate_http *h = t->conn->side->http;
	struct gate_http_request r = { .method = t->method,
		                       .path = t->path ? t->path : t->uri,
		                       .tail = "",
		                       .body = "",
		                       .peer = &t->conn->peer,
		                       .impl = t };
	const char *type;

	if (a->body.failed)
		gate_http_say(a, 503, "out of memory");
	else if (!a->status && !a->stream)
		gate_http_say(a, 500, "no answer");
	type = a->type ? a->type : a->body.len ? "application/json" : "";
	t->status = a->status ? a->status : 200;
	t->response = make_response(a);
	if (t->response)
		add_headers(t->response, a, type, close);
	gate_buf_done(&a->body);
	if (h->config.answered)
		h->config.answered(h->config.ctx, &r, t->status, gate_loop_now() - t->began_ms);
}

/* --- later --- */
static void left(void *ctx, uint32_t events)
{
	struct talk *t = ctx;

	(void)events;
	gate_loop_unwatch(t->conn->leaving);
	t->conn->leaving = NULL;
	t->left = true;
	gate_talk_gone(t);
	gate_talk_dirty(t);
}

void gate_talk_suspend(struct talk *t)
{
	struct conn *c = t->conn;

	/* libmicrohttpd does not look at a suspended connection; we do. Without a watch (no memory) the client is noticed when
	 * the answer is sent. */
	if (!c->leaving && !t->left)
		gate_loop_watch(c->side->http->loop, c->fd, EPOLLRDHUP, left, t, &c->leaving, NULL);
	t->suspended = true;
	MHD_suspend_connection(c->mhd);
}

void gate_talk_dirty(struct talk *t)
{
	struct gate_http *h = t->conn->side->http;

	if (t->dirty)
		return;
	t->dirty = true;
	t->next_dirty = h->dirty;
	h->dirty = t;
}

void gate_talk_gone(struct talk *t)
{
	struct gate_http_pending *p = t->pending;

	if (p && p->gone && !t->response) {
		void (*gone)(void *ctx) = p->gone;
		p->gone = NULL;
		gone(p->ctx);
	}
	if (t->stream)
		gate_stream_gone(t->stream);
}

struct gate_http_pending *gate_http_later(const struct gate_http_request *r, struct gate_http_answer *a,
                                          void (*gone)(void *ctx), void *ctx)
{
	struct talk *t = (struct talk *)(uintptr_t)r->impl;
	struct gate_http_pending *p = gate_arena_alloc(&t->arena, sizeof(*p));

	if (!p) {
		a->body.failed = true;
		return NULL;
	}
	*p = (struct gate_http_pending){ t, gone, ctx };
	t->pending = a->later = p;
	return p;
}

void gate_http_finish(struct gate_http_pending *p, struct gate_http_answer *a)
{
	struct talk *t = p->talk;

	GATE_CHECK(!t->response);
	p->gone = NULL; /* also when the response has been sent and is forgotten: whoever waits for it is no more */
	gate_talk_respond(t, a, false);
	if (t->suspended)
		gate_talk_dirty(t);
}
