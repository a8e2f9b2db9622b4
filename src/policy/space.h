/* space.h - the inside of a space: nodes, the table that makes equal nodes one, and the cache of results.
 *
 * A node tests one bit of struct gate_data: variable 32 * word + (31 - bit). `lo` is where a 0 leads, `hi` a 1. Variables
 * grow on every path, no node has lo == hi, and no two nodes are equal: so a function has one node (Bryant 1986).
 * A leaf has var GATE_LEAF and its value in `lo`. */
#ifndef GATE_POLICY_SPACE_H
#define GATE_POLICY_SPACE_H

#include <callgate/policy.h>

#include "base/base.h"

#define GATE_VARS (32u * GATE_WORDS)
#define GATE_LEAF GATE_VARS
#define GATE_NONE UINT32_MAX /* "failed": the reason is in space->failure */

struct gate_dnode {
	uint32_t lo, hi;
	uint32_t var;
	uint32_t mark; /* the walk that saw it last */
};

struct gate_memo {
	uint32_t op, a, b, c, result; /* op 0 = empty */
};

struct gate_space {
	struct gate_dnode *nodes;
	uint32_t n, cap;
	uint32_t *index; /* open addressing, GATE_NONE = free; a power of two, at most half full */
	uint32_t index_size;
	struct gate_memo *memo; /* lossy, direct-mapped, a power of two */
	uint32_t memo_size;
	size_t most_nodes, steps_left;
	uint32_t walk; /* for marks and for keys of one-time walks */
	enum gate_errc failure;
};

/* These return GATE_NONE and set space->failure when the budget is used up or memory is gone. */
uint32_t gate_space_leaf(struct gate_space *s, uint32_t value);
uint32_t gate_space_node(struct gate_space *s, uint32_t var, uint32_t lo, uint32_t hi);

static inline const struct gate_dnode *gate_at(const struct gate_space *s, uint32_t id)
{
	return &s->nodes[id];
}
/* One step of work; false when the budget is used up. */
bool gate_space_step(struct gate_space *s);
bool gate_memo_find(const struct gate_space *s, uint32_t op, uint32_t a, uint32_t b, uint32_t c, uint32_t *result);
void gate_memo_keep(struct gate_space *s, uint32_t op, uint32_t a, uint32_t b, uint32_t c, uint32_t result);
/* A number that no walk of this space used before. */
uint32_t gate_space_walk(struct gate_space *s);
/* Turns an id or GATE_NONE into the public form: 0 with *ret, or -1 with the reason. */
int gate_space_result(struct gate_space *s, uint32_t id, gate_policy *ret, struct gate_err *err);

/* Keys of the memo: the public enum gate_combine, then these. */
enum { GATE_MEMO_ITE = GATE_COMBINE_MAX, GATE_MEMO_NORMAL, GATE_MEMO_FIX };
uint32_t gate_space_ite(struct gate_space *s, uint32_t p, uint32_t yes, uint32_t no);
uint32_t gate_space_combine(struct gate_space *s, enum gate_combine how, uint32_t a, uint32_t b);

#endif
