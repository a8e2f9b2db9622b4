#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/store.h"

/* --- the directories --- */
static char *default_path(struct gate_err *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;

	if (geteuid() == 0)
		path = strdup("/run/callgate");
	else if (runtime == NULL || runtime[0] != '/')
		return gate_err_set(
			   err, GATE_E_INVALID, 0,
			   "there is no state directory: XDG_RUNTIME_DIR is not set; name one with --state-dir"),
		       NULL;
	else if (asprintf(&path, "%s/callgate", runtime) < 0)
		path = NULL;
	if (path == NULL)
		gate_err_set(err, GATE_E_NOMEM, 0, "out of memory");
	return path;
}

/* Whoever may rename a directory on the way to the state may put another one in its place. In a user namespace root's
 * own directories belong to somebody without a name: whoever owns "/" is trusted too. */
static int check_way(const char *path, struct gate_err *err)
{
	char way[PATH_MAX], *slash;
	struct stat root, st;

	if (stat("/", &root) < 0)
		return GATE_FAIL_SYS(err, "cannot look at '/'");
	(void)snprintf(way, sizeof(way), "%s", path);
	while ((slash = strrchr(way, '/')) != NULL && slash != way) {
		*slash = '\0';
		if (lstat(way, &st) < 0)
			return GATE_FAIL_SYS(err, "cannot look at '%s'", way);
		if ((st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != root.st_uid) ||
		    ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))
			return GATE_FAIL(
			    err, GATE_E_DENIED,
			    "the state directory '%s' is not safe: others may change '%s', which leads there", path,
			    way);
	}
	return 0;
}

/* The agent's socket lies beside the tasks: those who use it go through the topmost directory, and nowhere else. */
#define WAY_THROUGH 0711

/* Opens a directory that is ours alone, or makes it. */
static int open_own(int at, const char *name, const char *path, int *ret, struct gate_err *err)
{
	struct stat st;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make the directory '%s'", path);
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return GATE_FAIL(err, GATE_E_DENIED, "'%s' must be a directory, and not a symbolic link", path);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open the directory '%s'", path);
	if (fstat(fd, &st) < 0)
		(void)GATE_FAIL_SYS(err, "cannot look at '%s'", path);
	else if (st.st_uid != geteuid())
		(void)GATE_FAIL(err, GATE_E_DENIED, "'%s' belongs to user %u, not to you (%u)", path, st.st_uid,
		                geteuid());
	else if ((st.st_mode & 077) != 0 && (at != AT_FDCWD || (st.st_mode & 07777) != WAY_THROUGH))
		(void)GATE_FAIL(err, GATE_E_DENIED, "'%s' has mode %04o, which lets others in: chmod 700 '%s'", path,
		                st.st_mode & 07777, path);
	else {
		*ret = fd;
		return 0;
	}
	(void)close(fd);
	return -1;
}

/* The way to the directory without symbolic links; its last name stays as it is, for open_own to judge. */
static int real_path(const char *path, char **ret, struct gate_err *err)
{
	GATE_AUTOFREE char *copy = strdup(path);
	char above[PATH_MAX], *slash;

	if (copy == NULL)
		return GATE_FAIL_NOMEM(err);
	while ((slash = strrchr(copy, '/')) != NULL && slash != copy && slash[1] == '\0')
		*slash = '\0';
	const char *name = slash != NULL ? slash + 1 : copy;

	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' cannot be the state directory: it must end with a name",
		                 path);
	if (slash != NULL)
		*slash = '\0';
	if (realpath(slash == NULL ? "." : slash == copy ? "/" : copy, above) == NULL)
		return GATE_FAIL_SYS(err, "cannot find the directory for '%s'", path);
	if (asprintf(ret, "%s/%s", strcmp(above, "/") == 0 ? "" : above, name) < 0)
		return GATE_FAIL_NOMEM(err);
	if (strlen(*ret) < PATH_MAX - 128)
		return 0;
	free(*ret);
	return GATE_FAIL(err, GATE_E_LIMIT, "the name of the state directory is too long");
}

static int open_parts(struct gate_store *s, struct gate_err *err)
{
	static const char *const names[] = { "containers", "names" };
	int *const parts[] = { &s->containers, &s->names };
	char path[PATH_MAX];

	if (check_way(s->path, err) < 0 || open_own(AT_FDCWD, s->path, s->path, &s->dir, err) < 0)
		return -1;
	for (size_t i = 0; i < GATE_ARRAY_LEN(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->path, names[i]);
		if (open_own(s->dir, names[i], path, parts[i], err) < 0)
			return -1;
	}
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->lock >= 0 ? 0 : GATE_FAIL_SYS(err, "cannot open '%s/lock'", s->path);
}

int gate_store_open(const char *dir, struct gate_store **ret, struct gate_err *err)
{
	GATE_AUTOFREE char *chosen = dir != NULL ? strdup(dir) : default_path(err);
	struct gate_store *s = calloc(1, sizeof(*s));

	if (chosen == NULL || s == NULL) {
		free(s);
		return err != NULL && err->code != GATE_OK ? -1 : GATE_FAIL_NOMEM(err);
	}
	s->dir = s->containers = s->names = s->lock = -1;
	if (real_path(chosen, &s->path, err) < 0 || open_parts(s, err) < 0) {
		gate_store_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void gate_store_close(struct gate_store *s)
{
	if (s == NULL)
		return;
	const int fds[] = { s->dir, s->containers, s->names, s->lock };

	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(s->path);
	free(s);
}

const char *gate_store_path(const struct gate_store *s)
{
	return s->path;
}

int gate_store_containers(const struct gate_store *s)
{
	return s->containers;
}

int gate_store_names(const struct gate_store *s)
{
	return s->names;
}

int gate_store_lock(struct gate_store *s, struct gate_err *err)
{
	int result;

	do
		result = flock(s->lock, LOCK_EX);
	while (result < 0 && errno == EINTR);
	return result == 0 ? 0 : GATE_FAIL_SYS(err, "cannot lock '%s'", s->path);
}

void gate_store_unlock(struct gate_store *s)
{
	(void)flock(s->lock, LOCK_UN);
}

/* --- one task --- */
bool gate_store_is_id(const char *word)
{
	return strlen(word) == 64 && strspn(word, "0123456789abcdef") == 64;
}

int gate_store_dir(struct gate_store *s, const char *id, int *ret, struct gate_err *err)
{
	struct stat st;

	if (!gate_store_is_id(id))
		return GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%s'", id);
	int fd = openat(s->containers, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%.12s'", id);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open '%s/containers/%s'", s->path, id);
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0) {
		*ret = fd;
		return 0;
	}
	(void)close(fd);
	return GATE_FAIL(err, GATE_E_DENIED, "'%s/containers/%s' is not ours alone: it is not used", s->path, id);
}

/* Opens a plain file of ours in the task's directory; what else might lie there is not followed, nor waited for. */
static int open_file(int dir, const char *name, struct stat *st)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode)))
		return fd;
	(void)close(fd);
	errno = EINVAL;
	return -1;
}

/* All of a file of `size` bytes; false when there are fewer. */
static bool read_all(int fd, void *ret, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, (char *)ret + at, size - at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return true;
}

int gate_store_held(int dir)
{
	struct stat st;
	int fd = open_file(dir, "lock", &st), result;

	if (fd < 0)
		return -1;
	result = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? 1 : -1;
	(void)close(fd);
	return result;
}

static void read_record(int dir, struct gate_entry *e)
{
	struct stat st;
	int fd = open_file(dir, "record", &st);
	bool good;

	if (fd < 0) {
		e->broken = errno != ENOENT;
		return;
	}
	good = st.st_size == sizeof(e->record) && read_all(fd, &e->record, sizeof(e->record)) &&
	       gate_record_check(&e->record, sizeof(e->record));
	(void)close(fd);
	if (good)
		return;
	memset(&e->record, 0, sizeof(e->record));
	e->broken = true;
}

static enum gate_task_state state_of(const struct gate_entry *e, bool held)
{
	if (e->record.state == GATE_TASK_ENDED)
		return GATE_TASK_ENDED;
	if (!held)
		return GATE_TASK_LOST;
	return e->record.state == GATE_TASK_RUNNING ? GATE_TASK_RUNNING : GATE_TASK_CREATED;
}

int gate_store_read(int dir, const char *id, struct gate_entry *ret, struct gate_err *err)
{
	struct gate_entry e = { 0 };
	struct stat st;
	ssize_t n;

	/* The lock first: a keeper that ends writes its record, then lets go. */
	int held = gate_store_held(dir), sys = errno;

	read_record(dir, &e);
	errno = sys;
	if (held < 0 && errno != ENOENT && errno != EINVAL && errno != ELOOP) /* nobody could look: it may well run */
		return GATE_FAIL_SYS(err, "cannot look at container '%.12s'", id);
	e.state = state_of(&e, held == 1);
	(void)snprintf(e.id, sizeof(e.id), "%s", id);
	n = readlinkat(dir, "name", e.name, sizeof(e.name) - 1);
	e.name[n > 0 ? n : 0] = '\0';
	if (!gate_task_name_ok(e.name))
		e.name[0] = '\0';
	if (e.record.created_ns == 0 && fstat(dir, &st) == 0)
		e.record.created_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec;
	*ret = e;
	return 0;
}

int gate_store_config(struct gate_store *s, const char *id, char **ret, size_t *len, struct gate_err *err)
{
	enum { MOST = 8 << 20 }; /* arguments and environment are in it */
	struct stat st;
	char *text = NULL;
	int dir, fd;

	if (gate_store_dir(s, id, &dir, err) < 0)
		return -1;
	fd = open_file(dir, "config.json", &st);
	(void)close(dir);
	if (fd < 0)
		return errno == ENOENT ? GATE_FAIL(err, GATE_E_NOTFOUND,
		                                   "container '%.12s' has no configuration: its launch was "
		                                   "cut short",
		                                   id)
		                       : GATE_FAIL_SYS(err, "cannot read the configuration of '%.12s'", id);
	if (st.st_size <= MOST)
		text = calloc(1, (size_t)st.st_size + 1);
	bool good = text != NULL && read_all(fd, text, (size_t)st.st_size);

	(void)close(fd);
	if (good) {
		*ret = text;
		*len = (size_t)st.st_size;
		return 0;
	}
	free(text);
	return GATE_FAIL(err, GATE_E_INVALID, "the configuration of '%.12s' is broken: its length is not right", id);
}

/* --- all tasks --- */
static int by_age(const void *a, const void *b)
{
	const struct gate_entry *x = a, *y = b;

	if (x->record.created_ns != y->record.created_ns)
		return x->record.created_ns < y->record.created_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

static bool gone(struct gate_store *s, const char *id)
{
	return faccessat(s->containers, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* One more entry, unless the task is vanishing at this moment, or what is there is not a task's directory. */
static int add_entry(struct gate_store *s, const char *id, struct gate_entry **list, size_t *n, size_t *cap,
                     struct gate_err *err)
{
	int dir = openat(s->containers, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), result;

	if (dir < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM
		           ? GATE_FAIL_SYS(err, "cannot look at container '%.12s'", id)
		           : 0;
	if (gate_grow(list, *n, cap, sizeof(**list)) < 0)
		result = GATE_FAIL_NOMEM(err);
	else
		result = gate_store_read(dir, id, &(*list)[*n], err);
	if (result == 0 && !gone(s, id))
		(*n)++;
	(void)close(dir);
	return result;
}

static DIR *open_list(int at)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		(void)close(fd);
	return d;
}

int gate_store_list(struct gate_store *s, struct gate_entry **ret, size_t *n, struct gate_err *err)
{
	GATE_AUTOFREE struct gate_entry *list = NULL;
	size_t count = 0, cap = 0;
	const struct dirent *d;
	int result = 0;
	DIR *all = open_list(s->containers);

	if (all == NULL)
		return GATE_FAIL_SYS(err, "cannot list '%s'", s->path);
	while (result == 0 && (d = readdir(all)) != NULL)
		if (gate_store_is_id(d->d_name))
			result = add_entry(s, d->d_name, &list, &count, &cap, err);
	(void)closedir(all);
	if (result < 0)
		return -1;
	if (count > 0)
		qsort(list, count, sizeof(*list), by_age);
	*ret = GATE_TAKE(&list);
	*n = count;
	return 0;
}

/* --- by name --- */
/* The id that a name stands for; false when nobody has it. */
static bool id_of(struct gate_store *s, const char *name, char id[65])
{
	ssize_t n = readlinkat(s->names, name, id, 65);

	if (n != 64)
		return false;
	id[64] = '\0';
	return gate_store_is_id(id) && !gone(s, id);
}

static int by_prefix(struct gate_store *s, const char *word, char id[65], struct gate_err *err)
{
	char second[65] = "";
	size_t len = strlen(word), hits = 0;
	const struct dirent *d;
	DIR *all = open_list(s->containers);

	if (all == NULL)
		return GATE_FAIL_SYS(err, "cannot list '%s'", s->path);
	while ((d = readdir(all)) != NULL)
		if (gate_store_is_id(d->d_name) && strncmp(d->d_name, word, len) == 0)
			memcpy(hits++ == 0 ? id : second, d->d_name, 65);
	(void)closedir(all);
	if (hits > 1)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' could be %zu containers, '%.12s' and '%.12s' among them",
		                 word, hits, id, second);
	return hits == 1 ? 0 : GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%s'", word);
}

int gate_store_find(struct gate_store *s, const char *word, struct gate_entry *ret, struct gate_err *err)
{
	size_t len = strlen(word);
	char id[65];
	int dir, result;

	if (!gate_task_name_ok(word))
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is neither an id nor a name", word);
	if (gate_store_is_id(word))
		memcpy(id, word, sizeof(id));
	else if (!id_of(s, word, id)) {
		if (len > 64 || strspn(word, "0123456789abcdef") != len)
			return GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%s'", word);
		if (by_prefix(s, word, id, err) < 0)
			return -1;
	}
	if (gate_store_dir(s, id, &dir, err) < 0)
		return -1;
	result = gate_store_read(dir, id, ret, err);
	(void)close(dir);
	return result;
}

/* --- a new one --- */
static int make_id(char id[65], struct gate_err *err)
{
	unsigned char random[32];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return GATE_FAIL_SYS(err, "no random bytes for an id");
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", random[i]);
	return 0;
}

/* Making the link is what makes the name ours. */
static int take_name(struct gate_store *s, const char *name, const char *id, struct gate_err *err)
{
	char holder[65];

	if (symlinkat(id, s->names, name) == 0)
		return 0;
	bool there = errno == EEXIST;

	if (there && id_of(s, name, holder))
		return GATE_FAIL(err, GATE_E_CONFLICT, "the name '%s' is taken by container '%.12s'", name, holder);
	/* Its task went with --rm, or with its keeper. */
	if (there && unlinkat(s->names, name, 0) == 0 && symlinkat(id, s->names, name) == 0)
		return 0;
	return GATE_FAIL_SYS(err, "cannot take the name '%s'", name);
}

/* .ID with its lock held becomes ID: nobody sees it without. */
static int make_directory(struct gate_store *s, const char *name, const char *id, int *dir, int *lock,
                          struct gate_err *err)
{
	char hidden[66];

	(void)snprintf(hidden, sizeof(hidden), ".%s", id);
	if (mkdirat(s->containers, hidden, 0700) < 0)
		return GATE_FAIL_SYS(err, "cannot make a directory in '%s/containers'", s->path);
	*dir = openat(s->containers, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*dir >= 0)
		*lock = openat(*dir, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0 &&
	    (name == NULL || symlinkat(name, *dir, "name") == 0) &&
	    renameat(s->containers, hidden, s->containers, id) == 0)
		return 0;
	(void)GATE_FAIL_SYS(err, "cannot make the directory '%s/containers/%s'", s->path, id);
	(void)gate_store_delete(s, id, NULL);
	return -1;
}

static int create_locked(struct gate_store *s, const char *name, const char *id, int *dir, int *lock,
                         struct gate_err *err)
{
	if (name != NULL && take_name(s, name, id, err) < 0)
		return -1;
	if (make_directory(s, name, id, dir, lock, err) == 0)
		return 0;
	if (name != NULL)
		(void)unlinkat(s->names, name, 0);
	return -1;
}

int gate_store_create(struct gate_store *s, const char *name, char id[65], int *dir, int *lock, struct gate_err *err)
{
	char fresh[65];
	int d = -1, l = -1;

	if (name != NULL && !gate_task_name_ok(name))
		return GATE_FAIL(
		    err, GATE_E_INVALID,
		    "'%s' cannot be a name: letters, digits and _ + - . are allowed, not beginning with a dot, "
		    "128 at most",
		    name);
	if (make_id(fresh, err) < 0 || gate_store_lock(s, err) < 0)
		return -1;
	int result = create_locked(s, name, fresh, &d, &l, err);

	gate_store_unlock(s);
	if (result == 0) {
		memcpy(id, fresh, sizeof(fresh));
		*dir = d;
		*lock = l;
		return 0;
	}
	if (d >= 0)
		(void)close(d);
	if (l >= 0)
		(void)close(l);
	return -1;
}
