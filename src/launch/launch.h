/* launch.h - runs the rows of a plan. What happens between the keeper and the task's own program.
 *
 * Bare system calls and prepared values only: nothing here allocates, locks, prints or uses the C library's state; it
 * is compiled for the keeper (musl) and for tests. Each kind of step is one function; steps.c is the table. */
#ifndef GATE_LAUNCH_LAUNCH_H
#define GATE_LAUNCH_LAUNCH_H

#include <limits.h>
#include <sys/types.h>

#include "launch/filter.h"
#include "task/plan.h"

/* In memory shared with the child, because after the filter nothing can be sent. */
struct gate_launch_report {
	uint32_t row;    /* the row that runs */
	uint32_t failed; /* it failed */
	int32_t sys;     /* with this errno */
	/* what for: a signal, a capability, an index; 0: nothing to name. With EOWNERDEAD the signal that killed the process
	 * while this row ran (SIGSYS: a filter that the caller is under) */
	int64_t object;
	uint32_t exec_sys; /* execve failed, or PROGRAM found nothing, with this errno */
	uint32_t executed; /* set right before execve */
	uint32_t session;  /* audit session, or 0xffffffff */
	int32_t listener;  /* descriptor in the keeper's table, or -1 */
	/* OPTIONAL rows that failed */
	uint32_t skipped[(GATE_PLAN_ROWS_MAX + 31) / 32];
	int32_t init_ended; /* INIT: the program's wait(2) status, once `init_done` is set */
	uint32_t init_done;
	uint32_t init_ready; /* … it is what it should be: the program may go on */
};

/* What the steps work on; one per child, in the report's shared memory where threads need it. */
struct gate_launch {
	const struct gate_plan_view *view;
	struct gate_launch_report *report;
	int root;            /* the task's root, O_PATH; -1: "/" */
	int parent_pidfd;    /* the keeper */
	int terminal_socket; /* the master of the TERMINAL step is sent here */
	char program[PATH_MAX];
	bool realtime;
	bool in_chroot; /* "/" is not the root of the mount namespace, until PIVOT */
	/* private parts of the steps */
	const char *const *argv, *const *envp;
	struct gate_filter_job filter;
	int death_signal;   /* PARENT's, 0: none */
	int done_pipe;      /* stays open, close-on-exec: its end tells the keeper of execve; -1: vfork does */
	uint32_t close_to;  /* without close_range(2): no descriptor is higher */
	int empty_plus_one; /* COVER: one more than the descriptor of the empty directory, 0: none yet */
	int null_plus_one;  /* … of the null device over the first file */
	/* Mounts of file systems that this launch made itself, by FILESYSTEM: mount ids */
	uint64_t own[8];
	unsigned n_own;
};

/* The table's interpreter, for whoever clones by himself: runs the rows from `from` on, then execve. Does not return. */
__attribute__((noreturn)) void gate_launch_rows(struct gate_launch *l, uint32_t from);
/* One row: 0 or -errno; everything about a failure is in the report. */
int gate_launch_row(struct gate_launch *l, uint32_t index);
__attribute__((noreturn)) void gate_launch_leave(void);

/* PARENT's signal, and the check that the keeper lives; again after whatever clears the signal. */
int gate_launch_tie(struct gate_launch *l);

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

/* All signals of the calling process to their default. 0, or -errno with *object naming one. */
int gate_launch_default_signals(int64_t *object);

/* The outcome of a start. */
struct gate_launched {
	pid_t pid;
	int pidfd;    /* both for the task's first process (with INIT: that one) */
	int terminal; /* the pty's master, or -1 */
	int listener; /* or -1 */
};
/* self.c: the process */
gate_step_fn gate_step_signals, gate_step_hide, gate_step_parent, gate_step_normal, gate_step_cgroup, gate_step_session,
    gate_step_mark, gate_step_oom, gate_step_rlimit, gate_step_unshare, gate_step_loopback, gate_step_hostname,
    gate_step_keyring;
/* terminal.c: what it reads and writes */
gate_step_fn gate_step_session_leader, gate_step_terminal, gate_step_stdio, gate_step_close;
/* identity.c: who it is */
gate_step_fn gate_step_bounding, gate_step_ids, gate_step_capabilities, gate_step_no_new_privs, gate_step_unblock;
/* program.c, init.c, steps.c */
gate_step_fn gate_step_directory, gate_step_program, gate_step_init, gate_step_helper, gate_step_filter;

/* Runs all rows: 0 when execve was reached and has happened; -1 when it failed, with everything undone (the process
 * reaped) and *report saying where. `report` is MAP_SHARED memory. All signals are blocked by the caller. */
int gate_launch_start(const struct gate_plan_view *view, struct gate_launch_report *report, struct gate_launched *ret);

#endif
