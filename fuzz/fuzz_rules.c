/* Random rules from the fuzzer's bytes (they seed the generator of tests/agree): evaluator = machine = proof = live
 * kernel; the kernel for one input in a few, and where it can be asked (tests/live/probe.h: not under sanitizers). */
#include "compile/compile.h"
#include "fuzz.h"
#include "probe.h"
#include "profile/rules.h"
#include "../tests/agree/generate.h"

#define CALLS 60

static void ask_kernel(const struct gate_program *program, const struct gate_data *calls, const uint32_t *want)
{
	struct gate_data asked[CALLS];
	uint32_t expect[CALLS], verdicts[CALLS];
	char why[160] = "";
	size_t n = 0;

	if (probe_unable() != NULL)
		return;
	for (int i = 0; i < CALLS; i++) {
		if (!probe_can(&calls[i]))
			continue;
		expect[n] = probe_sees(want[i]);
		asked[n++] = calls[i];
	}
	if (probe_calls(program->insns, program->len, asked, n, verdicts, why) < 0) {
		(void)fprintf(stderr, "%s\n", why);
		abort();
	}
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(verdicts[i] == expect[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t audits[] = { 0xc000003e, 0x40000003, 0xc00000b7 };
	struct gate_facts facts = { .arch = GATE_ARCH_X86_64, .caps = gate_caps_docker, .kernel = { 6, 18 } };
	struct gate_buf text = GATE_BUF_INIT;
	struct gate_profile *p = NULL;
	struct gate_rules *rules = NULL;
	struct gate_program program = { 0 };
	struct gate_space *space = NULL;
	struct test_random r = { 0 };
	gate_policy policy = 0;

	for (size_t i = 0; i < size; i++)
		r.state = r.state * 257 + data[i];
	test_profile(&r, &text);
	if (gate_profile_read("fuzz", text.data, text.len, GATE_ENGINE_NATIVE, NULL, &p, NULL) == 0 &&
	    gate_profile_resolve(p, &facts, NULL, &rules, NULL) == 0 && gate_space_new(NULL, &space, NULL) == 0) {
		FUZZ_CHECK(gate_rules_policy(rules, space, &policy, NULL) == 0);
		FUZZ_CHECK(gate_compile_rules(rules, &program, NULL) == 0);
		FUZZ_CHECK(gate_compile_prove(space, policy, program.insns, program.len, false, NULL, NULL) == 0);
		struct gate_data d[CALLS];
		uint32_t want[CALLS] = { 0 };

		for (int i = 0; i < CALLS; i++) {
			uint32_t ret;

			d[i] = test_data(&r, audits, GATE_ARRAY_LEN(audits));
			FUZZ_CHECK(gate_profile_eval(p, &facts, &d[i], &want[i], NULL) == 0);
			FUZZ_CHECK(gate_rules_find(rules, &d[i], NULL)->action == want[i]);
			ret = gate_bpf_run(program.insns, program.len, false, &d[i], NULL, NULL, NULL);
			FUZZ_CHECK(gate_ret_normal(ret) == want[i]);
		}
		if (size % 4 == 0)
			ask_kernel(&program, d, want);
	}
	gate_program_done(&program);
	gate_space_free(space);
	gate_rules_free(rules);
	gate_profile_free(p);
	gate_buf_done(&text);
	return 0;
}
