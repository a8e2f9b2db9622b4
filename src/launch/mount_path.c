/* Paths beneath a root that somebody hostile may change at the same time, by putting a link where a directory was: the
 * kernel resolves them where openat2 is there (Linux 5.6), else each component is opened from the descriptor of the one
 * before and nothing is ever followed by the kernel. What is missing is always made the second way: made by its path, it
 * could appear on the host. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "launch/launch.h"
#include "launch/mount_sys.h"

#define LINKS_MAX 40 /* as the kernel: path_resolution(7) */

/* The walk holds the directory it is in. ".." and links change the text, and the walk begins again at the root: it
 * never asks the kernel for "..", which could leave the root while somebody moves directories. */
struct walk {
	int root, flags;
	unsigned how, links;
	size_t start, end; /* the component in text */
	int dir;
	char text[PATH_MAX], link[PATH_MAX], name[NAME_MAX + 1];
};

static int take_fd(int *fd)
{
	const int ret = *fd;

	*fd = -1;
	return ret;
}

static int begin(struct walk *w)
{
	if (w->dir >= 0)
		gate_close(w->dir);
	w->end = 0;
	/* "." gives a descriptor of its own, also of a root that is an O_PATH descriptor. */
	w->dir = w->root >= 0 ? gate_openat(w->root, ".", O_PATH | O_DIRECTORY, 0)
	                      : gate_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	return w->dir < 0 ? w->dir : 0;
}

/* The next component; false at the end. */
static bool next(struct walk *w)
{
	w->start = w->end;
	while (w->text[w->start] == '/')
		w->start++;
	w->end = w->start;
	while (w->text[w->end] != '/' && w->text[w->end] != '\0')
		w->end++;
	return w->end > w->start;
}

static bool is_last(const struct walk *w)
{
	size_t i = w->end;

	while (w->text[i] == '/')
		i++;
	return w->text[i] == '\0';
}

/* Replaces text[from, end of the component) and begins again. */
static int rewrite(struct walk *w, size_t from, const char *by, size_t len)
{
	const size_t tail = strlen(w->text + w->end);

	if (from + len + tail >= sizeof(w->text))
		return -ENAMETOOLONG;
	memmove(w->text + from + len, w->text + w->end, tail + 1);
	memcpy(w->text + from, by, len);
	return begin(w);
}

static int go_up(struct walk *w)
{
	size_t from = w->start;

	while (from > 0 && w->text[from - 1] == '/')
		from--;
	while (from > 0 && w->text[from - 1] != '/')
		from--;
	return rewrite(w, from, "", 0);
}

static int follow(struct walk *w, int fd)
{
	struct statfs fs;
	int len;

	/* Links of procfs may be magic ones, which lead out of any root; the others are not worth telling apart. */
	if ((w->how & GATE_HOW_NO_LINKS) != 0 || ++w->links > LINKS_MAX || GATE_CALL(SYS_fstatfs, fd, &fs) < 0 ||
	    fs.f_type == GATE_MAGIC_PROC)
		return -ELOOP;
	len = GATE_CALL(SYS_readlinkat, fd, "", w->link, sizeof(w->link));
	if (len <= 0)
		return len < 0 ? len : -ENOENT;
	return rewrite(w, w->link[0] == '/' ? 0 : w->start, w->link, (size_t)len);
}

static int make(struct walk *w)
{
	int fd;

	if (!is_last(w) || (w->how & GATE_HOW_MAKE_DIRECTORY) != 0)
		fd = GATE_CALL(SYS_mkdirat, w->dir, w->name, 0755);
	else
		fd = gate_openat(w->dir, w->name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
	if (fd > 0)
		gate_close(fd);
	return fd >= 0 || fd == -EEXIST ? 0 : fd;
}

/* The component itself, not what it leads to, as an O_PATH descriptor. */
static int look(struct walk *w)
{
	int fd, ret;

	fd = gate_openat(w->dir, w->name, O_PATH | O_NOFOLLOW, 0);
	if (fd != -ENOENT || (w->how & (GATE_HOW_MAKE_DIRECTORY | GATE_HOW_MAKE_FILE)) == 0)
		return fd;
	ret = make(w);
	return ret < 0 ? ret : gate_openat(w->dir, w->name, O_PATH | O_NOFOLLOW, 0);
}

/* One component: 1 and the descriptor of the last one in *ret, 0 to go on, or -errno. */
static int step(struct walk *w, int *ret)
{
	struct gate_statx st;
	int fd, r;

	if (w->end - w->start > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(w->name, w->text + w->start, w->end - w->start);
	w->name[w->end - w->start] = '\0';
	if (strcmp(w->name, ".") == 0)
		return 0;
	if (strcmp(w->name, "..") == 0)
		return go_up(w);

	fd = look(w);
	if (fd < 0)
		return fd;
	r = gate_statx_fd(fd, &st);
	if (r == 0 && S_ISLNK(st.mode) &&
	    !(is_last(w) && (w->flags & O_NOFOLLOW) != 0 && (w->how & GATE_HOW_NO_LINKS) == 0)) {
		r = follow(w, fd);
		gate_close(fd);
		return r;
	}
	if (r == 0 && !is_last(w)) {
		gate_close(w->dir);
		w->dir = fd;
		return S_ISDIR(st.mode) ? 0 : -ENOTDIR;
	}
	if (r == 0 && (w->flags & O_DIRECTORY) != 0 && !S_ISDIR(st.mode))
		r = -ENOTDIR;
	if (r == 0 && (w->flags & O_PATH) != 0) {
		*ret = fd;
		return 1;
	}
	gate_close(fd);
	if (r == 0)
		r = *ret = gate_openat(w->dir, w->name, w->flags | O_NOFOLLOW, 0);
	return r < 0 ? r : 1;
}

static int walk(int root, const char *path, int flags, unsigned how)
{
	struct walk w;
	int r, ret = -1;

	size_t len = strlen(path);

	if (len >= sizeof(w.text))
		return -ENAMETOOLONG;
	w.root = root;
	w.flags = flags;
	w.how = how;
	w.links = 0;
	w.dir = -1;
	memcpy(w.text, path, len + 1);
	r = begin(&w);
	while (r == 0 && next(&w))
		r = step(&w, &ret);
	if (r == 0) { /* it ended with ".", "..", or is the root */
		if ((flags & O_PATH) != 0)
			ret = take_fd(&w.dir);
		else
			r = ret = gate_openat(w.dir, ".", flags, 0);
	}
	if (w.dir >= 0)
		gate_close(w.dir);
	return r < 0 ? r : ret;
}

int gate_mount_resolve(int root, const char *path, int flags, unsigned how)
{
	const bool links = (how & GATE_HOW_NO_LINKS) == 0;
	uint64_t resolve = links ? GATE_RESOLVE_NO_MAGICLINKS : GATE_RESOLVE_NO_MAGICLINKS | GATE_RESOLVE_NO_SYMLINKS;
	int fd = -EAGAIN;

	if (path[0] != '/' && root < 0)
		return -EINVAL;
	if (root >= 0)
		resolve |= GATE_RESOLVE_IN_ROOT;
	/* EAGAIN: something was renamed or mounted while ".." was resolved. A racer can make this happen again and again;
	 * the walk then comes to an end. */
	for (int tries = 0; tries < 16 && fd == -EAGAIN; tries++)
		fd = gate_openat2(root >= 0 ? root : AT_FDCWD, path, flags | O_CLOEXEC, resolve);
	if (fd == -ENOENT && (how & (GATE_HOW_MAKE_DIRECTORY | GATE_HOW_MAKE_FILE)) != 0)
		return walk(root, path, flags, how);
	/* EPERM: some sandboxes answer so to what they do not know. */
	return fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN ? walk(root, path, flags, how) : fd;
}

int gate_launch_open(const struct gate_launch *l, const char *path, int flags)
{
	return gate_mount_resolve(l->root, path, flags, 0);
}

int gate_launch_make(const struct gate_launch *l, const char *path, bool directory)
{
	return gate_mount_resolve(l->root, path, O_PATH | O_CLOEXEC | (directory ? O_DIRECTORY : 0),
	                          directory ? GATE_HOW_MAKE_DIRECTORY : GATE_HOW_MAKE_FILE);
}
