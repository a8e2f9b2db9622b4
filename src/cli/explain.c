#include "cli/cli.h"

/* One thing asked of one source. */
struct asked {
	const struct gate_cli *cli;
	struct gate_source *source;
	const struct gate_facts *facts;
};

/* --- the words of a table --- */
static void place_text(const struct asked *a, const struct gate_outcome *o, char *text, size_t size)
{
	static const char *const words[] = {
		[GATE_REASON_DEFAULT] = "the default action",
		[GATE_REASON_ENOSYS] = "a call younger than the profile, or unknown",
		[GATE_REASON_UNCOVERED] = "an architecture that the profile does not cover",
		[GATE_REASON_PROGRAM] = "the program",
		[GATE_REASON_UNCONFINED] = "no filter",
	};
	const char *word = o->reason < GATE_ARRAY_LEN(words) ? words[o->reason] : NULL;

	if (o->line > 0)
		(void)snprintf(text, size, "%s:%u:%u%s%s%s", gate_source_file(a->source), o->line, o->column,
		               word != NULL ? " (" : "", word != NULL ? word : "", word != NULL ? ")" : "");
	else
		(void)snprintf(text, size, "%s", word != NULL ? word : "a rule");
}

/* The strictest of all outcomes: what a caller has to reckon with. */
static const struct gate_outcome *strictest(const struct gate_explanation *e)
{
	const struct gate_outcome *worst = &e->outcomes[e->n - 1];

	for (size_t i = e->n; i-- > 0;)
		if (gate_ret_rank(e->outcomes[i].action) > gate_ret_rank(worst->action))
			worst = &e->outcomes[i];
	return worst;
}

/* --- json --- */
static void json_decision(struct gate_json *j, const struct asked *a, enum gate_arch arch, const struct gate_outcome *o,
                          bool *conditional)
{
	gate_verdict_json(j, arch, o->action);
	if (conditional != NULL) {
		gate_json_key(j, "conditional");
		gate_json_bool(j, *conditional);
	}
	gate_json_key(j, "rule");
	if (o->line == 0) {
		gate_json_null(j);
	} else {
		gate_json_object(j);
		gate_json_key(j, "file");
		gate_json_text(j, gate_source_file(a->source));
		gate_json_key(j, "line");
		gate_json_u64(j, o->line);
		gate_json_key(j, "column");
		gate_json_u64(j, o->column);
		gate_json_end(j, '}');
	}
	gate_json_key(j, "reason");
	gate_json_text(j, gate_reason_word(o->reason));
	gate_json_key(j, "comment");
	gate_json_text(j, o->comment);
}

static void print_json(const struct asked *a, const struct gate_explanation *e, const struct gate_call *call)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	bool conditional = e->conditional;
	struct gate_json j;
	int last = 6;

	while (last > 0 && (call->given >> (last - 1) & 1) == 0)
		last--;
	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_call_json(&j, e->arch, e->name, e->nr);
	gate_json_key(&j, "args");
	gate_json_array(&j);
	for (int i = 0; i < last; i++) {
		if ((call->given >> i & 1) != 0)
			gate_json_u64(&j, call->args[i]);
		else
			gate_json_null(&j);
	}
	gate_json_end(&j, ']');
	json_decision(&j, a, e->arch, strictest(e), &conditional);
	gate_json_key(&j, "outcomes");
	gate_json_array(&j);
	for (size_t i = 0; i < e->n; i++) {
		gate_json_object(&j);
		gate_json_key(&j, "when");
		gate_json_text(&j, e->outcomes[i].when);
		json_decision(&j, a, e->arch, &e->outcomes[i], NULL);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	gate_json_key(&j, "complete");
	gate_json_bool(&j, !e->cut);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

/* --- one call, for people --- */

/* The author's reason, on lines of a readable length. */
static void print_comment(const struct gate_outcome *o)
{
	enum { WIDTH = 100 };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const char *at;

	if (o->comment == NULL)
		return;
	gate_buf_escaped(&text, o->comment, strlen(o->comment));
	at = text.data != NULL ? text.data : "";
	for (bool first = true; *at != '\0'; first = false) {
		size_t n = strlen(at), cut = n;

		if (n > WIDTH) {
			for (cut = WIDTH; cut > 0 && at[cut] != ' '; cut--)
				;
			if (cut == 0)
				cut = strcspn(at, " ");
		}
		(void)printf("      %s %.*s\n", first ? "= because:" : "          ", (int)cut, at);
		at += cut + strspn(at + cut, " ");
	}
}

static void print_call(const struct asked *a, const struct gate_explanation *e)
{
	enum { EXCERPTS = 4 }; /* more lines than this explain less */
	GATE_AUTO(gate_table_done) struct gate_table table = { 0 };
	bool color = a->cli->color_out;
	char verdict[GATE_VERDICT_TEXT], place[512];
	size_t len = 0;
	const char *text = gate_source_text(a->source, &len);
	uint32_t shown = 0;

	(void)printf("%s%s:%s%s (%u)", gate_style(color, GATE_STYLE_BOLD), gate_arch_info(e->arch)->name,
	             e->name != NULL ? e->name : "no name", gate_style(color, GATE_STYLE_PLAIN), e->nr);
	(void)puts(e->conditional ? ": depends on its arguments; the first that matches decides" : "");
	gate_table_init(&table, 3);
	for (size_t i = 0; i < e->n; i++) {
		const struct gate_outcome *o = &e->outcomes[i];

		gate_verdict_text(e->arch, o->action, verdict);
		place_text(a, o, place, sizeof(place));
		gate_table_add(&table, gate_verdict_style(o->action), "%s", verdict);
		gate_table_add(&table, GATE_STYLE_PLAIN, "%s",
		               o->when != NULL ? o->when
		               : e->n > 1      ? "in every other case"
		                               : "always");
		gate_table_add(&table, GATE_STYLE_PLAIN, "%s", place);
	}
	gate_table_print(&table, stdout, color, 2, 0);
	if (e->cut)
		(void)puts("  (and more: too many cases to list)");
	for (size_t i = 0; i < e->n && e->n <= EXCERPTS; i++) {
		const struct gate_outcome *o = &e->outcomes[i];

		if (o->line != shown) {
			gate_excerpt_line(stdout, color, text, len, o->line, o->column, o->length);
			print_comment(o);
		}
		shown = o->line;
	}
}

/* --- all calls, for people --- */
enum group { ALLOWED, CONDITIONAL, DENIED, GROUPS };

static enum group group_of(const struct gate_explanation *e)
{
	uint32_t action = GATE_RET_ACTION(e->outcomes[0].action);

	if (e->conditional || action == GATE_RET_NOTIFY || action == GATE_RET_TRACE)
		return CONDITIONAL;
	return action == GATE_RET_ALLOW || action == GATE_RET_LOG ? ALLOWED : DENIED;
}

static void add_row(const struct asked *a, struct gate_table *t, const struct gate_explanation *e)
{
	char verdict[GATE_VERDICT_TEXT], place[512];

	for (size_t i = 0; i < e->n; i++) {
		const struct gate_outcome *o = &e->outcomes[i];

		gate_verdict_text(e->arch, o->action, verdict);
		place_text(a, o, place, sizeof(place));
		if (i > 0)
			gate_table_add(t, GATE_STYLE_PLAIN, "%s", "");
		else if (e->name != NULL)
			gate_table_add(t, GATE_STYLE_PLAIN, "%s", e->name);
		else
			gate_table_add(t, GATE_STYLE_PLAIN, "(numbers without a name)");
		if (i > 0 || e->name == NULL)
			gate_table_add(t, GATE_STYLE_DIM, "%s", "");
		else
			gate_table_add(t, GATE_STYLE_DIM, "%u", e->nr);
		gate_table_add(t, gate_verdict_style(o->action), "%s", verdict);
		gate_table_add(t, GATE_STYLE_DIM, "%s", place);
		gate_table_add(t, GATE_STYLE_PLAIN, "%s",
		               o->when != NULL ? o->when
		               : e->n > 1      ? "in every other case"
		                               : "");
	}
}

/* A number that no table has, above all that are in use: what happens to calls of the future. */
static uint32_t nameless(enum gate_arch arch)
{
	size_t n = gate_syscall_count(arch);

	return n > 0 ? gate_syscall_at(arch, n - 1)->nr + 0x1000 : 0x3fff0000;
}

static int explain_at(const struct asked *a, enum gate_arch arch, uint32_t nr, struct gate_explanation **ret,
                      struct gate_call *call, struct gate_err *err)
{
	*call = (struct gate_call){ .arch = arch, .nr = nr };
	return gate_source_explain(a->source, call, ret, err);
}

static int explain_arch(const struct asked *a, enum gate_arch arch, struct gate_err *err)
{
	static const char *const names[GROUPS] = { "allowed", "conditional", "denied" };
	struct gate_table tables[GROUPS] = { 0 };
	size_t counts[GROUPS] = { 0 }, n = gate_syscall_count(arch);
	int status = 0;

	for (int g = 0; g < GROUPS; g++)
		gate_table_init(&tables[g], 5);
	for (size_t i = 0; i <= n && status == 0; i++) {
		GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = NULL;
		struct gate_call call;

		status = explain_at(a, arch, i < n ? gate_syscall_at(arch, i)->nr : nameless(arch), &e, &call, err);
		if (status == 0 && gate_cli_json(a->cli)) {
			if (e->name != NULL)
				print_json(a, e, &call);
		} else if (status == 0) {
			add_row(a, &tables[group_of(e)], e);
			counts[group_of(e)] += e->name != NULL;
		}
	}
	for (int g = 0; g < GROUPS; g++) {
		if (status == 0 && !gate_cli_json(a->cli)) {
			(void)printf("%s%s on %s (%zu)%s\n", gate_style(a->cli->color_out, GATE_STYLE_BOLD), names[g],
			             gate_arch_info(arch)->name, counts[g],
			             gate_style(a->cli->color_out, GATE_STYLE_PLAIN));
			gate_table_print(&tables[g], stdout, a->cli->color_out, 2, gate_columns(stdout));
		}
		gate_table_done(&tables[g]);
	}
	return status;
}

static int explain_all(const struct asked *a, struct gate_err *err)
{
	const struct gate_facts *f = a->facts;

	if (f->n_arches == 0)
		return explain_arch(a, f->arch, err);
	for (size_t i = 0; i < f->n_arches; i++)
		if (explain_arch(a, f->arches[i], err) < 0)
			return -1;
	return 0;
}

static bool explain_word(const struct asked *a, const char *word)
{
	GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_call call;

	if (!gate_ask_call(a->cli, word, a->facts->arch, &call))
		return false;
	if (gate_source_explain(a->source, &call, &e, &err) < 0) {
		(void)gate_trouble(a->cli, a->source, &err);
		return false;
	}
	if (gate_cli_json(a->cli))
		print_json(a, e, &call);
	else
		print_call(a, e);
	return true;
}

static int run(struct gate_cli *cli)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_facts facts;

	if (gate_cli_facts(cli, &facts, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	GATE_AUTO(gate_source_freep) struct gate_source *source = gate_ask_source(cli, cli->operands[0], &facts);
	struct asked a = { cli, source, &facts };
	bool good = source != NULL;

	if (good && cli->n_operands == 1 && explain_all(&a, &err) < 0)
		return gate_trouble(cli, source, &err);
	for (int i = 1; good && i < cli->n_operands; i++)
		good = explain_word(&a, cli->operands[i]);
	return good ? 0 : gate_trouble_status(cli);
}

const struct gate_verb gate_verb_explain = {
	.name = "explain",
	.operands = "SOURCE [CALL...]",
	.summary = "the verdict for calls, and the line of the profile that it comes from",
	.about =
	    "For each CALL: the action, whether it depends on arguments and on which values, and what decides: a rule of the "
	    "profile at file:line:column, its default action, the rule that calls younger than the profile get ENOSYS, or an "
	    "architecture that is not covered. Without a CALL: all calls of the architecture in three groups, allowed, "
	    "conditional and denied. Calls that are left to a tracer or a supervisor count as conditional.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_CALL,
	.least = 1,
	.most = -1,
	.groups = { gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate explain default mount", "is mount allowed, and which line says so?" },
		{ "callgate explain web.json 'socket(40)'", "may it open a socket of the family AF_VSOCK?" },
		{ "callgate explain docker:web.json --caps=CAP_SYS_ADMIN clone", "and with this capability?" },
		{ "callgate explain pid:1234", "everything that this process may call" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "done" },
		{ "2", "the source cannot be read, no such call, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
