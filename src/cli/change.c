/* The verbs that change an app or a job with one call: restart, scale, delete. */
#include "base/num.h"
#include "cli/api.h"

static int send(const struct gate_cli *cli, const char *method, const struct gate_buf *path, const char *body,
                struct gate_api_answer *ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf json = GATE_BUF_INIT;

	if (path->failed)
		return GATE_FAIL_NOMEM(err);
	if (body != NULL)
		gate_buf_puts(&json, body);
	if (gate_api_call(cli, method, path->data, body != NULL ? &json : NULL, ret, err) < 0)
		return -1;
	return ret->status >= 200 && ret->status < 300 ? 0 : gate_api_refused(ret, err);
}

/* Does fn for each operand, says what it is done to, and goes on after trouble. */
typedef int change_fn(const struct gate_cli *cli, const char *word, struct gate_api_answer *answer,
                      struct gate_err *err);

static int each(const struct gate_cli *cli, change_fn *fn, bool waits)
{
	struct gate_deployments deployments = { 0 };
	int status = 0;

	for (int i = 0; i < cli->n_operands; i++) {
		struct gate_api_answer answer = GATE_API_ANSWER_INIT;
		struct gate_err err = GATE_ERR_INIT;

		if (fn(cli, cli->operands[i], &answer, &err) < 0)
			status = gate_api_trouble(cli, &err);
		else
			gate_deployments_add(&deployments, &answer);
		gate_api_answer_done(&answer);
		(void)fflush(stdout);
	}
	return status == 0 && waits ? gate_api_wait(cli, &deployments) : status;
}

static const char *force(const struct gate_cli *cli)
{
	return gate_option_set(cli, "force") ? "?force=true" : "";
}

/* --- restart --- */
static int restart(const struct gate_cli *cli, const char *word, struct gate_api_answer *answer, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	struct gate_found f;
	bool job;

	if (gate_api_find(cli, word, GATE_THING_BIT(GATE_THING_APP) | GATE_THING_BIT(GATE_THING_JOB), &f, err) < 0)
		return -1;
	gate_api_answer_done(&f.answer);
	job = f.thing == GATE_THING_JOB;
	if (job)
		gate_api_path(&path, "/v1/jobs/", f.id, "/runs");
	else
		gate_api_app_path(&path, f.id, "/restart");
	if (!job)
		gate_buf_puts(&path, force(cli));
	if (send(cli, "POST", &path, NULL, answer, err) < 0)
		return -1;
	if (job)
		(void)printf("job %s runs as %s\n", f.id, gate_api_text(answer->doc, "id"));
	else
		(void)printf("app %s restarts\n", f.id);
	return 0;
}

static int run_restart(struct gate_cli *cli)
{
	return each(cli, restart, true);
}

const struct gate_verb gate_verb_restart = {
	.name = "restart",
	.operands = "ID...",
	.summary = "new tasks for an app, or a new run of a job",
	.about =
	    "Has the agent replace all tasks of an app by new ones, as many at once as the app's upgradeStrategy says, or start a "
	    "run of a job now. An ID is of an app or a job; app/ID and job/ID say which.",
	.class = GATE_CLASS_TASK,
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

/* --- scale --- */
static int scale(const struct gate_cli *cli, const char *word, struct gate_api_answer *answer, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	const char *equals = strrchr(word, '=');
	char *id = strndupa(word, equals != NULL ? (size_t)(equals - word) : strlen(word)), body[64];
	uint64_t n;

	if (equals == NULL || id[0] == '\0' || gate_u64_parse(equals + 1, strlen(equals + 1), 100000, &n) < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' is not APP=NUMBER", word);
	if (strncmp(id, "app/", 4) == 0)
		id += 4;
	gate_api_app_path(&path, id, force(cli));
	(void)snprintf(body, sizeof(body), "{\"instances\": %llu}", (unsigned long long)n);
	if (send(cli, "PATCH", &path, body, answer, err) < 0)
		return -1;
	(void)printf("app %s gets %llu task%s\n", id, (unsigned long long)n, n == 1 ? "" : "s");
	return 0;
}

static int run_scale(struct gate_cli *cli)
{
	return each(cli, scale, true);
}

const struct gate_verb gate_verb_scale = {
	.name = "scale",
	.operands = "APP=NUMBER...",
	.summary = "how many tasks an app has",
	.about =
	    "Has the agent start or end tasks of an app until there are NUMBER of them. 0 suspends the app: its definition "
	    "stays. Which tasks end first is the app's killSelection.",
	.class = GATE_CLASS_TASK,
	.least = 1,
	.most = -1,
	.groups = { gate_options_wait, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate scale /web=3 --wait", "three, and wait until they run" },
		{ "callgate scale /web=0 /worker=0", "suspend two apps" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" },
	                                          { "1", "an APP is not there, no agent answers, or bad usage" },
	                                          { 0 } },
	.run = run_scale,
};

/* --- delete --- */
static int delete (const struct gate_cli *cli, const char *word, struct gate_api_answer *answer, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	struct gate_found f;

	if (gate_api_find(cli, word, GATE_THING_BIT(GATE_THING_APP) | GATE_THING_BIT(GATE_THING_JOB), &f, err) < 0)
		return -1;
	gate_api_answer_done(&f.answer);
	if (f.thing == GATE_THING_JOB)
		gate_api_path(&path, "/v1/jobs/", f.id,
		              gate_option_set(cli, "force") ? "?stopCurrentJobRuns=true" : "");
	else
		gate_api_app_path(&path, f.id, force(cli));
	if (send(cli, "DELETE", &path, NULL, answer, err) < 0)
		return -1;
	(void)printf("%s %s deleted\n", gate_thing_name(f.thing), f.id);
	return 0;
}

static int run_delete(struct gate_cli *cli)
{
	return each(cli, delete, true);
}

const struct gate_verb gate_verb_delete = {
	.name = "delete",
	.operands = "ID...",
	.summary = "end apps and jobs, and forget their definitions",
	.about =
	    "Has the agent end all tasks of an app and forget it, or forget a job and its history. A job with active runs is "
	    "refused unless --force ends them. An ID is of an app or a job; app/ID and job/ID say which.",
	.class = GATE_CLASS_TASK,
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
