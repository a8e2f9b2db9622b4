#include "cli/cli.h"

struct proof {
	const char *program; /* its file, NULL: what the compiler makes */
	bool proven;
	size_t instructions;
	struct gate_data witness;
	uint32_t says, does; /* on the witness: the source, the program */
	char meaning[GATE_POLICY_DIGEST_TEXT];
};

static void print_json(const struct gate_cli *cli, const struct gate_facts *facts, const struct proof *p)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	enum gate_arch arch = gate_arch_of(p->witness.arch, p->witness.nr);
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "source");
	gate_json_text(&j, cli->operands[0]);
	gate_json_key(&j, "program");
	gate_json_text(&j, p->program);
	gate_json_key(&j, "proven");
	gate_json_bool(&j, p->proven);
	gate_json_key(&j, "instructions");
	gate_json_u64(&j, p->instructions);
	gate_json_key(&j, "meaning");
	gate_json_text(&j, p->meaning);
	gate_json_key(&j, "witness");
	if (p->proven) {
		gate_json_null(&j);
	} else {
		gate_data_json(&j, &p->witness, facts->arch);
		gate_json_key(&j, "source_says");
		gate_json_object(&j);
		gate_verdict_json(&j, arch, p->says);
		gate_json_end(&j, '}');
		gate_json_key(&j, "program_does");
		gate_json_object(&j);
		gate_verdict_json(&j, arch, p->does);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static void print_text(const struct gate_cli *cli, const struct gate_facts *facts, const struct proof *p)
{
	enum gate_arch arch = gate_arch_of(p->witness.arch, p->witness.nr);
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT, shown = GATE_BUF_INIT;
	char call[256], says[GATE_VERDICT_TEXT], does[GATE_VERDICT_TEXT];

	if (p->proven) {
		gate_buf_printf(&out, "proven: %zu instructions mean what %s means, %s", p->instructions,
		                cli->operands[0], p->meaning);
	} else {
		gate_call_text(&p->witness, facts->arch, true, call, sizeof(call));
		gate_verdict_text(arch, p->says, says);
		gate_verdict_text(arch, p->does, does);
		gate_buf_printf(&out, "not the same: %s is %s in %s, but the program returns %s", call, says,
		                cli->operands[0], does);
	}
	gate_buf_escaped(&shown, out.data != NULL ? out.data : "", out.len);
	(void)puts(shown.data != NULL ? shown.data : "");
}

/* The program of the second operand. *ret is set when an answer was found, whichever. */
static int verify_file(struct gate_source *source, const struct gate_facts *facts, gate_policy policy,
                       struct gate_space *space, struct proof *ret, struct gate_err *err)
{
	GATE_AUTOFREE struct gate_insn *insns = NULL;

	if (gate_program_read(ret->program, &insns, &ret->instructions, err) < 0)
		return -1;
	ret->proven = gate_source_verify(source, insns, ret->instructions, &ret->witness, err) == 0;
	if (ret->proven)
		return 0;
	if (err->code != GATE_E_UNPROVEN)
		return -1;
	ret->says = gate_policy_decide(space, policy, &ret->witness);
	ret->does = gate_ret_normal(gate_bpf_run(insns, ret->instructions, gate_arch_info(facts->arch)->big_endian,
	                                         &ret->witness, NULL, NULL, NULL));
	return 0;
}

static int verify_compiler(const struct gate_cli *cli, struct gate_source *source, struct proof *ret,
                           struct gate_err *err)
{
	GATE_AUTO(gate_compiled_freep) struct gate_compiled *compiled = NULL;

	if (gate_source_compile(source, NULL, &compiled, err) < 0)
		return -1;
	if (compiled->len == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is unconfined: there is no program to prove",
		                 cli->operands[0]);
	ret->instructions = compiled->len;
	ret->proven = true;
	return 0;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_asked_done) struct gate_asked a = { 0 };
	struct gate_err err = GATE_ERR_INIT;
	struct proof proof = { .program = cli->n_operands > 1 ? cli->operands[1] : NULL };

	if (!gate_ask(cli, 1, &a))
		return gate_trouble_status(cli);
	if (gate_policy_digest(a.space, a.policies[0], proof.meaning, &err) < 0)
		return gate_trouble(cli, a.sources[0], &err);
	if (proof.program != NULL ? verify_file(a.sources[0], &a.facts, a.policies[0], a.space, &proof, &err) < 0
	                          : verify_compiler(cli, a.sources[0], &proof, &err) < 0)
		return gate_trouble(cli, a.sources[0], &err);
	(gate_cli_json(cli) ? print_json : print_text)(cli, &a.facts, &proof);
	return proof.proven ? 0 : 1;
}

const struct gate_verb gate_verb_verify = {
	.name = "verify",
	.operands = "SOURCE [FILE]",
	.summary = "prove that a program means what a source means, or give the call on which they differ",
	.about =
	    "Turns the raw program in FILE into a policy and compares it with SOURCE for every possible call. Without FILE: "
	    "compiles SOURCE and proves that, past the cache. Programs from any compiler can be proven.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_FILE,
	.least = 1,
	.most = 2,
	.groups = { gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate verify web.json web.bpf", "does this program mean what the file says?" },
		{ "callgate verify docker:web.json runc.bpf", "is that what runc was told to load?" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "proven" },
		{ "1", "a call on which they differ" },
		{ "2", "cannot be read or decided" },
		{ 0 },
	    },
	.run = run,
};
