#include "cli/change.h"

static int delete (const struct gate_cli *cli, const char *word, struct gate_api_answer *answer, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	const char *id;
	bool job;

	if (gate_change_find(cli, word, &id, &job, err) < 0)
		return -1;
	if (job)
		gate_api_path(&path, "/v1/jobs/", id, gate_option_set(cli, "force") ? "?stopCurrentJobRuns=true" : "");
	else
		gate_api_app_path(&path, id, gate_change_force(cli));
	if (gate_change_send(cli, "DELETE", &path, NULL, answer, err) < 0)
		return -1;
	(void)printf("%s %s deleted\n", job ? "job" : "app", id);
	return 0;
}

static int run_delete(struct gate_cli *cli)
{
	return gate_change_each(cli, delete);
}

const struct gate_verb gate_verb_delete = {
	.name = "delete",
	.operands = "ID...",
	.summary = "end apps and jobs, and forget their definitions",
	.about =
	    "Has the agent end all tasks of an app and forget it, or forget a job and its history. A job with active runs is "
	    "refused unless --force ends them. An ID is of an app or a job; app/ID and job/ID say which.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_OWNER,
	.rest = GATE_OPERAND_OWNER,
	.least = 1,
	.most = -1,
	.groups = { gate_options_wait, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate delete /web --wait", "an app, and wait until its tasks have ended" },
		{ "callgate delete --force job/nightly", "a job and its active runs" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" },
	                                          { "1", "an ID is not there, no agent answers, or bad usage" },
	                                          { 0 } },
	.run = run_delete,
};
