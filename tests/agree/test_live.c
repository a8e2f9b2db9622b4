/* The live kernel gives the verdict that the evaluator says: real profiles, the default and random ones, compiled and
 * loaded, asked with calls at the edges of their own conditions. No call is carried out (tests/live/probe.h).
 *
 * Each program is asked as it is, and "by leaf": with every value that it can return replaced by an errno of its own.
 * The first shows what the kernel does; the second shows which value it came to where the action itself would be a
 * kill, or one that the probe cannot tell from ALLOW. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compile/compile.h"
#include "generate.h"
#include "live/probe.h"
#include "profile/rules.h"
#include "real.h"

#define AUDIT_X86    0x40000003u
#define AUDIT_X86_64 0xc000003eu
#define AUDIT_OTHER  0xc00000b7u
#define X32_BIT      0x40000000u
#define LD_ABS       0x20
#define LD_IMM       0x00
#define RET_K        0x06
#define RET_A        0x16

#define RAW_CALLS   320
#define RAW_KILLS   8
#define MOST_CALLS  2048
#define MOST_LEAVES 512
#define FIRST_LEAF  3000 /* errnos 3000 … 3511; the probe's own is 3999 */

struct counts {
	unsigned profiles, refused;
	unsigned long raw, native, x32, x86, other;
	unsigned long seen[8]; /* by leaf, by rank of the action */
};

struct subject {
	const char *name;
	struct gate_facts facts;
	struct gate_profile *profile;
	struct gate_program program;
};

/* --- calls at the edges of a profile --- */

static enum gate_arch pick_abi(struct test_random *r)
{
	static const enum gate_arch abis[] = { GATE_ARCH_X86_64, GATE_ARCH_X86_64, GATE_ARCH_X86_64, GATE_ARCH_X86, GATE_ARCH_X86,
		                               GATE_ARCH_X32 };

	return abis[test_below(r, GATE_ARRAY_LEN(abis))];
}

/* Numbers around the ends of the tables and of the x32 range, and any. */
static uint32_t edge_number(struct test_random *r, enum gate_arch abi)
{
	static const uint32_t ends[] = { 0, X32_BIT - 1, X32_BIT, X32_BIT + 1, X32_BIT + 512, X32_BIT + 547, X32_BIT + 548,
		                         0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 1023, 1024 };
	size_t n = gate_syscall_count(abi);

	switch (test_below(r, 4)) {
	case 0:
		return gate_syscall_at(abi, n - 1)->nr + test_below(r, 8) - 3;
	case 1:
		return ends[test_below(r, GATE_ARRAY_LEN(ends))];
	case 2:
		return gate_syscall_at(abi, test_below(r, (uint32_t)n))->nr;
	default:
		return test_below(r, 600) | (abi == GATE_ARCH_X32 ? X32_BIT : 0);
	}
}

/* A value that the condition just takes or just refuses, in the widths that libraries and programs really pass. */
static uint64_t edge_value(struct test_random *r, const struct gate_arg *c)
{
	uint64_t v = c->op == GATE_OP_MASKED_EQ && test_below(r, 4) != 0 ? c->value_two & c->value : c->value;
	uint32_t low;

	if (c->op == GATE_OP_MASKED_EQ && test_below(r, 2) != 0)
		v |= test_edge64(r) & ~c->value;
	v += test_below(r, 3) - 1u;
	low = (uint32_t)v;
	switch (test_below(r, 8)) {
	case 0:
		return low;
	case 1:
		return (uint64_t)(int64_t)(int32_t)low;
	case 2:
		return v ^ (UINT64_C(1) << test_below(r, 64));
	case 3:
		return (uint64_t)test_edge32(r) << 32 | low;
	default:
		return v;
	}
}

static struct gate_data edge_call(struct test_random *r, const struct gate_profile *p)
{
	enum gate_arch abi = pick_abi(r);
	struct gate_data d = { .arch = abi == GATE_ARCH_X86 ? AUDIT_X86 : AUDIT_X86_64, .nr = edge_number(r, abi) };
	const struct gate_entry *e = p->n_entries == 0 || test_below(r, 5) == 0 ? NULL
	                                                                         : &p->entries[test_below(r, (uint32_t)p->n_entries)];

	/* Entries with conditions are few in most files, and they are what can go wrong. */
	for (int i = 0; i < 8 && e != NULL && e->n_args == 0; i++)
		e = &p->entries[test_below(r, (uint32_t)p->n_entries)];
	for (unsigned i = 0; i < 6; i++)
		d.args[i] = test_below(r, 3) == 0 ? test_constant(r) : test_below(r, 50);
	if (e != NULL && e->n_names > 0) {
		const struct gate_text *word = &e->names[test_below(r, (uint32_t)e->n_names)];
		int name = gate_name_find(word->s, word->len);
		const struct gate_syscall *sc = name < 0 ? NULL : gate_syscall_of(abi, (unsigned)name);
		uint32_t mux = 0, sub = 0;

		if (sc != NULL)
			d.nr = sc->nr + (test_below(r, 8) == 0 ? test_below(r, 3) - 1 : 0);
		for (size_t i = 0; i < e->n_args; i++)
			d.args[e->args[i].index % 6] = edge_value(r, &e->args[i]);
		if (name >= 0 && test_below(r, 4) == 0 && gate_syscall_mux(abi, (unsigned)name, &mux, &sub)) {
			d.nr = mux;
			d.args[0] = sub + (test_below(r, 4) == 0 ? test_below(r, 3) - 1 : 0);
		}
	}
	if (abi == GATE_ARCH_X86)
		for (unsigned i = 0; i < 6; i++)
			d.args[i] &= UINT32_MAX;
	if (test_below(r, 20) == 0)
		d.arch = AUDIT_OTHER;
	return d;
}

/* --- asking --- */

static void disagree(const struct subject *s, const struct gate_data *d, uint32_t want, uint32_t got)
{
	fail_msg("the kernel gives %#x instead of %#x for arch %#x nr %u (%#llx, %#llx, %#llx, %#llx, %#llx, %#llx) under %s", got,
	         want, d->arch, d->nr, (unsigned long long)d->args[0], (unsigned long long)d->args[1],
	         (unsigned long long)d->args[2], (unsigned long long)d->args[3], (unsigned long long)d->args[4],
	         (unsigned long long)d->args[5], s->name);
}

static void ask(const struct subject *s, const struct gate_insn *insns, const struct gate_data *calls, size_t n,
                const uint32_t *want)
{
	static uint32_t got[MOST_CALLS];
	char why[160];

	if (probe_calls(insns, s->program.len, calls, n, got, why) < 0)
		fail_msg("%s: %s", s->name, why);
	for (size_t i = 0; i < n; i++)
		if (got[i] != want[i])
			disagree(s, &calls[i], want[i], got[i]);
}

/* The same program with an errno of its own for every value, so that the value can be told. */
static struct gate_insn *label(const struct subject *s, uint32_t leaves[MOST_LEAVES], size_t *n)
{
	struct gate_insn *copy = malloc(s->program.len * sizeof(*copy));

	assert_non_null(copy);
	*n = 0;
	for (size_t pc = 0; pc < s->program.len; pc++) {
		size_t i = 0;

		copy[pc] = s->program.insns[pc];
		assert_int_not_equal(copy[pc].code, RET_A); /* the compiler never returns A */
		if (copy[pc].code != RET_K)
			continue;
		while (i < *n && leaves[i] != gate_ret_normal(copy[pc].k))
			i++;
		assert_true(i < MOST_LEAVES);
		leaves[i] = gate_ret_normal(copy[pc].k);
		*n += i == *n;
		copy[pc].k = GATE_RET_ERRNO | (uint32_t)(FIRST_LEAF + i);
	}
	return copy;
}

/* Under the program as it is. Kills are slow, so only some of them; the others are asked by leaf. */
static void ask_raw(const struct subject *s, const struct gate_data *calls, const uint32_t *want, size_t n, struct counts *c)
{
	static struct gate_data some[MOST_CALLS];
	static uint32_t expected[MOST_CALLS];
	size_t taken = 0, kills = 0;

	for (size_t i = 0; i < n && taken < RAW_CALLS; i++) {
		bool kill = gate_ret_rank(want[i]) > gate_ret_rank(GATE_RET_TRAP);

		if (!probe_can(&calls[i]) || (kill && kills == RAW_KILLS))
			continue;
		kills += kill;
		some[taken] = calls[i];
		expected[taken++] = probe_sees(want[i]);
	}
	ask(s, s->program.insns, some, taken, expected);
	c->raw += taken;
}

/* With the architecture put into the program where this kernel has no calls of it, so that what stands there for any of
 * them is run, too. */
static void ask_by_leaf(const struct subject *s, uint32_t audit, const struct gate_data *calls, const uint32_t *want, size_t n,
                        struct counts *c)
{
	static struct gate_data some[MOST_CALLS];
	static uint32_t expected[MOST_CALLS];
	uint32_t leaves[MOST_LEAVES];
	size_t n_leaves, taken = 0;
	const bool own = audit == AUDIT_X86_64 || probe_can(&(struct gate_data){ .nr = 20, .arch = audit });
	struct gate_insn *labelled = label(s, leaves, &n_leaves);

	for (size_t pc = 0; pc < s->program.len && !own; pc++)
		if (labelled[pc].code == LD_ABS && labelled[pc].k == 4)
			labelled[pc] = (struct gate_insn){ .code = LD_IMM, .k = audit };
	for (size_t i = 0; i < n; i++) {
		size_t leaf = 0;

		if (calls[i].arch != audit)
			continue;
		some[taken] = calls[i];
		some[taken].arch = own ? audit : AUDIT_X86_64;
		if (!probe_can(&some[taken]))
			continue;
		while (leaf < n_leaves && leaves[leaf] != want[i])
			leaf++;
		if (leaf == n_leaves)
			disagree(s, &calls[i], want[i], UINT32_MAX);
		expected[taken++] = GATE_RET_ERRNO | (uint32_t)(FIRST_LEAF + leaf);
		c->seen[gate_ret_rank(want[i])]++;
		c->x32 += audit == AUDIT_X86_64 && (calls[i].nr & X32_BIT) != 0;
	}
	ask(s, labelled, some, taken, expected);
	free(labelled);
	c->native += audit == AUDIT_X86_64 ? taken : 0;
	c->x86 += audit == AUDIT_X86 ? taken : 0;
	c->other += audit == AUDIT_OTHER ? taken : 0;
}

static void ask_all(const struct subject *s, const struct gate_data *calls, size_t n, struct counts *c)
{
	static uint32_t want[MOST_CALLS];

	for (size_t i = 0; i < n; i++) {
		struct gate_err err = GATE_ERR_INIT;

		if (gate_profile_eval(s->profile, &s->facts, &calls[i], &want[i], &err) < 0)
			fail_msg("%s: %s", s->name, err.text);
	}
	ask_raw(s, calls, want, n, c);
	ask_by_leaf(s, AUDIT_X86_64, calls, want, n, c);
	ask_by_leaf(s, AUDIT_X86, calls, want, n, c);
	ask_by_leaf(s, AUDIT_OTHER, calls, want, n, c);
}

/* False when the profile is refused, as some of the real ones are. */
static bool hold(const char *name, const char *text, size_t len, const struct gate_facts *facts, struct test_random *r,
                 size_t n, struct counts *c)
{
	struct subject s = { .name = name, .facts = *facts };
	struct gate_rules *rules = NULL;
	static struct gate_data calls[MOST_CALLS];
	struct gate_err err = GATE_ERR_INIT;
	bool taken = gate_profile_read(name, text, len, GATE_ENGINE_NATIVE, NULL, &s.profile, &err) == 0 &&
	             gate_profile_resolve(s.profile, facts, NULL, &rules, &err) == 0;

	if (taken) {
		if (gate_compile_rules(rules, &s.program, &err) < 0)
			fail_msg("%s: %s", name, err.text);
		for (size_t i = 0; i < n; i++)
			calls[i] = edge_call(r, s.profile);
		ask_all(&s, calls, n, c);
	}
	c->profiles += taken;
	c->refused += !taken;
	gate_program_done(&s.program);
	gate_rules_free(rules);
	gate_profile_free(s.profile);
	return taken;
}

static void report(const char *what, const struct counts *c)
{
	printf("# %s: %u (%u refused), %lu calls as they are; by leaf %lu (%lu of x32), %lu as of x86, %lu as of aarch64", what,
	       c->profiles, c->refused, c->raw, c->native, c->x32, c->x86, c->other);
	for (int i = 7; i >= 0; i--)
		printf("%s%lu", i == 7 ? "; kill_process … allow: " : ", ", c->seen[i]);
	printf("\n");
}

/* --- tests --- */

static const struct gate_facts *this_host(void)
{
	static struct gate_facts facts = { .arch = GATE_ARCH_X86_64, .kernel = { 6, 18 } };

	facts.caps = gate_caps_docker;
	return &facts;
}

struct real {
	struct test_random r;
	struct counts counts;
};

static void hold_real(void *ctx, const char *name, const char *text, size_t len)
{
	struct real *real = ctx;

	(void)hold(name, text, len, this_host(), &real->r, 2000, &real->counts);
}

static void real_profiles_are_what_the_kernel_does(void **state)
{
	struct real real = { .r = test_random_start(61) };
	int files = test_each_real(hold_real, &real);

	(void)state;
	if (files < 0)
		skip();
	report("real profiles", &real.counts);
	assert_true(files >= 70);
	assert_true(real.counts.refused <= 10);
	assert_true(real.counts.x86 > 10000 && real.counts.x32 > 10000);
}

static void the_default_is_what_the_kernel_does(void **state)
{
	struct test_random r = test_random_start(62);
	struct counts counts = { 0 };
	size_t len = 0;
	char *text = test_read(GATE_TEST_DEFAULT, &len);

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 10; i++) {
		struct gate_facts facts = *this_host();

		facts.caps = i == 0 ? facts.caps : i == 1 ? 0 : i == 2 ? GATE_CAPS_ALL : test_next(&r) & GATE_CAPS_ALL;
		assert_true(hold("the default", text, len, &facts, &r, MOST_CALLS, &counts));
	}
	report("the default under ten sets of capabilities", &counts);
	free(text);
}

static void random_profiles_are_what_the_kernel_does(void **state)
{
	struct test_random r = test_random_start(63);
	struct counts counts = { 0 };

	(void)state;
	while (counts.profiles < 500) {
		struct gate_buf text = GATE_BUF_INIT;
		struct gate_facts facts = *this_host();

		facts.caps = test_below(&r, 2) != 0 ? facts.caps : test_next(&r) & GATE_CAPS_ALL;
		test_profile(&r, &text);
		(void)hold(text.data, text.data, text.len, &facts, &r, 400, &counts);
		gate_buf_done(&text);
		assert_true(counts.refused < 100);
	}
	report("random profiles", &counts);
	for (int i = 0; i < 8; i++)
		assert_true(counts.seen[i] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_profiles_are_what_the_kernel_does),
		cmocka_unit_test(the_default_is_what_the_kernel_does),
		cmocka_unit_test(random_profiles_are_what_the_kernel_does),
	};
	const char *unable = probe_unable();

	const struct gate_data getpid_x86 = { .nr = 20, .arch = AUDIT_X86 };

	if (unable != NULL) {
		printf("1..0 # skipped: %s\n", unable);
		return 77;
	}
	if (!probe_can(&getpid_x86))
		printf("# skipped: calls of x86 as they are, this kernel has none; the programs' parts for them are still run\n");
	else
		printf("# calls of x86 are made by int 0x80\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
