/* mount_sys.h - the system calls of the mount API that works on descriptors, and openat2. The C libraries of Debian 12
 * know them in part or (musl) not at all, so numbers and structs are told here: include/uapi/linux/{mount,openat2,stat}.h
 * of Linux 6.12. Calls from Linux 5.0 on have the same number everywhere but on alpha. Everything returns -errno. */
#ifndef GATE_LAUNCH_MOUNT_SYS_H
#define GATE_LAUNCH_MOUNT_SYS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launch/sys.h"

enum {
	GATE_NR_OPEN_TREE = 428,
	GATE_NR_MOVE_MOUNT = 429,
	GATE_NR_FSOPEN = 430,
	GATE_NR_FSCONFIG = 431,
	GATE_NR_FSMOUNT = 432,
	GATE_NR_OPENAT2 = 437,
	GATE_NR_MOUNT_SETATTR = 442
};

/* of open_tree */
#define GATE_TREE_CLONE     1U
#define GATE_TREE_RECURSIVE 0x8000U /* AT_RECURSIVE */

/* mount attributes */
#define GATE_ATTR_RDONLY 0x1U
#define GATE_ATTR_NOSUID 0x2U
#define GATE_ATTR_NODEV  0x4U
#define GATE_ATTR_NOEXEC 0x8U
#define GATE_ATTR_IDMAP  0x100000U
#define GATE_ATTR_BASIC  0xfU

/* of fsconfig */
enum { GATE_FSCONFIG_FLAG = 0, GATE_FSCONFIG_STRING = 1, GATE_FSCONFIG_CREATE = 6 };

/* of openat2 */
#define GATE_RESOLVE_NO_XDEV       0x01U
#define GATE_RESOLVE_NO_MAGICLINKS 0x02U
#define GATE_RESOLVE_NO_SYMLINKS   0x04U
#define GATE_RESOLVE_BENEATH       0x08U
#define GATE_RESOLVE_IN_ROOT       0x10U

#define GATE_MAGIC_PROC  0x9fa0
#define GATE_MAGIC_TMPFS 0x01021994

struct gate_open_how {
	uint64_t flags, mode, resolve;
};
struct gate_mount_attr {
	uint64_t set, clear, propagation, userns_fd;
};
/* What the kernel fills is 256 bytes; from stx_mnt_id (Linux 5.8) on nothing is used. */
struct gate_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, unused;
	uint64_t ino, size, blocks, attributes_mask;
	uint64_t times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id;
	uint64_t more[13];
};
_Static_assert(sizeof(struct gate_statx) == 256, "what statx(2) writes");
#define GATE_STATX_BASIC      0x7ffU
#define GATE_STATX_MNT_ID     0x1000U
#define GATE_STATX_MOUNT_ROOT 0x2000U /* in attributes, Linux 5.8 */

/* One call: its result, or -errno. */
#define GATE_CALL(...) ((int)gate_sys(__VA_ARGS__))

/* mode: for O_CREAT. */
static inline int gate_openat(int dir, const char *path, int flags, mode_t mode)
{
	return GATE_CALL(SYS_openat, dir, path, flags | O_CLOEXEC, mode);
}
static inline void gate_close(int fd)
{
	if (fd >= 0)
		(void)gate_sys(SYS_close, fd);
}
static inline int gate_open_tree(int dir, const char *path, unsigned flags)
{
	return GATE_CALL(GATE_NR_OPEN_TREE, dir, path, flags | O_CLOEXEC | (*path == '\0' ? AT_EMPTY_PATH : 0));
}
/* Puts what `tree` is onto what `target` is. */
static inline int gate_move_mount(int tree, int target)
{
	const unsigned from_empty = 0x4, to_empty = 0x40;

	return GATE_CALL(GATE_NR_MOVE_MOUNT, tree, "", target, "", from_empty | to_empty);
}
static inline int gate_fsopen(const char *type)
{
	return GATE_CALL(GATE_NR_FSOPEN, type, 1 /* FSOPEN_CLOEXEC */);
}
/* value NULL: a flag. */
static inline int gate_fsconfig(int fs, const char *key, const char *value)
{
	return GATE_CALL(GATE_NR_FSCONFIG, fs, value != NULL ? GATE_FSCONFIG_STRING : GATE_FSCONFIG_FLAG, key, value,
	                 0);
}
static inline int gate_fscreate(int fs)
{
	return GATE_CALL(GATE_NR_FSCONFIG, fs, GATE_FSCONFIG_CREATE, NULL, NULL, 0);
}
static inline int gate_fsmount(int fs, unsigned attrs)
{
	return GATE_CALL(GATE_NR_FSMOUNT, fs, 1 /* FSMOUNT_CLOEXEC */, attrs);
}
static inline int gate_mount_setattr(int fd, bool recursive, const struct gate_mount_attr *attr)
{
	return GATE_CALL(GATE_NR_MOUNT_SETATTR, fd, "", AT_EMPTY_PATH | (recursive ? GATE_TREE_RECURSIVE : 0), attr,
	                 sizeof(*attr));
}
static inline int gate_openat2(int dir, const char *path, int flags, uint64_t resolve)
{
	const struct gate_open_how how = { (uint64_t)(unsigned)flags, 0, resolve };

	return GATE_CALL(GATE_NR_OPENAT2, dir, path, &how, sizeof(how));
}
static inline int gate_statx_fd(int fd, struct gate_statx *ret)
{
	return GATE_CALL(SYS_statx, fd, "", AT_EMPTY_PATH | 0x4000 /* DONT_SYNC */,
	                 GATE_STATX_BASIC | GATE_STATX_MNT_ID, ret);
}
/* The same object, through the same mount where the kernel tells. */
static inline bool gate_statx_same(const struct gate_statx *a, const struct gate_statx *b)
{
	if (a->ino != b->ino || a->dev_major != b->dev_major || a->dev_minor != b->dev_minor ||
	    ((a->mode ^ b->mode) & 0170000) != 0)
		return false;
	return (a->mask & b->mask & GATE_STATX_MNT_ID) == 0 || a->mnt_id == b->mnt_id;
}

/* --- for src/launch/mount*.c --- */
struct gate_launch;

enum gate_mount_how {
	GATE_HOW_NO_LINKS = 1 << 0, /* no symbolic link on the way or at the end: -ELOOP */
	GATE_HOW_MAKE_DIRECTORY = 1 << 1,
	GATE_HOW_MAKE_FILE = 1 << 2
};
/* What `path` names beneath the directory `root` (-1: "/"), whose ".." is itself. Magic links give -ELOOP. With
 * GATE_HOW_MAKE_… what is missing is made. `flags`: as gate_launch_open. */
int gate_mount_resolve(int root, const char *path, int flags, unsigned how);

#endif
