/* cgroup_tree.h - which cgroup hierarchies there are, where they are mounted, and where the caller is in them.
 *
 * From /proc/self/mountinfo (proc_pid_mountinfo(5)) and /proc/self/cgroup (cgroups(7)); nothing is assumed about paths.
 * Parsing is strict: both files hold names that others chose. */
#ifndef GATE_KERNEL_CGROUP_TREE_H
#define GATE_KERNEL_CGROUP_TREE_H

#include "base/arena.h"
#include "kernel/cgroup.h"

struct gate_cgroup_hierarchy {
	uint32_t what;     /* GATE_CGROUP_V2, or the v1 controllers of it that we know */
	const char *point; /* where it is mounted */
	const char *root;  /* the group that is seen there; "/": the top, as far as this cgroup namespace sees */
	const char *own; /* the caller's group below the mount point: "" or "/a/b"; NULL: not seen through this mount */
};
struct gate_cgroup_tree {
	struct gate_arena arena;
	struct gate_cgroup_hierarchy at[GATE_CGROUPS_MAX];
	size_t n;
};

/* Pure: the texts of the two files. */
int gate_cgroup_tree_parse(const char *mountinfo, const char *self, struct gate_cgroup_tree *ret, struct gate_err *err);
/* `root`: "" or, for tests, a directory with proc/self/… in which the mount points are. */
int gate_cgroup_tree_read(const char *root, struct gate_cgroup_tree *ret, struct gate_err *err);
void gate_cgroup_tree_done(struct gate_cgroup_tree *t);
/* The hierarchy that holds one of the controllers (or GATE_CGROUP_V2), or NULL. */
const struct gate_cgroup_hierarchy *gate_cgroup_tree_find(const struct gate_cgroup_tree *t, uint32_t what);
/* "cpu" is GATE_CGROUP_CPU; 0: not one that we use. v2 has no cpuacct, devices, freezer to enable. */
uint32_t gate_cgroup_controller(const char *name, size_t len);
/* The name of the lowest controller bit in `what`. Never NULL. */
const char *gate_cgroup_controller_name(uint32_t what);
/* Bits for the words of cgroup.controllers or cgroup.subtree_control. */
uint32_t gate_cgroup_controllers(const char *text);

#endif
