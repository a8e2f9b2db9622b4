/* The machine itself, and the kernel's emulation of it for the allow bitmap. */
#include "bpf/ops.h"

unsigned gate_bpf_word(uint32_t offset, bool big_endian)
{
	unsigned slot = offset / 4, high;

	if (slot < 2)
		return slot == 0 ? GATE_WORD_NR : GATE_WORD_ARCH;
	high = (slot % 2 == 0) == big_endian; /* the first half of a 64-bit field is the high one on big-endian */
	if (slot < 4)
		return high ? GATE_WORD_IP_HI : GATE_WORD_IP_LO;
	return GATE_WORD_ARG((slot - 4) / 2, !high);
}

uint32_t gate_bpf_load(const struct gate_data *data, uint32_t offset, bool big_endian)
{
	unsigned word = gate_bpf_word(offset, big_endian);

	switch (word) {
	case GATE_WORD_ARCH:
		return data->arch;
	case GATE_WORD_NR:
		return data->nr;
	case GATE_WORD_IP_HI:
		return (uint32_t)(data->ip >> 32);
	case GATE_WORD_IP_LO:
		return (uint32_t)data->ip;
	default:
		word -= GATE_WORD_ARG0_HI;
		return (uint32_t)(data->args[word / 2] >> (word % 2 == 0 ? 32 : 0));
	}
}

static uint32_t alu(uint16_t code, uint32_t a, uint32_t v)
{
	switch (code & ~OP_X) {
	case OP_ADD:
		return a + v;
	case OP_SUB:
		return a - v;
	case OP_MUL:
		return a * v;
	case OP_DIV:
		return a / v;
	case OP_AND:
		return a & v;
	case OP_OR:
		return a | v;
	case OP_XOR:
		return a ^ v;
	case OP_LSH:
		return a << (v & 31); /* by X: the low five bits, as eBPF's 32-bit shifts (Documentation/bpf) */
	case OP_RSH:
		return a >> (v & 31);
	default:
		return 0u - a; /* OP_NEG, the only one left in a checked program */
	}
}

static bool jump(uint16_t code, uint32_t a, uint32_t v)
{
	switch (code & ~OP_X) {
	case OP_JEQ:
		return a == v;
	case OP_JGT:
		return a > v;
	case OP_JGE:
		return a >= v;
	default:
		return (a & v) != 0; /* OP_JSET */
	}
}

uint32_t gate_bpf_run(const struct gate_insn *insns, size_t len, bool big_endian, const struct gate_data *data,
                      uint32_t *executed, gate_bpf_trace_fn *trace, void *ctx)
{
	struct gate_bpf_state s = { 0 };
	uint32_t steps = 0, ret = 0;

	for (bool done = false; !done; s.pc++) {
		const struct gate_insn *insn = &insns[s.pc];
		uint32_t v = (insn->code & OP_X) != 0 ? s.x : insn->k;

		GATE_CHECK(s.pc < len);
		steps++;
		if (trace != NULL)
			trace(ctx, insn, &s);
		switch (insn->code) {
		case OP_LD_ABS:
			s.a = gate_bpf_load(data, insn->k, big_endian);
			break;
		case OP_LD_IMM:
			s.a = insn->k;
			break;
		case OP_LDX_IMM:
			s.x = insn->k;
			break;
		case OP_LD_LEN:
			s.a = GATE_DATA_SIZE;
			break;
		case OP_LDX_LEN:
			s.x = GATE_DATA_SIZE;
			break;
		case OP_LD_MEM:
			s.a = s.mem[insn->k];
			break;
		case OP_LDX_MEM:
			s.x = s.mem[insn->k];
			break;
		case OP_ST:
			s.mem[insn->k] = s.a;
			break;
		case OP_STX:
			s.mem[insn->k] = s.x;
			break;
		case OP_TAX:
			s.x = s.a;
			break;
		case OP_TXA:
			s.a = s.x;
			break;
		case OP_RET_K:
		case OP_RET_A:
			ret = insn->code == OP_RET_K ? insn->k : s.a;
			done = true;
			break;
		case OP_JA:
			s.pc += insn->k;
			break;
		default:
			if (gate_bpf_is_jump(insn->code)) {
				s.pc += jump(insn->code, s.a, v) ? insn->jt : insn->jf;
			} else if (insn->code == (OP_DIV | OP_X) && v == 0) {
				done = true; /* division by a zero in X returns 0 (bpf_convert_filter) */
			} else {
				s.a = alu(insn->code, s.a, v);
			}
			break;
		}
	}
	if (executed != NULL)
		*executed = steps;
	return ret;
}

bool gate_bpf_const_allow(const struct gate_insn *insns, size_t len, uint32_t arch, uint32_t nr, uint32_t *walked)
{
	uint32_t reg = 0, steps = 0;
	bool allow = false;

	for (size_t pc = 0; pc < len; pc++) {
		const struct gate_insn *insn = &insns[pc];

		steps++;
		if (insn->code == OP_LD_ABS && insn->k <= 4) {
			reg = insn->k == 0 ? nr : arch;
		} else if (insn->code == OP_JA) {
			pc += insn->k;
		} else if (insn->code == (OP_AND)) {
			reg &= insn->k;
		} else if (gate_bpf_is_jump(insn->code) && (insn->code & OP_X) == 0) {
			pc += jump(insn->code, reg, insn->k) ? insn->jt : insn->jf;
		} else {
			allow = insn->code == OP_RET_K && insn->k == GATE_RET_ALLOW;
			break;
		}
	}
	if (walked != NULL)
		*walked = steps;
	return allow;
}
