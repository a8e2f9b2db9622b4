#include "cli/cli.h"
#include "spec/spec.h"

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

/* In one row: they are asked for by number, all of them again and again. */
const struct gate_option *gate_verb_option(const struct gate_verb *verb, size_t i)
{
	static const struct gate_option *all[GATE_OPTIONS_MAX];
	static const struct gate_verb *of;
	static size_t n;

	if (of != verb) {
		n = 0;
		for (size_t g = 0; g <= GATE_ARRAY_LEN(verb->groups); g++) {
			const struct gate_option *list =
			    g < GATE_ARRAY_LEN(verb->groups) ? verb->groups[g] : gate_options_every;

			for (; list != NULL && list->name != NULL; list++) {
				GATE_CHECK(n < GATE_OPTIONS_MAX);
				all[n++] = list;
			}
		}
		of = verb;
	}
	return i < n ? all[i] : NULL;
}

char gate_option_letter(const struct gate_verb *verb, const struct gate_option *o)
{
	const struct gate_option *first;

	for (size_t i = 0; o->letter != 0 && (first = gate_verb_option(verb, i)) != NULL && first != o; i++)
		if (first->letter == o->letter)
			return 0;
	return o->letter;
}

static int by_letter(const struct gate_verb *verb, char letter)
{
	const struct gate_option *o;

	for (size_t i = 0; (o = gate_verb_option(verb, i)) != NULL; i++)
		if (o->letter == letter)
			return (int)i;
	return -1;
}

/* Mesos' flags have underlines where docker's have hyphens: both are taken for either. */
static bool begins(const char *name, const char *with, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] == '\0' || (name[i] == '_' ? '-' : name[i]) != (with[i] == '_' ? '-' : with[i]))
			return false;
	return true;
}

/* The option with this long name; else the only one that begins so. *hits: how many begin so. */
static int by_name(const struct gate_verb *verb, const char *name, size_t len, size_t *hits)
{
	const struct gate_option *o;
	int found = -1;

	*hits = 0;
	for (size_t i = 0; (o = gate_verb_option(verb, i)) != NULL; i++) {
		if (!begins(o->name, name, len))
			continue;
		if (o->name[len] == '\0') {
			*hits = 1;
			return (int)i;
		}
		found = (int)i;
		*hits += 1;
	}
	return *hits == 1 ? found : -1;
}

/* A flag that others know and this verb answers in words. */
static const struct gate_refusal *refused(const struct gate_verb *verb, const char *name, size_t len, char letter)
{
	for (const struct gate_refusal *r = verb->refused; r != NULL && r->name != NULL; r++)
		if (letter != 0 ? r->letter == letter : strlen(r->name) == len && begins(r->name, name, len))
			return r;
	return NULL;
}

static int refuse(const struct gate_verb *verb, const struct gate_refusal *r, struct gate_err *err)
{
	return GATE_FAIL(err, GATE_E_UNSUPPORTED, "'--%s' is not for callgate %s: %s", r->name, verb->name, r->why);
}

static int unknown_name(const struct gate_verb *verb, const char *name, size_t len, size_t hits, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf names = GATE_BUF_INIT;
	const struct gate_option *o;
	char near[96];

	if (hits > 1)
		return GATE_FAIL(err, GATE_E_INVALID, "option '--%.*s' could be several; write it in full", (int)len,
		                 name);
	for (size_t i = 0; (o = gate_verb_option(verb, i)) != NULL; i++)
		gate_buf_printf(&names, "%s%s", i > 0 ? "|" : "", o->name);
	if (names.failed)
		return GATE_FAIL_NOMEM(err);
	const char *word = strndupa(name, len < 64 ? len : 64);

	if (!gate_suggest(word, names.data, near, sizeof(near)))
		return GATE_FAIL(err, GATE_E_INVALID, "unknown option '--%s' for %s", word, verb->name);
	return GATE_FAIL(err, GATE_E_INVALID, "unknown option '--%s' for %s (did you mean '--%s'?)", word, verb->name,
	                 near);
}

bool gate_option_choice(const char *value, const char *choices)
{
	size_t len = strlen(value);

	for (const char *c = choices; c != NULL; c = strchr(c, '|') != NULL ? strchr(c, '|') + 1 : NULL)
		if (strcspn(c, "|") == len && strncmp(c, value, len) == 0)
			return true;
	return false;
}

/* "true" or "false" for the words that docker takes; NULL for others. */
static const char *truth(const char *value)
{
	static const char *const words[] = { "true",  "True",  "TRUE",  "t", "T", "1",
		                             "false", "False", "FALSE", "f", "F", "0" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++)
		if (strcmp(words[i], value) == 0)
			return i < GATE_ARRAY_LEN(words) / 2 ? "true" : "false";
	return NULL;
}

static int take(struct gate_cli *cli, int index, const char *value, struct gate_err *err)
{
	const struct gate_option *o = gate_verb_option(cli->verb, (size_t)index);
	const char *word = o->value == NULL ? truth(value) : value;
	char near[96];

	if (word == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "'--%s' is a switch: true or false, not '%s'", o->name, value);
	if (o->choices != NULL && !gate_option_choice(word, o->choices)) {
		gate_suggest_text(word, o->choices, near, sizeof(near));
		return GATE_FAIL(err, GATE_E_INVALID, "'--%s' takes %s, not '%s'%s", o->name, o->choices, word, near);
	}
	if (gate_grow(&cli->said, cli->n_said, &cli->cap_said, sizeof(*cli->said)) < 0)
		return GATE_FAIL_NOMEM(err);
	cli->said[cli->n_said++] = (struct gate_said){ (size_t)index, word };
	cli->values[index] = word;
	return 0;
}

/* "--name", "--name=value", "--name value", "--no-switch". *next: the word behind, taken when it is the value. */
static int take_long(struct gate_cli *cli, const char *arg, char *const **next, struct gate_err *err)
{
	const char *name = arg + 2, *equals = strchr(name, '=');
	size_t len = strcspn(name, "="), hits, negated;
	const struct gate_refusal *no = refused(cli->verb, name, len, 0);

	if (no != NULL)
		return refuse(cli->verb, no, err);
	int index = by_name(cli->verb, name, len, &hits);

	if (index < 0 && len > 3 && strncmp(name, "no-", 3) == 0 && equals == NULL) {
		index = by_name(cli->verb, name + 3, len - 3, &negated);
		if (index >= 0 && gate_verb_option(cli->verb, (size_t)index)->value == NULL)
			return take(cli, index, "false", err);
		index = -1;
	}
	if (index < 0)
		return unknown_name(cli->verb, name, len, hits, err);
	if (equals != NULL)
		return take(cli, index, equals + 1, err);
	if (gate_verb_option(cli->verb, (size_t)index)->value == NULL)
		return take(cli, index, "true", err);
	if (**next == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "option '--%.*s' needs a value", (int)len, name);
	return take(cli, index, *(*next)++, err);
}

/* "-it", "-eK=V", "-e K=V", "-e=K=V". */
static int take_short(struct gate_cli *cli, const char *arg, char *const **next, struct gate_err *err)
{
	for (const char *c = arg + 1; *c != '\0'; c++) {
		int index = by_letter(cli->verb, *c);
		const struct gate_refusal *no = index < 0 ? refused(cli->verb, "", 0, *c) : NULL;

		if (no != NULL)
			return refuse(cli->verb, no, err);
		if (index < 0)
			return GATE_FAIL(err, GATE_E_INVALID, "unknown option '-%c' for %s", *c, cli->verb->name);
		if (gate_verb_option(cli->verb, (size_t)index)->value == NULL) {
			if (c[1] == '=')
				return take(cli, index, c + 2, err);
			if (take(cli, index, "true", err) < 0)
				return -1;
			continue;
		}
		if (c[1] != '\0')
			return take(cli, index, c + 1 + (c[1] == '='), err);
		if (**next == NULL)
			return GATE_FAIL(err, GATE_E_INVALID, "option '-%c' needs a value", *c);
		return take(cli, index, *(*next)++, err);
	}
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
	char *const *next = argv + 1;
	bool options = true;

	GATE_CHECK(argv[argc] == NULL);
	cli->operands = argv; /* operands are gathered at the front of argv, over words that are done with */
	while (*next != NULL) {
		char *arg = *next++;

		if (!options || arg[0] != '-' || arg[1] == '\0') {
			cli->operands[cli->n_operands++] = arg;
			options = options && !cli->verb->stop_at_operand;
		} else if (strcmp(arg, "--") == 0) {
			options = false;
		} else if ((arg[1] == '-' ? take_long : take_short)(cli, arg, &next, err) < 0) {
			return -1;
		}
	}
	cli->operands[cli->n_operands] = NULL; /* they may be the argv of another program */
	return check_count(cli, err);
}

void gate_options_done(struct gate_cli *cli)
{
	free(cli->said);
	cli->said = NULL;
	cli->n_said = cli->cap_said = 0;
}

/* The option and its number, in one walk over the groups: a start asks some forty times. */
static const struct gate_option *named(const struct gate_verb *verb, const char *name, size_t *index)
{
	size_t i = 0;

	for (size_t g = 0; g <= GATE_ARRAY_LEN(verb->groups); g++) {
		const struct gate_option *o = g < GATE_ARRAY_LEN(verb->groups) ? verb->groups[g] : gate_options_every;

		for (; o != NULL && o->name != NULL; o++, i++)
			if (o->name[0] == name[0] && strcmp(o->name, name) == 0) {
				*index = i;
				return o;
			}
	}
	return NULL;
}

static const struct gate_option *option_of(const struct gate_cli *cli, const char *name, size_t *index)
{
	const struct gate_option *o = named(cli->verb, name, index);

	if (o == NULL)
		gate_check_failed(name, __FILE__, __LINE__);
	return o;
}

const char *gate_option_text(const struct gate_cli *cli, const char *name)
{
	size_t i;
	const struct gate_option *o = option_of(cli, name, &i);

	return cli->values[i] != NULL ? cli->values[i] : o->initial;
}

const char *gate_option_next(const struct gate_cli *cli, const char *name, size_t *at)
{
	size_t option;

	(void)option_of(cli, name, &option);
	while (*at < cli->n_said)
		if (cli->said[(*at)++].option == option)
			return cli->said[*at - 1].value;
	return NULL;
}

bool gate_option_known(const struct gate_cli *cli, const char *name)
{
	size_t i;

	return named(cli->verb, name, &i) != NULL;
}

bool gate_option_set(const struct gate_cli *cli, const char *name)
{
	size_t i;
	const struct gate_option *o = option_of(cli, name, &i);

	return cli->values[i] != NULL && (o->value != NULL || strcmp(cli->values[i], "true") == 0);
}

bool gate_cli_json(const struct gate_cli *cli)
{
	return strcmp(gate_option_text(cli, "format"), "json") == 0;
}
