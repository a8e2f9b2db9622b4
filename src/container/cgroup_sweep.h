/* cgroup_sweep.h - the control groups of a task whose keeper is gone. */
#ifndef GATE_CONTAINER_CGROUP_SWEEP_H
#define GATE_CONTAINER_CGROUP_SWEEP_H

#include "base/base.h"

/* Kills what is in the groups of this id, wherever they are, and removes them. No groups: nothing to do, 0. The caller
 * has made sure that no keeper holds the task (its lock is free). Walks all groups of the host: not for every launch. */
int gate_cgroups_sweep(const char *id, struct gate_err *err);

#endif
