#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "launch/launch.h"
#include "launch/sys.h"

#define STAGER_STACK (16 * 1024)
#define CHILD_STACK  (128 * 1024)
#define STACKS       (STAGER_STACK + GATE_HELPER_STACK + CHILD_STACK)
#define P_BY_PIDFD   3 /* 5.4 */
#define PAGE         4096
/* MADV_POPULATE_WRITE, 5.14 */
#define GATE_POPULATE_WRITE 23
#define CLOSE_LEAST         65536
#define CLOSE_MOST          (1U << 20) /* /proc/sys/fs/nr_open, unless somebody raised it */

struct start {
	struct gate_launch l;
	const struct gate_row *clone;
	uint32_t clone_row;
	bool staged; /* there are rows before CLONE */
	bool lend;   /* the child runs in our memory until its execve, and we wait */
	bool listener;
	bool tied;   /* somebody asks whether the keeper lives */
	int cgroup;  /* to be entered by a child that clone3 could not put there, or -1 */
	int done[2]; /* the pipe whose end tells of execve, where nobody waits by vfork; -1 */
	int terminal[2];
	int pidfd;
	long pid, stager;
	char *stacks;
};

static void fail_at(struct gate_launch_report *report, uint32_t row, long sys)
{
	report->row = row;
	report->sys = (int32_t)-sys;
	__atomic_store_n(&report->failed, 1, __ATOMIC_RELEASE);
}

/* --- in the new process --- */

static int enter_cgroup(int dir)
{
	long fd = gate_sys(SYS_openat, dir, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	long got = gate_sys(SYS_write, fd, "0", 1);
	(void)gate_sys(SYS_close, fd);
	return got == 1 ? 0 : got < 0 ? (int)got : -EIO;
}

/* The process shares the keeper's descriptors so far. The thread that will load the filter goes on doing so, which is how
 * the listener comes to the keeper; everybody else gets a copy, before anything is opened or closed. */
static int part_from_keeper(struct start *s)
{
	long got = gate_filter_helper(&s->l.filter);

	if (got == 0)
		got = gate_sys(SYS_unshare, CLONE_FILES);
	if (got == 0 && (got = gate_sys(SYS_write, s->done[1], "", 1)) == 1)
		got = 0;
	return (int)got;
}

static void child(void *arg)
{
	struct start *s = arg;
	int sys = s->listener ? part_from_keeper(s) : 0;

	if (sys == 0 && s->cgroup >= 0)
		sys = enter_cgroup(s->cgroup);
	if (sys < 0) {
		fail_at(s->l.report, s->clone_row, sys);
		gate_launch_leave();
	}
	gate_launch_rows(&s->l, s->clone_row + 1);
}

/* --- in the keeper, or in its stager --- */

static long spawn(struct start *s)
{
	struct gate_clone how = {
		.flags = s->clone->a | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&s->pidfd,
		.stack = (uint64_t)(uintptr_t)(s->stacks + STAGER_STACK + GATE_HELPER_STACK),
		.stack_size = CHILD_STACK,
	};
	long pid = -ENOSYS;

	s->l.report->row = s->clone_row;
	if (s->lend)
		how.flags |= CLONE_VM | CLONE_VFORK;
	if (s->listener)
		how.flags |= CLONE_FILES;
	/* A child of the keeper's, whoever makes it; then the exit signal is the maker's. */
	if (s->staged)
		how.flags |= CLONE_PARENT;
	else
		how.exit_signal = SIGCHLD;
	if (s->clone->fd >= 0) {
		how.cgroup = (uint64_t)s->l.view->fds[s->clone->fd];
		how.flags |= GATE_CLONE_INTO_CGROUP;
		pid = gate_clone_run(&how, child, s);
		if (pid != -ENOSYS)
			return pid;
		/* Container engines answer that for clone3. */
		how.flags &= ~GATE_CLONE_INTO_CGROUP;
		s->cgroup = (int)how.cgroup;
	}
	return gate_clone_run(&how, child, s);
}

/* A namespace of users makes us nobody there until we say that we are its root: files that are made in its mounts need
 * an owner that it knows. */
static int become_root(void)
{
	long got = gate_sys(SYS_setresgid, 0, 0, 0);

	if (got == 0)
		got = gate_sys(SYS_setgroups, 0, NULL);
	/* Denied where the namespace may not drop groups (user_namespaces(7)): the IDS row says so if it matters. */
	if (got == 0 || got == -EPERM)
		got = gate_sys(SYS_setresuid, 0, 0, 0);
	return (int)got;
}

/* setns(2) makes the topmost root of a mount namespace ours. That is the task's own only where its launcher was in no
 * chroot(2): pivot_root(2) exchanges the root of the caller, not that of the namespace. */
static long enter_root(int fd)
{
	long got = gate_sys(SYS_fchdir, fd);

	return got == 0 ? gate_sys(SYS_chroot, ".") : got;
}

static int join_namespace(struct start *s, uint32_t index)
{
	const struct gate_row *row = &s->l.view->rows[index];

	s->l.report->row = index;
	long got =
	    row->a != 0 ? gate_sys(SYS_setns, s->l.view->fds[row->fd], row->a) : enter_root(s->l.view->fds[row->fd]);
	if (got == 0 && row->a == CLONE_NEWUSER)
		got = become_root();
	/* Both clear the parent-death signal. */
	if (got == 0)
		got = gate_launch_tie(&s->l);
	if (got < 0)
		fail_at(s->l.report, index, got);
	return (int)got;
}

/* In the keeper's memory and with its descriptors, but in namespaces of its own choice. */
static void stage(void *arg)
{
	struct start *s = arg;
	int sys = 0;

	s->l.death_signal = SIGKILL;
	sys = gate_launch_tie(&s->l);
	if (sys < 0)
		fail_at(s->l.report, 0, sys);
	for (uint32_t i = 0; sys == 0 && i < s->clone_row; i++)
		sys = s->l.view->rows[i].step == GATE_STEP_JOIN ? join_namespace(s, i) : gate_launch_row(&s->l, i);
	s->l.death_signal = 0;
	if (sys == 0)
		s->pid = spawn(s);
	gate_launch_leave();
}

static void run_stager(struct start *s)
{
	const struct gate_clone how = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)s->stacks,
		.stack_size = STAGER_STACK,
	};

	s->stager = gate_clone_run(&how, stage, s);
	if (s->stager < 0)
		s->pid = s->stager;
	else
		while (gate_sys(SYS_wait4, s->stager, NULL, 0, NULL) == -EINTR)
			;
}

/* --- in the keeper --- */

/* The child may run in the keeper's memory where the kernel does not kill all who share a memory when one of them dumps
 * core, as it did before Linux 5.16 (commit 0258b5fd7c71). */
static bool can_lend(void)
{
	struct utsname name;
	unsigned version[2] = { 0, 0 };
	const char *p = name.release;

	if (gate_sys(SYS_uname, &name) < 0)
		return false;
	for (int i = 0; i < 2; i++, p++)
		for (; *p >= '0' && *p <= '9' && version[i] < 10000; p++)
			version[i] = version[i] * 10 + (unsigned)(*p - '0');
	return version[0] > 5 || (version[0] == 5 && version[1] >= 16);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)gate_sys(SYS_close, *fd);
	*fd = -1;
}

static uint32_t highest_descriptor(void)
{
	uint64_t limit[2];

	if (gate_sys(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, limit) < 0 || limit[1] > CLOSE_MOST)
		return CLOSE_MOST;
	return limit[1] < CLOSE_LEAST ? CLOSE_LEAST : (uint32_t)limit[1];
}

/* What the rows say of the launch as a whole. */
static void read_rows(struct start *s, const struct gate_plan_view *view)
{
	const struct gate_plan *plan = view->plan;
	const char *program = NULL;

	s->lend = !view->apart && !s->listener && can_lend();
	for (uint32_t i = 0; i < plan->n_rows; i++) {
		const struct gate_row *row = &view->rows[i];

		if (row->step == GATE_STEP_CLONE) {
			s->clone = row;
			s->clone_row = i;
		} else if (row->step == GATE_STEP_INIT) {
			s->lend = false;
		} else if (row->step == GATE_STEP_FILTER) {
			s->l.filter.flags = row->a;
		} else if (row->step == GATE_STEP_NO_NEW_PRIVS) {
			s->l.filter.no_new_privs = true;
		} else if (row->step == GATE_STEP_PARENT) {
			s->tied = true;
		} else if (row->step == GATE_STEP_EXECVE) {
			program = gate_plan_text(plan, row->text[0]);
		}
	}
	s->staged = s->clone_row > 0;
	if (program == NULL)
		program = s->l.argv[0];
	size_t len = strlen(program);
	if (len < sizeof(s->l.program))
		memcpy(s->l.program, program, len + 1);
}

static void prepare(struct start *s, const struct gate_plan_view *view, struct gate_launch_report *report)
{
	const struct gate_plan *plan = view->plan;
	struct gate_launch *l = &s->l;

	memset(report, 0, sizeof(*report));
	report->session = UINT32_MAX;
	report->listener = -1;
	s->cgroup = s->done[0] = s->done[1] = s->terminal[0] = s->terminal[1] = s->pidfd = -1;
	s->listener = (plan->flags & GATE_PLAN_LISTENER) != 0;
	l->view = view;
	l->report = report;
	l->root = l->parent_pidfd = l->terminal_socket = l->done_pipe = -1;
	l->argv = view->argv != NULL ? view->argv : (const char *const *)((const char *)plan + plan->argv);
	l->envp = view->envp != NULL ? view->envp : (const char *const *)((const char *)plan + plan->envp);
	l->close_to = highest_descriptor();
	l->filter.insns = view->insns != NULL ? view->insns : (const char *)plan + plan->filter;
	l->filter.len = (uint16_t)plan->filter_len;
	l->filter.early = s->listener;
	l->filter.listener = s->listener ? &report->listener : NULL;
	read_rows(s, view);
	long policy = gate_sys(SYS_sched_getscheduler, 0);
	l->realtime = l->filter.realtime = policy == SCHED_FIFO || policy == SCHED_RR;
}

static int get_resources(struct start *s)
{
	struct gate_launch *l = &s->l;
	long got = gate_sys(SYS_mmap, NULL, STACKS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	                    -1, 0);

	if ((unsigned long)got > -4096UL) /* no address: -errno */
		return (int)got;
	s->stacks = (char *)(uintptr_t)got;
	/* What the child's first steps will touch: one call for three faults. Before Linux 5.14 there is none. */
	(void)gate_sys(SYS_madvise, s->stacks + STACKS - 3 * PAGE, 3 * PAGE, GATE_POPULATE_WRITE);
	l->filter.stack_top = s->stacks + STAGER_STACK + GATE_HELPER_STACK;
	if (s->tied || s->staged) {
		got = gate_sys(SYS_pidfd_open, gate_sys(SYS_getpid), 0);
		if (got < 0)
			return (int)got;
		l->parent_pidfd = (int)got;
	}
	if ((l->view->plan->flags & GATE_PLAN_TERMINAL) != 0) {
		got = gate_sys(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s->terminal);
		if (got < 0)
			return (int)got;
		l->terminal_socket = s->terminal[1];
	}
	if (!s->lend) {
		got = gate_sys(SYS_pipe2, s->done, O_CLOEXEC);
		if (got < 0)
			return (int)got;
		l->done_pipe = s->done[1];
	}
	return 0;
}

/* Until execve has closed the pipe's other end, or the process is gone. */
static void await_execve(struct start *s)
{
	char byte;

	if (s->lend)
		return;
	/* A child that shares our descriptors needs this one until it has said, with a byte, that it has its own. */
	if (!s->listener)
		close_fd(&s->done[1]);
	for (;;) {
		struct pollfd fds[2] = { { s->done[0], POLLIN, 0 }, { s->pidfd, POLLIN, 0 } };

		if (gate_sys(SYS_ppoll, fds, 2, NULL, NULL, 0) < 0)
			continue;
		if (fds[0].revents != 0 && gate_sys(SYS_read, s->done[0], &byte, 1) == 0)
			return;
		close_fd(&s->done[1]);
		if (fds[1].revents != 0)
			return;
	}
}

static int take_terminal(int from)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int fd = -1;

	if (gate_sys(SYS_recvmsg, from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0 &&
	    message.msg_controllen >= CMSG_LEN(sizeof(int)) && control.head.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

/* Nothing stays of a launch that failed. */
static void undo(struct start *s, struct gate_launch_report *report, struct gate_launched *ret)
{
	siginfo_t end;
	long got = -1;

	memset(&end, 0, sizeof(end));
	/* The kernel writes the descriptor before all that can fail, and takes it back then. */
	if (s->pid < 0)
		s->pidfd = -1;
	if (s->pidfd >= 0) {
		(void)gate_sys(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
		while ((got = gate_sys(SYS_waitid, P_BY_PIDFD, s->pidfd, &end, WEXITED | __WALL, NULL)) == -EINTR)
			;
	}
	/* It ended by something else than a step that failed. */
	if (report->failed == 0 && report->exec_sys == 0) {
		report->object = got == 0 && end.si_code != CLD_EXITED ? end.si_status : 0;
		fail_at(report, report->row, s->pid < 0 ? s->pid : -EOWNERDEAD);
	}
	close_fd(&s->pidfd);
	close_fd(&report->listener);
	close_fd(&ret->terminal);
}

static void start(struct start *s)
{
	long dumpable = s->lend || s->staged ? gate_sys(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) : 0;

	if (s->staged)
		run_stager(s);
	else
		s->pid = spawn(s);
	/* The child hid the memory that it shared with us from tracers. */
	if (dumpable == 1)
		(void)gate_sys(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (s->pid > 0)
		await_execve(s);
}

int gate_launch_start(const struct gate_plan_view *view, struct gate_launch_report *report, struct gate_launched *ret)
{
	struct start s;

	memset(&s, 0, sizeof(s));
	*ret = (struct gate_launched){ .pid = 0, .pidfd = -1, .terminal = -1, .listener = -1 };
	prepare(&s, view, report);
	int sys = get_resources(&s);
	if (sys == 0)
		start(&s);
	else
		fail_at(report, s.clone_row, sys);
	close_fd(&s.l.parent_pidfd);
	close_fd(&s.done[0]);
	close_fd(&s.done[1]);
	if (s.terminal[0] >= 0)
		ret->terminal = take_terminal(s.terminal[0]);
	close_fd(&s.terminal[0]);
	close_fd(&s.terminal[1]);
	if (s.stacks != NULL)
		(void)gate_sys(SYS_munmap, s.stacks, STACKS);
	if (s.pid <= 0 || report->executed == 0 || report->failed != 0 || report->exec_sys != 0) {
		undo(&s, report, ret);
		return -1;
	}
	ret->pid = (pid_t)s.pid;
	ret->pidfd = s.pidfd;
	ret->listener = report->listener;
	return 0;
}
