/* Where two policies differ, call by call. */
#include "base/buf.h"
#include "source/source.h"

#define MOST_RUNS   65536 /* of numbers or architectures on one side */
#define MOST_LEAVES 256
#define MOST_PIECES 3

/* The runs of one word of one policy. */
struct runs {
	struct gate_range *r;
	size_t n, cap;
};

static int collect(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct runs *runs = ctx;

	if (runs->n == MOST_RUNS)
		return 1;
	if (gate_grow(&runs->r, runs->n, &runs->cap, sizeof(*runs->r)) < 0)
		return 2;
	runs->r[runs->n++] = (struct gate_range){ lo, hi, to };
	return 0;
}

static int runs_of(struct gate_space *space, gate_policy p, unsigned word, struct runs *ret, struct gate_err *err)
{
	switch (gate_policy_each_range(space, p, word, collect, ret)) {
	case 0:
		return 0;
	case 1:
		return GATE_FAIL(err, GATE_E_LIMIT, "the policy distinguishes more than %d runs of numbers", MOST_RUNS);
	default:
		return GATE_FAIL_NOMEM(err);
	}
}

/* Calls `fn` for every run on which both sides are constant and differ. */
typedef int pair_fn(void *ctx, uint32_t lo, uint32_t hi, gate_policy a, gate_policy b);

static int each_pair(struct gate_space *space, gate_policy a, gate_policy b, unsigned word, pair_fn *fn, void *ctx,
                     struct gate_err *err)
{
	struct runs x = { 0 }, y = { 0 };
	int rc = runs_of(space, a, word, &x, err);

	if (rc == 0)
		rc = runs_of(space, b, word, &y, err);
	for (size_t i = 0, k = 0; rc == 0 && i < x.n && k < y.n;) {
		uint32_t lo = x.r[i].lo > y.r[k].lo ? x.r[i].lo : y.r[k].lo,
			 hi = x.r[i].hi < y.r[k].hi ? x.r[i].hi : y.r[k].hi;

		if (x.r[i].to != y.r[k].to)
			rc = fn(ctx, lo, hi, x.r[i].to, y.r[k].to);
		i += x.r[i].hi == hi;
		k += y.r[k].hi == hi;
	}
	free(x.r);
	free(y.r);
	return rc;
}

struct diff {
	struct gate_space *space;
	gate_difference_fn *fn;
	void *ctx;
	struct gate_err *err;
	bool stopped; /* by fn: its value is passed on */
	uint32_t audit, audit_lo, audit_hi;
	struct gate_difference d;
};

/* The predicate "p gives this leaf". */
static int is_leaf(struct diff *f, gate_policy p, uint32_t value, gate_policy *ret)
{
	gate_policy leaf = 0, differs = 0, yes = 0;

	if (gate_policy_const(f->space, value, &leaf, f->err) < 0 || gate_policy_const(f->space, 1, &yes, f->err) < 0 ||
	    gate_policy_combine(f->space, GATE_COMBINE_DIFFER, p, leaf, &differs, f->err) < 0)
		return -1;
	return gate_policy_combine(f->space, GATE_COMBINE_XOR, differs, yes, ret, f->err);
}

static int report(struct diff *f, uint32_t x, uint32_t y, gate_policy where)
{
	struct gate_buf when = GATE_BUF_INIT;
	struct gate_data w = { 0 };
	bool cut = false;
	int rc;

	if (!gate_policy_witness(f->space, where, &w))
		return 0; /* no input gives this pair */
	f->d.a = x;
	f->d.b = y;
	f->d.conditional = !gate_policy_is_const(f->space, where, NULL);
	f->d.witness = w;
	f->d.witness.arch = f->audit;
	f->d.witness.nr = f->d.nr_lo;
	if (f->d.conditional)
		gate_describe(f->space, where, MOST_PIECES, &when, &cut);
	if (when.failed) {
		gate_buf_done(&when);
		return GATE_FAIL_NOMEM(f->err);
	}
	f->d.when = when.data;
	rc = f->fn(f->ctx, &f->d);
	f->stopped = rc != 0;
	gate_buf_done(&when);
	return rc;
}

/* Every pair of different actions that a number's two sides give. */
static int each_action(struct diff *f, gate_policy a, gate_policy b)
{
	uint32_t xs[MOST_LEAVES], ys[MOST_LEAVES];
	int nx = gate_policy_leaves(f->space, a, xs, MOST_LEAVES),
	    ny = gate_policy_leaves(f->space, b, ys, MOST_LEAVES), rc = 0;

	if (nx < 0 || ny < 0)
		return GATE_FAIL(f->err, GATE_E_LIMIT, "a call has more than %d different outcomes", MOST_LEAVES);
	for (int i = 0; i < nx && rc == 0; i++) {
		gate_policy is_x = 0, is_y = 0, both = 0;

		rc = is_leaf(f, a, xs[i], &is_x);
		for (int k = 0; k < ny && rc == 0; k++) {
			if (xs[i] == ys[k])
				continue;
			rc = is_leaf(f, b, ys[k], &is_y);
			if (rc == 0)
				rc = gate_policy_combine(f->space, GATE_COMBINE_AND, is_x, is_y, &both, f->err);
			if (rc == 0)
				rc = report(f, xs[i], ys[k], both);
		}
	}
	return rc;
}

/* A run of numbers that differ alike: each named call by itself, then the numbers without a name together. */
static int numbers(void *ctx, uint32_t lo, uint32_t hi, gate_policy a, gate_policy b)
{
	struct diff *f = ctx;
	uint64_t first = lo, last = 0, named = 0;
	bool unnamed = false;
	int rc = 0;

	for (int arch = GATE_ARCH_NONE + 1; arch < GATE_ARCH_MAX && rc == 0 && f->audit_lo == f->audit_hi; arch++) {
		size_t n = gate_syscall_count((enum gate_arch)arch);

		if (gate_arch_info((enum gate_arch)arch)->audit != f->audit)
			continue;
		for (size_t i = 0; i < n && rc == 0; i++) {
			const struct gate_syscall *sc = gate_syscall_at((enum gate_arch)arch, i);

			if (sc->nr < lo || sc->nr > hi)
				continue;
			named++;
			f->d = (struct gate_difference){ .arch = (enum gate_arch)arch,
				                         .nr_lo = sc->nr,
				                         .nr_hi = sc->nr,
				                         .name = gate_name_text(sc->name) };
			rc = each_action(f, a, b);
		}
	}
	if (rc != 0 || named == (uint64_t)hi - lo + 1)
		return rc;
	/* The first and the last number without a name. */
	for (uint64_t nr = lo; nr <= hi && !unnamed; nr++) {
		enum gate_arch arch = gate_arch_of(f->audit, (uint32_t)nr);

		unnamed = f->audit_lo != f->audit_hi || arch == GATE_ARCH_NONE ||
		          gate_syscall_by_nr(arch, (uint32_t)nr) == NULL;
		first = nr;
	}
	for (last = hi; last > first; last--) {
		enum gate_arch arch = gate_arch_of(f->audit, (uint32_t)last);

		if (f->audit_lo != f->audit_hi || arch == GATE_ARCH_NONE ||
		    gate_syscall_by_nr(arch, (uint32_t)last) == NULL)
			break;
	}
	f->d = (struct gate_difference){ .arch = f->audit_lo == f->audit_hi ? gate_arch_of(f->audit, (uint32_t)first)
		                                                            : GATE_ARCH_NONE,
		                         .nr_lo = (uint32_t)first,
		                         .nr_hi = (uint32_t)last };
	return each_action(f, a, b);
}

static int architectures(void *ctx, uint32_t lo, uint32_t hi, gate_policy a, gate_policy b)
{
	struct diff *f = ctx;

	f->audit = f->audit_lo = lo;
	f->audit_hi = hi;
	return each_pair(f->space, a, b, GATE_WORD_NR, numbers, f, f->err);
}

int gate_policy_diff(struct gate_space *space, gate_policy a, gate_policy b, gate_difference_fn *fn, void *ctx,
                     struct gate_err *err)
{
	struct diff f = { .space = space, .fn = fn, .ctx = ctx, .err = err };

	if (a == b)
		return 0;
	return each_pair(space, a, b, GATE_WORD_ARCH, architectures, &f, err);
}

/* A named call first, in the order of the architectures and numbers; people know those. */
static int named_witness(struct gate_space *space, gate_policy predicate, struct gate_data *ret, bool *found,
                         struct gate_err *err)
{
	for (int arch = GATE_ARCH_NONE + 1; arch < GATE_ARCH_MAX; arch++) {
		uint32_t audit = gate_arch_info((enum gate_arch)arch)->audit;
		gate_policy of_arch = 0, of_call = 0;

		if (gate_policy_fix(space, predicate, GATE_WORD_ARCH, UINT32_MAX, audit, &of_arch, err) < 0)
			return -1;
		for (size_t i = 0; i < gate_syscall_count((enum gate_arch)arch); i++) {
			uint32_t nr = gate_syscall_at((enum gate_arch)arch, i)->nr;

			if (gate_policy_fix(space, of_arch, GATE_WORD_NR, UINT32_MAX, nr, &of_call, err) < 0)
				return -1;
			if (gate_policy_witness(space, of_call, ret)) {
				ret->arch = audit;
				ret->nr = nr;
				*found = true;
				return 0;
			}
		}
	}
	return 0;
}

int gate_policy_subset(struct gate_space *space, gate_policy a, gate_policy b, bool *holds, struct gate_data *witness,
                       struct gate_err *err)
{
	gate_policy looser = 0;
	struct gate_data w = { 0 };
	bool found = false;

	if (gate_policy_combine(space, GATE_COMBINE_LOOSER, a, b, &looser, err) < 0)
		return -1;
	if (gate_policy_witness(space, looser, &w)) {
		struct gate_data plain = w;

		if (named_witness(space, looser, &w, &found, err) < 0)
			return -1;
		if (!found)
			w = plain;
		if (witness != NULL)
			*witness = w;
		*holds = false;
		return 0;
	}
	*holds = true;
	return 0;
}
