#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "probe.h"

#define X86_64 0xc000003eu
#define X86    0x40000003u
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define LD(at)         { 0x20, 0, 0, (at) }
#define JEQ(k, t, f)   { 0x15, (t), (f), (k) }
#define RET(k)         { 0x06, 0, 0, (k) }

static uint32_t ask(const struct gate_insn *insns, size_t len, struct gate_data call)
{
	uint32_t verdict = 1;
	char why[160] = "";

	if (probe_calls(insns, len, &call, 1, &verdict, why) < 0)
		fail_msg("%s", why);
	return verdict;
}

static void every_action_is_seen_as_it_is(void **state)
{
	static const uint32_t actions[] = {
		GATE_RET_ALLOW, GATE_RET_LOG, GATE_RET_TRACE | 7, GATE_RET_NOTIFY, GATE_RET_ERRNO, GATE_RET_ERRNO | 1,
		GATE_RET_ERRNO | 117, GATE_RET_ERRNO | 4095, GATE_RET_ERRNO | 5000, GATE_RET_TRAP, GATE_RET_TRAP | 99,
		GATE_RET_KILL_THREAD, GATE_RET_KILL_PROCESS,
	};

	(void)state;
	for (size_t i = 0; i < LEN(actions); i++) {
		const struct gate_insn program[] = { LD(0), JEQ(165, 0, 1), RET(actions[i]), RET(GATE_RET_ALLOW) };
		const struct gate_data mount = { .nr = 165, .arch = X86_64 };

		assert_int_equal(ask(program, LEN(program), mount), probe_sees(actions[i]));
	}
}

static void many_kills_do_not_end_the_probing(void **state)
{
	/* 0: thread, 1: process, 2: trap, 3: errno 3, others pass. */
	const struct gate_insn program[] = {
		LD(16), JEQ(0, 4, 0), JEQ(1, 4, 0), JEQ(2, 4, 0), JEQ(3, 4, 0), RET(GATE_RET_ALLOW),
		RET(GATE_RET_KILL_THREAD), RET(GATE_RET_KILL_PROCESS), RET(GATE_RET_TRAP | 5), RET(GATE_RET_ERRNO | 3),
	};
	static const uint32_t expected[] = { GATE_RET_KILL_THREAD, GATE_RET_KILL_PROCESS, GATE_RET_TRAP | 5,
		                             GATE_RET_ERRNO | 3, GATE_RET_ALLOW };
	struct gate_data calls[100];
	uint32_t verdicts[100];
	char why[160] = "";

	(void)state;
	for (size_t i = 0; i < 100; i++)
		/* reboot, kexec_load, … : nothing that anybody would like to happen */
		calls[i] = (struct gate_data){ .nr = 169 + (uint32_t)(i % 3), .arch = X86_64, .args = { i % 5 } };
	assert_int_equal(probe_calls(program, LEN(program), calls, 100, verdicts, why), 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(verdicts[i], expected[i % 5]);
}

static void the_kernel_shows_all_words_of_a_call(void **state)
{
	static const uint64_t value = 0x1122334455667788;
	struct gate_data call = { .nr = 4242, .arch = X86_64, .args = { value, value + 1, value + 2, value + 3, value + 4,
		                                                        value + 5 } };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const struct gate_insn program[] = {
			LD(16 + 8 * i), JEQ((uint32_t)value + i, 0, 3), LD(20 + 8 * i), JEQ((uint32_t)(value >> 32), 0, 1),
			RET(GATE_RET_ERRNO | 42), RET(GATE_RET_ALLOW),
		};
		assert_int_equal(ask(program, LEN(program), call), GATE_RET_ERRNO | 42);
	}
}

static void x86_and_x32_are_told_apart(void **state)
{
	const struct gate_insn program[] = {
		LD(4), JEQ(X86, 0, 3), LD(0), JEQ(102, 0, 1), RET(GATE_RET_ERRNO | 32), LD(0), JEQ(0x40000000 | 102, 0, 1),
		RET(GATE_RET_ERRNO | 31), RET(GATE_RET_ALLOW),
	};

	(void)state;
	const struct gate_data x32 = { .nr = 0x40000000 | 102, .arch = X86_64 };
	const struct gate_data x64 = { .nr = 102, .arch = X86_64 };
	const struct gate_data x86 = { .nr = 102, .arch = X86, .args = { 1, 2, 3, 4, 5, 0xffffffff } };
	assert_int_equal(ask(program, LEN(program), x32), GATE_RET_ERRNO | 31);
	assert_int_equal(ask(program, LEN(program), x64), GATE_RET_ALLOW);
	struct gate_data wide = x86;
	wide.args[2] = UINT64_C(1) << 32;
	assert_false(probe_can(&wide));
	if (!probe_can(&x86)) {
		print_message("this kernel has no 32-bit calls: x86 is not probed\n");
		return;
	}
	assert_int_equal(ask(program, LEN(program), x86), GATE_RET_ERRNO | 32);
}

/* What int 0x80 hands over, in the six registers of x86, and what comes back from it. */
static void calls_of_x86_are_seen_with_all_words_and_actions(void **state)
{
	static const uint32_t actions[] = {
		GATE_RET_ALLOW, GATE_RET_ERRNO, GATE_RET_ERRNO | 117, GATE_RET_ERRNO | 4095, GATE_RET_TRAP | 99,
		GATE_RET_KILL_THREAD, GATE_RET_KILL_PROCESS,
	};
	struct gate_data call = { .nr = 4242, .arch = X86 };

	(void)state;
	for (uint32_t i = 0; i < 6; i++)
		call.args[i] = 0xfedcba98 + i;
	if (!probe_can(&call)) {
		print_message("this kernel has no 32-bit calls: x86 is not probed\n");
		skip();
	}
	for (uint32_t i = 0; i < 6; i++)
		for (size_t a = 0; a < LEN(actions); a++) {
			const struct gate_insn program[] = {
				LD(4), JEQ(X86, 0, 5), LD(16 + 8 * i), JEQ(0xfedcba98 + i, 0, 3), LD(20 + 8 * i), JEQ(0, 0, 1),
				RET(actions[a]), RET(GATE_RET_ERRNO | 42),
			};
			assert_int_equal(ask(program, LEN(program), call), probe_sees(actions[a]));
		}
	call.nr = 0xffffffff;
	const struct gate_insn number[] = { LD(0), JEQ(0xffffffff, 0, 1), RET(GATE_RET_ERRNO | 41), RET(GATE_RET_ALLOW) };
	assert_int_equal(ask(number, LEN(number), call), GATE_RET_ERRNO | 41);
}

static void a_program_that_the_kernel_refuses_is_said(void **state)
{
	const struct gate_insn endless[] = { LD(0) };
	const struct gate_data call = { .nr = 1, .arch = X86_64 };
	uint32_t verdict = 77;
	char why[160] = "";

	(void)state;
	assert_int_equal(probe_calls(endless, 1, &call, 1, &verdict, why), -1);
	assert_string_equal(why, "the kernel refuses the program: Invalid argument");
	assert_int_equal(verdict, 77);
}

static void ten_thousand_calls_take_less_than_seconds(void **state)
{
	enum { N = 10000 };
	const struct gate_insn program[] = { LD(16), { 0x54, 0, 0, 1 }, JEQ(1, 0, 1), RET(GATE_RET_ERRNO | 1),
		                             RET(GATE_RET_TRAP) };
	struct gate_data *calls = calloc(N, sizeof(*calls));
	uint32_t *verdicts = calloc(N, sizeof(*verdicts));
	struct timespec a, b;
	char why[160] = "";

	(void)state;
	for (size_t i = 0; i < N; i++)
		calls[i] = (struct gate_data){ .nr = 1000 + (uint32_t)i, .arch = X86_64, .args = { i } };
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	if (probe_calls(program, LEN(program), calls, N, verdicts, why) < 0)
		fail_msg("%s", why);
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	for (size_t i = 0; i < N; i++)
		if (verdicts[i] != (i % 2 == 1 ? GATE_RET_ERRNO | 1 : GATE_RET_TRAP))
			fail_msg("call %zu: %#x", i, verdicts[i]);
	print_message("%d calls, half of them trapped: %ld ms\n", N,
	              (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
	free(calls);
	free(verdicts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_action_is_seen_as_it_is),
		cmocka_unit_test(many_kills_do_not_end_the_probing),
		cmocka_unit_test(the_kernel_shows_all_words_of_a_call),
		cmocka_unit_test(x86_and_x32_are_told_apart),
		cmocka_unit_test(calls_of_x86_are_seen_with_all_words_and_actions),
		cmocka_unit_test(a_program_that_the_kernel_refuses_is_said),
		cmocka_unit_test(ten_thousand_calls_take_less_than_seconds),
	};
	const char *unable = probe_unable();

	if (unable != NULL) {
		(void)printf("skipped: %s\n", unable);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
