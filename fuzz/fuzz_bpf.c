/* Raw programs: the check, the machine, the lifter and the listing. What passes the check and is lifted within the
 * budget decides as the machine does; so does what the compiler makes of the lifted policy. */
#include "compile/compile.h"
#include "fuzz.h"
#include "../tests/unit/random.h"

static struct gate_data near_constants(struct test_random *r, const struct gate_insn *p, size_t len)
{
	struct gate_data d = { .nr = test_edge32(r), .arch = test_edge32(r), .ip = test_edge64(r) };

	for (unsigned i = 0; i < 6; i++)
		d.args[i] = test_edge64(r);
	if (test_below(r, 2) != 0)
		d.arch = p[test_below(r, (uint32_t)len)].k;
	if (test_below(r, 2) != 0)
		d.nr = p[test_below(r, (uint32_t)len)].k;
	if (test_below(r, 2) != 0)
		d.args[test_below(r, 6)] = p[test_below(r, (uint32_t)len)].k;
	return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_budget budget = { .nodes = 40000, .steps = 1 << 18 };
	size_t len = size / sizeof(struct gate_insn);
	struct gate_insn *p = malloc(size + 1);
	struct gate_program again = { 0 };
	struct gate_space *space = NULL;
	gate_policy policy = 0, normal = 0;
	struct test_random r = { size };
	char line[80];
	bool compiled;

	if (p == NULL)
		return 0;
	memcpy(p, data, len * sizeof(*p));
	for (size_t pc = 0; pc < len && pc < 64; pc++)
		(void)gate_bpf_text(p, pc, false, line, sizeof(line));
	if (gate_bpf_check(p, len, NULL) == 0 && gate_space_new(&budget, &space, NULL) == 0 &&
	    gate_bpf_lift(space, p, len, false, &policy, NULL) == 0) {
		compiled = gate_policy_normal(space, policy, &normal, NULL) == 0 &&
		           gate_compile_policy(space, normal, &again, NULL) == 0;
		for (int i = 0; i < 40; i++) {
			struct gate_data d = near_constants(&r, p, len);
			uint32_t want = gate_bpf_run(p, len, false, &d, NULL, NULL, NULL);

			FUZZ_CHECK(gate_policy_decide(space, policy, &d) == want);
			if (compiled)
				FUZZ_CHECK(gate_ret_normal(gate_bpf_run(again.insns, again.len, false, &d, NULL, NULL,
				                                        NULL)) == gate_ret_normal(want));
		}
	}
	gate_program_done(&again);
	gate_space_free(space);
	free(p);
	return 0;
}
