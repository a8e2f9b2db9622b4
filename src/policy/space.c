#include "policy/space.h"

#define FIRST_NODES 4096u
#define FIRST_MEMO  8192u
#define MOST_MEMO   (1u << 19)

int gate_space_new(const struct gate_budget *budget, struct gate_space **ret, struct gate_err *err)
{
	struct gate_space *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return GATE_FAIL_NOMEM(err);
	s->most_nodes = budget != NULL && budget->nodes != 0 ? budget->nodes : (size_t)1 << 20;
	s->steps_left = budget != NULL && budget->steps != 0 ? budget->steps : (size_t)1 << 26;
	if (s->most_nodes > (size_t)1 << 30)
		s->most_nodes = (size_t)1 << 30; /* ids are 32 bits */
	s->cap = FIRST_NODES;
	s->index_size = 2 * FIRST_NODES;
	s->memo_size = FIRST_MEMO;
	s->nodes = malloc(s->cap * sizeof(*s->nodes));
	s->index = malloc(s->index_size * sizeof(*s->index));
	s->memo = calloc(s->memo_size, sizeof(*s->memo));
	if (s->nodes == NULL || s->index == NULL || s->memo == NULL) {
		gate_space_free(s);
		return GATE_FAIL_NOMEM(err);
	}
	memset(s->index, 0xff, s->index_size * sizeof(*s->index));
	*ret = s;
	return 0;
}

void gate_space_free(struct gate_space *space)
{
	if (space == NULL)
		return;
	free(space->nodes);
	free(space->index);
	free(space->memo);
	free(space);
}

size_t gate_space_nodes(const struct gate_space *space)
{
	return space->n;
}

static uint32_t mix(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + UINT64_C(0x7f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);

	h ^= (c + UINT64_C(0x94d049bb)) * UINT64_C(0x94d049bb133111eb) + d * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(h >> 32);
}

static uint32_t fail(struct gate_space *s, enum gate_errc why)
{
	if (s->failure == GATE_OK)
		s->failure = why;
	return GATE_NONE;
}

static bool grow(struct gate_space *s)
{
	uint32_t cap = s->cap * 2, size = s->index_size * 2;
	struct gate_dnode *nodes = realloc(s->nodes, (size_t)cap * sizeof(*nodes));
	uint32_t *index;

	if (nodes == NULL)
		return false;
	s->nodes = nodes;
	index = malloc((size_t)size * sizeof(*index));
	if (index == NULL)
		return false;
	memset(index, 0xff, (size_t)size * sizeof(*index));
	for (uint32_t id = 0; id < s->n; id++) {
		uint32_t slot = mix(nodes[id].var, nodes[id].lo, nodes[id].hi, 0) & (size - 1);

		while (index[slot] != GATE_NONE)
			slot = (slot + 1) & (size - 1);
		index[slot] = id;
	}
	free(s->index);
	s->index = index;
	s->index_size = size;
	s->cap = cap;
	return true;
}

/* Losing the memo costs time only, so memory trouble here is no failure. */
static void grow_memo(struct gate_space *s)
{
	uint32_t size = s->memo_size * 2;
	struct gate_memo *memo = calloc(size, sizeof(*memo));

	if (memo == NULL)
		return;
	for (uint32_t i = 0; i < s->memo_size; i++) {
		const struct gate_memo *m = &s->memo[i];

		if (m->op != 0)
			memo[mix(m->op, m->a, m->b, m->c) & (size - 1)] = *m;
	}
	free(s->memo);
	s->memo = memo;
	s->memo_size = size;
}

static uint32_t intern(struct gate_space *s, uint32_t var, uint32_t lo, uint32_t hi)
{
	uint32_t slot = mix(var, lo, hi, 0) & (s->index_size - 1);

	for (; s->index[slot] != GATE_NONE; slot = (slot + 1) & (s->index_size - 1)) {
		const struct gate_dnode *node = &s->nodes[s->index[slot]];

		if (node->var == var && node->lo == lo && node->hi == hi)
			return s->index[slot];
	}
	if (s->n >= s->most_nodes)
		return fail(s, GATE_E_LIMIT);
	if (s->n == s->cap) {
		if (!grow(s))
			return fail(s, GATE_E_NOMEM);
		if (s->memo_size < s->n && s->memo_size < MOST_MEMO)
			grow_memo(s);
		return intern(s, var, lo, hi);
	}
	s->nodes[s->n] = (struct gate_dnode){ .var = var, .lo = lo, .hi = hi };
	s->index[slot] = s->n;
	return s->n++;
}

uint32_t gate_space_leaf(struct gate_space *s, uint32_t value)
{
	return intern(s, GATE_LEAF, value, 0);
}

uint32_t gate_space_node(struct gate_space *s, uint32_t var, uint32_t lo, uint32_t hi)
{
	if (lo == GATE_NONE || hi == GATE_NONE)
		return GATE_NONE;
	return lo == hi ? lo : intern(s, var, lo, hi);
}

bool gate_space_step(struct gate_space *s)
{
	if (s->steps_left == 0) {
		(void)fail(s, GATE_E_LIMIT);
		return false;
	}
	s->steps_left--;
	return true;
}

bool gate_memo_find(const struct gate_space *s, uint32_t op, uint32_t a, uint32_t b, uint32_t c, uint32_t *result)
{
	const struct gate_memo *m = &s->memo[mix(op, a, b, c) & (s->memo_size - 1)];

	if (m->op != op || m->a != a || m->b != b || m->c != c)
		return false;
	*result = m->result;
	return true;
}

void gate_memo_keep(struct gate_space *s, uint32_t op, uint32_t a, uint32_t b, uint32_t c, uint32_t result)
{
	if (result != GATE_NONE)
		s->memo[mix(op, a, b, c) & (s->memo_size - 1)] = (struct gate_memo){ op, a, b, c, result };
}

uint32_t gate_space_walk(struct gate_space *s)
{
	if (++s->walk == 0) { /* after 2^32 walks: start over with clean marks and no memory of keys */
		for (uint32_t id = 0; id < s->n; id++)
			s->nodes[id].mark = 0;
		memset(s->memo, 0, s->memo_size * sizeof(*s->memo));
		s->walk = 1;
	}
	return s->walk;
}

int gate_space_result(struct gate_space *s, uint32_t id, gate_policy *ret, struct gate_err *err)
{
	if (id == GATE_NONE) {
		enum gate_errc why = s->failure;

		s->failure = GATE_OK; /* the next call may be a smaller one */
		if (why == GATE_E_LIMIT)
			return GATE_FAIL(
			    err, GATE_E_LIMIT,
			    "the policy is too complex to be decided exactly within the budget (%zu nodes)",
			    s->most_nodes);
		return GATE_FAIL_NOMEM(err);
	}
	*ret = id;
	return 0;
}
