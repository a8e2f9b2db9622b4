/* A /dev of the task's own. Made here, where mknod(2) is a call and not a mount, and attached in one step. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "container/mounts.h"
#include "container/prepare.h"

/* Documentation/admin-guide/devices.txt */
static const struct node {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct link {
	const char *name, *to;
	bool terminal;
} links[] = {
	{ "fd", "/proc/self/fd", false },
	{ "stdin", "/proc/self/fd/0", false },
	{ "stdout", "/proc/self/fd/1", false },
	{ "stderr", "/proc/self/fd/2", false },
	{ "ptmx", "pts/ptmx", false },
	/* The terminal of the task is the first of its own devpts. */
	{ "console", "pts/0", true },
};

static const char *const directories[] = { "pts", "shm", "mqueue" };

static int fill(const struct gate_prepare *p, int tree)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(directories); i++)
		if (mkdirat(tree, directories[i], 0755) < 0)
			return -1;
	for (size_t i = 0; i < GATE_ARRAY_LEN(links); i++)
		if ((!links[i].terminal || p->task->terminal) && symlinkat(links[i].to, tree, links[i].name) < 0)
			return -1;
	for (size_t i = 0; !p->nested && i < GATE_ARRAY_LEN(nodes); i++)
		if (mknodat(tree, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 ||
		    (p->id_base != 0 && fchownat(tree, nodes[i].name, p->id_base, p->id_base, AT_SYMLINK_NOFOLLOW) < 0))
			return -1;
	return 0;
}

/* Without the right to make nodes, the host's are put over empty files. */
static int bind_nodes(struct gate_prepare *p)
{
	char host[32];

	for (size_t i = 0; p->nested && i < GATE_ARRAY_LEN(nodes); i++) {
		(void)snprintf(host, sizeof(host), "/dev/%s", nodes[i].name);
		struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_BIND, "%s", host);

		row->flags = GATE_ROW_FILE;
		row->text[0] = row->text[1] = gate_plan_string(&p->plan, host);
		row->a = makedev(nodes[i].major, nodes[i].minor);
		row->b = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	}
	return 0;
}

static int make(const struct gate_prepare *p, int *ret, struct gate_err *err)
{
	char options[64];

	(void)snprintf(options, sizeof(options), "mode=755,size=64m,uid=%u,gid=%u", p->id_base, p->id_base);
	int tree = gate_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);

	if (tree < 0)
		return -1;
	mode_t mask = umask(0);
	int result = fill(p, tree);
	int sys = errno;
	(void)umask(mask);
	if (result == 0) {
		*ret = tree;
		return 0;
	}
	(void)close(tree);
	errno = sys;
	return GATE_FAIL_SYS(err, "cannot make the devices of the task");
}

int gate_isolate_dev(struct gate_prepare *p, struct gate_err *err)
{
	int tree = -1;

	if (!p->dry && make(p, &tree, err) < 0)
		return -1;
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_ATTACH, "/dev");
	row->flags = GATE_ROW_DIRECTORY;
	row->fd = gate_plan_adopt(&p->plan, tree);
	row->text[0] = gate_plan_string(&p->plan, "/dev");
	return bind_nodes(p);
}
