/* Root file systems and neighbours that want out (tests/checklist.md: rows 4 to 8, and the hostile roots): the
 * launch is refused or contained, and what lies beside the root stays as it was. */
#include "mount_common.h"

#include <sys/mman.h>

#define MOUNT_ATTRS (GATE_ATTR_NOSUID | GATE_ATTR_NODEV | GATE_ATTR_NOEXEC)

/* Everything that is outside of the root, with its contents: what nobody may change. A hash (FNV-1a) of it. */
static uint64_t add(uint64_t hash, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t hash_at(uint64_t hash, int at, const char *name)
{
	struct dirent **names;
	struct stat st;
	char bytes[4096];
	ssize_t len = 0;
	int fd, n;

	NEED(fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	const uint64_t facts[] = { st.st_dev, st.st_ino, st.st_mode, st.st_nlink, st.st_uid, st.st_gid, (uint64_t)st.st_size,
		                   (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec, (uint64_t)st.st_ctim.tv_sec,
		                   (uint64_t)st.st_ctim.tv_nsec };
	hash = add(add(hash, name, strlen(name)), facts, sizeof(facts));
	if (S_ISREG(st.st_mode)) {
		fd = openat(at, name, O_RDONLY | O_CLOEXEC);
		NEED(fd >= 0 && (len = read(fd, bytes, sizeof(bytes))) >= 0);
		close(fd);
		return add(hash, bytes, (size_t)len);
	}
	if (!S_ISDIR(st.st_mode))
		return hash;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NEED(fd >= 0 && (n = scandirat(fd, ".", &names, NULL, alphasort)) >= 0);
	for (int i = 0; i < n; i++) {
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
			hash = hash_at(hash, fd, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	close(fd);
	return hash;
}
static uint64_t snapshot(void)
{
	return hash_at(UINT64_C(0xcbf29ce484222325), AT_FDCWD, in("outside"));
}

static void make_outside(void)
{
	NEED(mkdir(in("root"), 0755) == 0 && mkdir(in("mnt"), 0755) == 0 && mkdir(in("outside"), 0755) == 0 &&
	     mkdir(in("outside/sub"), 0755) == 0 && mkdir(in("data"), 0755) == 0);
	write_file(in("outside/file"), "outside");
	write_file(in("outside/sub/file"), "outside, too");
	write_file(in("data/here"), "volume");
}

/* --- the rows, up to the first that fails --- */

struct planned {
	gate_step_fn *step;
	const char *name;
	struct wanted w;
};

static int rows(struct maker *m, const char **failed)
{
	const unsigned d = GATE_ROW_DIRECTORY, f = GATE_ROW_FILE;
	char data[100];
	const struct planned plan[] = {
		{ gate_step_filesystem, "/dev", { .flags = d, .text = { "tmpfs", "/dev", "mode=0755" } } },
		{ gate_step_filesystem, "/dev/pts",
		  { .flags = d, .text = { "devpts", "/dev/pts", "newinstance,ptmxmode=0666" } } },
		{ gate_step_bind, "/dev/null",
		  { .flags = f, .a = makedev(1, 3), .text = { "/dev/null", "/dev/null" } } },
		{ gate_step_bind, "/dev/console",
		  { .flags = f, .a = makedev(1, 3), .text = { "/dev/null", "/dev/console" } } },
		{ gate_step_link, "/dev/fd", { .text = { "/proc/self/fd", "/dev/fd" } } },
		{ gate_step_filesystem, "/proc", { .flags = d, .a = MOUNT_ATTRS, .text = { "proc", "/proc" } } },
		{ gate_step_filesystem, "/sys",
		  { .flags = d, .a = MOUNT_ATTRS | GATE_ATTR_RDONLY, .text = { "sysfs", "/sys" } } },
		{ gate_step_bind, "/data", { .flags = d, .text = { data, "/data" } } },
		{ gate_step_bind, "/etc/hosts", { .flags = f, .text = { "/dev/null", "/etc/hosts" } } },
		{ gate_step_filesystem, "/var/run/x", { .flags = d, .text = { "tmpfs", "/var/run/x" } } },
		{ gate_step_cover, "/proc/version", { .text = { "/proc/version" } } },
		{ gate_step_cover, "/proc/fs", { .text = { "/proc/fs" } } },
		{ gate_step_readonly, "/proc/sys", { .text = { "/proc/sys" } } },
		{ gate_step_readonly, "/ro", { .text = { "/ro" } } },
		{ gate_step_pivot, "pivot", { 0 } },
	};

	snprintf(data, sizeof(data), "%s/data", dir);
	for (size_t i = 0; i < sizeof(plan) / sizeof(plan[0]); i++) {
		const int ret = maker_run(m, plan[i].step, plan[i].w);

		if (ret < 0) {
			*failed = plan[i].name;
			return ret;
		}
	}
	*failed = "";
	return 0;
}

/* --- fixtures --- */

static void link_to(const char *at, const char *text)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/root%s", dir, at);
	NEED(symlink(text, full) == 0);
}
static const char *outside(const char *more)
{
	static char path[2][200];
	static unsigned n;

	snprintf(path[++n % 2], 200, "%s/outside%s", dir, more);
	return path[n % 2];
}
static void make_at(const char *at)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/root%s", dir, at);
	NEED(mkdir(full, 0755) == 0);
}

static void plant_dev(void) { link_to("/dev", outside("")); }
static void plant_dev_up(void) { link_to("/dev", "../outside"); }
static void plant_dev_file(void) { write_file(in("root/dev"), ""); }
static void plant_in_dev(void)
{
	make_at("/dev");
	link_to("/dev/null", outside("/file"));
	link_to("/dev/pts", outside("/sub"));
	link_to("/dev/console", outside("/new"));
	link_to("/dev/fd", outside("/fd"));
}
static void plant_proc(void) { link_to("/proc", outside("/sub")); }
static void plant_proc_self(void) { link_to("/proc", "sys"); make_at("/sys"); }
static void plant_proc_file(void) { write_file(in("root/proc"), ""); }
static void plant_proc_fifo(void) { NEED(mkfifo(in("root/proc"), 0600) == 0); }
static void plant_sys(void) { link_to("/sys", outside("/sub")); }
static void plant_volume(void) { link_to("/data", outside("/sub")); }
static void plant_volume_up(void) { link_to("/data", "../../../../../outside/sub"); }
static void plant_volume_loop(void) { link_to("/data", "data"); }
static void plant_volume_two(void) { link_to("/data", "b"); link_to("/b", "data"); }
static void plant_volume_file(void) { write_file(in("root/data"), ""); }
static void plant_volume_dangling(void) { link_to("/data", "/no/such/directory"); }
static void plant_volume_long(void)
{
	char text[4090];

	memset(text, 'x', sizeof(text));
	for (size_t i = 100; i < sizeof(text); i += 100)
		text[i] = '/';
	text[sizeof(text) - 1] = '\0';
	link_to("/data", text);
}
static void plant_magic(void) { link_to("/data", "/proc/self/root/"); }
static void plant_magic_cwd(void) { link_to("/data", "/proc/1/cwd/outside"); }
static void plant_etc(void) { link_to("/etc", outside("")); }
static void plant_hosts(void) { make_at("/etc"); link_to("/etc/hosts", outside("/file")); }
static void plant_hosts_missing(void) { make_at("/etc"); link_to("/etc/hosts", "../run/hosts"); }
static void plant_hosts_fifo(void) { make_at("/etc"); NEED(mkfifo(in("root/etc/hosts"), 0600) == 0); }
static void plant_hosts_device(void)
{
	make_at("/etc");
	NEED(mknod(in("root/etc/hosts"), S_IFCHR | 0600, makedev(1, 8)) == 0);
}
static void plant_hosts_directory(void) { make_at("/etc"); make_at("/etc/hosts"); }
static void plant_var_run(void) { make_at("/var"); make_at("/run"); link_to("/var/run", "../run"); }
static void plant_var_run_out(void) { make_at("/var"); link_to("/var/run", "../../outside"); }
static void plant_var_run_file(void) { make_at("/var"); write_file(in("root/var/run"), ""); }
static void plant_ro(void) { link_to("/ro", outside("")); }
static void plant_nothing(void) {}

struct fixture {
	const char *name;
	void (*plant)(void);
	int error;          /* with which a row fails; 0: contained */
	const char *row;
	const char *inside; /* what is there then, seen from inside */
};
static const struct fixture fixtures[] = {
	{ "nothing planted", plant_nothing, 0, "", "/data/here" },
	{ "/dev a link out", plant_dev, ELOOP, "/dev", NULL },
	{ "/dev a link up and out", plant_dev_up, ELOOP, "/dev", NULL },
	{ "/dev a file", plant_dev_file, ENOTDIR, "/dev", NULL },
	{ "links in /dev", plant_in_dev, 0, "", "/dev/pts/ptmx" },
	{ "/proc a link out", plant_proc, ELOOP, "/proc", NULL },
	{ "/proc a link inside", plant_proc_self, ELOOP, "/proc", NULL },
	{ "/proc a file", plant_proc_file, ENOTDIR, "/proc", NULL },
	{ "/proc a fifo", plant_proc_fifo, ENOTDIR, "/proc", NULL },
	{ "/sys a link out", plant_sys, ELOOP, "/sys", NULL },
	{ "a volume's target a link out", plant_volume, 0, "", "/data/here" },
	{ "a volume's target a link up and out", plant_volume_up, 0, "", "/outside/sub/here" },
	{ "a volume's target a link to itself", plant_volume_loop, ELOOP, "/data", NULL },
	{ "a volume's target two links in a circle", plant_volume_two, ELOOP, "/data", NULL },
	{ "a volume's target a file", plant_volume_file, ENOTDIR, "/data", NULL },
	{ "a volume's target a link to nothing", plant_volume_dangling, 0, "", "/no/such/directory/here" },
	{ "a volume's target a very long link", plant_volume_long, 0, "", "/data/here" },
	{ "a volume's target through /proc/self/root", plant_magic, ELOOP, "/data", NULL },
	{ "a volume's target through /proc/1/cwd", plant_magic_cwd, ELOOP, "/data", NULL },
	{ "/etc a link out", plant_etc, 0, "", "/etc/hosts" },
	{ "a file's target a link out", plant_hosts, 0, "", "/etc/hosts" },
	{ "a file's target a link to nothing", plant_hosts_missing, 0, "", "/run/hosts" },
	{ "a file's target a fifo", plant_hosts_fifo, 0, "", "/etc/hosts" },
	{ "a file's target a device", plant_hosts_device, 0, "", "/etc/hosts" },
	{ "a file's target a directory", plant_hosts_directory, EISDIR, "/etc/hosts", NULL },
	{ "a link inside on the way", plant_var_run, 0, "", "/run/x" },
	{ "a link out on the way", plant_var_run_out, 0, "", "/outside/x" },
	{ "a file on the way", plant_var_run_file, ENOTDIR, "/var/run/x", NULL },
	{ "a read-only path that is a link out", plant_ro, 0, "", "/data/here" },
};
static const struct fixture *fixture;
static bool by_walking;
static uint64_t *picture; /* shared with the body, which makes what is photographed */

static void body_fixture(void)
{
	const char *failed = "";
	struct maker m;
	struct stat st;
	int tree = -1;

	maker_init(&m);
	give_proc(&m);
	make_outside();
	fixture->plant();
	*picture = snapshot();
	NEED(gate_root_bind(in("root"), false, &tree, NULL) == 0);
	NEED(STEP(&m, private, .fd = 0) == 0);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
	if (by_walking)
		deny(GATE_NR_OPENAT2, ENOSYS);
	const int ret = rows(&m, &failed);
	if (ret != -fixture->error || strcmp(failed, fixture->row) != 0)
		fprintf(stderr, "%s: row '%s': %s\n", fixture->name, failed, strerror(-ret));
	NEED(ret == -fixture->error && strcmp(failed, fixture->row) == 0);
	if (ret < 0) {
		NEED(mounts_at(outside("")) == 0);
		return;
	}
	NEED(exists(fixture->inside));
	NEED(stat("/proc/version", &st) == 0 && S_ISCHR(st.st_mode));
	NEED(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static void hostile_roots(void **state)
{
	(void)state;
	picture = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(picture != MAP_FAILED);
	for (int walking = 0; walking < 2; walking++)
		for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
			fixture = &fixtures[i];
			by_walking = walking != 0;
			make_dir(NULL);
			run(body_fixture, CLONE_NEWPID | CLONE_NEWIPC);
			if (snapshot() != *picture)
				fail_msg("%s%s: the host has changed", fixture->name, by_walking ? ", without openat2" : "");
			remove_dir(NULL);
		}
	munmap(picture, 4096);
}

static void the_root_itself(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	const char *lower[1];
	int tree = -7, work;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	make_dir(NULL);
	make_outside();
	assert_int_equal(symlink("outside", in("link")), 0);
	assert_int_equal(mkdir(in("work"), 0755), 0);
	work = open(in("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		lower[0] = i == 0 ? in("link") : in("outside/file");
		err = (struct gate_err)GATE_ERR_INIT;
		assert_int_equal(gate_root_bind(lower[0], false, &tree, &err), -1);
		assert_int_equal(err.code, GATE_E_INVALID);
		err = (struct gate_err)GATE_ERR_INIT;
		assert_int_equal(gate_root_overlay(lower, 1, work, -1, false, &tree, &err), -1);
		assert_int_equal(err.code, GATE_E_INVALID);
	}
	lower[0] = in("missing");
	assert_int_equal(gate_root_bind(lower[0], false, &tree, NULL), -1);
	assert_int_equal(gate_root_overlay(lower, 1, work, -1, false, &tree, NULL), -1);
	assert_int_equal(gate_root_overlay(lower, 0, work, -1, false, &tree, NULL), -1);
	assert_int_equal(tree, -7);
	close(work);
	remove_dir(NULL);
}

/* --- targets that no plan of ours has --- */

static void body_targets(void)
{
	static const char *const bad[] = { "/..", "/a/../b", "/../outside", "../outside", "outside", "", "/a/..", "/dev/../../x" };
	struct maker m;
	char data[100];
	int tree = -1;

	maker_init(&m);
	make_outside();
	snprintf(data, sizeof(data), "%s/data", dir);
	NEED(gate_root_bind(in("root"), false, &tree, NULL) == 0);
	NEED(STEP(&m, private, .fd = 0) == 0);
	NEED(STEP(&m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		NEED(STEP(&m, attach, .flags = GATE_ROW_DIRECTORY, .fd = tree + 1, .text = { bad[i] }) == -EINVAL);
		NEED(STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .text = { data, bad[i] }) == -EINVAL);
		NEED(STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "tmpfs", bad[i] }) == -EINVAL);
		NEED(STEP(&m, link, .text = { "x", bad[i] }) == -EINVAL);
		NEED(STEP(&m, cover, .text = { bad[i] }) == -EINVAL);
		NEED(STEP(&m, readonly, .text = { bad[i] }) == -EINVAL);
	}
	/* Working directories and devices: inside, whatever they say. */
	NEED(mkdir(in("mnt/proc"), 0755) == 0);
	NEED(STEP(&m, filesystem, .text = { "proc", "/proc" }) == 0);
	for (int walking = 0; walking < 2; walking++) {
		struct stat st, root;
		int fd = gate_launch_open(&m.launch, "/../../../..", O_PATH | O_CLOEXEC);

		NEED(fd >= 0 && fstat(fd, &st) == 0 && fstat(m.launch.root, &root) == 0);
		NEED(st.st_ino == root.st_ino && st.st_dev == root.st_dev);
		fd = gate_launch_open(&m.launch, "/proc/../proc/./sys//", O_PATH | O_DIRECTORY | O_CLOEXEC);
		NEED(fd >= 0);
		fd = gate_launch_open(&m.launch, "/proc/version", O_RDONLY | O_CLOEXEC);
		NEED(fd >= 0 && read(fd, &st, 1) == 1);
		fd = gate_launch_make(&m.launch, walking != 0 ? "/one/./two/../three" : "/uno/../duo", true);
		NEED(fd >= 0);
		NEED(gate_launch_open(&m.launch, "/proc/self/root", O_PATH) == -ELOOP);
		NEED(gate_launch_open(&m.launch, "/proc/self/cwd/x", O_PATH) == -ELOOP);
		NEED(gate_launch_open(&m.launch, "/proc/self/fd/0", O_PATH) == -ELOOP);
		NEED(gate_launch_open(&m.launch, "/outside/file", O_PATH) == -ENOENT);
		NEED(gate_launch_open(&m.launch, "/proc/version/x", O_PATH) == -ENOTDIR);
		NEED(gate_launch_open(&m.launch, "/proc/version", O_PATH | O_DIRECTORY) == -ENOTDIR);
		deny(GATE_NR_OPENAT2, walking == 0 ? ENOSYS : EPERM);
	}
	NEED(exists(in("root/three")) == false && exists(in("root/one/three")) && exists(in("root/duo")));
}
static void targets_that_lead_elsewhere(void **state)
{
	(void)state;
	make_dir(NULL);
	run(body_targets, CLONE_NEWPID);
	remove_dir(NULL);
}

/* --- a neighbour in the same volume --- */

/* Another task, with mounts of its own: vol/target is a directory, and the next moment a link out of the root. */
static pid_t start_racer(void)
{
	char a[100], b[100];
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(a, sizeof(a), "%s/root/vol/target", dir);
	snprintf(b, sizeof(b), "%s/root/vol/link", dir);
	NEED(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	for (;;)
		NEED(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */) == 0);
}

static unsigned rounds(void)
{
	const char *s = getenv("CALLGATE_RACE_ROUNDS");

	return s != NULL ? (unsigned)atoi(s) : 1000;
}

static void race_root(struct maker *m)
{
	int tree = -1;

	maker_init(m);
	NEED(gate_root_bind(in("root"), false, &tree, NULL) == 0);
	NEED(STEP(m, root, .fd = tree + 1, .text = { in("mnt") }) == 0);
}

static void body_race(void)
{
	static const char *const targets[] = { "/vol/target/made", "/vol/target", "/vol/target/sub", "/vol/target/deep/er" };
	unsigned good = 0, refused = 0, stale = 0;
	char data[100];
	struct maker m;

	snprintf(data, sizeof(data), "%s/data", dir);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	race_root(&m);
	if (by_walking)
		deny(GATE_NR_OPENAT2, ENOSYS);
	for (unsigned i = 0; i < rounds(); i++) {
		const char *target = targets[i / 3 % 4];
		int ret = i % 3 == 0   ? STEP(&m, filesystem, .flags = GATE_ROW_DIRECTORY, .text = { "tmpfs", target, "size=4096" })
		          : i % 3 == 1 ? STEP(&m, bind, .flags = GATE_ROW_DIRECTORY, .b = 2, .text = { data, target })
		                       : STEP(&m, readonly, .text = { "/vol/target/sub" });

		good += ret == 0;
		refused += ret < 0;
		stale += ret == -ESTALE;
		NEED(mounts_at(outside("")) == 0);
		m.n_fds = 1;
		if (i % 25 == 24) {
			NEED(umount2(in("mnt"), MNT_DETACH) == 0);
			close(m.launch.root);
			race_root(&m);
		}
	}
	fprintf(stderr, "%u mounted, %u refused, %u of them because it had been swapped meanwhile\n", good, refused, stale);
	NEED(good > 0);
}

static void race(bool walking)
{
	uint64_t before;
	pid_t racer;
	int status;

	make_dir(NULL);
	make_outside();
	assert_int_equal(mkdir(in("root/vol"), 0755), 0);
	assert_int_equal(mkdir(in("root/vol/target"), 0755), 0);
	assert_int_equal(symlink("../../outside", in("root/vol/link")), 0);
	before = snapshot();
	by_walking = walking;
	racer = geteuid() == 0 ? start_racer() : -1;
	run(body_race, 0);
	/* It has raced to the end. */
	assert_int_equal(waitpid(racer, &status, WNOHANG), 0);
	kill(racer, SIGKILL);
	waitpid(racer, NULL, 0);
	assert_true(snapshot() == before);
	remove_dir(NULL);
}
static void a_neighbour_that_swaps_the_target(void **state)
{
	(void)state;
	race(false);
}
static void a_neighbour_without_openat2(void **state)
{
	(void)state;
	race(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_roots),
		cmocka_unit_test(the_root_itself),
		cmocka_unit_test(targets_that_lead_elsewhere),
		cmocka_unit_test(a_neighbour_that_swaps_the_target),
		cmocka_unit_test(a_neighbour_without_openat2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
