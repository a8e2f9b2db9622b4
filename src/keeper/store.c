/* What is written down, and what goes with the task. All of it by descriptors, beneath the task's directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/keeper.h"

static int write_all(int fd, const void *bytes, size_t len)
{
	for (const char *at = bytes; len > 0;) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_file(int dir, const char *name, int flags, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

	if (fd < 0)
		return -errno;
	int result = write_all(fd, bytes, len);
	if (result == 0 && fsync(fd) < 0)
		result = -errno;
	(void)close(fd);
	return result;
}

/* Whole under another name, then renamed: a reader sees the old one or the new one. On a full disk the old one is
 * written over, which needs no new block; a reader that comes just then sees a record that it can read again. */
int gate_store_write_record(int dir, const struct gate_record *r)
{
	static const char fresh[] = "record.new", name[] = "record";
	int result = write_file(dir, fresh, O_CREAT | O_TRUNC, r, sizeof(*r));

	if (result == 0)
		return renameat(dir, fresh, dir, name) < 0 ? -errno : 0;
	(void)unlinkat(dir, fresh, 0);
	return write_file(dir, name, 0, r, sizeof(*r));
}

int gate_store_read(int dir, const char *name, char *ret, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, ret, size - 1);
	int sys = errno;
	(void)close(fd);
	if (n < 0)
		return -sys;
	ret[n] = '\0';
	return (int)n;
}

/* --- removing a tree --- */
/* Deeper directories are moved up to the top instead of being descended into: a task may make its tree as deep as it
 * likes, and every level costs a descriptor and a part of the stack. */
#define DEPTH_MAX   24
#define NAMES_BYTES 2048
/* A process that escaped (no pid namespace, no control group) may still be writing: no end without a bound. */
#define PASSES_MAX 65536

struct entry { /* struct linux_dirent64 */
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

struct removal {
	int top; /* what is too deep goes here */
	uint32_t moved;
};

static int empty(struct removal *r, int dir, unsigned depth);

static void moved_name(uint32_t number, char ret[24])
{
	static const char start[] = ".callgate-deep-";

	memcpy(ret, start, sizeof(start) - 1);
	for (unsigned i = 0; i < 8; i++)
		ret[sizeof(start) - 1 + i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
	ret[sizeof(start) - 1 + 8] = '\0';
}

static int remove_directory(struct removal *r, int dir, const char *name, unsigned depth)
{
	char up[24];

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	if (depth >= DEPTH_MAX) {
		moved_name(r->moved++, up);
		return renameat(dir, name, r->top, up) < 0 ? -errno : 0;
	}
	int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return -errno;
	int result = empty(r, sub, depth + 1);
	(void)close(sub);
	if (result < 0)
		return result;
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_entry(struct removal *r, int dir, const char *name, unsigned depth)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM)
		return remove_directory(r, dir, name, depth);
	return -errno;
}

/* Again and again from the start: what is removed while a directory is read may hide what comes after it. */
static int empty(struct removal *r, int dir, unsigned depth)
{
	union {
		struct entry aligned;
		char bytes[NAMES_BYTES];
	} names;
	bool again = true;

	for (unsigned pass = 0; again; pass++) {
		again = false;
		if (pass >= PASSES_MAX)
			return -EBUSY;
		if (lseek(dir, 0, SEEK_SET) < 0)
			return -errno;
		for (;;) {
			long n = syscall(SYS_getdents64, dir, names.bytes, sizeof(names));

			if (n < 0)
				return -errno;
			if (n == 0)
				break;
			for (long at = 0; at < n;) {
				const struct entry *e = (const void *)(names.bytes + at);
				at += e->reclen;
				if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
					continue;
				int result = remove_entry(r, dir, e->name, depth);
				if (result < 0)
					return result;
				again = true;
			}
		}
	}
	return 0;
}

int gate_store_remove_tree(int parent, const char *name)
{
	struct removal r = { .moved = 0 };

	r.top = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r.top < 0)
		return errno == ENOENT ? 0 : -errno;
	int result = empty(&r, r.top, 0);
	(void)close(r.top);
	if (result < 0)
		return result;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
