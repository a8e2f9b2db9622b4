#include <signal.h>

#include "base/num.h"
#include "cli/agent_tasks.h"
#include "cli/report.h"

enum { COMMAND_WIDTH = 20, ID_WIDTH = 12 };

/* One task, as everything here sees it: the record, and what its configuration says. */
struct row {
	const struct gate_entry *e;
	struct gate_arena arena;
	const struct gate_doc *config; /* NULL: none, or not to be read */
};

static void read_config(struct gate_store *s, struct row *r)
{
	GATE_AUTOFREE char *text = NULL;
	size_t len;

	if (gate_store_config(s, r->e->id, &text, &len, NULL) == 0)
		(void)gate_doc_read(&r->arena, text, len, &r->config, NULL);
	if (r->config != NULL && r->config->kind != GATE_DOC_OBJECT)
		r->config = NULL;
}

static const struct gate_doc *config(const struct row *r, const char *key, enum gate_doc_kind kind)
{
	const struct gate_doc *d = r->config != NULL ? gate_doc_member(r->config, key) : NULL;

	return d != NULL && d->kind == kind ? d : NULL;
}

/* --- what is shown --- */
static const char *image_of(const struct row *r)
{
	const struct gate_doc *d = config(r, "image", GATE_DOC_OBJECT);
	const struct gate_doc *reference = d != NULL ? gate_doc_member(d, "reference") : NULL;

	if (reference == NULL)
		reference = config(r, "rootfs", GATE_DOC_STRING);
	return reference != NULL && reference->kind == GATE_DOC_STRING ? reference->text : "(host)";
}

static const char *profile_of(const struct row *r)
{
	const struct gate_doc *d = config(r, "profile", GATE_DOC_OBJECT);

	d = d != NULL ? gate_doc_member(d, "source") : NULL;
	return d != NULL && d->kind == GATE_DOC_STRING ? d->text : "";
}

static void add_command(const struct row *r, bool whole, struct gate_buf *out)
{
	const struct gate_doc *args = config(r, "args", GATE_DOC_ARRAY);
	GATE_AUTO(gate_buf_done) struct gate_buf all = GATE_BUF_INIT;

	for (uint32_t i = 0; args != NULL && i < args->n_items; i++)
		gate_buf_printf(&all, "%s%s", i > 0 ? " " : "", args->items[i].text != NULL ? args->items[i].text : "");
	size_t len = all.len;

	if (!whole && gate_text_width(all.data != NULL ? all.data : "", len) > COMMAND_WIDTH)
		for (len = COMMAND_WIDTH - 1; len > 0 && ((unsigned char)all.data[len] & 0xc0) == 0x80;)
			len--; /* never within a character */
	gate_buf_printf(out, "\"%.*s%s\"", (int)len, all.data != NULL ? all.data : "", len < all.len ? "…" : "");
}

static void ago(uint64_t when, uint64_t now, struct gate_buf *out)
{
	char text[32];

	gate_duration_text(now > when ? now - when : 0, text);
	gate_buf_puts(out, text);
}

/* "Up 3 minutes", "Exited (159) 5 seconds ago, killed by seccomp": docker's words, then why. */
static void add_status(const struct gate_entry *e, uint64_t now, struct gate_buf *out)
{
	const struct gate_record *r = &e->record;

	if (e->state == GATE_TASK_RUNNING) {
		gate_buf_puts(out, "Up ");
		ago(r->started_ns, now, out);
	} else if (e->state == GATE_TASK_CREATED) {
		gate_buf_puts(out, "Created");
	} else if (e->state == GATE_TASK_LOST) {
		gate_buf_puts(out, e->broken ? "Lost, its record is broken" : "Lost");
	} else {
		gate_buf_printf(out, "Exited (%d) ", gate_record_exit_code(r));
		ago(r->ended_ns, now, out);
		gate_buf_puts(out, " ago");
		if (r->outcome == GATE_OUTCOME_NOT_STARTED || r->outcome == GATE_OUTCOME_NOT_EXECUTED)
			gate_buf_puts(out, ", not started");
		else if (r->by_timeout != 0)
			gate_buf_puts(out, ", out of time");
		else if (r->oom_kills > 0)
			gate_buf_puts(out, ", out of memory");
		else if (r->outcome == GATE_OUTCOME_KILLED && r->signal == SIGSYS)
			gate_buf_puts(out, ", killed by seccomp");
	}
}

static void text_member(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void number_member(struct gate_json *j, const char *key, uint64_t value)
{
	gate_json_key(j, key);
	gate_json_u64(j, value);
}

static void row_json(const struct row *r, bool whole, uint64_t now, struct gate_buf *out)
{
	GATE_AUTO(gate_buf_done) struct gate_buf command = GATE_BUF_INIT, status = GATE_BUF_INIT, since = GATE_BUF_INIT;
	const struct gate_doc *labels = config(r, "labels", GATE_DOC_OBJECT);
	const struct gate_entry *e = r->e;
	char id[65], created[40];
	struct gate_json j;

	(void)snprintf(id, sizeof(id), "%.*s", whole ? 64 : ID_WIDTH, e->id);
	add_command(r, whole, &command);
	add_status(e, now, &status);
	ago(e->record.created_ns, now, &since);
	gate_buf_puts(&since, " ago");
	gate_time_text(e->record.created_ns, created);
	gate_json_init(&j, out, 0);
	gate_json_object(&j);
	number_member(&j, "schemaVersion", 1);
	text_member(&j, "id", id);
	text_member(&j, "names", e->name);
	text_member(&j, "image", image_of(r));
	text_member(&j, "command", command.data);
	text_member(&j, "createdAt", created);
	text_member(&j, "runningFor", since.data);
	text_member(&j, "state", gate_report_word(e->state, &e->record));
	text_member(&j, "status", status.data);
	gate_json_key(&j, "exitCode");
	if (e->state == GATE_TASK_ENDED)
		gate_json_u64(&j, (uint64_t)gate_record_exit_code(&e->record));
	else
		gate_json_null(&j);
	number_member(&j, "pid", e->state == GATE_TASK_RUNNING ? e->record.pid : 0);
	text_member(&j, "profile", profile_of(r));
	number_member(&j, "refused", e->record.n_denials);
	gate_json_key(&j, "labels");
	if (labels != NULL) {
		gate_doc_json(&j, labels);
	} else {
		gate_json_object(&j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, '}');
}

/* --- which are shown --- */
static bool has_label(const struct row *r, const char *value)
{
	const struct gate_doc *labels = config(r, "labels", GATE_DOC_OBJECT);
	const char *equals = strchr(value, '=');
	size_t len = strcspn(value, "=");

	for (uint32_t i = 0; labels != NULL && i < labels->n_items; i++)
		if (labels->items[i].key_len == len && strncmp(labels->items[i].key, value, len) == 0 &&
		    (equals == NULL ||
		     (labels->items[i].text != NULL && strcmp(labels->items[i].text, equals + 1) == 0)))
			return true;
	return false;
}

static bool by_name(const struct row *r, const char *value)
{
	return strstr(r->e->name, value[0] == '/' ? value + 1 : value) != NULL;
}

static bool by_id(const struct row *r, const char *value)
{
	return strncmp(r->e->id, value, strlen(value)) == 0;
}

static bool by_status(const struct row *r, const char *value)
{
	const char *word = gate_report_word(r->e->state, &r->e->record);

	/* "exited" is docker's word for all ends. */
	return strcmp(word, value) == 0 || (strcmp(value, "exited") == 0 && r->e->state == GATE_TASK_ENDED);
}

static bool by_code(const struct row *r, const char *value)
{
	uint64_t code;

	return r->e->state == GATE_TASK_ENDED && gate_u64_parse(value, strlen(value), 255, &code) == 0 &&
	       code == (uint64_t)gate_record_exit_code(&r->e->record);
}

static const struct {
	const char *name;
	bool (*fits)(const struct row *r, const char *value);
	const char *choices; /* of the value, or NULL */
} filters[] = {
	{ "name", by_name, NULL },
	{ "id", by_id, NULL },
	{ "label", has_label, NULL },
	{ "exited", by_code, NULL },
	{ "status", by_status, "created|running|exited|killed|not started|lost" },
};
#define FILTERS "name|id|label|exited|status"

static int filter_of(const char *text, struct gate_err *err)
{
	const char *value = strchr(text, '=');
	char near[96], *name = strndupa(text, strcspn(text, "="));

	for (size_t i = 0; i < GATE_ARRAY_LEN(filters); i++) {
		if (strcmp(filters[i].name, name) != 0)
			continue;
		if (value == NULL || value[1] == '\0')
			return GATE_FAIL(err, GATE_E_INVALID, "filter '%s' needs a value: %s=VALUE", name, name);
		if (filters[i].choices == NULL || gate_option_choice(value + 1, filters[i].choices))
			return (int)i;
		gate_suggest_text(value + 1, filters[i].choices, near, sizeof(near));
		return GATE_FAIL(err, GATE_E_INVALID, "status is %s, not '%s'%s", filters[i].choices, value + 1, near);
	}
	gate_suggest_text(name, FILTERS, near, sizeof(near));
	return GATE_FAIL(err, GATE_E_INVALID, "unknown filter '%s'%s: there are %s", name, near, FILTERS);
}

/* As docker: values of one filter are alternatives (labels are not), filters are all to fit. */
static bool fits(const struct gate_cli *cli, const struct row *r)
{
	bool asked[GATE_ARRAY_LEN(filters)] = { false }, fit[GATE_ARRAY_LEN(filters)] = { false };
	const char *text;
	size_t at = 0;

	while ((text = gate_option_next(cli, "filter", &at)) != NULL) {
		int i = filter_of(text, NULL);
		bool yes = i >= 0 && filters[i].fits(r, strchr(text, '=') + 1);

		if (i < 0 || (!yes && filters[i].fits == has_label))
			return false;
		asked[i] = true;
		fit[i] = fit[i] || yes;
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(filters); i++)
		if (asked[i] && !fit[i])
			return false;
	return true;
}

/* --- how it is shown --- */
struct view {
	const struct gate_cli *cli;
	struct gate_template *template; /* NULL: the table, JSON, or ids */
	bool table, json, quiet, whole;
	struct gate_table rows;
	struct gate_buf lines; /* of a template with "table": tabs between cells */
	uint64_t now, most;
	bool every; /* ended ones too */
};

static int set_view(struct view *v, struct gate_err *err)
{
	const char *format = gate_option_text(v->cli, "format"), *last = gate_option_text(v->cli, "last");
	const char *text;
	size_t at = 0;

	v->now = gate_now_ns();
	v->quiet = gate_option_set(v->cli, "quiet");
	v->whole = gate_option_set(v->cli, "no-trunc");
	v->json = strcmp(format, "json") == 0;
	v->table = strcmp(format, "table") == 0 || strncmp(format, "table ", 6) == 0;
	v->most = gate_option_set(v->cli, "latest") ? 1 : UINT64_MAX;
	v->every = gate_option_set(v->cli, "all") || v->most == 1 || last != NULL;
	if (last != NULL && gate_u64_parse(last, strlen(last), UINT32_MAX, &v->most) < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'--last' takes a number, not '%s'", last);
	while ((text = gate_option_next(v->cli, "filter", &at)) != NULL) {
		int i = filter_of(text, err);

		if (i < 0)
			return -1;
		v->every = v->every || filters[i].fits == by_status || filters[i].fits == by_code;
	}
	if (v->json || strcmp(format, "table") == 0)
		return 0;
	if (gate_template_parse(v->table ? format + 6 : format, &v->template, err) < 0)
		return -1;
	if (v->table) {
		gate_template_head(v->template, &v->lines);
		gate_buf_puts(&v->lines, "\n");
	}
	return 0;
}

static void table_row(struct view *v, const struct row *r)
{
	GATE_AUTO(gate_buf_done) struct gate_buf command = GATE_BUF_INIT, status = GATE_BUF_INIT, since = GATE_BUF_INIT;
	const struct gate_entry *e = r->e;
	bool bad =
	    e->state == GATE_TASK_LOST || (e->state == GATE_TASK_ENDED && gate_record_exit_code(&e->record) != 0);

	add_command(r, v->whole, &command);
	add_status(e, v->now, &status);
	ago(e->record.created_ns, v->now, &since);
	gate_table_add(&v->rows, GATE_STYLE_BOLD, "%.*s", v->whole ? 64 : ID_WIDTH, e->id);
	gate_table_add(&v->rows, GATE_STYLE_PLAIN, "%s", image_of(r));
	gate_table_add(&v->rows, GATE_STYLE_PLAIN, "%s", command.data);
	gate_table_add(&v->rows, GATE_STYLE_PLAIN, "%s ago", since.data);
	gate_table_add(&v->rows,
	               e->state == GATE_TASK_RUNNING ? GATE_STYLE_GREEN
	               : bad                         ? GATE_STYLE_RED
	                                             : GATE_STYLE_PLAIN,
	               "%s", status.data);
	gate_table_add(&v->rows, GATE_STYLE_PLAIN, "%s", profile_of(r));
	gate_table_add(&v->rows, GATE_STYLE_PLAIN, "%s", e->name);
}

static int template_row(struct view *v, const struct row *r, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf json = GATE_BUF_INIT, line = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *doc;

	row_json(r, v->whole, v->now, &json);
	int result = json.failed ? GATE_FAIL_NOMEM(err) : gate_doc_read(&arena, json.data, json.len, &doc, err);

	if (result == 0)
		result = gate_template_print(v->template, doc, &line, err);
	gate_buf_puts(&line, "\n");
	if (result == 0 && v->table)
		gate_buf_puts(&v->lines, line.data);
	else if (result == 0)
		(void)fputs(line.data, stdout);
	gate_arena_done(&arena);
	return result;
}

static int show(struct view *v, const struct row *r, struct gate_err *err)
{
	if (v->quiet) {
		(void)printf("%.*s\n", v->whole ? 64 : ID_WIDTH, r->e->id);
	} else if (v->json) {
		GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;

		row_json(r, v->whole, v->now, &out);
		if (out.failed)
			return GATE_FAIL_NOMEM(err);
		gate_json_line(&out);
	} else if (v->template != NULL) {
		return template_row(v, r, err);
	} else {
		table_row(v, r);
	}
	return 0;
}

/* Lines with tabs, as docker's "table {{.ID}}\t{{.Names}}". */
static void print_lines(struct view *v)
{
	size_t columns = 1;

	for (const char *s = v->lines.data; *s != '\n'; s++)
		columns += *s == '\t';
	if (columns > GATE_TABLE_COLUMNS) {
		(void)fputs(v->lines.data, stdout);
		return;
	}
	gate_table_init(&v->rows, (unsigned)columns);
	for (char *line = v->lines.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		for (size_t c = 0; c < columns; c++) {
			size_t len = c + 1 < columns ? strcspn(line, "\t") : strlen(line);

			gate_table_add(&v->rows, GATE_STYLE_PLAIN, "%.*s", (int)len, line);
			line += len + (line[len] == '\t');
		}
	}
	gate_table_print(&v->rows, stdout, v->cli->color_out, 0, 0);
}

/* Both lists are oldest first; the newest of both comes out first. `s` or the agent's may be missing. */
static int show_all(struct view *v, struct gate_store *s, const struct gate_agent_tasks *agent, struct gate_err *err)
{
	GATE_AUTOFREE struct gate_entry *list = NULL;
	size_t n = 0, m = agent->n;
	int result = 0;

	if (s != NULL && gate_store_list(s, &list, &n, err) < 0)
		return -1;
	for (uint64_t shown = 0; result == 0 && n + m > 0 && shown < v->most;) {
		bool ours =
		    m == 0 || (n > 0 && list[n - 1].record.created_ns >= agent->entries[m - 1].record.created_ns);
		struct row r = { .e = ours ? &list[--n] : &agent->entries[--m] };

		if (!v->every && r.e->state != GATE_TASK_RUNNING)
			continue;
		if (ours)
			read_config(s, &r);
		else
			r.config = agent->configs[m];
		if (fits(v->cli, &r)) {
			result = show(v, &r, err);
			shown++;
		}
		gate_arena_done(&r.arena);
	}
	return result;
}

static void add_head(struct gate_table *t)
{
	static const char *const heads[] = {
		"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PROFILE", "NAMES"
	};

	gate_table_init(t, GATE_ARRAY_LEN(heads));
	for (size_t i = 0; i < GATE_ARRAY_LEN(heads); i++)
		gate_table_add(t, GATE_STYLE_BOLD, "%s", heads[i]);
}

/* 0, or the exit status after trouble was said. */
static int list(struct view *v)
{
	enum gate_agent_use use = gate_agent_use(v->cli);
	GATE_AUTO(gate_store_closep) struct gate_store *s = use != GATE_AGENT_ONLY ? gate_ask_store(v->cli) : NULL;
	GATE_AUTO(gate_agent_tasks_done) struct gate_agent_tasks agent = { .answer = GATE_API_ANSWER_INIT };
	struct gate_err err = GATE_ERR_INIT;

	if (use != GATE_AGENT_ONLY && s == NULL)
		return gate_trouble_status(v->cli);
	if (use == GATE_AGENT_ONLY && gate_agent_tasks_get(v->cli, &agent, &err) < 0)
		return gate_api_trouble(v->cli, &err);
	/* An agent that happens to be here need not answer, nor know us. */
	if (use == GATE_AGENT_TOO)
		(void)gate_agent_tasks_get(v->cli, &agent, NULL);
	return show_all(v, s, &agent, &err) < 0 ? gate_trouble(v->cli, NULL, &err) : 0;
}

static int run(struct gate_cli *cli)
{
	struct view v = { .cli = cli };
	struct gate_err err = GATE_ERR_INIT;
	int status = set_view(&v, &err) < 0 ? gate_trouble(cli, NULL, &err) : 0;

	if (v.template == NULL)
		add_head(&v.rows);
	if (status == 0)
		status = list(&v);
	if (status == 0 && v.template != NULL && v.table && !v.quiet)
		print_lines(&v);
	else if (status == 0 && v.template == NULL && !v.json && !v.quiet)
		gate_table_print(&v.rows, stdout, cli->color_out, 0, 0);
	gate_table_done(&v.rows);
	gate_buf_done(&v.lines);
	gate_template_free(v.template);
	return status;
}

const struct gate_verb gate_verb_ps = {
	.name = "ps",
	.operands = "",
	.summary = "list tasks: what runs, and what has ended",
	.about =
	    "Lists the tasks that run, the newest first; with --all those that have ended too, with their exit code and what ended "
	    "them. A task is Lost when its keeper was killed or the host was started anew: how it ended is not known. The tasks of the "
	    "agent of this host are among them, if it answers; with --host (or CALLGATE_HOST) only those of that agent, with "
	    "--state-dir none.\n\n"
	    "--filter may be given several times: name=PART, id=BEGINNING, label=KEY or label=KEY=VALUE, exited=CODE, "
	    "status=created|running|exited|killed|not started|lost. Values of one kind are alternatives, labels and kinds are "
	    "all to fit.\n\n"
	    "--format takes table, json (one object per line), a template such as '{{.ID}} {{.Names}}' with the fields ID Names "
	    "Image Command CreatedAt RunningFor State Status ExitCode Pid Profile Refused Labels and {{.Label \"key\"}}, or a "
	    "template behind the word table, whose cells are parted by \\t.",
	.class = GATE_CLASS_TASK,
	.least = 0,
	.most = 0,
	.groups = { (const struct gate_option[]){
			{ "all", 'a', NULL, NULL, NULL, GATE_OPERAND_NONE, "also those that have ended" },
			{ "quiet", 'q', NULL, NULL, NULL, GATE_OPERAND_NONE, "ids only" },
			{ "no-trunc", 0, NULL, NULL, NULL, GATE_OPERAND_NONE, "whole ids and commands" },
			{ "filter", 'f', "KEY=VALUE", NULL, NULL, GATE_OPERAND_NONE, "only those that fit" },
			{ "last", 'n', "N", NULL, NULL, GATE_OPERAND_NONE, "the N made last, ended ones too" },
			{ "latest", 'l', NULL, NULL, NULL, GATE_OPERAND_NONE, "the one made last" },
			{ "format", 0, "FORMAT", NULL, "table", GATE_OPERAND_NONE, "*table*, *json*, or a template" },
			{ 0 },
		    },
	            gate_options_state, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate ps -a", "everything, and how it ended" },
		{ "callgate ps -aq --filter status=exited", "ids for a script" },
		{ "callgate ps --format 'table {{.Names}}\\t{{.Status}}'", "two columns" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" },
	                                          { "1", "the state directory cannot be read, or bad usage" },
	                                          { 0 } },
	.run = run,
};
