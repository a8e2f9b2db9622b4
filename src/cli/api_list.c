#include "cli/api.h"

const struct gate_option gate_options_list[] = {
	{ "quiet", 'q', NULL, NULL, NULL, GATE_OPERAND_NONE, "ids or names only" },
	{ "format", 0, "FORMAT", "table|json", "table", GATE_OPERAND_NONE,
	  "*table* for people, or *json*: the answer of the agent's API" },
	{ 0 },
};

uint32_t gate_api_count(const struct gate_doc *d, const char *way)
{
	d = gate_api_at(d, way);
	return d != NULL && d->kind == GATE_DOC_ARRAY ? d->n_items : 0;
}

static void print_ids(const struct gate_doc *items, const char *id)
{
	for (uint32_t i = 0; i < items->n_items; i++)
		(void)printf("%s\n", gate_api_text(&items->items[i], id));
}

static void print_table(const struct gate_cli *cli, const struct gate_api_list *list, const struct gate_doc *items)
{
	struct gate_table t;

	gate_table_init(&t, list->n_heads);
	for (unsigned i = 0; i < list->n_heads; i++)
		gate_table_add(&t, GATE_STYLE_BOLD, "%s", list->heads[i]);
	for (uint32_t i = 0; i < items->n_items; i++)
		list->row(&t, &items->items[i]);
	gate_table_print(&t, stdout, cli->color_out, 0, gate_columns(stdout));
	gate_table_done(&t);
}

int gate_api_show_list(const struct gate_cli *cli, const struct gate_api_list *list)
{
	struct gate_api_answer answer = GATE_API_ANSWER_INIT;
	struct gate_err err = GATE_ERR_INIT;
	int status = 0;

	if (gate_api_get(cli, list->path, &answer, &err) < 0) {
		gate_api_answer_done(&answer);
		return gate_api_trouble(cli, &err);
	}
	const struct gate_doc *items = list->member != NULL ? gate_api_at(answer.doc, list->member) : answer.doc;

	if (items == NULL || items->kind != GATE_DOC_ARRAY) {
		gate_err_set(&err, GATE_E_PROTO, 0, "the agent's answer to '%s' has no list", list->path);
		status = gate_api_trouble(cli, &err);
	} else if (gate_option_set(cli, "quiet")) {
		print_ids(items, list->id);
	} else if (gate_cli_json(cli)) {
		gate_api_print(&answer);
	} else {
		print_table(cli, list, items);
	}
	gate_api_answer_done(&answer);
	return status;
}
