/* passwd and group of the task's root: hostile files, opened beneath it and read with a limit. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "container/prepare.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* Before Linux 5.6: the directory and the file one by one, neither through a link. */
static int open_by_parts(int root, const char *name)
{
	int etc = openat(root, "etc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (etc < 0)
		return -1;
	int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int sys = errno;
	(void)close(etc);
	errno = sys;
	return fd;
}

/* Images may have links there (/etc/passwd -> ../usr/…): they are followed, but never out of the root. */
static int open_in(int root, const char *name)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
		                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	char path[32];

	if (root < 0)
		root = AT_FDCWD;
	if (root == AT_FDCWD)
		return open(name[0] == 'p' ? "/etc/passwd" : "/etc/group", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "etc/%s", name);
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_by_parts(root, name) : fd;
}

/* The whole file into the arena; *ret stays NULL when there is none. */
static int slurp(int root, const char *name, struct gate_arena *arena, const char **ret, size_t *len,
                 struct gate_err *err)
{
	struct stat st;
	int fd = open_in(root, name);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV
		           ? 0
		           : GATE_FAIL_SYS(err, "cannot read /etc/%s of the task's root", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return 0;
	}
	if (st.st_size > GATE_PASSWD_BYTES_MAX) {
		(void)close(fd);
		return GATE_FAIL(err, GATE_E_LIMIT, "/etc/%s of the task's root is larger than 4 MiB", name);
	}
	char *text = gate_arena_alloc(arena, (size_t)st.st_size + 1);
	size_t done = 0;
	ssize_t n = 0;
	while (text != NULL && done < (size_t)st.st_size && (n = read(fd, text + done, (size_t)st.st_size - done)) > 0)
		done += (size_t)n;
	int sys = errno;
	(void)close(fd);
	errno = sys;
	if (text == NULL)
		return GATE_FAIL_NOMEM(err);
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read /etc/%s of the task's root", name);
	*ret = text;
	*len = done;
	return 0;
}

int gate_identity_in(int root, const char *user, const char *const *add, size_t n_add, struct gate_arena *arena,
                     struct gate_identity *ret, struct gate_err *err)
{
	struct gate_passwd files = { .host = root < 0 };

	if (slurp(root, "passwd", arena, &files.passwd, &files.passwd_len, err) < 0 ||
	    slurp(root, "group", arena, &files.group, &files.group_len, err) < 0)
		return -1;
	return gate_identity_find(&files, user, add, n_add, arena, ret, err);
}

/* Without a mounted root (--explain): the uppermost layer that has the file speaks for the image. */
static int open_layer(const struct gate_image *image)
{
	for (size_t i = 0; i < image->n_layers; i++) {
		int fd = open(image->layers[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && faccessat(fd, "etc/passwd", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return fd;
		if (fd >= 0)
			(void)close(fd);
	}
	return -1;
}

int gate_prepare_identity(struct gate_prepare *p, struct gate_err *err)
{
	const char *user = p->task->user;
	int root = p->root >= 0 ? p->root : p->rootfs, layer = -1;

	if (p->who.home != NULL)
		return 0;
	if (user == NULL && p->image != NULL && p->image->user[0] != '\0')
		user = p->image->user;
	if (p->own_root && root < 0 && p->image != NULL)
		root = layer = open_layer(p->image);
	int result = gate_identity_in(p->own_root ? root : -1, user, p->task->groups_add.at, p->task->groups_add.n,
	                              &p->plan.arena, &p->who, err);
	if (layer >= 0)
		(void)close(layer);
	return result;
}
