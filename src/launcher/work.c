/* Asking the mother for workers, and what becomes of their answers. */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/parts.h"

/* At once: what the host's processors can do with launches; commands mostly wait. The mother's table has room for all. */
enum { LAUNCHES, COMMANDS, REMOVALS };
static const unsigned most[] = { [LAUNCHES] = 32, [COMMANDS] = 256, [REMOVALS] = 4 };

struct gate_work {
	struct gate_launcher *l;
	uint32_t type;
	char name[GATE_IPC_NAME_MAX + 1];
	uint64_t serial, front_age, number; /* number: the mother knows it by */
	int task, answer;                   /* the memfd that waits to be sent; our end */
	struct gate_watch *watch;
	struct gate_work *next, **back;
};

static unsigned kind_of(uint32_t type)
{
	return type == GATE_IPC_LAUNCH ? LAUNCHES : type == GATE_IPC_EXEC ? COMMANDS : REMOVALS;
}

static void swept(struct gate_launcher *l, bool good)
{
	bool again = l->sweep_again;

	l->sweeping = l->sweep_again = false;
	if (again) {
		gate_work_sweep(l);
		return;
	}
	gate_held_swept(l);
	/* Something could not be cleaned up: a process that the kernel holds, perhaps. */
	if (!good)
		gate_work_sweep_later(l);
}

/* The worker's last words, or none. */
static void launch_over(struct gate_work *w, struct gate_ipc *m)
{
	struct gate_held *c = gate_held_find(w->l, w->name);
	struct gate_err err = GATE_ERR_INIT;

	if (c == NULL || c->phase != GATE_PHASE_LAUNCHING)
		return;
	if (m != NULL && m->head.type == GATE_IPC_REFUSED) {
		(void)GATE_FAIL(&err, (enum gate_errc)m->head.a, "%.*s", (int)m->head.len, (const char *)m->bytes);
		if (c->serial != 0) {
			gate_launcher_refuse(w->l, c->serial, &err);
			gate_held_drop(c);
			return;
		}
		/* Whoever asked is gone: told by name. There is no entry, so that is what the look finds. */
		c->why = strndup((const char *)m->bytes, m->head.len);
	}
	if (m != NULL && m->head.type == GATE_IPC_LAUNCHED && m->head.len == sizeof(struct gate_ipc_task)) {
		const struct gate_ipc_task *t = (const struct gate_ipc_task *)(const void *)m->bytes;

		memcpy(c->id, t->id, sizeof(c->id));
		c->id[sizeof(c->id) - 1] = '\0';
	}
	c->phase = GATE_PHASE_SETTLING;
	gate_held_look(c);
}

static void other_over(struct gate_work *w, struct gate_ipc *m)
{
	struct gate_launcher *l = w->l;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_held *c;

	if (w->type == GATE_IPC_REMOVE && m != NULL && m->head.type == GATE_IPC_DONE &&
	    (c = gate_held_find(l, w->name)) != NULL)
		gate_held_drop(c);
	if (w->front_age != l->front_age)
		return;
	if (m != NULL &&
	    (m->head.type == GATE_IPC_DONE || m->head.type == GATE_IPC_EXEC_DONE || m->head.type == GATE_IPC_REFUSED)) {
		gate_launcher_tell(l, m->head.type, w->serial, m->head.a, m->head.b, m->bytes, m->head.len, -1);
		return;
	}
	(void)GATE_FAIL(&err, GATE_E_SYS, "the process that was to do it for container '%s' was ended", w->name);
	gate_launcher_refuse(l, w->serial, &err);
}

static void start_next(struct gate_launcher *l);

static void answered(void *ctx, uint32_t events)
{
	static struct gate_ipc m;
	struct gate_work *w = ctx;
	struct gate_launcher *l = w->l;

	(void)events;
	int got = gate_ipc_receive(w->answer, &m, false);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got == 1)
		gate_ipc_done(&m);
	gate_loop_unwatch(w->watch);
	(void)close(w->answer);
	*w->back = w->next;
	if (w->next != NULL)
		w->next->back = w->back;
	l->busy[kind_of(w->type)]--;
	/* Ended half-way, or it could not undo all that it had done. */
	if (got != 1 || m.head.type == GATE_IPC_REFUSED)
		gate_work_sweep_later(l);
	if (w->type == GATE_IPC_LAUNCH) {
		launch_over(w, got == 1 ? &m : NULL);
	} else if (w->type == GATE_IPC_INVENTORY) {
		bool good = got == 1 && m.head.type == GATE_IPC_DONE;

		if (got == 1 && m.head.type == GATE_IPC_REFUSED)
			gate_say_agent("cleaning up after lost tasks: %.*s", (int)m.head.len, (const char *)m.bytes);
		swept(l, good);
	} else {
		other_over(w, got == 1 ? &m : NULL);
	}
	/* It was killed, and has left what it was making, or deleting, half done. */
	if (got != 1 && w->type != GATE_IPC_INVENTORY)
		gate_work_sweep(l);
	free(w);
	start_next(l);
}

/* False: it cannot be had now. */
static bool begin(struct gate_work *w)
{
	struct gate_launcher *l = w->l;
	int pair[2], fds[2];
	const size_t n = w->task >= 0 ? 2 : 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	fds[0] = pair[1];
	fds[1] = w->task;
	w->answer = pair[0];
	w->number = ++l->last_work;
	bool good =
	    gate_loop_watch(l->loop, pair[0], EPOLLIN, answered, w, &w->watch, NULL) == 0 &&
	    gate_ipc_send(l->mother, GATE_IPC_WORK, w->number, w->type, 0, w->name, strlen(w->name), fds, n) == 0;

	(void)close(pair[1]);
	if (!good) {
		gate_loop_unwatch(w->watch);
		(void)close(pair[0]);
		return false;
	}
	if (w->task >= 0)
		(void)close(w->task);
	w->task = -1;
	w->next = l->works;
	w->back = &l->works;
	if (w->next != NULL)
		w->next->back = &w->next;
	l->works = w;
	l->busy[kind_of(w->type)]++;
	return true;
}

/* What could not be begun is over, as if its worker had been ended at once. */
static void failed(struct gate_work *w)
{
	if (w->task >= 0)
		(void)close(w->task);
	if (w->type == GATE_IPC_LAUNCH)
		launch_over(w, NULL);
	else if (w->type == GATE_IPC_INVENTORY)
		swept(w->l, false);
	else
		other_over(w, NULL);
	free(w);
}

static void start_next(struct gate_launcher *l)
{
	for (struct gate_work **at = &l->queue; *at != NULL;) {
		struct gate_work *w = *at;

		if (l->busy[kind_of(w->type)] >= most[kind_of(w->type)]) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (*at == NULL)
			l->queue_end = at;
		if (!begin(w)) {
			failed(w);
			at = &l->queue; /* it may be another one by now, and nobody else may come to look at it */
		}
	}
}

int gate_work_ask(struct gate_launcher *l, uint32_t type, const char *name, uint64_t serial, int task)
{
	struct gate_work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	*w = (struct gate_work){ .l = l, .type = type, .serial = serial, .front_age = l->front_age, .task = task };
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	*l->queue_end = w;
	l->queue_end = &w->next;
	start_next(l);
	return 0;
}

/* A layer may come for hours over a slow line, and nobody waits for it any more. */
void gate_work_cut(struct gate_launcher *l, const char *name)
{
	for (const struct gate_work *w = l->works; w != NULL; w = w->next)
		if (w->type == GATE_IPC_LAUNCH && strcmp(w->name, name) == 0)
			(void)gate_ipc_send(l->mother, GATE_IPC_CUT, w->number, 0, 0, NULL, 0, NULL, 0);
	for (struct gate_work **at = &l->queue; *at != NULL; at = &(*at)->next) {
		struct gate_work *w = *at;

		if (w->type != GATE_IPC_LAUNCH || strcmp(w->name, name) != 0)
			continue;
		*at = w->next;
		if (*at == NULL)
			l->queue_end = at;
		failed(w);
		return;
	}
}

void gate_work_sweep(struct gate_launcher *l)
{
	if (l->sweeping) {
		l->sweep_again = true;
		return;
	}
	l->sweeping = true;
	if (gate_work_ask(l, GATE_IPC_INVENTORY, "", 0, -1) < 0)
		swept(l, false);
}

/* One for all that end meanwhile. */
void gate_work_sweep_later(struct gate_launcher *l)
{
	enum { LATER_MS = 5000 };

	if (l->sweep_timer.place == 0)
		(void)gate_timer_set(l->loop, &l->sweep_timer, gate_loop_now() + LATER_MS, NULL);
}

void gate_work_front_gone(struct gate_launcher *l)
{
	for (struct gate_held *c = l->held; c != NULL; c = c->next)
		c->serial = 0;
}
