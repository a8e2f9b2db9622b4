/* parent.h - the caller's side while a program runs: start, signals, stops, the end. */
#ifndef GATE_RUN_PARENT_H
#define GATE_RUN_PARENT_H

#include <signal.h>
#include <sys/types.h>

#include "run/child.h"
#include "run/witness.h"

struct gate_parent {
	pid_t pid; /* 0: none, or reaped */
	int pidfd, signals;
	bool foreground;
	bool lend_memory; /* the child runs in our memory until its execve, and we wait: see run.c */
	bool was_reaper;
	bool chld_changed;
	sigset_t mask;             /* the caller's */
	struct sigaction old_chld; /* the same */
};

/* Prepares the caller: blocks signals, becomes the reaper. gate_parent_done undoes it, whatever happened. */
int gate_parent_init(struct gate_parent *p, bool foreground, bool lend_memory, struct gate_err *err);
/* Clones the child, which runs `c` on a stack of its own. */
int gate_parent_start(struct gate_parent *p, struct gate_child *c, char *stack_top, struct gate_err *err);
/* Waits for the end without reaping, forwards and mirrors meanwhile, keeps the witness awake. */
int gate_parent_watch(struct gate_parent *p, struct gate_witness *w, siginfo_t *ret, struct gate_err *err);
/* Kills what still runs, reaps, and gives the caller back what was changed. */
void gate_parent_done(struct gate_parent *p);

#endif
