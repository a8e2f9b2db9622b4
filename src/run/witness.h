/* witness.h - which calls a program was refused, from the kernel's audit records. */
#ifndef GATE_RUN_WITNESS_H
#define GATE_RUN_WITNESS_H

#include <sys/types.h>

#include <callgate/run.h>

#include "kernel/audit.h"

struct gate_witness {
	struct gate_audit audit;
	pid_t program, self;
	bool other_pids;            /* records name processes by ids that are not ours (a pid namespace) */
	bool adopts;                /* `self` is the reaper of what the program leaves behind */
	struct gate_run_result *to; /* where the denials go */
	size_t cap;
	uint32_t *ours, *foreign; /* processes already told apart; these may have ended by now */
	size_t n_ours, cap_ours, n_foreign, cap_foreign;
	uint64_t forgotten; /* records that memory was missing for */
};

/* Starts to listen, into *to. When that is not possible `to` says why, and everything else here does nothing: a
 * program may run unseen, but not be reported as seen. `counted`: also ask how many records the kernel has lost so
 * far, for a report that claims to be complete (the kernel starts a thread for the answer). */
void gate_witness_start(struct gate_witness *w, bool listen, bool counted, struct gate_run_result *to);
/* Takes what has arrived. Never waits. */
void gate_witness_look(struct gate_witness *w);
/* The program has ended (but is not yet reaped, so that its children can be told): takes the rest and judges how
 * complete it is. `thorough`: waits until all records are here. `logged`: the filter was loaded with LOG. */
void gate_witness_finish(struct gate_witness *w, bool thorough, bool logged);
void gate_witness_done(struct gate_witness *w);

#endif
