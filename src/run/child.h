/* child.h - the process between clone and execve: a table of steps over values that were prepared before.
 *
 * Nothing here allocates, locks or prints; system calls only. */
#ifndef GATE_RUN_CHILD_H
#define GATE_RUN_CHILD_H

#include "run/filter.h"
#include "run/privilege.h"
#include "kernel/audit.h"

/* What the child tells: lies in memory shared with the parent, because after the filter nothing can be sent. */
struct gate_child_report {
	uint32_t step;     /* the one that runs, counted from 0; gate_child_step_count() when execve was reached */
	uint32_t failed;   /* that step failed */
	int32_t sys;       /* with this errno */
	int32_t object;    /* a signal, a capability, a thread: what it failed for; 0: nothing to name */
	uint32_t exec_sys; /* execve failed with this errno */
};

struct gate_child {
	const char *path;
	char *const *argv, *const *envp;
	int cwd; /* a descriptor, or -1 */
	struct gate_privilege privilege;
	struct gate_filter_job filter;
	struct gate_audit_message mark; /* makes the process known to the witness; len 0: not needed */
	struct gate_child_report *report;
};

/* Runs all steps, then execve. Does not return. */
__attribute__((noreturn)) void gate_child_run(struct gate_child *c);

uint32_t gate_child_step_count(void);
const char *gate_child_step_name(uint32_t step); /* "capabilities" */
const char *gate_child_step_what(uint32_t step); /* "cannot set the capabilities" */

#endif
