/* tree.c - the cheapest tree of >= tests with chains of = tests as leaves.
 *
 * A tree of >= alone needs a test per boundary. A single value inside a run (`a s a`) needs one = test instead of
 * two >=, and then its neighbours are one run: so leaves are chains "= s1 -> x, = s2 -> y, else run". Which cuts to
 * make above the chains is a dynamic program over intervals, as for optimal search trees: the best root of an
 * interval lies between the best roots of its two shorter neighbours (Knuth 1971), which makes it quadratic. With
 * chains and masks that bound is not a theorem, only a good guess.
 * A third kind of leaf is one test of several bits, where alternating runs happen to differ in them.
 * The DP works on blocks: a cut after a single value inside a run buys nothing over the cut before it. */
#include "compile/tree.h"

#define BLOCKS_MAX 128u           /* per dynamic program; more are halved first, so work and memory stay bounded */
#define CHAIN_MAX  12u            /* = tests in a row: deeper chains cost more than they save */
#define MASK_SPAN  GATE_TREE_WIDE /* values that a mask test may cover: looked at one by one */
#define NO_COST    UINT32_MAX

/* How a cell is made. A chain ends with the run of its first or second segment; a mask leads to the place of one of
 * these when a bit is set, to that of the other when none is. */
enum leaf { SPLIT, CHAIN_0, CHAIN_1, MASK_0, MASK_1 };

struct dp {
	struct gate_graph *g;
	const struct gate_seg *segs;
	size_t n;
	uint32_t hi;
	uint32_t *block; /* block[b]: its first segment; block[blocks] = n */
	uint32_t *sum;   /* sum[b]: weights of the blocks before b */
	size_t blocks;
	/* of the part at hand, `width` blocks from `base`; cells (i, j) with i <= j: see cell_of */
	size_t base, width;
	uint32_t *cost;
	uint8_t *root; /* the last block of the left side */
	uint8_t *leaf; /* how a cell is made: SPLIT, or the leaf that it is */
};

static size_t cells_of(size_t width)
{
	return width * (width + 1) / 2;
}

/* Row by row, the half above the diagonal: cell (i + 1, j) lies width - i - 1 behind cell (i, j). */
static size_t cell_of(const struct dp *d, size_t i, size_t j)
{
	return i * (2 * d->width - i - 1) / 2 + j;
}

static uint32_t seg_hi(const struct dp *d, size_t s)
{
	return s + 1 < d->n ? d->segs[s + 1].lo - 1 : d->hi;
}

/* In a chain a run of two values is two tests; longer runs cannot be exceptions. 0: too long. */
static uint32_t tests_of(const struct dp *d, size_t s)
{
	uint32_t more = seg_hi(d, s) - d->segs[s].lo;

	return more < 2 ? more + 1 : 0;
}

static bool inside_a_run(const struct gate_seg *segs, size_t n, uint32_t hi, size_t s)
{
	return s > 0 && s + 1 < n && segs[s].lo == (s + 1 < n ? segs[s + 1].lo - 1 : hi) &&
	       segs[s - 1].node == segs[s + 1].node;
}

size_t gate_tree_guess(const struct gate_seg *segs, size_t n, uint32_t hi)
{
	size_t tests = n - 1;
	bool last = false;

	for (size_t s = 1; s + 1 < n; s++) {
		last = !last && inside_a_run(segs, n, hi, s);
		tests -= last;
	}
	return tests;
}

/* No cut behind a single value inside a run; but alternating single values must not stick together for ever. */
static bool sticks(const struct dp *d, size_t s, bool last_stuck)
{
	return s > 0 && !last_stuck && inside_a_run(d->segs, d->n, d->hi, s - 1);
}

static size_t count_blocks(const struct dp *d)
{
	size_t blocks = 0;
	bool stuck = false;

	for (size_t s = 0; s < d->n; s++) {
		stuck = sticks(d, s, stuck);
		blocks += !stuck;
	}
	return blocks;
}

static void find_blocks(struct dp *d)
{
	bool stuck = false;
	uint32_t sum = 0;

	d->blocks = 0;
	for (size_t s = 0; s < d->n; s++) {
		stuck = sticks(d, s, stuck);
		if (!stuck) {
			d->block[d->blocks] = (uint32_t)s;
			d->sum[d->blocks++] = sum;
		}
		sum += d->segs[s].weight;
	}
	d->block[d->blocks] = (uint32_t)d->n;
	d->sum[d->blocks] = sum;
}

/* Every interval that starts with block i and is cheap enough as a chain that ends with the run `other` segments
 * behind its first. */
static void chains_from(struct dp *d, size_t i, size_t other)
{
	size_t first = d->block[d->base + i], s = first;
	uint32_t run, tests = 0, exceptions = 0, in_run = 0;

	if (first + other >= d->n)
		return;
	run = d->segs[first + other].node;
	for (size_t j = i; j < d->width; j++) {
		size_t cell = cell_of(d, i, j);
		uint32_t cost;

		for (; s < d->block[d->base + j + 1]; s++) {
			uint32_t more = tests_of(d, s);

			if (d->segs[s].node == run) {
				in_run += d->segs[s].weight;
				continue;
			}
			if (!more)
				return;
			tests += more;
			exceptions += d->segs[s].weight;
		}
		if (tests > CHAIN_MAX)
			return;
		/* the run passes every test; an exception half of them on average */
		cost = tests * GATE_COST_INSN + in_run * tests + exceptions * (tests + 1) / 2;
		if (first + other < s && cost < d->cost[cell]) {
			d->cost[cell] = cost;
			d->leaf[cell] = (uint8_t)(CHAIN_0 + other);
		}
	}
}

/* The smallest mask that covers no less than every bit that some value in lo..hi has. */
static uint32_t bits_of(uint32_t lo, uint32_t hi)
{
	return lo == hi ? lo : hi | (UINT32_MAX >> __builtin_clz(lo ^ hi));
}

/* Do all values of lo..hi have a bit in the mask? */
static bool all_meet(uint32_t lo, uint32_t hi, uint32_t mask)
{
	if (hi - lo >= MASK_SPAN)
		return false;
	for (uint32_t v = lo;; v++) {
		if (!(v & mask))
			return false;
		if (v == hi)
			return true;
	}
}

/* The mask that tells segs[first..end) that lead to `set` from the others, which all lead to one place; 0: none. */
static uint32_t mask_for(const struct dp *d, size_t first, size_t end, size_t set)
{
	uint32_t clear = 0, node = d->segs[first + set].node;

	for (size_t s = first + !set; s < end; s += 2)
		clear |= bits_of(d->segs[s].lo, seg_hi(d, s));
	for (size_t s = first + set; s < end; s += 2)
		if (d->segs[s].node != node || !all_meet(d->segs[s].lo, seg_hi(d, s), ~clear))
			return 0;
	return ~clear;
}

/* Intervals from block i on that alternate between two places and that one mask test tells apart. */
static void masks_from(struct dp *d, size_t i)
{
	size_t first = d->block[d->base + i];
	bool fits[2] = { true, true }; /* what no mask tells apart, none does when there is more of it */

	for (size_t j = i; j < d->width && (fits[0] || fits[1]); j++) {
		size_t end = d->block[d->base + j + 1], cell = cell_of(d, i, j);
		uint32_t cost = GATE_COST_INSN + d->sum[d->base + j + 1] - d->sum[d->base + i];

		for (size_t s = first + 2; s < end; s++)
			if (d->segs[s].node != d->segs[s - 2].node)
				return;
		if (seg_hi(d, end - 1) - d->segs[first].lo >= MASK_SPAN)
			return;
		if (end - first < 3 || cost >= d->cost[cell])
			continue;
		for (size_t set = 0; set < 2; set++) {
			fits[set] = fits[set] && mask_for(d, first, end, set);
			if (fits[set]) {
				d->cost[cell] = cost;
				d->leaf[cell] = (uint8_t)(MASK_0 + set);
			}
		}
	}
}

/* Without branches on costs: what a loop over equal rules hides, a single run pays for in mispredictions. */
static void split_cell(struct dp *d, size_t i, size_t j)
{
	size_t cell = cell_of(d, i, j), right;
	size_t from = d->root[cell - 1], to = d->root[cell_of(d, i + 1, j)];
	uint64_t best = UINT64_MAX; /* the cost, then where: the least is the first of the cheapest */
	const uint32_t *cost = &d->cost[cell - j];
	uint32_t here;

	to = to < j - 1 ? to : j - 1;
	if (from > to) { /* chains have no order of roots */
		size_t swap = from;

		from = to;
		to = swap;
	}
	right = cell_of(d, from + 1, j);
	for (size_t m = from; m <= to; m++) {
		uint64_t sum = (uint64_t)(cost[m] + d->cost[right]) << 8 | m;

		best = sum < best ? sum : best;
		right += d->width - m - 2;
	}
	d->root[cell] = (uint8_t)best;
	here = (uint32_t)(best >> 8) + GATE_COST_INSN + d->sum[d->base + j + 1] - d->sum[d->base + i];
	d->leaf[cell] = here < d->cost[cell] ? SPLIT : d->leaf[cell];
	d->cost[cell] = here < d->cost[cell] ? here : d->cost[cell];
}

static void solve(struct dp *d)
{
	for (size_t c = 0; c < cells_of(d->width); c++)
		d->cost[c] = NO_COST;
	for (size_t i = 0; i < d->width; i++) {
		chains_from(d, i, 0);
		chains_from(d, i, 1);
		masks_from(d, i);
		d->root[cell_of(d, i, i)] = (uint8_t)i;
	}
	for (size_t len = 1; len < d->width; len++)
		for (size_t i = 0; i + len < d->width; i++)
			split_cell(d, i, i + len);
}

/* Heaviest exception first; made from the last to the first. */
static uint32_t make_chain(struct dp *d, size_t first, size_t end, size_t other)
{
	size_t left[2 * CHAIN_MAX + 2], n = 0;
	uint32_t run = d->segs[first + other].node, node = run;

	for (size_t s = first; s < end; s++) {
		size_t at;

		if (d->segs[s].node == run)
			continue;
		for (at = n++; at > 0 && d->segs[left[at - 1]].weight >= d->segs[s].weight; at--)
			left[at] = left[at - 1];
		left[at] = s;
	}
	for (size_t e = 0; e < n; e++)
		for (uint32_t v = seg_hi(d, left[e]);; v--) {
			node = gate_graph_jump(d->g, GATE_I_JEQ, v, d->segs[left[e]].node, node);
			if (v == d->segs[left[e]].lo)
				break;
		}
	return node;
}

static uint32_t make_mask(struct dp *d, size_t first, size_t end, size_t set)
{
	return gate_graph_jump(d->g, GATE_I_JSET, mask_for(d, first, end, set), d->segs[first + set].node,
	                       d->segs[first + !set].node);
}

static uint32_t make_cell(struct dp *d, size_t i, size_t j)
{
	size_t cell = cell_of(d, i, j), cut;
	uint32_t yes, no;

	if (d->leaf[cell] >= MASK_0)
		return make_mask(d, d->block[d->base + i], d->block[d->base + j + 1], d->leaf[cell] - MASK_0);
	if (d->leaf[cell] >= CHAIN_0)
		return make_chain(d, d->block[d->base + i], d->block[d->base + j + 1], d->leaf[cell] - CHAIN_0);
	cut = d->root[cell];
	yes = make_cell(d, cut + 1, j);
	no = make_cell(d, i, cut); /* made last: emitted right behind the test */
	return gate_graph_jump(d->g, GATE_I_JGE, d->segs[d->block[d->base + cut + 1]].lo, yes, no);
}

static uint32_t make_part(struct dp *d, size_t base, size_t width)
{
	size_t half = width / 2;
	uint32_t yes, no;

	if (width <= BLOCKS_MAX) {
		d->base = base;
		d->width = width;
		solve(d);
		return make_cell(d, 0, width - 1);
	}
	yes = make_part(d, base + half, width - half);
	no = make_part(d, base, half);
	return gate_graph_jump(d->g, GATE_I_JGE, d->segs[d->block[base + half]].lo, yes, no);
}

uint32_t gate_tree(struct gate_graph *g, const struct gate_seg *segs, size_t n, uint32_t hi)
{
	struct dp d = { .g = g, .segs = segs, .n = n, .hi = hi };
	size_t cells, words = 2 * (n + 1);

	if (n == 1 || g->failed)
		return segs[0].node;
	d.blocks = count_blocks(&d);
	cells = cells_of(d.blocks < BLOCKS_MAX ? d.blocks : BLOCKS_MAX);
	d.block = gate_graph_scratch(g, (words + cells) * sizeof(*d.block) + 2 * cells);
	if (!d.block)
		return 0;
	d.sum = d.block + n + 1;
	d.cost = d.sum + n + 1;
	d.root = (uint8_t *)(d.cost + cells);
	d.leaf = d.root + cells;
	find_blocks(&d);
	return make_part(&d, 0, d.blocks);
}
