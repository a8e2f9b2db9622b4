#include "base/num.h"
#include "cli/change.h"

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
	gate_api_app_path(&path, id, gate_change_force(cli));
	(void)snprintf(body, sizeof(body), "{\"instances\": %llu}", (unsigned long long)n);
	if (gate_change_send(cli, "PATCH", &path, body, answer, err) < 0)
		return -1;
	(void)printf("app %s gets %llu task%s\n", id, (unsigned long long)n, n == 1 ? "" : "s");
	return 0;
}

static int run_scale(struct gate_cli *cli)
{
	return gate_change_each(cli, scale);
}

const struct gate_verb gate_verb_scale = {
	.name = "scale",
	.operands = "APP=NUMBER...",
	.summary = "how many tasks an app has",
	.about =
	    "Has the agent start or end tasks of an app until there are NUMBER of them. 0 suspends the app: its definition "
	    "stays. Which tasks end first is the app's killSelection.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_APP,
	.rest = GATE_OPERAND_APP,
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
