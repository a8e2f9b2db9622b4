#include <sched.h>

#include "launch/sys.h"

/* The child's side of the call is written in assembly: it comes back from the kernel on another stack. */
#if defined(__x86_64__)
#define CHILD "syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tmov %%r13, %%rdi\n\tcall *%%r12\n\tud2\n1:"

static long enter(long nr, long a, long b, long c, void (*fn)(void *), void *arg)
{
	register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
	register void (*r12)(void *) __asm__("r12") = fn;
	register void *r13 __asm__("r13") = arg;
	long ret;

	__asm__ volatile(CHILD
	                 : "=a"(ret)
	                 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
	                 : "rcx", "r11", "memory", "cc");
	return ret;
}
#elif defined(__aarch64__)
static long enter(long nr, long a, long b, long c, void (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = 0, x4 __asm__("x4") = 0;
	register void (*x10)(void *) __asm__("x10") = fn;
	register void *x11 __asm__("x11") = arg;

	__asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, x11\n\tblr x10\n\tbrk #1\n1:"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x10), "r"(x11)
	                 : "memory", "cc");
	return x0;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
long gate_clone_run(const struct gate_clone *how, void (*fn)(void *), void *arg)
{
	if ((how->flags & GATE_CLONE_INTO_CGROUP) != 0)
		return enter(SYS_clone3, (long)how, (long)sizeof(*how), 0, fn, arg);
	return enter(SYS_clone, (long)(how->flags | how->exit_signal), (long)(how->stack + how->stack_size),
	             (long)how->pidfd, fn, arg);
}
#else
struct start {
	void (*fn)(void *);
	void *arg;
};

static int run(void *arg)
{
	const struct start *s = arg;

	s->fn(s->arg);
	return 0;
}

/* Other architectures: by the C library, and without clone3. What is between fn and the new stack lies on that. */
long gate_clone_run(const struct gate_clone *how, void (*fn)(void *), void *arg)
{
	char *top = (char *)(uintptr_t)(how->stack + how->stack_size) - sizeof(struct start);
	struct start *s = (struct start *)(void *)top;

	if ((how->flags & GATE_CLONE_INTO_CGROUP) != 0)
		return -ENOSYS;
	*s = (struct start){ fn, arg };
	int pid = clone(run, (char *)s - 64, (int)(how->flags | how->exit_signal), s, (int *)(uintptr_t)how->pidfd);
	return pid < 0 ? -errno : pid;
}
#endif
