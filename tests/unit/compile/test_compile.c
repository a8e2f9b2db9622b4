/* The compiler against three witnesses: cases read by the book, the interpreter, and the proof. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/filter.h>

#include "compile/compile.h"
#include "fake_rules.h"

static bool order_of(const struct gate_rules *rules)
{
	return gate_arch_info(rules->tokens[0].arch)->big_endian;
}

static struct gate_space *new_space(void)
{
	struct gate_space *space = NULL;

	assert_int_equal(gate_space_new(NULL, &space, NULL), 0);
	return space;
}

static void must(int r, const struct gate_err *err)
{
	if (r < 0)
		fail_msg("%s", err->text);
}

/* Every number that is allowed whatever its arguments must be one for the kernel's bitmap. */
static void bitmap_holds(const struct gate_rules *rules, const struct gate_program *p, struct gate_space *space,
                         gate_policy policy)
{
	for (size_t t = 0; t < rules->n_tokens; t++)
		for (size_t s = 0; s < rules->tokens[t].n_spans; s++) {
			const struct gate_span *span = &rules->tokens[t].spans[s];
			uint32_t leaf = 0;
			gate_policy here;

			assert_int_equal(gate_policy_fix(space, policy, GATE_WORD_ARCH, UINT32_MAX, rules->tokens[t].audit,
			                                 &here, NULL), 0);
			assert_int_equal(gate_policy_fix(space, here, GATE_WORD_NR, UINT32_MAX, span->lo, &here, NULL), 0);
			if (!gate_policy_is_const(space, here, &leaf) || leaf != GATE_RET_ALLOW)
				continue;
			assert_true(gate_bpf_const_allow(p->insns, p->len, rules->tokens[t].audit, span->lo, NULL));
			assert_true(gate_bpf_const_allow(p->insns, p->len, rules->tokens[t].audit, span->hi, NULL));
		}
}

static void witnesses_agree(struct test_random *r, const struct fake_shape *shape, int samples)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_program p, again, lowered;
	struct gate_space *space = new_space();
	struct gate_rules rules;
	gate_policy policy;

	fake_rules(r, shape, &rules);
	must(gate_compile_rules(&rules, &p, &err), &err);
	for (int i = 0; i < samples; i++) {
		struct gate_data data;
		uint32_t got, wanted;

		fake_data(r, &rules, &data);
		got = gate_bpf_run(p.insns, p.len, order_of(&rules), &data, NULL, NULL, NULL);
		wanted = fake_decide(&rules, &data);
		if (got != wanted)
			fail_msg("arch 0x%x nr 0x%x: 0x%x instead of 0x%x", data.arch, data.nr, got, wanted);
	}
	must(fake_policy(&rules, space, &policy, &err), &err);
	must(gate_compile_prove(space, policy, p.insns, p.len, order_of(&rules), NULL, &err), &err);
	bitmap_holds(&rules, &p, space, policy);

	must(gate_compile_rules(&rules, &again, &err), &err);
	assert_int_equal(again.len, p.len);
	assert_memory_equal(again.insns, p.insns, p.len * sizeof(*p.insns));

	must(gate_compile_policy(space, policy, &lowered, &err), &err);
	if (rules.n_tokens == 1) { /* else byte orders may be mixed, and rules follow the first token */
		must(gate_compile_prove(space, policy, lowered.insns, lowered.len, order_of(&rules), NULL, &err), &err);
		bitmap_holds(&rules, &lowered, space, policy);
	}
	gate_program_done(&lowered);
	gate_program_done(&again);
	gate_program_done(&p);
	gate_arena_done(&rules.arena);
	gate_space_free(space);
}

static void random_small_rules_mean_what_they_say(void **state)
{
	static const struct fake_shape shape = { .tokens = 3, .spans = 12, .cases = 4, .conds = 3, .nr_step = 10 };
	struct test_random r = test_random_start(1);

	(void)state;
	for (int i = 0; i < 1500; i++)
		witnesses_agree(&r, &shape, 60);
}

static void random_rules_at_the_edges_mean_what_they_say(void **state)
{
	static const struct fake_shape shape = { .tokens = 2, .spans = 6, .cases = 6, .conds = 3, .nr_step = 5,
		                                 .edges = true };
	struct test_random r = test_random_start(2);

	(void)state;
	for (int i = 0; i < 1500; i++)
		witnesses_agree(&r, &shape, 60);
}

static void random_long_rules_mean_what_they_say(void **state)
{
	static const struct fake_shape shape = { .tokens = 4, .spans = 700, .cases = 2, .conds = 1, .nr_step = 4 };
	struct test_random r = test_random_start(3);

	(void)state;
	for (int i = 0; i < 40; i++)
		witnesses_agree(&r, &shape, 500);
}

/* One token whose numbers alternate between `n` actions in runs of `width`. */
static void alternating(struct gate_rules *rules, size_t n_spans, uint32_t width, uint32_t n_actions)
{
	struct gate_arena *a = &rules->arena;
	struct gate_span *spans;
	struct gate_case *cases;

	memset(rules, 0, sizeof(*rules));
	rules->uncovered.action = GATE_RET_KILL_PROCESS;
	rules->n_tokens = 1;
	rules->tokens = GATE_NEW(a, struct gate_token);
	rules->tokens[0].audit = 0xc000003e;
	rules->tokens[0].arch = GATE_ARCH_X86_64;
	spans = GATE_NEWS(a, struct gate_span, n_spans);
	cases = GATE_NEWS(a, struct gate_case, n_spans);
	for (uint32_t s = 0; s < n_spans; s++) {
		uint32_t data = s * 2654435761u >> 7;

		cases[s].action = n_actions == 1 ? (s & 1 ? GATE_RET_ALLOW : GATE_RET_ERRNO | 1)
		                                 : GATE_RET_TRACE | (data % n_actions);
		spans[s] = (struct gate_span){ .lo = s * width, .hi = s * width + width - 1, .cases = &cases[s],
			                       .n_cases = 1 };
	}
	spans[n_spans - 1].hi = UINT32_MAX;
	rules->tokens[0].spans = spans;
	rules->tokens[0].n_spans = n_spans;
}

static void programs_longer_than_a_jump_reaches_are_right(void **state)
{
	static const uint32_t widths[] = { 1, 2, 3, 7 };

	(void)state;
	for (size_t w = 0; w < GATE_ARRAY_LEN(widths); w++)
		for (size_t n = 200; n <= 1600; n += 350)
			for (uint32_t actions = 1; actions <= 301; actions += 100) {
				struct gate_rules rules;
				struct gate_program p;
				struct gate_err err = GATE_ERR_INIT;

				alternating(&rules, n, widths[w], actions);
				must(gate_compile_rules(&rules, &p, &err), &err);
				assert_int_equal(gate_bpf_check(p.insns, p.len, NULL), 0);
				for (uint32_t nr = 0; nr < n * widths[w] + 5; nr++) {
					struct gate_data data = { .arch = 0xc000003e, .nr = nr };

					assert_int_equal(gate_bpf_run(p.insns, p.len, false, &data, NULL, NULL, NULL),
					                 fake_decide(&rules, &data));
				}
				gate_program_done(&p);
				gate_arena_done(&rules.arena);
			}
}

static void what_does_not_fit_the_kernel_is_refused(void **state)
{
	struct gate_rules rules;
	struct gate_program p = { (struct gate_insn *)&rules, 7 };
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	alternating(&rules, 9000, 5, 1);
	assert_int_equal(gate_compile_rules(&rules, &p, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	assert_non_null(strstr(err.text, "4096 instructions"));
	assert_int_equal(p.len, 7);
	assert_ptr_equal(p.insns, &rules);
	gate_arena_done(&rules.arena);
	alternating(&rules, 200000, 5, 1000);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_compile_rules(&rules, &p, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	gate_arena_done(&rules.arena);
}

static void nearly_too_long_still_fits(void **state)
{
	size_t longest = 0;

	(void)state;
	for (size_t n = 3900; n < 4096; n++) {
		struct gate_rules rules;
		struct gate_program p;
		struct gate_err err = GATE_ERR_INIT;

		alternating(&rules, n, 5, 1);
		if (gate_compile_rules(&rules, &p, &err) == 0) {
			longest = p.len;
			assert_int_equal(gate_bpf_check(p.insns, p.len, NULL), 0);
			gate_program_done(&p);
		} else {
			assert_int_equal(err.code, GATE_E_LIMIT);
		}
		gate_arena_done(&rules.arena);
	}
	assert_in_range(longest, 4090, 4096);
}

/* --- shapes of arguments --- */

static size_t length_of(const struct gate_case *cases, uint32_t n)
{
	struct gate_span span = { .lo = 0, .hi = UINT32_MAX, .cases = cases, .n_cases = n };
	struct gate_token token = { .audit = 0xc000003e, .arch = GATE_ARCH_X86_64, .spans = &span, .n_spans = 1 };
	struct gate_rules rules = { .tokens = &token, .n_tokens = 1, .uncovered = { .action = GATE_RET_KILL_PROCESS } };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_space *space = new_space();
	struct gate_program p;
	gate_policy policy;
	size_t len;

	must(gate_compile_rules(&rules, &p, &err), &err);
	must(fake_policy(&rules, space, &policy, &err), &err);
	must(gate_compile_prove(space, policy, p.insns, p.len, false, NULL, &err), &err);
	len = p.len;
	gate_program_done(&p);
	gate_space_free(space);
	return len;
}

#define FRAME 5u /* ld arch, jeq; ret allow, errno, kill_process */

static void several_rules_on_one_argument_are_one_small_tree(void **state)
{
	static const struct gate_cond conds[] = { { 0, GATE_OP_LT, false, 38, 0 },
		                                  { 0, GATE_OP_EQ, false, 39, 0 },
		                                  { 0, GATE_OP_GT, false, 40, 0 } };
	static const struct gate_case cases[] = { { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[0] },
		                                  { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[1] },
		                                  { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[2] },
		                                  { .action = GATE_RET_ERRNO | 1 } };

	(void)state;
	assert_int_equal(length_of(cases, 4), FRAME + 3);
}

static void values_that_fill_a_mask_are_one_test(void **state)
{
	static const struct gate_cond conds[] = { { 0, GATE_OP_EQ, false, 0, 0 },
		                                  { 0, GATE_OP_EQ, false, 8, 0 },
		                                  { 0, GATE_OP_EQ, false, 0x20000, 0 },
		                                  { 0, GATE_OP_EQ, false, 0x20008, 0 },
		                                  { 0, GATE_OP_EQ, false, 0xffffffff, 0 } };
	static const struct gate_case cases[] = { { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[0] },
		                                  { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[1] },
		                                  { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[2] },
		                                  { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[3] },
		                                  { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &conds[4] },
		                                  { .action = GATE_RET_ERRNO | 1 } };

	(void)state;
	assert_int_equal(length_of(cases, 6), FRAME + 3);
}

static void a_mask_that_must_be_clear_is_one_test(void **state)
{
	static const struct gate_cond cond = { 0, GATE_OP_MASKED_EQ, true, 0, 0x7e020000 };
	static const struct gate_case cases[] = { { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &cond },
		                                  { .action = GATE_RET_ERRNO | 1 } };

	(void)state;
	assert_int_equal(length_of(cases, 2), FRAME + 2);
}

static void rules_that_come_to_the_same_need_no_arguments(void **state)
{
	static const struct gate_cond one = { 0, GATE_OP_EQ, true, 1, 0 }, not_one = { 0, GATE_OP_NE, true, 1, 0 };
	static const struct gate_cond set = { 2, GATE_OP_MASKED_EQ, false, 8, 8 },
		                      clear = { 2, GATE_OP_MASKED_EQ, false, 0, 8 };
	const struct gate_case both[] = { { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &one },
		                          { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &not_one },
		                          { .action = GATE_RET_ERRNO | 1 } };
	const struct gate_case bits[] = { { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &set },
		                          { .action = GATE_RET_ALLOW, .n_conds = 1, .conds = &clear },
		                          { .action = GATE_RET_ERRNO | 1 } };

	(void)state;
	assert_int_equal(length_of(both, 3), FRAME - 1);
	assert_int_equal(length_of(bits, 3), FRAME - 1);
}

/* Rules that would double with every case: the budget ends that, and the program is still right. */
static void hostile_arguments_stay_small_and_right(void **state)
{
	enum { N = 40 };
	struct gate_cond conds[N][2];
	struct gate_case cases[N + 1];

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		conds[i][0] = (struct gate_cond){ (uint8_t)(i % 6), GATE_OP_MASKED_EQ, true, 5, 5u | 1u << (i % 29 + 3) };
		conds[i][1] = (struct gate_cond){ (uint8_t)((i + 1) % 6), GATE_OP_LT, true, (i + 7) * 0x10000000ull, 0 };
		cases[i] = (struct gate_case){ .action = GATE_RET_TRACE | i, .n_conds = 2, .conds = conds[i] };
	}
	cases[N] = (struct gate_case){ .action = GATE_RET_ALLOW };
	{
		struct gate_span span = { .lo = 0, .hi = UINT32_MAX, .cases = cases, .n_cases = N + 1 };
		struct gate_token token = { .audit = 0xc000003e, .arch = GATE_ARCH_X86_64, .spans = &span, .n_spans = 1 };
		struct gate_rules rules = { .tokens = &token, .n_tokens = 1 };
		struct test_random r = test_random_start(5);
		struct gate_program p;
		struct gate_err err = GATE_ERR_INIT;

		must(gate_compile_rules(&rules, &p, &err), &err);
		for (int i = 0; i < 20000; i++) {
			struct gate_data data;

			fake_data(&r, &rules, &data);
			data.args[test_below(&r, 6)] |= 5;
			assert_int_equal(gate_bpf_run(p.insns, p.len, false, &data, NULL, NULL, NULL),
			                 fake_decide(&rules, &data));
		}
		gate_program_done(&p);
	}
}

/* --- the proof --- */

static void the_proof_finds_every_changed_constant(void **state)
{
	static const struct fake_shape shape = { .tokens = 1, .spans = 20, .cases = 3, .conds = 2, .nr_step = 10 };
	struct test_random r = test_random_start(6);
	int found = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct gate_space *space = new_space();
		struct gate_err err = GATE_ERR_INIT;
		struct gate_data witness;
		struct gate_rules rules;
		struct gate_program p;
		gate_policy policy;
		uint32_t at;

		fake_rules(&r, &shape, &rules);
		must(gate_compile_rules(&rules, &p, &err), &err);
		must(fake_policy(&rules, space, &policy, &err), &err);
		at = test_below(&r, (uint32_t)p.len);
		if (BPF_CLASS(p.insns[at].code) == BPF_JMP || BPF_CLASS(p.insns[at].code) == BPF_RET)
			p.insns[at].k ^= 1u << test_below(&r, 32);
		if (gate_compile_prove(space, policy, p.insns, p.len, order_of(&rules), &witness, &err) < 0 &&
		    err.code == GATE_E_UNPROVEN) {
			uint32_t got = gate_bpf_run(p.insns, p.len, order_of(&rules), &witness, NULL, NULL, NULL);

			assert_int_not_equal(gate_ret_normal(got), fake_decide(&rules, &witness));
			found++;
		}
		gate_program_done(&p);
		gate_arena_done(&rules.arena);
		gate_space_free(space);
	}
	assert_true(found > 100);
}

static void a_program_that_the_kernel_would_refuse_is_not_proven(void **state)
{
	static const struct gate_insn odd[] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 2 }, { BPF_RET | BPF_K, 0, 0, GATE_RET_ALLOW } };
	struct gate_space *space = new_space();
	struct gate_err err = GATE_ERR_INIT;
	gate_policy allow;

	(void)state;
	assert_int_equal(gate_policy_const(space, GATE_RET_ALLOW, &allow, NULL), 0);
	assert_int_equal(gate_compile_prove(space, allow, odd, 2, false, NULL, &err), -1);
	assert_int_equal(err.code, GATE_E_INVALID);
	gate_space_free(space);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_rules_on_one_argument_are_one_small_tree),
		cmocka_unit_test(values_that_fill_a_mask_are_one_test),
		cmocka_unit_test(a_mask_that_must_be_clear_is_one_test),
		cmocka_unit_test(rules_that_come_to_the_same_need_no_arguments),
		cmocka_unit_test(random_small_rules_mean_what_they_say),
		cmocka_unit_test(random_rules_at_the_edges_mean_what_they_say),
		cmocka_unit_test(random_long_rules_mean_what_they_say),
		cmocka_unit_test(programs_longer_than_a_jump_reaches_are_right),
		cmocka_unit_test(what_does_not_fit_the_kernel_is_refused),
		cmocka_unit_test(nearly_too_long_still_fits),
		cmocka_unit_test(hostile_arguments_stay_small_and_right),
		cmocka_unit_test(the_proof_finds_every_changed_constant),
		cmocka_unit_test(a_program_that_the_kernel_would_refuse_is_not_proven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
