/* File systems into the task's tree. Sources and targets are descriptors from the moment on that they are checked; what
 * was mounted is looked up again afterwards and must be what the path now names (tests/checklist.md, rows 4 to 8), unless
 * nobody else can reach the place. */
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "launch/launch.h"
#include "launch/mount_sys.h"

static const char *text(const struct gate_launch *l, const struct gate_row *row, unsigned i)
{
	const char *s = gate_plan_text(l->view->plan, row->text[i]);

	return s != NULL ? s : "";
}

static int plan_fd(const struct gate_launch *l, int32_t index)
{
	return index >= 0 ? l->view->fds[index] : -1;
}

static bool missing(int ret)
{
	return ret == -ENOENT || ret == -ENOTDIR;
}

/* Targets in /dev, /proc and /sys are ours alone: an image has no say in where they lead, by a link in place of
 * /dev/console and its like. ".." is not ours to interpret: whoever wrote the plan has done that. */
static int target_rules(const char *path, unsigned *how)
{
	static const char *const ours[] = { "dev", "proc", "sys" };
	bool first = true;

	*how = 0;
	if (path[0] != '/')
		return -EINVAL;
	for (const char *s = path; *s != '\0';) {
		const size_t len = strcspn(s, "/");

		if (len == 2 && memcmp(s, "..", 2) == 0)
			return -EINVAL;
		for (unsigned i = 0; first && i < sizeof(ours) / sizeof(ours[0]); i++)
			if (len == strlen(ours[i]) && memcmp(s, ours[i], len) == 0)
				*how |= GATE_HOW_NO_LINKS;
		if (len > 0 && !(len == 1 && *s == '.'))
			first = false;
		s += len + (s[len] == '/' ? 1 : 0);
	}
	return 0;
}

static int open_target(const struct gate_launch *l, const char *path, unsigned flags, bool directory)
{
	unsigned how;
	const int ret = target_rules(path, &how);

	if (ret < 0)
		return ret;
	if ((flags & GATE_ROW_DIRECTORY) != 0)
		how |= GATE_HOW_MAKE_DIRECTORY;
	else if ((flags & GATE_ROW_FILE) != 0)
		how |= GATE_HOW_MAKE_FILE;
	return gate_mount_resolve(l->root, path, O_PATH | (directory ? O_DIRECTORY : 0), how);
}

/* --- attributes, where mount_setattr is missing (before Linux 5.12) --- */

static unsigned long flags_of(uint64_t attrs)
{
	unsigned long ret = 0;

	ret |= (attrs & GATE_ATTR_RDONLY) != 0 ? MS_RDONLY : 0;
	ret |= (attrs & GATE_ATTR_NOSUID) != 0 ? MS_NOSUID : 0;
	ret |= (attrs & GATE_ATTR_NODEV) != 0 ? MS_NODEV : 0;
	ret |= (attrs & GATE_ATTR_NOEXEC) != 0 ? MS_NOEXEC : 0;
	return ret;
}

/* mount(2) sets all flags at once, and in a user namespace it may not clear any: what is on stays on. */
static unsigned long flags_now(const struct statfs *fs)
{
	unsigned long ret =
	    (unsigned long)fs->f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);

	return ((unsigned long)fs->f_flags & 4096 /* ST_RELATIME */) != 0 ? ret | MS_RELATIME : ret;
}

/* mount(2) on what a descriptor is: a directory as ".", a file through procfs, not the task's: that of the host. */
static int mount_fd(const struct gate_launch *l, int fd, unsigned long flags)
{
	const int proc = plan_fd(l, l->view->plan->proc);
	char number[16];
	struct statfs fs;
	int dir, ret = GATE_CALL(SYS_fchdir, fd);

	if (ret == 0)
		return GATE_CALL(SYS_mount, NULL, ".", NULL, flags, NULL);
	if (ret != -ENOTDIR || proc < 0)
		return ret != -ENOTDIR ? ret : -ENOSYS;
	dir = gate_openat(proc, "thread-self/fd", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	if (GATE_CALL(SYS_fstatfs, dir, &fs) < 0 || fs.f_type != GATE_MAGIC_PROC || GATE_CALL(SYS_fchdir, dir) < 0) {
		gate_close(dir);
		return -ENOSYS;
	}
	number[sizeof(number) - 1] = '\0';
	char *s = number + sizeof(number) - 1;
	for (unsigned n = (unsigned)fd; s > number; n /= 10) {
		*--s = (char)('0' + n % 10);
		if (n < 10)
			break;
	}
	ret = GATE_CALL(SYS_mount, NULL, s, NULL, flags, NULL);
	gate_close(dir);
	return ret;
}

static int set_old_way(const struct gate_launch *l, int fd, uint64_t attrs)
{
	struct statfs fs;
	int ret;

	if ((attrs & ~(uint64_t)GATE_ATTR_BASIC) != 0)
		return -ENOSYS;
	ret = GATE_CALL(SYS_fstatfs, fd, &fs);
	if (ret == 0)
		ret = mount_fd(l, fd, MS_REC | MS_PRIVATE);
	if (ret == 0 && attrs != 0)
		ret = mount_fd(l, fd, MS_REMOUNT | MS_BIND | flags_of(attrs) | flags_now(&fs));
	if (ret == 0)
		ret = GATE_CALL(SYS_chdir, "/");
	return ret;
}

/* --- attaching --- */

/* What the target's path names now must be the root of what was mounted there. */
static int look_again(const struct gate_launch *l, const char *path, const struct gate_statx *shall)
{
	struct gate_statx is;
	unsigned how;
	int fd, ret = target_rules(path, &how);

	if (ret < 0)
		return ret;
	fd = gate_mount_resolve(l->root, path, O_PATH, how);
	if (fd < 0)
		return missing(fd) || fd == -ELOOP ? -ESTALE : fd;
	ret = gate_statx_fd(fd, &is);
	if (ret == 0 && !gate_statx_same(&is, shall))
		ret = -ESTALE;
	gate_close(fd);
	return ret;
}

struct attach {
	const char *path;
	unsigned flags; /* GATE_ROW_DIRECTORY, GATE_ROW_FILE */
	uint64_t attrs; /* to add */
	bool recursive; /* … also to what is mounted in the tree */
	bool single;    /* the tree is one mount */
	bool fresh;     /* a new file system: neither shared nor in need of attributes */
};

/* --- what nobody else can reach ---
 *
 * A procfs, sysfs or tmpfs that a FILESYSTEM row made is seen by this process alone until its execve: its
 * namespace is new, its mounts are private, and nobody may attach to it or use its descriptors (HIDE). What was resolved in
 * it without links stays what it is, so it is neither opened again to be mounted on nor looked at again afterwards. Before
 * Linux 5.8, where statx(2) does not tell mounts apart, everything is looked at again. */

static void remember_own(struct gate_launch *l, const char *type, const struct gate_statx *st)
{
	if (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0 && strcmp(type, "tmpfs") != 0)
		return;
	if ((st->mask & GATE_STATX_MNT_ID) != 0 && l->n_own < sizeof(l->own) / sizeof(l->own[0]))
		l->own[l->n_own++] = st->mnt_id;
}

static bool is_own(const struct gate_launch *l, const struct gate_statx *st)
{
	for (unsigned i = 0; (st->mask & GATE_STATX_MNT_ID) != 0 && i < l->n_own; i++)
		if (l->own[i] == st->mnt_id)
			return true;
	return false;
}

/* Private, whatever it was a copy of: else what is mounted into it later would appear on the host. -ENOSYS: to be done the
 * old way, when it is attached. */
static int set_attributes(int tree, const struct attach *a)
{
	const struct gate_mount_attr all = { .set = a->recursive || a->single ? a->attrs : 0,
		                             .propagation = MS_PRIVATE };
	const struct gate_mount_attr alone = { .set = a->attrs };
	int ret = gate_mount_setattr(tree, !a->single, &all);

	if (ret == 0 && !a->recursive && !a->single && a->attrs != 0)
		ret = gate_mount_setattr(tree, false, &alone);
	return ret;
}

static int put_on(const struct gate_launch *l, int tree, bool directory, const struct attach *a)
{
	struct gate_statx on;
	int target = open_target(l, a->path, a->flags, directory), ret = 0;

	if (target < 0)
		return target;
	if (!directory)
		ret = gate_statx_fd(target, &on);
	if (ret == 0 && !directory && S_ISDIR(on.mode))
		ret = -EISDIR; /* the kernel would say EINVAL */
	if (ret == 0)
		ret = gate_move_mount(tree, target);
	gate_close(target);
	return ret;
}

/* Puts the detached `tree` onto the target; *st: what it is. */
static int attach(const struct gate_launch *l, int tree, const struct attach *a, struct gate_statx *st)
{
	bool old_way = false;
	int ret = gate_statx_fd(tree, st);

	if (ret == 0 && !a->fresh) {
		ret = set_attributes(tree, a);
		old_way = ret == -ENOSYS;
	}
	if (ret == 0 || old_way)
		ret = put_on(l, tree, S_ISDIR(st->mode), a);
	if (ret == 0 && old_way)
		ret = set_old_way(l, tree, a->attrs);
	return ret < 0 ? ret : look_again(l, a->path, st);
}

/* The same onto what `target` is, which is_own. `ready`: a copy of a tree that has its attributes already. */
static int attach_own(const struct gate_launch *l, int tree, int target, bool ready, const struct attach *a)
{
	int ret = ready ? 0 : set_attributes(tree, a);
	const bool old_way = ret == -ENOSYS;

	if (ret == 0 || old_way)
		ret = gate_move_mount(tree, target);
	return ret == 0 && old_way ? set_old_way(l, tree, a->attrs) : ret;
}

/* --- BIND --- */

/* The source in the child's own copy of the mounts: mount ids differ there, the object does not. */
static int check_source(const struct gate_launch *l, const struct gate_row *row, int fd, bool *directory)
{
	const int known = plan_fd(l, row->fd);
	struct gate_statx is, shall;
	int ret = gate_statx_fd(fd, &is);

	if (ret < 0)
		return ret;
	*directory = S_ISDIR(is.mode);
	if (S_ISLNK(is.mode))
		return -ELOOP;
	if (row->a != 0 && (!S_ISCHR(is.mode) || makedev(is.rdev_major, is.rdev_minor) != row->a))
		return -ENODEV;
	if (known < 0)
		return 0;
	ret = gate_statx_fd(known, &shall);
	shall.mask &= ~GATE_STATX_MNT_ID;
	return ret == 0 && !gate_statx_same(&is, &shall) ? -ESTALE : ret;
}

static int clone_tree(int fd, bool recursive)
{
	return gate_open_tree(fd, "", GATE_TREE_CLONE | (recursive ? GATE_TREE_RECURSIVE : 0));
}

static bool has_setattr(void)
{
	const struct gate_mount_attr nothing = { 0 };

	return gate_mount_setattr(-1, false, &nothing) != -ENOSYS;
}

static int bind(struct gate_launch *l, const struct gate_row *row, const char *source, const char *target)
{
	struct attach a = { .path = target, .flags = row->flags, .attrs = row->b, .recursive = true };
	struct gate_statx st;
	bool directory = false;
	int fd, tree, ret;

	fd = gate_mount_resolve(-1, source, O_PATH | (row->a != 0 ? O_NOFOLLOW : 0), 0);
	if (fd < 0)
		return fd;
	ret = check_source(l, row, fd, &directory);
	if (ret < 0) {
		gate_close(fd);
		return ret;
	}
	/* Without mount_setattr what is mounted in the tree could not be made read-only, so it stays outside. */
	tree = clone_tree(fd, directory && (a.attrs == 0 || has_setattr()));
	gate_close(fd);
	if (tree < 0)
		return tree;
	ret = attach(l, tree, &a, &st);
	gate_close(tree);
	return ret;
}

int gate_step_bind(struct gate_launch *l, const struct gate_row *row)
{
	return bind(l, row, text(l, row, 0), text(l, row, 1));
}

/* A tree that holds files of mount namespaces (nsfs) may be copied, but is put nowhere: ELOOP (check_for_nsfs_mounts). The
 * child's own mounts are a copy without them. */
int gate_step_attach(struct gate_launch *l, const struct gate_row *row)
{
	const struct attach a = { .path = text(l, row, 0), .flags = row->flags };
	struct gate_statx st;
	const int ret = attach(l, plan_fd(l, row->fd), &a, &st);

	return ret == -ELOOP && row->text[1] != 0 ? bind(l, row, text(l, row, 1), a.path) : ret;
}

/* --- FILESYSTEM --- */

/* "key=value,key": fsconfig takes one at a time. */
static int configure(int fs, const char *options)
{
	char word[256];
	char *value;
	int ret = 0;

	while (ret == 0 && *options != '\0') {
		const size_t len = strcspn(options, ",");

		if (len == 0 || len >= sizeof(word))
			return -EINVAL;
		memcpy(word, options, len);
		word[len] = '\0';
		value = strchr(word, '=');
		if (value != NULL)
			*value++ = '\0';
		ret = gate_fsconfig(fs, word, value);
		options += len + (options[len] == ',' ? 1 : 0);
	}
	return ret;
}

/* A new file system, detached. */
static int make_filesystem(const char *type, const char *options, unsigned attrs)
{
	const int fs = gate_fsopen(type);
	int ret;

	if (fs < 0)
		return fs;
	ret = gate_fsconfig(fs, "source", type); /* else mount tables say "none" */
	if (ret == 0)
		ret = configure(fs, options);
	if (ret == 0)
		ret = gate_fscreate(fs);
	if (ret == 0)
		ret = gate_fsmount(fs, attrs);
	gate_close(fs);
	return ret;
}

int gate_step_filesystem(struct gate_launch *l, const struct gate_row *row)
{
	const struct attach a = { .path = text(l, row, 1), .flags = row->flags, .fresh = true };
	const int tree = make_filesystem(text(l, row, 0), text(l, row, 2), (unsigned)row->a);
	struct gate_statx st;
	int ret;

	if (tree < 0)
		return tree;
	ret = attach(l, tree, &a, &st);
	if (ret == 0)
		remember_own(l, text(l, row, 0), &st);
	gate_close(tree);
	return ret;
}

/* --- LINK, COVER, READONLY --- */

static int root_statx(const struct gate_launch *l, struct gate_statx *ret)
{
	int r, fd = gate_mount_resolve(l->root, "/", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	r = gate_statx_fd(fd, ret);
	gate_close(fd);
	return r;
}

/* A link goes only into a tmpfs that is not the root itself, which in the task's tree is ours: never into somebody's
 * disk. */
int gate_step_link(struct gate_launch *l, const struct gate_row *row)
{
	const char *path = text(l, row, 1), *name = strrchr(path, '/');
	char parent[256];
	struct gate_statx st, root;
	struct statfs fs;
	unsigned how;
	int dir, ret = target_rules(path, &how);

	if (ret < 0)
		return ret;
	if (name[1] == '\0' || (size_t)(name - path) >= sizeof(parent))
		return -EINVAL;
	memcpy(parent, path, (size_t)(name - path));
	parent[name - path] = '\0';
	dir = gate_mount_resolve(l->root, name == path ? "/" : parent, O_PATH | O_DIRECTORY, GATE_HOW_NO_LINKS);
	if (dir < 0)
		return dir;
	ret = GATE_CALL(SYS_fstatfs, dir, &fs);
	if (ret == 0)
		ret = gate_statx_fd(dir, &st);
	if (ret == 0)
		ret = root_statx(l, &root);
	if (ret == 0 &&
	    (fs.f_type != GATE_MAGIC_TMPFS || (st.dev_major == root.dev_major && st.dev_minor == root.dev_minor)))
		ret = -EXDEV;
	if (ret == 0)
		ret = GATE_CALL(SYS_symlinkat, text(l, row, 0), dir, name + 1);
	gate_close(dir);
	return ret;
}

/* One copy of what covers serves all rows, because each would cost memory in the kernel, and calls. A copy of it can be made
 * once it is in a tree, so the descriptor of the first is kept; it has its attributes then, too. */
static int keep(int tree, int *plus_one)
{
	*plus_one = GATE_CALL(SYS_fcntl, tree, F_DUPFD_CLOEXEC, 3) + 1;
	return tree;
}

/* The null device that is in the task's tree, if it is that and not something put in its place, as a detached copy. */
static int clone_null(struct gate_launch *l)
{
	struct gate_statx st;
	int fd, tree = -ENODEV;

	if (l->null_plus_one > 0)
		return clone_tree(l->null_plus_one - 1, false);
	fd = gate_mount_resolve(l->root, "/dev/null", O_PATH, GATE_HOW_NO_LINKS);
	if (fd < 0)
		return fd;
	if (gate_statx_fd(fd, &st) == 0 && S_ISCHR(st.mode) && st.rdev_major == 1 && st.rdev_minor == 3)
		tree = clone_tree(fd, false);
	gate_close(fd);
	return tree < 0 ? tree : keep(tree, &l->null_plus_one);
}

/* An empty directory that nobody can write to. */
static int clone_empty(struct gate_launch *l)
{
	static const unsigned attrs = GATE_ATTR_RDONLY | GATE_ATTR_NOSUID | GATE_ATTR_NODEV | GATE_ATTR_NOEXEC;
	int tree;

	if (l->empty_plus_one > 0)
		return clone_tree(l->empty_plus_one - 1, false);
	tree = make_filesystem("tmpfs", "size=4096,nr_inodes=2,mode=0555,ro", attrs);
	return tree < 0 ? tree : keep(tree, &l->empty_plus_one);
}

int gate_step_cover(struct gate_launch *l, const struct gate_row *row)
{
	const struct attach a = { .path = text(l, row, 0),
		                  .attrs = GATE_ATTR_NOSUID | GATE_ATTR_NOEXEC,
		                  .single = true };
	struct gate_statx st, shall;
	int fd = open_target(l, a.path, 0, false), tree, ret;

	if (fd < 0)
		return missing(fd) ? 0 : fd;
	ret = gate_statx_fd(fd, &st);
	if (ret == 0) {
		const bool ready = (S_ISDIR(st.mode) ? l->empty_plus_one : l->null_plus_one) > 0;

		tree = S_ISDIR(st.mode) ? clone_empty(l) : clone_null(l);
		ret = tree < 0         ? tree
		      : is_own(l, &st) ? attach_own(l, tree, fd, ready, &a)
		                       : attach(l, tree, &a, &shall);
		gate_close(tree);
	}
	gate_close(fd);
	return ret;
}

/* What is a mount's root gets the attributes itself, what is not is mounted on itself. */
static int set_in_place(const struct gate_launch *l, int fd, const struct attach *a)
{
	const struct gate_mount_attr attr = { .set = a->attrs };
	const int ret = gate_mount_setattr(fd, a->recursive, &attr);

	return ret == -ENOSYS && !a->recursive ? set_old_way(l, fd, a->attrs) : ret;
}

int gate_step_readonly(struct gate_launch *l, const struct gate_row *row)
{
	const struct attach a = { .path = text(l, row, 0),
		                  .attrs = GATE_ATTR_RDONLY | row->a,
		                  .recursive = (row->flags & GATE_ROW_RECURSIVE) != 0 };
	struct gate_statx st, shall;
	int fd = open_target(l, a.path, 0, false), tree, ret;

	if (fd < 0)
		return missing(fd) ? 0 : fd;
	ret = gate_statx_fd(fd, &st);
	if (ret == 0 && ((st.attributes & GATE_STATX_MOUNT_ROOT) != 0 || strcmp(a.path, "/") == 0)) {
		ret = set_in_place(l, fd, &a);
	} else if (ret == 0) {
		tree = clone_tree(fd, S_ISDIR(st.mode));
		ret = tree < 0         ? tree
		      : is_own(l, &st) ? attach_own(l, tree, fd, false, &a)
		                       : attach(l, tree, &a, &shall);
		gate_close(tree);
	}
	gate_close(fd);
	return ret;
}

void gate_mounts_done(struct gate_launch *l)
{
	gate_close(l->empty_plus_one - 1);
	gate_close(l->null_plus_one - 1);
	l->empty_plus_one = l->null_plus_one = 0;
}

/* --- SYSCTL --- */

/* Never through a procfs that the task could have prepared, with a volume on /proc for instance: one of our own, which
 * nobody else can reach, and nothing in it but itself. */
int gate_step_sysctl(struct gate_launch *l, const struct gate_row *row)
{
	const char *value = text(l, row, 1);
	const size_t len = strlen(value);
	const int proc = make_filesystem("proc", "", GATE_ATTR_NOSUID | GATE_ATTR_NODEV | GATE_ATTR_NOEXEC);
	int dir, fd, ret;
	struct statfs fs;

	if (proc < 0)
		return proc;
	dir = gate_openat(proc, "sys", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	gate_close(proc);
	if (dir < 0)
		return dir;
	fd = gate_openat2(dir, text(l, row, 0), O_WRONLY | O_CLOEXEC,
	                  GATE_RESOLVE_BENEATH | GATE_RESOLVE_NO_XDEV | GATE_RESOLVE_NO_SYMLINKS |
	                      GATE_RESOLVE_NO_MAGICLINKS);
	if (fd == -ENOSYS || fd == -EPERM)
		fd = gate_mount_resolve(dir, text(l, row, 0), O_WRONLY, GATE_HOW_NO_LINKS);
	gate_close(dir);
	if (fd < 0)
		return fd;
	ret = GATE_CALL(SYS_fstatfs, fd, &fs);
	if (ret == 0 && fs.f_type != GATE_MAGIC_PROC)
		ret = -EXDEV;
	if (ret == 0) {
		ret = GATE_CALL(SYS_write, fd, value, len);
		ret = ret >= 0 && (size_t)ret != len ? -EIO : ret < 0 ? ret : 0;
	}
	gate_close(fd);
	return ret;
}
