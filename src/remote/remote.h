/* remote.h - asks an agent: the CLI's side of callgate-http, the small program that speaks HTTP and TLS for it.
 *
 * callgate itself is linked statically for its start time (docs/decisions/0002-static-cli.md) and libcurl exists as a shared
 * library only; so a program beside it does the talking, as git's do. One request a process:
 *
 *   its standard input   METHOD LF HOST LF PATH LF, "Name: value" LF ..., LF, the body
 *   its standard output  "HTTP 200" LF, "Name: value" LF ..., LF, the body as it comes; or "ERROR errno sentence" LF
 *
 * HOST is unix:///PATH or https://ADDRESS[:PORT]. CALLGATE_TLS_CERT, CALLGATE_TLS_KEY and CALLGATE_TLS_CA name PEM files. */
#ifndef GATE_REMOTE_REMOTE_H
#define GATE_REMOTE_REMOTE_H

#include "base/buf.h"

#define GATE_REMOTE_HOST "unix:///run/callgate/agent.sock"

struct gate_remote_request {
	const char *host;   /* as the user wrote it */
	const char *method; /* "GET" */
	const char *path;   /* with its query, escaped */
	const char *accept; /* NULL: application/json */
	const char *body;   /* JSON; NULL: none */
	size_t body_len;
	const char *header; /* one more, "Last-Event-ID: 12"; NULL: none */
};

/* An answer whose body is read as it comes. */
struct gate_remote;

/* Sends the request and reads the answer's head. NOTFOUND when no agent answers, DENIED when it may not be asked: the sentence
 * names the host. An HTTP status of any kind is no failure. */
int gate_remote_open(const struct gate_remote_request *q, struct gate_remote **ret, struct gate_err *err);
int gate_remote_status(const struct gate_remote *r);
/* A header of the answer by its name in any case, or NULL. */
const char *gate_remote_header(const struct gate_remote *r, const char *name);
/* Reads what has come, at least one byte: 1 and bytes added to *out, 0 at the end, -1 when the answer was cut short. */
int gate_remote_read(struct gate_remote *r, struct gate_buf *out, struct gate_err *err);
/* 1 when gate_remote_read would not wait, 0 when nothing has come for `ms` milliseconds. */
int gate_remote_wait(struct gate_remote *r, int ms);
/* Ends the request, wherever it is. NULL is fine. */
void gate_remote_close(struct gate_remote *r);
GATE_DEFINE_FREEP(struct gate_remote, gate_remote_close)

/* The whole of it: the body into *body, the status returned; -1 on failure. `most`: larger answers are refused (LIMIT). */
int gate_remote_ask(const struct gate_remote_request *q, size_t most, struct gate_buf *body, struct gate_err *err);

/* Adds a part of a path or the value of a query parameter with everything escaped that could mean something else there;
 * '/' stays when `slashes`. */
void gate_remote_escape(struct gate_buf *out, const char *s, bool slashes);

#endif
