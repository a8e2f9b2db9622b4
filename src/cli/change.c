#include "cli/change.h"

int gate_change_send(const struct gate_cli *cli, const char *method, const struct gate_buf *path, const char *body,
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

int gate_change_each(const struct gate_cli *cli, gate_change_fn *fn)
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
	return status == 0 ? gate_api_wait(cli, &deployments) : status;
}

int gate_change_find(const struct gate_cli *cli, const char *word, const char **id, bool *job, struct gate_err *err)
{
	struct gate_found f;

	if (gate_api_find(cli, word, GATE_THING_BIT(GATE_THING_APP) | GATE_THING_BIT(GATE_THING_JOB), &f, err) < 0)
		return -1;
	gate_api_answer_done(&f.answer);
	*id = f.id;
	*job = f.thing == GATE_THING_JOB;
	return 0;
}

const char *gate_change_force(const struct gate_cli *cli)
{
	return gate_option_set(cli, "force") ? "?force=true" : "";
}
