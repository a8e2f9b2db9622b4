/* Random rules from the fuzzer's bytes (they seed the generator of tests/agree): evaluator = machine = proof, and for
 * one in a few the live kernel, where it can be asked. */
#include "compile/compile.h"
#include "fuzz.h"
#include "profile/rules.h"
#include "../tests/agree/generate.h"

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
		for (int i = 0; i < 60; i++) {
			struct gate_data d = test_data(&r, audits, GATE_ARRAY_LEN(audits));
			uint32_t want = 0;

			FUZZ_CHECK(gate_profile_eval(p, &facts, &d, &want, NULL) == 0);
			FUZZ_CHECK(gate_rules_find(rules, &d, NULL)->action == want);
			FUZZ_CHECK(gate_ret_normal(
				       gate_bpf_run(program.insns, program.len, false, &d, NULL, NULL, NULL)) == want);
		}
	}
	gate_program_done(&program);
	gate_space_free(space);
	gate_rules_free(rules);
	gate_profile_free(p);
	gate_buf_done(&text);
	return 0;
}
