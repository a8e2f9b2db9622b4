#include <unistd.h>

#include "cli/cli.h"

static bool write_program(const struct gate_cli *cli, const struct gate_compiled *c, const char *word, bool big_endian)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT, comment = GATE_BUF_INIT;
	const char *format = gate_option_text(cli, "format");

	if (strcmp(format, "raw") == 0)
		return gate_ask_write(cli, (const char *)c->insns, c->len * sizeof(*c->insns));
	if (strcmp(format, "asm") == 0) {
		gate_listing_text(&out, c->insns, c->len, big_endian);
	} else {
		/* the word must not end the comment that it stands in */
		for (const char *s = word; *s != '\0'; s++)
			gate_buf_add(&comment, s[0] == '*' && s[1] == '/' ? "+" : (unsigned char)*s < ' ' ? "?" : s, 1);
		gate_buf_printf(&comment, ", %s", c->meaning);
		gate_listing_c(&out, c->insns, c->len, comment.data != NULL ? comment.data : "");
	}
	if (!out.failed && !comment.failed)
		return gate_ask_write(cli, out.data, out.len);
	gate_say(cli, "out of memory");
	return false;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_compiled_freep) struct gate_compiled *compiled = NULL;
	const char *path = gate_option_text(cli, "output");
	struct gate_err err = GATE_ERR_INIT;
	struct gate_facts facts;

	if (strcmp(gate_option_text(cli, "format"), "raw") == 0 && (path == NULL || strcmp(path, "-") == 0) &&
	    isatty(1) == 1) {
		gate_say(cli, "a raw program is not for a terminal");
		gate_hint(cli, "name a file with -o, or see it with --format=asm");
		return gate_trouble_status(cli);
	}
	if (gate_cli_facts(cli, &facts, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	GATE_AUTO(gate_source_freep) struct gate_source *source = gate_ask_source(cli, cli->operands[0], &facts);

	if (source == NULL)
		return gate_trouble_status(cli);
	if (!gate_ask_compile(cli, source, !gate_option_set(cli, "no-cache"), &compiled))
		return gate_trouble_status(cli);
	if (compiled->len == 0) {
		gate_say(cli, "'%s' is unconfined: there is no program to write", cli->operands[0]);
		return gate_trouble_status(cli);
	}
	if (!write_program(cli, compiled, cli->operands[0], gate_arch_info(facts.arch)->big_endian))
		return gate_trouble_status(cli);
	gate_say(cli, "%zu instructions, proven to mean %s", compiled->len, compiled->meaning);
	return 0;
}

const struct gate_verb gate_verb_compile = {
	.name = "compile",
	.operands = "SOURCE",
	.summary = "a program for the kernel, proven to mean what the source means",
	.about =
	    "Compiles SOURCE to classic BPF as seccomp(2) takes it. The program is turned back into a policy and compared "
	    "before anything is written: what is not proven equal is not written. Proven programs are kept in a cache.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.least = 1,
	.most = 1,
	.groups = { (const struct gate_option[]){
			{ "output", 'o', "FILE", NULL, NULL, GATE_OPERAND_FILE,
	                  "write to FILE, whole or not at all (default: standard output)" },
			{ "format", 0, "FORMAT", "raw|asm|c", "raw", GATE_OPERAND_NONE,
	                  "*raw*: an array of struct sock_filter; *asm*: a listing; *c*: an array in C" },
			{ "no-cache", 0, NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "compile and prove even when a proven program is in the cache" },
			{ 0 },
		    },
	            gate_options_source },
	.examples =
	    (const struct gate_example[]){
		{ "callgate compile web.json -o web.bpf", "for bwrap --seccomp, minijail, your own program" },
		{ "callgate compile default --format=asm", "what does the kernel run?" },
		{ "callgate compile web.json --arch=aarch64 --format=c -o filter.h", "for another machine" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "written" },
		{ "2", "the source cannot be read or compiled, or bad usage" },
		{ 0 },
	    },
	.run = run,
};
