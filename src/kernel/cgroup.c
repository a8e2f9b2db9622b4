#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "kernel/cgroup_limits.h"
#include "kernel/cgroup_tree.h"
#include "kernel/proc.h"
#include "task/plan.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#define PREFIX         "callgate-"
#define V2_CONTROLLERS (GATE_CGROUP_CPU | GATE_CGROUP_MEMORY | GATE_CGROUP_PIDS)
#define DELEGATE       "'systemd-run --user --scope -p Delegate=yes callgate run ...' gets one of your own"

struct place {
	const struct gate_cgroup_hierarchy *h;
	uint32_t need, want; /* what of ours it serves */
	char base[4096];     /* the group above */
};

struct maker {
	const char *root, *parent;
	const struct gate_cgroup_limits *limits;
	char name[80];
	bool dry;
	struct gate_buf *explain;
	struct gate_cgroup_tree tree;
	uint32_t need, want;   /* controllers of limits; what else the task is to be in, where it can be had */
	char v2_base[4096];    /* the v2 group above, as a path; "": none that we may write to */
	uint32_t v2_has;       /* controllers there */
	struct bpf_insn *code; /* the device program */
	size_t code_len;
	int program;
	struct place places[GATE_CGROUPS_MAX];
	struct gate_cgroups out;
	size_t places_of[GATE_CGROUPS_MAX];  /* which place out.at[i] is in */
	size_t made_above[GATE_CGROUPS_MAX]; /* … and how many groups of `parent` were made for it */
};

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

/* --- files --- */

static int write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

static ssize_t read_at(const char *dir, const char *name, char *text, size_t size)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return gate_proc_read(path, text, size);
}

static bool may_write(const char *dir, const char *name)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

/* --- where --- */

/* The path of a mounted hierarchy with `below` in it ("" or "/a/b"). */
static int path_in(const struct maker *m, const struct gate_cgroup_hierarchy *h, const char *below, char ret[4096],
                   struct gate_err *err)
{
	const char *point = strcmp(h->point, "/") == 0 ? "" : h->point;

	if ((size_t)snprintf(ret, 4096, "%s%s%s", m->root, point, below) >= 4096)
		return GATE_FAIL(err, GATE_E_LIMIT, "the path of a cgroup is too long");
	return 0;
}

static int parent_path(const struct maker *m, const struct gate_cgroup_hierarchy *h, char ret[4096],
                       struct gate_err *err)
{
	char below[1100];

	(void)snprintf(below, sizeof(below), "/%s", m->parent + (m->parent[0] == '/'));
	size_t len = strlen(below);
	if (below[len - 1] == '/')
		below[len - 1] = '\0';
	return path_in(m, h, below, ret, err);
}

/* The v2 group above the task's: the highest from the top down to our own in which we may make groups and move
 * processes. The common group of where a process is and where it goes must be writable (cgroup-v2.rst, "Delegation
 * Containment"): it is this one. */
static int find_v2_base(struct maker *m, struct gate_err *err)
{
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&m->tree, GATE_CGROUP_V2);
	char path[4096], text[1024];

	if (h == NULL)
		return 0;
	if (path_in(m, h, "", path, err) < 0)
		return -1;
	size_t top = strlen(path);
	if (m->parent == NULL && h->own != NULL && path_in(m, h, h->own, path, err) < 0)
		return -1;
	for (size_t len = top;; len += 1 + strcspn(path + len + 1, "/")) {
		char saved = path[len];

		path[len] = '\0';
		if (m->parent != NULL || (may_write(path, ".") && may_write(path, "cgroup.procs"))) {
			if (read_at(path, "cgroup.controllers", text, sizeof(text)) >= 0)
				m->v2_has = gate_cgroup_controllers(text) & V2_CONTROLLERS;
			memcpy(m->v2_base, path, len + 1);
			break;
		}
		path[len] = saved;
		if (saved == '\0')
			break;
	}
	return m->parent != NULL && m->v2_base[0] != '\0' ? parent_path(m, h, m->v2_base, err) : 0;
}

/* --- what goes wrong, in words --- */

static const char *advice(int sys)
{
	return sys == EROFS
	           ? "it is mounted read-only: a container's cgroups cannot be used from inside, leave the limits out"
	       : sys == EACCES || sys == EPERM ? "run as root, or in a group that was delegated to you"
	       : sys == EXDEV                  ? "another file system is mounted over it"
	       : sys == ENOENT                 ? "the group above it is gone"
	       : sys == ENOSPC ? "the number of groups is limited (cgroup.max.descendants, cgroup.max.depth)"
	                       : "see cgroups(7)";
}

static int no_controller(const struct maker *m, uint32_t what, struct gate_err *err)
{
	const char *name = gate_cgroup_controller_name(what);
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&m->tree, GATE_CGROUP_V2);
	char top[4096], text[1024];

	if (m->tree.n == 0)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "the limit needs the %s controller, and no cgroup hierarchy is mounted here: mount cgroup2 at "
		    "/sys/fs/cgroup, or leave the limit out",
		    name);
	if (h == NULL || path_in(m, h, "", top, NULL) < 0 || read_at(top, "cgroup.controllers", text, sizeof(text)) < 0)
		text[0] = '\0';
	bool there = what == GATE_CGROUP_DEVICES || (gate_cgroup_controllers(text) & what) != 0;
	if (h != NULL && m->v2_base[0] == '\0' && there)
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "the limit needs the %s controller, and there is no cgroup2 group at %s that you may write to (you are "
		    "in '%s'): %s",
		    name, h->point, h->own != NULL ? h->own : "?", DELEGATE);
	if (h != NULL && m->v2_base[0] != '\0' && there)
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "the limit needs the %s controller, which was not delegated to the group %s: see Delegate= in "
		    "systemd.resource-control(5)",
		    name, m->v2_base);
	return GATE_FAIL(
	    err, GATE_E_UNSUPPORTED,
	    "the limit needs the %s controller, which no mounted cgroup hierarchy has: see /proc/cgroups and the "
	    "kernel's parameters cgroup_disable= and cgroup_enable=, or leave the limit out",
	    name);
}

static int cannot_set(const char *path, const struct gate_cgroup_setting *s, int sys, struct gate_err *err)
{
	const char *name = gate_cgroup_controller_name(s->what);

	errno = sys;
	if (sys == ENOENT && strstr(s->file, "sw") != NULL)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "this kernel does not count swap (no %s in %s): boot with swapaccount=1, or leave the limit of swap out",
		    s->file, path);
	if (sys == ENOENT)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "this kernel's %s controller has no %s (%s): leave that limit out", name, s->file,
		                 path);
	if (sys == EBUSY && s->what == GATE_CGROUP_MEMORY)
		return GATE_FAIL(err, GATE_E_LIMIT,
		                 "the memory limit of %s bytes is too small: more is in use already (%s)", s->value,
		                 path);
	if (sys == EINVAL && s->what == GATE_CGROUP_CPU)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "the kernel refuses '%s' in %s/%s: a group above it has less processor time to give",
		                 s->value, path, s->file);
	return GATE_FAIL_SYS(err, "cannot write '%s' to %s/%s of the %s controller", s->value, path, s->file, name);
}

static int cannot_enable(const char *path, const char *words, int sys, struct gate_err *err)
{
	errno = sys;
	if (sys == EBUSY)
		return GATE_FAIL(
		    err, GATE_E_CONFLICT,
		    "cannot enable '%s' below the cgroup2 group %s, because processes are in it: move them to a group of their own "
		    "below it, or start callgate where there is one (%s)",
		    words, path, DELEGATE);
	if (sys == ENOENT)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "cannot enable '%s' below the cgroup2 group %s: it does not have all of them", words,
		                 path);
	if (sys == EACCES || sys == EPERM || sys == EROFS)
		return GATE_FAIL(err, GATE_E_DENIED, "cannot enable '%s' below the cgroup2 group %s: %s", words, path,
		                 advice(sys));
	return GATE_FAIL_SYS(err, "cannot enable '%s' below the cgroup2 group %s", words, path);
}

/* --- v2: controllers are handed down level by level --- */

static void plus_words(uint32_t what, char ret[64])
{
	(void)snprintf(ret, 64, "%s%s%s", (what & GATE_CGROUP_CPU) != 0 ? "+cpu " : "",
	               (what & GATE_CGROUP_MEMORY) != 0 ? "+memory " : "",
	               (what & GATE_CGROUP_PIDS) != 0 ? "+pids " : "");
	size_t len = strlen(ret);
	if (len > 0)
		ret[len - 1] = '\0';
}

/* What a write to cgroup.subtree_control would say: 0 or an errno. The real top has no cgroup.type, and may hold processes. */
static int would_enable(const char *path)
{
	char text[64];

	if (!may_write(path, "cgroup.subtree_control"))
		return errno;
	return read_at(path, "cgroup.type", text, sizeof(text)) >= 0 &&
	               read_at(path, "cgroup.procs", text, sizeof(text)) > 0
	           ? EBUSY
	           : 0;
}

static int enable(const struct maker *m, const char *path, uint32_t what, struct gate_err *err)
{
	char words[64], text[1024];

	if (read_at(path, "cgroup.subtree_control", text, sizeof(text)) < 0)
		text[0] = '\0';
	what &= ~gate_cgroup_controllers(text);
	if (what == 0)
		return 0;
	plus_words(what, words);
	int sys = 0;
	if (m->dry)
		sys = would_enable(path);
	else {
		char file[4200];

		(void)snprintf(file, sizeof(file), "%s/cgroup.subtree_control", path);
		sys = write_file(AT_FDCWD, file, words) < 0 ? errno : 0;
	}
	return sys != 0 ? cannot_enable(path, words, sys, err) : 0;
}

/* Needed ones must be there, wanted ones may. */
static int enable_level(const struct maker *m, const char *path, uint32_t need, uint32_t want, struct gate_err *err)
{
	if (need != 0 && enable(m, path, need, err) < 0)
		return -1;
	if (want != 0)
		(void)enable(m, path, want, NULL);
	return 0;
}

/* --- one group --- */

/* Makes what is missing of `base` beyond the mount's top, and hands the controllers down on the way. */
static int descend(struct maker *m, struct place *p, size_t *made, struct gate_err *err)
{
	bool v2 = p->h->what == GATE_CGROUP_V2;
	uint32_t need = v2 ? p->need & V2_CONTROLLERS : 0, want = v2 ? p->want & V2_CONTROLLERS : 0;
	char top[4096];

	if (m->parent == NULL)
		return enable_level(m, p->base, need, want, err);
	if (path_in(m, p->h, "", top, err) < 0)
		return -1;
	for (size_t len = strlen(top);; len += 1 + strcspn(p->base + len + 1, "/")) {
		char saved = p->base[len];

		p->base[len] = '\0';
		if (!m->dry && len > strlen(top)) {
			if (mkdir(p->base, 0755) == 0)
				++*made;
			else if (errno != EEXIST)
				return GATE_FAIL_SYS(err, "cannot make the parent cgroup %s (%s)", p->base,
				                     advice(errno));
		}
		if ((!m->dry || access(p->base, F_OK) == 0) && enable_level(m, p->base, need, want, err) < 0)
			return -1;
		p->base[len] = saved;
		if (saved == '\0')
			return 0;
	}
}

static int set_devices_v1(int dir, const char *path, const struct gate_cgroup_limits *l, struct gate_err *err)
{
	if (write_file(dir, "devices.deny", "a") < 0)
		return GATE_FAIL_SYS(err, "cannot deny devices in %s/devices.deny", path);
	for (size_t i = 0; i < l->n_devices; i++) {
		char lines[2][64];
		size_t n = gate_cgroup_device_lines(&l->devices[i], lines);

		for (size_t k = 0; k < n; k++)
			if (write_file(dir, "devices.allow", lines[k]) < 0)
				return GATE_FAIL_SYS(
				    err,
				    "cannot allow the device '%s' in %s/devices.allow (the group above it may not have it)",
				    lines[k], path);
	}
	return 0;
}

static int set_devices(struct maker *m, int dir, const char *path, bool v2, struct gate_err *err)
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

static int set_limits(struct maker *m, const struct place *p, int dir, const char *path, struct gate_err *err)
{
	struct gate_cgroup_setting at[GATE_CGROUP_SETTINGS_MAX];
	bool v2 = p->h->what == GATE_CGROUP_V2;
	size_t n = gate_cgroup_settings(m->limits, p->need, v2, at);

	/* Before 5.11 version 1 counted groups below apart, unless told otherwise: the task could leave its limit. */
	if (!v2 && (p->need & GATE_CGROUP_MEMORY) != 0 && !kernel_at_least(5, 11))
		(void)write_file(dir, "memory.use_hierarchy", "1");
	for (size_t i = 0; i < n; i++)
		if (write_file(dir, at[i].file, at[i].value) < 0)
			return cannot_set(path, &at[i], errno, err);
	return (p->need & GATE_CGROUP_DEVICES) != 0 ? set_devices(m, dir, path, v2, err) : 0;
}

/* What the task is then in. v2: all that is enabled there, also by others. */
static uint32_t what_of(const struct place *p)
{
	char text[1024];

	if (p->h->what != GATE_CGROUP_V2)
		return p->h->what;
	if (read_at(p->base, "cgroup.subtree_control", text, sizeof(text)) < 0)
		text[0] = '\0';
	return GATE_CGROUP_V2 | (gate_cgroup_controllers(text) & V2_CONTROLLERS) | (p->need & GATE_CGROUP_DEVICES);
}

/* The group above; also that it is one: another file system may be mounted over it. */
static int open_base(const struct maker *m, const struct place *p, int *ret)
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

static int make_group(struct maker *m, struct place *p, struct gate_err *err)
{
	bool v2 = p->h->what == GATE_CGROUP_V2;
	size_t i = m->out.n;
	struct gate_cgroup *g = &m->out.at[i];

	*g = (struct gate_cgroup){ .dir = -1, .parent = -1, .procs = -1 };
	m->made_above[i] = 0;
	m->places_of[i] = (size_t)(p - m->places);
	m->out.n++; /* also when it fails: what was made is to be undone */
	if (descend(m, p, &m->made_above[i], err) < 0)
		return -1;
	(void)snprintf(g->path, sizeof(g->path), "%.170s/%s", p->base, m->name);
	if (open_base(m, p, &g->parent) < 0 || mkdirat(g->parent, m->name, 0755) < 0) {
		int sys = errno;

		return GATE_FAIL(err,
		                 sys == EEXIST                                   ? GATE_E_CONFLICT
		                 : sys == EACCES || sys == EPERM || sys == EROFS ? GATE_E_DENIED
		                                                                 : GATE_E_SYS,
		                 "cannot make the %s group %s: %s (%s)",
		                 gate_cgroup_controller_name(p->need | (p->need == 0 ? p->want : 0)), g->path,
		                 strerror(sys), advice(sys));
	}
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
static void unmake_group(struct maker *m, size_t i)
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

static void explain_group(const struct maker *m, struct place *p)
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

/* The checks of make_group without making. */
static int check_group(struct maker *m, struct place *p, struct gate_err *err)
{
	size_t made = 0;

	if (descend(m, p, &made, err) < 0)
		return -1;
	if (m->parent == NULL && !may_write(p->base, "."))
		return GATE_FAIL(err, GATE_E_DENIED, "cannot make the %s group %s/%s: %s (%s)",
		                 gate_cgroup_controller_name(p->need | p->want), p->base, m->name, strerror(errno),
		                 advice(errno));
	explain_group(m, p);
	return 0;
}

/* --- which controller where --- */

static bool place_controller(struct maker *m, struct place *places, size_t *n, uint32_t what, bool needed, bool v2)
{
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&m->tree, v2 ? GATE_CGROUP_V2 : what);
	size_t i = 0;

	if (h == NULL)
		return false;
	while (i < *n && places[i].h != h)
		i++;
	if (i == *n)
		places[(*n)++] = (struct place){ .h = h };
	if (needed)
		places[i].need |= what;
	else
		places[i].want |= what;
	return true;
}

/* Version 2 has device rules where there is a group and the kernel takes the program (CAP_BPF and CAP_NET_ADMIN, or
 * CAP_SYS_ADMIN, of the first user namespace). */
static bool devices_in_v2(struct maker *m)
{
	if (m->v2_base[0] == '\0')
		return false;
	m->program = gate_cgroup_device_load(m->code, m->code_len);
	return m->program >= 0;
}

static int place_all(struct maker *m, struct place *places, size_t *n, struct gate_err *err)
{
	static const uint32_t order[] = {
		GATE_CGROUP_V2,  GATE_CGROUP_FREEZER, GATE_CGROUP_DEVICES, GATE_CGROUP_MEMORY,
		GATE_CGROUP_CPU, GATE_CGROUP_PIDS,    GATE_CGROUP_CPUACCT, GATE_CGROUP_NAMED
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(order); i++) {
		uint32_t what = order[i];
		bool needed = (m->need & what) != 0, v2 = m->v2_base[0] != '\0';

		if (((m->need | m->want) & what) == 0)
			continue;
		/* cpu.stat of every v2 group has the processor time, cgroup.kill ends it. */
		if (what == GATE_CGROUP_DEVICES)
			v2 = v2 && needed && devices_in_v2(m);
		else if (what == GATE_CGROUP_NAMED)
			v2 = false;
		else if ((what & V2_CONTROLLERS) != 0)
			v2 = (m->v2_has & what) != 0;
		int sys = errno;
		if (what == GATE_CGROUP_V2 && !v2)
			continue;
		if (place_controller(m, places, n, what, needed, v2) || !needed)
			continue;
		if (what == GATE_CGROUP_DEVICES && m->v2_base[0] != '\0')
			return GATE_FAIL(
			    err, sys == EPERM ? GATE_E_DENIED : GATE_E_UNSUPPORTED,
			    "device rules need a BPF program on the cgroup2 group, which bpf(2) refuses (%s)%s",
			    strerror(sys), sys == EPERM ? ": that needs root (CAP_BPF and CAP_NET_ADMIN)" : "");
		return no_controller(m, what, err);
	}
	return 0;
}

static int find_base(struct maker *m, struct place *p, struct gate_err *err)
{
	if (p->h->what == GATE_CGROUP_V2) {
		(void)snprintf(p->base, sizeof(p->base), "%s", m->v2_base);
		return 0;
	}
	if (m->parent != NULL)
		return parent_path(m, p->h, p->base, err);
	if (p->h->own == NULL)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "your own group of the %s hierarchy cannot be seen at %s: name one with --cgroup-parent, or leave the limit out",
		    gate_cgroup_controller_name(p->h->what), p->h->point);
	return path_in(m, p->h, p->h->own, p->base, err);
}

static int make_all(struct maker *m, struct gate_err *err)
{
	size_t n = 0;

	if (find_v2_base(m, err) < 0 || place_all(m, m->places, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct gate_err why = GATE_ERR_INIT;
		struct place *p = &m->places[i];

		if (find_base(m, p, &why) == 0 && (m->dry ? check_group(m, p, &why) : make_group(m, p, &why)) == 0)
			continue;
		if (p->need != 0) {
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

static int make_in_tree(struct maker *m, struct gate_err *err)
{
	if (m->limits->limit_devices && gate_cgroup_device_program(m->limits, &m->code, &m->code_len, err) < 0)
		return -1;
	int result = gate_cgroup_tree_read(m->root, &m->tree, err);
	if (result == 0)
		result = make_all(m, err);
	if (result < 0)
		while (m->out.n > 0)
			unmake_group(m, --m->out.n);
	gate_cgroup_tree_done(&m->tree);
	if (m->program >= 0)
		(void)close(m->program); /* the group holds it */
	free(m->code);
	return result;
}

int gate_cgroups_make_in(const char *root, const char *id, const char *parent, const struct gate_cgroup_limits *limits,
                         bool dry, struct gate_buf *explain, struct gate_cgroups *ret, struct gate_err *err)
{
	struct gate_cgroups none = { .n = 0, .into = -1 };
	uint32_t need = gate_cgroup_limits_need(limits);

	if (!id_ok(id))
		return GATE_FAIL(err, GATE_E_INVALID, "not an id of 12 to 64 lower-case hex digits");
	if (parent != NULL && !parent_ok(parent))
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "not a cgroup to put others in: components of at most 255 bytes, without '..'");
	if (gate_cgroup_limits_check(limits, err) < 0)
		return -1;
	if (need == 0 && limits->want == 0) {
		*ret = none;
		return 0;
	}
	struct maker *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	m->root = root;
	m->parent = parent;
	m->limits = limits;
	m->dry = dry;
	m->explain = explain;
	m->need = need;
	m->want = limits->want & ~need;
	m->program = -1;
	m->out = none;
	(void)snprintf(m->name, sizeof(m->name), PREFIX "%s", id);
	int result = make_in_tree(m, err);
	if (result == 0)
		*ret = m->out;
	free(m);
	return result;
}

int gate_cgroups_make(const char *id, const char *parent, const struct gate_cgroup_limits *limits, bool dry,
                      struct gate_buf *explain, struct gate_cgroups *ret, struct gate_err *err)
{
	return gate_cgroups_make_in("", id, parent, limits, dry, explain, ret, err);
}

void gate_cgroups_done(struct gate_cgroups *c)
{
	for (size_t i = 0; i < c->n; i++)
		close_group(&c->at[i]);
	c->n = 0;
	c->into = -1;
}

void gate_cgroups_undo(struct gate_cgroups *c)
{
	/* A process that was just killed is still in its group until it has exited. */
	const struct timespec moment = { 0, 1000000 };

	for (size_t i = c->n; i > 0; i--) {
		const struct gate_cgroup *g = &c->at[i - 1];

		for (int tries = 0; unlinkat(g->parent, g->name, AT_REMOVEDIR) < 0 && errno == EBUSY && tries < 200;
		     tries++)
			(void)nanosleep(&moment, NULL);
	}
	gate_cgroups_done(c);
}
