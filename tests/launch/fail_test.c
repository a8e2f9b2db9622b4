#include "harness.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

/* What a launch leaves behind in us: nothing. */
static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static void fails(struct build *b, unsigned step, int sys)
{
	unsigned own = count_fds();

	assert_int_equal(start(b), -1);
	assert_int_equal(report->failed, 1);
	assert_string_equal(gate_step_name(b->rows[report->row].step), gate_step_name(step));
	assert_int_equal(report->sys, sys);
	assert_int_equal(report->executed, 0);
	assert_int_equal(got.pid, 0);
	assert_int_equal(got.pidfd, -1);
	assert_int_equal(got.terminal, -1);
	assert_int_equal(got.listener, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(count_fds(), own);
}

/* One row that cannot be done, in each way to launch. */
static void row_fails(struct build_row row, uint64_t namespaces, int sys)
{
	for (int way = 0; way < 3; way++) { /* in our memory; with a listener; with an init */
		const bool late = row.step > GATE_STEP_INIT;
		struct build b;

		begin(&b, namespaces);
		if (!late && row.step != GATE_STEP_FILTER)
			build_add(&b, row);
		if (way == 1) {
			b.flags |= GATE_PLAN_LISTENER;
			ADD(&b, HELPER);
		}
		if (way == 2)
			ADD(&b, INIT);
		if (late && row.step != GATE_STEP_FILTER)
			build_add(&b, row);
		ADD(&b, NO_NEW_PRIVS);
		FILTER_WITH(&b, build_two_calls);
		finish(&b, way == 1 ? GATE_LOAD_HELPER : GATE_LOAD_LOWERED);
		fails(&b, row.step, sys);
	}
}
#define ROW_FAILS(name, namespaces, sys, ...)                                                                          \
	row_fails((struct build_row){ .step = GATE_STEP_##name, ##__VA_ARGS__ }, namespaces, sys)

static const char *long_name(void)
{
	static char name[80];

	memset(name, 'x', sizeof(name) - 1);
	return name;
}

static void a_failure_names_its_row(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), etc = open("/etc", O_PATH | O_CLOEXEC);

	(void)state;
	needs_root();
	ROW_FAILS(CGROUP, 0, EBADF, .fd = null + 1);
	ROW_FAILS(SESSION, 0, ENOENT, .fd = etc + 1);
	ROW_FAILS(OOM, 0, ENOENT, .fd = etc + 1);
	ROW_FAILS(RLIMIT, 0, EPERM, .flags = 7, .a = 0, .b = UINT64_MAX);
	ROW_FAILS(HOSTNAME, CLONE_NEWUTS, EINVAL, .text = { long_name() });
	ROW_FAILS(STDIO, 0, EBADF, .fd = 1000 + 1);
	ROW_FAILS(DIRECTORY, 0, ENOENT, .text = { "/nothing/of/this" });
	ROW_FAILS(DIRECTORY, 0, ENOTDIR, .text = { "/etc/passwd" });
	ROW_FAILS(DIRECTORY, 0, ENOTDIR, .fd = null + 1);
	ROW_FAILS(IDS, 0, EINVAL, .a = 1, .b = 1, .flags = 1, .groups = (const uint32_t[]){ UINT32_MAX });
	ROW_FAILS(CAPABILITIES, 0, EPERM, .a = UINT64_MAX, .b = 0);
	close(null);
	close(etc);
}

static void namespaces_that_are_none(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct build b;

	(void)state;
	memset(&b, 0, sizeof(b));
	b.argv[0] = NOTHING;
	ADD(&b, JOIN, .fd = null + 1, .a = CLONE_NEWNET);
	ADD(&b, CLONE);
	ADD(&b, SIGNALS);
	finish(&b, GATE_LOAD_NOTHING);
	fails(&b, GATE_STEP_JOIN, EINVAL);

	begin(&b, 0);
	b.rows[0].fd = null + 1; /* a control group to start in */
	finish(&b, GATE_LOAD_NOTHING);
	fails(&b, GATE_STEP_CLONE, EBADF);
	close(null);
}

static void a_bad_filter(void **state)
{
	static const struct sock_filter bad[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3) };

	(void)state;
	for (int way = 0; way < 3; way++) {
		struct build b;

		begin(&b, 0);
		if (way == 1)
			ADD(&b, HELPER);
		if (way == 2) {
			ADD(&b, HELPER);
			b.flags |= GATE_PLAN_LISTENER;
		}
		ADD(&b, NO_NEW_PRIVS);
		FILTER_WITH(&b, bad);
		finish(&b, way == 0 ? GATE_LOAD_LOWERED : GATE_LOAD_HELPER);
		fails(&b, GATE_STEP_FILTER, EINVAL);
	}
}

/* --- programs --- */

static char dir[64];

static const char *file_in(const char *name, const char *text, mode_t mode)
{
	static char ring[4][128];
	static unsigned n;
	char *path = ring[n++ % 4];

	snprintf(path, 128, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void not_executed(const char *word, const char *path, int sys)
{
	for (int way = 0; way < 2; way++) {
		unsigned own = count_fds();
		struct build b;

		begin(&b, 0);
		b.argv[0] = word;
		if (way == 1)
			ADD(&b, INIT);
		finish(&b, GATE_LOAD_NOTHING);
		for (unsigned i = 0; i < b.n_rows; i++)
			if (b.rows[i].step == GATE_STEP_PROGRAM)
				b.rows[i].text[0] = path;
		assert_int_equal(start(&b), -1);
		assert_int_equal(report->exec_sys, sys);
		assert_int_equal(report->failed, 0);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(count_fds(), own);
	}
}

static void programs_that_cannot_be(void **state)
{
	char list[256], both[400];

	(void)state;
	strcpy(dir, "/tmp/gate-launch-XXXXXX");
	assert_non_null(mkdtemp(dir));
	not_executed("no-such-program", NULL, ENOENT);
	not_executed("/no/such/program", NULL, ENOENT);
	not_executed("", NULL, ENOENT);
	not_executed("/tmp", NULL, EACCES);
	not_executed("/dev/null", NULL, EACCES);
	not_executed("etc", "/", ENOENT);         /* a directory of the name is none */
	not_executed("null", "/nowhere:/dev", EACCES);
	not_executed(file_in("plain", "#!/bin/sh\n", 0644), NULL, EACCES);
	not_executed("plain", dir, EACCES);
	not_executed(file_in("lost", "#!/no/such/interpreter\n", 0755), NULL, ENOENT);
	not_executed(file_in("odd", "\x01\x02", 0755), NULL, ENOEXEC);

	/* Found behind one that is not executable. */
	struct build b;
	snprintf(list, sizeof(list), "%s/sub", dir);
	assert_int_equal(mkdir(list, 0700), 0);
	(void)file_in("sub/plain", "#!/bin/sh\nexit 5\n", 0755);
	snprintf(both, sizeof(both), "%s::%s", dir, list);
	begin(&b, 0);
	b.argv[0] = "plain";
	finish(&b, GATE_LOAD_NOTHING);
	for (unsigned i = 0; i < b.n_rows; i++)
		if (b.rows[i].step == GATE_STEP_PROGRAM)
			b.rows[i].text[0] = both;
	assert_int_equal(start(&b), 0);
	assert_int_equal(end(), 5);

	/* With the rights of the task, not of whoever launches it. */
	if (geteuid() == 0) {
		const char *own = file_in("own", "#!/bin/sh\n", 0700);

		assert_int_equal(chmod(dir, 0755), 0);
		begin(&b, 0);
		b.argv[0] = own;
		become(&b, 65534, 0, 0, true);
		finish(&b, GATE_LOAD_NOTHING);
		assert_int_equal(start(&b), -1);
		assert_int_equal(report->exec_sys, EACCES);
	}
	snprintf(list, sizeof(list), "rm -rf '%s'", dir);
	assert_int_equal(system(list), 0);
}

/* A working directory that is gone, or of the host's, is none. */
static void a_directory_without_a_path(void **state)
{
	struct build b;

	(void)state;
	needs_root();
	strcpy(dir, "/tmp/gate-launch-XXXXXX");
	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_PATH | O_CLOEXEC);
	assert_int_equal(rmdir(dir), 0);
	begin(&b, 0);
	ADD(&b, DIRECTORY, .fd = fd + 1);
	finish(&b, GATE_LOAD_NOTHING);
	fails(&b, GATE_STEP_DIRECTORY, ENOENT);
	close(fd);
	/* By a magic link of /proc: a descriptor of the launcher that leaked would lead to the host. */
	begin(&b, 0);
	ADD(&b, DIRECTORY, .text = { "/proc/self/fd/0" });
	finish(&b, GATE_LOAD_NOTHING);
	fails(&b, GATE_STEP_DIRECTORY, ELOOP);
}

/* 4,096 levels deep there is no path that getcwd(2) could give. */
static void a_directory_too_deep_for_a_path(void **state)
{
	char command[128];
	struct build b;

	(void)state;
	needs_root();
	strcpy(dir, "/tmp/gate-launch-XXXXXX");
	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_PATH | O_CLOEXEC);
	for (int i = 0; i < 4096; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		int next = openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	begin(&b, 0);
	ADD(&b, DIRECTORY, .fd = fd + 1);
	finish(&b, GATE_LOAD_NOTHING);
	fails(&b, GATE_STEP_DIRECTORY, ENAMETOOLONG);
	close(fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

/* --- the keeper's death --- */

static const char *rows_hit(const struct build *b, const bool *hit)
{
	static char text[1024];

	text[0] = '\0';
	for (unsigned i = 0; i < b->n_rows; i++)
		if (hit[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", gate_step_name(b->rows[i].step));
	return text;
}

static long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

/* All that is left over comes to us, and has to end by itself. */
static void nobody_remains(void)
{
	long until = now_us() + 5000000;

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return;
		if (pid == 0 && now_us() > until)
			fail_msg("a process outlived its keeper, row %u", report->row);
		if (pid == 0)
			usleep(500);
	}
}

static void plan_of_everything(struct build *b, int way, int proc, int ns)
{
	memset(b, 0, sizeof(*b));
	if (way == 3)
		ADD(b, JOIN, .fd = ns + 1, .a = CLONE_NEWUTS);
	/* One network namespace costs more than all of the rest. */
	ADD(b, CLONE, .a = way == 0 ? ALL_NAMESPACES : ALL_NAMESPACES & ~CLONE_NEWNET);
	ADD(b, SIGNALS);
	ADD(b, HIDE);
	ADD(b, PARENT, .a = SIGKILL);
	ADD(b, NORMAL);
	ADD(b, OOM, .fd = proc + 1, .a = 100);
	ADD(b, HOSTNAME, .text = { "x" });
	if (way == 0)
		ADD(b, LOOPBACK);
	ADD(b, PRIVATE);
	ADD(b, SESSION_LEADER);
	if (way == 1)
		ADD(b, INIT);
	if (way == 2)
		b->flags |= GATE_PLAN_LISTENER;
	if (way != 1)
		ADD(b, HELPER);
	ADD(b, DIRECTORY, .text = { "/" });
	become(b, 65534, 0, 0, true);
	FILTER_WITH(b, build_allow);
	finish(b, way == 1 ? GATE_LOAD_LOWERED : GATE_LOAD_HELPER);
	b->argv[0] = "sleep";
	b->argv[1] = "1000";
}

static void the_keepers_death_leaves_nobody(void **state)
{
	int proc = open("/proc", O_PATH | O_CLOEXEC), ns = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	(void)state;
	needs_root();
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (int way = 0; way < 4; way++) {
		bool hit[BUILD_ROWS] = { false };
		struct build b;
		unsigned n = 0, n_last = 0;

		plan_of_everything(&b, way, proc, ns);
		for (long after = 0; after < 1000000 && n_last < 3; after += after < 800 ? 40 : after / 20) {
			memset(report, 0, sizeof(*report));
			pid_t keeper = fork();
			if (keeper == 0) {
				(void)start(&b);
				for (;;)
					pause();
			}
			assert_true(keeper > 0);
			for (long until = now_us() + after; now_us() < until;)
				;
			hit[report->row] = true;
			n_last += report->row == b.n_rows - 1;
			assert_int_equal(kill(keeper, SIGKILL), 0);
			nobody_remains();
			n++;
		}
		print_message("killed %u times, in%s\n", n, rows_hit(&b, hit));
		assert_true(hit[b.n_rows - 1]);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(proc);
	close(ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_names_its_row),
		cmocka_unit_test(namespaces_that_are_none),
		cmocka_unit_test(a_bad_filter),
		cmocka_unit_test(programs_that_cannot_be),
		cmocka_unit_test(a_directory_without_a_path),
		cmocka_unit_test(a_directory_too_deep_for_a_path),
		cmocka_unit_test(the_keepers_death_leaves_nobody),
	};
	return cmocka_run_group_tests(tests, before, NULL);
}
