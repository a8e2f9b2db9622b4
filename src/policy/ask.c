/* Questions to a policy. */
#include "base/buf.h"
#include "base/digest.h"
#include "policy/space.h"

static uint32_t data_word(const struct gate_data *d, unsigned word)
{
	switch (word) {
	case GATE_WORD_ARCH:
		return d->arch;
	case GATE_WORD_NR:
		return d->nr;
	case GATE_WORD_IP_HI:
		return (uint32_t)(d->ip >> 32);
	case GATE_WORD_IP_LO:
		return (uint32_t)d->ip;
	default: {
		unsigned i = (word - GATE_WORD_ARG0_HI) / 2;

		return (uint32_t)(d->args[i] >> ((word - GATE_WORD_ARG0_HI) % 2 == 0 ? 32 : 0));
	}
	}
}

uint32_t gate_policy_decide(const struct gate_space *space, gate_policy p, const struct gate_data *data)
{
	const struct gate_dnode *node = gate_at(space, p);

	while (node->var != GATE_LEAF) {
		uint32_t bit = data_word(data, node->var / 32) >> (31 - node->var % 32) & 1;

		node = gate_at(space, bit != 0 ? node->hi : node->lo);
	}
	return node->lo;
}

bool gate_policy_is_const(const struct gate_space *space, gate_policy p, uint32_t *leaf)
{
	if (gate_at(space, p)->var != GATE_LEAF)
		return false;
	if (leaf != NULL)
		*leaf = gate_at(space, p)->lo;
	return true;
}

/* Marks what is reachable, counting it; stops at the variable `end`. */
static size_t walk(struct gate_space *s, uint32_t p, uint32_t mark, uint32_t first, uint32_t end, bool *found)
{
	struct gate_dnode *node = &s->nodes[p];
	size_t n = 1;

	if (node->mark == mark)
		return 0;
	node->mark = mark;
	if (node->var >= first && node->var < end)
		*found = true;
	if (node->var == GATE_LEAF || node->var >= end)
		return n;
	n += walk(s, node->lo, mark, first, end, found);
	return n + walk(s, node->hi, mark, first, end, found);
}

int gate_policy_size(struct gate_space *space, gate_policy p, size_t *ret, struct gate_err *err)
{
	bool found = false;

	(void)err;
	*ret = walk(space, p, gate_space_walk(space), 0, GATE_VARS, &found);
	return 0;
}

bool gate_policy_uses(struct gate_space *space, gate_policy p, unsigned word)
{
	bool found = false;

	GATE_CHECK(word < GATE_WORDS);
	(void)walk(space, p, gate_space_walk(space), 32 * word, 32 * word + 32, &found);
	return found;
}

static int each_leaf(struct gate_space *s, uint32_t p, uint32_t mark, gate_leaf_fn *fn, void *ctx)
{
	struct gate_dnode *node = &s->nodes[p];
	int rc;

	if (node->mark == mark)
		return 0;
	node->mark = mark;
	if (node->var == GATE_LEAF)
		return fn(ctx, node->lo);
	rc = each_leaf(s, node->lo, mark, fn, ctx);
	return rc != 0 ? rc : each_leaf(s, node->hi, mark, fn, ctx);
}

int gate_policy_each_leaf(struct gate_space *space, gate_policy p, gate_leaf_fn *fn, void *ctx)
{
	return each_leaf(space, p, gate_space_walk(space), fn, ctx);
}

struct ranges {
	gate_range_fn *fn;
	void *ctx;
	uint32_t end; /* first variable behind the word */
	bool open;    /* a run is being collected */
	uint32_t lo, hi;
	gate_policy to;
};

static int each_range(const struct gate_space *s, struct ranges *r, uint32_t p, uint32_t var, uint32_t lo)
{
	uint32_t span = var == r->end - 32 ? UINT32_MAX : (UINT32_C(1) << (r->end - var)) - 1;
	int rc;

	if (gate_at(s, p)->var >= r->end) {
		if (r->open && r->to == p) {
			r->hi = lo + span;
			return 0;
		}
		rc = r->open ? r->fn(r->ctx, r->lo, r->hi, r->to) : 0;
		r->open = true;
		r->lo = lo;
		r->hi = lo + span;
		r->to = p;
		return rc;
	}
	if (gate_at(s, p)->var > var) { /* this bit does not matter: both halves are the same */
		rc = each_range(s, r, p, var + 1, lo);
		return rc != 0 ? rc : each_range(s, r, p, var + 1, lo + span / 2 + 1);
	}
	rc = each_range(s, r, gate_at(s, p)->lo, var + 1, lo);
	return rc != 0 ? rc : each_range(s, r, gate_at(s, p)->hi, var + 1, lo + span / 2 + 1);
}

int gate_policy_each_range(const struct gate_space *space, gate_policy p, unsigned word, gate_range_fn *fn, void *ctx)
{
	struct ranges r = { .fn = fn, .ctx = ctx, .end = 32 * word + 32 };
	int rc;

	GATE_CHECK(word < GATE_WORDS && gate_at(space, p)->var >= 32 * word);
	rc = each_range(space, &r, p, 32 * word, 0);
	return rc != 0 ? rc : fn(ctx, r.lo, r.hi, r.to);
}

static int each_cube(const struct gate_space *s, uint32_t p, struct gate_cube *cube, gate_cube_fn *fn, void *ctx)
{
	const struct gate_dnode *node = gate_at(s, p);
	uint32_t word = node->var / 32, bit = 1u << (31 - node->var % 32);
	int rc;

	if (node->var == GATE_LEAF)
		return fn(ctx, cube, node->lo);
	cube->mask[word] |= bit;
	rc = each_cube(s, node->lo, cube, fn, ctx);
	if (rc == 0) {
		cube->value[word] |= bit;
		rc = each_cube(s, node->hi, cube, fn, ctx);
		cube->value[word] &= ~bit;
	}
	cube->mask[word] &= ~bit;
	return rc;
}

int gate_policy_each_cube(const struct gate_space *space, gate_policy p, gate_cube_fn *fn, void *ctx)
{
	struct gate_cube cube = { 0 };

	return each_cube(space, p, &cube, fn, ctx);
}

bool gate_policy_witness(const struct gate_space *space, gate_policy predicate, struct gate_data *ret)
{
	const struct gate_dnode *node = gate_at(space, predicate);
	uint32_t w[GATE_WORDS] = { 0 };

	/* Every node but the leaf 0 leads to the leaf 1 somewhere: equal nodes are one. */
	while (node->var != GATE_LEAF) {
		const struct gate_dnode *lo = gate_at(space, node->lo);

		if (lo->var != GATE_LEAF || lo->lo != 0) {
			node = lo;
			continue;
		}
		w[node->var / 32] |= 1u << (31 - node->var % 32);
		node = gate_at(space, node->hi);
	}
	if (node->lo == 0)
		return false;
	*ret = (struct gate_data){ .arch = w[GATE_WORD_ARCH],
		                   .nr = w[GATE_WORD_NR],
		                   .ip = (uint64_t)w[GATE_WORD_IP_HI] << 32 | w[GATE_WORD_IP_LO] };
	for (unsigned i = 0; i < 6; i++)
		ret->args[i] = (uint64_t)w[GATE_WORD_ARG(i, false)] << 32 | w[GATE_WORD_ARG(i, true)];
	return true;
}

/* --- digest: callgate-digest(7) --- */

struct written {
	struct gate_buf bytes;
	uint32_t *number; /* of each node, in the order in which their records are written */
	uint32_t n, mark;
};

static void put32(struct gate_buf *b, uint32_t v)
{
	uint8_t bytes[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	gate_buf_add(b, bytes, sizeof(bytes));
}

static void write_node(struct gate_space *s, struct written *w, uint32_t p)
{
	struct gate_dnode *node = &s->nodes[p];

	if (node->mark == w->mark)
		return;
	node->mark = w->mark;
	if (node->var == GATE_LEAF) {
		gate_buf_add(&w->bytes, "L", 1);
		put32(&w->bytes, node->lo);
	} else {
		write_node(s, w, node->lo);
		write_node(s, w, node->hi);
		gate_buf_add(&w->bytes, "N", 1);
		put32(&w->bytes, node->var);
		put32(&w->bytes, w->number[node->lo]);
		put32(&w->bytes, w->number[node->hi]);
	}
	w->number[p] = w->n++;
}

int gate_policy_digest(struct gate_space *space, gate_policy p, char text[GATE_POLICY_DIGEST_TEXT],
                       struct gate_err *err)
{
	struct written w = { .bytes = GATE_BUF_INIT };
	struct gate_digest digest;

	_Static_assert(GATE_POLICY_DIGEST_TEXT == GATE_DIGEST_TEXT, "one form of digest");
	w.number = malloc(((size_t)space->n + 1) * sizeof(*w.number));
	if (w.number == NULL)
		return GATE_FAIL_NOMEM(err);
	w.mark = gate_space_walk(space);
	gate_buf_puts(&w.bytes, "callgate-policy 1\n");
	write_node(space, &w, p);
	free(w.number);
	if (w.bytes.failed) {
		gate_buf_done(&w.bytes);
		return GATE_FAIL_NOMEM(err);
	}
	gate_digest_bytes(w.bytes.data, w.bytes.len, &digest);
	gate_buf_done(&w.bytes);
	gate_digest_text(&digest, text);
	return 0;
}
