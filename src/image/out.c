#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "image/out.h"

#define WHITEOUT ".wh."     /* image-spec, layer.md: "Whiteouts" */
#define META     ".wh..wh." /* files of aufs' own */
#define OPAQUE   ".wh..wh..opq"
#define DIRS_MAX (256u << 20)

struct gate_out_dir {
	struct gate_out_dir *next;
	struct timespec time;
	const char *path;
};

void gate_out_init(struct gate_out *o, int root, bool layer, bool owners)
{
	*o = (struct gate_out){ .root = root, .layer = layer, .owners = owners, .parent = -1 };
	o->arena.limit = DIRS_MAX;
}

static void forget_parent(struct gate_out *o)
{
	if (o->parent >= 0)
		(void)close(o->parent);
	o->parent = -1;
}

void gate_out_done(struct gate_out *o)
{
	forget_parent(o);
	gate_arena_done(&o->arena);
}

/* The directory of a clean path, held in *o, and the entry's own name in it ("" for the root). */
static int enter(struct gate_out *o, char *path, const char **name, struct gate_err *err)
{
	char *slash = strrchr(path, '/');
	const char *dir = slash != NULL ? path : "";

	*name = slash != NULL ? slash + 1 : path;
	if (slash != NULL)
		*slash = '\0';
	if (o->parent >= 0 && strcmp(o->parent_path, dir) == 0)
		return 0;
	forget_parent(o);
	if (gate_out_open(o->root, dir, true, &o->parent, err) < 0)
		return -1;
	memcpy(o->parent_path, dir, strlen(dir) + 1);
	return 0;
}

static bool attribute_kept(const char *name)
{
	return (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0) ||
	       strcmp(name, "security.capability") == 0;
}

/* trusted.overlay.* would tell overlayfs to look elsewhere; security.* of others means something to the host alone. */
static int set_attributes(struct gate_out *o, const struct gate_item *item, int fd, struct gate_err *err)
{
	for (size_t i = 0; o->layer && i < item->n_xattrs; i++) {
		const struct gate_item_xattr *x = &item->xattrs[i];

		if (!attribute_kept(x->name) || fsetxattr(fd, x->name, x->value, x->len, 0) == 0)
			continue;
		if (errno != EPERM && errno != ENOTSUP)
			return GATE_FAIL_SYS(err, "setting the attribute '%s'", x->name);
		o->xattrs++;
	}
	return 0;
}

static struct timespec time_of(const struct gate_item *item)
{
	return (struct timespec){ .tv_sec = item->mtime, .tv_nsec = item->mtime_ns };
}

static int check_owner(const struct gate_item *item, struct gate_err *err)
{
	/* 0xffffffff means "leave as it is" to chown(2) */
	if (item->uid < 0 || item->uid >= UINT32_MAX || item->gid < 0 || item->gid >= UINT32_MAX)
		return GATE_FAIL(err, GATE_E_INVALID, "the owner %lld:%lld is no user and group", (long long)item->uid,
		                 (long long)item->gid);
	return 0;
}

static int no_owner(const struct gate_item *item, struct gate_err *err)
{
	const long long uid = item->uid, gid = item->gid;

	return errno == EINVAL
	           ? GATE_FAIL(err, GATE_E_INVALID, "setting the owner %lld:%lld: not in this user namespace", uid, gid)
	           : GATE_FAIL_SYS(err, "setting the owner %lld:%lld", uid, gid);
}

/* chown(2) clears set-user-id bits and file capabilities: the owner goes first. */
static int settle(struct gate_out *o, const struct gate_item *item, int fd, uint32_t mode, struct gate_err *err)
{
	if (o->owners && fchown(fd, (uid_t)item->uid, (gid_t)item->gid) < 0)
		return no_owner(item, err);
	if (fchmod(fd, mode) < 0)
		return GATE_FAIL_SYS(err, "setting the mode %#o", mode);
	return set_attributes(o, item, fd, err);
}

int gate_out_finish(struct gate_out *o, const struct gate_item *item, int fd, struct gate_err *err)
{
	const struct timespec times[2] = { time_of(item), time_of(item) };
	int rc = settle(o, item, fd, item->mode & 07777, err);

	if (rc == 0 && futimens(fd, times) < 0)
		rc = GATE_FAIL_SYS(err, "setting the time");
	if (close(fd) < 0 && rc == 0)
		rc = GATE_FAIL_SYS(err, "writing");
	return rc;
}

/* What an entry of the same name left here goes: the last one counts. */
static int clear_name(struct gate_out *o, const char *name, struct gate_err *err)
{
	return gate_out_remove(o->parent, name, err);
}

static int remember_time(struct gate_out *o, const char *dir, const char *name, const struct gate_item *item,
                         struct gate_err *err)
{
	size_t len = strlen(dir) + 1 + strlen(name) + 1;
	struct gate_out_dir *d = GATE_NEW(&o->arena, struct gate_out_dir);
	char *path = gate_arena_alloc(&o->arena, len);

	if (d == NULL || path == NULL)
		return GATE_FAIL(err, GATE_E_LIMIT, "too many directories");
	(void)snprintf(path, len, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
	*d = (struct gate_out_dir){ .next = o->dirs, .time = time_of(item), .path = path };
	o->dirs = d;
	return 0;
}

static int put_directory(struct gate_out *o, const struct gate_item *item, const char *name, struct gate_err *err)
{
	const char *here = name[0] != '\0' ? name : ".";
	/* Without root a directory that its owner may not write could be neither filled nor removed. */
	uint32_t mode = (item->mode & 07777) | (o->owners ? 0 : 0700);
	bool hides = name[0] != '\0' && gate_out_is_whiteout(o->parent, name);
	struct stat st;
	int fd, rc;

	if (name[0] != '\0' &&
	    (hides || (fstatat(o->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))) &&
	    clear_name(o, name, err) < 0)
		return -1;
	if (name[0] != '\0' && mkdirat(o->parent, name, 0700) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "making a directory");
	if (hides && gate_out_opaque(o->parent, name, err) < 0)
		return -1;
	fd = openat(o->parent, here, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "opening a directory");
	rc = settle(o, item, fd, mode, err);
	(void)close(fd);
	return rc < 0 ? -1 : remember_time(o, o->parent_path, name, item, err);
}

static int put_file(struct gate_out *o, const char *name, int *ret, struct gate_err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(o->parent, name, flags, 0600);

	if (fd < 0 && errno == EEXIST) {
		if (clear_name(o, name, err) < 0)
			return -1;
		fd = openat(o->parent, name, flags, 0600);
	}
	if (fd < 0)
		return GATE_FAIL_SYS(err, "making a file");
	*ret = fd;
	return 0;
}

/* Owner and time of what has no descriptor of its own. */
static int settle_name(struct gate_out *o, const struct gate_item *item, const char *name, struct gate_err *err)
{
	const struct timespec times[2] = { time_of(item), time_of(item) };

	if (o->owners && fchownat(o->parent, name, (uid_t)item->uid, (gid_t)item->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return no_owner(item, err);
	if (utimensat(o->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return GATE_FAIL_SYS(err, "setting the time");
	return 0;
}

static int put_symlink(struct gate_out *o, const struct gate_item *item, const char *name, struct gate_err *err)
{
	if (item->link == NULL || item->link[0] == '\0' || strlen(item->link) >= GATE_OUT_PATH)
		return GATE_FAIL(err, GATE_E_INVALID, "a symbolic link without a usable target");
	int rc = symlinkat(item->link, o->parent, name);

	if (rc < 0 && errno == EEXIST && clear_name(o, name, err) == 0)
		rc = symlinkat(item->link, o->parent, name);
	if (rc < 0)
		return GATE_FAIL_SYS(err, "making a symbolic link");
	return settle_name(o, item, name, err);
}

static int put_fifo(struct gate_out *o, const struct gate_item *item, const char *name, struct gate_err *err)
{
	if (clear_name(o, name, err) < 0)
		return -1;
	/* The umask is 0 in the box; nothing else is done to the mode, since that would need the fifo opened. */
	if (mknodat(o->parent, name, S_IFIFO | (item->mode & 0777), 0) < 0)
		return GATE_FAIL_SYS(err, "making a fifo");
	return settle_name(o, item, name, err);
}

static int put_hardlink(struct gate_out *o, const struct gate_item *item, const char *name, struct gate_err *err)
{
	char path[GATE_OUT_PATH];
	struct stat st, old;
	int dir, rc = 0;

	if (item->link == NULL || gate_out_clean(item->link, path, err) < 0)
		return GATE_NOTE(err, "hard link to '%s'", item->link != NULL ? item->link : "");
	char *slash = strrchr(path, '/');
	const char *target = slash != NULL ? slash + 1 : path;

	if (slash != NULL)
		*slash = '\0';
	if (gate_out_open(o->root, slash != NULL ? path : "", false, &dir, err) < 0)
		return GATE_NOTE(err, "hard link to '%s'", item->link);
	if (target[0] == '\0' || fstatat(dir, target, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		rc = GATE_FAIL(err, GATE_E_INVALID, "hard link to '%s', which is no regular file of this archive",
		               item->link);
	else if (fstatat(o->parent, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_dev == st.st_dev &&
	         old.st_ino == st.st_ino)
		rc = 0; /* the same file already: removing it first might remove the last name of it */
	else if (clear_name(o, name, err) < 0)
		rc = -1;
	else if (linkat(dir, target, o->parent, name, 0) < 0)
		rc = GATE_FAIL_SYS(err, "hard link to '%s'", item->link);
	(void)close(dir);
	return rc;
}

/* OCI: a whiteout hides what lower layers have, never what this one has. */
static int put_whiteout(struct gate_out *o, const char *name, struct gate_err *err)
{
	const char *hidden = name + strlen(WHITEOUT);
	struct stat st;

	if (strcmp(name, OPAQUE) == 0)
		return gate_out_opaque(o->parent, ".", err);
	if (strncmp(name, META, strlen(META)) == 0)
		return 0;
	if (hidden[0] == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "a whiteout of nothing that can be hidden");
	if (fstatat(o->parent, hidden, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? gate_out_opaque(o->parent, hidden, err) : 0;
	/* Device 0:0 needs no privilege since Linux 5.8 (a3c751a50fe6); before, CAP_MKNOD. */
	if (mknodat(o->parent, hidden, S_IFCHR, 0) < 0)
		return GATE_FAIL_SYS(err, "making a whiteout (an overlay file system takes none)");
	return 0;
}

/* Is a directory of the path one of aufs' own? Another whiteout there is refused. */
static int look_at_parents(const char *path, bool *skip, struct gate_err *err)
{
	*skip = false;
	for (const char *p = path, *slash; (slash = strchr(p, '/')) != NULL; p = slash + 1) {
		if (strncmp(p, META, strlen(META)) == 0)
			*skip = true;
		else if (strncmp(p, WHITEOUT, strlen(WHITEOUT)) == 0)
			return GATE_FAIL(err, GATE_E_INVALID, "a whiteout is used as a directory");
	}
	return 0;
}

static int put(struct gate_out *o, const struct gate_item *item, char *path, int *fd, struct gate_err *err)
{
	const char *name;
	bool skip = false;

	if (o->layer && look_at_parents(path, &skip, err) < 0)
		return -1;
	if (skip)
		return 0;
	if (item->kind == GATE_ITEM_DEVICE) {
		o->devices++;
		return 0;
	}
	if (o->owners && check_owner(item, err) < 0)
		return -1;
	if (enter(o, path, &name, err) < 0)
		return -1;
	if (name[0] == '\0' && item->kind != GATE_ITEM_DIRECTORY)
		return GATE_FAIL(err, GATE_E_INVALID, "the root of the archive is no directory");
	if (o->layer && strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0)
		return put_whiteout(o, name, err);
	switch (item->kind) {
	case GATE_ITEM_FILE:
		return put_file(o, name, fd, err);
	case GATE_ITEM_DIRECTORY:
		return put_directory(o, item, name, err);
	case GATE_ITEM_SYMLINK:
		return put_symlink(o, item, name, err);
	case GATE_ITEM_HARDLINK:
		return put_hardlink(o, item, name, err);
	case GATE_ITEM_FIFO:
		return put_fifo(o, item, name, err);
	case GATE_ITEM_DEVICE:
		break;
	}
	return GATE_FAIL(err, GATE_E_INVALID, "an entry of an unknown kind");
}

int gate_out_put(struct gate_out *o, const struct gate_item *item, int *fd, struct gate_err *err)
{
	char path[GATE_OUT_PATH];

	*fd = -1;
	if (gate_out_clean(item->path, path, err) < 0 || put(o, item, path, fd, err) < 0)
		return GATE_NOTE(err, "entry '%.100s'", item->path);
	return 0;
}

int gate_out_end(struct gate_out *o, struct gate_err *err)
{
	forget_parent(o);
	/* The newest of several entries for one directory comes first here; the oldest must not undo it. */
	struct gate_out_dir *list = NULL;

	while (o->dirs != NULL) {
		struct gate_out_dir *d = o->dirs;

		o->dirs = d->next;
		d->next = list;
		list = d;
	}
	for (; list != NULL; list = list->next) {
		const struct timespec times[2] = { list->time, list->time };
		int dir, fd;

		if (gate_out_open(o->root, list->path, false, &dir, NULL) < 0)
			continue; /* something else took its place */
		fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(dir);
		if (fd < 0)
			return GATE_FAIL_SYS(err, "opening a directory to set its time");
		int rc = futimens(fd, times);

		(void)close(fd);
		if (rc < 0)
			return GATE_FAIL_SYS(err, "setting the time of a directory");
	}
	return 0;
}
