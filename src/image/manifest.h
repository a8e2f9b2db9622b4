/* manifest.h - the documents of an image: index, manifest, config, docker save's manifest.json. Pure.
 *
 * OCI image-spec 1.1 and docker's schema 2. Everything in them is a claim: digests and sizes are checked by whoever reads
 * the bytes. Refused with a sentence: schema 1, encrypted and foreign layers, packers other than gzip and zstd. */
#ifndef GATE_IMAGE_MANIFEST_H
#define GATE_IMAGE_MANIFEST_H

#include "base/arena.h"
#include "base/digest.h"

#define GATE_IMAGE_LAYERS 512

struct gate_blob { /* an OCI descriptor */
	struct gate_digest digest;
	uint64_t size;
	const char *type; /* media type, "" unknown */
};

/* What an image must be for: GOARCH words, "amd64". */
struct gate_platform {
	const char *arch, *also; /* also: a second architecture that runs here ("386"), or NULL */
};
struct gate_platform gate_platform_host(void); /* platform.c: asks uname(2) */

/* "sha256:…" */
int gate_digest_parse(const char *text, struct gate_digest *ret, struct gate_err *err);

/* The descriptor of an index that `tag` (NULL: any) and the platform choose. *is_index: it leads to another index.
 * NOTFOUND names the tags or platforms that there are. */
int gate_index_read(struct gate_arena *arena, const char *text, size_t len, const char *tag,
                    const struct gate_platform *platform, struct gate_blob *ret, bool *is_index, struct gate_err *err);

struct gate_manifest {
	struct gate_blob config;
	struct gate_blob *layers; /* from the bottom layer up */
	size_t n_layers;
};
int gate_manifest_read(struct gate_arena *arena, const char *text, size_t len, struct gate_manifest *ret,
                       struct gate_err *err);

/* docker save's manifest.json: names of files in the archive. `tag` NULL: the only image. */
struct gate_saved {
	const char *config;
	const char **layers; /* from the bottom layer up */
	size_t n_layers;
};
int gate_saved_read(struct gate_arena *arena, const char *text, size_t len, const char *tag, struct gate_saved *ret,
                    struct gate_err *err);

struct gate_config {
	struct gate_digest *diffs; /* from the bottom layer up */
	size_t n_diffs;
	const char **entrypoint, **cmd, **env, **labels; /* NULL at the end; never NULL themselves */
	const char *user, *workdir, *stop_signal;
	uint64_t created;
};
/* Texts live in `arena`. platform NULL: any. */
int gate_config_read(struct gate_arena *arena, const char *text, size_t len, const struct gate_platform *platform,
                     struct gate_config *ret, struct gate_err *err);

#endif
