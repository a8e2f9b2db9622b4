/* Starting a keeper and handing it the plan. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container/prepare.h"
#include "container/userns.h"
#include "launch/sys.h"

/* What the new process needs, all above the descriptors that it gives away; and its stack. It runs in our memory until
 * its execve, and beside us: that is what starting it early is for. So this lives until the keeper has answered. */
struct birth {
	int program, socket;
	int32_t sys; /* why there was no execve */
	_Alignas(16) char stack[16 * 1024];
};

/* Calls only, and none that writes to our errno. */
static void be_keeper(void *arg)
{
	static char name[] = "callgate-keeper";
	static char *const argv[] = { name, NULL };
	static char *const envp[] = { NULL };
	struct birth *b = arg;
	/* dup3 is everywhere, dup2 is not (aarch64); the descriptors differ, which it insists on. */
	long ret = gate_sys(SYS_dup3, b->socket, GATE_KEEPER_FD, 0);

	if (ret >= 0)
		ret = gate_sys(SYS_execveat, b->program, "", argv, envp, AT_EMPTY_PATH);
	__atomic_store_n(&b->sys, (int32_t)-ret, __ATOMIC_RELEASE);
	for (;;)
		(void)gate_sys(SYS_exit_group, 125);
}

/* No handler of ours may run in that process. The keeper blocks all signals itself. */
static pid_t give_birth(struct birth *b)
{
	const struct gate_clone how = { .flags = CLONE_VM,
		                        .exit_signal = SIGCHLD,
		                        .stack = (uint64_t)(uintptr_t)b->stack,
		                        .stack_size = sizeof(b->stack) };
	sigset_t all, old;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	long pid = gate_clone_run(&how, be_keeper, b);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		errno = (int)-pid;
	return pid < 0 ? -1 : (pid_t)pid;
}

/* Out of the way of 0 to 3. */
static int lift(int *fd)
{
	if (*fd < 0 || *fd > GATE_KEEPER_FD)
		return *fd;
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, GATE_KEEPER_FD + 1);

	(void)close(*fd);
	*fd = high;
	return high;
}

static int begin(struct birth *b, int *ours, pid_t *pid, struct gate_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return GATE_FAIL_SYS(err, "cannot make a socket for the keeper");
	*ours = pair[0];
	b->socket = pair[1];
	if (lift(ours) < 0 || lift(&b->socket) < 0 || lift(&b->program) < 0)
		return GATE_FAIL_SYS(err, "cannot get descriptors for the keeper");
	*pid = give_birth(b);
	return *pid > 0 ? 0 : GATE_FAIL_SYS(err, "cannot start the keeper");
}

static void forget(struct gate_starter *k)
{
	free(k->birth);
	k->birth = NULL;
}

int gate_starter_begin(struct gate_starter *ret, struct gate_err *err)
{
	struct gate_starter k = { .socket = -1 };
	struct birth *b = k.birth = malloc(sizeof(*k.birth));

	if (b == NULL)
		return GATE_FAIL_NOMEM(err);
	b->socket = -1;
	b->sys = 0;
	b->program = gate_keeper_memfd(err);
	int result = b->program < 0 ? -1 : begin(b, &k.socket, &k.pid, err);
	const int fds[] = { b->program, b->socket };
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]); /* the new process has a table of its own */
	if (result == 0) {
		*ret = k;
		return 0;
	}
	if (k.socket >= 0)
		(void)close(k.socket);
	forget(&k);
	return -1;
}

void gate_starter_done(struct gate_starter *k)
{
	if (k->socket >= 0)
		(void)close(k->socket);
	k->socket = -1;
	if (k->pid > 0)
		(void)waitpid(k->pid, NULL, 0);
	k->pid = 0;
	forget(k);
}

/* --- the plan --- */
static int send_plan(int socket, const struct gate_plan_writer *w, int memfd)
{
	struct gate_start_message start = { GATE_START_MAGIC, GATE_PLAN_VERSION };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE((GATE_PLAN_FDS_MAX + 1) * sizeof(int))];
	} control = { 0 };
	struct iovec part = { &start, sizeof(start) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control };
	size_t n = w->n_fds + 1;
	ssize_t sent;

	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), &memfd, sizeof(memfd));
	memcpy(CMSG_DATA(c) + sizeof(memfd), w->fds, w->n_fds * sizeof(int));
	do
		sent = sendmsg(socket, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* --- the answer --- */
static void say_not_executed(const struct gate_plan_writer *w, struct gate_started *ret)
{
	const char *program = w->argc > 0 ? w->argv[0] : "";

	if (ret->record.sys == ENOENT)
		(void)snprintf(ret->why, sizeof(ret->why),
		               strchr(program, '/') == NULL
		                   ? "'%s' was not found in the PATH of the task"
		                   : "'%s' was not found, or the program that it is interpreted by",
		               program);
	else if (ret->record.sys == E2BIG)
		(void)snprintf(
		    ret->why, sizeof(ret->why),
		    "'%s' cannot be executed: arguments and environment are longer than the kernel takes (128 KiB "
		    "for each, in all a quarter of '--ulimit stack', 6 MiB at most)",
		    program);
	else
		(void)snprintf(ret->why, sizeof(ret->why), "'%s' cannot be executed: %s", program,
		               strerrordesc_np(ret->record.sys));
}

static void say_why(const struct gate_plan_writer *w, struct gate_started *ret)
{
	const struct gate_record *r = &ret->record;
	const char *why = strerrordesc_np(r->sys), *object = r->row < w->n_lines ? w->lines[r->row].object : "";
	char number[32] = "";

	if (r->outcome == GATE_OUTCOME_NOT_EXECUTED) {
		say_not_executed(w, ret);
		return;
	}
	if (r->object != 0)
		(void)snprintf(number, sizeof(number), " (%lld)", (long long)r->object);
	(void)snprintf(ret->why, sizeof(ret->why),
	               object[0] != '\0' ? "the command was not run: step '%s': %s '%s'%s: %s"
	                                 : "the command was not run: step '%s': %s%s%s: %s",
	               gate_step_name(r->step), gate_step_what(r->step), object, number,
	               why != NULL ? why : "unknown error");
}

static int take_answer(const struct gate_plan_writer *w, const struct gate_frame *head, const char *bytes,
                       struct gate_started *ret, struct gate_err *err)
{
	if (head->type == GATE_FRAME_REFUSED)
		return GATE_FAIL(err, GATE_E_PROTO, "the keeper refused the launch plan: %.*s", (int)head->len, bytes);
	if ((head->type != GATE_FRAME_STARTED && head->type != GATE_FRAME_ENDED) || head->len != sizeof(ret->record))
		return GATE_FAIL(err, GATE_E_PROTO, "the keeper gave an answer that is none (%u)", head->type);
	memcpy(&ret->record, bytes, sizeof(ret->record));
	if (!gate_record_check(&ret->record, sizeof(ret->record)))
		return GATE_FAIL(err, GATE_E_PROTO, "the keeper gave a broken record");
	ret->started = head->type == GATE_FRAME_STARTED;
	if (!ret->started)
		say_why(w, ret);
	return 0;
}

/* The task's time limit holds for its launch, which may wait in the kernel for a file server: with it the keeper, who
 * hears nothing then. */
static int await_answer(const struct gate_starter *k, uint64_t ms, struct gate_err *err)
{
	struct pollfd answer = { k->socket, POLLIN, 0 };
	int got;

	if (ms == 0)
		return 0;
	do
		got = poll(&answer, 1, ms > INT_MAX ? INT_MAX : (int)ms);
	while (got < 0 && errno == EINTR);
	if (got != 0)
		return 0;
	(void)kill(k->pid, SIGKILL); /* our child, not waited for yet */
	return GATE_FAIL(err, GATE_E_LIMIT, "the command was not run: its launch took longer than the time limit");
}

int gate_starter_send(struct gate_starter *k, const struct gate_plan_writer *w, int memfd, struct gate_err *err)
{
	/* EPIPE: it has ended already, and the answer says why. */
	if (send_plan(k->socket, w, memfd) < 0 && errno != EPIPE)
		return GATE_FAIL_SYS(err, "cannot send the keeper its plan");
	return 0;
}

int gate_starter_answer(struct gate_starter *k, const struct gate_plan_writer *w, struct gate_started *ret,
                        struct gate_err *err)
{
	_Alignas(8) char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	int pidfd = -1;

	if (await_answer(k, w->head.timeout_ms, err) < 0)
		return -1;
	int got = gate_frame_receive(k->socket, &head, bytes, sizeof(bytes), &pidfd);
	if (got < 0)
		return GATE_FAIL_SYS(err, "cannot hear from the keeper");
	if (got == 0) {
		errno = __atomic_load_n(&k->birth->sys, __ATOMIC_ACQUIRE);
		return errno != 0 ? GATE_FAIL_SYS(err, "cannot execute the keeper")
		                  : GATE_FAIL(err, GATE_E_PROTO, "the keeper ended without an answer");
	}
	if (take_answer(w, &head, bytes, ret, err) < 0) {
		if (pidfd >= 0)
			(void)close(pidfd);
		return -1;
	}
	ret->pidfd = pidfd;
	ret->socket = k->socket;
	k->socket = -1;
	forget(k);
	return 0;
}

/* --- the whole way --- */
/* exec needs the filter and the rights again. With --rm as well: the task may be asked while it runs. */
static int keep_plan(const struct gate_prepare *p, int memfd, size_t size, struct gate_err *err)
{
	int fd = openat(p->dir, "plan", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t from = 0;
	ssize_t n = 0;

	while (fd >= 0 && (size_t)from < size && (n = sendfile(fd, memfd, &from, size - (size_t)from)) > 0)
		;
	if (fd < 0 || n < 0 || (size_t)from < size) {
		gate_err_set(err, GATE_E_SYS, errno, "cannot write '%s/plan'", p->path);
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	(void)close(fd);
	return 0;
}

/* A name may be that of a task whose keeper was killed. And in a user namespace of our own, which may see less of what
 * is left, nothing is looked for. */
static bool swept_before(const struct gate_task *t)
{
	return t->name != NULL || (geteuid() != 0 && gate_task_contained(t));
}

static int sweep(struct gate_store *s, struct gate_err *err)
{
	return s->swept_by_other ? 0 : gate_store_sweep(s, err);
}

static int start(struct gate_prepare *p, struct gate_starter *k, struct gate_started *ret, struct gate_err *err)
{
	size_t size = 0;
	int memfd = -1;

	if (gate_prepare(p, err) < 0 || gate_plan_seal(&p->plan, &memfd, &size, err) < 0)
		return -1;
	memcpy(ret->id, p->id, sizeof(ret->id));
	int result = gate_config_write(p, err) < 0 || keep_plan(p, memfd, size, err) < 0
	                 ? -1
	                 : gate_starter_send(k, &p->plan, memfd, err);
	(void)close(memfd);
	if (result < 0)
		return -1;
	/* While the keeper works there is time. What cannot be cleaned up is tried again by the next verb. */
	if (!swept_before(p->task))
		(void)sweep(p->store, NULL);
	return gate_starter_answer(k, &p->plan, ret, err);
}

/* Without root everything from here on, the keeper too, lives in a user namespace that we make: in it we are root. */
static int enter_userns(struct gate_prepare *p, struct gate_store **inner, struct gate_err *err)
{
	if (geteuid() == 0 || !gate_task_contained(p->task))
		return 0;
	if (gate_prepare_early(p, err) < 0 || gate_userns_enter(err) < 0)
		return -1;
	/* What was opened before lies in mounts of another namespace: nothing of it could be mounted here. */
	if (gate_store_open(gate_store_path(p->store), inner, err) < 0)
		return -1;
	p->store = *inner;
	return 0;
}

int gate_container_start(struct gate_store *s, const struct gate_task *t, const struct gate_task_profile *profile,
                         struct gate_started *ret, struct gate_err *err)
{
	struct gate_started started = { .socket = -1, .pidfd = -1 };
	struct gate_starter k = { .socket = -1 };
	struct gate_prepare *p = calloc(1, sizeof(*p));
	struct gate_store *inner = NULL;

	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	gate_prepare_init(p);
	p->store = s;
	p->task = t;
	p->profile = profile;
	int result = swept_before(t) ? sweep(s, err) : 0;
	if (result == 0)
		result = enter_userns(p, &inner, err);
	if (result == 0 && profile->caller != NULL && profile->caller->keeper != NULL) {
		k = *profile->caller->keeper;
		*profile->caller->keeper = (struct gate_starter){ .socket = -1 };
	} else if (result == 0) {
		result = gate_starter_begin(&k, err);
	}
	if (result == 0)
		result = start(p, &k, &started, err);
	if (result < 0)
		gate_starter_done(&k); /* first: nobody else holds on to what is undone now */
	gate_prepare_done(p, result < 0);
	gate_store_close(inner);
	free(p);
	if (result == 0)
		*ret = started;
	return result;
}

int gate_container_explain(struct gate_store *s, const struct gate_task *t, const struct gate_task_profile *profile,
                           bool json, struct gate_buf *out, struct gate_err *err)
{
	struct gate_prepare *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	gate_prepare_init(p);
	p->store = s;
	p->task = t;
	p->profile = profile;
	p->dry = true;
	int result = gate_prepare_early(p, err);
	/* The image is looked into, so it is unpacked, as a launch would. */
	if (result == 0 && t->image != NULL && gate_task_contained(t))
		result = gate_container_own_ids(err);
	if (result == 0)
		result = gate_prepare(p, err);
	if (result == 0)
		result = gate_plan_explain(&p->plan, p->notes.data, json, out, err);
	gate_prepare_done(p, false);
	free(p);
	return result;
}

int gate_container_caller(const struct gate_task *t, struct gate_container_caller *ret, struct gate_err *err)
{
	return gate_caller_in(t, &ret->has, &ret->nested, err);
}

uint64_t gate_container_caps(const struct gate_task *t, const struct gate_container_caller *c)
{
	return gate_task_caps(t, c->has.permitted & c->has.bounding);
}

int gate_container_keeper(const struct gate_task *t, struct gate_container_caller *c, struct gate_err *err)
{
	if (c->keeper != NULL || (geteuid() != 0 && (t == NULL || gate_task_contained(t))))
		return 0;
	struct gate_starter *k = malloc(sizeof(*k));

	if (k == NULL)
		return GATE_FAIL_NOMEM(err);
	if (gate_starter_begin(k, err) < 0) {
		free(k);
		return -1;
	}
	c->keeper = k;
	return 0;
}

void gate_container_caller_done(struct gate_container_caller *c)
{
	if (c->keeper != NULL)
		gate_starter_done(c->keeper);
	free(c->keeper);
	c->keeper = NULL;
}
