#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/magic.h>

#include <callgate/abi.h>

#include "kernel/audit.h"
#include "kernel/filters.h"
#include "kernel/host_probe.h"
#include "kernel/proc.h"
#include "kernel/seccomp.h"

__attribute__((format(printf, 2, 3))) static void say(struct gate_host_text value, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(value.text, value.size, format, ap);
	va_end(ap);
}

static enum gate_host_state state(int answer)
{
	return answer < 0 ? GATE_HOST_UNKNOWN : answer > 0 ? GATE_HOST_YES : GATE_HOST_NO;
}

/* Runs `fn` in a child and gives its exit status; -1 when it was killed or could not start. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* A fault is an answer here, not something to leave a core file for. */
		(void)prctl(PR_SET_DUMPABLE, 0);
		/* Nor for a handler of the caller's. */
		(void)signal(SIGSEGV, SIG_DFL);
		(void)signal(SIGSYS, SIG_DFL);
		_exit(fn());
	}
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum gate_host_state gate_probe_action(unsigned long arg, struct gate_host_text value)
{
	(void)value;
	return state(gate_seccomp_has_action((uint32_t)arg));
}

enum gate_host_state gate_probe_flag(unsigned long arg, struct gate_host_text value)
{
	(void)value;
	return state(gate_seccomp_has_flag(arg));
}

enum gate_host_state gate_probe_notif_sizes(unsigned long arg, struct gate_host_text value)
{
	struct gate_notif_sizes sizes;

	(void)arg;
	if (gate_seccomp_notif_sizes(&sizes) < 0)
		return GATE_HOST_NO;
	say(value, "notification %u, response %u, data %u bytes", sizes.notif, sizes.resp, sizes.data);
	return GATE_HOST_YES;
}

/* include/uapi/linux/seccomp.h, newer than Debian's headers. */
struct addfd {
	uint64_t id;
	uint32_t flags, srcfd, newfd, newfd_flags;
};
#define NOTIF_ADDFD     _IOW('!', 3, struct addfd)
#define NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)

static int ask_listener(void)
{
	static const struct gate_insn allow[] = { { 0x06, 0, 0, GATE_RET_ALLOW } };
	int fd, found = 0;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (gate_seccomp_load(allow, 1, GATE_SECCOMP_NEW_LISTENER, &fd, NULL) < 0)
		return 0;
	found |= GATE_NOTIF_LISTENER;
	/* An unknown request or flag is EINVAL; a known one gets as far as the bad descriptor. */
	struct addfd add = { .srcfd = UINT32_MAX };
	if (ioctl(fd, NOTIF_ADDFD, &add) < 0 && errno == EBADF)
		found |= GATE_NOTIF_ADDFD;
	add.flags = 2; /* SECCOMP_ADDFD_FLAG_SEND, 5.14 */
	if (ioctl(fd, NOTIF_ADDFD, &add) < 0 && errno == EBADF)
		found |= GATE_NOTIF_ADDFD_SEND;
	if (ioctl(fd, NOTIF_SET_FLAGS, 1UL) == 0)
		found |= GATE_NOTIF_SYNC_WAKE_UP;
	return found;
}

enum gate_host_state gate_probe_notif_ioctl(unsigned long arg, struct gate_host_text value)
{
	int found = in_child(ask_listener);

	if (found < 0 || (found & GATE_NOTIF_LISTENER) == 0) {
		say(value, "no listener could be made to ask");
		return found < 0 ? GATE_HOST_UNKNOWN : GATE_HOST_NO;
	}
	return (found & (int)arg) != 0 ? GATE_HOST_YES : GATE_HOST_NO;
}

enum gate_host_state gate_probe_pidfd_getfd(unsigned long arg, struct gate_host_text value)
{
	(void)arg;
	(void)value;
	(void)syscall(SYS_pidfd_getfd, -1, -1, 0);
	return errno == EBADF ? GATE_HOST_YES : errno == ENOSYS ? GATE_HOST_NO : GATE_HOST_UNKNOWN;
}

enum gate_host_state gate_probe_audit(unsigned long arg, struct gate_host_text value)
{
	struct gate_audit audit = GATE_AUDIT_INIT;
	struct gate_err err = GATE_ERR_INIT;
	enum gate_host_state found = GATE_HOST_YES;

	if (arg == GATE_AUDIT_ASK_FENCE)
		return gate_probe_cap(CAP_AUDIT_WRITE, value);
	if (gate_audit_open(&audit, true, &err) < 0) {
		say(value, "%s", err.text);
		return GATE_HOST_NO;
	}
	uint32_t since, total;
	if (arg == GATE_AUDIT_ASK_LOST && gate_audit_lost(&audit, &since, &total)) {
		say(value, "%u lost since the kernel started", total);
	} else if (arg == GATE_AUDIT_ASK_LOST) {
		say(value, "reading it needs CAP_AUDIT_CONTROL");
		found = GATE_HOST_NO;
	}
	gate_audit_close(&audit);
	return found;
}

enum gate_host_state gate_probe_logged(unsigned long arg, struct gate_host_text value)
{
	static const char *const all[] = {
		"kill_process", "kill_thread", "trap", "errno", "user_notif", "trace", "log"
	};

	(void)arg;
	if (gate_proc_read("/proc/sys/kernel/seccomp/actions_logged", value.text, value.size) < 0) {
		say(value, "the file is not there");
		return GATE_HOST_UNKNOWN;
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(all); i++)
		if (gate_seccomp_logs(all[i]) != 1)
			return GATE_HOST_NO;
	return GATE_HOST_YES;
}

enum gate_host_state gate_probe_jit(unsigned long arg, struct gate_host_text value)
{
	long long number;

	if (gate_proc_number(arg == 0 ? "/proc/sys/net/core/bpf_jit_enable" : "/proc/sys/net/core/bpf_jit_harden",
	                     &number) < 0) {
		/* Shown in the first network namespace only; with CONFIG_BPF_JIT_ALWAYS_ON it cannot be off. */
		say(value, "cannot be read");
		return GATE_HOST_UNKNOWN;
	}
	say(value, "%lld", number);
	return number != 0 ? GATE_HOST_YES : GATE_HOST_NO;
}

enum gate_host_state gate_probe_btf(unsigned long arg, struct gate_host_text value)
{
	(void)arg;
	(void)value;
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? GATE_HOST_YES : GATE_HOST_NO;
}

#if defined(__x86_64__)
static int call_x86(void)
{
	long result;

	/* getpid by the gate of 32-bit programs: a fault where the kernel has none. */
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return result == getpid();
}

static int call_x32(void)
{
	return syscall(0x40000000 | SYS_getpid) == getpid();
}
#endif

enum gate_host_state gate_probe_abi(unsigned long arg, struct gate_host_text value)
{
#if defined(__x86_64__)
	(void)value;
	return in_child(arg == GATE_ARCH_X32 ? call_x32 : call_x86) == 1 ? GATE_HOST_YES : GATE_HOST_NO;
#else
	(void)arg;
	say(value, "not an x86_64 host");
	return GATE_HOST_NO;
#endif
}

enum gate_host_state gate_probe_cap(unsigned long arg, struct gate_host_text value)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	(void)value;
	if (syscall(SYS_capget, &head, data) < 0)
		return GATE_HOST_UNKNOWN;
	return (data[arg / 32].effective >> arg % 32 & 1) != 0 ? GATE_HOST_YES : GATE_HOST_NO;
}

enum gate_host_state gate_probe_filter_read(unsigned long arg, struct gate_host_text value)
{
	static const struct gate_insn allow[] = { { 0x06, 0, 0, GATE_RET_ALLOW } };
	struct gate_filters filters = { 0 };
	struct gate_err err = GATE_ERR_INIT;
	int ready[2];
	char byte;

	(void)arg;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return GATE_HOST_UNKNOWN;
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(ready[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (gate_seccomp_load(allow, 1, 0, NULL, NULL) == 0 && write(ready[1], "", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	(void)close(ready[1]);
	bool asked = pid > 0 && read(ready[0], &byte, 1) == 1;
	(void)close(ready[0]);
	int result = asked ? gate_filters_of(pid, &filters, &err) : -1;
	if (result < 0)
		say(value, "%s", asked ? err.text : "no child with a filter could be made");
	bool same = result == 0 && filters.n >= 1 && filters.items[0].len == 1;
	gate_filters_done(&filters);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return same ? GATE_HOST_YES : asked ? GATE_HOST_NO : GATE_HOST_UNKNOWN;
}

enum gate_host_state gate_probe_clone3(unsigned long arg, struct gate_host_text value)
{
	(void)arg;
	(void)value;
	/* A size of 0 is EINVAL where the call exists; container engines answer ENOSYS for it. */
	(void)syscall(SYS_clone3, NULL, 0);
	return errno == EINVAL ? GATE_HOST_YES : errno == ENOSYS ? GATE_HOST_NO : GATE_HOST_UNKNOWN;
}

enum gate_host_state gate_probe_self(unsigned long arg, struct gate_host_text value)
{
	char text[8192];
	uint64_t mode, count;

	(void)arg;
	if (gate_proc_read("/proc/self/status", text, sizeof(text)) < 0 || !gate_proc_field(text, "Seccomp", 10, &mode))
		return GATE_HOST_UNKNOWN;
	if (mode != 0 && gate_proc_field(text, "Seccomp_filters", 10, &count))
		say(value, "under %llu filters", (unsigned long long)count);
	return mode == 0 ? GATE_HOST_YES : GATE_HOST_NO;
}
