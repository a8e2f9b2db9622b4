/* weigh.h - how much it matters that a call is decided early. Private to this layer. */
#ifndef GATE_COMPILE_WEIGH_H
#define GATE_COMPILE_WEIGH_H

#include <callgate/abi.h>

#include "compile/tree.h"

/* Fills in the weights of the segments of one token's numbers, 0..0xffffffff. */
void gate_weigh(const struct gate_graph *g, uint32_t audit, struct gate_seg *segs, size_t n);

#endif
