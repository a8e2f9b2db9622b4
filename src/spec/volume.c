/* Mounts: -v, --mount, --tmpfs, and paths. */
#include "base/num.h"
#include "spec/parts.h"
#include "spec/words.h"

#define BAD(...) GATE_FAIL(err, GATE_E_INVALID, __VA_ARGS__)

/* A piece of a text. */
struct word {
	const char *at;
	size_t len;
};
#define SHOW(w) (int)((w).len < 128 ? (w).len : 128), (w).at

static bool is(struct word w, const char *text)
{
	return strlen(text) == w.len && memcmp(text, w.at, w.len) == 0;
}

/* --- paths --- */
/* Joins the parts of `text` behind `out`, one slash before each. False for "..", where that is refused. */
static bool join(struct gate_buf *out, const char *text, size_t len, bool refuse_up)
{
	for (size_t i = 0; i < len;) {
		const char *end = memchr(text + i, '/', len - i);
		size_t n = end != NULL ? (size_t)(end - text) - i : len - i;

		if (n == 2 && memcmp(text + i, "..", 2) == 0 && refuse_up)
			return false;
		if (n > 0 && !(n == 1 && text[i] == '.')) {
			gate_buf_puts(out, "/");
			gate_buf_add(out, text + i, n);
		}
		i += n + 1;
	}
	return true;
}

static int settle(struct gate_spec *s, struct gate_buf *path, const char **ret, struct gate_err *err)
{
	if (path->failed)
		return GATE_FAIL_NOMEM(err);
	if (path->len >= 4096) /* PATH_MAX */
		return GATE_FAIL(err, GATE_E_LIMIT, "a path has more than 4095 bytes: '%.64s…'", path->data);
	return gate_spec_copy(s, path->len > 0 ? path->data : "/", path->len > 0 ? path->len : 1, ret, err);
}

int gate_spec_path(struct gate_spec *s, const char *what, const char *text, size_t len, bool inside, const char **ret,
                   struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	struct word w = { text, len };

	if (len == 0 || text[0] != '/')
		return BAD("%s must be an absolute path, not '%.*s'", what, SHOW(w));
	if (!join(&path, text, len, inside))
		return BAD("%s must be a path without '..', not '%.*s'", what, SHOW(w));
	return settle(s, &path, ret, err);
}

int gate_spec_host_path(struct gate_spec *s, const char *text, size_t len, const char **ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;

	if (len == 0)
		return BAD("'--%s' has an empty path", s->flag);
	if (text[0] != '/' && s->caller->cwd == NULL)
		return BAD("'%.*s' is relative, and there is no working directory", (int)(len < 128 ? len : 128), text);
	if (text[0] != '/')
		(void)join(&path, s->caller->cwd, strlen(s->caller->cwd), false);
	(void)join(&path, text, len, false);
	return settle(s, &path, ret, err);
}

/* --- what a mount says --- */
static int add(struct gate_spec *s, const struct gate_volume *v, struct gate_err *err)
{
	if (strcmp(v->target, "/") == 0)
		return BAD("nothing can be mounted on '/' itself; --rootfs says what is there");
	if (strcmp(v->target, "/proc") == 0 || strncmp(v->target, "/proc/", 6) == 0)
		return BAD("nothing can be mounted on '%s': /proc tells about the task itself", v->target);
	for (size_t i = 0; i < s->task->volumes.n; i++)
		if (strcmp(s->task->volumes.at[i].target, v->target) == 0)
			return BAD("two mounts on '%s'", v->target);
	return GATE_SPEC_ADD(s->task->volumes, err, *v);
}

static int target(struct gate_spec *s, struct word w, struct gate_volume *v, struct gate_err *err)
{
	return gate_spec_path(s, "the place of a mount in the task", w.at, w.len, true, &v->target, err);
}

/* Words that all three flags share. 1: not one of them. */
static int common(struct gate_volume *v, struct word w)
{
	static const char *const nothing[] = { "rprivate",  "private", "nocopy", "consistent", "cached",
		                               "delegated", "z",       "Z",      "notmpcopyup" };

	/* Mounts are always private here; there is nothing to copy, no other machine, and no SELinux label is set. */
	for (size_t i = 0; i < GATE_ARRAY_LEN(nothing); i++)
		if (is(w, nothing[i]))
			return 0;
	if (is(w, "ro") || is(w, "readonly"))
		v->read_only = true;
	else if (is(w, "rw"))
		v->read_only = false;
	else if (is(w, "nosuid") || is(w, "suid"))
		v->nosuid = w.at[0] == 'n';
	else if (is(w, "nodev") || is(w, "dev"))
		v->nodev = w.at[0] == 'n';
	else if (is(w, "noexec") || is(w, "exec"))
		v->noexec = w.at[0] == 'n';
	else
		return 1;
	return 0;
}

/* What docker or podman know and is not offered. */
static const struct {
	const char *word, *why;
} refused[] = {
	{ "shared", "mounts do not travel between host and task" },
	{ "rshared", "mounts do not travel between host and task" },
	{ "slave", "mounts do not travel between host and task" },
	{ "rslave", "mounts do not travel between host and task" },
	{ "unbindable", "mounts do not travel between host and task" },
	{ "runbindable", "mounts do not travel between host and task" },
	{ "U", "owners of the host's files are not changed" },
	{ "chown", "owners of the host's files are not changed" },
	{ "O", "only --rootfs is mounted copy-on-write" },
	{ "copy", "there are no volumes to copy to" },
	{ "idmap", "it is done where --userns=auto needs it" },
	{ "tmpcopyup", "a tmpfs begins empty" },
	{ "uid", "a tmpfs belongs to the task's root user" },
	{ "gid", "a tmpfs belongs to the task's root user" },
	{ "nr_inodes", "only size= and mode= of a tmpfs can be set" },
	{ "volume-driver", "there are no volumes here" },
	{ "volume-label", "there are no volumes here" },
	{ "volume-nocopy", "there are no volumes here" },
	{ "volume-opt", "there are no volumes here" },
	{ "volume-subpath", "there are no volumes here" },
};

static int bad_word(struct gate_spec *s, struct word w, const char *choices, struct gate_err *err)
{
	struct word key = { w.at, 0 };
	char near[GATE_NEAR_MAX];

	while (key.len < w.len && key.at[key.len] != '=')
		key.len++;
	for (size_t i = 0; i < GATE_ARRAY_LEN(refused); i++)
		if (is(key, refused[i].word))
			return GATE_FAIL(err, GATE_E_UNSUPPORTED, "'%.*s' in '--%s' is not offered: %s", SHOW(w),
			                 s->flag, refused[i].why);
	return BAD("unknown word '%.*s' in '--%s'%s", SHOW(w), s->flag, gate_word_near(key.at, key.len, choices, near));
}

static int tmpfs_size(struct word w, struct gate_volume *v, struct gate_err *err)
{
	if (gate_word_size(w.at, w.len, &v->size) < 0 || v->size == 0)
		return BAD("the size of a tmpfs is as in 64m, not '%.*s'", SHOW(w));
	return 0;
}

static int tmpfs_mode(struct word w, struct gate_volume *v, struct gate_err *err)
{
	uint32_t mode = 0;

	for (size_t i = 0; i < w.len; i++) {
		if (w.at[i] < '0' || w.at[i] > '7' || w.len > 5)
			mode = UINT32_MAX;
		else if (mode != UINT32_MAX)
			mode = mode * 8 + (uint32_t)(w.at[i] - '0');
	}
	if (mode == 0 || mode > 07777)
		return BAD("the mode of a tmpfs is octal, as in 1777, not '%.*s'", SHOW(w));
	v->mode = mode;
	return 0;
}

/* The next piece up to `stop`; false at the end. */
static bool next(struct word *rest, char stop, struct word *piece)
{
	if (rest->at == NULL)
		return false;
	const char *end = memchr(rest->at, stop, rest->len);

	piece->at = rest->at;
	piece->len = end != NULL ? (size_t)(end - rest->at) : rest->len;
	rest->at = end != NULL ? end + 1 : NULL;
	rest->len -= piece->len + (end != NULL);
	return true;
}

/* --- -v SOURCE:TARGET[:OPTION,…] --- */
static int volume_source(struct gate_spec *s, struct word w, struct gate_volume *v, struct gate_err *err)
{
	if (w.len > 0 && w.at[0] != '/' && w.at[0] != '.')
		return BAD(
		    "'%.*s' would be a named volume, and there are none here; for a directory write './%.*s' or its "
		    "absolute path",
		    SHOW(w), SHOW(w));
	return gate_spec_host_path(s, w.at, w.len, &v->source, err);
}

int gate_take_volume(struct gate_spec *s, const char *value, struct gate_err *err)
{
	struct gate_volume v = {
		.kind = GATE_VOLUME_BIND, .recursive = true, .nosuid = true, .nodev = true, .make_source = true
	};
	struct word rest = { value, strlen(value) }, source, place = { NULL, 0 }, options = { NULL, 0 }, w;

	(void)next(&rest, ':', &source);
	if (!next(&rest, ':', &place) || source.len == 0)
		return BAD(
		    "'--volume' takes SOURCE:TARGET[:OPTIONS], not '%s'; there are no volumes without a source here",
		    value);
	(void)next(&rest, ':', &options);
	if (rest.at != NULL)
		return BAD("'--volume %s' has too many ':'; --mount takes paths with one in them", value);
	if (volume_source(s, source, &v, err) < 0 || target(s, place, &v, err) < 0)
		return -1;
	while (next(&options, ',', &w)) {
		if (is(w, "bind") || is(w, "rbind"))
			v.recursive = w.at[0] == 'r';
		else if (common(&v, w) != 0)
			return bad_word(s, w, "ro|rw|z|Z|bind|rbind|noexec|exec|nosuid|suid|nodev|dev", err);
	}
	return add(s, &v, err);
}

/* --- --tmpfs TARGET[:OPTION,…] --- */
int gate_take_tmpfs(struct gate_spec *s, const char *value, struct gate_err *err)
{
	struct gate_volume v = { .kind = GATE_VOLUME_TMPFS, .nosuid = true, .nodev = true, .noexec = true };
	struct word rest = { value, strlen(value) }, place, w;

	(void)next(&rest, ':', &place);
	if (target(s, place, &v, err) < 0)
		return -1;
	while (next(&rest, ',', &w)) {
		struct word arg = { w.at + 5, w.len > 5 ? w.len - 5 : 0 };

		if (w.len >= 5 && memcmp(w.at, "size=", 5) == 0) {
			if (tmpfs_size(arg, &v, err) < 0)
				return -1;
		} else if (w.len >= 5 && memcmp(w.at, "mode=", 5) == 0) {
			if (tmpfs_mode(arg, &v, err) < 0)
				return -1;
		} else if (common(&v, w) != 0) {
			return bad_word(s, w, "ro|rw|size|mode|noexec|exec|nosuid|suid|nodev|dev", err);
		}
	}
	return add(s, &v, err);
}

/* --- --mount type=bind,source=…,target=… --- */
/* The next field of a line in the language of Go's encoding/csv, which docker reads: a field that begins with '"' ends with
 * the next single '"', and '""' in it is one. 1: a field, 0: the end, -1: quotes that are wrong. */
static int csv_field(const char **at, struct gate_buf *field)
{
	const char *s = *at;

	if (s == NULL)
		return 0;
	field->len = 0;
	gate_buf_add(field, "", 0);
	if (*s != '"') {
		size_t n = strcspn(s, ",");

		if (memchr(s, '"', n) != NULL)
			return -1;
		gate_buf_add(field, s, n);
		*at = s[n] == ',' ? s + n + 1 : NULL;
		return 1;
	}
	for (s++; *s != '\0'; s++) {
		if (*s == '"' && s[1] != '"')
			break;
		s += *s == '"';
		gate_buf_add(field, s, 1);
	}
	if (*s != '"' || (s[1] != ',' && s[1] != '\0'))
		return -1;
	*at = s[1] == ',' ? s + 2 : NULL;
	return 1;
}

struct mount {
	struct gate_volume v;
	struct word source; /* of the text in s->task->arena */
	bool typed, has_source, tmpfs_only, bind_only, exec;
};

static const char mount_words[] =
    "type|source|src|target|destination|dst|readonly|ro|rw|bind-propagation|bind-nonrecursive|"
    "tmpfs-size|tmpfs-mode|consistency|relabel|noexec|exec|nosuid|suid|nodev|dev";

static int mount_type(struct mount *m, struct word arg, struct gate_err *err)
{
	char near[GATE_NEAR_MAX];

	if (is(arg, "bind"))
		m->v.kind = GATE_VOLUME_BIND;
	else if (is(arg, "tmpfs"))
		m->v.kind = GATE_VOLUME_TMPFS;
	else
		return BAD("'--mount' takes type=bind or type=tmpfs, not 'type=%.*s'%s", SHOW(arg),
		           gate_word_near(arg.at, arg.len, "bind|tmpfs", near));
	m->typed = true;
	return 0;
}

/* "readonly", "readonly=true"; 1 when the field is not about `key`. */
static int mount_bool(struct word key, bool has, struct word arg, const char *name, bool *ret, struct gate_err *err)
{
	if (!is(key, name))
		return 1;
	*ret = true;
	if (has && gate_word_bool(arg.at, arg.len, ret) < 0)
		return BAD("'%s' in '--mount' is true or false, not '%.*s'", name, SHOW(arg));
	return 0;
}

/* `field` lives in the arena. */
static int mount_field(struct gate_spec *s, struct mount *m, const char *field, size_t len, struct gate_err *err)
{
	const char *equals = memchr(field, '=', len);
	struct word key = { field, equals != NULL ? (size_t)(equals - field) : len }, all = { field, len };
	struct word arg = { equals != NULL ? equals + 1 : "", equals != NULL ? len - key.len - 1 : 0 };
	int done;

	if (is(key, "type"))
		return mount_type(m, arg, err);
	if (is(key, "source") || is(key, "src")) {
		m->source = arg;
		m->has_source = true;
		return 0;
	}
	if (is(key, "target") || is(key, "destination") || is(key, "dst"))
		return target(s, arg, &m->v, err);
	if ((done = mount_bool(key, equals != NULL, arg, "readonly", &m->v.read_only, err)) <= 0 ||
	    (done = mount_bool(key, equals != NULL, arg, "ro", &m->v.read_only, err)) <= 0)
		return done;
	if (is(key, "bind-nonrecursive")) {
		bool flat = true;

		m->bind_only = true;
		if (mount_bool(key, equals != NULL, arg, "bind-nonrecursive", &flat, err) < 0)
			return -1;
		m->v.recursive = !flat;
		return 0;
	}
	if (is(key, "tmpfs-size")) {
		m->tmpfs_only = true;
		return tmpfs_size(arg, &m->v, err);
	}
	if (is(key, "tmpfs-mode")) {
		m->tmpfs_only = true;
		return tmpfs_mode(arg, &m->v, err);
	}
	if (is(key, "bind-propagation"))
		return is(arg, "rprivate") || is(arg, "private") ? 0 : bad_word(s, arg, "rprivate|private", err);
	if (is(key, "consistency") || is(key, "relabel"))
		return 0; /* see common() */
	m->exec = m->exec || is(all, "exec");
	if (equals == NULL && common(&m->v, all) == 0)
		return 0;
	return bad_word(s, all, mount_words, err);
}

static int mount_check(struct gate_spec *s, struct mount *m, struct gate_err *err)
{
	bool bind = m->v.kind == GATE_VOLUME_BIND;

	if (!m->typed)
		return BAD(
		    "'--mount' without a type would be a named volume, and there are none here: type=bind or type=tmpfs");
	if (m->v.target == NULL)
		return BAD("'--mount' needs target=PATH");
	if (bind && m->tmpfs_only)
		return BAD("'--mount type=bind' takes neither tmpfs-size nor tmpfs-mode");
	if (!bind && m->bind_only)
		return BAD("'--mount type=tmpfs' does not take bind-nonrecursive");
	if (bind && !m->has_source)
		return BAD("'--mount type=bind' needs source=PATH");
	if (!bind && m->has_source)
		return BAD("'--mount type=tmpfs' takes no source");
	if (!bind) {
		m->v.recursive = false;
		m->v.noexec = !m->exec;
		return 0;
	}
	return gate_spec_host_path(s, m->source.at, m->source.len, &m->v.source, err);
}

int gate_take_mount(struct gate_spec *s, const char *value, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf field = GATE_BUF_INIT;
	struct mount m = { .v = { .recursive = true, .nosuid = true, .nodev = true } };
	const char *at = value, *copy;
	int got;

	while ((got = csv_field(&at, &field)) == 1) {
		if (field.failed)
			return GATE_FAIL_NOMEM(err);
		if (gate_spec_copy(s, field.data, field.len, &copy, err) < 0 ||
		    mount_field(s, &m, copy, field.len, err) < 0)
			return -1;
	}
	if (got < 0)
		return BAD("quotes in '--mount %s' must be around whole fields, as in '\"source=/a,b\"'", value);
	if (mount_check(s, &m, err) < 0)
		return -1;
	return add(s, &m.v, err);
}
