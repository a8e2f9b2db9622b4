#include "probe.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__) || defined(__ILP32__)

const char *probe_unable(void)
{
	return "probing calls is written for x86_64";
}

bool probe_can(const struct gate_data *call)
{
	(void)call;
	return false;
}

uint32_t probe_sees(uint32_t ret)
{
	return ret;
}

int probe_calls(const struct gate_insn *insns, size_t len, const struct gate_data *calls, size_t n, uint32_t *verdicts,
                char why[160])
{
	(void)insns, (void)len, (void)calls, (void)n, (void)verdicts;
	(void)snprintf(why, 160, "%s", probe_unable());
	return -1;
}

#else

#define AUDIT_X86    0x40000003u
#define AUDIT_X86_64 0xc000003eu
#define PASSED       3999 /* an errno that no kernel uses; seccomp passes on up to 4095 */
#define STACK        (64 * 1024)

/* Three places from which calls are made, told apart by the instruction pointer: two to probe, one to end the thread. */
long probe_asm_64(const struct gate_data *call);
long probe_asm_32(const struct gate_data *call);
void probe_asm_end(void);
extern const char probe_ip_64[], probe_ip_32[], probe_ip_end[];
__asm__(".text\n"
        "probe_asm_64:\n"
        "	push %rbx\n"
        "	mov %rdi, %rbx\n"
        "	mov (%rbx), %eax\n"
        "	mov 16(%rbx), %rdi\n"
        "	mov 24(%rbx), %rsi\n"
        "	mov 32(%rbx), %rdx\n"
        "	mov 40(%rbx), %r10\n"
        "	mov 48(%rbx), %r8\n"
        "	mov 56(%rbx), %r9\n"
        "	syscall\n"
        "probe_ip_64:\n"
        "	pop %rbx\n"
        "	ret\n"
        "probe_asm_32:\n"
        "	push %rbx\n"
        "	push %rbp\n"
        "	push %r12\n"
        "	mov %rdi, %r12\n"
        "	mov (%r12), %eax\n"
        "	mov 16(%r12), %ebx\n"
        "	mov 24(%r12), %ecx\n"
        "	mov 32(%r12), %edx\n"
        "	mov 40(%r12), %esi\n"
        "	mov 48(%r12), %edi\n"
        "	mov 56(%r12), %ebp\n"
        "	int $0x80\n"
        "probe_ip_32:\n"
        "	cltq\n"
        "	pop %r12\n"
        "	pop %rbp\n"
        "	pop %rbx\n"
        "	ret\n"
        "probe_asm_end:\n"
        "	mov $39, %eax\n" /* getpid */
        "	syscall\n"
        "probe_ip_end:\n"
        "	ud2\n");

/* Shared between the test, the child and its threads. */
struct shared {
	uint32_t next;    /* the call that is being made; its maker may be killed for it */
	uint32_t thread;  /* set while a probing thread lives; the kernel clears it and wakes */
	uint32_t started; /* the filters are on */
	int32_t error;    /* they could not be loaded */
};

static struct {
	struct shared *shared;
	const struct gate_insn *insns;
	size_t len;
	const struct gate_data *calls;
	size_t n;
	uint32_t *verdicts;
	jmp_buf back;
	volatile int trap_data;
} job;

const char *probe_unable(void)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

#ifdef PROBE_SANITIZED
	/* Theirs makes system calls, which the tested program judges, and looks for the stack in the wrong place. */
	return "sanitizers replace longjmp";
#endif
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return "this kernel has no seccomp with KILL_PROCESS";
	return NULL;
}

/* int 0x80 is a fault where the kernel has no 32-bit calls (CONFIG_IA32_EMULATION, ia32_emulation=0). */
static bool has_x86(void)
{
	static int known = -1;
	const struct gate_data getpid_x86 = { .nr = 20, .arch = AUDIT_X86 };
	int status;

	if (known >= 0)
		return known != 0;
	pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(probe_asm_32(&getpid_x86) == getpid() ? 0 : 1);
	}
	known = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
	return known != 0;
}

bool probe_can(const struct gate_data *call)
{
	/* uretprobe and uprobe are made by code that the kernel writes into a program: it does not show them to filters
	 * (seccomp_uprobe_exception, Linux 6.14 and 6.18), and answers any other maker with SIGILL. */
	if (call->arch == AUDIT_X86_64)
		return call->nr != 335 && call->nr != 336;
	if (call->arch != AUDIT_X86 || !has_x86())
		return false;
	for (int i = 0; i < 6; i++)
		if (call->args[i] > UINT32_MAX)
			return false;
	return true;
}

uint32_t probe_sees(uint32_t ret)
{
	ret = gate_ret_normal(ret);
	return gate_ret_rank(ret) < gate_ret_rank(GATE_RET_ERRNO) ? GATE_RET_ALLOW : ret;
}

/* A signal handler that does not return makes no rt_sigreturn, which the tested program might refuse. */
static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	job.trap_data = info->si_errno;
	_longjmp(job.back, 1);
}

static int load(const struct sock_filter *filter, size_t len)
{
	const struct sock_fprog prog = { (unsigned short)len, (struct sock_filter *)(uintptr_t)filter };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static int put_on_filters(void)
{
	const struct sock_filter outer[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8), /* the low word of the instruction pointer */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(uintptr_t)probe_ip_end, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(uintptr_t)probe_ip_64, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(uintptr_t)probe_ip_32, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | PASSED),
	};

	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || load(outer, sizeof(outer) / sizeof(outer[0])) < 0)
		return -1;
	/* struct gate_insn has the layout of struct sock_filter. */
	return load((const struct sock_filter *)job.insns, job.len);
}

static __attribute__((noinline)) void probe_one(const struct gate_data *call, uint32_t *verdict)
{
	/* Trapped: the handler came back here. */
	if (_setjmp(job.back) != 0) {
		*verdict = GATE_RET_TRAP | (uint16_t)job.trap_data;
		return;
	}
	long got = call->arch == AUDIT_X86 ? probe_asm_32(call) : probe_asm_64(call);
	*verdict = got == -PASSED ? GATE_RET_ALLOW : GATE_RET_ERRNO | (uint32_t)-got;
}

static __attribute__((noreturn)) int prober(void *arg)
{
	(void)arg;
	if (put_on_filters() < 0) {
		job.shared->error = errno;
		job.shared->next = (uint32_t)job.n;
		(void)syscall(SYS_exit, 0);
	}
	job.shared->started = 1;
	for (;;) {
		uint32_t i = job.shared->next;

		if (i >= job.n)
			probe_asm_end();
		probe_one(&job.calls[i], &job.verdicts[i]);
		__atomic_store_n(&job.shared->next, i + 1, __ATOMIC_RELEASE);
	}
}

/* The child's first thread: no filter, one probing thread after the other. */
static __attribute__((noreturn)) int supervise(void *arg)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
	                  CLONE_CHILD_CLEARTID;
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct shared *s = job.shared;
	char *stack = arg;

	(void)sigaction(SIGSYS, &trap, NULL);
	/* A test's own handlers would go on with the test in here. */
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGILL, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	while (s->next < job.n) {
		s->thread = 1;
		if (clone(prober, stack, flags, NULL, NULL, NULL, &s->thread) < 0) {
			s->error = errno;
			_exit(1);
		}
		for (uint32_t lives; (lives = __atomic_load_n(&s->thread, __ATOMIC_ACQUIRE)) != 0;)
			(void)syscall(SYS_futex, &s->thread, FUTEX_WAIT, lives, NULL, NULL, 0);
		if (s->next < job.n) {
			job.verdicts[s->next] = GATE_RET_KILL_THREAD;
			s->next++;
		}
	}
	_exit(0);
}

int probe_calls(const struct gate_insn *insns, size_t len, const struct gate_data *calls, size_t n, uint32_t *verdicts,
                char why[160])
{
	const size_t bytes = 4096 + 2 * STACK + n * (sizeof(*calls) + sizeof(*verdicts));
	int result = -1;

	for (size_t i = 0; i < n; i++)
		if (!probe_can(&calls[i])) {
			(void)snprintf(why, 160, "call %zu cannot be made on this host", i);
			return -1;
		}
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		(void)snprintf(why, 160, "no memory to share");
		return -1;
	}
	struct gate_data *copy = (struct gate_data *)(memory + 4096 + 2 * STACK);
	uint32_t *seen = (uint32_t *)(copy + n);
	memcpy(copy, calls, n * sizeof(*calls));
	job.shared = (struct shared *)memory;
	job.insns = insns;
	job.len = len;
	job.calls = copy;
	job.n = n;
	job.verdicts = seen;
	(void)fflush(NULL);
	while (job.shared->next < n) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			const struct rlimit none = { 0, 0 };
			(void)setrlimit(RLIMIT_CORE, &none);
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)supervise(memory + 4096 + 2 * STACK);
		}
		if (pid < 0 || waitpid(pid, &status, 0) < 0) {
			(void)snprintf(why, 160, "no child: %s", strerror(errno));
			goto done;
		}
		if (job.shared->error != 0) {
			(void)snprintf(why, 160, "the kernel refuses the program: %s", strerror(job.shared->error));
			goto done;
		}
		if (WIFEXITED(status) || job.shared->next >= n)
			continue;
		if (WTERMSIG(status) != SIGSYS || job.shared->started == 0) {
			(void)snprintf(why, 160, "call %u: the child died of signal %d", job.shared->next, WTERMSIG(status));
			goto done;
		}
		seen[job.shared->next++] = GATE_RET_KILL_PROCESS;
	}
	memcpy(verdicts, seen, n * sizeof(*verdicts));
	result = 0;
done:
	(void)munmap(memory, bytes);
	return result;
}

#endif
