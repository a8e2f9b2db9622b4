/* wire.h - a task and its proven filter as bytes, between the agent's processes.
 *
 * Written by the front, which parsed what a client sent; read by root's side, which believes nothing of it: every length,
 * count, enum value and string is checked, and what is left over at the end is an error. No paths are opened here. Host
 * byte order: both ends are one binary release on one host, and `version` says so. */
#ifndef GATE_TASK_WIRE_H
#define GATE_TASK_WIRE_H

#include "base/buf.h"
#include "task/task.h"

#define GATE_WIRE_VERSION 1
#define GATE_WIRE_MAX     (4U << 20) /* bytes */

/* The filter as it is launched: container/container.h's struct gate_task_profile, owned by the task's arena. */
struct gate_wire_profile {
	const void *insns; /* struct sock_filter; NULL when unconfined */
	size_t len;        /* instructions, at most 4096 */
	uint32_t flags;
	bool unconfined, notify;
	const char *source, *text_digest, *meaning_digest;
};

/* Appends to `out`. LIMIT when it would be more than GATE_WIRE_MAX. */
int gate_wire_task(const struct gate_task *t, const struct gate_wire_profile *p, struct gate_buf *out,
                   struct gate_err *err);
/* `t` was initialised by gate_task_init; strings are copied to its arena. The program is not judged here: the caller runs
 * gate_bpf_check on it. */
int gate_wire_read_task(const void *bytes, size_t len, struct gate_task *t, struct gate_wire_profile *p,
                        struct gate_err *err);

/* One more process in a running task. */
struct gate_wire_exec {
	const char **args; /* NULL at the end */
	const char **env;  /* "K=V" */
	size_t n_args, n_env;
	const char *user, *workdir; /* NULL: the task's */
	uint64_t timeout_ms;        /* then it is killed; 0: none */
};
int gate_wire_exec(const struct gate_wire_exec *e, struct gate_buf *out, struct gate_err *err);
int gate_wire_read_exec(const void *bytes, size_t len, struct gate_arena *arena, struct gate_wire_exec *e,
                        struct gate_err *err);

#endif
