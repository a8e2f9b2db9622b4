#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "kernel/proc.h"
#include "kernel/seccomp.h"

static long seccomp(unsigned op, unsigned long flags, void *arg)
{
	return syscall(SYS_seccomp, op, flags, arg);
}

int gate_seccomp_load(const struct gate_insn *insns, size_t len, unsigned long flags, int *ret, struct gate_err *err)
{
	if (len == 0 || len > GATE_BPF_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a program of %zu instructions is outside the kernel's 1 to %d",
		                 len, GATE_BPF_MAX);
	/* struct gate_insn has the layout of struct sock_filter (callgate/bpf.h). */
	struct sock_fprog prog = { .len = (unsigned short)len, .filter = (void *)(uintptr_t)insns };
	long got = seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);

	if (got < 0)
		return GATE_FAIL_SYS(err, "cannot load a filter of %zu instructions", len);
	/* With TSYNC and without TSYNC_ESRCH a thread that cannot follow is returned as its id. */
	if (got > 0 && (flags & GATE_SECCOMP_NEW_LISTENER) == 0)
		return GATE_FAIL(err, GATE_E_CONFLICT, "thread %ld cannot take the filter: it has another chain", got);
	if (ret != NULL)
		*ret = (int)got;
	return 0;
}

int gate_seccomp_has_action(uint32_t action)
{
	if (seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return 1;
	return errno == EOPNOTSUPP ? 0 : -1;
}

int gate_seccomp_has_flag(unsigned long flag)
{
	if (flag == GATE_SECCOMP_WAIT_KILLABLE)
		flag |= GATE_SECCOMP_NEW_LISTENER;
	/* The flags are checked before the program is read: EFAULT tells that they passed (seccomp(2), and the
	 * kernel's own selftest detect_seccomp_filter_flags). */
	if (seccomp(SECCOMP_SET_MODE_FILTER, flag, NULL) == 0)
		return -1;
	return errno == EFAULT ? 1 : errno == EINVAL ? 0 : -1;
}

int gate_seccomp_notif_sizes(struct gate_notif_sizes *ret)
{
	struct seccomp_notif_sizes sizes;

	if (seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return -1;
	*ret = (struct gate_notif_sizes){ sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data };
	return 0;
}

int gate_seccomp_logs(const char *word)
{
	char text[256];
	size_t len = strlen(word);

	if (gate_proc_read("/proc/sys/kernel/seccomp/actions_logged", text, sizeof(text)) < 0)
		return -1;
	for (const char *p = text; (p = strstr(p, word)) != NULL; p += len) {
		bool starts = p == text || p[-1] == ' ';

		if (starts && (p[len] == ' ' || p[len] == '\0'))
			return 1;
	}
	return 0;
}
