/* run: a task in a container, or a plain process under its filter; in front of it until it ends, or not. */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "cli/attach.h"
#include "cli/report.h"
#include "cli/run.h"
#include "container/container.h"
#include "spec/spec.h"

/* One run: what was asked, and what it is made of. */
struct doing {
	const struct gate_cli *cli;
	struct gate_task task;
	struct gate_source *source;
	struct gate_compiled *compiled;
	struct gate_store *store;
	char *word;                                /* of the source, for inspect */
	char text_digest[GATE_POLICY_DIGEST_TEXT]; /* "" when unconfined */
	struct gate_container_caller caller;
	struct gate_task_profile profile;
};

static const char *command_of(const struct gate_task *t)
{
	return t->entrypoint.n > 0 ? t->entrypoint.at[0] : t->args.n > 0 ? t->args.at[0] : t->image;
}

/* The profile is resolved for what the task will really have. */
static bool open_source(struct doing *d)
{
	struct gate_err err = GATE_ERR_INIT;
	const char *word = d->task.profile != NULL ? d->task.profile : "default";
	struct gate_facts facts;

	if (gate_container_caller(&d->task, &d->caller, &err) < 0 ||
	    (!gate_option_set(d->cli, "explain") && gate_container_keeper(&d->task, &d->caller, &err) < 0) ||
	    gate_cli_facts(d->cli, &facts, &err) < 0) {
		(void)gate_trouble(d->cli, NULL, &err);
		return false;
	}
	facts.caps = gate_container_caps(&d->task, &d->caller);
	d->profile.caller = &d->caller;
	d->source = gate_ask_source(d->cli, word, &facts);
	d->word = gate_run_source_word(word);
	return d->source != NULL && d->word != NULL;
}

static bool make_filter(struct doing *d)
{
	const struct gate_cli *cli = d->cli;
	const char *word = gate_source_word(d->source);

	d->profile.source = d->word;
	if (strcmp(word, "unconfined") == 0) {
		gate_say(cli, "running '%s' without a filter", command_of(&d->task));
		d->profile.unconfined = true;
		return true;
	}
	if (!gate_ask_compile(cli, d->source, true, &d->compiled))
		return false;
	if (d->compiled->len == 0) {
		gate_say(cli, "'%s' has no filter", word);
		gate_hint(cli, "to run without one, say --security-opt seccomp=unconfined");
		return false;
	}
	if (d->compiled->notify && !gate_run_notify(cli, d->source))
		return false;
	gate_source_text_digest(d->source, d->text_digest);
	d->profile.insns = d->compiled->insns;
	d->profile.len = d->compiled->len;
	d->profile.flags = d->compiled->flags | (d->task.log ? SECCOMP_FILTER_FLAG_LOG : 0);
	d->profile.notify = d->compiled->notify;
	d->profile.text_digest = d->text_digest;
	d->profile.meaning_digest = d->compiled->meaning;
	return true;
}

static int explain(struct doing *d)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_container_explain(d->store, &d->task, &d->profile, gate_cli_json(d->cli), &out, &err) < 0)
		return gate_trouble(d->cli, NULL, &err);
	(void)fwrite(out.data != NULL ? out.data : "", 1, out.len, stdout);
	return 0;
}

/* The id goes to a file that is not there yet, as docker has it. */
static int open_cidfile(const struct doing *d, struct gate_err *err)
{
	int fd = open(d->task.cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd >= 0)
		return fd;
	if (errno == EEXIST)
		return GATE_FAIL(err, GATE_E_CONFLICT, "the file '%s' of '--cidfile' is there already",
		                 d->task.cidfile);
	return GATE_FAIL_SYS(err, "cannot write '%s'", d->task.cidfile);
}

static int start(struct doing *d, struct gate_started *started, struct gate_err *err)
{
	const char *path = d->task.cidfile;
	int fd = path != NULL ? open_cidfile(d, err) : -1;

	if (path != NULL && fd < 0)
		return -1;
	int result = gate_container_start(d->store, &d->task, &d->profile, started, err);

	if (fd < 0)
		return result;
	/* A task whose id is lost is still a task: only said. */
	if (result == 0 && dprintf(fd, "%s", started->id) < 0)
		gate_say(d->cli, "cannot write '%s': %s", path, strerror(errno));
	(void)close(fd);
	if (result < 0 || !started->started)
		(void)unlink(path);
	return result;
}

/* "busybox", "alpine:3.18", "docker.io/library/nginx": docker's first operand, which is --image here. */
static bool looks_like_image(const struct gate_task *t)
{
	const char *word = t->args.n > 0 ? t->args.at[0] : "";

	return t->image == NULL && t->rootfs == NULL && t->entrypoint.n == 0 && word[0] != '/' && word[0] != '.' &&
	       word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789._-:/@")] == '\0';
}

static int not_started(const struct doing *d, const struct gate_started *s)
{
	gate_say(d->cli, "%s", s->why);
	if (s->record.outcome == GATE_OUTCOME_NOT_EXECUTED && s->record.sys == ENOENT && looks_like_image(&d->task))
		gate_hint(d->cli, "if '%s' is an image: callgate run --image=%s", d->task.args.at[0],
		          d->task.args.at[0]);
	return gate_record_exit_code(&s->record);
}

static int in_front(const struct doing *d, const struct gate_started *s)
{
	const struct gate_task *t = &d->task;
	struct gate_record record = s->record;
	struct gate_attach attach = { .socket = s->socket,
		                      .pidfd = s->pidfd,
		                      .pid = s->record.pid,
		                      .interactive = t->interactive,
		                      .terminal = t->terminal,
		                      .sig_proxy = t->sig_proxy };
	gate_terminal_warn(d->cli, t->terminal && t->interactive);
	int status = gate_attach(d->cli, &attach, &record);

	if (record.state == GATE_TASK_ENDED)
		gate_report(d->cli, &record, d->profile.unconfined ? NULL : d->source, t->log);
	return status;
}

static int launch(struct doing *d)
{
	struct gate_started started = { .socket = -1, .pidfd = -1 };
	struct gate_err err = GATE_ERR_INIT;
	int status = 0;

	/* Who is to be replaced may be what a killed keeper left. */
	if ((gate_option_set(d->cli, "replace") &&
	     (gate_store_sweep(d->store, &err) < 0 || gate_run_replace(d->store, d->task.name, &err) < 0)) ||
	    start(d, &started, &err) < 0)
		return gate_trouble(d->cli, NULL, &err);
	if (!started.started)
		status = not_started(d, &started);
	else if (d->task.detach)
		(void)puts(started.id);
	else
		status = in_front(d, &started);
	if (started.socket >= 0)
		(void)close(started.socket);
	if (started.pidfd >= 0)
		(void)close(started.pidfd);
	return status;
}

static int doing(struct doing *d)
{
	struct gate_err err = GATE_ERR_INIT;

	if (!gate_run_task(d->cli, &d->task) || !open_source(d) || !make_filter(d))
		return gate_trouble_status(d->cli);
	if (gate_store_open(gate_option_text(d->cli, "state-dir"), &d->store, &err) < 0)
		return gate_trouble(d->cli, NULL, &err);
	return gate_option_set(d->cli, "explain") ? explain(d) : launch(d);
}

/* The keeper's execve runs beside us. Where the options are wrong it dies with us; what is wrong with it `run` finds. */
static void begin(struct gate_cli *cli)
{
	struct gate_container_caller caller = { 0 };

	(void)gate_container_keeper(NULL, &caller, NULL);
	cli->begun = caller.keeper;
}

static int run(struct gate_cli *cli)
{
	struct doing d = { .cli = cli, .caller.keeper = cli->begun };

	gate_task_init(&d.task);
	int status = doing(&d);

	gate_container_caller_done(&d.caller);
	gate_store_close(d.store);
	gate_compiled_free(d.compiled);
	gate_source_free(d.source);
	free(d.word);
	gate_task_done(&d.task);
	return status;
}

const struct gate_verb gate_verb_run = {
	.name = "run",
	.operands = "[COMMAND [ARG...]]",
	.summary = "run a task in a container, under a profile",
	.about =
	    "Runs COMMAND isolated from the host: in namespaces and control groups of its own, with docker's 14 capabilities, "
	    "no network but a loopback, under the filter of its profile. Its root is an image, a directory, or the host's own "
	    "file system with a private /tmp. The flags are those of docker run and podman run; what they know and callgate "
	    "does not is refused with the reason. The filter is put on last: after it the only call made before COMMAND is its "
	    "own execve. Programs are proven before they are loaded; when any step of the launch fails, COMMAND does not run.\n\n"
	    "A task that the filter kills is reported with the call, its number, the architecture and the line of the profile. "
	    "With --log refused calls that are not fatal are reported too, counted, for every process of the task; the report "
	    "says when any were lost. Only the word unconfined, as a profile, runs a task without a filter, and that is said.",
	.class = GATE_CLASS_RUN,
	.stop_at_operand = true,
	.first = GATE_OPERAND_COMMAND,
	.rest = GATE_OPERAND_COMMAND,
	.least = 0,
	.most = -1,
	.groups = { gate_run_general, gate_run_files, gate_run_rights, gate_run_amounts, gate_run_spaces, gate_run_own,
	            gate_options_format },
	.refused = gate_spec_refused,
	.examples =
	    (const struct gate_example[]){
		{ "callgate run --network=host -- nginx -g 'daemon off;'", "the host's nginx, on the host's network" },
		{ "callgate run --image=oci:./busybox:latest -it -- sh", "a shell in an image" },
		{ "callgate run --rootfs=./alpine -m 64m --cpus=0.5 -v ./data:/data:ro -u 1000:1000 -- /bin/server",
	          "a directory as its root, with limits" },
		{ "callgate run --security-opt seccomp=web.json --log -- ./server",
	          "which calls does the profile lack?" },
		{ "callgate run --isolation=linux/seccomp -- make",
	          "a plain process of the host, under the default profile" },
		{ "callgate run --explain -d --name=web -- ./server", "what a launch would do, step by step" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "125", "callgate itself failed: usage, profile, launch; COMMAND did not run" },
		{ "126", "COMMAND cannot be executed" },
		{ "127", "COMMAND is not found" },
		{ "124", "the time of --timeout was over" },
		{ "128+n", "COMMAND was killed by signal n; 159: by the filter" },
		{ "n", "COMMAND exited with n; with --detach: 0, the task was started" },
		{ 0 },
	    },
	.begin = begin,
	.run = run,
};
