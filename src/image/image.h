/* image.h - container images: fetched, unpacked once for each digest, kept in a content-addressed store.
 *
 * STORE (root: /var/lib/callgate/images, others $XDG_DATA_HOME/callgate/images or ~/.local/share/…), 0700:
 *   layers/sha256-DIFFID/     one unpacked layer in overlayfs' form (whiteouts as devices 0:0 or xattrs), made whole by rename
 *   configs/sha256-DIGEST     the image's config, checked against its digest
 *   layers/sha256-DIFFID.size bytes of its files, as text
 *   refs/NAME                 text: the config's digest; NAME is the reference, escaped
 *   tmp/                      what is being made, and what is being removed
 *   lock                      flock: shared while images are fetched or started, exclusive while one is removed
 * Layers are hostile: nothing in one may be written, linked or deleted outside its directory. */
#ifndef GATE_IMAGE_IMAGE_H
#define GATE_IMAGE_IMAGE_H

#include "base/arena.h"

struct gate_image {
	struct gate_arena arena;
	const char *reference, *digest; /* as asked; "sha256:…" of the config */
	const char **layers;            /* directories, from the top layer down */
	size_t n_layers;
	const char **entrypoint, **cmd, **env;    /* NULL at the end; never NULL themselves */
	const char *user, *workdir, *stop_signal; /* "" when not set */
	const char **labels;                      /* "K=V" */
	uint64_t size, created;                   /* bytes unpacked; seconds since the epoch, 0 unknown */
	uint64_t devices;                         /* device nodes that were left out of what was unpacked just now */
};
struct gate_images;
/* dir NULL: the default. */
int gate_images_open(const char *dir, struct gate_images **ret, struct gate_err *err);
/* Until then no other process can remove what gate_image_get returned: close when the task's config.json names the layers. */
void gate_images_close(struct gate_images *s);
/* oci:DIR[:TAG], docker-archive:FILE[:TAG], docker://… (skopeo copies it to an OCI layout first), or a name of the store.
 * Unpacks what is not there yet. `pull`: look again also when the store has it. */
int gate_image_get(struct gate_images *s, const char *reference, bool pull, struct gate_image **ret,
                   struct gate_err *err);
/* The root file system in a tar archive (plain, gzip or zstd; from where the descriptor stands to its end) as an image of one
 * layer, as docker import makes it. */
int gate_image_import(struct gate_images *s, int file, const char *name, struct gate_image **ret, struct gate_err *err);
/* Sorted by reference; *ret and each image are the caller's to free. */
int gate_images_list(struct gate_images *s, struct gate_image ***ret, size_t *n, struct gate_err *err);
/* Removes a reference, and layers that no reference needs. CONFLICT while `in_use` says so of a layer's directory. */
int gate_image_remove(struct gate_images *s, const char *reference, bool (*in_use)(void *ctx, const char *layer),
                      void *ctx, struct gate_err *err);
void gate_image_free(struct gate_image *i);

#endif
