/* The agent's side with rights, as the front meets it: launches, commands, ends; and whoever of them is killed, no task is
 * lost, doubled or without its filter. */
#include "agent.h"

#include <sys/resource.h>

#include "keeper/log.h"
#include "kernel/cgroup.h"

static struct agent a;
static struct gate_ipc m;

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	agent_init(&a);
	agent_start(&a);
	(void)agent_meet(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (geteuid() == 0)
		agent_done(&a);
	return 0;
}

#define NEEDS_ROOT                                                                                                     \
	do {                                                                                                           \
		if (geteuid() != 0) {                                                                                  \
			print_message("skipped: an agent needs root\n");                                               \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static void said(const char *what)
{
	if (memmem(m.bytes, m.head.len, what, strlen(what)) == NULL)
		fail_msg("'%.*s' does not say '%s'", (int)m.head.len, (const char *)m.bytes, what);
}

static void refused(enum gate_errc code, const char *what)
{
	assert_int_equal(m.head.type, GATE_IPC_REFUSED);
	assert_int_equal(m.head.a, code);
	said(what);
}

static void launch_refused(const char *name, enum gate_errc code, const char *what)
{
	static const char *const args[] = { "true", NULL };
	uint64_t serial = ask_launch(&a, name, args);

	assert_true(hear(&a, 0, serial, NULL, &m));
	refused(code, what);
}

/* --- a task's life --- */
static void from_launch_to_removal(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "web.1", "echo hello; sleep 1000");

	assert_string_equal(t.name, "web.1");
	assert_int_equal(strlen(t.id), 64);
	assert_int_equal(t.record.state, GATE_TASK_RUNNING);
	assert_true(confined(t.record.pid));
	/* Another one under its name is not started, and is not answered by what is there. */
	launch_refused("web.1", GATE_E_CONFLICT, "is there already");
	assert_int_equal(ask(&a, GATE_IPC_REMOVE, 0, 0, "web.1", 5, &m), GATE_IPC_REFUSED);
	refused(GATE_E_CONFLICT, "has not ended");
	assert_int_equal(ask(&a, GATE_IPC_KILL, 0, 500, "web.1", 5, &m), GATE_IPC_DONE);
	struct gate_ipc_task end = hear_end(&a, "web.1");
	assert_string_equal(end.id, t.id);
	assert_int_equal(end.record.state, GATE_TASK_ENDED);
	assert_int_equal(end.record.outcome, GATE_OUTCOME_KILLED);
	assert_int_equal(end.lost, 0);
	assert_int_equal(ask(&a, GATE_IPC_KILL, 0, 0, "web.1", 5, &m), GATE_IPC_REFUSED);
	refused(GATE_E_NOTFOUND, "is not running");
	launch_refused("web.1", GATE_E_CONFLICT, "is there already");
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask(&a, GATE_IPC_REMOVE, 0, 0, "web.1", 5, &m), GATE_IPC_DONE);
	assert_int_equal(agent_meet(&a), 0);
}

/* The end of one that is over at once is told after its start. */
static void order(void **state)
{
	(void)state;
	NEEDS_ROOT;
	for (int i = 0; i < 20; i++) {
		const char *const args[] = { "true", NULL };
		char name[32];

		(void)snprintf(name, sizeof(name), "short.%d", i);
		uint64_t serial = ask_launch(&a, name, args);
		bool started = false, ended = false;

		while (!ended) {
			assert_true(next(&a, &m, gate_loop_now() + PATIENCE_MS));
			if (m.head.serial == serial) {
				assert_int_equal(m.head.type, GATE_IPC_LAUNCHED);
				started = true;
			} else if (m.head.type == GATE_IPC_ENDED) {
				assert_true(started);
				assert_string_equal(task_of(&m)->name, name);
				assert_int_equal(task_of(&m)->record.outcome, GATE_OUTCOME_EXITED);
				ended = true;
			}
		}
		kill_and_remove(&a, name);
	}
}

static void not_started(void **state)
{
	static const char *const args[] = { "/no/such/program", NULL };

	(void)state;
	NEEDS_ROOT;
	uint64_t serial = ask_launch(&a, "none", args);
	assert_true(hear(&a, GATE_IPC_LAUNCHED, serial, NULL, &m));
	assert_int_equal(task_of(&m)->record.outcome, GATE_OUTCOME_NOT_EXECUTED);
	assert_non_null(strstr(task_of(&m)->why, "'/no/such/program' was not found"));
	struct gate_ipc_task t = hear_end(&a, "none");
	assert_non_null(strstr(t.why, "'/no/such/program' was not found"));
	/* An agent that comes later says the same. */
	assert_int_equal(WEXITSTATUS(agent_end(&a, SIGTERM)), 0);
	agent_start(&a);
	assert_int_equal(agent_meet(&a), 1);
	assert_true(inventory_has(&a, "none", &t));
	assert_int_equal(t.record.outcome, GATE_OUTCOME_NOT_EXECUTED);
	assert_non_null(strstr(t.why, "'/no/such/program' was not found"));
	kill_and_remove(&a, "none");
}

/* What the front sends is not believed. */
static void hostile(void **state)
{
	static const uint64_t jump_out[] = { UINT64_C(0x0000000500000005), UINT64_C(0x7fff000000000006) };
	static const char *const args[] = { "true", NULL };
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p = { .insns = jump_out, .len = 2 };
	struct gate_task t;
	int fd = -1;

	(void)state;
	NEEDS_ROOT;
	gate_task_init(&t);
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	assert_int_equal(gate_ipc_memfd(out.data, out.len, &fd, NULL), 0);
	assert_true(send_to(&a, GATE_IPC_LAUNCH, 0, 0, "bad", 3, fd));
	assert_true(hear(&a, 0, a.serial, NULL, &m));
	refused(GATE_E_INVALID, "the filter of the task");
	(void)close(fd);
	/* Cut short, not sealed, none at all. */
	assert_int_equal(gate_ipc_memfd(out.data, out.len - 1, &fd, NULL), 0);
	assert_true(send_to(&a, GATE_IPC_LAUNCH, 0, 0, "bad", 3, fd));
	assert_true(hear(&a, 0, a.serial, NULL, &m));
	refused(GATE_E_PROTO, "came broken");
	(void)close(fd);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	assert_true(send_to(&a, GATE_IPC_LAUNCH, 0, 0, "bad", 3, fd));
	assert_true(hear(&a, 0, a.serial, NULL, &m));
	refused(GATE_E_PROTO, "not sealed");
	(void)close(fd);
	assert_int_equal(ask(&a, GATE_IPC_LAUNCH, 0, 0, "bad", 3, &m), GATE_IPC_REFUSED);
	refused(GATE_E_PROTO, "without its file");
	static const char *const names[] = { "", "../x", "a/b", ".hidden", "-a b", "a\nb" };
	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++) {
		fd = make_task(args, false);
		assert_true(send_to(&a, GATE_IPC_LAUNCH, 0, 0, names[i], strlen(names[i]), fd));
		assert_true(hear(&a, 0, a.serial, NULL, &m));
		refused(GATE_E_INVALID, "cannot be the name of a container");
		(void)close(fd);
	}
	assert_int_equal(ask(&a, GATE_IPC_KILL, 65, 0, "bad", 3, &m), GATE_IPC_REFUSED);
	refused(GATE_E_INVALID, "not a signal");
	assert_int_equal(ask(&a, GATE_IPC_OPEN, 99, 0, "bad", 3, &m), GATE_IPC_REFUSED);
	refused(GATE_E_PROTO, "nothing of kind");
	/* The beginning of an id is no name. */
	struct gate_ipc_task good = launch(&a, "good", "sleep 1000");
	assert_int_equal(ask(&a, GATE_IPC_KILL, 9, 0, good.id, 64, &m), GATE_IPC_REFUSED);
	assert_int_equal(ask(&a, GATE_IPC_REMOVE, 0, 0, good.id, 12, &m), GATE_IPC_DONE);
	assert_true(lives(good.record.pid));
	gate_task_done(&t);
	kill_and_remove(&a, "good");
	assert_int_equal(agent_meet(&a), 0);
}

/* A front that speaks another language is ended, and that is all. */
static void wrong_front(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "stays", "sleep 1000");

	assert_int_equal(gate_ipc_send(a.link, 77, 1, 0, 0, NULL, 0, NULL, 0), 0);
	pid_t front = a.front;
	assert_int_equal(agent_meet(&a), 1);
	assert_int_not_equal(a.front, front);
	assert_true(lives(t.record.pid));
	kill_and_remove(&a, "stays");
}

/* --- beside a task --- */
static uint64_t ask_exec(const char *name, const char *script, uint64_t timeout_ms)
{
	const char *args[] = { "sh", "-c", script, NULL }, *env[] = { "GREETING=good day", NULL };
	const struct gate_wire_exec e = { args, env, 3, 1, NULL, NULL, timeout_ms };
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	int fd = -1;

	assert_int_equal(gate_wire_exec(&e, &out, NULL), 0);
	assert_int_equal(gate_ipc_memfd(out.data, out.len, &fd, NULL), 0);
	assert_true(send_to(&a, GATE_IPC_EXEC, 0, 0, name, strlen(name), fd));
	(void)close(fd);
	return a.serial;
}

static void commands(void **state)
{
	(void)state;
	NEEDS_ROOT;
	(void)launch(&a, "host", "sleep 1000");
	assert_true(hear(&a, 0, ask_exec("host", "echo $GREETING; grep Seccomp: /proc/self/status; exit 3", 0), NULL, &m));
	assert_int_equal(m.head.type, GATE_IPC_EXEC_DONE);
	assert_true(WIFEXITED((int)m.head.a));
	assert_int_equal(WEXITSTATUS((int)m.head.a), 3);
	assert_int_equal(m.head.b, 0);
	said("good day\n");
	said("Seccomp:\t2");
	/* The end of what it says, when it says more. */
	assert_true(hear(&a, 0, ask_exec("host", "seq 1 100000; echo end", 0), NULL, &m));
	assert_int_equal(m.head.len, 4096);
	assert_memory_equal(m.bytes + m.head.len - 4, "end\n", 4);
	/* Its time. */
	int64_t before = gate_loop_now();
	assert_true(hear(&a, 0, ask_exec("host", "echo slow; sleep 1000", 300), NULL, &m));
	assert_int_equal(m.head.type, GATE_IPC_EXEC_DONE);
	assert_true(WIFSIGNALED((int)m.head.a));
	assert_int_equal(m.head.b, 1);
	assert_true(gate_loop_now() - before >= 300);
	said("slow\n");
	/* Killed by itself. */
	assert_true(hear(&a, 0, ask_exec("host", "kill -TERM $$", 0), NULL, &m));
	assert_true(WIFSIGNALED((int)m.head.a) && WTERMSIG((int)m.head.a) == SIGTERM);
	assert_true(hear(&a, 0, ask_exec("nobody", "true", 0), NULL, &m));
	refused(GATE_E_NOTFOUND, "is not running");
	/* Its task ends while it runs: so does it. */
	uint64_t serial = ask_exec("host", "sleep 1000", 0);
	(void)usleep(300000);
	assert_int_equal(ask(&a, GATE_IPC_KILL, SIGKILL, 0, "host", 4, &m), GATE_IPC_DONE);
	assert_true(hear(&a, 0, serial, NULL, &m));
	(void)hear_end(&a, "host");
	kill_and_remove(&a, "host");
}

static void numbers(void **state)
{
	(void)state;
	NEEDS_ROOT;
	(void)launch(&a, "busy", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 1000");
	struct gate_ipc_stats s = { 0 };

	for (int i = 0; i < 100 && s.cpu_user_us + s.cpu_system_us < 10000; i++) {
		(void)usleep(50000);
		assert_int_equal(ask(&a, GATE_IPC_STATS, 0, 0, "busy", 4, &m), GATE_IPC_STATS_ARE);
		assert_int_equal(m.head.len, sizeof(s));
		memcpy(&s, m.bytes, sizeof(s));
	}
	assert_true(s.at_ms > INT64_C(1600000000000));
	assert_true(s.cpu_user_us + s.cpu_system_us >= 10000);
	assert_true(s.memory > 4096 && s.memory < 64U << 20);
	assert_int_equal(s.memory_limit, 64U << 20);
	kill_and_remove(&a, "busy");
	assert_int_equal(ask(&a, GATE_IPC_STATS, 0, 0, "busy", 4, &m), GATE_IPC_REFUSED);
}

static void open_refused(enum gate_ipc_open what, const void *bytes, size_t len, const char *sentence)
{
	assert_int_equal(ask(&a, GATE_IPC_OPEN, what, 0, bytes, len, &m), GATE_IPC_REFUSED);
	said(sentence);
}

/* As soon as the task, or its keeper, has written something there. */
static void opens_soon(enum gate_ipc_open what, const void *bytes, size_t len)
{
	struct stat st;

	for (int i = 0; i < 200; i++) {
		if (ask(&a, GATE_IPC_OPEN, what, 0, bytes, len, &m) == GATE_IPC_OPENED) {
			assert_int_equal(fstat(m.fds[0], &st), 0);
			if (st.st_size > 0)
				return;
			gate_ipc_done(&m);
		}
		(void)usleep(50000);
	}
	fail_msg("nothing to open");
}

static void files(void **state)
{
	static const char log[] = "files\0out", mine[] = "files\0deep/mine", link[] = "files\0link",
			  up[] = "files\0../../record", top[] = "files\0", fifo[] = "files\0fifo",
			  record[] = "files\0record", more[] = "files\0out\0x";
	struct gate_log_entry e = { 0 };
	char bytes[4096], path[128];
	size_t at = 0;
	struct stat st;

	(void)state;
	NEEDS_ROOT;
	(void)launch(&a, "files", "cd /tmp; mkdir deep; echo mine >deep/mine; ln -s /etc/passwd link; mkfifo fifo; "
	                          "echo hello; echo done >ready; exec sleep 1000");
	static const char ready[] = "files\0ready";
	opens_soon(GATE_OPEN_SANDBOX, ready, sizeof(ready) - 1);
	gate_ipc_done(&m);
	opens_soon(GATE_OPEN_LOG, log, sizeof(log) - 1);
	ssize_t n = read(m.fds[0], bytes, sizeof(bytes));
	assert_true(n > 0);
	assert_int_equal(gate_log_next(bytes, (size_t)n, &at, &e), GATE_LOG_ENTRY);
	assert_memory_equal(e.bytes, "hello\n", 6);
	assert_int_equal(fcntl(m.fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	gate_ipc_done(&m);
	assert_int_equal(ask(&a, GATE_IPC_OPEN, GATE_OPEN_SANDBOX, 0, mine, sizeof(mine) - 1, &m), GATE_IPC_OPENED);
	assert_int_equal(read(m.fds[0], bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "mine\n", 5);
	gate_ipc_done(&m);
	assert_int_equal(ask(&a, GATE_IPC_OPEN, GATE_OPEN_SANDBOX, 0, top, sizeof(top) - 1, &m), GATE_IPC_OPENED);
	assert_int_equal(fstat(m.fds[0], &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	gate_ipc_done(&m);
	open_refused(GATE_OPEN_SANDBOX, link, sizeof(link) - 1, "link");
	open_refused(GATE_OPEN_SANDBOX, up, sizeof(up) - 1, "'..'");
	open_refused(GATE_OPEN_SANDBOX, fifo, sizeof(fifo) - 1, "neither a regular file nor a directory");
	open_refused(GATE_OPEN_LOG, record, sizeof(record) - 1, "not a log file");
	open_refused(GATE_OPEN_LOG, more, sizeof(more) - 1, "more parts");
	/* A profile works as soon as it is there. */
	open_refused(GATE_OPEN_PROFILE, "new.json", 8, "there is no profile 'new.json'");
	(void)snprintf(path, sizeof(path), "%s/new.json", a.config);
	write_file(path, "{}");
	assert_int_equal(ask(&a, GATE_IPC_OPEN, GATE_OPEN_PROFILE, 0, "new.json", 8, &m), GATE_IPC_OPENED);
	assert_int_equal(read(m.fds[0], bytes, sizeof(bytes)), 2);
	gate_ipc_done(&m);
	assert_int_equal(ask(&a, GATE_IPC_OPEN, GATE_OPEN_PROFILES, 0, "", 0, &m), GATE_IPC_OPENED);
	gate_ipc_done(&m);
	open_refused(GATE_OPEN_PROFILE, "a\0b", 3, "NUL");
	kill_and_remove(&a, "files");
}

/* --- whoever is killed --- */
static void wait_gone(pid_t pid)
{
	for (int i = 0; i < 1000 && lives((uint32_t)pid); i++)
		(void)usleep(10000);
	assert_false(lives((uint32_t)pid));
}

static void still_there(const struct gate_ipc_task *t)
{
	struct gate_ipc_task now;

	assert_true(inventory_has(&a, t->name, &now));
	assert_string_equal(now.id, t->id);
	assert_int_equal(now.record.pid, t->record.pid);
	assert_int_equal(now.record.state, GATE_TASK_RUNNING);
	assert_int_equal(now.lost, 0);
	assert_true(confined(t->record.pid));
}

static void launcher_killed(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000");

	for (int i = 0; i < 3; i++) {
		pid_t launcher = launcher_of(a.mother), front = a.front;

		assert_true(launcher > 0);
		assert_true(confined((uint32_t)launcher));
		assert_int_equal(kill(launcher, SIGKILL), 0);
		wait_gone(front);
		assert_int_equal(agent_meet(&a), 1);
		still_there(&t);
	}
	assert_int_equal(ask(&a, GATE_IPC_KILL, SIGKILL, 0, "one", 3, &m), GATE_IPC_DONE);
	assert_int_equal(hear_end(&a, "one").record.signal, SIGKILL);
	kill_and_remove(&a, "one");
}

static void front_killed(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000"), over = launch(&a, "over", "exit 7");
	pid_t launcher = launcher_of(a.mother);

	assert_int_equal(hear_end(&a, "over").record.status, 7);
	assert_int_equal(kill(a.front, SIGKILL), 0);
	assert_int_equal(agent_meet(&a), 2);
	assert_int_equal(launcher_of(a.mother), launcher);
	still_there(&t);
	/* Its end is told to every new front, until it has been removed. */
	struct gate_ipc_task told;
	assert_true(inventory_has(&a, "over", &told));
	assert_string_equal(told.id, over.id);
	assert_int_equal(told.record.status, 7);
	assert_int_equal(hear_end(&a, "over").record.status, 7);
	kill_and_remove(&a, "over");
	kill_and_remove(&a, "one");
}

/* A launch that the front has not lived to hear of is told to the next one. */
static void front_killed_during_launch(void **state)
{
	static const char *const args[] = { "sleep", "1000", NULL };

	(void)state;
	NEEDS_ROOT;
	for (int i = 0; i < 5; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "early.%d", i);
		(void)ask_launch(&a, name, args);
		assert_int_equal(kill(a.front, SIGKILL), 0);
		(void)agent_meet(&a);
		struct gate_ipc_task t;

		/* It was read and is there, sooner or later; or it was never read. */
		if (!inventory_has(&a, name, &t))
			continue;
		if (t.starting != 0) {
			assert_true(hear(&a, GATE_IPC_LAUNCHED, 0, name, &m));
			t = *task_of(&m);
		}
		assert_int_equal(t.record.state, GATE_TASK_RUNNING);
		assert_true(confined(t.record.pid));
		kill_and_remove(&a, name);
	}
	assert_int_equal(agent_meet(&a), 0);
}

static void mother_killed(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000"), two = launch(&a, "two", "sleep 1000");
	pid_t launcher = launcher_of(a.mother), front = a.front;

	(void)agent_end(&a, SIGKILL);
	wait_gone(launcher);
	wait_gone(front);
	assert_true(confined(t.record.pid));
	/* One ends while nobody is there. */
	assert_int_equal(kill((pid_t)two.record.pid, SIGKILL), 0);
	agent_start(&a);
	assert_int_equal(agent_meet(&a), 2);
	still_there(&t);
	struct gate_ipc_task end = hear_end(&a, "two");
	assert_int_equal(end.record.outcome, GATE_OUTCOME_KILLED);
	assert_int_equal(end.lost, 0);
	kill_and_remove(&a, "two");
	kill_and_remove(&a, "one");
}

static void stopped(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000");
	int status = agent_end(&a, SIGTERM);

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(access(a.socket, F_OK), -1);
	assert_true(confined(t.record.pid));
	agent_start(&a);
	assert_int_equal(agent_meet(&a), 1);
	still_there(&t);
	kill_and_remove(&a, "one");
}

static void keeper_killed(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000"), other = launch(&a, "other", "sleep 1000");

	assert_int_equal(kill((pid_t)t.record.keeper, SIGKILL), 0);
	struct gate_ipc_task end = hear_end(&a, "one");
	assert_int_equal(end.lost, 1);
	assert_int_equal(end.rebooted, 0);
	assert_false(lives(t.record.pid));
	assert_true(lives(other.record.pid));
	kill_and_remove(&a, "one");
	kill_and_remove(&a, "other");
}

/* A launch leaves to the launcher what others may have left behind: some seconds after an end it is looked for. */
static void ends_are_swept(void **state)
{
	const int64_t until = gate_loop_now() + PATIENCE_MS;
	char path[256];

	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "brief", "exit 0");

	(void)hear_end(&a, "brief");
	(void)snprintf(path, sizeof(path), "%s/containers/%s/lock", a.tasks, t.id);
	while (access(path, F_OK) == 0 && gate_loop_now() < until)
		(void)usleep(20000);
	assert_int_equal(access(path, F_OK), -1);
	kill_and_remove(&a, "brief");
}

/* The host was booted since: no number of a process counts any more. Here it still is somebody's, who must not be hurt. */
static void booted(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "old", "sleep 1000");
	char path[256];

	assert_int_equal(WEXITSTATUS(agent_end(&a, SIGTERM)), 0);
	assert_int_equal(kill((pid_t)t.record.keeper, SIGKILL), 0);
	wait_gone((pid_t)t.record.keeper);
	(void)snprintf(path, sizeof(path), "%s/containers/%s/record", a.tasks, t.id);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct gate_record r;
	assert_int_equal(read(fd, &r, sizeof(r)), sizeof(r));
	pid_t bystander = fork();
	if (bystander == 0) {
		(void)pause();
		_exit(0);
	}
	r.boot_id[3] ^= 1;
	r.pid = (uint32_t)bystander;
	assert_int_equal(pwrite(fd, &r, sizeof(r), 0), sizeof(r));
	(void)close(fd);
	agent_start(&a);
	assert_int_equal(agent_meet(&a), 1);
	struct gate_ipc_task end = hear_end(&a, "old");
	assert_int_equal(end.lost, 1);
	assert_int_equal(end.rebooted, 1);
	assert_true(lives((uint32_t)bystander));
	assert_int_equal(kill(bystander, SIGKILL), 0);
	assert_int_equal(waitpid(bystander, NULL, 0), bystander);
	kill_and_remove(&a, "old");
	assert_int_equal(agent_meet(&a), 0);
}

/* How many descriptors the launcher may have from now on, and could before. */
static rlim_t descriptors(rlim_t most)
{
	const pid_t launcher = launcher_of(a.mother);
	struct rlimit now, before;

	assert_int_equal(prlimit(launcher, RLIMIT_NOFILE, NULL, &before), 0);
	now = before;
	now.rlim_cur = most;
	assert_int_equal(prlimit(launcher, RLIMIT_NOFILE, &now, NULL), 0);
	return before.rlim_cur;
}

/* Without descriptors it can neither look nor reach a keeper: that says nothing about a task, and passes. */
static void without_descriptors(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000");
	rlim_t before = descriptors(3);

	assert_int_equal(ask(&a, GATE_IPC_KILL, SIGKILL, 0, "one", 3, &m), GATE_IPC_REFUSED);
	refused(GATE_E_SYS, "cannot be reached");
	launch_refused("two", GATE_E_PROTO, "without its file");
	(void)descriptors(before);
	assert_true(lives(t.record.pid));
	kill_and_remove(&a, "one");
	/* A launch that ends meanwhile, and a kill that was asked for before that could be seen. */
	const char *const args[] = { "sleep", "1000", NULL };
	uint64_t serial = ask_launch(&a, "three", args);

	/* It has been begun when this is answered. */
	assert_int_equal(ask(&a, GATE_IPC_STATS, 0, 0, "three", 5, &m), GATE_IPC_REFUSED);
	before = descriptors(3);
	struct gate_store *s = NULL;
	struct gate_entry e = { 0 };
	int64_t until = gate_loop_now() + PATIENCE_MS;

	assert_int_equal(gate_store_open(a.tasks, &s, NULL), 0);
	while ((gate_store_find(s, "three", &e, NULL) < 0 || e.state == GATE_TASK_CREATED) && gate_loop_now() < until)
		(void)usleep(10000);
	gate_store_close(s);
	(void)usleep(50000); /* for it to try; that it does not is no failure */
	assert_int_equal(ask(&a, GATE_IPC_KILL, SIGKILL, 0, "three", 5, &m), GATE_IPC_DONE);
	(void)descriptors(before);
	assert_true(hear(&a, GATE_IPC_LAUNCHED, serial, NULL, &m));
	assert_int_equal(hear_end(&a, "three").record.outcome, GATE_OUTCOME_KILLED);
	kill_and_remove(&a, "three");
}

/* A kill does not wait for the launch: it is cut short wherever it is, or what has just begun to run is ended. */
static void killed_while_launched(void **state)
{
	static const char *const args[] = { "sleep", "1000", NULL };
	struct gate_store *s = NULL;
	struct gate_entry *list = NULL;
	size_t n = 1;

	(void)state;
	NEEDS_ROOT;
	for (unsigned i = 0; i < 10; i++) {
		uint64_t serial = ask_launch(&a, "brief", args);

		(void)usleep(i * 1000);
		assert_int_equal(ask(&a, GATE_IPC_KILL, SIGKILL, 0, "brief", 5, &m), GATE_IPC_DONE);
		assert_true(hear(&a, 0, serial, NULL, &m));
		if (m.head.type == GATE_IPC_REFUSED) {
			refused(GATE_E_SYS, "was cut short");
			continue;
		}
		(void)hear_end(&a, "brief");
		assert_int_equal(ask(&a, GATE_IPC_REMOVE, 0, 0, "brief", 5, &m), GATE_IPC_DONE);
	}
	/* What was half made is swept away. */
	assert_int_equal(gate_store_open(a.tasks, &s, NULL), 0);
	for (int64_t until = gate_loop_now() + PATIENCE_MS; n > 0 && gate_loop_now() < until; (void)usleep(10000)) {
		assert_int_equal(gate_store_list(s, &list, &n, NULL), 0);
		free(list);
	}
	gate_store_close(s);
	assert_int_equal(n, 0);
}

/* Somebody took a container away by hand: its end is told, though how it ended is not known. */
static void taken_away(void **state)
{
	struct gate_cgroups left;
	char path[200];

	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000");

	(void)snprintf(path, sizeof(path), "%s/containers/%s", a.tasks, t.id);
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
	assert_int_equal(kill((pid_t)t.record.keeper, SIGKILL), 0);
	(void)kill((pid_t)t.record.pid, SIGKILL);
	assert_int_equal(gate_cgroups_find(t.id, &left, NULL), 0);
	assert_int_equal(gate_cgroups_undo(&left), 0);
	assert_int_equal(hear_end(&a, "one").lost, 1);
	assert_int_equal(ask(&a, GATE_IPC_REMOVE, 0, 0, "one", 3, &m), GATE_IPC_DONE);
	assert_int_equal(agent_meet(&a), 0);
}

static void second_agent(void **state)
{
	(void)state;
	NEEDS_ROOT;
	struct gate_ipc_task t = launch(&a, "one", "sleep 1000");
	struct agent second = a;
	char text[4096] = "", expected[256];

	second.mother = 0;
	second.link = -1;
	second.n_kept = 0;
	(void)snprintf(second.log, sizeof(second.log), "%s/second", a.path);
	(void)snprintf(second.socket, sizeof(second.socket), "%s/second-socket", a.path);
	agent_start(&second);
	int status = agent_end(&second, 0);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(gate_proc_read(second.log, text, sizeof(text)) > 0);
	(void)snprintf(expected, sizeof(expected), "another agent runs on the state directory '%s' (pid %d)", a.state,
	               a.mother);
	assert_string_equal(text, expected);
	/* And nothing has happened to the first one, or its socket. */
	assert_int_equal(agent_meet(&a), 1);
	still_there(&t);
	kill_and_remove(&a, "one");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(from_launch_to_removal), T(order),        T(not_started),  T(hostile),
		T(wrong_front),            T(commands),     T(numbers),      T(files),
		T(launcher_killed),        T(front_killed), T(front_killed_during_launch),
		T(mother_killed),          T(stopped),      T(keeper_killed), T(ends_are_swept),
		T(booted),                 T(second_agent), T(without_descriptors), T(killed_while_launched), T(taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
