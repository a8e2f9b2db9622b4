/* In front of a task: a child attaches, this process plays the keeper over a socket pair, and the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those */
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/attach.h"

struct front {
	int keeper;         /* our end */
	int in, out, error; /* other ends of its standard streams; with a terminal in == out == its master */
	int terminal;       /* the slave, kept open to look at its attributes */
	pid_t pid;
};

static const struct gate_verb verb = { .name = "test", .class = GATE_CLASS_RUN };

/* Never longer than this, whatever goes wrong. */
enum { LONGEST = 20, PATIENCE_MS = 5000 };

static struct front start(struct gate_attach a, bool terminal)
{
	struct front f = { .terminal = -1 };
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	int pair[2], in[2], out[2], error[2], slave = -1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(error, O_CLOEXEC), 0);
	if (terminal)
		assert_int_equal(openpty(&f.in, &slave, NULL, NULL, &size), 0);
	f.pid = fork();
	assert_true(f.pid >= 0);
	if (f.pid == 0) {
		struct gate_cli cli = { .verb = &verb };
		struct gate_record r = { 0 };

		(void)alarm(LONGEST);
		(void)close(pair[0]);
		(void)dup2(terminal ? slave : in[0], 0);
		(void)dup2(terminal ? slave : out[1], 1);
		(void)dup2(error[1], 2);
		if (terminal) {
			(void)setsid();
			(void)ioctl(0, TIOCSCTTY, 0);
		}
		(void)close(in[1]);
		(void)close(out[0]);
		(void)close(error[0]);
		a.socket = pair[1];
		int status = gate_attach(&cli, &a, &r);

		_exit(r.state == GATE_TASK_RUNNING ? 77 : status);
	}
	(void)close(pair[1]);
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(error[1]);
	f.keeper = pair[0];
	f.error = error[0];
	f.terminal = slave;
	if (terminal) {
		(void)close(in[1]);
		(void)close(out[0]);
		f.out = f.in;
	} else {
		f.in = in[1];
		f.out = out[0];
	}
	return f;
}

static int finish(struct front *f)
{
	int status = 0;

	(void)close(f->keeper);
	if (f->in >= 0)
		(void)close(f->in);
	if (f->out >= 0 && f->out != f->in)
		(void)close(f->out);
	(void)close(f->error);
	if (f->terminal >= 0)
		(void)close(f->terminal);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void ended(const struct front *f, int status)
{
	struct gate_record r = { .magic = GATE_RECORD_MAGIC,
		                 .version = GATE_RECORD_VERSION,
		                 .size = sizeof(r),
		                 .state = GATE_TASK_ENDED,
		                 .outcome = GATE_OUTCOME_EXITED,
		                 .status = status };

	assert_int_equal(gate_frame_send(f->keeper, GATE_FRAME_ENDED, 0, 0, &r, sizeof(r)), 0);
}

static void output(const struct front *f, int stream, const char *text)
{
	assert_int_equal(gate_frame_send(f->keeper, GATE_FRAME_OUTPUT, (uint64_t)stream, 0, text, strlen(text)), 0);
}

static bool ready(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, PATIENCE_MS) == 1;
}

/* The next frame, which must be of the type. */
static struct gate_frame expect(const struct front *f, uint32_t type, char bytes[GATE_FRAME_BYTES_MAX])
{
	struct gate_frame head = { 0 };
	int passed;

	assert_true(ready(f->keeper));
	assert_int_equal(gate_frame_receive(f->keeper, &head, bytes, GATE_FRAME_BYTES_MAX, &passed), 1);
	assert_int_equal(head.type, type);
	return head;
}

static void reads(int fd, const char *text)
{
	size_t len = strlen(text), at = 0;
	char got[256];

	while (at < len) {
		assert_true(ready(fd));
		ssize_t n = read(fd, got + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(got, text, len);
}

/* --- streams --- */
static void output_goes_where_it_belongs_and_the_status_is_the_tasks(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1, .sig_proxy = true }, false);

	(void)state;
	output(&f, 1, "to stdout");
	output(&f, 2, "to stderr");
	ended(&f, 42);
	reads(f.out, "to stdout");
	reads(f.error, "to stderr");
	assert_int_equal(finish(&f), 42);
}

static void input_arrives_with_its_end(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1, .interactive = true }, false);
	char bytes[GATE_FRAME_BYTES_MAX];

	(void)state;
	assert_int_equal(write(f.in, "hello", 5), 5);
	assert_int_equal(expect(&f, GATE_FRAME_INPUT, bytes).len, 5);
	assert_memory_equal(bytes, "hello", 5);
	(void)close(f.in);
	f.in = -1;
	(void)expect(&f, GATE_FRAME_INPUT_END, bytes);
	ended(&f, 0);
	assert_int_equal(finish(&f), 0);
}

static void input_is_not_touched_without_i(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1 }, false);
	struct pollfd p = { f.keeper, POLLIN, 0 };

	(void)state;
	assert_int_equal(write(f.in, "hello", 5), 5);
	assert_int_equal(poll(&p, 1, 100), 0);
	ended(&f, 0);
	assert_int_equal(finish(&f), 0);
}

/* Until the keeper reads, we take at most a piece of input; nothing is lost. */
static void a_slow_keeper_holds_input_up(void **state)
{
	enum { TOTAL = 4 << 20 };
	struct front f = start((struct gate_attach){ .pidfd = -1, .interactive = true }, false);
	char bytes[GATE_FRAME_BYTES_MAX], *all = calloc(1, TOTAL);
	size_t sent = 0, got = 0;

	(void)state;
	for (size_t i = 0; i < TOTAL; i++)
		all[i] = (char)(i * 7 + (i >> 12));
	assert_int_equal(fcntl(f.in, F_SETFL, O_NONBLOCK), 0);
	for (int quiet = 0; quiet < 5;) { /* it takes what it can hold, and no more */
		ssize_t n = write(f.in, all + sent, TOTAL - sent);

		sent += n > 0 ? (size_t)n : 0;
		quiet = n > 0 ? 0 : quiet + 1;
		(void)usleep(10000);
	}
	assert_true(sent > 0 && sent < TOTAL);
	while (got < TOTAL) {
		struct gate_frame head = expect(&f, GATE_FRAME_INPUT, bytes);

		assert_memory_equal(bytes, all + got, head.len);
		got += head.len;
		ssize_t n = sent < TOTAL ? write(f.in, all + sent, TOTAL - sent) : 0;

		sent += n > 0 ? (size_t)n : 0;
	}
	free(all);
	ended(&f, 0);
	assert_int_equal(finish(&f), 0);
}

/* Output that nobody takes stops the reading of frames, so the keeper is the one who waits; all of it arrives. */
static void a_slow_reader_holds_output_up(void **state)
{
	enum { FRAMES = 100, PIECE = 10000 };
	struct front f = start((struct gate_attach){ .pidfd = -1 }, false);
	char piece[PIECE], got[PIECE];
	size_t total = 0;
	int sent = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(fcntl(f.keeper, F_SETFL, O_NONBLOCK), 0);
	for (int quiet = 0; quiet < 5 && sent < FRAMES;) {
		bool went = gate_frame_send(f.keeper, GATE_FRAME_OUTPUT, 1, 0, piece, PIECE) == 0;

		sent += went;
		quiet = went ? 0 : quiet + 1;
		if (!went)
			(void)usleep(10000);
	}
	assert_true(sent < FRAMES);
	while (total < (size_t)sent * PIECE) {
		assert_true(ready(f.out));
		ssize_t n = read(f.out, got, sizeof(got));

		assert_true(n > 0);
		total += (size_t)n;
	}
	ended(&f, 3);
	assert_int_equal(finish(&f), 3);
}

static void a_reader_that_leaves_ends_the_task(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1 }, false);
	char bytes[GATE_FRAME_BYTES_MAX];

	(void)state;
	(void)close(f.out);
	f.out = -1;
	output(&f, 1, "for nobody");
	struct gate_frame head = expect(&f, GATE_FRAME_STOP, bytes);

	assert_int_equal(head.a, SIGPIPE);
	output(&f, 1, "for nobody");
	output(&f, 2, "still read");
	reads(f.error, "still read");
	ended(&f, 141);
	assert_int_equal(finish(&f), 141);
}

static void a_keeper_that_vanishes_is_told(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1 }, false);

	(void)state;
	output(&f, 1, "last words");
	(void)shutdown(f.keeper, SHUT_RDWR);
	reads(f.out, "last words");
	reads(f.error, "callgate: the keeper of the task is gone");
	assert_int_equal(finish(&f), 125);
}

static void an_end_that_is_no_record_is_none(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1 }, false);

	(void)state;
	assert_int_equal(gate_frame_send(f.keeper, GATE_FRAME_ENDED, 0, 0, "short", 5), 0);
	assert_int_equal(finish(&f), 125);
}

/* --- signals --- */
static void signals_are_forwarded_through_the_keeper(void **state)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH, SIGALRM };
	struct front f = start((struct gate_attach){ .pidfd = -1, .sig_proxy = true }, false);
	char bytes[GATE_FRAME_BYTES_MAX];

	(void)state;
	output(&f, 1, "ready");
	reads(f.out, "ready");
	for (size_t i = 0; i < GATE_ARRAY_LEN(signals); i++) {
		assert_int_equal(kill(f.pid, signals[i]), 0);
		assert_int_equal(expect(&f, GATE_FRAME_SIGNAL, bytes).a, signals[i]);
	}
	ended(&f, 5);
	assert_int_equal(finish(&f), 5);
}

static void without_sig_proxy_a_signal_ends_us_and_not_the_task(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1 }, false);

	(void)state;
	output(&f, 1, "ready");
	reads(f.out, "ready");
	assert_int_equal(kill(f.pid, SIGTERM), 0);
	assert_int_equal(finish(&f), 77);
}

static void a_stop_stops_us_alone(void **state)
{
	struct front f = start((struct gate_attach){ .pidfd = -1, .sig_proxy = true }, false);
	struct pollfd p = { f.keeper, POLLIN, 0 };
	int status;

	(void)state;
	assert_int_equal(setpgid(f.pid, f.pid), 0); /* an orphaned group is not stopped; ours is its parent's */
	output(&f, 1, "ready");
	reads(f.out, "ready");
	assert_int_equal(kill(f.pid, SIGTSTP), 0);
	assert_int_equal(waitpid(f.pid, &status, WUNTRACED), f.pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(kill(f.pid, SIGCONT), 0);
	output(&f, 1, "on");
	reads(f.out, "on");
	ended(&f, 0);
	assert_int_equal(finish(&f), 0);
}

/* --- terminals --- */
static bool is_raw(const struct front *f)
{
	struct termios t;

	assert_int_equal(tcgetattr(f->terminal, &t), 0);
	return (t.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

static struct front start_terminal(const char *keys)
{
	struct front f = start((struct gate_attach){ .pidfd = -1, .interactive = true, .terminal = true,
	                                             .sig_proxy = true, .keys = keys },
	                       true);
	char bytes[GATE_FRAME_BYTES_MAX];

	assert_int_equal(expect(&f, GATE_FRAME_RESIZE, bytes).a, 33 << 16 | 77);
	assert_true(is_raw(&f));
	return f;
}

static void our_terminal_is_raw_and_then_as_it_was(void **state)
{
	struct front f = start_terminal(NULL);
	char bytes[GATE_FRAME_BYTES_MAX];

	(void)state;
	assert_int_equal(write(f.in, "\003", 1), 1); /* ^C is a byte for the task */
	assert_int_equal(expect(&f, GATE_FRAME_INPUT, bytes).len, 1);
	assert_int_equal(bytes[0], 3);
	output(&f, 1, "$ ");
	reads(f.out, "$ ");
	struct winsize size = { .ws_row = 10, .ws_col = 20 };

	assert_int_equal(ioctl(f.terminal, TIOCSWINSZ, &size), 0);
	assert_int_equal(expect(&f, GATE_FRAME_RESIZE, bytes).a, 10 << 16 | 20);
	ended(&f, 0);
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)f.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(is_raw(&f));
	assert_int_equal(finish(&f), 0);
}

static void restored_after(int sig)
{
	struct front f = start_terminal(NULL);
	siginfo_t info;

	assert_int_equal(kill(f.pid, sig), 0);
	assert_int_equal(waitid(P_PID, (id_t)f.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(is_raw(&f));
	assert_int_equal(finish(&f), 1000 + sig);
}

static void our_terminal_is_restored_by_a_crash(void **state)
{
	(void)state;
	restored_after(SIGSEGV);
	restored_after(SIGABRT);
}

static void our_terminal_is_restored_while_we_are_stopped(void **state)
{
	struct front f = start_terminal(NULL);
	char bytes[GATE_FRAME_BYTES_MAX];
	int status;

	(void)state;
	assert_int_equal(kill(f.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(f.pid, &status, WUNTRACED), f.pid);
	/* SIGSTOP cannot be caught: what a shell does meanwhile is undone when we go on. */
	struct termios cooked;

	assert_int_equal(tcgetattr(f.terminal, &cooked), 0);
	cooked.c_lflag |= ICANON | ECHO | ISIG;
	assert_int_equal(tcsetattr(f.terminal, TCSANOW, &cooked), 0);
	assert_int_equal(kill(f.pid, SIGCONT), 0);
	(void)expect(&f, GATE_FRAME_RESIZE, bytes);
	assert_true(is_raw(&f));
	ended(&f, 0);
	assert_int_equal(finish(&f), 0);
}

static void the_detach_keys_leave_the_task_running(void **state)
{
	struct front f = start_terminal(NULL);
	char bytes[GATE_FRAME_BYTES_MAX];
	siginfo_t info;

	(void)state;
	assert_int_equal(write(f.in, "a\020", 2), 2); /* ctrl-p is held back … */
	assert_int_equal(expect(&f, GATE_FRAME_INPUT, bytes).len, 1);
	assert_int_equal(write(f.in, "b", 1), 1); /* … and comes with what shows that it was no detach */
	assert_int_equal(expect(&f, GATE_FRAME_INPUT, bytes).len, 2);
	assert_memory_equal(bytes, "\020b", 2);
	assert_int_equal(write(f.in, "\020\020\021", 3), 3);
	assert_int_equal(waitid(P_PID, (id_t)f.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(is_raw(&f));
	assert_int_equal(finish(&f), 77);
}

static void no_detach_keys_are_none(void **state)
{
	struct front f = start_terminal("");
	char bytes[GATE_FRAME_BYTES_MAX];

	(void)state;
	assert_int_equal(write(f.in, "\020\021", 2), 2);
	assert_int_equal(expect(&f, GATE_FRAME_INPUT, bytes).len, 2);
	ended(&f, 0);
	assert_int_equal(finish(&f), 0);
}

static void keys_are_parsed_strictly(void **state)
{
	char keys[GATE_KEYS_MAX];

	(void)state;
	assert_int_equal(gate_keys_parse("ctrl-p,ctrl-q", keys), 2);
	assert_memory_equal(keys, "\020\021", 2);
	assert_int_equal(gate_keys_parse("a,ctrl-]", keys), 2);
	assert_memory_equal(keys, "a\035", 2);
	assert_int_equal(gate_keys_parse("", keys), 0);
	assert_int_equal(gate_keys_parse("ctrl-", keys), -1);
	assert_int_equal(gate_keys_parse("ctrl-pp", keys), -1);
	assert_int_equal(gate_keys_parse("a,,b", keys), -1);
	assert_int_equal(gate_keys_parse("a,", keys), -1);
	assert_int_equal(gate_keys_parse("ctrl-1", keys), -1);
	assert_int_equal(gate_keys_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", keys), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_goes_where_it_belongs_and_the_status_is_the_tasks),
		cmocka_unit_test(input_arrives_with_its_end),
		cmocka_unit_test(input_is_not_touched_without_i),
		cmocka_unit_test(a_slow_keeper_holds_input_up),
		cmocka_unit_test(a_slow_reader_holds_output_up),
		cmocka_unit_test(a_reader_that_leaves_ends_the_task),
		cmocka_unit_test(a_keeper_that_vanishes_is_told),
		cmocka_unit_test(an_end_that_is_no_record_is_none),
		cmocka_unit_test(signals_are_forwarded_through_the_keeper),
		cmocka_unit_test(without_sig_proxy_a_signal_ends_us_and_not_the_task),
		cmocka_unit_test(a_stop_stops_us_alone),
		cmocka_unit_test(our_terminal_is_raw_and_then_as_it_was),
		cmocka_unit_test(our_terminal_is_restored_by_a_crash),
		cmocka_unit_test(our_terminal_is_restored_while_we_are_stopped),
		cmocka_unit_test(the_detach_keys_leave_the_task_running),
		cmocka_unit_test(no_detach_keys_are_none),
		cmocka_unit_test(keys_are_parsed_strictly),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_DFL); /* under nohup(1) it is ignored, and would not be forwarded */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
