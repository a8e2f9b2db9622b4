#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "container/rootfs.h"
#include "kernel/proc.h"
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

/* --- overlay --- */

/* Directories are told by descriptor, as "/proc/self/fd/N": a path may hold what overlay's options cannot, is long, and is
 * not the task's business, which sees these options in its mountinfo. */
struct overlay {
	int *layers;
	size_t n;
	int work;           /* what the caller gave */
	int upper, scratch; /* in it: what the task writes, and overlay's own */
	int userns;
	bool read_only;
};

static void overlay_done(struct overlay *o)
{
	for (size_t i = 0; i < o->n; i++)
		close_fd(&o->layers[i]);
	free(o->layers);
	close_fd(&o->upper);
	close_fd(&o->scratch);
}

static int open_layers(struct overlay *o, const char *const *lower, size_t n, struct gate_err *err)
{
	o->layers = calloc(n, sizeof(int));
	if (o->layers == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < n; i++) {
		const int fd = open(lower[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
			return GATE_FAIL(err, GATE_E_INVALID, "root '%s' is not a directory, or is a symbolic link",
			                 lower[i]);
		if (fd < 0)
			return GATE_FAIL_SYS(err, "cannot open the root '%s'", lower[i]);
		o->layers[o->n++] = fd;
	}
	return 0;
}

static void exchange(int *a, int *b)
{
	const int was = *a;

	*a = *b;
	*b = was;
}

/* Instead of the directory `*fd` a copy of its mount in which the owners are those of the user namespace. */
static int map_directory(int *fd, int userns)
{
	const struct gate_mount_attr attr = { .set = GATE_ATTR_IDMAP,
		                              .propagation = MS_PRIVATE,
		                              .userns_fd = (uint64_t)userns };
	AUTOCLOSE int copy = clone_tree(*fd, false);
	int ret;

	if (copy < 0)
		return copy;
	ret = gate_mount_setattr(copy, false, &attr);
	if (ret < 0)
		return ret;
	exchange(fd, &copy);
	return 0;
}

static int make_dir(const struct overlay *o, const char *name, mode_t mode, int *ret, struct gate_err *err)
{
	if (mkdirat(o->work, name, mode) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make the directory '%s' for what the task writes", name);
	*ret = openat(o->work, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? GATE_FAIL_SYS(err, "cannot open the directory '%s' for what the task writes", name) : 0;
}

/* Overlay writes there with the ids of whoever writes, and with ours, which the user namespace does not have: so these two
 * are not id-mapped (many a kernel cannot do that with a tmpfs), they belong to the namespace's root. Who that is tells the
 * owner of a layer, seen with mapped ids and without: the ids of a task are one range. */
static int give_away(const struct overlay *o, struct gate_err *err)
{
	AUTOCLOSE int view = -1;
	struct stat raw, st;
	uid_t uid;
	gid_t gid;

	if (o->userns < 0)
		return 0;
	view = openat(o->layers[0], ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (view < 0 || fstat(view, &raw) < 0)
		return GATE_FAIL_SYS(err, "cannot look at the root's first layer");
	errno = -map_directory(&view, o->userns);
	if (errno == ENOSYS || errno == EPERM || errno == EINVAL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "the root's file system cannot be id-mapped here (Linux 5.12; tmpfs: Linux 6.3)");
	if (errno != 0 || fstat(view, &st) < 0)
		return GATE_FAIL_SYS(err, "cannot id-map the root's first layer");
	uid = st.st_uid - raw.st_uid;
	gid = st.st_gid - raw.st_gid;
	if (st.st_uid < raw.st_uid || st.st_gid < raw.st_gid || uid == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "the root's owner has no id in the task's user namespace");
	if (fchownat(o->work, "upper", uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchownat(o->work, "work", uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return GATE_FAIL_SYS(err, "cannot give a directory to the task's user namespace");
	return 0;
}

/* In another user namespace trusted.* attributes are not ours to set; user.overlay.* are (Linux 5.11). */
static bool in_first_userns(void)
{
	/* A launch has been refused before where that cannot be known (gate_caller_in). */
	return gate_proc_first_userns() == 1;
}

static int set_fd(int fs, const char *key, int fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return gate_fsconfig(fs, key, path);
}

/* Detached from the start. Layers one by one: Linux 6.8; kernels to which overlay is an old-fashioned file system take any
 * key, and say EINVAL at the end. "volatile" (5.10): what is written lives as long as the task and is never mounted again,
 * so nothing has to reach the disk before the unmount ends. */
static int mount_new(const struct overlay *o)
{
	AUTOCLOSE int fs = gate_fsopen("overlay");
	int ret;

	if (fs < 0)
		return fs;
	ret = gate_fsconfig(fs, "source", "overlay");
	for (size_t i = 0; ret == 0 && i < o->n; i++)
		ret = set_fd(fs, "lowerdir+", o->layers[i]);
	if (ret == 0)
		ret = set_fd(fs, "upperdir", o->upper);
	if (ret == 0)
		ret = set_fd(fs, "workdir", o->scratch);
	if (ret == 0)
		ret = gate_fsconfig(fs, "volatile", NULL);
	if (ret == 0 && !in_first_userns())
		ret = gate_fsconfig(fs, "userxattr", NULL);
	if (ret == 0)
		ret = gate_fscreate(fs);
	return ret < 0 ? ret : gate_fsmount(fs, o->read_only ? GATE_ATTR_RDONLY : 0);
}

/* The options of mount(2), a page at most: names relative to /proc/self/fd. */
static int old_options(const struct overlay *o, char *option, size_t size)
{
	size_t len = (size_t)snprintf(option, size, "volatile,%supperdir=%d,workdir=%d,lowerdir=",
	                              in_first_userns() ? "" : "userxattr,", o->upper, o->scratch);

	for (size_t i = 0; i < o->n; i++) {
		len += (size_t)snprintf(option + len, size - len, i == 0 ? "%d" : ":%d", o->layers[i]);
		if (len >= size)
			return -E2BIG;
	}
	return 0;
}
static int path_of(int fd, char path[PATH_MAX])
{
	char link[32];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, PATH_MAX);
	if (len < 0 || len == PATH_MAX)
		return len < 0 ? -errno : -ENAMETOOLONG;
	path[len] = '\0';
	return 0;
}

/* The same directory in the mount namespace of now: its mounts are others than those that the descriptor knows, and the
 * kernel tells the path of one of those from the top of their namespace, where a chroot begins `above` bytes deep. */
static int reopen(int *fd, size_t above)
{
	char path[PATH_MAX];
	struct stat was, is;
	AUTOCLOSE int again = -1;
	int ret = path_of(*fd, path);

	if (ret < 0)
		return ret;
	if (strlen(path) <= above)
		return -ESTALE;
	again = open(path + above, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (again < 0 || fstat(again, &is) < 0 || fstat(*fd, &was) < 0)
		return -errno;
	if (is.st_dev != was.st_dev || is.st_ino != was.st_ino)
		return -ESTALE;
	exchange(fd, &again);
	return 0;
}

/* Id-mapped layers are attached, all at one place where nobody sees them: before Linux 6.15, overlay takes no others. */
static int own_mounts(struct overlay *o)
{
	char path[PATH_MAX];
	AUTOCLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret = root < 0 ? -errno : GATE_CALL(SYS_unshare, CLONE_NEWNS);
	size_t above = 0;

	if (ret == 0)
		ret = path_of(root, path);
	if (ret == 0 && path[1] != '\0')
		above = strlen(path);
	if (ret == 0)
		ret = GATE_CALL(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (ret == 0)
		ret = reopen(&o->work, above);
	if (ret == 0)
		ret = reopen(&o->upper, above);
	if (ret == 0)
		ret = reopen(&o->scratch, above);
	for (size_t i = 0; ret == 0 && i < o->n; i++)
		ret = reopen(&o->layers[i], above);
	for (size_t i = 0; ret == 0 && o->userns >= 0 && i < o->n; i++) {
		ret = map_directory(&o->layers[i], o->userns);
		if (ret == 0)
			ret = gate_move_mount(o->layers[i], o->work);
	}
	return ret;
}

/* In a process of its own. */
static int mount_old(struct overlay *o)
{
	char option[4096], path[PATH_MAX], target[16];
	int ret = own_mounts(o);

	if (ret == 0)
		ret = old_options(o, option, sizeof(option));
	if (ret == 0)
		ret = path_of(o->work, path);
	if (ret == 0)
		ret = GATE_CALL(SYS_chdir, "/proc/self/fd");
	(void)snprintf(target, sizeof(target), "%d", o->work);
	if (ret == 0)
		ret = GATE_CALL(SYS_mount, "overlay", target, "overlay", o->read_only ? MS_RDONLY : 0, option);
	/* By its path, because the descriptor is of what is beneath. */
	return ret != 0 ? ret : gate_open_tree(AT_FDCWD, path, GATE_TREE_CLONE);
}

static int send_fd(int socket, int result)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { &result, sizeof(result) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *head = (struct cmsghdr *)control;

	if (result >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		*head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			                  .cmsg_level = SOL_SOCKET,
			                  .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(head), &result, sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == sizeof(result) ? 0 : -1;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))];
	int result = -ECHILD;
	struct iovec data = { &result, sizeof(result) };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	const struct cmsghdr *head;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof(result))
		return -ECHILD;
	if (result < 0)
		return result;
	head = CMSG_FIRSTHDR(&message);
	if (head == NULL || head->cmsg_type != SCM_RIGHTS)
		return -EMFILE;
	memcpy(&result, CMSG_DATA(head), sizeof(int));
	return result;
}

static int mount_apart(struct overlay *o)
{
	int pair[2], ret;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		_exit(send_fd(pair[1], mount_old(o)) == 0 ? 0 : 1);
	ret = pid < 0 ? -errno : 0;
	(void)close(pair[1]);
	if (pid > 0) {
		ret = receive_fd(pair[0]);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	(void)close(pair[0]);
	return ret;
}

static int overlay_failed(int ret, const struct overlay *o, struct gate_err *err)
{
	switch (-ret) {
	case E2BIG:
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu layers are more than this kernel can stack", o->n);
	case ENODEV:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "the kernel has no overlay file system");
	case EPERM:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "overlay mounts are not permitted here (in a user namespace they need Linux 5.11)");
	case EINVAL:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 o->userns >= 0
		                     ? "the kernel cannot put a copy-on-write layer over id-mapped layers (Linux 5.19)"
		                     : "the kernel cannot put a copy-on-write layer over this file system");
	default:
		return FAIL_SYS(err, ret, "cannot mount the copy-on-write root");
	}
}

int gate_root_overlay(const char *const *lower, size_t n, int work, int userns, bool read_only, int *tree,
                      struct gate_err *err)
{
	GATE_AUTO(overlay_done)
	struct overlay o = { .work = work, .upper = -1, .scratch = -1, .userns = userns, .read_only = read_only };
	int ret;

	if (n == 0 || n > LAYERS_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu layers; between 1 and %d can be stacked", n, LAYERS_MAX);
	if (open_layers(&o, lower, n, err) < 0 || make_dir(&o, "upper", 0755, &o.upper, err) < 0 ||
	    make_dir(&o, "work", 0700, &o.scratch, err) < 0 || give_away(&o, err) < 0)
		return -1;
	ret = userns >= 0 ? -EINVAL : mount_new(&o);
	/* ENOSYS: a sandbox that knows mount(2) only. */
	if (ret == -EINVAL || ret == -ENOSYS)
		ret = mount_apart(&o);
	if (ret < 0)
		return overlay_failed(ret, &o, err);
	*tree = ret;
	return 0;
}

/* --- volumes --- */

static uint64_t volume_attrs(const struct gate_volume *v)
{
	return (v->read_only ? GATE_ATTR_RDONLY : 0U) | (v->nosuid ? GATE_ATTR_NOSUID : 0U) |
	       (v->nodev ? GATE_ATTR_NODEV : 0U) | (v->noexec ? GATE_ATTR_NOEXEC : 0U);
}

int gate_volume_tree(const struct gate_volume *v, int userns, int *tree, int *object, bool *directory,
                     struct gate_err *err)
{
	/* The path may hold symbolic links, as people's paths do; it is resolved once. */
	AUTOCLOSE int fd = gate_mount_resolve(-1, v->source, O_PATH, 0);
	AUTOCLOSE int copy = -1;
	struct gate_statx st;
	int ret;

	if (fd < 0)
		return FAIL_SYS(err, fd, "cannot open the volume '%s'", v->source);
	/* What the kernel knows: a file system that is far away may never answer. */
	ret = gate_statx_fd(fd, &st);
	if (ret < 0)
		return FAIL_SYS(err, ret, "cannot look at the volume '%s'", v->source);
	copy = clone_tree(fd, v->recursive && S_ISDIR(st.mode));
	ret = copy < 0 ? copy : set_tree(copy, true, volume_attrs(v));
	/* The mounts belong to another namespace (EPERM, EINVAL), or the attributes cannot be set before the mount is
	 * attached (ENOSYS): the child does it. */
	if (ret == -EPERM || ret == -EINVAL || ret == -ENOSYS) {
		if (userns >= 0)
			return GATE_FAIL(err, GATE_E_UNSUPPORTED, "volume '%s' cannot be id-mapped here", v->source);
		*tree = -1;
		*object = take(&fd);
		*directory = S_ISDIR(st.mode);
		return 0;
	}
	if (ret < 0)
		return FAIL_SYS(err, ret, "cannot make a mount of the volume '%s'", v->source);
	if (userns >= 0 && gate_tree_idmap(copy, userns, err) < 0)
		return GATE_NOTE(err, "volume '%s'", v->source);
	*tree = take(&copy);
	*object = -1;
	*directory = S_ISDIR(st.mode);
	return 0;
}
