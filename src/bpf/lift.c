/* A program to the policy that it is.
 *
 * Jumps go forward only, so one pass in program order finds every state of the machine that can stand before each
 * instruction (registers as functions of the input), and one pass back gives each state its policy: at a jump,
 * if (test) this else that. States that agree in the registers still alive are one. Nothing is approximated: what
 * does not fit in the budget is an error. */
#include "base/buf.h"
#include "bpf/ops.h"
#include "bpf/symbol.h"

#define REGS        (2 + GATE_BPF_MEMS) /* A, X, M[0] … */
#define REG_A       0
#define REG_X       1
#define REG_M(i)    (2 + (i))
#define MOST_STATES (1u << 17)
#define NO_STATE    UINT32_MAX

struct state {
	gate_sym reg[REGS];
	uint32_t pc, next; /* the next state of the same pc */
	uint32_t yes, no;  /* where it goes; equal when there is nothing to test */
	gate_policy test;  /* when yes != no */
	gate_policy policy;
};

struct lift {
	const struct gate_insn *insns;
	size_t len;
	bool big_endian;
	struct gate_syms syms;
	struct gate_err *err;
	uint32_t *live;  /* per pc: bit r, register r is read before it is written */
	uint32_t *first; /* per pc: its states */
	struct state *states;
	size_t n, cap;
};

static uint32_t bit(unsigned reg)
{
	return 1u << reg;
}

/* Registers that an instruction reads and writes. */
static void registers(const struct gate_insn *insn, uint32_t *reads, uint32_t *writes)
{
	*reads = *writes = 0;
	switch (insn->code) {
	case OP_LD_ABS:
	case OP_LD_IMM:
	case OP_LD_LEN:
		*writes = bit(REG_A);
		break;
	case OP_LDX_IMM:
	case OP_LDX_LEN:
		*writes = bit(REG_X);
		break;
	case OP_LD_MEM:
		*reads = bit(REG_M(insn->k));
		*writes = bit(REG_A);
		break;
	case OP_LDX_MEM:
		*reads = bit(REG_M(insn->k));
		*writes = bit(REG_X);
		break;
	case OP_ST:
		*reads = bit(REG_A);
		*writes = bit(REG_M(insn->k));
		break;
	case OP_STX:
		*reads = bit(REG_X);
		*writes = bit(REG_M(insn->k));
		break;
	case OP_TAX:
		*reads = bit(REG_A);
		*writes = bit(REG_X);
		break;
	case OP_TXA:
		*reads = bit(REG_X);
		*writes = bit(REG_A);
		break;
	case OP_RET_A:
		*reads = bit(REG_A);
		break;
	case OP_RET_K:
	case OP_JA:
		break;
	default: /* ALU and conditional jumps */
		*reads = bit(REG_A) | ((insn->code & OP_X) != 0 ? bit(REG_X) : 0);
		if (!gate_bpf_is_jump(insn->code))
			*writes = bit(REG_A);
		break;
	}
}

static void liveness(struct lift *l)
{
	for (size_t pc = l->len; pc-- > 0;) {
		const struct gate_insn *insn = &l->insns[pc];
		uint32_t after = 0, reads, writes;

		if (insn->code == OP_JA)
			after = l->live[pc + 1 + insn->k];
		else if (gate_bpf_is_jump(insn->code))
			after = l->live[pc + 1 + insn->jt] | l->live[pc + 1 + insn->jf];
		else if (insn->code != OP_RET_K && insn->code != OP_RET_A)
			after = l->live[pc + 1];
		registers(insn, &reads, &writes);
		l->live[pc] = (after & ~writes) | reads;
	}
}

/* The state with these registers before instruction pc, made when it is new; dead registers count as 0. */
static uint32_t state_at(struct lift *l, size_t pc, const gate_sym reg[REGS])
{
	gate_sym want[REGS];

	for (unsigned r = 0; r < REGS; r++)
		want[r] = (l->live[pc] >> r & 1) != 0 ? reg[r] : 0;
	for (uint32_t s = l->first[pc]; s != NO_STATE; s = l->states[s].next)
		if (memcmp(l->states[s].reg, want, sizeof(want)) == 0)
			return s;
	if (l->n >= MOST_STATES) {
		gate_err_set(l->err, GATE_E_LIMIT, 0,
		             "the program is too complex to be decided exactly: more than %u states", MOST_STATES);
		return NO_STATE;
	}
	if (gate_grow(&l->states, l->n, &l->cap, sizeof(*l->states)) < 0) {
		gate_err_set(l->err, GATE_E_NOMEM, 0, "out of memory");
		return NO_STATE;
	}
	struct state *s = &l->states[l->n];
	*s = (struct state){ .pc = (uint32_t)pc, .next = l->first[pc], .yes = NO_STATE, .no = NO_STATE };
	memcpy(s->reg, want, sizeof(want));
	l->first[pc] = (uint32_t)l->n;
	return (uint32_t)l->n++;
}

/* What one instruction that neither jumps nor returns does to the registers. */
static bool execute(struct lift *l, const struct gate_insn *insn, gate_sym reg[REGS])
{
	gate_sym *to = &reg[REG_A], value;

	switch (insn->code) {
	case OP_LD_ABS:
		value = gate_sym_word(&l->syms, gate_bpf_word(insn->k, l->big_endian));
		break;
	case OP_LD_IMM:
		value = gate_sym_const(&l->syms, insn->k);
		break;
	case OP_LDX_IMM:
		value = gate_sym_const(&l->syms, insn->k);
		to = &reg[REG_X];
		break;
	case OP_LD_LEN:
		value = gate_sym_const(&l->syms, GATE_DATA_SIZE);
		break;
	case OP_LDX_LEN:
		value = gate_sym_const(&l->syms, GATE_DATA_SIZE);
		to = &reg[REG_X];
		break;
	case OP_LD_MEM:
		value = reg[REG_M(insn->k)];
		break;
	case OP_LDX_MEM:
		value = reg[REG_M(insn->k)];
		to = &reg[REG_X];
		break;
	case OP_ST:
		value = reg[REG_A];
		to = &reg[REG_M(insn->k)];
		break;
	case OP_STX:
		value = reg[REG_X];
		to = &reg[REG_M(insn->k)];
		break;
	case OP_TAX:
		value = reg[REG_A];
		to = &reg[REG_X];
		break;
	case OP_TXA:
		value = reg[REG_X];
		break;
	default:
		value = (insn->code & OP_X) != 0 ? reg[REG_X] : gate_sym_const(&l->syms, insn->k);
		if (value != GATE_SYM_NONE)
			value = gate_sym_alu(&l->syms, insn->code & ~OP_X & 0xffffu, reg[REG_A], value);
		break;
	}
	if (value == GATE_SYM_NONE)
		return false;
	*to = value;
	return true;
}

/* Where state s goes. */
static bool forward(struct lift *l, uint32_t s)
{
	const uint32_t pc = l->states[s].pc;
	const struct gate_insn *insn = &l->insns[pc];
	uint32_t yes, no;
	gate_policy test = l->syms.no;
	gate_sym reg[REGS], v;

	memcpy(reg, l->states[s].reg, sizeof(reg));
	v = (insn->code & OP_X) != 0 ? reg[REG_X] : 0;
	if (insn->code == OP_RET_K || insn->code == OP_RET_A)
		return true;
	if (insn->code == OP_JA) {
		yes = no = state_at(l, pc + 1 + insn->k, reg);
	} else if (gate_bpf_is_jump(insn->code)) {
		if ((insn->code & OP_X) == 0)
			v = gate_sym_const(&l->syms, insn->k);
		if (v == GATE_SYM_NONE || !gate_sym_test(&l->syms, insn->code & ~OP_X & 0xffffu, reg[REG_A], v, &test))
			return false;
		yes = test == l->syms.no ? 0 : state_at(l, pc + 1 + insn->jt, reg);
		no = test == l->syms.yes ? yes : yes == NO_STATE ? NO_STATE : state_at(l, pc + 1 + insn->jf, reg);
		if (test == l->syms.no)
			yes = no;
	} else {
		if (insn->code == (OP_DIV | OP_X) && !gate_sym_test(&l->syms, OP_JEQ, v, 0, &test))
			return false; /* where X is 0 the program ends with 0: told by `test` without a second way */
		if (!execute(l, insn, reg))
			return false;
		yes = no = state_at(l, pc + 1, reg);
	}
	if (yes == NO_STATE || no == NO_STATE)
		return false;
	l->states[s].yes = yes;
	l->states[s].no = no;
	l->states[s].test = test;
	return true;
}

static bool backward(struct lift *l, struct state *s)
{
	const struct gate_insn *insn = &l->insns[s->pc];
	struct gate_space *space = l->syms.space;

	if (insn->code == OP_RET_K)
		return gate_policy_const(space, insn->k, &s->policy, l->err) == 0;
	if (insn->code == OP_RET_A)
		return gate_sym_return(&l->syms, s->reg[REG_A], &s->policy);
	if (insn->code == (OP_DIV | OP_X))
		return gate_policy_ite(space, s->test, l->syms.no, l->states[s->yes].policy, &s->policy, l->err) == 0;
	if (s->yes == s->no) {
		s->policy = l->states[s->yes].policy;
		return true;
	}
	return gate_policy_ite(space, s->test, l->states[s->yes].policy, l->states[s->no].policy, &s->policy, l->err) ==
	       0;
}

static int lift(struct lift *l, gate_policy *ret)
{
	gate_sym start[REGS] = { 0 };

	liveness(l);
	memset(l->first, 0xff, l->len * sizeof(*l->first));
	if (state_at(l, 0, start) == NO_STATE)
		return -1;
	for (size_t pc = 0; pc < l->len; pc++)
		for (uint32_t s = l->first[pc]; s != NO_STATE; s = l->states[s].next)
			if (!forward(l, s))
				return -1;
	for (size_t pc = l->len; pc-- > 0;)
		for (uint32_t s = l->first[pc]; s != NO_STATE; s = l->states[s].next)
			if (!backward(l, &l->states[s]))
				return -1;
	*ret = l->states[0].policy;
	return 0;
}

int gate_bpf_lift(struct gate_space *space, const struct gate_insn *insns, size_t len, bool big_endian,
                  gate_policy *ret, struct gate_err *err)
{
	struct gate_err mine = GATE_ERR_INIT;
	struct lift l = { .insns = insns, .len = len, .big_endian = big_endian, .err = &mine };
	int rc = -1;

	if (gate_bpf_check(insns, len, &mine) == 0 && gate_syms_init(&l.syms, space, &mine) == 0) {
		l.live = calloc(len, sizeof(*l.live));
		l.first = malloc(len * sizeof(*l.first));
		if (l.live == NULL || l.first == NULL)
			gate_err_set(&mine, GATE_E_NOMEM, 0, "out of memory");
		else
			rc = lift(&l, ret);
		gate_syms_done(&l.syms);
	}
	free(l.live);
	free(l.first);
	free(l.states);
	if (rc < 0 && err != NULL && err->code == GATE_OK)
		*err = mine;
	return rc;
}
