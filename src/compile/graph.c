/* graph.c - hash-consed instructions. */
#include "compile/graph.h"

void gate_graph_init(struct gate_graph *g, bool big_endian, bool small)
{
	g->nodes = g->first_nodes;
	g->cap = GATE_FIRST_NODES;
	g->n = 1;
	g->nodes[0] = (struct gate_node){ .code = GATE_I_RET };
	g->table = g->first_table;
	g->mask = 2 * GATE_FIRST_NODES - 1;
	memset(g->first_table, 0, sizeof(g->first_table));
	g->scratch = g->first_scratch;
	g->scratch_size = sizeof(g->first_scratch);
	g->failed = GATE_OK;
	g->small = small;
	g->big_endian = big_endian;
}

void gate_graph_done(struct gate_graph *g)
{
	if (g->nodes != g->first_nodes)
		free(g->nodes);
	if (g->table != g->first_table)
		free(g->table);
	if (g->scratch != g->first_scratch)
		free(g->scratch);
}

void *gate_graph_scratch(struct gate_graph *g, size_t size)
{
	void *more;

	if (size <= g->scratch_size)
		return g->scratch;
	more = malloc(size);
	if (!more) {
		g->failed = GATE_E_NOMEM;
		return NULL;
	}
	if (g->scratch != g->first_scratch)
		free(g->scratch);
	g->scratch = more;
	g->scratch_size = size;
	return more;
}

int gate_graph_check(const struct gate_graph *g, struct gate_err *err)
{
	if (g->failed == GATE_E_NOMEM)
		return GATE_FAIL_NOMEM(err);
	if (g->failed)
		return GATE_FAIL(err, g->failed, "the rules need more than %u instructions before sharing",
		                 GATE_GRAPH_MAX);
	return 0;
}

static uint32_t hash(const struct gate_node *n)
{
	uint64_t h = ((uint64_t)n->k << 8 | n->code) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 29) ^ ((uint64_t)n->yes << 32 | n->no)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32);
}

static bool same(const struct gate_node *a, const struct gate_node *b)
{
	return a->code == b->code && a->k == b->k && a->yes == b->yes && a->no == b->no;
}

static bool grow_nodes(struct gate_graph *g, size_t cap)
{
	bool first = g->nodes == g->first_nodes;
	struct gate_node *nodes = realloc(first ? NULL : g->nodes, cap * sizeof(*nodes));

	if (!nodes)
		return false;
	if (first)
		memcpy(nodes, g->first_nodes, sizeof(g->first_nodes));
	g->nodes = nodes;
	return true;
}

static bool grow_table(struct gate_graph *g, uint32_t mask)
{
	uint32_t *table = calloc((size_t)mask + 1, sizeof(*table));

	if (!table)
		return false;
	for (uint32_t id = 1; id < g->n; id++) {
		uint32_t slot = hash(&g->nodes[id]) & mask;

		while (table[slot])
			slot = (slot + 1) & mask;
		table[slot] = id;
	}
	if (g->table != g->first_table)
		free(g->table);
	g->table = table;
	g->mask = mask;
	return true;
}

/* The table is kept at most half full. */
static bool grow(struct gate_graph *g)
{
	size_t cap = 2 * (size_t)g->cap;

	if (cap > GATE_GRAPH_MAX) {
		g->failed = GATE_E_LIMIT;
		return false;
	}
	if (!grow_nodes(g, cap) || !grow_table(g, 2 * g->mask + 1)) {
		g->failed = GATE_E_NOMEM;
		return false;
	}
	g->cap = (uint32_t)cap;
	return true;
}

static uint32_t intern(struct gate_graph *g, struct gate_node node)
{
	uint32_t slot;

	if (g->failed)
		return 0;
	for (slot = hash(&node) & g->mask; g->table[slot]; slot = (slot + 1) & g->mask)
		if (same(&g->nodes[g->table[slot]], &node))
			return g->table[slot];
	if (g->n == g->cap) {
		if (!grow(g))
			return 0;
		for (slot = hash(&node) & g->mask; g->table[slot];)
			slot = (slot + 1) & g->mask;
	}
	g->nodes[g->n] = node;
	g->table[slot] = g->n;
	return g->n++;
}

uint32_t gate_graph_ret(struct gate_graph *g, uint32_t action)
{
	return intern(g, (struct gate_node){ .code = GATE_I_RET, .k = action });
}

uint32_t gate_graph_load(struct gate_graph *g, unsigned word, uint32_t next)
{
	/* struct seccomp_data: nr, arch, instruction_pointer, args[6]; the two halves as the machine stores them */
	unsigned offset, low;

	if (g->nodes[next].code == GATE_I_RET || g->nodes[next].code == GATE_I_LOAD)
		return next;
	if (word == GATE_WORD_NR || word == GATE_WORD_ARCH) {
		offset = word == GATE_WORD_NR ? 0 : 4;
	} else {
		low = (word - GATE_WORD_ARG0_HI) & 1;
		offset = word >= GATE_WORD_IP_HI ? 8 : 16 + 8 * ((word - GATE_WORD_ARG0_HI) / 2);
		offset += low != (unsigned)g->big_endian ? 0 : 4;
	}
	return intern(g, (struct gate_node){ .code = GATE_I_LOAD, .k = offset, .yes = next });
}

uint32_t gate_graph_and(struct gate_graph *g, uint32_t k, uint32_t next)
{
	if (g->nodes[next].code == GATE_I_RET || g->nodes[next].code == GATE_I_LOAD)
		return next;
	return intern(g, (struct gate_node){ .code = GATE_I_AND, .k = k, .yes = next });
}

uint32_t gate_graph_jump(struct gate_graph *g, uint32_t code, uint32_t k, uint32_t yes, uint32_t no)
{
	const struct gate_node *below = &g->nodes[no];

	if (yes == no)
		return yes;
	/* Any of these bits, else any of those: one test of both. */
	if (code == GATE_I_JSET && below->code == GATE_I_JSET && below->yes == yes)
		return gate_graph_jump(g, code, k | below->k, yes, below->no);
	return intern(g, (struct gate_node){ .code = code, .k = k, .yes = yes, .no = no });
}

bool gate_graph_mask_keeps(uint32_t mask, uint32_t value)
{
	return value == 0 || mask == UINT32_MAX || (value == mask && (mask & (mask - 1)) == 0);
}

uint32_t gate_graph_masked(struct gate_graph *g, uint32_t mask, uint32_t value, uint32_t yes, uint32_t no)
{
	if (yes == no)
		return yes;
	if (mask == UINT32_MAX)
		return gate_graph_jump(g, GATE_I_JEQ, value, yes, no);
	if (value == 0)
		return gate_graph_jump(g, GATE_I_JSET, mask, no, yes);
	if (gate_graph_mask_keeps(mask, value))
		return gate_graph_jump(g, GATE_I_JSET, mask, yes, no);
	return gate_graph_and(g, mask, gate_graph_jump(g, GATE_I_JEQ, value, yes, no));
}
