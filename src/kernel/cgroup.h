/* cgroup.h - the control groups of one task: made with limits, undone. Version 2, version 1, hybrid.
 *
 * Files and limits: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel. */
#ifndef GATE_KERNEL_CGROUP_H
#define GATE_KERNEL_CGROUP_H

#include "base/buf.h"

#define GATE_CGROUPS_MAX 12

struct gate_cgroup_device {   /* the rules that devices get, first to last; all else is denied */
	char type;            /* 'c', 'b', 'a' */
	int64_t major, minor; /* -1: any */
	bool read, write, mknod;
};

struct gate_cgroup_limits {
	uint64_t memory, memory_swap; /* bytes; 0: none; swap: memory and swap together, UINT64_MAX: unlimited */
	uint64_t cpu_quota_us, cpu_period_us; /* 0: none */
	uint64_t cpu_shares;                  /* v1's scale, 2 to 262144; 0: none */
	int64_t pids;                         /* 0: none */
	const struct gate_cgroup_device *devices;
	size_t n_devices;
	bool limit_devices; /* false: all devices, and no group made for it */
	uint32_t want; /* GATE_CGROUP_… of task/plan.h: controllers that the task is to be in also without a limit */
};

struct gate_cgroups {
	struct gate_cgroup {
		int dir, parent,
		    procs; /* the group, the one above, its cgroup.procs opened for writing (v1, and v2 before 5.7) */
		char name[80];
		char path[256]; /* for people */
		uint32_t what;  /* GATE_CGROUP_… */
	} at[GATE_CGROUPS_MAX];
	size_t n;
	int into; /* index of the v2 group that clone3 can start in, or -1; its `procs` is -1 */
};

/* Makes one group "callgate-ID" in every hierarchy that a limit needs, plus one where the task can be killed as a whole
 * when `want` has GATE_CGROUP_FREEZER (the v2 hierarchy, else the freezer) or GATE_CGROUP_V2. Nothing wanted: nothing is
 * read or made. A limit that cannot be had is an error with one clear sentence (which controller, which hierarchy, what to
 * do); what is wanted and missing is no error. On failure nothing is left.
 *
 * Where: v1: in the caller's own group of each hierarchy, so that limits of that one hold, too. v2, where a group with
 * processes cannot hand on controllers: in the highest group on the way from the mount's top to the caller's that the
 * caller may write to: the top for root, user@UID.service or a delegated scope for others.
 * `parent` ("/a/b" or "a/b" below each mount's top, made when missing, then left) overrides, and the task is then in it in v2 and
 * with cpu, memory and pids also without a limit of its own, so that those of `parent` hold; NULL: none.
 * There is no common group above: what is made for a task is removed with it, and no launch waits for another.
 * Controllers are looked for in v2 first, then v1. Devices on v2 are a program of the group.
 *
 * `dry`: only checks, and says in `explain` (may be NULL) what it would make, one line each; *ret has the same without names and
 * descriptors, and needs no gate_cgroups_done. */
int gate_cgroups_make(const char *id, const char *parent, const struct gate_cgroup_limits *limits, bool dry,
                      struct gate_buf *explain, struct gate_cgroups *ret, struct gate_err *err);
/* Below the groups `above` of another task (gate_cgroups_find), so that its limits hold for this one, too: one in each of its
 * hierarchies, and where a limit of this one needs another, there. What cannot be made is an error. In version 2 a group with processes
 * hands on no controllers, so there such a task can have no cpu, memory or pids limit of its own. */
int gate_cgroups_make_below(const struct gate_cgroups *above, const char *id, const struct gate_cgroup_limits *limits,
                            struct gate_cgroups *ret, struct gate_err *err);
/* The same beneath `root`, for tests: a directory with proc/self/{mountinfo,cgroup} and the mount points; "" is "/". */
int gate_cgroups_make_in(const char *root, const char *id, const char *parent, const struct gate_cgroup_limits *limits,
                         bool dry, struct gate_buf *explain, struct gate_cgroups *ret, struct gate_err *err);
/* All groups "callgate-ID" of the caller's user that can be seen, wherever they are: for sweeping after a keeper that was
 * killed. Walks all groups of the host. `what` of a version 2 group is GATE_CGROUP_V2 alone.
 * More than GATE_CGROUPS_MAX: the first of them; call again when those are gone. */
int gate_cgroups_find(const char *id, struct gate_cgroups *ret, struct gate_err *err);
/* The id of every group "callgate-ID" that can be seen, whoever made it, one call for each group. One walk, so that of many
 * ids those that have groups are known at once. */
int gate_cgroups_ids(void (*each)(void *ctx, const char *id), void *ctx, struct gate_err *err);
/* Removes the groups (which must be empty) and closes. -1: some are left. */
int gate_cgroups_undo(struct gate_cgroups *c);
/* Only closes. */
void gate_cgroups_done(struct gate_cgroups *c);

#endif
