#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <callgate/abi.h>
#include <callgate/run.h>

#include "kernel/proc.h"

#define LEN(a)       (sizeof(a) / sizeof((a)[0]))
#define LD(at)       { 0x20, 0, 0, (at) }
#define JEQ(k, t, f) { 0x15, (t), (f), (k) }
#define RET(k)       { 0x06, 0, 0, (k) }

static const struct gate_insn allow[] = { RET(GATE_RET_ALLOW) };
/* Allows what the smallest program does, and kills for anything else. */
static const struct gate_insn bare[] = { LD(0), JEQ(SYS_execve, 1, 0), JEQ(SYS_exit_group, 0, 1), RET(GATE_RET_ALLOW),
	                                 RET(GATE_RET_KILL_PROCESS) };
static const struct gate_insn no_exit[] = { LD(0), JEQ(SYS_exit_group, 0, 1), RET(GATE_RET_KILL_PROCESS),
	                                    RET(GATE_RET_ALLOW) };
static const struct gate_insn no_uname[] = { LD(0), JEQ(SYS_uname, 0, 1), RET(GATE_RET_ERRNO | 117), RET(GATE_RET_ALLOW) };
static const struct gate_insn kill_uname[] = { LD(0), JEQ(SYS_uname, 0, 1), RET(GATE_RET_KILL_PROCESS),
	                                       RET(GATE_RET_ALLOW) };
static const struct gate_insn broken[] = { LD(0), LD(0) };

static char file[] = "/tmp/callgate-run-XXXXXX";

static unsigned open_files(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static struct gate_run_plan plan_of(const char *const *argv, const struct gate_insn *insns, size_t len)
{
	return (struct gate_run_plan){ .argv = argv, .insns = insns, .len = len, .flags = GATE_RUN_FOREGROUND,
		                       .caps = gate_caps_docker };
}

/* Runs, and holds that nothing stays behind: no child, no descriptor, no changed mask. */
static int run(const struct gate_run_plan *plan, struct gate_run_result **ret, struct gate_err *err)
{
	sigset_t before = { 0 }, after = { 0 };
	unsigned files = open_files();

	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	int result = gate_run(plan, ret, err);
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(open_files(), files);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	return result;
}

static int code_of(const struct gate_run_plan *plan)
{
	struct gate_run_result *result = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (run(plan, &result, &err) < 0)
		fail_msg("%s", err.text);
	int code = gate_run_exit_code(result);
	gate_run_result_free(result);
	return code;
}

static const uint64_t capability_sets[] = { 0, UINT64_C(1) << 1, 0xa80425fb, GATE_CAPS_ALL };

static void a_program_needs_only_its_own_calls(void **state)
{
	const char *argv[] = { NOTHING, NULL };

	(void)state;
	for (unsigned flags = 0; flags < 4; flags++)
		for (size_t i = 0; i < LEN(capability_sets); i++) {
			struct gate_run_plan plan = plan_of(argv, bare, LEN(bare));

			plan.flags = (flags & 1 ? GATE_RUN_NO_NEW_PRIVS : 0) | (flags & 2 ? GATE_RUN_FOREGROUND : 0);
			plan.caps = capability_sets[i];
			assert_int_equal(code_of(&plan), 42);
		}
}

static void it_works_where_threads_must_take_turns(void **state)
{
	const char *argv[] = { NOTHING, NULL };
	struct gate_run_plan plan = plan_of(argv, bare, LEN(bare));
	cpu_set_t all, one;

	(void)state;
	plan.caps = 0; /* with the helper, where the caller is root */
	CPU_ZERO(&one);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(code_of(&plan), 42);
	struct sched_param fifo = { .sched_priority = 1 }, other = { 0 };
	if (sched_setscheduler(0, SCHED_FIFO, &fifo) == 0) {
		for (int i = 0; i < 5; i++)
			assert_int_equal(code_of(&plan), 42);
		assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &other), 0);
	} else {
		print_message("without CAP_SYS_NICE: real-time scheduling is not tried\n");
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static uint64_t field(const char *text, const char *name, int base)
{
	uint64_t value = 0;

	if (!gate_proc_field(text, name, base, &value))
		fail_msg("no %s in the status", name);
	return value;
}

static void the_status_is_as_asked(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "exec cat /proc/self/status > \"$0\"", file, NULL };
	char text[8192];

	(void)state;
	for (unsigned flags = 0; flags < 2; flags++)
		for (size_t i = 0; i < LEN(capability_sets); i++) {
			struct gate_run_plan plan = plan_of(argv, allow, LEN(allow));
			struct gate_run_result *result = NULL;

			plan.caps = capability_sets[i] | UINT64_C(1) << 1; /* the shell writes into a file */
			plan.flags |= flags != 0 ? GATE_RUN_NO_NEW_PRIVS : 0;
			assert_int_equal(run(&plan, &result, NULL), 0);
			assert_int_equal(gate_run_exit_code(result), 0);
			assert_true(gate_proc_read(file, text, sizeof(text)) > 0);
			uint64_t caps;
			assert_int_equal(gate_run_caps(plan.caps, &caps, NULL), 0);
			assert_int_equal(result->caps, caps);
			assert_int_equal(field(text, "CapPrm", 16), caps);
			assert_int_equal(field(text, "CapEff", 16), caps);
			assert_int_equal(field(text, "CapInh", 16), field(text, "CapAmb", 16));
			assert_int_equal(field(text, "NoNewPrivs", 10), result->no_new_privs);
			if (geteuid() == 0) {
				assert_int_equal(result->no_new_privs, flags);
				assert_int_equal(field(text, "CapBnd", 16), caps);
			}
			assert_int_equal(field(text, "Seccomp", 10), 2);
			assert_int_equal(field(text, "Seccomp_filters", 10), 1);
			assert_int_equal(field(text, "SigIgn", 16), 0);
			assert_int_equal(field(text, "SigBlk", 16), 0);
			assert_int_equal(field(text, "SigCgt", 16), 0);
			gate_run_result_free(result);
		}
}

static void a_disturbed_caller_does_not_disturb_the_program(void **state)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN }, by_default = { .sa_handler = SIG_DFL };
	sigset_t some;

	(void)sigemptyset(&some);
	(void)sigaddset(&some, SIGUSR2);
	(void)sigaddset(&some, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &some, NULL);
	(void)sigaction(SIGCHLD, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	the_status_is_as_asked(state);
	struct sigaction now;
	(void)sigaction(SIGCHLD, NULL, &now);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
	(void)sigaction(SIGCHLD, &by_default, NULL);
	(void)sigaction(SIGHUP, &by_default, NULL);
	(void)sigprocmask(SIG_UNBLOCK, &some, NULL);
}

static void the_call_that_killed_is_named(void **state)
{
	const char *argv[] = { "/bin/uname", NULL };
	struct gate_run_plan plan = plan_of(argv, kill_uname, LEN(kill_uname));
	struct gate_run_result *result = NULL;

	(void)state;
	assert_int_equal(run(&plan, &result, NULL), 0);
	assert_int_equal(gate_run_exit_code(result), 128 + SIGSYS);
	if (!result->listened) {
		assert_true(strlen(result->incomplete) > 0);
		print_message("not listening: %s\n", result->incomplete);
	} else if (result->complete) {
		assert_int_equal(result->n_denials, 1);
		assert_int_equal(result->denials[0].nr, SYS_uname);
		assert_int_equal(result->denials[0].action, GATE_RET_KILL_PROCESS);
		assert_int_equal(result->denials[0].sig, SIGSYS);
		assert_true(result->denials[0].main);
		assert_string_equal(result->denials[0].comm, "uname");
	} else {
		print_message("incomplete: %s\n", result->incomplete);
	}
	gate_run_result_free(result);
}

static void refused_calls_are_counted(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "for i in 1 2 3; do uname; done 2> /dev/null", NULL };
	struct gate_run_plan plan = plan_of(argv, no_uname, LEN(no_uname));
	struct gate_run_result *result = NULL;

	(void)state;
	plan.flags |= GATE_RUN_LOG;
	assert_int_equal(run(&plan, &result, NULL), 0);
	if (result->complete) {
		assert_int_equal(result->n_denials, 1);
		assert_int_equal(result->denials[0].count, 3);
		assert_int_equal(result->denials[0].action, GATE_RET_ERRNO);
		assert_false(result->denials[0].main);
	} else {
		print_message("incomplete: %s\n", result->incomplete);
	}
	gate_run_result_free(result);
}

static void without_its_filter_nothing_runs(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "echo ran > \"$0\"", file, NULL };

	(void)state;
	/* Often: the errno of the load must be told whatever the other thread's call ends with meanwhile. */
	for (size_t i = 0; i < 30 * LEN(capability_sets); i++) {
		struct gate_run_plan plan = plan_of(argv, broken, LEN(broken));
		struct gate_run_result *result = NULL;
		struct gate_err err = GATE_ERR_INIT;
		struct stat st;

		plan.caps = capability_sets[i % LEN(capability_sets)];
		assert_int_equal(truncate(file, 0), 0);
		assert_int_equal(run(&plan, &result, &err), -1);
		assert_string_equal(err.text, "the command was not run: step 'filter': cannot load the filter of 2 "
		                              "instructions: Invalid argument");
		assert_null(result);
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(st.st_size, 0);
	}
}

static void a_plan_without_a_filter_is_refused(void **state)
{
	static struct gate_insn large[GATE_BPF_MAX + 1];
	const char *argv[] = { NOTHING, NULL }, *none[] = { NULL };
	const struct {
		struct gate_run_plan plan;
		const char *text;
	} rows[] = {
		{ { .argv = argv }, "there is no filter: only 'unconfined' runs without one" },
		{ { .argv = argv, .insns = allow }, "there is no filter: only 'unconfined' runs without one" },
		{ { .argv = argv, .insns = allow, .len = 1, .unconfined = true },
		  "a filter was given together with 'unconfined'" },
		{ { .argv = none, .unconfined = true }, "there is no command to run" },
		{ { .argv = argv, .insns = large, .len = LEN(large) },
		  "a filter of 4097 instructions is larger than the kernel's 4096" },
		{ { .argv = argv, .unconfined = true, .flags = 0x8000 }, "unknown flag bits 0x8000" },
		{ { .argv = argv, .unconfined = true, .cwd = "/nowhere" },
		  "cannot enter the directory '/nowhere': No such file or directory" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(run(&rows[i].plan, NULL, &err), -1);
		assert_string_equal(err.text, rows[i].text);
	}
}

static void what_cannot_be_executed_has_its_code(void **state)
{
	static const struct {
		const char *content;
		mode_t mode;
		int code, sys;
	} rows[] = {
		{ "#!/nowhere/interpreter\n", 0755, 127, ENOENT },
		{ "neither script nor program", 0755, 126, ENOEXEC },
		{ "#!/bin/sh\n", 0644, 126, EACCES },
	};
	const char *argv[] = { file, NULL };

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		/* Under a filter that even kills the launch for its exit: the errno is told before. */
		struct gate_run_plan plan = plan_of(argv, no_exit, LEN(no_exit));
		struct gate_run_result *result = NULL;
		FILE *f = fopen(file, "w");

		assert_non_null(f);
		assert_true(fputs(rows[i].content, f) >= 0);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(chmod(file, rows[i].mode), 0);
		assert_int_equal(run(&plan, &result, NULL), 0);
		assert_int_equal(result->outcome, GATE_RUN_NOT_STARTED);
		assert_int_equal(result->why.sys, rows[i].sys);
		assert_int_equal(gate_run_exit_code(result), rows[i].code);
		gate_run_result_free(result);
	}
	assert_int_equal(chmod(file, 0600), 0);
}

static void ends_of_all_kinds_have_their_code(void **state)
{
	static const struct {
		const char *command;
		int code;
	} rows[] = { { "exit 0", 0 }, { "exit 7", 7 }, { "kill -TERM $$", 143 }, { "kill -KILL $$", 137 }, { "exit 125", 125 } };

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++)
		for (int unconfined = 0; unconfined < 2; unconfined++) {
			const char *argv[] = { "sh", "-c", rows[i].command, NULL };
			struct gate_run_plan plan = plan_of(argv, allow, LEN(allow));

			if (unconfined)
				plan.insns = NULL, plan.len = 0, plan.unconfined = true;
			assert_int_equal(code_of(&plan), rows[i].code);
		}
}

static void signals_are_forwarded(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "trap 'exit 77' USR1; echo > \"$0\"; while :; do sleep 0.05; done", file, NULL };
	struct stat st = { 0 };
	int status;

	(void)state;
	assert_int_equal(truncate(file, 0), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct gate_run_plan plan = plan_of(argv, allow, LEN(allow));
		struct gate_run_result *result = NULL;

		_exit(gate_run(&plan, &result, NULL) < 0 ? 1 : gate_run_exit_code(result));
	}
	for (int i = 0; i < 400 && st.st_size == 0; i++) {
		(void)usleep(10000);
		assert_int_equal(stat(file, &st), 0);
	}
	assert_int_equal(kill(pid, SIGUSR1), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 77);
}

static void a_stop_of_the_program_is_seen_from_outside(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "kill -STOP $$; exit 5", NULL };
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct gate_run_plan plan = plan_of(argv, allow, LEN(allow));
		struct gate_run_result *result = NULL;

		_exit(gate_run(&plan, &result, NULL) < 0 ? 1 : gate_run_exit_code(result));
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 5);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(file);
	assert_true(fd >= 0);
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_needs_only_its_own_calls),
		cmocka_unit_test(it_works_where_threads_must_take_turns),
		cmocka_unit_test(the_status_is_as_asked),
		cmocka_unit_test(a_disturbed_caller_does_not_disturb_the_program),
		cmocka_unit_test(the_call_that_killed_is_named),
		cmocka_unit_test(refused_calls_are_counted),
		cmocka_unit_test(without_its_filter_nothing_runs),
		cmocka_unit_test(a_plan_without_a_filter_is_refused),
		cmocka_unit_test(what_cannot_be_executed_has_its_code),
		cmocka_unit_test(ends_of_all_kinds_have_their_code),
		cmocka_unit_test(signals_are_forwarded),
		cmocka_unit_test(a_stop_of_the_program_is_seen_from_outside),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
