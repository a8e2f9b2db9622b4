/* scmp_walk.h - the tree of scmp_tree.c, and how it is read. Within this layer. */
#ifndef GATE_PROFILE_SCMP_WALK_H
#define GATE_PROFILE_SCMP_WALK_H

#include "profile/scmp_tree.h"

struct gate_scmp_node;
struct gate_scmp_branch {
	const struct gate_scmp_rule *rule; /* the verdict, unless `next` is set */
	struct gate_scmp_node *next;       /* some node of the level beneath */
};
/* Nodes of one level in their order. A level may hang beneath two branches. */
struct gate_scmp_level {
	struct gate_scmp_node *first;
};
struct gate_scmp_node {
	uint8_t arg;
	bool high;
	enum gate_op op;      /* EQ, MASKED_EQ, GT or GE on one word */
	enum gate_op written; /* of the rule */
	uint32_t mask, datum;
	uint64_t full;
	struct gate_scmp_branch yes, no;
	struct gate_scmp_level *level;
	struct gate_scmp_node *sibling;
};

/* All paths to verdicts, in the order of the program, as first-match cases. -1: no memory. */
int gate_scmp_walk(struct gate_arena *arena, struct gate_arena *scratch, const struct gate_scmp_node *top,
                   const struct gate_scmp_rule *always, bool is64, struct gate_case **ret, uint32_t *ret_n);

#endif
