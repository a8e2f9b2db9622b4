#include "cli/api.h"

/* "2/3" and why it is not more. */
static void row(struct gate_table *t, const struct gate_doc *app)
{
	uint64_t running = gate_api_number(app, "tasksRunning"), wanted = gate_api_number(app, "instances");
	uint64_t staged = gate_api_number(app, "tasksStaged"), bad = gate_api_number(app, "tasksUnhealthy");
	bool checked = gate_api_count(app, "healthChecks") > 0;
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
	               gate_api_count(app, "deployments") > 0 ? (staged > 0 ? "starting" : "deploying") : "-");
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
	static const struct gate_api_list list = { .path = "/v2/apps?embed=apps.counts&embed=apps.deployments",
		                                   .member = "apps",
		                                   .id = "id",
		                                   .heads = heads,
		                                   .n_heads = GATE_ARRAY_LEN(heads),
		                                   .row = row };

	return gate_api_show_list(cli, &list);
}

const struct gate_verb gate_verb_apps = {
	.name = "apps",
	.operands = "",
	.summary = "list the agent's apps",
	.about =
	    "Lists the apps that the agent keeps running: how many of their tasks run and should, how many of those are healthy (- "
	    "without a health check), whether the agent is still changing something, what a task gets, its profile, and its "
	    "command or image. An app that names no profile has a - there: its tasks get the agent's default, or no filter "
	    "where it has none; *callgate ps* says which.",
	.class = GATE_CLASS_TASK,
	.least = 0,
	.most = 0,
	.groups = { gate_options_list, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate apps", "what runs, and how much of it" },
		{ "callgate delete $(callgate apps -q)", "end all apps" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "no agent answers, or bad usage" }, { 0 } },
	.run = run,
};
