/* callgate/run.h - run a program under a filter.
 *
 * The filter is the program's, not the launcher's: it is put on last, and after it the only call that the launch
 * still makes is the program's own execve (and exit_group when that fails). So a profile needs to allow only what the
 * program does itself. Without no_new_privs this takes a helper thread, see src/launch/filter.h.
 * Everything fails closed: when a step of the launch fails, the program does not run.
 * Nothing prints. One thread may run one program at a time; a process may run several from several threads, but only
 * without GATE_RUN_FOREGROUND. */
#ifndef CALLGATE_RUN_H
#define CALLGATE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <callgate/bpf.h>
#include <callgate/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum gate_run_flag {
	/* Set no_new_privs. It is also set without being asked for where a filter, or a smaller bounding set, is not
	 * permitted otherwise (no CAP_SYS_ADMIN, no CAP_SETPCAP); the result says so. */
	GATE_RUN_NO_NEW_PRIVS = 1 << 0,
	/* Have calls that are refused without a kill written to the audit log, and report them. */
	GATE_RUN_LOG = 1 << 1,
	/* Load with SECCOMP_FILTER_FLAG_SPEC_ALLOW. */
	GATE_RUN_SPEC_ALLOW = 1 << 2,
	/* The calling process is there for this program alone: signals are forwarded, stops are mirrored (^Z and fg
	 * work), processes that the program leaves behind are adopted while it runs, and all children are reaped. */
	GATE_RUN_FOREGROUND = 1 << 3,
	/* Do not listen to the audit log. */
	GATE_RUN_NO_AUDIT = 1 << 4,
	GATE_RUN_ALL_FLAGS = (1 << 5) - 1
};

struct gate_run_plan {
	const char *const *argv;       /* NULL at the end; argv[0] is looked up in the PATH of `envp` */
	const char *const *envp;       /* NULL: the caller's environment */
	const char *cwd;               /* NULL: the caller's */
	const struct gate_insn *insns; /* the filter */
	size_t len;
	bool unconfined; /* no filter: the only way to have none */
	uint32_t flags;  /* GATE_RUN_… */
	uint64_t caps;   /* the most that the program may have; see gate_run_caps */
};

/* What a program run with these capabilities asked for would really have: never more than the caller has. For root
 * all of that; for others the ambient ones among it, as with every execve (capabilities(7)). This is what a profile
 * is resolved for. */
int gate_run_caps(uint64_t asked, uint64_t *ret, struct gate_err *err);

enum gate_run_outcome {
	GATE_RUN_EXITED = 1,
	GATE_RUN_KILLED,
	GATE_RUN_NOT_STARTED /* the program could not be executed: `why` */
};

/* A call that a filter refused, or that was logged, as the kernel wrote it down; equal ones are counted. */
struct gate_denial {
	uint32_t arch, nr; /* AUDIT_ARCH_*, number */
	uint32_t action;   /* GATE_RET_… without data */
	int sig;           /* what the process was killed by or got; 0: none */
	uint64_t count;
	uint32_t pid; /* of the first one */
	bool main;    /* the first one was the program itself, not a descendant */
	char comm[32], exe[256];
};

struct gate_run_result {
	enum gate_run_outcome outcome;
	int status;          /* EXITED: the exit code */
	int signal;          /* KILLED: the signal */
	bool core;           /* KILLED: with a core file */
	struct gate_err why; /* NOT_STARTED: a sentence; `sys` is the errno of execve or of the search */
	bool no_new_privs;   /* was it set */
	uint64_t caps;       /* what the program started with */

	bool listened; /* audit records were read */
	struct gate_denial *denials;
	size_t n_denials;
	uint64_t unattributed; /* seccomp records of processes that had ended before they could be told apart */
	uint64_t lost;         /* at least so many records are missing */
	bool complete; /* nothing lost (counted with GATE_RUN_LOG), nothing unattributed, and all of it had arrived */
	char incomplete[160]; /* why not, or why nobody listened: one sentence; "" when complete */
};

/* Runs the program and waits for its end. Fails with -1 when the launch itself failed: the program did not run; the
 * error names the step. A program that cannot be found or executed is a result, not an error. *ret is freed with
 * gate_run_result_free. */
int gate_run(const struct gate_run_plan *plan, struct gate_run_result **ret, struct gate_err *err);
void gate_run_result_free(struct gate_run_result *r);
/* As a shell has it: the exit code, 128 + signal, 127 not found, 126 not executable. */
int gate_run_exit_code(const struct gate_run_result *r);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
