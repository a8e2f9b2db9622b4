#include <poll.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/tasks.h"

/* What is shown of them. Filters of one key are alternatives, keys are all to fit. */
struct view {
	const struct gate_cli *cli;
	uint64_t since, until; /* ns; 0 and UINT64_MAX: no limit */
	bool json;
	bool over; /* an event came that is later than --until */
};

/* "app=/web" and the members of an event that can have it. */
static const struct {
	const char *name, *keys[3];
} filters[] = {
	{ "type", { "eventType" } },
	{ "app", { "appId", "runSpecId" } },
	{ "job", { "jobId" } },
	{ "task", { "taskId", "instanceId" } },
	{ "status", { "taskStatus", "condition", "status" } },
};
#define FILTERS "type|app|job|task|status"

static int filter_of(const char *text, struct gate_err *err)
{
	char near[96], *name = strndupa(text, strcspn(text, "="));

	for (size_t i = 0; i < GATE_ARRAY_LEN(filters); i++) {
		if (strcmp(filters[i].name, name) != 0)
			continue;
		if (text[strlen(name)] == '=' && text[strlen(name) + 1] != '\0')
			return (int)i;
		return GATE_FAIL(err, GATE_E_INVALID, "filter '%s' needs a value: %s=VALUE", name, name);
	}
	gate_suggest_text(name, FILTERS, near, sizeof(near));
	return GATE_FAIL(err, GATE_E_INVALID, "unknown filter '%s'%s: there are %s", name, near, FILTERS);
}

static bool has(const struct gate_doc *event, size_t filter, const char *value)
{
	for (size_t k = 0; k < GATE_ARRAY_LEN(filters[0].keys) && filters[filter].keys[k] != NULL; k++)
		if (strcmp(gate_api_text(event, filters[filter].keys[k]), value) == 0)
			return true;
	return false;
}

static bool fits(const struct view *v, const struct gate_doc *event)
{
	bool asked[GATE_ARRAY_LEN(filters)] = { false }, fit[GATE_ARRAY_LEN(filters)] = { false };
	const char *text;
	size_t at = 0;

	while ((text = gate_option_next(v->cli, "filter", &at)) != NULL) {
		int i = filter_of(text, NULL);

		if (i < 0)
			return false;
		asked[i] = true;
		fit[i] = fit[i] || has(event, (size_t)i, strchr(text, '=') + 1);
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(filters); i++)
		if (asked[i] && !fit[i])
			return false;
	return true;
}

/* --- showing --- */
/* What a line for people names, in this order. */
static void print_text(const struct view *v, const char *type, const struct gate_doc *event)
{
	static const char *const keys[] = { "taskStatus", "condition", "appId",   "runSpecId", "jobId",    "taskId",
		                            "instanceId", "profile",   "version", "uri",       "clientIp", "message" };
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;

	gate_buf_puts(&out, gate_style(v->cli->color_out, GATE_STYLE_DIM));
	gate_buf_escaped(&out, gate_api_text(event, "timestamp"), strlen(gate_api_text(event, "timestamp")));
	gate_buf_printf(&out, "%s %s", gate_style(v->cli->color_out, GATE_STYLE_PLAIN),
	                gate_style(v->cli->color_out, GATE_STYLE_BOLD));
	gate_buf_escaped(&out, type, strlen(type));
	gate_buf_puts(&out, gate_style(v->cli->color_out, GATE_STYLE_PLAIN));
	for (size_t i = 0; i < GATE_ARRAY_LEN(keys); i++) {
		const char *text = gate_api_text(event, keys[i]);

		if (text[0] == '\0')
			continue;
		gate_buf_puts(&out, strcmp(keys[i], "message") == 0 ? ": " : " ");
		gate_buf_escaped(&out, text, strlen(text));
	}
	(void)printf("%s\n", out.data != NULL ? out.data : "");
}

/* One event of the stream: "id: 7\nevent: x\ndata: {…}". */
static void event(struct view *v, char *text)
{
	const char *type = "message", *id = "";
	GATE_AUTO(gate_buf_done) struct gate_buf data = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *doc = NULL;
	char *rest = text;

	for (char *s = strsep(&rest, "\n"); s != NULL; s = strsep(&rest, "\n")) {
		if (strncmp(s, "event: ", 7) == 0)
			type = s + 7;
		else if (strncmp(s, "id: ", 4) == 0)
			id = s + 4;
		else if (strncmp(s, "data: ", 6) == 0)
			gate_buf_puts(&data, s + 6);
	}
	if (strcmp(type, "gap") == 0)
		gate_say(v->cli, "events are missing: %s", data.data != NULL ? data.data : "");
	else if (data.len > 0)
		(void)gate_doc_read(&arena, data.data, data.len, &doc, NULL);
	if (doc != NULL) {
		uint64_t when = gate_api_time(doc, "timestamp");

		/* Those without an id are about the stream itself. */
		v->over = v->over || (id[0] != '\0' && when > v->until);
		if (id[0] != '\0' && when >= v->since && when <= v->until && fits(v, doc)) {
			if (v->json)
				(void)printf("%s\n", data.data);
			else
				print_text(v, type, doc);
			(void)fflush(stdout);
		}
	}
	gate_arena_done(&arena);
}

/* Cuts whole events off the front of what has come. */
static void take(struct view *v, struct gate_buf *b)
{
	char *end;

	while (b->len > 0 && (end = strstr(b->data, "\n\n")) != NULL) {
		size_t n = (size_t)(end + 2 - b->data);

		*end = '\0';
		event(v, b->data);
		memmove(b->data, b->data + n, b->len - n + 1);
		b->len -= n;
	}
}

static int follow(struct view *v, struct gate_err *err)
{
	enum { QUIET_MS = 500 };
	/* All that the agent still has, and then what comes: --since is decided here. */
	struct gate_remote_request q = { .host = gate_api_host(v->cli),
		                         .method = "GET",
		                         .path = "/v2/events",
		                         .accept = "text/event-stream",
		                         .header = v->since > 0 ? "Last-Event-ID: 0" : NULL };
	GATE_AUTO(gate_remote_closep) struct gate_remote *r = NULL;
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;
	int more = 1;

	gate_api_prepare(v->cli);
	if (gate_remote_open(&q, &r, err) < 0)
		return -1;
	if (gate_remote_status(r) != 200)
		return GATE_FAIL(err, GATE_E_PROTO, "the agent answers with status %d", gate_remote_status(r));
	while (more > 0 && !v->over) {
		/* What has happened comes at once; with an end in the past, a silence says that this was all. */
		if (v->until != UINT64_MAX && gate_remote_wait(r, QUIET_MS) == 0) {
			if (gate_now_ns() > v->until)
				return 0;
			continue;
		}
		more = gate_remote_read(r, &b, err);
		if (more > 0)
			take(v, &b);
	}
	return more < 0 ? -1 : 0;
}

static int run(struct gate_cli *cli)
{
	struct view v = { .cli = cli, .until = UINT64_MAX, .json = gate_cli_json(cli) };
	const char *since = gate_option_text(cli, "since"), *until = gate_option_text(cli, "until"), *text;
	struct gate_err err = GATE_ERR_INIT;
	uint64_t now = gate_now_ns();
	size_t at = 0;

	if ((since != NULL && gate_time_parse(since, now, &v.since, &err) < 0) ||
	    (until != NULL && gate_time_parse(until, now, &v.until, &err) < 0))
		return gate_trouble(cli, NULL, &err);
	while ((text = gate_option_next(cli, "filter", &at)) != NULL)
		if (filter_of(text, &err) < 0)
			return gate_trouble(cli, NULL, &err);
	return follow(&v, &err) < 0 ? gate_api_trouble(cli, &err) : 0;
}

const struct gate_verb gate_verb_events = {
	.name = "events",
	.operands = "",
	.summary = "what happens at the agent, as it happens",
	.about =
	    "Prints one line for each event of the agent until it is interrupted: tasks that change their state, deployments, health, "
	    "jobs. With --since first those that have happened since then, as far as the agent still has them; with --until it ends.\n\n"
	    "--filter may be given several times: type=EVENT, app=ID, job=ID, task=ID, status=TASK_RUNNING. Values of one kind are "
	    "alternatives, kinds are all to fit.",
	.class = GATE_CLASS_TASK,
	.least = 0,
	.most = 0,
	.groups = { (const struct gate_option[]){
			{ "since", 0, "TIME", NULL, NULL, GATE_OPERAND_NONE,
	                  "also what has happened since: *2026-11-23T10:00:00Z*, seconds since 1970, or *10m* ago" },
			{ "until", 0, "TIME", NULL, NULL, GATE_OPERAND_NONE, "end there; *0s* is now" },
			{ "filter", 'f', "KEY=VALUE", NULL, NULL, GATE_OPERAND_NONE, "only those that fit" },
			{ "format", 0, "FORMAT", "text|json", "text", GATE_OPERAND_NONE,
	                  "*text* for people, or *json*: one object per line" },
			{ 0 },
		    },
	            gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate events -f app=/web", "what becomes of an app" },
		{ "callgate events --since 1h --until 0s --format json", "the last hour" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){ { "0", "the time of --until has come, or the agent has ended the stream" },
	                                  { "1", "no agent answers, or bad usage" },
	                                  { 0 } },
	.run = run,
};
