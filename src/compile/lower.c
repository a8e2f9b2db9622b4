/* lower.c - a diagram as a graph of instructions.
 *
 * Split by token, then by number: those are intervals, and go the way of rules. What is left are functions of
 * arguments: each word as intervals when it is made of few, else bit by bit, where neighbouring tests of bits that
 * lead to one place become one mask test. Every node of the diagram is lowered once. */
#include "compile/lower.h"

#include "compile/leaf.h"
#include "compile/token.h"
#include "policy/space.h"

#define RANGES_MAX           48u          /* intervals of one word before bits are better */
#define NUMBERS_MAX          GATE_BPF_MAX /* the same of numbers and tokens: each takes an instruction at least */
#define LITTLE_ENDIAN_TOKEN  0x40000000u  /* __AUDIT_ARCH_LE, include/uapi/linux/audit.h */
#define SIXTY_FOUR_BIT_TOKEN 0x80000000u  /* __AUDIT_ARCH_64BIT */

struct lower {
	struct gate_graph *g;
	struct gate_space *space;
	uint32_t *held; /* by diagram node: the graph node, with its word in A; 0 = not made */
};

struct ranges {
	struct gate_seg *segs; /* .node: the policy that the range leads to */
	size_t n, most;
};

static int take(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct ranges *r = ctx;

	(void)hi;
	if (r->n == r->most)
		return 1;
	if (r->segs)
		r->segs[r->n] = (struct gate_seg){ .lo = lo, .node = to };
	r->n++;
	return 0;
}

/* The ranges of a word, at most `most`, in an array that the caller frees. NULL: more than that, or no memory, and then
 * the graph says so. */
static struct gate_seg *ranges_of(struct lower *l, gate_policy p, unsigned word, size_t most, size_t *n)
{
	struct ranges r = { .most = most };

	*n = 0;
	if (gate_policy_each_range(l->space, p, word, take, &r) != 0)
		return NULL;
	r.segs = malloc(r.n * sizeof(*r.segs));
	if (!r.segs) {
		l->g->failed = GATE_E_NOMEM;
		return NULL;
	}
	*n = r.n;
	r.n = 0;
	gate_policy_each_range(l->space, p, word, take, &r);
	return r.segs;
}

/* --- arguments --- */

static uint32_t lower_held(struct lower *l, gate_policy p);

static unsigned word_of(const struct lower *l, gate_policy p)
{
	return gate_at(l->space, p)->var / 32;
}

static uint32_t lower(struct lower *l, gate_policy p, unsigned in_a)
{
	const struct gate_dnode *node = gate_at(l->space, p);
	uint32_t held;

	if (l->g->failed)
		return 0;
	if (node->var == GATE_LEAF)
		return gate_graph_ret(l->g, node->lo);
	held = lower_held(l, p);
	return in_a == word_of(l, p) ? held : gate_graph_load(l->g, word_of(l, p), held);
}

static uint32_t by_ranges(struct lower *l, struct gate_seg *segs, size_t n, unsigned word)
{
	size_t kept = 0;

	for (size_t s = 0; s < n; s++) {
		struct gate_seg seg = { .lo = segs[s].lo, .node = lower(l, segs[s].node, word), .weight = 1 };

		kept = gate_seg_put(segs, kept, seg);
	}
	return l->g->failed ? 0 : gate_leaf_word(l->g, segs, kept);
}

static uint32_t lower_held(struct lower *l, gate_policy p)
{
	unsigned word = word_of(l, p);
	struct gate_dnode node = *gate_at(l->space, p);
	GATE_AUTOFREE struct gate_seg *segs = NULL;
	uint32_t made, yes, no;
	size_t n;

	if (l->held[p])
		return l->held[p];
	segs = ranges_of(l, p, word, RANGES_MAX, &n);
	if (segs) {
		made = by_ranges(l, segs, n, word);
	} else {
		yes = lower(l, node.hi, word);
		no = lower(l, node.lo, word);
		made = gate_graph_jump(l->g, GATE_I_JSET, 1u << (31 - node.var % 32), yes, no);
	}
	return l->held[p] = made;
}

/* --- tokens and numbers --- */

static uint32_t numbers(struct lower *l, uint32_t audit, gate_policy p, struct gate_shared *shared)
{
	size_t n, kept = 0;
	GATE_AUTOFREE struct gate_seg *segs = ranges_of(l, p, GATE_WORD_NR, NUMBERS_MAX, &n);

	if (!segs) /* a test of its low bits, say */
		return lower(l, p, GATE_WORD_ARCH);
	for (size_t s = 0; s < n; s++) {
		struct gate_seg seg = { .lo = segs[s].lo, .node = lower(l, segs[s].node, GATE_WORD_NR) };

		kept = gate_seg_put(segs, kept, seg);
	}
	return gate_token_node(l->g, audit, segs, kept, shared);
}

/* The highest token first: x86_64 before x86, which shares with it. */
static uint32_t tokens(struct lower *l, gate_policy p, struct gate_shared *shared)
{
	size_t n, kept = 0;
	GATE_AUTOFREE struct gate_seg *segs = ranges_of(l, p, GATE_WORD_ARCH, NUMBERS_MAX, &n);
	uint32_t node;

	if (!segs)
		return lower(l, p, GATE_WORDS);
	for (size_t s = n; s-- > 0;) {
		segs[s].node = numbers(l, segs[s].lo, segs[s].node, shared);
		segs[s].weight = segs[s].lo & SIXTY_FOUR_BIT_TOKEN ? 2 : 1;
	}
	for (size_t s = 0; s < n; s++)
		kept = gate_seg_put(segs, kept, segs[s]);
	node = l->g->failed ? 0 : gate_tree(l->g, segs, kept, UINT32_MAX);
	return gate_graph_load(l->g, GATE_WORD_ARCH, node);
}

uint32_t gate_lower(struct gate_graph *g, struct gate_space *space, gate_policy policy)
{
	struct gate_shared shared = { .arena = GATE_ARENA_INIT };
	struct lower l = { .g = g, .space = space };
	uint32_t root = 0;

	l.held = calloc(space->n, sizeof(*l.held));
	if (l.held)
		root = tokens(&l, policy, &shared);
	else
		g->failed = GATE_E_NOMEM;
	free(l.held);
	gate_arena_done(&shared.arena);
	return root;
}

struct orders {
	const struct gate_space *space;
	bool big, little;
	unsigned runs;
};

static int look(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct orders *o = ctx;

	if (++o->runs > NUMBERS_MAX)
		o->big = o->little = true;
	if (o->big && o->little)
		return 1;
	if (gate_policy_is_const(o->space, to, NULL))
		return 0;
	/* Programs that do not look at the architecture are one run of all tokens. */
	if (((lo | hi) & LITTLE_ENDIAN_TOKEN) != 0 || hi - lo >= LITTLE_ENDIAN_TOKEN)
		o->little = true;
	if ((lo & hi & LITTLE_ENDIAN_TOKEN) == 0 || hi - lo >= LITTLE_ENDIAN_TOKEN)
		o->big = true;
	return 0;
}

bool gate_lower_big_endian(struct gate_space *space, gate_policy policy)
{
	struct orders o = { .space = space };

	gate_policy_each_range(space, policy, GATE_WORD_ARCH, look, &o);
	return o.big && !o.little;
}
