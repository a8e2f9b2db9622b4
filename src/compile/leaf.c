/* leaf.c - an ordered list of cases to comparisons of argument words.
 *
 * Word by word: the tests of all cases on one word cut its values into intervals; within an interval each of them is
 * true or false, and what remains is a shorter list on other words. So a word is loaded once, several rules on one
 * argument become one small tree, and lists that come to the same are the same node. Masks are branched on instead.
 * That can grow without bound for lists that nobody writes; past a budget, the list is compiled case by case, which
 * is always linear. A 64-bit comparison is one of the high word that may leave one of the low word. */
#include "compile/leaf.h"

#include "compile/settle.h"

#define WORK_MAX 200000u /* tests looked at per list: some milliseconds */
#define NOTHING  0xffu   /* no word is in A */

enum kind {
	IN = 1, /* lo <= word <= hi */
	OUT,    /* not so */
	MASK,   /* (word & hi) == lo */
	WIDE    /* `op` on 64 bits: the high word against hi, then the low word against lo */
};

struct test {
	uint8_t kind, word, op;
	uint32_t lo, hi;
};

struct row { /* a case: its tests are ANDed */
	uint32_t action;
	uint32_t n;
	struct test *tests;
};

struct list {
	struct row *rows;
	size_t n;
};

struct leaf {
	struct gate_graph *g;
	struct gate_arena arena;
	size_t work;
	bool failed; /* memory (the graph says so too), or too much work: the result is not used */
};

static uint32_t build(struct leaf *l, struct list list, unsigned in_a);

static uint32_t no_memory(struct leaf *l)
{
	l->failed = true;
	l->g->failed = GATE_E_NOMEM;
	return 0;
}

/* --- from conditions to tests --- */

static struct test interval(unsigned word, uint8_t op, uint32_t v)
{
	struct test t = { .kind = IN, .word = (uint8_t)word, .lo = 0, .hi = UINT32_MAX };

	switch (op) {
	case GATE_OP_EQ:
	case GATE_OP_NE:
		t.lo = t.hi = v;
		t.kind = op == GATE_OP_EQ ? IN : OUT;
		break;
	case GATE_OP_LE:
		t.hi = v;
		break;
	case GATE_OP_GT: /* v is not the largest value, or the condition would be impossible */
		t.kind = OUT;
		t.hi = v;
		break;
	case GATE_OP_GE:
		t.lo = v;
		break;
	default: /* LT: not below v */
		t.kind = OUT;
		t.lo = v;
		break;
	}
	return t;
}

static uint32_t add_masked(struct test *tests, uint32_t n, unsigned word, uint32_t mask, uint32_t value)
{
	if (mask == 0 && value == 0)
		return n;
	tests[n] = (struct test){ .kind = MASK, .word = (uint8_t)word, .lo = value, .hi = mask };
	if ((~mask & (~mask + 1)) == 0 && (value & ~mask) == 0) { /* high bits only: an interval */
		tests[n].kind = IN;
		tests[n].hi = value | ~mask;
	}
	return n + 1;
}

/* One condition is at most two tests. */
static uint32_t add_tests(struct test *tests, uint32_t n, const struct gate_cond *c)
{
	unsigned low = GATE_WORD_ARG(c->arg, 1), high = GATE_WORD_ARG(c->arg, 0);
	uint32_t v = (uint32_t)c->value, v_high = (uint32_t)(c->value >> 32);

	if (c->op == GATE_OP_MASKED_EQ) {
		if (c->wide)
			n = add_masked(tests, n, high, (uint32_t)(c->mask >> 32), v_high);
		return add_masked(tests, n, low, (uint32_t)c->mask, v);
	}
	if (!c->wide) {
		tests[n] = interval(low, c->op, v);
		return n + 1;
	}
	if (c->op == GATE_OP_EQ) {
		tests[n] = interval(high, c->op, v_high);
		tests[n + 1] = interval(low, c->op, v);
		return n + 2;
	}
	tests[n] = (struct test){ .kind = WIDE, .word = (uint8_t)high, .op = c->op, .lo = v, .hi = v_high };
	return n + 1;
}

static bool to_list(struct leaf *l, const struct gate_case *cases, size_t n, struct list *ret)
{
	ret->n = n;
	ret->rows = GATE_NEWS(&l->arena, struct row, n);
	for (size_t i = 0; ret->rows && i < n; i++) {
		struct row *row = &ret->rows[i];

		row->action = cases[i].action;
		row->tests = GATE_NEWS(&l->arena, struct test, 2 * (size_t)cases[i].n_conds);
		if (!row->tests)
			return false;
		for (uint32_t c = 0; c < cases[i].n_conds; c++)
			row->n = add_tests(row->tests, row->n, &cases[i].conds[c]);
	}
	return ret->rows != NULL;
}

/* --- word by word --- */

enum truth { NO, YES, LATER };

static enum truth truth_of(bool yes)
{
	return yes ? YES : NO;
}

/* What is known of a word in a branch: an interval of it, or the outcome of one mask test. */
struct known {
	unsigned word;
	bool masked;
	uint32_t lo, hi; /* of the interval; or value and mask */
	bool outcome;
};

static enum truth ask_mask(const struct test *t, const struct known *k)
{
	if (t->kind != MASK || t->hi != k->hi)
		return LATER;
	if (t->lo == k->lo)
		return truth_of(k->outcome);
	if (k->outcome)
		return NO;
	/* one bit has two values: it is the other one */
	return (t->hi & (t->hi - 1)) == 0 && (t->lo & ~t->hi) == 0 && (k->lo & ~k->hi) == 0 ? YES : LATER;
}

/* LATER with *rest: what is left of a WIDE test. Intervals are never cut by a test. */
static enum truth ask(const struct test *t, const struct known *k, struct test *rest)
{
	bool less, equal;

	*rest = *t;
	if (t->word != k->word)
		return LATER;
	if (k->masked)
		return ask_mask(t, k);
	if (t->kind == IN || t->kind == OUT)
		return truth_of((t->lo <= k->lo && k->lo <= t->hi) == (t->kind == IN));
	if (t->kind == MASK)
		return k->lo == k->hi ? truth_of((k->lo & t->hi) == t->lo) : LATER;
	less = k->lo < t->hi;
	equal = k->lo == t->hi;
	if (equal) {
		*rest = interval(t->word + 1u, t->op, t->lo);
		if (rest->kind == IN && rest->lo == 0 && rest->hi == UINT32_MAX)
			return YES;
		if (rest->kind == OUT &&
		    (t->op == GATE_OP_GT ? t->lo == UINT32_MAX : t->op == GATE_OP_LT && t->lo == 0))
			return NO;
		return LATER;
	}
	if (t->op == GATE_OP_NE)
		return YES;
	return truth_of(less == (t->op == GATE_OP_LT || t->op == GATE_OP_LE));
}

/* Drops what cannot be reached and what changes nothing. */
static struct list tidy(struct list list)
{
	for (size_t i = 0; i < list.n; i++)
		if (list.rows[i].n == 0)
			list.n = i + 1;
	while (list.n > 1 && list.rows[list.n - 2].action == list.rows[list.n - 1].action) {
		list.rows[list.n - 2] = list.rows[list.n - 1];
		list.n--;
	}
	return list;
}

/* The list where `k` holds. Rows are new; tests are shared with the old list when nothing changed. */
static bool narrow(struct leaf *l, struct list list, const struct known *k, struct list *ret)
{
	ret->n = 0;
	ret->rows = GATE_NEWS(&l->arena, struct row, list.n);
	if (!ret->rows)
		return false;
	for (size_t i = 0; i < list.n; i++) {
		const struct row *old = &list.rows[i];
		struct row row = { .action = old->action };
		bool dead = false;

		if (old->n > 0 && !(row.tests = GATE_NEWS(&l->arena, struct test, old->n)))
			return false;
		l->work += old->n + 1;
		for (uint32_t t = 0; t < old->n && !dead; t++) {
			struct test rest;
			enum truth truth = ask(&old->tests[t], k, &rest);

			dead = truth == NO;
			if (truth == LATER)
				row.tests[row.n++] = rest;
		}
		if (!dead)
			ret->rows[ret->n++] = row;
		if (!dead && row.n == 0)
			break;
	}
	*ret = tidy(*ret);
	return true;
}

static uint32_t build_where(struct leaf *l, struct list list, const struct known *k, unsigned in_a)
{
	struct list rest;

	if (!narrow(l, list, k, &rest))
		return no_memory(l);
	return build(l, rest, in_a);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Where intervals of a word begin, ascending, the first of them 0. */
static size_t cuts_of(struct leaf *l, struct list list, unsigned word, uint32_t **ret)
{
	size_t n = 1, kept = 1;
	uint32_t *cuts;

	for (size_t i = 0; i < list.n; i++)
		n += 2 * (size_t)list.rows[i].n;
	cuts = GATE_NEWS(&l->arena, uint32_t, n);
	if (!cuts)
		return 0;
	n = 1;
	for (size_t i = 0; i < list.n; i++)
		for (uint32_t t = 0; t < list.rows[i].n; t++) {
			const struct test *test = &list.rows[i].tests[t];
			uint32_t lo = test->kind == WIDE ? test->hi : test->lo;

			if (test->word != word || test->kind == MASK)
				continue;
			cuts[n++] = lo;
			if (test->hi != UINT32_MAX)
				cuts[n++] = test->hi + 1;
		}
	qsort(cuts, n, sizeof(*cuts), by_value);
	for (size_t i = 1; i < n; i++)
		if (cuts[i] != cuts[kept - 1])
			cuts[kept++] = cuts[i];
	*ret = cuts;
	return kept;
}

static uint32_t by_intervals(struct leaf *l, struct list list, unsigned word, unsigned in_a)
{
	uint32_t *cuts, node;
	size_t n = cuts_of(l, list, word, &cuts), kept = 0;
	struct gate_seg *segs = n > 0 ? GATE_NEWS(&l->arena, struct gate_seg, n) : NULL;

	if (!segs)
		return no_memory(l);
	for (size_t i = 0; i < n && !l->failed; i++) {
		struct known k = { .word = word, .lo = cuts[i], .hi = i + 1 < n ? cuts[i + 1] - 1 : UINT32_MAX };

		node = build_where(l, list, &k, word);
		kept = gate_seg_put(segs, kept, (struct gate_seg){ .lo = cuts[i], .node = node, .weight = 1 });
	}
	if (l->failed)
		return 0;
	node = gate_leaf_word(l->g, segs, kept);
	return in_a == word ? node : gate_graph_load(l->g, word, node);
}

static uint32_t by_mask(struct leaf *l, struct list list, const struct test *t, unsigned in_a)
{
	struct known k = { .word = t->word, .masked = true, .lo = t->lo, .hi = t->hi, .outcome = false };
	unsigned then = gate_graph_mask_keeps(t->hi, t->lo) ? t->word : NOTHING;
	uint32_t no = build_where(l, list, &k, then), yes;

	k.outcome = true;
	yes = l->failed ? 0 : build_where(l, list, &k, then);
	if (l->failed)
		return 0;
	no = gate_graph_masked(l->g, t->hi, t->lo, yes, no);
	return in_a == t->word ? no : gate_graph_load(l->g, t->word, no);
}

/* A high word goes before its low word where a 64-bit test may leave something to ask of the latter. */
static unsigned high_first(struct list list, unsigned word)
{
	for (size_t i = 0; i < list.n; i++)
		for (uint32_t t = 0; t < list.rows[i].n; t++)
			if (list.rows[i].tests[t].kind == WIDE && list.rows[i].tests[t].word + 1u == word)
				return word - 1;
	return word;
}

/* `in_a`: the word that A holds, or NOTHING. A tidy list. */
static uint32_t build(struct leaf *l, struct list list, unsigned in_a)
{
	const struct row *first = &list.rows[0];

	if (first->n == 0)
		return gate_graph_ret(l->g, first->action);
	if (l->work > WORK_MAX || l->g->failed) {
		l->failed = true;
		return 0;
	}
	/* the word in A first, if it is tested at once: it needs no load */
	for (uint32_t t = 0; t < first->n; t++)
		if (first->tests[t].word == in_a && first->tests[t].kind != MASK)
			return by_intervals(l, list, high_first(list, in_a), in_a);
	if (first->tests[0].kind == MASK)
		return by_mask(l, list, &first->tests[0], in_a);
	return by_intervals(l, list, high_first(list, first->tests[0].word), in_a);
}

/* --- case by case --- */

static uint32_t one_test(struct gate_graph *g, const struct test *t, uint32_t yes, uint32_t no)
{
	uint32_t in = t->kind == OUT ? no : yes, out = t->kind == OUT ? yes : no, node;

	if (t->kind == MASK)
		return gate_graph_load(g, t->word, gate_graph_masked(g, t->hi, t->lo, yes, no));
	if (t->lo == t->hi)
		return gate_graph_load(g, t->word, gate_graph_jump(g, GATE_I_JEQ, t->lo, in, out));
	node = in;
	if (t->hi != UINT32_MAX)
		node = gate_graph_jump(g, GATE_I_JGE, t->hi + 1, out, node);
	if (t->lo != 0)
		node = gate_graph_jump(g, GATE_I_JGE, t->lo, node, out);
	return gate_graph_load(g, t->word, node);
}

static uint32_t one_wide(struct gate_graph *g, const struct test *t, uint32_t yes, uint32_t no)
{
	struct known equal = { .word = t->word, .lo = t->hi, .hi = t->hi };
	struct test rest;
	enum truth truth = ask(t, &equal, &rest);
	bool less = t->op == GATE_OP_LT || t->op == GATE_OP_LE || t->op == GATE_OP_NE;
	bool more = t->op == GATE_OP_GT || t->op == GATE_OP_GE || t->op == GATE_OP_NE;
	uint32_t node = truth == LATER ? one_test(g, &rest, yes, no) : truth == YES ? yes : no;

	node = gate_graph_jump(g, GATE_I_JEQ, t->hi, node, less ? yes : no);
	if (less != more && t->hi != UINT32_MAX)
		node = gate_graph_jump(g, GATE_I_JGE, t->hi + 1, more ? yes : no, node);
	return gate_graph_load(g, t->word, node);
}

static uint32_t case_by_case(struct gate_graph *g, struct list list)
{
	uint32_t next = 0;

	for (size_t i = list.n; i-- > 0;) {
		const struct row *row = &list.rows[i];
		uint32_t node = gate_graph_ret(g, row->action);

		for (uint32_t t = row->n; t-- > 0;)
			node = row->tests[t].kind == WIDE ? one_wide(g, &row->tests[t], node, next)
			                                  : one_test(g, &row->tests[t], node, next);
		next = node;
	}
	return next;
}

/* --- one word --- */

/* Finds, among single values that lead to one place, a set {0, a, b, a|b, …}: all values within the bits a|b|….
 * Returns those bits, 0 when there is no such set of more than one value. */
static uint32_t cube_at_zero(const struct gate_seg *segs, size_t n)
{
	uint32_t bits = 0;

	if (segs[0].lo != 0 || n < 2 || segs[1].lo != 1)
		return 0;
	for (size_t s = 1; s + 1 < n; s++) {
		uint32_t bit = segs[s].lo, wanted = 0;
		size_t at = 0;

		if (segs[s].node != segs[0].node || (bit & (bit - 1)) != 0 || segs[s + 1].lo != bit + 1)
			continue;
		/* every member with this bit: subsets of `bits`, in ascending order */
		do {
			while (at < n && segs[at].lo < (bit | wanted))
				at++;
			if (at + 1 >= n || segs[at].lo != (bit | wanted) || segs[at].node != segs[0].node ||
			    segs[at + 1].lo != segs[at].lo + 1)
				break;
			wanted = (wanted - bits) & bits;
		} while (wanted != 0);
		if (wanted == 0 && at + 1 < n && segs[at].lo == (bit | bits))
			bits |= bit;
	}
	return bits;
}

uint32_t gate_leaf_word(struct gate_graph *g, struct gate_seg *segs, size_t n)
{
	uint32_t bits = cube_at_zero(segs, n), set = segs[0].node, node;
	size_t kept = 0;

	if (!bits)
		return gate_tree(g, segs, n, UINT32_MAX);
	/* The set is tested by one JSET; below it, each member counts as what is around it. */
	for (size_t s = 0; s < n; s++) {
		struct gate_seg seg = segs[s];

		if ((seg.lo & ~bits) == 0 && seg.node == set && s + 1 < n && segs[s + 1].lo == seg.lo + 1)
			seg.node = kept > 0 ? segs[kept - 1].node : segs[s + 1].node;
		kept = gate_seg_put(segs, kept, seg);
	}
	node = gate_tree(g, segs, kept, UINT32_MAX);
	return gate_graph_jump(g, GATE_I_JSET, ~bits, node, set);
}

/* Does a mask test share its word with other tests? Then equal meanings may not show. */
static bool mixes_masks(struct list list)
{
	uint32_t tests[GATE_WORDS] = { 0 }, masks = 0;

	for (size_t i = 0; i < list.n; i++)
		for (uint32_t t = 0; t < list.rows[i].n; t++) {
			const struct test *test = &list.rows[i].tests[t];

			tests[test->word]++;
			if (test->kind == WIDE)
				tests[test->word + 1]++;
			masks |= test->kind == MASK ? 1u << test->word : 0;
		}
	for (unsigned word = 0; word < GATE_WORDS; word++)
		if ((masks >> word & 1) && tests[word] > 1)
			return true;
	return false;
}

uint32_t gate_leaf(struct gate_graph *g, const struct gate_case *cases, size_t n)
{
	struct leaf l = { .g = g, .arena = GATE_ARENA_INIT };
	struct list list;
	uint32_t node = 0, action = 0;
	int settled = 0;

	if (n == 1)
		return gate_graph_ret(g, cases[0].action);
	if (!to_list(&l, cases, n, &list)) {
		no_memory(&l);
	} else {
		list = tidy(list);
		node = build(&l, list, NOTHING);
		if (l.failed && !g->failed)
			node = case_by_case(g, list);
		if (!g->failed && gate_graph_at(g, node)->code != GATE_I_RET && (l.failed || mixes_masks(list)))
			settled = gate_settle(cases, n, &action);
		if (settled < 0)
			no_memory(&l);
		if (settled > 0)
			node = gate_graph_ret(g, action);
	}
	gate_arena_done(&l.arena);
	return node;
}
