#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/filters.h"
#include "kernel/proc.h"
#include "kernel/seccomp.h"

#define RET(k) { 0x06, 0, 0, (k) }

static const struct gate_insn older[] = { RET(GATE_RET_ALLOW) };
static const struct gate_insn newer[] = { { 0x20, 0, 0, 0 }, RET(GATE_RET_ALLOW) };

static void *load_one_more(void *ready)
{
	if (gate_seccomp_load(newer, 2, GATE_SECCOMP_LOG, NULL, NULL) == 0)
		(void)!write(*(int *)ready, "", 1);
	for (;;)
		(void)pause();
	return NULL;
}

/* A child under n filters; with `thread`, one thread of it has one more. */
static pid_t child_with(unsigned n, bool thread)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t other;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		for (unsigned i = 0; i < n; i++)
			if (gate_seccomp_load(i == 0 ? older : newer, i == 0 ? 1 : 2, i == 0 ? 0 : GATE_SECCOMP_LOG, NULL,
			                      NULL) < 0)
				_exit(1);
		if (thread && pthread_create(&other, NULL, load_one_more, &ready[1]) == 0)
			(void)pause();
		(void)!write(ready[1], "", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* False, with a message, where this host does not let us read filters. */
static bool readable(pid_t pid, struct gate_filters *f)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_filters_of(pid, f, &err) == 0)
		return true;
	if (err.code != GATE_E_DENIED && err.code != GATE_E_UNSUPPORTED)
		fail_msg("%s", err.text);
	print_message("not tried: %s\n", err.text);
	return false;
}

static void filters_come_newest_first(void **state)
{
	struct gate_filters f = { 0 };

	(void)state;
	pid_t pid = child_with(3, false);
	if (readable(pid, &f)) {
		assert_int_equal(f.n, 3);
		assert_int_equal(f.items[0].len, 2);
		assert_int_equal(f.items[1].len, 2);
		assert_int_equal(f.items[2].len, 1);
		assert_memory_equal(f.items[0].insns, newer, sizeof(newer));
		assert_memory_equal(f.items[2].insns, older, sizeof(older));
		assert_true(f.items[0].log);
		assert_false(f.items[2].log);
		assert_int_equal(f.threads, 1);
		assert_int_equal(f.threads_other, 0);
	}
	gate_filters_done(&f);
	gate_filters_done(&f);
	end(pid);
}

static void a_process_without_a_filter_is_an_answer(void **state)
{
	struct gate_filters f = { .n = 99 };

	(void)state;
	pid_t pid = child_with(0, false);
	assert_int_equal(gate_filters_of(pid, &f, NULL), 0);
	assert_int_equal(f.n, 0);
	assert_null(f.items);
	assert_int_equal(f.threads, 1);
	end(pid);
}

static void a_thread_with_other_filters_is_noticed(void **state)
{
	struct gate_filters f = { 0 };

	(void)state;
	pid_t pid = child_with(1, true);
	if (readable(pid, &f)) {
		assert_int_equal(f.n, 1);
		assert_int_equal(f.threads, 2);
		assert_int_equal(f.threads_other, 1);
	}
	gate_filters_done(&f);
	end(pid);
}

static char state_of(pid_t pid)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_true(gate_proc_read(path, text, sizeof(text)) > 0);
	return strrchr(text, ')')[2];
}

static char settled_state_of(pid_t pid, char expected)
{
	for (int i = 0; i < 200 && state_of(pid) != expected; i++)
		(void)usleep(5000);
	return state_of(pid);
}

static void a_stopped_process_stays_stopped_and_a_running_one_runs(void **state)
{
	struct gate_filters f = { 0 };
	char path[64], text[8192];
	uint64_t tracer = 1;

	(void)state;
	pid_t pid = child_with(1, false);
	assert_int_equal(settled_state_of(pid, 'S'), 'S');
	if (readable(pid, &f)) {
		gate_filters_done(&f);
		assert_int_equal(settled_state_of(pid, 'S'), 'S');
		assert_int_equal(kill(pid, SIGSTOP), 0);
		assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
		assert_int_equal(state_of(pid), 'T');
		assert_true(readable(pid, &f));
		gate_filters_done(&f);
		assert_int_equal(settled_state_of(pid, 'T'), 'T');
		assert_int_equal(kill(pid, SIGCONT), 0);
		assert_int_equal(settled_state_of(pid, 'S'), 'S');
		(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
		assert_true(gate_proc_read(path, text, sizeof(text)) > 0);
		assert_true(gate_proc_field(text, "TracerPid", 10, &tracer));
		assert_int_equal(tracer, 0);
	}
	end(pid);
}

static void who_cannot_be_asked_is_said(void **state)
{
	struct gate_filters f = { .n = 99 };
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	pid_t pid = child_with(1, false);
	(void)kill(pid, SIGKILL);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(gate_filters_of(pid, &f, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
	assert_non_null(strstr(err.text, "has ended"));
	end(pid);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_filters_of(pid, &f, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
	assert_non_null(strstr(err.text, "there is no process"));
	assert_int_equal(gate_filters_of(0, &f, NULL), -1);
	assert_int_equal(gate_filters_of(-1, &f, NULL), -1);
	assert_int_equal(f.n, 99);
}

static void a_process_with_a_tracer_is_left_to_it(void **state)
{
	struct gate_filters f = { .n = 99 };
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	pid_t pid = child_with(1, false);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		assert_int_equal(gate_filters_of(pid, &f, &err), -1);
		assert_int_equal(err.code, GATE_E_DENIED);
		assert_non_null(strstr(err.text, "is traced by process"));
	}
	end(pid);
}

static void strict_mode_has_no_program(void **state)
{
	struct gate_filters f = { .n = 99 };
	struct gate_err err = GATE_ERR_INIT;
	int ready[2], hold[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_SECCOMP, 1, 0, 0, 0);
		(void)!write(ready[1], "", 1);
		(void)!read(hold[0], &byte, 1);
		(void)syscall(SYS_exit, 0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(gate_filters_of(pid, &f, &err), -1);
	assert_int_equal(err.code, GATE_E_UNSUPPORTED);
	assert_non_null(strstr(err.text, "strict mode"));
	for (int i = 0; i < 2; i++)
		(void)close(ready[i]), (void)close(hold[i]);
	end(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_come_newest_first),
		cmocka_unit_test(a_process_without_a_filter_is_an_answer),
		cmocka_unit_test(a_thread_with_other_filters_is_noticed),
		cmocka_unit_test(a_stopped_process_stays_stopped_and_a_running_one_runs),
		cmocka_unit_test(who_cannot_be_asked_is_said),
		cmocka_unit_test(a_process_with_a_tracer_is_left_to_it),
		cmocka_unit_test(strict_mode_has_no_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
