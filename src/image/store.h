/* store.h - the directory that images are kept in: see image.h for what is where.
 *
 * `lock` is shared by whoever reads or adds, from the first use to gate_images_close, and exclusive for removing; so
 * whoever gets it exclusively knows that everything in tmp/ is left over. */
#ifndef GATE_IMAGE_STORE_H
#define GATE_IMAGE_STORE_H

#include "base/digest.h"
#include "image/image.h"

#define GATE_NAME 128 /* "sha256-" and 64 hex digits, and room */

struct gate_images {
	char *path; /* absolute */
	int dir, layers, configs, refs, tmp, lock;
	bool shared;
};
/* "sha256-HEX" with something behind it */
void gate_images_name(const struct gate_digest *d, const char *suffix, char ret[GATE_NAME]);
int gate_images_share(struct gate_images *s, struct gate_err *err);
/* Exclusively: waits some seconds for others, then CONFLICT. */
int gate_images_own(struct gate_images *s, struct gate_err *err);
void gate_images_disown(struct gate_images *s);
/* A new empty directory in tmp/, open; gate_images_temp_end removes it with all that is in it. */
struct gate_temp {
	char name[64];
	int dir;
};
int gate_images_temp(struct gate_images *s, struct gate_temp *ret, struct gate_err *err);
void gate_images_temp_end(struct gate_images *s, struct gate_temp *t);
/* A small file, whole or not at all. */
int gate_images_write(struct gate_images *s, int dir, const char *name, const char *text, size_t len,
                      struct gate_err *err);
bool gate_images_has_layer(struct gate_images *s, const struct gate_digest *diff);
/* Makes the directory of `t` the layer. It is fine when it is there already. */
int gate_images_keep(struct gate_images *s, struct gate_temp *t, const struct gate_digest *diff, uint64_t bytes,
                     struct gate_err *err);
/* The config that a reference leads to. NOTFOUND when there is no such reference. */
int gate_images_ref(struct gate_images *s, const char *reference, struct gate_digest *ret, struct gate_err *err);
/* An image that is kept, by its config. */
int gate_images_load(struct gate_images *s, const char *reference, const struct gate_digest *config,
                     struct gate_image **ret, struct gate_err *err);
/* The name that a word is kept under, in the arena. NOTFOUND when it is not kept. */
int gate_images_find(struct gate_images *s, const char *word, struct gate_arena *arena, const char **ret,
                     struct gate_err *err);

/* skopeo copy docker://NAME to DIR/layout (fetch.c). */
int gate_fetch(const char *name, const char *arch, int dir, struct gate_err *err);

#endif
