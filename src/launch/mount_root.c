/* The task's root: put up beside the host's tree, then made "/". */
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "launch/launch.h"
#include "launch/mount_sys.h"

int gate_step_private(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	(void)row;
	return gate_sys_result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* The tree may be a copy of mounts that share what happens to them with the host's: it gets private before anything is
 * mounted into it. */
static int make_private(int tree)
{
	const struct gate_mount_attr attr = { .propagation = MS_PRIVATE };
	int ret = gate_mount_setattr(tree, true, &attr);

	if (ret != -ENOSYS)
		return ret;
	ret = gate_sys_result(fchdir(tree));
	if (ret == 0)
		ret = gate_sys_result(mount(NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL));
	if (chdir("/") < 0 && ret == 0)
		ret = -errno;
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
	target = gate_sys_result(open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (target < 0)
		return target;
	ret = gate_move_mount(tree, target);
	(void)close(target);
	if (ret < 0)
		return ret;
	ret = make_private(tree);
	if (ret < 0)
		return ret;

	target = gate_sys_result(open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (target < 0)
		return target;
	ret = gate_statx_fd(target, &is);
	if (ret == 0)
		ret = gate_statx_fd(tree, &shall);
	if (ret == 0 && !gate_statx_same(&is, &shall))
		ret = -ESTALE;
	(void)close(target);
	if (ret == 0)
		l->root = tree;
	return ret;
}

/* "/" is the root that we built, and there is nothing above it. */
static int check_new_root(const struct gate_statx *shall)
{
	static const char *const names[] = { "/", "/..", "." };
	struct gate_statx is;
	int fd, ret = 0;

	for (unsigned i = 0; ret == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		fd = gate_sys_result(open(names[i], O_PATH | O_DIRECTORY | O_CLOEXEC));
		if (fd < 0)
			return fd;
		ret = gate_statx_fd(fd, &is);
		if (ret == 0 && !gate_statx_same(&is, shall))
			ret = -ESTALE;
		(void)close(fd);
	}
	return ret;
}

int gate_step_pivot(struct gate_launch *l, const struct gate_row *row)
{
	struct gate_statx root;
	int ret;

	(void)row;
	gate_mounts_done(l);
	if (l->root < 0)
		return -EINVAL;
	ret = gate_statx_fd(l->root, &root);
	if (ret == 0)
		ret = gate_sys_result(fchdir(l->root));
	/* The old root comes to lie over the new one, at the same place, from which it is taken: pivot_root(2), NOTES. */
	if (ret == 0)
		ret = gate_sys_result(syscall(SYS_pivot_root, ".", "."));
	if (ret == 0)
		ret = gate_sys_result(umount2(".", MNT_DETACH));
	if (ret == 0)
		ret = gate_sys_result(chdir("/"));
	if (ret == 0)
		ret = check_new_root(&root);
	if (ret == 0)
		l->root = -1;
	return ret;
}
