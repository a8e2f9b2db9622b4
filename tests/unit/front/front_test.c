/* The program callgate-front with a test as its mother and launcher: as root it runs as another user, else as ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipc/ipc.h"
#include "store/db.h"

#define USER_ID 62893

static const char settings[] = "isolation=linux/seccomp\0"
			       "resources=cpus:4;mem:4096;disk:1000;ports:[31000-32000]\0"
			       "gc_delay=1weeks\0"
			       "strict=true\0"
			       "hostname=host.example\0"
			       "state_dir=/var/lib/callgate\0"
			       "host.caps=0";

struct front {
	char dir[64], state[80], path[96];
	pid_t pid;
	int launcher, listener, errors;
	char said[2048];
};

static int setup(void **state)
{
	struct front *f = calloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/gate-front-XXXXXX");
	if (mkdtemp(f->dir) == NULL || chmod(f->dir, 0755) < 0)
		return -1;
	(void)snprintf(f->state, sizeof(f->state), "%s/front", f->dir);
	(void)snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	if (mkdir(f->state, 0700) < 0 || (geteuid() == 0 && chown(f->state, USER_ID, USER_ID) < 0))
		return -1;
	f->launcher = f->listener = f->errors = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "front/agent.db", "front/agent.db-wal", "front/agent.db-journal", "sock" };
	struct front *f = *state;
	char path[200];

	if (f->pid > 0) {
		(void)kill(f->pid, SIGKILL);
		(void)waitpid(f->pid, NULL, 0);
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(f->state);
	(void)rmdir(f->dir);
	if (f->launcher >= 0)
		(void)close(f->launcher);
	if (f->listener >= 0)
		(void)close(f->listener);
	if (f->errors >= 0)
		(void)close(f->errors);
	free(f);
	return 0;
}

/* --- the mother's part --- */
static void become(struct front *f, const int fds[7], int errors, bool as_root)
{
	static char name[] = "callgate-front", path[] = "PATH=/usr/bin:/bin";
	const char *program = getenv("CALLGATE_FRONT");
	char *argv[] = { name, (char *)(uintptr_t)gate_ipc_protocol(), NULL }, *envp[] = { path, NULL };
	int high[7];

	for (int i = 0; i < 7; i++)
		high[i] = fcntl(fds[i], F_DUPFD, 100);
	(void)dup2(errors, STDERR_FILENO);
	for (int i = 0; i < 7; i++)
		(void)dup2(high[i], 3 + i);
	if (close_range(10, ~0U, 0) < 0 || chdir(f->state) < 0)
		_exit(99);
	if (geteuid() == 0 && !as_root &&
	    (setgroups(0, NULL) < 0 || setresgid(USER_ID, USER_ID, USER_ID) < 0 || setresuid(USER_ID, USER_ID, USER_ID) < 0))
		_exit(99);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execve(program != NULL ? program : DEFAULT_FRONT, argv, envp);
	_exit(99);
}

static void start_as(struct front *f, bool as_root)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct gate_err err = GATE_ERR_INIT;
	int pair[2], errors[2], memfd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", f->path);
	(void)unlink(f->path);
	assert_int_equal(bind(f->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(f->listener, 64), 0);
	if (gate_ipc_memfd(settings, sizeof(settings), &memfd, &err) < 0)
		fail_msg("%s", err.text);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0)
		become(f, (const int[]){ pair[1], f->listener, null, null, null, null, memfd }, errors[1], as_root);
	(void)close(pair[1]);
	(void)close(errors[1]);
	(void)close(memfd);
	(void)close(null);
	f->launcher = pair[0];
	f->errors = errors[0];
}

static void start(struct front *f)
{
	start_as(f, false);
}

/* Its exit status, or 1000 and the signal; what it said is in f->said. */
static int ends(struct front *f)
{
	size_t n = 0;
	ssize_t got;
	int status;

	while (n < sizeof(f->said) - 1 && (got = read(f->errors, f->said + n, sizeof(f->said) - 1 - n)) > 0)
		n += (size_t)got;
	f->said[n] = '\0';
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- the launcher's part --- */
static struct gate_ipc heard;

static void expect_message(struct front *f, uint32_t type)
{
	struct pollfd p = { .fd = f->launcher, .events = POLLIN };

	if (poll(&p, 1, 20000) != 1 || gate_ipc_receive(f->launcher, &heard, true) != 1) {
		int status = ends(f);

		fail_msg("no message of type %u; it ended with %d and said: %s", type, status, f->said);
	}
	assert_int_equal(heard.head.type, type);
	gate_ipc_done(&heard);
}

static void answer_inventory(struct front *f)
{
	expect_message(f, GATE_IPC_INVENTORY);
	assert_int_equal(gate_ipc_send(f->launcher, GATE_IPC_DONE, heard.head.serial, 0, 0, NULL, 0, NULL, 0), 0);
}

/* --- a client --- */
static int connect_to(struct front *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", f->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static int ask(struct front *f, const char *path, char *body, size_t size)
{
	char request[256];
	int fd = connect_to(f), n = snprintf(request, sizeof(request),
	                                     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	size_t len = 0;
	ssize_t got;
	int status = 0;

	assert_int_equal(write(fd, request, (size_t)n), n);
	while (len < size - 1 && (got = read(fd, body + len, size - 1 - len)) > 0)
		len += (size_t)got;
	body[len] = '\0';
	(void)close(fd);
	(void)sscanf(body, "HTTP/1.1 %d", &status);
	return status;
}

static int ask_until(struct front *f, const char *path, int status, char *body, size_t size)
{
	int got = 0;

	for (int i = 0; i < 400 && got != status; i++) {
		got = ask(f, path, body, size);
		if (got != status)
			(void)poll(NULL, 0, 10);
	}
	return got;
}

/* --- tests --- */
static void it_answers_once_it_knows_what_runs(void **state)
{
	struct front *f = *state;
	char body[8192];

	if (geteuid() != 0)
		skip(); /* no configuration gives our user a right */
	start(f);
	expect_message(f, GATE_IPC_INVENTORY);
	uint64_t serial = heard.head.serial;

	assert_int_equal(ask(f, "/api/v1/tasks", body, sizeof(body)), 503);
	assert_non_null(strstr(body, "Agent has not finished recovery"));
	assert_int_equal(gate_ipc_send(f->launcher, GATE_IPC_DONE, serial, 0, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(ask_until(f, "/api/v1/tasks", 200, body, sizeof(body)), 200);
	assert_non_null(strstr(body, "{\"tasks\": []}"));
	assert_int_equal(ask(f, "/metrics/snapshot", body, sizeof(body)), 200);
	assert_non_null(strstr(body, "\"slave/registered\": 1"));
	assert_int_equal(ask(f, "/nowhere", body, sizeof(body)), 404);
	(void)kill(f->pid, SIGTERM);
	assert_int_equal(ends(f), 0);
	assert_string_equal(f->said, "");
}

static void it_ends_when_the_launcher_does(void **state)
{
	struct front *f = *state;

	start(f);
	answer_inventory(f);
	(void)close(f->launcher);
	f->launcher = -1;
	assert_int_equal(ends(f), 1);
	assert_string_equal(f->said, "callgate agent: front: the launcher has ended\n");
}

static void it_ends_when_the_launcher_talks_nonsense(void **state)
{
	struct front *f = *state;

	start(f);
	answer_inventory(f);
	assert_int_equal(send(f->launcher, "junk", 4, MSG_NOSIGNAL), 4);
	assert_int_equal(ends(f), 1);
	assert_non_null(strstr(f->said, "the launcher sent what is no message"));
}

static void it_refuses_rights(void **state)
{
	struct front *f = *state;

	if (geteuid() != 0)
		skip();
	start_as(f, true);
	assert_int_equal(ends(f), 78);
	assert_non_null(strstr(f->said, "it has rights"));
}

static void line_of(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64], line[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	ret[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			(void)snprintf(ret, size, "%s", line);
	(void)fclose(file);
}

static void it_is_confined(void **state)
{
	static const struct {
		const char *name, *line;
	} rows[] = {
		{ "NoNewPrivs:", "NoNewPrivs:\t1\n" },
		{ "Seccomp:", "Seccomp:\t2\n" },
		{ "CapPrm:", "CapPrm:\t0000000000000000\n" },
		{ "CapEff:", "CapEff:\t0000000000000000\n" },
		{ "CapAmb:", "CapAmb:\t0000000000000000\n" },
	};
	struct front *f = *state;
	char line[256], path[64];
	struct stat st;

	start(f);
	answer_inventory(f); /* asked once the filter is there */
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		line_of(f->pid, rows[i].name, line, sizeof(line));
		assert_string_equal(line, rows[i].line);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)f->pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0); /* not dumpable: its files in /proc are root's */
}

static void write_file(const struct front *f, const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", f->state, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	if (geteuid() == 0)
		assert_int_equal(fchown(fd, USER_ID, USER_ID), 0);
	(void)close(fd);
}

static void a_damaged_database_is_hopeless(void **state)
{
	struct front *f = *state;

	write_file(f, "agent.db", "this is no database, but it is long enough to be taken for one by somebody who does not look"
				  " at the first sixteen bytes of it");
	start(f);
	assert_int_equal(ends(f), 78);
	assert_non_null(strstr(f->said, "agent.db"));
}

static void a_newer_schema_is_hopeless(void **state)
{
	static const char *const scripts[] = { "CREATE TABLE a (b INTEGER) STRICT", "PRAGMA user_version=99" };
	const struct gate_db_schema newer = { scripts, 2 };
	struct front *f = *state;
	struct gate_db *db;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/agent.db", f->state);
	assert_int_equal(gate_db_open(path, &newer, &db, NULL), 0);
	gate_db_run(db, "PRAGMA user_version=99", "");
	gate_db_close(db);
	if (geteuid() == 0)
		assert_int_equal(chown(path, USER_ID, USER_ID), 0);
	start(f);
	assert_int_equal(ends(f), 78);
	assert_non_null(strstr(f->said, "has schema 99"));
}

static void a_directory_that_cannot_be_written_is_told(void **state)
{
	struct front *f = *state;

	assert_int_equal(chmod(f->state, 0500), 0);
	start(f);
	assert_int_equal(ends(f), 1);
	assert_non_null(strstr(f->said, "agent.db"));
}

static void it_can_be_killed_at_any_moment(void **state)
{
	struct front *f = *state;

	for (int i = 0; i < 10; i++) {
		start(f);
		if (i % 2 == 0)
			answer_inventory(f);
		else
			(void)poll(NULL, 0, i);
		(void)kill(f->pid, SIGKILL);
		assert_int_equal(ends(f), 1000 + SIGKILL);
		(void)close(f->launcher);
		(void)close(f->listener);
		(void)close(f->errors);
	}
	start(f);
	answer_inventory(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_answers_once_it_knows_what_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(it_ends_when_the_launcher_does, setup, teardown),
		cmocka_unit_test_setup_teardown(it_ends_when_the_launcher_talks_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(it_refuses_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_confined, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_database_is_hopeless, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_schema_is_hopeless, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_written_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(it_can_be_killed_at_any_moment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
