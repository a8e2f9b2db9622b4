/* cond.c - one test of one argument in normal form. */
#include "profile/cond.h"

static enum gate_truth masked(struct gate_cond *c, uint64_t mask, uint64_t two, uint64_t all)
{
	mask &= all;
	if (mask == 0)
		return GATE_ALWAYS;
	c->value = two & mask;
	if (mask == all) {
		c->op = GATE_OP_EQ;
		return GATE_SOMETIMES;
	}
	c->mask = mask;
	if (mask <= UINT32_MAX) /* bits that are not looked at need no comparison */
		c->wide = false;
	if (!c->wide && mask == UINT32_MAX) {
		c->op = GATE_OP_EQ;
		c->mask = 0;
	}
	return GATE_SOMETIMES;
}

static enum gate_truth bounds(enum gate_op op, uint64_t value, uint64_t all)
{
	switch (op) {
	case GATE_OP_LT:
		return value == 0 ? GATE_NEVER : GATE_SOMETIMES;
	case GATE_OP_LE:
		return value == all ? GATE_ALWAYS : GATE_SOMETIMES;
	case GATE_OP_GE:
		return value == 0 ? GATE_ALWAYS : GATE_SOMETIMES;
	case GATE_OP_GT:
		return value == all ? GATE_NEVER : GATE_SOMETIMES;
	case GATE_OP_NE:
	case GATE_OP_EQ:
	case GATE_OP_MASKED_EQ:
	case GATE_OP_MAX:
	default:
		return GATE_SOMETIMES;
	}
}

enum gate_truth gate_cond_make(unsigned arg, enum gate_op op, uint64_t value, uint64_t two, bool wide,
                               struct gate_cond *ret)
{
	uint64_t all = wide ? UINT64_MAX : UINT32_MAX;
	struct gate_cond c = { .arg = (uint8_t)arg, .op = (uint8_t)op, .wide = wide, .value = value & all, .mask = 0 };
	enum gate_truth truth = op == GATE_OP_MASKED_EQ ? masked(&c, value, two, all) : bounds(op, value & all, all);

	if (truth == GATE_SOMETIMES)
		*ret = c;
	return truth;
}

bool gate_cond_holds(const struct gate_cond *c, const struct gate_data *data)
{
	uint64_t arg = data->args[c->arg];

	if (!c->wide)
		arg &= UINT32_MAX;
	switch ((enum gate_op)c->op) {
	case GATE_OP_NE:
		return arg != c->value;
	case GATE_OP_LT:
		return arg < c->value;
	case GATE_OP_LE:
		return arg <= c->value;
	case GATE_OP_EQ:
		return arg == c->value;
	case GATE_OP_GE:
		return arg >= c->value;
	case GATE_OP_GT:
		return arg > c->value;
	case GATE_OP_MASKED_EQ:
		return (arg & c->mask) == c->value;
	case GATE_OP_MAX:
	default:
		return false;
	}
}
