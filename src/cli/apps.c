#include "cli/api.h"

/* "2/3" and why it is not more. */
static void row(struct gate_table *t, const struct gate_doc *app)
{
	uint64_t running = gate_api_number(app, "tasksRunning"), wanted = gate_api_number(app, "instances");
	uint64_t staged = gate_api_number(app, "tasksStaged"), bad = gate_api_number(app, "tasksUnhealthy");
	const struct gate_doc *deployments = gate_api_at(app, "deployments"),
			      *checks = gate_api_at(app, "healthChecks");
	bool checked = checks != NULL && checks->kind == GATE_DOC_ARRAY && checks->n_items > 0;
	const char *command = gate_api_text(app, "cmd"), *image = gate_api_text(app, "container.docker.image");
	const struct gate_doc *args = gate_api_at(app, "args");

	if (command[0] == '\0' && args != NULL && args->kind == GATE_DOC_ARRAY && args->n_items > 0)
		command = args->items[0].text;
	gate_table_add(t, GATE_STYLE_BOLD, "%s", gate_api_text(app, "id"));
	gate_table_add(t, running == wanted ? GATE_STYLE_GREEN : GATE_STYLE_YELLOW, "%llu/%llu",
	               (unsigned long long)running, (unsigned long long)wanted);
	if (!checked)
		gate_table_add(t, GATE_STYLE_PLAIN, "-");
	else
		gate_table_add(t, bad > 0 ? GATE_STYLE_RED : GATE_STYLE_PLAIN, "%llu/%llu",
		               (unsigned long long)gate_api_number(app, "tasksHealthy"), (unsigned long long)running);
	gate_table_add(t, GATE_STYLE_PLAIN, "%s",
	               deployments != NULL && deployments->n_items > 0 ? (staged > 0 ? "starting" : "deploying") : "-");
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_text(app, "cpus"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_text(app, "mem"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_seccomp(gate_api_at(app, "container.linuxInfo.seccomp")));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", command[0] != '\0' ? command : image);
}

static int run(struct gate_cli *cli)
{
	static const char *const heads[] = {
		"ID", "TASKS", "HEALTHY", "DEPLOYMENT", "CPUS", "MEM", "PROFILE", "COMMAND"
	};
	struct gate_api_answer list = GATE_API_ANSWER_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_table t;

	if (gate_api_get(cli, "/v2/apps?embed=apps.counts&embed=apps.deployments", &list, &err) < 0) {
		gate_api_answer_done(&list);
		return gate_api_trouble(cli, &err);
	}
	const struct gate_doc *apps = gate_api_at(list.doc, "apps");

	gate_table_init(&t, GATE_ARRAY_LEN(heads));
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads); i++)
		gate_table_add(&t, GATE_STYLE_BOLD, "%s", heads[i]);
	for (uint32_t i = 0; apps != NULL && apps->kind == GATE_DOC_ARRAY && i < apps->n_items; i++) {
		if (gate_option_set(cli, "quiet"))
			(void)printf("%s\n", gate_api_text(&apps->items[i], "id"));
		else
			row(&t, &apps->items[i]);
	}
	if (gate_cli_json(cli))
		gate_api_print(&list);
	else if (!gate_option_set(cli, "quiet"))
		gate_table_print(&t, stdout, cli->color_out, 0, gate_columns(stdout));
	gate_table_done(&t);
	gate_api_answer_done(&list);
	return 0;
}

const struct gate_verb gate_verb_apps = {
	.name = "apps",
	.operands = "",
	.summary = "list the agent's apps",
	.about =
	    "Lists the apps that the agent keeps running: how many of their tasks run and should, how many of those are healthy (- "
	    "without a health check), whether the agent is still changing something, what a task gets, its profile, and its "
	    "command or image. *default* is the profile of tasks that name none.",
	.class = GATE_CLASS_TASK,
	.least = 0,
	.most = 0,
	.groups = { (const struct gate_option[]){
			{ "quiet", 'q', NULL, NULL, NULL, GATE_OPERAND_NONE, "ids only" },
			{ "format", 0, "FORMAT", "table|json", "table", GATE_OPERAND_NONE,
	                  "*table* for people, or *json*: the answer of the agent's API" },
			{ 0 },
		    },
	            gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate apps", "what runs, and how much of it" },
		{ "callgate delete $(callgate apps -q)", "end all apps" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "no agent answers, or bad usage" }, { 0 } },
	.run = run,
};
