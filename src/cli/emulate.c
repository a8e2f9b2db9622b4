#include "cli/cli.h"

struct program {
	const struct gate_cli *cli;
	struct gate_insn *insns; /* owned */
	size_t len;
	bool big_endian;
	struct gate_facts facts;
};

static void program_done(struct program *p)
{
	free(p->insns);
}

/* A program is run as it is; anything else is compiled first. */
static bool load(const struct gate_cli *cli, struct program *p)
{
	GATE_AUTO(gate_compiled_freep) struct gate_compiled *compiled = NULL;
	GATE_AUTO(gate_source_freep) struct gate_source *source = NULL;
	const char *word = cli->operands[0];
	struct gate_err err = GATE_ERR_INIT;

	p->cli = cli;
	if (gate_cli_facts(cli, &p->facts, &err) < 0) {
		(void)gate_trouble(cli, NULL, &err);
		return false;
	}
	p->big_endian = gate_arch_info(p->facts.arch)->big_endian;
	if (strncmp(word, "bpf:", 4) == 0) {
		if (gate_program_read(word + 4, &p->insns, &p->len, &err) == 0)
			return true;
		(void)gate_trouble(cli, NULL, &err);
		return false;
	}
	source = gate_ask_source(cli, word, &p->facts);
	if (source == NULL)
		return false;
	if (!gate_ask_compile(cli, source, true, &compiled))
		return false;
	if (compiled->len == 0) {
		gate_say(cli, "'%s' is unconfined: there is no program to run", word);
		return false;
	}
	p->len = compiled->len;
	p->insns = GATE_TAKE(&compiled->insns);
	return true;
}

/* The path taken, gathered while the program runs. */
struct path {
	const struct program *program;
	struct gate_table table;
	struct gate_json *json; /* NULL: for people */
};

static void step(void *ctx, const struct gate_insn *insn, const struct gate_bpf_state *state)
{
	struct path *path = ctx;
	char text[128];

	(void)insn;
	(void)gate_bpf_text(path->program->insns, state->pc, path->program->big_endian, text, sizeof(text));
	if (path->json == NULL) {
		gate_table_add(&path->table, GATE_STYLE_DIM, "%5u", state->pc);
		gate_table_add(&path->table, GATE_STYLE_DIM, "A=0x%08x X=0x%08x", state->a, state->x);
		gate_table_add(&path->table, GATE_STYLE_PLAIN, "%s", text);
		return;
	}
	gate_json_object(path->json);
	gate_json_key(path->json, "line");
	gate_json_u64(path->json, state->pc);
	gate_json_key(path->json, "a");
	gate_json_u64(path->json, state->a);
	gate_json_key(path->json, "x");
	gate_json_u64(path->json, state->x);
	gate_json_key(path->json, "text");
	gate_json_text(path->json, text);
	gate_json_end(path->json, '}');
}

static void emulate_text(const struct program *p, const struct gate_call *call, const struct gate_data *data)
{
	struct path path = { .program = p };
	char text[256], verdict[GATE_VERDICT_TEXT];
	uint32_t executed = 0;

	gate_table_init(&path.table, 3);
	uint32_t ret = gate_bpf_run(p->insns, p->len, p->big_endian, data, &executed,
	                            gate_option_set(p->cli, "trace") ? step : NULL, &path);

	gate_call_text(data, p->facts.arch, true, text, sizeof(text));
	gate_verdict_text(call->arch, gate_ret_normal(ret), verdict);
	gate_table_print(&path.table, stdout, p->cli->color_out, 0, 0);
	gate_table_done(&path.table);
	(void)printf("%s: %s%s%s (%u instructions)\n", text, gate_style(p->cli->color_out, gate_verdict_style(ret)),
	             verdict, gate_style(p->cli->color_out, GATE_STYLE_PLAIN), executed);
}

static void emulate_json(const struct program *p, const struct gate_call *call, const struct gate_data *data)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	const struct gate_syscall *known = gate_syscall_by_nr(call->arch, call->nr);
	struct path path = { .program = p };
	uint32_t executed = 0;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_call_json(&j, call->arch, known != NULL ? gate_name_text(known->name) : NULL, call->nr);
	gate_json_key(&j, "args");
	gate_json_array(&j);
	for (int i = 0; i < 6; i++)
		gate_json_u64(&j, data->args[i]);
	gate_json_end(&j, ']');
	if (gate_option_set(p->cli, "trace")) {
		path.json = &j;
		gate_json_key(&j, "trace");
		gate_json_array(&j);
	}
	uint32_t ret =
	    gate_bpf_run(p->insns, p->len, p->big_endian, data, &executed, path.json != NULL ? step : NULL, &path);

	if (path.json != NULL)
		gate_json_end(&j, ']');
	gate_verdict_json(&j, call->arch, gate_ret_normal(ret));
	gate_json_key(&j, "instructions");
	gate_json_u64(&j, executed);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(program_done) struct program p = { 0 };

	if (!load(cli, &p))
		return gate_trouble_status(cli);
	for (int i = 1; i < cli->n_operands; i++) {
		struct gate_call call;
		struct gate_data data;

		if (!gate_ask_call(cli, cli->operands[i], p.facts.arch, &call))
			return gate_trouble_status(cli);
		gate_call_data(&call, &data);
		(gate_cli_json(cli) ? emulate_json : emulate_text)(&p, &call, &data);
	}
	return 0;
}

const struct gate_verb gate_verb_emulate = {
	.name = "emulate",
	.operands = "SOURCE CALL...",
	.summary = "run a source's program on calls, and show the path taken",
	.about =
	    "Runs the classic BPF program of SOURCE on each CALL, as the kernel would, and prints what it returns and how many "
	    "instructions it took. A bpf: source is run as it is, any other is compiled first. Arguments that are not given "
	    "are 0.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_CALL,
	.least = 2,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "trace", 0, NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "show each instruction with the registers before it" },
			{ 0 },
		    },
	            gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate emulate default 'socket(40)'", "what does the program return?" },
		{ "callgate emulate bpf:web.bpf openat --trace", "by which path?" },
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
