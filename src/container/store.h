/* store.h - what the files of the store share. */
#ifndef GATE_CONTAINER_STORE_H
#define GATE_CONTAINER_STORE_H

#include "container/container.h"

struct gate_store {
	char *path;
	int dir, containers, names;
	int lock;            /* STATE/lock */
	const char *images;  /* gate_store_images */
	bool swept_by_other; /* gate_store_swept_by_other */
};

/* Held while names and directories are made or removed: what is half done is then nobody else's business. */
int gate_store_lock(struct gate_store *s, struct gate_err *err);
void gate_store_unlock(struct gate_store *s);

bool gate_store_is_id(const char *word);
/* Does a living process hold the task's lock? 1, 0, or -1 with errno: ENOENT when there is none. */
int gate_store_held(int dir);
/* Fills all of *ret from the task's directory; errors of the system only. */
int gate_store_read(int dir, const char *id, struct gate_entry *ret, struct gate_err *err);

/* --- remove.c --- */
/* Removes what is in the directory: never through a symbolic link, never into another mount. 0 or -1 with errno. */
int gate_store_empty(int dir);
/* Makes the task's directory vanish from the list, under the lock. What is left is .ID. */
int gate_store_hide(struct gate_store *s, const char *id);
/* The link of the name, if it is the task's. */
void gate_store_drop_name(struct gate_store *s, const struct gate_entry *e);
/* Deletes .ID. */
int gate_store_delete(struct gate_store *s, const char *id, struct gate_err *err);

#endif
