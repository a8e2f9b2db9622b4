/* token.h - all numbers of one AUDIT_ARCH token. Private to this layer. */
#ifndef GATE_COMPILE_TOKEN_H
#define GATE_COMPILE_TOKEN_H

#include "base/arena.h"
#include "compile/tree.h"

/* What later tokens may reuse of the first one: x86 and x86_64 number their newest calls alike. */
struct gate_shared {
	struct gate_arena arena;
	const struct gate_seg *segs; /* what `root` decides, from segs[0] on */
	size_t n;
	uint32_t root; /* 0: nothing to share */
};

/* The node that loads the number and decides. segs (n > 0) cover 0..0xffffffff, neighbours lead to different nodes;
 * their weights are filled in. `shared` is read, and filled by a token that has something to share. */
uint32_t gate_token_node(struct gate_graph *g, uint32_t audit, struct gate_seg *segs, size_t n,
                         struct gate_shared *shared);

#endif
