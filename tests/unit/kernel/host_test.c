#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/wait.h>

#include <callgate/host.h>

#include "kernel/seccomp.h"

static void every_fact_says_what_it_is_for(void **state)
{
	struct gate_host_fact fact, other;

	(void)state;
	assert_true(gate_host_count() > 20);
	for (size_t i = 0; i < gate_host_count(); i++) {
		gate_host_ask(i, &fact);
		assert_true(strlen(fact.group) > 0 && strlen(fact.id) > 0 && strlen(fact.name) > 0);
		assert_true(strlen(fact.needed_for) > 0 && strlen(fact.without) > 0);
		assert_true(fact.state >= GATE_HOST_UNKNOWN && fact.state <= GATE_HOST_YES);
		for (size_t j = 0; j < i && j < 5; j++) {
			gate_host_ask(j, &other);
			assert_string_not_equal(fact.id, other.id);
		}
	}
	assert_string_equal(gate_host_state_name(GATE_HOST_YES), "yes");
	assert_string_equal(gate_host_state_name(GATE_HOST_NO), "no");
	assert_string_equal(gate_host_state_name(GATE_HOST_UNKNOWN), "unknown");
}

static void no_child_is_left_behind(void **state)
{
	(void)state;
	for (size_t i = 0; i < gate_host_count(); i++) {
		struct gate_host_fact fact;

		gate_host_ask(i, &fact);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void what_no_kernel_has_is_not_found(void **state)
{
	(void)state;
	assert_int_not_equal(gate_seccomp_has_action(0x12340000), 1);
	assert_int_not_equal(gate_seccomp_has_flag(1UL << 30), 1);
	assert_int_not_equal(gate_seccomp_logs("kill"), 1);
	assert_int_not_equal(gate_seccomp_logs("no_such_action"), 1);
}

static void a_program_without_instructions_is_refused(void **state)
{
	const struct gate_insn allow = { 0x06, 0, 0, GATE_RET_ALLOW };
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	assert_int_equal(gate_seccomp_load(&allow, 0, 0, NULL, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_seccomp_load(&allow, GATE_BPF_MAX + 1, 0, NULL, &err), -1);
	assert_string_equal(err.text, "a program of 4097 instructions is outside the kernel's 1 to 4096");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fact_says_what_it_is_for),
		cmocka_unit_test(no_child_is_left_behind),
		cmocka_unit_test(what_no_kernel_has_is_not_found),
		cmocka_unit_test(a_program_without_instructions_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
