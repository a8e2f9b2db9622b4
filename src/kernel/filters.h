/* filters.h - the seccomp filters that a living process or thread runs under, read back from the kernel. */
#ifndef GATE_KERNEL_FILTERS_H
#define GATE_KERNEL_FILTERS_H

#include <sys/types.h>

#include <callgate/bpf.h>

#include "base/base.h"

struct gate_filter {
	struct gate_insn *insns;
	size_t len;
	bool log; /* loaded with SECCOMP_FILTER_FLAG_LOG (false also where the kernel cannot say, before 4.16) */
};

struct gate_filters {
	struct gate_filter *items; /* newest first: the order in which the kernel prefers among equals */
	size_t n;                  /* 0: it runs without a filter */
	unsigned threads;          /* threads of the process when asked */
	unsigned threads_other;    /* of these, how many are in another mode or have another number of filters */
};

/* Reads all filters of the thread `tid` (a process id means its first thread). Without a filter the answer is
 * n = 0, and nobody is stopped. Else the thread is stopped with ptrace(2) for some microseconds and goes on as it was:
 * a stopped one stays stopped, a signal that arrives meanwhile is delivered. What ptrace cannot hide: a waiting call
 * that a stop interrupts is restarted or fails with EINTR, as after SIGSTOP and SIGCONT (signal(7)); a filter that
 * denies restart_syscall denies that restart.
 * Fails with GATE_E_NOTFOUND (no such process, or it ended), GATE_E_DENIED (CAP_SYS_PTRACE or CAP_SYS_ADMIN is
 * missing, another tracer is there, or the caller is under a filter itself), GATE_E_UNSUPPORTED (strict mode, or a
 * kernel without CONFIG_CHECKPOINT_RESTORE). Allocates; the caller frees with gate_filters_done. Thread-safe. */
int gate_filters_of(pid_t tid, struct gate_filters *ret, struct gate_err *err);
void gate_filters_done(struct gate_filters *f);

#endif
