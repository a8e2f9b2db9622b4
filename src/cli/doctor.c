#include <callgate/host.h>

#include "cli/cli.h"

static void print_json(const struct gate_host_fact *f)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "group");
	gate_json_text(&j, f->group);
	gate_json_key(&j, "id");
	gate_json_text(&j, f->id);
	gate_json_key(&j, "name");
	gate_json_text(&j, f->name);
	gate_json_key(&j, "state");
	gate_json_text(&j, gate_host_state_name(f->state));
	gate_json_key(&j, "value");
	gate_json_text(&j, f->value);
	gate_json_key(&j, "needed_for");
	gate_json_text(&j, f->needed_for);
	gate_json_key(&j, "without");
	gate_json_text(&j, f->without);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static void print_text(const struct gate_cli *cli, const struct gate_host_fact *f, const char *last_group)
{
	static const enum gate_style styles[] = {
		[GATE_HOST_UNKNOWN] = GATE_STYLE_YELLOW,
		[GATE_HOST_NO] = GATE_STYLE_RED,
		[GATE_HOST_YES] = GATE_STYLE_GREEN,
	};
	GATE_AUTO(gate_buf_done) struct gate_buf value = GATE_BUF_INIT;
	bool color = cli->color_out;
	const char *off = gate_style(color, GATE_STYLE_PLAIN);
	unsigned width = gate_columns(stdout);

	gate_buf_escaped(&value, f->value, strlen(f->value));
	if (last_group == NULL || strcmp(last_group, f->group) != 0)
		(void)printf("%s%s%s%s\n", last_group != NULL ? "\n" : "", gate_style(color, GATE_STYLE_BOLD), f->group,
		             off);
	(void)printf("  %s%-7s%s %s%s%s\n", gate_style(color, styles[f->state]), gate_host_state_name(f->state), off,
	             f->name, value.len > 0 ? ": " : "", value.len > 0 && value.data != NULL ? value.data : "");
	const char *why = f->state == GATE_HOST_YES ? f->needed_for : f->without;

	if (why == NULL || why[0] == '\0')
		return;
	GATE_AUTO(gate_buf_done) struct gate_buf line = GATE_BUF_INIT;

	gate_buf_printf(&line, "%s: %s", f->state == GATE_HOST_YES ? "for" : "without it", why);
	gate_fold(stdout, line.data != NULL ? line.data : "", 10, width > 40 ? width : 110);
}

static int run(struct gate_cli *cli)
{
	const char *group = NULL;

	for (size_t i = 0; i < gate_host_count(); i++) {
		struct gate_host_fact fact = { 0 };

		gate_host_ask(i, &fact);
		if (gate_cli_json(cli))
			print_json(&fact);
		else
			print_text(cli, &fact, group);
		group = fact.group;
	}
	return 0;
}

const struct gate_verb gate_verb_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "what this kernel can do, and what happens without it",
	.about =
	    "Asks the kernel for every feature that callgate uses: actions and flags of seccomp(2), notifications, audit, the "
	    "just-in-time compiler, control groups, type information. For each: whether it is there, what it is needed for, and "
	    "what happens without it. Nothing is changed; some answers need root.",
	.class = GATE_CLASS_ANALYSIS,
	.groups = { gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate doctor", "is everything there?" },
		{ "callgate doctor --format=json | grep '\"state\":\"no\"'", "only what is missing" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "2", "bad usage" }, { 0 } },
	.run = run,
};
