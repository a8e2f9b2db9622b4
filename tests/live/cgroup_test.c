/* Control groups on this host as it is: version 1, version 2 or both. Root. Each test makes its own groups with a random
 * id, and the teardown sweeps that id also when an assertion failed. */
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
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "container/cgroup_sweep.h"
#include "container/store.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"
#include "launch/cgroup_end.h"

static char id[25];
static struct gate_cgroups groups;
static struct gate_err err;

static int begin(void **state)
{
	unsigned char bytes[12];

	(void)state;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	groups = (struct gate_cgroups){ .n = 0, .into = -1 };
	err = (struct gate_err)GATE_ERR_INIT;
	return 0;
}

static int end(void **state)
{
	struct gate_err why = GATE_ERR_INIT;

	(void)state;
	gate_cgroups_done(&groups);
	if (gate_cgroups_sweep(id, &why) < 0) {
		print_error("left behind: %s\n", why.text);
		return -1;
	}
	return 0;
}

static size_t how_many(void)
{
	struct gate_cgroups found;

	assert_int_equal(gate_cgroups_find(id, &found, NULL), 0);
	size_t n = found.n;
	gate_cgroups_done(&found);
	return n;
}

static void make(const struct gate_cgroup_limits *limits)
{
	if (geteuid() != 0) {
		print_message("not root\n");
		skip();
	}
	if (gate_cgroups_make(id, NULL, limits, false, NULL, &groups, &err) < 0)
		fail_msg("%s", err.text);
}

/* The keeper's view of the groups. */
static struct {
	struct gate_plan plan;
	char names[GATE_CGROUPS_MAX * 80];
} message;
static int fds[2 * GATE_CGROUPS_MAX];
static struct gate_plan_view view;

static void as_plan(void)
{
	memset(&message, 0, sizeof(message));
	for (size_t i = 0; i < groups.n; i++) {
		char *name = message.names + 80 * i;

		fds[2 * i] = groups.at[i].dir;
		fds[2 * i + 1] = groups.at[i].parent;
		(void)snprintf(name, 80, "%s", groups.at[i].name);
		message.plan.cgroups[i] = (struct gate_plan_cgroup){ (int32_t)(2 * i), (int32_t)(2 * i + 1),
			                                             (uint32_t)(name - (char *)&message), groups.at[i].what };
	}
	message.plan.n_cgroups = (uint32_t)groups.n;
	message.plan.n_fds = (uint32_t)(2 * groups.n);
	view = (struct gate_plan_view){ &message.plan, NULL, fds };
}

static void enter(void)
{
	char file[40];

	for (size_t i = 0; i < groups.n; i++) {
		int fd = groups.at[i].procs;

		if (fd < 0)
			fd = openat(groups.at[i].dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		(void)snprintf(file, sizeof(file), "%d", (int)getpid());
		if (fd < 0 || write(fd, file, strlen(file)) < 0)
			_exit(99);
	}
}

/* Runs a function in the groups; returns its wait status. */
static int inside(int (*work)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter();
		_exit(work());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static const char *read_in(uint32_t what, const char *file)
{
	static char text[4096];

	for (size_t i = 0; i < groups.n; i++) {
		if ((groups.at[i].what & what) == 0)
			continue;
		int fd = openat(groups.at[i].dir, file, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

		if (fd >= 0)
			(void)close(fd);
		if (n >= 0) {
			text[n] = '\0';
			text[strcspn(text, "\n")] = '\0';
			return text;
		}
	}
	return NULL;
}

static uint32_t bits(void)
{
	uint32_t all = 0;

	for (size_t i = 0; i < groups.n; i++)
		all |= groups.at[i].what;
	return all;
}

/* --- limits --- */

static int hog(void)
{
	enum { PIECE = 1 << 20 };

	for (int i = 0; i < 256; i++) {
		char *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return 1;
		memset(p, 1, PIECE);
	}
	return 0;
}

static void a_hog_is_killed_and_counted(void **state)
{
	const struct gate_cgroup_limits limits = { .memory = 16 << 20 };
	struct gate_record record = { 0 };

	(void)state;
	make(&limits);
	assert_true((bits() & GATE_CGROUP_MEMORY) != 0);
	int status = inside(hog);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	as_plan();
	gate_cgroups_count(&view, &record);
	assert_int_equal(record.oom_kills, 1);
	if (record.memory_peak != 0) {
		assert_in_range(record.memory_peak, 8 << 20, 16 << 20);
	}
	assert_int_equal(gate_cgroups_remove(&view), 0);
	assert_int_equal(how_many(), 0);
}

static int forks(void)
{
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				(void)pause();
		if (pid < 0)
			return errno == EAGAIN ? i : 50;
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	}
	return 60;
}

static void the_number_of_processes_is_limited(void **state)
{
	const struct gate_cgroup_limits limits = { .pids = 4 };

	(void)state;
	make(&limits);
	int status = inside(forks);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3); /* and itself */
	as_plan();
	assert_int_equal(gate_cgroups_kill(&view, SIGKILL), 0);
	assert_int_equal(gate_cgroups_remove(&view), 0);
	assert_int_equal(how_many(), 0);
}

static void processor_time_is_limited(void **state)
{
	const struct gate_cgroup_limits limits = { .cpu_quota_us = 50000, .cpu_period_us = 200000, .cpu_shares = 512 };

	(void)state;
	make(&limits);
	const char *quota = read_in(GATE_CGROUP_CPU, "cpu.max");
	if (quota != NULL) {
		assert_string_equal(quota, "50000 200000");
		assert_string_equal(read_in(GATE_CGROUP_CPU, "cpu.weight"), "20");
	} else {
		assert_string_equal(read_in(GATE_CGROUP_CPU, "cpu.cfs_quota_us"), "50000");
		assert_string_equal(read_in(GATE_CGROUP_CPU, "cpu.cfs_period_us"), "200000");
		assert_string_equal(read_in(GATE_CGROUP_CPU, "cpu.shares"), "512");
	}
}

static const struct gate_cgroup_device few[] = {
	{ 'c', 1, 3, true, false, false },
	{ 'c', 1, 3, false, true, true },
	{ 'c', 1, 5, true, false, false },
};

/* Each answer is a bit: what was refused with EPERM. */
static int use_devices(void)
{
	char dir[] = "/tmp/callgate-test-XXXXXX", path[64];
	int refused = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mkdtemp(dir) == NULL || mount("tmpfs", dir, "tmpfs", 0, NULL) < 0)
		return 98;
	(void)snprintf(path, sizeof(path), "%s/kmsg", dir);
	refused |= mknod(path, S_IFCHR | 0600, makedev(1, 11)) < 0 && errno == EPERM ? 1 : 0;
	(void)snprintf(path, sizeof(path), "%s/null", dir);
	refused |= mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0 ? 2 : 0;
	refused |= open(path, O_RDWR | O_CLOEXEC) < 0 ? 4 : 0;
	refused |= open("/dev/zero", O_RDONLY | O_CLOEXEC) < 0 ? 8 : 0;
	refused |= open("/dev/zero", O_WRONLY | O_CLOEXEC) < 0 && errno == EPERM ? 16 : 0;
	refused |= open("/dev/full", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM ? 32 : 0;
	(void)umount2(dir, MNT_DETACH);
	(void)rmdir(dir);
	return refused;
}

static void devices_are_refused_but_those_named(void **state)
{
	const struct gate_cgroup_limits limits = { .devices = few, .n_devices = GATE_ARRAY_LEN(few), .limit_devices = true };

	(void)state;
	make(&limits);
	int status = inside(use_devices);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1 | 16 | 32);
}

/* --- the end --- */

static void write_in(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(97);
	(void)close(fd);
}

static _Noreturn void keep_forking(int level)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0 && level < 20)
			level++;
		else if (pid == 0)
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static int bomb(void)
{
	for (int i = 0; i < 49; i++)
		if (fork() == 0)
			keep_forking(0);
	keep_forking(0);
}

static void all_of_a_fork_bomb_ends(uint32_t want)
{
	/* The limit keeps the test from taking the host with it. */
	const struct gate_cgroup_limits limits = { .pids = 300, .want = want };
	const struct timespec moment = { 0, 200000000 };

	make(&limits);
	pid_t pid = fork();
	if (pid == 0) {
		(void)setsid();
		enter();
		(void)bomb();
	}
	assert_true(pid > 0);
	(void)nanosleep(&moment, NULL);
	as_plan();
	int result = gate_cgroups_kill(&view, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(result, 0);
	assert_int_equal(gate_cgroups_remove(&view), 0);
	assert_int_equal(how_many(), 0);
}

static void a_fork_bomb_ends_as_a_whole(void **state)
{
	(void)state;
	all_of_a_fork_bomb_ends(GATE_CGROUP_FREEZER);
}

static void a_fork_bomb_ends_by_its_limit_alone(void **state)
{
	(void)state;
	all_of_a_fork_bomb_ends(0);
}

/* Many forking processes in the group `dir` alone, ended as `what` allows. */
static void bomb_in(int dir, uint32_t what, int (*end_it)(int dir, uint32_t what))
{
	const struct timespec moment = { 0, 200000000 };
	struct rlimit few_tasks = { 400, 400 };
	pid_t pid = fork();

	if (pid == 0) {
		(void)setsid();
		write_in(dir, "cgroup.procs", "0");
		/* Another user, whose processes are counted: the limit keeps the test from taking the host with it. */
		if (setrlimit(RLIMIT_NPROC, &few_tasks) < 0 || setresuid(61234, 61234, 61234) < 0)
			_exit(98);
		(void)bomb();
	}
	assert_true(pid > 0);
	(void)nanosleep(&moment, NULL);
	int result = end_it(dir, what);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(result, 0);
}

static int kill_it(int dir, uint32_t what)
{
	return gate_cgroup_kill(dir, what, SIGKILL);
}

/* A group in the version 1 hierarchy that has the controller, or -1. */
static int group_of_v1(uint32_t what)
{
	GATE_AUTO(gate_cgroup_tree_done) struct gate_cgroup_tree tree = { .n = 0 };
	char path[500];

	if (geteuid() != 0 || gate_cgroup_tree_read("", &tree, &err) < 0)
		return -1;
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&tree, what);
	if (h == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/callgate-%s", h->point, id);
	return mkdir(path, 0755) == 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void a_freezer_ends_a_fork_bomb(void **state)
{
	int dir = group_of_v1(GATE_CGROUP_FREEZER);

	(void)state;
	if (dir < 0) {
		print_message("no freezer of version 1, or not root\n");
		skip();
	}
	bomb_in(dir, GATE_CGROUP_FREEZER, kill_it);
	/* … also one that is frozen already. */
	assert_int_equal(mkdirat(dir, "inner", 0755), 0);
	pid_t pid = fork();
	if (pid == 0) {
		write_in(dir, "inner/cgroup.procs", "0");
		write_in(dir, "inner/freezer.state", "FROZEN");
		for (;;)
			(void)pause();
	}
	const struct timespec moment = { 0, 50000000 };
	(void)nanosleep(&moment, NULL);
	int result = gate_cgroup_kill(dir, GATE_CGROUP_FREEZER, SIGKILL);
	if (result < 0)
		write_in(dir, "inner/freezer.state", "THAWED");
	(void)kill(pid, SIGKILL);
	(void)close(dir);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(result, 0);
}

static void a_list_alone_ends_a_fork_bomb(void **state)
{
	int dir = group_of_v1(GATE_CGROUP_DEVICES);

	(void)state;
	if (dir < 0) {
		print_message("no devices controller of version 1, or not root\n");
		skip();
	}
	bomb_in(dir, GATE_CGROUP_DEVICES, kill_it);
	(void)close(dir);
}

/* As on a kernel before 5.14: its cgroup.kill cannot be written, in a mount namespace of its own. */
static int kill_without_cgroup_kill(int dir, uint32_t what)
{
	char path[300];
	int status;
	pid_t pid = fork();

	(void)dir;
	if (pid == 0) {
		int own = -1;

		(void)snprintf(path, sizeof(path), "%s/cgroup.kill", groups.at[0].path);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("/dev/full", path, NULL, MS_BIND, NULL) < 0 ||
		    (own = open(groups.at[0].path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
			_exit(98);
		_exit(-gate_cgroup_kill(own, what, SIGKILL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void freezing_ends_a_fork_bomb_in_version_2(void **state)
{
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_V2 };

	(void)state;
	make(&limits);
	if (groups.n == 0) {
		print_message("no version 2\n");
		skip();
	}
	bomb_in(groups.at[0].dir, GATE_CGROUP_V2, kill_without_cgroup_kill);
}

/* Until a process is in the group: it was told to go there, and goes when it gets its turn. */
static void wait_inside(int dir, const char *procs)
{
	const struct timespec moment = { 0, 10000000 };
	char text[64];

	for (int tries = 0; tries < 3000; tries++, (void)nanosleep(&moment, NULL)) {
		int fd = openat(dir, procs, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

		if (fd >= 0)
			(void)close(fd);
		if (n > 0)
			return;
	}
	fail_msg("nobody has come to %s", procs);
}

static void groups_made_inside_go_too(void **state)
{
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_FREEZER, .pids = 20 };

	(void)state;
	make(&limits);
	for (size_t i = 0; i < groups.n; i++) {
		int dir = groups.at[i].dir;

		assert_int_equal(mkdirat(dir, "a", 0755), 0);
		assert_int_equal(mkdirat(dir, "a/b", 0755), 0);
		assert_int_equal(mkdirat(dir, "a/b/c", 0755), 0);
		assert_int_equal(mkdirat(dir, "d", 0755), 0);
	}
	pid_t pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < groups.n; i++)
			write_in(groups.at[i].dir, "a/b/c/cgroup.procs", "0");
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	for (size_t i = 0; i < groups.n; i++)
		wait_inside(groups.at[i].dir, "a/b/c/cgroup.procs");
	as_plan();
	int result = gate_cgroups_kill(&view, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(result, 0);
	assert_int_equal(gate_cgroups_remove(&view), 0);
	assert_int_equal(how_many(), 0);
}

static void what_is_shared_is_left_alone(void **state)
{
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_FREEZER };

	(void)state;
	make(&limits);
	assert_int_equal(groups.n, 1);
	as_plan();
	message.plan.cgroups[0].what |= GATE_CGROUP_SHARED;
	pid_t pid = fork();
	if (pid == 0) {
		enter();
		for (;;)
			(void)pause();
	}
	wait_inside(groups.at[0].dir, "cgroup.procs");
	assert_int_equal(gate_cgroups_kill(&view, SIGKILL), 0);
	assert_int_equal(gate_cgroups_remove(&view), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(how_many(), 1);
	assert_int_equal(gate_cgroups_sweep(id, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(how_many(), 0);
}

static void a_signal_reaches_each_process_once(void **state)
{
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_FREEZER, .pids = 5 };
	int status, ready[2];

	(void)state;
	make(&limits);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t usr;
		const struct timespec none = { 0, 300000000 };

		(void)sigemptyset(&usr);
		(void)sigaddset(&usr, SIGRTMIN);
		(void)sigprocmask(SIG_BLOCK, &usr, NULL);
		enter();
		(void)!write(ready[1], "", 1);
		int got = sigwaitinfo(&usr, NULL) == SIGRTMIN ? 1 : 0;
		if (sigtimedwait(&usr, NULL, &none) == SIGRTMIN)
			got++;
		_exit(got);
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	as_plan();
	assert_int_equal(gate_cgroups_kill(&view, SIGRTMIN), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* --- sweeping a store --- */

static void count_id(void *ctx, const char *found)
{
	size_t *n = ctx;

	*n += strcmp(found, id) == 0;
}

static void one_walk_finds_every_group(void **state)
{
	const struct gate_cgroup_limits limits = { .memory = 16 << 20, .pids = 20, .want = GATE_CGROUP_FREEZER };
	size_t n = 0;

	(void)state;
	make(&limits);
	assert_int_equal(gate_cgroups_ids(count_id, &n, &err), 0);
	assert_int_equal(n, groups.n);
	gate_cgroups_undo(&groups);
	n = 0;
	assert_int_equal(gate_cgroups_ids(count_id, &n, &err), 0);
	assert_int_equal(n, 0);
}

/* A task that has ended; the groups of one whose keeper could not remove them. */
static void ended_task(struct gate_store *s, char task[65])
{
	const struct gate_record r = { .magic = GATE_RECORD_MAGIC, .version = GATE_RECORD_VERSION, .size = sizeof(r),
		                       .state = GATE_TASK_ENDED, .outcome = GATE_OUTCOME_EXITED, .session = UINT32_MAX };
	int dir, lock, fd;

	assert_int_equal(gate_store_create(s, NULL, task, &dir, &lock, &err), 0);
	fd = openat(dir, "record", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, &r, sizeof(r)), sizeof(r));
	(void)close(fd);
	(void)close(lock);
	(void)close(dir);
}

static void a_sweep_ends_what_is_left_of_each(void **state)
{
	const struct gate_cgroup_limits limits = { .pids = 20, .want = GATE_CGROUP_FREEZER };
	char path[] = "/tmp/callgate-groups-XXXXXX", tasks[3][65];
	struct gate_store *s = NULL;
	size_t swept = 0, left = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(path));
	assert_int_equal(gate_store_open(path, &s, &err), 0);
	for (size_t i = 0; i < 3; i++)
		ended_task(s, tasks[i]);
	assert_int_equal(gate_cgroups_make(tasks[1], NULL, &limits, false, NULL, &groups, &err), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)alarm(60);
		for (size_t i = 0; i < groups.n; i++)
			write_in(groups.at[i].dir, "cgroup.procs", "0");
		for (;;)
			(void)pause();
	}
	const struct timespec moment = { 0, 50000000 };
	(void)nanosleep(&moment, NULL);
	int result = gate_store_sweep(s, &err);
	for (size_t i = 0; i < 3; i++) {
		struct gate_cgroups found = { .n = 0 };
		int dir = -1;

		(void)gate_cgroups_find(tasks[i], &found, NULL);
		left += found.n;
		gate_cgroups_done(&found);
		(void)gate_store_dir(s, tasks[i], &dir, NULL);
		swept += dir >= 0 && gate_store_held(dir) < 0 && errno == ENOENT;
		(void)close(dir);
	}
	for (size_t i = 0; i < 3; i++)
		(void)gate_cgroups_sweep(tasks[i], NULL);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)gate_store_empty(s->dir);
	gate_store_close(s);
	(void)rmdir(path);
	assert_int_equal(result, 0);
	assert_int_equal(left, 0);
	assert_int_equal(swept, 3);
}

/* --- failures --- */

static void a_group_of_another_user_is_not_found(void **state)
{
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_FREEZER };
	char name[64], inner[128];

	(void)state;
	make(&limits);
	int above = openat(groups.at[0].parent, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	gate_cgroups_undo(&groups);
	(void)snprintf(name, sizeof(name), "callgate-test-%.12s", id);
	(void)snprintf(inner, sizeof(inner), "%s/callgate-%s", name, id);
	bool made = mkdirat(above, name, 0755) == 0 && mkdirat(above, inner, 0755) == 0;
	size_t ours = how_many();
	bool given = made && fchownat(above, inner, 65534, 65534, 0) == 0;
	size_t theirs = how_many();
	(void)unlinkat(above, inner, AT_REMOVEDIR);
	(void)unlinkat(above, name, AT_REMOVEDIR);
	(void)close(above);
	assert_true(given);
	assert_int_equal(ours, 1);
	assert_int_equal(theirs, 0);
}

static void nothing_asked_for_makes_nothing(void **state)
{
	const struct gate_cgroup_limits limits = { 0 };

	(void)state;
	make(&limits);
	assert_int_equal(groups.n, 0);
	assert_int_equal(groups.into, -1);
}

static void a_failure_leaves_nothing(void **state)
{
	const struct gate_cgroup_limits one = { .pids = 5 };
	const struct gate_cgroup_limits all = { .memory = 16 << 20, .pids = 5, .cpu_quota_us = 50000, .want = GATE_CGROUP_FREEZER,
		                                .devices = few, .n_devices = GATE_ARRAY_LEN(few), .limit_devices = true };
	const struct gate_cgroup_limits refused = { .memory = 16 << 20, .pids = INT64_MAX };
	struct gate_cgroups other;

	(void)state;
	/* The same id again: refused where the first one's group is, all others undone, that one not touched. */
	make(&one);
	assert_int_equal(groups.n, 1);
	assert_int_equal(gate_cgroups_make(id, NULL, &all, false, NULL, &other, &err), -1);
	assert_int_equal(err.code, GATE_E_CONFLICT);
	assert_non_null(strstr(err.text, "a task of this id has it"));
	assert_int_equal(how_many(), 1);
	gate_cgroups_undo(&groups);
	assert_int_equal(how_many(), 0);
	/* The last file refuses its value. */
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_cgroups_make(id, NULL, &refused, false, NULL, &other, &err), -1);
	assert_int_equal(err.sys, EINVAL);
	assert_non_null(strstr(err.text, "pids.max of the pids controller"));
	assert_int_equal(how_many(), 0);
}

static void no_descriptor_is_left(void **state)
{
	const struct gate_cgroup_limits all = { .memory = 16 << 20, .pids = 5, .cpu_quota_us = 50000, .want = GATE_CGROUP_FREEZER,
		                                .devices = few, .n_devices = GATE_ARRAY_LEN(few), .limit_devices = true };
	int before = open("/", O_PATH | O_CLOEXEC);

	(void)state;
	(void)close(before);
	make(&all);
	as_plan();
	assert_int_equal(gate_cgroups_kill(&view, SIGKILL), 0);
	assert_int_equal(gate_cgroups_remove(&view), 0);
	gate_cgroups_done(&groups);
	assert_int_equal(gate_cgroups_sweep(id, &err), 0);
	int after = open("/", O_PATH | O_CLOEXEC);
	(void)close(after);
	assert_int_equal(after, before);
}

static void a_dry_run_makes_nothing_and_tells_all(void **state)
{
	struct gate_cgroup_limits limits = { .memory = 16 << 20, .pids = 5, .want = GATE_CGROUP_FREEZER };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(gate_cgroups_make(id, NULL, &limits, true, &text, &groups, &err), 0);
	assert_int_not_equal(groups.n, 0);
	for (size_t i = 0; i < groups.n; i++) {
		assert_int_equal(groups.at[i].dir, -1);
		assert_int_equal(groups.at[i].parent, -1);
		assert_int_equal(groups.at[i].procs, -1);
		assert_non_null(strstr(groups.at[i].path, id));
	}
	groups.n = 0;
	assert_int_equal(how_many(), 0);
	assert_non_null(strstr(text.data, id));
	assert_non_null(strstr(text.data, "16777216"));
	assert_non_null(strstr(text.data, "pids.max 5"));
	assert_non_null(strstr(text.data, "to end the task as a whole"));
}

static void what_is_ours_goes_and_a_named_parent_stays(void **state)
{
	struct gate_cgroup_limits limits = { .pids = 5 };
	int above[GATE_CGROUPS_MAX];
	char parent[64];
	bool all = true;

	(void)state;
	if (geteuid() != 0)
		skip();
	(void)snprintf(parent, sizeof(parent), "/callgate-test-%.12s/deeper", id);
	assert_int_equal(gate_cgroups_make(id, parent, &limits, false, NULL, &groups, &err), 0);
	size_t n = groups.n;
	assert_true(n >= 1);
	assert_non_null(strstr(groups.at[0].path, parent));
	for (size_t i = 0; i < n; i++)
		above[i] = openat(groups.at[i].parent, "../..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	gate_cgroups_undo(&groups);
	for (size_t i = 0; i < n; i++)
		all = unlinkat(above[i], parent + 1, AT_REMOVEDIR) == 0 && all;
	parent[strlen(parent) - strlen("/deeper")] = '\0';
	for (size_t i = 0; i < n; i++) {
		all = unlinkat(above[i], parent + 1, AT_REMOVEDIR) == 0 && all;
		(void)close(above[i]);
	}
	assert_true(all);
}

static void a_normal_user_is_told_what_to_do(void **state)
{
	int status, out[2];
	char text[512];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		const struct gate_cgroup_limits limits = { .memory = 16 << 20 };

		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(98);
		if (gate_cgroups_make(id, NULL, &limits, false, NULL, &groups, &err) == 0)
			_exit(97);
		(void)!write(out[1], err.text, strlen(err.text));
		_exit(err.code == GATE_E_DENIED ? 0 : 96);
	}
	(void)close(out[1]);
	ssize_t n = read(out[0], text, sizeof(text) - 1);
	(void)close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(n > 0);
	text[n] = '\0';
	print_message("%s\n", text);
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, "memory"));
	assert_non_null(strstr(text, "elegate"));
	assert_int_equal(how_many(), 0);
}

/* --- version 2: as a user --- */

/* Runs work as user 65534 in a group of the v2 hierarchy that belongs to that user, and in `inner` below it. */
static int as_user_of(const char *inner, int (*work)(void))
{
	struct gate_cgroup_limits limits = { .want = GATE_CGROUP_V2, .memory = 64 << 20, .pids = 50 };
	char path[300];
	int status;

	make(&limits);
	if (groups.n != 1 || (groups.at[0].what & GATE_CGROUP_V2) == 0) {
		gate_cgroups_undo(&groups);
		print_message("the memory controller is not in version 2\n");
		skip();
	}
	int dir = groups.at[0].dir;
	assert_int_equal(fchownat(dir, "", 65534, 65534, AT_EMPTY_PATH), 0);
	assert_int_equal(fchownat(dir, "cgroup.procs", 65534, 65534, 0), 0);
	assert_int_equal(fchownat(dir, "cgroup.subtree_control", 65534, 65534, 0), 0);
	if (inner[0] != '\0') {
		assert_int_equal(mkdirat(dir, inner, 0755), 0);
		assert_int_equal(fchownat(dir, inner, 65534, 65534, 0), 0);
	}
	(void)snprintf(path, sizeof(path), "%s%scgroup.procs", inner, inner[0] != '\0' ? "/" : "");
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		write_in(dir, path, "0");
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(98);
		_exit(work());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int limits_of_a_user(void)
{
	const struct gate_cgroup_limits limits = { .memory = 16 << 20, .pids = 10 };
	struct gate_cgroups own;

	if (gate_cgroups_make(id, NULL, &limits, false, NULL, &own, &err) < 0) {
		print_message("%s\n", err.text);
		return 1;
	}
	groups = own;
	if (strcmp(read_in(GATE_CGROUP_MEMORY, "memory.max"), "16777216") != 0)
		return 2;
	pid_t pid = fork();
	int status;
	if (pid == 0) {
		write_in(own.at[0].dir, "cgroup.procs", "0");
		_exit(hog());
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return 3;
	gate_cgroups_undo(&own);
	return 0;
}

static void a_delegated_group_gives_a_user_limits(void **state)
{
	(void)state;
	assert_int_equal(as_user_of("inner", limits_of_a_user), 0);
	gate_cgroups_undo(&groups);
}

static int busy_sentence(void)
{
	const struct gate_cgroup_limits limits = { .memory = 16 << 20 };
	struct gate_cgroups own;

	for (int dry = 0; dry < 2; dry++) {
		err = (struct gate_err)GATE_ERR_INIT;
		if (gate_cgroups_make(id, NULL, &limits, dry != 0, NULL, &own, &err) == 0)
			return 1;
		print_message("%s\n", err.text);
		if (err.code != GATE_E_CONFLICT || strstr(err.text, "'+memory'") == NULL || strstr(err.text, "processes are in it") == NULL)
			return 2;
	}
	return 0;
}

static void processes_in_the_group_above_are_told(void **state)
{
	(void)state;
	assert_int_equal(as_user_of("", busy_sentence), 0);
}

static int devices_sentence(void)
{
	const struct gate_cgroup_limits limits = { .limit_devices = true };
	struct gate_cgroups own;

	if (gate_cgroups_make(id, NULL, &limits, false, NULL, &own, &err) == 0)
		return 1;
	print_message("%s\n", err.text);
	return err.code == GATE_E_DENIED && strstr(err.text, "needs root") != NULL ? 0 : 2;
}

static void device_rules_of_a_user_are_refused(void **state)
{
	(void)state;
	assert_int_equal(as_user_of("inner", devices_sentence), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hog_is_killed_and_counted),
		TEST(the_number_of_processes_is_limited),
		TEST(processor_time_is_limited),
		TEST(devices_are_refused_but_those_named),
		TEST(a_fork_bomb_ends_as_a_whole),
		TEST(a_fork_bomb_ends_by_its_limit_alone),
		TEST(a_freezer_ends_a_fork_bomb),
		TEST(a_list_alone_ends_a_fork_bomb),
		TEST(freezing_ends_a_fork_bomb_in_version_2),
		TEST(groups_made_inside_go_too),
		TEST(what_is_shared_is_left_alone),
		TEST(a_signal_reaches_each_process_once),
		TEST(one_walk_finds_every_group),
		TEST(a_sweep_ends_what_is_left_of_each),
		TEST(a_group_of_another_user_is_not_found),
		TEST(nothing_asked_for_makes_nothing),
		TEST(a_failure_leaves_nothing),
		TEST(no_descriptor_is_left),
		TEST(a_dry_run_makes_nothing_and_tells_all),
		TEST(what_is_ours_goes_and_a_named_parent_stays),
		TEST(a_normal_user_is_told_what_to_do),
		TEST(a_delegated_group_gives_a_user_limits),
		TEST(processes_in_the_group_above_are_told),
		TEST(device_rules_of_a_user_are_refused),
	};

	return cmocka_run_group_tests_name("live-cgroup", tests, NULL, NULL);
}
