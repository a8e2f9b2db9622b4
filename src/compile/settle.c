/* settle.c - a list of cases as a diagram, where equal meanings are one node.
 *
 * Comparing words with constants is settled while a list is cut into intervals; masks and comparisons of one word
 * together are not ((a & 4) == 0 or a >= 4 is always so). A call that such a list allows whatever its arguments are
 * still has to be one for the kernel's bitmap. */
#include "compile/settle.h"

#define NODES_MAX ((size_t)1 << 14)

static const enum gate_op strict[GATE_OP_MAX] = {
	[GATE_OP_NE] = GATE_OP_NE, [GATE_OP_LT] = GATE_OP_LT, [GATE_OP_LE] = GATE_OP_LT,
	[GATE_OP_GE] = GATE_OP_GT, [GATE_OP_GT] = GATE_OP_GT,
};

struct settle {
	struct gate_space *space;
	struct gate_err err;
	gate_policy yes, no;
};

/* One word against a constant: an interval, or what is outside it. */
static int compare(struct settle *s, unsigned word, enum gate_op op, uint32_t v, gate_policy *ret)
{
	bool above = op == GATE_OP_GE || op == GATE_OP_LT, below = op == GATE_OP_LE || op == GATE_OP_GT;
	bool out = op == GATE_OP_NE || op == GATE_OP_LT || op == GATE_OP_GT;
	gate_policy in;

	if (gate_policy_between(s->space, word, below ? 0 : v, above ? UINT32_MAX : v, &in, &s->err) < 0)
		return -1;
	return gate_policy_ite(s->space, in, out ? s->no : s->yes, out ? s->yes : s->no, ret, &s->err);
}

static int masked(struct settle *s, const struct gate_cond *c, gate_policy *ret)
{
	uint64_t mask = c->wide ? c->mask : (uint32_t)c->mask, value = c->wide ? c->value : (uint32_t)c->value;
	gate_policy high, low;

	if (gate_policy_masked(s->space, GATE_WORD_ARG(c->arg, 0), (uint32_t)(mask >> 32), (uint32_t)(value >> 32),
	                       &high, &s->err) < 0 ||
	    gate_policy_masked(s->space, GATE_WORD_ARG(c->arg, 1), (uint32_t)mask, (uint32_t)value, &low, &s->err) < 0)
		return -1;
	return gate_policy_combine(s->space, GATE_COMBINE_AND, high, low, ret, &s->err);
}

static int condition(struct settle *s, const struct gate_cond *c, gate_policy *ret)
{
	uint32_t high = (uint32_t)(c->value >> 32);
	gate_policy low, equal, differs = s->no;

	if (c->op == GATE_OP_MASKED_EQ)
		return masked(s, c, ret);
	if (compare(s, GATE_WORD_ARG(c->arg, 1), c->op, (uint32_t)c->value, &low) < 0)
		return -1;
	if (!c->wide) {
		*ret = low;
		return 0;
	}
	if (compare(s, GATE_WORD_ARG(c->arg, 0), GATE_OP_EQ, high, &equal) < 0)
		return -1;
	if (c->op != GATE_OP_EQ && compare(s, GATE_WORD_ARG(c->arg, 0), strict[c->op], high, &differs) < 0)
		return -1;
	return gate_policy_ite(s->space, equal, low, differs, ret, &s->err);
}

static int one_case(struct settle *s, const struct gate_case *c, gate_policy *p)
{
	gate_policy here, test;

	if (gate_policy_const(s->space, c->action, &here, &s->err) < 0)
		return -1;
	for (uint32_t i = 0; i < c->n_conds; i++)
		if (condition(s, &c->conds[i], &test) < 0 ||
		    gate_policy_ite(s->space, test, here, *p, &here, &s->err) < 0)
			return -1;
	*p = here;
	return 0;
}

int gate_settle(const struct gate_case *cases, size_t n, uint32_t *action)
{
	const struct gate_budget budget = { .nodes = NODES_MAX, .steps = 64 * NODES_MAX };
	struct settle s = { .err = GATE_ERR_INIT };
	gate_policy p;
	int r = -1;

	if (gate_space_new(&budget, &s.space, &s.err) == 0 && gate_policy_const(s.space, 1, &s.yes, &s.err) == 0 &&
	    gate_policy_const(s.space, 0, &s.no, &s.err) == 0) {
		p = s.no;
		r = 0;
		for (size_t i = n; r == 0 && i-- > 0;)
			r = one_case(&s, &cases[i], &p);
		if (r == 0)
			r = gate_policy_is_const(s.space, p, action);
	}
	gate_space_free(s.space);
	return r < 0 && s.err.code == GATE_E_LIMIT ? 0 : r;
}
