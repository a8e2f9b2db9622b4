/* Where images come from. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doc/doc.h"
#include "image/layout.h"
#include "image/reference.h"
#include "image/store.h"
#include "image/unpack.h"

static bool path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* What was found while images were added. */
struct counts {
	uint64_t devices;
};

static int add_layer(struct gate_images *s, const struct gate_layout *l, size_t i, const struct gate_digest *diff,
                     struct counts *counts, struct gate_err *err)
{
	const struct gate_unpack how = { .layer = true };
	struct gate_temp t = { .dir = -1 };
	struct gate_unpacked done;
	int blob, rc;

	if (gate_layout_open(l, i, &blob, err) < 0)
		return -1;
	rc = gate_images_temp(s, &t, err);
	if (rc == 0)
		rc = fchmod(t.dir, 0755) < 0 ? GATE_FAIL_SYS(err, "preparing a layer") : 0;
	if (rc == 0)
		rc = gate_unpack(blob, t.dir, &how, &done, err);
	(void)close(blob);
	if (rc == 0 && memcmp(&done.diff, diff, sizeof(*diff)) != 0)
		rc = GATE_FAIL(err, GATE_E_INVALID,
		               "its content is not what the image's config says (diff id): it is damaged or forged");
	if (rc == 0)
		rc = gate_images_keep(s, &t, diff, done.bytes, err);
	if (rc == 0)
		counts->devices += done.devices;
	gate_images_temp_end(s, &t);
	return rc;
}

static int add_config(struct gate_images *s, const char *text, size_t len, const struct gate_digest *digest,
                      const char *reference, struct gate_err *err)
{
	char name[GATE_NAME], line[GATE_DIGEST_TEXT + 2], file[GATE_REFERENCE_FILE];

	gate_images_name(digest, "", name);
	gate_digest_text(digest, line);
	const size_t len_line = strlen(line);

	line[len_line] = '\n';
	if (gate_reference_escape(reference, file, err) < 0 ||
	    gate_images_write(s, s->configs, name, text, len, err) < 0)
		return -1;
	return gate_images_write(s, s->refs, file, line, len_line + 1, err);
}

static int add(struct gate_images *s, const struct gate_layout *l, const char *reference, struct gate_image **ret,
               struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_platform host = gate_platform_host();
	struct counts counts = { 0 };
	struct gate_config c;

	if (gate_config_read(&arena, l->config, l->config_len, &host, &c, err) < 0)
		return GATE_NOTE(err, "image config");
	if (c.n_diffs != l->n_layers)
		return GATE_FAIL(err, GATE_E_INVALID, "its manifest has %zu layers, its config %zu", l->n_layers,
		                 c.n_diffs);
	for (size_t i = 0; i < c.n_diffs; i++)
		if (!gate_images_has_layer(s, &c.diffs[i]) && add_layer(s, l, i, &c.diffs[i], &counts, err) < 0)
			return GATE_NOTE(err, "layer %zu of %zu", i + 1, c.n_diffs);
	if (add_config(s, l->config, l->config_len, &l->config_digest, reference, err) < 0 ||
	    gate_images_load(s, reference, &l->config_digest, ret, err) < 0)
		return -1;
	(*ret)->devices = counts.devices;
	return 0;
}

/* --- the kinds of references --- */
static int from_oci(struct gate_images *s, const struct gate_reference *r, const char *reference,
                    struct gate_image **ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_platform host = gate_platform_host();
	struct gate_layout l;
	int dir = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (dir < 0)
		return GATE_FAIL_SYS(err, "opening '%s'", r->path);
	rc = gate_layout_read(&arena, dir, r->tag, &host, &l, err);
	if (rc == 0)
		rc = add(s, &l, reference, ret, err);
	(void)close(dir);
	return rc;
}

static int from_archive(struct gate_images *s, const struct gate_reference *r, const char *reference,
                        struct gate_image **ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_platform host = gate_platform_host();
	const struct gate_unpack how = { .layer = false };
	struct gate_temp t = { .dir = -1 };
	struct gate_unpacked done;
	struct gate_layout l;
	int file = open(r->path, O_RDONLY | O_NOCTTY | O_CLOEXEC), rc;

	if (file < 0)
		return GATE_FAIL_SYS(err, "opening '%s'", r->path);
	rc = gate_images_temp(s, &t, err);
	if (rc == 0)
		rc = gate_unpack(file, t.dir, &how, &done, err);
	(void)close(file);
	if (rc == 0)
		rc = gate_saved_layout(&arena, t.dir, r->tag, &host, &l, err);
	if (rc == 0)
		rc = add(s, &l, reference, ret, err);
	gate_images_temp_end(s, &t);
	return rc;
}

static int from_registry(struct gate_images *s, const char *reference, struct gate_image **ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_platform host = gate_platform_host();
	struct gate_temp t = { .dir = -1 };
	struct gate_layout l;
	int dir = -1, rc = gate_images_temp(s, &t, err);

	if (rc == 0)
		rc = gate_fetch(reference, host.arch, t.dir, err);
	if (rc == 0 && (dir = openat(t.dir, "layout", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		rc = GATE_FAIL_SYS(err, "opening what skopeo fetched");
	if (rc == 0)
		rc = gate_layout_read(&arena, dir, "image", &host, &l, err);
	if (rc == 0)
		rc = add(s, &l, reference, ret, err);
	if (dir >= 0)
		(void)close(dir);
	gate_images_temp_end(s, &t);
	return rc;
}

/* What a reference is kept as: paths absolute, names of registries in full. */
static int kept_as(struct gate_arena *arena, const struct gate_reference *r, const char **ret, struct gate_err *err)
{
	const char *scheme = r->kind == GATE_REFERENCE_OCI ? "oci:" : "docker-archive:";
	char *real, *text;
	size_t size;

	*ret = r->name;
	if (r->kind == GATE_REFERENCE_STORE || r->kind == GATE_REFERENCE_DOCKER)
		return 0;
	real = realpath(r->path, NULL);
	if (real == NULL && errno != ENOENT)
		return GATE_FAIL_SYS(err, "'%s'", r->path);
	const char *path = real != NULL ? real : r->path;

	size = strlen(scheme) + strlen(path) + 1 + (r->tag != NULL ? strlen(r->tag) : 0) + 1;
	text = gate_arena_alloc(arena, size);
	if (text != NULL)
		(void)snprintf(text, size, "%s%s%s%s", scheme, path, r->tag != NULL ? ":" : "",
		               r->tag != NULL ? r->tag : "");
	free(real);
	*ret = text;
	return text != NULL ? 0 : GATE_FAIL_NOMEM(err);
}

static bool is_kept(struct gate_images *s, const char *reference)
{
	char file[GATE_REFERENCE_FILE];

	/* What cannot be looked at is read afterwards, which says why it cannot be. */
	return gate_reference_escape(reference, file, NULL) == 0 &&
	       (faccessat(s->refs, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT);
}

/* The name that a word is kept under. */
static int find(struct gate_images *s, const struct gate_reference *r, struct gate_arena *arena, const char **ret,
                struct gate_err *err)
{
	const char *kept, *full;

	if (kept_as(arena, r, &kept, err) < 0)
		return -1;
	full = r->kind == GATE_REFERENCE_STORE ? gate_reference_full(arena, kept) : kept;
	if (full == NULL)
		return GATE_FAIL_NOMEM(err);
	if (!is_kept(s, kept) && !is_kept(s, full))
		return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no image '%s' in the store", kept);
	*ret = is_kept(s, kept) ? kept : full;
	return 0;
}

int gate_images_find(struct gate_images *s, const char *word, struct gate_arena *arena, const char **ret,
                     struct gate_err *err)
{
	struct gate_reference r;

	if (gate_reference_parse(arena, word, path_exists, &r, err) < 0)
		return -1;
	return find(s, &r, arena, ret, err);
}

/* With what to do next: whoever reads it may have asked an agent, which has no hints. */
static int absent(const struct gate_images *s, const char *name, struct gate_err *err)
{
	return GATE_FAIL(
	    err, GATE_E_NOTFOUND,
	    "there is no image '%.120s' in the store '%.120s': 'callgate image pull docker://%.120s' fetches it, "
	    "'callgate image import' makes one",
	    name, s->path, name);
}

static int get(struct gate_images *s, const char *reference, bool pull, struct gate_arena *arena,
               struct gate_image **ret, struct gate_err *err)
{
	struct gate_reference r;
	struct gate_digest config;
	const char *kept, *name;

	if (gate_reference_parse(arena, reference, path_exists, &r, err) < 0 || kept_as(arena, &r, &kept, err) < 0 ||
	    gate_images_share(s, err) < 0)
		return -1;
	if (r.kind == GATE_REFERENCE_OCI) /* looking at a directory costs nothing */
		return from_oci(s, &r, kept, ret, err);
	if (r.kind == GATE_REFERENCE_STORE) {
		struct gate_err none = GATE_ERR_INIT;

		if (find(s, &r, arena, &name, &none) < 0)
			return none.code == GATE_E_NOTFOUND ? absent(s, kept, err)
			                                    : GATE_FAIL(err, none.code, "%s", none.text);
		if (gate_images_ref(s, name, &config, err) < 0)
			return -1;
		return gate_images_load(s, name, &config, ret, err);
	}
	if (!pull && gate_images_ref(s, kept, &config, NULL) == 0 && gate_images_load(s, kept, &config, ret, NULL) == 0)
		return 0;
	return r.kind == GATE_REFERENCE_ARCHIVE ? from_archive(s, &r, kept, ret, err)
	                                        : from_registry(s, kept, ret, err);
}

int gate_image_get(struct gate_images *s, const char *reference, bool pull, struct gate_image **ret,
                   struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err mine = GATE_ERR_INIT;

	if (get(s, reference, pull, &arena, ret, &mine) == 0)
		return 0;
	/* The sentence names the image once. */
	if (strncmp(mine.text, "image '", 7) != 0 && strstr(mine.text, reference) == NULL)
		gate_err_prefix(&mine, "image '%s'", reference);
	if (err != NULL && err->code == GATE_OK)
		*err = mine;
	return -1;
}

/* --- import --- */
static int write_import_config(struct gate_buf *out, const struct gate_digest *diff, struct gate_err *err)
{
	char text[GATE_DIGEST_TEXT];
	struct gate_json j;

	gate_digest_text(diff, text);
	gate_json_init(&j, out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "architecture");
	gate_json_text(&j, gate_platform_host().arch);
	gate_json_key(&j, "os");
	gate_json_text(&j, "linux");
	gate_json_key(&j, "config");
	gate_json_object(&j);
	gate_json_end(&j, '}');
	gate_json_key(&j, "rootfs");
	gate_json_object(&j);
	gate_json_key(&j, "type");
	gate_json_text(&j, "layers");
	gate_json_key(&j, "diff_ids");
	gate_json_array(&j);
	gate_json_text(&j, text);
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	gate_json_end(&j, '}');
	return out->failed ? GATE_FAIL_NOMEM(err) : 0;
}

int gate_image_import(struct gate_images *s, int file, const char *name, struct gate_image **ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const struct gate_unpack how = { .layer = true };
	struct gate_reference r;
	struct gate_temp t = { .dir = -1 };
	struct gate_unpacked done;
	struct gate_digest config;
	int rc;

	if (gate_reference_parse(&arena, name, path_exists, &r, err) < 0)
		return -1;
	if (r.kind != GATE_REFERENCE_STORE)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is no name to import under", name);
	if (gate_images_share(s, err) < 0 || gate_images_temp(s, &t, err) < 0)
		return -1;
	rc = fchmod(t.dir, 0755) < 0 ? GATE_FAIL_SYS(err, "preparing a layer") : 0;
	if (rc == 0)
		rc = gate_unpack(file, t.dir, &how, &done, err);
	if (rc == 0)
		rc = gate_images_keep(s, &t, &done.diff, done.bytes, err);
	gate_images_temp_end(s, &t);
	if (rc < 0 || write_import_config(&text, &done.diff, err) < 0)
		return -1;
	gate_digest_bytes(text.data, text.len, &config);
	if (add_config(s, text.data, text.len, &config, r.name, err) < 0 ||
	    gate_images_load(s, r.name, &config, ret, err) < 0)
		return -1;
	(*ret)->devices = done.devices;
	return 0;
}
