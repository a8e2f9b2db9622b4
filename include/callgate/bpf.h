/* callgate/bpf.h - the classic BPF machine as seccomp(2) runs it.
 *
 * Pure: no system calls. Programs are arrays of gate_insn (the layout of struct sock_filter). */
#ifndef CALLGATE_BPF_H
#define CALLGATE_BPF_H

#include <callgate/error.h>
#include <callgate/policy.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};
#define GATE_BPF_MAX 4096 /* BPF_MAXINSNS */

/* As the kernel does on load (bpf_check_classic, then seccomp_check_filter): 0, or GATE_E_INVALID naming the
 * instruction and the rule that it breaks. */
int gate_bpf_check(const struct gate_insn *insns, size_t len, struct gate_err *err);

/* Runs a checked program. `big_endian`: the byte order of the machine whose seccomp_data is read. `trace` may be
 * NULL; it is called before each instruction. *executed (may be NULL) counts instructions. Returns SECCOMP_RET_*
 * as the program gives it, not normalised. */
struct gate_bpf_state {
	uint32_t pc, a, x;
	uint32_t mem[16];
};
typedef void gate_bpf_trace_fn(void *ctx, const struct gate_insn *insn, const struct gate_bpf_state *state);
uint32_t gate_bpf_run(const struct gate_insn *insns, size_t len, bool big_endian, const struct gate_data *data,
                      uint32_t *executed, gate_bpf_trace_fn *trace, void *ctx);

/* Would the kernel's allow bitmap hold this call (seccomp_is_const_allow, Linux 5.11)? *walked (may be NULL) counts
 * the instructions that the kernel emulates at load to find out. */
bool gate_bpf_const_allow(const struct gate_insn *insns, size_t len, uint32_t arch, uint32_t nr, uint32_t *walked);

/* The exact meaning of a checked program: raw leaves, not normalised (stack first, then gate_policy_normal). */
int gate_bpf_lift(struct gate_space *space, const struct gate_insn *insns, size_t len, bool big_endian,
                  gate_policy *ret, struct gate_err *err);

/* One instruction as text without its number: "jeq #0x3, 5, 6" with absolute targets; seccomp_data fields by name.
 * Returns snprintf's count. */
int gate_bpf_text(const struct gate_insn *insns, size_t pc, bool big_endian, char *text, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
