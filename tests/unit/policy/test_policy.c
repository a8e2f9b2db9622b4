#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <callgate/policy.h>

#include "base/base.h"
#include "../random.h"

static int make_space(void **state)
{
	struct gate_space *s = NULL;

	assert_int_equal(gate_space_new(NULL, &s, NULL), 0);
	*state = s;
	return 0;
}

static int drop_space(void **state)
{
	gate_space_free(*state);
	return 0;
}

static gate_policy leaf(struct gate_space *s, uint32_t v)
{
	gate_policy p = 0;

	assert_int_equal(gate_policy_const(s, v, &p, NULL), 0);
	return p;
}

static gate_policy between(struct gate_space *s, unsigned word, uint32_t lo, uint32_t hi)
{
	gate_policy p = 0;

	assert_int_equal(gate_policy_between(s, word, lo, hi, &p, NULL), 0);
	return p;
}

static gate_policy ite(struct gate_space *s, gate_policy c, gate_policy y, gate_policy n)
{
	gate_policy p = 0;

	assert_int_equal(gate_policy_ite(s, c, y, n, &p, NULL), 0);
	return p;
}

static gate_policy combine(struct gate_space *s, enum gate_combine how, gate_policy a, gate_policy b)
{
	gate_policy p = 0;

	assert_int_equal(gate_policy_combine(s, how, a, b, &p, NULL), 0);
	return p;
}

static struct gate_data any(struct test_random *r)
{
	struct gate_data d = { .nr = test_edge32(r), .arch = test_edge32(r), .ip = test_edge64(r) };

	for (unsigned i = 0; i < 6; i++)
		d.args[i] = test_edge64(r);
	return d;
}

static uint32_t word_of(const struct gate_data *d, unsigned w)
{
	if (w == GATE_WORD_ARCH)
		return d->arch;
	if (w == GATE_WORD_NR)
		return d->nr;
	if (w == GATE_WORD_IP_HI || w == GATE_WORD_IP_LO)
		return (uint32_t)(d->ip >> (w == GATE_WORD_IP_HI ? 32 : 0));
	return (uint32_t)(d->args[(w - 2) / 2] >> (w % 2 == 0 ? 32 : 0));
}

static void equal_functions_are_one_node(void **state)
{
	struct gate_space *s = *state;
	gate_policy a = between(s, GATE_WORD_NR, 10, 20), b = between(s, GATE_WORD_NR, 5, 20),
		    c = between(s, GATE_WORD_NR, 10, 40);

	assert_int_equal(a, combine(s, GATE_COMBINE_AND, b, c));
	assert_int_not_equal(a, b);
}

static void the_size_counts_distinct_nodes(void **state)
{
	struct gate_space *s = *state;
	size_t one = 0, bit = 0, both = 0;
	gate_policy highest = 0, twice = 0;

	assert_int_equal(gate_policy_size(s, leaf(s, GATE_RET_ALLOW), &one, NULL), 0);
	assert_int_equal(one, 1);
	assert_int_equal(gate_policy_masked(s, GATE_WORD_NR, 1, 1, &highest, NULL), 0);
	assert_int_equal(gate_policy_size(s, highest, &bit, NULL), 0);
	assert_int_equal(bit, 3); /* one test, two leaves */
	twice = ite(s, between(s, GATE_WORD_ARCH, 0, 0x7fffffff), highest, combine(s, GATE_COMBINE_XOR, highest, leaf(s, 1)));
	assert_int_equal(gate_policy_size(s, twice, &both, NULL), 0);
	assert_int_equal(both, 5); /* shared leaves count once */
}

static void predicates_are_what_they_say(void **state)
{
	struct test_random r = test_random_start(1);
	struct gate_space *s = *state;

	for (int round = 0; round < 3000; round++) {
		unsigned w = test_below(&r, GATE_WORDS);
		uint32_t x = test_edge32(&r), y = test_edge32(&r), lo = x < y ? x : y, hi = x < y ? y : x, value = y & x;
		gate_policy in = between(s, w, lo, hi), masked = 0;

		assert_int_equal(gate_policy_masked(s, w, x, value, &masked, NULL), 0);
		for (int i = 0; i < 8; i++) {
			struct gate_data d = any(&r);
			uint32_t v = word_of(&d, w);

			assert_int_equal(gate_policy_decide(s, in, &d), v >= lo && v <= hi);
			assert_int_equal(gate_policy_decide(s, masked, &d), (v & x) == value);
		}
	}
}

/* A random tree of tests with actions as leaves, as its own evaluator. */
static gate_policy random_policy(struct gate_space *s, struct test_random *r, int depth)
{
	static const uint32_t actions[] = { GATE_RET_ALLOW, GATE_RET_ERRNO | 1, GATE_RET_ERRNO | 38, GATE_RET_KILL_PROCESS,
		                            GATE_RET_LOG, GATE_RET_TRAP, GATE_RET_KILL_THREAD, GATE_RET_TRACE | 7,
		                            GATE_RET_NOTIFY };

	if (depth == 0)
		return leaf(s, actions[test_below(r, GATE_ARRAY_LEN(actions))]);
	uint32_t x = test_edge32(r), y = test_edge32(r);
	gate_policy test = between(s, test_below(r, 8), x < y ? x : y, x < y ? y : x);
	gate_policy yes = random_policy(s, r, depth - 1);

	return ite(s, test, yes, random_policy(s, r, depth - 1));
}

static void combining_is_pointwise(void **state)
{
	struct test_random r = test_random_start(2);
	struct gate_space *s = *state;

	for (int round = 0; round < 60; round++) {
		gate_policy a = random_policy(s, &r, 3), b = random_policy(s, &r, 2);
		gate_policy stack = combine(s, GATE_COMBINE_STACK, a, b), both = combine(s, GATE_COMBINE_UNION, a, b),
			    looser = combine(s, GATE_COMBINE_LOOSER, a, b), differ = combine(s, GATE_COMBINE_DIFFER, a, b);

		for (int i = 0; i < 40; i++) {
			struct gate_data d = any(&r);
			uint32_t x = gate_policy_decide(s, a, &d), y = gate_policy_decide(s, b, &d);

			assert_int_equal(gate_policy_decide(s, stack, &d), gate_ret_rank(y) > gate_ret_rank(x) ? y : x);
			assert_int_equal(gate_policy_decide(s, both, &d), gate_ret_rank(y) < gate_ret_rank(x) ? y : x);
			assert_int_equal(gate_policy_decide(s, looser, &d), gate_ret_rank(x) < gate_ret_rank(y));
			assert_int_equal(gate_policy_decide(s, differ, &d), x != y);
		}
	}
}

static void a_witness_shows_a_difference_and_there_is_one_exactly_when_policies_differ(void **state)
{
	struct test_random r = test_random_start(3);
	struct gate_space *s = *state;

	for (int round = 0; round < 500; round++) {
		gate_policy a = random_policy(s, &r, 3), b = random_policy(s, &r, 2);
		struct gate_data d = { 0 };
		bool found = gate_policy_witness(s, combine(s, GATE_COMBINE_DIFFER, a, b), &d);

		assert_int_equal(found, a != b);
		if (found)
			assert_int_not_equal(gate_policy_decide(s, a, &d), gate_policy_decide(s, b, &d));
	}
}

static void fixing_a_word_is_deciding_with_it(void **state)
{
	struct test_random r = test_random_start(4);
	struct gate_space *s = *state;

	for (int round = 0; round < 500; round++) {
		gate_policy a = random_policy(s, &r, 3), fixed = 0;
		unsigned w = test_below(&r, 8);
		struct gate_data d = any(&r);
		uint32_t mask = test_edge32(&r), value = word_of(&d, w);

		assert_int_equal(gate_policy_fix(s, a, w, mask, value, &fixed, NULL), 0);
		assert_int_equal(gate_policy_decide(s, fixed, &d), gate_policy_decide(s, a, &d));
		assert_int_equal(gate_policy_fix(s, a, w, UINT32_MAX, value, &fixed, NULL), 0);
		assert_false(gate_policy_uses(s, fixed, w));
	}
}

struct cover {
	struct gate_space *s;
	uint64_t next;
	gate_policy last;
	size_t n;
	struct gate_range r[64];
};

static int collect(void *ctx, uint32_t lo, uint32_t hi, gate_policy to)
{
	struct cover *c = ctx;

	assert_int_equal(lo, c->next);
	assert_true(hi >= lo);
	if (c->n != 0)
		assert_int_not_equal(to, c->last);
	c->next = (uint64_t)hi + 1;
	c->last = to;
	assert_true(c->n < GATE_ARRAY_LEN(c->r));
	c->r[c->n++] = (struct gate_range){ lo, hi, to };
	return 0;
}

static void ranges_cover_a_word_and_build_the_policy_again(void **state)
{
	struct test_random r = test_random_start(5);
	struct gate_space *s = *state;

	for (int round = 0; round < 300; round++) {
		gate_policy p = leaf(s, GATE_RET_ALLOW), again = 0;
		struct cover c = { .s = s };

		for (int i = 0; i < 6; i++) {
			uint32_t x = test_edge32(&r), y = test_edge32(&r);

			p = ite(s, between(s, GATE_WORD_NR, x < y ? x : y, x < y ? y : x), leaf(s, GATE_RET_ERRNO | (uint32_t)i), p);
		}
		assert_int_equal(gate_policy_each_range(s, p, GATE_WORD_NR, collect, &c), 0);
		assert_true(c.next == UINT64_C(1) << 32);
		assert_int_equal(gate_policy_ranges(s, GATE_WORD_NR, c.r, c.n, &again, NULL), 0);
		assert_int_equal(again, p);
	}
}

struct cubes {
	struct gate_space *s;
	gate_policy p;
	size_t n;
};

static int check_cube(void *ctx, const struct gate_cube *cube, uint32_t value)
{
	struct cubes *c = ctx;
	struct gate_data d = { .nr = cube->value[GATE_WORD_NR] | ~cube->mask[GATE_WORD_NR],
		               .arch = cube->value[GATE_WORD_ARCH] | ~cube->mask[GATE_WORD_ARCH] };

	for (unsigned i = 0; i < 6; i++)
		d.args[i] = (uint64_t)cube->value[GATE_WORD_ARG(i, false)] << 32 | cube->value[GATE_WORD_ARG(i, true)];
	assert_int_equal(gate_policy_decide(c->s, c->p, &d), value);
	c->n++;
	return 0;
}

static void every_cube_leads_to_its_leaf(void **state)
{
	struct test_random r = test_random_start(6);
	struct gate_space *s = *state;

	for (int round = 0; round < 30; round++) {
		struct cubes c = { .s = s, .p = random_policy(s, &r, 2) };

		assert_int_equal(gate_policy_each_cube(s, c.p, check_cube, &c), 0);
		assert_true(c.n > 0);
	}
}

static void digests_agree_between_spaces_and_ways_of_building(void **state)
{
	struct gate_space *s = *state, *other = NULL;
	char one[GATE_POLICY_DIGEST_TEXT], two[GATE_POLICY_DIGEST_TEXT], three[GATE_POLICY_DIGEST_TEXT];

	assert_int_equal(gate_space_new(NULL, &other, NULL), 0);
	(void)random_policy(other, &(struct test_random){ 99 }, 4); /* other ids for the same nodes */
	gate_policy a = ite(s, between(s, 1, 3, 9), leaf(s, GATE_RET_ALLOW), leaf(s, GATE_RET_ERRNO | 1));
	gate_policy b = ite(other, between(other, 1, 0, 2), leaf(other, GATE_RET_ERRNO | 1),
			    ite(other, between(other, 1, 3, 9), leaf(other, GATE_RET_ALLOW), leaf(other, GATE_RET_ERRNO | 1)));
	assert_int_equal(gate_policy_digest(s, a, one, NULL), 0);
	assert_int_equal(gate_policy_digest(other, b, two, NULL), 0);
	assert_string_equal(one, two);
	assert_int_equal(gate_policy_digest(s, leaf(s, GATE_RET_ALLOW), three, NULL), 0);
	assert_string_not_equal(one, three);
	/* The written form is for ever: printf 'callgate-policy 1\nL\0\0\377\177' | sha256sum */
	assert_string_equal(three, "sha256:6044c08242fddea87e08a0756c39d04694fb9656232135f94f76a6e372707334");
	gate_space_free(other);
}

static void the_budget_is_an_error_and_the_space_stays_usable(void **state)
{
	struct gate_space *s = NULL;
	struct gate_budget small = { .nodes = 200 };
	struct gate_err err = GATE_ERR_INIT;
	gate_policy p = 12345, ok = 0;

	(void)state;
	assert_int_equal(gate_space_new(&small, &s, NULL), 0);
	gate_policy sum = leaf(s, 0);
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < 1000; i++) {
		gate_policy one = 0;

		rc = gate_policy_masked(s, GATE_WORD_NR, UINT32_MAX, i * 2654435761u, &one, &err);
		if (rc == 0)
			rc = gate_policy_combine(s, GATE_COMBINE_OR, sum, one, &sum, &err);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	assert_int_equal(p, 12345);
	assert_true(gate_space_nodes(s) <= 200);
	assert_int_equal(gate_policy_const(s, 0, &ok, NULL), 0);
	gate_space_free(s);
}

static void actions_are_ordered_and_capped_as_in_the_kernel(void **state)
{
	(void)state;
	static const uint32_t order[] = { GATE_RET_ALLOW, GATE_RET_LOG, GATE_RET_TRACE, GATE_RET_NOTIFY, GATE_RET_ERRNO,
		                          GATE_RET_TRAP, GATE_RET_KILL_THREAD, GATE_RET_KILL_PROCESS };

	for (size_t i = 0; i < GATE_ARRAY_LEN(order); i++)
		assert_int_equal(gate_ret_rank(order[i] | 3), (int)i);
	assert_int_equal(gate_ret_normal(GATE_RET_ERRNO | 0xffff), GATE_RET_ERRNO | 4095);
	assert_int_equal(gate_ret_normal(GATE_RET_ALLOW | 5), GATE_RET_ALLOW);
	assert_int_equal(gate_ret_normal(0x12340000), GATE_RET_KILL_PROCESS);
	assert_int_equal(gate_ret_normal(GATE_RET_TRAP | 0xffff), GATE_RET_TRAP | 0xffff);
	assert_string_equal(gate_ret_word(GATE_RET_KILL_THREAD), "kill_thread");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_space, drop_space)
	const struct CMUnitTest tests[] = {
		TEST(equal_functions_are_one_node),
		TEST(the_size_counts_distinct_nodes),
		TEST(predicates_are_what_they_say),
		TEST(combining_is_pointwise),
		TEST(a_witness_shows_a_difference_and_there_is_one_exactly_when_policies_differ),
		TEST(fixing_a_word_is_deciding_with_it),
		TEST(ranges_cover_a_word_and_build_the_policy_again),
		TEST(every_cube_leads_to_its_leaf),
		TEST(digests_agree_between_spaces_and_ways_of_building),
		TEST(the_budget_is_an_error_and_the_space_stays_usable),
		TEST(actions_are_ordered_and_capped_as_in_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
