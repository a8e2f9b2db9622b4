#include "cli/cli.h"

static void print(const struct gate_cli *cli, const char *word, const char *digest)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	if (!gate_cli_json(cli)) {
		gate_buf_escaped(&out, word, strlen(word));
		(void)printf("%s  %s\n", digest, out.data != NULL ? out.data : "");
		return;
	}
	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "source");
	gate_json_text(&j, word);
	gate_json_key(&j, "digest");
	gate_json_text(&j, digest);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_asked_done) struct gate_asked a = { 0 };
	struct gate_err err = GATE_ERR_INIT;
	char text[GATE_POLICY_DIGEST_TEXT];

	if (!gate_ask(cli, cli->n_operands, &a))
		return gate_trouble_status(cli);
	for (int i = 0; i < a.n; i++) {
		if (gate_policy_digest(a.space, a.policies[i], text, &err) < 0)
			return gate_trouble(cli, a.sources[i], &err);
		print(cli, cli->operands[i], text);
	}
	return 0;
}

const struct gate_verb gate_verb_digest = {
	.name = "digest",
	.operands = "SOURCE...",
	.summary = "a name for the meaning: the same for all that mean the same",
	.about =
	    "Prints the canonical digest of what each SOURCE means (callgate-digest(7)). Two sources have the same digest "
	    "exactly when every possible call has the same verdict under both, whatever their order of rules, grouping, "
	    "dialect or host.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_SOURCE,
	.least = 1,
	.most = -1,
	.groups = { gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate digest web.json docker:web.json", "does Docker read it as written?" },
		{ "callgate digest pid:1234", "what does this process run under?" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){ { "0", "done" }, { "2", "a source cannot be read, or bad usage" }, { 0 } },
	.run = run,
};
