#include <signal.h>

#include "cli/agent_tasks.h"
#include "cli/report.h"

/* --- the profile, as it is now --- */
/* The capabilities that the profile was resolved for. */
static uint64_t caps_of(const struct gate_doc *config, uint64_t otherwise)
{
	const struct gate_doc *d = gate_doc_member(config, "capabilities");
	uint64_t set = 0;

	d = d != NULL && d->kind == GATE_DOC_OBJECT ? gate_doc_member(d, "bounding") : NULL;
	if (d == NULL || d->kind != GATE_DOC_ARRAY)
		return otherwise;
	for (uint32_t i = 0; i < d->n_items; i++) {
		int cap = d->items[i].kind == GATE_DOC_STRING ? gate_cap_find(d->items[i].text, d->items[i].len) : -1;

		set |= cap >= 0 ? UINT64_C(1) << cap : 0;
	}
	return set;
}

/* Lines of the file are lines of the task's profile only while its bytes are the same. NULL, with why in words, when not. */
static struct gate_source *open_profile(const struct gate_doc *config, const char **why)
{
	const struct gate_doc *p = config != NULL ? gate_doc_member(config, "profile") : NULL;
	const struct gate_doc *word, *digest;
	struct gate_source *source = NULL;
	char now[GATE_POLICY_DIGEST_TEXT];
	struct gate_facts facts;

	*why = "the configuration of the task does not say which profile it had";
	if (p == NULL || p->kind != GATE_DOC_OBJECT)
		return NULL;
	word = gate_doc_member(p, "source");
	digest = gate_doc_member(p, "textDigest");
	if (word == NULL || word->kind != GATE_DOC_STRING)
		return NULL;
	*why = NULL;
	if (strcmp(word->text, "unconfined") == 0)
		return NULL;
	*why = "the profile cannot be read any more: refused calls are shown without their lines";
	if (gate_facts_host(&facts, NULL) < 0)
		return NULL;
	facts.caps = caps_of(config, facts.caps);
	if (gate_source_open(word->text, &facts, &source, NULL) < 0)
		return NULL;
	gate_source_text_digest(source, now);
	if (digest != NULL && digest->kind == GATE_DOC_STRING && strcmp(digest->text, now) == 0) {
		*why = NULL;
		return source;
	}
	*why = "the profile was changed since: refused calls are shown without their lines";
	gate_source_free(source);
	return NULL;
}

/* --- writing --- */
static void text(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void number(struct gate_json *j, const char *key, uint64_t value)
{
	gate_json_key(j, key);
	gate_json_u64(j, value);
}

static void truth(struct gate_json *j, const char *key, bool value)
{
	gate_json_key(j, key);
	gate_json_bool(j, value);
}

static void moment(struct gate_json *j, const char *key, uint64_t ns)
{
	char when[40];

	gate_time_text(ns, when);
	text(j, key, when[0] != '\0' ? when : NULL);
}

static void known(struct gate_json *j, const char *key, uint64_t value)
{
	gate_json_key(j, key);
	if (value != 0)
		gate_json_u64(j, value);
	else
		gate_json_null(j);
}

static void write_end(struct gate_json *j, const struct gate_entry *e)
{
	const struct gate_record *r = &e->record;
	bool over = e->state == GATE_TASK_ENDED, killed = over && r->outcome == GATE_OUTCOME_KILLED;
	bool failed = over && (r->outcome == GATE_OUTCOME_NOT_STARTED || r->outcome == GATE_OUTCOME_NOT_EXECUTED);
	const char *name = killed ? sigabbrev_np(r->signal) : NULL;
	char signal[32];

	gate_json_key(j, "exitCode");
	if (over)
		gate_json_u64(j, (uint64_t)gate_record_exit_code(r));
	else
		gate_json_null(j);
	(void)snprintf(signal, sizeof(signal), name != NULL ? "SIG%s" : "signal %s%d", name != NULL ? name : "",
	               r->signal);
	text(j, "signal", killed ? signal : NULL);
	truth(j, "coreDumped", r->core != 0);
	truth(j, "seccompKilled", killed && r->signal == SIGSYS);
	truth(j, "oomKilled", r->oom_kills > 0);
	number(j, "oomKills", r->oom_kills);
	truth(j, "timedOut", r->by_timeout != 0);
	text(j, "stopped", r->by_stop == 1 ? "signal" : r->by_stop == 2 ? "SIGKILL after the grace time" : NULL);
	text(j, "failedStep", failed && r->outcome == GATE_OUTCOME_NOT_STARTED ? gate_step_name(r->step) : NULL);
	text(j, "error", failed ? strerrordesc_np(r->sys) : NULL);
}

static void write_state(struct gate_json *j, const struct gate_entry *e)
{
	const struct gate_record *r = &e->record;
	bool runs = e->state == GATE_TASK_RUNNING;

	gate_json_key(j, "state");
	gate_json_object(j);
	text(j, "status", gate_report_word(e->state, r));
	truth(j, "running", runs);
	truth(j, "recordBroken", e->broken);
	number(j, "pid", runs ? r->pid : 0);
	number(j, "keeperPid", runs ? r->keeper : 0);
	moment(j, "createdAt", r->created_ns);
	moment(j, "startedAt", r->started_ns);
	moment(j, "finishedAt", r->ended_ns);
	write_end(j, e);
	gate_json_end(j, '}');
}

static void write_usage(struct gate_json *j, const struct gate_record *r)
{
	gate_json_key(j, "resources");
	gate_json_object(j);
	number(j, "userUsec", r->user_us);
	number(j, "systemUsec", r->system_us);
	known(j, "memoryPeak", r->memory_peak);
	number(j, "logDroppedBytes", r->log_dropped);
	gate_json_end(j, '}');
}

static void write_denied(struct gate_json *j, const struct gate_entry *e, struct gate_source *source, const char *why)
{
	GATE_AUTO(gate_buf_done) struct gate_buf gaps = GATE_BUF_INIT;
	const struct gate_record *r = &e->record;

	if (e->state != GATE_TASK_ENDED)
		gate_buf_puts(&gaps, e->state == GATE_TASK_LOST ? "the keeper was killed and wrote nothing down"
		                                                : "the task has not ended");
	else
		gate_report_gaps(&gaps, r);
	gate_json_key(j, "denials");
	gate_json_array(j);
	for (uint32_t i = 0; i < r->n_denials; i++)
		gate_report_denial_json(j, &r->denials[i], source);
	gate_json_end(j, ']');
	gate_json_key(j, "denialRecord");
	gate_json_object(j);
	truth(j, "complete", gaps.len == 0);
	text(j, "gaps", gaps.len > 0 ? gaps.data : NULL);
	number(j, "lost", r->lost);
	number(j, "unattributed", r->unattributed);
	text(j, "places", why);
	gate_json_end(j, '}');
}

/* What the configuration says, as it is there, but for what was written already. */
static void write_config(struct gate_json *j, const struct gate_doc *config)
{
	static const char *const own[] = { "schemaVersion", "id",      "name",         "created",
		                           "state",         "denials", "denialRecord", "resources" };

	for (uint32_t i = 0; i < config->n_items; i++) {
		bool twice = false;

		for (size_t k = 0; k < GATE_ARRAY_LEN(own); k++)
			twice = twice || strcmp(own[k], config->items[i].key) == 0;
		if (twice)
			continue;
		gate_json_key(j, config->items[i].key);
		gate_doc_json(j, &config->items[i]);
	}
}

static void write_task(struct gate_json *j, const struct gate_entry *e, const struct gate_doc *config)
{
	const char *why;
	GATE_AUTO(gate_source_freep) struct gate_source *source = open_profile(config, &why);

	gate_json_object(j);
	number(j, "schemaVersion", 1);
	text(j, "id", e->id);
	text(j, "name", e->name);
	moment(j, "created", e->record.created_ns);
	write_state(j, e);
	write_denied(j, e, source, e->record.n_denials > 0 ? why : NULL);
	write_usage(j, &e->record);
	if (config != NULL)
		write_config(j, config);
	gate_json_end(j, '}');
}

/* --- the verb --- */
static int describe(struct gate_store *s, const struct gate_entry *e, unsigned indent, struct gate_buf *out,
                    struct gate_err *err)
{
	GATE_AUTOFREE char *bytes = NULL;
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *config = NULL;
	struct gate_json j;
	size_t len;

	/* A task whose configuration is missing or broken is still shown. */
	if (gate_store_config(s, e->id, &bytes, &len, NULL) == 0)
		(void)gate_doc_read(&arena, bytes, len, &config, NULL);
	if (config != NULL && config->kind != GATE_DOC_OBJECT)
		config = NULL;
	gate_json_init(&j, out, indent);
	write_task(&j, e, config);
	gate_arena_done(&arena);
	return out->failed ? GATE_FAIL_NOMEM(err) : 0;
}

static int print_template(const struct gate_template *t, const struct gate_buf *json, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *doc;
	int result = gate_doc_read(&arena, json->data, json->len, &doc, err);

	if (result == 0)
		result = gate_template_print(t, doc, &out, err);
	if (result == 0)
		(void)printf("%s\n", out.data != NULL ? out.data : "");
	gate_arena_done(&arena);
	return result;
}

/* Every line of an object one step to the right: it stands in the array of the answer. */
static void print_indented(const struct gate_buf *json)
{
	enum { STEP = 4 };
	const char *s = json->data;

	while (*s != '\0') {
		size_t n = strcspn(s, "\n");

		(void)printf("%*s%.*s%s", STEP, "", (int)n, s, s[n] == '\n' ? "\n" : "");
		s += n + (s[n] == '\n');
	}
}

/* A task of this store, else of the agent. */
static int find(const struct gate_cli *cli, struct gate_store *s, const char *word, unsigned indent,
                struct gate_buf *out, struct gate_err *err)
{
	enum gate_agent_use use = gate_agent_use(cli);
	struct gate_entry e;

	if (use == GATE_AGENT_ONLY)
		return gate_agent_inspect(cli, word, indent, out, err);
	if (gate_store_find(s, word, &e, err) == 0)
		return describe(s, &e, indent, out, err);
	return use == GATE_AGENT_TOO && gate_agent_inspect(cli, word, indent, out, NULL) == 0 ? 0 : -1;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_template_freep) struct gate_template *t = NULL;
	const char *format = gate_option_text(cli, "format");
	bool json = strcmp(format, "json") == 0, first = true;
	struct gate_err err = GATE_ERR_INIT;
	int status = 0;

	if (!json && gate_template_parse(format, &t, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	bool local = gate_agent_use(cli) != GATE_AGENT_ONLY;
	GATE_AUTO(gate_store_closep) struct gate_store *s = local ? gate_ask_store(cli) : NULL;

	if (local && s == NULL)
		return gate_trouble_status(cli);
	if (json)
		(void)fputs("[", stdout);
	for (int i = 0; i < cli->n_operands; i++) {
		GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
		struct gate_err why = GATE_ERR_INIT;

		if (find(cli, s, cli->operands[i], json ? 4 : 0, &out, &why) < 0 ||
		    (!json && print_template(t, &out, &why) < 0)) {
			status = gate_api_trouble(cli, &why);
			continue;
		}
		if (json) {
			(void)fputs(first ? "\n" : ",\n", stdout);
			print_indented(&out);
			first = false;
		}
	}
	if (json)
		(void)fputs(first ? "]\n" : "\n]\n", stdout);
	return status;
}

const struct gate_verb gate_verb_inspect = {
	.name = "inspect",
	.operands = "TASK...",
	.summary = "everything that is known of tasks, as JSON",
	.about =
	    "Prints a JSON array with one object for each TASK: its state and how it ended (exit code or signal, out of memory, out "
	    "of time), what it used, the calls that its filter refused, each with count, verdict and the line of the profile, how "
	    "complete that list is and why not, and the configuration it was started with. Values of its environment are not "
	    "kept, only the names. A TASK that is not here is looked for at the agent of this host; with --host (or CALLGATE_HOST) "
	    "only at that one. Its objects have what the agent says.\n\n"
	    "--format also takes a template such as '{{.State.ExitCode}}', whose fields are the keys of the object in any case.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_ANY_TASK,
	.rest = GATE_OPERAND_ANY_TASK,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "format", 'f', "FORMAT", NULL, "json", GATE_OPERAND_NONE, "*json*, or a template" },
			{ 0 },
		    },
	            gate_options_state, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate inspect web", "all of it" },
		{ "callgate inspect -f '{{.State.Pid}}' web", "one value" },
		{ "callgate inspect -f '{{range .Denials}}{{.Syscall}} {{.Count}}\\n{{end}}' web",
	          "what was it refused?" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){ { "0", "done" }, { "1", "a TASK is not there, or bad usage" }, { 0 } },
	.run = run,
};
