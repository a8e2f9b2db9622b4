/* The task's root: put up beside the host's tree, then made "/". */
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "launch/launch.h"
#include "launch/mount_sys.h"

/* --- in a chroot(2) ---
 *
 * pivot_root(2) exchanges the caller's root, and what lies above a chroot would stay in the task's namespace, within reach
 * of who may join namespaces. Joining its own is the way out: setns(2) makes the namespace's topmost root ours. */
static int leave_chroot(const struct gate_launch *l)
{
	const int32_t proc = l->view->plan->proc;
	int ns, ret;

	if (proc < 0)
		return -EPERM;
	ns = gate_openat(l->view->fds[proc], "thread-self/ns/mnt", O_RDONLY, 0);
	if (ns < 0)
		return ns;
	ret = GATE_CALL(SYS_setns, ns, CLONE_NEWNS);
	gate_close(ns);
	return ret;
}

/* The way back, for rows that name what the launcher saw. */
static int enter_chroot(int root)
{
	const int ret = GATE_CALL(SYS_fchdir, root);

	return ret == 0 ? GATE_CALL(SYS_chroot, ".") : ret;
}

/* The tree may be a copy of mounts that share what happens to them with the host's: it gets private before anything is
 * mounted into it. */
static int make_private(int tree)
{
	const struct gate_mount_attr attr = { .propagation = MS_PRIVATE };
	int ret = gate_mount_setattr(tree, true, &attr);

	if (ret != -ENOSYS)
		return ret;
	ret = GATE_CALL(SYS_fchdir, tree);
	if (ret == 0)
		ret = GATE_CALL(SYS_mount, NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL);
	if (ret == 0)
		ret = GATE_CALL(SYS_chdir, "/");
	return ret;
}

int gate_step_root(struct gate_launch *l, const struct gate_row *row)
{
	const char *path = gate_plan_text(l->view->plan, row->text[0]);
	const int tree = row->fd >= 0 ? l->view->fds[row->fd] : -1;
	struct gate_statx is, shall;
	int target, ret;

	if (path == NULL || tree < 0 || l->root >= 0)
		return -EINVAL;
	target = gate_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (target < 0)
		return target;
	ret = gate_move_mount(tree, target);
	gate_close(target);
	if (ret < 0)
		return ret;
	ret = make_private(tree);
	if (ret < 0)
		return ret;

	target = gate_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (target < 0)
		return target;
	ret = gate_statx_fd(target, &is);
	if (ret == 0)
		ret = gate_statx_fd(tree, &shall);
	if (ret == 0 && !gate_statx_same(&is, &shall))
		ret = -ESTALE;
	gate_close(target);
	if (ret == 0)
		l->root = tree;
	return ret;
}

/* --- PIVOT --- */

/* "/" is the root that we built, and there is nothing above it. */
static int check_new_root(const struct gate_statx *shall)
{
	static const char *const names[] = { "/", "/..", "." };
	struct gate_statx is;
	int fd, ret = 0;

	for (unsigned i = 0; ret == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		fd = gate_openat(AT_FDCWD, names[i], O_PATH | O_DIRECTORY, 0);
		if (fd < 0)
			return fd;
		ret = gate_statx_fd(fd, &is);
		if (ret == 0 && !gate_statx_same(&is, shall))
			ret = -ESTALE;
		gate_close(fd);
	}
	return ret;
}

/* The old root comes to lie over the new one, at the same place, from which it is taken: pivot_root(2), NOTES. */
static int pivot(int root)
{
	int ret = GATE_CALL(SYS_fchdir, root);

	if (ret == 0)
		ret = GATE_CALL(SYS_pivot_root, ".", ".");
	if (ret == 0)
		ret = GATE_CALL(SYS_umount2, ".", MNT_DETACH);
	return ret;
}

/* --- where "/" is the initial ramfs, which pivot_root(2) cannot put away (EINVAL) ---
 *
 * All other mounts are taken away, and the new root is put over the ramfs's "/". That is as far as a task gets: above the
 * new root is the ramfs's root, whose ".." is itself, and a walk that arrives there is led up again to what is mounted on
 * it. Only who may unmount in this namespace (CAP_SYS_ADMIN over it) could uncover the ramfs. A chroot(2) that could not
 * be left gives EINVAL as well, and has the host above it: there nothing is done. */

/* One line of mountinfo at a time (proc_pid_mountinfo(5)); what is longer than the buffer is skipped. */
struct lines {
	int fd;
	size_t start, end;
	char text[PATH_MAX + 512];
};

static char *next_line(struct lines *l)
{
	for (;;) {
		char *line = l->text + l->start, *newline = memchr(line, '\n', l->end - l->start);
		int n;

		if (newline != NULL) {
			*newline = '\0';
			l->start = (size_t)(newline + 1 - l->text);
			return line;
		}
		l->end -= l->start;
		memmove(l->text, line, l->end);
		l->start = 0;
		if (l->end == sizeof(l->text))
			l->end = 0;
		n = GATE_CALL(SYS_read, l->fd, l->text + l->end, sizeof(l->text) - l->end);
		if (n <= 0)
			return NULL;
		l->end += (size_t)n;
	}
}

/* "id parent major:minor root mountpoint …": cuts the line into its first five words. */
static bool cut(char *line, char *word[5])
{
	for (unsigned i = 0; i < 5; i++) {
		word[i] = line;
		line = strchr(line, ' ');
		if (line == NULL)
			return false;
		*line++ = '\0';
	}
	return true;
}

/* "\040" is a space: what mountinfo writes so is not longer than before. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else
			*to++ = *s;
	}
	*to = '\0';
}

/* One pass: how many mounts were taken away, in *initial whether "/" is the first mount of all, its own parent. */
static int unmount_all(int proc, bool *initial)
{
	struct lines l;
	char *line, *word[5];
	int n = 0;

	l.start = l.end = 0;
	l.fd = gate_openat(proc, "thread-self/mountinfo", O_RDONLY, 0);
	if (l.fd < 0)
		return l.fd;
	while ((line = next_line(&l)) != NULL) {
		if (!cut(line, word))
			continue;
		unescape(word[4]);
		if (strcmp(word[4], "/") == 0)
			*initial = strcmp(word[3], "/") == 0 && strcmp(word[0], word[1]) == 0;
		else if (*initial && GATE_CALL(SYS_umount2, word[4], MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			n++;
	}
	gate_close(l.fd);
	return n;
}

/* A copy of the task's tree is out of reach of what is done to the mounts, the tree itself goes with them. A mount that
 * came from a more privileged namespace is locked in its place: it stays, beneath the new root. */
static int cover_initial(const struct gate_launch *l, struct gate_statx *root)
{
	const int32_t proc = l->view->plan->proc;
	bool initial = false;
	int tree, target, ret;

	if (proc < 0)
		return -EINVAL;
	tree = gate_open_tree(l->root, "", GATE_TREE_CLONE | GATE_TREE_RECURSIVE);
	if (tree < 0)
		return tree;
	for (unsigned pass = 0; (ret = unmount_all(l->view->fds[proc], &initial)) > 0 && pass < 64; pass++)
		;
	if (ret == 0 && !initial)
		ret = -EINVAL;
	if (ret >= 0) {
		target = ret = gate_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
		if (ret >= 0) {
			ret = gate_move_mount(tree, target);
			gate_close(target);
		}
	}
	if (ret == 0)
		ret = gate_statx_fd(tree, root);
	if (ret == 0)
		ret = GATE_CALL(SYS_fchdir, tree);
	if (ret == 0)
		ret = GATE_CALL(SYS_chroot, ".");
	gate_close(tree);
	return ret;
}

/* l->root becomes "/". */
static int become(struct gate_launch *l)
{
	struct gate_statx root;
	int ret = gate_statx_fd(l->root, &root);

	if (ret == 0)
		ret = pivot(l->root);
	if (ret == -EINVAL)
		ret = cover_initial(l, &root);
	if (ret == 0)
		ret = GATE_CALL(SYS_chdir, "/");
	if (ret == 0)
		ret = check_new_root(&root);
	return ret;
}

int gate_step_pivot(struct gate_launch *l, const struct gate_row *row)
{
	int ret;

	(void)row;
	gate_mounts_done(l);
	if (l->root < 0)
		return -EINVAL;
	ret = l->in_chroot ? leave_chroot(l) : 0;
	if (ret == 0)
		ret = become(l);
	if (ret == 0)
		l->root = -1;
	return ret;
}

/* --- PRIVATE --- */

static bool has_root(const struct gate_launch *l)
{
	for (uint32_t i = 0; i < l->view->plan->n_rows; i++)
		if (l->view->rows[i].step == GATE_STEP_ROOT)
			return true;
	return false;
}

/* A task without a root of its own keeps the one that the launcher's chroot has: put on itself it is a mount, and takes the
 * place of what lies above. What the rows that follow name is in it. */
static int keep_only(struct gate_launch *l, int root)
{
	int ret, tree = gate_open_tree(root, "", GATE_TREE_CLONE | GATE_TREE_RECURSIVE);

	if (tree < 0)
		return tree;
	ret = gate_move_mount(tree, root);
	if (ret == 0) {
		l->root = tree;
		ret = become(l);
		l->root = -1;
	}
	gate_close(tree);
	return ret;
}

/* Also what lies above a chroot, from where mounts would otherwise go on to the host, or come from there. Who may not
 * join (no CAP_SYS_CHROOT) is taken for one in no chroot: a chroot that is no mount point gives EINVAL in PIVOT then, and
 * above another the tree stays. */
int gate_step_private(struct gate_launch *l, const struct gate_row *row)
{
	const int root = gate_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	struct gate_statx was, is;
	int ret;

	(void)row;
	if (root < 0)
		return root;
	ret = gate_statx_fd(root, &was);
	if (ret == 0)
		ret = leave_chroot(l);
	if (ret == 0)
		ret = GATE_CALL(SYS_statx, AT_FDCWD, "/", 0, GATE_STATX_BASIC | GATE_STATX_MNT_ID, &is);
	else if (ret == -EPERM)
		is = was, ret = 0;
	l->in_chroot = ret == 0 && !gate_statx_same(&was, &is);
	if (ret == 0)
		ret = GATE_CALL(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (ret == 0 && l->in_chroot && has_root(l)) {
		ret = enter_chroot(root);
	} else if (ret == 0 && l->in_chroot) {
		ret = keep_only(l, root);
		l->in_chroot = false;
	}
	gate_close(root);
	return ret;
}
