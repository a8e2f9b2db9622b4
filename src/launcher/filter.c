/* The launcher's own filter: profiles/agent-launcher.json, compiled and proven when callgate was built. */
#include <errno.h>
#include <sys/prctl.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "launcher/parts.h"

static const struct sock_filter instructions[] = {
#include "launcher_filter.inc"
};

int gate_launcher_filter(void)
{
	const struct sock_fprog program = { sizeof(instructions) / sizeof(instructions[0]),
		                            (struct sock_filter *)(uintptr_t)instructions };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
