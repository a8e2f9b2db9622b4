/* What the kernel's action values mean. */
#include "policy/space.h"

#define MAX_ERRNO 4095u /* include/linux/err.h; __seccomp_filter caps the data of ERRNO at it */

static const struct {
	uint32_t action;
	const char *word;
	bool data; /* the low 16 bits reach somebody */
} actions[] = {
	/* in the kernel's order, the loosest first: the position is the rank */
	{ GATE_RET_ALLOW, "allow", false },
	{ GATE_RET_LOG, "log", false },
	{ GATE_RET_TRACE, "trace", true }, /* PTRACE_GETEVENTMSG */
	{ GATE_RET_NOTIFY, "notify", false },
	{ GATE_RET_ERRNO, "errno", true },
	{ GATE_RET_TRAP, "trap", true }, /* si_errno */
	{ GATE_RET_KILL_THREAD, "kill_thread", false },
	{ GATE_RET_KILL_PROCESS, "kill_process", false },
};

static unsigned row(uint32_t ret)
{
	unsigned i = 0;

	while (i < GATE_ARRAY_LEN(actions) - 1 && actions[i].action != GATE_RET_ACTION(ret))
		i++;
	return i; /* an unknown action kills the process, since Linux 4.14 */
}

uint32_t gate_ret_normal(uint32_t ret)
{
	unsigned i = row(ret);
	uint32_t data = actions[i].data ? GATE_RET_DATA(ret) : 0;

	if (actions[i].action == GATE_RET_ERRNO && data > MAX_ERRNO)
		data = MAX_ERRNO;
	return actions[i].action | data;
}

int gate_ret_rank(uint32_t ret)
{
	return (int)row(ret);
}

const char *gate_ret_word(uint32_t ret)
{
	return actions[row(ret)].word;
}
