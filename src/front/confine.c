#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <sys/capability.h>

#include "front/front.h"

static const struct sock_filter instructions[] = {
#include "front_filter.inc"
};

static bool has_capabilities(void)
{
	cap_t caps = cap_get_proc(), none = cap_init();
	bool some = caps == NULL || none == NULL || cap_compare(caps, none) != 0;

	(void)cap_free(caps);
	(void)cap_free(none);
	return some;
}

int gate_confine_early(struct gate_err *err)
{
	const struct rlimit none = { 0, 0 };

	if (getuid() == 0 || geteuid() == 0 || has_capabilities())
		return GATE_FAIL(err, GATE_E_DENIED, "it has rights: `callgate agent` starts it as a user without any");
	/* Its memory has what definitions say in env: nobody but root looks into it, and no file gets it. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return GATE_FAIL_SYS(err, "cannot keep its memory to itself");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return GATE_FAIL_SYS(err, "cannot give up new privileges");
	return 0;
}

int gate_confine(struct gate_err *err)
{
	const struct sock_fprog program = { GATE_ARRAY_LEN(instructions),
		                            (struct sock_filter *)(uintptr_t)instructions };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0
	           ? 0
	           : GATE_FAIL_SYS(err, "cannot load its filter");
}
