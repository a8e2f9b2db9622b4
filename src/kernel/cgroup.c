#include <ctype.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "kernel/cgroup_make.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#define PREFIX "callgate-"

/* --- names --- */

static bool id_ok(const char *id)
{
	size_t len = strspn(id, "0123456789abcdef");

	return id[len] == '\0' && len >= 12 && len <= 64;
}

/* Whole components, none of which climbs. */
static bool parent_ok(const char *parent)
{
	size_t total = strlen(parent);

	if (total == 0 || total > 1024 || parent[strspn(parent, "/")] == '\0')
		return false;
	for (const char *at = parent + (parent[0] == '/'); *at != '\0';) {
		size_t len = strcspn(at, "/");

		if (len == 0 || len > 255 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		for (size_t i = 0; i < len; i++)
			if (iscntrl((unsigned char)at[i]))
				return false;
		at += len;
		at += *at == '/';
	}
	return true;
}

static bool kernel_at_least(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned a, b;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}

/* clone3 with CLONE_INTO_CGROUP: Linux 5.7; a size of 0 is EINVAL where there is a clone3, ENOSYS under engines' filters. */
static bool can_clone_into(void)
{
	return kernel_at_least(5, 7) && syscall(SYS_clone3, NULL, 0) < 0 && errno == EINVAL;
}

/* --- one group --- */

static int set_devices_v1(int dir, const char *path, const struct gate_cgroup_limits *l, struct gate_err *err)
{
	if (gate_cgroup_write(dir, "devices.deny", "a") < 0)
		return GATE_FAIL_SYS(err, "cannot deny devices in %s/devices.deny", path);
	for (size_t i = 0; i < l->n_devices; i++) {
		char lines[2][64];
		size_t n = gate_cgroup_device_lines(&l->devices[i], lines);

		for (size_t k = 0; k < n; k++)
			if (gate_cgroup_write(dir, "devices.allow", lines[k]) < 0)
				return GATE_FAIL_SYS(
				    err,
				    "cannot allow the device '%s' in %s/devices.allow (the group above it may not have it)",
				    lines[k], path);
	}
	return 0;
}

static int set_devices(struct gate_cgroup_maker *m, int dir, const char *path, bool v2, struct gate_err *err)
{
	if (!v2)
		return set_devices_v1(dir, path, m->limits, err);
	if (gate_cgroup_device_attach(dir, m->program) == 0)
		return 0;
	if (errno == EPERM)
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "device rules cannot be put on %s: a group above it has rules that allow no others below", path);
	return GATE_FAIL_SYS(err, "cannot put device rules on %s", path);
}

static int set_limits(struct gate_cgroup_maker *m, const struct gate_cgroup_place *p, int dir, const char *path,
                      struct gate_err *err)
{
	struct gate_cgroup_setting at[GATE_CGROUP_SETTINGS_MAX];
	bool v2 = p->h->what == GATE_CGROUP_V2;
	size_t n = gate_cgroup_settings(m->limits, p->need, v2, at);

	/* Before 5.11 version 1 counted groups below apart, unless told otherwise: the task could leave its limit. */
	if (!v2 && (p->need & GATE_CGROUP_MEMORY) != 0 && !kernel_at_least(5, 11))
		(void)gate_cgroup_write(dir, "memory.use_hierarchy", "1");
	for (size_t i = 0; i < n; i++)
		if (gate_cgroup_write(dir, at[i].file, at[i].value) < 0)
			return gate_cgroup_cannot_set(path, &at[i], errno, err);
	return (p->need & GATE_CGROUP_DEVICES) != 0 ? set_devices(m, dir, path, v2, err) : 0;
}

/* What the task is then in. v2: all that is enabled there, also by others. */
static uint32_t what_of(const struct gate_cgroup_place *p)
{
	char text[1024];

	if (p->h->what != GATE_CGROUP_V2)
		return p->h->what;
	if (gate_cgroup_read(p->base, "cgroup.subtree_control", text, sizeof(text)) < 0)
		text[0] = '\0';
	return GATE_CGROUP_V2 | (gate_cgroup_controllers(text) & GATE_CGROUP_V2_CONTROLLERS) |
	       (p->need & GATE_CGROUP_DEVICES);
}

/* The group above; also that it is one: another file system may be mounted over it. */
static int open_base(const struct gate_cgroup_maker *m, const struct gate_cgroup_place *p, int *ret)
{
	struct statfs fs;

	*ret = open(p->base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret < 0)
		return -1;
	if (m->root[0] != '\0' ||
	    (fstatfs(*ret, &fs) == 0 && (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC)))
		return 0;
	errno = EXDEV;
	return -1;
}

static int make_group(struct gate_cgroup_maker *m, struct gate_cgroup_place *p, struct gate_err *err)
{
	bool v2 = p->h->what == GATE_CGROUP_V2;
	size_t i = m->out.n;
	struct gate_cgroup *g = &m->out.at[i];

	*g = (struct gate_cgroup){ .dir = -1, .parent = -1, .procs = -1 };
	m->made_above[i] = 0;
	m->places_of[i] = (size_t)(p - m->places);
	m->out.n++; /* also when it fails: what was made is to be undone */
	if (gate_cgroup_descend(m, p, &m->made_above[i], err) < 0)
		return -1;
	(void)snprintf(g->path, sizeof(g->path), "%.170s/%s", p->base, m->name);
	if (open_base(m, p, &g->parent) < 0 || mkdirat(g->parent, m->name, 0755) < 0)
		return gate_cgroup_cannot_make(p->base, m->name, p->need != 0 ? p->need : p->want, errno, err);
	(void)snprintf(g->name, sizeof(g->name), "%s", m->name);
	g->dir = openat(g->parent, g->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (g->dir < 0)
		return GATE_FAIL_SYS(err, "cannot open the cgroup %s", g->path);
	g->what = what_of(p);
	if (set_limits(m, p, g->dir, g->path, err) < 0)
		return -1;
	if (v2 && can_clone_into()) {
		m->out.into = (int)i;
		return 0;
	}
	g->procs = openat(g->dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	return g->procs < 0 ? GATE_FAIL_SYS(err, "cannot open %s/cgroup.procs", g->path) : 0;
}

static void close_group(struct gate_cgroup *g)
{
	int *fds[] = { &g->dir, &g->parent, &g->procs };

	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

/* Removes group number i, and what was made above it. */
static void unmake_group(struct gate_cgroup_maker *m, size_t i)
{
	struct gate_cgroup *g = &m->out.at[i];
	char *base = m->places[m->places_of[i]].base;

	if (g->name[0] != '\0' && g->parent >= 0)
		(void)unlinkat(g->parent, g->name, AT_REMOVEDIR);
	close_group(g);
	for (size_t k = 0; k < m->made_above[i] && rmdir(base) == 0; k++)
		*strrchr(base, '/') = '\0';
	if (m->out.into == (int)i)
		m->out.into = -1;
}

static void explain_group(const struct gate_cgroup_maker *m, struct gate_cgroup_place *p)
{
	struct gate_cgroup_setting at[GATE_CGROUP_SETTINGS_MAX];
	bool v2 = p->h->what == GATE_CGROUP_V2;
	size_t n = gate_cgroup_settings(m->limits, p->need, v2, at);
	const char *separator = ": ";

	if (m->explain == NULL)
		return;
	gate_buf_escaped(m->explain, p->base, strlen(p->base));
	gate_buf_printf(m->explain, "/%s", m->name);
	for (size_t i = 0; i < n; i++, separator = ", ")
		gate_buf_printf(m->explain, "%s%s %s", separator, at[i].file, at[i].value);
	if ((p->need & GATE_CGROUP_DEVICES) != 0) {
		gate_buf_printf(m->explain, "%s%zu device rules%s", separator, m->limits->n_devices,
		                v2 ? " as a program" : "");
		separator = ", ";
	}
	if ((p->want & (GATE_CGROUP_FREEZER | GATE_CGROUP_V2)) != 0)
		gate_buf_printf(m->explain, "%sto end the task as a whole", separator);
	gate_buf_puts(m->explain, "\n");
}

/* The checks of make_group without making: what would be there has no descriptors. */
static int check_group(struct gate_cgroup_maker *m, struct gate_cgroup_place *p, struct gate_err *err)
{
	size_t made = 0;

	if (gate_cgroup_descend(m, p, &made, err) < 0)
		return -1;
	if (m->parent == NULL && !gate_cgroup_may_write(p->base, "."))
		return gate_cgroup_cannot_make(p->base, m->name, p->need != 0 ? p->need : p->want, errno, err);
	explain_group(m, p);
	struct gate_cgroup *g = &m->out.at[m->out.n];
	bool v2 = p->h->what == GATE_CGROUP_V2;

	*g = (struct gate_cgroup){ .dir = -1, .parent = -1, .procs = -1 };
	(void)snprintf(g->path, sizeof(g->path), "%.170s/%s", p->base, m->name);
	g->what = v2 ? GATE_CGROUP_V2 | p->need : p->h->what;
	if (v2 && can_clone_into())
		m->out.into = (int)m->out.n;
	m->places_of[m->out.n++] = (size_t)(p - m->places);
	return 0;
}

static int make_all(struct gate_cgroup_maker *m, struct gate_err *err)
{
	size_t n = 0;

	if (gate_cgroup_places(m, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct gate_err why = GATE_ERR_INIT;
		struct gate_cgroup_place *p = &m->places[i];

		if (gate_cgroup_base(m, p, &why) == 0 &&
		    (m->dry ? check_group(m, p, &why) : make_group(m, p, &why)) == 0)
			continue;
		if (p->need != 0 || m->parent != NULL || m->above != NULL) {
			if (err != NULL)
				*err = why;
			return -1;
		}
		/* Only wanted: done without. */
		if (m->out.n > 0 && m->places_of[m->out.n - 1] == i)
			unmake_group(m, --m->out.n);
	}
	return 0;
}

static int make_in_tree(struct gate_cgroup_maker *m, struct gate_err *err)
{
	if (m->limits->limit_devices && gate_cgroup_device_program(m->limits, &m->code, &m->code_len, err) < 0)
		return -1;
	int result = gate_cgroup_tree_read(m->root, &m->tree, err);
	if (result == 0)
		result = make_all(m, err);
	if (result == 0 && m->parent != NULL && !m->dry && m->out.n == 0)
		result = GATE_FAIL(err, GATE_E_UNSUPPORTED, "no cgroup hierarchy is mounted in which '%s' could be",
		                   m->parent);
	if (result == 0 && m->above != NULL && m->out.n < m->above->n)
		result = GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                   "of the %zu control groups above some are in no hierarchy that is mounted here",
		                   m->above->n);
	if (result < 0)
		while (m->out.n > 0)
			unmake_group(m, --m->out.n);
	gate_cgroup_tree_done(&m->tree);
	if (m->program >= 0)
		(void)close(m->program); /* the group holds it */
	free(m->code);
	return result;
}

/* A group in each hierarchy that the other task is in. */
static uint32_t want_of(const struct gate_cgroups *above)
{
	uint32_t want = 0;

	for (size_t i = 0; above != NULL && i < above->n; i++)
		want |= (above->at[i].what & GATE_CGROUP_V2) != 0 ? GATE_CGROUP_V2 : above->at[i].what;
	return want;
}

static int make(const struct gate_cgroup_maker *like, const char *id, struct gate_cgroups *ret, struct gate_err *err)
{
	struct gate_cgroups none = { .n = 0, .into = -1 };
	uint32_t need = gate_cgroup_limits_need(like->limits), want = like->limits->want | want_of(like->above);

	if (!id_ok(id))
		return GATE_FAIL(err, GATE_E_INVALID, "not an id of 12 to 64 lower-case hex digits");
	if (like->parent != NULL && !parent_ok(like->parent))
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "not a cgroup to put others in: components of at most 255 bytes, without '..'");
	if (gate_cgroup_limits_check(like->limits, err) < 0)
		return -1;
	if (need == 0 && want == 0 && like->parent == NULL) {
		*ret = none;
		return 0;
	}
	struct gate_cgroup_maker *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	*m = *like;
	m->need = need;
	m->want = (want | (m->parent != NULL ? GATE_CGROUP_V2 | GATE_CGROUP_V2_CONTROLLERS : 0)) & ~need;
	m->program = -1;
	m->out = none;
	(void)snprintf(m->name, sizeof(m->name), PREFIX "%s", id);
	int result = make_in_tree(m, err);
	if (result == 0)
		*ret = m->out;
	free(m);
	return result;
}

int gate_cgroups_make_in(const char *root, const char *id, const char *parent, const struct gate_cgroup_limits *limits,
                         bool dry, struct gate_buf *explain, struct gate_cgroups *ret, struct gate_err *err)
{
	const struct gate_cgroup_maker like = {
		.root = root, .parent = parent, .limits = limits, .dry = dry, .explain = explain
	};

	return make(&like, id, ret, err);
}

int gate_cgroups_make(const char *id, const char *parent, const struct gate_cgroup_limits *limits, bool dry,
                      struct gate_buf *explain, struct gate_cgroups *ret, struct gate_err *err)
{
	return gate_cgroups_make_in("", id, parent, limits, dry, explain, ret, err);
}

int gate_cgroups_make_below(const struct gate_cgroups *above, const char *id, const struct gate_cgroup_limits *limits,
                            struct gate_cgroups *ret, struct gate_err *err)
{
	const struct gate_cgroup_maker like = { .root = "", .above = above, .limits = limits };

	return make(&like, id, ret, err);
}

void gate_cgroups_done(struct gate_cgroups *c)
{
	for (size_t i = 0; i < c->n; i++)
		close_group(&c->at[i]);
	c->n = 0;
	c->into = -1;
}

int gate_cgroups_undo(struct gate_cgroups *c)
{
	/* A process that was just killed is still in its group until it has exited. */
	const struct timespec moment = { 0, 1000000 };
	int result = 0;

	for (size_t i = c->n; i > 0; i--) {
		const struct gate_cgroup *g = &c->at[i - 1];

		int tries = 0, removed;

		while ((removed = unlinkat(g->parent, g->name, AT_REMOVEDIR)) < 0 && errno == EBUSY && tries++ < 200)
			(void)nanosleep(&moment, NULL);
		if (removed < 0 && errno != ENOENT)
			result = -1;
	}
	gate_cgroups_done(c);
	return result;
}
