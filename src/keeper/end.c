/* The end of a task: everything of it is killed, counted, drained and removed, and the record says how it was. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/keeper.h"

#define MICRO 1000000U

static uint64_t micro(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * MICRO + (uint64_t)t->tv_usec;
}

static void take_status(struct gate_keeper *k, int status, const struct rusage *usage)
{
	struct gate_record *r = &k->record;
	const struct gate_launch_report *report = k->report;

	/* Behind an init it is the program's end that counts. */
	if (report != NULL && __atomic_load_n(&report->init_done, __ATOMIC_ACQUIRE) != 0)
		status = report->init_ended;
	if (WIFSIGNALED(status)) {
		r->outcome = GATE_OUTCOME_KILLED;
		r->signal = WTERMSIG(status);
		r->core = WCOREDUMP(status) ? 1 : 0;
	} else {
		r->outcome = GATE_OUTCOME_EXITED;
		r->status = WEXITSTATUS(status);
	}
	r->user_us = micro(&usage->ru_utime);
	r->system_us = micro(&usage->ru_stime);
}

/* With the first process of a pid namespace all others of it have been killed and reaped (pid_namespaces(7)). */
static bool has_pid_namespace(const struct gate_keeper *k)
{
	const uint64_t new_pid = 0x20000000; /* CLONE_NEWPID */

	for (uint32_t i = 0; i < k->plan->n_rows; i++)
		if (k->view.rows[i].step == GATE_STEP_CLONE)
			return (k->view.rows[i].a & new_pid) != 0;
	return false;
}

static void remove_name(const struct gate_keeper *k, const char *id)
{
	const struct gate_plan *p = k->plan;
	const char *name = gate_plan_text(p, p->name);
	int names = gate_plan_fd(&k->view, p->names);
	char text[80];

	if (name == NULL || names < 0)
		return;
	/* While the keeper holds the task's lock nobody else removes the name, so nobody can have taken it. */
	ssize_t n = readlinkat(names, name, text, sizeof(text));
	if (n == (ssize_t)strlen(id) && memcmp(text, id, (size_t)n) == 0)
		(void)unlinkat(names, name, 0);
}

/* Hidden first: of a tree that is half gone nobody could say whose it was. What stays of it the next sweep deletes. */
static bool remove_entry(const struct gate_keeper *k, int parent, const char *id)
{
	char hidden[80] = ".";
	size_t len = strlen(id);

	if (len > sizeof(hidden) - 2)
		return false;
	memcpy(hidden + 1, id, len + 1);
	remove_name(k, id);
	if (renameat(parent, id, parent, hidden) < 0)
		return false;
	(void)gate_store_remove_tree(parent, hidden);
	return true;
}

/* An entry stays as long as there are control groups of it: by the entry the next sweep finds them. */
static void write_down(struct gate_keeper *k, bool clean)
{
	const struct gate_plan *p = k->plan;
	const char *id = gate_plan_text(p, p->id);
	int dir = gate_plan_fd(&k->view, p->dir), parent = gate_plan_fd(&k->view, p->parent);

	if (dir < 0)
		return;
	if (clean && (p->flags & GATE_PLAN_REMOVE) != 0 && parent >= 0 && id != NULL) {
		if (k->record.started_ns != 0)
			gate_clients_foretell(k);
		if (remove_entry(k, parent, id))
			return;
	}
	(void)gate_store_write_record(dir, &k->record);
}

void gate_keeper_end(struct gate_keeper *k, int status, const struct rusage *usage)
{
	struct gate_record *r = &k->record;
	bool clean = true;

	r->ended_ns = gate_keeper_time_ns();
	r->state = GATE_TASK_ENDED;
	if (r->outcome == GATE_OUTCOME_NONE)
		take_status(k, status, usage);
	k->over = true;
	if (k->plan->n_cgroups > 0 && !has_pid_namespace(k))
		(void)gate_cgroups_kill(&k->view, SIGKILL);
	gate_denials_fence(k);
	gate_output_drain(k);
	gate_log_done(&k->log);
	r->log_dropped = k->log.dropped;
	if (k->plan->n_cgroups > 0) {
		gate_cgroups_count(&k->view, r);
		clean = gate_cgroups_remove(&k->view) == 0;
	}
	gate_denials_finish(k);
	write_down(k, clean);
}
