#include <signal.h>
#include <sys/wait.h>

#include "base/num.h"
#include "cli/describe.h"
#include "cli/tasks.h"

/* --- lines --- */
static void line(const struct gate_cli *cli, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void line(const struct gate_cli *cli, const char *name, const char *format, ...)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT, safe = GATE_BUF_INIT;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&text, format, ap);
	va_end(ap);
	if (text.len == 0)
		return;
	gate_buf_escaped(&safe, text.data, text.len);
	(void)printf("  %s%-13s%s %s\n", gate_style(cli->color_out, GATE_STYLE_DIM), name,
	             gate_style(cli->color_out, GATE_STYLE_PLAIN), safe.data);
}

static void title(const struct gate_cli *cli, const struct gate_found *f, const char *id)
{
	GATE_AUTO(gate_buf_done) struct gate_buf safe = GATE_BUF_INIT;

	gate_buf_escaped(&safe, id, strlen(id));
	(void)printf("%s %s%s%s\n", gate_thing_name(f->thing), gate_style(cli->color_out, GATE_STYLE_BOLD),
	             safe.data != NULL ? safe.data : "", gate_style(cli->color_out, GATE_STYLE_PLAIN));
}

/* Words of an array with blanks between. */
static void join(const struct gate_doc *list, struct gate_buf *out)
{
	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++)
		gate_buf_printf(out, "%s%s", i > 0 ? " " : "", list->items[i].text != NULL ? list->items[i].text : "…");
}

static void command(const struct gate_cli *cli, const struct gate_doc *d)
{
	GATE_AUTO(gate_buf_done) struct gate_buf args = GATE_BUF_INIT;

	join(gate_api_at(d, "args"), &args);
	line(cli, "command", "%s",
	     gate_api_text(d, "cmd")[0] != '\0' ? gate_api_text(d, "cmd")
	     : args.len > 0                     ? args.data
	                                        : "");
	line(cli, "user", "%s", gate_api_text(d, "user"));
	line(cli, "resources", "%s cpus, %s MiB", gate_api_text(d, "cpus"), gate_api_text(d, "mem"));
}

/* --- apps --- */
void gate_describe_app(const struct gate_cli *cli, const struct gate_found *f)
{
	const struct gate_doc *app = gate_api_at(f->answer.doc, "app"), *failure = gate_api_at(app, "lastTaskFailure");
	const struct gate_doc *deployments = gate_api_at(app, "deployments");
	const char *id = gate_api_text(app, "id");
	char when[48];

	title(cli, f, id);
	command(cli, app);
	line(cli, "image", "%s", gate_api_text(app, "container.docker.image"));
	line(cli, "profile", "%s", gate_api_seccomp(gate_api_at(app, "container.linuxInfo.seccomp")));
	line(cli, "tasks", "%s of %s run, %s staged, %s healthy, %s unhealthy", gate_api_text(app, "tasksRunning"),
	     gate_api_text(app, "instances"), gate_api_text(app, "tasksStaged"), gate_api_text(app, "tasksHealthy"),
	     gate_api_text(app, "tasksUnhealthy"));
	line(cli, "version", "%s", gate_api_text(app, "version"));
	if (deployments != NULL && deployments->kind == GATE_DOC_ARRAY && deployments->n_items > 0)
		line(cli, "deployment", "%s goes on", gate_api_text(&deployments->items[0], "id"));
	gate_api_ago(failure, "timestamp", when);
	if (failure != NULL)
		line(cli, "last failure", "%s, %s: %s", gate_api_text(failure, "state"), when,
		     gate_api_text(failure, "message"));
	gate_describe_tasks(cli, "marathon", id);
}

/* --- jobs --- */
static void runs(const struct gate_doc *list, const char *how, const char *end, struct gate_table *t)
{
	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items && i < 10; i++) {
		char when[48];

		gate_api_ago(&list->items[i], end, when);
		gate_table_add(t, GATE_STYLE_BOLD, "%s", gate_api_text(&list->items[i], "id"));
		gate_table_add(t, strcmp(how, "FAILED") == 0 ? GATE_STYLE_RED : GATE_STYLE_PLAIN, "%s",
		               how[0] != '\0' ? how : gate_api_text(&list->items[i], "status"));
		gate_table_add(t, GATE_STYLE_PLAIN, "%s", when);
		gate_table_add(t, GATE_STYLE_PLAIN, "%s", gate_api_text(&list->items[i], "failure.message"));
	}
}

static void print_runs(const struct gate_cli *cli, const struct gate_doc *job)
{
	static const char *const heads[] = { "RUN", "STATUS", "SINCE", "" };
	struct gate_table t;

	gate_table_init(&t, GATE_ARRAY_LEN(heads));
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads); i++)
		gate_table_add(&t, GATE_STYLE_BOLD, "%s", heads[i]);
	runs(gate_api_at(job, "activeRuns"), "", "createdAt", &t);
	runs(gate_api_at(job, "history.failedFinishedRuns"), "FAILED", "finishedAt", &t);
	runs(gate_api_at(job, "history.successfulFinishedRuns"), "SUCCESS", "finishedAt", &t);
	if (t.n_cells > GATE_ARRAY_LEN(heads)) {
		(void)printf("\nruns\n");
		gate_table_print(&t, stdout, cli->color_out, 2, gate_columns(stdout));
	}
	gate_table_done(&t);
}

void gate_describe_job(const struct gate_cli *cli, const struct gate_found *f)
{
	const struct gate_doc *job = f->answer.doc, *run = gate_api_at(job, "run"),
			      *list = gate_api_at(job, "schedules");
	const char *policy = gate_api_text(run, "restart.policy");

	title(cli, f, gate_api_text(job, "id"));
	line(cli, "description", "%s", gate_api_text(job, "description"));
	command(cli, run);
	line(cli, "profile", "%s", gate_api_seccomp(gate_api_at(run, "linuxInfo.seccomp")));
	line(cli, "restart", "%s", policy[0] != '\0' ? policy : "NEVER");
	for (uint32_t i = 0; list != NULL && list->kind == GATE_DOC_ARRAY && i < list->n_items; i++)
		line(cli, "schedule", "%s: %s %s%s%s%s", gate_api_text(&list->items[i], "id"),
		     gate_api_text(&list->items[i], "cron"), gate_api_text(&list->items[i], "timezone"),
		     gate_api_true(&list->items[i], "enabled") ? "" : ", off",
		     gate_api_at(&list->items[i], "nextRunAt") != NULL ? ", next " : "",
		     gate_api_text(&list->items[i], "nextRunAt"));
	line(cli, "history", "%llu succeeded, %llu failed",
	     (unsigned long long)gate_api_number(job, "history.successCount"),
	     (unsigned long long)gate_api_number(job, "history.failureCount"));
	print_runs(cli, job);
	gate_describe_tasks(cli, "metronome", f->id);
}

/* --- tasks --- */
/* wait(2)'s status in words. */
static void end_of(const struct gate_doc *task, struct gate_buf *out)
{
	int status = (int)gate_api_number(task, "exitStatus");

	if (gate_api_at(task, "exitStatus") == NULL)
		return;
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));

		gate_buf_printf(out, "killed by SIG%s", name != NULL ? name : "?");
	} else {
		gate_buf_printf(out, "exit code %d", WEXITSTATUS(status));
	}
}

void gate_describe_task(const struct gate_cli *cli, const struct gate_found *f)
{
	const struct gate_doc *t = f->answer.doc;
	GATE_AUTO(gate_buf_done) struct gate_buf profile = GATE_BUF_INIT, end = GATE_BUF_INIT;
	static const struct {
		const char *name, *key;
	} before[] = { { "container", "containerId" }, { "parent", "parent" },
		       { "owner", "owner" },           { "of", "ownerId" },
		       { "version", "version" },       { "name", "name" },
		       { "command", "command" },       { "user", "user" } },
	  after[] = { { "state", "state" },        { "message", "message" },      { "reason", "reason" },
		      { "staged at", "stagedAt" }, { "started at", "startedAt" }, { "ended at", "endedAt" },
		      { "client", "client" } };
	struct gate_denials denials;

	title(cli, f, gate_api_text(t, "id"));
	for (size_t i = 0; i < GATE_ARRAY_LEN(before); i++)
		line(cli, before[i].name, "%s", gate_api_text(t, before[i].key));
	gate_describe_profile_of(t, &profile);
	line(cli, "profile", "%s", profile.data);
	line(cli, "text", "%s", gate_api_text(t, "profile.textDigest"));
	line(cli, "meaning", "%s", gate_api_text(t, "profile.meaningDigest"));
	for (size_t i = 0; i < GATE_ARRAY_LEN(after); i++)
		line(cli, after[i].name, "%s", gate_api_text(t, after[i].key));
	end_of(t, &end);
	line(cli, "end", "%s", end.len > 0 ? end.data : "");
	if (gate_api_number(t, "pid") > 0 && end.len == 0)
		line(cli, "pid", "%s", gate_api_text(t, "pid"));
	gate_denials_begin(&denials, false);
	gate_denials_add(&denials, t);
	gate_denials_print(cli, &denials);
}

/* --- profiles --- */
static void print_findings(const struct gate_cli *cli, const struct gate_doc *p)
{
	const struct gate_doc *list = gate_api_at(p, "findingList");
	struct gate_table t;

	if (list == NULL || list->kind != GATE_DOC_ARRAY || list->n_items == 0)
		return;
	gate_table_init(&t, 3);
	for (uint32_t i = 0; i < list->n_items; i++) {
		const char *severity = gate_api_text(&list->items[i], "severity");

		gate_table_add(&t, GATE_STYLE_CYAN, "%s:%s", gate_api_text(&list->items[i], "line"),
		               gate_api_text(&list->items[i], "column"));
		gate_table_add(&t, strcmp(severity, "error") == 0 ? GATE_STYLE_RED : GATE_STYLE_YELLOW, "%s [%s]",
		               severity, gate_api_text(&list->items[i], "id"));
		gate_table_add(&t, GATE_STYLE_PLAIN, "%s", gate_api_text(&list->items[i], "text"));
	}
	(void)printf("\nfindings\n");
	gate_table_print(&t, stdout, cli->color_out, 2, gate_columns(stdout));
	gate_table_done(&t);
}

static void print_users(const struct gate_doc *p, const char *key, const char *what)
{
	const struct gate_doc *list = gate_api_at(p, key);

	if (list == NULL || list->kind != GATE_DOC_ARRAY || list->n_items == 0)
		return;
	(void)printf("\n%s\n", what);
	for (uint32_t i = 0; i < list->n_items; i++) {
		GATE_AUTO(gate_buf_done) struct gate_buf safe = GATE_BUF_INIT;

		gate_buf_escaped(&safe, list->items[i].text, list->items[i].len);
		(void)printf("  %s\n", safe.data != NULL ? safe.data : "");
	}
}

void gate_describe_profile(const struct gate_cli *cli, const struct gate_found *f)
{
	const struct gate_doc *p = f->answer.doc;

	title(cli, f, gate_api_text(p, "name"));
	line(cli, "error", "%s", gate_api_text(p, "error"));
	line(cli, "default", "%s", gate_api_true(p, "default") ? "yes: tasks that name no profile get it" : "no");
	line(cli, "floor", "%s",
	     gate_api_true(p, "floor") ? "yes: every task's own profile must be a subset of it" : "");
	line(cli, "allowed", "%s", gate_api_true(p, "allowed") ? "yes" : "no: tasks may not name it");
	line(cli, "text", "%s", gate_api_text(p, "textDigest"));
	line(cli, "meaning", "%s", gate_api_text(p, "meaningDigest"));
	line(cli, "findings", "%llu", (unsigned long long)gate_api_number(p, "findings"));
	print_findings(cli, p);
	print_users(p, "usedBy", "tasks");
	print_users(p, "olderTasks", "tasks that were started under an older text of it");
}

/* --- the verb --- */
static int run(struct gate_cli *cli)
{
	static void (*const describe[])(const struct gate_cli *cli, const struct gate_found *f) = {
		[GATE_THING_APP] = gate_describe_app,
		[GATE_THING_JOB] = gate_describe_job,
		[GATE_THING_TASK] = gate_describe_task,
		[GATE_THING_PROFILE] = gate_describe_profile,
	};
	unsigned all = GATE_THING_BIT(GATE_THING_APP) | GATE_THING_BIT(GATE_THING_JOB) |
	               GATE_THING_BIT(GATE_THING_TASK) | GATE_THING_BIT(GATE_THING_PROFILE);
	int status = 0;

	for (int i = 0; i < cli->n_operands; i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_found f;

		if (gate_api_find(cli, cli->operands[i], all, &f, &err) < 0) {
			status = gate_api_trouble(cli, &err);
			continue;
		}
		if (gate_cli_json(cli)) {
			gate_api_print(&f.answer);
		} else {
			if (i > 0)
				(void)printf("\n");
			describe[f.thing](cli, &f);
		}
		gate_api_answer_done(&f.answer);
	}
	return status;
}

const struct gate_verb gate_verb_describe = {
	.name = "describe",
	.operands = "ID...",
	.summary = "one app, job, task or profile of the agent, and what was refused to it",
	.about =
	    "Shows what the agent knows of an app (its tasks, its last failure), a job (its schedules and runs), a task (its "
	    "profile, how it ended) or a profile (who uses it, its findings), and the calls that were refused to tasks, each with "
	    "the line of the profile that did it. An ID may say its kind: app/ID, job/ID, task/ID, profile/NAME; one with '/' in "
	    "front is an app's.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_THING,
	.rest = GATE_OPERAND_THING,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "format", 0, "FORMAT", "text|json", "text", GATE_OPERAND_NONE,
	                  "*text* for people, or *json*: the answer of the agent's API" },
			{ 0 },
		    },
	            gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate describe /web", "an app" },
		{ "callgate describe job/nightly task/web.1234", "a job, and a task" },
		{ "callgate describe profile/default.json", "a profile" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" },
	                                          { "1", "an ID is not there, no agent answers, or bad usage" },
	                                          { 0 } },
	.run = run,
};
