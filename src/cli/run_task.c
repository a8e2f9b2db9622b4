/* The flags of run to a task; files that they name are read here. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run.h"
#include "spec/spec.h"

/* A file of lines, or a pipe ("<(…)"), up to a limit. */
static int slurp(const char *path, struct gate_buf *text, struct gate_err *err)
{
	char piece[4096];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot read '%s'", path);
	while (text->len <= GATE_SPEC_LINES_MAX &&
	       ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)))
		gate_buf_add(text, piece, n > 0 ? (size_t)n : 0);
	int saved = errno;

	(void)close(fd);
	errno = saved;
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read '%s'", path);
	return text->failed ? GATE_FAIL_NOMEM(err) : 0;
}

static int take(struct gate_spec *s, const char *name, const char *value, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	if (!gate_spec_has(name))
		return 0;
	if (strcmp(name, "env-file") != 0 && strcmp(name, "label-file") != 0)
		return gate_spec_flag(s, name, value, err);
	if (slurp(value, &text, err) < 0)
		return -1;
	return gate_spec_lines(s, name, value, text.data != NULL ? text.data : "", text.len, err);
}

static int read_flags(const struct gate_cli *cli, struct gate_task *t, struct gate_err *err)
{
	GATE_AUTOFREE char *cwd = getcwd(NULL, 0);
	struct gate_spec_caller caller = { .cwd = cwd, .environ = (const char *const *)environ };
	struct gate_spec spec;

	/* Relative paths need it, and a plain process, which stays there: then it is an error there. */
	if (cwd == NULL || cwd[0] != '/')
		caller.cwd = NULL;
	gate_spec_init(&spec, t, &caller);
	for (size_t i = 0; i < cli->n_said; i++)
		if (take(&spec, gate_verb_option(cli->verb, cli->said[i].option)->name, cli->said[i].value, err) < 0)
			return -1;
	return gate_spec_finish(&spec, (const char *const *)cli->operands, err);
}

bool gate_run_task(const struct gate_cli *cli, struct gate_task *t)
{
	struct gate_err err = GATE_ERR_INIT;

	if (read_flags(cli, t, &err) < 0) {
		gate_say(cli, "%s", err.text);
		return false;
	}
	if (gate_option_set(cli, "replace") && t->name == NULL) {
		gate_say(cli, "'--replace' needs '--name'");
		return false;
	}
	return true;
}

char *gate_run_source_word(const char *word)
{
	static const char *const plain[] = { "default", "unconfined", "pid:" };
	const char *path = word, *colon = strchr(word, ':');
	GATE_AUTOFREE char *real = NULL;
	char *ret;

	for (size_t i = 0; i < GATE_ARRAY_LEN(plain); i++)
		if (strncmp(word, plain[i], strlen(plain[i])) == 0 && (i == 2 || word[strlen(plain[i])] == '\0'))
			return strdup(word);
	if (colon != NULL && memchr(word, '/', (size_t)(colon - word)) == NULL)
		path = colon + 1;
	real = path[0] != '/' ? realpath(path, NULL) : NULL;
	if (real == NULL)
		return strdup(word);
	if (asprintf(&ret, "%.*s%s", (int)(path - word), word, real) < 0)
		return NULL;
	return ret;
}
