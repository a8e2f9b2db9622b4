/* sys.h - system calls without the C library's errno: the result, or -errno.
 *
 * After clone, errno is shared: a child in its maker's memory and the thread that loads the filter have the thread-local
 * memory of whoever made them. And a call that is made here is one call, whatever the C library thinks of threads
 * (its setuid asks all of them, its clone refuses some flags). */
#ifndef GATE_LAUNCH_SYS_H
#define GATE_LAUNCH_SYS_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than Debian 12's headers may be; the numbers are the same on all architectures since 5.1. */
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#define GATE_CLONE_INTO_CGROUP 0x200000000ULL /* 5.7, clone3 only */

static inline long gate_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__clang_analyzer__) /* takes what an assembly writes for garbage */
	long ret = syscall(nr, a, b, c, d, e, f);
	return ret == -1 ? -errno : ret;
#elif defined(__x86_64__)
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
#else
	long ret = syscall(nr, a, b, c, d, e, f);
	return ret == -1 ? -errno : ret;
#endif
}
#define gate_sys_pick(nr, a, b, c, d, e, f, ...)                                                                       \
	gate_sys6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define gate_sys(...) gate_sys_pick(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* struct clone_args as of 5.7. */
struct gate_clone {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
	    cgroup;
};
/* Makes a process or a thread that runs fn(arg), which never returns, on a stack of its own: clone3 when there is a
 * cgroup in *how, else clone. The child's id, or -errno. */
long gate_clone_run(const struct gate_clone *how, void (*fn)(void *), void *arg);

#endif
