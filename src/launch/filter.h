/* filter.h - the last step: the filter goes on, and the launch makes no further call but execve.
 *
 * Loading needs no_new_privs or CAP_SYS_ADMIN. Where the thread that will call execve may have neither (the plan
 * decides), a helper thread of the child keeps its privileges while the main thread gives its own up: credentials
 * belong to threads, a filter loaded with TSYNC to all threads of a process. The execve of the main thread ends the
 * helper. Loading while privileged also spares classic programs the branch-history barrier that the kernel adds for
 * loaders without CAP_SYS_ADMIN.
 *
 * After the filter neither thread may make a call, so they cannot wait for each other in the kernel, and where they
 * share a processor (also on machines with several: a new thread often starts where its maker runs) spinning holds up
 * the other for milliseconds. So the main thread is asleep in a call that it entered before the filter, and that a timer
 * ends; the helper loads only when the kernel has confirmed the sleep: FUTEX_CMP_REQUEUE tells how many waiters it
 * moved.
 *
 *     helper   sleeps ..... AWAKE ........ moves the sleeper, seccomp(TSYNC), LOADED, spins until execve ends it
 *     main     ... CALLED, waits ... NAP, futex(WAIT) ................................... sees LOADED, execve
 *
 * A nap that was too short ends in spinning (GO): the promise to make no further call, moved or not. */
#ifndef GATE_LAUNCH_FILTER_H
#define GATE_LAUNCH_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_HELPER_STACK (16 * 1024)

struct gate_filter_job {
	const void *insns; /* struct sock_filter[] */
	uint16_t len;
	unsigned long flags; /* SECCOMP_FILTER_FLAG_*, without TSYNC and NEW_LISTENER */
	bool realtime;       /* the caller is: the helper must not be, or it would spin for ever on one processor */
	bool early;          /* long before the filter: the helper sleeps until the main thread has come to it */
	bool no_new_privs;   /* the helper needs the flag, too */
	int32_t *listener;   /* where the listener's number goes; NULL: none is wanted */
	char *stack_top;     /* above GATE_HELPER_STACK bytes for the helper */
	/* shared by the two threads; zeroed */
	uint32_t turn;       /* enum turn in filter.c */
	uint32_t nap, moved; /* what the main thread sleeps on, and where the helper moves it */
	int32_t sys, object; /* why loading failed */
};

/* For use after clone: 0, or -errno. */
int gate_filter_self(struct gate_filter_job *job);
int gate_filter_helper(struct gate_filter_job *job);
int gate_filter_by_helper(struct gate_filter_job *job, int64_t *object);

#endif
