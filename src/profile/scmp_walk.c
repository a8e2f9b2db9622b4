/* scmp_walk.c - a tree of word tests as a list of cases. A path that decides becomes a case; paths in depth-first order,
 * true branch first, give first-match order, because a branch that decides nothing falls through to what comes later. */
#include "profile/scmp_walk.h"

/* What a path knows about a word. */
struct word {
	enum { ANY = 0, RANGE, OTHER, MASK } kind;
	uint32_t lo, hi;      /* RANGE; OTHER: all but lo */
	uint32_t mask, value; /* MASK */
};

struct path {
	struct word words[12]; /* 2 * arg + high */
};

struct walk {
	struct gate_arena *arena, *scratch;
	bool is64, failed;
	struct gate_case *cases;
	uint32_t n, cap;
};

static bool narrow_range(struct word *w, uint32_t lo, uint32_t hi)
{
	if (w->kind != RANGE)
		*w = (struct word){ RANGE, 0, UINT32_MAX, 0, 0 };
	if (lo > w->lo)
		w->lo = lo;
	if (hi < w->hi)
		w->hi = hi;
	return w->lo <= w->hi;
}

static bool exclude(struct word *w, uint32_t v)
{
	if (w->kind != RANGE) {
		*w = (struct word){ OTHER, v, 0, 0, 0 };
		return true;
	}
	if (w->lo == w->hi)
		return w->lo != v;
	if (v == w->lo)
		w->lo++;
	else if (v == w->hi)
		w->hi--;
	return true;
}

/* Adds the outcome of a test to a path. False: the path is impossible. */
static bool learn(struct word *w, const struct gate_scmp_node *n, bool yes)
{
	switch (n->op) {
	case GATE_OP_GT:
		if (yes)
			return n->datum != UINT32_MAX && narrow_range(w, n->datum + 1, UINT32_MAX);
		return narrow_range(w, 0, n->datum);
	case GATE_OP_GE:
		if (yes)
			return narrow_range(w, n->datum, UINT32_MAX);
		return n->datum != 0 && narrow_range(w, 0, n->datum - 1);
	case GATE_OP_EQ:
		return yes ? narrow_range(w, n->datum, n->datum) : exclude(w, n->datum);
	case GATE_OP_MASKED_EQ:
		if (n->mask == 0)
			return yes;
		if (n->mask == UINT32_MAX)
			return yes && narrow_range(w, n->datum, n->datum);
		*w = (struct word){ MASK, 0, 0, n->mask, n->datum };
		return yes; /* no rule hangs beneath a failed mask test */
	case GATE_OP_NE:
	case GATE_OP_LT:
	case GATE_OP_LE:
	case GATE_OP_MAX:
	default:
		return false;
	}
}

/* --- a path as conditions --- */

struct out {
	struct gate_cond conds[24];
	uint32_t n;
};

static void put(struct out *o, unsigned arg, enum gate_op op, uint64_t value, uint64_t mask, bool wide)
{
	struct gate_cond c;
	uint64_t first = op == GATE_OP_MASKED_EQ ? mask : value;

	if (gate_cond_make(arg, op, first, value, wide, &c) == GATE_SOMETIMES)
		o->conds[o->n++] = c;
}

static void put_range(struct out *o, unsigned arg, uint64_t lo, uint64_t hi, bool wide)
{
	if (lo == hi) {
		put(o, arg, GATE_OP_EQ, lo, 0, wide);
		return;
	}
	put(o, arg, GATE_OP_GE, lo, 0, wide);
	put(o, arg, GATE_OP_LE, hi, 0, wide);
}

static void put_low(struct out *o, unsigned arg, const struct word *w)
{
	switch (w->kind) {
	case RANGE:
		put_range(o, arg, w->lo, w->hi, false);
		break;
	case OTHER:
		put(o, arg, GATE_OP_NE, w->lo, 0, false);
		break;
	case MASK:
		put(o, arg, GATE_OP_MASKED_EQ, w->value, w->mask, false);
		break;
	case ANY:
	default:
		break;
	}
}

static uint32_t mask_of(const struct word *w)
{
	return w->kind == MASK ? w->mask : w->kind == RANGE && w->lo == w->hi ? UINT32_MAX : 0;
}

static uint32_t value_of(const struct word *w)
{
	return w->kind == MASK ? w->value : w->kind == RANGE ? w->lo : 0;
}

/* `w` is not RANGE-with-two-ends or OTHER: masked bits say it all. */
static bool is_bits(const struct word *w)
{
	return w->kind == ANY || w->kind == MASK || (w->kind == RANGE && w->lo == w->hi);
}

static void put_wide(struct out *o, unsigned arg, const struct word *high, const struct word *low)
{
	if (is_bits(high) && is_bits(low)) {
		uint64_t mask = (uint64_t)mask_of(high) << 32 | mask_of(low);

		put(o, arg, GATE_OP_MASKED_EQ, (uint64_t)value_of(high) << 32 | value_of(low), mask, true);
		return;
	}
	if (high->kind == RANGE && high->lo == high->hi && low->kind == RANGE) {
		uint64_t top = (uint64_t)high->lo << 32;

		put_range(o, arg, top | low->lo, top | low->hi, true);
		return;
	}
	if (high->kind == RANGE)
		put_range(o, arg, (uint64_t)high->lo << 32, (uint64_t)high->hi << 32 | UINT32_MAX, true);
	else if (high->kind == MASK)
		put(o, arg, GATE_OP_MASKED_EQ, (uint64_t)high->value << 32, (uint64_t)high->mask << 32, true);
	put_low(o, arg, low);
}

/* --- cases --- */

static bool same_conds(const struct gate_case *c, const struct out *o)
{
	if (c->n_conds != o->n)
		return false;
	for (uint32_t i = 0; i < o->n; i++) {
		const struct gate_cond *a = &c->conds[i], *b = &o->conds[i];

		if (a->arg != b->arg || a->op != b->op || a->wide != b->wide || a->value != b->value ||
		    a->mask != b->mask)
			return false;
	}
	return true;
}

static void add_case(struct walk *w, const struct out *o, const struct gate_scmp_rule *rule)
{
	struct gate_cond *conds = NULL;

	if (w->n != 0 && same_conds(&w->cases[w->n - 1], o))
		return; /* decided just before */
	if (w->n == w->cap) {
		uint32_t cap = w->cap != 0 ? w->cap * 2 : 8;
		struct gate_case *more = GATE_NEWS(w->scratch, struct gate_case, cap);

		if (more == NULL) {
			w->failed = true;
			return;
		}
		if (w->n != 0)
			memcpy(more, w->cases, w->n * sizeof(*more));
		w->cases = more;
		w->cap = cap;
	}
	if (o->n != 0) {
		conds = GATE_NEWS(w->arena, struct gate_cond, o->n);
		if (conds == NULL) {
			w->failed = true;
			return;
		}
		memcpy(conds, o->conds, o->n * sizeof(*conds));
	}
	w->cases[w->n++] =
	    (struct gate_case){ gate_ret_normal(rule->action), GATE_WHY_RULE, rule->entry, rule->at, o->n, conds };
}

/* A high word that is anything but one value is two ranges. */
static void add_path(struct walk *w, struct path p, const struct gate_scmp_rule *rule)
{
	struct out o = { .n = 0 };

	for (unsigned i = 0; i < 6; i++) {
		struct word *high = &p.words[2 * i + 1];
		uint32_t v = high->lo;

		if (high->kind != OTHER)
			continue;
		if (v != 0) {
			*high = (struct word){ RANGE, 0, v - 1, 0, 0 };
			add_path(w, p, rule);
		}
		if (v == UINT32_MAX)
			return;
		*high = (struct word){ RANGE, v + 1, UINT32_MAX, 0, 0 };
	}
	for (unsigned i = 0; i < 6; i++) {
		if (w->is64)
			put_wide(&o, i, &p.words[2 * i + 1], &p.words[2 * i]);
		else
			put_low(&o, i, &p.words[2 * i]);
	}
	add_case(w, &o, rule);
}

static void walk_level(struct walk *w, const struct gate_scmp_node *some, const struct path *p);

static void walk_branch(struct walk *w, const struct gate_scmp_node *n, bool yes, const struct path *p)
{
	const struct gate_scmp_branch *b = yes ? &n->yes : &n->no;
	struct path longer = *p;

	if (b->next == NULL && b->rule == NULL)
		return;
	if (!learn(&longer.words[2 * n->arg + n->high], n, yes))
		return;
	if (b->next != NULL)
		walk_level(w, b->next, &longer);
	else
		add_path(w, longer, b->rule);
}

static void walk_level(struct walk *w, const struct gate_scmp_node *some, const struct path *p)
{
	for (const struct gate_scmp_node *n = some->level->first; n != NULL && !w->failed; n = n->sibling) {
		walk_branch(w, n, true, p);
		if (!w->failed)
			walk_branch(w, n, false, p);
	}
}

int gate_scmp_walk(struct gate_arena *arena, struct gate_arena *scratch, const struct gate_scmp_node *top,
                   const struct gate_scmp_rule *always, bool is64, struct gate_case **ret, uint32_t *ret_n)
{
	struct walk w = { arena, scratch, is64, false, NULL, 0, 0 };
	struct path none = { 0 };
	struct out nothing = { .n = 0 };

	if (always != NULL)
		add_case(&w, &nothing, always);
	else if (top != NULL)
		walk_level(&w, top, &none);
	*ret = w.cases;
	*ret_n = w.n;
	return w.failed ? -1 : 0;
}
