/* write_args.h - what the arguments of one call decide, as rules that do not overlap. Inside of the writer. */
#ifndef GATE_PROFILE_WRITE_ARGS_H
#define GATE_PROFILE_WRITE_ARGS_H

#include "profile/rules.h"

struct gate_written_rule {
	uint32_t action;
	uint32_t n; /* 0: unconditional */
	struct gate_cond conds[6];
};

struct gate_written_rules {
	struct gate_written_rule *rules;
	size_t n, cap;
	uint32_t base;   /* the action that needs no rule */
	bool has_base;   /* it is the first rule, without conditions; the others are stricter */
	bool narrow_ops; /* the reader compares narrow arguments on 32 bits, so == and <= may be used for them */
	bool failed;     /* memory */
	bool impossible; /* too many, or about what no rule can say */
};

#define GATE_WRITTEN_MOST 1024

/* The rules for every action but `base` of a policy over arguments. Frees with free(rules->rules). */
void gate_write_args(struct gate_space *space, gate_policy p, struct gate_written_rules *rules);

#endif
