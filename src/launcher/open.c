/* Opening for those without rights. Names come from outside and lead to files that root trusts (profiles) or that tasks
 * change while we look (sandboxes): nothing is followed, and what was judged is what is handed out. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/launcher.h"

#define PROFILE_MAX (1 << 20)

/* --- one name after the other --- */
/* No component may be a link, "..", or a mount: where the kernel has no openat2(2) (before 5.6) or a filter above us says so. */
static int walk(int top, const char *path)
{
	struct stat before, now;
	int at = openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at < 0 || fstat(at, &before) < 0)
		goto fail;
	while (*path != '\0') {
		size_t len = strcspn(path, "/");
		char name[NAME_MAX + 1];

		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			goto fail;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
		path += len;
		path += *path == '/';
		int next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (*path != '\0' ? O_DIRECTORY : 0));

		(void)close(at);
		at = next;
		if (at < 0 || fstat(at, &now) < 0)
			goto fail;
		errno = S_ISLNK(now.st_mode) ? ELOOP : EXDEV;
		if (S_ISLNK(now.st_mode) || now.st_dev != before.st_dev)
			goto fail;
	}
	return at;
fail:
	if (at >= 0) {
		int saved = errno;

		(void)close(at);
		errno = saved;
	}
	return -1;
}

/* An O_PATH descriptor: nothing has been opened yet that could notice (a fifo, a device). */
static int resolve(const struct gate_opener *o, int top, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		                .resolve =
		                    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
	long fd = -1;

	if (*path == '\0')
		return openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	errno = ENOSYS;
	if (!o->plain)
		do
			fd = syscall(SYS_openat2, top, path, &how, sizeof(how));
		while (fd < 0 && errno == EAGAIN); /* somebody renamed beneath: the kernel could not tell */
	return fd < 0 && errno == ENOSYS ? walk(top, path) : (int)fd;
}

/* What the O_PATH descriptor is of, opened for reading; takes the descriptor. */
static int reopen(int path, int flags)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", path);
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags), saved = errno;

	(void)close(path);
	errno = saved;
	return fd;
}

/* "a", "a/b.json": no empty part, no "." nor "..", not absolute. */
static int check_name(const char *what, const char *name, struct gate_err *err)
{
	if (name[0] == '/')
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' cannot name a %s: it is absolute", name, what);
	if (strlen(name) >= PATH_MAX)
		return GATE_FAIL(err, GATE_E_INVALID, "the name of a %s is too long", what);
	for (const char *part = name;; part++) {
		size_t len = strcspn(part, "/");

		if (len == 2 && memcmp(part, "..", 2) == 0)
			return GATE_FAIL(err, GATE_E_INVALID, "'%s' cannot name a %s: it has '..' in it", name, what);
		if (len == 0 || (len == 1 && part[0] == '.'))
			return GATE_FAIL(err, GATE_E_INVALID, "'%s' cannot name a %s: a part of it is empty or '.'",
			                 name, what);
		part += len;
		if (*part == '\0')
			return 0;
	}
}

static int unreachable(const char *what, const char *name, struct gate_err *err)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no %s '%s'", what, name);
	case ELOOP:
		return GATE_FAIL(err, GATE_E_DENIED, "the %s '%s' is reached through a symbolic link", what, name);
	case EXDEV:
		return GATE_FAIL(err, GATE_E_DENIED, "the %s '%s' lies on another file system", what, name);
	default:
		return GATE_FAIL_SYS(err, "cannot open the %s '%s'", what, name);
	}
}

/* --- profiles --- */
static int check_owner(const char *what, const char *name, const struct stat *st, struct gate_err *err)
{
	if (st->st_uid != 0)
		return GATE_FAIL(err, GATE_E_DENIED, "the %s '%s' belongs to user %u, not to root", what, name,
		                 st->st_uid);
	if ((st->st_mode & 022) != 0)
		return GATE_FAIL(err, GATE_E_DENIED, "the %s '%s' can be written by %s (mode %04o)", what, name,
		                 (st->st_mode & 002) != 0 ? "everybody" : "its group", st->st_mode & 07777);
	return 0;
}

static int check_directory(const struct gate_opener *o, const char *name, struct gate_err *err)
{
	struct stat st;
	int fd = resolve(o, o->dir, name);

	if (fd < 0)
		return unreachable("directory", name, err);
	int result = fstat(fd, &st);

	(void)close(fd);
	if (result < 0)
		return GATE_FAIL_SYS(err, "cannot look at the directory '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return GATE_FAIL(err, S_ISLNK(st.st_mode) ? GATE_E_DENIED : GATE_E_NOTFOUND,
		                 S_ISLNK(st.st_mode) ? "'%s' is a symbolic link" : "'%s' is not a directory", name);
	return check_owner("directory", name[0] != '\0' ? name : o->path, &st, err);
}

/* The config directory itself, and each one on the way from there. */
static int check_way(const struct gate_opener *o, const char *name, struct gate_err *err)
{
	char way[PATH_MAX];

	if (check_directory(o, "", err) < 0)
		return -1;
	for (const char *slash = name; (slash = strchr(slash, '/')) != NULL; slash++) {
		(void)snprintf(way, sizeof(way), "%.*s", (int)(slash - name), name);
		if (check_directory(o, way, err) < 0)
			return -1;
	}
	return 0;
}

static int check_file(const char *name, const struct stat *st, struct gate_err *err)
{
	if (S_ISLNK(st->st_mode))
		return GATE_FAIL(err, GATE_E_DENIED, "the profile '%s' is a symbolic link", name);
	if (!S_ISREG(st->st_mode))
		return GATE_FAIL(err, GATE_E_DENIED, "the profile '%s' is not a regular file", name);
	if (check_owner("profile", name, st, err) < 0)
		return -1;
	/* Another name may lie where somebody else can write. */
	if (st->st_nlink != 1)
		return GATE_FAIL(err, GATE_E_DENIED, "the profile '%s' has %lu names (hard links)", name,
		                 (unsigned long)st->st_nlink);
	if (st->st_size > PROFILE_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "the profile '%s' is larger than 1 MiB", name);
	return 0;
}

static int check_dir(const struct gate_opener *o, struct gate_err *err)
{
	return o->dir >= 0
	           ? 0
	           : GATE_FAIL(err, GATE_E_NOTFOUND, "there is no directory of profiles (--seccomp_config_dir)");
}

int gate_open_profile(const struct gate_opener *o, const char *name, int *ret, struct gate_err *err)
{
	struct stat st;

	if (check_dir(o, err) < 0 || check_name("profile", name, err) < 0 || check_way(o, name, err) < 0)
		return -1;
	int fd = resolve(o, o->dir, name);

	if (fd < 0)
		return unreachable("profile", name, err);
	int result = fstat(fd, &st) < 0 ? GATE_FAIL_SYS(err, "cannot look at the profile '%s'", name)
	                                : check_file(name, &st, err);
	if (result < 0) {
		(void)close(fd);
		return -1;
	}
	fd = reopen(fd, 0);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open the profile '%s'", name);
	*ret = fd;
	return 0;
}

int gate_open_profiles(const struct gate_opener *o, const char *dir, int *ret, struct gate_err *err)
{
	if (check_dir(o, err) < 0 || (dir[0] != '\0' && check_name("directory of profiles", dir, err) < 0) ||
	    check_way(o, dir, err) < 0 || (dir[0] != '\0' && check_directory(o, dir, err) < 0))
		return -1;
	int fd = resolve(o, o->dir, dir);

	if (fd < 0 || (fd = reopen(fd, O_DIRECTORY)) < 0)
		return unreachable("directory of profiles", dir, err);
	*ret = fd;
	return 0;
}

/* --- a task's own --- */
int gate_open_beneath(const struct gate_opener *o, int top, const char *path, int *ret, struct gate_err *err)
{
	struct stat st;

	if (path[0] != '\0' && check_name("file of a sandbox", path, err) < 0)
		return -1;
	int fd = resolve(o, top, path);

	if (fd < 0)
		return unreachable("file", path, err);
	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
		(void)close(fd);
		return GATE_FAIL(err, GATE_E_DENIED, "'%s' is neither a regular file nor a directory", path);
	}
	fd = reopen(fd, S_ISDIR(st.st_mode) ? O_DIRECTORY : 0);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open '%s'", path);
	*ret = fd;
	return 0;
}

/* --- the config directory --- */
/* Whoever may rename a directory on the way may put another one there. The sticky bit keeps others from that. */
static int check_above(const char *path, struct gate_err *err)
{
	char way[PATH_MAX], *slash;
	struct stat st;

	(void)snprintf(way, sizeof(way), "%s", path);
	while ((slash = strrchr(way, '/')) != NULL && slash != way) {
		*slash = '\0';
		if (lstat(way, &st) < 0)
			return GATE_FAIL_SYS(err, "cannot look at '%s'", way);
		if (st.st_uid != 0 || ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))
			return GATE_FAIL(
			    err, GATE_E_DENIED,
			    "the directory of profiles '%s' is not safe: others than root may change '%s', "
			    "which leads there",
			    path, way);
	}
	return 0;
}

int gate_opener_init(const char *config_dir, struct gate_opener *ret, struct gate_err *err)
{
	struct gate_opener o = { .dir = -1, .path = config_dir };
	char real[PATH_MAX];

	if (config_dir == NULL) {
		*ret = o;
		return 0;
	}
	if (realpath(config_dir, real) == NULL)
		return GATE_FAIL_SYS(err, "cannot find the directory of profiles '%s'", config_dir);
	if (check_above(real, err) < 0)
		return -1;
	o.dir = open(real, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (o.dir < 0)
		return GATE_FAIL_SYS(err, "cannot open the directory of profiles '%s'", config_dir);
	if (check_directory(&o, "", err) < 0) {
		(void)close(o.dir);
		return -1;
	}
	*ret = o;
	return 0;
}

void gate_opener_done(struct gate_opener *o)
{
	if (o->dir >= 0)
		(void)close(o->dir);
	o->dir = -1;
}
