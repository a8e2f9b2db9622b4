/* callgate/call.h - a system call as a person writes it: mkdir, socket(40), openat(_, _, 0x41), x86:socketcall(1), 165. */
#ifndef CALLGATE_CALL_H
#define CALLGATE_CALL_H

#include <callgate/abi.h>
#include <callgate/error.h>
#include <callgate/policy.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_call {
	enum gate_arch arch;
	uint32_t nr;
	uint64_t args[6];
	uint8_t given; /* bit i: args[i] has this value; else any value */
};

/* `arch` is the ABI of a call that names none. Numbers are decimal or 0x…, arguments also negative ones (-1 is all
 * ones on 64 bits). GATE_E_NOTFOUND for a name that the ABI does not have (with a suggestion, or the ABIs that have
 * it), GATE_E_SYNTAX with the column for the rest. */
int gate_call_parse(const char *text, enum gate_arch arch, struct gate_call *ret, struct gate_err *err);
/* A concrete input with every argument that is not given as 0. */
void gate_call_data(const struct gate_call *call, struct gate_data *ret);
/* "mkdir(0x0, 0x1ff)" for an input: as many arguments as the call takes up to the last one that is not 0 unless
 * `all`; "nr 999" when no table has the number; with "x86:" in front when the ABI is not `native`. Cut at `size`. */
void gate_call_text(const struct gate_data *data, enum gate_arch native, bool all, char *text, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
