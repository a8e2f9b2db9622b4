#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/attach.h"
#include "cli/report.h"
#include "cli/tasks.h"
#include "spec/spec.h"

/* --- the environment that is added --- */
struct env {
	const char **at;
	size_t n, cap;
	struct gate_arena arena;
};

static int add(struct env *env, const char *entry, struct gate_err *err)
{
	if (gate_grow(&env->at, env->n, &env->cap, sizeof(*env->at)) < 0)
		return GATE_FAIL_NOMEM(err);
	env->at[env->n++] = entry;
	return 0;
}

/* "K=V", or "K": ours, when we have it. */
static int add_word(struct env *env, const char *word, struct gate_err *err)
{
	size_t len = strcspn(word, "=");
	const char *value;

	if (len == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' does not begin with the name of a variable", word);
	if (word[len] == '=')
		return add(env, word, err);
	value = getenv(word);
	if (value == NULL)
		return 0;
	char *entry = gate_arena_alloc(&env->arena, len + strlen(value) + 2);

	if (entry == NULL)
		return GATE_FAIL_NOMEM(err);
	(void)sprintf(entry, "%s=%s", word, value);
	return add(env, entry, err);
}

/* Lines of the file, as docker reads them: no quotes; blank ones and those that begin with # do not count. */
static int add_lines(struct env *env, const char *path, char *text, struct gate_err *err)
{
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		size_t len = strlen(line);

		if (len > 0 && line[len - 1] == '\r')
			line[--len] = '\0';
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#')
			continue;
		if (strcspn(line, " \t") < strcspn(line, "="))
			return GATE_FAIL(err, GATE_E_INVALID, "'%s': the variable in '%.40s' has a blank in its name",
			                 path, line);
		if (add_word(env, line, err) < 0)
			return -1;
	}
	return 0;
}

static int add_file(struct env *env, const char *path, struct gate_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd >= 0 ? gate_arena_alloc(&env->arena, GATE_SPEC_LINES_MAX + 2) : NULL;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot read '%s'", path);
	while (text != NULL && n > 0 && len <= GATE_SPEC_LINES_MAX) {
		n = read(fd, text + len, GATE_SPEC_LINES_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	if (text == NULL)
		return GATE_FAIL_NOMEM(err);
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read '%s'", path);
	if (len > GATE_SPEC_LINES_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "'%s' has more than %u bytes", path, GATE_SPEC_LINES_MAX);
	if (memchr(text, '\0', len) != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' has a NUL byte", path);
	return add_lines(env, path, text, err);
}

/* Files first, as docker: what is said with -e wins. */
static int read_env(const struct gate_cli *cli, struct env *env, struct gate_err *err)
{
	const char *value;

	for (size_t at = 0; (value = gate_option_next(cli, "env-file", &at)) != NULL;)
		if (add_file(env, value, err) < 0)
			return -1;
	for (size_t at = 0; (value = gate_option_next(cli, "env", &at)) != NULL;)
		if (add_word(env, value, err) < 0)
			return -1;
	return 0;
}

/* --- the verb --- */
static int in_front(const struct gate_cli *cli, const struct gate_exec *e, const struct gate_started *s)
{
	struct gate_record record = s->record;
	struct gate_attach attach = { .socket = s->socket,
		                      .pidfd = s->pidfd,
		                      .interactive = e->interactive,
		                      .terminal = e->terminal,
		                      .sig_proxy = strcmp(gate_option_text(cli, "sig-proxy"), "true") == 0,
		                      .keys = gate_option_text(cli, "detach-keys") };

	int status = gate_attach(cli, &attach, &record);

	/* Which line of the profile it was inspect knows, who reads the source. */
	if (record.state == GATE_TASK_ENDED)
		gate_report(cli, &record, NULL, false);
	return status;
}

static int start(const struct gate_cli *cli, struct gate_store *store, const struct gate_exec *e)
{
	struct gate_started s = { .socket = -1, .pidfd = -1 };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_entry task;
	int status = 0;

	if (gate_store_find(store, cli->operands[0], &task, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	if (task.state != GATE_TASK_RUNNING) {
		gate_say(cli, "container '%s' is not running", cli->operands[0]);
		return gate_trouble_status(cli);
	}
	if (gate_container_exec(store, task.id, e, &s, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	if (!s.started) {
		gate_say(cli, "%s", s.why);
		status = gate_record_exit_code(&s.record);
	} else if (!gate_option_set(cli, "detach")) {
		status = in_front(cli, e, &s);
	}
	if (s.socket >= 0)
		(void)close(s.socket);
	if (s.pidfd >= 0)
		(void)close(s.pidfd);
	return status;
}

static int run(struct gate_cli *cli)
{
	/* "exec CONTAINER -- COMMAND", too: as run has it. */
	const size_t skip = cli->n_operands > 2 && strcmp(cli->operands[1], "--") == 0 ? 2 : 1;
	struct gate_exec e = { .args = (const char *const *)cli->operands + skip,
		               .user = gate_option_text(cli, "user"),
		               .workdir = gate_option_text(cli, "workdir"),
		               .terminal = gate_option_set(cli, "tty"),
		               .interactive = gate_option_set(cli, "interactive") };
	struct gate_err err = GATE_ERR_INIT;
	struct env env = { 0 };
	char keys[GATE_KEYS_MAX];
	const char *typed = gate_option_text(cli, "detach-keys");
	int status;

	if (typed != NULL && gate_keys_parse(typed, keys) < 0) {
		gate_say(cli, "'--detach-keys' takes keys such as ctrl-p,ctrl-q, not '%s'", typed);
		return gate_trouble_status(cli);
	}
	GATE_AUTO(gate_store_closep) struct gate_store *store = gate_ask_store(cli);

	if (store == NULL)
		return gate_trouble_status(cli);
	if (read_env(cli, &env, &err) < 0) {
		status = gate_trouble(cli, NULL, &err);
	} else {
		e.env = env.at;
		e.n_env = env.n;
		if (!gate_option_set(cli, "detach"))
			gate_terminal_warn(cli, e.terminal && e.interactive);
		status = start(cli, store, &e);
	}
	free(env.at);
	gate_arena_done(&env.arena);
	return status;
}

static const struct gate_refusal refused[] = {
	{ "privileged", 0, "a process that joins a task gets what the task has, never more" },
	{ 0 },
};

const struct gate_verb gate_verb_exec = {
	.name = "exec",
	.operands = "TASK COMMAND [ARG...]",
	.summary = "one more process in a running task",
	.about =
	    "Runs COMMAND in the namespaces and control groups of TASK, with the same filter, capabilities and no_new_privs as the "
	    "task: always, there is no way to have more. Its output, input, signals and exit code are passed on as by run.",
	.class = GATE_CLASS_RUN,
	.stop_at_operand = true,
	.first = GATE_OPERAND_TASK,
	.rest = GATE_OPERAND_COMMAND,
	.least = 2,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "interactive", 'i', NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "standard input is that of COMMAND; without it, it is empty" },
			{ "tty", 't', NULL, NULL, NULL, GATE_OPERAND_NONE, "a terminal of its own" },
			{ "detach", 'd', NULL, NULL, NULL, GATE_OPERAND_NONE, "start it and do not wait" },
			{ "env", 'e', "NAME[=VALUE]", NULL, NULL, GATE_OPERAND_NONE,
	                  "a variable besides the task's; without a value: ours" },
			{ "env-file", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE, "variables, one a line" },
			{ "user", 'u', "USER[:GROUP]", NULL, NULL, GATE_OPERAND_NONE,
	                  "names or numbers (default: those of the task)" },
			{ "workdir", 'w', "DIR", NULL, NULL, GATE_OPERAND_NONE,
	                  "the working directory in the task (default: the task's)" },
			{ "detach-keys", 0, "KEYS", NULL, NULL, GATE_OPERAND_NONE,
	                  "keys that leave COMMAND running, with -it (default: ctrl-p,ctrl-q)" },
			{ "sig-proxy", 0, "true|false", "true|false", "true", GATE_OPERAND_NONE,
	                  "pass our signals on to COMMAND" },
			{ 0 },
		    },
	            gate_options_state },
	.refused = refused,
	.examples =
	    (const struct gate_example[]){
		{ "callgate exec -it web sh", "look around in a task" },
		{ "callgate exec -u 0 -w /etc web cat passwd", "as another user, from another directory" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "125", "callgate itself failed; COMMAND did not run" },
		{ "126", "COMMAND cannot be executed" },
		{ "127", "COMMAND is not found" },
		{ "128+n", "COMMAND was killed by signal n; 159: by the filter" },
		{ "n", "COMMAND exited with n" },
		{ 0 },
	    },
	.run = run,
};
