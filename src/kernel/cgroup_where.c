#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/cgroup_make.h"
#include "kernel/proc.h"

ssize_t gate_cgroup_read(const char *dir, const char *name, char *text, size_t size)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return gate_proc_read(path, text, size);
}

bool gate_cgroup_may_write(const char *dir, const char *name)
{
	char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

/* --- where --- */

/* The path of a mounted hierarchy with `below` in it ("" or "/a/b"). */
int gate_cgroup_path(const struct gate_cgroup_maker *m, const struct gate_cgroup_hierarchy *h, const char *below,
                     char ret[GATE_CGROUP_PATH_MAX], struct gate_err *err)
{
	const char *point = strcmp(h->point, "/") == 0 ? "" : h->point;

	if ((size_t)snprintf(ret, GATE_CGROUP_PATH_MAX, "%s%s%s", m->root, point, below) >= GATE_CGROUP_PATH_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "the path of a cgroup is too long");
	return 0;
}

static int parent_path(const struct gate_cgroup_maker *m, const struct gate_cgroup_hierarchy *h,
                       char ret[GATE_CGROUP_PATH_MAX], struct gate_err *err)
{
	char below[1100];

	(void)snprintf(below, sizeof(below), "/%s", m->parent + (m->parent[0] == '/'));
	size_t len = strlen(below);
	if (below[len - 1] == '/')
		below[len - 1] = '\0';
	return gate_cgroup_path(m, h, below, ret, err);
}

/* The other task's group in this hierarchy: 1 and its path, 0: it has none there. */
static int above_path(const struct gate_cgroup_maker *m, const struct gate_cgroup_hierarchy *h,
                      char ret[GATE_CGROUP_PATH_MAX], struct gate_err *err)
{
	for (size_t i = 0; m->above != NULL && i < m->above->n; i++) {
		const struct gate_cgroup *g = &m->above->at[i];
		char link[40];

		if ((h->what & GATE_CGROUP_V2) != 0 ? (g->what & GATE_CGROUP_V2) == 0 : g->what != h->what)
			continue;
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", g->dir);
		ssize_t n = readlink(link, ret, GATE_CGROUP_PATH_MAX - 1);
		if (n <= 0 || n == GATE_CGROUP_PATH_MAX - 1)
			return GATE_FAIL(err, GATE_E_SYS, "the path of the cgroup %s cannot be read", g->path);
		ret[n] = '\0';
		return 1;
	}
	return 0;
}

/* The v2 group above the task's: the highest from the top down to our own in which we may make groups and move
 * processes. The common group of where a process is and where it goes must be writable (cgroup-v2.rst, "Delegation
 * Containment"): it is this one. */
static int find_v2_base(struct gate_cgroup_maker *m, struct gate_err *err)
{
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&m->tree, GATE_CGROUP_V2);
	char path[GATE_CGROUP_PATH_MAX], text[1024];

	if (h == NULL)
		return 0;
	int found = above_path(m, h, m->v2_base, err);
	if (found != 0) {
		if (found > 0 && gate_cgroup_read(m->v2_base, "cgroup.controllers", text, sizeof(text)) >= 0)
			m->v2_has = gate_cgroup_controllers(text) & GATE_CGROUP_V2_CONTROLLERS;
		return found < 0 ? -1 : 0;
	}
	if (gate_cgroup_path(m, h, "", path, err) < 0)
		return -1;
	size_t top = strlen(path);
	if (m->parent == NULL && h->own != NULL && gate_cgroup_path(m, h, h->own, path, err) < 0)
		return -1;
	for (size_t len = top;; len += 1 + strcspn(path + len + 1, "/")) {
		char saved = path[len];

		path[len] = '\0';
		if (m->parent != NULL ||
		    (gate_cgroup_may_write(path, ".") && gate_cgroup_may_write(path, "cgroup.procs"))) {
			if (gate_cgroup_read(path, "cgroup.controllers", text, sizeof(text)) >= 0)
				m->v2_has = gate_cgroup_controllers(text) & GATE_CGROUP_V2_CONTROLLERS;
			memcpy(m->v2_base, path, len + 1);
			break;
		}
		m->v2_errno = errno;
		path[len] = saved;
		if (saved == '\0')
			break;
	}
	return m->parent != NULL && m->v2_base[0] != '\0' ? parent_path(m, h, m->v2_base, err) : 0;
}

/* --- which controller where --- */

static bool place_controller(struct gate_cgroup_maker *m, size_t *n, uint32_t what, bool needed, bool v2)
{
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&m->tree, v2 ? GATE_CGROUP_V2 : what);
	size_t i = 0;

	if (h == NULL)
		return false;
	while (i < *n && m->places[i].h != h)
		i++;
	if (i == *n)
		m->places[(*n)++] = (struct gate_cgroup_place){ .h = h };
	if (needed)
		m->places[i].need |= what;
	else
		m->places[i].want |= what;
	return true;
}

/* Version 2 has device rules where there is a group and the kernel takes the program (CAP_BPF and CAP_NET_ADMIN, or
 * CAP_SYS_ADMIN, of the first user namespace). */
static bool devices_in_v2(struct gate_cgroup_maker *m)
{
	if (m->v2_base[0] == '\0')
		return false;
	m->program = gate_cgroup_device_load(m->code, m->code_len);
	return m->program >= 0;
}

int gate_cgroup_places(struct gate_cgroup_maker *m, size_t *n, struct gate_err *err)
{
	static const uint32_t order[] = {
		GATE_CGROUP_V2,  GATE_CGROUP_FREEZER, GATE_CGROUP_DEVICES, GATE_CGROUP_MEMORY,
		GATE_CGROUP_CPU, GATE_CGROUP_PIDS,    GATE_CGROUP_CPUACCT, GATE_CGROUP_NAMED
	};

	if (find_v2_base(m, err) < 0)
		return -1;
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
		else if ((what & GATE_CGROUP_V2_CONTROLLERS) != 0)
			v2 = (m->v2_has & what) != 0;
		int sys = errno;
		if (what == GATE_CGROUP_V2 && !v2)
			continue;
		if (place_controller(m, n, what, needed, v2) || !needed)
			continue;
		if (what == GATE_CGROUP_DEVICES && m->v2_base[0] != '\0')
			return GATE_FAIL(
			    err, sys == EPERM ? GATE_E_DENIED : GATE_E_UNSUPPORTED,
			    "device rules need a BPF program on the cgroup2 group, which bpf(2) refuses (%s)%s",
			    strerror(sys), sys == EPERM ? ": that needs root (CAP_BPF and CAP_NET_ADMIN)" : "");
		return gate_cgroup_no_controller(m, what, err);
	}
	return 0;
}

int gate_cgroup_base(const struct gate_cgroup_maker *m, struct gate_cgroup_place *p, struct gate_err *err)
{
	if (p->h->what == GATE_CGROUP_V2) {
		(void)snprintf(p->base, sizeof(p->base), "%s", m->v2_base);
		return 0;
	}
	int found = above_path(m, p->h, p->base, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (m->parent != NULL)
		return parent_path(m, p->h, p->base, err);
	if (p->h->own == NULL)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "your own group of the %s hierarchy cannot be seen at %s: name one with --cgroup-parent, or leave the limit out",
		    gate_cgroup_controller_name(p->h->what), p->h->point);
	return gate_cgroup_path(m, p->h, p->h->own, p->base, err);
}
