#include "cli/describe.h"

/* Digests are told apart by their beginning: "sha256:0123456789ab". */
static void add_digest(struct gate_table *t, const char *digest)
{
	const char *hex = strchr(digest, ':');

	hex = hex != NULL ? hex + 1 : digest;
	gate_table_add(t, GATE_STYLE_DIM, "%.12s", hex[0] != '\0' ? hex : "-");
}

static void row(struct gate_table *t, const struct gate_doc *p)
{
	const char *error = gate_api_text(p, "error");
	GATE_AUTO(gate_buf_done) struct gate_buf what = GATE_BUF_INIT;

	if (gate_api_true(p, "default"))
		gate_buf_puts(&what, "default");
	if (gate_api_true(p, "floor"))
		gate_buf_printf(&what, "%sfloor", what.len > 0 ? ", " : "");
	if (!gate_api_true(p, "allowed"))
		gate_buf_printf(&what, "%snot allowed", what.len > 0 ? ", " : "");
	gate_table_add(t, GATE_STYLE_BOLD, "%s", gate_api_text(p, "name"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", what.len > 0 ? what.data : "-");
	gate_table_add(t, GATE_STYLE_PLAIN, "%u", gate_api_count(p, "usedBy"));
	gate_table_add(t, gate_api_count(p, "olderTasks") > 0 ? GATE_STYLE_YELLOW : GATE_STYLE_PLAIN, "%u",
	               gate_api_count(p, "olderTasks"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%llu", (unsigned long long)gate_api_number(p, "findings"));
	add_digest(t, gate_api_text(p, "textDigest"));
	add_digest(t, gate_api_text(p, "meaningDigest"));
	gate_table_add(t, GATE_STYLE_RED, "%s", error);
}

static int show_one(const struct gate_cli *cli, const char *name)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_found f;

	if (gate_api_find(cli, name, GATE_THING_BIT(GATE_THING_PROFILE), &f, &err) < 0)
		return gate_api_trouble(cli, &err);
	if (gate_cli_json(cli))
		gate_api_print(&f.answer);
	else
		gate_describe_profile(cli, &f);
	gate_api_answer_done(&f.answer);
	return 0;
}

static int run(struct gate_cli *cli)
{
	static const char *const heads[] = { "NAME", "ROLE", "TASKS", "OLDER", "FINDINGS", "TEXT", "MEANING", "" };
	static const struct gate_api_list list = { .path = "/api/v1/profiles",
		                                   .member = "profiles",
		                                   .id = "name",
		                                   .heads = heads,
		                                   .n_heads = GATE_ARRAY_LEN(heads),
		                                   .row = row };

	return cli->n_operands > 0 ? show_one(cli, cli->operands[0]) : gate_api_show_list(cli, &list);
}

const struct gate_verb gate_verb_profiles = {
	.name = "profiles",
	.operands = "[NAME]",
	.summary = "list the agent's profiles, and who uses them",
	.about =
	    "Lists the files of the agent's profile directory: whether it is the default, the floor, or one that tasks may not "
	    "choose; how many running tasks have it, and how many of those were started under an older text of it; the number of its "
	    "findings; the beginnings of the digests of its text and of its meaning; and why it cannot be used, if so. With NAME "
	    "shows one of them: its digests, every finding, the tasks that have it.",
	.class = GATE_CLASS_TASK,
	.least = 0,
	.most = 1,
	.groups = { gate_options_list, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate profiles", "which are there, and who uses them" },
		{ "callgate profiles relaxed.json", "its tasks and its findings" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "no agent answers, or bad usage" }, { 0 } },
	.run = run,
};
