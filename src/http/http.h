/* http.h - the HTTP server (libmicrohttpd, only in this layer) in somebody's event loop: routes, who asks, limits, streams.
 *
 * One thread. Knows nothing about tasks: routes are handed in, and rights are bits of whoever hands them in. The rules are
 * those of launcher-safety's API section: UNIX sockets 0660 in a directory of ours, TCP only with TLS 1.3 and client
 * certificates, Host and Origin checked, JSON bodies of 1 MiB at most, header 16 KiB, connections counted. What two readers could
 * read as two different requests is refused (request.c), as far as libmicrohttpd shows it: before its 1.0 it ends a line at LF or CR
 * alone and joins folded ones, so a proxy in front must send neither. */
#ifndef GATE_HTTP_HTTP_H
#define GATE_HTTP_HTTP_H

#include <sys/types.h>

#include "base/buf.h"

struct gate_http;
struct gate_http_pending;
struct gate_http_stream;

/* Who asks: by SO_PEERCRED when it connected, or by the name of its certificate. */
struct gate_http_peer {
	bool local; /* UNIX socket: uid, gid, pid count */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const char *subject; /* TLS: the certificate's common name; else NULL */
	uint32_t rights;
};

struct gate_http_request {
	const char *method; /* "GET" … */
	const char *path;   /* decoded, begins with '/', no query; "//" stays as it came (Marathon's ids) */
	const char *tail;   /* what the pattern's last "*" stood for; else "" */
	const char *body;   /* NUL-terminated */
	size_t body_len;
	const struct gate_http_peer *peer;
	const void *impl; /* for gate_http_query and gate_http_header */
};
/* The first value of ?name=; "" for "?name"; NULL: not there. gate_http_query_next: the value after `last` (several ?name=). */
const char *gate_http_query(const struct gate_http_request *r, const char *name);
const char *gate_http_query_next(const struct gate_http_request *r, const char *name, const char *last);
bool gate_http_query_true(const struct gate_http_request *r, const char *name); /* "true", "1", "" */
const char *gate_http_header(const struct gate_http_request *r, const char *name);
bool gate_http_accepts(const struct gate_http_request *r,
                       const char *type); /* by the Accept header; none: everything */

struct gate_http_answer {
	int status;       /* 0: not set, becomes 500 */
	const char *type; /* literal; NULL: application/json */
	struct gate_buf body;
	char location[512];              /* "": no Location header */
	char deployment[64];             /* "": no Marathon-Deployment-Id header */
	int retry_after;                 /* seconds; 0: none */
	char allow[128];                 /* "": no Allow header */
	struct gate_http_pending *later; /* set by gate_http_later */
	struct gate_http_stream *stream; /* set by gate_http_open_stream */
};
/* {"message":"…"} with the status. */
void gate_http_say(struct gate_http_answer *a, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The status that an error stands for: INVALID 422, SYNTAX 400, NOTFOUND 404, DENIED 403, CONFLICT 409, LIMIT 413, NOSPACE 507, … */
int gate_http_status(const struct gate_err *err);
void gate_http_fail(struct gate_http_answer *a, const struct gate_err *err);

/* A handler answers at once, or keeps the request for later, or makes it a stream. It may not wait. */
typedef void gate_http_fn(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a);

struct gate_http_route {
	const char *method; /* NULL ends a table. "GET" also answers HEAD */
	const char
	    *pattern;   /* "/ping", or ending in a star: "/v2/apps/" and a star matches every path that begins so */
	uint32_t right; /* bits that the peer needs; else 403 */
	bool
	    writes; /* a body needs Content-Type: application/json, and over TCP the header X-Callgate: 1. Not for GET */
	gate_http_fn *fn;
	void *ctx; /* NULL: that of gate_http_add */
};
/* The first route of the first table that matches wins; a path known with another method only is 405 with Allow. */
int gate_http_add(struct gate_http *h, const struct gate_http_route *table, void *ctx, struct gate_err *err);

/* The request is answered later (WAIT_CONTAINER): `gone` is called when the client left first, or the server is being closed; then
 * it must be forgotten. A client that shuts down its side for writing has left. `r` and its strings end with the handler.
 * NULL: out of memory, which is answered then. */
struct gate_http_pending *gate_http_later(const struct gate_http_request *r, struct gate_http_answer *a,
                                          void (*gone)(void *ctx), void *ctx);
void gate_http_finish(struct gate_http_pending *p, struct gate_http_answer *a); /* takes the body */

/* An endless answer: a bounded queue for each client. `type` is a literal. In text/event-stream what does not fit is dropped, and
 * `event: gap` with the count comes before the next that fits; a ping goes out after 15 quiet seconds. In other types there is no
 * way to tell of a gap: what does not fit ends the stream. `gone`, as above, is not called after gate_http_stream_end. A piece
 * that many streams get one after the other is kept once. */
struct gate_http_stream *gate_http_open_stream(const struct gate_http_request *r, struct gate_http_answer *a,
                                               const char *type, void (*gone)(void *ctx), void *ctx);
void gate_http_stream_add(struct gate_http_stream *s, const void *bytes, size_t len);
/* How many bytes fit without a gap: SIZE_MAX when nothing waits, 0 when it is full or its client has left. */
size_t gate_http_stream_room(const struct gate_http_stream *s);
void gate_http_stream_end(struct gate_http_stream *s);

/* --- the server --- */
struct gate_http_tls { /* descriptors of PEM files, opened by root; -1: none */
	int certificate, key, clients;
};
struct gate_http_config {
	int unix_socket; /* listening, or -1 */
	int tcp_socket;  /* listening, or -1: needs tls */
	struct gate_http_tls tls;
	const char *const *hosts; /* Host: names that are us on TCP; NULL at the end */
	/* Rights of a peer, asked for each request. 0: may not even ask: 403. */
	uint32_t (*rights)(void *ctx, const struct gate_http_peer *peer);
	/* NULL, or told of every answer when it begins, refusals too (for an audit trail and metrics). `r` has no body any more. */
	void (*answered)(void *ctx, const struct gate_http_request *r, int status, int64_t took_ms);
	void *ctx;
};
struct gate_loop;
/* Copies what `c` points to; the listening sockets become the server's. SIGPIPE is ignored from then on. */
int gate_http_open(struct gate_loop *loop, const struct gate_http_config *c, struct gate_http **ret,
                   struct gate_err *err);
/* Stops to accept; open requests are answered with 503. */
void gate_http_close(struct gate_http *h);
/* Called once a round, after commits: moves what has been answered on. */
void gate_http_turn(struct gate_http *h);

/* A UNIX socket by the rules: its directory is ours alone or root's, a stale socket of ours (nobody answers) is unlinked, bound
 * under umask 0177, then mode and group. *path is unlinked by gate_http_unlisten. */
int gate_http_listen_unix(const char *path, gid_t group, int *ret, struct gate_err *err);
void gate_http_unlisten(const char *path, int fd);
/* "127.0.0.1:5051", "[::1]:5051", "host:port" (numeric hosts only). */
int gate_http_listen_tcp(const char *address, int *ret, struct gate_err *err);

#endif
