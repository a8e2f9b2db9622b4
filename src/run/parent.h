/* parent.h - the caller's side while a program runs: start, signals, stops, the end. */
#ifndef GATE_RUN_PARENT_H
#define GATE_RUN_PARENT_H

#include <signal.h>
#include <sys/types.h>

#include "launch/launch.h"
#include "run/witness.h"

struct gate_parent {
	pid_t pid; /* 0: none, or reaped */
	int pidfd, signals;
	bool foreground;
	bool was_reaper;
	bool chld_changed;
	sigset_t mask;             /* the caller's */
	struct sigaction old_chld; /* the same */
};

/* Prepares the caller: blocks signals, becomes the reaper. gate_parent_done undoes it, whatever happened. */
int gate_parent_init(struct gate_parent *p, bool foreground, struct gate_err *err);
/* Runs the rows of the plan: 0 when the program runs, -1 when it does not and *report says why. */
int gate_parent_start(struct gate_parent *p, const struct gate_plan_view *view, struct gate_launch_report *report);
/* Waits for the end without reaping, forwards and mirrors meanwhile, keeps the witness awake. */
int gate_parent_watch(struct gate_parent *p, struct gate_witness *w, siginfo_t *ret, struct gate_err *err);
/* Kills what still runs, reaps, and gives the caller back what was changed. */
void gate_parent_done(struct gate_parent *p);

#endif
