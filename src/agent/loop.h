/* loop.h - one thread, one epoll: descriptors, timers, and what is to be done before the next wait. */
#ifndef GATE_AGENT_LOOP_H
#define GATE_AGENT_LOOP_H

#include "base/base.h"

struct gate_loop;
int gate_loop_open(struct gate_loop **ret, struct gate_err *err);
void gate_loop_close(struct gate_loop *l);

/* A descriptor that is watched. The loop does not own it. `fn` may remove its own watch. */
struct gate_watch;
typedef void gate_watch_fn(void *ctx, uint32_t events); /* EPOLLIN … */
int gate_loop_watch(struct gate_loop *l, int fd, uint32_t events, gate_watch_fn *fn, void *ctx, struct gate_watch **ret,
                    struct gate_err *err);
int gate_loop_change(struct gate_watch *w, uint32_t events, struct gate_err *err);
void gate_loop_unwatch(struct gate_watch *w); /* NULL is fine */

/* A timer: once, at a time of gate_loop_now (CLOCK_BOOTTIME, milliseconds: it does not jump, and sleeping counts). */
struct gate_timer {
	struct gate_loop *loop; /* NULL: never set */
	int64_t at_ms;
	size_t place; /* in the heap, from 1; 0: not set */
	void (*fn)(void *ctx);
	void *ctx;
};
int gate_timer_set(struct gate_loop *l, struct gate_timer *t, int64_t at_ms, struct gate_err *err);
void gate_timer_clear(struct gate_timer *t);
int64_t gate_loop_now(void);

/* Runs until gate_loop_stop. `before_wait` is called after each round of events (commit, send, answer). */
int gate_loop_run(struct gate_loop *l, void (*before_wait)(void *ctx), void *ctx, struct gate_err *err);
void gate_loop_stop(struct gate_loop *l);

#endif
