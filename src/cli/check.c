#include "cli/cli.h"

static void print_json(const struct gate_source *source, const struct gate_finding *f)
{
	static const char *const words[] = {
		[GATE_NOTICE] = "notice", [GATE_WARNING] = "warning", [GATE_ERROR] = "error"
	};
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "source");
	gate_json_text(&j, gate_source_word(source));
	gate_json_key(&j, "severity");
	gate_json_text(&j, words[f->severity]);
	gate_json_key(&j, "id");
	gate_json_text(&j, f->id);
	gate_json_key(&j, "file");
	gate_json_text(&j, gate_source_file(source));
	gate_json_key(&j, "line");
	gate_json_u64(&j, f->line);
	gate_json_key(&j, "column");
	gate_json_u64(&j, f->column);
	gate_json_key(&j, "length");
	gate_json_u64(&j, f->length);
	gate_json_key(&j, "engines");
	gate_json_text(&j, f->engines);
	gate_json_key(&j, "text");
	gate_json_text(&j, f->text);
	gate_json_key(&j, "meaning");
	gate_json_text(&j, f->meaning);
	gate_json_key(&j, "instead");
	gate_json_text(&j, f->instead);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static void print(const struct gate_cli *cli, const struct gate_source *source, const struct gate_finding *f)
{
	size_t len = 0;
	const char *text = gate_source_text(source, &len);

	if (gate_cli_json(cli))
		print_json(source, f);
	else
		gate_excerpt(stdout, cli->color_out, gate_source_file(source), text, len, f);
}

/* Adds to counts[severity]; false when the source could not be read. */
static bool check(const struct gate_cli *cli, const char *word, const struct gate_facts *facts, unsigned counts[])
{
	GATE_AUTO(gate_source_freep) struct gate_source *source = gate_ask_source(cli, word, facts);
	GATE_AUTO(gate_findings_freep) struct gate_findings *findings = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (source == NULL)
		return false;
	if (gate_findings_new(&findings, &err) < 0 || gate_source_check(source, findings, &err) < 0) {
		(void)gate_trouble(cli, source, &err);
		return false;
	}
	for (size_t i = 0; i < gate_findings_count(findings); i++) {
		const struct gate_finding *f = gate_findings_at(findings, i);

		print(cli, source, f);
		counts[f->severity]++;
	}
	return true;
}

static const char *plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

static int run(struct gate_cli *cli)
{
	unsigned counts[GATE_ERROR + 1] = { 0 };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_facts facts;
	bool read = true;

	if (gate_cli_facts(cli, &facts, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	for (int i = 0; i < cli->n_operands; i++)
		read = check(cli, cli->operands[i], &facts, counts) && read;
	if (!gate_cli_json(cli) && read)
		(void)printf("%u error%s, %u warning%s, %u notice%s\n", counts[GATE_ERROR], plural(counts[GATE_ERROR]),
		             counts[GATE_WARNING], plural(counts[GATE_WARNING]), counts[GATE_NOTICE],
		             plural(counts[GATE_NOTICE]));
	if (!read)
		return 2;
	return counts[GATE_ERROR] > 0 ||
	       (counts[GATE_WARNING] > 0 && strcmp(gate_option_text(cli, "fail-on"), "warning") == 0);
}

const struct gate_verb gate_verb_check = {
	.name = "check",
	.operands = "SOURCE...",
	.summary = "every finding in a profile, with its place and what to write instead",
	.about =
	    "Reads each SOURCE and prints everything in it that is wrong, dangerous or surprising: the place, the line with "
	    "a caret, what it means and what to write instead. Errors: callgate or the named engine refuses it, or no program "
	    "could run. Warnings: it means something else than it seems, or is weak. Notices are worth knowing and never "
	    "count. With an engine in front of the file: also everything that this engine drops, ignores or refuses.\n\n"
	    "The identifiers in brackets are explained in callgate-profile(5).",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_SOURCE,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "fail-on", 0, "LEVEL", "warning|error", "error", GATE_OPERAND_NONE,
	                  "the level of findings that makes the exit status 1" },
			{ 0 },
		    },
	            gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate check web.json", "what is wrong with this file?" },
		{ "callgate check containerd:web.json", "what will containerd make of it?" },
		{ "callgate check --fail-on=warning *.json", "in continuous integration" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "nothing at the level of --fail-on" },
		{ "1", "findings at that level" },
		{ "2", "a source cannot be read, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
