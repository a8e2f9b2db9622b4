/* cgroup_end.h - the end of a task's control groups, by descriptors that were opened before. For the keeper: bare calls
 * only, nothing allocates. */
#ifndef GATE_LAUNCH_CGROUP_END_H
#define GATE_LAUNCH_CGROUP_END_H

#include "task/plan.h"
#include "task/record.h"

/* Kills all that is in the groups, never a process outside: cgroup.kill (v2, 5.14), else freeze, signal each process by a
 * pidfd that is checked against cgroup.procs again, thaw, until it is empty. 0, or -errno when something remains after
 * about 5 s. Signals of `sig` other than SIGKILL are sent once to all. */
int gate_cgroups_kill(const struct gate_plan_view *view, int sig);
/* Out-of-memory kills so far; processor time and the memory's peak into the record where the groups have them. */
void gate_cgroups_count(const struct gate_plan_view *view, struct gate_record *record);
/* Removes the groups, and groups in them, those of other tasks too, which are ended; waits up to 1 s for the kernel to let go. 0 or
 * -errno. */
int gate_cgroups_remove(const struct gate_plan_view *view);

/* The same for one group by itself: a keeper that was killed left it (gate_cgroups_find of src/kernel). */
int gate_cgroup_kill(int dir, uint32_t what, int sig);
int gate_cgroup_remove(int dir, int parent, const char *name);

#endif
