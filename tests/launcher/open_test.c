/* Opening for the front: each way in which a name or a file could lead elsewhere, be somebody else's, or be no file at all; with
 * openat2(2) and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "launcher/launcher.h"

static char top[64], dir[80];
static struct gate_opener opener;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static const char *at(const char *name)
{
	static char paths[2][256];
	static int turn;

	turn = !turn;
	(void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", dir, name);
	return paths[turn];
}

static void file(const char *name, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{}\n", 3), 3);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	strcpy(top, "/tmp/callgate-open-XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(chmod(top, 0755), 0);
	(void)snprintf(dir, sizeof(dir), "%s/profiles", top);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(gate_opener_init(dir, &opener, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	gate_opener_done(&opener);
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#define NEEDS_ROOT                                                                                                     \
	do {                                                                                                           \
		if (geteuid() != 0) {                                                                                  \
			print_message("skipped: files of root need root\n");                                           \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

/* On both kinds of kernel. */
static void opens(const char *name)
{
	char bytes[8];

	for (int plain = 0; plain < 2; plain++) {
		struct gate_err err = GATE_ERR_INIT;
		int fd = -1;

		opener.plain = plain != 0;
		if (gate_open_profile(&opener, name, &fd, &err) < 0)
			fail_msg("'%s' is not opened: %s", name, err.text);
		assert_int_equal(read(fd, bytes, sizeof(bytes)), 3);
		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		(void)close(fd);
	}
}

static void refused(const char *name, enum gate_errc code, const char *sentence)
{
	for (int plain = 0; plain < 2; plain++) {
		struct gate_err err = GATE_ERR_INIT;
		int fd = -1;

		opener.plain = plain != 0;
		if (gate_open_profile(&opener, name, &fd, &err) == 0)
			fail_msg("'%s' is opened", name);
		assert_int_equal(fd, -1);
		if (err.code != code || strstr(err.text, sentence) == NULL)
			fail_msg("'%s': %d, '%s' instead of %d, '%s'", name, err.code, err.text, code, sentence);
	}
}

static void good_ones(void **state)
{
	(void)state;
	NEEDS_ROOT;
	file("web.json", 0644);
	file("secret.json", 0600);
	assert_int_equal(mkdir(at("team"), 0755), 0);
	assert_int_equal(mkdir(at("team/a"), 0700), 0);
	file("team/a/..json", 0644);
	file("no suffix", 0444);
	opens("web.json");
	opens("secret.json");
	opens("team/a/..json");
	opens("no suffix");
	refused("other.json", GATE_E_NOTFOUND, "there is no profile 'other.json'");
	refused("team/other.json", GATE_E_NOTFOUND, "there is no profile 'team/other.json'");
	refused("nobody/other.json", GATE_E_NOTFOUND, "there is no directory 'nobody'");
	refused("web.json/other", GATE_E_NOTFOUND, "'web.json' is not a directory");
}

static void names(void **state)
{
	static const char *const dots[] = { "..", "../x.json", "team/../web.json", "team/..", "a/../../etc/passwd" };
	static const char *const parts[] = { "", ".", "./web.json", "team//a", "team/./a", "web.json/" };
	char path[256];

	(void)state;
	NEEDS_ROOT;
	file("web.json", 0644);
	for (size_t i = 0; i < GATE_ARRAY_LEN(dots); i++)
		refused(dots[i], GATE_E_INVALID, "'..' in it");
	for (size_t i = 0; i < GATE_ARRAY_LEN(parts); i++)
		refused(parts[i], GATE_E_INVALID, "a part of it is empty or '.'");
	refused("/etc/passwd", GATE_E_INVALID, "it is absolute");
	(void)snprintf(path, sizeof(path), "%s/web.json", dir);
	refused(path, GATE_E_INVALID, "it is absolute");
}

static void links(void **state)
{
	(void)state;
	NEEDS_ROOT;
	file("web.json", 0644);
	assert_int_equal(mkdir(at("team"), 0755), 0);
	file("team/x.json", 0644);
	assert_int_equal(symlink("/etc/passwd", at("out.json")), 0);
	assert_int_equal(symlink("web.json", at("in.json")), 0);
	assert_int_equal(symlink("/etc", at("etc")), 0);
	assert_int_equal(symlink("team", at("squad")), 0);
	assert_int_equal(symlink("/proc/self/fd/0", at("magic.json")), 0);
	refused("out.json", GATE_E_DENIED, "symbolic link");
	refused("in.json", GATE_E_DENIED, "symbolic link");
	refused("etc/passwd", GATE_E_DENIED, "symbolic link");
	refused("squad/x.json", GATE_E_DENIED, "symbolic link");
	refused("magic.json", GATE_E_DENIED, "symbolic link");
	assert_int_equal(link(at("web.json"), at("second.json")), 0);
	refused("web.json", GATE_E_DENIED, "has 2 names");
	assert_int_equal(unlink(at("second.json")), 0);
	opens("web.json");
}

static void no_files(void **state)
{
	(void)state;
	NEEDS_ROOT;
	assert_int_equal(mkfifo(at("fifo.json"), 0644), 0);
	assert_int_equal(mkdir(at("dir.json"), 0755), 0);
	refused("fifo.json", GATE_E_DENIED, "the profile 'fifo.json' is not a regular file");
	refused("dir.json", GATE_E_DENIED, "the profile 'dir.json' is not a regular file");
	if (mknod(at("device.json"), S_IFCHR | 0644, makedev(1, 5)) == 0)
		refused("device.json", GATE_E_DENIED, "the profile 'device.json' is not a regular file");
}

static void owners_and_modes(void **state)
{
	(void)state;
	NEEDS_ROOT;
	file("group.json", 0664);
	file("world.json", 0646);
	file("theirs.json", 0644);
	assert_int_equal(chown(at("theirs.json"), 1234, 0), 0);
	refused("group.json", GATE_E_DENIED, "the profile 'group.json' can be written by its group (mode 0664)");
	refused("world.json", GATE_E_DENIED, "the profile 'world.json' can be written by everybody (mode 0646)");
	refused("theirs.json", GATE_E_DENIED, "the profile 'theirs.json' belongs to user 1234, not to root");
	file("large.json", 0644);
	assert_int_equal(truncate(at("large.json"), (1 << 20) + 1), 0);
	refused("large.json", GATE_E_LIMIT, "larger than 1 MiB");
	/* Each directory on the way, however deep the file. */
	assert_int_equal(mkdir(at("a"), 0755), 0);
	assert_int_equal(mkdir(at("a/b"), 0755), 0);
	file("a/b/x.json", 0644);
	opens("a/b/x.json");
	assert_int_equal(chmod(at("a"), 0775), 0);
	refused("a/b/x.json", GATE_E_DENIED, "the directory 'a' can be written by its group (mode 0775)");
	assert_int_equal(chmod(at("a"), 01777), 0);
	refused("a/b/x.json", GATE_E_DENIED, "the directory 'a' can be written by everybody (mode 1777)");
	assert_int_equal(chmod(at("a"), 0755), 0);
	assert_int_equal(chown(at("a/b"), 1234, 0), 0);
	refused("a/b/x.json", GATE_E_DENIED, "the directory 'a/b' belongs to user 1234, not to root");
	assert_int_equal(chown(at("a/b"), 0, 0), 0);
	/* And the config directory itself, which was good when the agent started. */
	assert_int_equal(chmod(dir, 0775), 0);
	refused("a/b/x.json", GATE_E_DENIED, "can be written by its group (mode 0775)");
	assert_int_equal(chmod(dir, 0755), 0);
	opens("a/b/x.json");
}

static void other_file_systems(void **state)
{
	(void)state;
	NEEDS_ROOT;
	assert_int_equal(mkdir(at("mnt"), 0755), 0);
	if (mount("none", at("mnt"), "tmpfs", 0, "mode=0755") < 0) {
		print_message("skipped: no tmpfs can be mounted here\n");
		skip();
	}
	file("mnt/x.json", 0644);
	/* Undone whatever comes: what follows may fail. */
	struct gate_err err[2] = { GATE_ERR_INIT, GATE_ERR_INIT };
	int fd = -1, result[2];
	for (int plain = 0; plain < 2; plain++) {
		opener.plain = plain != 0;
		result[plain] = gate_open_profile(&opener, "mnt/x.json", &fd, &err[plain]);
	}
	assert_int_equal(umount2(at("mnt"), MNT_DETACH), 0);
	for (int plain = 0; plain < 2; plain++) {
		assert_int_equal(result[plain], -1);
		assert_non_null(strstr(err[plain].text, "lies on another file system"));
	}
}

static void listing(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	struct stat st;
	int fd = -1;

	(void)state;
	NEEDS_ROOT;
	assert_int_equal(mkdir(at("team"), 0755), 0);
	assert_int_equal(symlink("/etc", at("etc")), 0);
	file("web.json", 0644);
	for (int plain = 0; plain < 2; plain++) {
		opener.plain = plain != 0;
		assert_int_equal(gate_open_profiles(&opener, "", &fd, NULL), 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(S_ISDIR(st.st_mode));
		(void)close(fd);
		assert_int_equal(gate_open_profiles(&opener, "team", &fd, NULL), 0);
		(void)close(fd);
		assert_int_equal(gate_open_profiles(&opener, "etc", &fd, NULL), -1);
		assert_int_equal(gate_open_profiles(&opener, "..", &fd, NULL), -1);
		assert_int_equal(gate_open_profiles(&opener, "web.json", &fd, NULL), -1);
		assert_int_equal(gate_open_profiles(&opener, "nobody", &fd, NULL), -1);
	}
	const struct gate_opener none = { .dir = -1 };
	assert_int_equal(gate_open_profile(&none, "web.json", &fd, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
}

/* The way to the directory: whoever may rename a part of it chooses the profiles. */
static void the_way(void **state)
{
	struct gate_opener o;
	struct gate_err err = GATE_ERR_INIT;
	char path[128];

	(void)state;
	NEEDS_ROOT;
	assert_int_equal(chmod(top, 0777), 0);
	assert_int_equal(gate_opener_init(dir, &o, &err), -1);
	assert_int_equal(err.code, GATE_E_DENIED);
	assert_non_null(strstr(err.text, "others than root may change"));
	/* With the sticky bit only owners rename. */
	assert_int_equal(chmod(top, 01777), 0);
	assert_int_equal(gate_opener_init(dir, &o, NULL), 0);
	gate_opener_done(&o);
	assert_int_equal(chown(top, 1234, 0), 0);
	assert_int_equal(gate_opener_init(dir, &o, NULL), -1);
	assert_int_equal(chown(top, 0, 0), 0);
	assert_int_equal(chmod(dir, 0757), 0);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_opener_init(dir, &o, &err), -1);
	assert_non_null(strstr(err.text, "can be written by everybody"));
	assert_int_equal(chmod(dir, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/missing", top);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_opener_init(path, &o, &err), -1);
	assert_non_null(strstr(err.text, "cannot find the directory of profiles"));
	assert_int_equal(gate_opener_init(NULL, &o, NULL), 0);
}

/* --- the built-in one --- */
static void shipping(void **state)
{
	struct stat st;
	char path[160];

	(void)state;
	NEEDS_ROOT;
	(void)snprintf(path, sizeof(path), "%s/etc/seccomp", top);
	assert_int_equal(gate_ship_default(path, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	(void)snprintf(path, sizeof(path), "%s/etc/seccomp/default.json", top);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(st.st_size > 10000);
	/* A directory with something in it is its owner's: nothing is added, and nothing is put back. */
	file("web.json", 0644);
	assert_int_equal(gate_ship_default(dir, NULL), 0);
	assert_int_equal(access(at("default.json"), F_OK), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(good_ones),        T(names), T(links),        T(no_files), T(owners_and_modes), T(other_file_systems),
		T(listing),          T(the_way), T(shipping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
