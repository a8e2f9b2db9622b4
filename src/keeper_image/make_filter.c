/* make_filter PROFILE OUTPUT: a profile as initialisers of struct sock_filter, for programs that bring their filter with
 * them. What is not proven to mean the profile is not written. */
#include <stdio.h>

#include <callgate/source.h>

#include "base/base.h"

GATE_DEFINE_FREEP(struct gate_source, gate_source_free)
GATE_DEFINE_FREEP(struct gate_compiled, gate_compiled_free)

static int make(const char *profile, const char *output, struct gate_err *err)
{
	GATE_AUTO(gate_source_freep) struct gate_source *source = NULL;
	GATE_AUTO(gate_compiled_freep) struct gate_compiled *compiled = NULL;
	struct gate_facts facts;

	if (gate_facts_host(&facts, err) < 0 || gate_source_open(profile, &facts, &source, err) < 0 ||
	    gate_source_compile(source, NULL, &compiled, err) < 0)
		return -1;
	FILE *out = fopen(output, "we");
	if (out == NULL)
		return GATE_FAIL_SYS(err, "cannot write '%s'", output);
	bool good = fprintf(out, "/* %s */\n", compiled->meaning) > 0;
	for (size_t i = 0; i < compiled->len; i++) {
		const struct gate_insn *at = &compiled->insns[i];

		good &= fprintf(out, "{ %#x, %u, %u, %#x },\n", at->code, at->jt, at->jf, at->k) > 0;
	}
	good &= fclose(out) == 0;
	return good ? 0 : GATE_FAIL_SYS(err, "cannot write '%s'", output);
}

int main(int argc, char **argv)
{
	struct gate_err err = GATE_ERR_INIT;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: make_filter PROFILE OUTPUT\n");
		return 2;
	}
	if (make(argv[1], argv[2], &err) == 0)
		return 0;
	(void)fprintf(stderr, "%s:%u:%u: %s\n", argv[1], err.line, err.column, err.text);
	return 1;
}
