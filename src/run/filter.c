#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "run/filter.h"

enum turn { TURN_START = 0, TURN_AWAKE, TURN_GO, TURN_NAP, TURN_LOADED, TURN_FAILED };

/* Longer than a load takes (some 10 us and 0.2 us for each instruction, measured on Linux 6.18; more where the
 * helper has to be scheduled first): afterwards the main thread spins, which is right but slow. Under real-time
 * scheduling a spinning main thread could keep the helper out, so there the nap is long. */
#define NAP_NS          60000
#define NAP_INSN_NS     400
#define NAP_REALTIME_NS 20000000
/* No launch waits longer: then it fails. */
#define GIVE_UP_S 10

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static inline uint32_t look(const uint32_t *turn)
{
	return __atomic_load_n(turn, __ATOMIC_ACQUIRE);
}

static inline void say(uint32_t *turn, enum turn to)
{
	__atomic_store_n(turn, to, __ATOMIC_RELEASE);
}

static long load(const struct gate_filter_job *job, unsigned long flags)
{
	/* struct gate_insn has the layout of struct sock_filter (callgate/bpf.h). */
	struct sock_fprog prog = { .len = job->len, .filter = (struct sock_filter *)(uintptr_t)job->insns };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

int gate_filter_self(struct gate_filter_job *job)
{
	return load(job, job->flags) < 0 ? -1 : 0;
}

/* Until the main thread has promised to make no further call. The helper itself may still make some. */
static void await_promise(struct gate_filter_shared *s)
{
	for (;;) {
		uint32_t turn = look(&s->turn);

		if (turn == TURN_GO)
			return;
		/* Moves a sleeper from one word to another without waking it: 1 tells that it sleeps in the kernel. */
		if (turn == TURN_NAP && syscall(SYS_futex, &s->nap, FUTEX_CMP_REQUEUE_PRIVATE, 0, 1, &s->moved, 0) == 1)
			return;
		(void)syscall(SYS_sched_yield);
	}
}

/* The main thread's call has ended, too: it makes no other before it learns how the load went. */
static void await_silence(struct gate_filter_shared *s)
{
	while (look(&s->turn) != TURN_GO)
		(void)syscall(SYS_sched_yield);
}

__attribute__((noreturn)) static int helper(void *arg)
{
	struct gate_filter_job *job = arg;
	struct gate_filter_shared *s = job->shared;

	if (job->realtime) {
		const struct sched_param ordinary = { 0 };
		(void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary);
	}
	say(&s->turn, TURN_AWAKE);
	(void)syscall(SYS_futex, &s->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	await_promise(s);
	long got = load(job, job->flags | SECCOMP_FILTER_FLAG_TSYNC);
	if (got < 0) {
		/* errno is the main thread's, too, and its nap ends with one. Nothing is loaded, so calls are still free: asked
		 * again when nobody else can write there. */
		await_silence(s);
		got = load(job, job->flags | SECCOMP_FILTER_FLAG_TSYNC);
	}
	/* From here on there is a filter, unless that failed: no further call. */
	if (got != 0) {
		s->sys = got < 0 ? errno : ESRCH;
		s->object = got > 0 ? (int32_t)got : 0;
	}
	say(&s->turn, got == 0 ? TURN_LOADED : TURN_FAILED);
	for (;;)
		relax();
}

int gate_filter_helper(struct gate_filter_job *job)
{
	/* A thread of this process in all but the C library's view: it shares our thread-local memory, and makes bare
	 * calls only. */
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

	return clone(helper, job->stack_top, flags, job) < 0 ? -1 : 0;
}

static bool expired(time_t *start)
{
	struct timespec now;

	/* Answered by the vDSO; where it is not, this is a call, which the filter may deny: closed either way. */
	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) < 0)
		return true;
	if (*start == 0)
		*start = now.tv_sec;
	return now.tv_sec - *start > GIVE_UP_S;
}

int gate_filter_by_helper(struct gate_filter_job *job, int32_t *object)
{
	struct gate_filter_shared *s = job->shared;
	time_t start = 0;
	uint32_t turn;

	/* The helper has not been told to load, so calls are still free here. Looks again by itself: a wake-up that gets
	 * lost (the helper's call may fail, too) costs 10 ms and not the launch. */
	const struct timespec again = { 0, 10000000 };
	while (look(&s->turn) == TURN_START)
		(void)syscall(SYS_futex, &s->turn, FUTEX_WAIT_PRIVATE, TURN_START, &again, NULL, 0);
	const struct timespec nap = { 0, job->realtime ? NAP_REALTIME_NS : NAP_NS + job->len * NAP_INSN_NS };
	say(&s->turn, TURN_NAP);
	/* Not repeated, however it ends: the helper may have loaded the filter. (SIGSTOP and SIGCONT in these microseconds
	 * would make the kernel repeat it as restart_syscall, under the filter: the program may then be killed, but
	 * never runs without.) */
	(void)syscall(SYS_futex, &s->nap, FUTEX_WAIT_PRIVATE, 0, &nap, NULL, 0);
	/* Not loaded yet: the helper may be about to, or not have come to move us. */
	uint32_t expected = TURN_NAP;
	(void)__atomic_compare_exchange_n(&s->turn, &expected, TURN_GO, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	for (unsigned i = 1; (turn = look(&s->turn)) < TURN_LOADED; i++) {
		relax();
		if (i % (1U << 20) == 0 && expired(&start)) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	if (turn == TURN_LOADED)
		return 0;
	*object = s->object;
	errno = s->sys;
	return -1;
}
