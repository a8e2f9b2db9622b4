/* engine_rules.c - the rules of one number in the order in which the runtime adds them. */
#include "profile/engine.h"

/* A program has at most 4096 instructions, and each of these needs one. It also bounds the work of merging. */
#define RULES_MAX 4096

struct batch {
	struct gate_build *b;
	const struct gate_arch_info *arch;
	struct gate_scmp_rule *rules;
	size_t n, cap;
};

bool gate_mux_number(enum gate_arch arch, const struct gate_syscall *sc)
{
	const char *name = gate_name_text(sc->name);

	(void)arch;
	return name[0] == 's' ? strcmp(name, "socketcall") == 0 : name[0] == 'i' && strcmp(name, "ipc") == 0;
}

static struct gate_scmp_rule *add(struct batch *t, const struct gate_ref *ref)
{
	struct gate_scmp_rule *rule;

	if (t->n == t->cap) {
		size_t cap = t->cap != 0 ? t->cap * 2 : 8;
		struct gate_scmp_rule *more = GATE_NEWS(&t->b->brief, struct gate_scmp_rule, cap);

		if (more == NULL)
			return NULL;
		if (t->n != 0)
			memcpy(more, t->rules, t->n * sizeof(*more));
		t->rules = more;
		t->cap = cap;
	}
	rule = &t->rules[t->n++];
	*rule = (struct gate_scmp_rule){ .action = t->b->actions[ref->entry],
		                         .entry = ref->entry,
		                         .at = t->b->p->entries[ref->entry].names[ref->name].at,
		                         .order = (uint32_t)t->n };
	return rule;
}

static void set_arg(struct gate_scmp_rule *rule, const struct gate_arg *a)
{
	bool masked = a->op == GATE_OP_MASKED_EQ;

	rule->args[a->index] =
	    (struct gate_scmp_arg){ true, a->op, masked ? a->value : UINT64_MAX, masked ? a->value_two : a->value };
}

/* The multiplexed form replaces the test of argument 0 by the number of the call (abi_rule_add). */
static void set_sub(struct gate_scmp_rule *rule, const uint32_t *sub)
{
	if (sub != NULL)
		rule->args[0] = (struct gate_scmp_arg){ true, GATE_OP_EQ, UINT64_MAX, *sub };
}

static int add_ref(struct batch *t, const struct gate_ref *ref, const uint32_t *sub)
{
	const struct gate_entry *e = &t->b->p->entries[ref->entry];
	bool any = gate_entry_repeats(e);
	struct gate_scmp_rule *rule = any ? NULL : add(t, ref);

	if (!any && rule == NULL)
		return gate_build_nomem(t->b);
	for (size_t i = 0; i < e->n_args; i++) {
		if (any && (rule = add(t, ref)) == NULL)
			return gate_build_nomem(t->b);
		set_arg(rule, &e->args[i]);
		set_sub(rule, sub);
	}
	set_sub(rule, sub);
	return 0;
}

static int add_name(struct batch *t, unsigned name, const uint32_t *sub)
{
	for (uint32_t i = t->b->head[name]; i != 0; i = t->b->refs[i - 1].next) {
		const struct gate_ref *ref = &t->b->refs[i - 1];

		if (t->b->actions[ref->entry] != t->b->default_action && add_ref(t, ref, sub) < 0)
			return -1;
	}
	return 0;
}

static int by_file_order(const void *a, const void *b)
{
	const struct gate_scmp_rule *x = a, *y = b;

	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int collect(struct batch *t, const struct gate_syscall *sc)
{
	if (add_name(t, sc->name, NULL) < 0)
		return -1;
	if (!gate_mux_number(t->arch->arch, sc))
		return 0;
	for (unsigned name = 0; name < gate_name_count(); name++) {
		uint32_t nr, sub;

		if (t->b->head[name] != 0 && gate_syscall_mux(t->arch->arch, name, &nr, &sub) && nr == sc->nr &&
		    add_name(t, name, &sub) < 0)
			return -1;
	}
	if (t->n > 1) /* rules of several names meet on one number */
		qsort(t->rules, t->n, sizeof(*t->rules), by_file_order);
	return 0;
}

static int conflict(struct gate_build *b, const struct gate_scmp_rule *r, const struct gate_syscall *sc)
{
	const char *name = gate_name_text(sc->name);

	switch (b->d->runtime) {
	case GATE_RUNTIME_RUNC:
		return GATE_FAIL_AT(b->err, r->at, GATE_E_CONFLICT,
		                    "error adding seccomp rule for syscall %s: file exists", name);
	case GATE_RUNTIME_MESOS:
		return GATE_FAIL_AT(b->err, r->at, GATE_E_CONFLICT,
		                    "Failed to add rule for syscall '%s' with action '%s': File exists", name,
		                    b->p->entries[r->entry].action_text.s + strlen("SCMP_"));
	case GATE_RUNTIME_CRUN:
	case GATE_RUNTIME_NONE:
	default:
		return GATE_FAIL_AT(
		    b->err, r->at, GATE_E_CONFLICT,
		    "the rules for '%s' have the same condition and another action: libseccomp says 'file exists'",
		    name);
	}
}

/* libseccomp calls ABIs with 32-bit pointers 32-bit and looks at low words only, although registers have 64. */
static bool wide(const struct gate_arch_info *arch)
{
	return arch->is64 && arch->arch != GATE_ARCH_X32 && arch->arch != GATE_ARCH_MIPS64N32 &&
	       arch->arch != GATE_ARCH_MIPSEL64N32;
}

static int merged(struct gate_build *b, const struct gate_arch_info *arch, const struct gate_syscall *sc,
                  struct gate_list *ret)
{
	struct batch t = { b, arch, NULL, 0, 0 };
	const struct gate_scmp_rule *culprit = NULL;
	struct gate_case *walked, *cases;
	uint32_t n;
	int rc;

	if (collect(&t, sc) < 0)
		return -1;
	if (t.n > RULES_MAX)
		return GATE_FAIL_AT(b->err, t.rules[RULES_MAX].at, GATE_E_LIMIT,
		                    "more than %d rules for '%s': no filter can hold them", RULES_MAX,
		                    gate_name_text(sc->name));
	rc = gate_scmp_cases(&b->rules->arena, &b->brief, t.rules, t.n, wide(arch), &walked, &n, &culprit);
	if (rc == -2)
		return conflict(b, culprit, sc);
	if (rc < 0)
		return gate_build_nomem(b);
	for (uint32_t i = 0; i < n; i++)
		if (walked[i].n_conds == 0)
			n = i + 1; /* nothing behind it is reached */
	cases = GATE_NEWS(&b->rules->arena, struct gate_case, (size_t)n + 1);
	if (cases == NULL)
		return gate_build_nomem(b);
	if (n != 0)
		memcpy(cases, walked, n * sizeof(*cases));
	if (n == 0 || cases[n - 1].n_conds != 0)
		cases[n++] = *b->otherwise.cases;
	*ret = (struct gate_list){ cases, n };
	return 0;
}

int gate_engine_rules(struct gate_build *b, const struct gate_arch_info *arch, const struct gate_syscall *sc,
                      struct gate_list *ret)
{
	int rc = merged(b, arch, sc, ret);

	gate_arena_done(&b->brief);
	return rc;
}
