#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/mounts.h"

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_fsopen
#define SYS_fsopen   430
#define SYS_fsconfig 431
#define SYS_fsmount  432
#endif

int gate_mount_clone(int at, const char *path, bool recursive, struct gate_err *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | (recursive ? AT_RECURSIVE : 0);
	int fd = (int)syscall(SYS_open_tree, at, path, flags);

	return fd >= 0 ? fd : GATE_FAIL_SYS(err, "cannot clone the mount of '%s'", path);
}

/* One "key" or "key=value". */
static int configure(int context, char *option)
{
	char *value = strchr(option, '=');

	if (value == NULL)
		return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, option, NULL, 0);
	*value = '\0';
	return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, option, value + 1, 0);
}

static int configure_all(int context, const char *options)
{
	char copy[256], *rest = copy, *option;

	(void)snprintf(copy, sizeof(copy), "%s", options);
	while ((option = strsep(&rest, ",")) != NULL)
		if (option[0] != '\0' && configure(context, option) < 0)
			return -1;
	return (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int gate_mount_new(const char *type, const char *options, unsigned attr, struct gate_err *err)
{
	int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), fd = -1;

	if (context < 0)
		return GATE_FAIL_SYS(err, "cannot make a file system of type '%s'", type);
	if (configure_all(context, options) == 0)
		fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attr);
	int sys = errno;
	(void)close(context);
	if (fd >= 0)
		return fd;
	errno = sys;
	return GATE_FAIL_SYS(err, "cannot make a file system of type '%s' with '%s'", type, options);
}
