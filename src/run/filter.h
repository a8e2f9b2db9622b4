/* filter.h - the last step: the filter goes on, and the launch makes no further call but execve.
 *
 * Loading needs no_new_privs or CAP_SYS_ADMIN. Where the thread that will call execve may have neither (privilege.h
 * decides), a helper thread of the child keeps its privileges while the main thread gives its own up: credentials
 * belong to threads, a filter loaded with TSYNC to all threads of a process. The execve of the main thread ends the
 * helper (design: section 4). Loading while privileged also spares classic programs the branch-history barrier that the
 * kernel adds for loaders without CAP_SYS_ADMIN.
 *
 * After the filter neither thread may make a call, so they cannot wait for each other in the kernel, and where they
 * share a processor (also on machines with several: a new thread often starts where its maker runs) spinning holds up
 * the other for milliseconds. So the main thread is asleep in a call that it entered before the filter, and that a timer
 * ends; the helper loads only when the kernel has confirmed the sleep: FUTEX_CMP_REQUEUE tells how many waiters it
 * moved.
 *
 *     helper   AWAKE ........ moves the sleeper, seccomp(TSYNC), LOADED, spins until execve ends it
 *     main     drops ... NAP, futex(WAIT) ................................... sees LOADED, execve
 *
 * A nap that was too short ends in spinning (GO): the promise to make no further call, moved or not. */
#ifndef GATE_RUN_FILTER_H
#define GATE_RUN_FILTER_H

#include <callgate/bpf.h>

#include "base/base.h"

struct gate_filter_shared {
	uint32_t turn;       /* enum turn in filter.c */
	uint32_t nap, moved; /* what the main thread sleeps on, and where the helper moves it */
	int32_t sys, object; /* why loading failed */
};
#define GATE_HELPER_STACK (16 * 1024)

struct gate_filter_job {
	const struct gate_insn *insns;
	uint16_t len;
	unsigned long flags; /* SECCOMP_FILTER_FLAG_*, without TSYNC */
	bool realtime;       /* the caller is: the helper must not be, or it would spin for ever on one processor */
	struct gate_filter_shared *shared; /* zeroed */
	char *stack_top;                   /* above GATE_HELPER_STACK bytes for the helper */
};

/* For use after clone: 0, or -1 with errno. */
int gate_filter_self(struct gate_filter_job *job);
int gate_filter_helper(struct gate_filter_job *job);
int gate_filter_by_helper(struct gate_filter_job *job, int32_t *object);

#endif
