#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>

#include "base/buf.h"
#include "kernel/filters.h"
#include "kernel/proc.h"

/* include/uapi/linux/ptrace.h; Linux 4.4 and 4.16. */
#define SECCOMP_GET_FILTER   0x420c
#define SECCOMP_GET_METADATA 0x420d
#define EVENT_STOP           128 /* PTRACE_EVENT_STOP, Linux 3.4 */
/* The longest wait for a thread to stop. One in an uninterruptible wait may not stop for hours. */
#define STOP_MS 2000
/* A chain holds at most 32768 instructions, each filter counting 4 extra (MAX_INSNS_PER_PATH, kernel/seccomp.c). */
#define CHAIN_MAX (32768 / 5)

struct seccomp_metadata_request {
	uint64_t filter_off, flags;
};

struct status {
	uint64_t mode, count, tgid, tracer;
	bool has_count; /* Seccomp_filters came with Linux 5.9 */
	bool ended;
};

static int read_status(pid_t tid, struct status *ret)
{
	char path[64], text[8192];
	struct status s = { 0 };

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (gate_proc_read(path, text, sizeof(text)) < 0)
		return -1;
	/* A kernel without CONFIG_SECCOMP has no such line, and nobody there has a filter. */
	(void)gate_proc_field(text, "Seccomp", 10, &s.mode);
	s.has_count = gate_proc_field(text, "Seccomp_filters", 10, &s.count);
	(void)gate_proc_field(text, "Tgid", 10, &s.tgid);
	(void)gate_proc_field(text, "TracerPid", 10, &s.tracer);
	const char *state = strstr(text, "\nState:\t");
	s.ended = state != NULL && (state[8] == 'Z' || state[8] == 'X');
	*ret = s;
	return 0;
}

static int fail_gone(pid_t tid, struct gate_err *err)
{
	return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no process '%d'", (int)tid);
}

/* Waits until the thread has stopped; *inject is the signal that it stopped for and must still get. */
static int await_stop(pid_t tid, int *inject, struct gate_err *err)
{
	for (int ms = 0; ms <= STOP_MS; ms++) {
		int status = 0;
		pid_t got = waitpid(tid, &status, __WALL | __WNOTHREAD | WNOHANG);

		if (got < 0 && errno != EINTR)
			return fail_gone(tid, err);
		if (got == tid && !WIFSTOPPED(status))
			return GATE_FAIL(err, GATE_E_NOTFOUND, "process '%d' ended while it was asked", (int)tid);
		if (got == tid) {
			/* With PTRACE_EVENT_STOP it is our interrupt or a group stop: nothing to deliver. */
			*inject = status >> 16 == EVENT_STOP ? 0 : WSTOPSIG(status);
			return 0;
		}
		/* Most threads stop within microseconds: the first waits are short. */
		const struct timespec nap = { 0, ms < 20 ? 20000 : 1000000 };
		(void)nanosleep(&nap, NULL);
	}
	return GATE_FAIL(err, GATE_E_UNSUPPORTED, "process '%d' does not stop: it is in an uninterruptible wait",
	                 (int)tid);
}

static int fail_read(pid_t tid, struct gate_err *err)
{
	switch (errno) {
	case EACCES:
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "reading the filters of process '%d' needs CAP_SYS_ADMIN, and a reader without a filter", (int)tid);
	case EINVAL:
	case EIO:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "this kernel does not show filters (CONFIG_CHECKPOINT_RESTORE is off)");
	case EMEDIUMTYPE:
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "the kernel kept no original program for process '%d'",
		                 (int)tid);
	case ESRCH:
		return GATE_FAIL(err, GATE_E_NOTFOUND, "process '%d' ended while it was asked", (int)tid);
	default:
		return GATE_FAIL_SYS(err, "cannot read the filters of process '%d'", (int)tid);
	}
}

/* Appends the filter at `index`, 0 being the oldest. 1: there was one, 0: the end. */
static int read_one(pid_t tid, size_t index, size_t *cap, struct gate_filters *f, struct gate_err *err)
{
	long len = ptrace(SECCOMP_GET_FILTER, tid, (void *)index, NULL);

	if (len < 0 && errno == ENOENT)
		return 0;
	if (len < 0)
		return fail_read(tid, err);
	if (gate_grow(&f->items, f->n, cap, sizeof(*f->items)) < 0)
		return GATE_FAIL_NOMEM(err);
	struct gate_filter *item = &f->items[f->n];
	*item = (struct gate_filter){ malloc((size_t)len * sizeof(*item->insns)), (size_t)len, false };
	if (item->insns == NULL)
		return GATE_FAIL_NOMEM(err);
	f->n++;
	/* The thread is stopped, so its chain only grows at the new end, and this index means the same program. */
	if (ptrace(SECCOMP_GET_FILTER, tid, (void *)index, item->insns) != len)
		return fail_read(tid, err);
	struct seccomp_metadata_request meta = { .filter_off = index };
	if (ptrace(SECCOMP_GET_METADATA, tid, (void *)sizeof(meta), &meta) == (long)sizeof(meta))
		item->log = (meta.flags & 2) != 0; /* SECCOMP_FILTER_FLAG_LOG */
	return 1;
}

static void reverse(struct gate_filters *f)
{
	for (size_t i = 0; i < f->n / 2; i++) {
		struct gate_filter swap = f->items[i];

		f->items[i] = f->items[f->n - 1 - i];
		f->items[f->n - 1 - i] = swap;
	}
}

static int read_all(pid_t tid, struct gate_filters *f, struct gate_err *err)
{
	struct status now;
	size_t cap = 0;
	int more;

	while ((more = read_one(tid, f->n, &cap, f, err)) > 0)
		if (f->n > CHAIN_MAX)
			return GATE_FAIL(err, GATE_E_LIMIT, "process '%d' has more filters than a kernel allows",
			                 (int)tid);
	if (more < 0)
		return -1;
	if (read_status(tid, &now) == 0 && now.has_count && now.count != f->n)
		return GATE_FAIL(err, GATE_E_CONFLICT, "the kernel showed %zu of the %llu filters of process '%d'",
		                 f->n, (unsigned long long)now.count, (int)tid);
	reverse(f);
	return 0;
}

static int fail_seize(pid_t tid, struct gate_err *err)
{
	struct status s;
	int saved = errno;

	if (saved == ESRCH)
		return fail_gone(tid, err);
	if (read_status(tid, &s) < 0 || s.ended)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "process '%d' has ended", (int)tid);
	if (s.tracer != 0)
		return GATE_FAIL(err, GATE_E_DENIED, "process '%d' is traced by process %llu already", (int)tid,
		                 (unsigned long long)s.tracer);
	errno = saved;
	if (saved == EPERM)
		return GATE_FAIL(err, GATE_E_DENIED, "not permitted to trace process '%d' (CAP_SYS_PTRACE is missing)",
		                 (int)tid);
	return GATE_FAIL_SYS(err, "cannot trace process '%d'", (int)tid);
}

struct job {
	pid_t tid;
	struct gate_filters filters;
	struct gate_err err;
	int result;
};

/* A tracer is one thread. This one ends with the work, and with it every trace of tracing: also where the tracee
 * never stopped and PTRACE_DETACH is therefore refused. */
static void *trace(void *arg)
{
	struct job *job = arg;
	int inject = 0;

	job->result = -1;
	if (ptrace(PTRACE_SEIZE, job->tid, NULL, NULL) < 0) {
		(void)fail_seize(job->tid, &job->err);
		return NULL;
	}
	if (ptrace(PTRACE_INTERRUPT, job->tid, NULL, NULL) < 0) {
		(void)fail_gone(job->tid, &job->err);
		return NULL;
	}
	if (await_stop(job->tid, &inject, &job->err) < 0)
		return NULL;
	job->result = read_all(job->tid, &job->filters, &job->err);
	(void)ptrace(PTRACE_DETACH, job->tid, NULL, (void *)(long)inject);
	return NULL;
}

static void count_threads(pid_t tgid, const struct status *like, struct gate_filters *f)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)tgid);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		struct status s;

		if (e->d_name[0] == '.' || read_status((pid_t)atoi(e->d_name), &s) < 0)
			continue;
		f->threads++;
		f->threads_other += s.mode != like->mode || s.count != like->count;
	}
	(void)closedir(dir);
}

int gate_filters_of(pid_t tid, struct gate_filters *ret, struct gate_err *err)
{
	struct job job = { .tid = tid };
	struct status s;
	pthread_t thread;

	if (tid <= 0 || read_status(tid, &s) < 0)
		return fail_gone(tid, err);
	if (s.ended)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "process '%d' has ended", (int)tid);
	if (s.mode == 1)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "process '%d' runs in seccomp's strict mode 1, which has no program to read",
		                 (int)tid);
	if (s.mode != 0) {
		/* Also for the caller's own thread: a thread cannot trace its own process. */
		if ((pid_t)s.tgid == getpid())
			return GATE_FAIL(err, GATE_E_UNSUPPORTED, "a process cannot read its own filters");
		int failed = pthread_create(&thread, NULL, trace, &job);
		if (failed != 0)
			return gate_err_set(err, GATE_E_SYS, failed, "cannot start a tracing thread"), -1;
		(void)pthread_join(thread, NULL);
		if (job.result < 0) {
			gate_filters_done(&job.filters);
			if (err != NULL && err->code == GATE_OK)
				*err = job.err;
			return -1;
		}
	}
	count_threads((pid_t)s.tgid, &s, &job.filters);
	*ret = job.filters;
	return 0;
}

void gate_filters_done(struct gate_filters *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->items[i].insns);
	free(f->items);
	*f = (struct gate_filters){ 0 };
}
