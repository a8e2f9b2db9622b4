/* Every allocation of a compile and a proof is failed in turn: an error that says so, outputs untouched, no leak (the
 * sanitizers see leaks). malloc and its kin are wrapped by the linker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "compile/compile.h"
#include "fake_rules.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long countdown = -1; /* -1: nothing fails; 0: the next one and all after it do */

static bool refuse(void)
{
	if (countdown < 0)
		return false;
	if (countdown > 0)
		countdown--;
	return countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return refuse() ? NULL : __real_realloc(p, size);
}

static const struct fake_shape shape = { .tokens = 3, .spans = 700, .cases = 4, .conds = 3, .nr_step = 3,
	                                 .edges = true };

static void untouched(const struct gate_program *p, const struct gate_err *err)
{
	assert_int_equal(err->code, GATE_E_NOMEM);
	assert_null(p->insns);
	assert_int_equal(p->len, 77);
}

static void compiling_survives_every_failed_allocation(void **state)
{
	struct test_random r = test_random_start(7);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct gate_rules rules;
		long fails = 1;
		int done = -1;

		fake_rules(&r, &shape, &rules);
		for (; done < 0; fails++) {
			struct gate_program p = { NULL, 77 };
			struct gate_err err = GATE_ERR_INIT;

			countdown = fails;
			done = gate_compile_rules(&rules, &p, &err);
			countdown = -1;
			if (done < 0)
				untouched(&p, &err);
			else
				gate_program_done(&p);
		}
		assert_true(fails > 3);
		gate_arena_done(&rules.arena);
	}
}

static void lowering_and_proving_survive_every_failed_allocation(void **state)
{
	struct test_random r = test_random_start(8);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct gate_space *space = NULL;
		struct gate_program good;
		struct gate_rules rules;
		gate_policy policy;
		int done = -1;

		fake_rules(&r, &(struct fake_shape){ .tokens = 1, .spans = 40, .cases = 3, .conds = 2, .nr_step = 5 }, &rules);
		assert_int_equal(gate_space_new(NULL, &space, NULL), 0);
		assert_int_equal(fake_policy(&rules, space, &policy, NULL), 0);
		for (long fails = 1; done < 0; fails++) {
			struct gate_program p = { NULL, 77 };
			struct gate_err err = GATE_ERR_INIT;

			countdown = fails;
			done = gate_compile_policy(space, policy, &p, &err);
			countdown = -1;
			if (done < 0)
				untouched(&p, &err);
			else
				good = p;
		}
		done = -1;
		for (long fails = 1; done < 0; fails++) {
			struct gate_err err = GATE_ERR_INIT;

			countdown = fails;
			done = gate_compile_prove(space, policy, good.insns, good.len,
			                          gate_arch_info(rules.tokens[0].arch)->big_endian, NULL, &err);
			countdown = -1;
			if (done < 0)
				assert_int_equal(err.code, GATE_E_NOMEM);
		}
		gate_program_done(&good);
		gate_space_free(space);
		gate_arena_done(&rules.arena);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiling_survives_every_failed_allocation),
		cmocka_unit_test(lowering_and_proving_survive_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
