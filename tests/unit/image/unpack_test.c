/* Layers as an enemy makes them. Each case runs three times: the entries straight into the writer (so that its own rules are
 * tested, not the box), as a tar archive through the boxes as root, and as one by somebody who is not root. After each, a
 * tree beside the layer's directory must be what it was. */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "image/out.h"
#include "image/unpack.h"

#define OTHER 65534

static char base[64];
static int layer = -1;

/* --- a tree that must not change --- */
static struct gate_digest_stream tree_sha;
static int hash_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	char line[512], link[256] = "";
	ssize_t n = kind == FTW_SL ? readlink(path, link, sizeof(link) - 1) : 0;
	int len = snprintf(line, sizeof(line), "%s %o %u:%u %lld %lld.%ld %u %.*s\n", path, st->st_mode, st->st_uid, st->st_gid,
	                   (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
	                   (unsigned)st->st_nlink, (int)n, link);

	(void)at;
	gate_digest_add(&tree_sha, line, (size_t)len);
	if (kind == FTW_F) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t got = read(fd, line, sizeof(line));

		gate_digest_add(&tree_sha, line, got > 0 ? (size_t)got : 0);
		close(fd);
	}
	return 0;
}

static struct gate_digest outside(void)
{
	struct gate_digest d;
	char path[128];
	DIR *dir = opendir(base);
	unsigned names = 0;

	while (readdir(dir) != NULL)
		names++;
	closedir(dir);
	assert_int_equal(names, 4); /* . .. layer outside: nothing else has come up */
	snprintf(path, sizeof(path), "%s/outside", base);
	gate_digest_start(&tree_sha);
	assert_int_equal(nftw(path, hash_one, 8, FTW_PHYS), 0);
	gate_digest_end(&tree_sha, &d);
	return d;
}

static void write_text(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	snprintf(base, sizeof(base), "/tmp/callgate-unpack-XXXXXX");
	assert_non_null(mkdtemp(base));
	assert_int_equal(chmod(base, 0777), 0);
	snprintf(path, sizeof(path), "%s/outside", base);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chmod(path, 0777), 0); /* nothing but callgate's own care protects it */
	write_text("outside/file", "precious\n");
	snprintf(path, sizeof(path), "%s/outside/file", base);
	assert_int_equal(chmod(path, 0666), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(gate_out_remove(AT_FDCWD, base, NULL), 0);
	return access(base, F_OK) == 0;
}

static void fresh_layer(uid_t owner)
{
	char path[128];

	if (layer >= 0)
		close(layer);
	snprintf(path, sizeof(path), "%s/layer", base);
	assert_int_equal(gate_out_remove(AT_FDCWD, path, NULL), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, owner, owner), 0);
	layer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(layer >= 0);
}

/* --- entries --- */
#define FILE_(p, text)   { { .kind = GATE_ITEM_FILE, .path = (p), .mode = 0644, .mtime = 1000 }, (text) }
#define DIR_(p)          { { .kind = GATE_ITEM_DIRECTORY, .path = (p), .mode = 0755, .mtime = 1000 }, NULL }
#define LINK_(p, to)     { { .kind = GATE_ITEM_SYMLINK, .path = (p), .link = (to), .mode = 0777, .mtime = 1000 }, NULL }
#define HARD_(p, to)     { { .kind = GATE_ITEM_HARDLINK, .path = (p), .link = (to), .mode = 0644, .mtime = 1000 }, NULL }
#define FIFO_(p)         { { .kind = GATE_ITEM_FIFO, .path = (p), .mode = 0644, .mtime = 1000 }, NULL }
#define DEVICE_(p)       { { .kind = GATE_ITEM_DEVICE, .path = (p), .mode = 0666, .mtime = 1000 }, NULL }

struct step {
	struct gate_item item;
	const char *text;
};

static bool is_kind(const char *path, mode_t kind)
{
	struct stat st;

	return fstatat(layer, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == kind;
}

static bool holds(const char *path, const char *text)
{
	char have[64] = "";
	int fd = openat(layer, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, have, sizeof(have) - 1) : -1;

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && memcmp(have, text, (size_t)n) == 0;
}

static bool is_opaque(const char *path)
{
	int fd = openat(layer, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char value[4];
	bool yes = fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 ||
	           fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1;

	close(fd);
	return yes;
}

static bool is_missing(const char *path)
{
	return faccessat(layer, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static bool is_whiteout(const char *path)
{
	return gate_out_is_whiteout(layer, path);
}

static bool dir_with_x(void) { return is_kind("l", S_IFDIR) && holds("l/x", "mine"); }
static bool file_mine(void) { return is_kind("f", S_IFREG) && holds("f", "mine"); }
static bool back_to_file(void) { return holds("a", "three"); }
static bool hidden_x(void) { return is_whiteout("x"); }
static bool deep_hidden(void) { return is_whiteout("d/x") && is_kind("d", S_IFDIR); }
static bool opaque_d(void) { return is_opaque("d"); }
static bool opaque_d_with_file(void) { return is_opaque("d") && holds("d/f", "mine"); }
static bool opaque_root(void) { return is_opaque("."); }
static bool no_meta(void) { return is_missing(".wh..wh.plnk") && is_missing(".wh..wh.aufs"); }
static bool no_devices(void) { return is_missing("null") && is_missing("dev/sda") && holds("f", "mine"); }
static bool hard_pair(void)
{
	struct stat a, b;

	return fstatat(layer, "f", &a, 0) == 0 && fstatat(layer, "g", &b, 0) == 0 && a.st_ino == b.st_ino && holds("g", "mine");
}
static bool clean_names(void) { return holds("a/b/f", "mine"); }
static bool old_dir_time(void)
{
	struct stat st;

	return fstatat(layer, "d", &st, 0) == 0 && st.st_mtim.tv_sec == 1000;
}
static bool links_kept(void) { return is_kind("l", S_IFLNK) && is_kind("m", S_IFLNK); }
static bool foreign_name(void) { return holds("n\xc3\xa4m\xe9", "mine"); }

static const struct hostile {
	const char *name;
	struct step steps[6];
	const char *refused; /* part of the sentence; NULL: taken, and `check` holds */
	bool (*check)(void);
} cases[] = {
	{ "a name with '..'", { FILE_("../outside/new", "x") }, "leads out", NULL },
	{ "'..' in the middle", { DIR_("a"), FILE_("a/../../outside/file", "x") }, "leads out", NULL },
	{ "'..' that stays inside", { DIR_("a"), FILE_("a/../b", "x") }, "leads out", NULL },
	{ "'..' alone", { DIR_("..") }, "leads out", NULL },
	{ "an absolute name", { FILE_("/outside/new", "x") }, "absolute", NULL },
	{ "writing through a link", { LINK_("l", "../outside"), FILE_("l/file", "x") }, "links are not followed", NULL },
	{ "writing through an absolute link", { LINK_("l", "/tmp"), FILE_("l/callgate-owned", "x") }, "links are not followed", NULL },
	{ "writing through two links", { LINK_("l", "m"), LINK_("m", "../outside"), FILE_("l/file", "x") }, "links are not followed", NULL },
	{ "a link behind a directory", { DIR_("a"), LINK_("a/l", "../../outside"), DIR_("a/l/new") }, "links are not followed", NULL },
	{ "a directory takes a link's place", { LINK_("l", "../outside"), DIR_("l"), FILE_("l/x", "mine") }, NULL, dir_with_x },
	{ "a link takes a directory's place", { DIR_("l"), FILE_("l/x", "mine"), LINK_("l", "../outside"), FILE_("l/file", "x") },
	  "links are not followed", NULL },
	{ "a file takes a link's place", { LINK_("f", "../outside/file"), FILE_("f", "mine") }, NULL, file_mine },
	{ "a hard link to outside", { HARD_("h", "../outside/file") }, "leads out", NULL },
	{ "a hard link by an absolute name", { HARD_("h", "/etc/passwd") }, "absolute", NULL },
	{ "a hard link through a link", { LINK_("l", "../outside"), HARD_("h", "l/file") }, "links are not followed", NULL },
	{ "a hard link to a link", { LINK_("l", "../outside/file"), HARD_("h", "l"), FILE_("h", "x") }, "no regular file", NULL },
	{ "a hard link to a directory", { DIR_("d"), HARD_("h", "d") }, "no regular file", NULL },
	{ "a hard link to the root", { HARD_("h", ".") }, "no regular file", NULL },
	{ "a hard link to nothing", { HARD_("h", "gone") }, "no regular file", NULL },
	{ "a hard link to a fifo", { FIFO_("p"), HARD_("h", "p") }, "no regular file", NULL },
	{ "a hard link to a file", { FILE_("f", "mine"), HARD_("g", "f") }, NULL, hard_pair },
	{ "a hard link to itself", { FILE_("f", "mine"), HARD_("f", "f") }, NULL, file_mine },
	{ "a file under a file", { FILE_("f", "mine"), FILE_("f/x", "x") }, "no directory", NULL },
	{ "a fifo that a file replaces", { FIFO_("f"), FILE_("f", "mine") }, NULL, file_mine },
	{ "a file that is a directory and a file again", { FILE_("a", "one"), DIR_("a"), FILE_("a/x", "two"), FILE_("a", "three") }, NULL,
	  back_to_file },
	{ "the root as a file", { FILE_(".", "x") }, "root of the archive", NULL },
	{ "the root as a link", { LINK_("./", "/etc") }, "root of the archive", NULL },
	{ "names with dots and slashes", { FILE_("./a//./b/f", "mine") }, NULL, clean_names },
	{ "a name in no known alphabet", { FILE_("n\xc3\xa4m\xe9", "mine") }, NULL, foreign_name },
	{ "links are kept as they are", { LINK_("l", "../outside"), LINK_("m", "/") }, NULL, links_kept },
	{ "a directory keeps its time", { DIR_("d"), FILE_("d/x", "mine") }, NULL, old_dir_time },
	{ "device nodes", { DEVICE_("null"), DEVICE_("dev/sda"), FILE_("f", "mine") }, NULL, no_devices },
	{ "a whiteout", { FILE_(".wh.x", "") }, NULL, hidden_x },
	{ "a whiteout below", { FILE_("d/.wh.x", "") }, NULL, deep_hidden },
	{ "a whiteout of nothing", { FILE_(".wh.", "") }, "nothing that can be hidden", NULL },
	{ "a whiteout of '.'", { FILE_(".wh..", "") }, "nothing that can be hidden", NULL },
	{ "a whiteout of '..'", { FILE_("d/.wh...", "") }, "nothing that can be hidden", NULL },
	{ "a whiteout as a directory", { FILE_(".wh.x/y", "") }, "used as a directory", NULL },
	{ "a whiteout of '..' as a directory", { FILE_(".wh.../outside/y", "") }, "used as a directory", NULL },
	{ "a whiteout through a link", { LINK_("l", "../outside"), FILE_("l/.wh.file", "") }, "links are not followed", NULL },
	{ "an opaque mark through a link", { LINK_("l", "../outside"), FILE_("l/.wh..wh..opq", "") }, "links are not followed", NULL },
	{ "a hard link to a whiteout", { FILE_(".wh.x", ""), HARD_("h", "x") }, "no regular file", NULL },
	{ "a whiteout after its file", { FILE_("f", "mine"), FILE_(".wh.f", "") }, NULL, file_mine },
	{ "a whiteout before its file", { FILE_(".wh.f", ""), FILE_("f", "mine") }, NULL, file_mine },
	{ "a whiteout after its directory", { DIR_("d"), FILE_(".wh.d", "") }, NULL, opaque_d },
	{ "a whiteout before its directory", { FILE_(".wh.d", ""), DIR_("d"), FILE_("d/f", "mine") }, NULL, opaque_d_with_file },
	{ "a whiteout on the way", { FILE_(".wh.d", ""), FILE_("d/f", "mine") }, NULL, opaque_d_with_file },
	{ "an opaque directory", { DIR_("d"), FILE_("d/.wh..wh..opq", ""), FILE_("d/f", "mine") }, NULL, opaque_d_with_file },
	{ "an opaque root", { FILE_(".wh..wh..opq", "") }, NULL, opaque_root },
	{ "files of aufs", { DIR_(".wh..wh.plnk"), FILE_(".wh..wh.plnk/1.2", "x"), FILE_(".wh..wh.aufs", "x") }, NULL, no_meta },
};

/* --- the three ways --- */
static int straight(const struct step *steps, size_t n, struct gate_out *o, struct gate_err *err)
{
	mode_t old = umask(0);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		int fd = -1;

		rc = gate_out_put(o, &steps[i].item, &fd, err);
		if (fd >= 0) {
			assert_int_equal(write(fd, steps[i].text, strlen(steps[i].text)), (ssize_t)strlen(steps[i].text));
			rc = gate_out_finish(o, &steps[i].item, fd, err);
		}
	}
	if (rc == 0)
		rc = gate_out_end(o, err);
	umask(old);
	return rc;
}

static void add_entry(struct archive *a, const struct gate_item *item, const char *text)
{
	static const mode_t kinds[] = { [GATE_ITEM_FILE] = AE_IFREG, [GATE_ITEM_DIRECTORY] = AE_IFDIR, [GATE_ITEM_SYMLINK] = AE_IFLNK,
		                        [GATE_ITEM_HARDLINK] = AE_IFREG, [GATE_ITEM_FIFO] = AE_IFIFO, [GATE_ITEM_DEVICE] = AE_IFBLK };
	struct archive_entry *e = archive_entry_new();
	size_t len = text != NULL ? strlen(text) : 0;

	archive_entry_copy_pathname(e, item->path);
	archive_entry_set_filetype(e, kinds[item->kind]);
	archive_entry_set_perm(e, item->mode);
	archive_entry_set_mtime(e, item->mtime, 0);
	archive_entry_set_uid(e, item->uid);
	archive_entry_set_gid(e, item->gid);
	archive_entry_set_size(e, (la_int64_t)len);
	if (item->kind == GATE_ITEM_SYMLINK)
		archive_entry_copy_symlink(e, item->link);
	if (item->kind == GATE_ITEM_HARDLINK)
		archive_entry_copy_hardlink(e, item->link);
	if (item->kind == GATE_ITEM_DEVICE)
		archive_entry_set_rdev(e, makedev(8, 0));
	for (size_t i = 0; i < item->n_xattrs; i++)
		archive_entry_xattr_add_entry(e, item->xattrs[i].name, item->xattrs[i].value, item->xattrs[i].len);
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
	if (len > 0)
		assert_int_equal(archive_write_data(a, text, len), (la_ssize_t)len);
	archive_entry_free(e);
}

static struct archive *start_tar(int fd, const char *packer)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
	archive_write_set_options(a, "hdrcharset=BINARY");
	if (packer != NULL)
		assert_int_equal(archive_write_add_filter_by_name(a, packer), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	return a;
}

static void end_tar(struct archive *a, int fd)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	lseek(fd, 0, SEEK_SET);
}

static int tar_of(const struct step *steps, size_t n, const char *packer)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct archive *a = start_tar(fd, packer);

	for (size_t i = 0; i < n; i++)
		add_entry(a, &steps[i].item, steps[i].text);
	end_tar(a, fd);
	return fd;
}

static int boxed(const struct step *steps, size_t n, struct gate_unpacked *done, struct gate_err *err)
{
	const struct gate_unpack how = { .layer = true };
	int tar = tar_of(steps, n, "gzip"), rc = gate_unpack(tar, layer, &how, done, err);

	close(tar);
	return rc;
}

static void judge(const struct hostile *h, const char *way, int rc, const struct gate_err *err, const struct gate_digest *before)
{
	struct gate_digest after = outside();

	if (memcmp(&after, before, sizeof(after)) != 0)
		fail_msg("%s (%s): something outside was changed", h->name, way);
	if (h->refused == NULL && rc < 0)
		fail_msg("%s (%s): refused: %s", h->name, way, err->text);
	if (h->refused != NULL && rc == 0)
		fail_msg("%s (%s): taken", h->name, way);
	if (h->refused != NULL && strstr(err->text, h->refused) == NULL)
		fail_msg("%s (%s): refused with '%s', without '%s'", h->name, way, err->text, h->refused);
	if (h->check != NULL && !h->check())
		fail_msg("%s (%s): not what it should be", h->name, way);
}

static size_t count(const struct hostile *h)
{
	size_t n = 0;

	while (n < GATE_ARRAY_LEN(h->steps) && h->steps[n].item.path != NULL)
		n++;
	return n;
}

static void the_writer_alone_lets_nothing_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(cases); i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_out o;

		fresh_layer(geteuid());
		struct gate_digest before = outside();

		gate_out_init(&o, layer, true, geteuid() == 0);
		int rc = straight(cases[i].steps, count(&cases[i]), &o, &err);

		gate_out_done(&o);
		judge(&cases[i], "writer", rc, &err, &before);
	}
}

static void archives_are_unpacked_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(cases); i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_unpacked done = { 0 };

		fresh_layer(geteuid());
		struct gate_digest before = outside();
		int rc = boxed(cases[i].steps, count(&cases[i]), &done, &err);

		judge(&cases[i], "boxed", rc, &err, &before);
		if (strcmp(cases[i].name, "device nodes") == 0)
			assert_int_equal(done.devices, 2);
	}
}

static bool others_have_namespaces(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setgroups(0, NULL) < 0 || setresgid(OTHER, OTHER, OTHER) < 0 || setresuid(OTHER, OTHER, OTHER) < 0 ||
		      unshare(CLONE_NEWUSER) < 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static void archives_are_unpacked_or_refused_without_root(void **state)
{
	(void)state;
	if (geteuid() != 0 || !others_have_namespaces()) {
		print_message("skipped: needs root, to become somebody else, who may make a user namespace\n");
		skip();
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(cases); i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_unpacked done = { 0 };

		fresh_layer(OTHER);
		struct gate_digest before = outside();

		assert_int_equal(setresgid(-1, OTHER, 0), 0);
		assert_int_equal(setresuid(-1, OTHER, 0), 0);
		int rc = boxed(cases[i].steps, count(&cases[i]), &done, &err);

		assert_int_equal(setresuid(-1, 0, 0), 0);
		assert_int_equal(setresgid(-1, 0, 0), 0);
		judge(&cases[i], "without root", rc, &err, &before);
	}
}

/* --- attributes, owners, modes --- */
static void only_harmless_attributes_are_kept(void **state)
{
	static const struct gate_item_xattr xattrs[] = {
		{ "user.kept", "1", 1 },
		{ "user.overlay.redirect", "/etc", 4 },
		{ "user.overlay.opaque", "y", 1 },
		{ "trusted.overlay.redirect", "/etc", 4 },
		{ "trusted.other", "1", 1 },
		{ "security.selinux", "x", 1 },
	};
	const struct step steps[] = { { { .kind = GATE_ITEM_DIRECTORY, .path = "d", .mode = 0755, .xattrs = xattrs, .n_xattrs = 6 }, NULL } };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_unpacked done;
	char names[256];

	(void)state;
	fresh_layer(geteuid());
	assert_int_equal(boxed(steps, 1, &done, &err), 0);
	int fd = openat(layer, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1)
		if (strcmp(p, "user.kept") != 0 && strncmp(p, "system.", 7) != 0 && strcmp(p, "security.selinux") != 0)
			fail_msg("the attribute '%s' was kept", p);
	assert_true(fgetxattr(fd, "user.kept", names, sizeof(names)) == 1 || done.xattrs == 1); /* tmpfs before 6.6 has none */
	close(fd);
}

static void root_keeps_owners_and_modes(void **state)
{
	const struct step steps[] = {
		{ { .kind = GATE_ITEM_FILE, .path = "suid", .mode = 04755, .uid = 1234, .gid = 2345, .mtime = 77 }, "x" },
		{ { .kind = GATE_ITEM_DIRECTORY, .path = "sticky", .mode = 01777, .uid = 5, .gid = 6 }, NULL },
		{ { .kind = GATE_ITEM_SYMLINK, .path = "link", .link = "suid", .uid = 7, .gid = 8, .mode = 0777 }, NULL },
		{ { .kind = GATE_ITEM_DIRECTORY, .path = "closed", .mode = 0, .uid = 5, .gid = 6 }, NULL },
		{ { .kind = GATE_ITEM_FILE, .path = "closed/f", .mode = 0, .uid = 5, .gid = 6 }, "x" },
	};
	struct gate_err err = GATE_ERR_INIT;
	struct gate_unpacked done;
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	fresh_layer(0);
	assert_int_equal(boxed(steps, 5, &done, &err), 0);
	assert_int_equal(fstatat(layer, "suid", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 2345);
	assert_int_equal(st.st_mtim.tv_sec, 77);
	assert_int_equal(fstatat(layer, "sticky", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(fstatat(layer, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(done.bytes, 2);
	assert_int_equal(done.entries, 5);
}

static void impossible_owners_are_refused(void **state)
{
	const struct step steps[] = { { { .kind = GATE_ITEM_FILE, .path = "f", .mode = 0644, .uid = 0xffffffffll }, "x" } };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_unpacked done;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	fresh_layer(0);
	assert_int_equal(boxed(steps, 1, &done, &err), -1);
	assert_non_null(strstr(err.text, "no user and group"));
}

/* --- size --- */
static void a_hundred_thousand_entries_are_fine(void **state)
{
	const struct gate_unpack how = { .layer = true }, less = { .layer = true, .max_entries = 999 };
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct archive *a = start_tar(fd, "zstd");
	struct gate_err err = GATE_ERR_INIT;
	struct gate_unpacked done;
	char path[64], target[64];

	(void)state;
	/* Four files, and names of them: making inodes is slow on some disks. */
	for (unsigned i = 0; i < 100000; i++) {
		struct gate_item item = { .kind = i < 4 ? GATE_ITEM_FILE : GATE_ITEM_HARDLINK, .path = path, .link = target,
			                  .mode = 0644, .uid = geteuid(), .gid = getegid() };

		snprintf(path, sizeof(path), "d%u/f%u", i % 4, i);
		snprintf(target, sizeof(target), "d%u/f%u", i % 4, i % 4);
		add_entry(a, &item, NULL);
	}
	end_tar(a, fd);
	fresh_layer(geteuid());
	assert_int_equal(gate_unpack(fd, layer, &how, &done, &err), 0);
	assert_int_equal(done.entries, 100000);
	fresh_layer(geteuid());
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(gate_unpack(fd, layer, &less, &done, &err), -1);
	assert_non_null(strstr(err.text, "more than 999 entries"));
	close(fd);
	fresh_layer(geteuid());
}

static void depth_has_an_end_and_is_removed(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_unpacked done;

	(void)state;
	for (unsigned i = 0; i < GATE_OUT_DEPTH - 1; i++)
		gate_buf_puts(&path, "d/");
	gate_buf_puts(&path, "f");
	const struct step fits[] = { FILE_(path.data, "mine") };

	fresh_layer(geteuid());
	assert_int_equal(boxed(fits, 1, &done, &err), 0);
	gate_buf_done(&path);
	for (unsigned i = 0; i < 4096; i++)
		gate_buf_puts(&path, "d/");
	const struct step deep[] = { DIR_(path.data) };

	fresh_layer(geteuid()); /* which removes the 512 levels */
	assert_int_equal(boxed(deep, 1, &done, &err), -1);
	assert_non_null(strstr(err.text, "deeper than"));
	gate_buf_done(&path);
	for (unsigned i = 0; i < 300; i++)
		gate_buf_puts(&path, "n");
	const struct step wide[] = { DIR_(path.data) };
	struct gate_err other = GATE_ERR_INIT;

	fresh_layer(geteuid());
	assert_int_equal(boxed(wide, 1, &done, &other), -1);
	assert_non_null(strstr(other.text, "more than 255 bytes"));
}

/* Paths longer than PATH_MAX, with few descriptors. */
static void trees_of_any_depth_are_removed(void **state)
{
	static const char name[] = "a-directory-with-a-name-that-is-not-short-at-all-for-once";
	struct rlimit old, few;
	int at;

	(void)state;
	fresh_layer(geteuid());
	at = dup(layer);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(mkdirat(at, name, 0755), 0);
		assert_int_equal(mkdirat(at, "e", 0755), 0);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(at);
		at = next;
	}
	close(at);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 24;
	setrlimit(RLIMIT_NOFILE, &few);
	int rc = gate_out_remove(layer, name, NULL);

	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(rc, 0);
	assert_true(is_missing(name));
}

static int tar_of_zeros(size_t size, const char *packer)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct archive *a = start_tar(fd, packer);
	char *zeros = calloc(1, size + 1);
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, "zeros");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)size);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, zeros, size), (la_ssize_t)size);
	archive_entry_free(e);
	end_tar(a, fd);
	free(zeros);
	return fd;
}

static void bombs_are_stopped(void **state)
{
	const struct gate_unpack small = { .layer = true, .max_bytes = 1 << 20 }, ratio = { .layer = true, .free_bytes = 1 << 20, .ratio = 100 };
	struct gate_unpacked done;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct gate_err err = GATE_ERR_INIT;
		int fd = tar_of_zeros(8u << 20, i == 0 ? "gzip" : "zstd");

		fresh_layer(geteuid());
		assert_int_equal(gate_unpack(fd, layer, &small, &done, &err), -1);
		assert_int_equal(err.code, GATE_E_LIMIT);
		assert_non_null(strstr(err.text, "more than 1048576 bytes"));
		err = (struct gate_err)GATE_ERR_INIT;
		lseek(fd, 0, SEEK_SET);
		fresh_layer(geteuid());
		assert_int_equal(gate_unpack(fd, layer, &ratio, &done, &err), -1);
		assert_int_equal(err.code, GATE_E_LIMIT);
		assert_non_null(strstr(err.text, "100 times its size"));
		close(fd);
	}
}

/* --- damage --- */
static void damaged_archives_are_refused_and_leave_no_process(void **state)
{
	const char *const packers[] = { "gzip", "zstd", NULL };
	struct gate_unpacked done;

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(packers); i++) {
		int fd = memfd_create("tar", MFD_CLOEXEC);
		struct archive *a = start_tar(fd, packers[i]);
		char noise[200001];
		uint32_t x = 1;

		for (size_t k = 0; k < sizeof(noise) - 1; k++) {
			x = x * 1664525 + 1013904223;
			noise[k] = (char)(1 + (x >> 24) % 255);
		}
		noise[sizeof(noise) - 1] = '\0';
		add_entry(a, &(struct gate_item){ .kind = GATE_ITEM_FILE, .path = "f", .mode = 0644, .uid = geteuid(), .gid = getegid() }, noise);
		end_tar(a, fd);
		struct stat st;

		fstat(fd, &st);
		for (off_t at = 1; at < st.st_size - 12000; at += 23456) {
			struct gate_err err = GATE_ERR_INIT;

			assert_int_equal(ftruncate(fd, st.st_size - 11000 - at), 0);
			lseek(fd, 0, SEEK_SET);
			fresh_layer(geteuid());
			if (gate_unpack(fd, layer, &(struct gate_unpack){ .layer = true }, &done, &err) == 0)
				fail_msg("%s cut short by %lld was taken", packers[i] != NULL ? packers[i] : "tar", (long long)at);
			assert_true(err.text[0] != '\0');
			assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* ECHILD: none is left */
		}
		close(fd);
	}
}

static void what_is_no_archive_is_said(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} rows[] = {
		{ "", 0, "empty" },
		{ "hello, I am a text, and long enough for nobody to take me for anything else", 75, "no tar archive" },
		{ "\xfd" "7zXZ\0rest", 10, "packed with xz" },
		{ "BZh91AY&SY", 10, "packed with bzip2" },
		{ "\x1f\x8b\x08\0\0\0\0\0\0\xff" "garbage", 17, "" },
	};
	struct gate_unpacked done;

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;
		int fd = memfd_create("tar", MFD_CLOEXEC);

		assert_int_equal(write(fd, rows[i].bytes, rows[i].len), (ssize_t)rows[i].len);
		lseek(fd, 0, SEEK_SET);
		fresh_layer(geteuid());
		assert_int_equal(gate_unpack(fd, layer, &(struct gate_unpack){ .layer = true }, &done, &err), -1);
		if (strstr(err.text, rows[i].why) == NULL)
			fail_msg("row %zu: '%s' does not say '%s'", i, err.text, rows[i].why);
		close(fd);
	}
}

static void the_digest_is_that_of_the_plain_archive(void **state)
{
	const struct step steps[] = { FILE_("f", "mine") };
	struct gate_unpacked plain, packed;
	struct gate_digest is;
	char bytes[65536];
	int fd = tar_of(steps, 1, NULL);
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	(void)state;
	gate_digest_bytes(bytes, (size_t)n, &is);
	fresh_layer(geteuid());
	assert_int_equal(gate_unpack(fd, layer, &(struct gate_unpack){ .layer = true }, &plain, NULL), 0);
	close(fd);
	fresh_layer(geteuid());
	assert_int_equal(boxed(steps, 1, &packed, NULL), 0);
	assert_memory_equal(&plain.diff, &is, sizeof(is));
	assert_int_equal(plain.bytes, 4);
	assert_int_equal(packed.bytes, 4);
}

static void descriptors_are_as_many_as_before(void **state)
{
	const struct step bad[] = { FILE_("../x", "x") }, good[] = { FILE_("x", "x") };
	struct gate_unpacked done;
	int before, after;

	(void)state;
	fresh_layer(geteuid());
	before = dup(0);
	close(before);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(boxed(bad, 1, &done, NULL), -1);
		assert_int_equal(boxed(good, 1, &done, NULL), 0);
	}
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_writer_alone_lets_nothing_out),
		cmocka_unit_test(archives_are_unpacked_or_refused),
		cmocka_unit_test(archives_are_unpacked_or_refused_without_root),
		cmocka_unit_test(only_harmless_attributes_are_kept),
		cmocka_unit_test(root_keeps_owners_and_modes),
		cmocka_unit_test(impossible_owners_are_refused),
		cmocka_unit_test(a_hundred_thousand_entries_are_fine),
		cmocka_unit_test(depth_has_an_end_and_is_removed),
		cmocka_unit_test(trees_of_any_depth_are_removed),
		cmocka_unit_test(bombs_are_stopped),
		cmocka_unit_test(damaged_archives_are_refused_and_leave_no_process),
		cmocka_unit_test(what_is_no_archive_is_said),
		cmocka_unit_test(the_digest_is_that_of_the_plain_archive),
		cmocka_unit_test(descriptors_are_as_many_as_before),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
