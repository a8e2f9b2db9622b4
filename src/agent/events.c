/* Events: a table with ids that have no gap, and streams that are places in it. A stream that is read slowly waits for room and
 * goes on from the table, so it loses nothing but what the table has given up. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/parts.h"
#include "base/num.h"

#define PRUNE_EACH 1000 /* rows are removed when there are so many too many */
#define BATCH      256  /* rows that one stream reads in a turn */

struct stream {
	struct stream *next;
	struct gate_agent *a;
	struct gate_http_stream *http; /* NULL: the client left; freed by the next work */
	int64_t at;                    /* the newest id that it has seen */
	char *types[GATE_STREAM_TYPES];
	size_t n_types; /* 0: all */
};

int gate_events_load(struct gate_agent *a, struct gate_err *err)
{
	struct gate_db_rows q;

	gate_db_query(a->db, &q, "SELECT coalesce(max(id), 0) FROM events", "");
	if (gate_db_next(&q))
		a->last_event = gate_db_int(&q, 0);
	gate_db_end(&q);
	return gate_db_trouble(a->db, err);
}

void gate_event_add(struct gate_agent *a, const char *type, const char *data)
{
	GATE_AUTO(gate_buf_done) struct gate_buf whole = GATE_BUF_INIT;
	struct action *x;
	char when[32];

	GATE_CHECK(gate_db_in(a->db) && data[0] == '{');
	gate_time_text(gate_agent_wall(a), when);
	gate_buf_printf(&whole, "{\"eventType\":\"%s\",\"timestamp\":\"%s\"%s%s", type, when, data[1] == '}' ? "" : ",",
	                data + 1);
	if (whole.failed || (x = gate_action_new(a, ACTION_EVENT)) == NULL) {
		a->nomem = true;
		return;
	}
	x->id = ++a->last_event;
	x->name = gate_agent_copy(a, type);
	x->data = gate_buf_take(&whole);
	gate_db_run(a->db, "INSERT INTO events VALUES (?, ?, ?)", "itt", x->id, type, x->data);
	if (x->id % PRUNE_EACH == 0)
		gate_db_run(a->db, "DELETE FROM events WHERE id <= ?", "i", x->id - GATE_EVENTS_KEPT);
}

/* --- streams --- */
static bool wanted(const struct stream *s, const char *type)
{
	for (size_t i = 0; i < s->n_types; i++)
		if (strcmp(s->types[i], type) == 0)
			return true;
	return s->n_types == 0;
}

/* False when there is no room: later, then. */
static bool show(struct stream *s, int64_t id, const char *type, const char *data)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;

	if (wanted(s, type)) {
		gate_buf_printf(&out, "id: %" PRId64 "\nevent: %s\ndata: %s\n\n", id, type, data);
		if (out.failed || gate_http_stream_room(s->http) < out.len)
			return false;
		gate_http_stream_add(s->http, out.data, out.len);
	}
	s->at = id;
	return true;
}

void gate_events_live(struct gate_agent *a, const struct action *x)
{
	for (struct stream *s = a->streams; s != NULL; s = s->next)
		if (s->http != NULL && (s->at != x->id - 1 || !show(s, x->id, x->name, x->data)))
			a->lagging = true;
}

static void say_gap(struct stream *s, int64_t oldest)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "event: gap\ndata: {\"missed\":%" PRId64 "}\n\n", oldest - s->at - 1);

	gate_http_stream_add(s->http, text, (size_t)n);
	s->at = oldest - 1;
}

/* True when there is more, and room for it. */
static bool catch_up(struct gate_agent *a, struct stream *s)
{
	struct gate_db_rows q;
	bool room = true;

	gate_db_query(a->db, &q, "SELECT id, type, data FROM events WHERE id > ? ORDER BY id LIMIT ?", "ii", s->at,
	              (int64_t)BATCH);
	while (room && gate_db_next(&q)) {
		if (gate_db_int(&q, 0) > s->at + 1)
			say_gap(s, gate_db_int(&q, 0));
		room = show(s, gate_db_int(&q, 0), gate_db_text(&q, 1), gate_db_text(&q, 2));
	}
	gate_db_end(&q);
	return room && s->at < a->last_event;
}

static void stream_free(struct stream *s)
{
	for (size_t i = 0; i < s->n_types; i++)
		free(s->types[i]);
	free(s);
}

bool gate_events_work(struct gate_agent *a)
{
	bool more = false;

	if (!a->lagging)
		return false;
	a->lagging = false;
	for (struct stream **at = &a->streams; *at != NULL;) {
		struct stream *s = *at;

		if (s->http == NULL) {
			*at = s->next;
			stream_free(s);
			continue;
		}
		if (s->at < a->last_event && gate_http_stream_room(s->http) > 0)
			more |= catch_up(a, s);
		a->lagging |= s->at < a->last_event;
		at = &s->next;
	}
	return more;
}

void gate_events_close(struct gate_agent *a)
{
	while (a->streams != NULL) {
		struct stream *s = a->streams;

		a->streams = s->next;
		if (s->http != NULL)
			gate_http_stream_end(s->http);
		stream_free(s);
	}
}

static void gone(void *ctx)
{
	struct stream *s = ctx;

	s->http = NULL;
	s->a->lagging = true;
}

/* --- GET /v2/events, GET /api/v1/events --- */
/* False: one of them would be lost, and its events with it. */
static bool add_types(struct stream *s, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	const char *type = gate_http_query(r, "event_type");

	for (; type != NULL; type = gate_http_query_next(r, "event_type", type)) {
		if (s->n_types == GATE_STREAM_TYPES) {
			gate_http_say(answer, 400, "more than %d times event_type", GATE_STREAM_TYPES);
			return false;
		}
		if ((s->types[s->n_types] = strdup(type)) == NULL) {
			gate_http_say(answer, 503, "out of memory");
			return false;
		}
		s->n_types++;
	}
	return true;
}

static int64_t start_of(const struct gate_agent *a, const struct gate_http_request *r)
{
	const char *last = gate_http_header(r, "Last-Event-ID");
	uint64_t id;

	if (last == NULL || gate_u64_parse(last, strlen(last), INT64_MAX, &id) < 0 || (int64_t)id > a->last_event)
		return a->last_event;
	return (int64_t)id;
}

static void attached(struct gate_agent *a, struct stream *s)
{
	char when[32], text[160];

	gate_time_text(gate_agent_wall(a), when);
	int n = snprintf(
	    text, sizeof(text),
	    "event: event_stream_attached\ndata: {\"eventType\":\"event_stream_attached\",\"timestamp\":\"%s\"}\n\n",
	    when);

	if (wanted(s, "event_stream_attached"))
		gate_http_stream_add(s->http, text, (size_t)n);
}

void gate_events_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	struct gate_agent *a = ctx;

	if (!gate_http_accepts(r, "text/event-stream")) { /* Marathon's answer */
		gate_http_say(answer, 405, "events are a stream: Accept: text/event-stream");
		return;
	}
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		gate_http_say(answer, 500, "out of memory");
		return;
	}
	s->a = a;
	s->at = start_of(a, r);
	if (!add_types(s, r, answer)) {
		stream_free(s);
		return;
	}
	s->http = gate_http_open_stream(r, answer, "text/event-stream", gone, s);
	if (s->http == NULL) { /* the answer says why */
		stream_free(s);
		return;
	}
	s->next = a->streams;
	a->streams = s;
	attached(a, s);
	a->lagging = true;
}
