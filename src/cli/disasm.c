#include "cli/cli.h"

static void print_json(const struct gate_insn *insns, size_t i, bool big_endian)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;
	char text[128];

	(void)gate_bpf_text(insns, i, big_endian, text, sizeof(text));
	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "line");
	gate_json_u64(&j, i);
	gate_json_key(&j, "code");
	gate_json_u64(&j, insns[i].code);
	gate_json_key(&j, "jt");
	gate_json_u64(&j, insns[i].jt);
	gate_json_key(&j, "jf");
	gate_json_u64(&j, insns[i].jf);
	gate_json_key(&j, "k");
	gate_json_u64(&j, insns[i].k);
	gate_json_key(&j, "text");
	gate_json_text(&j, text);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static int run(struct gate_cli *cli)
{
	const char *path = strcmp(cli->operands[0], "-") == 0 ? "/dev/stdin" : cli->operands[0];
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	GATE_AUTOFREE struct gate_insn *insns = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_facts facts;
	size_t len = 0;

	if (gate_cli_facts(cli, &facts, &err) < 0 || gate_program_read(path, &insns, &len, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	bool big_endian = gate_arch_info(facts.arch)->big_endian;

	for (size_t i = 0; i < len && gate_cli_json(cli); i++)
		print_json(insns, i, big_endian);
	if (!gate_cli_json(cli)) {
		gate_listing_text(&out, insns, len, big_endian);
		(void)fputs(out.data != NULL ? out.data : "", stdout);
	}
	return 0;
}

const struct gate_verb gate_verb_disasm = {
	.name = "disasm",
	.operands = "FILE",
	.summary = "a program as text",
	.about =
	    "Lists a raw program (an array of struct sock_filter in this host's byte order, - for standard input): line, code, "
	    "jt, jf, k, and the instruction in words with the fields of seccomp_data by name. What the kernel would not take is "
	    "an error that names the instruction.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_FILE,
	.least = 1,
	.most = 1,
	.groups = { gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate disasm web.bpf", "what does this program do?" },
		{ "callgate compile default | callgate disasm -", "through a pipe" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "done" },
		{ "2", "no program, one that the kernel would refuse, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
