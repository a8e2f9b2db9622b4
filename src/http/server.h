/* server.h - what the files of this layer share: a connection, a request on it, and the two sides that accept.
 *
 * We accept ourselves and hand the socket to libmicrohttpd: so peers are asked who they are and counted before anything is
 * read, and a descriptor of ours can be watched while libmicrohttpd has the connection suspended (it notices nothing then).
 * What ends a connection from here is shutdown(2) of its socket: libmicrohttpd sees the end and tidies up. */
#ifndef GATE_HTTP_SERVER_H
#define GATE_HTTP_SERVER_H

#include <microhttpd.h>
#include <sys/epoll.h>

#include "agent/loop.h"
#include "base/arena.h"
#include "http/http.h"

/* Limits, all of them: launcher-safety's API section. */
#define HTTP_HEADER_MAX  (16 * 1024)
#define HTTP_HEADERS_MAX 64
#define HTTP_BODY_MAX    ((size_t)1 << 20)
#define HTTP_DISCARD_MAX                                                                                               \
	((size_t)4 << 20)             /* of a chunked body that is too large: read this far, to be able to say so */
#define HTTP_POOL         (24 * 1024) /* libmicrohttpd's memory for a connection: a header and an answer's header */
#define HTTP_HEADER_MS    5000
#define HTTP_TLS_MS       5000 /* a handshake, on top of it */
#define HTTP_BODY_MS      30000
#define HTTP_IDLE_MS      60000
#define HTTP_PING_MS      15000
#define HTTP_TICK_MS      1000
#define HTTP_ALL_MAX      1024 /* … without root's over the UNIX socket, which come on top */
#define HTTP_ONE_MAX      64   /* connections of a uid, or of an address */
#define HTTP_REFUSED_ONE  8    /* … and so many more that are told 429; then they are closed unheard */
#define HTTP_REFUSED_ALL  32
#define HTTP_QUEUE_BYTES  ((size_t)256 * 1024) /* waiting for a slow client of a stream */
#define HTTP_QUEUE_PIECES 1024

struct talk;

struct side {
	struct gate_http *http;
	struct MHD_Daemon *daemon; /* NULL: this side is not used */
	int listener;
	bool tls;
	struct gate_watch *accepting, *working;
};

struct conn {
	struct conn *next, **link;
	struct side *side;
	struct MHD_Connection *mhd;
	int fd;              /* libmicrohttpd's; ours to watch and to shut down */
	uint64_t who;        /* uid, or hash of the address: what connections are counted by */
	int refuse;          /* 0, 429 or 503: one connection too many */
	int64_t deadline_ms; /* INT64_MAX: none */
	struct gate_http_peer peer;
	char subject[256];
	struct gate_watch *leaving; /* while a request waits or streams */
	struct talk *talk;
};

enum talk_state { TALK_HEAD, TALK_BODY, TALK_WAITING, TALK_ANSWERED };

struct pair {
	const char *name, *value;
};

/* A request and its answer. Lives from its first line until libmicrohttpd is done with it. */
struct talk {
	struct conn *conn;
	enum talk_state state;
	struct gate_arena arena; /* path, query, types */
	const char *uri;         /* as it came */
	bool old;                /* HTTP/1.0 */
	const char *method, *path;
	struct pair *query;
	size_t n_query;
	struct gate_buf body;
	size_t received;
	bool too_large;
	const struct gate_http_route *route;
	void *route_ctx;
	const char *tail;
	int64_t began_ms;
	struct MHD_Response *response; /* ready to be queued */
	int status;
	bool suspended, left, dirty;
	struct talk *next_dirty;
	struct gate_http_pending *pending;
	struct gate_http_stream *stream;
};

struct table {
	const struct gate_http_route *routes;
	void *ctx;
};

struct gate_http {
	struct gate_loop *loop;
	struct gate_http_config config;
	const char **hosts;
	struct side sides[2]; /* UNIX, TCP */
	struct table *tables;
	size_t n_tables, cap_tables;
	struct conn *conns;
	size_t n_conns;
	struct conn *adopting; /* the one that libmicrohttpd is being given */
	struct gate_timer tick, again, accept_again;
	struct talk *dirty;   /* to be moved on in gate_http_turn */
	struct piece *newest; /* the last piece that a stream was given: shared by those that get the same bytes */
};

/* request.c: what came, checked. Both fill in *a and return false when the request is refused. */
bool gate_talk_read(struct talk *t, struct gate_http_answer *a);  /* form: sizes, counts, the address */
bool gate_talk_allow(struct talk *t, struct gate_http_answer *a); /* who, from where, which route */
bool gate_talk_has_body(const struct talk *t);

/* route.c */
const struct gate_http_route *gate_route_find(struct talk *t, struct gate_http_answer *a);

/* answer.c */
void gate_talk_respond(struct talk *t, struct gate_http_answer *a, bool close); /* makes t->response */
void gate_talk_suspend(struct talk *t);
void gate_talk_dirty(struct talk *t); /* to be resumed in the next turn */
void gate_talk_gone(struct talk *t);  /* tells whoever waits that the client has left, once */

/* stream.c */
struct MHD_Response *gate_stream_response(struct gate_http_stream *s);
void gate_stream_detach(struct gate_http_stream *s); /* its request is over */
void gate_stream_gone(struct gate_http_stream *s);   /* tells its owner, once */
void gate_stream_ping(struct gate_http_stream *s, int64_t now);
void gate_stream_forget(struct gate_http *h); /* the piece that is kept for the next stream */

/* tls.c: who a TLS client is, by a certificate that holds; NULL: nobody. */
const char *gate_tls_subject(struct conn *c);
void gate_tls_demand(struct MHD_Connection *mhd);

#endif
