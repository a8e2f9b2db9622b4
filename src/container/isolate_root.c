/* The task's root: a directory or an image, copy-on-write or as it is; or the host's own file system with a private
 * sandbox as /tmp. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/mounts.h"
#include "container/prepare.h"
#include "container/rootfs.h"
#include "container/userns.h"
#include "launch/mount_sys.h"

/* What only a file system of the task's own can give. */
static int check(const struct gate_prepare *p, struct gate_err *err)
{
	const struct gate_task *t = p->task;
	const char *what = t->rootfs != NULL  ? "--rootfs"
	                   : t->image != NULL ? "--image"
	                   : t->volumes.n > 0 ? "a volume"
	                   : t->read_only     ? "--read-only"
	                   : t->userns_auto   ? "--userns=auto"
	                                      : NULL;

	if (t->rootfs != NULL && t->image != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "--rootfs and --image exclude each other");
	if (what != NULL && !gate_isolates(p, GATE_ISOLATE_FILESYSTEM))
		return GATE_FAIL(err, GATE_E_INVALID, "%s needs the isolator '%s', which is off", what,
		                 gate_isolator_name(GATE_ISOLATE_FILESYSTEM));
	return 0;
}

static void root_row(struct gate_prepare *p, int tree, const char *what)
{
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_ROOT, "%s", what);
	char path[sizeof(p->path) + 8];

	/* Root of a user namespace of its own has no way into the state directory. Any place will do: what is covered is so
	 * only in the task's mount namespace, and only until PIVOT. */
	if (p->has_userns)
		(void)snprintf(path, sizeof(path), "/tmp");
	else
		(void)snprintf(path, sizeof(path), "%s/work", p->path);
	p->root = tree;
	row->fd = gate_plan_adopt(&p->plan, tree);
	row->text[0] = gate_plan_string(&p->plan, path);
	(void)gate_plan_row(&p->plan, GATE_STEP_PIVOT, NULL);
}

/* An own tree belongs to the host's user 0; with --userns=auto to the task's. */
static int adapt(const struct gate_prepare *p, int tree, struct gate_err *err)
{
	if (p->userns < 0)
		return 0;
	return gate_tree_idmap(tree, p->plan.fds[p->userns], err);
}

static int overlay(struct gate_prepare *p, const char *const *lower, size_t n, const char *what, struct gate_err *err)
{
	int userns = p->userns >= 0 ? p->plan.fds[p->userns] : -1, tree = -1;

	if (!p->dry && gate_root_overlay(lower, n, p->work, userns, false, &tree, err) < 0)
		return -1;
	root_row(p, tree, what);
	return 0;
}

static int directory(struct gate_prepare *p, struct gate_err *err)
{
	const char *path = p->task->rootfs;
	int tree = -1;

	p->rootfs = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->rootfs < 0 && (errno == ENOTDIR || errno == ELOOP))
		return GATE_FAIL(err, GATE_E_INVALID, "the root '%s' must be a directory, and no symbolic link", path);
	if (p->rootfs < 0)
		return GATE_FAIL_SYS(err, "cannot open the root '%s'", path);
	if (!p->task->rootfs_writable)
		return overlay(p, &path, 1, path, err);
	if (!p->dry && (gate_root_bind(path, false, &tree, err) < 0 || adapt(p, tree, err) < 0))
		return tree >= 0 ? (void)close(tree), -1 : -1;
	root_row(p, tree, path);
	return 0;
}

static int image(struct gate_prepare *p, struct gate_err *err)
{
	return overlay(p, p->image->layers, p->image->n_layers, p->image->reference, err);
}

/* The task's own copy of the host's mounts, before anything is mounted on it. No tree that is made here and put on a
 * directory: it may hold files of mount namespaces (nsfs: snapd, `ip netns`'s kin), which the kernel moves nowhere
 * (ELOOP, check_for_nsfs_mounts), while clone(CLONE_NEWNS) leaves them out of the copy. */
static int host_read_only(struct gate_prepare *p, struct gate_err *err)
{
	const struct gate_mount_attr nothing = { 0 };

	if (gate_mount_setattr(-1, false, &nothing) == -ENOSYS)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "--read-only on the host's own file system needs Linux 5.12 (mount_setattr)");
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_READONLY, "/ with all that is mounted in it");
	row->flags = GATE_ROW_RECURSIVE;
	row->text[0] = gate_plan_string(&p->plan, "/");
	return 0;
}

/* The directory that the task has to itself: its /tmp. Others in the task may write there, too; nobody else gets past
 * the state directory above it. */
static int sandbox(struct gate_prepare *p, struct gate_err *err)
{
	int tree = -1;

	if (!p->dry) {
		if (mkdirat(p->work, "sandbox", 0700) < 0 ||
		    fchownat(p->work, "sandbox", p->who.uid, p->who.gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fchmodat(p->work, "sandbox", 01777, 0) < 0)
			return GATE_FAIL_SYS(err, "cannot make the sandbox '%s/work/sandbox'", p->path);
		tree = gate_mount_clone(p->work, "sandbox", false, err);
		if (tree < 0)
			return -1;
	}
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_ATTACH, "/tmp (a private sandbox)");
	row->fd = gate_plan_adopt(&p->plan, tree);
	row->text[0] = gate_plan_string(&p->plan, "/tmp");
	return 0;
}

int gate_isolate_root(struct gate_prepare *p, struct gate_err *err)
{
	if (check(p, err) < 0)
		return -1;
	if (!gate_isolates(p, GATE_ISOLATE_FILESYSTEM))
		return 0;
	if (!p->dry && (mkdirat(p->dir, "work", 0700) < 0 ||
	                (p->work = openat(p->dir, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0))
		return GATE_FAIL_SYS(err, "cannot make the directory '%s/work'", p->path);
	(void)gate_plan_row(&p->plan, GATE_STEP_PRIVATE, NULL);
	if (p->image != NULL)
		return image(p, err);
	if (p->task->rootfs != NULL)
		return directory(p, err);
	if (p->task->read_only && host_read_only(p, err) < 0)
		return -1;
	/* Whose sandbox it is must be known first: by the host's files. */
	return gate_prepare_identity(p, err) < 0 || gate_userns_check(p, err) < 0 ? -1 : sandbox(p, err);
}
