/* The profile reader, resolving, lint and compiling: any bytes, any engine. Whatever is accepted natively means the
 * same to the evaluator, the decision lists and the proven program. */
#include "compile/compile.h"
#include "fuzz.h"
#include "profile/rules.h"
#include "../tests/unit/random.h"

static void agree(const struct gate_profile *p, const struct gate_rules *rules, const struct gate_facts *facts,
                  const struct gate_program *program, uint64_t seed)
{
	struct test_random r = { seed };

	for (int i = 0; i < 30; i++) {
		struct gate_data d = { .nr = test_edge32(&r),
			               .arch = test_below(&r, 3) == 0 ? 0x40000003 : 0xc000003e };
		uint32_t want = 0;

		if (p->n_entries > 0 && p->entries[0].n_names > 0) {
			const struct gate_entry *e = &p->entries[test_below(&r, (uint32_t)p->n_entries)];
			int name = e->n_names == 0 ? -1 : gate_name_find(e->names[0].s, e->names[0].len);
			const struct gate_syscall *sc =
			    name < 0 ? NULL : gate_syscall_of(gate_arch_of(d.arch, 0), (unsigned)name);

			if (sc != NULL)
				d.nr = sc->nr;
			for (size_t k = 0; k < e->n_args; k++)
				d.args[e->args[k].index % 6] = e->args[k].value + test_below(&r, 3) - 1;
		}
		if (gate_profile_eval(p, facts, &d, &want, NULL) < 0)
			return;
		FUZZ_CHECK(gate_rules_find(rules, &d, NULL)->action == want);
		FUZZ_CHECK(gate_ret_normal(gate_bpf_run(program->insns, program->len, false, &d, NULL, NULL, NULL)) ==
		           want);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_facts facts = { .arch = GATE_ARCH_X86_64, .caps = gate_caps_docker, .kernel = { 6, 18 } };
	struct gate_findings *findings = NULL;
	struct gate_profile *p = NULL;
	struct gate_rules *rules = NULL;
	struct gate_program program = { 0 };
	struct gate_space *space = NULL;
	struct gate_err err = GATE_ERR_INIT;
	gate_policy policy = 0;
	enum gate_engine engine;

	if (size == 0 || gate_findings_new(&findings, NULL) < 0)
		return 0;
	/* The first byte chooses who reads: natively for '{', so that files of profiles work as they are. */
	engine = data[0] == '{' || data[0] >= GATE_ENGINE_MAX || data[0] == 0 ? GATE_ENGINE_NATIVE
	                                                                      : (enum gate_engine)data[0];
	if (engine != GATE_ENGINE_NATIVE || data[0] == GATE_ENGINE_NATIVE)
		data++, size--;
	if (gate_profile_read("fuzz", (const char *)data, size, engine, findings, &p, &err) == 0) {
		(void)gate_profile_lint(p, &facts, findings, NULL);
		if (gate_profile_resolve(p, &facts, NULL, &rules, &err) == 0 &&
		    gate_space_new(NULL, &space, NULL) == 0 && gate_rules_policy(rules, space, &policy, NULL) == 0 &&
		    gate_compile_rules(rules, &program, NULL) == 0) {
			err = (struct gate_err)GATE_ERR_INIT;
			FUZZ_CHECK(gate_compile_prove(space, policy, program.insns, program.len, false, NULL, &err) ==
			               0 ||
			           err.code != GATE_E_UNPROVEN);
			if (engine == GATE_ENGINE_NATIVE)
				agree(p, rules, &facts, &program, size);
		}
	} else {
		FUZZ_CHECK(err.text[0] != '\0');
	}
	gate_program_done(&program);
	gate_space_free(space);
	gate_rules_free(rules);
	gate_profile_free(p);
	gate_findings_free(findings);
	return 0;
}
