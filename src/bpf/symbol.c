#include "bpf/symbol.h"

#include "base/buf.h"
#include "bpf/ops.h"

int gate_syms_init(struct gate_syms *t, struct gate_space *space, struct gate_err *err)
{
	*t = (struct gate_syms){ .space = space, .err = err, .index_size = 64 };
	if (gate_policy_const(space, 0, &t->no, err) < 0 || gate_policy_const(space, 1, &t->yes, err) < 0)
		return -1;
	t->index = malloc(t->index_size * sizeof(*t->index));
	if (t->index == NULL)
		return GATE_FAIL_NOMEM(err);
	memset(t->index, 0xff, t->index_size * sizeof(*t->index));
	if (gate_sym_const(t, 0) == GATE_SYM_NONE) {
		gate_syms_done(t);
		return -1;
	}
	return 0;
}

void gate_syms_done(struct gate_syms *t)
{
	free(t->values);
	free(t->index);
	t->values = NULL;
	t->index = NULL;
}

static size_t slot_of(const struct gate_syms *t, const gate_policy bit[32])
{
	uint64_t h = 0;
	size_t slot;

	for (unsigned i = 0; i < 32; i++)
		h = (h ^ bit[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
	slot = (size_t)(h >> 20) & (t->index_size - 1);
	while (t->index[slot] != GATE_SYM_NONE &&
	       memcmp(t->values[t->index[slot]].bit, bit, sizeof(t->values[0].bit)) != 0)
		slot = (slot + 1) & (t->index_size - 1);
	return slot;
}

static bool grow_index(struct gate_syms *t)
{
	size_t size = t->index_size * 2;
	uint32_t *index = malloc(size * sizeof(*index)), *old = t->index;

	if (index == NULL)
		return false;
	memset(index, 0xff, size * sizeof(*index));
	t->index = index;
	t->index_size = size;
	for (uint32_t id = 0; id < t->n; id++)
		index[slot_of(t, t->values[id].bit)] = id;
	free(old);
	return true;
}

static gate_sym intern(struct gate_syms *t, const gate_policy bit[32])
{
	size_t slot = slot_of(t, bit);
	struct gate_sym_value *v;

	if (t->index[slot] != GATE_SYM_NONE)
		return t->index[slot];
	if (gate_grow(&t->values, t->n, &t->cap, sizeof(*t->values)) < 0 ||
	    (2 * t->n >= t->index_size && !grow_index(t))) {
		gate_err_set(t->err, GATE_E_NOMEM, 0, "out of memory");
		return GATE_SYM_NONE;
	}
	slot = slot_of(t, bit);
	v = &t->values[t->n];
	memcpy(v->bit, bit, sizeof(v->bit));
	v->constant = 0;
	v->is_constant = true;
	for (unsigned i = 0; i < 32; i++) {
		v->is_constant = v->is_constant && (bit[i] == t->no || bit[i] == t->yes);
		v->constant |= bit[i] == t->yes ? 1u << i : 0;
	}
	t->index[slot] = (uint32_t)t->n;
	return (gate_sym)t->n++;
}

gate_sym gate_sym_const(struct gate_syms *t, uint32_t value)
{
	gate_policy bit[32];

	for (unsigned i = 0; i < 32; i++)
		bit[i] = (value >> i & 1) != 0 ? t->yes : t->no;
	return intern(t, bit);
}

gate_sym gate_sym_word(struct gate_syms *t, unsigned word)
{
	gate_policy bit[32];

	for (unsigned i = 0; i < 32; i++)
		if (gate_policy_masked(t->space, word, 1u << i, 1u << i, &bit[i], t->err) < 0)
			return GATE_SYM_NONE;
	return intern(t, bit);
}

/* A failed step leaves `failed` set; the others then do nothing, so that sums of bits read as sums. */
struct bits {
	struct gate_syms *t;
	bool failed;
};

static gate_policy op(struct bits *b, enum gate_combine how, gate_policy x, gate_policy y)
{
	gate_policy r = b->t->no;

	if (!b->failed && gate_policy_combine(b->t->space, how, x, y, &r, b->t->err) < 0)
		b->failed = true;
	return r;
}

static gate_policy choose(struct bits *b, gate_policy p, gate_policy yes, gate_policy no)
{
	gate_policy r = b->t->no;

	if (!b->failed && gate_policy_ite(b->t->space, p, yes, no, &r, b->t->err) < 0)
		b->failed = true;
	return r;
}

static gate_policy not(struct bits * b, gate_policy x)
{
	return op(b, GATE_COMBINE_XOR, x, b->t->yes);
}

/* r = x + y + carry; returns the carry out. */
static gate_policy add(struct bits *b, gate_policy r[32], const gate_policy x[32], const gate_policy y[32],
                       gate_policy carry)
{
	for (unsigned i = 0; i < 32 && !b->failed; i++) {
		gate_policy half = op(b, GATE_COMBINE_XOR, x[i], y[i]), sum = op(b, GATE_COMBINE_XOR, half, carry);

		carry = choose(b, half, carry, x[i]);
		r[i] = sum;
	}
	return carry;
}

/* r = x - y; returns "no borrow", that is x >= y. */
static gate_policy sub(struct bits *b, gate_policy r[32], const gate_policy x[32], const gate_policy y[32])
{
	gate_policy inverse[32];

	for (unsigned i = 0; i < 32; i++)
		inverse[i] = not(b, y[i]);
	return add(b, r, x, inverse, b->t->yes);
}

static void mul(struct bits *b, gate_policy r[32], const gate_policy x[32], const gate_policy y[32])
{
	for (unsigned i = 0; i < 32; i++)
		r[i] = b->t->no;
	for (unsigned shift = 0; shift < 32 && !b->failed; shift++) {
		gate_policy term[32], sum[32];

		if (y[shift] == b->t->no)
			continue;
		for (unsigned i = 0; i < 32; i++)
			term[i] = i < shift ? b->t->no : op(b, GATE_COMBINE_AND, x[i - shift], y[shift]);
		(void)add(b, sum, r, term, b->t->no);
		memcpy(r, sum, sizeof(sum));
	}
}

/* Restoring division, highest bit first. The remainder stays below y, so 32 bits and the bit shifted out hold it. */
static void divide(struct bits *b, gate_policy r[32], const gate_policy x[32], const gate_policy y[32])
{
	gate_policy rest[32], less[32];

	for (unsigned i = 0; i < 32; i++)
		rest[i] = b->t->no;
	for (unsigned i = 32; i-- > 0 && !b->failed;) {
		gate_policy out = rest[31], fits;

		memmove(rest + 1, rest, 31 * sizeof(*rest));
		rest[0] = x[i];
		fits = op(b, GATE_COMBINE_OR, out, sub(b, less, rest, y));
		for (unsigned k = 0; k < 32; k++)
			rest[k] = choose(b, fits, less[k], rest[k]);
		r[i] = fits;
	}
}

static void shift(struct bits *b, gate_policy r[32], const gate_policy x[32], const gate_policy y[32], bool left)
{
	memcpy(r, x, 32 * sizeof(*r));
	for (unsigned stage = 0; stage < 5; stage++) { /* the low five bits of y count */
		gate_policy next[32];
		unsigned by = 1u << stage;

		for (unsigned i = 0; i < 32; i++) {
			bool inside = left ? i >= by : i + by < 32;
			gate_policy moved = inside ? r[left ? i - by : i + by] : b->t->no;

			next[i] = choose(b, y[stage], moved, r[i]);
		}
		memcpy(r, next, sizeof(next));
	}
}

gate_sym gate_sym_alu(struct gate_syms *t, unsigned code, gate_sym a, gate_sym v)
{
	struct bits b = { t, false };
	gate_policy x[32], y[32], r[32], zero[32];

	memcpy(x, t->values[a].bit, sizeof(x));
	memcpy(y, t->values[v].bit, sizeof(y));
	for (unsigned i = 0; i < 32; i++)
		zero[i] = r[i] = t->no;
	switch (code) {
	case OP_ADD:
		(void)add(&b, r, x, y, t->no);
		break;
	case OP_SUB:
		(void)sub(&b, r, x, y);
		break;
	case OP_NEG:
		(void)sub(&b, r, zero, x);
		break;
	case OP_MUL:
		/* Fewer terms when the constant is the multiplier. */
		if (t->values[a].is_constant)
			mul(&b, r, y, x);
		else
			mul(&b, r, x, y);
		break;
	case OP_DIV:
		divide(&b, r, x, y);
		break;
	case OP_LSH:
	case OP_RSH:
		shift(&b, r, x, y, code == OP_LSH);
		break;
	default:
		for (unsigned i = 0; i < 32; i++)
			r[i] = op(&b,
			          code == OP_AND  ? GATE_COMBINE_AND
			          : code == OP_OR ? GATE_COMBINE_OR
			                          : GATE_COMBINE_XOR,
			          x[i], y[i]);
		break;
	}
	return b.failed ? GATE_SYM_NONE : intern(t, r);
}

bool gate_sym_test(struct gate_syms *t, unsigned code, gate_sym a, gate_sym v, gate_policy *ret)
{
	const gate_policy *x = t->values[a].bit, *y = t->values[v].bit;
	struct bits b = { t, false };
	gate_policy r = code == OP_JEQ || code == OP_JGE ? t->yes : t->no;

	/* From the lowest bit up, so that the diagram grows at its root. */
	for (unsigned i = 0; i < 32 && !b.failed; i++) {
		if (code == OP_JSET) {
			r = op(&b, GATE_COMBINE_OR, op(&b, GATE_COMBINE_AND, x[i], y[i]), r);
		} else {
			gate_policy differ = op(&b, GATE_COMBINE_XOR, x[i], y[i]);

			/* The higher bit decides unless it is equal; for JEQ a difference is a no. */
			r = choose(&b, differ, code == OP_JEQ ? t->no : x[i], r);
		}
	}
	*ret = r;
	return !b.failed;
}

bool gate_sym_return(struct gate_syms *t, gate_sym a, gate_policy *ret)
{
	struct bits b = { t, false };
	gate_policy value = t->no;

	/* Joined bit by bit: as many leaves as there are values. */
	for (unsigned i = 0; i < 32 && !b.failed; i++) {
		gate_policy one = t->no;

		if (gate_policy_const(t->space, 1u << i, &one, t->err) < 0)
			return false;
		value = op(&b, GATE_COMBINE_BITS, value, choose(&b, t->values[a].bit[i], one, t->no));
	}
	*ret = value;
	return !b.failed;
}
