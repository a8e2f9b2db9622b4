#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/agent_tasks.h"
#include "cli/logs.h"

struct view {
	const struct gate_cli *cli;
	struct gate_store *store;
	char id[65];
	int dir;
	uint64_t since, until, tail; /* UINT64_MAX: no limit */
	uint64_t skip;               /* lines, until the tail begins */
	bool times, follow;
	bool in_line[3]; /* by stream: what was last written did not end a line */
};

/* --- what to show --- */
static int read_options(struct view *v, struct gate_err *err)
{
	const char *since = gate_option_text(v->cli, "since"), *until = gate_option_text(v->cli, "until");
	const char *tail = gate_option_text(v->cli, "tail");
	uint64_t now = gate_now_ns();

	v->until = v->tail = UINT64_MAX;
	v->times = gate_option_set(v->cli, "timestamps");
	v->follow = gate_option_set(v->cli, "follow");
	if ((since != NULL && gate_time_parse(since, now, &v->since, err) < 0) ||
	    (until != NULL && gate_time_parse(until, now, &v->until, err) < 0))
		return -1;
	if (strcmp(tail, "all") != 0 && gate_u64_parse(tail, strlen(tail), UINT32_MAX, &v->tail) < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'--tail' takes a number of lines or 'all', not '%s'", tail);
	return 0;
}

static bool wanted(const struct view *v, const struct gate_log_entry *e)
{
	return e->time_ns >= v->since && e->time_ns <= v->until;
}

/* Lines of both streams together, in the order they came in; one without an end counts. */
static int count_lines(const struct view *v, uint64_t *ret, struct gate_err *err)
{
	struct gate_log_reader r;
	struct gate_log_entry e;
	uint64_t lines = 0;
	bool open = false;
	int got;

	if (gate_log_reader_init(&r, v->dir, err) < 0)
		return -1;
	while ((got = gate_log_reader_next(&r, &e, err)) > 0) {
		if (!wanted(v, &e))
			continue;
		for (const unsigned char *s = e.bytes; (s = memchr(s, '\n', (size_t)(e.bytes + e.len - s))) != NULL;
		     s++)
			lines++;
		open = e.bytes[e.len - 1] != '\n';
	}
	gate_log_reader_done(&r);
	*ret = lines + open;
	return got;
}

/* --- showing --- */
static void write_line(struct view *v, const struct gate_log_entry *e, const unsigned char *s, size_t len)
{
	FILE *out = e->stream == GATE_LOG_STDERR ? stderr : stdout;
	char when[40];

	/* Both may be one file, and only one of them is buffered. */
	if (out == stderr)
		(void)fflush(stdout);
	if (v->times && !v->in_line[e->stream]) {
		gate_time_text(e->time_ns, when);
		(void)fprintf(out, "%s ", when);
	}
	(void)fwrite(s, 1, len, out);
	v->in_line[e->stream] = s[len - 1] != '\n';
}

/* Bytes go out as the task wrote them, as docker's do. */
static void write_entry(struct view *v, const struct gate_log_entry *e)
{
	const unsigned char *s = e->bytes, *end = e->bytes + e->len;

	while (v->skip > 0 && s < end) {
		const unsigned char *line = memchr(s, '\n', (size_t)(end - s));

		v->skip -= line != NULL;
		s = line != NULL ? line + 1 : end;
	}
	while (s < end) {
		const unsigned char *line = v->times ? memchr(s, '\n', (size_t)(end - s)) : NULL;
		const unsigned char *next = line != NULL ? line + 1 : end;

		write_line(v, e, s, (size_t)(next - s));
		s = next;
	}
	if (e->stream == GATE_LOG_STDOUT && v->follow)
		(void)fflush(stdout);
}

static int show_rest(struct view *v, struct gate_log_reader *r, struct gate_err *err)
{
	struct gate_log_entry e;
	int got;

	while ((got = gate_log_reader_next(r, &e, err)) > 0)
		if (wanted(v, &e))
			write_entry(v, &e);
	return got;
}

/* --- following --- */
static bool still_runs(const struct view *v)
{
	struct gate_entry e;

	return gate_store_find(v->store, v->id, &e, NULL) == 0 &&
	       (e.state == GATE_TASK_RUNNING || e.state == GATE_TASK_CREATED);
}

/* Until something changed in the task's directory; a keeper that was killed changes nothing, so not for ever. */
static void await(int watch)
{
	enum { PATIENCE_MS = 500 };
	char events[4096];
	struct pollfd p = { watch, POLLIN, 0 };

	if (poll(&p, 1, PATIENCE_MS) > 0)
		(void)!read(watch, events, sizeof(events));
}

static int follow(struct view *v, struct gate_log_reader *r, struct gate_err *err)
{
	char path[40];
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), got = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", v->dir);
	/* Without it (a limit was reached) we look twice a second. */
	if (watch >= 0)
		(void)inotify_add_watch(watch, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF);
	for (bool runs = true; runs && got == 0 && gate_now_ns() <= v->until;) {
		runs = still_runs(v); /* first: what it wrote before its end is read once more */
		got = show_rest(v, r, err);
		if (runs && got == 0)
			await(watch);
	}
	if (watch >= 0)
		(void)close(watch);
	return got;
}

static int show(struct view *v, struct gate_err *err)
{
	struct gate_log_reader r;
	uint64_t lines = 0;

	if (v->tail != UINT64_MAX && count_lines(v, &lines, err) < 0)
		return -1;
	v->skip = lines > v->tail ? lines - v->tail : 0;
	if (gate_log_reader_init(&r, v->dir, err) < 0)
		return -1;
	int result = show_rest(v, &r, err);

	if (result == 0 && v->follow)
		result = follow(v, &r, err);
	if (r.lost)
		gate_say(v->cli, "some output is missing: its log files were dropped before they could be read");
	if (r.damaged)
		gate_say(v->cli, "some output is missing: the rest of a log file is damaged");
	gate_log_reader_done(&r);
	return result;
}

/* Whoever may read the state directory of this host's agent reads a task's log there, with its times, as any task's. */
static bool open_at_agent(struct view *v, struct gate_store **s)
{
	GATE_AUTO(gate_buf_done) struct gate_buf path = GATE_BUF_INIT;
	struct gate_api_answer flags = GATE_API_ANSWER_INIT;
	struct gate_found f;
	struct gate_entry e;
	char id[129];

	if (strncmp(gate_api_host(v->cli), "unix://", 7) != 0 ||
	    gate_api_find(v->cli, v->cli->operands[0], GATE_THING_BIT(GATE_THING_TASK), &f, NULL) < 0)
		return false;
	(void)snprintf(id, sizeof(id), "%s", gate_api_text(f.answer.doc, "containerId"));
	gate_api_answer_done(&f.answer);
	if (gate_api_get(v->cli, "/flags", &flags, NULL) == 0)
		gate_buf_printf(&path, "%s/tasks", gate_api_text(flags.doc, "flags.work_dir"));
	gate_api_answer_done(&flags);
	/* What is not there would be made. */
	if (path.failed || path.len == 0 || path.data[0] != '/' || access(path.data, R_OK | W_OK) < 0 ||
	    gate_store_open(path.data, s, NULL) < 0 || gate_store_find(*s, id, &e, NULL) < 0 ||
	    gate_store_dir(*s, e.id, &v->dir, NULL) < 0)
		return false;
	v->store = *s;
	memcpy(v->id, e.id, sizeof(v->id));
	return true;
}

/* Its API has the bytes without times, and the two streams apart. */
static int run_agent(struct view *v, struct gate_err *err)
{
	static const char *const local[] = { "since", "until", "timestamps" };
	GATE_AUTO(gate_store_closep) struct gate_store *s = NULL;

	if (open_at_agent(v, &s)) {
		int result = show(v, err);

		(void)close(v->dir);
		return result;
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(local); i++)
		if (gate_option_set(v->cli, local[i]))
			return GATE_FAIL(
			    err, GATE_E_UNSUPPORTED,
			    "'--%s' is not for tasks of an agent, but for root on its host: the API does not "
			    "tell times",
			    local[i]);
	return gate_agent_logs(v->cli, v->cli->operands[0], v->follow, v->tail, err);
}

static int run(struct gate_cli *cli)
{
	struct view v = { .cli = cli, .dir = -1 };
	enum gate_agent_use use = gate_agent_use(cli);
	struct gate_err err = GATE_ERR_INIT, other = GATE_ERR_INIT;
	struct gate_entry e;

	if (read_options(&v, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	if (use == GATE_AGENT_ONLY)
		return run_agent(&v, &err) < 0 ? gate_api_trouble(cli, &err) : 0;
	GATE_AUTO(gate_store_closep) struct gate_store *s = gate_ask_store(cli);

	if (s == NULL)
		return gate_trouble_status(cli);
	v.store = s;
	if (gate_store_find(s, cli->operands[0], &e, &err) < 0 && use == GATE_AGENT_TOO) {
		if (run_agent(&v, &other) == 0)
			return 0;
		return gate_trouble(cli, NULL, other.code == GATE_E_UNSUPPORTED ? &other : &err);
	}
	if (err.code != GATE_OK || gate_store_dir(s, e.id, &v.dir, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	memcpy(v.id, e.id, sizeof(v.id));
	int result = show(&v, &err);

	(void)close(v.dir);
	return result < 0 ? gate_trouble(cli, NULL, &err) : 0;
}

const struct gate_verb gate_verb_logs = {
	.name = "logs",
	.operands = "TASK",
	.summary = "what a task wrote",
	.about =
	    "Prints what TASK wrote, as it wrote it: its standard output on standard output, its standard error on standard error, "
	    "a terminal's on standard output. With --follow goes on until the task has ended, also across the rotation of log "
	    "files. Only the newest files are kept (--log-opt of run), so the beginning can be missing. A TASK that is not here is "
	    "looked for at the agent of this host; with --host (or CALLGATE_HOST) only at that one. Root reads the log of such a "
	    "TASK in the agent's state directory. Who cannot, asks the API: it tells no times (no --since, --until, --timestamps), "
	    "and --tail is of each stream.",
	.class = GATE_CLASS_TASK,
	.first = GATE_OPERAND_ANY_TASK,
	.least = 1,
	.most = 1,
	.groups = { (const struct gate_option[]){
			{ "follow", 'f', NULL, NULL, NULL, GATE_OPERAND_NONE, "go on until the task has ended" },
			{ "tail", 'n', "N", NULL, "all", GATE_OPERAND_NONE, "only the last N lines" },
			{ "since", 0, "TIME", NULL, NULL, GATE_OPERAND_NONE,
	                  "only what was written later: *2026-11-23T10:00:00Z*, seconds since 1970, or *10m* ago" },
			{ "until", 0, "TIME", NULL, NULL, GATE_OPERAND_NONE, "only what was written before" },
			{ "timestamps", 't', NULL, NULL, NULL, GATE_OPERAND_NONE, "each line behind its time" },
			{ 0 },
		    },
	            gate_options_state, gate_options_host },
	.examples =
	    (const struct gate_example[]){
		{ "callgate logs -f web", "as it comes" },
		{ "callgate logs --tail 20 -t web", "the last lines, with their times" },
		{ "callgate logs --since 10m web 2>/dev/null", "standard output of the last ten minutes" },
		{ 0 },
	    },
	.statuses = (const struct gate_status[]){ { "0", "done" }, { "1", "TASK is not there, or bad usage" }, { 0 } },
	.run = run,
};
