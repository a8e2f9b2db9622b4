#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "doc/doc.h"
#include "image/layout.h"
#include "image/out.h"
#include "image/reference.h"
#include "image/store.h"

#define WAIT_STEPS 100 /* of 100 ms */

void gate_images_name(const struct gate_digest *d, const char *suffix, char ret[GATE_NAME])
{
	char text[GATE_DIGEST_TEXT];

	gate_digest_text(d, text);
	(void)snprintf(ret, GATE_NAME, "sha256-%s%s", text + strlen("sha256:"), suffix);
}

static int default_path(char **ret, struct gate_err *err)
{
	const char *data = secure_getenv("XDG_DATA_HOME"), *home = secure_getenv("HOME");
	int n;

	if (geteuid() == 0)
		n = asprintf(ret, "/var/lib/callgate/images");
	else if (data != NULL && data[0] == '/')
		n = asprintf(ret, "%s/callgate/images", data);
	else if (home != NULL && home[0] == '/')
		n = asprintf(ret, "%s/.local/share/callgate/images", home);
	else
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "there is no place for images: neither XDG_DATA_HOME nor HOME is set");
	if (n < 0) {
		*ret = NULL;
		return GATE_FAIL_NOMEM(err);
	}
	return 0;
}

/* mkdir -p, the last one 0700 */
static int make_path(const char *path, struct gate_err *err)
{
	GATE_AUTOFREE char *part = strdup(path);

	if (part == NULL)
		return GATE_FAIL_NOMEM(err);
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return GATE_FAIL_SYS(err, "making '%s' for images", part);
		*slash = '/';
	}
	if (mkdir(part, 0700) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "making '%s' for images", part);
	return 0;
}

static int open_part(struct gate_images *s, const char *name, int *ret, struct gate_err *err)
{
	if (mkdirat(s->dir, name, 0700) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "making '%s/%s'", s->path, name);
	*ret = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret >= 0 ? 0 : GATE_FAIL_SYS(err, "opening '%s/%s'", s->path, name);
}

static int open_all(struct gate_images *s, struct gate_err *err)
{
	struct stat st;

	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 || fstat(s->dir, &st) < 0)
		return GATE_FAIL_SYS(err, "opening '%s' for images", s->path);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "'%s' is not fit for images: it must belong to the caller, and nobody else may write it", s->path);
	if (open_part(s, "layers", &s->layers, err) < 0 || open_part(s, "configs", &s->configs, err) < 0 ||
	    open_part(s, "refs", &s->refs, err) < 0 || open_part(s, "tmp", &s->tmp, err) < 0)
		return -1;
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->lock >= 0 ? 0 : GATE_FAIL_SYS(err, "opening '%s/lock'", s->path);
}

/* What killed pulls left, when nobody is pulling. */
static void sweep(struct gate_images *s)
{
	int fd;
	DIR *dir;

	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return;
	fd = openat(s->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir != NULL)
		for (struct dirent *e; (e = readdir(dir)) != NULL;)
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				(void)gate_out_remove(s->tmp, e->d_name, NULL);
	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	(void)flock(s->lock, LOCK_UN);
}

int gate_images_open(const char *dir, struct gate_images **ret, struct gate_err *err)
{
	struct gate_images *s = malloc(sizeof(*s));
	int rc = 0;

	if (s == NULL)
		return GATE_FAIL_NOMEM(err);
	*s = (struct gate_images){ .dir = -1, .layers = -1, .configs = -1, .refs = -1, .tmp = -1, .lock = -1 };
	if (dir == NULL) {
		rc = default_path(&s->path, err);
	} else {
		GATE_AUTOFREE char *here = dir[0] == '/' ? NULL : getcwd(NULL, 0);

		if (asprintf(&s->path, "%s%s%s", here != NULL ? here : "", here != NULL ? "/" : "", dir) < 0) {
			s->path = NULL;
			rc = GATE_FAIL_NOMEM(err);
		}
	}
	if (rc == 0)
		rc = make_path(s->path, err);
	if (rc == 0)
		rc = open_all(s, err);
	if (rc < 0) {
		gate_images_close(s);
		return -1;
	}
	sweep(s);
	*ret = s;
	return 0;
}

void gate_images_close(struct gate_images *s)
{
	if (s == NULL)
		return;
	int fds[] = { s->dir, s->layers, s->configs, s->refs, s->tmp, s->lock };

	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(s->path);
	free(s);
}

static int lock(struct gate_images *s, int how, struct gate_err *err)
{
	const struct timespec nap = { 0, 100000000 };

	for (int i = 0; flock(s->lock, how | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return GATE_FAIL_SYS(err, "locking '%s'", s->path);
		if (i == WAIT_STEPS)
			return GATE_FAIL(err, GATE_E_CONFLICT,
			                 "images in '%s' are being fetched, started or removed; try again", s->path);
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

int gate_images_share(struct gate_images *s, struct gate_err *err)
{
	if (s->shared)
		return 0;
	if (lock(s, LOCK_SH, err) < 0)
		return -1;
	s->shared = true;
	return 0;
}

int gate_images_own(struct gate_images *s, struct gate_err *err)
{
	s->shared = false;
	return lock(s, LOCK_EX, err);
}

void gate_images_disown(struct gate_images *s)
{
	(void)flock(s->lock, LOCK_UN);
}

int gate_images_temp(struct gate_images *s, struct gate_temp *ret, struct gate_err *err)
{
	struct gate_temp t = { .dir = -1 };
	uint64_t random;

	do {
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return GATE_FAIL_SYS(err, "getrandom");
		(void)snprintf(t.name, sizeof(t.name), "%016llx", (unsigned long long)random);
	} while (mkdirat(s->tmp, t.name, 0700) < 0 && errno == EEXIST);
	t.dir = openat(s->tmp, t.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t.dir < 0)
		return GATE_FAIL_SYS(err, "making a directory in '%s/tmp'", s->path);
	*ret = t;
	return 0;
}

void gate_images_temp_end(struct gate_images *s, struct gate_temp *t)
{
	if (t->dir >= 0)
		(void)close(t->dir);
	t->dir = -1;
	if (t->name[0] != '\0')
		(void)gate_out_remove(s->tmp, t->name, NULL);
	t->name[0] = '\0';
}

int gate_images_write(struct gate_images *s, int dir, const char *name, const char *text, size_t len,
                      struct gate_err *err)
{
	struct gate_temp t = { .dir = -1 };
	int fd, rc = 0;

	if (gate_images_temp(s, &t, err) < 0)
		return -1;
	fd = openat(t.dir, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = GATE_FAIL_SYS(err, "writing '%s' in '%s'", name, s->path);
	for (size_t done = 0; rc == 0 && done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			rc = GATE_FAIL_SYS(err, "writing '%s' in '%s'", name, s->path);
		done += n > 0 ? (size_t)n : 0;
	}
	if (rc == 0 && (fsync(fd) < 0 || renameat(t.dir, "file", dir, name) < 0))
		rc = GATE_FAIL_SYS(err, "writing '%s' in '%s'", name, s->path);
	if (fd >= 0)
		(void)close(fd);
	gate_images_temp_end(s, &t);
	return rc;
}

bool gate_images_has_layer(struct gate_images *s, const struct gate_digest *diff)
{
	char name[GATE_NAME];
	struct stat st;

	gate_images_name(diff, "", name);
	return fstatat(s->layers, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int gate_images_keep(struct gate_images *s, struct gate_temp *t, const struct gate_digest *diff, uint64_t bytes,
                     struct gate_err *err)
{
	char name[GATE_NAME], size[GATE_NAME], text[32];

	gate_images_name(diff, "", name);
	gate_images_name(diff, ".size", size);
	(void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)bytes);
	/* A layer that is there is whole, also after a power failure: its content goes to the disk before its name. */
	if (syncfs(t->dir) < 0)
		return GATE_FAIL_SYS(err, "writing a layer to the disk");
	if (gate_images_write(s, s->layers, size, text, strlen(text), err) < 0)
		return -1;
	if (renameat2(s->tmp, t->name, s->layers, name, RENAME_NOREPLACE) == 0) {
		t->name[0] = '\0';
		return 0;
	}
	if (errno == EEXIST)
		return 0; /* somebody else was faster: the same content */
	return GATE_FAIL_SYS(err, "keeping a layer");
}

int gate_images_ref(struct gate_images *s, const char *reference, struct gate_digest *ret, struct gate_err *err)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err mine = GATE_ERR_INIT;
	char file[GATE_REFERENCE_FILE], line[GATE_DIGEST_TEXT];
	const char *text;
	size_t len;

	if (gate_reference_escape(reference, file, err) < 0)
		return -1;
	if (gate_file_read(&arena, s->refs, file, 4096, &text, &len, &mine) < 0)
		return mine.code == GATE_E_NOTFOUND
		           ? GATE_FAIL(err, GATE_E_NOTFOUND, "there is no image '%s' in the store", reference)
		           : GATE_FAIL(err, mine.code, "image '%s': %s", reference, mine.text);
	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	if (gate_digest_parse(line, ret, err) < 0)
		return GATE_NOTE(err, "image '%s' is damaged", reference);
	return 0;
}

static uint64_t layer_bytes(struct gate_images *s, const struct gate_digest *diff)
{
	GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
	char name[GATE_NAME];
	const char *text;
	uint64_t n = 0;
	size_t len;

	gate_images_name(diff, ".size", name);
	if (gate_file_read(&arena, s->layers, name, 64, &text, &len, NULL) == 0)
		(void)gate_u64_parse(text, strcspn(text, "\n"), UINT64_MAX, &n);
	return n;
}

/* From the top down. A layer that occurs twice counts where it is highest: all that it has lower down, it has there, and
 * overlayfs takes no directory twice. */
static int add_layers(struct gate_images *s, const struct gate_config *c, struct gate_image *i, struct gate_err *err)
{
	i->layers = GATE_NEWS(&i->arena, const char *, c->n_diffs);
	if (i->layers == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t k = c->n_diffs; k-- > 0;) {
		char name[GATE_NAME], *path;
		bool twice = false;
		size_t size;

		for (size_t above = k + 1; above < c->n_diffs; above++)
			twice |= memcmp(&c->diffs[above], &c->diffs[k], sizeof(c->diffs[k])) == 0;
		if (twice)
			continue;
		if (!gate_images_has_layer(s, &c->diffs[k]))
			return GATE_FAIL(err, GATE_E_NOTFOUND, "a layer of the image is gone: pull it again");
		gate_images_name(&c->diffs[k], "", name);
		size = strlen(s->path) + sizeof("/layers/") + strlen(name);
		path = gate_arena_alloc(&i->arena, size);
		if (path == NULL)
			return GATE_FAIL_NOMEM(err);
		(void)snprintf(path, size, "%s/layers/%s", s->path, name);
		i->layers[i->n_layers++] = path;
		i->size += layer_bytes(s, &c->diffs[k]);
	}
	return 0;
}

static int fill(struct gate_images *s, const char *reference, const struct gate_digest *config, struct gate_image *i,
                struct gate_err *err)
{
	char name[GATE_NAME], digest[GATE_DIGEST_TEXT];
	struct gate_config c;
	struct gate_digest is;
	const char *text;
	size_t len;

	gate_images_name(config, "", name);
	if (gate_file_read(&i->arena, s->configs, name, GATE_DOC_MAX, &text, &len, err) < 0)
		return -1;
	gate_digest_bytes(text, len, &is);
	if (memcmp(&is, config, sizeof(is)) != 0)
		return GATE_FAIL(err, GATE_E_INVALID, "its config was changed: pull it again");
	if (gate_config_read(&i->arena, text, len, NULL, &c, err) < 0 || add_layers(s, &c, i, err) < 0)
		return -1;
	gate_digest_text(config, digest);
	i->reference = gate_arena_text(&i->arena, reference, strlen(reference));
	i->digest = gate_arena_text(&i->arena, digest, strlen(digest));
	if (i->reference == NULL || i->digest == NULL)
		return GATE_FAIL_NOMEM(err);
	i->entrypoint = c.entrypoint;
	i->cmd = c.cmd;
	i->env = c.env;
	i->labels = c.labels;
	i->user = c.user;
	i->workdir = c.workdir;
	i->stop_signal = c.stop_signal;
	i->created = c.created;
	return 0;
}

int gate_images_load(struct gate_images *s, const char *reference, const struct gate_digest *config,
                     struct gate_image **ret, struct gate_err *err)
{
	struct gate_image *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return GATE_FAIL_NOMEM(err);
	if (fill(s, reference, config, i, err) < 0) {
		gate_image_free(i);
		return GATE_NOTE(err, "image '%s'", reference);
	}
	*ret = i;
	return 0;
}

void gate_image_free(struct gate_image *i)
{
	if (i == NULL)
		return;
	gate_arena_done(&i->arena);
	free(i);
}
