#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/num.h"
#include "container/rootfs.h"
#include "launch/mount_sys.h"

#define LAYERS_MAX 500 /* OVL_MAX_STACK, fs/overlayfs */

static void close_fd(int *fd)
{
	const int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}
#define AUTOCLOSE GATE_AUTO(close_fd)

static int take(int *fd)
{
	const int ret = *fd;

	*fd = -1;
	return ret;
}

/* GATE_FAIL_SYS for calls that return -errno. */
#define FAIL_SYS(err, ret, ...) (errno = -(ret), GATE_FAIL_SYS((err), __VA_ARGS__))

static int clone_tree(int fd, bool recursive)
{
	return gate_open_tree(fd, "", GATE_TREE_CLONE | (recursive ? GATE_TREE_RECURSIVE : 0));
}

/* Private: a copy of a shared mount would tell the host of everything that is mounted into it. Without mount_setattr
 * (before Linux 5.12) the child makes it private when it attaches it. -ENOSYS only where `attrs` could not be set. */
static int set_tree(int tree, bool recursive, uint64_t attrs)
{
	const struct gate_mount_attr private_too = { .set = recursive ? attrs : 0, .propagation = MS_PRIVATE };
	const struct gate_mount_attr alone = { .set = attrs };
	int ret = gate_mount_setattr(tree, true, &private_too);

	if (ret == -ENOSYS && attrs == 0)
		return 0;
	if (ret == 0 && !recursive && attrs != 0)
		ret = gate_mount_setattr(tree, false, &alone);
	return ret;
}

int gate_root_bind(const char *path, bool read_only, int *tree, struct gate_err *err)
{
	AUTOCLOSE int dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTOCLOSE int fd = -1;
	int ret;

	if (dir < 0) {
		if (errno == ENOTDIR || errno == ELOOP)
			return GATE_FAIL(err, GATE_E_INVALID, "root '%s' is not a directory, or is a symbolic link",
			                 path);
		return GATE_FAIL_SYS(err, "cannot open the root '%s'", path);
	}
	fd = clone_tree(dir, true);
	if (fd < 0)
		return FAIL_SYS(err, fd, "cannot make a mount of the root '%s'", path);
	ret = set_tree(fd, true, read_only ? GATE_ATTR_RDONLY : 0);
	if (ret == -ENOSYS)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "a read-only root of '%s' needs Linux 5.12 (mount_setattr)",
		                 path);
	if (ret < 0)
		return FAIL_SYS(err, ret, "cannot set the attributes of the root '%s'", path);
	*tree = take(&fd);
	return 0;
}

int gate_root_plain(int *tree, struct gate_err *err)
{
	AUTOCLOSE int fd = gate_open_tree(AT_FDCWD, "/", GATE_TREE_CLONE | GATE_TREE_RECURSIVE);
	int ret;

	if (fd < 0)
		return FAIL_SYS(err, fd, "cannot make a copy of the host's mounts");
	ret = set_tree(fd, false, 0);
	if (ret < 0)
		return FAIL_SYS(err, ret, "cannot make a private copy of the host's mounts");
	*tree = take(&fd);
	return 0;
}

/* --- overlay --- */

/* Layers are told by descriptor, as "/proc/self/fd/N": a path may hold what overlay's options cannot, is long, and is not
 * the task's business, which sees these options in its mountinfo. */
struct layers {
	int *fds;
	size_t n;
};

static void layers_close(struct layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		(void)close(l->fds[i]);
	free(l->fds);
}

static int layers_open(const char *const *lower, size_t n, struct layers *ret, struct gate_err *err)
{
	ret->fds = calloc(n, sizeof(int));
	if (ret->fds == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < n; i++) {
		const int fd = open(lower[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
			return GATE_FAIL(err, GATE_E_INVALID, "root '%s' is not a directory, or is a symbolic link",
			                 lower[i]);
		if (fd < 0)
			return GATE_FAIL_SYS(err, "cannot open the root '%s'", lower[i]);
		ret->fds[ret->n++] = fd;
	}
	return 0;
}

static int set_fd(int fs, const char *key, int fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return gate_fsconfig(fs, key, path);
}

/* One by one: Linux 6.8. Kernels to which overlay is an old-fashioned file system take any key, and say no at the end. */
static int lower_new(int fs, const struct layers *l)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < l->n; i++)
		ret = set_fd(fs, "lowerdir+", l->fds[i]);
	return ret;
}

/* All in one option, which fsconfig(2) takes up to 255 bytes of: names relative to /proc/self/fd, "8:9:10". */
static int lower_old(int fs, const struct layers *l)
{
	char option[256];
	size_t len = 0;

	for (size_t i = 0; i < l->n; i++) {
		const int more = snprintf(option + len, sizeof(option) - len, i == 0 ? "%d" : ":%d", l->fds[i]);

		len += (size_t)more;
		if (len >= sizeof(option))
			return -E2BIG;
	}
	return gate_fsconfig(fs, "lowerdir", option);
}

/* In another user namespace trusted.* attributes are not ours to set; user.overlay.* are (Linux 5.11). */
static bool in_first_userns(void)
{
	struct stat st;

	/* PROC_USER_INIT_INO, include/linux/proc_ns.h */
	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == 0xEFFFFFFDU;
}

static int overlay(const struct layers *l, int upper, int work, bool read_only, bool old)
{
	AUTOCLOSE int fs = gate_fsopen("overlay");
	int ret;

	if (fs < 0)
		return fs;
	ret = gate_fsconfig(fs, "source", "overlay");
	if (ret == 0)
		ret = old ? lower_old(fs, l) : lower_new(fs, l);
	if (ret == 0)
		ret = set_fd(fs, "upperdir", upper);
	if (ret == 0)
		ret = set_fd(fs, "workdir", work);
	/* What is written lives as long as the task: nobody mounts it again, so nothing has to reach the disk before the
	 * unmount ends (Linux 5.10). */
	if (ret == 0)
		ret = gate_fsconfig(fs, "volatile", NULL);
	if (ret == 0 && !in_first_userns())
		ret = gate_fsconfig(fs, "userxattr", NULL);
	if (ret == 0)
		ret = gate_fscreate(fs);
	return ret < 0 ? ret : gate_fsmount(fs, read_only ? GATE_ATTR_RDONLY : 0);
}

/* The old way's names are relative to the working directory while the mount is made. */
static int overlay_old(const struct layers *l, int upper, int work, bool read_only)
{
	AUTOCLOSE int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (cwd < 0 || chdir("/proc/self/fd") < 0)
		return -errno;
	ret = overlay(l, upper, work, read_only, true);
	return fchdir(cwd) < 0 && ret >= 0 ? (close(ret), -errno) : ret;
}

static int make_dir(int at, const char *name, mode_t mode, int *ret, struct gate_err *err)
{
	if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make the directory '%s' for what the task writes", name);
	*ret = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? GATE_FAIL_SYS(err, "cannot open the directory '%s' for what the task writes", name) : 0;
}

static int overlay_failed(int ret, size_t n, struct gate_err *err)
{
	switch (-ret) {
	case E2BIG:
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu layers are more than this kernel stacks (Linux 6.8 takes 500)",
		                 n);
	case ENODEV:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "the kernel has no overlay file system");
	case EPERM:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "overlay mounts are not permitted here (in a user namespace they need Linux 5.11)");
	case EINVAL:
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "the kernel cannot put a copy-on-write layer over this file system (is it an overlay itself?)");
	default:
		return FAIL_SYS(err, ret, "cannot mount the copy-on-write root");
	}
}

int gate_root_overlay(const char *const *lower, size_t n, int work, bool read_only, int *tree, struct gate_err *err)
{
	GATE_AUTO(layers_close) struct layers l = { NULL, 0 };
	AUTOCLOSE int upper = -1;
	AUTOCLOSE int scratch = -1;
	int ret;

	if (n == 0 || n > LAYERS_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu layers; between 1 and %d can be stacked", n, LAYERS_MAX);
	if (layers_open(lower, n, &l, err) < 0 || make_dir(work, "upper", 0755, &upper, err) < 0 ||
	    make_dir(work, "work", 0700, &scratch, err) < 0)
		return -1;
	ret = overlay(&l, upper, scratch, read_only, false);
	if (ret == -EINVAL)
		ret = overlay_old(&l, upper, scratch, read_only);
	if (ret < 0)
		return overlay_failed(ret, n, err);
	*tree = ret;
	return 0;
}

/* --- volumes --- */

static uint64_t volume_attrs(const struct gate_volume *v)
{
	return (v->read_only ? GATE_ATTR_RDONLY : 0U) | (v->nosuid ? GATE_ATTR_NOSUID : 0U) |
	       (v->nodev ? GATE_ATTR_NODEV : 0U) | (v->noexec ? GATE_ATTR_NOEXEC : 0U);
}

int gate_tree_idmap(int tree, int userns, struct gate_err *err)
{
	const struct gate_mount_attr attr = { .set = GATE_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	const int ret = gate_mount_setattr(tree, true, &attr);

	if (ret == -ENOSYS)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "id-mapped mounts need Linux 5.12");
	if (ret == -EINVAL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "this file system cannot be id-mapped by this kernel");
	if (ret == -EPERM)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "id-mapping this mount is not permitted");
	return ret < 0 ? FAIL_SYS(err, ret, "cannot id-map a mount") : 0;
}

int gate_volume_tree(const struct gate_volume *v, int userns, int *tree, int *object, bool *directory,
                     struct gate_err *err)
{
	/* The path may hold symbolic links, as people's paths do; it is resolved once. */
	AUTOCLOSE int fd = gate_mount_resolve(-1, v->source, O_PATH, 0);
	AUTOCLOSE int copy = -1;
	struct stat st;
	int ret;

	if (fd < 0)
		return FAIL_SYS(err, fd, "cannot open the volume '%s'", v->source);
	if (fstat(fd, &st) < 0)
		return GATE_FAIL_SYS(err, "cannot look at the volume '%s'", v->source);
	copy = clone_tree(fd, v->recursive && S_ISDIR(st.st_mode));
	ret = copy < 0 ? copy : set_tree(copy, true, volume_attrs(v));
	/* The mounts belong to another namespace (EPERM, EINVAL), or the attributes cannot be set before the mount is
	 * attached (ENOSYS): the child does it. */
	if (ret == -EPERM || ret == -EINVAL || ret == -ENOSYS) {
		if (userns >= 0)
			return GATE_FAIL(err, GATE_E_UNSUPPORTED, "volume '%s' cannot be id-mapped here", v->source);
		*tree = -1;
		*object = take(&fd);
		*directory = S_ISDIR(st.st_mode);
		return 0;
	}
	if (ret < 0)
		return FAIL_SYS(err, ret, "cannot make a mount of the volume '%s'", v->source);
	if (userns >= 0 && gate_tree_idmap(copy, userns, err) < 0)
		return GATE_NOTE(err, "volume '%s'", v->source);
	*tree = take(&copy);
	*object = -1;
	*directory = S_ISDIR(st.st_mode);
	return 0;
}
