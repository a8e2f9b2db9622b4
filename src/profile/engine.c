/* engine.c - what an engine's runtime makes of a profile with libseccomp: which rules reach it, in which order, and
 * runc's answer for calls above the highest one named (libcontainer/seccomp/patchbpf/enosys_linux.go). */
#include "profile/engine.h"

static bool stubbed(const struct gate_build *b)
{
	uint32_t action = GATE_RET_ACTION(b->default_action);

	return b->d->runtime == GATE_RUNTIME_RUNC && action != GATE_RET_ALLOW && action != GATE_RET_LOG &&
	       action != GATE_RET_TRACE;
}

static int engine_arch(struct gate_build *b, const struct gate_arch_info *arch)
{
	b->limit = UINT32_MAX;
	b->unknown = b->otherwise;
	b->zero_above = false;
	if (!stubbed(b))
		return 0;
	for (size_t i = gate_syscall_count(arch->arch); i-- > 0 && b->limit == UINT32_MAX;) {
		const struct gate_syscall *sc = gate_syscall_at(arch->arch, i);

		if (b->head[sc->name] != 0)
			b->limit = sc->nr;
	}
	if (b->limit == UINT32_MAX)
		return 0;
	/* runc writes the host's ENOSYS, unix.ENOSYS, on every ABI. */
	b->zero_above = arch->arch == GATE_ARCH_S390 || arch->arch == GATE_ARCH_S390X;
	return gate_build_constant(b, GATE_RET_ERRNO | gate_arch_info(b->facts->arch)->enosys, GATE_WHY_ENOSYS,
	                           b->p->default_action_text.at, &b->above);
}

/* libseccomp leaves out rules that say the default action (-EACCES); runc and crun skip them before. */
static bool skipped(const struct gate_build *b, const struct gate_ref *ref)
{
	return b->actions[ref->entry] == b->default_action;
}

static int engine_call(struct gate_build *b, const struct gate_arch_info *arch, const struct gate_syscall *sc,
                       struct gate_list *ret)
{
	uint32_t i = b->head[sc->name];

	while (i != 0 && skipped(b, &b->refs[i - 1]))
		i = b->refs[i - 1].next;
	if (gate_mux_number(arch->arch, sc))
		return gate_engine_rules(b, arch, sc, ret);
	if (i == 0) {
		*ret = b->otherwise;
		return 0;
	}
	if (b->p->entries[b->refs[i - 1].entry].n_args == 0)
		return gate_build_alone(b, &b->refs[i - 1], ret); /* the first without conditions decides */
	return gate_engine_rules(b, arch, sc, ret);
}

/* --- errors that only show when rules are added --- */

static int notify_error(struct gate_build *b, const struct gate_entry *e)
{
	const struct gate_profile *p = b->p;

	for (size_t i = 0; i < e->n_names; i++)
		if (strcmp(e->names[i].s, "write") == 0)
			return GATE_FAIL_AT(b->err, e->names[i].at, GATE_E_INVALID,
			                    "SCMP_ACT_NOTIFY cannot be used for the write syscall");
	if (p->listener_path.len == 0)
		return GATE_FAIL_AT(b->err, e->action_text.at, GATE_E_INVALID, "seccomp listenerPath is not set");
	return 0;
}

static int check(struct gate_build *b)
{
	for (size_t e = 0; e < b->p->n_entries; e++) {
		const struct gate_entry *entry = &b->p->entries[e];

		if (b->in_force[e] && b->d->runtime == GATE_RUNTIME_RUNC && entry->action == GATE_RET_NOTIFY &&
		    notify_error(b, entry) < 0)
			return -1;
	}
	return 0;
}

int gate_resolve_engine(struct gate_build *b)
{
	if (check(b) < 0)
		return -1;
	b->begin_arch = engine_arch;
	b->call = engine_call;
	return gate_build_tokens(b);
}
