/* What the kernel accepts: bpf_check_classic() in net/core/filter.c, then seccomp_check_filter() in kernel/seccomp.c
 * (Linux 6.12; unchanged since 3.5 but for XOR and the like, which were always there). */
#include "bpf/ops.h"

enum kind { NONE, PLAIN, LOAD, MEM_READ, MEM_WRITE, RET, ALU, SHIFT, DIVIDE, JUMP, JUMP_ALWAYS };

static const uint8_t kinds[256] = {
	[OP_LD_ABS] = LOAD,      [OP_LD_LEN] = PLAIN,    [OP_LDX_LEN] = PLAIN,    [OP_LD_IMM] = PLAIN,
	[OP_LDX_IMM] = PLAIN,    [OP_LD_MEM] = MEM_READ, [OP_LDX_MEM] = MEM_READ, [OP_ST] = MEM_WRITE,
	[OP_STX] = MEM_WRITE,    [OP_TAX] = PLAIN,       [OP_TXA] = PLAIN,        [OP_RET_K] = RET,
	[OP_RET_A] = RET,        [OP_ADD] = ALU,         [OP_ADD | OP_X] = ALU,   [OP_SUB] = ALU,
	[OP_SUB | OP_X] = ALU,   [OP_MUL] = ALU,         [OP_MUL | OP_X] = ALU,   [OP_DIV] = DIVIDE,
	[OP_DIV | OP_X] = ALU,   [OP_AND] = ALU,         [OP_AND | OP_X] = ALU,   [OP_OR] = ALU,
	[OP_OR | OP_X] = ALU,    [OP_XOR] = ALU,         [OP_XOR | OP_X] = ALU,   [OP_LSH] = SHIFT,
	[OP_LSH | OP_X] = ALU,   [OP_RSH] = SHIFT,       [OP_RSH | OP_X] = ALU,   [OP_NEG] = ALU,
	[OP_JA] = JUMP_ALWAYS,   [OP_JEQ] = JUMP,        [OP_JEQ | OP_X] = JUMP,  [OP_JGT] = JUMP,
	[OP_JGT | OP_X] = JUMP,  [OP_JGE] = JUMP,        [OP_JGE | OP_X] = JUMP,  [OP_JSET] = JUMP,
	[OP_JSET | OP_X] = JUMP,
};

static int check_one(const struct gate_insn *insns, size_t len, size_t pc, struct gate_err *err)
{
	const struct gate_insn *insn = &insns[pc];
	size_t left = len - pc - 1; /* instructions behind this one */
	const enum kind kind = insn->code < GATE_ARRAY_LEN(kinds) ? (enum kind)kinds[insn->code] : NONE;

	switch (kind) {
	case NONE:
		return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: code 0x%02x is not one that seccomp accepts",
		                 pc, insn->code);
	case LOAD:
		if (insn->k >= GATE_DATA_SIZE || insn->k % 4 != 0)
			return GATE_FAIL(err, GATE_E_INVALID,
			                 "instruction %zu: offset %u is not a word of struct seccomp_data (0, 4 … 60)",
			                 pc, insn->k);
		return 0;
	case MEM_READ:
	case MEM_WRITE:
		if (insn->k >= GATE_BPF_MEMS)
			return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: scratch word %u is not one of 0 … 15",
			                 pc, insn->k);
		return 0;
	case SHIFT:
		if (insn->k >= 32)
			return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: shift by %u, above 31", pc, insn->k);
		return 0;
	case DIVIDE:
		if (insn->k == 0)
			return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: division by 0", pc);
		return 0;
	case JUMP_ALWAYS:
		if (insn->k >= left)
			return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: jump by %u leaves the program", pc,
			                 insn->k);
		return 0;
	case JUMP:
		if (insn->jt >= left || insn->jf >= left)
			return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: jump by %u leaves the program", pc,
			                 insn->jt >= left ? insn->jt : insn->jf);
		return 0;
	case PLAIN:
	case RET:
	case ALU:
		return 0;
	}
	return 0;
}

/* Scratch words are written before they are read, on every path (check_load_and_stores). */
static int check_scratch(const struct gate_insn *insns, size_t len, struct gate_err *err)
{
	uint16_t *masks = malloc(len * sizeof(*masks)), valid = 0;
	int rc = 0;

	if (masks == NULL)
		return GATE_FAIL_NOMEM(err);
	memset(masks, 0xff, len * sizeof(*masks));
	for (size_t pc = 0; pc < len && rc == 0; pc++) {
		const struct gate_insn *insn = &insns[pc];

		valid &= masks[pc];
		switch (insn->code) {
		case OP_ST:
		case OP_STX:
			valid |= (uint16_t)(1u << insn->k);
			break;
		case OP_LD_MEM:
		case OP_LDX_MEM:
			if ((valid >> insn->k & 1) == 0)
				rc = GATE_FAIL(err, GATE_E_INVALID,
				               "instruction %zu: scratch word %u is read before it is written", pc,
				               insn->k);
			break;
		case OP_JA:
			masks[pc + 1 + insn->k] &= valid;
			valid = 0xffff;
			break;
		default:
			if (gate_bpf_is_jump(insn->code)) {
				masks[pc + 1 + insn->jt] &= valid;
				masks[pc + 1 + insn->jf] &= valid;
				valid = 0xffff;
			}
			break;
		}
	}
	free(masks);
	return rc;
}

int gate_bpf_check(const struct gate_insn *insns, size_t len, struct gate_err *err)
{
	if (len == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "the program is empty");
	if (len > GATE_BPF_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "the program has %zu instructions, the kernel takes at most %d",
		                 len, GATE_BPF_MAX);
	for (size_t pc = 0; pc < len; pc++)
		if (check_one(insns, len, pc, err) < 0)
			return -1;
	if (insns[len - 1].code != OP_RET_K && insns[len - 1].code != OP_RET_A)
		return GATE_FAIL(err, GATE_E_INVALID, "instruction %zu: the last one is not a return", len - 1);
	return check_scratch(insns, len, err);
}
