/* out.h - one entry of an archive after the other onto the disk, beneath one directory.
 *
 * The entries are hostile. Nothing is opened, made, linked or removed but beneath `root`: a directory on the way to an
 * entry is never a symbolic link, a name with "..", an absolute name and one with a NUL are refused, a hard link leads to
 * a regular file of the same tree. Runs in the box of box.h, but does not rely on it. */
#ifndef GATE_IMAGE_OUT_H
#define GATE_IMAGE_OUT_H

#include "base/arena.h"

enum gate_item_kind {
	GATE_ITEM_FILE = 1,
	GATE_ITEM_DIRECTORY,
	GATE_ITEM_SYMLINK,
	GATE_ITEM_HARDLINK,
	GATE_ITEM_FIFO,
	GATE_ITEM_DEVICE /* never made */
};
struct gate_item_xattr {
	const char *name;
	const void *value;
	size_t len;
};
struct gate_item {
	enum gate_item_kind kind;
	const char *path, *link; /* as the archive has them; link NULL where there is none */
	uint32_t mode;           /* the low 12 bits */
	int64_t uid, gid, mtime;
	long mtime_ns;
	const struct gate_item_xattr *xattrs;
	size_t n_xattrs;
};

#define GATE_OUT_PATH  4096 /* PATH_MAX */
#define GATE_OUT_DEPTH 512  /* directories above an entry; the deepest real images have some 60 */

struct gate_out {
	int root;    /* the directory, lent */
	bool layer;  /* whiteouts and extended attributes mean something */
	bool owners; /* root: the archive's owners; else everything is the caller's */
	int parent;  /* the last entry's directory, held open: entries of one directory follow each other; -1 none */
	char parent_path[GATE_OUT_PATH];
	struct gate_arena arena; /* directories whose times are set at the end */
	struct gate_out_dir *dirs;
	uint64_t devices; /* left out */
	uint64_t xattrs;  /* that the file system or the caller's rights did not take */
};
void gate_out_init(struct gate_out *o, int root, bool layer, bool owners);
/* Makes the entry. For a file *fd is open for writing its content (pwrite, ftruncate), and gate_out_finish follows;
 * for all else *fd is -1. */
int gate_out_put(struct gate_out *o, const struct gate_item *item, int *fd, struct gate_err *err);
/* Owner, mode, attributes and time of a file, which is closed. */
int gate_out_finish(struct gate_out *o, const struct gate_item *item, int fd, struct gate_err *err);
/* After the last entry: the times of directories. */
int gate_out_end(struct gate_out *o, struct gate_err *err);
void gate_out_done(struct gate_out *o);

/* --- out_path.c --- */
/* An archive's name without "./", "//" and a slash at the end; "" is the directory itself. Fails on what leads out. */
int gate_out_clean(const char *path, char ret[GATE_OUT_PATH], struct gate_err *err);
/* Opens a directory beneath `root` (O_PATH) by a clean path, through no link. With `make` missing ones are made, and a
 * whiteout on the way becomes an opaque directory. */
int gate_out_open(int root, const char *path, bool make, int *ret, struct gate_err *err);
/* A regular file beneath `root` by any name, read-only, through no link. */
int gate_out_open_file(int root, const char *path, int *ret, struct gate_err *err);
/* Marks a directory as hiding those below it (trusted.overlay.opaque; user.overlay.opaque where that is not ours). */
int gate_out_opaque(int parent, const char *name, struct gate_err *err);
/* 1: the name is a whiteout, 0: it is not, or is not there. */
int gate_out_is_whiteout(int parent, const char *name);
/* Removes a name with everything beneath it. Two descriptors, however deep it goes. Missing is no error. */
int gate_out_remove(int parent, const char *name, struct gate_err *err);

#endif
