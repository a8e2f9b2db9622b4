#include "cli/cli.h"

static int run(struct gate_cli *cli)
{
	const char *section = gate_option_text(cli, "scdoc");
	const struct gate_verb *verb;

	if (cli->n_operands == 0) {
		gate_help_general(cli, stdout);
		return 0;
	}
	verb = gate_verb_find(cli->operands[0]);
	if (verb == NULL) {
		char names[1024], near[96];

		gate_verb_names(names, sizeof(names));
		gate_suggest_text(cli->operands[0], names, near, sizeof(near));
		gate_say(cli, "no help for '%s'%s", cli->operands[0], near);
		return gate_trouble_status(cli);
	}
	if (section == NULL)
		gate_help_verb(cli, verb, stdout);
	else
		(void)gate_help_scdoc(verb, section, stdout);
	return 0;
}

const struct gate_verb gate_verb_help = {
	.name = "help",
	.operands = "[VERB]",
	.summary = "all verbs, or one with its options and examples",
	.about =
	    "Without a VERB: one line for every verb. With one: what it does, its options, examples, and what its exit "
	    "status means.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_VERB,
	.least = 0,
	.most = 1,
	.groups = { (const struct gate_option[]){
	    { "scdoc", 0, "SECTION", "synopsis|description|options|status|examples", NULL, GATE_OPERAND_NONE,
	      "print a section of the verb's manual page in the language of scdoc(5), as the build does" },
	    { 0 },
	} },
	.examples =
	    (const struct gate_example[]){
		{ "callgate help", "all verbs" },
		{ "callgate help explain", "the options and examples of one" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "2", "no such verb" }, { 0 } },
	.run = run,
};
