#include <fcntl.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/tasks.h"

enum { FILE_MAX = 1 << 20 };

/* One definition out of a file. */
struct item {
	const struct gate_doc *doc;
	const char *file, *id;
	enum gate_thing thing;
};

/* --- reading --- */
static int slurp(const char *path, struct gate_buf *text, struct gate_err *err)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char piece[16384];
	ssize_t n = 0;

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot read '%s'", path);
	while (text->len <= FILE_MAX && ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)))
		gate_buf_add(text, piece, n > 0 ? (size_t)n : 0);
	if (n < 0)
		gate_err_set(err, GATE_E_SYS, errno, "cannot read '%s'", path);
	else if (text->failed)
		gate_err_set(err, GATE_E_NOMEM, 0, "out of memory");
	else if (text->len > FILE_MAX)
		gate_err_set(err, GATE_E_LIMIT, 0, "'%s' has more than 1 MiB", path);
	if (!standard)
		(void)close(fd);
	return n < 0 || text->failed || text->len > FILE_MAX ? -1 : 0;
}

/* What an object is, by keys that only one kind has. */
static int kind_of(const struct gate_doc *d, enum gate_thing *ret, struct gate_err *err)
{
	static const struct {
		const char *key;
		enum gate_thing thing;
		const char *not_ours;
	} keys[] = {
		{ "apiVersion", 0, "a Kubernetes object: apply takes Marathon apps and Metronome jobs" },
		{ "groups", 0, "a Marathon group: give its apps by themselves, with their whole ids" },
		{ "apps", 0, "a Marathon group: give its apps by themselves, with their whole ids" },
		{ "containers", 0, "a Marathon pod: one container is an app" },
		{ "run", GATE_THING_JOB, NULL },
		{ "cmd", GATE_THING_APP, NULL },
		{ "args", GATE_THING_APP, NULL },
		{ "container", GATE_THING_APP, NULL },
		{ "instances", GATE_THING_APP, NULL },
	};

	if (d->kind != GATE_DOC_OBJECT)
		return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "a definition is an object, not %s",
		                    gate_doc_kind_name(d->kind));
	for (size_t i = 0; i < GATE_ARRAY_LEN(keys); i++) {
		const struct gate_doc *member = gate_doc_member(d, keys[i].key);

		if (member != NULL && keys[i].not_ours != NULL)
			return GATE_FAIL_AT(err, member->key_at, GATE_E_INVALID, "this is %s", keys[i].not_ours);
		if (member != NULL) {
			*ret = keys[i].thing;
			return 0;
		}
	}
	return GATE_FAIL_AT(err, d->at, GATE_E_INVALID,
	                    "this is neither a Marathon app (cmd, args or container) nor a Metronome job (run)");
}

static int item_of(const struct gate_doc *d, const char *file, struct item *ret, struct gate_err *err)
{
	const struct gate_doc *id;

	*ret = (struct item){ .doc = d, .file = file };
	if (kind_of(d, &ret->thing, err) < 0)
		return -1;
	id = gate_doc_member(d, "id");
	if (id == NULL || id->kind != GATE_DOC_STRING || id->len == 0)
		return GATE_FAIL_AT(err, id != NULL ? id->at : d->at, GATE_E_INVALID, "the definition has no id");
	ret->id = id->text;
	return 0;
}

/* --- what has changed --- */
static bool ignored(const char *key)
{
	static const char *const keys[] = { "version",        "versionInfo",  "tasks",
		                            "tasksStaged",    "tasksRunning", "tasksHealthy",
		                            "tasksUnhealthy", "deployments",  "lastTaskFailure",
		                            "taskStats",      "activeRuns",   "history",
		                            "historySummary", "nextRunAt",    "readinessCheckResults" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

/* Every member of a that counts is in b, and the same. */
static bool covered(const struct gate_doc *a, const struct gate_doc *b);

static bool same(const struct gate_doc *a, const struct gate_doc *b)
{
	if (a == NULL || b == NULL || a->kind != b->kind)
		return a == b;
	if (a->kind == GATE_DOC_OBJECT)
		return covered(a, b) && covered(b, a);
	if (a->kind == GATE_DOC_ARRAY) {
		for (uint32_t i = 0; i < a->n_items && i < b->n_items; i++)
			if (!same(&a->items[i], &b->items[i]))
				return false;
		return a->n_items == b->n_items;
	}
	return a->kind == GATE_DOC_NULL || strcmp(a->text, b->text) == 0;
}

static bool covered(const struct gate_doc *a, const struct gate_doc *b)
{
	for (uint32_t i = 0; i < a->n_items; i++)
		if (!ignored(a->items[i].key) && !same(&a->items[i], gate_doc_member(b, a->items[i].key)))
			return false;
	return true;
}

/* --- one definition --- */
static void paths_of(const struct gate_cli *cli, const struct item *i, bool there, struct gate_buf *look,
                     struct gate_buf *send)
{
	bool scheduled = gate_doc_member(i->doc, "schedules") != NULL;
	const char *front = scheduled ? "/v0/scheduled-jobs" : "/v1/jobs";

	if (i->thing == GATE_THING_JOB) {
		gate_api_path(look, "/v1/jobs/", i->id, "?embed=schedules");
		gate_buf_puts(send, front);
		if (there)
			gate_api_path(send, "/", i->id, "");
		return;
	}
	gate_api_app_path(look, i->id, "");
	if (there)
		gate_api_app_path(send, i->id, "?partialUpdate=false");
	else
		gate_buf_puts(send, "/v2/apps");
	if (gate_option_set(cli, "force"))
		gate_buf_puts(send, there ? "&force=true" : "?force=true");
}

static int apply(const struct gate_cli *cli, const struct item *i, struct gate_deployments *deployments,
                 struct gate_err *err)
{
	struct gate_api_answer before = GATE_API_ANSWER_INIT, done = GATE_API_ANSWER_INIT, after = GATE_API_ANSWER_INIT;
	GATE_AUTO(gate_buf_done)
	struct gate_buf look = GATE_BUF_INIT, send = GATE_BUF_INIT, body = GATE_BUF_INIT, unused = GATE_BUF_INIT;
	struct gate_json j;
	int result = -1;
	bool there;

	paths_of(cli, i, false, &look, &unused);
	gate_json_init(&j, &body, 0);
	gate_doc_json(&j, i->doc);
	if (look.failed || gate_api_call(cli, "GET", look.data, NULL, &before, err) < 0)
		goto done;
	there = before.status == 200;
	gate_buf_done(&look);
	paths_of(cli, i, there, &look, &send);
	if (look.failed || send.failed) {
		gate_err_set(err, GATE_E_NOMEM, 0, "out of memory");
		goto done;
	}
	if (gate_api_call(cli, there ? "PUT" : "POST", send.data, &body, &done, err) < 0)
		goto done;
	if (done.status < 200 || done.status > 299) {
		(void)gate_api_refused(&done, err);
		goto done;
	}
	gate_deployments_add(deployments, &done);
	if (there && gate_api_get(cli, look.data, &after, err) < 0)
		goto done;
	(void)printf("%s %s %s\n", gate_thing_name(i->thing), i->id,
	             !there                        ? "created"
	             : same(before.doc, after.doc) ? "unchanged"
	                                           : "updated");
	(void)fflush(stdout);
	result = 0;
done:
	gate_api_answer_done(&before);
	gate_api_answer_done(&done);
	gate_api_answer_done(&after);
	return result;
}

static int file_trouble(const struct gate_cli *cli, const char *file, const struct gate_err *err)
{
	if (err->line > 0)
		gate_say(cli, "%s:%u:%u: %s", file, err->line, err->column, err->text);
	else
		gate_say(cli, "%s: %s", file, err->text);
	return gate_trouble_status(cli);
}

/* The definitions of a file: a list, with the lines that the places of a YAML document lack. */
struct file {
	const char *name;
	struct gate_arena arena;
	struct item *items;
	size_t n, cap;
};

static int add_items(struct file *f, const struct gate_doc *doc, unsigned lines, struct gate_err *err)
{
	const struct gate_doc *all = doc->kind == GATE_DOC_ARRAY ? doc->items : doc;
	uint32_t n = doc->kind == GATE_DOC_ARRAY ? doc->n_items : 1;

	for (uint32_t i = 0; i < n; i++) {
		if (gate_grow(&f->items, f->n, &f->cap, sizeof(*f->items)) < 0)
			return GATE_FAIL_NOMEM(err);
		if (item_of(&all[i], f->name, &f->items[f->n], err) < 0) {
			err->line += err->line > 0 ? lines : 0;
			return -1;
		}
		f->n++;
	}
	return 0;
}

/* The length of a line that parts documents: "---" and nothing more (YAML 1.2, 9.1.2: at the margin it always does). 0: it does not. */
static size_t marker(const char *line)
{
	size_t n = strncmp(line, "---", 3) == 0 ? 3 : 0;

	while (n > 0 && (line[n] == ' ' || line[n] == '\t' || line[n] == '\r'))
		n++;
	if (n > 3 && line[n] == '#')
		n += strcspn(line + n, "\n");
	return n > 0 && (line[n] == '\n' || line[n] == '\0') ? n + (line[n] == '\n') : 0;
}

static int read_yaml(struct file *f, const char *text, size_t len, struct gate_err *err)
{
	const char *end = text + len, *start = text, *line = text;
	unsigned number = 0, first = 0; /* lines before `line`, before `start` */

	for (;;) {
		size_t skip = line < end ? marker(line) : 0;

		if (line == end || skip > 0) {
			const struct gate_doc *doc = NULL;

			if (gate_doc_read_yaml(&f->arena, start, (size_t)(line - start), &doc, err) < 0) {
				err->line += err->line > 0 ? first : 0;
				return -1;
			}
			if (doc->kind != GATE_DOC_NULL && add_items(f, doc, first, err) < 0)
				return -1;
			if (line == end)
				return 0;
			line = start = line + skip;
			first = ++number;
			continue;
		}
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		line = newline != NULL ? newline + 1 : end;
		number++;
	}
}

/* JSON begins with a bracket; everything else is YAML. */
static int read_items(struct file *f, const char *text, size_t len, struct gate_err *err)
{
	const struct gate_doc *doc = NULL;
	char first = text[strspn(text, " \t\r\n")];

	if (first == '{' || first == '[')
		return gate_doc_read(&f->arena, text, len, &doc, err) < 0 ? -1 : add_items(f, doc, 0, err);
	if (read_yaml(f, text, len, err) < 0)
		return -1;
	return f->n > 0 ? 0 : GATE_FAIL(err, GATE_E_INVALID, "there is no definition in it");
}

/* Everything in a file is looked at before any of it is sent. */
static int apply_file(const struct gate_cli *cli, const char *path, struct gate_deployments *deployments)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct file f = { .name = strcmp(path, "-") == 0 ? "standard input" : path, .arena = GATE_ARENA_INIT };
	int status = 0;

	if (slurp(path, &text, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	if (read_items(&f, text.data != NULL ? text.data : "", text.len, &err) < 0)
		status = file_trouble(cli, f.name, &err);
	for (size_t i = 0; status == 0 && i < f.n; i++) {
		if (apply(cli, &f.items[i], deployments, &err) == 0)
			continue;
		if (err.code != GATE_E_NOTFOUND && err.code != GATE_E_DENIED)
			(void)GATE_NOTE(&err, "%s '%s'", gate_thing_name(f.items[i].thing), f.items[i].id);
		status = gate_api_trouble(cli, &err);
	}
	free(f.items);
	gate_arena_done(&f.arena);
	return status;
}

static int run(struct gate_cli *cli)
{
	struct gate_deployments deployments = { 0 };
	const char *file;
	size_t at = 0;
	int status = 0;

	if (!gate_option_set(cli, "file")) {
		gate_say(cli, "'-f FILE' says what to apply; '-f -' reads standard input");
		return gate_trouble_status(cli);
	}
	while (status == 0 && (file = gate_option_next(cli, "file", &at)) != NULL)
		status = apply_file(cli, file, &deployments);
	return status == 0 ? gate_api_wait(cli, &deployments) : status;
}

const struct gate_verb gate_verb_apply = {
	.name = "apply",
	.operands = "",
	.summary = "have the agent run apps and jobs as their definitions say",
	.about =
	    "Sends definitions to the agent: Marathon apps and Metronome jobs, recognised by their keys. A file is JSON (an object, or "
	    "an array of them) or YAML (the same, or several documents with --- between them). What is not there is created, what is there becomes what the file says, and for each of them one line says "
	    "whether it was created, updated or unchanged. The file is all of it: what it leaves out gets its default, the number of "
	    "instances too.\n\n"
	    "A file is looked at as a whole before any of it is sent. What the agent refuses is told in its words, with the part of "
	    "the definition that it is about.",
	.class = GATE_CLASS_TASK,
	.least = 0,
	.most = 0,
	.groups = { (const struct gate_option[]){
			{ "file", 'f', "FILE", NULL, NULL, GATE_OPERAND_FILE,
	                  "the definitions; *-*: standard input; may be given several times" },
			{ 0 },
		    },
	            gate_options_wait, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate apply -f web.json --wait", "an app, and wait until it runs" },
		{ "callgate apply -f web.json -f nightly.json", "an app and a job" },
		{ "callgate apply -f - <all.yaml", "from standard input" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "0", "done" },
		{ "1", "a definition was refused, the time of --wait is over, no agent answers, or bad usage" },
		{ 0 } },
	.run = run,
};
