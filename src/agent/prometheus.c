/* GET /metrics/prometheus: every metric in Prometheus' text format 0.0.4 (HELP and TYPE once, all lines of a metric together).
 *
 * "slave/tasks_running" is mesos_slave_tasks_running; "callgate/denials/ptrace" is callgate_denials_total with the call as a
 * label. Values of labels are names of files and ids of others', so they are escaped. */
#include <callgate/abi.h>

#include "agent/parts.h"
#include "doc/doc.h"

static void label(struct gate_buf *out, const char *name, const char *value)
{
	gate_buf_printf(out, "%s=\"", name);
	for (const char *s = value; *s != '\0'; s++)
		if (*s == '"' || *s == '\\')
			gate_buf_printf(out, "\\%c", *s);
		else if ((unsigned char)*s >= ' ')
			gate_buf_add(out, s, 1);
	gate_buf_puts(out, "\"");
}

static void head(struct gate_buf *out, const char *name, const char *type, const char *help)
{
	if (help != NULL)
		gate_buf_printf(out, "# HELP %s %s\n", name, help);
	gate_buf_printf(out, "# TYPE %s %s\n", name, type);
}

/* --- counters with a label --- */
static const struct family {
	const char *prefix, *name, *label, *help;
} families[] = {
	{ "callgate/denials/", "callgate_denials_total", "call", "System calls that profiles refused to tasks." },
	{ "callgate/launch_errors/", "callgate_launch_errors_total", "cause",
	  "Launches that failed, by what was in the way." },
	{ "callgate/restarts/", "callgate_restarts_total", "scheduler",
	  "Tasks that are to be started again after their end." },
};

static const char *in_family(const struct family *f, const char *name)
{
	size_t len = strlen(f->prefix);

	return strncmp(name, f->prefix, len) == 0 ? name + len : NULL;
}

struct family_ctx {
	const struct family *f;
	struct gate_buf *out;
	bool begun;
};

static void one_of_family(void *ctx, const char *name, double value)
{
	struct family_ctx *c = ctx;
	const char *rest = in_family(c->f, name);

	if (rest == NULL)
		return;
	if (!c->begun)
		head(c->out, c->f->name, "counter", c->f->help);
	c->begun = true;
	gate_buf_printf(c->out, "%s{", c->f->name);
	label(c->out, c->f->label, rest);
	gate_buf_printf(c->out, "} %.15g\n", value);
}

/* --- the others --- */
static void plain(struct gate_buf *out, const char *type, const char *name, double value)
{
	GATE_AUTO(gate_buf_done) struct gate_buf full = GATE_BUF_INIT;

	gate_buf_puts(&full, strncmp(name, "callgate/", 9) == 0 ? "" : "mesos_");
	for (const char *s = name; *s != '\0'; s++)
		gate_buf_add(&full, (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ? s : "_", 1);
	if (full.failed) {
		out->failed = true;
		return;
	}
	head(out, full.data, type, NULL);
	gate_buf_printf(out, "%s %.15g\n", full.data, value);
}

static void gauge(void *ctx, const char *name, double value)
{
	plain(ctx, "gauge", name, value);
}

static void counter(void *ctx, const char *name, double value)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(families); i++)
		if (in_family(&families[i], name) != NULL)
			return;
	plain(ctx, "counter", name, value);
}

static void latency(const struct latency *l, struct gate_buf *out)
{
	static const char name[] = "callgate_api_request_duration_seconds";
	int64_t n = 0;

	head(out, name, "histogram", "Time from a request's head to its answer.");
	for (size_t i = 0; i < GATE_LATENCIES; i++) {
		n += l->upto[i];
		gate_buf_printf(out, "%s_bucket{le=\"%.15g\"} %lld\n", name, (double)gate_latency_ms[i] / 1000,
		                (long long)n);
	}
	gate_buf_printf(out, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %.15g\n%s_count %lld\n", name, (long long)l->n, name,
	                (double)l->ms / 1000, name, (long long)l->n);
}

/* --- tasks that had calls refused, for as long as they are kept --- */
static void call_of_task(const struct task *k, const struct gate_doc *d, struct gate_buf *out)
{
	const struct gate_doc *call = gate_doc_member(d, "syscall"), *count = gate_doc_member(d, "count");

	if (count == NULL)
		return;
	gate_buf_puts(out, "callgate_task_denials{");
	label(out, "task", k->t.id);
	label(out, ",owner", k->t.owner_id);
	label(out, ",call", call != NULL && call->kind == GATE_DOC_STRING ? call->text : "unknown");
	gate_buf_printf(out, "} %s\n", count->text);
}

static void tasks(struct gate_agent *a, struct gate_buf *out)
{
	bool begun = false;

	for (const struct task *k = a->first; k != NULL; k = (const struct task *)k->t.next) {
		GATE_AUTO(gate_arena_done) struct gate_arena arena = { 0 };
		const struct gate_doc *list;

		if (k->denied == 0 || k->t.denials == NULL ||
		    gate_doc_read(&arena, k->t.denials, strlen(k->t.denials), &list, NULL) < 0)
			continue;
		if (!begun)
			head(out, "callgate_task_denials", "gauge", "System calls that its profile refused to a task.");
		begun = true;
		for (uint32_t i = 0; i < list->n_items; i++)
			call_of_task(k, &list->items[i], out);
	}
}

/* --- profiles --- */
struct found {
	struct gate_buf *out;
	bool begun;
};

static void profile(void *ctx, const char *name, const struct gate_profile_counts *n)
{
	const struct {
		const char *severity;
		size_t n;
	} each[] = { { "notice", n->notices }, { "warning", n->warnings }, { "error", n->errors } };
	struct found *f = ctx;

	if (!f->begun)
		head(f->out, "callgate_profile_findings", "gauge",
		     "What callgate check says about a profile of the directory; one that cannot be used is an error.");
	f->begun = true;
	for (size_t i = 0; i < GATE_ARRAY_LEN(each); i++) {
		gate_buf_puts(f->out, "callgate_profile_findings{");
		label(f->out, "profile", name);
		label(f->out, ",severity", each[i].severity);
		gate_buf_printf(f->out, "} %zu\n", each[i].n);
	}
}

void gate_prometheus_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	struct gate_agent *a = ctx;
	struct gate_buf *out = &answer->body;
	struct found found = { .out = out };

	(void)r;
	answer->status = 200;
	answer->type = "text/plain; version=0.0.4";
	gate_metrics_gauges(a, gauge, out);
	gate_metrics_counters(a, counter, out);
	for (size_t i = 0; i < GATE_ARRAY_LEN(families); i++) {
		struct family_ctx c = { .f = &families[i], .out = out };

		gate_metrics_counters(a, one_of_family, &c);
	}
	latency(&a->latency, out);
	tasks(a, out);
	gate_profiles_findings(a->profiles, profile, &found);
}
