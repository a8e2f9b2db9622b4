/* lint_entry.c - names and conditions of one entry. */
#include "profile/lint.h"
#include "profile/words.h"

/* --- T8: names --- */

#define LISTED 100 /* unknown names: each costs a walk over all known ones, and a hostile file has 30,000 */

/* Releases of libseccomp with the kernel that their tables were made for. Distributions in use ship the first ones.
 */
static const struct {
	const char *version;
	struct gate_kver kernel;
} libraries[] = {
	{ "2.5.4", { 5, 17 } },
	{ "2.5.5", { 6, 7 } },
	{ "2.6.0", { 6, 13 } },
	{ "2.6.1", { 7, 1 } },
};

static bool denies(uint32_t action)
{
	return gate_ret_rank(action) > gate_ret_rank(GATE_RET_NOTIFY);
}

/* A denial is dropped in silence by a library that does not know the name; an allow merely stays denied. */
static void new_denial(struct gate_lint *l, const struct gate_text *t, unsigned name)
{
	struct gate_kver since = gate_name_since(name);
	const char *needs = NULL;

	if (since.major == GATE_KVER_UNKNOWN || gate_kver_cmp(since, libraries[0].kernel) <= 0)
		return;
	for (size_t i = 1; i < GATE_ARRAY_LEN(libraries) && needs == NULL; i++)
		if (gate_kver_cmp(since, libraries[i].kernel) <= 0)
			needs = libraries[i].version;
	if (needs != NULL)
		gate_lint_say(l, GATE_LINT_NEW_DENIAL, t->at, "libseccomp before %s does not know '%s'", needs, t->s);
}

/* Mesos bundles libseccomp 2.3.3, whose tables are those of Linux 4.15, and refuses what it does not know. */
static void too_new_for_mesos(struct gate_lint *l, const struct gate_text *t, unsigned name)
{
	struct gate_kver since = gate_name_since(name);

	if (since.major != GATE_KVER_UNKNOWN && gate_kver_cmp(since, (struct gate_kver){ 4, 15 }) > 0)
		gate_lint_say(l, GATE_LINT_MESOS_LIBRARY, t->at,
		              "libseccomp 2.3.3, which mesos bundles, does not know '%s'", t->s);
}

/* The name that was probably meant: behind a prefix of the kernel's or of C headers, by number, or spelt alike. */
static const char *meant(const struct gate_lint *l, const struct gate_text *t)
{
	static const char *const prefixes[] = { "sys_", "SYS_", "__NR_", "__x64_sys_", "__ia32_sys_", "__sys_" };
	uint64_t nr;

	for (size_t i = 0; i < GATE_ARRAY_LEN(prefixes); i++) {
		size_t n = strlen(prefixes[i]);
		int name = t->len > n && memcmp(t->s, prefixes[i], n) == 0 ? gate_name_find(t->s + n, t->len - n) : -1;

		if (name >= 0)
			return gate_name_text((unsigned)name);
	}
	if (gate_u64_parse(t->s, t->len, UINT32_MAX, &nr) == 0) {
		const struct gate_syscall *sc = gate_syscall_by_nr(l->facts->arch, (uint32_t)nr);

		return sc != NULL ? gate_name_text(sc->name) : NULL;
	}
	return gate_name_suggest(t->s, t->len);
}

static void unknown_name(struct gate_lint *l, const struct gate_text *t)
{
	const char *near;

	if (l->unknown_names++ >= LISTED) {
		gate_lint_say(l, GATE_LINT_MORE_UNKNOWN, t->at,
		              "more than %d unknown system calls: the others are not listed", LISTED);
		return;
	}
	near = meant(l, t);
	gate_lint_say(l, GATE_LINT_UNKNOWN_CALL, t->at, "unknown system call '%s'%s%s%s", gate_show(t->s, t->len).s,
	              near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static void names(struct gate_lint *l, const struct gate_entry *e)
{
	bool stricter = denies(e->action) && gate_ret_rank(e->action) > gate_ret_rank(l->p->default_action);

	for (size_t i = 0; i < e->n_names; i++) {
		const struct gate_text *t = &e->names[i];
		int name = gate_name_find(t->s, t->len);

		if (t->len == 0)
			continue;                                  /* reading said so */
		if (name < 0 && l->p->engine != GATE_ENGINE_MESOS) /* which refuses it */
			unknown_name(l, t);
		else if (name >= 0 && l->p->engine == GATE_ENGINE_MESOS)
			too_new_for_mesos(l, t, (unsigned)name);
		else if (name >= 0 && stricter)
			new_denial(l, t, (unsigned)name);
	}
}

/* --- conditions --- */

/* The entry's first name that a check is about; -1 when no table has it. */
static int first_name(const struct gate_entry *e, const char **ret)
{
	for (size_t i = 0; i < e->n_names; i++) {
		int name = gate_name_find(e->names[i].s, e->names[i].len);

		*ret = e->names[i].s;
		if (name >= 0)
			return name;
	}
	return -1;
}

/* T18: on every covered ABI that has the call and whose number of arguments is known. */
static bool beyond(const struct gate_lint *l, unsigned name, uint32_t index, unsigned *most)
{
	bool any = false;

	*most = 0;
	for (size_t i = 0; i < l->cover.n; i++) {
		const struct gate_syscall *sc = gate_syscall_of(l->cover.arches[i], name);

		if (sc == NULL)
			continue;
		if (sc->n_args == GATE_NARGS_UNKNOWN || index < sc->n_args)
			return false;
		*most = sc->n_args > *most ? sc->n_args : *most;
		any = true;
	}
	return any;
}

/* Comparing a pointer with 0 tells whether there is one: everything else compares an address. */
static bool is_pointer(const struct gate_lint *l, unsigned name, const struct gate_arg *a)
{
	bool any = false;

	if ((a->op != GATE_OP_MASKED_EQ && a->value == 0) || strcmp(gate_name_text(name), "clone") == 0)
		return false;
	for (size_t i = 0; i < l->cover.n; i++) {
		const struct gate_syscall *sc = gate_syscall_of(l->cover.arches[i], name);

		if (sc != NULL && (sc->pointers >> a->index & 1) == 0)
			return false;
		any |= sc != NULL;
	}
	return any;
}

static bool is_s390(enum gate_arch arch)
{
	return arch == GATE_ARCH_S390 || arch == GATE_ARCH_S390X;
}

static void clone_arg(struct gate_lint *l, const struct gate_entry *e, const struct gate_arg *a)
{
	uint32_t flags_in = is_s390(l->facts->arch) ? 1 : 0;

	for (size_t i = 0; i < e->n_names; i++)
		if (gate_lint_is(&e->names[i], "clone") && a->index < 2 && a->index != flags_in)
			gate_lint_say(l, GATE_LINT_CLONE_ARG, a->index_at.line != 0 ? a->index_at : a->at,
			              "the flags of 'clone' are argument %u on %s, not %u", flags_in,
			              gate_arch_info(l->facts->arch)->name, a->index);
}

/* T21: who compares 64 bits of a 32-bit argument is told apart from the kernel by bits that the kernel drops. Harmful
 * only where such a value matches a rule that allows, or slips past one that denies. */
static void wide_compare(struct gate_lint *l, const struct gate_entry *e, const struct gate_arg *a, unsigned name,
                         const char *text)
{
	int mine = gate_ret_rank(e->action), theirs = gate_ret_rank(l->p->default_action);
	bool upper_matches = a->op == GATE_OP_NE || a->op == GATE_OP_GT || a->op == GATE_OP_GE;
	bool mask_is_low = a->op == GATE_OP_MASKED_EQ && a->value <= UINT32_MAX;
	bool any = false;

	for (size_t i = 0; i < l->cover.n && !any; i++) {
		const struct gate_syscall *sc = gate_syscall_of(l->cover.arches[i], name);

		any = sc != NULL && gate_arch_info(l->cover.arches[i])->is64 && (sc->narrow >> a->index & 1) != 0;
	}
	if (any && !mask_is_low && ((mine < theirs && upper_matches) || (mine > theirs && !upper_matches)))
		gate_lint_say(l, GATE_LINT_WIDE_COMPARE, a->value_at.line != 0 ? a->value_at : a->at,
		              "argument %u of '%s' has 32 bits, but 64 are compared", a->index, text);
}

static void truth(struct gate_lint *l, const struct gate_arg *a, uint64_t all)
{
	uint64_t value = a->value & all;
	struct gate_place at = a->op_text.s != NULL ? a->op_text.at : a->at;
	bool always = (a->op == GATE_OP_GE && value == 0) || (a->op == GATE_OP_LE && value == all);
	bool never = (a->op == GATE_OP_LT && value == 0) || (a->op == GATE_OP_GT && value == all);

	if (always)
		gate_lint_say(l, GATE_LINT_ALWAYS, at, "every value is %s %llu", gate_op_sign(a->op),
		              (unsigned long long)value);
	if (never)
		gate_lint_say(l, GATE_LINT_NEVER, at, "no value is %s %llu", gate_op_sign(a->op),
		              (unsigned long long)value);
}

static void masks(struct gate_lint *l, const struct gate_arg *a)
{
	if (a->op != GATE_OP_MASKED_EQ) {
		if (a->has_two && a->value_two != 0)
			gate_lint_say(l, GATE_LINT_TWO_UNUSED, a->value_two_at, "'valueTwo' has no effect with %s",
			              gate_op_scmp(a->op));
		return;
	}
	if (a->value == 0)
		gate_lint_say(l, GATE_LINT_MASK_ZERO, a->value_at.line != 0 ? a->value_at : a->at, "the mask is 0");
	else if ((a->value_two & ~a->value) != 0)
		gate_lint_say(l, GATE_LINT_MASK_DATUM, a->value_two_at, "%llu has bits outside the mask %llu",
		              (unsigned long long)a->value_two, (unsigned long long)a->value);
}

static void big(struct gate_lint *l, uint64_t value, struct gate_place at)
{
	if (value > UINT64_C(1) << 53)
		gate_lint_say(l, GATE_LINT_BIG_NUMBER, at, "%llu is above 2^53", (unsigned long long)value);
}

static void condition(struct gate_lint *l, const struct gate_entry *e, const struct gate_arg *a)
{
	const char *text = "";
	int name = first_name(e, &text);
	unsigned most;

	big(l, a->value, a->value_at);
	big(l, a->value_two, a->value_two_at);
	masks(l, a);
	if (name < 0 || a->index > 5)
		return;
	truth(l, a, l->native && gate_lint_narrow(l, (unsigned)name, a->index) ? UINT32_MAX : UINT64_MAX);
	if (beyond(l, (unsigned)name, a->index, &most))
		gate_lint_say(l, GATE_LINT_INDEX, a->index_at.line != 0 ? a->index_at : a->at,
		              "'%s' has %u argument%s: there is no argument %u", text, most, most == 1 ? "" : "s",
		              a->index);
	if (is_pointer(l, (unsigned)name, a))
		gate_lint_say(l, GATE_LINT_POINTER, a->at, "argument %u of '%s' is a pointer", a->index, text);
	clone_arg(l, e, a);
	wide_compare(l, e, a, (unsigned)name, text);
}

/* --- T16: alternatives that leave nothing out --- */

/* The values that a condition takes, when they are one run. */
static bool run(const struct gate_arg *a, uint64_t *lo, uint64_t *hi)
{
	*lo = 0;
	*hi = UINT64_MAX;
	switch (a->op) {
	case GATE_OP_EQ:
		*lo = *hi = a->value;
		return true;
	case GATE_OP_LE:
		*hi = a->value;
		return true;
	case GATE_OP_GE:
		*lo = a->value;
		return true;
	case GATE_OP_LT:
		*hi = a->value - 1;
		return a->value != 0;
	case GATE_OP_GT:
		*lo = a->value + 1;
		return a->value != UINT64_MAX;
	case GATE_OP_NE:
	case GATE_OP_MASKED_EQ:
	case GATE_OP_MAX:
	default:
		return false;
	}
}

static bool covers_all(const struct gate_arg *a, const struct gate_arg *b)
{
	uint64_t alo, ahi, blo, bhi;

	if (a->op == GATE_OP_NE && b->op == GATE_OP_NE)
		return a->value != b->value;
	if (a->op == GATE_OP_NE)
		return run(b, &blo, &bhi) && blo <= a->value && a->value <= bhi;
	if (!run(a, &alo, &ahi) || !run(b, &blo, &bhi))
		return false;
	return alo == 0 && bhi == UINT64_MAX && (ahi == UINT64_MAX || blo <= ahi + 1);
}

static void alternatives(struct gate_lint *l, const struct gate_entry *e)
{
	for (size_t i = 0; i < e->n_args; i++)
		for (size_t k = i + 1; k < e->n_args && k < i + 64; k++) {
			const struct gate_arg *a = &e->args[i], *b = &e->args[k];

			if (a->index != b->index || !(covers_all(a, b) || covers_all(b, a)))
				continue;
			gate_lint_say(l, GATE_LINT_ALTERNATIVES_ALWAYS, b->at,
			              "argument %u %s %llu or %s %llu: one of them always holds", a->index,
			              gate_op_sign(a->op), (unsigned long long)a->value, gate_op_sign(b->op),
			              (unsigned long long)b->value);
			return;
		}
}

void gate_lint_entries(struct gate_lint *l)
{
	for (size_t i = 0; i < l->p->n_entries; i++) {
		const struct gate_entry *e = &l->p->entries[i];

		names(l, e);
		if (!gate_lint_in_force(l, e))
			continue; /* it was written for another host */
		for (size_t k = 0; k < e->n_args; k++)
			condition(l, e, &e->args[k]);
		alternatives(l, e);
	}
}
