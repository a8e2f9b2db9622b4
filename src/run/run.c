#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/parent.h"
#include "run/program.h"
#include "kernel/seccomp.h"

/* Shared with the child until its execve. */
struct shared {
	struct gate_child_report report;
	struct gate_filter_shared filter;
};
#define CHILD_STACK  (32 * 1024)
#define SHARED_BYTES (4096 + GATE_HELPER_STACK + CHILD_STACK)
_Static_assert(sizeof(struct shared) <= 4096, "the helper's stack lies above, then the child's");

struct run {
	struct gate_run_result *result;
	struct gate_program program;
	struct gate_child child;
	struct gate_parent parent;
	struct gate_witness witness;
	struct shared *shared;
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

static bool is_realtime(void)
{
	int policy = sched_getscheduler(0);

	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int prepare(struct run *run, const struct gate_run_plan *plan, struct gate_err *err)
{
	struct gate_caller caller;
	struct gate_child *c = &run->child;

	if (gate_caller_read(plan->caps, &caller, err) < 0)
		return -1;
	gate_privilege_plan(&caller, plan->caps, (plan->flags & GATE_RUN_NO_NEW_PRIVS) != 0, plan->unconfined,
	                    &c->privilege);
	run->result->no_new_privs = c->privilege.no_new_privs;
	run->result->caps = c->privilege.program;
	void *memory = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return GATE_FAIL_SYS(err, "cannot get %d bytes to share with the program's process", SHARED_BYTES);
	run->shared = memory;
	c->path = run->program.path;
	/* execve takes pointers to non-const for history's sake, and changes nothing. */
	c->argv = (char *const *)(uintptr_t)plan->argv;
	c->envp = (char *const *)(uintptr_t)(plan->envp != NULL ? plan->envp : (const char *const *)environ);
	c->cwd = run->cwd == AT_FDCWD ? -1 : run->cwd;
	c->report = &run->shared->report;
	c->filter = (struct gate_filter_job){
		.insns = plan->insns,
		.len = (uint16_t)plan->len,
		.flags = ((plan->flags & GATE_RUN_LOG) != 0 ? GATE_SECCOMP_LOG : 0) |
		         ((plan->flags & GATE_RUN_SPEC_ALLOW) != 0 ? GATE_SECCOMP_SPEC_ALLOW : 0),
		.shared = &run->shared->filter,
		.stack_top = (char *)memory + SHARED_BYTES - CHILD_STACK,
	};
	c->filter.realtime = c->privilege.load == GATE_WAY_HELPER && is_realtime();
	return 0;
}

static void fail_step(const struct gate_child_report *r, const struct gate_child *c, struct gate_err *err)
{
	char object[64] = "";

	if (r->object > 0)
		(void)snprintf(object, sizeof(object), " (%d)", r->object);
	if (c->privilege.load != GATE_WAY_NOTHING && r->step == gate_child_step_count() - 1)
		(void)snprintf(object, sizeof(object), " of %u instructions", c->filter.len);
	gate_err_set(err, GATE_E_SYS, r->sys, "the command was not run: step '%s': %s%s", gate_child_step_name(r->step),
	             gate_child_step_what(r->step), object);
}

/* What the end and the report say together. */
static int conclude(struct run *run, const siginfo_t *end, struct gate_err *err)
{
	const struct gate_child_report *report = &run->shared->report;
	struct gate_run_result *r = run->result;
	bool ran = report->step == gate_child_step_count() && report->exec_sys == 0;

	if (report->failed != 0)
		return fail_step(report, &run->child, err), -1;
	if (report->exec_sys != 0) {
		r->outcome = GATE_RUN_NOT_STARTED;
		gate_program_explain(run->cwd, run->program.path, (int)report->exec_sys, &r->why);
		return 0;
	}
	if (!ran && (end->si_code == CLD_EXITED || end->si_status == SIGSYS))
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "the command was not run: step '%s' was ended by a filter that the caller is under",
		                 gate_child_step_name(report->step));
	r->outcome = end->si_code == CLD_EXITED ? GATE_RUN_EXITED : GATE_RUN_KILLED;
	r->core = end->si_code == CLD_DUMPED;
	*(r->outcome == GATE_RUN_EXITED ? &r->status : &r->signal) = end->si_status;
	return 0;
}

/* The child may run in the caller's memory where that is safe: nobody else may start programs meanwhile (the memory is
 * hidden from tracers for all of them at once), and the kernel must not kill all who share a memory when one of them
 * dumps core, as it did before Linux 5.16 (commit 0258b5fd7c71). */
static bool can_lend(void)
{
	struct utsname name;
	unsigned major, minor;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 5 || (major == 5 && minor >= 16));
}

static int start_and_wait(struct run *run, const struct gate_run_plan *plan, struct gate_err *err)
{
	siginfo_t end;

	bool foreground = (plan->flags & GATE_RUN_FOREGROUND) != 0;

	if (gate_parent_init(&run->parent, foreground, foreground && can_lend(), err) < 0 ||
	    gate_parent_start(&run->parent, &run->child, (char *)run->shared + SHARED_BYTES, err) < 0)
		return -1;
	run->witness.program = run->parent.pid;
	run->witness.adopts = run->parent.foreground;
	if (gate_parent_watch(&run->parent, &run->witness, &end, err) < 0 || conclude(run, &end, err) < 0)
		return -1;
	const struct gate_run_result *r = run->result;
	bool killed = r->outcome == GATE_RUN_KILLED && r->signal == SIGSYS;
	/* A shell gives its child's death on as an exit code. */
	bool hinted = r->outcome == GATE_RUN_EXITED && r->status == 128 + SIGSYS;
	bool logged = (plan->flags & GATE_RUN_LOG) != 0;
	if (r->outcome != GATE_RUN_NOT_STARTED)
		gate_witness_finish(&run->witness, killed || hinted || logged, logged);
	return 0;
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
	if (gate_program_find(run.cwd, plan->argv[0], search_path(envp), &run.program, &run.result->why) < 0) {
		run.result->outcome = GATE_RUN_NOT_STARTED;
		result = 0;
	} else if (prepare(&run, plan, err) == 0) {
		gate_witness_start(&run.witness, !plan->unconfined && (plan->flags & GATE_RUN_NO_AUDIT) == 0,
		                   (plan->flags & GATE_RUN_LOG) != 0, run.result);
		if (run.witness.other_pids)
			gate_audit_prepare_mark(&run.witness.audit, &run.child.mark);
		result = start_and_wait(&run, plan, err);
		gate_parent_done(&run.parent);
		gate_witness_done(&run.witness);
	}
	if (run.shared != NULL)
		(void)munmap(run.shared, SHARED_BYTES);
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
