/* The keeper's own filter: src/keeper/keeper.json, compiled and proven when the keeper was built. */
#include <errno.h>
#include <sys/prctl.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "keeper/keeper.h"

static const struct sock_filter instructions[] = {
#include "keeper_filter.inc"
};

int gate_keeper_filter(void)
{
	const struct sock_fprog program = { sizeof(instructions) / sizeof(instructions[0]),
		                            (struct sock_filter *)(uintptr_t)instructions };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}
