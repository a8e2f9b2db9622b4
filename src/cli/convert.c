#include "cli/cli.h"

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_asked_done) struct gate_asked a = { 0 };
	const char *dialect = gate_option_text(cli, "to");
	struct gate_err err = GATE_ERR_INIT;
	GATE_AUTOFREE char *text = NULL;
	uint32_t flags = 0;

	if (dialect == NULL) {
		gate_say(cli, "convert needs --to=docker, oci, podman or callgate");
		gate_hint(cli, "callgate help convert");
		return gate_trouble_status(cli);
	}
	if (!gate_ask(cli, 1, &a))
		return gate_trouble_status(cli);
	if (gate_source_flags(a.sources[0], &flags, &err) < 0)
		return gate_trouble(cli, a.sources[0], &err);
	if (gate_policy_write(a.space, a.policies[0], &a.facts, dialect, flags, &text, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	return gate_ask_write(cli, text, strlen(text)) ? 0 : gate_trouble_status(cli);
}

const struct gate_verb gate_verb_convert = {
	.name = "convert",
	.operands = "SOURCE",
	.summary = "a profile in another dialect with the same meaning",
	.about =
	    "Writes what SOURCE means as a profile for another engine: resolved for the capabilities (--caps) and the kernel "
	    "(--kernel) where the dialect cannot say such conditions, as a Docker profile for containerd. The file is read back as "
	    "that engine reads it and compared before it is written; what the dialect cannot say is an error that names a call.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.least = 1,
	.most = 1,
	.groups = { (const struct gate_option[]){
			{ "to", 0, "DIALECT", "docker|oci|podman|callgate", NULL, GATE_OPERAND_NONE,
	                  "*docker*, *oci* (containerd, cri-o, runc, crun), *podman*, or *callgate*'s own meaning" },
			{ "output", 'o', "FILE", NULL, NULL, GATE_OPERAND_FILE,
	                  "write to FILE, whole or not at all (default: standard output)" },
			{ 0 },
		    },
	            gate_options_source },
	.examples =
	    (const struct gate_example[]){
		{ "callgate convert docker.json --to=oci --caps=none -o k8s.json", "for a Kubernetes node" },
		{ "callgate convert pid:1234 --to=docker -o found.json", "a profile out of a living process" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "written" },
		{ "2", "the source cannot be read, the dialect cannot say it, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
