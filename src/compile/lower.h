/* lower.h - a diagram as a graph of instructions. Private to this layer. */
#ifndef GATE_COMPILE_LOWER_H
#define GATE_COMPILE_LOWER_H

#include "compile/graph.h"

/* The byte order of the machine that the policy is for: that of the tokens under which arguments may matter. A
 * policy that covers both orders is for a little-endian machine. */
bool gate_lower_big_endian(struct gate_space *space, gate_policy policy);

/* The node that decides as the policy does; on trouble g->failed is set. */
uint32_t gate_lower(struct gate_graph *g, struct gate_space *space, gate_policy policy);

#endif
