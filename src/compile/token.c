/* token.c - numbers to decisions: where x32 begins, and what ABIs have in common.
 *
 * x32 calls carry x86_64's token with bit 30 set in the number. Most of their numbers mean what they mean without
 * that bit. So the tree of x86_64 is cut in two at its root, low | high; the test for x32 is put in front of `high`
 * (calls with low numbers, the most frequent, do not pay for it), and the tree for x32 clears the bit, picks out the
 * numbers that differ, and goes on in `low` or `high`. */
#include "compile/token.h"

#include "compile/weigh.h"

#define X32_BIT   0x40000000u
#define X32_LAST  0x7fffffffu
#define X32_WORTH 8u /* segments in the x32 half that make sharing worth a look */

/* The first segment that ends behind `value`. */
static size_t seg_at(const struct gate_seg *segs, size_t n, uint32_t value)
{
	size_t s = 0;

	while (s + 1 < n && segs[s + 1].lo <= value)
		s++;
	return s;
}

/* The part lo..hi, moved to begin with 0 when `base` is set. */
static size_t cut_out(const struct gate_seg *segs, size_t n, uint32_t lo, uint32_t hi, uint32_t base,
                      struct gate_seg *ret)
{
	size_t kept = 0;

	for (size_t s = seg_at(segs, n, lo); s < n && segs[s].lo <= hi; s++) {
		struct gate_seg seg = segs[s];

		seg.lo = (seg.lo > lo ? seg.lo : lo) - base;
		kept = gate_seg_put(ret, kept, seg);
	}
	return kept;
}

/* --- one tree in terms of others --- */

/* Numbers from `lo` lead to `own`; or as well to `tree`, which decides the same there (0: to none). */
struct piece {
	uint32_t lo, own, tree;
	uint32_t cost[2]; /* segments up to here when this piece leads to own, to tree */
	uint8_t from[2];  /* what the piece before then leads to */
};

static uint32_t colour(const struct piece *p, unsigned which)
{
	return which ? p->tree : p->own;
}

static void extend(const struct piece *before, struct piece *p)
{
	for (unsigned to = 0; to < 2; to++) {
		uint32_t here[2];

		for (unsigned from = 0; from < 2; from++)
			here[from] = (from && !before->tree) || (to && !p->tree)
			                 ? UINT32_MAX
			                 : before->cost[from] + (colour(before, from) != colour(p, to));
		p->from[to] = here[1] < here[0];
		p->cost[to] = here[p->from[to]];
	}
}

/* Fewest segments: for each piece its own node or the tree. */
static size_t choose(struct piece *pieces, size_t n, struct gate_seg *ret)
{
	unsigned which;
	size_t kept = 0;

	pieces[0].cost[0] = 1;
	pieces[0].cost[1] = pieces[0].tree ? 1 : UINT32_MAX;
	for (size_t i = 1; i < n; i++)
		extend(&pieces[i - 1], &pieces[i]);
	which = pieces[n - 1].cost[1] < pieces[n - 1].cost[0];
	for (size_t i = n; i-- > 0;) {
		unsigned from = pieces[i].from[which];

		pieces[i].own = colour(&pieces[i], which);
		which = from;
	}
	for (size_t i = 0; i < n; i++)
		kept = gate_seg_put(ret, kept, (struct gate_seg){ .lo = pieces[i].lo, .node = pieces[i].own });
	return kept;
}

/* segs[0..n) where what `known` decides alike may be left to the trees of `by`: from each by[i].lo on, by[i].node
 * decides as `known` does. known[0].lo and by[0].lo are where that begins. ret has room for n + known_n + by_n. */
static size_t in_terms_of(struct gate_graph *g, const struct gate_seg *segs, size_t n, const struct gate_seg *known,
                          size_t known_n, const struct gate_seg *by, size_t by_n, struct gate_seg *ret)
{
	const struct gate_seg *lists[3] = { segs, known, by };
	const size_t sizes[3] = { n, known_n, by_n };
	size_t at[3] = { 0, 0, 0 }, pieces_n = 0; /* at[i]: segments of lists[i] begun so far */
	GATE_AUTOFREE struct piece *pieces = malloc((n + known_n + by_n) * sizeof(*pieces));

	if (!pieces) {
		g->failed = GATE_E_NOMEM;
		return 0;
	}
	for (;;) {
		uint32_t next = UINT32_MAX;
		bool more = false;
		struct piece *p = &pieces[pieces_n];

		for (int i = 0; i < 3; i++)
			if (at[i] < sizes[i] && (!more || lists[i][at[i]].lo < next)) {
				next = lists[i][at[i]].lo;
				more = true;
			}
		if (!more)
			break;
		for (int i = 0; i < 3; i++)
			at[i] += at[i] < sizes[i] && lists[i][at[i]].lo == next;
		if (at[0] == 0)
			continue; /* before the first number of `segs` */
		*p = (struct piece){ .lo = next > segs[0].lo ? next : segs[0].lo, .own = segs[at[0] - 1].node };
		if (at[1] > 0 && at[2] > 0 && known[at[1] - 1].node == p->own)
			p->tree = by[at[2] - 1].node;
		pieces_n++;
	}
	return choose(pieces, pieces_n, ret);
}

/* --- x86_64 with x32 --- */

struct halves {
	struct gate_seg *low, *x32, *high,
	    *mixed; /* numbers below bit 30, with it, with bit 31; x32 by `low`'s trees */
	size_t low_n, x32_n, high_n, mixed_n;
};

/* The tree for x32 numbers with bit 30 cleared, `by` the trees for the same numbers without it. */
static uint32_t x32_tree(struct gate_graph *g, struct halves *h, const struct gate_seg *by, size_t by_n)
{
	h->mixed_n = in_terms_of(g, h->x32, h->x32_n, h->low, h->low_n, by, by_n, h->mixed);
	if (g->failed)
		return 0;
	/* no bitmap knows x32, few programs use it: every run alike, so that the tree is balanced */
	for (size_t s = 0; s < h->x32_n; s++)
		h->x32[s].weight = GATE_COST_WALK;
	for (size_t s = 0; s < h->mixed_n; s++)
		h->mixed[s].weight = GATE_COST_WALK;
	if (gate_tree_guess(h->mixed, h->mixed_n, X32_BIT - 1) < gate_tree_guess(h->x32, h->x32_n, X32_BIT - 1))
		return gate_tree(g, h->mixed, h->mixed_n, X32_BIT - 1);
	return gate_tree(g, h->x32, h->x32_n, X32_BIT - 1);
}

/* The tree for numbers without bit 30, from `cut` on, for other tokens: its last run goes on to the end, unless it is
 * so short that a chain might ask for it. */
static void offer(struct halves *h, uint32_t cut, uint32_t root, struct gate_shared *shared)
{
	size_t first = seg_at(h->low, h->low_n, cut);

	if (h->low[h->low_n - 1].lo > X32_BIT - GATE_TREE_WIDE)
		return;
	shared->segs = h->low + first;
	shared->n = h->low_n - first;
	h->low[first].lo = cut;
	shared->root = root;
}

static uint32_t both_halves(struct gate_graph *g, struct halves *h, struct gate_shared *shared)
{
	struct gate_seg by[2] = { { .lo = 0, .node = gate_tree(g, h->low, h->low_n, X32_BIT - 1) } };
	const struct gate_node *root = gate_graph_at(g, by[0].node);
	uint32_t cut = 0, x32, high;
	size_t by_n = 1;

	if (root->code == GATE_I_JGE) {
		cut = root->k;
		by[1] = (struct gate_seg){ .lo = cut, .node = root->yes };
		by[0].node = root->no;
		by_n = 2;
	}
	x32 = x32_tree(g, h, by, by_n);
	offer(h, cut, by[by_n - 1].node, shared);
	x32 = gate_graph_and(g, X32_BIT - 1, x32);
	high = gate_tree(g, h->high, h->high_n, UINT32_MAX);
	high = gate_graph_jump(g, GATE_I_JGE, X32_LAST + 1, high, x32);
	high = gate_graph_jump(g, GATE_I_JGE, X32_BIT, high, by[by_n - 1].node);
	return by_n == 2 ? gate_graph_jump(g, GATE_I_JGE, cut, high, by[0].node) : high;
}

/* The part of the tree that values from `lo` on can reach. */
static uint32_t descend(const struct gate_graph *g, uint32_t root, uint32_t lo)
{
	for (;;) {
		const struct gate_node *node = gate_graph_at(g, root);

		if (node->code == GATE_I_JGE && node->k <= lo)
			root = node->yes;
		else if (node->code == GATE_I_JEQ && node->k < lo)
			root = node->no;
		else
			return root;
	}
}

static uint32_t with_shared(struct gate_graph *g, uint32_t audit, const struct gate_seg *segs, size_t n,
                            struct gate_shared *shared)
{
	struct gate_seg by = { .lo = shared->segs[0].lo, .node = shared->root };
	struct gate_seg *mixed = GATE_NEWS(&shared->arena, struct gate_seg, n + shared->n + 1);
	size_t mixed_n, first = 0;

	if (!mixed) {
		g->failed = GATE_E_NOMEM;
		return 0;
	}
	mixed_n = in_terms_of(g, segs, n, shared->segs, shared->n, &by, 1, mixed);
	gate_weigh(g, audit, mixed, mixed_n);
	if (g->failed || gate_tree_guess(mixed, mixed_n, UINT32_MAX) >= gate_tree_guess(segs, n, UINT32_MAX))
		return gate_tree(g, segs, n, UINT32_MAX);
	while (first < mixed_n && mixed[first].node != by.node)
		first++;
	if (first < mixed_n)
		by.node = descend(g, by.node, mixed[first].lo);
	for (size_t s = first; s < mixed_n; s++)
		if (mixed[s].node == shared->root)
			mixed[s].node = by.node;
	return gate_tree(g, mixed, mixed_n, UINT32_MAX);
}

static uint32_t tree_of(struct gate_graph *g, uint32_t audit, const struct gate_seg *segs, size_t n,
                        struct gate_shared *shared)
{
	struct halves h = { .low = NULL };
	struct gate_seg *room;

	if (seg_at(segs, n, X32_LAST) - seg_at(segs, n, X32_BIT) < X32_WORTH)
		return shared->root ? with_shared(g, audit, segs, n, shared) : gate_tree(g, segs, n, UINT32_MAX);
	room = GATE_NEWS(&shared->arena, struct gate_seg, 2 * n + 8);
	if (!room) {
		g->failed = GATE_E_NOMEM;
		return 0;
	}
	/* two cuts: at most n + 2 segments; x32 in terms of the two trees: no more than its own and theirs, and one */
	h.low = room;
	h.low_n = cut_out(segs, n, 0, X32_BIT - 1, 0, h.low);
	h.x32 = h.low + h.low_n;
	h.x32_n = cut_out(segs, n, X32_BIT, X32_LAST, X32_BIT, h.x32);
	h.high = h.x32 + h.x32_n;
	h.high_n = cut_out(segs, n, X32_LAST + 1, UINT32_MAX, 0, h.high);
	h.mixed = h.high + h.high_n;
	return both_halves(g, &h, shared);
}

uint32_t gate_token_node(struct gate_graph *g, uint32_t audit, struct gate_seg *segs, size_t n,
                         struct gate_shared *shared)
{
	if (g->failed)
		return 0;
	gate_weigh(g, audit, segs, n);
	return gate_graph_load(g, GATE_WORD_NR, tree_of(g, audit, segs, n, shared));
}
