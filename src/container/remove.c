/* Deleting what a task left. It was root in there, perhaps: names, depth and number are its choice, and so are links.
 *
 * Nothing is deleted by a path. A directory that is not empty is moved up to the top before it is looked into, so two
 * descriptors are enough for any depth. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "container/store.h"
#include "container/userns.h"

/* A mount that was left behind shows files that are not the task's. */
static bool is_mount(int dir)
{
	struct statx st;

	return statx(dir, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static DIR *open_beneath(int at, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);

	/* Modes are the task's choice, too: without CAP_DAC_OVERRIDE they count. */
	if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		fd = openat(at, name, flags);
	if (fd < 0)
		return NULL;
	DIR *d = is_mount(fd) ? NULL : fdopendir(fd);

	if (d == NULL) {
		(void)close(fd);
		errno = EBUSY;
	}
	return d;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes a name: 0, or -1 with ENOTEMPTY for a directory with something in it. */
static int unlink_any(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	errno = errno == EEXIST ? ENOTEMPTY : errno == ENOTDIR ? EPERM : errno; /* EPERM: a file that is immutable */
	return -1;
}

/* Moves a directory up to `top`. EBUSY: it cannot be moved, so it is a mount. */
static int lift(int from, const char *name, int top, unsigned long *next)
{
	char to[32];

	/* The new parent is written into the directory itself: without CAP_DAC_OVERRIDE it must be writable. */
	if (fchmodat(from, name, 0700, AT_SYMLINK_NOFOLLOW) < 0 && errno == EROFS)
		return -1;
	for (;;) {
		(void)snprintf(to, sizeof(to), ".gone-%lu", (*next)++);
		if (renameat(from, name, top, to) == 0 || errno == ENOENT)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return -1;
	}
}

/* Takes everything out of one directory of `top`, and then that. */
static int flatten(int top, const char *name, unsigned long *next)
{
	DIR *d = open_beneath(top, name);
	const struct dirent *e;
	int why = 0;

	if (d == NULL)
		return errno == ENOENT ? 0 : -1;
	while (why == 0 && (e = readdir(d)) != NULL)
		if (!is_dots(e->d_name) && unlink_any(dirfd(d), e->d_name) < 0)
			why = errno == ENOTEMPTY && lift(dirfd(d), e->d_name, top, next) == 0 ? 0 : errno;
	(void)closedir(d);
	errno = why;
	return why == 0 ? unlink_any(top, name) : -1;
}

int gate_store_empty(int dir)
{
	unsigned long next = 0;
	bool again = true;

	while (again) {
		int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
		const struct dirent *e;
		int why = 0;

		if (d == NULL)
			return -1;
		for (again = false; why == 0 && (e = readdir(d)) != NULL;) {
			if (is_dots(e->d_name) || unlink_any(dir, e->d_name) == 0)
				continue;
			again = true; /* what was moved up may stand before the place that we read at */
			if (errno != ENOTEMPTY || flatten(dir, e->d_name, &next) < 0)
				why = errno == ENOTEMPTY ? 0 : errno;
		}
		(void)closedir(d);
		if (why != 0) {
			errno = why;
			return -1;
		}
	}
	return 0;
}

int gate_store_hide(struct gate_store *s, const char *id)
{
	char hidden[66];

	(void)snprintf(hidden, sizeof(hidden), ".%s", id);
	return renameat(s->containers, id, s->containers, hidden);
}

/* Without root a task's files belong to subordinate ids: only root of a user namespace that has them may delete those. */
static int empty_inside(int dir)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int why = gate_userns_enter(NULL) == 0 && gate_store_empty(dir) == 0 ? 0 : errno;

		_exit(why < 256 ? why : EIO);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0)
		errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return pid > 0 && errno == 0 ? 0 : -1;
}

static int empty(int dir)
{
	int result = gate_store_empty(dir);

	if (result < 0 && (errno == EACCES || errno == EPERM) && geteuid() != 0)
		result = empty_inside(dir);
	return result;
}

int gate_store_delete(struct gate_store *s, const char *id, struct gate_err *err)
{
	char hidden[66];

	(void)snprintf(hidden, sizeof(hidden), ".%s", id);
	int dir = openat(s->containers, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), result = 0;

	if (dir < 0)
		return errno == ENOENT ? 0 : GATE_FAIL_SYS(err, "cannot open '%s/containers/%s'", s->path, hidden);
	if (empty(dir) < 0 || (unlinkat(s->containers, hidden, AT_REMOVEDIR) < 0 && errno != ENOENT))
		result = GATE_FAIL_SYS(err, "cannot delete '%s/containers/%s'", s->path, hidden);
	(void)close(dir);
	return result;
}

/* A keeper that has written the end needs a moment for cgroups and mounts; then it lets go of the lock. */
static bool let_go(int dir)
{
	enum { TRIES = 500 };
	const struct timespec nap = { 0, 10000000 };

	for (int i = 0; i < TRIES; i++) {
		if (gate_store_held(dir) != 1)
			return true;
		(void)nanosleep(&nap, NULL);
	}
	return false;
}

void gate_store_drop_name(struct gate_store *s, const struct gate_entry *e)
{
	char id[65] = "";

	if (e->name[0] != '\0' && readlinkat(s->names, e->name, id, 64) == 64 && strcmp(id, e->id) == 0)
		(void)unlinkat(s->names, e->name, 0);
}

int gate_store_remove(struct gate_store *s, const char *id, struct gate_err *err)
{
	struct gate_entry e;
	int dir, result;

	if (gate_store_dir(s, id, &dir, err) < 0)
		return -1;
	result = gate_store_read(dir, id, &e, err);
	bool runs = result == 0 && (e.state == GATE_TASK_RUNNING || e.state == GATE_TASK_CREATED || !let_go(dir));

	(void)close(dir);
	if (result < 0)
		return -1;
	if (runs)
		return GATE_FAIL(err, GATE_E_CONFLICT, "container '%.12s' is running", id);
	if (gate_store_lock(s, err) < 0)
		return -1;
	/* First the directory: whoever is killed in between leaves a name of nobody, which the next taker or sweep drops; the
	 * other way round the task stays, and cannot be named any more. */
	result = gate_store_hide(s, id);
	int why = errno;

	if (result == 0)
		gate_store_drop_name(s, &e);
	gate_store_unlock(s);
	if (result < 0)
		return why == ENOENT ? GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%.12s'", id)
		                     : (errno = why, GATE_FAIL_SYS(err, "cannot remove container '%.12s'", id));
	return gate_store_delete(s, id, err);
}
