#include <stdio.h>

#include "kernel/cgroup_make.h"

#define DELEGATE "'systemd-run --user --scope -p Delegate=yes callgate run ...' gets one of your own"

const char *gate_cgroup_advice(int sys)
{
	return sys == EROFS
	           ? "it is mounted read-only: a container's cgroups cannot be used from inside, leave the limits out"
	       : sys == EACCES || sys == EPERM ? "run as root, or in a group that was delegated to you"
	       : sys == EEXIST                 ? "a task of this id has it"
	       : sys == EXDEV                  ? "another file system is mounted over it"
	       : sys == ENOENT                 ? "the group above it is gone"
	       : sys == ENOSPC ? "the number of groups is limited (cgroup.max.descendants, cgroup.max.depth)"
	                       : "see cgroups(7)";
}

int gate_cgroup_no_controller(const struct gate_cgroup_maker *m, uint32_t what, struct gate_err *err)
{
	const char *name = gate_cgroup_controller_name(what), *own = "?";
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(&m->tree, GATE_CGROUP_V2);
	char top[GATE_CGROUP_PATH_MAX], text[1024];

	if (m->tree.n == 0)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "the limit needs the %s controller, and no cgroup hierarchy is mounted here: mount cgroup2 at "
		    "/sys/fs/cgroup, or leave the limit out",
		    name);
	if (h == NULL || gate_cgroup_path(m, h, "", top, NULL) < 0 ||
	    gate_cgroup_read(top, "cgroup.controllers", text, sizeof(text)) < 0)
		text[0] = '\0';
	if (h != NULL && h->own != NULL)
		own = h->own[0] != '\0' ? h->own : "/";
	bool there = what == GATE_CGROUP_DEVICES || (gate_cgroup_controllers(text) & what) != 0;
	if (h != NULL && m->v2_base[0] == '\0' && there && m->v2_errno == EROFS)
		return GATE_FAIL(err, GATE_E_DENIED, "the limit needs the %s controller, and %s: %s", name, h->point,
		                 gate_cgroup_advice(EROFS));
	if (h != NULL && m->v2_base[0] == '\0' && there)
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "the limit needs the %s controller, and there is no cgroup2 group at %s that you may write to (you are "
		    "in '%s'): %s",
		    name, h->point, own, DELEGATE);
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

int gate_cgroup_cannot_make(const char *base, const char *name, uint32_t what, int sys, struct gate_err *err)
{
	const char *controller = gate_cgroup_controller_name(what), *advice = gate_cgroup_advice(sys);

	errno = sys;
	if (sys != EEXIST && sys != EACCES && sys != EPERM && sys != EROFS)
		return GATE_FAIL_SYS(err, "cannot make the %s group %s/%s (%s)", controller, base, name, advice);
	return GATE_FAIL(err, sys == EEXIST ? GATE_E_CONFLICT : GATE_E_DENIED,
	                 "cannot make the %s group %s/%s: %s (%s)", controller, base, name, strerror(sys), advice);
}

int gate_cgroup_cannot_set(const char *path, const struct gate_cgroup_setting *s, int sys, struct gate_err *err)
{
	const char *name = gate_cgroup_controller_name(s->what);

	errno = sys;
	if (sys == ENOENT && (strstr(s->file, "swap") != NULL || strstr(s->file, "memsw") != NULL))
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

int gate_cgroup_cannot_enable(const char *path, const char *words, int sys, struct gate_err *err)
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
		                 gate_cgroup_advice(sys));
	return GATE_FAIL_SYS(err, "cannot enable '%s' below the cgroup2 group %s", words, path);
}
