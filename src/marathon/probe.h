/* probe.h - one question to a port of this host: does it take a connection, what does it answer to GET. Non-blocking, in the
 * agent's loop. */
#ifndef GATE_MARATHON_PROBE_H
#define GATE_MARATHON_PROBE_H

#include "agent/loop.h"

struct gate_probe;
struct gate_probe_request {
	bool http; /* else: only a connection */
	bool ipv6; /* [::1] instead of 127.0.0.1 */
	uint16_t port;
	const char *path; /* http: begins with '/' */
	uint64_t timeout_ms;
};
/* `status` is HTTP's, or 200 for a connection that was taken; 0: `why` says what went wrong. Called once, from the loop, never from
 * within gate_probe_start; the probe is gone then. */
typedef void gate_probe_fn(void *ctx, int status, const char *why);

struct gate_prober {
	int (*start)(void *self, const struct gate_probe_request *r, gate_probe_fn *done, void *ctx,
	             struct gate_probe **ret, struct gate_err *err);
	void (*cancel)(void *self, struct gate_probe *p);
	void *self; /* of the real one: the loop */
};
int gate_probe_start(struct gate_loop *loop, const struct gate_probe_request *r, gate_probe_fn *done, void *ctx,
                     struct gate_probe **ret, struct gate_err *err);
void gate_probe_cancel(struct gate_probe *p); /* `done` is not called any more. NULL is fine */

#endif
