/* scmp_tree.c - what libseccomp makes of several rules for one call: the tree. scmp_walk.c reads it. */
#include "profile/scmp_walk.h"

static unsigned word_priority(const struct gate_scmp_node *n)
{
	return (unsigned)n->arg * 2 + n->high;
}

static unsigned op_priority(enum gate_op op)
{
	switch (op) {
	case GATE_OP_LE:
	case GATE_OP_LT:
		return 2;
	case GATE_OP_GE:
	case GATE_OP_GT:
		return 1;
	case GATE_OP_EQ:
	case GATE_OP_NE:
	case GATE_OP_MASKED_EQ:
	case GATE_OP_MAX:
	default:
		return 3;
	}
}

static bool same_test(const struct gate_scmp_node *a, const struct gate_scmp_node *b)
{
	return a->arg == b->arg && a->high == b->high && a->op == b->op && a->datum == b->datum && a->mask == b->mask;
}

/* Is `a` later than `b` on a level? */
static bool later(const struct gate_scmp_node *a, const struct gate_scmp_node *b)
{
	unsigned pa = word_priority(a), pb = word_priority(b), oa = op_priority(a->written),
		 ob = op_priority(b->written);

	if (pa != pb)
		return pa < pb;
	if (oa != ob)
		return oa < ob;
	return a->written == GATE_OP_LE || a->written == GATE_OP_LT ? a->datum > b->datum : a->datum < b->datum;
}

static bool leaf(const struct gate_scmp_node *n)
{
	return n->yes.next == NULL && n->no.next == NULL;
}

/* Does every verdict of the level agree with `action`? */
static bool level_agrees(const struct gate_scmp_node *n, uint32_t action)
{
	if (n == NULL)
		return true;
	for (const struct gate_scmp_node *x = n->level->first; x != NULL; x = x->sibling) {
		if ((x->yes.rule != NULL && x->yes.rule->action != action) ||
		    (x->no.rule != NULL && x->no.rule->action != action))
			return false;
		if (!level_agrees(x->yes.next, action) || !level_agrees(x->no.next, action))
			return false;
	}
	return true;
}

/* A new verdict where a chain that is already there may go on. -2: conflict. `wins`: on the high word of a comparison
 * the tighter of two bounds decides (libseccomp 2.6.1, 5404f5c). */
static int merge_verdict(struct gate_scmp_node *x, struct gate_scmp_branch *mine, const struct gate_scmp_node *n,
                         const struct gate_scmp_branch *theirs, bool wins)
{
	if (theirs->rule == NULL)
		return 0;
	if (mine->rule == NULL) {
		if (!level_agrees(mine->next, theirs->rule->action))
			return -2;
		mine->next = NULL;
		mine->rule = theirs->rule;
	} else if (mine->rule->action != theirs->rule->action) {
		if (n->high && wins)
			mine->rule = theirs->rule;
		if (leaf(x) || leaf(n))
			return -2;
	}
	return 0;
}

static int merge(struct gate_scmp_level *level, struct gate_scmp_node *n);

/* True in *shorter: what is there decides already, the rest of the new chain is dropped. */
static int merge_below(struct gate_scmp_branch *mine, const struct gate_scmp_branch *theirs, bool *shorter)
{
	if (theirs->next == NULL)
		return 0;
	if (mine->next != NULL)
		return merge(mine->next->level, theirs->next);
	if (mine->rule == NULL)
		mine->next = theirs->next;
	else
		*shorter = true;
	return 0;
}

static int merge_equal(struct gate_scmp_node *x, struct gate_scmp_node *n)
{
	bool shorter = false;
	int rc;

	if (x == n)
		return 0;
	rc = merge_verdict(x, &x->yes, n, &n->yes, n->full > x->full);
	if (rc == 0)
		rc = merge_verdict(x, &x->no, n, &n->no, n->full < x->full);
	if (rc == 0)
		rc = merge_below(&x->yes, &n->yes, &shorter);
	if (rc == 0 && !shorter)
		rc = merge_below(&x->no, &n->no, &shorter);
	return rc;
}

static int merge(struct gate_scmp_level *level, struct gate_scmp_node *n)
{
	struct gate_scmp_node **at = &level->first;

	while (*at != NULL && !same_test(*at, n) && !later(*at, n))
		at = &(*at)->sibling;
	if (*at != NULL && same_test(*at, n))
		return merge_equal(*at, n);
	n->level = level;
	n->sibling = *at;
	*at = n;
	return 0;
}

/* --- one rule as a chain --- */

struct chain {
	struct gate_arena *scratch;
	struct gate_scmp_node *first;
	struct gate_scmp_branch *open[2]; /* where the condition before holds */
	bool is64, failed;
};

static struct gate_scmp_node *node(struct chain *c, unsigned arg, bool high, enum gate_op op,
                                   const struct gate_scmp_arg *a)
{
	struct gate_scmp_node *n = GATE_NEW(c->scratch, struct gate_scmp_node);
	struct gate_scmp_level *level = GATE_NEW(c->scratch, struct gate_scmp_level);

	if (n == NULL || level == NULL) {
		c->failed = true;
		return NULL;
	}
	level->first = n;
	n->level = level;
	n->arg = (uint8_t)arg;
	n->high = high;
	n->op = op;
	n->written = a->op;
	n->mask = (uint32_t)(high ? a->mask >> 32 : a->mask);
	n->datum = (uint32_t)(high ? a->datum >> 32 : a->datum) & n->mask;
	n->full = a->datum;
	return n;
}

/* Hangs `n` beneath the condition before it, and opens `one` and `two` (may be NULL). */
static void link_chain(struct chain *c, struct gate_scmp_node *n, struct gate_scmp_branch *one,
                       struct gate_scmp_branch *two)
{
	if (c->first == NULL)
		c->first = n;
	for (int i = 0; i < 2; i++)
		if (c->open[i] != NULL)
			c->open[i]->next = n;
	c->open[0] = one;
	c->open[1] = two;
}

static enum gate_op low_op(enum gate_op op)
{
	return op == GATE_OP_GT || op == GATE_OP_LE ? GATE_OP_GT : GATE_OP_GE;
}

static bool negative(enum gate_op op)
{
	return op == GATE_OP_NE || op == GATE_OP_LT || op == GATE_OP_LE;
}

/* Equality of 64 bits: the high word, then the low. */
static void chain_equal(struct chain *c, unsigned arg, const struct gate_scmp_arg *a)
{
	enum gate_op op = a->op == GATE_OP_MASKED_EQ ? GATE_OP_MASKED_EQ : GATE_OP_EQ;
	struct gate_scmp_node *high = node(c, arg, true, op, a), *low = node(c, arg, false, op, a);

	if (c->failed)
		return;
	high->yes.next = low;
	if (a->op == GATE_OP_NE)
		link_chain(c, high, &high->no, &low->no);
	else
		link_chain(c, high, &low->yes, NULL);
}

/* Order of 64 bits: high word greater, else equal and the low word decides. */
static void chain_order(struct chain *c, unsigned arg, const struct gate_scmp_arg *a)
{
	struct gate_scmp_node *above = node(c, arg, true, GATE_OP_GT, a), *equal = node(c, arg, true, GATE_OP_EQ, a);
	struct gate_scmp_node *low = node(c, arg, false, low_op(a->op), a);

	if (c->failed)
		return;
	above->no.next = equal;
	equal->yes.next = low;
	if (negative(a->op))
		link_chain(c, above, &equal->no, &low->no);
	else
		link_chain(c, above, &above->yes, &low->yes);
}

static void chain_32(struct chain *c, unsigned arg, const struct gate_scmp_arg *a)
{
	enum gate_op op = a->op;
	struct gate_scmp_node *n;

	if (op == GATE_OP_NE)
		op = GATE_OP_EQ;
	else if (op == GATE_OP_LT)
		op = GATE_OP_GE;
	else if (op == GATE_OP_LE)
		op = GATE_OP_GT;
	n = node(c, arg, false, op, a);
	if (n != NULL)
		link_chain(c, n, negative(a->op) ? &n->no : &n->yes, NULL);
}

static bool pointless(const struct chain *c, const struct gate_scmp_arg *a)
{
	return a->op == GATE_OP_MASKED_EQ && (c->is64 ? a->mask : (uint32_t)a->mask) == 0;
}

/* NULL in c->first: the rule has no conditions that test anything. */
static void make_chain(struct chain *c, const struct gate_scmp_rule *rule)
{
	for (unsigned i = 0; i < 6 && !c->failed; i++) {
		const struct gate_scmp_arg *a = &rule->args[i];

		if (!a->valid || pointless(c, a))
			continue;
		if (!c->is64)
			chain_32(c, i, a);
		else if (a->op == GATE_OP_EQ || a->op == GATE_OP_NE || a->op == GATE_OP_MASKED_EQ)
			chain_equal(c, i, a);
		else
			chain_order(c, i, a);
	}
	for (int i = 0; i < 2; i++)
		if (c->open[i] != NULL)
			c->open[i]->rule = rule;
}

int gate_scmp_cases(struct gate_arena *arena, struct gate_arena *scratch, const struct gate_scmp_rule *rules, size_t n,
                    bool is64, struct gate_case **ret, uint32_t *ret_n, const struct gate_scmp_rule **culprit)
{
	struct gate_scmp_level top = { NULL };
	const struct gate_scmp_rule *always = NULL;

	for (size_t i = 0; i < n && always == NULL; i++) {
		struct chain c = { scratch, NULL, { NULL, NULL }, is64, false };

		make_chain(&c, &rules[i]);
		if (c.failed)
			return -1;
		if (c.first == NULL) {
			/* Erases what was there; all that follows is dropped, silently. */
			always = &rules[i];
		} else if (merge(&top, c.first) < 0) {
			*culprit = &rules[i];
			return -2;
		}
	}
	return gate_scmp_walk(arena, scratch, always != NULL ? NULL : top.first, always, is64, ret, ret_n);
}
