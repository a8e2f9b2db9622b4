/* Containers as the launcher holds them. One function, gate_held_look, finds out what has become of one: after its launch, after
 * its keeper has gone, and when the launcher is new and knows nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/parts.h"
#include "task/plan.h"

#define SOON_MS  20   /* a keeper that is starting, or letting go */
#define LATER_MS 1000 /* one that has no room for those who wait */

/* --- the table --- */
static struct gate_held **slot(struct gate_launcher *l, const char *name)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619U;
	return &l->slots[hash % GATE_HELD_SLOTS];
}

struct gate_held *gate_held_find(struct gate_launcher *l, const char *name)
{
	struct gate_held *c = *slot(l, name);

	while (c != NULL && strcmp(c->name, name) != 0)
		c = c->same;
	return c;
}

static void look_again(void *ctx)
{
	gate_held_look(ctx);
}

struct gate_held *gate_held_add(struct gate_launcher *l, const char *name)
{
	struct gate_held *c = calloc(1, sizeof(*c)), **first = slot(l, name);

	if (c == NULL)
		return NULL;
	*c = (struct gate_held){ .l = l, .keeper = -1, .again = { .fn = look_again, .ctx = c }, .back = l->held_end };
	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	c->same = *first;
	*first = c;
	*l->held_end = c;
	l->held_end = &c->next;
	return c;
}

static void let_go(struct gate_held *c)
{
	gate_loop_unwatch(c->watch);
	c->watch = NULL;
	if (c->keeper >= 0)
		(void)close(c->keeper);
	c->keeper = -1;
}

void gate_held_drop(struct gate_held *c)
{
	struct gate_launcher *l = c->l;
	struct gate_held **same = slot(l, c->name);

	while (*same != c)
		same = &(*same)->same;
	*same = c->same;
	*c->back = c->next;
	if (c->next != NULL)
		c->next->back = c->back;
	else
		l->held_end = c->back;
	if (l->telling == c)
		l->telling = c->next;
	let_go(c);
	gate_timer_clear(&c->again);
	free(c->why);
	free(c);
}

static void later(struct gate_held *c, int64_t ms)
{
	/* Without memory for a timer it is looked at with the next front's inventory. */
	if (gate_timer_set(c->l->loop, &c->again, gate_loop_now() + ms, NULL) < 0)
		gate_say_agent("out of memory: container '%s' is not watched for now", c->name);
}

/* --- what the front is told --- */
/* NOTFOUND: there is none. What else fails says nothing about the container. */
static int read_entry(struct gate_held *c, struct gate_entry *e, struct gate_err *err)
{
	int dir;

	if (c->id[0] == '\0')
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' has no entry", c->name);
	if (gate_store_dir(c->l->store, c->id, &dir, err) < 0)
		return -1;
	int result = gate_store_read(dir, c->id, e, err);

	(void)close(dir);
	return result;
}

/* Written by the worker; else by the numbers alone. */
static void say_why(struct gate_held *c, const struct gate_record *r, char *text, size_t size)
{
	const char *sys = strerrordesc_np(r->sys);
	int dir, fd = -1;

	text[0] = '\0';
	if (r->outcome != GATE_OUTCOME_NOT_STARTED && r->outcome != GATE_OUTCOME_NOT_EXECUTED)
		return;
	if (c->id[0] != '\0' && gate_store_dir(c->l->store, c->id, &dir, NULL) == 0) {
		fd = openat(dir, "why", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		(void)close(dir);
	}
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n > 0)
		return;
	if (c->why != NULL)
		(void)snprintf(text, size, "%s", c->why);
	else if (r->outcome == GATE_OUTCOME_NOT_EXECUTED)
		(void)snprintf(text, size, "the command cannot be executed: %s", sys != NULL ? sys : "unknown error");
	else
		(void)snprintf(text, size, "the command was not run: step '%s': %s", gate_step_name(r->step),
		               sys != NULL ? sys : "unknown error");
}

static void tell(struct gate_held *c, uint32_t type, uint64_t serial, const struct gate_record *r)
{
	static struct gate_ipc_task t;

	memset(&t, 0, sizeof(t));
	(void)snprintf(t.name, sizeof(t.name), "%s", c->name);
	memcpy(t.id, c->id, sizeof(t.id));
	t.starting = c->phase == GATE_PHASE_LAUNCHING || c->phase == GATE_PHASE_SETTLING;
	t.lost = c->phase == GATE_PHASE_LOST;
	t.rebooted = c->rebooted;
	t.record = *r;
	say_why(c, r, t.why, sizeof(t.why));
	gate_launcher_tell(c->l, type, serial, 0, 0, &t, sizeof(t), -1);
}

void gate_held_tell(struct gate_held *c, uint32_t type, uint64_t serial)
{
	struct gate_entry e = { 0 };

	(void)read_entry(c, &e, NULL);
	tell(c, type, serial, &e.record);
}

/* LAUNCHED, if it is owed. */
static void tell_launched(struct gate_held *c, const struct gate_record *r)
{
	if (!c->waited_for)
		return;
	c->waited_for = false;
	tell(c, GATE_IPC_LAUNCHED, c->serial, r);
	c->serial = 0;
}

static void has_ended(struct gate_held *c, enum gate_phase how, const struct gate_record *r)
{
	let_go(c);
	gate_timer_clear(&c->again);
	c->phase = how;
	c->kill = false;
	tell_launched(c, r);
	tell(c, GATE_IPC_ENDED, 0, r);
	gate_work_sweep_later(c->l);
}

/* It has no entry: the launch was cut short and has left nothing; or it was there, and somebody has removed it by hand. */
static void never_was(struct gate_held *c)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_record r = { .magic = GATE_RECORD_MAGIC,
		                 .version = GATE_RECORD_VERSION,
		                 .size = sizeof(r),
		                 .state = GATE_TASK_ENDED,
		                 .outcome = GATE_OUTCOME_NOT_STARTED,
		                 .sys = ECANCELED };

	(void)GATE_FAIL(&err, GATE_E_SYS, "the launch of container '%s' was cut short", c->name);
	c->id[0] = '\0';
	if (c->waited_for && c->serial != 0) {
		gate_launcher_refuse(c->l, c->serial, &err);
	} else if (c->waited_for) {
		c->phase = GATE_PHASE_ENDED;
		if (c->why == NULL)
			c->why = strdup(err.text);
		tell(c, GATE_IPC_LAUNCHED, 0, &r);
	} else {
		c->phase = GATE_PHASE_LOST;
		tell(c, GATE_IPC_ENDED, 0, &r);
	}
	gate_held_drop(c);
}

/* --- the keeper --- */
static void heard(void *ctx, uint32_t events)
{
	static struct {
		_Alignas(8) char bytes[GATE_FRAME_BYTES_MAX];
	} f;
	struct gate_held *c = ctx;
	struct gate_frame head;
	struct gate_record r;
	int passed = -1;

	(void)events;
	int got = gate_frame_receive(c->keeper, &head, f.bytes, sizeof(f.bytes), &passed);
	if (passed >= 0)
		(void)close(passed);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got == 1 && head.type == GATE_FRAME_ENDED && head.len == sizeof(r)) {
		memcpy(&r, f.bytes, sizeof(r));
		if (gate_record_check(&r, sizeof(r))) {
			has_ended(c, GATE_PHASE_ENDED, &r);
			return;
		}
	}
	if (got == 1 && head.type == GATE_FRAME_RECORD) /* it has ended, its directory is being deleted */
		return;
	let_go(c);
	/* EUSERS: others wait there already, so many that there is no room. */
	if (got == 1)
		later(c, LATER_MS);
	else
		gate_held_look(c);
}

static int connect_keeper(struct gate_held *c, int *ret, struct gate_err *err)
{
	int fd = -1;

	if (gate_container_connect(c->l->store, c->id, &fd, err) < 0)
		return -1;
	(void)fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*ret = fd;
	return 0;
}

static bool wait_for_end(struct gate_held *c)
{
	struct gate_err err = GATE_ERR_INIT;
	int fd = -1;

	if (connect_keeper(c, &fd, &err) < 0 || gate_frame_send(fd, GATE_FRAME_WAIT, 0, 0, NULL, 0) < 0 ||
	    gate_loop_watch(c->l->loop, fd, EPOLLIN, heard, c, &c->watch, &err) < 0) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	c->keeper = fd;
	return true;
}

static void runs(struct gate_held *c, const struct gate_record *r)
{
	if (c->keeper < 0 && !wait_for_end(c)) {
		/* It has just ended, and its keeper with it; or there are no descriptors. */
		later(c, SOON_MS);
		return;
	}
	c->phase = GATE_PHASE_RUNNING;
	tell_launched(c, r);
	if (!c->kill)
		return;
	/* Whoever asked has its DONE, so it is ours to see that it happens. */
	if (gate_held_kill(c, c->kill_signal, c->kill_ms, 0))
		c->kill = false;
	else
		later(c, LATER_MS);
}

void gate_held_look(struct gate_held *c)
{
	struct gate_entry e = { 0 };
	struct gate_err why = GATE_ERR_INIT;
	int result = 0;

	if (c->id[0] == '\0' && (result = gate_find_named(c->l->store, c->name, &e, &why)) == 0)
		memcpy(c->id, e.id, sizeof(c->id));
	if (result < 0 || read_entry(c, &e, &why) < 0) {
		/* No descriptors, perhaps: then it may well run. */
		if (why.code == GATE_E_SYS || why.code == GATE_E_NOMEM)
			later(c, LATER_MS);
		else
			never_was(c);
		return;
	}
	switch (e.state) {
	case GATE_TASK_CREATED:
		later(c, SOON_MS);
		return;
	case GATE_TASK_RUNNING:
		runs(c, &e.record);
		return;
	case GATE_TASK_ENDED:
		has_ended(c, GATE_PHASE_ENDED, &e.record);
		return;
	case GATE_TASK_LOST:
	default:
		c->phase = GATE_PHASE_LOSING;
		gate_work_sweep(c->l);
	}
}

void gate_held_swept(struct gate_launcher *l)
{
	for (struct gate_held *c = l->held, *next; c != NULL; c = next) {
		struct gate_entry e = { 0 };

		next = c->next;
		if (c->phase != GATE_PHASE_LOSING)
			continue;
		/* Whoever thought it lost could not see its keeper. */
		if (read_entry(c, &e, NULL) < 0 || e.state == GATE_TASK_RUNNING || e.state == GATE_TASK_CREATED) {
			c->phase = GATE_PHASE_SETTLING;
			later(c, SOON_MS);
			continue;
		}
		static const uint8_t none[16];

		c->rebooted = memcmp(e.record.boot_id, none, sizeof(none)) != 0 &&
		              memcmp(e.record.boot_id, l->boot_id, sizeof(l->boot_id)) != 0;
		has_ended(c, e.state == GATE_TASK_ENDED ? GATE_PHASE_ENDED : GATE_PHASE_LOST, &e.record);
	}
}

int gate_held_inventory(struct gate_launcher *l, struct gate_err *err)
{
	GATE_AUTOFREE struct gate_entry *list = NULL;
	size_t n = 0;

	if (gate_store_list(l->store, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct gate_held *c = list[i].name[0] != '\0' ? gate_held_add(l, list[i].name) : NULL;

		/* Without a name it is not ours: somebody has used this directory by hand. */
		if (c == NULL)
			continue;
		memcpy(c->id, list[i].id, sizeof(c->id));
		c->phase = GATE_PHASE_SETTLING;
		c->waited_for = list[i].state == GATE_TASK_CREATED;
		gate_held_look(c);
	}
	return 0;
}

/* --- ending one --- */
/* A second connection, because the first may be full of other things; it lives until its answer. */
struct stop {
	struct gate_launcher *l;
	char name[GATE_IPC_NAME_MAX + 1];
	int64_t signal, ms;
	uint64_t serial, front_age;
	int fd;
	struct gate_watch *watch;
};

/* One that nobody waits for any more has been acknowledged, so it is tried again. */
static void refused(const struct stop *s)
{
	struct gate_held *c = gate_held_find(s->l, s->name);

	if (c == NULL || c->phase >= GATE_PHASE_LOSING || c->kill)
		return;
	c->kill = true;
	c->kill_signal = s->signal;
	c->kill_ms = s->ms;
	later(c, LATER_MS);
}

static void stopped(void *ctx, uint32_t events)
{
	_Alignas(8) char bytes[512];
	struct stop *s = ctx;
	struct gate_frame head = { 0 };
	struct gate_err err = GATE_ERR_INIT;
	int passed = -1;

	(void)events;
	int got = gate_frame_receive(s->fd, &head, bytes, sizeof(bytes), &passed);
	if (passed >= 0)
		(void)close(passed);
	if (got < 0 && errno == EAGAIN)
		return;
	if (s->serial == 0 && got == 1 && head.type != GATE_FRAME_DONE)
		refused(s);
	if (s->serial != 0 && s->front_age == s->l->front_age) {
		if (got == 1 && head.type == GATE_FRAME_DONE)
			gate_launcher_tell(s->l, GATE_IPC_DONE, s->serial, 0, 0, NULL, 0, -1);
		else if (got == 1)
			(void)GATE_FAIL(&err, GATE_E_SYS, "the keeper refused the stop: %s", strerror((int)head.a));
		else
			(void)GATE_FAIL(&err, GATE_E_NOTFOUND, "the container has ended");
		if (err.code != GATE_OK)
			gate_launcher_refuse(s->l, s->serial, &err);
	}
	gate_loop_unwatch(s->watch);
	(void)close(s->fd);
	free(s);
}

bool gate_held_kill(struct gate_held *c, int64_t signal, int64_t ms, uint64_t serial)
{
	struct stop *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return false;
	*s = (struct stop){
		.l = c->l, .signal = signal, .ms = ms, .serial = serial, .front_age = c->l->front_age, .fd = -1
	};
	memcpy(s->name, c->name, sizeof(s->name));
	if (connect_keeper(c, &s->fd, NULL) == 0 &&
	    gate_loop_watch(c->l->loop, s->fd, EPOLLIN, stopped, s, &s->watch, NULL) == 0 &&
	    gate_frame_send(s->fd, GATE_FRAME_STOP, (uint64_t)signal, ms < 0 ? UINT64_MAX : (uint64_t)ms, NULL, 0) == 0)
		return true;
	gate_loop_unwatch(s->watch);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s);
	return false;
}
