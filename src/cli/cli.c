#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"

/* One row per verb, in the order of --help. */
/* clang-format off */
#define VERBS(X) \
	X(check) X(explain) X(diff) X(subset) X(digest) X(compile) X(disasm) X(emulate) X(verify) X(merge) X(convert) \
	X(run) X(image) X(exec) X(ps) X(logs) X(stop) X(kill) X(rm) X(wait) X(inspect) \
	X(agent) \
	X(apply) X(apps) X(jobs) X(profiles) X(describe) X(events) X(restart) X(scale) X(delete) \
	X(doctor) X(completion) X(version) X(help)
/* clang-format on */

#define DECLARE(name) extern const struct gate_verb gate_verb_##name;
#define ROW(name)     &gate_verb_##name,
VERBS(DECLARE)
const struct gate_verb *const gate_verbs[] = { VERBS(ROW) NULL };

const struct gate_verb *gate_verb_find(const char *name)
{
	for (size_t i = 0; gate_verbs[i] != NULL; i++)
		if (strcmp(gate_verbs[i]->name, name) == 0)
			return gate_verbs[i];
	return NULL;
}

void gate_verb_names(char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; gate_verbs[i] != NULL; i++) {
		len += (size_t)snprintf(ret + len, size - len, "%s%s", i > 0 ? "|" : "", gate_verbs[i]->name);
		GATE_CHECK(len < size);
	}
}

/* --color may stand anywhere and must count even while options are being read, for messages about them. */
static void settle_colors(struct gate_cli *cli, int argc, char **argv)
{
	const char *when = "auto";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--color=", 8) == 0)
			when = argv[i] + 8;
		else if (strcmp(argv[i], "--color") == 0 && i + 1 < argc)
			when = argv[i + 1];
	}
	cli->color_out = gate_color_wanted(stdout, when);
	cli->color_err = gate_color_wanted(stderr, when);
}

static int unknown_verb(const struct gate_cli *cli, const char *word)
{
	char names[1024], near[96];

	gate_verb_names(names, sizeof(names));
	gate_suggest_text(word, names, near, sizeof(near));
	gate_say(cli, "unknown verb '%s'%s", word, near);
	gate_hint(cli, "callgate help lists all verbs");
	return 2;
}

static int run_verb(struct gate_cli *cli, int argc, char **argv)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_options_parse(cli, argc, argv, &err) < 0) {
		gate_say(cli, "%s", err.text);
		gate_hint(cli, "callgate help %s", cli->verb->name);
		return gate_trouble_status(cli);
	}
	if (gate_option_set(cli, "help")) {
		gate_help_verb(cli, cli->verb, stdout);
		return 0;
	}
	return cli->verb->run(cli);
}

/* A result that could not be written is no result. */
static int finish(const struct gate_cli *cli, int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	if (errno != EPIPE)
		gate_say(cli, "writing standard output: %s", strerror(errno));
	return gate_trouble_status(cli);
}

/* Else a file that we open gets the number of a stream that our caller has closed, and what we say is written to it. */
static void fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR);
}

int gate_cli_main(int argc, char **argv)
{
	struct gate_cli cli = { 0 };

	fill_streams();
	settle_colors(&cli, argc, argv);
	if (argc < 2) {
		gate_help_general(&cli, stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		gate_help_general(&cli, stdout);
		return finish(&cli, 0);
	}
	cli.verb =
	    gate_verb_find(strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0 ? "version" : argv[1]);
	if (cli.verb == NULL && argv[1][0] == '-') {
		gate_say(&cli, "unknown option '%s' before the verb", argv[1]);
		gate_hint(&cli, "callgate VERB [OPTION...]; callgate help lists all verbs");
		return 2;
	}
	if (cli.verb == NULL)
		return unknown_verb(&cli, argv[1]);
	if (cli.verb->begin != NULL)
		cli.verb->begin(&cli);
	if (cli.verb->class == GATE_CLASS_RUN)
		gate_cli_warm();
	int status = finish(&cli, run_verb(&cli, argc - 1, argv + 1));

	gate_options_done(&cli);
	return status;
}
