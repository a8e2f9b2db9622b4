#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/parent.h"
#include "run/privilege.h"
#include "run/program.h"
#include "kernel/seccomp.h"

/* A plan as the launch reads it, in our own memory. */
#define ROWS 12
struct message {
	struct gate_plan plan;
	struct gate_row rows[ROWS];
	struct gate_audit_message mark;
	struct gate_program program;
};
enum { CWD, MARK, N_FDS };

struct run {
	struct gate_run_result *result;
	struct gate_privilege privilege;
	struct gate_parent parent;
	struct gate_witness witness;
	struct gate_launch_report *report; /* shared with the child until its execve */
	struct message message;
	struct gate_plan_view view;
	int fds[N_FDS];
	int cwd;
};

static int check_plan(const struct gate_run_plan *plan, struct gate_err *err)
{
	if ((plan->flags & ~(uint32_t)GATE_RUN_ALL_FLAGS) != 0)
		return GATE_FAIL(err, GATE_E_INVALID, "unknown flag bits %#x",
		                 plan->flags & ~(uint32_t)GATE_RUN_ALL_FLAGS);
	if (plan->argv == NULL || plan->argv[0] == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "there is no command to run");
	if (plan->unconfined && plan->len != 0)
		return GATE_FAIL(err, GATE_E_INVALID, "a filter was given together with 'unconfined'");
	/* Never "no filter" by omission. */
	if (!plan->unconfined && (plan->insns == NULL || plan->len == 0))
		return GATE_FAIL(err, GATE_E_INVALID, "there is no filter: only 'unconfined' runs without one");
	if (plan->len > GATE_BPF_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a filter of %zu instructions is larger than the kernel's %d",
		                 plan->len, GATE_BPF_MAX);
	return 0;
}

static const char *search_path(const char *const *envp)
{
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return NULL;
}

static struct gate_row *add(struct run *run, enum gate_step step)
{
	struct gate_row *row = &run->message.rows[run->message.plan.n_rows++];

	*row = (struct gate_row){ .step = (uint16_t)step, .fd = -1 };
	return row;
}

/* The order is the design: the helper is made while there are privileges to keep, the filter comes last. */
static void add_rows(struct run *run, unsigned long filter_flags)
{
	const struct gate_privilege *p = &run->privilege;
	struct gate_row *row;

	(void)add(run, GATE_STEP_CLONE);
	(void)add(run, GATE_STEP_SIGNALS);
	if (p->lowers)
		(void)add(run, GATE_STEP_HIDE);
	/* While there are privileges: the program may have none for this. That it fails costs a name in a report. */
	if (run->message.mark.len != 0) {
		row = add(run, GATE_STEP_MARK);
		row->flags = GATE_ROW_OPTIONAL;
		row->fd = MARK;
		row->text[0] = offsetof(struct message, mark.bytes);
		row->a = run->message.mark.len;
	}
	if (p->load == GATE_LOAD_HELPER)
		(void)add(run, GATE_STEP_HELPER);
	if (run->cwd != AT_FDCWD)
		add(run, GATE_STEP_DIRECTORY)->fd = CWD;
	if (p->drop_bounding)
		add(run, GATE_STEP_BOUNDING)->a = p->bounding;
	row = add(run, GATE_STEP_CAPABILITIES);
	row->a = p->permitted;
	row->b = p->inheritable;
	if (p->no_new_privs)
		(void)add(run, GATE_STEP_NO_NEW_PRIVS);
	(void)add(run, GATE_STEP_UNBLOCK);
	if (p->load != GATE_LOAD_NOTHING) {
		row = add(run, GATE_STEP_FILTER);
		row->flags = (uint16_t)p->load;
		row->a = filter_flags;
	}
	add(run, GATE_STEP_EXECVE)->text[0] = offsetof(struct message, program.path);
}

static int prepare(struct run *run, const struct gate_run_plan *plan, struct gate_err *err)
{
	struct gate_caller caller;
	struct gate_privilege *p = &run->privilege;

	if (gate_caller_read(plan->caps, &caller, err) < 0)
		return -1;
	gate_privilege_plan(&caller, plan->caps, (plan->flags & GATE_RUN_NO_NEW_PRIVS) != 0, plan->unconfined, p);
	run->result->no_new_privs = p->no_new_privs;
	run->result->caps = p->program;
	void *memory = mmap(NULL, sizeof(*run->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return GATE_FAIL_SYS(err, "cannot get memory to share with the program's process");
	run->report = memory;
	run->message.plan.filter_len = (uint32_t)plan->len;
	run->view = (struct gate_plan_view){
		.plan = &run->message.plan,
		.rows = run->message.rows,
		.fds = run->fds,
		.stdio = { -1, -1, -1 },
		.argv = plan->argv,
		.envp = plan->envp != NULL ? plan->envp : (const char *const *)environ,
		.insns = plan->insns,
		/* Somebody else may start programs meanwhile, and lent memory is hidden from tracers for all at once. */
		.apart = (plan->flags & GATE_RUN_FOREGROUND) == 0,
	};
	return 0;
}

/* Why there is no program: a step failed, or it cannot be executed, which is an answer. */
static int fail_launch(struct run *run, struct gate_err *err)
{
	const struct gate_launch_report *r = run->report;
	const struct gate_row *row = &run->message.rows[r->row];
	char object[64] = "";

	if (r->exec_sys != 0) {
		run->result->outcome = GATE_RUN_NOT_STARTED;
		gate_program_explain(run->cwd, run->message.program.path, (int)r->exec_sys, &run->result->why);
		return 0;
	}
	if (r->sys == EOWNERDEAD && r->object != 0 && r->object != SIGSYS)
		return GATE_FAIL(err, GATE_E_DENIED, "the command was not run: step '%s' was ended by signal %lld",
		                 gate_step_name(row->step), (long long)r->object);
	if (r->sys == EOWNERDEAD)
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "the command was not run: step '%s' was ended by a filter that the caller is under",
		                 gate_step_name(row->step));
	if (row->step == GATE_STEP_CLONE) {
		gate_err_set(err, GATE_E_SYS, r->sys, "cannot start a process");
		return -1;
	}
	if (r->object > 0)
		(void)snprintf(object, sizeof(object), " (%lld)", (long long)r->object);
	if (row->step == GATE_STEP_FILTER)
		(void)snprintf(object, sizeof(object), " of %u instructions", run->message.plan.filter_len);
	gate_err_set(err, GATE_E_SYS, r->sys, "the command was not run: step '%s': %s%s", gate_step_name(row->step),
	             gate_step_what(row->step), object);
	return -1;
}

static void conclude(struct gate_run_result *r, const siginfo_t *end)
{
	r->outcome = end->si_code == CLD_EXITED ? GATE_RUN_EXITED : GATE_RUN_KILLED;
	r->core = end->si_code == CLD_DUMPED;
	*(r->outcome == GATE_RUN_EXITED ? &r->status : &r->signal) = end->si_status;
}

static int start_and_wait(struct run *run, const struct gate_run_plan *plan, struct gate_err *err)
{
	const struct gate_run_result *r = run->result;
	siginfo_t end;

	if (gate_parent_init(&run->parent, (plan->flags & GATE_RUN_FOREGROUND) != 0, err) < 0)
		return -1;
	if (gate_parent_start(&run->parent, &run->view, run->report) < 0)
		return fail_launch(run, err);
	run->witness.program = run->parent.pid;
	run->witness.adopts = run->parent.foreground;
	if (gate_parent_watch(&run->parent, &run->witness, &end, err) < 0)
		return -1;
	conclude(run->result, &end);
	bool killed = r->outcome == GATE_RUN_KILLED && r->signal == SIGSYS;
	/* A shell gives its child's death on as an exit code. */
	bool hinted = r->outcome == GATE_RUN_EXITED && r->status == 128 + SIGSYS;
	bool logged = (plan->flags & GATE_RUN_LOG) != 0;
	gate_witness_finish(&run->witness, killed || hinted || logged, logged);
	return 0;
}

static unsigned long filter_flags(const struct gate_run_plan *plan)
{
	return ((plan->flags & GATE_RUN_LOG) != 0 ? GATE_SECCOMP_LOG : 0) |
	       ((plan->flags & GATE_RUN_SPEC_ALLOW) != 0 ? GATE_SECCOMP_SPEC_ALLOW : 0);
}

int gate_run(const struct gate_run_plan *plan, struct gate_run_result **ret, struct gate_err *err)
{
	struct run run = { .cwd = AT_FDCWD };
	int result = -1;

	if (check_plan(plan, err) < 0)
		return -1;
	run.result = calloc(1, sizeof(*run.result));
	if (run.result == NULL)
		return GATE_FAIL_NOMEM(err);
	if (plan->cwd != NULL) {
		run.cwd = open(plan->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (run.cwd < 0) {
			gate_err_set(err, GATE_E_SYS, errno, "cannot enter the directory '%s'", plan->cwd);
			free(run.result);
			return -1;
		}
	}
	const char *const *envp = plan->envp != NULL ? plan->envp : (const char *const *)environ;
	if (gate_program_find(run.cwd, plan->argv[0], search_path(envp), &run.message.program, &run.result->why) < 0) {
		run.result->outcome = GATE_RUN_NOT_STARTED;
		result = 0;
	} else if (prepare(&run, plan, err) == 0) {
		gate_witness_start(&run.witness, !plan->unconfined && (plan->flags & GATE_RUN_NO_AUDIT) == 0,
		                   (plan->flags & GATE_RUN_LOG) != 0, run.result);
		if (run.witness.other_pids)
			gate_audit_prepare_mark(&run.witness.audit, &run.message.mark);
		run.fds[CWD] = run.cwd;
		run.fds[MARK] = run.message.mark.fd;
		add_rows(&run, filter_flags(plan));
		result = start_and_wait(&run, plan, err);
		gate_parent_done(&run.parent);
		gate_witness_done(&run.witness);
	}
	if (run.report != NULL)
		(void)munmap(run.report, sizeof(*run.report));
	if (run.cwd != AT_FDCWD)
		(void)close(run.cwd);
	if (result < 0)
		gate_run_result_free(run.result);
	else
		*ret = run.result;
	return result;
}

int gate_run_caps(uint64_t asked, uint64_t *ret, struct gate_err *err)
{
	struct gate_caller caller;
	struct gate_privilege p;

	if (gate_caller_read(asked, &caller, err) < 0)
		return -1;
	gate_privilege_plan(&caller, asked, false, true, &p);
	*ret = p.program;
	return 0;
}

void gate_run_result_free(struct gate_run_result *r)
{
	if (r == NULL)
		return;
	free(r->denials);
	free(r);
}

int gate_run_exit_code(const struct gate_run_result *r)
{
	switch (r->outcome) {
	case GATE_RUN_EXITED:
		return r->status;
	case GATE_RUN_KILLED:
		return 128 + r->signal;
	case GATE_RUN_NOT_STARTED:
		return r->why.sys == ENOENT ? 127 : 126;
	}
	return 125;
}
