/* userns.h - user namespaces: of a caller that is not root, and of one task (--userns=auto). */
#ifndef GATE_CONTAINER_USERNS_H
#define GATE_CONTAINER_USERNS_H

#include "container/prepare.h"

/* Any namespace of its own? */
bool gate_task_contained(const struct gate_task *t);
/* What the task's launch has to start with: the caller's capabilities, or those in the user namespace that will be made. */
int gate_caller_in(const struct gate_task *t, struct gate_caller *ret, bool *nested, struct gate_err *err);
/* --userns=auto: a user namespace with a range of its own; its descriptor goes into the plan. */
int gate_userns_auto(struct gate_prepare *p, struct gate_err *err);
/* Are the task's user and groups among those that its user namespace has? */
int gate_userns_check(const struct gate_prepare *p, struct gate_err *err);
int gate_userns_check_ids(const struct gate_identity *who, uint64_t users, uint64_t groups, struct gate_err *err);
/* How many ids a file like /proc/self/uid_map maps, from 0 on. */
uint64_t gate_userns_mapped(const char *file);
/* May groups be set here? Not where only the own id is mapped (user_namespaces(7)). */
bool gate_userns_setgroups(void);
/* Is the caller without privileges, and has subordinate ids? */
bool gate_userns_ranges(void);
/* For a caller without privileges: the process becomes root of a new user namespace with a new mount namespace. */
int gate_userns_enter(struct gate_err *err);

#endif
