#include <asm/ioctls.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "launch/launch.h"
#include "launch/sys.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef OWN_ARCH
#define FIELD(name)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define IF_EQUAL(k)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 0, 1)
#define THEN(verdict)  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##verdict)
#define MAY_CALL(name) IF_EQUAL(__NR_##name), THEN(ALLOW)

/* All that the loop below calls. */
static const struct sock_filter own_filter[] = {
	FIELD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0),
	THEN(KILL_PROCESS),
	FIELD(nr),
	MAY_CALL(rt_sigtimedwait),
	MAY_CALL(wait4),
	MAY_CALL(kill),
	MAY_CALL(exit_group),
	MAY_CALL(restart_syscall),
	THEN(KILL_PROCESS),
};
#endif

/* It needs nothing but the right to signal the program, whoever that is by now. */
static int drop_all(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	long got = gate_sys(SYS_capget, &head, data);
	if (got < 0)
		return (int)got;
	data[0].permitted &= 1U << CAP_KILL;
	data[0].effective = data[0].permitted;
	data[0].inheritable = data[1].permitted = data[1].effective = data[1].inheritable = 0;
	got = gate_sys(SYS_capset, &head, data);
	if (got == 0)
		got = gate_sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifdef OWN_ARCH
	if (got == 0) {
		const struct sock_fprog prog = { sizeof(own_filter) / sizeof(own_filter[0]),
			                         (struct sock_filter *)(uintptr_t)own_filter };
		got = gate_sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
	}
#endif
	return (int)got;
}

/* Everything that has ended; returns when there is no more, leaves when the program was among it. */
static void reap(struct gate_launch_report *report, long program)
{
	int status;

	for (;;) {
		long pid = gate_sys(SYS_wait4, -1, &status, WNOHANG, NULL);

		if (pid == 0 || pid == -ECHILD)
			return;
		if (pid != program)
			continue;
		report->init_ended = status;
		__atomic_store_n(&report->init_done, 1, __ATOMIC_RELEASE);
		(void)gate_sys(SYS_exit_group, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

/* Returns when it cannot be one: -errno. */
static int be_init(struct gate_launch *l, long program)
{
	const uint64_t all = UINT64_MAX;

	/* The pipe's end must tell of the program's execve, and the ends of its output be its own. */
	(void)gate_sys(SYS_close, l->done_pipe);
	l->done_pipe = -1;
	int sys = gate_step_close(l, NULL);
	for (int fd = 0; fd < 3; fd++)
		(void)gate_sys(SYS_close, fd);
	(void)gate_sys(SYS_prctl, PR_SET_NAME, "callgate-init", 0, 0, 0);
	if (sys == 0)
		sys = drop_all();
	/* The program waits in go_on: it must not run without what was promised to stand before it. */
	if (sys < 0) {
		(void)gate_sys(SYS_kill, program, SIGKILL);
		return sys;
	}
	__atomic_store_n(&l->report->init_ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		long sig = gate_sys(SYS_rt_sigtimedwait, &all, NULL, NULL, sizeof(all));

		if (sig == SIGCHLD)
			reap(l->report, program);
		else if (sig > 0)
			(void)gate_sys(SYS_kill, program, sig);
	}
}

/* The program's process: tied to the init as that is to the keeper, and in the foreground of its terminal, so that keys
 * signal it once and not by way of the init. SIGTTOU, which changing that would bring, is blocked. */
static int go_on(struct gate_launch *l, int init)
{
	l->parent_pidfd = init;
	l->death_signal = SIGKILL;
	long got = gate_sys(SYS_setpgid, 0, 0);
	if (got < 0)
		return (int)got;
	if ((l->view->plan->flags & GATE_PLAN_TERMINAL) != 0) {
		const int group = (int)gate_sys(SYS_getpid);
		got = gate_sys(SYS_ioctl, 0, TIOCSPGRP, &group);
	}
	if (got == 0)
		got = gate_launch_tie(l);
	while (got == 0 && __atomic_load_n(&l->report->init_ready, __ATOMIC_ACQUIRE) == 0)
		(void)gate_sys(SYS_sched_yield); /* for a dozen calls; a futex would have to be in the init's filter */
	return (int)got;
}

int gate_step_init(struct gate_launch *l, const struct gate_row *row)
{
	(void)row;
	long self = gate_sys(SYS_pidfd_open, gate_sys(SYS_getpid), 0);
	if (self < 0)
		return (int)self;
	long pid = gate_sys(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		return (int)pid;
	if (pid == 0)
		return go_on(l, (int)self);
	return be_init(l, pid);
}
