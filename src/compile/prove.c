/* prove.c - does a program mean a policy? */
#include "compile/compile.h"

int gate_compile_prove(struct gate_space *space, gate_policy policy, const struct gate_insn *insns, size_t len,
                       bool big_endian, struct gate_data *witness, struct gate_err *err)
{
	gate_policy lifted, wanted, differ;
	struct gate_data data;

	if (gate_bpf_check(insns, len, err) < 0)
		return -1;
	if (gate_bpf_lift(space, insns, len, big_endian, &lifted, err) < 0 ||
	    gate_policy_normal(space, lifted, &lifted, err) < 0 || gate_policy_normal(space, policy, &wanted, err) < 0)
		return -1;
	if (lifted == wanted)
		return 0;
	if (gate_policy_combine(space, GATE_COMBINE_DIFFER, lifted, wanted, &differ, err) < 0)
		return -1;
	GATE_CHECK(gate_policy_witness(space, differ, &data));
	if (witness)
		*witness = data;
	return GATE_FAIL(
	    err, GATE_E_UNPROVEN,
	    "the program does not mean the policy: for call %u of architecture 0x%x the policy says %s, the "
	    "program %s",
	    data.nr, data.arch, gate_ret_word(gate_policy_decide(space, wanted, &data)),
	    gate_ret_word(gate_policy_decide(space, lifted, &data)));
}
