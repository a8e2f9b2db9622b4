#include "cli/cli.h"

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_asked_done) struct gate_asked a = { 0 };
	bool unite = gate_option_set(cli, "union"), intersect = gate_option_set(cli, "intersect");
	struct gate_err err = GATE_ERR_INIT;
	GATE_AUTOFREE char *text = NULL;

	if (unite == intersect) {
		gate_say(cli,
		         unite ? "merge takes --union or --intersect, not both" : "merge needs --union or --intersect");
		gate_hint(cli, "callgate help merge");
		return gate_trouble_status(cli);
	}
	if (!gate_ask(cli, cli->n_operands, &a))
		return gate_trouble_status(cli);
	gate_policy merged = a.policies[0];
	uint32_t merged_flags = 0, flags;

	for (int i = 0; i < a.n; i++) {
		if (gate_source_flags(a.sources[i], &flags, &err) < 0 ||
		    gate_policy_combine(a.space, unite ? GATE_COMBINE_UNION : GATE_COMBINE_INTERSECT, merged,
		                        a.policies[i], &merged, &err) < 0)
			return gate_trouble(cli, a.sources[i], &err);
		merged_flags = i == 0 ? flags : unite ? merged_flags | flags : merged_flags & flags;
	}
	if (gate_policy_write(a.space, merged, &a.facts, gate_option_text(cli, "to"), merged_flags, &text, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	return gate_ask_write(cli, text, strlen(text)) ? 0 : gate_trouble_status(cli);
}

const struct gate_verb gate_verb_merge = {
	.name = "merge",
	.operands = "A B...",
	.summary = "the union or the intersection of sources, as a profile",
	.about =
	    "--union: a call is allowed where any of the sources allows it; of different actions the least strict counts. "
	    "--intersect: where all of them allow it; the strictest counts, as when the kernel runs several filters. Among "
	    "actions that are as strict, that of the first source. What is written is read back and compared first.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_SOURCE,
	.least = 2,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "union", 0, NULL, NULL, NULL, GATE_OPERAND_NONE, "allow what any of them allows" },
			{ "intersect", 0, NULL, NULL, NULL, GATE_OPERAND_NONE, "allow what all of them allow" },
			{ "to", 0, "DIALECT", "callgate|docker|oci|podman", "callgate", GATE_OPERAND_NONE,
	                  "the dialect of the file" },
			{ "output", 'o', "FILE", NULL, NULL, GATE_OPERAND_FILE,
	                  "write to FILE, whole or not at all (default: standard output)" },
			{ 0 },
		    },
	            gate_options_source },
	.examples =
	    (const struct gate_example[]){
		{ "callgate merge --union day.json night.json -o both.json", "what either run needed" },
		{ "callgate merge --intersect web.json default -o web.json", "never more than the default profile" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "written" },
		{ "2", "a source cannot be read, the dialect cannot say it, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
