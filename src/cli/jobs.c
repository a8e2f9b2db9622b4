#include "cli/api.h"

static void row(struct gate_table *t, const struct gate_doc *job)
{
	uint64_t good = gate_api_time(job, "historySummary.lastSuccessAt"),
		 bad = gate_api_time(job, "historySummary.lastFailureAt");
	uint32_t active = gate_api_count(job, "activeRuns");
	bool scheduled = gate_api_count(job, "schedules") > 0;
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
	gate_table_add(t, GATE_STYLE_PLAIN, "%s",
	               scheduled ? gate_api_text(&gate_api_at(job, "schedules")->items[0], "cron") : "-");
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_seccomp(gate_api_at(job, "run.linuxInfo.seccomp")));
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_text(job, "run.cmd"));
}

static int run(struct gate_cli *cli)
{
	static const char *const heads[] = { "ID",     "STATUS",   "LAST RUN", "SUCCEEDED",
		                             "FAILED", "SCHEDULE", "PROFILE",  "COMMAND" };
	static const struct gate_api_list list = { .path =
		                                       "/v1/jobs?embed=activeRuns&embed=schedules&embed=historySummary",
		                                   .member = NULL,
		                                   .id = "id",
		                                   .heads = heads,
		                                   .n_heads = GATE_ARRAY_LEN(heads),
		                                   .row = row };

	return gate_api_show_list(cli, &list);
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
	.groups = { gate_options_list, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate jobs", "how did the last runs end?" },
		{ "callgate describe job/nightly", "all runs of one of them" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "no agent answers, or bad usage" }, { 0 } },
	.run = run,
};
