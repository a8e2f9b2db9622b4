/* What each row does, where it says no, and the ways around calls that a kernel does not have. */
#include "mount_common.h"

/* --- containers whole --- */

static void make_root(void)
{
	NEED(mkdir(in("root"), 0755) == 0 && mkdir(in("mnt"), 0755) == 0 && mkdir(in("work"), 0755) == 0);
	write_file(in("root/hello"), "");
}

/* The rows of an ordinary container on a root directory. */
static void put_up(struct maker *m, int tree, const char *pts)
{
	const unsigned attrs = GATE_ATTR_NOSUID | GATE_ATTR_NODEV | GATE_ATTR_NOEXEC;

	give_proc(m);
	NEED(STEP(m, private, .fd = 0) == 0);
	NEED(STEP(m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_NOSUID | GATE_ATTR_NOEXEC,
	          .text = { "tmpfs", "/dev", "size=65536,mode=0755" }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "devpts", "/dev/pts", pts }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = attrs, .text = { "mqueue", "/dev/mqueue" }) == 0);
	NEED(STEP(m, bind, .flags = GATE_ROW_FILE, .a = makedev(1, 3), .b = GATE_ATTR_NOSUID | GATE_ATTR_NOEXEC,
	          .text = { "/dev/null", "/dev/null" }) == 0);
	NEED(STEP(m, link, .text = { "pts/ptmx", "/dev/ptmx" }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = attrs, .text = { "proc", "/proc", "hidepid=0" }) == 0);
	NEED(STEP(m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_RDONLY | attrs, .text = { "sysfs", "/sys" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/version" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/bus" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/fs" }) == 0);
	NEED(STEP(m, cover, .text = { "/sys/kernel" }) == 0);
	NEED(STEP(m, cover, .text = { "/proc/nothing/of/this" }) == 0);
	NEED(STEP(m, readonly, .text = { "/proc/sys" }) == 0);
	NEED(STEP(m, readonly, .text = { "/proc/nothing/of/this" }) == 0);
	NEED(m->launch.empty_plus_one > 0);
	NEED(STEP(m, pivot, .fd = 0) == 0);
	close(m->fds[m->plan.proc]);
	NEED(m->launch.root == -1 && m->launch.empty_plus_one == 0);
}
#define PTS "newinstance,ptmxmode=0666,mode=0620"

static bool read_only(const char *path)
{
	struct statfs fs;

	NEED(statfs(path, &fs) == 0);
	return (fs.f_flags & 1 /* ST_RDONLY */) != 0;
}

static void check_container(void)
{
	struct statfs fs;
	struct stat st;
	char line[4096];
	FILE *f;

	NEED(statfs("/proc", &fs) == 0 && fs.f_type == GATE_MAGIC_PROC);
	NEED(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	NEED(stat("/dev/ptmx", &st) == 0 && S_ISCHR(st.st_mode));
	NEED(stat("/proc/version", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	NEED(stat("/proc/fs", &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2 && read_only("/proc/fs"));
	NEED(stat("/sys/kernel", &st) == 0 && st.st_nlink == 2);
	NEED(read_only("/proc/sys") && read_only("/sys") && !read_only("/proc"));
	NEED(exists("/hello"));
	NEED(!exists(dir));
	/* The host's tree is gone, not just hidden. */
	f = fopen("/proc/self/mountinfo", "re");
	NEED(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		NEED(strstr(line, "cgroup") == NULL && strstr(line, "devtmpfs /dev ") == NULL);
	fclose(f);
	NEED(mounts_at("/") > 8);
}

static int take_cover(void)
{
	int tree = -1;

	make_root();
	NEED(gate_root_bind(in("root"), false, &tree, NULL) == 0);
	return tree;
}
static void body_bind(void)
{
	struct maker m;
	const int tree = take_cover(), before = open_fds();

	maker_init(&m);
	put_up(&m, tree, PTS);
	check_container();
	NEED(open_fds() == before);
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

static void make_layers(const char *lower[2])
{
	lower[0] = in("root");
	lower[1] = in("with:a,colon\\and more");
	NEED(mkdir(lower[1], 0755) == 0 && mkdir(in("with:a,colon\\and more/below"), 0755) == 0);
}

static bool has_overlay(void)
{
	const int fd = gate_fsopen("overlay");

	if (fd < 0)
		print_message("the kernel has no overlay file system\n");
	else
		close(fd);
	return fd >= 0;
}

static int overlay(bool read_only_too)
{
	const char *lower[2];
	struct gate_err err = GATE_ERR_INIT;
	int tree = -1, work;

	make_layers(lower);
	work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (gate_root_overlay(lower, 2, work, -1, read_only_too, &tree, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	NEED(tree >= 0);
	close(work);
	return tree;
}
static void in_overlay(int tree)
{
	struct maker m;

	maker_init(&m);
	put_up(&m, tree, PTS);
	check_container();
	NEED(mkdir("/made", 0755) == 0 && mkdir("/below/made", 0755) == 0);
}
static void body_overlay(void)
{
	make_root();
	in_overlay(overlay(false));
}
static void overlay_left_what_it_should(void)
{
	assert_false(exists(in("root/made")));
	assert_true(exists(in("work/upper/made")));
	assert_true(exists(in("work/upper/below/made")));
	assert_false(exists(in("with:a,colon\\and more/below/made")));
}
static void a_container_on_a_copy(void **state)
{
	(void)state;
	if (!has_overlay())
		skip();
	run(body_overlay, CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS);
	overlay_left_what_it_should();
}
/* As on Linux before 6.8: by mount(2), in a process with mounts of its own. */
static void body_overlay_old(void)
{
	int tree;

	make_root();
	tree = fork();
	if (tree == 0) {
		deny(GATE_NR_FSOPEN, ENOSYS);
		NEED(mounts_at(in("work")) == 0);
		tree = overlay(false);
		NEED(mounts_at(in("work")) == 0);
		NEED(mkdirat(tree, "made", 0755) == 0 && mkdirat(tree, "below/made", 0755) == 0);
		_exit(0);
	}
	int status;
	NEED(waitpid(tree, &status, 0) == tree && status == 0);
}
static void a_copy_by_the_old_way(void **state)
{
	(void)state;
	if (!has_overlay())
		skip();
	run(body_overlay_old, 0);
	overlay_left_what_it_should();
}

static void body_many_layers(void)
{
	static char names[200][300];
	const char *lower[200];
	int tree = -1, work;

	make_root();
	for (int i = 0; i < 200; i++) {
		char last[64];

		snprintf(last, sizeof(last), "root/layer-with-a-name-that-is-somewhat-long-%d", i);
		snprintf(names[i], sizeof(names[i]), "%s", in(last));
		lower[i] = names[i];
		NEED(mkdir(lower[i], 0755) == 0);
		NEED(snprintf(names[i] + strlen(names[i]), 8, "/%d", i) > 0 && mkdir(names[i], 0755) == 0);
		*strrchr(names[i], '/') = '\0';
	}
	work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (getenv("OLD_WAY") != NULL)
		deny(GATE_NR_FSOPEN, ENOSYS);
	NEED(gate_root_overlay(lower, 200, work, -1, false, &tree, NULL) == 0);
	for (int i = 0; i < 200; i++) {
		char last[8];

		snprintf(last, sizeof(last), "%d", i);
		NEED(faccessat(tree, last, F_OK, 0) == 0);
	}
}
static void two_hundred_layers(void **state)
{
	(void)state;
	if (!has_overlay())
		skip();
	run(body_many_layers, 0);
}
static void two_hundred_layers_by_the_old_way(void **state)
{
	(void)state;
	if (!has_overlay())
		skip();
	setenv("OLD_WAY", "1", 1);
	run(body_many_layers, 0);
	unsetenv("OLD_WAY");
}

static void body_read_only_roots(void)
{
	int tree;

	make_root();
	tree = overlay(true);
	NEED(mkdirat(tree, "made", 0755) < 0 && errno == EROFS);
	NEED(gate_root_bind(in("root"), true, &tree, NULL) == 0);
	NEED(mkdirat(tree, "made", 0755) < 0 && errno == EROFS);
	NEED(mkdir(in("root/made"), 0755) == 0);
}
static void roots_may_be_read_only(void **state)
{
	(void)state;
	if (!has_overlay())
		skip();
	run(body_read_only_roots, 0);
}

static void body_plain(void)
{
	struct maker m;

	maker_init(&m);
	make_root();
	NEED(mkdir(in("root/sub"), 0755) == 0 && mount("tmpfs", in("root/sub"), "tmpfs", 0, NULL) == 0);
	give_proc(&m);
	NEED(STEP(&m, private, .fd = 0) == 0);
	NEED(STEP(&m, readonly, .flags = GATE_ROW_RECURSIVE, .text = { "/" }) == 0);
	NEED(STEP(&m, filesystem, .text = { "tmpfs", "/dev", "mode=0755" }) == 0);
	NEED(read_only("/") && read_only(in("root/sub")) && !read_only("/dev"));
	NEED(exists(in("root/hello")) && !exists("/dev/zero"));
	NEED(mkdir(in("root/x"), 0755) < 0 && errno == EROFS);
	NEED(mkdir("/dev/x", 0755) == 0);
}
static void the_hosts_own_tree_read_only(void **state)
{
	(void)state;
	run(body_plain, 0);
	assert_false(exists("/dev/x"));
	assert_true(exists("/dev/zero"));
}

/* --- user namespaces --- */

static void map(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

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
	close(ready[1]); /* so that its failure is an end, and no wait for ever */
	NEED(read(ready[0], path, 1) == 1);
	map(pid, "uid_map", "0 1000000 65536");
	map(pid, "gid_map", "0 1000000 65536");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	return fd;
}

static void go_on_as_child(void)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		return;
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}
static void enter(int userns)
{
	NEED(setns(userns, CLONE_NEWUSER) == 0);
	NEED(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	NEED(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) == 0);
	go_on_as_child();
}

/* Trees are made in the first user namespace and attached in a mount namespace of another. */
static void body_other_ids(void)
{
	const char *lower[2];
	struct gate_err err = GATE_ERR_INIT;
	struct gate_volume v = { .kind = GATE_VOLUME_BIND, .recursive = true };
	struct maker m;
	struct stat st;
	int tree = -1, volume = -1, object = -1, userns = other_ids(), work;
	bool directory = false;

	maker_init(&m);
	make_root();
	make_layers(lower);
	NEED(chmod(dir, 0755) == 0 && mkdir(in("data"), 0755) == 0 && mkdir(in("root/data"), 0755) == 0);
	v.source = in("data");
	work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (gate_root_overlay(lower, 2, work, userns, false, &tree, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(err.code == GATE_E_UNSUPPORTED ? 77 : 1);
	}
	NEED(tree >= 0);
	NEED(gate_volume_tree(&v, userns, &volume, &object, &directory, &err) == 0 && volume >= 0 && directory);
	NEED(gate_tree_idmap(tree, userns, &err) < 0 && err.code == GATE_E_UNSUPPORTED);
	enter(userns);
	put_up(&m, tree, PTS ",gid=5");
	check_container();
	NEED(STEP(&m, attach, .fd = volume + 1, .text = { "/data" }) == 0);
	NEED(stat("/hello", &st) == 0 && st.st_uid == 0);
	NEED(chown("/hello", 7, 8) == 0 && stat("/hello", &st) == 0 && st.st_uid == 7 && st.st_gid == 8);
	NEED(mkdir("/made", 0755) == 0 && stat("/made", &st) == 0 && st.st_uid == 0);
	NEED(mkdir("/below/made", 0755) == 0);
	NEED(stat("/data", &st) == 0 && st.st_uid == 0 && mkdir("/data/made", 0755) == 0);
}
static void a_container_with_other_ids(void **state)
{
	struct stat st;

	(void)state;
	needs_user_namespaces();
	if (!has_overlay())
		skip();
	if (run_or_skip(body_other_ids, 0) != 0)
		skip();
	overlay_left_what_it_should();
	assert_int_equal(stat(in("work/upper/made"), &st), 0);
	assert_int_equal(st.st_uid, 1000000);
	assert_int_equal(stat(in("root/hello"), &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(stat(in("data/made"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

/* Without root: the launcher is root of a user namespace with mounts of its own, and then does the same. */
static void body_rootless(void)
{
	struct gate_volume v = { .kind = GATE_VOLUME_BIND, .recursive = true, .read_only = true };
	struct gate_err err = GATE_ERR_INIT;
	struct maker m;
	int tree = -1, volume = -1, object = -1;
	bool directory = false;

	maker_init(&m);
	make_root();
	NEED(chmod(dir, 0755) == 0 && mkdir(in("root/data"), 0755) == 0 && chown(in("work"), 65534, 65534) == 0);
	NEED(chown(in("root"), 65534, 65534) == 0 && chown(in("root/data"), 65534, 65534) == 0);
	NEED(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
	NEED(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
	map(getpid(), "setgroups", "deny");
	map(getpid(), "uid_map", "0 65534 1");
	map(getpid(), "gid_map", "0 65534 1");
	NEED(mkdir(in("work/lower"), 0755) == 0 && mkdir(in("work/work"), 0755) == 0);
	{
		const char *lower[1] = { in("root") };
		const int work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (gate_root_overlay(lower, 1, work, -1, false, &tree, &err) < 0)
			fprintf(stderr, "%s\n", err.text);
		NEED(tree >= 0);
	}
	v.source = in("root");
	NEED(gate_volume_tree(&v, -1, &volume, &object, &directory, &err) == 0 && directory);
	NEED(volume >= 0 || object >= 0);
	NEED(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) == 0);
	go_on_as_child();
	NEED(volume >= 0);
	put_up(&m, tree, PTS);
	check_container();
	NEED(STEP(&m, attach, .fd = volume + 1, .text = { "/data" }) == 0);
	NEED(exists("/data/hello") && read_only("/data") && mkdir("/made", 0755) == 0 && rmdir("/data") < 0);
}
static void a_container_without_root(void **state)
{
	(void)state;
	if (!has_overlay())
		skip();
	needs_user_namespaces();
	run(body_rootless, 0);
	assert_true(exists(in("work/upper/made")));
}

/* --- single rows --- */

static void ready(struct maker *m)
{
	maker_init(m);
	const int tree = take_cover();
	NEED(STEP(m, private, .fd = 0) == 0);
	NEED(STEP(m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
}
static int at(const struct maker *m, const char *path)
{
	return gate_launch_open(&m->launch, path, O_PATH | O_CLOEXEC);
}
static unsigned flags_at(const struct maker *m, const char *path)
{
	struct statfs fs;
	const int fd = at(m, path);

	NEED(fd >= 0 && fstatfs(fd, &fs) == 0);
	close(fd);
	return (unsigned)fs.f_flags & 15;
}

static void body_bind_rows(void)
{
	struct maker m;
	struct stat st;
	int fd;

	ready(&m);
	NEED(mkdir(in("data"), 0755) == 0 && mkdir(in("data/sub"), 0755) == 0);
	write_file(in("file"), "content");
	NEED(symlink("/dev/null", in("link")) == 0 && mkfifo(in("root/fifo"), 0600) == 0);
	NEED(mount("x", in("data/sub"), "tmpfs", 0, NULL) == 0);
	fd = open(in("data"), O_PATH | O_CLOEXEC);

	/* The object that was opened before, or nothing. */
	NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .fd = fd + 1, .text = { in("data"), "/a/b/c" }) == 0);
	NEED(exists(in("mnt/a/b/c/sub")));
	NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .fd = fd + 1, .text = { in("root"), "/no" }) == -ESTALE);
	NEED(rename(in("data"), in("elsewhere")) == 0 && mkdir(in("data"), 0755) == 0);
	NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .fd = fd + 1, .text = { in("data"), "/no" }) == -ESTALE);
	NEED(!exists(in("root/no")));

	/* Read-only goes down to what is mounted beneath; so do the others. */
	NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .b = GATE_ATTR_BASIC, .text = { in("elsewhere"), "/ro" }) == 0);
	NEED(flags_at(&m, "/ro") == 15 && flags_at(&m, "/ro/sub") == 15 && flags_at(&m, "/a/b/c/sub") == 0);

	/* Files, also onto what is not a regular file. */
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .b = GATE_ATTR_RDONLY, .text = { in("file"), "/x/y" }) == 0);
	NEED(flags_at(&m, "/x/y") == 1);
	NEED(STEP(&m, bind, .text = { in("file"), "/fifo" }) == 0);
	NEED(stat(in("mnt/fifo"), &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 7);
	NEED(STEP(&m, bind, .text = { in("file"), "/a" }) == -EISDIR);
	NEED(STEP(&m, bind, .text = { in("elsewhere"), "/hello" }) == -ENOTDIR);
	NEED(STEP(&m, bind, .text = { in("file"), "/missing" }) == -ENOENT);
	NEED(STEP(&m, bind, .text = { in("missing"), "/hello" }) == -ENOENT);

	/* Devices are what they must be. */
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .a = makedev(1, 5), .text = { "/dev/null", "/zero" }) == -ENODEV);
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .a = makedev(1, 3), .text = { in("file"), "/null" }) == -ENODEV);
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .a = makedev(1, 3), .text = { in("link"), "/null" }) == -ELOOP);
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .text = { "/proc/self/root/etc/passwd", "/pw" }) == -ELOOP);
	NEED(!exists(in("root/zero")) && !exists(in("root/null")) && !exists(in("root/pw")));
}
static void binds_give_what_was_meant(void **state)
{
	(void)state;
	run(body_bind_rows, 0);
}

static void body_volumes(void)
{
	struct gate_volume v = { .kind = GATE_VOLUME_BIND, .recursive = true, .read_only = true };
	struct gate_err err = GATE_ERR_INIT;
	struct maker m;
	bool directory = false;
	int tree = -1, object = -1;

	ready(&m);
	NEED(mkdir(in("data"), 0755) == 0 && mkdir(in("data/sub"), 0755) == 0 && mkdir(in("root/data"), 0755) == 0);
	NEED(symlink("data", in("alias")) == 0);
	/* Shared with everybody, as most hosts' mounts are. */
	NEED(mount("x", in("data"), "tmpfs", 0, NULL) == 0 && mount(NULL, in("data"), NULL, MS_SHARED, NULL) == 0);
	NEED(mkdir(in("data/sub"), 0755) == 0 && mount("x", in("data/sub"), "tmpfs", 0, NULL) == 0);

	v.source = in("alias");
	NEED(gate_volume_tree(&v, -1, &tree, &object, &directory, &err) == 0 && tree >= 0 && object == -1 && directory);
	NEED(STEP(&m, attach, .fd = tree + 1, .text = { "/data" }) == 0);
	NEED(flags_at(&m, "/data") == 1 && flags_at(&m, "/data/sub") == 1);
	/* What is mounted into the task's copy stays there. */
	NEED(STEP(&m, filesystem, .text = { "tmpfs", "/data/sub", "size=4096" }) == 0);
	NEED(mounts_at(in("data/sub")) == 1 && mounts_at(in("mnt/data/sub")) == 2);

	v = (struct gate_volume){ .kind = GATE_VOLUME_BIND, .source = in("data"), .nosuid = true, .nodev = true, .noexec = true };
	NEED(gate_volume_tree(&v, -1, &tree, &object, &directory, &err) == 0);
	NEED(STEP(&m, attach, .flags = GATE_ROW_DIRECTORY, .fd = tree + 1, .text = { "/alone" }) == 0);
	NEED(flags_at(&m, "/alone") == 14 && mounts_at(in("mnt/alone/sub")) == 0);

	write_file(in("file"), "content");
	v = (struct gate_volume){ .kind = GATE_VOLUME_BIND, .source = in("file"), .recursive = true };
	NEED(gate_volume_tree(&v, -1, &tree, &object, &directory, &err) == 0 && !directory);
	NEED(STEP(&m, attach, .flags = GATE_ROW_FILE, .fd = tree + 1, .text = { "/etc/file" }) == 0);
	NEED(exists(in("mnt/etc/file")));

	v.source = in("missing");
	NEED(gate_volume_tree(&v, -1, &tree, &object, &directory, &err) < 0 && err.code == GATE_E_SYS && err.sys == ENOENT);
	/* It is gone after the first: a detached mount is attached once. */
	NEED(STEP(&m, attach, .flags = GATE_ROW_FILE, .fd = 0, .text = { "/etc/file" }) < 0);
}
static void volumes_come_with_their_attributes(void **state)
{
	(void)state;
	run(body_volumes, 0);
}

static void body_filesystems(void)
{
	struct maker m;
	struct stat st;

	ready(&m);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_NODEV,
	          .text = { "tmpfs", "/run/x", "size=65536,mode=01770,uid=3,gid=4,nr_inodes=10" }) == 0);
	NEED(stat(in("mnt/run/x"), &st) == 0 && st.st_uid == 3 && st.st_gid == 4 && (st.st_mode & 07777) == 01770);
	NEED(flags_at(&m, "/run/x") == 4);
	NEED(STEP(&m, filesystem, .text = { "tmpfs", "/missing", NULL }) == -ENOENT);
	NEED(STEP(&m, filesystem, .text = { "tmpfs", "/hello", NULL }) == -ENOTDIR);
	NEED(STEP(&m, filesystem, .text = { "tmpfs", "/run/x", "nonsense=1" }) == -EINVAL);
	NEED(STEP(&m, filesystem, .text = { "tmpfs", "/run/x", "size=4096,,mode=1" }) == -EINVAL);
	NEED(STEP(&m, filesystem, .text = { "nosuchfs", "/run/x", NULL }) == -ENODEV);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "proc", "/proc", "hidepid=2,subset=pid" }) == 0);
	NEED(exists(in("mnt/proc/self")) && !exists(in("mnt/proc/version")));

	/* READONLY: what is a mount gets it, what is not becomes one. */
	NEED(STEP(&m, readonly, .text = { "/run/x" }) == 0);
	NEED(flags_at(&m, "/run/x") == 5 && mounts_at(in("mnt/run/x")) == 1);
	NEED(STEP(&m, readonly, .a = GATE_ATTR_NOEXEC, .text = { "/hello" }) == 0);
	NEED(flags_at(&m, "/hello") == 9 && mounts_at(in("mnt/hello")) == 1 && flags_at(&m, "/run") == 0);
	NEED(STEP(&m, readonly, .text = { "/" }) == 0);
	NEED(flags_at(&m, "/") == 1 && flags_at(&m, "/run/x") == 5 && mkdir(in("mnt/new"), 0755) < 0 && errno == EROFS);
	NEED(mkdir(in("root/new"), 0755) == 0);
}
static void file_systems_and_read_only(void **state)
{
	(void)state;
	run(body_filesystems, CLONE_NEWPID);
}

/* Hierarchies that are there can be seen again; which ones is the host's affair. */
static void body_cgroups(void)
{
	static char lines[16][4096];
	char options[64], type[64], target[64], given[100];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct maker m;
	int n = 0;

	while (f != NULL && n < 16 && fgets(lines[n], sizeof(lines[n]), f) != NULL)
		n += strstr(lines[n], " - cgroup") != NULL;
	fclose(f);
	ready(&m);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "tmpfs", "/sys/fs/cgroup", "mode=0755" }) == 0);
	for (int i = 0; i < n; i++) {
		options[0] = '\0';
		NEED(sscanf(strstr(lines[i], " - cgroup"), " - %63s %*s rw,%63s", type, options) >= 1);
		snprintf(target, sizeof(target), "/sys/fs/cgroup/%d", i);
		snprintf(given, sizeof(given), "%s%s", strncmp(options, "name=", 5) == 0 ? "none," : "", options);
		NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .a = GATE_ATTR_RDONLY,
		          .text = { type, target, strcmp(type, "cgroup2") == 0 ? NULL : given }) == 0);
		snprintf(given, sizeof(given), "mnt%s/cgroup.procs", target);
		NEED(exists(in(given)));
	}
	if (n == 0)
		print_message("no control groups are mounted here\n");
}
static void control_groups(void **state)
{
	(void)state;
	run(body_cgroups, CLONE_NEWCGROUP);
}

static void body_links(void)
{
	struct maker m;
	char text[64];
	ssize_t len;

	ready(&m);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "tmpfs", "/dev", NULL }) == 0);
	NEED(STEP(&m, link, .text = { "/proc/self/fd", "/dev/fd" }) == 0);
	len = readlink(in("mnt/dev/fd"), text, sizeof(text));
	NEED(len == 13 && memcmp(text, "/proc/self/fd", 13) == 0);
	NEED(STEP(&m, link, .text = { "x", "/dev/fd" }) == -EEXIST);
	NEED(STEP(&m, link, .text = { "x", "/dev/" }) == -EINVAL);
	NEED(STEP(&m, link, .text = { "x", "/dev/no/such" }) == -ENOENT);
	NEED(STEP(&m, link, .text = { "x", "/into-the-image" }) == -EXDEV);
	NEED(!exists(in("root/into-the-image")));
	/* Without a null device of its own nothing is covered by what the image calls so. */
	NEED(STEP(&m, cover, .text = { "/hello" }) == -ENOENT);
	write_file(in("mnt/dev/null"), "not a device");
	NEED(STEP(&m, cover, .text = { "/hello" }) == -ENODEV);
}
static void links_go_into_what_is_ours(void **state)
{
	(void)state;
	run(body_links, 0);
}

static void body_sysctl(void)
{
	struct maker m;
	char text[64] = "";
	int fd;

	ready(&m);
	NEED(STEP(&m, sysctl, .text = { "net/ipv4/ip_unprivileged_port_start", "77" }) == 0);
	NEED(STEP(&m, sysctl, .text = { "kernel/shm_rmid_forced", "1" }) == 0);
	fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
	NEED(read(fd, text, sizeof(text)) == 3 && memcmp(text, "77\n", 3) == 0);
	NEED(STEP(&m, sysctl, .text = { "net/ipv4/ip_unprivileged_port_start", "word" }) == -EINVAL);
	NEED(STEP(&m, sysctl, .text = { "net/ipv4/no_such_key", "1" }) == -ENOENT);
	NEED(STEP(&m, sysctl, .text = { "net/ipv4", "1" }) == -EISDIR);
	NEED(STEP(&m, sysctl, .text = { "../self/comm", "x" }) < 0);
	NEED(STEP(&m, sysctl, .text = { "/proc/self/comm", "x" }) < 0);

	/* Whatever lies on /proc: it is not asked. */
	NEED(mount("x", "/proc", "tmpfs", 0, NULL) == 0 && mkdir("/proc/sys", 0755) == 0 && mkdir("/proc/sys/net", 0755) == 0 &&
	     mkdir("/proc/sys/net/ipv4", 0755) == 0);
	write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "");
	NEED(STEP(&m, sysctl, .text = { "net/ipv4/ip_unprivileged_port_start", "78" }) == 0);
	fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
	NEED(read(fd, text, sizeof(text)) == 0);
	deny(GATE_NR_OPENAT2, ENOSYS);
	NEED(STEP(&m, sysctl, .text = { "net/ipv4/ip_unprivileged_port_start", "79" }) == 0);
	NEED(STEP(&m, sysctl, .text = { "net/ipv4/no_such_key", "1" }) == -ENOENT);
	NEED(STEP(&m, sysctl, .text = { "../self/comm", "x" }) < 0);
	NEED(umount2("/proc", MNT_DETACH) == 0);
	fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
	NEED(read(fd, text, sizeof(text)) == 3 && memcmp(text, "79\n", 3) == 0);
}
static void sysctls_by_a_procfs_of_our_own(void **state)
{
	(void)state;
	run(body_sysctl, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID);
}

static void body_wrong_roots(void)
{
	struct maker m;
	int tree = take_cover();

	maker_init(&m);
	NEED(STEP(&m, private, .fd = 0) == 0);
	NEED(STEP(&m, pivot, .fd = 0) == -EINVAL);
	NEED(symlink("mnt", in("link")) == 0);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("missing") }) == -ENOENT);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("link") }) < 0);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("root/hello") }) == -ENOTDIR);
	NEED(STEP(&m, root, .fd = 0, .text = { in("mnt") }) == -EINVAL);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("mnt") }) == -EINVAL);
	/* In a chroot(2) the host is above "/": pivot_root says EINVAL, and it stays at that. */
	NEED(chroot(dir) == 0 && chdir("/") == 0);
	m.plan.proc = maker_fd(&m, gate_fsopen("proc"));
	NEED(gate_fscreate(m.fds[m.plan.proc]) == 0);
	m.fds[m.plan.proc] = gate_fsmount(m.fds[m.plan.proc], 0);
	NEED(STEP(&m, pivot, .fd = 0) == -EINVAL);
	NEED(exists("/mnt/hello") && exists("/root/hello"));
}
static void roots_that_cannot_be(void **state)
{
	(void)state;
	run(body_wrong_roots, 0);
}

/* --- a launcher in a chroot(2) --- */

static bool jail_is_mount;

/* From here on "/" is the root of the namespace of mounts. */
static void join_own(int proc)
{
	const int ns = openat(proc, "thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);

	NEED(ns >= 0 && setns(ns, CLONE_NEWNS) == 0);
	close(ns);
}
/* Of all in the namespace, not just beneath "/". */
static bool something_is_shared(int proc)
{
	char text[4096];
	bool found = false;
	int status;
	const pid_t pid = fork();

	if (pid == 0) {
		join_own(proc);
		FILE *f = fdopen(openat(proc, "thread-self/mountinfo", O_RDONLY | O_CLOEXEC), "r");
		while (f != NULL && fgets(text, sizeof(text), f) != NULL)
			found |= strstr(text, " shared:") != NULL;
		_exit(f == NULL ? 2 : found);
	}
	NEED(pid > 0 && waitpid(pid, &status, 0) == pid && (status == 0 || status == 1 << 8));
	return status != 0;
}

/* What lies above the chroot is private, too, and gone after PIVOT: who joins the task's namespace is in the task's root. */
static void body_chroot(void)
{
	struct maker m;
	const int tree = take_cover();

	maker_init(&m);
	NEED(mkdir(in("jail"), 0755) == 0);
	if (jail_is_mount)
		NEED(mount("x", in("jail"), "tmpfs", 0, NULL) == 0);
	NEED(mkdir(in("jail/mnt"), 0755) == 0 && mkdir(in("jail/proc"), 0755) == 0);
	NEED(mount("x", in("work"), "tmpfs", 0, NULL) == 0 && mount(NULL, in("work"), NULL, MS_SHARED, NULL) == 0);
	give_proc(&m);
	const int proc = m.fds[m.plan.proc];
	NEED(something_is_shared(proc));
	NEED(chroot(in("jail")) == 0 && chdir("/") == 0);
	static const struct gate_row root = { .step = GATE_STEP_ROOT };
	m.view.rows = &root;
	m.plan.n_rows = 1;
	NEED(STEP(&m, private, .fd = 0) == 0 && m.launch.in_chroot);
	/* Rows that follow name what the launcher saw. */
	NEED(exists("/mnt") && !exists(dir));
	NEED(!something_is_shared(proc));
	NEED(STEP(&m, root, .fd = tree + 1, .text = { "/mnt" }) == 0);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "proc", "/proc" }) == 0);
	NEED(STEP(&m, pivot, .fd = 0) == 0);
	NEED(m.launch.root == -1 && exists("/hello") && !exists("/jail") && !exists(dir));
	join_own(proc);
	NEED(exists("/hello") && !exists("/jail") && !exists(dir));
}
/* A task that keeps the launcher's root has nothing above it, and may have it read-only. */
static void body_chroot_kept(void)
{
	struct maker m;

	maker_init(&m);
	NEED(mkdir(in("jail"), 0755) == 0);
	if (jail_is_mount)
		NEED(mount("x", in("jail"), "tmpfs", 0, NULL) == 0);
	NEED(mkdir(in("jail/mnt"), 0755) == 0 && mount("x", in("jail/mnt"), "tmpfs", 0, NULL) == 0);
	NEED(mkdir(in("jail/mnt/below"), 0755) == 0);
	NEED(mount(NULL, in("jail/mnt"), NULL, MS_SHARED, NULL) == 0);
	give_proc(&m);
	const int proc = m.fds[m.plan.proc];
	NEED(chroot(in("jail")) == 0 && chdir("/") == 0);
	NEED(STEP(&m, private, .fd = 0) == 0 && !m.launch.in_chroot && m.launch.root == -1);
	NEED(exists("/mnt/below") && !exists(dir) && !something_is_shared(proc));
	NEED(STEP(&m, readonly, .fd = 0, .flags = GATE_ROW_RECURSIVE, .text = { "/" }) == 0);
	NEED(mkdir("/no", 0755) < 0 && errno == EROFS && mkdir("/mnt/no", 0755) < 0 && errno == EROFS);
	join_own(proc);
	NEED(exists("/mnt/below") && !exists(dir) && !exists("/jail"));
}

static void a_launcher_in_a_chroot(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		jail_is_mount = i % 2 != 0;
		run(i < 2 ? body_chroot : body_chroot_kept, CLONE_NEWPID);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

/* --- an initial ramfs as "/" --- */

static void body_initial(void)
{
	struct maker m;
	const int tree = take_cover(), ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int proc;

	maker_init(&m);
	NEED(STEP(&m, private, .fd = 0) == 0);
	proc = gate_fsopen("proc");
	NEED(gate_fscreate(proc) == 0 && (proc = gate_fsmount(proc, 0)) >= 0);
	/* What every mount namespace has at its very bottom. */
	if (umount2("/", MNT_DETACH) == 0)
		NEED(setns(ns, CLONE_NEWNS) == 0);
	else
		NEED(errno == EINVAL); /* it is what we are on */
	if (mount("x", "/mnt", "tmpfs", 0, NULL) < 0 && mount("x", "/root", "tmpfs", 0, NULL) < 0) {
		fprintf(stderr, "the initial ramfs has no directory to mount on\n");
		_exit(0);
	}
	const char *base = statfs("/mnt", &(struct statfs){ 0 }) == 0 ? "/mnt" : "/root";
	char a[64], b[64];
	snprintf(a, sizeof(a), "%s/a b\\c", base);
	snprintf(b, sizeof(b), "%s/a b\\c/root", base);
	NEED(mkdir(a, 0755) == 0 && mount("x", a, "tmpfs", 0, NULL) == 0 && mkdir(b, 0755) == 0);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { b }) == 0);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "tmpfs", "/inner", "mode=0755" }) == 0);
	/* Without /proc of the host there is no way; nothing has changed. */
	NEED(STEP(&m, pivot, .fd = 0) == -EINVAL && m.launch.root >= 0 && exists(b));
	m.plan.proc = maker_fd(&m, proc);
	NEED(STEP(&m, pivot, .fd = 0) == 0);
	NEED(m.launch.root == -1 && exists("/hello") && exists("/inner") && !exists(base));
	NEED(mkdir("/proc", 0755) == 0 || errno == EEXIST);
	NEED(STEP(&m, filesystem, .text = { "proc", "/proc" }) == 0);
	NEED(mounts_at("/") >= 1 && mounts_at("/inner") == 1);
	/* Out of a chroot(2), up, and back: it is the task's root again. */
	NEED(chroot("/inner") == 0);
	for (int i = 0; i < 20; i++)
		NEED(chdir("..") == 0);
	NEED(chroot(".") == 0 && exists("/hello") && !exists(base));
	/* The namespace's own root is the task's, too. */
	NEED(setns(ns, CLONE_NEWNS) == 0 && exists("/hello"));
}
static void a_root_over_the_initial_ramfs(void **state)
{
	(void)state;
	/* In a chroot what lies at the bottom of the namespace is not what is beneath us. */
	needs_user_namespaces();
	run(body_initial, CLONE_NEWPID);
	assert_false(exists("/mnt/a b\\c"));
}

/* --- what a kernel does not have, or a call that fails --- */

static void body_no_setattr(void)
{
	struct gate_volume v = { .kind = GATE_VOLUME_BIND, .recursive = true, .read_only = true };
	struct gate_err err = GATE_ERR_INIT;
	struct maker m;
	bool directory = false;
	int tree = -1, object = -1;

	maker_init(&m);
	make_root();
	NEED(mount("x", in("root"), "tmpfs", 0, NULL) == 0 && mount(NULL, in("root"), NULL, MS_SHARED, NULL) == 0);
	write_file(in("root/hello"), "");
	NEED(mkdir(in("data"), 0755) == 0 && mount("x", in("data"), "tmpfs", MS_NOSUID | MS_NOATIME, NULL) == 0);
	NEED(mkdir(in("data/sub"), 0755) == 0 && mount("x", in("data/sub"), "tmpfs", 0, NULL) == 0);
	write_file(in("data/file"), "");
	deny(GATE_NR_MOUNT_SETATTR, ENOSYS);
	NEED(gate_root_bind(in("root"), true, &tree, &err) < 0 && err.code == GATE_E_UNSUPPORTED);
	NEED(gate_root_bind(in("root"), false, &tree, NULL) == 0);
	/* A copy of a shared mount: what is mounted into it must not appear in the other. */
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
	give_proc(&m);
	NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "tmpfs", "/dev", NULL }) == 0);
	NEED(mounts_at(in("root/dev")) == 0 && mounts_at(in("mnt/dev")) == 1);

	v.source = in("data");
	NEED(gate_volume_tree(&v, -1, &tree, &object, &directory, NULL) == 0 && tree == -1 && object >= 0 && directory);
	NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .fd = object + 1, .b = GATE_ATTR_RDONLY,
	          .text = { in("data"), "/data" }) == 0);
	/* Flags that were there stay; what could not be made read-only is not there. */
	NEED(flags_at(&m, "/data") == 3 && mounts_at(in("mnt/data/sub")) == 0);
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .b = GATE_ATTR_RDONLY | GATE_ATTR_NODEV,
	          .text = { in("data/file"), "/file" }) == 0);
	NEED(flags_at(&m, "/file") == 7);
	NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .text = { in("data"), "/all" }) == 0);
	NEED(mounts_at(in("mnt/all/sub")) == 1);
	NEED(STEP(&m, readonly, .text = { "/hello" }) == 0);
	NEED(flags_at(&m, "/hello") == 1);
	NEED(STEP(&m, readonly, .text = { "/" }) == 0);
	NEED(flags_at(&m, "/") == 1 && flags_at(&m, "/all") == 2);
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .b = 0x200000 /* NOSYMFOLLOW */, .text = { in("data/file"), "/file" }) ==
	     -ENOSYS);
	/* A file's mount is reached through the host's procfs alone. */
	m.plan.proc = -1;
	NEED(STEP(&m, bind, .b = GATE_ATTR_RDONLY, .text = { in("data/file"), "/file" }) == -ENOSYS);
	NEED(mkdir(in("fake"), 0755) == 0 && mkdir(in("fake/thread-self"), 0755) == 0 &&
	     mkdir(in("fake/thread-self/fd"), 0755) == 0);
	m.plan.proc = maker_fd(&m, open(in("fake"), O_PATH | O_DIRECTORY | O_CLOEXEC));
	NEED(STEP(&m, bind, .b = GATE_ATTR_RDONLY, .text = { in("data/file"), "/file" }) == -ENOSYS);
}
static void without_mount_setattr(void **state)
{
	(void)state;
	run(body_no_setattr, 0);
}

static void body_no_openat2(void)
{
	struct maker m;
	const int tree = take_cover();

	maker_init(&m);
	deny(GATE_NR_OPENAT2, getenv("REFUSED") != NULL ? EPERM : ENOSYS);
	put_up(&m, tree, PTS);
	check_container();
}
static void without_openat2(void **state)
{
	(void)state;
	run(body_no_openat2, CLONE_NEWPID | CLONE_NEWIPC);
	remove_dir(NULL);
	make_dir(NULL);
	setenv("REFUSED", "1", 1);
	run(body_no_openat2, CLONE_NEWPID | CLONE_NEWIPC);
	unsetenv("REFUSED");
}

/* Every call that the rows make fails, one kind at a time: a row says so, and keeps no descriptor. */
struct failing {
	int nr;
	const char *name;
};
static const struct failing *failing;

static void body_failing(void)
{
	struct maker m;
	const unsigned dir_too = GATE_ROW_DIRECTORY;
	int before, results[12], n = 0, bad = 0;

	ready(&m);
	NEED(STEP(&m, filesystem, .flags = dir_too, .text = { "tmpfs", "/dev", NULL }) == 0);
	NEED(STEP(&m, bind, .flags = GATE_ROW_FILE, .a = makedev(1, 3), .text = { "/dev/null", "/dev/null" }) == 0);
	NEED(mkdir(in("root/covered"), 0755) == 0 && mkdir(in("root/x"), 0755) == 0);
	before = open_fds();
	deny(failing->nr, EIO);
	results[n++] = STEP(&m, bind, .flags = GATE_ROW_FILE, .text = { "/dev/zero", "/dev/zero" });
	results[n++] = STEP(&m, filesystem, .flags = dir_too, .text = { "proc", "/proc", "hidepid=0" });
	results[n++] = STEP(&m, link, .text = { "a", "/dev/b" });
	results[n++] = STEP(&m, cover, .text = { "/hello" });
	results[n++] = STEP(&m, cover, .text = { "/covered" });
	results[n++] = STEP(&m, readonly, .text = { "/x" });
	results[n++] = STEP(&m, readonly, .text = { "/" });
	results[n++] = STEP(&m, sysctl, .text = { "net/ipv4/ip_unprivileged_port_start", "77" });
	gate_mounts_done(&m.launch);
	if (failing->nr != SYS_close && failing->nr != SYS_openat)
		NEED(open_fds() == before);
	give_proc(&m);
	results[n++] = STEP(&m, pivot, .fd = 0);
	for (int i = 0; i < n; i++) {
		NEED(results[i] == 0 || results[i] == -EIO);
		bad += results[i] != 0;
	}
	/* Over an initial ramfs, mounts that cannot be taken away stay beneath. */
	NEED(bad > 0 || failing->nr == SYS_fcntl || failing->nr == SYS_umount2);
}
static void each_call_may_fail(void **state)
{
	static const struct failing calls[] = {
		{ GATE_NR_OPEN_TREE, "open_tree" }, { GATE_NR_MOVE_MOUNT, "move_mount" }, { GATE_NR_FSOPEN, "fsopen" },
		{ GATE_NR_FSCONFIG, "fsconfig" }, { GATE_NR_FSMOUNT, "fsmount" }, { GATE_NR_OPENAT2, "openat2" },
		{ GATE_NR_MOUNT_SETATTR, "mount_setattr" }, { SYS_statx, "statx" }, { SYS_fstatfs, "fstatfs" },
		{ SYS_mkdirat, "mkdirat" }, { SYS_symlinkat, "symlinkat" }, { SYS_pivot_root, "pivot_root" },
		{ SYS_umount2, "umount2" }, { SYS_fchdir, "fchdir" }, { SYS_chdir, "chdir" }, { SYS_fcntl, "fcntl" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		failing = &calls[i];
		print_message("%s\n", failing->name);
		run(body_failing, CLONE_NEWPID | CLONE_NEWNET);
		remove_dir(NULL);
		make_dir(NULL);
	}
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_container_on_a_directory),
		EACH(a_container_on_a_copy),
		EACH(a_copy_by_the_old_way),
		EACH(two_hundred_layers),
		EACH(two_hundred_layers_by_the_old_way),
		EACH(roots_may_be_read_only),
		EACH(the_hosts_own_tree_read_only),
		EACH(a_container_with_other_ids),
		EACH(a_container_without_root),
		EACH(binds_give_what_was_meant),
		EACH(volumes_come_with_their_attributes),
		EACH(file_systems_and_read_only),
		EACH(control_groups),
		EACH(links_go_into_what_is_ours),
		EACH(sysctls_by_a_procfs_of_our_own),
		EACH(roots_that_cannot_be),
		EACH(a_launcher_in_a_chroot),
		EACH(a_root_over_the_initial_ramfs),
		EACH(without_mount_setattr),
		EACH(without_openat2),
		EACH(each_call_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
