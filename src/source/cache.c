/* Proven programs, kept by the digest of everything that shapes them: the profile's bytes, the engine, the facts, the
 * compiler's version. An entry is trusted only when the directory and the file belong to the caller, nobody else may
 * write them, and the checksum holds; everything else is as if there were no entry. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <dirent.h>
#include <unistd.h>

#include "base/buf.h"
#include "compile/compile.h"
#include "source/source.h"

#define MAGIC      "callgate filter 1\n"
#define MOST_FILES 512 /* then the older half goes */

/* An entry is this, the instructions, and the SHA-256 of all that. Host byte order: caches do not travel. */
struct head {
	char magic[sizeof(MAGIC) + 5];
	struct gate_digest key;
	uint32_t flags, notify, len, zero;
	char meaning[GATE_POLICY_DIGEST_TEXT];
};

void gate_cache_key(const struct gate_source *s, struct gate_cache_key *ret)
{
	uint32_t facts[5 + GATE_ARCH_MAX] = { (uint32_t)s->facts.arch, (uint32_t)s->facts.caps,
		                              (uint32_t)(s->facts.caps >> 32),
		                              (uint32_t)s->facts.kernel.major << 16 | s->facts.kernel.minor,
		                              (uint32_t)s->engine };
	uint32_t version = GATE_COMPILE_VERSION;
	struct gate_digest bytes;

	gate_source_bytes_digest(s, &bytes);
	for (size_t i = 0; i < s->facts.n_arches; i++)
		facts[5 + i] = (uint32_t)s->facts.arches[i];
	const struct gate_piece pieces[] = {
		{ MAGIC, sizeof(MAGIC) - 1 },  { CALLGATE_VERSION, strlen(CALLGATE_VERSION) },
		{ &version, sizeof(version) }, { facts, sizeof(facts) },
		{ &bytes, sizeof(bytes) },
	};
	gate_digest_pieces(pieces, GATE_ARRAY_LEN(pieces), &ret->digest);
}

int gate_cache_dir(char *path, size_t size)
{
	const char *xdg = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
	int n = -1;

	if (xdg != NULL && xdg[0] == '/')
		n = snprintf(path, size, "%s/callgate", xdg);
	else if (geteuid() == 0)
		n = snprintf(path, size, "/var/cache/callgate");
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, size, "%s/.cache/callgate", home);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

static bool ours(const struct stat *st, mode_t kind)
{
	return (st->st_mode & S_IFMT) == kind && st->st_uid == geteuid() && (st->st_mode & 022) == 0;
}

/* Makes the directory, and the one above it where it is missing (~/.cache of a new user). */
static void make_dir(const char *dir)
{
	char parent[4096];
	const char *slash = strrchr(dir, '/');

	if (mkdir(dir, 0700) == 0 || errno != ENOENT || slash == NULL || slash == dir ||
	    (size_t)(slash - dir) >= sizeof(parent))
		return;
	memcpy(parent, dir, (size_t)(slash - dir));
	parent[slash - dir] = '\0';
	if (mkdir(parent, 0700) == 0)
		(void)mkdir(dir, 0700);
}

/* The directory; -1 when it is missing or not fit to be trusted. */
static int open_dir(const char *dir, bool make)
{
	struct stat st;
	int fd;

	if (make)
		make_dir(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !ours(&st, S_IFDIR))) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void file_name(const struct gate_cache_key *key, char name[GATE_DIGEST_TEXT])
{
	char text[GATE_DIGEST_TEXT];

	gate_digest_text(&key->digest, text);
	memcpy(name, text + strlen("sha256:"), 65);
}

static bool read_all(int fd, void *to, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, (char *)to + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* The whole entry, when its owner, mode and size are what they should be. */
static char *load(int dir, const char *name, size_t *len)
{
	struct stat st;
	char *bytes = NULL;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && ours(&st, S_IFREG) && st.st_size > (off_t)(sizeof(struct head) + 32) &&
	    st.st_size <= (off_t)(sizeof(struct head) + 32 + GATE_BPF_MAX * sizeof(struct gate_insn))) {
		*len = (size_t)st.st_size;
		bytes = malloc(*len);
		if (bytes != NULL && !read_all(fd, bytes, *len)) {
			free(bytes);
			bytes = NULL;
		}
	}
	(void)close(fd);
	return bytes;
}

static bool sound(const char *bytes, size_t len, const struct gate_cache_key *key, struct head *head)
{
	struct gate_digest sum;

	memcpy(head, bytes, sizeof(*head));
	gate_digest_bytes(bytes, len - sizeof(sum), &sum);
	return memcmp(sum.bytes, bytes + len - sizeof(sum), sizeof(sum)) == 0 &&
	       memcmp(head->magic, MAGIC, sizeof(MAGIC)) == 0 &&
	       memcmp(&head->key, &key->digest, sizeof(head->key)) == 0 && head->len <= GATE_BPF_MAX &&
	       len == sizeof(*head) + head->len * sizeof(struct gate_insn) + sizeof(sum) &&
	       memchr(head->meaning, '\0', sizeof(head->meaning)) != NULL;
}

bool gate_cache_get(const char *dir, const struct gate_cache_key *key, struct gate_compiled *ret)
{
	char name[GATE_DIGEST_TEXT];
	struct gate_insn *insns;
	struct head head;
	size_t len = 0;
	char *bytes;
	int fd = open_dir(dir, false);

	if (fd < 0)
		return false;
	file_name(key, name);
	bytes = load(fd, name, &len);
	(void)close(fd);
	if (bytes == NULL)
		return false;
	insns = sound(bytes, len, key, &head) ? malloc(head.len * sizeof(*insns) + 1) : NULL;
	if (insns != NULL) {
		memcpy(insns, bytes + sizeof(head), head.len * sizeof(*insns));
		if (gate_bpf_check(insns, head.len, NULL) < 0) {
			free(insns);
			insns = NULL;
		}
	}
	free(bytes);
	if (insns == NULL)
		return false;
	ret->insns = insns;
	ret->len = head.len;
	ret->flags = head.flags;
	ret->notify = head.notify != 0;
	memcpy(ret->meaning, head.meaning, sizeof(ret->meaning));
	return true;
}

struct aged {
	struct timespec when;
	char name[65];
};

static int by_age(const void *a, const void *b)
{
	const struct aged *x = a, *y = b;

	if (x->when.tv_sec != y->when.tv_sec)
		return x->when.tv_sec < y->when.tv_sec ? -1 : 1;
	return x->when.tv_nsec < y->when.tv_nsec ? -1 : x->when.tv_nsec > y->when.tv_nsec;
}

/* Keeps the directory small: above MOST_FILES the older half goes. */
static void prune(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct aged *all = NULL;
	size_t n = 0, cap = 0;
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct stat st;

		if (strlen(e->d_name) != 64 || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    gate_grow(&all, n, &cap, sizeof(*all)) < 0)
			continue;
		all[n].when = st.st_mtim;
		memcpy(all[n++].name, e->d_name, 65);
	}
	(void)closedir(d);
	if (n > MOST_FILES) {
		qsort(all, n, sizeof(*all), by_age);
		for (size_t i = 0; i < n / 2; i++)
			(void)unlinkat(dir, all[i].name, 0);
	}
	free(all);
}

void gate_cache_put(const char *dir, const struct gate_cache_key *key, const struct gate_compiled *c)
{
	char name[GATE_DIGEST_TEXT], temporary[GATE_DIGEST_TEXT + 16];
	struct gate_buf b = GATE_BUF_INIT;
	struct gate_digest sum;
	struct head head;
	int fd, at = open_dir(dir, true);

	if (at < 0)
		return;
	memset(&head, 0, sizeof(head));
	memcpy(head.magic, MAGIC, sizeof(MAGIC));
	head.key = key->digest;
	head.flags = c->flags;
	head.notify = c->notify;
	head.len = (uint32_t)c->len;
	memcpy(head.meaning, c->meaning, sizeof(head.meaning));
	gate_buf_add(&b, &head, sizeof(head));
	gate_buf_add(&b, c->insns, c->len * sizeof(*c->insns));
	if (!b.failed) {
		gate_digest_bytes(b.data, b.len, &sum);
		gate_buf_add(&b, &sum, sizeof(sum));
	}
	file_name(key, name);
	(void)snprintf(temporary, sizeof(temporary), ".%.16s.%ld", name, (long)gettid());
	fd = b.failed ? -1 : openat(at, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		/* Written whole under another name, then renamed: readers see all of it or nothing. */
		bool ok = write(fd, b.data, b.len) == (ssize_t)b.len;

		ok = close(fd) == 0 && ok;
		if (!ok || renameat(at, temporary, at, name) < 0)
			(void)unlinkat(at, temporary, 0);
		else
			prune(at);
	}
	gate_buf_done(&b);
	(void)close(at);
}
