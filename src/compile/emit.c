/* emit.c - the graph as an array.
 *
 * Written backwards: what a node leads to is already in place when it is its turn, and whatever was written last is
 * what it falls through to. Conditional jumps reach 255 instructions ahead; a target further away gets a nearer
 * stand-in first: a copy of a RET, else a JA, which later jumps use as well. */
#include "compile/graph.h"

#define REACH 256u /* jt and jf are 8 bits: the target may be the next instruction or 255 after it */

struct emission {
	struct gate_insn *out; /* from the end of the program: out[0] is its last instruction */
	uint32_t n, most;
	uint32_t *at; /* where a node, or its nearest stand-in, was written; valid for reachable nodes below */
	const struct gate_graph *g;
};

static bool put(struct emission *e, struct gate_insn insn)
{
	if (e->n == e->most)
		return false;
	e->out[e->n++] = insn;
	return true;
}

static bool stand_in(struct emission *e, uint32_t id)
{
	const struct gate_node *node = gate_graph_at(e->g, id);
	struct gate_insn insn = { .code = BPF_JMP | BPF_JA, .k = e->n - e->at[id] - 1 };

	if (node->code == GATE_I_RET)
		insn = (struct gate_insn){ .code = (uint16_t)node->code, .k = node->k };
	if (!put(e, insn))
		return false;
	e->at[id] = e->n - 1;
	return true;
}

static bool put_jump(struct emission *e, const struct gate_node *node)
{
	/* A stand-in for one target moves the other away by one: hence the loop, which ends as stand-ins are near. */
	for (;;) {
		if (e->n - e->at[node->yes] > REACH) {
			if (!stand_in(e, node->yes))
				return false;
		} else if (e->n - e->at[node->no] > REACH) {
			if (!stand_in(e, node->no))
				return false;
		} else {
			break;
		}
	}
	return put(e, (struct gate_insn){ .code = (uint16_t)node->code,
	                                  .jt = (uint8_t)(e->n - e->at[node->yes] - 1),
	                                  .jf = (uint8_t)(e->n - e->at[node->no] - 1),
	                                  .k = node->k });
}

static bool put_node(struct emission *e, uint32_t id)
{
	const struct gate_node *node = gate_graph_at(e->g, id);
	bool done;

	switch (node->code) {
	case GATE_I_RET:
		done = put(e, (struct gate_insn){ .code = (uint16_t)node->code, .k = node->k });
		break;
	case GATE_I_LOAD:
	case GATE_I_AND:
		done = (e->at[node->yes] == e->n - 1 || stand_in(e, node->yes)) &&
		       put(e, (struct gate_insn){ .code = (uint16_t)node->code, .k = node->k });
		break;
	default:
		done = put_jump(e, node);
	}
	if (done)
		e->at[id] = e->n - 1;
	return done;
}

/* What the root reaches: ids only ever lead to smaller ones, so one pass downwards finds everything.
 * Returns how much that is. */
static uint32_t mark(const struct gate_graph *g, uint32_t root, bool *live)
{
	uint32_t n = 0;

	live[root] = true;
	for (uint32_t id = root; id > 0; id--) {
		const struct gate_node *node = gate_graph_at(g, id);

		n += live[id];
		if (!live[id] || node->code == GATE_I_RET)
			continue;
		live[node->yes] = true;
		if (BPF_CLASS(node->code) == BPF_JMP)
			live[node->no] = true;
	}
	return n;
}

int gate_graph_emit(const struct gate_graph *g, uint32_t root, struct gate_insn **ret, size_t *ret_len,
                    struct gate_err *err)
{
	size_t room = (size_t)root + 1;
	GATE_AUTOFREE uint32_t *at = malloc(room * (sizeof(*at) + sizeof(bool)));
	GATE_AUTOFREE struct gate_insn *out = NULL;
	struct emission e = { .at = at, .g = g };
	struct gate_insn *insns;
	bool *live;

	if (!at)
		return GATE_FAIL_NOMEM(err);
	live = (bool *)(at + room);
	memset(live, 0, room * sizeof(*live));
	e.most = 3 * mark(g, root, live); /* a node needs two stand-ins at most */
	e.most = e.most < GATE_BPF_MAX ? e.most : GATE_BPF_MAX;
	e.out = out = malloc(e.most * sizeof(*out));
	if (!out)
		return GATE_FAIL_NOMEM(err);
	for (uint32_t id = 1; id <= root; id++)
		if (live[id] && !put_node(&e, id))
			return GATE_FAIL(err, GATE_E_LIMIT,
			                 "the filter would need more than the %u instructions that "
			                 "the kernel takes",
			                 GATE_BPF_MAX);
	insns = malloc(e.n * sizeof(*insns));
	if (!insns)
		return GATE_FAIL_NOMEM(err);
	for (uint32_t i = 0; i < e.n; i++)
		insns[i] = out[e.n - 1 - i];
	*ret = insns;
	*ret_len = e.n;
	return 0;
}
