/* launch.h - runs the rows of a plan. What happens between the keeper and the task's own program.
 *
 * Bare system calls and prepared values only: nothing here allocates, locks, prints or uses the C library's state; it
 * is compiled for the keeper (musl) and for tests. Each kind of step is one function; steps.c is the table. */
#ifndef GATE_LAUNCH_LAUNCH_H
#define GATE_LAUNCH_LAUNCH_H

#include <limits.h>
#include <sys/types.h>

#include "task/plan.h"

/* In memory shared with the child, because after the filter nothing can be sent. */
struct gate_launch_report {
	uint32_t row;     /* the row that runs */
	uint32_t failed;  /* it failed */
	int32_t sys;      /* with this errno */
	int64_t object;   /* what for: a signal, a capability, an index; 0: nothing to name */
	uint32_t exec_sys; /* execve failed, or PROGRAM found nothing, with this errno */
	uint32_t executed; /* set right before execve */
	uint32_t session;  /* audit session, or 0xffffffff */
	int32_t listener;  /* descriptor in the keeper's table, or -1 */
	uint32_t skipped[(GATE_PLAN_ROWS_MAX + 31) / 32]; /* OPTIONAL rows that failed */
	int32_t init_ended; /* INIT: the program's wait(2) status, once `init_done` is set */
	uint32_t init_done;
};

/* What the steps work on; one per child, in the report's shared memory where threads need it. */
struct gate_launch {
	const struct gate_plan_view *view;
	struct gate_launch_report *report;
	int root;           /* the task's root, O_PATH; -1: "/" */
	int parent_pidfd;   /* the keeper */
	int terminal_socket;/* the master of the TERMINAL step is sent here */
	char program[PATH_MAX];
	bool realtime;
	/* … private parts of the steps … */
	int empty_plus_one; /* COVER: one more than the descriptor of the empty directory, 0: none yet */
	char *helper_stack;
	void *filter_shared;
};

/* A step: 0, or -errno; may set launch->report->object. */
typedef int gate_step_fn(struct gate_launch *l, const struct gate_row *row);

/* mount.c: file systems */
gate_step_fn gate_step_private, gate_step_root, gate_step_attach, gate_step_bind, gate_step_filesystem, gate_step_link,
    gate_step_cover, gate_step_readonly, gate_step_sysctl, gate_step_pivot;
/* A descriptor of what `path` names beneath l->root (RESOLVE_IN_ROOT | NO_MAGICLINKS, with a component walk where
 * openat2 is not there), or -errno. `flags`: open(2)'s, usually O_PATH | O_CLOEXEC. */
int gate_launch_open(const struct gate_launch *l, const char *path, int flags);
/* The same; what is missing on the way is made (mkdirat on held descriptors), the last one as a directory or a file. */
int gate_launch_make(const struct gate_launch *l, const char *path, bool directory);
/* Closes what the steps above keep between rows; PIVOT does so too. */
void gate_mounts_done(struct gate_launch *l);

/* The outcome of a start. */
struct gate_launched {
	pid_t pid;
	int pidfd;    /* both for the task's first process (with INIT: that one) */
	int terminal; /* the pty's master, or -1 */
	int listener; /* or -1 */
};
/* Runs all rows: 0 when execve was reached and has happened; -1 when it failed, with everything undone (the process
 * reaped) and *report saying where. `report` is MAP_SHARED memory. All signals are blocked by the caller. */
int gate_launch_start(const struct gate_plan_view *view, struct gate_launch_report *report, struct gate_launched *ret);

#endif
