/* process.h - the programs that a living process runs under, as parts of a source. */
#ifndef GATE_SOURCE_PROCESS_H
#define GATE_SOURCE_PROCESS_H

#include <callgate/bpf.h>

struct gate_program_part {
	struct gate_insn *insns;
	size_t len;
};

/* Newest first; n 0: it runs without a filter. The array and each program are the caller's. */
int gate_process_parts(const char *pid, struct gate_program_part **ret, size_t *n, struct gate_err *err);

#endif
