/* privilege.h - what the caller has, what the program gets, and how the filter can be loaded. Decided before clone. */
#ifndef GATE_RUN_PRIVILEGE_H
#define GATE_RUN_PRIVILEGE_H

#include "base/base.h"
#include "task/plan.h"

/* Capability sets as masks. */
struct gate_caller {
	uint64_t permitted, effective, inheritable, bounding, ambient;
	bool root; /* execve gives the bounding set: user id 0, and no SECBIT_NOROOT */
};
/* For a program that is to get `asked` at most: with CAP_SETPCAP, `bounding` is exact for these only, and counts the
 * others as there. */
int gate_caller_read(uint64_t asked, struct gate_caller *ret, struct gate_err *err);

/* All that the launch does about privileges. */
struct gate_privilege {
	uint64_t bounding; /* what to leave in the bounding set; used when `drop_bounding` */
	bool drop_bounding;
	uint64_t permitted;   /* and effective */
	uint64_t inheritable; /* equal to the ambient set that remains: capset(2) lowers it with this */
	uint64_t program;     /* what the program starts with */
	bool lowers;          /* the program's process gets less than the caller has, before its execve */
	bool no_new_privs;
	enum gate_load load;
};
/* Pure. */
void gate_privilege_plan(const struct gate_caller *caller, uint64_t asked, bool no_new_privs, bool unconfined,
                         struct gate_privilege *ret);

#endif
