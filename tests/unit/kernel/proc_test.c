#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <callgate/facts.h>

#include "kernel/proc.h"

static void a_field_is_found_only_at_the_start_of_a_line(void **state)
{
	static const char text[] = "Name:\tSeccomp: 7\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\nCapEff:\t00000000a80425fb";
	uint64_t value = 99;

	(void)state;
	assert_true(gate_proc_field(text, "Seccomp", 10, &value));
	assert_int_equal(value, 2);
	assert_true(gate_proc_field(text, "Seccomp_filters", 10, &value));
	assert_int_equal(value, 3);
	assert_true(gate_proc_field(text, "CapEff", 16, &value));
	assert_int_equal(value, 0xa80425fb);
	assert_false(gate_proc_field(text, "Tgid", 10, &value));
	assert_int_equal(value, 0xa80425fb);
}

static void the_parent_is_found_whatever_the_name(void **state)
{
	int pipes[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, ") R 1 (x\n", 0, 0, 0);
		(void)!write(pipes[1], "", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(gate_proc_parent(pid), getpid());
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	assert_int_equal(gate_proc_parent(pid), -1);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void a_missing_file_is_an_error_and_a_long_one_is_cut(void **state)
{
	char text[16];
	long long number = 7;

	(void)state;
	assert_int_equal(gate_proc_read("/proc/self/no-such-file", text, sizeof(text)), -1);
	assert_int_equal(gate_proc_read("/proc/self/status", text, sizeof(text)), sizeof(text) - 1);
	assert_int_equal(strlen(text), sizeof(text) - 1);
	assert_int_equal(gate_proc_number("/proc/self/status", &number), -1);
	assert_int_equal(number, 7);
	assert_int_equal(gate_proc_number("/proc/sys/kernel/pid_max", &number), 0);
	assert_true(number > 0);
}

static void the_host_has_an_architecture_and_a_release(void **state)
{
	struct gate_facts facts;

	(void)state;
	assert_int_equal(gate_facts_host(&facts, NULL), 0);
	assert_non_null(gate_arch_info(facts.arch));
	assert_int_equal(gate_arch_info(facts.arch)->big_endian, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	assert_true(facts.kernel.major >= 3);
	assert_int_equal(facts.caps, gate_caps_docker);
	assert_int_equal(facts.n_arches, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_is_found_only_at_the_start_of_a_line),
		cmocka_unit_test(the_parent_is_found_whatever_the_name),
		cmocka_unit_test(a_missing_file_is_an_error_and_a_long_one_is_cut),
		cmocka_unit_test(the_host_has_an_architecture_and_a_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
