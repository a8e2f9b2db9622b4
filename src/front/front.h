/* front.h - callgate-front: the agent's unprivileged side. It gets its descriptors from the mother by number
 * (launcher/launcher.h, enum gate_front_fd), stands in STATE/front, and ends when the launcher's connection does. */
#ifndef GATE_FRONT_FRONT_H
#define GATE_FRONT_FRONT_H

#include "agent/agent.h"

/* Exit statuses, with GATE_FRONT_HOPELESS of launcher/launcher.h. */
enum { FRONT_ENDED = 0, FRONT_FAILED = 1 };

/* --- link.c: the launcher --- */
struct gate_link;
/* Watches `socket`, which stays the caller's. At the end of the connection, and when a rule is broken, the loop is stopped and
 * gate_link_broken says why. */
int gate_link_open(struct gate_loop *loop, int socket, struct gate_link **ret, struct gate_err *err);
void gate_link_close(struct gate_link *l);
void gate_link_attach(struct gate_link *l, struct gate_agent *a); /* who hears */
/* Messages that came while an answer was waited for: to be called once a round, before the agent's turn. */
void gate_link_turn(struct gate_link *l);
bool gate_link_broken(const struct gate_link *l, struct gate_err *err);
/* Of struct gate_world, with the link as ctx. */
int gate_link_send(void *ctx, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len,
                   int fd);
int gate_link_open_file(void *ctx, enum gate_ipc_open what, const void *bytes, size_t len, int *fd,
                        struct gate_err *err);
int gate_link_stats(void *ctx, const char *container, struct gate_ipc_stats *ret, struct gate_err *err);

/* --- guard.c: between the HTTP server and the handlers --- */
struct gate_guard;
/* Adds all routes: 503 until the agent has recovered, and an audit row with what a request changes. */
int gate_guard_open(struct gate_agent *a, struct gate_http *h, struct gate_guard **ret, struct gate_err *err);
void gate_guard_close(struct gate_guard *g);
/* Of struct gate_http_config; ctx is a struct gate_agent **, set before the first request. */
uint32_t gate_guard_rights(void *ctx, const struct gate_http_peer *peer);
void gate_guard_answered(void *ctx, const struct gate_http_request *r, int status, int64_t took_ms);

/* --- confine.c --- */
/* What must hold before anything is read: no root, no capabilities, no core files, no tracing. */
int gate_confine_early(struct gate_err *err);
/* profiles/agent-front.json, compiled and proven when callgate was built. Nothing that was opened before is lost. */
int gate_confine(struct gate_err *err);

#endif
