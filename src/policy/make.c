/* Policies and predicates from values. */
#include "policy/space.h"

int gate_policy_const(struct gate_space *space, uint32_t leaf, gate_policy *ret, struct gate_err *err)
{
	return gate_space_result(space, gate_space_leaf(space, leaf), ret, err);
}

/* The function of the word's bits below `bit` for values lo..hi, spans[*at] being the one that holds lo. */
static uint32_t from_ranges(struct gate_space *s, uint32_t var, const struct gate_range *spans, size_t n, uint32_t lo,
                            unsigned bits)
{
	uint32_t hi = bits == 32 ? UINT32_MAX : lo + ((1u << bits) - 1), half, left;
	size_t from = 0, to = n;

	/* Binary search: the span that holds lo. */
	while (to - from > 1) {
		size_t mid = from + (to - from) / 2;

		if (spans[mid].lo <= lo)
			from = mid;
		else
			to = mid;
	}
	if (spans[from].hi >= hi)
		return spans[from].to;
	half = 1u << (bits - 1);
	left = from_ranges(s, var + 1, spans + from, n - from, lo, bits - 1);
	if (left == GATE_NONE)
		return GATE_NONE;
	return gate_space_node(s, var, left, from_ranges(s, var + 1, spans + from, n - from, lo + half, bits - 1));
}

int gate_policy_ranges(struct gate_space *space, unsigned word, const struct gate_range *spans, size_t n,
                       gate_policy *ret, struct gate_err *err)
{
	uint32_t next = 0;

	GATE_CHECK(word < GATE_WORDS && n > 0);
	for (size_t i = 0; i < n; i++) {
		GATE_CHECK(spans[i].lo == next && spans[i].hi >= spans[i].lo);
		GATE_CHECK(gate_at(space, spans[i].to)->var >= 32 * (word + 1));
		GATE_CHECK((spans[i].hi == UINT32_MAX) == (i == n - 1));
		next = spans[i].hi + 1;
	}
	return gate_space_result(space, from_ranges(space, 32 * word, spans, n, 0, 32), ret, err);
}

int gate_policy_masked(struct gate_space *space, unsigned word, uint32_t mask, uint32_t value, gate_policy *ret,
                       struct gate_err *err)
{
	uint32_t no = gate_space_leaf(space, 0), p = gate_space_leaf(space, 1);

	GATE_CHECK(word < GATE_WORDS);
	if ((value & ~mask) != 0)
		return gate_space_result(space, no, ret, err);
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t var = 32 * word + 31 - bit;

		if ((mask >> bit & 1) == 0)
			continue;
		p = (value >> bit & 1) != 0 ? gate_space_node(space, var, no, p) : gate_space_node(space, var, p, no);
	}
	return gate_space_result(space, p, ret, err);
}

int gate_policy_between(struct gate_space *space, unsigned word, uint32_t lo, uint32_t hi, gate_policy *ret,
                        struct gate_err *err)
{
	uint32_t no = gate_space_leaf(space, 0), yes = gate_space_leaf(space, 1);
	struct gate_range r[3];
	size_t n = 0;

	if (no == GATE_NONE || yes == GATE_NONE)
		return gate_space_result(space, GATE_NONE, ret, err);
	GATE_CHECK(word < GATE_WORDS && lo <= hi);
	if (lo > 0)
		r[n++] = (struct gate_range){ 0, lo - 1, no };
	r[n++] = (struct gate_range){ lo, hi, yes };
	if (hi < UINT32_MAX)
		r[n++] = (struct gate_range){ hi + 1, UINT32_MAX, no };
	return gate_policy_ranges(space, word, r, n, ret, err);
}
