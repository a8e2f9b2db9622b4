#include "profile/write_args.h"

#include "base/buf.h"

static bool wanted(struct gate_written_rules *w, uint32_t leaf)
{
	if (leaf == w->base)
		return false;
	/* Beside an unconditional rule only what is stricter can be said. */
	w->impossible = w->impossible || (w->has_base && gate_ret_rank(leaf) <= gate_ret_rank(w->base));
	return true;
}

static bool add(struct gate_written_rules *w, const struct gate_written_rule *rule)
{
	if (w->n == GATE_WRITTEN_MOST) {
		w->impossible = true;
		return false;
	}
	if (gate_grow(&w->rules, w->n, &w->cap, sizeof(*w->rules)) < 0) {
		w->failed = true;
		return false;
	}
	w->rules[w->n++] = *rule;
	return true;
}

/* --- any policy: one rule per path, as masked comparisons --- */

static struct gate_cond masked(unsigned arg, uint64_t mask, uint64_t value)
{
	if (mask == UINT64_MAX)
		return (struct gate_cond){ .arg = (uint8_t)arg, .op = GATE_OP_EQ, .value = value };
	return (struct gate_cond){ .arg = (uint8_t)arg, .op = GATE_OP_MASKED_EQ, .mask = mask, .value = value };
}

static int take_cube(void *ctx, const struct gate_cube *c, uint32_t leaf)
{
	struct gate_written_rules *w = ctx;
	struct gate_written_rule rule = { .action = leaf };

	if (!wanted(w, leaf))
		return 0;
	if ((c->mask[GATE_WORD_IP_HI] | c->mask[GATE_WORD_IP_LO]) != 0)
		w->impossible = true;
	for (unsigned i = 0; i < 6; i++) {
		uint64_t mask = (uint64_t)c->mask[GATE_WORD_ARG(i, false)] << 32 | c->mask[GATE_WORD_ARG(i, true)];
		uint64_t value = (uint64_t)c->value[GATE_WORD_ARG(i, false)] << 32 | c->value[GATE_WORD_ARG(i, true)];

		if (mask != 0)
			rule.conds[rule.n++] = masked(i, mask, value);
	}
	return w->impossible || !add(w, &rule);
}

/* --- a policy over one argument: as runs of its values, which read better and mean the same on narrower ABIs --- */

#define MOST_RUNS 64

struct run {
	uint64_t lo, hi;
	uint32_t leaf;
};

struct runs {
	const struct gate_space *space;
	struct run r[MOST_RUNS];
	size_t n;
	uint64_t high; /* the upper half that the low words belong to */
	unsigned low_word;
};

static int append(struct runs *s, uint64_t lo, uint64_t hi, uint32_t leaf)
{
	if (s->n > 0 && s->r[s->n - 1].leaf == leaf) {
		s->r[s->n - 1].hi = hi;
		return 0;
	}
	if (s->n == MOST_RUNS)
		return 1;
	s->r[s->n++] = (struct run){ lo, hi, leaf };
	return 0;
}

static int low_run(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct runs *s = ctx;
	uint32_t leaf = 0;

	return !gate_policy_is_const(s->space, to, &leaf) || append(s, s->high << 32 | lo, s->high << 32 | hi, leaf);
}

static int high_run(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct runs *s = ctx;
	uint32_t leaf = 0;

	if (gate_policy_is_const(s->space, to, &leaf))
		return append(s, (uint64_t)lo << 32, (uint64_t)hi << 32 | UINT32_MAX, leaf);
	if (lo != hi) /* low bits matter whatever the high ones are: no run says that */
		return 1;
	s->high = lo;
	return gate_policy_each_range(s->space, to, s->low_word, low_run, s);
}

/* One run as a comparison; false when it has a lower and an upper end (two tests of one argument are alternatives). */
static bool compare(const struct run *r, uint64_t top, unsigned arg, struct gate_cond *ret)
{
	*ret = (struct gate_cond){ .arg = (uint8_t)arg, .op = GATE_OP_EQ, .value = r->lo };
	if (r->lo == r->hi)
		return true;
	if (r->lo == 0)
		*ret = (struct gate_cond){ .arg = (uint8_t)arg, .op = GATE_OP_LE, .value = r->hi };
	else if (r->hi == top)
		ret->op = GATE_OP_GE;
	return r->lo == 0 || r->hi == top;
}

static bool by_runs(const struct gate_space *space, gate_policy p, unsigned arg, bool narrow,
                    struct gate_written_rules *w)
{
	struct runs s = { .space = space, .low_word = GATE_WORD_ARG(arg, true) };
	uint64_t top = narrow ? UINT32_MAX : UINT64_MAX;

	if (narrow ? gate_policy_each_range(space, p, s.low_word, low_run, &s) != 0
	           : gate_policy_each_range(space, p, GATE_WORD_ARG(arg, false), high_run, &s) != 0)
		return false;
	/* Everything but one value, which gets the base: one rule. */
	if (s.n == 3 && s.r[0].leaf == s.r[2].leaf && s.r[1].leaf == w->base && s.r[1].lo == s.r[1].hi) {
		struct gate_written_rule rule = { .action = s.r[0].leaf,
			                          .n = 1,
			                          .conds = {
						      { .arg = (uint8_t)arg, .op = GATE_OP_NE, .value = s.r[1].lo } } };

		return wanted(w, rule.action) && !w->impossible && add(w, &rule);
	}
	for (size_t i = 0; i < s.n; i++) {
		struct gate_written_rule rule = { .action = s.r[i].leaf, .n = 1 };

		if (!wanted(w, s.r[i].leaf))
			continue;
		if (w->impossible || !compare(&s.r[i], top, arg, &rule.conds[0]) || !add(w, &rule))
			return false;
	}
	return true;
}

/* The words that a policy tests, as bits. */
static uint32_t words_of(struct gate_space *space, gate_policy p)
{
	uint32_t words = 0;

	for (unsigned w = GATE_WORD_ARG0_HI; w < GATE_WORDS; w++)
		words |= gate_policy_uses(space, p, w) ? 1u << w : 0;
	return words;
}

void gate_write_args(struct gate_space *space, gate_policy p, struct gate_written_rules *w)
{
	struct gate_written_rules cubes = { .base = w->base, .has_base = w->has_base };
	uint32_t words = words_of(space, p);

	(void)gate_policy_each_cube(space, p, take_cube, &cubes);
	for (unsigned arg = 0; arg < 6; arg++) {
		uint32_t low = 1u << GATE_WORD_ARG(arg, true), high = 1u << GATE_WORD_ARG(arg, false);
		struct gate_written_rules runs = { .base = w->base, .has_base = w->has_base };

		if (words == 0 || (words & ~(low | high)) != 0 || (words == low && !w->narrow_ops))
			continue;
		if (by_runs(space, p, arg, words == low, &runs) && (cubes.impossible || runs.n <= cubes.n)) {
			free(cubes.rules);
			cubes = runs;
		} else {
			cubes.failed = cubes.failed || runs.failed;
			free(runs.rules);
		}
	}
	w->rules = cubes.rules;
	w->n = cubes.n;
	w->failed = cubes.failed;
	w->impossible = cubes.impossible;
}
