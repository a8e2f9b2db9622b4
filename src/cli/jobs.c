#include "cli/api.h"

static void row(struct gate_table *t, const struct gate_doc *job)
{
	const struct gate_doc *runs = gate_api_at(job, "activeRuns"), *schedules = gate_api_at(job, "schedules");
	uint64_t good = gate_api_time(job, "historySummary.lastSuccessAt"),
		 bad = gate_api_time(job, "historySummary.lastFailureAt");
	uint32_t active = runs != NULL && runs->kind == GATE_DOC_ARRAY ? runs->n_items : 0;
	bool scheduled = schedules != NULL && schedules->kind == GATE_DOC_ARRAY && schedules->n_items > 0;
	char when[48];

	gate_api_ago(job, good > bad ? "historySummary.lastSuccessAt" : "historySummary.lastFailureAt", when);
	gate_table_add(t, GATE_STYLE_BOLD, "%s", gate_api_text(job, "id"));
	gate_table_add(t, active > 0 ? GATE_STYLE_GREEN : GATE_STYLE_PLAIN, "%s",
	               active > 0  ? "running"
	               : scheduled ? "scheduled"
	                           : "-");
	if (good == 0 && bad == 0)
		gate_table_add(t, GATE_STYLE_PLAIN, "-");
	else
		gate_table_add(t, good > bad ? GATE_STYLE_PLAIN : GATE_STYLE_RED, "%s %s",
		               good > bad ? "succeeded" : "failed", when);
	gate_table_add(t, GATE_STYLE_PLAIN, "%llu",
	               (unsigned long long)gate_api_number(job, "historySummary.successCount"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%llu",
	               (unsigned long long)gate_api_number(job, "historySummary.failureCount"));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", scheduled ? gate_api_text(&schedules->items[0], "cron") : "-");
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_seccomp(gate_api_at(job, "run.linuxInfo.seccomp")));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_text(job, "run.cmd"));
}

static int run(struct gate_cli *cli)
{
	static const char *const heads[] = { "ID",     "STATUS",   "LAST RUN", "SUCCEEDED",
		                             "FAILED", "SCHEDULE", "PROFILE",  "COMMAND" };
	struct gate_api_answer list = GATE_API_ANSWER_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_table t;

	if (gate_api_get(cli, "/v1/jobs?embed=activeRuns&embed=schedules&embed=historySummary", &list, &err) < 0) {
		gate_api_answer_done(&list);
		return gate_api_trouble(cli, &err);
	}
	gate_table_init(&t, GATE_ARRAY_LEN(heads));
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads); i++)
		gate_table_add(&t, GATE_STYLE_BOLD, "%s", heads[i]);
	for (uint32_t i = 0; list.doc->kind == GATE_DOC_ARRAY && i < list.doc->n_items; i++) {
		if (gate_option_set(cli, "quiet"))
			(void)printf("%s\n", gate_api_text(&list.doc->items[i], "id"));
		else
			row(&t, &list.doc->items[i]);
	}
	if (gate_cli_json(cli))
		gate_api_print(&list);
	else if (!gate_option_set(cli, "quiet"))
		gate_table_print(&t, stdout, cli->color_out, 0, gate_columns(stdout));
	gate_table_done(&t);
	gate_api_answer_done(&list);
	return 0;
}

const struct gate_verb gate_verb_jobs = {
	.name = "jobs",
	.operands = "",
	.summary = "list the agent's jobs",
	.about =
	    "Lists the jobs that the agent knows: whether one of its runs is active, how the last one ended and when, how many "
	    "succeeded and failed, when it runs by itself, its profile, and its command. *callgate restart* starts a run by hand.",
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
		{ "callgate jobs", "how did the last runs end?" },
		{ "callgate describe job/nightly", "all runs of one of them" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "no agent answers, or bad usage" }, { 0 } },
	.run = run,
};
