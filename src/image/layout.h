/* layout.h - an image as files beneath a directory: an OCI layout, or what docker save wrote. */
#ifndef GATE_IMAGE_LAYOUT_H
#define GATE_IMAGE_LAYOUT_H

#include "image/manifest.h"

struct gate_layer_file {
	const char *path;      /* beneath the directory */
	struct gate_blob blob; /* what it must be, where `known` */
	bool known;
};
struct gate_layout {
	int dir; /* lent */
	const char *config;
	size_t config_len;
	struct gate_digest config_digest; /* computed, and compared with what named it */
	struct gate_layer_file *layers;   /* from the bottom layer up */
	size_t n_layers;
};
/* `tag` NULL: the only image, or the one for this host. Everything is checked against its digest and size. */
int gate_layout_read(struct gate_arena *arena, int dir, const char *tag, const struct gate_platform *platform,
                     struct gate_layout *ret, struct gate_err *err);
/* The same of an unpacked docker archive: manifest.json, or a layout where there is none. */
int gate_saved_layout(struct gate_arena *arena, int dir, const char *tag, const struct gate_platform *platform,
                      struct gate_layout *ret, struct gate_err *err);
/* A layer's file, checked and at its start. */
int gate_layout_open(const struct gate_layout *l, size_t i, int *ret, struct gate_err *err);

/* The whole file, at most `max` bytes, NUL-terminated, in the arena. */
int gate_file_read(struct gate_arena *arena, int dir, const char *path, size_t max, const char **ret, size_t *len,
                   struct gate_err *err);

#endif
