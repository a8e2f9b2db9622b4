#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/capability.h>

#include <callgate/abi.h>

#include "run/privilege.h"

#define BIT(cap) (UINT64_C(1) << (cap))

static struct gate_privilege plan(struct gate_caller caller, uint64_t asked, bool nnp, bool unconfined)
{
	struct gate_privilege p;

	gate_privilege_plan(&caller, asked, nnp, unconfined, &p);
	return p;
}

static const struct gate_caller root = { .permitted = GATE_CAPS_ALL, .effective = GATE_CAPS_ALL,
	                                 .bounding = GATE_CAPS_ALL, .root = true };
static const struct gate_caller user = { .bounding = GATE_CAPS_ALL };

static void root_gives_up_the_rest_by_execve(void **state)
{
	(void)state;
	struct gate_privilege p = plan(root, gate_caps_docker, false, false);
	assert_int_equal(p.program, gate_caps_docker);
	assert_int_equal(p.bounding, gate_caps_docker);
	assert_true(p.drop_bounding);
	assert_int_equal(p.load, GATE_LOAD_LATE);
	assert_int_equal(p.inheritable, 0);
	assert_false(p.no_new_privs);
	/* Its process has the caller's privileges until then, and hides from nobody else. */
	assert_false(p.lowers);
}

static void a_program_that_may_read_less_is_executed_with_its_own_rights(void **state)
{
	(void)state;
	struct gate_privilege p = plan(root, 0, false, false);
	assert_int_equal(p.load, GATE_LOAD_HELPER);
	assert_int_equal(p.permitted, 0);
	assert_true(p.lowers);
	assert_false(p.no_new_privs);
	assert_true(plan(root, 0, true, false).no_new_privs);
	assert_int_equal(plan(root, 0, true, false).load, GATE_LOAD_HELPER);
}

static void who_keeps_cap_sys_admin_loads_without_help(void **state)
{
	(void)state;
	assert_int_equal(plan(root, GATE_CAPS_ALL, false, false).load, GATE_LOAD_LOWERED);
	assert_false(plan(root, GATE_CAPS_ALL, false, false).drop_bounding);
}

static void a_user_gets_no_new_privs_and_nothing_else(void **state)
{
	(void)state;
	struct gate_privilege p = plan(user, gate_caps_docker, false, false);
	assert_int_equal(p.program, 0);
	assert_true(p.no_new_privs);
	assert_int_equal(p.load, GATE_LOAD_LOWERED);
	assert_false(p.drop_bounding);
	/* Unconfined, but with less than everything asked for: set-user-ID programs must not give the rest. */
	assert_true(plan(user, gate_caps_docker, false, true).no_new_privs);
	assert_false(plan(user, GATE_CAPS_ALL, false, true).no_new_privs);
}

static void nobody_gets_more_than_the_caller_has(void **state)
{
	struct gate_caller less = root;

	(void)state;
	less.permitted = less.effective = GATE_CAPS_ALL & ~BIT(CAP_NET_RAW) & ~BIT(CAP_MKNOD);
	struct gate_privilege p = plan(less, gate_caps_docker, false, false);
	assert_int_equal(p.program, gate_caps_docker & ~BIT(CAP_NET_RAW) & ~BIT(CAP_MKNOD));
	less = root;
	less.bounding &= ~BIT(CAP_KILL);
	assert_int_equal(plan(less, gate_caps_docker, false, false).program, gate_caps_docker & ~BIT(CAP_KILL));
}

static void what_is_ambient_stays_as_far_as_it_is_asked_for(void **state)
{
	struct gate_caller c = user;

	(void)state;
	c.permitted = c.effective = c.inheritable = c.ambient = BIT(CAP_NET_RAW) | BIT(CAP_SYS_TIME);
	struct gate_privilege p = plan(c, gate_caps_docker, false, false);
	assert_int_equal(p.program, BIT(CAP_NET_RAW));
	assert_int_equal(p.inheritable, BIT(CAP_NET_RAW));
	/* Without being ambient nothing survives execve. */
	c.ambient = 0;
	assert_int_equal(plan(c, gate_caps_docker, false, false).program, 0);
}

static void a_bounding_set_that_must_stay_forces_no_new_privs(void **state)
{
	struct gate_caller c = root;

	(void)state;
	c.effective &= ~BIT(CAP_SETPCAP);
	struct gate_privilege p = plan(c, gate_caps_docker, false, false);
	assert_true(p.no_new_privs);
	assert_false(p.drop_bounding);
	/* execve would give root the whole bounding set, so the rest must be gone before it. */
	assert_int_equal(p.load, GATE_LOAD_HELPER);
	assert_int_equal(p.permitted, gate_caps_docker);
}

static void without_a_filter_nothing_is_loaded(void **state)
{
	(void)state;
	struct gate_privilege p = plan(root, gate_caps_docker, false, true);
	assert_int_equal(p.load, GATE_LOAD_NOTHING);
	assert_int_equal(p.permitted, gate_caps_docker);
	assert_false(p.no_new_privs);
}

/* Whatever the caller is and whatever is asked: the laws hold. */
static void the_laws_hold_for_all_combinations(void **state)
{
	static const int caps[] = { CAP_SYS_ADMIN, CAP_SETPCAP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL };
	enum { SETS = 1 << GATE_ARRAY_LEN(caps) };

	(void)state;
	for (unsigned i = 0; i < SETS * SETS * SETS * 8; i++) {
		uint64_t sets[3] = { 0 };

		for (unsigned j = 0; j < 3 * GATE_ARRAY_LEN(caps); j++)
			if ((i >> j & 1) != 0)
				sets[j / GATE_ARRAY_LEN(caps)] |= BIT(caps[j % GATE_ARRAY_LEN(caps)]);
		unsigned rest = i / (SETS * SETS * SETS);
		struct gate_caller c = { .permitted = sets[0], .effective = sets[0], .bounding = sets[1],
			                 .root = (rest & 1) != 0 };
		struct gate_privilege p = plan(c, sets[2], (rest & 2) != 0, (rest & 4) != 0);

		assert_int_equal(p.program & ~(sets[2] & c.permitted & c.bounding), 0);
		assert_int_equal(p.permitted & ~c.permitted, 0);
		bool admin = (c.effective & BIT(CAP_SYS_ADMIN)) != 0;
		if (p.load == GATE_LOAD_LOWERED)
			assert_true(p.no_new_privs || (p.permitted & BIT(CAP_SYS_ADMIN)) != 0);
		if (p.load == GATE_LOAD_HELPER || p.load == GATE_LOAD_LATE)
			assert_true(admin);
		/* What execve gives root is the bounding set: cut it, or no_new_privs. */
		uint64_t left = p.drop_bounding ? c.bounding & p.bounding : c.bounding;
		if (c.root && !p.no_new_privs)
			assert_int_equal(left & ~sets[2], 0);
		if (c.root && p.load == GATE_LOAD_LATE)
			assert_int_equal(left, p.program);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_gives_up_the_rest_by_execve),
		cmocka_unit_test(a_program_that_may_read_less_is_executed_with_its_own_rights),
		cmocka_unit_test(who_keeps_cap_sys_admin_loads_without_help),
		cmocka_unit_test(a_user_gets_no_new_privs_and_nothing_else),
		cmocka_unit_test(nobody_gets_more_than_the_caller_has),
		cmocka_unit_test(what_is_ambient_stays_as_far_as_it_is_asked_for),
		cmocka_unit_test(a_bounding_set_that_must_stay_forces_no_new_privs),
		cmocka_unit_test(without_a_filter_nothing_is_loaded),
		cmocka_unit_test(the_laws_hold_for_all_combinations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
