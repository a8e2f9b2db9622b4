/* What is kept, and removing it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "doc/doc.h"
#include "image/layout.h"
#include "image/out.h"
#include "image/reference.h"
#include "image/store.h"

static DIR *open_list(int at, struct gate_err *err)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		(void)GATE_FAIL_SYS(err, "listing images");
		if (fd >= 0)
			(void)close(fd);
	}
	return dir;
}

static int by_reference(const void *a, const void *b)
{
	return strcmp((*(struct gate_image *const *)a)->reference, (*(struct gate_image *const *)b)->reference);
}

static void free_all(struct gate_image **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		gate_image_free(list[i]);
	free(list);
}

int gate_images_list(struct gate_images *s, struct gate_image ***ret, size_t *ret_n, struct gate_err *err)
{
	struct gate_image **list = NULL;
	size_t n = 0, cap = 0;
	int rc = gate_images_share(s, err);
	DIR *dir = rc == 0 ? open_list(s->refs, err) : NULL;

	if (dir == NULL)
		return -1;
	for (struct dirent *e; rc == 0 && (e = readdir(dir)) != NULL;) {
		char reference[GATE_REFERENCE_FILE];
		struct gate_digest config;

		if (e->d_name[0] == '.' || !gate_reference_unescape(e->d_name, reference))
			continue;
		if (gate_grow(&list, n, &cap, sizeof(struct gate_image *)) < 0)
			rc = GATE_FAIL_NOMEM(err);
		else if (gate_images_ref(s, reference, &config, err) < 0 ||
		         gate_images_load(s, reference, &config, &list[n], err) < 0)
			rc = -1;
		else
			n++;
	}
	(void)closedir(dir);
	if (rc < 0) {
		free_all(list, n);
		return -1;
	}
	if (n > 1)
		qsort(list, n, sizeof(struct gate_image *), by_reference);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* Digests, sorted, so that asking for one is quick. */
struct set {
	struct gate_digest *list;
	size_t n, cap;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct gate_digest));
}

static bool has(const struct set *set, const struct gate_digest *d)
{
	return set->n > 0 && bsearch(d, set->list, set->n, sizeof(*d), compare) != NULL;
}

static int insert(struct set *set, const struct gate_digest *d, struct gate_err *err)
{
	if (gate_grow(&set->list, set->n, &set->cap, sizeof(*d)) < 0)
		return GATE_FAIL_NOMEM(err);
	set->list[set->n++] = *d;
	return 0;
}

static int config_layers(struct gate_images *s, const struct gate_digest *config, struct set *layers,
                         struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	char name[GATE_NAME];
	struct gate_config c;
	const char *text;
	size_t len;

	gate_images_name(config, "", name);
	if (gate_file_read(&arena, s->configs, name, GATE_DOC_MAX, &text, &len, err) < 0 ||
	    gate_config_read(&arena, text, len, NULL, &c, err) < 0)
		return -1;
	for (size_t i = 0; i < c.n_diffs; i++)
		if (insert(layers, &c.diffs[i], err) < 0)
			return -1;
	return 0;
}

/* What all references but `without` lead to. An image that cannot be read keeps everything (*whole false): which layers
 * are its own? */
static int needed(struct gate_images *s, const char *without, struct set *configs, struct set *layers, bool *whole,
                  struct gate_err *err)
{
	DIR *dir = open_list(s->refs, err);
	int rc = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *e; rc == 0 && (e = readdir(dir)) != NULL;) {
		char reference[GATE_REFERENCE_FILE];
		struct gate_digest config;

		if (e->d_name[0] == '.' || strcmp(e->d_name, without) == 0 ||
		    !gate_reference_unescape(e->d_name, reference))
			continue;
		if (gate_images_ref(s, reference, &config, NULL) < 0 || config_layers(s, &config, layers, NULL) < 0)
			*whole = false;
		else
			rc = insert(configs, &config, err);
	}
	(void)closedir(dir);
	if (configs->n > 0)
		qsort(configs->list, configs->n, sizeof(struct gate_digest), compare);
	if (layers->n > 0)
		qsort(layers->list, layers->n, sizeof(struct gate_digest), compare);
	return rc;
}

/* "sha256-HEX" with or without ".size" */
static bool digest_of(const char *name, struct gate_digest *ret)
{
	char text[GATE_DIGEST_TEXT];

	if (strncmp(name, "sha256-", 7) != 0)
		return false;
	(void)snprintf(text, sizeof(text), "sha256:%.64s", name + 7);
	return gate_digest_parse(text, ret, NULL) == 0;
}

/* A directory of layers leaves its place in one step, so that there is never half a layer. */
static int remove_kept(struct gate_images *s, int dir, const char *name, struct gate_err *err)
{
	struct gate_temp t = { .dir = -1 };
	int rc = 0;

	if (gate_images_temp(s, &t, err) < 0)
		return -1;
	if (renameat(dir, name, t.dir, "removed") < 0)
		rc = GATE_FAIL_SYS(err, "removing '%s'", name);
	else
		rc = gate_out_remove(t.dir, "removed", err);
	gate_images_temp_end(s, &t);
	return rc;
}

static int collect(struct gate_images *s, int at, const struct set *keep, struct gate_err *err)
{
	DIR *dir = open_list(at, err);
	int rc = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *e; rc == 0 && (e = readdir(dir)) != NULL;) {
		struct gate_digest d;

		if (digest_of(e->d_name, &d) && !has(keep, &d))
			rc = remove_kept(s, at, e->d_name, err);
	}
	(void)closedir(dir);
	return rc;
}

static int check_use(struct gate_images *s, const char *reference, const struct set *keep,
                     bool (*in_use)(void *ctx, const char *layer), void *ctx, struct gate_err *err)
{
	DIR *dir = in_use != NULL ? open_list(s->layers, err) : NULL;
	int rc = in_use != NULL && dir == NULL ? -1 : 0;

	for (struct dirent *e; dir != NULL && rc == 0 && (e = readdir(dir)) != NULL;) {
		GATE_AUTOFREE char *path = NULL;
		struct gate_digest d;

		if (!digest_of(e->d_name, &d) || has(keep, &d) || strchr(e->d_name, '.') != NULL)
			continue;
		if (asprintf(&path, "%s/layers/%s", s->path, e->d_name) < 0) {
			path = NULL;
			rc = GATE_FAIL_NOMEM(err);
		} else if (in_use(ctx, path)) {
			rc = GATE_FAIL(err, GATE_E_CONFLICT, "image '%s' is in use by a task", reference);
		}
	}
	if (dir != NULL)
		(void)closedir(dir);
	return rc;
}

static int remove_reference(struct gate_images *s, const char *name, bool (*in_use)(void *ctx, const char *layer),
                            void *ctx, struct gate_err *err)
{
	struct set configs = { 0 }, layers = { 0 };
	char file[GATE_REFERENCE_FILE];
	bool whole = true;
	int rc;

	if (gate_reference_escape(name, file, err) < 0)
		return -1;
	rc = needed(s, file, &configs, &layers, &whole, err);
	if (rc == 0 && whole)
		rc = check_use(s, name, &layers, in_use, ctx, err);
	if (rc == 0 && unlinkat(s->refs, file, 0) < 0)
		rc = GATE_FAIL_SYS(err, "removing image '%s'", name);
	if (rc == 0 && whole)
		rc = collect(s, s->configs, &configs, err);
	if (rc == 0 && whole)
		rc = collect(s, s->layers, &layers, err);
	free(configs.list);
	free(layers.list);
	return rc;
}

int gate_image_remove(struct gate_images *s, const char *reference, bool (*in_use)(void *ctx, const char *layer),
                      void *ctx, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	const char *name;
	int rc;

	if (gate_images_find(s, reference, &arena, &name, err) < 0 || gate_images_own(s, err) < 0)
		return -1;
	rc = remove_reference(s, name, in_use, ctx, err);
	gate_images_disown(s);
	return rc;
}
