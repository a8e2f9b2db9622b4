#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/loop.h"
#include "base/buf.h"

#define ROUND 64 /* events taken at once */

struct gate_watch {
	struct gate_loop *loop;
	int fd;
	gate_watch_fn *fn; /* NULL: gone, freed after the round that may still name it */
	void *ctx;
	struct gate_watch *next;
};
struct gate_loop {
	int epoll, clock; /* clock: a timerfd, because epoll's timeout does not count what the host slept */
	int64_t armed_ms; /* what `clock` is set to; 0: not set */
	struct gate_timer **heap;
	size_t n, cap;
	struct gate_watch *gone;
	bool stop;
};

int64_t gate_loop_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

GATE_DEFINE_FREEP(struct gate_loop, gate_loop_close)

int gate_loop_open(struct gate_loop **ret, struct gate_err *err)
{
	GATE_AUTO(gate_loop_closep) struct gate_loop *l = calloc(1, sizeof(*l));
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

	if (l == NULL)
		return GATE_FAIL_NOMEM(err);
	l->clock = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return GATE_FAIL_SYS(err, "cannot make an epoll");
	l->clock = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->clock < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->clock, &e) < 0)
		return GATE_FAIL_SYS(err, "cannot make a timer");
	*ret = GATE_TAKE(&l);
	return 0;
}

static void bury(struct gate_loop *l)
{
	while (l->gone != NULL) {
		struct gate_watch *w = l->gone;

		l->gone = w->next;
		free(w);
	}
}

void gate_loop_close(struct gate_loop *l)
{
	if (l == NULL)
		return;
	bury(l);
	for (size_t i = 0; i < l->n; i++)
		l->heap[i]->place = 0;
	if (l->clock >= 0)
		(void)close(l->clock);
	if (l->epoll >= 0)
		(void)close(l->epoll);
	free(l->heap);
	free(l);
}

/* --- watches --- */
int gate_loop_watch(struct gate_loop *l, int fd, uint32_t events, gate_watch_fn *fn, void *ctx, struct gate_watch **ret,
                    struct gate_err *err)
{
	GATE_AUTOFREE struct gate_watch *w = calloc(1, sizeof(*w));
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (w == NULL)
		return GATE_FAIL_NOMEM(err);
	*w = (struct gate_watch){ .loop = l, .fd = fd, .fn = fn, .ctx = ctx };
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return GATE_FAIL_SYS(err, "cannot watch a descriptor");
	*ret = GATE_TAKE(&w);
	return 0;
}

int gate_loop_change(struct gate_watch *w, uint32_t events, struct gate_err *err)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &e) == 0
	           ? 0
	           : GATE_FAIL_SYS(err, "cannot watch a descriptor");
}

void gate_loop_unwatch(struct gate_watch *w)
{
	if (w == NULL)
		return;
	(void)epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fn = NULL;
	w->next = w->loop->gone;
	w->loop->gone = w;
}

/* --- timers: a heap, the earliest on top; place counts from 1 --- */
static void put(struct gate_loop *l, size_t place, struct gate_timer *t)
{
	l->heap[place - 1] = t;
	t->place = place;
}

static void rise(struct gate_loop *l, struct gate_timer *t)
{
	size_t i = t->place;

	for (; i > 1 && l->heap[i / 2 - 1]->at_ms > t->at_ms; i /= 2)
		put(l, i, l->heap[i / 2 - 1]);
	put(l, i, t);
}

static void sink(struct gate_loop *l, struct gate_timer *t)
{
	size_t i = t->place;

	for (size_t child; (child = 2 * i) <= l->n; i = child) {
		if (child < l->n && l->heap[child]->at_ms < l->heap[child - 1]->at_ms)
			child++;
		if (l->heap[child - 1]->at_ms >= t->at_ms)
			break;
		put(l, i, l->heap[child - 1]);
	}
	put(l, i, t);
}

int gate_timer_set(struct gate_loop *l, struct gate_timer *t, int64_t at_ms, struct gate_err *err)
{
	if (t->place == 0) {
		if (gate_grow(&l->heap, l->n, &l->cap, sizeof(struct gate_timer *)) < 0)
			return GATE_FAIL_NOMEM(err);
		t->loop = l;
		put(l, ++l->n, t);
	}
	t->at_ms = at_ms;
	rise(l, t);
	sink(l, t);
	return 0;
}

void gate_timer_clear(struct gate_timer *t)
{
	struct gate_loop *l = t->loop;

	if (t->place == 0)
		return;
	struct gate_timer *last = l->heap[--l->n];

	if (last != t) {
		put(l, t->place, last);
		rise(l, last);
		sink(l, last);
	}
	t->place = 0;
}

static void fire(struct gate_loop *l)
{
	int64_t now = gate_loop_now();

	/* One that is set anew for now or earlier waits for the next round, so that descriptors get their turn. */
	for (size_t most = l->n; most > 0 && l->n > 0 && l->heap[0]->at_ms <= now; most--) {
		struct gate_timer *t = l->heap[0];

		gate_timer_clear(t);
		t->fn(t->ctx);
	}
}

static int arm(struct gate_loop *l, struct gate_err *err)
{
	int64_t at = l->n == 0 ? 0 : l->heap[0]->at_ms < 1 ? 1 : l->heap[0]->at_ms; /* 0 would switch it off */

	if (at == l->armed_ms)
		return 0;
	struct itimerspec when = { .it_value = { at / 1000, at % 1000 * 1000000 } };

	if (timerfd_settime(l->clock, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		return GATE_FAIL_SYS(err, "cannot set a timer");
	l->armed_ms = at;
	return 0;
}

static void tick(struct gate_loop *l)
{
	uint64_t times;

	if (read(l->clock, &times, sizeof(times)) > 0)
		l->armed_ms = 0; /* it has fired: the same time would have to be set anew */
}

/* --- running --- */
int gate_loop_run(struct gate_loop *l, void (*before_wait)(void *ctx), void *ctx, struct gate_err *err)
{
	struct epoll_event events[ROUND];

	for (l->stop = false;;) {
		if (before_wait != NULL)
			before_wait(ctx);
		if (l->stop)
			return 0;
		if (arm(l, err) < 0)
			return -1;
		int n = epoll_wait(l->epoll, events, ROUND, -1);

		if (n < 0 && errno != EINTR)
			return GATE_FAIL_SYS(err, "cannot wait for events");
		for (int i = 0; i < n; i++) {
			struct gate_watch *w = events[i].data.ptr;

			if (w == NULL)
				tick(l);
			else if (w->fn != NULL)
				w->fn(w->ctx, events[i].events);
		}
		fire(l);
		bury(l);
	}
}

void gate_loop_stop(struct gate_loop *l)
{
	l->stop = true;
}
