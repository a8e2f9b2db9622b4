/* tree.h - a function of one 32-bit word as a tree of comparisons. Private to this layer. */
#ifndef GATE_COMPILE_TREE_H
#define GATE_COMPILE_TREE_H

#include "compile/graph.h"

/* Costs are whole numbers, so that every compiler and machine builds the same tree: ten-thousandths of a microsecond.
 * Fitted on Linux 6.18 x86_64 over eight filters: loading one costs 0.165 us per instruction (two conversions and the
 * passes of the JIT), and 0.0019 us per instruction that the kernel walks to build its allow bitmap, once for every
 * number of the native and the compat ABI. */
#define GATE_COST_INSN 1650u
#define GATE_COST_WALK 19u

/* Values from `lo` to the next segment's lo - 1 lead to `node`. */
struct gate_seg {
	uint32_t lo;
	uint32_t node;
	uint32_t weight; /* what one more instruction on the way there costs */
};

/* Adds a segment to an ascending array, merging it with the last when they lead to the same node. */
static inline size_t gate_seg_put(struct gate_seg *segs, size_t n, struct gate_seg seg)
{
	if (n > 0 && segs[n - 1].node == seg.node) {
		segs[n - 1].weight += seg.weight;
		return n;
	}
	segs[n] = seg;
	return n + 1;
}

/* The tree for segs[0..n) (n > 0, neighbours lead to different nodes), the last of which ends with `hi`. The word is
 * in A on entry and, at every leaf, still is. Values outside lo..hi must not come; but where the first or last
 * segment has at least GATE_TREE_WIDE values, those beyond it go where it goes. */
#define GATE_TREE_WIDE 64u
uint32_t gate_tree(struct gate_graph *g, const struct gate_seg *segs, size_t n, uint32_t hi);

/* About how many instructions that tree has: for choosing between layouts. */
size_t gate_tree_guess(const struct gate_seg *segs, size_t n, uint32_t hi);

#endif
