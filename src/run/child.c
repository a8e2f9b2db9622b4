#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "run/child.h"

#define OWN_FAILURE 125

/* libc's sigaction and sigprocmask refuse to touch two signals that it keeps for itself. */
#define KERNEL_SIGNALS 64
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* Each step: 0, or -1 with errno set and c->report->object naming what it stumbled over. */
typedef int step_fn(struct gate_child *c);

/* Ignored signals would stay ignored in the program, handlers of the caller's must not run here. */
static int reset_signals(struct gate_child *c)
{
	const struct kernel_sigaction by_default = { .handler = SIG_DFL };

	for (int sig = 1; sig <= KERNEL_SIGNALS; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		c->report->object = sig;
		if (syscall(SYS_rt_sigaction, sig, &by_default, NULL, sizeof(uint64_t)) < 0)
			return -1;
	}
	c->report->object = 0;
	return 0;
}

/* While somebody more privileged shares our memory (the helper, the caller), nobody with the lesser privileges of the
 * main thread may attach to it with ptrace(2). execve makes the program dumpable again. */
static int hide(struct gate_child *c)
{
	if (!c->privilege.lowers)
		return 0;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* While there are privileges: the program may have none for this. That it fails costs a name in a report. */
static int make_known(struct gate_child *c)
{
	if (c->mark.len != 0)
		(void)gate_audit_send_mark(&c->mark);
	return 0;
}

static int start_helper(struct gate_child *c)
{
	return c->privilege.load == GATE_WAY_HELPER ? gate_filter_helper(&c->filter) : 0;
}

static int enter_directory(struct gate_child *c)
{
	return c->cwd >= 0 ? fchdir(c->cwd) : 0;
}

static int drop_bounding(struct gate_child *c)
{
	for (int cap = 0; c->privilege.drop_bounding && cap < 64; cap++) {
		if ((c->privilege.bounding >> cap & 1) != 0)
			continue;
		c->report->object = cap;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		/* EINVAL tells that the kernel's last capability is behind us. Asked twice, because the helper's calls write
		 * to the same errno. */
		if (errno != EINVAL || cap == 0 || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0)
			return -1;
		break;
	}
	c->report->object = 0;
	return 0;
}

/* Lowers the ambient set, too: the kernel cuts it to what is permitted and inheritable (cap_capset). */
static int set_capabilities(struct gate_child *c)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const uint64_t e = c->privilege.effective, p = c->privilege.permitted, i = c->privilege.inheritable;
	const struct __user_cap_data_struct data[2] = {
		{ (uint32_t)e, (uint32_t)p, (uint32_t)i },
		{ (uint32_t)(e >> 32), (uint32_t)(p >> 32), (uint32_t)(i >> 32) },
	};

	return (int)syscall(SYS_capset, &head, data);
}

static int set_no_new_privs(struct gate_child *c)
{
	return c->privilege.no_new_privs ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;
}

static int unblock_signals(struct gate_child *c)
{
	const uint64_t none = 0;

	(void)c;
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

static int put_on_filter(struct gate_child *c)
{
	switch (c->privilege.load) {
	case GATE_WAY_NOTHING:
		return 0;
	case GATE_WAY_LOWERED:
	case GATE_WAY_LATE:
		return gate_filter_self(&c->filter);
	case GATE_WAY_HELPER:
		return gate_filter_by_helper(&c->filter, &c->report->object);
	}
	errno = EINVAL;
	return -1;
}

/* The order is the design: the helper is made while there are privileges to keep, the filter comes last. */
static const struct step {
	const char *name, *what;
	step_fn *run;
} steps[] = {
	{ "signals", "cannot reset the signals", reset_signals },
	{ "hide", "cannot shut out tracers", hide },
	{ "mark", "cannot be made known to the audit log", make_known },
	{ "helper", "cannot start the thread that loads the filter", start_helper },
	{ "directory", "cannot enter the working directory", enter_directory },
	{ "bounding", "cannot reduce the bounding set", drop_bounding },
	{ "capabilities", "cannot set the capabilities", set_capabilities },
	{ "no-new-privs", "cannot set no_new_privs", set_no_new_privs },
	{ "unblock", "cannot unblock the signals", unblock_signals },
	{ "filter", "cannot load the filter", put_on_filter }, /* must be last */
};

__attribute__((noreturn)) static void leave(int code)
{
	(void)syscall(SYS_exit_group, code);
	/* Where the filter refuses exit_group with an errno: an illegal instruction ends all threads without a call. */
	for (;;)
		__builtin_trap();
}

void gate_child_run(struct gate_child *c)
{
	struct gate_child_report *report = c->report;

	for (uint32_t i = 0; i < GATE_ARRAY_LEN(steps); i++) {
		report->step = i;
		if (steps[i].run(c) == 0)
			continue;
		report->sys = errno;
		__atomic_store_n(&report->failed, 1, __ATOMIC_RELEASE);
		leave(OWN_FAILURE);
	}
	report->step = GATE_ARRAY_LEN(steps);
	(void)syscall(SYS_execve, c->path, c->argv, c->envp);
	__atomic_store_n(&report->exec_sys, (uint32_t)errno, __ATOMIC_RELEASE);
	leave(OWN_FAILURE);
}

uint32_t gate_child_step_count(void)
{
	return GATE_ARRAY_LEN(steps);
}

const char *gate_child_step_name(uint32_t step)
{
	return step < GATE_ARRAY_LEN(steps) ? steps[step].name : "execve";
}

const char *gate_child_step_what(uint32_t step)
{
	return step < GATE_ARRAY_LEN(steps) ? steps[step].what : "cannot execute the program";
}
