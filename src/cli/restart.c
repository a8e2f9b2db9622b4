#include "cli/change.h"

static int restart(const struct gate_cli *cli, const char *word, struct gate_api_answer *answer, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	const char *id;
	bool job;

	if (gate_change_find(cli, word, &id, &job, err) < 0)
		return -1;
	if (job)
		gate_api_path(&path, "/v1/jobs/", id, "/runs");
	else
		gate_api_app_path(&path, id, "/restart");
	if (!job)
		gate_buf_puts(&path, gate_change_force(cli));
	if (gate_change_send(cli, "POST", &path, NULL, answer, err) < 0)
		return -1;
	if (job)
		(void)printf("job %s runs as %s\n", id, gate_api_text(answer->doc, "id"));
	else
		(void)printf("app %s restarts\n", id);
	return 0;
}

static int run_restart(struct gate_cli *cli)
{
	return gate_change_each(cli, restart);
}

const struct gate_verb gate_verb_restart = {
	.name = "restart",
	.operands = "ID...",
	.summary = "new tasks for an app, or a new run of a job",
	.about =
	    "Has the agent replace all tasks of an app by new ones, as many at once as the app's upgradeStrategy says, or start a "
	    "run of a job now. An ID is of an app or a job; app/ID and job/ID say which.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_OWNER,
	.rest = GATE_OPERAND_OWNER,
	.least = 1,
	.most = -1,
	.groups = { gate_options_wait, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate restart /web --wait", "an app, and wait until the new tasks run" },
		{ "callgate restart job/nightly", "a job, now" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" },
	                                          { "1", "an ID is not there, no agent answers, or bad usage" },
	                                          { 0 } },
	.run = run_restart,
};
