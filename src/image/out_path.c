/* Names that somebody else chose, beneath a directory that is ours. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/out.h"

static int add_component(char *to, size_t *len, const char *from, size_t n, struct gate_err *err)
{
	if (n == 2 && from[0] == '.' && from[1] == '.')
		return GATE_FAIL(err, GATE_E_INVALID, "the name leads out of its directory ('..')");
	if (n > 255)
		return GATE_FAIL(err, GATE_E_LIMIT, "the name has a part of more than 255 bytes");
	if (*len + 1 + n >= GATE_OUT_PATH)
		return GATE_FAIL(err, GATE_E_LIMIT, "the name is longer than %d bytes", GATE_OUT_PATH - 1);
	if (*len > 0)
		to[(*len)++] = '/';
	memcpy(to + *len, from, n);
	*len += n;
	to[*len] = '\0';
	return 0;
}

int gate_out_clean(const char *path, char ret[GATE_OUT_PATH], struct gate_err *err)
{
	size_t len = 0, depth = 0;

	ret[0] = '\0';
	if (path[0] == '\0')
		return GATE_FAIL(err, GATE_E_INVALID, "an entry has no name");
	if (path[0] == '/')
		return GATE_FAIL(err, GATE_E_INVALID, "the name is absolute");
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");

		if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (++depth > GATE_OUT_DEPTH)
				return GATE_FAIL(err, GATE_E_LIMIT, "the name is deeper than %d directories",
				                 GATE_OUT_DEPTH);
			if (add_component(ret, &len, p, n, err) < 0)
				return -1;
		}
		p += n + (p[n] == '/');
	}
	return 0;
}

int gate_out_is_whiteout(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

int gate_out_opaque(int parent, const char *name, struct gate_err *err)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc;

	if (fd < 0)
		return GATE_FAIL_SYS(err, "opening a directory to hide what is below it");
	/* overlayfs looks at trusted.* unless it is mounted with userxattr, which only a user namespace needs (5.11). */
	rc = fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0);
	if (rc < 0 && errno == EPERM)
		rc = fsetxattr(fd, "user.overlay.opaque", "y", 1, 0);
	if (rc < 0)
		rc = GATE_FAIL_SYS(err, "this file system takes no mark for a hidden directory (extended attributes)");
	(void)close(fd);
	return rc;
}

/* The next directory on the way. */
static int step(int at, const char *name, bool make, struct gate_err *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	bool hidden = false;
	int fd = openat(at, name, flags);

	if (fd < 0 && errno == ENOTDIR && make && gate_out_is_whiteout(at, name)) {
		hidden = true;
		if (unlinkat(at, name, 0) < 0)
			return GATE_FAIL_SYS(err, "replacing a whiteout");
		errno = ENOENT;
	}
	if (fd < 0 && errno == ENOENT && make) {
		if (mkdirat(at, name, 0755) < 0)
			return GATE_FAIL_SYS(err, "making a directory");
		if (hidden && gate_out_opaque(at, name, err) < 0)
			return -1;
		fd = openat(at, name, flags);
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' on the way is no directory (links are not followed)", name);
	if (fd < 0 && errno == ENOENT)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "'%s' on the way does not exist", name);
	return fd < 0 ? GATE_FAIL_SYS(err, "opening '%s' on the way", name) : fd;
}

int gate_out_open(int root, const char *path, bool make, int *ret, struct gate_err *err)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	char name[256];
	int at, next;

	at = (int)syscall(SYS_openat2, root, path[0] != '\0' ? path : ".", &how, sizeof(how));
	if (at >= 0) {
		*ret = at;
		return 0;
	}
	/* Missing, hostile, or a kernel or a filter without openat2 (before 5.6): step by step, which also says what it is. */
	at = fcntl(root, F_DUPFD_CLOEXEC, 3);
	if (at < 0)
		return GATE_FAIL_SYS(err, "holding a directory");
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");

		GATE_CHECK(n < sizeof(name));
		memcpy(name, p, n);
		name[n] = '\0';
		next = step(at, name, make, err);
		(void)close(at);
		if (next < 0)
			return -1;
		at = next;
		p += n + (p[n] == '/');
	}
	*ret = at;
	return 0;
}

int gate_out_open_file(int root, const char *path, int *ret, struct gate_err *err)
{
	char clean[GATE_OUT_PATH];
	struct stat st;
	int dir, fd;

	if (gate_out_clean(path, clean, err) < 0)
		return -1;
	char *slash = strrchr(clean, '/');
	const char *name = slash != NULL ? slash + 1 : clean;

	if (slash != NULL)
		*slash = '\0';
	if (gate_out_open(root, slash != NULL ? clean : "", false, &dir, err) < 0)
		return -1;
	/* O_NONBLOCK: a fifo must not hold us up. */
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	(void)close(dir);
	if (fd < 0 && errno == ENOENT)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no '%s'", name);
	if (fd < 0 && errno == ELOOP)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is a symbolic link", name);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "opening '%s'", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is no regular file", name);
	}
	*ret = fd;
	return 0;
}

/* Moves a directory that is not empty up into `top`, so that no path grows with the tree. */
static int lift(int top, int at, const char *name, uint64_t *counter)
{
	char up[64];
	int rc;

	do {
		(void)snprintf(up, sizeof(up), ".callgate-removed-%llu", (unsigned long long)(*counter)++);
		rc = renameat(at, name, top, up);
	} while (rc < 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) && *counter < UINT64_MAX);
	return rc;
}

/* Empties the directory `name` of `at`; what has content of its own goes up into `top` (top == that directory: stays). */
static int empty(int top, int at, const char *name, uint64_t *counter, bool *again)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	for (struct dirent *e; rc == 0 && (e = readdir(dir)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if ((errno != EISDIR && errno != EPERM) || unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0) {
			rc = errno == EISDIR || errno == EPERM ? 0 : -1;
			continue;
		}
		if (errno != ENOTEMPTY && errno != EEXIST)
			rc = -1;
		else if (top >= 0)
			rc = lift(top, fd, e->d_name, counter);
		else if ((rc = empty(fd, fd, e->d_name, counter, again)) == 0)
			rc = unlinkat(fd, e->d_name, AT_REMOVEDIR);
		*again = true;
	}
	(void)closedir(dir);
	return rc;
}

int gate_out_remove(int parent, const char *name, struct gate_err *err)
{
	uint64_t counter = 0;
	bool again = true;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT || unlinkat(parent, name, AT_REMOVEDIR) == 0)
		return 0;
	while (again) { /* until a pass finds no directory that has content */
		again = false;
		if (empty(-1, parent, name, &counter, &again) < 0)
			return GATE_FAIL_SYS(err, "emptying a directory");
	}
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return GATE_FAIL_SYS(err, "removing a directory");
	return 0;
}
