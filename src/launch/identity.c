#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>

#include "launch/launch.h"
#include "launch/sys.h"

int gate_step_bounding(struct gate_launch *l, const struct gate_row *row)
{
	for (int cap = 0; cap < 64; cap++) {
		if ((row->a >> cap & 1) != 0)
			continue;
		l->report->object = cap;
		long got = gate_sys(SYS_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		/* EINVAL tells that the kernel's last capability is behind us. */
		if (got == -EINVAL && cap > 0 && gate_sys(SYS_prctl, PR_CAPBSET_READ, cap, 0, 0, 0) == -EINVAL)
			break;
		if (got < 0)
			return (int)got;
	}
	l->report->object = 0;
	return 0;
}

/* Groups first: afterwards there is no right to. What setresuid takes away of the permitted set, KEEPCAPS keeps; the
 * CAPABILITIES row sets what remains. */
int gate_step_ids(struct gate_launch *l, const struct gate_row *row)
{
	long got = gate_sys(SYS_setgroups, row->flags, gate_plan_text(l->view->plan, row->text[0]));

	if (got == 0)
		got = gate_sys(SYS_setresgid, row->b, row->b, row->b);
	if (got == 0)
		got = gate_sys(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (got == 0)
		got = gate_sys(SYS_setresuid, row->a, row->a, row->a);
	/* Ids that change clear the parent-death signal (commit_creds, kernel/cred.c), and it may have died since. */
	return got < 0 ? (int)got : gate_launch_tie(l);
}

/* Ambient capabilities that stay are cut by the kernel to what is permitted and inheritable (cap_capset); setresuid from
 * root took them all. */
static int raise_ambient(struct gate_launch *l, uint64_t mask)
{
	for (int cap = 0; cap < 64; cap++) {
		if ((mask >> cap & 1) == 0)
			continue;
		l->report->object = cap;
		if (gate_sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			continue;
		long got = gate_sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
		if (got < 0)
			return (int)got;
	}
	l->report->object = 0;
	return 0;
}

int gate_step_capabilities(struct gate_launch *l, const struct gate_row *row)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const struct __user_cap_data_struct data[2] = {
		{ (uint32_t)row->a, (uint32_t)row->a, (uint32_t)row->b },
		{ (uint32_t)(row->a >> 32), (uint32_t)(row->a >> 32), (uint32_t)(row->b >> 32) },
	};

	long got = gate_sys(SYS_capset, &head, data);
	return got < 0 ? (int)got : raise_ambient(l, row->b);
}

int gate_step_no_new_privs(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	(void)row;
	return (int)gate_sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int gate_step_unblock(struct gate_launch *l, const struct gate_row *row)
{
	const uint64_t none = 0;

	(void)l;
	(void)row;
	return (int)gate_sys(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}
