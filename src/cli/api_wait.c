#include <time.h>

#include "base/num.h"
#include "cli/api.h"
#include "cli/tasks.h"

const struct gate_option gate_options_wait[] = {
	{ "wait", 'w', NULL, NULL, NULL, GATE_OPERAND_NONE,
	  "return when it is done: every task of every app runs and is healthy" },
	{ "timeout", 0, "SECONDS", NULL, "300", GATE_OPERAND_NONE, "how long *--wait* waits; 0: for ever" },
	{ "force", 0, NULL, NULL, NULL, GATE_OPERAND_NONE, "end what the agent is still doing with the app" },
	{ 0 },
};

void gate_deployments_add(struct gate_deployments *d, const struct gate_api_answer *a)
{
	const struct gate_doc *list = gate_api_at(a->doc, "deployments");
	const char *id = gate_api_text(a->doc, "deploymentId");

	if (id[0] == '\0' && list != NULL && list->kind == GATE_DOC_ARRAY && list->n_items > 0)
		id = gate_api_text(&list->items[list->n_items - 1], "id");
	if (id[0] != '\0' && d->n < GATE_ARRAY_LEN(d->ids))
		(void)snprintf(d->ids[d->n++], sizeof(d->ids[0]), "%s", id);
}

/* The first of ours that goes on, or NULL; *apps says whose it is. */
static const struct gate_doc *goes_on(const struct gate_deployments *d, const struct gate_doc *list)
{
	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++)
		for (size_t k = 0; k < d->n; k++)
			if (strcmp(gate_api_text(&list->items[i], "id"), d->ids[k]) == 0)
				return &list->items[i];
	return NULL;
}

/* What keeps an app from running: the end of its last task. */
static int out_of_time(const struct gate_cli *cli, const struct gate_doc *deployment, uint64_t seconds,
                       struct gate_err *err)
{
	struct gate_api_answer app = GATE_API_ANSWER_INIT;
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	const struct gate_doc *apps = gate_api_at(deployment, "affectedApps");
	const char *id = apps != NULL && apps->kind == GATE_DOC_ARRAY && apps->n_items > 0 ? apps->items[0].text : "";
	const char *message = "";

	gate_api_app_path(&path, id, "?embed=app.lastTaskFailure");
	if (id[0] != '\0' && !path.failed && gate_api_get(cli, path.data, &app, NULL) == 0)
		message = gate_api_text(app.doc, "app.lastTaskFailure.message");
	gate_err_set(err, GATE_E_LIMIT, 0, "app '%s' is not done after %llu seconds%s%s", id,
	             (unsigned long long)seconds, message[0] != '\0' ? "; its last task failed: " : "", message);
	gate_api_answer_done(&app);
	return -1;
}

int gate_deployments_wait(const struct gate_cli *cli, const struct gate_deployments *d, uint64_t seconds,
                          struct gate_err *err)
{
	struct gate_api_answer list = GATE_API_ANSWER_INIT;
	const struct timespec pause = { 0, 150000000 };
	uint64_t until = gate_now_ns() + seconds * UINT64_C(1000000000);
	const struct gate_doc *one = NULL;
	int result = 0;

	while (d->n > 0 && (result = gate_api_get(cli, "/v2/deployments", &list, err)) == 0 &&
	       (one = goes_on(d, list.doc)) != NULL) {
		if (seconds > 0 && gate_now_ns() > until) {
			result = out_of_time(cli, one, seconds, err);
			break;
		}
		(void)nanosleep(&pause, NULL);
	}
	gate_api_answer_done(&list);
	return result;
}

int gate_api_wait(const struct gate_cli *cli, const struct gate_deployments *d)
{
	const char *timeout = gate_option_text(cli, "timeout");
	struct gate_err err = GATE_ERR_INIT;
	uint64_t seconds;

	if (!gate_option_set(cli, "wait"))
		return 0;
	if (gate_u64_parse(timeout, strlen(timeout), 1000000, &seconds) < 0) {
		gate_say(cli, "'--timeout' takes a number of seconds, not '%s'", timeout);
		return gate_trouble_status(cli);
	}
	return gate_deployments_wait(cli, d, seconds, &err) < 0 ? gate_api_trouble(cli, &err) : 0;
}
