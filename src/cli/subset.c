#include "cli/cli.h"

static void print_json(const struct gate_cli *cli, const struct gate_asked *a, bool holds,
                       const struct gate_data *witness)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	enum gate_arch arch = gate_arch_of(witness->arch, witness->nr);
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "a");
	gate_json_text(&j, cli->operands[0]);
	gate_json_key(&j, "b");
	gate_json_text(&j, cli->operands[1]);
	gate_json_key(&j, "holds");
	gate_json_bool(&j, holds);
	gate_json_key(&j, "witness");
	if (holds) {
		gate_json_null(&j);
	} else {
		gate_data_json(&j, witness, a->facts.arch);
		for (int i = 0; i < 2; i++) {
			gate_json_key(&j, i == 0 ? "in_a" : "in_b");
			gate_json_object(&j);
			gate_verdict_json(&j, arch, gate_policy_decide(a->space, a->policies[i], witness));
			gate_json_end(&j, '}');
		}
	}
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static void print_text(const struct gate_cli *cli, const struct gate_asked *a, bool holds,
                       const struct gate_data *witness)
{
	enum gate_arch arch = gate_arch_of(witness->arch, witness->nr);
	char call[256], in_a[GATE_VERDICT_TEXT], in_b[GATE_VERDICT_TEXT];
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;

	if (holds) {
		gate_buf_printf(&out, "yes: %s allows nothing that %s does not", cli->operands[0], cli->operands[1]);
	} else {
		gate_call_text(witness, a->facts.arch, false, call, sizeof(call));
		gate_verdict_text(arch, gate_policy_decide(a->space, a->policies[0], witness), in_a);
		gate_verdict_text(arch, gate_policy_decide(a->space, a->policies[1], witness), in_b);
		gate_buf_printf(&out, "no: %s is %s in %s, but %s in %s", call, in_a, cli->operands[0], in_b,
		                cli->operands[1]);
	}
	GATE_AUTO(gate_buf_done) struct gate_buf shown = GATE_BUF_INIT;

	gate_buf_escaped(&shown, out.data != NULL ? out.data : "", out.len);
	(void)puts(shown.data != NULL ? shown.data : "");
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_asked_done) struct gate_asked a = { 0 };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_data witness = { 0 };
	bool holds = false;

	if (!gate_ask(cli, 2, &a))
		return gate_trouble_status(cli);
	if (gate_policy_subset(a.space, a.policies[0], a.policies[1], &holds, &witness, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	(gate_cli_json(cli) ? print_json : print_text)(cli, &a, holds, &witness);
	return holds ? 0 : 1;
}

const struct gate_verb gate_verb_subset = {
	.name = "subset",
	.operands = "A B",
	.summary = "does one source allow nothing that another does not?",
	.about =
	    "Compares by the kernel's order of actions (kill_process, kill_thread, trap, errno, notify, trace, log, allow, "
	    "strictest first): A is a subset of B when for every possible call A's action is at least as strict as B's. When "
	    "it is not, a call is printed that shows it. Numbers of errors do not count.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_SOURCE,
	.least = 2,
	.most = 2,
	.groups = { gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate subset web.json default", "does web.json allow nothing that the default profile refuses?" },
		{ "callgate subset pid:1234 web.json", "is the process confined at least as the file says?" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "it holds" },
		{ "1", "it does not, and a call shows it" },
		{ "2", "trouble" },
		{ 0 },
	    },
	.run = run,
};
