/* LIST_FILES, READ_FILE and /files/…: /containers/ID/{stdout,stderr} and what lies in a container's sandbox. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "keeper/log.h"
#include "mesos/output.h"

#define ROOT        "/containers"
#define READ_MOST   (1U << 20)  /* of one answer */
#define LOAD_MOST   (64U << 20) /* of a download */
#define LISTED_MOST 4096

/* A path of this API, taken apart. */
struct where {
	const struct gate_agent_task *t; /* NULL: ROOT itself */
	const char *below;               /* in the sandbox; "" the container's directory */
	uint32_t stream;                 /* stdout, stderr; 0: neither */
};

static bool find(struct gate_mesos *m, const char *path, struct where *ret)
{
	size_t root = sizeof(ROOT) - 1, len;
	char name[GATE_MESOS_ID_MAX + 1];
	const char *s = path + root;

	*ret = (struct where){ .below = "" };
	if (strncmp(path, ROOT, root) != 0 || (*s != '\0' && *s != '/'))
		return false;
	s += strspn(s, "/");
	if (*s == '\0')
		return true;
	len = strcspn(s, "/");
	if (len >= sizeof(name))
		return false;
	memcpy(name, s, len);
	name[len] = '\0';
	ret->t = gate_tasks_container(m->agent, name);
	ret->below = s + len + strspn(s + len, "/");
	if (strcmp(ret->below, "stdout") == 0)
		ret->stream = GATE_LOG_STDOUT;
	else if (strcmp(ret->below, "stderr") == 0)
		ret->stream = GATE_LOG_STDERR;
	return ret->t != NULL;
}

static int open_sandbox(struct gate_mesos *m, const struct where *w)
{
	const struct gate_world *world = gate_agent_world(m->agent);
	char bytes[GATE_MESOS_ID_MAX + 4100];
	size_t id = strlen(w->t->container) + 1, len = strlen(w->below);
	int fd = -1;

	if (len > 4096)
		return -1;
	memcpy(bytes, w->t->container, id);
	memcpy(bytes + id, w->below, len);
	return world->open(world->ctx, GATE_OPEN_SANDBOX, bytes, id + len, &fd, NULL) < 0 ? -1 : fd;
}

/* --- listing --- */

struct file {
	char path[4400];
	uint64_t size, nlink, mtime_ns;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};
typedef void file_fn(void *ctx, const struct file *f);

static void list_root(struct gate_mesos *m, file_fn *fn, void *ctx)
{
	struct file f = { .nlink = 2, .mode = S_IFDIR | 0755 };

	for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next) {
		(void)snprintf(f.path, sizeof(f.path), ROOT "/%s", t->container);
		f.mtime_ns = (uint64_t)(t->ended_ms != 0 ? t->ended_ms : t->staged_ms) * 1000000;
		fn(ctx, &f);
	}
}

static void list_output(struct gate_mesos *m, const struct where *w, file_fn *fn, void *ctx)
{
	static const struct {
		const char *name;
		uint32_t stream;
	} rows[] = { { "stdout", GATE_LOG_STDOUT }, { "stderr", GATE_LOG_STDERR } };

	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct file f = { .nlink = 1, .mode = S_IFREG | 0644 };

		(void)gate_mesos_output(m, w->t->container, rows[i].stream, 0, 0, NULL, &f.size, &f.mtime_ns);
		(void)snprintf(f.path, sizeof(f.path), ROOT "/%s/%s", w->t->container, rows[i].name);
		fn(ctx, &f);
	}
}

/* False when it is no directory. */
static bool list_sandbox(struct gate_mesos *m, const struct where *w, file_fn *fn, void *ctx)
{
	int fd = open_sandbox(m, w);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	size_t n = 0;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	while ((e = readdir(d)) != NULL && n++ < LISTED_MOST) {
		struct file f;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		f = (struct file){ .size = (uint64_t)st.st_size,
			           .nlink = st.st_nlink,
			           .mode = st.st_mode,
			           .uid = st.st_uid,
			           .gid = st.st_gid,
			           .mtime_ns =
			               (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec };
		(void)snprintf(f.path, sizeof(f.path), ROOT "/%s/%s%s%s", w->t->container, w->below,
		               w->below[0] != '\0' ? "/" : "", e->d_name);
		fn(ctx, &f);
	}
	(void)closedir(d);
	return true;
}

/* False: there is no such directory. */
static bool list(struct gate_mesos *m, const char *path, file_fn *fn, void *ctx)
{
	struct where w;

	if (!find(m, path, &w) || w.stream != 0)
		return false;
	if (w.t == NULL) {
		list_root(m, fn, ctx);
		return true;
	}
	if (w.below[0] != '\0')
		return list_sandbox(m, &w, fn, ctx);
	list_output(m, &w, fn, ctx);
	(void)list_sandbox(m, &w, fn, ctx); /* a container without a sandbox has its output still */
	return true;
}

static void put_u64(struct gate_json *j, const char *key, uint64_t n)
{
	gate_json_key(j, key);
	gate_json_u64(j, n);
}

static void put_file(void *ctx, const struct file *f)
{
	struct gate_json *j = ctx;

	gate_json_object(j);
	gate_mesos_put(j, "path", f->path);
	put_u64(j, "nlink", f->nlink);
	put_u64(j, "size", f->size);
	gate_json_key(j, "mtime");
	gate_json_object(j);
	put_u64(j, "nanoseconds", f->mtime_ns);
	gate_json_end(j, '}');
	put_u64(j, "mode", f->mode);
	gate_json_key(j, "uid");
	gate_json_text(j, f->uid == 0 ? "root" : "");
	gate_json_key(j, "gid");
	gate_json_text(j, f->gid == 0 ? "root" : "");
	gate_json_end(j, '}');
}

/* "drwxr-xr-x", as ls prints it */
static void mode_text(mode_t mode, char text[11])
{
	static const char bits[] = "rwxrwxrwx";

	text[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : '?';
	for (int i = 0; i < 9; i++)
		text[i + 1] = (mode >> (8 - i) & 1) != 0 ? bits[i] : '-';
	text[10] = '\0';
}

static void put_flat_file(void *ctx, const struct file *f)
{
	struct gate_json *j = ctx;
	char mode[11], id[16];

	mode_text(f->mode, mode);
	gate_json_object(j);
	gate_mesos_put(j, "path", f->path);
	put_u64(j, "nlink", f->nlink);
	put_u64(j, "size", f->size);
	put_u64(j, "mtime", f->mtime_ns / 1000000000U);
	gate_mesos_put(j, "mode", mode);
	(void)snprintf(id, sizeof(id), "%u", f->uid);
	gate_mesos_put(j, "uid", f->uid == 0 ? "root" : id);
	(void)snprintf(id, sizeof(id), "%u", f->gid);
	gate_mesos_put(j, "gid", f->gid == 0 ? "root" : id);
	gate_json_end(j, '}');
}

void gate_mesos_list_files(struct call *c)
{
	const struct gate_doc *path = gate_doc_member(c->arg, "path");
	struct gate_json j;

	if (path == NULL || path->kind != GATE_DOC_STRING) {
		gate_mesos_say(c->a, 400, "Failed to validate agent::Call: Expecting 'list_files.path' to be present");
		return;
	}
	gate_mesos_begin(c, &j);
	gate_json_key(&j, "file_infos");
	gate_json_array(&j);
	if (!list(c->m, path->text, put_file, &j)) {
		gate_mesos_say(c->a, 404, "'%s' is no directory", path->text);
		return;
	}
	gate_json_end(&j, ']');
	gate_mesos_end(c, &j);
}

void gate_mesos_browse(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	const char *path = gate_http_query(r, "path");
	struct gate_json j;

	if (path == NULL || path[0] == '\0') {
		gate_mesos_say(a, 400, "Expecting 'path=value' in query.");
		return;
	}
	gate_json_init(&j, &a->body, 0);
	gate_json_array(&j);
	if (!list(ctx, path, put_flat_file, &j)) {
		gate_mesos_say(a, 404, "'%s' is no directory", path);
		return;
	}
	gate_json_end(&j, ']');
	a->status = 200;
}

/* --- reading --- */

/* Bytes from an offset; *size of the whole. False: there is no such file. */
static bool read_at(struct gate_mesos *m, const char *path, uint64_t offset, uint64_t most, struct gate_buf *out,
                    uint64_t *size)
{
	char piece[16384];
	struct where w;
	struct stat st;
	uint64_t mtime;
	ssize_t n;
	int fd;

	if (!find(m, path, &w) || w.t == NULL || w.below[0] == '\0')
		return false;
	if (w.stream != 0) {
		(void)gate_mesos_output(m, w.t->container, w.stream, offset, most, out, size, &mtime);
		return true;
	}
	fd = open_sandbox(m, &w);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return false;
	}
	*size = (uint64_t)st.st_size;
	while (most > 0 && offset < INT64_MAX &&
	       (n = pread(fd, piece, most < sizeof(piece) ? (size_t)most : sizeof(piece), (off_t)offset)) > 0) {
		gate_buf_add(out, piece, (size_t)n);
		offset += (uint64_t)n;
		most -= (uint64_t)n;
	}
	(void)close(fd);
	return true;
}

static void put_base64(struct gate_json *j, const struct gate_buf *b)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	for (size_t i = 0; i < b->len; i += 3) {
		uint32_t v = 0;
		char four[4];

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k < b->len ? (unsigned char)b->data[i + k] : 0U);
		for (int k = 0; k < 4; k++)
			four[k] = i + (size_t)k <= b->len ? letters[v >> (18 - 6 * k) & 63] : '=';
		gate_buf_add(&text, four, 4);
	}
	gate_json_textn(j, text.data != NULL ? text.data : "", text.len);
}

static bool number(const struct gate_doc *d, uint64_t fallback, uint64_t *ret)
{
	*ret = fallback;
	return d == NULL || d->kind == GATE_DOC_NULL ||
	       ((d->kind == GATE_DOC_NUMBER || d->kind == GATE_DOC_STRING) &&
	        gate_u64_parse(d->text, d->len, INT64_MAX, ret) == 0);
}

void gate_mesos_read_file(struct call *c)
{
	GATE_AUTO(gate_buf_done) struct gate_buf data = GATE_BUF_INIT;
	const struct gate_doc *path = gate_doc_member(c->arg, "path");
	uint64_t offset, length, size = 0;
	struct gate_json j;

	if (path == NULL || path->kind != GATE_DOC_STRING) {
		gate_mesos_say(c->a, 400, "Failed to validate agent::Call: Expecting 'read_file.path' to be present");
		return;
	}
	if (!number(gate_doc_member(c->arg, "offset"), 0, &offset) ||
	    !number(gate_doc_member(c->arg, "length"), READ_MOST, &length)) {
		gate_mesos_say(c->a, 400, "Failed to validate agent::Call: offset and length are numbers");
		return;
	}
	if (!read_at(c->m, path->text, offset, length < READ_MOST ? length : READ_MOST, &data, &size)) {
		gate_mesos_say(c->a, 404, "'%s' is no file", path->text);
		return;
	}
	gate_mesos_begin(c, &j);
	put_u64(&j, "size", size);
	gate_json_key(&j, "data");
	put_base64(&j, &data);
	gate_mesos_end(c, &j);
}

/* ?path=&offset=&length=; offset -1 asks for the size only. */
void gate_mesos_read(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	GATE_AUTO(gate_buf_done) struct gate_buf data = GATE_BUF_INIT;
	const char *path = gate_http_query(r, "path"), *from = gate_http_query(r, "offset"),
		   *n = gate_http_query(r, "length");
	bool ask = from != NULL && strcmp(from, "-1") == 0;
	uint64_t offset = 0, length = READ_MOST, size = 0;
	struct gate_json j;

	if (path == NULL || path[0] == '\0') {
		gate_mesos_say(a, 400, "Expecting 'path=value' in query.");
		return;
	}
	if ((!ask && from != NULL && gate_u64_parse(from, strlen(from), INT64_MAX, &offset) < 0) ||
	    (n != NULL && strcmp(n, "-1") != 0 && gate_u64_parse(n, strlen(n), INT64_MAX, &length) < 0)) {
		gate_mesos_say(a, 400, "Failed to parse %s", !ask && from != NULL ? "offset" : "length");
		return;
	}
	if (!read_at(ctx, path, offset, ask ? 0 : length < READ_MOST ? length : READ_MOST, &data, &size)) {
		gate_mesos_say(a, 404, "'%s' is no file", path);
		return;
	}
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "data");
	gate_json_textn(&j, data.data != NULL ? data.data : "", data.len);
	put_u64(&j, "offset", ask ? size : offset);
	gate_json_end(&j, '}');
	a->status = 200;
}

void gate_mesos_download(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	const char *path = gate_http_query(r, "path");
	uint64_t size = 0;

	if (path == NULL || path[0] == '\0')
		gate_mesos_say(a, 400, "Expecting 'path=value' in query.");
	else if (!read_at(ctx, path, 0, LOAD_MOST, &a->body, &size))
		gate_mesos_say(a, 404, "'%s' is no file", path);
	else if (size > LOAD_MOST)
		gate_mesos_say(a, 413, "'%s' is larger than 64 MiB: read it in pieces with /files/read", path);
	else {
		a->type = "application/octet-stream";
		a->status = 200;
	}
}
