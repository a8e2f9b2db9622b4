/* The launcher: one loop over the front, the mother, the workers' answers and the keepers of all running tasks. It writes no
 * file and starts no process: its filter (profiles/agent-launcher.json) lets it do neither. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/proc.h"
#include "launcher/parts.h"

#define TELL_AHEAD 8 /* messages of an inventory that wait to be read */

/* --- to the front --- */
static void drop_front(struct gate_launcher *l)
{
	gate_loop_unwatch(l->front_watch);
	l->front_watch = NULL;
	if (l->front >= 0)
		(void)close(l->front);
	l->front = -1;
	l->is_telling = false;
	l->telling = NULL;
	while (l->letters != NULL) {
		struct gate_letter *first = l->letters;

		l->letters = first->next;
		if (first->fd >= 0)
			(void)close(first->fd);
		free(first);
	}
	l->letters_end = &l->letters;
}

static void front_is_wrong(struct gate_launcher *l, const char *why)
{
	gate_say_agent("the connection to the front is ended: %s", why);
	drop_front(l);
}

static int send_letter(struct gate_launcher *l, const struct gate_letter *t)
{
	return gate_ipc_send(l->front, t->type, t->serial, t->a, t->b, t->bytes, t->len, &t->fd, t->fd >= 0 ? 1 : 0);
}

static void send_letters(struct gate_launcher *l)
{
	while (l->letters != NULL && l->front >= 0) {
		struct gate_letter *first = l->letters;

		if (send_letter(l, first) < 0) {
			if (errno != EAGAIN && errno != ENOBUFS && errno != ETOOMANYREFS)
				drop_front(l);
			return;
		}
		l->letters = first->next;
		if (l->letters == NULL)
			l->letters_end = &l->letters;
		if (first->fd >= 0)
			(void)close(first->fd);
		free(first);
	}
}

/* Takes `fd`. Nothing is told to nobody: who comes later asks for the inventory. */
void gate_launcher_tell(struct gate_launcher *l, uint32_t type, uint64_t serial, int64_t a, int64_t b,
                        const void *bytes, size_t len, int fd)
{
	struct gate_letter *t = l->front >= 0 ? malloc(sizeof(*t) + len) : NULL;

	if (t == NULL) {
		if (fd >= 0)
			(void)close(fd);
		if (l->front >= 0)
			front_is_wrong(l, "out of memory");
		return;
	}
	*t = (struct gate_letter){ .type = type, .serial = serial, .a = a, .b = b, .len = len, .fd = fd };
	if (len > 0)
		memcpy(t->bytes, bytes, len);
	*l->letters_end = t;
	l->letters_end = &t->next;
}

void gate_launcher_refuse(struct gate_launcher *l, uint64_t serial, const struct gate_err *err)
{
	gate_launcher_tell(l, GATE_IPC_REFUSED, serial, err->code, 0, err->text, strlen(err->text), -1);
}

/* --- requests: REFUSED with the error when they return -1 --- */
/* The name in front of the first NUL byte, and what follows it. */
static int name_of(const struct gate_ipc *m, char name[GATE_IPC_NAME_MAX + 1], const char **rest, struct gate_err *err)
{
	static char text[GATE_IPC_BYTES_MAX + 1];
	size_t len;

	memcpy(text, m->bytes, m->head.len);
	text[m->head.len] = '\0';
	len = strlen(text);
	if (len > GATE_IPC_NAME_MAX || !gate_task_name_ok(text))
		return GATE_FAIL(err, GATE_E_INVALID, "'%.128s' cannot be the name of a container", text);
	memcpy(name, text, len + 1);
	*rest = len < m->head.len ? text + len + 1 : "";
	/* Only one more string may follow, and none where none is expected. */
	if (len < m->head.len && len + 1 + strlen(*rest) != m->head.len)
		return GATE_FAIL(err, GATE_E_PROTO, "a message has more parts than it should have");
	return 0;
}

static int take_memfd(struct gate_ipc *m, struct gate_err *err)
{
	int fd = m->fds[0];

	if (fd < 0)
		return GATE_FAIL(err, GATE_E_PROTO, "a message came without its file");
	m->fds[0] = -1;
	return fd;
}

static int on_launch(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                     struct gate_err *err)
{
	struct gate_held *c = gate_held_find(l, name);
	int task;

	(void)rest;
	/* What is there was started as something else was checked: it must not pass for this. */
	if (c != NULL)
		return GATE_FAIL(err, GATE_E_CONFLICT, "container '%s' is there already", name);
	if ((task = take_memfd(m, err)) < 0)
		return -1;
	c = gate_held_add(l, name);
	if (c != NULL) {
		c->phase = GATE_PHASE_LAUNCHING;
		c->waited_for = true;
		c->serial = m->head.serial;
		if (gate_work_ask(l, GATE_IPC_LAUNCH, name, m->head.serial, task) == 0)
			return 0;
		gate_held_drop(c);
	}
	(void)close(task);
	return GATE_FAIL_NOMEM(err);
}

static int on_exec(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                   struct gate_err *err)
{
	const struct gate_held *c = gate_held_find(l, name);
	int task;

	(void)rest;
	if (c == NULL || c->phase != GATE_PHASE_RUNNING)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not running", name);
	if ((task = take_memfd(m, err)) < 0)
		return -1;
	if (gate_work_ask(l, GATE_IPC_EXEC, name, m->head.serial, task) == 0)
		return 0;
	(void)close(task);
	return GATE_FAIL_NOMEM(err);
}

static int on_kill(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                   struct gate_err *err)
{
	struct gate_held *c = gate_held_find(l, name);

	(void)rest;
	if (m->head.a < 0 || m->head.a > 64)
		return GATE_FAIL(err, GATE_E_INVALID, "%lld is not a signal", (long long)m->head.a);
	if (c == NULL || c->phase >= GATE_PHASE_LOSING)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not running", name);
	if (c->phase == GATE_PHASE_RUNNING) {
		if (gate_held_kill(c, m->head.a, m->head.b, m->head.serial))
			return 0;
		return GATE_FAIL(err, GATE_E_SYS, "the keeper of container '%s' cannot be reached", name);
	}
	/* A later one may be harsher, and counts. */
	c->kill = true;
	c->kill_signal = m->head.a;
	c->kill_ms = m->head.b;
	gate_launcher_tell(l, GATE_IPC_DONE, m->head.serial, 0, 0, NULL, 0, -1);
	if (c->phase == GATE_PHASE_LAUNCHING)
		gate_work_cut(l, name);
	return 0;
}

static int on_remove(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                     struct gate_err *err)
{
	struct gate_held *c = gate_held_find(l, name);

	(void)rest;
	if (c != NULL && c->phase < GATE_PHASE_ENDED)
		return GATE_FAIL(err, GATE_E_CONFLICT, "container '%s' has not ended", name);
	if (c != NULL && c->id[0] != '\0')
		return gate_work_ask(l, GATE_IPC_REMOVE, name, m->head.serial, -1) == 0 ? 0 : GATE_FAIL_NOMEM(err);
	if (c != NULL)
		gate_held_drop(c);
	gate_launcher_tell(l, GATE_IPC_DONE, m->head.serial, 0, 0, NULL, 0, -1);
	return 0;
}

static int on_stats(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                    struct gate_err *err)
{
	struct gate_held *c = gate_held_find(l, name);
	struct gate_ipc_stats stats;

	(void)rest;
	if (c == NULL || c->phase != GATE_PHASE_RUNNING)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not running", name);
	if (gate_held_stats(c, &stats, err) < 0)
		return -1;
	gate_launcher_tell(l, GATE_IPC_STATS_ARE, m->head.serial, 0, 0, &stats, sizeof(stats), -1);
	return 0;
}

/* --- files --- */
static int open_log(const struct gate_launcher *l, int dir, const char *which, int *ret, struct gate_err *err)
{
	bool good = strncmp(which, "out", 3) == 0 &&
	            (which[3] == '\0' ||
	             (which[3] == '.' && which[4] != '\0' && strspn(which + 4, "0123456789") == strlen(which + 4)));

	if (!good)
		return GATE_FAIL(err, GATE_E_INVALID, "'%.40s' is not a log file", which);
	return gate_open_beneath(&l->opener, dir, which, ret, err);
}

/* The private /tmp of a task on the host's root, or what a task has written over its image. */
static int open_sandbox(const struct gate_launcher *l, int dir, const char *path, int *ret, struct gate_err *err)
{
	int top = openat(dir, "work/sandbox", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (top < 0 && errno == ENOENT)
		top = openat(dir, "work/upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return errno == ENOENT ? GATE_FAIL(err, GATE_E_NOTFOUND, "the container has no sandbox")
		                       : GATE_FAIL_SYS(err, "cannot open the sandbox");
	int result = gate_open_beneath(&l->opener, top, path, ret, err);

	(void)close(top);
	return result;
}

static int open_of_container(struct gate_launcher *l, const struct gate_ipc *m, int *ret, struct gate_err *err)
{
	char name[GATE_IPC_NAME_MAX + 1];
	const struct gate_held *c;
	const char *rest;
	int dir;

	if (name_of(m, name, &rest, err) < 0)
		return -1;
	c = gate_held_find(l, name);
	if (c == NULL || c->id[0] == '\0')
		return GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%s'", name);
	if (gate_store_dir(l->store, c->id, &dir, err) < 0)
		return -1;
	int result =
	    m->head.a == GATE_OPEN_LOG ? open_log(l, dir, rest, ret, err) : open_sandbox(l, dir, rest, ret, err);

	(void)close(dir);
	return result;
}

static int open_for_front(struct gate_launcher *l, const struct gate_ipc *m, int *ret, struct gate_err *err)
{
	static char path[GATE_IPC_BYTES_MAX + 1];

	memcpy(path, m->bytes, m->head.len);
	path[m->head.len] = '\0';
	switch (m->head.a) {
	case GATE_OPEN_PROFILE:
	case GATE_OPEN_PROFILES:
		if (strlen(path) != m->head.len)
			return GATE_FAIL(err, GATE_E_INVALID, "the name of a profile has a NUL byte");
		return m->head.a == GATE_OPEN_PROFILE ? gate_open_profile(&l->opener, path, ret, err)
		                                      : gate_open_profiles(&l->opener, path, ret, err);
	case GATE_OPEN_LOG:
	case GATE_OPEN_SANDBOX:
		return open_of_container(l, m, ret, err);
	default:
		return GATE_FAIL(err, GATE_E_PROTO, "there is nothing of kind %lld to open", (long long)m->head.a);
	}
}

static int on_open(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                   struct gate_err *err)
{
	int fd = -1;

	(void)name;
	(void)rest;
	if (open_for_front(l, m, &fd, err) < 0)
		return -1;
	gate_launcher_tell(l, GATE_IPC_OPENED, m->head.serial, 0, 0, NULL, 0, fd);
	return 0;
}

/* --- the inventory: told in pieces, as the front reads --- */
static int on_inventory(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
                        struct gate_err *err)
{
	(void)name;
	(void)rest;
	if (l->is_telling)
		return GATE_FAIL(err, GATE_E_CONFLICT, "an inventory is being told already");
	l->is_telling = true;
	l->telling_ends = false;
	l->telling = l->held;
	l->telling_serial = m->head.serial;
	return 0;
}

static void tell_on(struct gate_launcher *l)
{
	unsigned n = 0;

	while (l->is_telling && n < TELL_AHEAD) {
		struct gate_held *c = l->telling;

		if (c == NULL && !l->telling_ends) {
			gate_launcher_tell(l, GATE_IPC_DONE, l->telling_serial, 0, 0, NULL, 0, -1);
			l->telling_ends = true;
			l->telling = l->held;
			continue;
		}
		if (c == NULL) {
			l->is_telling = false;
			return;
		}
		l->telling = c->next;
		if (!l->telling_ends)
			gate_held_tell(c, GATE_IPC_TASK, l->telling_serial);
		else if (c->phase == GATE_PHASE_ENDED || c->phase == GATE_PHASE_LOST)
			gate_held_tell(c, GATE_IPC_ENDED, 0);
		else
			continue;
		n++;
	}
}

/* --- the loop --- */
static const struct {
	uint32_t type;
	bool named;
	int (*serve)(struct gate_launcher *l, struct gate_ipc *m, const char *name, const char *rest,
	             struct gate_err *err);
} requests[] = {
	{ GATE_IPC_LAUNCH, true, on_launch },
	{ GATE_IPC_EXEC, true, on_exec },
	{ GATE_IPC_KILL, true, on_kill },
	{ GATE_IPC_REMOVE, true, on_remove },
	{ GATE_IPC_STATS, true, on_stats },
	{ GATE_IPC_OPEN, false, on_open },
	{ GATE_IPC_INVENTORY, false, on_inventory },
};

static bool serve(struct gate_launcher *l, struct gate_ipc *m)
{
	char name[GATE_IPC_NAME_MAX + 1] = "";
	struct gate_err err = GATE_ERR_INIT;
	const char *rest = "";

	for (size_t i = 0; i < GATE_ARRAY_LEN(requests); i++) {
		if (requests[i].type != m->head.type || m->head.serial == 0)
			continue;
		if ((requests[i].named && name_of(m, name, &rest, &err) < 0) ||
		    requests[i].serve(l, m, name, rest, &err) < 0)
			gate_launcher_refuse(l, m->head.serial, &err);
		return true;
	}
	return false;
}

static void from_front(void *ctx, uint32_t events)
{
	static struct gate_ipc m;
	struct gate_launcher *l = ctx;

	if ((events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	int got = gate_ipc_receive(l->front, &m, false);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got == 0) {
		drop_front(l);
	} else if (got < 0) {
		front_is_wrong(l, "it sent what is no message");
	} else {
		bool known = serve(l, &m);

		gate_ipc_done(&m);
		if (!known)
			front_is_wrong(l, "it asked for what there is not");
	}
}

static void watch_front(struct gate_launcher *l)
{
	struct gate_err err = GATE_ERR_INIT;

	if (!l->ready || l->front < 0 || l->front_watch != NULL)
		return;
	l->front_out = false;
	if (gate_loop_watch(l->loop, l->front, EPOLLIN, from_front, l, &l->front_watch, &err) < 0)
		front_is_wrong(l, err.text);
}

static void from_mother(void *ctx, uint32_t events)
{
	static struct gate_ipc m;
	struct gate_launcher *l = ctx;

	(void)events;
	int got = gate_ipc_receive(l->mother, &m, false);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0 || m.head.type != GATE_IPC_FRONT || m.fds[0] < 0) {
		gate_loop_stop(l->loop);
		return;
	}
	drop_front(l);
	l->front = m.fds[0];
	m.fds[0] = -1;
	gate_ipc_done(&m);
	(void)fcntl(l->front, F_SETFL, O_RDWR | O_NONBLOCK);
	l->front_age++;
	gate_work_front_gone(l);
	watch_front(l);
}

/* The first sweep is over when nothing is swept any more: then all is known. */
static void before_wait(void *ctx)
{
	struct gate_launcher *l = ctx;
	struct gate_err err = GATE_ERR_INIT;

	if (!l->ready && !l->sweeping) {
		if (gate_held_inventory(l, &err) < 0) {
			gate_say_agent("%s", err.text);
			gate_loop_stop(l->loop);
			return;
		}
		l->ready = true;
		watch_front(l);
	}
	if (l->letters == NULL)
		tell_on(l);
	send_letters(l);
	const bool out = l->letters != NULL || l->is_telling;

	if (l->front_watch != NULL && out != l->front_out &&
	    gate_loop_change(l->front_watch, EPOLLIN | (out ? EPOLLOUT : 0U), NULL) == 0)
		l->front_out = out;
}

static void sweep_again(void *ctx)
{
	gate_work_sweep(ctx);
}

static int read_boot_id(uint8_t id[16], struct gate_err *err)
{
	char text[64];
	size_t n = 0;

	if (gate_proc_read("/proc/sys/kernel/random/boot_id", text, sizeof(text)) < 0)
		return GATE_FAIL_SYS(err, "cannot read the boot id");
	for (const char *c = text; n < 32 && *c != '\0'; c++) {
		const char *digit = strchr("0123456789abcdef", *c);

		if (digit == NULL)
			continue;
		id[n / 2] = (uint8_t)(id[n / 2] << 4 | (digit - "0123456789abcdef"));
		n++;
	}
	return n == 32 ? 0 : GATE_FAIL(err, GATE_E_UNSUPPORTED, "the boot id cannot be read");
}

static int prepare(struct gate_launcher *l, const struct gate_launcher_setup *s, struct gate_err *err)
{
	struct rlimit files;

	/* One descriptor for each running task. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)prctl(PR_SET_NAME, "gate-launcher");
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (read_boot_id(l->boot_id, err) < 0 || gate_opener_init(s->config_dir, &l->opener, err) < 0 ||
	    gate_store_open(s->tasks, &l->store, err) < 0 || gate_loop_open(&l->loop, err) < 0 ||
	    gate_loop_watch(l->loop, l->mother, EPOLLIN, from_mother, l, &l->mother_watch, err) < 0)
		return -1;
	errno = -gate_launcher_filter();
	return errno == 0 ? 0 : GATE_FAIL_SYS(err, "cannot load the filter of the launcher");
}

int gate_launcher_run(const struct gate_launcher_setup *s)
{
	struct gate_launcher *l = calloc(1, sizeof(*l));
	struct gate_err err = GATE_ERR_INIT;

	if (l == NULL)
		return 1;
	l->mother = s->mother;
	l->front = -1;
	l->letters_end = &l->letters;
	l->held_end = &l->held;
	l->queue_end = &l->queue;
	l->sweep_timer = (struct gate_timer){ .fn = sweep_again, .ctx = l };
	if (prepare(l, s, &err) < 0) {
		gate_say_agent("%s", err.text);
		return 1;
	}
	gate_work_sweep(l);
	if (gate_loop_run(l->loop, before_wait, l, &err) < 0)
		gate_say_agent("%s", err.text);
	return 1;
}
