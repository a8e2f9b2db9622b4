#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/securebits.h>

#include "run/privilege.h"

#define BIT(cap) (UINT64_C(1) << (cap))

int gate_caller_read(uint64_t asked, struct gate_caller *ret, struct gate_err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	struct gate_caller c = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return GATE_FAIL_SYS(err, "cannot read the caller's capabilities");
	c.permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	c.effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	c.inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
	/* Each question is a system call. What can be dropped need not be asked for: it is taken to be there. */
	bool droppable = (c.effective & BIT(CAP_SETPCAP)) != 0;
	for (int cap = 0; cap < 64; cap++) {
		bool matters = !droppable || (asked & c.permitted & BIT(cap)) != 0;
		int set = matters ? prctl(PR_CAPBSET_READ, cap, 0, 0, 0) : 1;

		/* EINVAL is past the kernel's last one. Anything else taken for the end would leave the rest undropped. */
		if (set < 0 && (errno != EINVAL || cap == 0))
			return GATE_FAIL_SYS(err, "cannot read the bounding set");
		if (set < 0)
			break;
		if (set > 0)
			c.bounding |= BIT(cap);
		/* What is ambient is inheritable, so mostly there is nothing to ask for. */
		if ((c.inheritable & BIT(cap)) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			c.ambient |= BIT(cap);
	}
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	bool noroot = bits > 0 && (bits & SECBIT_NOROOT) != 0;
	c.root = !noroot && (geteuid() == 0 || getuid() == 0);
	*ret = c;
	return 0;
}

/* Which way the filter can go on without a call after it, and without no_new_privs being forced on anybody. */
static enum gate_load choose_load(const struct gate_caller *caller, const struct gate_privilege *p)
{
	const uint64_t dac = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH);
	/* CAP_DAC_OVERRIDE includes what the other may do for execve (generic_permission, fs/namei.c). */
	bool sees_less = (p->program & BIT(CAP_DAC_OVERRIDE)) == 0 && (caller->permitted & dac & ~p->program) != 0;

	if ((caller->effective & BIT(CAP_SYS_ADMIN)) == 0 || (p->program & BIT(CAP_SYS_ADMIN)) != 0)
		return GATE_LOAD_LOWERED;
	/* execve gives root the bounding set and others the ambient one, whatever they had. So once these are lowered the
	 * old privileges can stay until then: that spares the helper. Not where execve would be permitted with them, and
	 * refused to the program itself. */
	bool exact = !caller->root || (caller->bounding & ~p->program) == 0 || p->drop_bounding;
	return exact && !sees_less ? GATE_LOAD_LATE : GATE_LOAD_HELPER;
}

void gate_privilege_plan(const struct gate_caller *caller, uint64_t asked, bool no_new_privs, bool unconfined,
                         struct gate_privilege *ret)
{
	struct gate_privilege p = { .no_new_privs = no_new_privs };

	/* Root gets its bounding set from execve, others what is ambient (capabilities(7), transformation during
	 * execve). Either way no more than asked, and no more than the caller has. */
	p.program = asked & caller->permitted & (caller->root ? caller->bounding : caller->ambient);
	p.inheritable = caller->root ? 0 : p.program;
	p.bounding = asked & caller->permitted;
	p.drop_bounding = (caller->bounding & ~p.bounding) != 0 && (caller->effective & BIT(CAP_SETPCAP)) != 0;
	/* A bounding set that cannot be lowered would let root, or a set-user-ID program, gain what was not asked for:
	 * with no_new_privs execve gives nothing that was not there (cap_bprm_creds_from_file, security/commoncap.c). */
	if (!p.drop_bounding && (caller->bounding & ~asked) != 0)
		p.no_new_privs = true;
	/* seccomp(2): EACCES without CAP_SYS_ADMIN, unless no_new_privs is set. */
	if (!unconfined && (caller->effective & BIT(CAP_SYS_ADMIN)) == 0)
		p.no_new_privs = true;
	p.load = unconfined ? GATE_LOAD_NOTHING : choose_load(caller, &p);
	p.permitted = p.load == GATE_LOAD_LATE ? caller->permitted : p.program;
	p.lowers = p.permitted != caller->permitted;
	*ret = p;
}
