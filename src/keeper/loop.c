/* Waits for whatever happens next, as long as there is a task or somebody to be told of its end. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper/keeper.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424 /* 5.1, the same on every architecture */
#endif
/* With the table of clients full: how soon it is looked again whether one may go. */
#define FULL_MS 200

enum {
	TASK,
	SIGNALS,
	CONTROL,
	AUDIT,
	LISTENER,
	INPUT,
	STREAM,
	CLIENT = STREAM + 2,
	WATCHES = CLIENT + GATE_KEEPER_CLIENTS
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t gate_keeper_now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000U;
}

uint64_t gate_keeper_time_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int gate_keeper_signal(struct gate_keeper *k, int sig, bool all)
{
	if (k->task.pidfd < 0)
		return ESRCH;
	if (all && k->plan->n_cgroups > 0 && gate_cgroups_kill(&k->view, sig) == 0)
		return 0;
	return syscall(SYS_pidfd_send_signal, k->task.pidfd, sig, NULL, 0) < 0 ? errno : 0;
}

static uint64_t later(uint64_t now, uint64_t ms)
{
	return ms >= GATE_NEVER - now ? GATE_NEVER : now + ms;
}

void gate_keeper_stop(struct gate_keeper *k, uint32_t sig, uint64_t ms)
{
	uint64_t kill_ms = later(gate_keeper_now_ms(), ms == UINT64_MAX ? k->plan->stop_ms : ms);

	if (sig == 0)
		sig = k->plan->stop_signal;
	if (k->record.by_stop == 0)
		k->record.by_stop = 1;
	if (sig == SIGKILL)
		kill_ms = gate_keeper_now_ms();
	else
		(void)gate_keeper_signal(k, (int)sig, false);
	/* A second stop may shorten the grace time, never lengthen it. */
	if (kill_ms < k->kill_ms)
		k->kill_ms = kill_ms;
}

static void timers(struct gate_keeper *k)
{
	uint64_t now = gate_keeper_now_ms();

	if (now >= k->timeout_ms) {
		uint32_t stopped = k->record.by_stop;

		k->timeout_ms = GATE_NEVER;
		k->record.by_timeout = 1;
		gate_keeper_stop(k, 0, UINT64_MAX);
		k->record.by_stop = stopped;
	}
	if (now < k->kill_ms)
		return;
	k->kill_ms = GATE_NEVER;
	if (k->record.by_stop != 0)
		k->record.by_stop = 2;
	(void)gate_keeper_signal(k, SIGKILL, true);
	(void)gate_keeper_signal(k, SIGKILL, false);
}

static void watch(struct pollfd *p, int fd, short events)
{
	p->fd = fd;
	p->events = events;
}

/* Which of them matter now. */
static void collect(struct gate_keeper *k, struct pollfd p[WATCHES], uint64_t now)
{
	bool input = false;

	for (int i = 0; i < WATCHES; i++)
		p[i] = (struct pollfd){ .fd = -1 };
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++) {
		const struct gate_keeper_client *c = &k->clients[i];

		input |= c->fd >= 0 && c->input_waits;
		watch(&p[CLIENT + i], c->fd,
		      (short)((c->full ? POLLOUT : 0) |
		              (!k->over && c->reply.type == 0 && !c->input_waits ? POLLIN : 0)));
	}
	if (k->over)
		return;
	for (int i = 0; i < 2; i++)
		if (gate_output_wanted(k, &k->streams[i]))
			watch(&p[STREAM + i], k->streams[i].fd, POLLIN);
	watch(&p[TASK], k->task.pidfd, POLLIN);
	watch(&p[SIGNALS], k->signals, POLLIN);
	watch(&p[LISTENER], k->task.listener, 0);
	if (gate_client_room(k, now))
		watch(&p[CONTROL], gate_plan_fd(&k->view, k->plan->control), POLLIN);
	if (now >= k->denials.next_ms)
		watch(&p[AUDIT], k->denials.fd, POLLIN);
	if (input && k->in >= 0)
		watch(&p[INPUT], k->in, POLLOUT);
}

static int timeout(const struct gate_keeper *k, const struct pollfd p[WATCHES], uint64_t now)
{
	uint64_t next = k->kill_ms < k->timeout_ms ? k->kill_ms : k->timeout_ms;

	if (k->denials.fd >= 0 && p[AUDIT].fd < 0 && k->denials.next_ms < next)
		next = k->denials.next_ms;
	if (p[CONTROL].fd < 0 && k->plan->control >= 0 && now + FULL_MS < next)
		next = now + FULL_MS;
	if (next == GATE_NEVER)
		return -1;
	if (next <= now)
		return 0;
	return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

/* Those who asked before the end was known get their answer. */
static void last_requests(struct gate_keeper *k)
{
	uint64_t now = gate_keeper_now_ms();
	struct pollfd p = { .fd = gate_plan_fd(&k->view, k->plan->control), .events = POLLIN };

	while (p.fd >= 0 && gate_client_room(k, now) && poll(&p, 1, 0) > 0)
		gate_client_accept(k, now);
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		if (k->clients[i].fd >= 0)
			gate_client_serve(k, &k->clients[i]);
}

static void ended(struct gate_keeper *k)
{
	struct rusage usage;
	int status;

	/* Not reaped before this, so the number is still the task's. */
	if (wait4(k->task.pid, &status, WNOHANG, &usage) != k->task.pid)
		return;
	(void)close(k->task.pidfd);
	k->task.pidfd = -1;
	last_requests(k);
	gate_keeper_end(k, status, &usage);
}

static void drop_listener(struct gate_keeper *k)
{
	if (k->task.listener >= 0)
		(void)close(k->task.listener);
	k->task.listener = -1;
}

static void forget_signals(const struct gate_keeper *k)
{
	struct signalfd_siginfo s;

	while (read(k->signals, &s, sizeof(s)) == sizeof(s))
		;
}

static void clients(struct gate_keeper *k, const struct pollfd p[WATCHES])
{
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++) {
		struct gate_keeper_client *c = &k->clients[i];
		short got = p[CLIENT + i].revents;

		/* Another's descriptor may have this number by now. */
		if (c->fd < 0 || c->fd != p[CLIENT + i].fd || got == 0)
			continue;
		if ((got & POLLOUT) != 0)
			gate_client_flush(k, c);
		if (c->fd >= 0 && (got & POLLIN) != 0)
			gate_client_serve(k, c);
		else if (c->fd >= 0 && (got & (POLLHUP | POLLERR | POLLNVAL)) != 0)
			gate_client_drop(k, c);
	}
}

static void turn(struct gate_keeper *k, const struct pollfd p[WATCHES])
{
	for (int i = 0; i < 2; i++)
		if (p[STREAM + i].revents != 0)
			gate_output_pump(k, &k->streams[i]);
	if (p[INPUT].revents != 0)
		for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
			if (k->clients[i].fd >= 0 && k->clients[i].input_waits) {
				k->clients[i].input_waits = false;
				gate_client_serve(k, &k->clients[i]);
			}
	clients(k, p);
	if (p[SIGNALS].revents != 0) {
		forget_signals(k);
		gate_keeper_stop(k, 0, UINT64_MAX);
	}
	if (p[AUDIT].revents != 0)
		gate_denials_look(k, gate_keeper_now_ms());
	if ((p[LISTENER].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		drop_listener(k);
	if (p[CONTROL].revents != 0)
		gate_client_accept(k, gate_keeper_now_ms());
	timers(k);
	if (p[TASK].revents != 0)
		ended(k);
}

static bool anybody(const struct gate_keeper *k)
{
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		if (k->clients[i].fd >= 0)
			return true;
	return false;
}

void gate_keeper_loop(struct gate_keeper *k)
{
	struct pollfd p[WATCHES];

	while (!k->over) {
		uint64_t now = gate_keeper_now_ms();

		collect(k, p, now);
		if (poll(p, WATCHES, timeout(k, p, now)) > 0)
			turn(k, p);
		else
			timers(k);
	}
	drop_listener(k);
	/* The task is over, and that is written down; what is left are clients that have not read all of its output. */
	for (;;) {
		gate_output_drain(k);
		for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
			if (k->clients[i].fd >= 0 && !k->clients[i].full)
				gate_client_flush(k, &k->clients[i]);
		if (!anybody(k))
			return;
		collect(k, p, 0);
		if (poll(p, WATCHES, -1) > 0)
			clients(k, p);
	}
}
