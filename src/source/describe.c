/* Conditions in words. */
#include <stdio.h>

#include "base/buf.h"
#include "source/source.h"

static void number(struct gate_buf *out, uint64_t n)
{
	gate_buf_printf(out, n < 1024 ? "%llu" : "0x%llx", (unsigned long long)n);
}

void gate_describe_cond(const struct gate_cond *cond, struct gate_buf *out)
{
	gate_buf_printf(out, "arg%u ", cond->arg);
	if (cond->op == GATE_OP_MASKED_EQ) {
		gate_buf_puts(out, "& ");
		gate_buf_printf(out, "0x%llx == ", (unsigned long long)cond->mask);
		gate_buf_printf(out, cond->value == 0 ? "0" : "0x%llx", (unsigned long long)cond->value);
		return;
	}
	gate_buf_printf(out, "%s ", gate_op_sign((enum gate_op)cond->op));
	number(out, cond->value);
}

struct pieces {
	struct gate_buf *out;
	unsigned n, most;
	unsigned arg; /* for ranges */
	const struct gate_space *space;
};

static bool begin(struct pieces *p)
{
	if (p->n == p->most)
		return false;
	if (p->n++ > 0)
		gate_buf_puts(p->out, " or ");
	return true;
}

/* One argument's part of a cube: mask and value over its 64 bits. */
static void part(struct gate_buf *out, unsigned arg, uint64_t mask, uint64_t value)
{
	gate_buf_printf(out, "arg%u ", arg);
	/* Arguments that the kernel reads as 32 bits have no say in the upper half. */
	if (mask == UINT32_MAX || mask == UINT64_MAX) {
		gate_buf_puts(out, "== ");
		number(out, value);
		return;
	}
	gate_buf_printf(out, "& 0x%llx == ", (unsigned long long)mask);
	gate_buf_printf(out, value == 0 ? "0" : "0x%llx", (unsigned long long)value);
}

static int cube(void *ctx, const struct gate_cube *c, uint32_t leaf)
{
	struct pieces *p = ctx;
	bool first = true;

	if (leaf == 0)
		return 0;
	if (!begin(p))
		return 1;
	for (unsigned i = 0; i < 6; i++) {
		uint64_t mask = (uint64_t)c->mask[GATE_WORD_ARG(i, false)] << 32 | c->mask[GATE_WORD_ARG(i, true)];
		uint64_t value = (uint64_t)c->value[GATE_WORD_ARG(i, false)] << 32 | c->value[GATE_WORD_ARG(i, true)];

		if (mask == 0)
			continue;
		if (!first)
			gate_buf_puts(p->out, " and ");
		part(p->out, i, mask, value);
		first = false;
	}
	if ((c->mask[GATE_WORD_IP_HI] | c->mask[GATE_WORD_IP_LO]) != 0)
		gate_buf_printf(p->out, "%sfor some places in the program", first ? "" : " and ");
	return 0;
}

static int range(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct pieces *p = ctx;
	uint32_t leaf = 0;

	(void)gate_policy_is_const(p->space, to, &leaf);
	if (leaf == 0)
		return 0;
	if (!begin(p))
		return 1;
	if (lo == hi) {
		gate_buf_printf(p->out, "arg%u == ", p->arg);
		number(p->out, lo);
	} else if (lo == 0) {
		gate_buf_printf(p->out, "arg%u <= ", p->arg);
		number(p->out, hi);
	} else if (hi == UINT32_MAX) {
		gate_buf_printf(p->out, "arg%u >= ", p->arg);
		number(p->out, lo);
	} else {
		gate_buf_printf(p->out, "arg%u in ", p->arg);
		number(p->out, lo);
		gate_buf_puts(p->out, "..");
		number(p->out, hi);
	}
	return 0;
}

struct used {
	uint32_t words;
	unsigned cubes;
};

static int note_words(void *ctx, const struct gate_cube *c, uint32_t leaf)
{
	struct used *u = ctx;

	(void)leaf;
	for (unsigned w = 0; w < GATE_WORDS; w++)
		if (c->mask[w] != 0)
			u->words |= 1u << w;
	return ++u->cubes > 4096;
}

void gate_describe(const struct gate_space *space, gate_policy predicate, unsigned most, struct gate_buf *out,
                   bool *cut)
{
	struct pieces p = { .out = out, .most = most, .space = space };
	struct gate_buf cubes = GATE_BUF_INIT, ranges = GATE_BUF_INIT;
	struct used used = { 0 };
	bool one_word, cubes_cut, ranges_cut = true;
	unsigned n_cubes, word = 0;

	(void)gate_policy_each_cube(space, predicate, note_words, &used);
	p.out = &cubes;
	cubes_cut = gate_policy_each_cube(space, predicate, cube, &p) != 0;
	n_cubes = p.n;
	/* Runs of one low word read better than many cubes: arg0 <= 39 is six of them. */
	one_word = used.words != 0 && (used.words & (used.words - 1)) == 0;
	while (one_word && (used.words >> word & 1) == 0)
		word++;
	if (one_word && word < GATE_WORD_IP_HI && word % 2 == 1 && used.cubes <= 4096) {
		p.out = &ranges;
		p.n = 0;
		p.arg = (word - GATE_WORD_ARG0_HI) / 2;
		ranges_cut = gate_policy_each_range(space, predicate, word, range, &p) != 0;
	}
	bool by_range = !ranges_cut && (cubes_cut || p.n <= n_cubes);
	if (by_range ? ranges.data != NULL : cubes.data != NULL)
		gate_buf_puts(out, by_range ? ranges.data : cubes.data);
	if (by_range ? ranges_cut : cubes_cut) {
		gate_buf_puts(out, " or …");
		*cut = true;
	}
	out->failed = out->failed || cubes.failed || ranges.failed;
	gate_buf_done(&cubes);
	gate_buf_done(&ranges);
}

struct leaves {
	uint32_t *leaves;
	size_t n, most;
};

static int collect(void *ctx, uint32_t leaf)
{
	struct leaves *l = ctx;

	if (l->n == l->most)
		return -1;
	l->leaves[l->n++] = leaf;
	return 0;
}

int gate_policy_leaves(struct gate_space *space, gate_policy p, uint32_t *leaves, size_t most)
{
	struct leaves l = { leaves, 0, most };

	return gate_policy_each_leaf(space, p, collect, &l) != 0 ? -1 : (int)l.n;
}
