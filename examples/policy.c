/* policy.c - what may a program do under a profile? A complete user of libcallgate.
 *
 *   cc policy.c $(pkg-config --cflags --libs callgate) -o policy
 *   ./policy web.json mount 'socket(40)'
 *
 * Prints the verdict of each call with its place in the profile, whether the profile allows nothing that the built-in
 * default does not, and the length of the program that was proven to mean it. */
#include <inttypes.h>
#include <stdio.h>

#include <callgate/source.h>

static int fail(const char *what, const struct gate_err *err)
{
	if (err->line != 0)
		(void)fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", what, err->line, err->column, err->text);
	else
		(void)fprintf(stderr, "%s: %s\n", what, err->text);
	return 2;
}

static int explain(struct gate_source *source, const char *text, struct gate_err *err)
{
	struct gate_explanation *e = NULL;
	struct gate_call call;

	if (gate_call_parse(text, gate_source_facts(source)->arch, &call, err) < 0 ||
	    gate_source_explain(source, &call, &e, err) < 0)
		return -1;
	for (size_t i = 0; i < e->n; i++) {
		const struct gate_outcome *o = &e->outcomes[i];

		printf("%s: %s%s%s (%s", text, gate_ret_word(o->action), o->when != NULL ? " if " : "",
		       o->when != NULL ? o->when : "", gate_reason_word(o->reason));
		if (o->line != 0)
			printf(", line %" PRIu32, o->line);
		printf(")\n");
	}
	gate_explanation_free(e);
	return 0;
}

/* Does the source allow nothing that the built-in profile does not? */
static int compare(struct gate_source *source, struct gate_err *err)
{
	struct gate_space *space = NULL;
	struct gate_source *builtin = NULL;
	gate_policy mine = 0, theirs = 0;
	struct gate_data witness;
	char call[128];
	bool holds = false;
	int rc = -1;

	if (gate_space_new(NULL, &space, err) == 0 &&
	    gate_source_open("default", gate_source_facts(source), &builtin, err) == 0 &&
	    gate_source_policy(source, space, &mine, err) == 0 &&
	    gate_source_policy(builtin, space, &theirs, err) == 0 &&
	    gate_policy_subset(space, mine, theirs, &holds, &witness, err) == 0) {
		if (holds) {
			printf("allows nothing that the default does not\n");
		} else {
			gate_call_text(&witness, gate_source_facts(source)->arch, false, call, sizeof(call));
			printf("allows more than the default: %s\n", call);
		}
		rc = 0;
	}
	gate_source_free(builtin);
	gate_space_free(space);
	return rc;
}

int main(int argc, char **argv)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_source *source = NULL;
	struct gate_compiled *compiled = NULL;
	struct gate_facts facts;
	int rc = 0;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s SOURCE [CALL ...]\n", argv[0]);
		return 2;
	}
	if (gate_facts_host(&facts, &err) < 0 || gate_source_open(argv[1], &facts, &source, &err) < 0)
		return fail(argv[1], &err);
	for (int i = 2; i < argc && rc == 0; i++)
		rc = explain(source, argv[i], &err);
	if (rc == 0)
		rc = compare(source, &err);
	if (rc == 0)
		rc = gate_source_compile(source, NULL, &compiled, &err);
	if (rc == 0)
		printf("%zu instructions, proven to mean %s\n", compiled->len, compiled->meaning);
	gate_compiled_free(compiled);
	gate_source_free(source);
	return rc == 0 ? 0 : fail(argv[1], &err);
}
