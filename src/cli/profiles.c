#include "cli/describe.h"

static uint32_t count(const struct gate_doc *d, const char *way)
{
	d = gate_api_at(d, way);
	return d != NULL && d->kind == GATE_DOC_ARRAY ? d->n_items : 0;
}

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
	gate_table_add(t, GATE_STYLE_PLAIN, "%u", count(p, "usedBy"));
	gate_table_add(t, count(p, "olderTasks") > 0 ? GATE_STYLE_YELLOW : GATE_STYLE_PLAIN, "%u",
	               count(p, "olderTasks"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%llu", (unsigned long long)gate_api_number(p, "findings"));
	add_digest(t, gate_api_text(p, "textDigest"));
	add_digest(t, gate_api_text(p, "meaningDigest"));
	gate_table_add(t, GATE_STYLE_RED, "%s", error);
}

static void print_list(const struct gate_cli *cli, const struct gate_doc *list)
{
	static const char *const heads[] = { "NAME", "ROLE", "TASKS", "OLDER", "FINDINGS", "TEXT", "MEANING", "" };
	struct gate_table t;

	gate_table_init(&t, GATE_ARRAY_LEN(heads));
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads); i++)
		gate_table_add(&t, GATE_STYLE_BOLD, "%s", heads[i]);
	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++) {
		if (gate_option_set(cli, "quiet"))
			(void)printf("%s\n", gate_api_text(&list->items[i], "name"));
		else
			row(&t, &list->items[i]);
	}
	if (!gate_option_set(cli, "quiet"))
		gate_table_print(&t, stdout, cli->color_out, 0, gate_columns(stdout));
	gate_table_done(&t);
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
	if (cli->n_operands > 0)
		return show_one(cli, cli->operands[0]);
	struct gate_api_answer answer = GATE_API_ANSWER_INIT;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_api_get(cli, "/api/v1/profiles", &answer, &err) < 0) {
		gate_api_answer_done(&answer);
		return gate_api_trouble(cli, &err);
	}
	if (gate_cli_json(cli))
		gate_api_print(&answer);
	else
		print_list(cli, gate_api_at(answer.doc, "profiles"));
	gate_api_answer_done(&answer);
	return 0;
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
	.groups = { (const struct gate_option[]){
			{ "quiet", 'q', NULL, NULL, NULL, GATE_OPERAND_NONE, "names only" },
			{ "format", 0, "FORMAT", "table|json", "table", GATE_OPERAND_NONE,
	                  "*table* for people, or *json*: the answer of the agent's API" },
			{ 0 },
		    },
	            gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate profiles", "which are there, and who uses them" },
		{ "callgate profiles relaxed.json", "its tasks and its findings" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "no agent answers, or bad usage" }, { 0 } },
	.run = run,
};
