/* Functions of policies. All recursions go down the variables, so their depth is at most GATE_VARS. */
#include "policy/space.h"

/* The kernel compares ACTION_ONLY() as signed numbers, the raw ones (seccomp_run_filters): order raw leaves the
 * same way, so that chains with unknown actions come out as the kernel has them. */
static int32_t raw_order(uint32_t ret)
{
	return (int32_t)GATE_RET_ACTION(ret);
}

static uint32_t combine_leaves(struct gate_space *s, enum gate_combine how, uint32_t a, uint32_t b)
{
	switch (how) {
	case GATE_COMBINE_STACK:
	case GATE_COMBINE_INTERSECT:
		return gate_space_leaf(s, raw_order(b) < raw_order(a) ? b : a);
	case GATE_COMBINE_UNION:
		return gate_space_leaf(s, raw_order(b) > raw_order(a) ? b : a);
	case GATE_COMBINE_LOOSER:
		return gate_space_leaf(s, gate_ret_rank(a) < gate_ret_rank(b));
	case GATE_COMBINE_DIFFER:
	case GATE_COMBINE_XOR:
		return gate_space_leaf(s, a != b);
	case GATE_COMBINE_AND:
		return gate_space_leaf(s, a != 0 && b != 0);
	case GATE_COMBINE_OR:
		return gate_space_leaf(s, a != 0 || b != 0);
	case GATE_COMBINE_BITS:
		return gate_space_leaf(s, a | b);
	case GATE_COMBINE_MAX:
		break;
	}
	GATE_CHECK(how < GATE_COMBINE_MAX);
	return GATE_NONE;
}

/* What one leaf already decides. */
static bool shortcut(struct gate_space *s, enum gate_combine how, uint32_t a, uint32_t b, uint32_t *ret)
{
	const struct gate_dnode *x = gate_at(s, a), *y = gate_at(s, b);

	if (a == b) {
		bool same = how == GATE_COMBINE_DIFFER || how == GATE_COMBINE_XOR || how == GATE_COMBINE_LOOSER;

		*ret = same ? gate_space_leaf(s, 0) : a;
		return true;
	}
	if (x->var == GATE_LEAF && y->var == GATE_LEAF) {
		*ret = combine_leaves(s, how, x->lo, y->lo);
		return true;
	}
	if (how != GATE_COMBINE_AND && how != GATE_COMBINE_OR)
		return false;
	if (y->var == GATE_LEAF) {
		uint32_t id = a;

		x = y;
		a = b, b = id;
	}
	if (x->var != GATE_LEAF)
		return false;
	*ret = (x->lo != 0) == (how == GATE_COMBINE_OR) ? a : b;
	return true;
}

uint32_t gate_space_combine(struct gate_space *s, enum gate_combine how, uint32_t a, uint32_t b)
{
	uint32_t result, var, alo, ahi, blo, bhi;

	if (a == GATE_NONE || b == GATE_NONE)
		return GATE_NONE;
	if (shortcut(s, how, a, b, &result))
		return result;
	if (a > b && (how == GATE_COMBINE_DIFFER || how == GATE_COMBINE_AND || how == GATE_COMBINE_OR ||
	              how == GATE_COMBINE_XOR ||
	              how == GATE_COMBINE_BITS)) { /* order does not matter: one memo entry for both */
		uint32_t t = a;

		a = b;
		b = t;
	}
	if (gate_memo_find(s, how, a, b, 0, &result))
		return result;
	if (!gate_space_step(s))
		return GATE_NONE;
	var = gate_at(s, a)->var < gate_at(s, b)->var ? gate_at(s, a)->var : gate_at(s, b)->var;
	alo = gate_at(s, a)->var == var ? gate_at(s, a)->lo : a;
	ahi = gate_at(s, a)->var == var ? gate_at(s, a)->hi : a;
	blo = gate_at(s, b)->var == var ? gate_at(s, b)->lo : b;
	bhi = gate_at(s, b)->var == var ? gate_at(s, b)->hi : b;
	alo = gate_space_combine(s, how, alo, blo);
	if (alo == GATE_NONE)
		return GATE_NONE;
	result = gate_space_node(s, var, alo, gate_space_combine(s, how, ahi, bhi));
	gate_memo_keep(s, how, a, b, 0, result);
	return result;
}

uint32_t gate_space_ite(struct gate_space *s, uint32_t p, uint32_t yes, uint32_t no)
{
	uint32_t result, var, lo;

	if (p == GATE_NONE || yes == GATE_NONE || no == GATE_NONE)
		return GATE_NONE;
	if (yes == no)
		return yes;
	if (gate_at(s, p)->var == GATE_LEAF)
		return gate_at(s, p)->lo != 0 ? yes : no;
	if (gate_memo_find(s, GATE_MEMO_ITE, p, yes, no, &result))
		return result;
	if (!gate_space_step(s))
		return GATE_NONE;
	var = gate_at(s, p)->var;
	if (gate_at(s, yes)->var < var)
		var = gate_at(s, yes)->var;
	if (gate_at(s, no)->var < var)
		var = gate_at(s, no)->var;
#define SIDE(id, side) (gate_at(s, id)->var == var ? gate_at(s, id)->side : (id))
	lo = gate_space_ite(s, SIDE(p, lo), SIDE(yes, lo), SIDE(no, lo));
	if (lo == GATE_NONE)
		return GATE_NONE;
	result = gate_space_node(s, var, lo, gate_space_ite(s, SIDE(p, hi), SIDE(yes, hi), SIDE(no, hi)));
#undef SIDE
	gate_memo_keep(s, GATE_MEMO_ITE, p, yes, no, result);
	return result;
}

static uint32_t normal(struct gate_space *s, uint32_t p)
{
	uint32_t result, lo;

	if (gate_at(s, p)->var == GATE_LEAF)
		return gate_space_leaf(s, gate_ret_normal(gate_at(s, p)->lo));
	if (gate_memo_find(s, GATE_MEMO_NORMAL, p, 0, 0, &result))
		return result;
	if (!gate_space_step(s))
		return GATE_NONE;
	lo = normal(s, gate_at(s, p)->lo);
	if (lo == GATE_NONE)
		return GATE_NONE;
	result = gate_space_node(s, gate_at(s, p)->var, lo, normal(s, gate_at(s, p)->hi));
	gate_memo_keep(s, GATE_MEMO_NORMAL, p, 0, 0, result);
	return result;
}

struct fix {
	uint32_t first, mask, value, walk; /* `first`: the variable of the word's highest bit */
};

static uint32_t fix(struct gate_space *s, uint32_t p, const struct fix *f)
{
	uint32_t var = gate_at(s, p)->var, result, lo;

	if (var >= f->first + 32)
		return p;
	if (gate_memo_find(s, GATE_MEMO_FIX, p, f->walk, 0, &result))
		return result;
	if (!gate_space_step(s))
		return GATE_NONE;
	if (var >= f->first && (f->mask >> (31 - (var - f->first)) & 1) != 0) {
		bool one = (f->value >> (31 - (var - f->first)) & 1) != 0;

		result = fix(s, one ? gate_at(s, p)->hi : gate_at(s, p)->lo, f);
	} else {
		lo = fix(s, gate_at(s, p)->lo, f);
		if (lo == GATE_NONE)
			return GATE_NONE;
		result = gate_space_node(s, var, lo, fix(s, gate_at(s, p)->hi, f));
	}
	gate_memo_keep(s, GATE_MEMO_FIX, p, f->walk, 0, result);
	return result;
}

int gate_policy_combine(struct gate_space *space, enum gate_combine how, gate_policy a, gate_policy b, gate_policy *ret,
                        struct gate_err *err)
{
	return gate_space_result(space, gate_space_combine(space, how, a, b), ret, err);
}

int gate_policy_ite(struct gate_space *space, gate_policy predicate, gate_policy yes, gate_policy no, gate_policy *ret,
                    struct gate_err *err)
{
	return gate_space_result(space, gate_space_ite(space, predicate, yes, no), ret, err);
}

int gate_policy_normal(struct gate_space *space, gate_policy p, gate_policy *ret, struct gate_err *err)
{
	return gate_space_result(space, normal(space, p), ret, err);
}

int gate_policy_fix(struct gate_space *space, gate_policy p, unsigned word, uint32_t mask, uint32_t value,
                    gate_policy *ret, struct gate_err *err)
{
	struct fix f = { 32 * word, mask, value, gate_space_walk(space) };

	GATE_CHECK(word < GATE_WORDS);
	return gate_space_result(space, fix(space, p, &f), ret, err);
}
