/* policy.c - resolved rules as a decision diagram, exactly. */
#include "profile/rules.h"

struct maker {
	struct gate_space *space;
	struct gate_err *err;
	gate_policy no, yes;
};

static int between(struct maker *m, unsigned word, uint32_t lo, uint32_t hi, gate_policy *ret)
{
	return gate_policy_between(m->space, word, lo, hi, ret, m->err);
}

/* By the word against h. */
static int split(struct maker *m, unsigned word, uint32_t h, gate_policy below, gate_policy at, gate_policy above,
                 gate_policy *ret)
{
	struct gate_range r[3];
	size_t n = 0;

	if (h != 0)
		r[n++] = (struct gate_range){ 0, h - 1, below };
	r[n++] = (struct gate_range){ h, h, at };
	if (h != UINT32_MAX)
		r[n++] = (struct gate_range){ h + 1, UINT32_MAX, above };
	return gate_policy_ranges(m->space, word, r, n, ret, m->err);
}

/* The operator on one word of 32 bits. */
static int word_op(struct maker *m, unsigned word, enum gate_op op, uint32_t value, gate_policy *ret)
{
	switch (op) {
	case GATE_OP_NE:
		return split(m, word, value, m->yes, m->no, m->yes, ret);
	case GATE_OP_LT:
		return split(m, word, value, m->yes, m->no, m->no, ret);
	case GATE_OP_LE:
		return split(m, word, value, m->yes, m->yes, m->no, ret);
	case GATE_OP_GE:
		return split(m, word, value, m->no, m->yes, m->yes, ret);
	case GATE_OP_GT:
		return split(m, word, value, m->no, m->no, m->yes, ret);
	case GATE_OP_EQ:
	case GATE_OP_MASKED_EQ:
	case GATE_OP_MAX:
	default:
		return between(m, word, value, value, ret);
	}
}

static int masked(struct maker *m, const struct gate_cond *c, gate_policy *ret)
{
	gate_policy low;

	if (gate_policy_masked(m->space, GATE_WORD_ARG(c->arg, true), (uint32_t)c->mask, (uint32_t)c->value, &low,
	                       m->err) < 0)
		return -1;
	if (!c->wide) {
		*ret = low;
		return 0;
	}
	gate_policy high;

	if (gate_policy_masked(m->space, GATE_WORD_ARG(c->arg, false), (uint32_t)(c->mask >> 32),
	                       (uint32_t)(c->value >> 32), &high, m->err) < 0)
		return -1;
	return gate_policy_combine(m->space, GATE_COMBINE_AND, high, low, ret, m->err);
}

static int cond_predicate(struct maker *m, const struct gate_cond *c, gate_policy *ret)
{
	enum gate_op op = (enum gate_op)c->op;
	gate_policy low;
	bool less = op == GATE_OP_LT || op == GATE_OP_LE || op == GATE_OP_NE;
	bool more = op == GATE_OP_GT || op == GATE_OP_GE || op == GATE_OP_NE;

	if (op == GATE_OP_MASKED_EQ)
		return masked(m, c, ret);
	if (word_op(m, GATE_WORD_ARG(c->arg, true), op, (uint32_t)c->value, &low) < 0)
		return -1;
	if (!c->wide) {
		*ret = low;
		return 0;
	}
	return split(m, GATE_WORD_ARG(c->arg, false), (uint32_t)(c->value >> 32), less ? m->yes : m->no, low,
	             more ? m->yes : m->no, ret);
}

static int case_predicate(struct maker *m, const struct gate_case *c, gate_policy *ret)
{
	gate_policy all = m->yes;

	for (uint32_t i = 0; i < c->n_conds; i++) {
		gate_policy one;

		if (cond_predicate(m, &c->conds[i], &one) < 0 ||
		    gate_policy_combine(m->space, GATE_COMBINE_AND, all, one, &all, m->err) < 0)
			return -1;
	}
	*ret = all;
	return 0;
}

/* First match wins: built from the last case, which has no conditions, backwards. */
static int cases_policy(struct maker *m, const struct gate_case *cases, uint32_t n, gate_policy *ret)
{
	gate_policy p;

	if (gate_policy_const(m->space, gate_ret_normal(cases[n - 1].action), &p, m->err) < 0)
		return -1;
	for (uint32_t i = n - 1; i-- > 0;) {
		gate_policy when, then;

		if (gate_policy_const(m->space, gate_ret_normal(cases[i].action), &then, m->err) < 0 ||
		    case_predicate(m, &cases[i], &when) < 0 || gate_policy_ite(m->space, when, then, p, &p, m->err) < 0)
			return -1;
	}
	*ret = p;
	return 0;
}

static int token_policy(struct maker *m, const struct gate_token *t, gate_policy *ret)
{
	GATE_AUTOFREE struct gate_range *ranges = calloc(t->n_spans, sizeof(*ranges));
	size_t n = 0;

	if (ranges == NULL)
		return GATE_FAIL_NOMEM(m->err);
	for (size_t i = 0; i < t->n_spans; i++) {
		const struct gate_span *s = &t->spans[i];
		gate_policy to;

		if (cases_policy(m, s->cases, s->n_cases, &to) < 0)
			return -1;
		if (n != 0 && ranges[n - 1].to == to)
			ranges[n - 1].hi = s->hi;
		else
			ranges[n++] = (struct gate_range){ s->lo, s->hi, to };
	}
	return gate_policy_ranges(m->space, GATE_WORD_NR, ranges, n, ret, m->err);
}

int gate_rules_policy(const struct gate_rules *r, struct gate_space *space, gate_policy *ret, struct gate_err *err)
{
	struct maker m = { space, err, 0, 0 };
	gate_policy all;

	if (gate_policy_const(space, 0, &m.no, err) < 0 || gate_policy_const(space, 1, &m.yes, err) < 0 ||
	    gate_policy_const(space, gate_ret_normal(r->uncovered.action), &all, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_tokens; i++) {
		gate_policy token, is;

		if (token_policy(&m, &r->tokens[i], &token) < 0 ||
		    between(&m, GATE_WORD_ARCH, r->tokens[i].audit, r->tokens[i].audit, &is) < 0 ||
		    gate_policy_ite(space, is, token, all, &all, err) < 0)
			return -1;
	}
	*ret = all;
	return 0;
}
