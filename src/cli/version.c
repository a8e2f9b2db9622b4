#include "cli/cli.h"

static int run(struct gate_cli *cli)
{
	(void)cli;
	(void)puts("callgate " GATE_VERSION);
	return 0;
}

const struct gate_verb gate_verb_version = {
	.name = "version",
	.operands = "",
	.summary = "the version of callgate",
	.about = "Prints one line.",
	.class = GATE_CLASS_ANALYSIS,
	.examples = (const struct gate_example[]){
		{ "callgate --version", "one line" },
		{ 0 },
	},
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "2", "bad usage" }, { 0 } },
	.run = run,
};
