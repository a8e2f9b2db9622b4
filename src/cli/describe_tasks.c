#include "cli/describe.h"
#include "cli/tasks.h"

enum { TASKS_SHOWN = 20 };

void gate_describe_profile_of(const struct gate_doc *task, struct gate_buf *out)
{
	const char *name = gate_api_text(task, "profile.name");

	if (name[0] != '\0')
		gate_buf_escaped(out, name, strlen(name));
	else
		gate_buf_puts(out, gate_api_true(task, "profile.unconfined") ? "unconfined" : "none");
}

static enum gate_style style_of(const char *state)
{
	if (strcmp(state, "TASK_RUNNING") == 0)
		return GATE_STYLE_GREEN;
	return strcmp(state, "TASK_FAILED") == 0 || strcmp(state, "TASK_LOST") == 0 || strcmp(state, "TASK_ERROR") == 0
	           ? GATE_STYLE_RED
	           : GATE_STYLE_PLAIN;
}

/* --- refused calls --- */
void gate_denials_begin(struct gate_denials *d, bool tasks)
{
	static const char *const heads[] = { "CALL", "TIMES", "VERDICT", "PLACE", "PROGRAM", "TASK" };

	*d = (struct gate_denials){ .tasks = tasks };
	gate_table_init(&d->table, GATE_ARRAY_LEN(heads) - !tasks);
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads) - !tasks; i++)
		gate_table_add(&d->table, GATE_STYLE_BOLD, "%s", heads[i]);
}

void gate_denials_add(struct gate_denials *d, const struct gate_doc *task)
{
	const struct gate_doc *list = gate_api_at(task, "denials");

	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++, d->n++) {
		const struct gate_doc *one = &list->items[i];
		const char *name = gate_api_text(one, "syscall"), *place = gate_api_text(one, "place");

		gate_table_add(&d->table, GATE_STYLE_BOLD, "%s (%s, %s)", name[0] != '\0' ? name : "?",
		               gate_api_text(one, "number"), gate_api_text(one, "arch"));
		gate_table_add(&d->table, GATE_STYLE_PLAIN, "%s", gate_api_text(one, "count"));
		gate_table_add(&d->table, GATE_STYLE_RED, "%s", gate_api_text(one, "verdict"));
		gate_table_add(&d->table, GATE_STYLE_CYAN, "%s", place[0] != '\0' ? place : "-");
		gate_table_add(&d->table, GATE_STYLE_PLAIN, "%s", gate_api_text(one, "comm"));
		if (d->tasks)
			gate_table_add(&d->table, GATE_STYLE_PLAIN, "%s", gate_api_text(task, "id"));
	}
}

void gate_denials_print(const struct gate_cli *cli, struct gate_denials *d)
{
	if (d->n > 0) {
		(void)printf("\nrefused calls\n");
		gate_table_print(&d->table, stdout, cli->color_out, 2, gate_columns(stdout));
	}
	gate_table_done(&d->table);
}

/* --- tasks --- */
static void row(struct gate_table *t, const struct gate_doc *task)
{
	GATE_AUTO(gate_buf_done) struct gate_buf profile = GATE_BUF_INIT;
	const char *state = gate_api_text(task, "state");
	bool ended = gate_api_at(task, "endedAt") != NULL;
	char when[48];

	gate_describe_profile_of(task, &profile);
	gate_api_ago(task, ended ? "endedAt" : gate_api_at(task, "startedAt") != NULL ? "startedAt" : "stagedAt", when);
	gate_table_add(t, GATE_STYLE_BOLD, "%s", gate_api_text(task, "id"));
	gate_table_add(t, style_of(state), "%s", state);
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", when);
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", profile.data != NULL ? profile.data : "");
	gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_text(task, "message"));
}

static void print_tasks(const struct gate_cli *cli, const struct gate_doc *list)
{
	static const char *const heads[] = { "ID", "STATE", "SINCE", "PROFILE", "MESSAGE" };
	struct gate_denials denials;
	struct gate_table t;
	uint32_t shown = 0;

	gate_table_init(&t, GATE_ARRAY_LEN(heads));
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads); i++)
		gate_table_add(&t, GATE_STYLE_BOLD, "%s", heads[i]);
	gate_denials_begin(&denials, true);
	for (uint32_t i = list->n_items; i > 0 && shown < TASKS_SHOWN; i--, shown++) {
		row(&t, &list->items[i - 1]);
		gate_denials_add(&denials, &list->items[i - 1]);
	}
	(void)printf("\ntasks\n");
	gate_table_print(&t, stdout, cli->color_out, 2, gate_columns(stdout));
	if (shown < list->n_items)
		(void)printf("  … and %u older\n", list->n_items - shown);
	gate_table_done(&t);
	gate_denials_print(cli, &denials);
}

void gate_describe_tasks(const struct gate_cli *cli, const char *owner, const char *id)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	struct gate_api_answer answer = GATE_API_ANSWER_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *list;

	gate_buf_printf(&path, "/api/v1/tasks?owner=%s&id=", owner);
	gate_remote_escape(&path, id, true);
	if (path.failed || gate_api_get(cli, path.data, &answer, &err) < 0) {
		(void)gate_api_trouble(cli, &err);
	} else {
		list = gate_api_at(answer.doc, "tasks");
		if (list != NULL && list->kind == GATE_DOC_ARRAY && list->n_items > 0)
			print_tasks(cli, list);
	}
	gate_api_answer_done(&answer);
}
