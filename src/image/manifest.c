#include <stdio.h>

#include "base/buf.h"
#include "image/fields.h"
#include "image/manifest.h"

#define OCI    "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static bool is_index_type(const char *type)
{
	return strcmp(type, OCI "index.v1+json") == 0 || strcmp(type, DOCKER "distribution.manifest.list.v2+json") == 0;
}

static bool is_manifest_type(const char *type)
{
	return strcmp(type, OCI "manifest.v1+json") == 0 || strcmp(type, DOCKER "distribution.manifest.v2+json") == 0;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int gate_digest_parse(const char *text, struct gate_digest *ret, struct gate_err *err)
{
	struct gate_digest d = { { 0 } };

	if (strncmp(text, "sha512:", 7) == 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "'%.80s' is a SHA-512 digest; only sha256 is taken", text);
	if (strncmp(text, "sha256:", 7) != 0 || strlen(text) != 7 + 64)
		return GATE_FAIL(err, GATE_E_INVALID, "'%.80s' is no digest (sha256: and 64 hex digits)", text);
	for (size_t i = 0; i < 64; i++) {
		int v = hex(text[7 + i]);

		if (v < 0)
			return GATE_FAIL(err, GATE_E_INVALID, "'%.80s' is no digest (sha256: and 64 hex digits)", text);
		d.bytes[i / 2] = (uint8_t)(d.bytes[i / 2] << 4 | v);
	}
	*ret = d;
	return 0;
}

static int read_blob(struct gate_arena *arena, const struct gate_doc *d, struct gate_blob *ret, struct gate_err *err)
{
	const char *digest;

	if (d->kind != GATE_DOC_OBJECT)
		return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "a descriptor is %s", gate_doc_kind_name(d->kind));
	if (gate_field_text(arena, d, "digest", &digest, err) < 0 ||
	    gate_field_text(arena, d, "mediaType", &ret->type, err) < 0 ||
	    gate_field_size(d, "size", &ret->size, err) < 0)
		return -1;
	if (gate_digest_parse(digest, &ret->digest, err) < 0) {
		gate_err_place(err, d->at.line, d->at.column, d->at.length);
		return -1;
	}
	return 0;
}

/* --- index --- */
static bool same_tag(struct gate_arena *arena, const struct gate_doc *entry, const char *tag, const char **name)
{
	static const char *const keys[] = { "org.opencontainers.image.ref.name", "io.containerd.image.name" };
	const struct gate_doc *notes;
	const char *text = "";

	*name = "";
	if (gate_field(entry, "annotations", GATE_DOC_OBJECT, false, &notes, NULL) < 0 || notes == NULL)
		return false;
	for (size_t i = 0; i < GATE_ARRAY_LEN(keys); i++) {
		if (gate_field_text(arena, notes, keys[i], &text, NULL) < 0 || text[0] == '\0')
			continue;
		*name = text;
		if (tag != NULL && strcmp(text, tag) == 0)
			return true;
	}
	return false;
}

enum fit { FIT_NO, FIT_ALSO, FIT_UNSAID, FIT_YES };

static int fits(struct gate_arena *arena, const struct gate_doc *entry, const struct gate_platform *host, enum fit *ret,
                char *said, size_t size, struct gate_err *err)
{
	const struct gate_doc *platform;
	const char *arch = "", *os = "";

	if (gate_field(entry, "platform", GATE_DOC_OBJECT, false, &platform, err) < 0)
		return -1;
	if (platform != NULL && (gate_field_text(arena, platform, "architecture", &arch, err) < 0 ||
	                         gate_field_text(arena, platform, "os", &os, err) < 0))
		return -1;
	(void)snprintf(said, size, "%.32s/%.32s", os, arch);
	if (platform == NULL || (arch[0] == '\0' && os[0] == '\0'))
		*ret = FIT_UNSAID;
	else if (strcmp(os, "linux") != 0)
		*ret = FIT_NO;
	else
		*ret = strcmp(arch, host->arch) == 0                         ? FIT_YES
		       : host->also != NULL && strcmp(arch, host->also) == 0 ? FIT_ALSO
		                                                             : FIT_NO;
	return 0;
}

static void note(struct gate_buf *list, const char *word)
{
	if (word[0] != '\0' && list->len < 200)
		gate_buf_printf(list, "%s%.64s", list->len > 0 ? ", " : "", word);
}

struct choice {
	const struct gate_doc *best;
	enum fit fit;
	size_t named;  /* entries that the tag names, or all without one */
	size_t equals; /* of the best fit */
	struct gate_buf tags, platforms;
};

static int consider(struct gate_arena *arena, const struct gate_doc *entry, const char *tag,
                    const struct gate_platform *host, struct choice *c, struct gate_err *err)
{
	const char *name;
	char said[80];
	enum fit fit;
	bool named;

	if (entry->kind != GATE_DOC_OBJECT)
		return GATE_FAIL_AT(err, entry->at, GATE_E_INVALID, "a descriptor is %s",
		                    gate_doc_kind_name(entry->kind));
	named = same_tag(arena, entry, tag, &name);
	note(&c->tags, name);
	if (tag != NULL && !named)
		return 0;
	c->named++;
	if (fits(arena, entry, host, &fit, said, sizeof(said), err) < 0)
		return -1;
	note(&c->platforms, said);
	if (fit == FIT_NO)
		return 0;
	c->equals = fit > c->fit ? 1 : fit == c->fit ? c->equals + 1 : c->equals;
	if (fit > c->fit) {
		c->fit = fit;
		c->best = entry;
	}
	return 0;
}

static int choose(struct gate_arena *arena, const struct gate_doc *entries, const char *tag,
                  const struct gate_platform *host, struct choice *c, struct gate_err *err)
{
	for (uint32_t i = 0; i < entries->n_items; i++)
		if (consider(arena, &entries->items[i], tag, host, c, err) < 0)
			return -1;
	gate_buf_puts(&c->tags, "");
	gate_buf_puts(&c->platforms, "");
	if (c->tags.failed || c->platforms.failed)
		return GATE_FAIL_NOMEM(err);
	if (entries->n_items == 0)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "it lists no image");
	if (c->named == 0)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "it has no image '%s' (but: %s)", tag,
		                 c->tags.len > 0 ? c->tags.data : "none with a name");
	if (c->best == NULL)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "it has no image for linux/%s (but: %s)", host->arch,
		                 c->platforms.data);
	/* Variants of one architecture: the first, as the image-spec's order means. Several unrelated images: which? */
	if (c->equals > 1 && c->fit == FIT_UNSAID)
		return GATE_FAIL(err, GATE_E_INVALID, "it has %zu images: name one of %s", c->equals,
		                 c->tags.len > 0 ? c->tags.data : "them by its digest");
	return 0;
}

int gate_index_read(struct gate_arena *arena, const char *text, size_t len, const char *tag,
                    const struct gate_platform *platform, struct gate_blob *ret, bool *is_index, struct gate_err *err)
{
	struct gate_err mine = GATE_ERR_INIT;
	const struct gate_doc *root, *entries;
	struct choice c = { .fit = FIT_NO, .tags = GATE_BUF_INIT, .platforms = GATE_BUF_INIT };
	struct gate_blob blob = { 0 };
	int rc = -1;

	if (gate_field_root(arena, text, len, &root, &mine) == 0 &&
	    gate_field(root, "manifests", GATE_DOC_ARRAY, true, &entries, &mine) == 0 &&
	    choose(arena, entries, tag, platform, &c, &mine) == 0)
		rc = read_blob(arena, c.best, &blob, &mine);
	gate_buf_done(&c.tags);
	gate_buf_done(&c.platforms);
	if (rc == 0 && !is_index_type(blob.type) && !is_manifest_type(blob.type))
		rc = GATE_FAIL(&mine, GATE_E_UNSUPPORTED,
		               "it leads to '%.100s', which is no image of a kind that callgate knows", blob.type);
	if (rc < 0) {
		if (err != NULL && err->code == GATE_OK)
			*err = mine;
		return -1;
	}
	*is_index = is_index_type(blob.type);
	*ret = blob;
	return 0;
}

/* --- manifest --- */
static int check_layer_type(const char *type, struct gate_err *err)
{
	static const char *const good[] = {
		OCI "layer.v1.tar",
		OCI "layer.v1.tar+gzip",
		OCI "layer.v1.tar+zstd",
		DOCKER "image.rootfs.diff.tar",
		DOCKER "image.rootfs.diff.tar.gzip",
		DOCKER "image.rootfs.diff.tar.zstd",
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(good); i++)
		if (strcmp(type, good[i]) == 0)
			return 0;
	if (strstr(type, "+encrypted") != NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "a layer is encrypted");
	if (strstr(type, "foreign") != NULL || strstr(type, "nondistributable") != NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "a layer is kept elsewhere by its owner ('%.100s')", type);
	return GATE_FAIL(err, GATE_E_UNSUPPORTED, "a layer is of the unknown kind '%.100s'", type);
}

static int check_schema(const struct gate_doc *root, struct gate_arena *arena, struct gate_err *err)
{
	const struct gate_doc *version;
	const char *type, *artifact;

	if (gate_field(root, "schemaVersion", GATE_DOC_NUMBER, true, &version, err) < 0 ||
	    gate_field_text(arena, root, "mediaType", &type, err) < 0 ||
	    gate_field_text(arena, root, "artifactType", &artifact, err) < 0)
		return -1;
	if (strcmp(version->text, "1") == 0)
		return GATE_FAIL_AT(err, version->at, GATE_E_UNSUPPORTED,
		                    "it is docker's old manifest (schema 1), which proves nothing about its layers");
	if (strcmp(version->text, "2") != 0)
		return GATE_FAIL_AT(err, version->at, GATE_E_UNSUPPORTED, "it is of the unknown schema %.20s",
		                    version->text);
	if (type[0] != '\0' && !is_manifest_type(type))
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "it is '%.100s', not the manifest of an image", type);
	if (artifact[0] != '\0')
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "it is '%.100s', not an image that can run", artifact);
	return 0;
}

int gate_manifest_read(struct gate_arena *arena, const char *text, size_t len, struct gate_manifest *ret,
                       struct gate_err *err)
{
	const struct gate_doc *root, *config, *layers;
	struct gate_manifest m = { 0 };

	if (gate_field_root(arena, text, len, &root, err) < 0 || check_schema(root, arena, err) < 0 ||
	    gate_field(root, "config", GATE_DOC_OBJECT, true, &config, err) < 0 ||
	    gate_field(root, "layers", GATE_DOC_ARRAY, true, &layers, err) < 0 ||
	    read_blob(arena, config, &m.config, err) < 0)
		return -1;
	if (strcmp(m.config.type, OCI "config.v1+json") != 0 &&
	    strcmp(m.config.type, DOCKER "container.image.v1+json") != 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "its config is '%.100s', not that of an image",
		                 m.config.type);
	if (layers->n_items > GATE_IMAGE_LAYERS)
		return GATE_FAIL(err, GATE_E_LIMIT, "it has more than %d layers", GATE_IMAGE_LAYERS);
	m.n_layers = layers->n_items;
	m.layers = GATE_NEWS(arena, struct gate_blob, m.n_layers);
	if (m.layers == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < m.n_layers; i++)
		if (read_blob(arena, &layers->items[i], &m.layers[i], err) < 0 ||
		    check_layer_type(m.layers[i].type, err) < 0)
			return -1;
	*ret = m;
	return 0;
}

/* --- docker save --- */
static bool saved_as(const char **tags, size_t n, const char *tag)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(tags[i]), want = strlen(tag);

		/* docker writes names short ("busybox:latest"), podman in full */
		if (strcmp(tags[i], tag) == 0 ||
		    (len > want && tags[i][len - want - 1] == '/' && strcmp(tags[i] + len - want, tag) == 0))
			return true;
	}
	return false;
}

int gate_saved_read(struct gate_arena *arena, const char *text, size_t len, const char *tag, struct gate_saved *ret,
                    struct gate_err *err)
{
	const struct gate_doc *root, *found = NULL;
	const char **tags;
	size_t n_tags, hits = 0;
	struct gate_saved s = { 0 };

	if (gate_doc_read(arena, text, len, &root, err) < 0)
		return -1;
	if (root->kind != GATE_DOC_ARRAY)
		return GATE_FAIL_AT(err, root->at, GATE_E_INVALID, "it is %s, not an array",
		                    gate_doc_kind_name(root->kind));
	for (uint32_t i = 0; i < root->n_items; i++) {
		const struct gate_doc *entry = &root->items[i];

		if (entry->kind != GATE_DOC_OBJECT)
			return GATE_FAIL_AT(err, entry->at, GATE_E_INVALID, "an image is %s",
			                    gate_doc_kind_name(entry->kind));
		if (gate_field_texts(arena, entry, "RepoTags", &tags, &n_tags, err) < 0)
			return -1;
		if (tag == NULL || saved_as(tags, n_tags, tag)) {
			found = entry;
			hits++;
		}
	}
	if (hits == 0)
		return tag != NULL ? GATE_FAIL(err, GATE_E_NOTFOUND, "it has no image '%s'", tag)
		                   : GATE_FAIL(err, GATE_E_NOTFOUND, "it lists no image");
	if (hits > 1)
		return GATE_FAIL(err, GATE_E_INVALID, "it has %zu images%s%s: name one", hits,
		                 tag != NULL ? " named " : "", tag != NULL ? tag : "");
	if (gate_field_text(arena, found, "Config", &s.config, err) < 0 ||
	    gate_field_texts(arena, found, "Layers", &s.layers, &s.n_layers, err) < 0)
		return -1;
	if (s.config[0] == '\0')
		return GATE_FAIL_AT(err, found->at, GATE_E_INVALID, "an image has no 'Config'");
	if (s.n_layers > GATE_IMAGE_LAYERS)
		return GATE_FAIL(err, GATE_E_LIMIT, "it has more than %d layers", GATE_IMAGE_LAYERS);
	*ret = s;
	return 0;
}
