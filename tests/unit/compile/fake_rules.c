#include "fake_rules.h"

#include "base/arena.h"

static const uint32_t actions[] = { GATE_RET_ALLOW, GATE_RET_ALLOW, GATE_RET_ERRNO | 1, GATE_RET_ERRNO | 38,
	                            GATE_RET_KILL_PROCESS, GATE_RET_KILL_THREAD, GATE_RET_TRAP, GATE_RET_NOTIFY,
	                            GATE_RET_LOG, GATE_RET_TRACE | 7 };

static uint32_t some_action(struct test_random *r)
{
	return actions[test_below(r, test_below(r, 4) ? 4 : GATE_ARRAY_LEN(actions))];
}

static uint64_t some_value(struct test_random *r, const struct fake_shape *shape)
{
	static const uint64_t few[] = { 0, 1, 2, 3, 8, 0x20000, 0x20008, 0xffffffff, 0x100000000, 0x100000001 };

	return shape->edges ? test_edge64(r) : few[test_below(r, GATE_ARRAY_LEN(few))];
}

/* Never always true, never impossible: what resolving promises. */
static struct gate_cond some_cond(struct test_random *r, const struct fake_shape *shape)
{
	struct gate_cond c = { .arg = (uint8_t)test_below(r, test_below(r, 2) ? 1 : 6),
		               .op = (uint8_t)(1 + test_below(r, GATE_OP_MAX - 1)),
		               .wide = test_below(r, 2),
		               .value = some_value(r, shape) };
	uint64_t most = c.wide ? UINT64_MAX : UINT32_MAX;

	c.value &= most;
	if (c.op == GATE_OP_MASKED_EQ) {
		c.mask = some_value(r, shape) & most;
		c.mask = c.mask ? c.mask : 1u << test_below(r, 32);
		c.value &= c.mask;
	}
	if ((c.op == GATE_OP_LT || c.op == GATE_OP_GE) && c.value == 0)
		c.value = 1;
	if ((c.op == GATE_OP_LE || c.op == GATE_OP_GT) && c.value == most)
		c.value = most - 1;
	return c;
}

static void some_cases(struct test_random *r, const struct fake_shape *shape, struct gate_arena *a,
                       struct gate_span *span)
{
	uint32_t n = shape->cases && test_below(r, 3) == 0 ? test_below(r, shape->cases + 1) : 0;
	struct gate_case *cases = GATE_NEWS(a, struct gate_case, n + 1);

	for (uint32_t i = 0; i <= n; i++) {
		uint32_t conds = i < n ? 1 + test_below(r, shape->conds) : 0;
		struct gate_cond *list = GATE_NEWS(a, struct gate_cond, conds);

		for (uint32_t c = 0; c < conds; c++)
			list[c] = some_cond(r, shape);
		cases[i] = (struct gate_case){ .action = some_action(r), .why = GATE_WHY_RULE, .entry = i,
			                       .n_conds = conds, .conds = list };
	}
	span->cases = cases;
	span->n_cases = n + 1;
}

static void some_spans(struct test_random *r, const struct fake_shape *shape, struct gate_arena *a,
                       struct gate_token *token)
{
	size_t most = 1 + test_below(r, shape->spans), n = 0;
	struct gate_span *spans = GATE_NEWS(a, struct gate_span, most);
	uint32_t lo = 0;

	for (;;) {
		uint32_t step = test_below(r, 2) ? 1 : 1 + test_below(r, shape->nr_step);

		spans[n].lo = lo;
		if (n > 1 && test_below(r, 4) == 0) {
			spans[n].cases = spans[n - 2].cases; /* as before the last one */
			spans[n].n_cases = spans[n - 2].n_cases;
		} else {
			some_cases(r, shape, a, &spans[n]);
		}
		if (test_below(r, 40) == 0)
			step = 0x40000000u;
		if (n + 1 == most || lo + step < lo) {
			spans[n++].hi = UINT32_MAX;
			break;
		}
		spans[n++].hi = lo + step - 1;
		lo += step;
		/* sometimes numbers repeat with x32's bit */
		if (n == most / 2 && lo < 0x40000000u && test_below(r, 2)) {
			spans[n - 1].hi = 0x3fffffff;
			lo = 0x40000000u;
			for (size_t i = 0; n + 1 < most && test_below(r, 30); i++, n++) {
				spans[n] = spans[i];
				if (test_below(r, 6) == 0)
					some_cases(r, shape, a, &spans[n]);
				spans[n].lo = lo;
				spans[n].hi = lo + spans[i].hi - spans[i].lo;
				if (spans[n].hi < lo || spans[n].hi > 0x7ffffff0u)
					break;
				lo = spans[n].hi + 1;
			}
		}
	}
	token->spans = spans;
	token->n_spans = n;
}

void fake_rules(struct test_random *r, const struct fake_shape *shape, struct gate_rules *ret)
{
	struct gate_rules rules = { .arena = GATE_ARENA_INIT, .uncovered = { .action = GATE_RET_KILL_PROCESS } };
	uint32_t n = 1 + test_below(r, shape->tokens);

	rules.tokens = GATE_NEWS(&rules.arena, struct gate_token, n);
	while (rules.n_tokens < n) {
		const struct gate_arch_info *info = gate_arch_info((enum gate_arch)(1 + test_below(r, GATE_ARCH_MAX - 1)));
		bool seen = false;

		for (size_t t = 0; t < rules.n_tokens; t++)
			seen = seen || rules.tokens[t].audit == info->audit;
		if (seen)
			continue;
		rules.tokens[rules.n_tokens].audit = info->audit;
		rules.tokens[rules.n_tokens].arch = gate_arch_of(info->audit, 0);
		some_spans(r, shape, &rules.arena, &rules.tokens[rules.n_tokens]);
		rules.n_tokens++;
	}
	*ret = rules;
}

/* --- by the book --- */

static bool holds(const struct gate_cond *c, const struct gate_data *data)
{
	uint64_t v = c->wide ? data->args[c->arg] : (uint32_t)data->args[c->arg];

	switch ((enum gate_op)c->op) {
	case GATE_OP_NE:
		return v != c->value;
	case GATE_OP_LT:
		return v < c->value;
	case GATE_OP_LE:
		return v <= c->value;
	case GATE_OP_EQ:
		return v == c->value;
	case GATE_OP_GE:
		return v >= c->value;
	case GATE_OP_GT:
		return v > c->value;
	case GATE_OP_MASKED_EQ:
		return (v & c->mask) == c->value;
	case GATE_OP_MAX:
		break;
	}
	abort();
}

static const struct gate_span *span_of(const struct gate_rules *rules, uint32_t arch, uint32_t nr)
{
	for (size_t t = 0; t < rules->n_tokens; t++)
		for (size_t s = 0; rules->tokens[t].audit == arch && s < rules->tokens[t].n_spans; s++)
			if (rules->tokens[t].spans[s].lo <= nr && nr <= rules->tokens[t].spans[s].hi)
				return &rules->tokens[t].spans[s];
	return NULL;
}

uint32_t fake_decide(const struct gate_rules *rules, const struct gate_data *data)
{
	const struct gate_span *span = span_of(rules, data->arch, data->nr);

	for (uint32_t i = 0; span && i < span->n_cases; i++) {
		bool all = true;

		for (uint32_t c = 0; c < span->cases[i].n_conds; c++)
			all = all && holds(&span->cases[i].conds[c], data);
		if (all)
			return span->cases[i].action;
	}
	return rules->uncovered.action;
}

void fake_data(struct test_random *r, const struct gate_rules *rules, struct gate_data *ret)
{
	const struct gate_token *token = &rules->tokens[test_below(r, (uint32_t)rules->n_tokens)];
	const struct gate_span *span = &token->spans[test_below(r, (uint32_t)token->n_spans)];

	ret->arch = test_below(r, 20) ? token->audit : token->audit ^ (1u << test_below(r, 32));
	ret->nr = (test_below(r, 2) ? span->lo : span->hi) + test_below(r, 3) - 1;
	ret->ip = test_next(r);
	for (int i = 0; i < 6; i++)
		ret->args[i] = test_edge64(r);
	for (uint32_t i = 0; i < span->n_cases; i++)
		for (uint32_t c = 0; c < span->cases[i].n_conds; c++) {
			const struct gate_cond *cond = &span->cases[i].conds[c];

			if (test_below(r, 2))
				ret->args[cond->arg] = cond->value + test_below(r, 3) - 1;
			if (test_below(r, 4) == 0)
				ret->args[cond->arg] = (test_next(r) & ~cond->mask) | cond->value;
			if (test_below(r, 4) == 0)
				ret->args[cond->arg] |= (uint64_t)test_below(r, 3) << 32;
		}
}

/* --- as a diagram --- */

struct maker {
	struct gate_space *space;
	struct gate_err *err;
};

/* The predicate word `op` v; everything that is asked of 32 bits comes down to between. */
static int word_pred(struct maker *m, unsigned word, enum gate_op op, uint32_t v, gate_policy *ret)
{
	gate_policy yes, no, in;
	uint32_t lo = op == GATE_OP_EQ || op == GATE_OP_NE || op == GATE_OP_GE || op == GATE_OP_LT ? v : 0;
	uint32_t hi = op == GATE_OP_EQ || op == GATE_OP_NE || op == GATE_OP_LE || op == GATE_OP_GT ? v : UINT32_MAX;
	bool out = op == GATE_OP_NE || op == GATE_OP_LT || op == GATE_OP_GT;

	if (gate_policy_const(m->space, 1, &yes, m->err) < 0 || gate_policy_const(m->space, 0, &no, m->err) < 0 ||
	    gate_policy_between(m->space, word, lo, hi, &in, m->err) < 0)
		return -1;
	return gate_policy_ite(m->space, in, out ? no : yes, out ? yes : no, ret, m->err);
}

static int cond_pred(struct maker *m, const struct gate_cond *c, gate_policy *ret)
{
	unsigned high = GATE_WORD_ARG(c->arg, 0), low = GATE_WORD_ARG(c->arg, 1);
	uint32_t v = (uint32_t)c->value, v_high = (uint32_t)(c->value >> 32);
	gate_policy here, above, equal;

	if (c->op == GATE_OP_MASKED_EQ) {
		if (gate_policy_masked(m->space, low, (uint32_t)c->mask, v, &here, m->err) < 0 ||
		    gate_policy_masked(m->space, high, c->wide ? (uint32_t)(c->mask >> 32) : 0, c->wide ? v_high : 0,
		                       &above, m->err) < 0)
			return -1;
		return gate_policy_combine(m->space, GATE_COMBINE_AND, here, above, ret, m->err);
	}
	if (word_pred(m, low, c->op, v, &here) < 0)
		return -1;
	if (!c->wide) {
		*ret = here;
		return 0;
	}
	if (word_pred(m, high, GATE_OP_EQ, v_high, &equal) < 0 ||
	    word_pred(m, high, c->op == GATE_OP_LE ? GATE_OP_LT : c->op == GATE_OP_GE ? GATE_OP_GT : c->op, v_high,
	              &above) < 0)
		return -1;
	if (c->op == GATE_OP_EQ)
		return gate_policy_combine(m->space, GATE_COMBINE_AND, equal, here, ret, m->err);
	return gate_policy_ite(m->space, equal, here, above, ret, m->err);
}

static int cases_policy(struct maker *m, const struct gate_span *span, gate_policy *ret)
{
	gate_policy p, pred, all, leaf;

	if (gate_policy_const(m->space, span->cases[span->n_cases - 1].action, &p, m->err) < 0)
		return -1;
	for (uint32_t i = span->n_cases - 1; i-- > 0;) {
		if (gate_policy_const(m->space, 1, &all, m->err) < 0 ||
		    gate_policy_const(m->space, span->cases[i].action, &leaf, m->err) < 0)
			return -1;
		for (uint32_t c = 0; c < span->cases[i].n_conds; c++)
			if (cond_pred(m, &span->cases[i].conds[c], &pred) < 0 ||
			    gate_policy_combine(m->space, GATE_COMBINE_AND, all, pred, &all, m->err) < 0)
				return -1;
		if (gate_policy_ite(m->space, all, leaf, p, &p, m->err) < 0)
			return -1;
	}
	*ret = p;
	return 0;
}

static int token_policy(struct maker *m, const struct gate_token *token, gate_policy *ret)
{
	struct gate_range *ranges = calloc(token->n_spans, sizeof(*ranges));
	int r = ranges ? 0 : -1;

	for (size_t s = 0; r == 0 && s < token->n_spans; s++) {
		ranges[s].lo = token->spans[s].lo;
		ranges[s].hi = token->spans[s].hi;
		r = cases_policy(m, &token->spans[s], &ranges[s].to);
	}
	if (r == 0)
		r = gate_policy_ranges(m->space, GATE_WORD_NR, ranges, token->n_spans, ret, m->err);
	free(ranges);
	return r;
}

int fake_policy(const struct gate_rules *rules, struct gate_space *space, gate_policy *ret, struct gate_err *err)
{
	struct maker m = { space, err };
	gate_policy p, pred, here;

	if (gate_policy_const(space, rules->uncovered.action, &p, err) < 0)
		return -1;
	for (size_t t = 0; t < rules->n_tokens; t++)
		if (token_policy(&m, &rules->tokens[t], &here) < 0 ||
		    gate_policy_between(space, GATE_WORD_ARCH, rules->tokens[t].audit, rules->tokens[t].audit, &pred, err) < 0 ||
		    gate_policy_ite(space, pred, here, p, &p, err) < 0)
			return -1;
	*ret = p;
	return 0;
}
