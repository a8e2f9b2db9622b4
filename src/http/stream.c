/* stream.c - endless answers: a queue of pieces for each client, bounded, so that a slow one costs only itself. */
#include <stdio.h>

#include "http/server.h"

/* The same bytes usually go to every client: they are kept once. */
struct piece {
	unsigned refs;
	size_t len;
	char bytes[];
};

struct gate_http_stream {
	struct gate_http *http;
	struct talk *talk; /* NULL: its request is over */
	unsigned refs;     /* of the request and of libmicrohttpd's response */
	const char *type;
	bool events; /* text/event-stream: gaps can be told */
	void (*gone)(void *ctx);
	void *ctx;
	bool ended, overflown;
	struct piece **queue; /* a ring */
	size_t cap, first, n, offset, bytes;
	uint64_t dropped;
	int64_t spoke_ms;
};

static void drop_piece(struct piece *p)
{
	if (p && --p->refs == 0)
		free(p);
}

static void drop_stream(struct gate_http_stream *s)
{
	if (--s->refs > 0)
		return;
	for (; s->n > 0; s->n--, s->first++)
		drop_piece(s->queue[s->first % s->cap]);
	free(s->queue);
	free(s);
}

void gate_stream_forget(struct gate_http *h)
{
	drop_piece(h->newest);
	h->newest = NULL;
}

/* A piece with these bytes that is the caller's: the newest one, when they are the same. */
static struct piece *get_piece(struct gate_http *h, const void *bytes, size_t len)
{
	struct piece *p = h->newest;

	if (!p || p->len != len || memcmp(p->bytes, bytes, len) != 0) {
		p = malloc(sizeof(*p) + len);
		if (!p)
			return NULL;
		*p = (struct piece){ .refs = 1, .len = len };
		memcpy(p->bytes, bytes, len);
		gate_stream_forget(h);
		h->newest = p;
	}
	p->refs++;
	return p;
}

static bool widen(struct gate_http_stream *s)
{
	size_t cap = s->cap ? s->cap * 2 : 8;
	struct piece **queue = malloc(cap * sizeof(struct piece *));

	if (!queue)
		return false;
	for (size_t i = 0; i < s->n; i++)
		queue[i] = s->queue[(s->first + i) % s->cap];
	free(s->queue);
	s->queue = queue;
	s->cap = cap;
	s->first = 0;
	return true;
}

/* One piece may be larger than the bound when nothing else waits: else it could never be sent. */
static bool push(struct gate_http_stream *s, const void *bytes, size_t len)
{
	struct piece *p;

	if (s->n > 0 && (s->n >= HTTP_QUEUE_PIECES || s->bytes + len > HTTP_QUEUE_BYTES))
		return false;
	if (s->n == s->cap && !widen(s))
		return false;
	p = get_piece(s->http, bytes, len);
	if (!p)
		return false;
	s->queue[(s->first + s->n++) % s->cap] = p;
	s->bytes += len;
	return true;
}

static void wake(struct gate_http_stream *s)
{
	s->spoke_ms = gate_loop_now();
	if (s->talk && s->talk->suspended)
		gate_talk_dirty(s->talk);
}

void gate_http_stream_add(struct gate_http_stream *s, const void *bytes, size_t len)
{
	char gap[80];

	if (s->ended || s->overflown || !s->talk || len == 0)
		return;
	if (s->dropped) {
		int n = snprintf(gap, sizeof(gap), "event: gap\ndata: {\"dropped\":%llu}\n\n",
		                 (unsigned long long)s->dropped);
		if (s->bytes + (size_t)n + len > HTTP_QUEUE_BYTES || !push(s, gap, (size_t)n)) {
			s->dropped++;
			return;
		}
		s->dropped = 0;
	}
	if (push(s, bytes, len))
		wake(s);
	else if (s->events)
		s->dropped++;
	else
		s->overflown = true;
}

size_t gate_http_stream_room(const struct gate_http_stream *s)
{
	if (s->ended || s->overflown || !s->talk || s->talk->left)
		return 0;
	if (s->n == 0)
		return SIZE_MAX;
	return s->n < HTTP_QUEUE_PIECES && s->bytes < HTTP_QUEUE_BYTES ? HTTP_QUEUE_BYTES - s->bytes : 0;
}

void gate_http_stream_end(struct gate_http_stream *s)
{
	s->ended = true;
	wake(s);
}

void gate_stream_ping(struct gate_http_stream *s, int64_t now)
{
	static const char ping[] = ": ping\n\n";

	if (s->events && !s->ended && s->n == 0 && now - s->spoke_ms >= HTTP_PING_MS && push(s, ping, sizeof(ping) - 1))
		wake(s);
}

/* --- libmicrohttpd's side --- */
static ssize_t give(void *ctx, uint64_t position, char *to, size_t most)
{
	struct gate_http_stream *s = ctx;
	size_t done = 0;

	(void)position;
	if (!s->talk || s->talk->left || s->overflown)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (s->n == 0 && s->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->n == 0)
		gate_talk_suspend(s->talk);
	while (s->n > 0 && done < most) {
		struct piece *p = s->queue[s->first % s->cap];
		size_t part = p->len - s->offset < most - done ? p->len - s->offset : most - done;
		memcpy(to + done, p->bytes + s->offset, part);
		done += part;
		s->offset += part;
		s->bytes -= part;
		if (s->offset == p->len) {
			drop_piece(p);
			s->first++;
			s->n--;
			s->offset = 0;
		}
	}
	return (ssize_t)done;
}

static void response_gone(void *ctx)
{
	drop_stream(ctx);
}

struct MHD_Response *gate_stream_response(struct gate_http_stream *s)
{
	struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, give, s, response_gone);

	if (r)
		s->refs++;
	return r;
}

struct gate_http_stream *gate_http_open_stream(const struct gate_http_request *r, struct gate_http_answer *a,
                                               const char *type, void (*gone)(void *ctx), void *ctx)
{
	struct talk *t = (struct talk *)(uintptr_t)r->impl;
	struct gate_http_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		a->body.failed = true;
		return NULL;
	}
	*s = (struct gate_http_stream){ .http = t->conn->side->http,
		                        .talk = t,
		                        .refs = 1,
		                        .type = type,
		                        .events = strncmp(type, "text/event-stream", strlen("text/event-stream")) == 0,
		                        .gone = gone,
		                        .ctx = ctx,
		                        .spoke_ms = gate_loop_now() };
	a->type = type;
	t->stream = a->stream = s;
	return s;
}

void gate_stream_gone(struct gate_http_stream *s)
{
	void (*gone)(void *ctx) = s->gone;
	bool ended = s->ended;

	s->gone = NULL;
	s->ended = true;
	if (gone && !ended)
		gone(s->ctx);
}

void gate_stream_detach(struct gate_http_stream *s)
{
	gate_stream_gone(s);
	s->talk = NULL;
	drop_stream(s);
}
