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

/* --- being stopped --- */
static void a_stop_is_a_signal_and_then_the_end(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];

	shell(k, "trap '' TERM; echo ready; while :; do sleep 0.05; done");
	keep_start(k);
	assert_true(keep_until(k->socket, MS, GATE_FRAME_OUTPUT, &head, bytes));
	int c = keep_connect(k);
	assert_true(c >= 0);
	assert_true(keep_ask(c, GATE_FRAME_STOP, 0, 100, NULL, 0));
	assert_int_equal(keep_receive(c, MS, &head, bytes, NULL), GATE_FRAME_DONE);
	assert_int_equal(head.b, GATE_FRAME_STOP);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_KILLED);
	assert_int_equal(r.signal, SIGKILL);
	assert_int_equal(r.by_stop, 2);
	(void)close(c);
}

static void a_task_that_heeds_a_stop_has_its_own_end(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];

	shell(k, "trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done");
	keep_start(k);
	assert_true(keep_until(k->socket, MS, GATE_FRAME_OUTPUT, &head, bytes));
	assert_true(keep_ask(k->socket, GATE_FRAME_STOP, SIGUSR1, UINT64_MAX, NULL, 0));
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_EXITED);
	assert_int_equal(r.status, 3);
	assert_int_equal(r.by_stop, 1);
}

static void time_runs_out(void **state)
{
	struct keep *k = *state;
	struct gate_record r;

	shell(k, "trap '' TERM; while :; do sleep 0.05; done");
	k->timeout_ms = 100;
	k->stop_ms = 100;
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.by_timeout, 1);
	assert_int_equal(r.by_stop, 0);
	assert_int_equal(r.signal, SIGKILL);
	assert_int_equal(gate_record_exit_code(&r), 124);
}

static void a_signal_goes_to_the_task(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];

	shell(k, "trap 'exit 4' USR2; echo ready; while :; do sleep 0.05; done");
	keep_start(k);
	assert_true(keep_until(k->socket, MS, GATE_FRAME_OUTPUT, &head, bytes));
	assert_true(keep_ask(k->socket, GATE_FRAME_SIGNAL, SIGUSR2, 0, NULL, 0));
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.status, 4);
	assert_int_equal(r.by_stop, 0);
}

static void a_keeper_that_is_asked_to_go_stops_its_task(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	int pidfd;

	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	(void)close(pidfd);
	assert_int_equal(kill(k->keeper, SIGTERM), 0);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.signal, SIGTERM);
	assert_int_equal(r.by_stop, 1);
	assert_int_equal(keep_wait(k, MS), 0);
}

static bool gone(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void a_killed_keeper_takes_its_task_with_it(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	int pidfd;

	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	assert_false(gone(pidfd, 0));
	assert_int_equal(kill(k->keeper, SIGKILL), 0);
	assert_true(gone(pidfd, MS));
	(void)close(pidfd);
	/* What it wrote last is whole. */
	assert_true(keep_record(k, &r));
	assert_int_equal(r.state, GATE_TASK_RUNNING);
}

static void a_task_outlives_whoever_started_it(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];
	int pidfd;

	shell(k, "while ! [ -e /proc/self/nothing ]; do sleep 0.05; done");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	(void)close(k->socket);
	k->socket = -1;
	pause_ms(200);
	assert_false(gone(pidfd, 0));
	int c = keep_connect(k);
	assert_true(keep_ask(c, GATE_FRAME_STATUS, 0, 0, NULL, 0));
	assert_int_equal(keep_receive(c, MS, &head, bytes, NULL), GATE_FRAME_RECORD);
	assert_true(keep_ask(c, GATE_FRAME_WAIT, 0, 0, NULL, 0));
	assert_true(keep_ask(c, GATE_FRAME_STOP, SIGKILL, 0, NULL, 0));
	assert_true(keep_end(c, MS, &r, NULL, NULL));
	assert_int_equal(r.signal, SIGKILL);
	assert_int_equal(r.by_stop, 2);
	(void)close(pidfd);
	(void)close(c);
}

static void without_attached_the_starter_is_let_go(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];
	int pidfd;

	shell(k, "echo out; sleep 0.2; exit 5");
	k->flags = 0;
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	assert_int_equal(keep_receive(k->socket, MS, &head, bytes, NULL), 0);
	assert_int_equal(keep_wait(k, MS), 0);
	assert_true(keep_record(k, &r));
	assert_int_equal(r.status, 5);
	(void)close(pidfd);
}

/* --- input and output --- */
static void input_reaches_the_task_and_ends(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	static char much[GATE_FRAME_BYTES_MAX];
	char out[64];
	size_t n = sizeof(out);

	/* More than a pipe holds, and a reader that takes its time: nothing is lost, and requests over another connection
	 * get through meanwhile. */
	shell(k, "sleep 0.3; wc -c");
	k->flags |= GATE_PLAN_STDIN;
	keep_start(k);
	memset(much, 'x', sizeof(much));
	for (int i = 0; i < 20; i++)
		assert_true(keep_ask(k->socket, GATE_FRAME_INPUT, 0, 0, much, sizeof(much)));
	assert_true(keep_ask(k->socket, GATE_FRAME_INPUT_END, 0, 0, NULL, 0));
	int c = keep_connect(k);
	struct gate_frame head;
	static char bytes[GATE_FRAME_BYTES_MAX];
	assert_true(keep_ask(c, GATE_FRAME_STATUS, 0, 0, NULL, 0));
	assert_int_equal(keep_receive(c, MS, &head, bytes, NULL), GATE_FRAME_RECORD);
	(void)close(c);
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(r.status, 0);
	out[n] = '\0';
	assert_int_equal(atoi(out), 20 * GATE_FRAME_BYTES_MAX);
}

static void input_ends_with_the_client_that_brought_it(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	int pidfd;

	shell(k, "cat >/dev/null; exit 6");
	k->flags |= GATE_PLAN_STDIN;
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	(void)close(k->socket);
	k->socket = -1;
	assert_int_equal(keep_wait(k, MS), 0);
	assert_true(keep_record(k, &r));
	assert_int_equal(r.status, 6);
	(void)close(pidfd);
}

static void input_that_nobody_wants_is_refused(void **state)
{
	struct keep *k = *state;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];

	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(keep_ask(k->socket, GATE_FRAME_INPUT, 0, 0, "x", 1));
	assert_true(keep_until(k->socket, MS, GATE_FRAME_REFUSED, &head, bytes));
	assert_int_equal(head.a, EPIPE);
	assert_int_equal(head.b, GATE_FRAME_INPUT);
	assert_true(keep_ask(k->socket, GATE_FRAME_RESIZE, 25 << 16 | 80, 0, NULL, 0));
	assert_true(keep_until(k->socket, MS, GATE_FRAME_REFUSED, &head, bytes));
	assert_int_equal(head.a, ENOTTY);
	assert_true(keep_ask(k->socket, GATE_FRAME_LISTENER, 0, 0, NULL, 0));
	assert_true(keep_until(k->socket, MS, GATE_FRAME_REFUSED, &head, bytes));
	assert_int_equal(head.a, ENOENT);
}

static void a_terminal_is_one_stream_and_has_a_size(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	char out[256];
	size_t n = sizeof(out) - 1;
	struct gate_frame head;
	char bytes[GATE_FRAME_BYTES_MAX];

	shell(k, "stty -echo; trap : WINCH; stty size; read a; stty size; cat; exit 2");
	k->flags |= GATE_PLAN_TERMINAL | GATE_PLAN_STDIN;
	keep_start(k);
	assert_true(keep_until(k->socket, MS, GATE_FRAME_OUTPUT, &head, bytes));
	assert_int_equal(head.a, 1);
	assert_memory_equal(bytes, "25 80", 5);
	assert_true(keep_ask(k->socket, GATE_FRAME_RESIZE, 30 << 16 | 100, 0, NULL, 0));
	assert_true(keep_ask(k->socket, GATE_FRAME_INPUT, 0, 0, "x\n", 2));
	assert_true(keep_until(k->socket, MS, GATE_FRAME_OUTPUT, &head, bytes));
	assert_true(keep_ask(k->socket, GATE_FRAME_INPUT, 0, 0, "last\n", 5));
	assert_true(keep_ask(k->socket, GATE_FRAME_INPUT_END, 0, 0, NULL, 0));
	memcpy(out, bytes, 6);
	assert_memory_equal(out, "30 100", 6);
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	out[n] = '\0';
	assert_non_null(strstr(out, "last"));
	assert_int_equal(r.status, 2);
}

static long private_kib(pid_t pid)
{
	char path[64], line[256];
	long sum = 0, value;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Private_Clean: %ld", &value) == 1 || sscanf(line, "Private_Dirty: %ld", &value) == 1 ||
		    sscanf(line, "SwapPss: %ld", &value) == 1)
			sum += value;
	if (f != NULL)
		(void)fclose(f);
	return f != NULL ? sum : -1;
}

#define MUCH (50L << 20)

static void much_output_for_a_slow_reader_costs_no_memory(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	long sum = 0, most = 0;
	int got;

	shell(k, "head -c 52428800 /dev/zero");
	k->log_bytes = 100000;
	keep_start(k);
	pause_ms(300);
	for (int i = 0; (got = keep_receive(k->socket, MS, &head, bytes, NULL)) > 0 && got != GATE_FRAME_ENDED; i++) {
		sum += got == GATE_FRAME_OUTPUT ? (long)head.len : 0;
		if (i % 500 != 0)
			continue;
		pause_ms(10);
		long now = private_kib(k->keeper);
		most = now > most ? now : most;
	}
	assert_int_equal(got, GATE_FRAME_ENDED);
	assert_int_equal(sum, MUCH);
	memcpy(&r, bytes, sizeof(r));
	assert_int_equal(r.log_dropped, 0);
	assert_true(most > 0);
	print_message("%ld KiB private at most\n", most);
	assert_true(most <= 1024);
	struct stat st;
	for (int i = 0; i < 3; i++) {
		char name[16];

		gate_log_name((unsigned)i, name);
		assert_int_equal(fstatat(k->dir, name, &st, 0), 0);
		assert_true(st.st_size > 0 && st.st_size <= 100000);
	}
	assert_int_equal(fstatat(k->dir, "out.3", &st, 0), -1);
}

static void a_reader_that_stops_does_not_keep_the_end_from_others(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	char out[8];
	size_t n = sizeof(out);
	static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	long sum = 0;
	int got;

	/* More than its socket takes, but less than a pipe: the task ends, the starter has not read. (A socket takes less
	 * than its size when what comes is in small pieces: a slow machine.) */
	shell(k, "head -c 65000 /dev/zero; exit 8");
	k->send_buffer = 20000;
	keep_start(k);
	int c = -1;
	for (int i = 0; i < 100 && c < 0; i++) {
		pause_ms(20);
		c = keep_connect(k);
	}
	if (c >= 0 && keep_ask(c, GATE_FRAME_WAIT, 0, 0, NULL, 0))
		(void)keep_end(c, MS, &r, out, &n);
	for (int i = 0; i < 1000 && !(keep_record(k, &r) && r.state == GATE_TASK_ENDED); i++)
		pause_ms(10);
	assert_int_equal(r.state, GATE_TASK_ENDED);
	assert_int_equal(r.status, 8);
	/* And yet all of it is there for the one who comes late. */
	while ((got = keep_receive(k->socket, MS, &head, bytes, NULL)) > 0 && got != GATE_FRAME_ENDED)
		sum += got == GATE_FRAME_OUTPUT ? (long)head.len : 0;
	assert_int_equal(got, GATE_FRAME_ENDED);
	assert_int_equal(sum, 65000);
	assert_int_equal(keep_wait(k, MS), 0);
	if (c >= 0)
		(void)close(c);
}

static void without_readers_there_is_just_the_log(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	static unsigned char file[200000];
	struct gate_log_entry e;
	size_t at = 0, sum = 0;
	int pidfd;

	shell(k, "head -c 100000 /dev/zero; echo x >&2");
	k->flags = 0;
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	(void)close(pidfd);
	assert_int_equal(keep_wait(k, MS), 0);
	int fd = openat(k->dir, "out", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, file, sizeof(file));
	(void)close(fd);
	bool err = false;
	while (gate_log_next(file, (size_t)n, &at, &e) == GATE_LOG_ENTRY) {
		sum += e.stream == GATE_LOG_STDOUT ? e.len : 0;
		err |= e.stream == GATE_LOG_STDERR;
	}
	assert_int_equal(at, n);
	assert_int_equal(sum, 100000);
	assert_true(err);
}

static void plain_streams_are_the_starters(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	char out[64];
	size_t n = sizeof(out);

	shell(k, "exit 11");
	k->flags |= GATE_PLAN_PLAIN_STDIO;
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(n, 0);
	assert_int_equal(r.status, 11);
}

/* In no control group and no pid namespace: what the task leaves behind holds its pipe, and does not keep the keeper. */
static void what_is_left_behind_does_not_keep_it(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	char out[64];
	size_t n = sizeof(out);

	shell(k, "sleep 30 & echo $!; exit 0");
	keep_start(k);
	assert_true(keep_end(k->socket, 10000, &r, out, &n));
	assert_true(n > 1 && n < sizeof(out));
	out[n - 1] = '\0';
	(void)kill(atoi(out), SIGKILL);
	assert_int_equal(keep_wait(k, MS), 0);
}

/* --- clients --- */
static void a_wrong_frame_ends_only_its_connection(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head, bad[] = {
		{ .type = GATE_FRAME_STARTED }, { .type = 1000 }, { .type = 0 }, { .type = GATE_FRAME_STATUS, .len = 5 },
	};
	char bytes[GATE_FRAME_BYTES_MAX];
	static char huge[100000];
	int pidfd;

	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	for (size_t i = 0; i < 6; i++) {
		int c = keep_connect(k);

		assert_true(c >= 0);
		if (i < 4)
			assert_true(send(c, &bad[i], sizeof(bad[i]), 0) > 0);
		else
			assert_true(send(c, huge, i == 4 ? 3 : sizeof(huge), 0) > 0);
		assert_int_equal(keep_receive(c, MS, &head, bytes, NULL), GATE_FRAME_REFUSED);
		assert_int_equal(head.a, EPROTO);
		assert_int_equal(keep_receive(c, MS, &head, bytes, NULL), 0);
		(void)close(c);
	}
	/* Out of range is an answer, not the end. */
	assert_true(keep_ask(k->socket, GATE_FRAME_SIGNAL, 65, 0, NULL, 0));
	assert_int_equal(keep_receive(k->socket, MS, &head, bytes, NULL), GATE_FRAME_REFUSED);
	assert_int_equal(head.a, EINVAL);
	assert_false(gone(pidfd, 0));
	(void)close(pidfd);
}

static void five_hundred_clients_all_get_their_answer(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	static char bytes[GATE_FRAME_BYTES_MAX];
	int pidfd, c[500];

	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	(void)close(pidfd);
	for (int i = 0; i < 500; i++)
		assert_true((c[i] = keep_connect(k)) >= 0);
	for (int i = 0; i < 500; i++) {
		assert_true(keep_ask(c[i], GATE_FRAME_STATUS, 0, 0, NULL, 0));
		assert_int_equal(keep_receive(c[i], MS, &head, bytes, NULL), GATE_FRAME_RECORD);
		(void)close(c[i]);
	}
}

static void those_who_wait_leave_room_for_a_stop(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	struct gate_frame head;
	static char bytes[GATE_FRAME_BYTES_MAX];
	int pidfd, c[16], refused_one = 0;

	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(started(k, &r, &pidfd));
	(void)close(pidfd);
	for (int i = 0; i < 16; i++) {
		assert_true((c[i] = keep_connect(k)) >= 0);
		assert_true(keep_ask(c[i], GATE_FRAME_WAIT, 0, 0, NULL, 0));
		if (i < 11)
			continue;
		assert_int_equal(keep_receive(c[i], MS, &head, bytes, NULL), GATE_FRAME_REFUSED);
		assert_int_equal(head.a, EUSERS);
		refused_one++;
	}
	assert_int_equal(refused_one, 5);
	int stop = keep_connect(k);
	assert_true(keep_ask(stop, GATE_FRAME_STOP, SIGKILL, 0, NULL, 0));
	for (int i = 0; i < 11; i++)
		assert_true(keep_end(c[i], MS, &r, NULL, NULL));
	for (int i = 0; i < 16; i++)
		(void)close(c[i]);
	(void)close(stop);
}

static void a_client_that_is_killed_hurts_nobody(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	char out[128];
	size_t n = sizeof(out);

	shell(k, "echo begin; sleep 0.6; echo end; exit 1");
	keep_start(k);
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			int c = keep_connect(k);

			(void)keep_ask(c, i % 2 != 0 ? GATE_FRAME_WAIT : GATE_FRAME_ATTACH, i % 2 == 0, 0, NULL, 0);
			(void)send(c, "x", 1, 0);
			(void)pause();
			_exit(0);
		}
		pause_ms(50);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(n, 10);
	assert_int_equal(r.status, 1);
}

/* --- what goes with the task --- */
static void with_rm_nothing_stays(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	char deep[64];

	shell(k, "exit 0");
	k->flags |= GATE_PLAN_REMOVE;
	k->name = "web";
	/* Deeper than descriptors go, a link that leads out of it, a directory that may not be read. */
	assert_int_equal(mkdirat(k->dir, "work", 0755), 0);
	assert_int_equal(mkdirat(k->state, "precious", 0755), 0);
	assert_int_equal(mkdirat(k->state, "precious/file", 0755), 0);
	int at = openat(k->dir, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("../../precious", at, "link"), 0);
	assert_int_equal(mkdirat(at, "closed", 0), 0);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(deep, sizeof(deep), "d%d", i);
		assert_int_equal(mkdirat(at, deep, 0755), 0);
		int next = openat(at, deep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0));
		(void)close(at);
		at = next;
	}
	(void)close(at);
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(faccessat(k->state, k->id, F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(faccessat(k->state, "names/web", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(k->state, "precious/file", F_OK, 0), 0);
	assert_int_equal(keep_wait(k, MS), 0);
}

static void a_name_that_is_anothers_stays(void **state)
{
	struct keep *k = *state;
	struct gate_record r;
	const struct gate_start_message start = { GATE_START_MAGIC, GATE_PLAN_VERSION };
	int fds[1 + GATE_PLAN_FDS_MAX];
	size_t n;

	shell(k, "exit 0");
	k->flags |= GATE_PLAN_REMOVE;
	k->name = "web";
	keep_spawn(k);
	fds[0] = keep_plan(k, fds + 1, &n, true);
	assert_int_equal(unlinkat(k->state, "names/web", 0), 0);
	assert_int_equal(symlinkat("0123456789abcdef", k->state, "names/web"), 0);
	assert_true(keep_send_start(k, &start, sizeof(start), fds, n + 1));
	for (size_t i = 0; i < n + 1; i++)
		(void)close(fds[i]);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(faccessat(k->state, "names/web", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(faccessat(k->state, k->id, F_OK, 0), -1);
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
		cmocka_unit_test_setup_teardown(a_stop_is_a_signal_and_then_the_end, make, drop),
		cmocka_unit_test_setup_teardown(a_task_that_heeds_a_stop_has_its_own_end, make, drop),
		cmocka_unit_test_setup_teardown(time_runs_out, make, drop),
		cmocka_unit_test_setup_teardown(a_signal_goes_to_the_task, make, drop),
		cmocka_unit_test_setup_teardown(a_keeper_that_is_asked_to_go_stops_its_task, make, drop),
		cmocka_unit_test_setup_teardown(a_killed_keeper_takes_its_task_with_it, make, drop),
		cmocka_unit_test_setup_teardown(a_task_outlives_whoever_started_it, make, drop),
		cmocka_unit_test_setup_teardown(without_attached_the_starter_is_let_go, make, drop),
		cmocka_unit_test_setup_teardown(input_reaches_the_task_and_ends, make, drop),
		cmocka_unit_test_setup_teardown(input_ends_with_the_client_that_brought_it, make, drop),
		cmocka_unit_test_setup_teardown(input_that_nobody_wants_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(a_terminal_is_one_stream_and_has_a_size, make, drop),
		cmocka_unit_test_setup_teardown(much_output_for_a_slow_reader_costs_no_memory, make, drop),
		cmocka_unit_test_setup_teardown(a_reader_that_stops_does_not_keep_the_end_from_others, make, drop),
		cmocka_unit_test_setup_teardown(without_readers_there_is_just_the_log, make, drop),
		cmocka_unit_test_setup_teardown(plain_streams_are_the_starters, make, drop),
		cmocka_unit_test_setup_teardown(what_is_left_behind_does_not_keep_it, make, drop),
		cmocka_unit_test_setup_teardown(a_wrong_frame_ends_only_its_connection, make, drop),
		cmocka_unit_test_setup_teardown(five_hundred_clients_all_get_their_answer, make, drop),
		cmocka_unit_test_setup_teardown(those_who_wait_leave_room_for_a_stop, make, drop),
		cmocka_unit_test_setup_teardown(a_client_that_is_killed_hurts_nobody, make, drop),
		cmocka_unit_test_setup_teardown(with_rm_nothing_stays, make, drop),
		cmocka_unit_test_setup_teardown(a_name_that_is_anothers_stays, make, drop),
		cmocka_unit_test_setup_teardown(a_start_message_that_is_none_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(a_plan_that_could_still_change_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(without_a_message_it_just_goes, make, drop),
	};

	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	if (argc > 1)
		(void)setenv("KEEPER", argv[1], 1);
	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
