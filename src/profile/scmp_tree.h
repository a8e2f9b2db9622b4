/* scmp_tree.h - what libseccomp makes of several rules for one call. Within this layer.
 *
 * Read from libseccomp 2.6.1 (src/db.c: db_rule_add, _db_tree_add; src/gen_bpf.c: _gen_bpf_chain). Rules become chains
 * of tests of 32-bit words; chains for one call are merged into a tree whose levels are sorted by argument, operator
 * and value, and the program walks the tree: a test that fails, or a subtree that decides nothing, falls through to the
 * next test of the level, at the end of a level to what follows the parent. */
#ifndef GATE_PROFILE_SCMP_TREE_H
#define GATE_PROFILE_SCMP_TREE_H

#include "profile/cond.h"

struct gate_scmp_arg {
	bool valid;
	enum gate_op op;
	uint64_t mask, datum;
};

struct gate_scmp_rule {
	uint32_t action;
	uint32_t entry; /* whose rule it is */
	uint32_t order; /* for sorting */
	struct gate_place at;
	struct gate_scmp_arg args[6];
};

/* Adds rules in order and writes the cases, in `arena`; the last has no conditions only when a rule has none.
 * On a conflict (-EEXIST in the library) returns -2 and sets *culprit; -1: no memory. */
int gate_scmp_cases(struct gate_arena *arena, struct gate_arena *scratch, const struct gate_scmp_rule *rules, size_t n,
                    bool is64, struct gate_case **ret, uint32_t *ret_n, const struct gate_scmp_rule **culprit);

#endif
