/* harness.h - the rows that every task has, around those of a test; its start and its end. */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan_build.h"

static struct gate_launch_report *report;
static struct gate_launched got;

/* The rows that every task has, around those of a test. */
static inline void begin(struct build *b, uint64_t namespaces)
{
	memset(b, 0, sizeof(*b));
	b->argv[0] = NOTHING;
	ADD(b, CLONE, .a = namespaces);
	ADD(b, SIGNALS);
	ADD(b, HIDE);
	ADD(b, PARENT, .a = SIGKILL);
}

static inline void finish(struct build *b, enum gate_load load)
{
	ADD(b, PROGRAM);
	ADD(b, CLOSE);
	ADD(b, UNBLOCK);
	if (load == GATE_LOAD_NOTHING)
		b->flags |= GATE_PLAN_UNCONFINED;
	else
		ADD(b, FILTER, .flags = load);
	ADD(b, EXECVE);
}

static inline int start(struct build *b)
{
	sigset_t all, old;

	const char *bad = build_lay(b);
	if (bad != NULL)
		print_error("plan: %s\n", bad);
	assert_null(bad);
	gate_plan_relocate(&b->plan);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	int r = gate_launch_start(&b->view, report, &got);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		print_message("row %u (%s): errno %d, object %lld, exec %u\n", report->row,
		              report->row < b->n_rows ? gate_step_name(b->rows[report->row].step) : "?", report->sys,
		              (long long)report->object, report->exec_sys);
	return r;
}

static inline int end(void)
{
	int status = -1;

	assert_int_equal(waitpid(got.pid, &status, 0), got.pid);
	close(got.pidfd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const uint32_t groups[] = { 4711, 65534, 100000 };

/* The ids, groups and capabilities of a task that keeps `caps`. */
static inline void become(struct build *b, uint32_t uid, uint64_t caps, uint64_t permitted, bool nnp)
{
	ADD(b, BOUNDING, .a = caps);
	ADD(b, IDS, .a = uid, .b = uid, .flags = 3, .groups = groups);
	ADD(b, CAPABILITIES, .a = permitted, .b = 0);
	if (nnp)
		ADD(b, NO_NEW_PRIVS);
}

#define ALL_NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

static inline void needs_root(void)
{
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
}

/* The kernel makes none for a process in a chroot, whoever it is (create_user_ns, Linux 3.9). */
static inline void needs_user_namespaces(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0) {
		print_message("skipped: no user namespace can be made here (in a chroot?)\n");
		skip();
	}
}

static inline int before(void **state)
{
	(void)state;
	report = build_report();
	return report != NULL ? 0 : -1;
}

#endif
