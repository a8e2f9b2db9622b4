/* leaf.h - decisions that depend on arguments. Private to this layer. */
#ifndef GATE_COMPILE_LEAF_H
#define GATE_COMPILE_LEAF_H

#include "compile/tree.h"
#include "profile/rules.h"

/* The node for an ordered list of cases, the last of which has no conditions. Nothing is in A on entry. Lists that
 * decide the same without looking at arguments give the same RET node. On trouble g->failed is set. */
uint32_t gate_leaf(struct gate_graph *g, const struct gate_case *cases, size_t n);

/* One word as intervals, the word perhaps in A already; finds sets of values that one mask test recognises. */
uint32_t gate_leaf_word(struct gate_graph *g, struct gate_seg *segs, size_t n);

#endif
