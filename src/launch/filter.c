#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include "launch/filter.h"
#include "launch/sys.h"

/* The newest of these came with 5.19. */
#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif
#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif

enum turn { TURN_START = 0, TURN_CALLED, TURN_AWAKE, TURN_GO, TURN_NAP, TURN_LOADED, TURN_FAILED };

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
	struct sock_fprog prog = { .len = job->len, .filter = (struct sock_filter *)(uintptr_t)job->insns };

	return gate_sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

int gate_filter_self(struct gate_filter_job *job)
{
	return (int)load(job, job->flags);
}

/* Until the main thread has promised to make no further call. The helper itself may still make some. */
static void await_promise(struct gate_filter_job *s)
{
	for (;;) {
		uint32_t turn = look(&s->turn);

		if (turn == TURN_GO)
			return;
		/* Moves a sleeper from one word to another without waking it: 1 tells that it sleeps in the kernel. */
		if (turn == TURN_NAP &&
		    gate_sys(SYS_futex, &s->nap, FUTEX_CMP_REQUEUE_PRIVATE, 0, 1, &s->moved, 0) == 1)
			return;
		(void)gate_sys(SYS_sched_yield);
	}
}

/* With TSYNC, for both threads. With a listener, its number lands where the keeper sees it. */
static void load_for_all(struct gate_filter_job *s)
{
	unsigned long flags = s->flags | SECCOMP_FILTER_FLAG_TSYNC;

	if (s->listener != NULL)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	long got = load(s, flags);
	/* From here on there is a filter, unless that failed: no further call. */
	if (s->listener != NULL && got >= 0) {
		__atomic_store_n(s->listener, (int32_t)got, __ATOMIC_RELEASE);
		got = 0;
	}
	if (got != 0) {
		s->sys = got < 0 ? (int32_t)-got : ESRCH;
		s->object = got > 0 ? (int32_t)got : 0;
	}
	say(&s->turn, got == 0 ? TURN_LOADED : TURN_FAILED);
}

static void wait_for_change(uint32_t *turn, enum turn from)
{
	/* Looks again by itself: a wake-up that gets lost (its call may fail, too) costs 10 ms and not the launch. */
	const struct timespec again = { 0, 10000000 };

	while (look(turn) == (uint32_t)from)
		(void)gate_sys(SYS_futex, turn, FUTEX_WAIT_PRIVATE, from, &again);
}

static void helper(void *arg)
{
	struct gate_filter_job *s = arg;

	if (s->realtime) {
		const struct sched_param ordinary = { 0 };
		(void)gate_sys(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary);
	}
	wait_for_change(&s->turn, TURN_START);
	/* The flag belongs to threads. Without it and without CAP_SYS_ADMIN nothing can be loaded. */
	if (s->no_new_privs)
		(void)gate_sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say(&s->turn, TURN_AWAKE);
	(void)gate_sys(SYS_futex, &s->turn, FUTEX_WAKE_PRIVATE, 1);
	await_promise(s);
	load_for_all(s);
	for (;;)
		relax();
}

int gate_filter_helper(struct gate_filter_job *job)
{
	/* A thread of this process in all but the C library's view: it makes bare calls only. */
	const struct gate_clone how = {
		.flags = CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		.stack = (uint64_t)(uintptr_t)(job->stack_top - GATE_HELPER_STACK),
		.stack_size = GATE_HELPER_STACK,
	};

	job->turn = job->early ? TURN_START : TURN_CALLED;
	long tid = gate_clone_run(&how, helper, job);

	return tid < 0 ? (int)tid : 0;
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

int gate_filter_by_helper(struct gate_filter_job *s, int64_t *object)
{
	time_t start = 0;
	uint32_t turn;

	/* The helper has not been told to load, so calls are still free here. */
	uint32_t before = TURN_START;
	if (__atomic_compare_exchange_n(&s->turn, &before, TURN_CALLED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		(void)gate_sys(SYS_futex, &s->turn, FUTEX_WAKE_PRIVATE, 1);
	wait_for_change(&s->turn, TURN_CALLED);
	const struct timespec nap = { 0, s->realtime ? NAP_REALTIME_NS : NAP_NS + s->len * NAP_INSN_NS };
	say(&s->turn, TURN_NAP);
	/* Not repeated, however it ends: the helper may have loaded the filter. (SIGSTOP and SIGCONT in these microseconds
	 * would make the kernel repeat it as restart_syscall, under the filter: the program may then be killed, but
	 * never runs without.) */
	(void)gate_sys(SYS_futex, &s->nap, FUTEX_WAIT_PRIVATE, 0, &nap);
	/* Not loaded yet: the helper may be about to, or not have come to move us. */
	uint32_t expected = TURN_NAP;
	(void)__atomic_compare_exchange_n(&s->turn, &expected, TURN_GO, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	for (unsigned i = 1; (turn = look(&s->turn)) < TURN_LOADED; i++) {
		relax();
		if (i % (1U << 20) == 0 && expired(&start))
			return -ETIMEDOUT;
	}
	if (turn == TURN_LOADED)
		return 0;
	*object = s->object;
	return -s->sys;
}
