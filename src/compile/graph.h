/* graph.h - a program as a graph: instructions as hash-consed nodes, without an order yet. Private to this layer.
 *
 * A node is made after what it leads to, so a larger id never follows a smaller one: emitting by descending id gives
 * forward jumps only, as classic BPF demands. Equal instructions that lead to the same places are one node: that is
 * how leaves, argument checks and whole subtrees are shared, across ABIs too. */
#ifndef GATE_COMPILE_GRAPH_H
#define GATE_COMPILE_GRAPH_H

#include <linux/filter.h>

#include <callgate/bpf.h>

#include "base/base.h"

/* The instructions that are ever written. On the path of a call that is allowed whatever its arguments, all of them
 * are understood by the kernel's allow bitmap (seccomp_is_const_allow, Linux 5.11) but loads of arguments. */
#define GATE_I_RET  (BPF_RET | BPF_K)
#define GATE_I_LOAD (BPF_LD | BPF_W | BPF_ABS)
#define GATE_I_AND  (BPF_ALU | BPF_AND | BPF_K)
#define GATE_I_JEQ  (BPF_JMP | BPF_JEQ | BPF_K)
#define GATE_I_JGE  (BPF_JMP | BPF_JGE | BPF_K)
#define GATE_I_JSET (BPF_JMP | BPF_JSET | BPF_K)

struct gate_node {
	uint32_t k;
	uint32_t yes, no; /* jumps: both; LOAD, AND: `yes` is what follows; RET: none */
	uint32_t code;
};

#define GATE_GRAPH_MAX (1u << 17) /* nodes made: far above any program that fits, so a bound for hostile rules */

/* Room inside the graph, which lives on the stack: enough for ordinary profiles. The first touch of a fresh page costs
 * more than the work done on it, and a heap that was trimmed since the last program has only fresh pages. */
#define GATE_FIRST_NODES   512u
#define GATE_FIRST_SCRATCH 32768u

struct gate_graph {
	struct gate_node *nodes; /* nodes[0] is no node: what a failed graph hands out */
	uint32_t n, cap;
	uint32_t *table; /* open addressing, a power of two, 0 = empty */
	uint32_t mask;
	enum gate_errc failed; /* GATE_E_NOMEM or GATE_E_LIMIT: nothing more is added; asked once, at the end */
	void *scratch;         /* one piece of memory for whoever needs some just now */
	size_t scratch_size;
	bool small;      /* lay out for size first: the first try did not fit */
	bool big_endian; /* of the machine: where the low word of an argument lies */
	struct gate_node first_nodes[GATE_FIRST_NODES];
	uint32_t first_table[2 * GATE_FIRST_NODES];
	uint64_t first_scratch[GATE_FIRST_SCRATCH / sizeof(uint64_t)];
};

/* The graph must not be moved. */
void gate_graph_init(struct gate_graph *g, bool big_endian, bool small);
void gate_graph_done(struct gate_graph *g);

uint32_t gate_graph_ret(struct gate_graph *g, uint32_t action);
/* A word of struct gate_data (enum gate_word_index) into A. A load whose value nobody reads is not made. */
uint32_t gate_graph_load(struct gate_graph *g, unsigned word, uint32_t next);
uint32_t gate_graph_and(struct gate_graph *g, uint32_t k, uint32_t next);
/* code: GATE_I_JEQ, _JGE or _JSET. */
uint32_t gate_graph_jump(struct gate_graph *g, uint32_t code, uint32_t k, uint32_t yes, uint32_t no);
/* (A & mask) == value; A is lost where *keeps becomes false. */
bool gate_graph_mask_keeps(uint32_t mask, uint32_t value);
uint32_t gate_graph_masked(struct gate_graph *g, uint32_t mask, uint32_t value, uint32_t yes, uint32_t no);

/* At least `size` bytes, uninitialised, until the next call. NULL, and the graph has failed, when memory is gone. */
void *gate_graph_scratch(struct gate_graph *g, size_t size);

static inline const struct gate_node *gate_graph_at(const struct gate_graph *g, uint32_t id)
{
	return &g->nodes[id];
}

/* Why the graph is incomplete, as an error; 0 when it is complete. */
int gate_graph_check(const struct gate_graph *g, struct gate_err *err);

/* The array of everything reachable from `root`. *ret is malloc'd. GATE_E_LIMIT above GATE_BPF_MAX. */
int gate_graph_emit(const struct gate_graph *g, uint32_t root, struct gate_insn **ret, size_t *ret_len,
                    struct gate_err *err);

#endif
