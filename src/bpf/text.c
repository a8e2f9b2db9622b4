/* Instructions as text. */
#include <stdio.h>

#include "bpf/ops.h"

static void field(char *text, size_t size, uint32_t offset, bool big_endian)
{
	unsigned word = gate_bpf_word(offset, big_endian);

	if (word == GATE_WORD_NR || word == GATE_WORD_ARCH)
		(void)snprintf(text, size, "%s", word == GATE_WORD_NR ? "nr" : "arch");
	else if (word >= GATE_WORD_IP_HI)
		(void)snprintf(text, size, "ip.%s", word == GATE_WORD_IP_HI ? "hi" : "lo");
	else
		(void)snprintf(text, size, "args[%u].%s", (word - GATE_WORD_ARG0_HI) / 2,
		               (word - GATE_WORD_ARG0_HI) % 2 == 0 ? "hi" : "lo");
}

static int ret_text(uint32_t k, char *text, size_t size)
{
	uint32_t action = GATE_RET_ACTION(k), data = GATE_RET_DATA(k);

	if (GATE_RET_ACTION(gate_ret_normal(k)) != action) /* the kernel knows no such action: it kills the process */
		return snprintf(text, size, "ret  #0x%08x", k);
	if (data != 0)
		return snprintf(text, size, "ret  %s(%u)", gate_ret_word(k), data);
	return snprintf(text, size, "ret  %s", gate_ret_word(k));
}

int gate_bpf_text(const struct gate_insn *insns, size_t pc, bool big_endian, char *text, size_t size)
{
	static const struct {
		uint16_t code;
		const char *name;
	} names[] = {
		{ OP_ADD, "add" }, { OP_SUB, "sub" }, { OP_MUL, "mul" },   { OP_DIV, "div" }, { OP_AND, "and" },
		{ OP_OR, "or" },   { OP_XOR, "xor" }, { OP_LSH, "lsh" },   { OP_RSH, "rsh" }, { OP_JEQ, "jeq" },
		{ OP_JGT, "jgt" }, { OP_JGE, "jge" }, { OP_JSET, "jset" },
	};
	const struct gate_insn *insn = &insns[pc];
	const char *name = NULL;
	char operand[16];

	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++)
		if (names[i].code == (insn->code & ~OP_X))
			name = names[i].name;
	(void)snprintf(operand, sizeof(operand), (insn->code & OP_X) != 0 ? "x" : "#0x%x", insn->k);
	if (name != NULL && gate_bpf_is_jump(insn->code))
		return snprintf(text, size, "%-4s %s, %zu, %zu", name, operand, pc + 1 + insn->jt, pc + 1 + insn->jf);
	if (name != NULL)
		return snprintf(text, size, "%-4s %s", name, operand);
	switch (insn->code) {
	case OP_LD_ABS: {
		char where[16];

		if (insn->k >= GATE_DATA_SIZE || insn->k % 4 != 0)
			break;
		field(where, sizeof(where), insn->k, big_endian);
		return snprintf(text, size, "ld   [%s]", where);
	}
	case OP_LD_IMM:
		return snprintf(text, size, "ld   #0x%x", insn->k);
	case OP_LDX_IMM:
		return snprintf(text, size, "ldx  #0x%x", insn->k);
	case OP_LD_LEN:
		return snprintf(text, size, "ld   len");
	case OP_LDX_LEN:
		return snprintf(text, size, "ldx  len");
	case OP_LD_MEM:
		return snprintf(text, size, "ld   M[%u]", insn->k);
	case OP_LDX_MEM:
		return snprintf(text, size, "ldx  M[%u]", insn->k);
	case OP_ST:
		return snprintf(text, size, "st   M[%u]", insn->k);
	case OP_STX:
		return snprintf(text, size, "stx  M[%u]", insn->k);
	case OP_TAX:
		return snprintf(text, size, "tax");
	case OP_TXA:
		return snprintf(text, size, "txa");
	case OP_NEG:
		return snprintf(text, size, "neg");
	case OP_JA:
		return snprintf(text, size, "jmp  %zu", pc + 1 + insn->k);
	case OP_RET_A:
		return snprintf(text, size, "ret  a");
	case OP_RET_K:
		return ret_text(insn->k, text, size);
	default:
		break;
	}
	return snprintf(text, size, "bad  0x%04x %u %u 0x%x", insn->code, insn->jt, insn->jf, insn->k);
}
