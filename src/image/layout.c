#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/fields.h"
#include "image/layout.h"
#include "image/out.h"

#define INDEXES 3 /* an index may lead to an index */

/* Older docker saves write a layer that they have already as a link to it ("../ID/layer.tar"). Never followed by the kernel:
 * the name is put together here and goes through the same door as any other. */
static int open_saved(int dir, const char *path, int *ret, struct gate_err *err)
{
	char clean[GATE_OUT_PATH], target[GATE_OUT_PATH], joined[2 * GATE_OUT_PATH];
	struct gate_err mine = GATE_ERR_INIT;
	ssize_t n;
	int at;

	if (gate_out_open_file(dir, path, ret, &mine) == 0)
		return 0;
	if (gate_out_clean(path, clean, NULL) < 0)
		goto fail;
	char *slash = strrchr(clean, '/');

	if (slash == NULL)
		goto fail;
	*slash = '\0';
	if (gate_out_open(dir, clean, false, &at, NULL) < 0)
		goto fail;
	n = readlinkat(at, slash + 1, target, sizeof(target) - 1);
	(void)close(at);
	if (n <= 0)
		goto fail;
	target[n] = '\0';
	if (strncmp(target, "../", 3) != 0) /* one level up from ID/, nowhere else */
		goto fail;
	char *parent = strrchr(clean, '/');

	(void)snprintf(joined, sizeof(joined), "%.*s%s%s", parent != NULL ? (int)(parent - clean) : 0, clean,
	               parent != NULL ? "/" : "", target + 3);
	return gate_out_open_file(dir, joined, ret, err);
fail:
	if (err != NULL && err->code == GATE_OK)
		*err = mine;
	return -1;
}

int gate_file_read(struct gate_arena *arena, int dir, const char *path, size_t max, const char **ret, size_t *len,
                   struct gate_err *err)
{
	struct stat st;
	size_t have = 0;
	char *text;
	int fd;

	if (gate_out_open_file(dir, path, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size > max) {
		(void)close(fd);
		return GATE_FAIL(err, GATE_E_LIMIT, "'%.100s' is larger than %zu bytes", path, max);
	}
	text = gate_arena_alloc(arena, (size_t)st.st_size + 1);
	while (text != NULL && have < (size_t)st.st_size) {
		ssize_t n = read(fd, text + have, (size_t)st.st_size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	(void)close(fd);
	if (text == NULL)
		return GATE_FAIL_NOMEM(err);
	*ret = text;
	*len = have;
	return 0;
}

static void blob_path(const struct gate_digest *d, char path[128])
{
	char text[GATE_DIGEST_TEXT];

	gate_digest_text(d, text);
	(void)snprintf(path, 128, "blobs/sha256/%s", text + strlen("sha256:"));
}

static int wrong(const char *what, const char *path, struct gate_err *err)
{
	return GATE_FAIL(err, GATE_E_INVALID,
	                 "'%.120s' has another %s than its image says: it is damaged or not the one that was meant",
	                 path, what);
}

/* A document that a descriptor names. */
static int read_document(struct gate_arena *arena, int dir, const struct gate_blob *b, const char **ret, size_t *len,
                         struct gate_err *err)
{
	struct gate_digest is;
	char path[128];

	blob_path(&b->digest, path);
	if (gate_file_read(arena, dir, path, GATE_DOC_MAX, ret, len, err) < 0)
		return -1;
	if (*len != b->size)
		return wrong("size", path, err);
	gate_digest_bytes(*ret, *len, &is);
	return memcmp(&is, &b->digest, sizeof(is)) == 0 ? 0 : wrong("digest", path, err);
}

static int check_version(struct gate_arena *arena, int dir, struct gate_err *err)
{
	const struct gate_doc *root;
	const char *text, *version;
	size_t len;

	if (gate_file_read(arena, dir, "oci-layout", 4096, &text, &len, err) < 0)
		return GATE_NOTE(err, "not an OCI layout");
	if (gate_field_root(arena, text, len, &root, err) < 0 ||
	    gate_field_text(arena, root, "imageLayoutVersion", &version, err) < 0)
		return GATE_NOTE(err, "oci-layout");
	if (strncmp(version, "1.", 2) != 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "the layout is of the unknown version '%.20s'", version);
	return 0;
}

/* From index.json down to a manifest. */
static int find_manifest(struct gate_arena *arena, int dir, const char *tag, const struct gate_platform *platform,
                         struct gate_blob *ret, struct gate_err *err)
{
	struct gate_blob at = { 0 };
	const char *text;
	size_t len;
	bool more = true;

	if (gate_file_read(arena, dir, "index.json", GATE_DOC_MAX, &text, &len, err) < 0)
		return GATE_NOTE(err, "not an OCI layout");
	for (int i = 0; more; i++) {
		if (i == INDEXES)
			return GATE_FAIL(err, GATE_E_LIMIT, "its indexes lead to more than %d others", INDEXES - 1);
		if (i > 0 && read_document(arena, dir, &at, &text, &len, err) < 0)
			return -1;
		if (gate_index_read(arena, text, len, i == 0 ? tag : NULL, platform, &at, &more, err) < 0)
			return GATE_NOTE(err, "image index");
	}
	*ret = at;
	return 0;
}

int gate_layout_read(struct gate_arena *arena, int dir, const char *tag, const struct gate_platform *platform,
                     struct gate_layout *ret, struct gate_err *err)
{
	struct gate_layout l = { .dir = dir };
	struct gate_manifest m;
	struct gate_blob at;
	const char *text;
	size_t len;

	if (check_version(arena, dir, err) < 0 || find_manifest(arena, dir, tag, platform, &at, err) < 0 ||
	    read_document(arena, dir, &at, &text, &len, err) < 0)
		return -1;
	if (gate_manifest_read(arena, text, len, &m, err) < 0)
		return GATE_NOTE(err, "image manifest");
	if (read_document(arena, dir, &m.config, &l.config, &l.config_len, err) < 0)
		return -1;
	l.config_digest = m.config.digest;
	l.n_layers = m.n_layers;
	l.layers = GATE_NEWS(arena, struct gate_layer_file, m.n_layers);
	if (l.layers == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < m.n_layers; i++) {
		char path[128];

		blob_path(&m.layers[i].digest, path);
		l.layers[i] = (struct gate_layer_file){ gate_arena_text(arena, path, strlen(path)), m.layers[i], true };
		if (l.layers[i].path == NULL)
			return GATE_FAIL_NOMEM(err);
	}
	*ret = l;
	return 0;
}

/* The digest in a config's file name: "HEX.json", "blobs/sha256/HEX". */
static bool name_says(const char *path, struct gate_digest *ret)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	char text[GATE_DIGEST_TEXT];

	(void)snprintf(text, sizeof(text), "sha256:%.64s", name);
	return gate_digest_parse(text, ret, NULL) == 0;
}

int gate_saved_layout(struct gate_arena *arena, int dir, const char *tag, const struct gate_platform *platform,
                      struct gate_layout *ret, struct gate_err *err)
{
	struct gate_err mine = GATE_ERR_INIT;
	struct gate_layout l = { .dir = dir };
	struct gate_saved s;
	struct gate_digest said;
	const char *text;
	size_t len;

	if (gate_file_read(arena, dir, "manifest.json", GATE_DOC_MAX, &text, &len, &mine) < 0) {
		if (mine.code == GATE_E_NOTFOUND && faccessat(dir, "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return gate_layout_read(arena, dir, tag, platform, ret, err);
		return GATE_FAIL(err, mine.code, "it is no image that docker saved: %s", mine.text);
	}
	if (gate_saved_read(arena, text, len, tag, &s, err) < 0)
		return GATE_NOTE(err, "manifest.json");
	if (gate_file_read(arena, dir, s.config, GATE_DOC_MAX, &l.config, &l.config_len, err) < 0)
		return -1;
	gate_digest_bytes(l.config, l.config_len, &l.config_digest);
	if (name_says(s.config, &said) && memcmp(&said, &l.config_digest, sizeof(said)) != 0)
		return wrong("digest", s.config, err);
	l.n_layers = s.n_layers;
	l.layers = GATE_NEWS(arena, struct gate_layer_file, s.n_layers);
	if (l.layers == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < s.n_layers; i++)
		l.layers[i].path = s.layers[i];
	*ret = l;
	return 0;
}

static int check_content(int fd, const struct gate_layer_file *f, struct gate_err *err)
{
	GATE_AUTOFREE char *block = malloc(256u << 10);
	struct gate_digest_stream sha;
	struct gate_digest is;
	struct stat st;
	ssize_t n;

	if (block == NULL)
		return GATE_FAIL_NOMEM(err);
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != f->blob.size)
		return wrong("size", f->path, err);
	gate_digest_start(&sha);
	while ((n = read(fd, block, 256u << 10)) != 0) {
		if (n < 0 && errno != EINTR)
			return GATE_FAIL_SYS(err, "reading '%s'", f->path);
		if (n > 0)
			gate_digest_add(&sha, block, (size_t)n);
	}
	gate_digest_end(&sha, &is);
	if (memcmp(&is, &f->blob.digest, sizeof(is)) != 0)
		return wrong("digest", f->path, err);
	return lseek(fd, 0, SEEK_SET) == 0 ? 0 : GATE_FAIL_SYS(err, "seeking in '%s'", f->path);
}

int gate_layout_open(const struct gate_layout *l, size_t i, int *ret, struct gate_err *err)
{
	const struct gate_layer_file *f = &l->layers[i];
	int fd;

	if (open_saved(l->dir, f->path, &fd, err) < 0)
		return -1;
	if (f->known && check_content(fd, f, err) < 0) {
		(void)close(fd);
		return -1;
	}
	*ret = fd;
	return 0;
}
