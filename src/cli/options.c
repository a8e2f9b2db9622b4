#include <getopt.h>

#include "cli/cli.h"

const struct gate_option gate_options_source[] = {
	{ "arch", 0, "A[,A...]", NULL, NULL, GATE_OPERAND_ARCH,
	  "the architectures to cover, the native one first (default: what the source says for this host)" },
	{ "caps", 0, "SET", NULL, "docker", GATE_OPERAND_CAPS,
	  "the capabilities that the program has: *none*, *docker*, *all*, or names as in CAP_CHOWN,CAP_KILL" },
	{ "kernel", 0, "X.Y", NULL, NULL, GATE_OPERAND_NONE,
	  "the kernel release to resolve for (default: the running one)" },
	{ 0 },
};

const struct gate_option gate_options_format[] = {
	{ "format", 0, "FORMAT", "text|json", "text", GATE_OPERAND_NONE,
	  "*text* for people, or *json*: one object per line" },
	{ 0 },
};

const struct gate_option gate_options_every[] = {
	{ "color", 0, "WHEN", "auto|always|never", "auto", GATE_OPERAND_NONE,
	  "colours: *auto* means on a terminal, unless NO_COLOR is set or TERM is dumb" },
	{ "help", 'h', NULL, NULL, NULL, GATE_OPERAND_NONE, "show this help" },
	{ 0 },
};

const struct gate_option *gate_verb_option(const struct gate_verb *verb, size_t i)
{
	for (size_t g = 0; g <= GATE_ARRAY_LEN(verb->groups); g++) {
		const struct gate_option *list =
		    g < GATE_ARRAY_LEN(verb->groups) ? verb->groups[g] : gate_options_every;

		for (; list != NULL && list->name != NULL; list++)
			if (i-- == 0)
				return list;
	}
	return NULL;
}

/* What getopt_long wants, out of our tables. */
struct tables {
	struct option longs[GATE_OPTIONS_MAX + 1];
	char shorts[2 * GATE_OPTIONS_MAX + 3];
	char names[2048]; /* "arch|caps|...", for suggestions */
};

static void make_tables(const struct gate_verb *verb, struct tables *t)
{
	const struct gate_option *o;
	char *s = t->shorts;
	size_t len = 0;

	memset(t, 0, sizeof(*t));
	*s++ = verb->stop_at_operand ? '+' : '-'; /* '-': operands are kept in their order, as '\1' */
	*s++ = ':';
	for (size_t i = 0; (o = gate_verb_option(verb, i)) != NULL; i++) {
		GATE_CHECK(i < GATE_OPTIONS_MAX);
		t->longs[i] =
		    (struct option){ o->name, o->value != NULL ? required_argument : no_argument, NULL, 256 + (int)i };
		if (o->letter != 0)
			*s++ = o->letter;
		if (o->letter != 0 && o->value != NULL)
			*s++ = ':';
		len += (size_t)snprintf(t->names + len, sizeof(t->names) - len, "%s%s", i > 0 ? "|" : "", o->name);
		GATE_CHECK(len < sizeof(t->names));
	}
}

static int by_letter(const struct gate_verb *verb, int letter)
{
	const struct gate_option *o;

	for (size_t i = 0; (o = gate_verb_option(verb, i)) != NULL; i++)
		if (o->letter == letter)
			return (int)i;
	return -1;
}

/* `arg` is the word as typed: "--fial-on=error", or "-x" with the letter in `letter`. */
static int unknown(const struct gate_verb *verb, const char *arg, int letter, const struct tables *t,
                   struct gate_err *err)
{
	char near[96];

	if (letter != 0)
		return GATE_FAIL(err, GATE_E_INVALID, "unknown option '-%c' for %s", letter, verb->name);
	char *name = strndupa(arg + 2, strcspn(arg + 2, "="));
	size_t len = strlen(name), hits = 0;

	for (const struct option *o = t->longs; o->name != NULL; o++)
		hits += strncmp(o->name, name, len) == 0;
	if (hits > 1)
		return GATE_FAIL(err, GATE_E_INVALID, "option '--%s' could be several; write it in full", name);
	if (hits == 1)
		return GATE_FAIL(err, GATE_E_INVALID, "option '--%s' takes no value", name);
	if (!gate_suggest(name, t->names, near, sizeof(near)))
		return GATE_FAIL(err, GATE_E_INVALID, "unknown option '--%s' for %s", name, verb->name);
	return GATE_FAIL(err, GATE_E_INVALID, "unknown option '--%s' for %s (did you mean '--%s'?)", name, verb->name,
	                 near);
}

static bool is_choice(const char *value, const char *choices)
{
	size_t len = strlen(value);

	for (const char *c = choices; c != NULL; c = strchr(c, '|') != NULL ? strchr(c, '|') + 1 : NULL)
		if (strcspn(c, "|") == len && strncmp(c, value, len) == 0)
			return true;
	return false;
}

static int take(struct gate_cli *cli, int index, const char *value, struct gate_err *err)
{
	const struct gate_option *o = gate_verb_option(cli->verb, (size_t)index);
	char near[96];

	if (o->choices != NULL && !is_choice(value, o->choices)) {
		gate_suggest_text(value, o->choices, near, sizeof(near));
		return GATE_FAIL(err, GATE_E_INVALID, "'--%s' takes %s, not '%s'%s", o->name, o->choices, value, near);
	}
	cli->values[index] = value != NULL ? value : "";
	cli->said[cli->n_said++] = (struct gate_said){ (size_t)index, cli->values[index] };
	return 0;
}

static int check_count(const struct gate_cli *cli, struct gate_err *err)
{
	const struct gate_verb *v = cli->verb;

	if (gate_option_set(cli, "help") ||
	    (cli->n_operands >= v->least && (v->most < 0 || cli->n_operands <= v->most)))
		return 0;
	if (cli->n_operands < v->least)
		return GATE_FAIL(err, GATE_E_INVALID, "%s needs %s", v->name, v->operands);
	if (v->most == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "%s takes no operands, but there is '%s'", v->name,
		                 cli->operands[0]);
	return GATE_FAIL(err, GATE_E_INVALID, "%s takes %s: '%s' is one too many", v->name, v->operands,
	                 cli->operands[v->most]);
}

int gate_options_parse(struct gate_cli *cli, int argc, char **argv, struct gate_err *err)
{
	struct tables t;
	int c;

	make_tables(cli->verb, &t);
	/* One word can hold several: -it. */
	size_t most = 0;

	for (int i = 0; i < argc; i++)
		most += strlen(argv[i]) + 1;
	cli->said = calloc(most, sizeof(*cli->said));
	if (cli->said == NULL)
		return GATE_FAIL_NOMEM(err);
	opterr = 0;
	optind = 1;
	cli->operands = argv; /* operands are gathered at the front of argv, over words that are done with */
	while ((c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		int index = c >= 256 ? c - 256 : by_letter(cli->verb, c);

		if (c == 1) {
			cli->operands[cli->n_operands++] = optarg;
			continue;
		}
		if (c == ':')
			return GATE_FAIL(err, GATE_E_INVALID, "option '%s' needs a value", argv[optind - 1]);
		if (c == '?')
			return unknown(cli->verb, argv[optind - 1], optopt > 0 && optopt < 256 ? optopt : 0, &t, err);
		if (take(cli, index, optarg, err) < 0)
			return -1;
	}
	while (optind < argc)
		cli->operands[cli->n_operands++] = argv[optind++];
	cli->operands[cli->n_operands] = NULL; /* they may be the argv of another program */
	return check_count(cli, err);
}

static size_t index_of(const struct gate_cli *cli, const char *name)
{
	const struct gate_option *o;

	for (size_t i = 0; (o = gate_verb_option(cli->verb, i)) != NULL; i++)
		if (strcmp(o->name, name) == 0)
			return i;
	gate_check_failed(name, __FILE__, __LINE__);
}

const char *gate_option_text(const struct gate_cli *cli, const char *name)
{
	size_t i = index_of(cli, name);

	return cli->values[i] != NULL ? cli->values[i] : gate_verb_option(cli->verb, i)->initial;
}

const char *gate_option_next(const struct gate_cli *cli, const char *name, size_t *at)
{
	size_t option = index_of(cli, name);

	while (*at < cli->n_said)
		if (cli->said[(*at)++].option == option)
			return cli->said[*at - 1].value;
	return NULL;
}

bool gate_option_set(const struct gate_cli *cli, const char *name)
{
	return cli->values[index_of(cli, name)] != NULL;
}

bool gate_cli_json(const struct gate_cli *cli)
{
	return strcmp(gate_option_text(cli, "format"), "json") == 0;
}
