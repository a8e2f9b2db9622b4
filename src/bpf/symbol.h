/* symbol.h - a 32-bit register whose value is a function of the input: one predicate per bit.
 *
 * Values are interned: within one table equal functions have one id, so that states of the machine compare as
 * arrays of ids. Functions return GATE_SYM_NONE when the space's budget is used up or memory is gone; `err` says
 * which. */
#ifndef GATE_BPF_SYMBOL_H
#define GATE_BPF_SYMBOL_H

#include <callgate/policy.h>

#include "base/base.h"

typedef uint32_t gate_sym; /* an id; 0 is the constant 0 */
#define GATE_SYM_NONE UINT32_MAX

struct gate_sym_value {
	gate_policy bit[32]; /* bit[0] is the lowest */
	uint32_t constant;   /* its value, when is_constant */
	bool is_constant;
};

struct gate_syms {
	struct gate_space *space;
	struct gate_err *err;
	gate_policy no, yes; /* the leaves 0 and 1 */
	struct gate_sym_value *values;
	size_t n, cap;
	uint32_t *index; /* open addressing over ids, GATE_SYM_NONE = free */
	size_t index_size;
};

int gate_syms_init(struct gate_syms *t, struct gate_space *space, struct gate_err *err);
void gate_syms_done(struct gate_syms *t);

gate_sym gate_sym_const(struct gate_syms *t, uint32_t value);
gate_sym gate_sym_word(struct gate_syms *t, unsigned word);
/* code: an ALU code of bpf/ops.h without OP_X. A division by a value that may be 0 gives what a restoring division
 * gives there; the caller splits that case off. */
gate_sym gate_sym_alu(struct gate_syms *t, unsigned code, gate_sym a, gate_sym b);
/* The predicate of a jump; false with t->err set on failure. */
bool gate_sym_test(struct gate_syms *t, unsigned code, gate_sym a, gate_sym b, gate_policy *ret);
/* The policy that returns the value itself (RET A). */
bool gate_sym_return(struct gate_syms *t, gate_sym a, gate_policy *ret);

#endif
