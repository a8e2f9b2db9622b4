/* eval.c - the slow, obvious evaluator of the native meaning, straight from the file's entries. It shares nothing with
 * resolving but the tables of src/abi, so that the two can be held against each other. */
#include "profile/rules.h"

struct call {
	const struct gate_profile *p;
	const struct gate_facts *facts;
	const struct gate_data *data;
	enum gate_arch arch;
	const struct gate_syscall *sc; /* NULL: no table has the number */
};

static bool lists_word(const struct gate_text *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].s, word) == 0)
			return true;
	return false;
}

static bool lists_some_cap(const struct gate_text *list, size_t n, uint64_t caps, bool held)
{
	for (unsigned cap = 0; cap <= GATE_CAP_LAST; cap++)
		if (((caps >> cap & 1) != 0) == held && lists_word(list, n, gate_cap_name(cap)))
			return true;
	return false;
}

static bool in_force(const struct call *c, const struct gate_entry *e)
{
	const char *host = gate_arch_info(c->facts->arch)->goarch;
	const struct gate_filter *in = &e->includes, *ex = &e->excludes;

	if (lists_word(ex->arches, ex->n_arches, host))
		return false;
	if (lists_some_cap(ex->caps, ex->n_caps, c->facts->caps, true))
		return false;
	if (ex->min_kernel.s != NULL && ex->min_kernel.s[0] != '\0' &&
	    gate_kver_cmp(c->facts->kernel, ex->min_kernel_value) >= 0)
		return false;
	if (in->n_arches > 0 && !lists_word(in->arches, in->n_arches, host))
		return false;
	if (lists_some_cap(in->caps, in->n_caps, c->facts->caps, false))
		return false;
	return in->min_kernel.s == NULL || in->min_kernel.s[0] == '\0' ||
	       gate_kver_cmp(c->facts->kernel, in->min_kernel_value) >= 0;
}

static bool covered(const struct call *c)
{
	const struct gate_profile *p = c->p;
	const char *word = gate_arch_info(c->arch)->scmp, *host = gate_arch_info(c->facts->arch)->scmp;

	if (c->arch == c->facts->arch)
		return true;
	if (c->facts->n_arches > 0) {
		for (size_t i = 0; i < c->facts->n_arches; i++)
			if (c->facts->arches[i] == c->arch)
				return true;
		return false;
	}
	if (lists_word(p->architectures, p->n_architectures, word))
		return true;
	for (size_t i = 0; i < p->n_arch_map; i++)
		if (strcmp(p->arch_map[i].architecture.s, host) == 0)
			return lists_word(p->arch_map[i].subs, p->arch_map[i].n_subs, word);
	return false;
}

static bool arg_holds(const struct call *c, const struct gate_arg *a)
{
	uint64_t arg = c->data->args[a->index], value = a->value, two = a->value_two;

	if (!gate_arch_info(c->arch)->is64 || (c->sc->narrow & 1u << a->index)) {
		arg = (uint32_t)arg;
		value = (uint32_t)value;
		two = (uint32_t)two;
	}
	switch (a->op) {
	case GATE_OP_NE:
		return arg != value;
	case GATE_OP_LT:
		return arg < value;
	case GATE_OP_LE:
		return arg <= value;
	case GATE_OP_EQ:
		return arg == value;
	case GATE_OP_GE:
		return arg >= value;
	case GATE_OP_GT:
		return arg > value;
	case GATE_OP_MASKED_EQ:
		return (arg & value) == (two & value);
	case GATE_OP_MAX:
	default:
		return false;
	}
}

static bool conditions_hold(const struct call *c, const struct gate_entry *e)
{
	bool any = false, all = true, again = false;

	for (size_t i = 0; i < e->n_args; i++) {
		bool holds = arg_holds(c, &e->args[i]);

		any = any || holds;
		all = all && holds;
		for (size_t k = 0; k < i; k++)
			again = again || e->args[k].index == e->args[i].index;
	}
	return again ? any : all;
}

static uint32_t with_errno(const struct call *c, uint32_t action, const struct gate_text *word)
{
	unsigned n = word->s != NULL ? gate_errno_find(c->facts->arch, word->s, word->len) : 0;

	if (n != 0 && (GATE_RET_ACTION(action) == GATE_RET_ERRNO || GATE_RET_ACTION(action) == GATE_RET_TRACE))
		action = GATE_RET_ACTION(action) | n;
	return gate_ret_normal(action);
}

static bool names(const struct gate_entry *e, const char *name)
{
	return lists_word(e->names, e->n_names, name);
}

/* The strictest of the first rule without conditions and the matching rules with conditions; among equals the first in
 * the file. With a base, the others count only when they are stricter or as strict and earlier. */
static bool by_rules(const struct call *c, const char *name, uint32_t *ret)
{
	const struct gate_entry *best = NULL;
	bool based = false;

	for (size_t i = 0; i < c->p->n_entries; i++) {
		const struct gate_entry *e = &c->p->entries[i];

		if (!names(e, name) || !in_force(c, e))
			continue;
		if (e->n_args == 0 && based)
			continue;
		if (e->n_args == 0)
			based = true;
		else if (!conditions_hold(c, e))
			continue;
		if (best == NULL || gate_ret_rank(e->action) > gate_ret_rank(best->action))
			best = e;
	}
	if (best != NULL)
		*ret = with_errno(c, best->action, &best->errno_text);
	return best != NULL;
}

/* The call that hides behind socketcall(2) or ipc(2): decided by its first rule without conditions, unless the
 * multiplexer is named itself. */
static bool by_companion(const struct call *c, uint32_t *ret)
{
	uint32_t sub = (uint32_t)c->data->args[0];

	for (size_t i = 0; i < c->p->n_entries; i++)
		if (names(&c->p->entries[i], gate_name_text(c->sc->name)) && in_force(c, &c->p->entries[i]))
			return false;
	if (strcmp(gate_name_text(c->sc->name), "ipc") == 0)
		sub &= 0xffff;
	for (unsigned name = 0; name < gate_name_count(); name++) {
		uint32_t nr, number;

		if (!gate_syscall_mux(c->arch, name, &nr, &number) || nr != c->data->nr || number != sub)
			continue;
		for (size_t i = 0; i < c->p->n_entries; i++) {
			const struct gate_entry *e = &c->p->entries[i];

			if (e->n_args != 0 || !names(e, gate_name_text(name)) || !in_force(c, e))
				continue;
			*ret = with_errno(c, e->action, &e->errno_text);
			return true;
		}
	}
	return false;
}

static bool younger(const struct call *c)
{
	struct gate_kver age = { 0, 0 }, since;

	if (c->sc == NULL)
		return true;
	since = c->sc->since.major != GATE_KVER_UNKNOWN ? c->sc->since : gate_name_since(c->sc->name);
	for (size_t i = 0; i < c->p->n_entries; i++) {
		for (size_t k = 0; k < c->p->entries[i].n_names; k++) {
			const struct gate_text *t = &c->p->entries[i].names[k];
			int name = gate_name_find(t->s, t->len);
			struct gate_kver v = name >= 0 ? gate_name_since((unsigned)name) : age;

			if (v.major != GATE_KVER_UNKNOWN && gate_kver_cmp(v, age) > 0)
				age = v;
		}
	}
	return since.major != GATE_KVER_UNKNOWN && gate_kver_cmp(since, age) > 0;
}

static uint32_t decide(const struct call *c)
{
	uint32_t ret = with_errno(c, c->p->default_action, &c->p->default_errno_text), act = GATE_RET_ACTION(ret);
	bool denial = act == GATE_RET_KILL_PROCESS || act == GATE_RET_KILL_THREAD || act == GATE_RET_TRAP ||
	              act == GATE_RET_ERRNO;

	if (c->arch == GATE_ARCH_NONE || !covered(c))
		return GATE_RET_KILL_PROCESS;
	if (c->sc != NULL && (by_rules(c, gate_name_text(c->sc->name), &ret) || by_companion(c, &ret)))
		return ret;
	if (denial && younger(c))
		return GATE_RET_ERRNO | gate_arch_info(c->arch)->enosys;
	return ret;
}

int gate_profile_eval(const struct gate_profile *p, const struct gate_facts *facts, const struct gate_data *data,
                      uint32_t *ret, struct gate_err *err)
{
	struct call c = { p, facts, data, gate_arch_of(data->arch, data->nr), NULL };

	if (p->engine != GATE_ENGINE_NATIVE)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "only the native meaning is evaluated from the entries");
	if (gate_arch_info(facts->arch) == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "the native architecture is not known");
	if (c.arch != GATE_ARCH_NONE)
		c.sc = gate_syscall_by_nr(c.arch, data->nr);
	*ret = decide(&c);
	return 0;
}
