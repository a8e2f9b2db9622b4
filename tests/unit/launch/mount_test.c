#include "mount_common.h"

/* The rows of an ordinary container on a root directory. */
static void put_up(struct maker *m, int tree)
{
	NEED(STEP(m, private, .fd = 0) == 0);
	NEED(STEP(m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_NOSUID | GATE_ATTR_NOEXEC,
	          .text = { "tmpfs", "/dev", "size=65536,mode=0755" }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620" }) == 0);
	NEED(STEP(m, bind, .flags = GATE_ROW_FILE, .a = makedev(1, 3), .b = GATE_ATTR_NOSUID | GATE_ATTR_NOEXEC,
	          .text = { "/dev/null", "/dev/null" }) == 0);
	NEED(STEP(m, link, .text = { "pts/ptmx", "/dev/ptmx" }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_NOSUID | GATE_ATTR_NODEV | GATE_ATTR_NOEXEC,
	          .text = { "proc", "/proc" }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_RDONLY | GATE_ATTR_NOSUID | GATE_ATTR_NODEV | GATE_ATTR_NOEXEC,
	          .text = { "sysfs", "/sys" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/version" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/acpi" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/fs" }) == 0);
	NEED(STEP(m, cover, .text = { "/sys/firmware" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/nothing/of/this" }) == 0);
	NEED(STEP(m, readonly, .text = { "/proc/sys" }) == 0);
	NEED(STEP(m, pivot, .fd = 0) == 0);
}

static void check_container(void)
{
	struct statfs fs;
	struct stat st;

	NEED(statfs("/proc", &fs) == 0 && fs.f_type == GATE_MAGIC_PROC);
	NEED(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	NEED(stat("/dev/ptmx", &st) == 0 && S_ISCHR(st.st_mode));
	NEED(stat("/proc/version", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	NEED(stat("/proc/fs", &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2);
	NEED(mkdir("/proc/fs/x", 0700) < 0 && errno == EROFS);
	NEED(statfs("/proc/sys", &fs) == 0 && (fs.f_flags & 1 /* ST_RDONLY */) != 0);
	NEED(exists("/hello"));
	NEED(!exists(dir));
	NEED(stat("/..", &st) == 0);
	/* The host's tree is gone, not just hidden. */
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	NEED(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		NEED(strstr(line, " / /tmp ") == NULL && strstr(line, "cgroup") == NULL);
	fclose(f);
}

static void make_root(void)
{
	NEED(mkdir(in("root"), 0755) == 0 && mkdir(in("mnt"), 0755) == 0 && mkdir(in("work"), 0755) == 0);
	close(open(in("root/hello"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

static void body_bind(void)
{
	struct maker m;
	int tree = -1;

	maker_init(&m);
	make_root();
	NEED(gate_root_bind(in("root"), false, &tree, NULL) == 0);
	put_up(&m, tree);
	NEED(m.launch.root == -1);
	check_container();
	NEED(mkdir("/made", 0755) == 0);
}
static void a_container_on_a_directory(void **state)
{
	(void)state;
	run(body_bind, CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS);
	assert_true(exists(in("root/made")));
	assert_true(exists(in("root/dev")));
	assert_false(exists(in("root/dev/pts")));
}

static void body_overlay(void)
{
	const char *lower[1];
	struct maker m;
	int tree = -1, work;

	maker_init(&m);
	make_root();
	work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lower[0] = in("root");
	NEED(gate_root_overlay(lower, 1, work, -1, false, &tree, NULL) == 0);
	put_up(&m, tree);
	check_container();
	NEED(mkdir("/made", 0755) == 0);
}
static void a_container_on_a_copy(void **state)
{
	(void)state;
	run(body_overlay, CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS);
	assert_false(exists(in("root/made")));
	assert_true(exists(in("work/upper/made")));
}

/* --- a user namespace whose ids are others --- */

static int other_ids(void)
{
	char path[64];
	int fd, ready[2];
	pid_t pid;

	NEED(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		NEED(unshare(CLONE_NEWUSER) == 0 && write(ready[1], "x", 1) == 1);
		pause();
		_exit(0);
	}
	NEED(read(ready[0], path, 1) == 1);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, i == 0 ? "uid_map" : "gid_map");
		fd = open(path, O_WRONLY | O_CLOEXEC);
		NEED(write(fd, "0 1000000 65536", 15) == 15);
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

static void enter(int userns)
{
	NEED(setns(userns, CLONE_NEWUSER) == 0);
	NEED(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	NEED(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) == 0);
	const pid_t pid = fork();
	if (pid > 0) {
		int status;
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
}

static void body_other_ids(void)
{
	const char *lower[1];
	struct maker m;
	struct stat st;
	int tree = -1, userns = other_ids(), work;
	struct gate_err err = GATE_ERR_INIT;

	maker_init(&m);
	make_root();
	NEED(chmod(dir, 0755) == 0);
	work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lower[0] = in("root");
	if (gate_root_overlay(lower, 1, work, userns, false, &tree, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	NEED(tree >= 0);
	enter(userns);
	put_up(&m, tree);
	check_container();
	NEED(stat("/hello", &st) == 0 && st.st_uid == 0);
	NEED(chown("/hello", 7, 8) == 0 && stat("/hello", &st) == 0 && st.st_uid == 7 && st.st_gid == 8);
	NEED(mkdir("/made", 0755) == 0 && stat("/made", &st) == 0 && st.st_uid == 0);
}
static void a_container_with_other_ids(void **state)
{
	struct stat st;

	(void)state;
	run(body_other_ids, 0);
	assert_int_equal(stat(in("work/upper/made"), &st), 0);
	assert_int_equal(st.st_uid, 1000000);
	assert_int_equal(stat(in("root/hello"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_container_on_a_directory),
		EACH(a_container_on_a_copy),
		EACH(a_container_with_other_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
