/* compile.h - rules, or any policy, to a cBPF program for the kernel, with the proof. Pure. */
#ifndef GATE_COMPILE_COMPILE_H
#define GATE_COMPILE_COMPILE_H

#include <callgate/bpf.h>

#include "profile/rules.h"

struct gate_program {
	struct gate_insn *insns; /* malloc'd; gate_program_done frees */
	size_t len;
};
void gate_program_done(struct gate_program *p);

/* Rules to a program that means exactly gate_rules_policy. GATE_E_LIMIT when it would not fit in 4096
 * instructions. Not yet proven: see gate_compile_prove. */
int gate_compile_rules(const struct gate_rules *rules, struct gate_program *ret, struct gate_err *err);
/* The same from a diagram (merged profiles, raw programs). The byte order is that of the policy's tokens; where it
 * covers tokens of both orders, little-endian. In rules it is that of the first token. */
int gate_compile_policy(struct gate_space *space, gate_policy policy, struct gate_program *ret, struct gate_err *err);
/* Lifts a program and compares: 0 when it means `policy`; GATE_E_UNPROVEN with *witness (may be NULL) filled, an
 * input on which they differ; any other error: undecided. Checks the kernel's acceptance rules first. */
int gate_compile_prove(struct gate_space *space, gate_policy policy, const struct gate_insn *insns, size_t len,
                       bool big_endian, struct gate_data *witness, struct gate_err *err);

/* Changes whenever the same rules may give other instructions: part of the cache key. */
#define GATE_COMPILE_VERSION 1u

#endif
