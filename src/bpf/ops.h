/* ops.h - the instruction codes that seccomp(2) accepts: include/uapi/linux/bpf_common.h and filter.h. */
#ifndef GATE_BPF_OPS_H
#define GATE_BPF_OPS_H

#include <callgate/bpf.h>

#include "base/base.h"

enum {
	OP_LD_IMM = 0x00,
	OP_LDX_IMM = 0x01,
	OP_ST = 0x02,
	OP_STX = 0x03,
	OP_LD_ABS = 0x20,
	OP_LD_MEM = 0x60,
	OP_LDX_MEM = 0x61,
	OP_LD_LEN = 0x80,
	OP_LDX_LEN = 0x81,
	OP_RET_K = 0x06,
	OP_RET_A = 0x16,
	OP_TAX = 0x07,
	OP_TXA = 0x87,
	OP_ADD = 0x04,
	OP_SUB = 0x14,
	OP_MUL = 0x24,
	OP_DIV = 0x34,
	OP_OR = 0x44,
	OP_AND = 0x54,
	OP_LSH = 0x64,
	OP_RSH = 0x74,
	OP_NEG = 0x84,
	OP_XOR = 0xa4,
	OP_JA = 0x05,
	OP_JEQ = 0x15,
	OP_JGT = 0x25,
	OP_JGE = 0x35,
	OP_JSET = 0x45,
	OP_X = 0x08 /* added to an ALU or jump code: the operand is X, not K */
};

#define GATE_DATA_SIZE 64u /* sizeof(struct seccomp_data) */
#define GATE_BPF_MEMS  16u

/* The index of a diagram's word (enum gate_word_index) for an offset into seccomp_data. */
unsigned gate_bpf_word(uint32_t offset, bool big_endian);
/* The value of the word at that offset. */
uint32_t gate_bpf_load(const struct gate_data *data, uint32_t offset, bool big_endian);

static inline bool gate_bpf_is_jump(uint16_t code)
{
	return (code & 7) == 5;
}

#endif
