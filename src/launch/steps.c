#include "launch/launch.h"
#include "launch/sys.h"

#define OWN_FAILURE 125

static int nothing(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	(void)row;
	return 0;
}

/* JOIN and CLONE are run by start.c, EXECVE below. */
static gate_step_fn *const steps[GATE_STEP_MAX] = {
	[GATE_STEP_NONE] = nothing,
	[GATE_STEP_SIGNALS] = gate_step_signals,
	[GATE_STEP_HIDE] = gate_step_hide,
	[GATE_STEP_PARENT] = gate_step_parent,
	[GATE_STEP_NORMAL] = gate_step_normal,
	[GATE_STEP_CGROUP] = gate_step_cgroup,
	[GATE_STEP_SESSION] = gate_step_session,
	[GATE_STEP_MARK] = gate_step_mark,
	[GATE_STEP_OOM] = gate_step_oom,
	[GATE_STEP_RLIMIT] = gate_step_rlimit,
	[GATE_STEP_UNSHARE] = gate_step_unshare,
	[GATE_STEP_LOOPBACK] = gate_step_loopback,
	[GATE_STEP_HOSTNAME] = gate_step_hostname,
	[GATE_STEP_KEYRING] = gate_step_keyring,
	[GATE_STEP_PRIVATE] = gate_step_private,
	[GATE_STEP_ROOT] = gate_step_root,
	[GATE_STEP_ATTACH] = gate_step_attach,
	[GATE_STEP_BIND] = gate_step_bind,
	[GATE_STEP_FILESYSTEM] = gate_step_filesystem,
	[GATE_STEP_LINK] = gate_step_link,
	[GATE_STEP_COVER] = gate_step_cover,
	[GATE_STEP_READONLY] = gate_step_readonly,
	[GATE_STEP_SYSCTL] = gate_step_sysctl,
	[GATE_STEP_PIVOT] = gate_step_pivot,
	[GATE_STEP_SESSION_LEADER] = gate_step_session_leader,
	[GATE_STEP_TERMINAL] = gate_step_terminal,
	[GATE_STEP_STDIO] = gate_step_stdio,
	[GATE_STEP_INIT] = gate_step_init,
	[GATE_STEP_HELPER] = gate_step_helper,
	[GATE_STEP_DIRECTORY] = gate_step_directory,
	[GATE_STEP_BOUNDING] = gate_step_bounding,
	[GATE_STEP_IDS] = gate_step_ids,
	[GATE_STEP_CAPABILITIES] = gate_step_capabilities,
	[GATE_STEP_NO_NEW_PRIVS] = gate_step_no_new_privs,
	[GATE_STEP_PROGRAM] = gate_step_program,
	[GATE_STEP_CLOSE] = gate_step_close,
	[GATE_STEP_UNBLOCK] = gate_step_unblock,
	[GATE_STEP_FILTER] = gate_step_filter,
};

int gate_step_helper(struct gate_launch *l, const struct gate_row *row)
{
	(void)row;
	/* With a listener the thread is there since the beginning: it shares the keeper's descriptors (start.c). */
	return l->filter.early ? 0 : gate_filter_helper(&l->filter);
}

int gate_step_filter(struct gate_launch *l, const struct gate_row *row)
{
	if (row->flags == GATE_LOAD_HELPER || l->filter.listener != NULL)
		return gate_filter_by_helper(&l->filter, &l->report->object);
	return gate_filter_self(&l->filter);
}

void gate_launch_leave(void)
{
	(void)gate_sys(SYS_exit_group, OWN_FAILURE);
	/* Where the filter refuses exit_group with an errno: an illegal instruction ends all threads without a call. */
	for (;;)
		__builtin_trap();
}

static void fail(struct gate_launch_report *report, int sys)
{
	report->sys = sys;
	__atomic_store_n(&report->failed, 1, __ATOMIC_RELEASE);
}

/* Rows whose flags mean something else are never optional. */
static bool is_optional(const struct gate_row *row)
{
	return row->step != GATE_STEP_RLIMIT && row->step != GATE_STEP_IDS && row->step != GATE_STEP_FILTER &&
	       (row->flags & GATE_ROW_OPTIONAL) != 0;
}

/* An optional file of ours is left out where the tree has no place for it (no such directory, something else there, not
 * ours to change), and for no other reason: without memory or room the launch fails. */
static bool is_forgiven(const struct gate_row *row, int sys)
{
	static const int no_place[] = { ENOENT, ENOTDIR, EISDIR, ELOOP, EACCES, EPERM, EROFS };
	bool found = row->step != GATE_STEP_ATTACH;

	for (unsigned i = 0; !found && i < sizeof(no_place) / sizeof(no_place[0]); i++)
		found = sys == -no_place[i];
	return found && is_optional(row);
}

int gate_launch_row(struct gate_launch *l, uint32_t index)
{
	const struct gate_row *row = &l->view->rows[index];
	struct gate_launch_report *report = l->report;

	report->row = index;
	report->object = 0;
	int sys = row->step < GATE_STEP_MAX && steps[row->step] != NULL ? steps[row->step](l, row) : -ENOSYS;
	/* PROGRAM has its own word for a program that cannot be had. */
	if (sys >= 0 || report->exec_sys != 0)
		return sys;
	if (is_forgiven(row, sys)) {
		report->skipped[index / 32] |= 1U << index % 32;
		report->object = 0;
		return 0;
	}
	fail(report, -sys);
	return sys;
}

void gate_launch_rows(struct gate_launch *l, uint32_t from)
{
	const uint32_t last = l->view->plan->n_rows - 1;
	struct gate_launch_report *report = l->report;

	for (uint32_t i = from; i < last; i++)
		if (gate_launch_row(l, i) < 0)
			gate_launch_leave();
	report->row = last;
	report->object = 0;
	__atomic_store_n(&report->executed, 1, __ATOMIC_RELEASE);
	long sys = gate_sys(SYS_execve, l->program, l->argv, l->envp);
	__atomic_store_n(&report->exec_sys, (uint32_t)-sys, __ATOMIC_RELEASE);
	gate_launch_leave();
}
