/* lint_pairs.c - entries that meet on one call: what libseccomp makes of them, where callgate decides otherwise.
 * Read natively these are traps for other readers; with an engine named they are what that engine does. */
#include "profile/lint.h"

#define MOST 64 /* entries of one call that are compared with each other */

struct use {
	uint32_t next; /* index + 1; 0 ends */
	uint32_t entry, name;
};

struct pairs {
	struct gate_lint *l;
	struct use *uses;
	uint32_t *head;      /* by name: index + 1 of the first use */
	const char *who, *s; /* "docker" drop-"s", or "engines" drop */
};

static const struct gate_entry *entry_of(const struct pairs *s, const struct use *u)
{
	return &s->l->p->entries[u->entry];
}

static struct gate_place place(const struct pairs *s, const struct use *u)
{
	return entry_of(s, u)->names[u->name].at;
}

static const char *text_of(const struct pairs *s, const struct use *u)
{
	return entry_of(s, u)->names[u->name].s;
}

static bool same_arg(const struct gate_arg *a, const struct gate_arg *b)
{
	return a->index == b->index && a->op == b->op && a->value == b->value &&
	       (a->op != GATE_OP_MASKED_EQ || a->value_two == b->value_two);
}

/* In any order; entries with a repeated index are several rules and are left alone. */
static bool same_args(const struct gate_entry *a, const struct gate_entry *b)
{
	for (size_t i = 0; i < a->n_args; i++) {
		bool found = false;

		for (size_t k = 0; k < b->n_args && !found; k++)
			found = same_arg(&a->args[i], &b->args[k]);
		if (!found)
			return false;
	}
	return a->n_args == b->n_args;
}

static bool repeats(const struct gate_entry *e)
{
	unsigned seen = 0;

	for (size_t i = 0; i < e->n_args; i++) {
		if (e->args[i].index > 5 || (seen >> e->args[i].index & 1) != 0)
			return true;
		seen |= 1u << e->args[i].index;
	}
	return false;
}

static bool takes(const struct gate_arg *a, uint64_t v)
{
	switch (a->op) {
	case GATE_OP_NE:
		return v != a->value;
	case GATE_OP_LT:
		return v < a->value;
	case GATE_OP_LE:
		return v <= a->value;
	case GATE_OP_EQ:
		return v == a->value;
	case GATE_OP_GE:
		return v >= a->value;
	case GATE_OP_GT:
		return v > a->value;
	case GATE_OP_MASKED_EQ:
		return (v & a->value) == (a->value_two & a->value);
	case GATE_OP_MAX:
	default:
		return false;
	}
}

/* Can one value satisfy both? Every pair of comparisons that overlaps does so next to one of the two constants. */
static bool meet(const struct gate_arg *a, const struct gate_arg *b)
{
	uint64_t bits = a->op == GATE_OP_MASKED_EQ && b->op == GATE_OP_MASKED_EQ
	                    ? (a->value_two & a->value) | (b->value_two & b->value)
	                    : 0;
	const uint64_t at[] = {
		a->value, b->value, a->value_two & a->value, b->value_two & b->value, bits, UINT64_MAX
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(at); i++)
		for (uint64_t v = at[i] - 2; v != at[i] + 3; v++)
			if (takes(a, v) && takes(b, v))
				return true;
	return false;
}

static bool overlap(const struct gate_entry *a, const struct gate_entry *b)
{
	for (size_t i = 0; i < a->n_args; i++)
		for (size_t k = 0; k < b->n_args; k++)
			if (a->args[i].index == b->args[k].index && !meet(&a->args[i], &b->args[k]))
				return false;
	return true;
}

/* Natively resolving says so (report.c). An entry equal to the default is skipped, so it is no base. */
static void second_bases(struct pairs *s, const struct use *const *list, size_t n)
{
	uint32_t skipped = s->l->p->default_action;
	const struct use *base = NULL;

	for (size_t i = 0; i < n && !s->l->native; i++) {
		const struct gate_entry *e = entry_of(s, list[i]);

		if (e->n_args != 0 || e->action == skipped)
			continue;
		if (base == NULL)
			base = list[i];
		else if (entry_of(s, base)->action == e->action)
			gate_lint_say(s->l, GATE_LINT_AGAIN, place(s, list[i]),
			              "'%s' is named again with the same action (line %u)", text_of(s, list[i]),
			              place(s, base).line);
		else
			gate_lint_say(s->l, GATE_LINT_SECOND_BASE, place(s, list[i]),
			              "'%s' never gets %s here: line %u decided %s", text_of(s, list[i]),
			              gate_ret_word(e->action), place(s, base).line,
			              gate_ret_word(entry_of(s, base)->action));
	}
}

/* `u` comes before `v` in the file. What equals the default is T9's. */
static void compare(struct pairs *s, const struct use *u, const struct use *v)
{
	const struct gate_entry *a = entry_of(s, u), *b = entry_of(s, v);
	int first = gate_ret_rank(a->action), second = gate_ret_rank(b->action);

	if (a->action == b->action || a == b)
		return;
	if (a->n_args != 0 && b->n_args == 0 && first > second && a->action != s->l->p->default_action)
		gate_lint_say(s->l, GATE_LINT_ERASED, place(s, v),
		              "%s let%s this erase the conditions on '%s' of line %u", s->who, s->s, text_of(s, v),
		              place(s, u).line);
	else if (a->n_args == 0 && b->n_args != 0 && second > first && b->action != s->l->p->default_action)
		gate_lint_say(s->l, GATE_LINT_SHADOWED, place(s, v),
		              "%s drop%s these conditions on '%s': line %u has none and comes first", s->who, s->s,
		              text_of(s, v), place(s, u).line);
	if (a->n_args == 0 || b->n_args == 0 || repeats(a) || repeats(b))
		return;
	if (same_args(a, b))
		gate_lint_say(s->l, GATE_LINT_CONFLICT, place(s, v),
		              "'%s' has the same conditions as in line %u, but %s in place of %s", text_of(s, v),
		              place(s, u).line, gate_ret_word(b->action), gate_ret_word(a->action));
	else if (first != second && overlap(a, b))
		gate_lint_say(s->l, GATE_LINT_OVERLAP, place(s, v),
		              "conditions on '%s' overlap those of line %u: there %s decides, here %s", text_of(s, v),
		              place(s, u).line, gate_ret_word(a->action), gate_ret_word(b->action));
}

/* T9: engines skip it. That loses a denial where the other rules allow the call: the base where `u` has conditions or
 * comes first itself, or conditions that overlap. */
static bool loses(const struct pairs *s, const struct use *base, const struct use *u, const struct use *other)
{
	const struct gate_entry *e = entry_of(s, u), *o = entry_of(s, other);

	if (gate_ret_rank(o->action) >= gate_ret_rank(e->action))
		return false;
	if (e->n_args == 0)
		return u == base;
	if (base != NULL)
		return other == base;
	return overlap(e, o);
}

static void same_as_default(struct pairs *s, const struct use *const *list, size_t n, const struct use *u)
{
	const struct gate_entry *e = entry_of(s, u);
	const struct use *base = NULL;

	if (e->action != s->l->p->default_action)
		return;
	for (size_t i = n; i-- > 0;)
		if (entry_of(s, list[i])->n_args == 0)
			base = list[i];
	for (size_t i = 0; i < n; i++) {
		if (!loses(s, base, u, list[i]))
			continue;
		gate_lint_say(s->l, GATE_LINT_LOST_DENIAL, place(s, u),
		              "%s drop%s this denial of '%s', which equals the default, and keep%s line %u", s->who,
		              s->s, text_of(s, u), s->s, place(s, list[i]).line);
		return;
	}
	gate_lint_say(s->l, GATE_LINT_SAME_AS_DEFAULT, place(s, u), "'%s' gets the default action", text_of(s, u));
}

static void one_name(struct pairs *s, uint32_t head)
{
	const struct use *list[MOST];
	size_t n = 0;

	for (uint32_t i = head; i != 0 && n < MOST; i = s->uses[i - 1].next)
		list[n++] = &s->uses[i - 1];
	second_bases(s, list, n);
	for (size_t i = 0; i < n; i++)
		same_as_default(s, list, n, list[i]);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			compare(s, list[i], list[k]);
}

static uint32_t count(const struct gate_lint *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->p->n_entries; i++)
		n += l->p->entries[i].n_names;
	return (uint32_t)n; /* a file of GATE_DOC_MAX bytes has fewer */
}

/* Chains in file order: filled from the back. */
static void fill(struct pairs *s)
{
	uint32_t n = 0;

	for (size_t i = s->l->p->n_entries; i-- > 0;) {
		const struct gate_entry *e = &s->l->p->entries[i];

		for (size_t k = gate_lint_in_force(s->l, e) ? e->n_names : 0; k-- > 0;) {
			int name = gate_name_find(e->names[k].s, e->names[k].len);

			if (name < 0)
				continue;
			s->uses[n] = (struct use){ s->head[name], (uint32_t)i, (uint32_t)k };
			s->head[name] = ++n;
		}
	}
}

int gate_lint_pairs(struct gate_lint *l, struct gate_err *err)
{
	GATE_AUTOFREE struct use *uses = NULL;
	GATE_AUTOFREE uint32_t *head = NULL;
	struct pairs s;

	uses = calloc(count(l) + 1, sizeof(*uses));
	head = calloc(gate_name_count(), sizeof(*head));
	if (uses == NULL || head == NULL)
		return GATE_FAIL_NOMEM(err);
	s = (struct pairs){ l, uses, head, l->native ? "engines" : gate_engine_name(l->p->engine),
		            l->native ? "" : "s" };
	fill(&s);
	for (size_t name = 0; name < gate_name_count(); name++)
		if (head[name] != 0)
			one_name(&s, head[name]);
	return 0;
}
