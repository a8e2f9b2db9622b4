#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bpf/ops.h"
#include "../random.h"

#define STMT(c, v)        { (c), 0, 0, (v) }
#define JUMP(c, v, t, f)  { (c), (t), (f), (v) }

static struct gate_data any(struct test_random *r)
{
	struct gate_data d = { .nr = test_edge32(r), .arch = test_edge32(r), .ip = test_edge64(r) };

	for (unsigned i = 0; i < 6; i++)
		d.args[i] = test_edge64(r);
	return d;
}

static uint32_t pick_action(struct test_random *r)
{
	static const uint32_t some[] = { GATE_RET_ALLOW, GATE_RET_ERRNO | 1, GATE_RET_ERRNO | 0xffff, GATE_RET_KILL_PROCESS,
		                         GATE_RET_KILL_THREAD, GATE_RET_LOG | 9, 0x12345678 };

	return some[test_below(r, GATE_ARRAY_LEN(some))];
}

/* A random program that passes the check: forward jumps, every operation, `hard` ones rarely. */
static size_t random_program(struct test_random *r, struct gate_insn *p, size_t len, bool hard)
{
	static const uint16_t alus[] = { OP_ADD, OP_SUB, OP_AND, OP_OR, OP_XOR, OP_LSH, OP_RSH, OP_NEG, OP_MUL, OP_DIV };
	static const uint16_t jumps[] = { OP_JEQ, OP_JGT, OP_JGE, OP_JSET };

	for (size_t pc = 0; pc < len; pc++) {
		size_t left = len - pc - 1;
		struct gate_insn *i = &p[pc];

		*i = (struct gate_insn){ .code = OP_RET_K, .k = pick_action(r) };
		if (left < 2)
			continue;
		switch (test_below(r, 10)) {
		case 0: case 1: case 2:
			*i = (struct gate_insn)STMT(OP_LD_ABS, test_below(r, hard ? 16 : 5) * 4);
			break;
		case 3: {
			static const uint16_t moves[] = { OP_TAX, OP_TXA, OP_LD_IMM, OP_LDX_IMM, OP_LD_LEN, OP_LDX_LEN };

			*i = (struct gate_insn)STMT(moves[test_below(r, GATE_ARRAY_LEN(moves))], test_edge32(r));
			break;
		}
		case 4: {
			uint16_t code = alus[test_below(r, hard ? GATE_ARRAY_LEN(alus) : 8)];

			if (code != OP_NEG && code != OP_MUL && code != OP_DIV && hard && test_below(r, 4) == 0)
				code |= OP_X;
			*i = (struct gate_insn)STMT(code, code == OP_LSH || code == OP_RSH ? test_below(r, 32) : 1 + test_below(r, 99));
			break;
		}
		case 5:
			*i = (struct gate_insn)STMT(test_below(r, 2) != 0 ? OP_ST : OP_STX, test_below(r, 2));
			break;
		case 6:
			if (hard && pc > 0 && p[pc - 1].code == OP_ST)
				*i = (struct gate_insn)STMT(OP_LDX_MEM, p[pc - 1].k);
			break;
		default: {
			uint16_t code = jumps[test_below(r, GATE_ARRAY_LEN(jumps))];
			uint32_t reach = left < 12 ? (uint32_t)left : 12;

			if (test_below(r, 16) == 0)
				code |= OP_X;
			*i = (struct gate_insn)JUMP(code, test_edge32(r), (uint8_t)test_below(r, reach), (uint8_t)test_below(r, reach));
			break;
		}
		}
	}
	return len;
}

static void lifted_programs_decide_as_the_machine_does(void **state)
{
	struct test_random r = test_random_start(11);
	unsigned lifted = 0, refused = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct gate_insn p[40];
		bool hard = round % 8 == 0, big = round % 3 == 0;
		size_t len = random_program(&r, p, 4 + test_below(&r, 36), hard);
		struct gate_budget budget = { .nodes = 60000, .steps = 1 << 19 };
		struct gate_space *s = NULL;
		struct gate_err err = GATE_ERR_INIT;
		gate_policy policy = 0;

		if (gate_bpf_check(p, len, NULL) < 0)
			continue; /* a scratch word read before it is written */
		assert_int_equal(gate_space_new(&budget, &s, NULL), 0);
		if (gate_bpf_lift(s, p, len, big, &policy, &err) < 0) {
			assert_int_equal(err.code, GATE_E_LIMIT);
			refused++;
			gate_space_free(s);
			continue;
		}
		lifted++;
		for (int i = 0; i < 40; i++) {
			struct gate_data d = any(&r);
			size_t from = test_below(&r, (uint32_t)len);

			/* Aim at the constants of the program. */
			if (test_below(&r, 2) != 0)
				d.nr = p[from].k + test_below(&r, 3) - 1;
			if (test_below(&r, 2) != 0)
				d.args[0] = p[test_below(&r, (uint32_t)len)].k;
			assert_int_equal(gate_policy_decide(s, policy, &d), gate_bpf_run(p, len, big, &d, NULL, NULL, NULL));
		}
		gate_space_free(s);
	}
	printf("# %u programs lifted, %u beyond the budget\n", lifted, refused);
	assert_true(lifted > 2000);
}

static void arithmetic_on_unknown_values_is_exact(void **state)
{
	static const uint16_t codes[] = { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_AND, OP_OR, OP_XOR, OP_LSH, OP_RSH };
	static const uint32_t constants[] = { 1, 3, 7, 10, 31 };

	(void)state;
	/* One byte of the number as the unknown, so that every value can be tried. */
	for (size_t c = 0; c < GATE_ARRAY_LEN(codes); c++) {
		for (size_t k = 0; k < 2 * GATE_ARRAY_LEN(constants); k++) {
			bool by_x = k % 2 != 0;
			struct gate_insn p[] = {
				STMT(OP_LDX_IMM, constants[k / 2]), STMT(OP_LD_ABS, 0), STMT(OP_AND, 0xff),
				STMT((uint16_t)(codes[c] | (by_x ? OP_X : 0)), constants[k / 2]), STMT(OP_AND, 0xffff), STMT(OP_RET_A, 0),
			};
			struct gate_space *s = NULL;
			gate_policy policy = 0;
			struct gate_err err = GATE_ERR_INIT;

			assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
			if (gate_bpf_lift(s, p, GATE_ARRAY_LEN(p), false, &policy, &err) < 0)
				fail_msg("code %#x by %u: %s", codes[c], constants[k / 2], err.text);
			for (uint32_t v = 0; v < 256; v++) {
				struct gate_data d = { .nr = v };

				assert_int_equal(gate_policy_decide(s, policy, &d),
				                 gate_bpf_run(p, GATE_ARRAY_LEN(p), false, &d, NULL, NULL, NULL));
			}
			gate_space_free(s);
		}
	}
}

static void dividing_by_an_unknown_x_returns_0_where_it_is_0(void **state)
{
	const struct gate_insn p[] = { STMT(OP_LD_ABS, 0), STMT(OP_AND, 7), STMT(OP_TAX, 0), STMT(OP_LD_IMM, 100),
		                       STMT(OP_DIV | OP_X, 0), STMT(OP_OR, GATE_RET_ERRNO), STMT(OP_RET_A, 0) };
	struct gate_space *s = NULL;
	gate_policy policy = 0;

	(void)state;
	assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
	assert_int_equal(gate_bpf_lift(s, p, GATE_ARRAY_LEN(p), false, &policy, NULL), 0);
	for (uint32_t v = 0; v < 16; v++) {
		struct gate_data d = { .nr = v };
		uint32_t want = v % 8 == 0 ? 0 : GATE_RET_ERRNO | 100 / (v % 8);

		assert_int_equal(gate_policy_decide(s, policy, &d), want);
		assert_int_equal(gate_bpf_run(p, GATE_ARRAY_LEN(p), false, &d, NULL, NULL, NULL), want);
	}
	gate_space_free(s);
}

static void the_check_says_what_is_wrong_and_where(void **state)
{
	static const struct {
		struct gate_insn p[3];
		size_t len;
		const char *says;
	} rows[] = {
		{ { STMT(OP_RET_K, 0) }, 0, "the program is empty" },
		{ { STMT(OP_LD_IMM, 0) }, 1, "instruction 0: the last one is not a return" },
		{ { STMT(0x94, 3), STMT(OP_RET_K, 0) }, 2, "instruction 0: code 0x94 is not one that seccomp accepts" },
		{ { STMT(OP_LD_ABS, 64), STMT(OP_RET_K, 0) }, 2, "instruction 0: offset 64 is not a word" },
		{ { STMT(OP_LD_ABS, 3), STMT(OP_RET_K, 0) }, 2, "instruction 0: offset 3 is not a word" },
		{ { STMT(OP_LSH, 32), STMT(OP_RET_K, 0) }, 2, "instruction 0: shift by 32" },
		{ { STMT(OP_DIV, 0), STMT(OP_RET_K, 0) }, 2, "instruction 0: division by 0" },
		{ { STMT(OP_JA, 1), STMT(OP_RET_K, 0) }, 2, "instruction 0: jump by 1 leaves" },
		{ { JUMP(OP_JEQ, 1, 0, 1), STMT(OP_RET_K, 0) }, 2, "instruction 0: jump by 1 leaves" },
		{ { STMT(OP_LD_MEM, 16), STMT(OP_RET_K, 0) }, 2, "instruction 0: scratch word 16" },
		{ { STMT(OP_LD_MEM, 3), STMT(OP_RET_K, 0) }, 2, "instruction 0: scratch word 3 is read before" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;

		assert_int_equal(gate_bpf_check(rows[i].p, rows[i].len, &err), -1);
		if (strncmp(err.text, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("'%s' instead of '%s'", err.text, rows[i].says);
	}
}

static void a_program_has_at_most_4096_instructions(void **state)
{
	struct gate_insn *p = calloc(GATE_BPF_MAX + 1, sizeof(*p));

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i <= GATE_BPF_MAX; i++)
		p[i].code = OP_RET_K;
	assert_int_equal(gate_bpf_check(p, GATE_BPF_MAX, NULL), 0);
	assert_int_equal(gate_bpf_check(p, GATE_BPF_MAX + 1, NULL), -1);
	free(p);
}

static void the_allow_bitmap_is_emulated_as_in_the_kernel(void **state)
{
	const struct gate_insn p[] = { STMT(OP_LD_ABS, 4), JUMP(OP_JEQ, 7, 0, 4), STMT(OP_LD_ABS, 0), JUMP(OP_JGE, 10, 2, 0),
		                       STMT(OP_RET_K, GATE_RET_ALLOW), STMT(OP_RET_K, GATE_RET_ALLOW | 1),
		                       STMT(OP_LD_ABS, 16), STMT(OP_RET_K, GATE_RET_ALLOW) };
	uint32_t walked = 0;

	(void)state;
	assert_true(gate_bpf_const_allow(p, GATE_ARRAY_LEN(p), 7, 9, &walked));
	assert_int_equal(walked, 5);
	assert_false(gate_bpf_const_allow(p, GATE_ARRAY_LEN(p), 7, 10, NULL)); /* loads an argument */
	assert_false(gate_bpf_const_allow(p, GATE_ARRAY_LEN(p), 8, 9, NULL));  /* ALLOW with data */
}

static void words_are_found_in_both_byte_orders(void **state)
{
	struct gate_data d = { .nr = 1, .arch = 2, .ip = UINT64_C(0x0000000400000003), .args = { UINT64_C(0x0000000600000005) } };

	(void)state;
	assert_int_equal(gate_bpf_load(&d, 0, false), 1);
	assert_int_equal(gate_bpf_load(&d, 4, true), 2);
	assert_int_equal(gate_bpf_load(&d, 8, false), 3);
	assert_int_equal(gate_bpf_load(&d, 8, true), 4);
	assert_int_equal(gate_bpf_load(&d, 16, false), 5);
	assert_int_equal(gate_bpf_load(&d, 20, false), 6);
	assert_int_equal(gate_bpf_load(&d, 20, true), 5);
	assert_int_equal(gate_bpf_word(60, false), GATE_WORD_ARG(5, false));
	assert_int_equal(gate_bpf_word(60, true), GATE_WORD_ARG(5, true));
}

static void instructions_read_as_text(void **state)
{
	const struct gate_insn p[] = { STMT(OP_LD_ABS, 4), JUMP(OP_JEQ, 0xc000003e, 0, 1), STMT(OP_RET_K, GATE_RET_ERRNO | 38),
		                       STMT(OP_LD_ABS, 20), STMT(OP_RET_K, 0x12340000) };
	static const char *const text[] = { "ld   [arch]", "jeq  #0xc000003e, 2, 3", "ret  errno(38)", "ld   [args[0].hi]",
		                            "ret  #0x12340000" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(p); i++) {
		assert_true(gate_bpf_text(p, i, false, line, sizeof(line)) > 0);
		assert_string_equal(line, text[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifted_programs_decide_as_the_machine_does),
		cmocka_unit_test(arithmetic_on_unknown_values_is_exact),
		cmocka_unit_test(dividing_by_an_unknown_x_returns_0_where_it_is_0),
		cmocka_unit_test(the_check_says_what_is_wrong_and_where),
		cmocka_unit_test(a_program_has_at_most_4096_instructions),
		cmocka_unit_test(the_allow_bitmap_is_emulated_as_in_the_kernel),
		cmocka_unit_test(words_are_found_in_both_byte_orders),
		cmocka_unit_test(instructions_read_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
