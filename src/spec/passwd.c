#include "spec/passwd.h"

#include "base/buf.h"
#include "base/num.h"

/* A piece of a text that is not NUL-terminated. */
struct piece {
	const char *at;
	size_t len;
};

static bool is(struct piece a, struct piece b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static bool all_digits(struct piece p)
{
	for (size_t i = 0; i < p.len; i++)
		if (p.at[i] < '0' || p.at[i] > '9')
			return false;
	return p.len > 0;
}

/* Names as useradd(8) makes them, and a little more: what begins with a digit or a sign is meant as a number. */
static bool name_ok(struct piece p)
{
	if (p.len == 0 || p.len > 256 || (p.at[0] >= '0' && p.at[0] <= '9') || p.at[0] == '-' || p.at[0] == '+')
		return false;
	for (size_t i = 0; i < p.len; i++)
		if ((unsigned char)p.at[i] <= ' ' || p.at[i] == 0x7f || strchr(":,/\\\"'", p.at[i]) != NULL)
			return false;
	return true;
}

static int show(struct piece p)
{
	return (int)(p.len < 64 ? p.len : 64);
}

static int number(struct piece p, const char *what, uint32_t *ret, struct gate_err *err)
{
	uint64_t n = 0;

	switch (gate_u64_parse(p.at, p.len, GATE_ID_MAX, &n)) {
	case 0:
		*ret = (uint32_t)n;
		return 0;
	case -2:
		return GATE_FAIL(err, GATE_E_INVALID, "the %s '%.*s' is above %u", what, show(p), p.at, GATE_ID_MAX);
	default:
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "'%.*s' is no %s: a decimal number without leading zeros is meant", show(p), p.at,
		                 what);
	}
}

static int check_word(struct piece p, const char *what, struct gate_err *err)
{
	uint32_t n;

	if (all_digits(p))
		return number(p, what, &n, err);
	if (!name_ok(p))
		return GATE_FAIL(err, GATE_E_INVALID, "'%.*s' is no %s: a name or a decimal number is meant", show(p),
		                 p.at, what);
	return 0;
}

/* "USER:GROUP" in two; group.at is NULL without one. */
static void split(const char *word, struct piece *user, struct piece *group)
{
	size_t len = strcspn(word, ":");

	*user = (struct piece){ word, len };
	*group =
	    word[len] == ':' ? (struct piece){ word + len + 1, strlen(word + len + 1) } : (struct piece){ NULL, 0 };
}

int gate_user_word_check(const char *user, struct gate_err *err)
{
	struct piece u, g;

	split(user, &u, &g);
	if (check_word(u, "user", err) < 0)
		return -1;
	return g.at != NULL ? check_word(g, "group", err) : 0;
}

int gate_group_word_check(const char *group, struct gate_err *err)
{
	return check_word((struct piece){ group, strlen(group) }, "group", err);
}

/* --- lines --- */
enum { PASSWD_NAME = 0, PASSWD_UID = 2, PASSWD_GID = 3, PASSWD_HOME = 5, PASSWD_FIELDS = 7 };
enum { GROUP_NAME = 0, GROUP_GID = 2, GROUP_MEMBERS = 3, GROUP_FIELDS = 4 };
#define FIELDS_MAX 7

/* The next line's fields; lines with another number of them, with NUL or with a comment are no entries. False at the end. */
static bool next_entry(struct piece *rest, size_t n_fields, struct piece fields[FIELDS_MAX])
{
	while (rest->len > 0) {
		const char *end = memchr(rest->at, '\n', rest->len);
		struct piece line = { rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len };
		size_t n = 0, used = line.len + (end != NULL);

		rest->at += used;
		rest->len -= used;
		if (line.len == 0 || line.at[0] == '#' || memchr(line.at, '\0', line.len) != NULL)
			continue;
		for (const char *s = line.at, *stop = line.at + line.len;; s++) {
			const char *colon = memchr(s, ':', (size_t)(stop - s));
			const char *to = colon != NULL ? colon : stop;

			if (n < n_fields)
				fields[n] = (struct piece){ s, (size_t)(to - s) };
			n++;
			if (colon == NULL)
				break;
			s = colon;
		}
		if (n == n_fields && fields[0].len > 0)
			return true;
	}
	return false;
}

static bool number_is(struct piece p, uint32_t want)
{
	uint64_t n;

	return gate_u64_parse(p.at, p.len, GATE_ID_MAX, &n) == 0 && n == want;
}

/* --- groups --- */
struct groups {
	uint32_t *at; /* on the heap while it grows */
	size_t n, cap;
};

static int add_group(struct groups *g, uint32_t gid, struct gate_err *err)
{
	/* Twice the limit leaves room for doubles, which are taken out at the end. */
	if (g->n >= 2 * (size_t)GATE_GROUPS_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "more than %d groups", GATE_GROUPS_MAX);
	if (gate_grow(&g->at, g->n, &g->cap, sizeof(*g->at)) < 0)
		return GATE_FAIL_NOMEM(err);
	g->at[g->n++] = gid;
	return 0;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int settle_groups(struct groups *g, struct gate_arena *arena, struct gate_identity *id, struct gate_err *err)
{
	size_t n = 0;

	if (g->n > 0)
		qsort(g->at, g->n, sizeof(*g->at), ascending);
	for (size_t i = 0; i < g->n; i++)
		if (n == 0 || g->at[n - 1] != g->at[i])
			g->at[n++] = g->at[i];
	if (n > GATE_GROUPS_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu groups, more than the %d that a process can have", n,
		                 GATE_GROUPS_MAX);
	id->groups = GATE_NEWS(arena, uint32_t, n > 0 ? n : 1);
	if (id->groups == NULL)
		return GATE_FAIL_NOMEM(err);
	if (n > 0)
		memcpy(id->groups, g->at, n * sizeof(*g->at));
	id->n_groups = n;
	return 0;
}

static bool lists(struct piece members, struct piece name)
{
	while (members.len > 0) {
		const char *comma = memchr(members.at, ',', members.len);
		size_t len = comma != NULL ? (size_t)(comma - members.at) : members.len;

		if (is((struct piece){ members.at, len }, name))
			return true;
		members.at += len + (comma != NULL);
		members.len -= len + (comma != NULL);
	}
	return false;
}

static int groups_of(const struct gate_passwd *files, struct piece name, struct groups *g, struct gate_err *err)
{
	struct piece rest = { files->group, files->group_len }, f[FIELDS_MAX];
	uint32_t gid;

	while (next_entry(&rest, GROUP_FIELDS, f)) {
		if (!lists(f[GROUP_MEMBERS], name))
			continue;
		if (number(f[GROUP_GID], "group", &gid, err) < 0)
			return GATE_NOTE(err, "the entry of group '%.*s'", show(f[GROUP_NAME]), f[GROUP_NAME].at);
		if (add_group(g, gid, err) < 0)
			return -1;
	}
	return 0;
}

static int find_group(const struct gate_passwd *files, struct piece word, uint32_t *ret, struct gate_err *err)
{
	struct piece rest = { files->group, files->group_len }, f[FIELDS_MAX];

	if (check_word(word, "group", err) < 0)
		return -1;
	if (all_digits(word))
		return number(word, "group", ret, err);
	while (next_entry(&rest, GROUP_FIELDS, f))
		if (is(f[GROUP_NAME], word)) {
			if (number(f[GROUP_GID], "group", ret, err) < 0)
				return GATE_NOTE(err, "the entry of group '%.*s'", show(word), word.at);
			return 0;
		}
	return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no group '%.*s' in the task's /etc/group", show(word),
	                 word.at);
}

/* --- the user --- */
static int take_entry(const struct piece f[FIELDS_MAX], struct gate_arena *arena, struct gate_identity *id,
                      struct gate_err *err)
{
	bool home = f[PASSWD_HOME].len > 0 && f[PASSWD_HOME].len < 4096 && f[PASSWD_HOME].at[0] == '/';

	if (number(f[PASSWD_UID], "user", &id->uid, err) < 0 || number(f[PASSWD_GID], "group", &id->gid, err) < 0)
		return GATE_NOTE(err, "the entry of user '%.*s'", show(f[PASSWD_NAME]), f[PASSWD_NAME].at);
	id->name = gate_arena_text(arena, f[PASSWD_NAME].at, f[PASSWD_NAME].len);
	id->home = home ? gate_arena_text(arena, f[PASSWD_HOME].at, f[PASSWD_HOME].len) : "/";
	if (id->name == NULL || id->home == NULL)
		return GATE_FAIL_NOMEM(err);
	return 0;
}

/* *found: there is an entry; without one a number is the user all the same. */
static int find_user(const struct gate_passwd *files, struct piece word, struct gate_arena *arena,
                     struct gate_identity *id, bool *found, struct gate_err *err)
{
	struct piece rest = { files->passwd, files->passwd_len }, f[FIELDS_MAX];
	bool by_number = all_digits(word);

	if (check_word(word, "user", err) < 0)
		return -1;
	if (by_number && number(word, "user", &id->uid, err) < 0)
		return -1;
	while (next_entry(&rest, PASSWD_FIELDS, f)) {
		/* A malformed entry is an error only where it is the one that was asked for. */
		if (by_number ? !number_is(f[PASSWD_UID], id->uid) : !is(f[PASSWD_NAME], word))
			continue;
		*found = true;
		return take_entry(f, arena, id, err);
	}
	if (!by_number)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no user '%.*s' in the task's /etc/passwd", show(word),
		                 word.at);
	return 0;
}

static int find(const struct gate_passwd *files, const char *user, const char *const *add, size_t n_add,
                struct gate_arena *arena, struct groups *groups, struct gate_identity *id, struct gate_err *err)
{
	struct piece u, g;
	bool found = false;
	uint32_t gid;

	split(user != NULL && user[0] != '\0' ? user : "0", &u, &g);
	if (find_user(files, u, arena, id, &found, err) < 0)
		return -1;
	if (g.at != NULL && find_group(files, g, &id->gid, err) < 0)
		return -1;
	if (g.at == NULL && found && groups_of(files, (struct piece){ id->name, strlen(id->name) }, groups, err) < 0)
		return -1;
	if (g.at == NULL && !found && files->host && id->uid != 0)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "user %u has no entry in /etc/passwd, so its group must be said: '%u:GROUP'", id->uid,
		                 id->uid);
	for (size_t i = 0; i < n_add; i++)
		if (find_group(files, (struct piece){ add[i], strlen(add[i]) }, &gid, err) < 0 ||
		    add_group(groups, gid, err) < 0)
			return -1;
	/* The own group is listed too, so that giving up access by leaving it is not possible (setgroups(2)). */
	if (add_group(groups, id->gid, err) < 0)
		return -1;
	return settle_groups(groups, arena, id, err);
}

int gate_identity_find(const struct gate_passwd *files, const char *user, const char *const *add, size_t n_add,
                       struct gate_arena *arena, struct gate_identity *ret, struct gate_err *err)
{
	struct gate_identity id = { .name = "", .home = "/" };
	struct groups groups = { 0 };

	if (files->passwd_len > GATE_PASSWD_BYTES_MAX || files->group_len > GATE_PASSWD_BYTES_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "the task's /etc/%s has more than %u bytes",
		                 files->passwd_len > GATE_PASSWD_BYTES_MAX ? "passwd" : "group", GATE_PASSWD_BYTES_MAX);
	int done = find(files, user, add, n_add, arena, &groups, &id, err);

	free(groups.at);
	if (done == 0)
		*ret = id;
	return done;
}
