/* What a task is when nothing was said; isolators by name; capabilities; names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <callgate/abi.h>

#include "task/task.h"

#define BIT(n) (UINT64_C(1) << (n))

static void every_isolator_has_its_name_back(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	uint32_t bits;

	(void)state;
	for (unsigned i = 0; i < GATE_ISOLATE_COUNT; i++) {
		assert_int_equal(gate_isolation_parse(gate_isolator_name((enum gate_isolator)i), &bits, &err), 0);
		assert_int_equal(bits, UINT32_C(1) << i);
	}
	assert_int_equal(gate_isolation_parse("linux/seccomp,namespaces/pid,cgroups/mem", &bits, &err), 0);
	assert_int_equal(bits, 1u << GATE_ISOLATE_SECCOMP | 1u << GATE_ISOLATE_PID | 1u << GATE_ISOLATE_MEM);
}

static void a_bad_list_is_refused_in_words(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "empty place" },
		{ "linux/seccomp,", "empty place" },
		{ ",linux/seccomp", "empty place" },
		{ "linux/seccomp,linux/seccomp", "named twice" },
		{ "linux/secomp", "did you mean 'linux/seccomp'?" },
		{ "seccomp", "did you mean 'linux/seccomp'?" },
		{ "pid", "did you mean 'namespaces/pid'?" },
		{ "cgroups/all", "cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices" },
		{ "posix/cpu", "'cgroups/cpu'" },
		{ "network/cni", "'namespaces/network'" },
		{ "gpu/nvidia", "there is no isolator 'gpu/nvidia'" },
		{ "frobnicate", "unknown isolator 'frobnicate'" },
		{ " linux/seccomp", "unknown isolator" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;
		uint32_t bits = 77;

		assert_int_equal(gate_isolation_parse(rows[i].text, &bits, &err), -1);
		assert_int_equal(bits, 77);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("'%s': %s", rows[i].text, err.text);
	}
}

static void capabilities_are_docker_s(void **state)
{
	struct gate_task t;

	(void)state;
	gate_task_init(&t);
	assert_true(gate_caps_docker == GATE_TASK_DEFAULT_CAPS);
	assert_true(gate_task_caps(&t, GATE_CAPS_ALL) == gate_caps_docker);
	assert_true(gate_task_caps(&t, BIT(0)) == BIT(0)); /* never more than the caller */
	t.cap_add = BIT(21);
	t.cap_drop = BIT(0);
	assert_true(gate_task_caps(&t, GATE_CAPS_ALL) == ((gate_caps_docker | BIT(21)) & ~BIT(0)));
	t.cap_drop = GATE_CAPS_ALL;
	assert_true(gate_task_caps(&t, GATE_CAPS_ALL) == BIT(21));
	t.cap_add = GATE_CAPS_ALL;
	t.cap_drop = BIT(0);
	assert_true(gate_task_caps(&t, GATE_CAPS_ALL) == (GATE_CAPS_ALL & ~BIT(0)));
	t.cap_add = t.cap_drop = 0;
	t.privileged = true;
	assert_true(gate_task_caps(&t, GATE_CAPS_ALL) == GATE_CAPS_ALL);
	t.isolation &= ~(1u << GATE_ISOLATE_CAPABILITIES);
	t.privileged = false;
	assert_true(gate_task_caps(&t, BIT(3) | BIT(33)) == (BIT(3) | BIT(33)));
	gate_task_done(&t);
}

static void names_are_safe_as_parts_of_paths(void **state)
{
	char most[130];

	(void)state;
	assert_true(gate_task_name_ok("web-1"));
	assert_true(gate_task_name_ok("_a.b+c-D"));
	assert_false(gate_task_name_ok(""));
	assert_false(gate_task_name_ok("."));
	assert_false(gate_task_name_ok(".."));
	assert_false(gate_task_name_ok(".hidden"));
	assert_false(gate_task_name_ok("a/b"));
	assert_false(gate_task_name_ok("../x"));
	assert_false(gate_task_name_ok("a b"));
	assert_false(gate_task_name_ok("a\n"));
	assert_false(gate_task_name_ok("\xc3\xa4"));
	memset(most, 'a', sizeof(most));
	most[128] = '\0';
	assert_true(gate_task_name_ok(most));
	most[128] = 'a';
	most[129] = '\0';
	assert_false(gate_task_name_ok(most));
}

static void nothing_said_is_everything_isolated(void **state)
{
	struct gate_task t;

	(void)state;
	gate_task_init(&t);
	assert_int_equal(t.isolation, GATE_ISOLATE_ALL);
	assert_int_equal(t.pid.mode, GATE_NS_OWN);
	assert_int_equal(t.network.mode, GATE_NS_OWN);
	assert_int_equal(t.userns_of.mode, GATE_NS_HOST);
	assert_int_equal(t.stop_ms, 10000);
	assert_int_equal(t.log_bytes, 10 << 20);
	assert_int_equal(t.log_files, 3);
	assert_null(t.profile);
	gate_task_done(&t);
	gate_task_done(&t); /* twice does no harm */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_isolator_has_its_name_back),
		cmocka_unit_test(a_bad_list_is_refused_in_words),
		cmocka_unit_test(capabilities_are_docker_s),
		cmocka_unit_test(names_are_safe_as_parts_of_paths),
		cmocka_unit_test(nothing_said_is_everything_isolated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
