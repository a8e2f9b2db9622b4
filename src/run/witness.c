#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "run/witness.h"
#include "kernel/proc.h"
#include "kernel/seccomp.h"

/* A fence comes back within a millisecond; a long queue of other people's records may be before it. */
#define FENCE_MS 1000
/* Without a fence: how long nothing may arrive before all is taken to be here. */
#define QUIET_MS 50
/* Deeper than any process tree; stops the walk if a table of processes should change below it. */
#define DEPTH_MAX 256

void gate_witness_start(struct gate_witness *w, bool listen, bool counted, struct gate_run_result *to)
{
	struct gate_err err = GATE_ERR_INIT;

	*w = (struct gate_witness){ .audit = GATE_AUDIT_INIT, .to = to, .self = getpid() };
	if (!listen) {
		(void)snprintf(to->incomplete, sizeof(to->incomplete), "nobody listened to the audit log");
		return;
	}
	if (gate_audit_open(&w->audit, counted, &err) < 0) {
		(void)snprintf(to->incomplete, sizeof(to->incomplete), "%.*s", (int)sizeof(to->incomplete) - 1,
		               err.text);
		return;
	}
	to->listened = true;
	w->other_pids = gate_audit_other_pids();
}

static bool listed(const uint32_t *pids, size_t n, uint32_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static void list(uint32_t **pids, size_t *n, size_t *cap, uint32_t pid)
{
	/* Without memory the process is told apart again next time. */
	if (gate_grow(pids, *n, cap, sizeof(**pids)) == 0)
		(*pids)[(*n)++] = pid;
}

enum whose { OURS, FOREIGN, GONE };

/* Up the tree, to the program or to somebody else. Orphans of the program's are children of its reaper. */
static enum whose walk(const struct gate_witness *w, uint32_t pid)
{
	pid_t at = (pid_t)pid;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (at == w->program)
			return OURS;
		if (at == w->self)
			return w->adopts && depth > 0 ? OURS : FOREIGN;
		if (at == 0 || at == 1)
			return FOREIGN;
		at = gate_proc_parent(at);
		if (at < 0)
			return depth == 0 ? GONE : FOREIGN;
	}
	return FOREIGN;
}

static enum whose tell(struct gate_witness *w, uint32_t pid)
{
	/* Only the program itself made its outer id known; of others nothing can be said. */
	if (w->other_pids)
		return pid != 0 && pid == w->audit.marked ? OURS : GONE;
	if ((pid_t)pid == w->program || listed(w->ours, w->n_ours, pid))
		return OURS;
	enum whose whose = walk(w, pid);
	if (whose == OURS)
		list(&w->ours, &w->n_ours, &w->cap_ours, pid);
	if (whose == FOREIGN && !listed(w->foreign, w->n_foreign, pid))
		list(&w->foreign, &w->n_foreign, &w->cap_foreign, pid);
	if (whose == GONE && listed(w->foreign, w->n_foreign, pid))
		return FOREIGN;
	return whose;
}

static void add(void *ctx, const struct gate_audit_record *r)
{
	struct gate_witness *w = ctx;
	struct gate_run_result *to = w->to;
	enum whose whose = tell(w, r->pid);

	if (whose != OURS) {
		to->unattributed += whose == GONE;
		return;
	}
	for (size_t i = 0; i < to->n_denials; i++) {
		struct gate_denial *d = &to->denials[i];

		if (d->arch == r->arch && d->nr == r->nr && d->action == r->code) {
			d->count++;
			return;
		}
	}
	if (gate_grow(&to->denials, to->n_denials, &w->cap, sizeof(*to->denials)) < 0) {
		w->forgotten++;
		return;
	}
	struct gate_denial *d = &to->denials[to->n_denials++];
	*d = (struct gate_denial){ .arch = r->arch,
		                   .nr = r->nr,
		                   .action = r->code,
		                   .sig = r->sig,
		                   .count = 1,
		                   .pid = r->pid,
		                   .main = w->other_pids || (pid_t)r->pid == w->program };
	memcpy(d->comm, r->comm, sizeof(d->comm));
	memcpy(d->exe, r->exe, sizeof(d->exe));
}

void gate_witness_look(struct gate_witness *w)
{
	struct gate_audit_record record;

	while (w->to->listened && gate_audit_next(&w->audit, &record) == 1)
		add(w, &record);
}

static void judge(struct gate_witness *w, enum gate_audit_fence fence, bool logged)
{
	struct gate_run_result *to = w->to;
	uint32_t lost = 0;
	/* Only a report that was asked for claims to be complete, and only for it losses were counted from the start. */
	bool counted = !logged || gate_audit_lost(&w->audit, &lost, NULL);
	char *why = to->incomplete;
	size_t size = sizeof(to->incomplete);

	to->lost = w->audit.overflows + w->forgotten + lost;
	if (to->lost > 0)
		(void)snprintf(why, size, "at least %llu audit records were lost", (unsigned long long)to->lost);
	else if (gate_seccomp_logs("kill_process") == 0 || (logged && gate_seccomp_logs("errno") == 0))
		(void)snprintf(why, size, "kernel.seccomp.actions_logged leaves out actions that matter here");
	else if (fence == GATE_AUDIT_SILENT)
		(void)snprintf(why, size, "the audit log did not answer: records may be missing");
	else if (fence == GATE_AUDIT_WAITED)
		(void)snprintf(why, size, "without CAP_AUDIT_WRITE a late record may be missing");
	else if (w->other_pids)
		(void)snprintf(why, size,
		               "in a pid namespace only the program itself can be told apart, not its children");
	else if (!counted)
		(void)snprintf(why, size, "without CAP_AUDIT_CONTROL lost records are not counted");
	else if (to->unattributed > 0)
		(void)snprintf(why, size, "%llu records are of processes that had ended and could not be attributed",
		               (unsigned long long)to->unattributed);
	else
		to->complete = true;
}

void gate_witness_finish(struct gate_witness *w, bool thorough, bool logged)
{
	if (!w->to->listened)
		return;
	gate_witness_look(w);
	if (!thorough && w->to->n_denials == 0) {
		(void)snprintf(w->to->incomplete, sizeof(w->to->incomplete), "nobody waited for late audit records");
		w->to->lost = w->audit.overflows + w->forgotten;
		return;
	}
	judge(w, gate_audit_drain(&w->audit, FENCE_MS, QUIET_MS, add, w), logged);
}

void gate_witness_done(struct gate_witness *w)
{
	gate_audit_close(&w->audit);
	free(w->ours);
	free(w->foreign);
	w->ours = w->foreign = NULL;
}
