/* A real keeper with real tasks. Needs no root but where it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keep.h"
#include "keeper/log.h"

#define MS 20000 /* longer than anything takes on a busy machine */

static int make(void **state)
{
	struct keep *k = calloc(1, sizeof(*k));

	keep_init(k, NULL);
	*state = k;
	return 0;
}

static int drop(void **state)
{
	keep_done(*state);
	free(*state);
	return 0;
}

static void shell(struct keep *k, const char *script)
{
	k->argv[0] = "/bin/sh";
	k->argv[1] = "-c";
	k->argv[2] = script;
}

static bool started(struct keep *k, struct gate_record *ret, int *pidfd)
{
	static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;

	if (keep_receive(k->socket, MS, &head, bytes, pidfd) != GATE_FRAME_STARTED || head.len != sizeof(*ret))
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return gate_record_check(ret, sizeof(*ret)) && ret->state == GATE_TASK_RUNNING;
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* --- ends --- */
static void a_status_comes_back_with_the_output(void **state)
{
	struct keep *k = *state;
	struct gate_record r, file;
	char out[64];
	size_t n = sizeof(out);
	int pidfd = -1;

	shell(k, "echo hello; echo bad >&2; exit 7");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	assert_true(pidfd >= 0);
	assert_true(r.pid > 0 && r.pid_start > 0 && r.keeper == (uint32_t)k->keeper);
	(void)close(pidfd);
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(r.outcome, GATE_OUTCOME_EXITED);
	assert_int_equal(r.status, 7);
	assert_int_equal(gate_record_exit_code(&r), 7);
	assert_int_equal(n, 10);
	assert_true(memcmp(out, "hello\nbad\n", 10) == 0 || memcmp(out, "bad\nhello\n", 10) == 0);
	assert_true(r.created_ns <= r.started_ns && r.started_ns <= r.ended_ns);
	assert_int_equal(keep_wait(k, MS), 0);
	assert_true(keep_record(k, &file));
	assert_memory_equal(&file, &r, sizeof(r));
	/* Nothing of the keeper's stays but what is meant to. */
	assert_int_equal(faccessat(k->dir, "record.new", F_OK, 0), -1);
}

static void a_signal_that_ends_it_is_told(void **state)
{
	struct keep *k = *state;
	struct gate_record r;

	shell(k, "kill -SEGV $$");
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_KILLED);
	assert_int_equal(r.signal, SIGSEGV);
	assert_int_equal(gate_record_exit_code(&r), 139);
	assert_int_equal(r.by_stop, 0);
}

static void a_program_that_is_not_there_is_told(void **state)
{
	struct keep *k = *state;
	struct gate_record r;

	k->argv[0] = "/nowhere/nothing";
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_NOT_EXECUTED);
	assert_int_equal(r.sys, ENOENT);
	assert_int_equal(r.step, GATE_STEP_EXECVE);
	assert_int_equal(gate_record_exit_code(&r), 127);
	assert_int_equal(keep_wait(k, MS), 0);
	assert_true(keep_record(k, &r));
	assert_int_equal(r.state, GATE_TASK_ENDED);
}

static void behind_an_init_the_programs_end_counts(void **state)
{
	struct keep *k = *state;
	struct gate_record r;

	shell(k, "exit 9");
	k->init = true;
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_EXITED);
	assert_int_equal(r.status, 9);
}

/* --- messages that are none --- */
static void refused(struct keep *k, const char *why)
{
	static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;

	assert_int_equal(keep_receive(k->socket, MS, &head, bytes, NULL), GATE_FRAME_REFUSED);
	assert_true(head.a != 0 && head.len > 0);
	bytes[head.len] = '\0';
	if (why != NULL)
		assert_string_equal(bytes, why);
	int status = keep_wait(k, MS);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void a_start_message_that_is_none_is_refused(void **state)
{
	struct keep *k = *state;
	struct gate_start_message start = { GATE_START_MAGIC, GATE_PLAN_VERSION + 1 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	keep_spawn(k);
	assert_true(keep_send_start(k, &start, sizeof(start), &null, 1));
	refused(k, "the start message is none of this version");
	(void)close(k->socket);
	keep_spawn(k);
	start.version = GATE_PLAN_VERSION;
	assert_true(keep_send_start(k, &start, 7, &null, 1));
	refused(k, "the start message is none of this version");
	(void)close(k->socket);
	keep_spawn(k);
	assert_true(keep_send_start(k, &start, sizeof(start), NULL, 0));
	refused(k, "the start message's descriptors did not come whole");
	(void)close(k->socket);
	keep_spawn(k);
	assert_true(keep_send_start(k, &start, sizeof(start), &null, 1));
	refused(k, "the plan's file is not sealed");
	(void)close(null);
}

static void a_plan_that_could_still_change_is_refused(void **state)
{
	struct keep *k = *state;
	const struct gate_start_message start = { GATE_START_MAGIC, GATE_PLAN_VERSION };
	int fds[1 + GATE_PLAN_FDS_MAX];
	size_t n;

	shell(k, "exit 0");
	keep_spawn(k);
	fds[0] = keep_plan(k, fds + 1, &n, false);
	assert_true(keep_send_start(k, &start, sizeof(start), fds, n + 1));
	refused(k, "the plan's file is not sealed");
	/* One descriptor less than it says. */
	(void)close(k->socket);
	keep_spawn(k);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_true(keep_send_start(k, &start, sizeof(start), fds, n));
	refused(k, NULL);
	for (size_t i = 0; i < n + 1; i++)
		(void)close(fds[i]);
}

static void without_a_message_it_just_goes(void **state)
{
	struct keep *k = *state;

	keep_spawn(k);
	(void)close(k->socket);
	k->socket = -1;
	assert_int_equal(keep_wait(k, MS), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_status_comes_back_with_the_output, make, drop),
		cmocka_unit_test_setup_teardown(a_signal_that_ends_it_is_told, make, drop),
		cmocka_unit_test_setup_teardown(a_program_that_is_not_there_is_told, make, drop),
		cmocka_unit_test_setup_teardown(behind_an_init_the_programs_end_counts, make, drop),
		cmocka_unit_test_setup_teardown(a_start_message_that_is_none_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(a_plan_that_could_still_change_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(without_a_message_it_just_goes, make, drop),
	};

	if (argc > 1)
		(void)setenv("KEEPER", argv[1], 1);
	(void)pause_ms;
	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
