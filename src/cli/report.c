#include <linux/seccomp.h>
#include <signal.h>

#include "cli/report.h"

/* --- one refused call --- */
static bool is_kill(const struct gate_record_denial *d)
{
	return d->action == GATE_RET_KILL_PROCESS || d->action == GATE_RET_KILL_THREAD;
}

static bool is_refusal(const struct gate_record_denial *d)
{
	return gate_ret_rank(d->action) > gate_ret_rank(GATE_RET_LOG);
}

static struct gate_explanation *explain(struct gate_source *source, const struct gate_record_denial *d)
{
	struct gate_call call = { .arch = gate_arch_of(d->arch, d->nr), .nr = d->nr };
	struct gate_explanation *e = NULL;

	if (source == NULL || call.arch == GATE_ARCH_NONE || gate_source_explain(source, &call, &e, NULL) < 0)
		return NULL; /* without it the place is missing, no more */
	return e;
}

/* The next line of the profile that can have decided so: the kernel does not tell the arguments. */
static const struct gate_outcome *next_outcome(const struct gate_explanation *e, uint32_t action, size_t *at)
{
	while (e != NULL && *at < e->n)
		if (GATE_RET_ACTION(e->outcomes[(*at)++].action) == action)
			return &e->outcomes[*at - 1];
	return NULL;
}

static const char *reason_text(enum gate_reason r)
{
	static const char *const texts[] = {
		[GATE_REASON_DEFAULT] = "default action",
		[GATE_REASON_ENOSYS] = "a call younger than the profile",
		[GATE_REASON_UNCOVERED] = "an architecture that the profile does not cover",
		[GATE_REASON_PROGRAM] = "the program decides",
	};

	return (size_t)r < GATE_ARRAY_LEN(texts) ? texts[r] : NULL;
}

/* ": web.json:40:9 (default action)" */
static void add_places(struct gate_buf *out, struct gate_source *source, const struct gate_explanation *e,
                       uint32_t action)
{
	enum { MOST = 3 };
	const struct gate_outcome *o;
	size_t at = 0;

	for (int n = 0; (o = next_outcome(e, action, &at)) != NULL; n++) {
		const char *reason = reason_text(o->reason);

		if (n == MOST) {
			gate_buf_puts(out, " or another");
			return;
		}
		gate_buf_puts(out, n > 0 ? " or " : ": ");
		if (o->line > 0 && source != NULL)
			gate_buf_printf(out, "%s:%u:%u", gate_source_file(source), o->line, o->column);
		if (reason != NULL)
			gate_buf_printf(out, o->line > 0 ? " (%s)" : "%s", reason);
	}
}

void gate_report_call(struct gate_buf *out, const struct gate_record_denial *d)
{
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	const struct gate_arch_info *info = gate_arch_info(arch);
	const struct gate_syscall *known = gate_syscall_by_nr(arch, d->nr);

	gate_buf_printf(out, "%s (%u, ", known != NULL ? gate_name_text(known->name) : "a call without a name", d->nr);
	if (info != NULL)
		gate_buf_printf(out, "%s)", info->name);
	else
		gate_buf_printf(out, "architecture 0x%x)", d->arch);
}

static void say_denial(const struct gate_cli *cli, struct gate_source *source, const struct gate_record_denial *d)
{
	GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = explain(source, d);
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	const struct gate_syscall *known = gate_syscall_by_nr(arch, d->nr);
	char verdict[GATE_VERDICT_TEXT];
	size_t at = 0;
	const struct gate_outcome *o = next_outcome(e, d->action, &at);

	gate_buf_puts(&out, is_kill(d) ? "killed by seccomp: " : is_refusal(d) ? "refused " : "logged ");
	if (d->count > 1 || !is_kill(d))
		gate_buf_printf(&out, "%llu × ", (unsigned long long)d->count);
	gate_report_call(&out, d);
	if (!is_kill(d)) {
		gate_verdict_text(arch, o != NULL ? o->action : d->action, verdict);
		gate_buf_printf(&out, " = %s", verdict);
	}
	add_places(&out, source, e, d->action);
	gate_buf_printf(&out, ", by '%s' (pid %u)", d->comm, d->pid);
	gate_say(cli, "%s", out.data != NULL ? out.data : "");
	if (known != NULL && source != NULL)
		gate_hint(cli, "callgate explain %s %s:%s", gate_source_word(source), gate_arch_info(arch)->name,
		          gate_name_text(known->name));
}

void gate_report_denial_json(struct gate_json *j, const struct gate_record_denial *d, struct gate_source *source)
{
	GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = explain(source, d);
	enum gate_arch arch = gate_arch_of(d->arch, d->nr);
	const struct gate_syscall *known = gate_syscall_by_nr(arch, d->nr);
	size_t at = 0;
	const struct gate_outcome *o = next_outcome(e, d->action, &at);

	gate_json_object(j);
	gate_call_json(j, arch, known != NULL ? gate_name_text(known->name) : NULL, d->nr);
	gate_verdict_json(j, arch, o != NULL ? o->action : d->action);
	gate_json_key(j, "rule");
	if (o == NULL || o->line == 0) {
		gate_json_null(j);
	} else {
		gate_json_object(j);
		gate_json_key(j, "file");
		gate_json_text(j, gate_source_file(source));
		gate_json_key(j, "line");
		gate_json_u64(j, o->line);
		gate_json_key(j, "column");
		gate_json_u64(j, o->column);
		gate_json_end(j, '}');
	}
	gate_json_key(j, "reason");
	gate_json_text(j, o != NULL ? gate_reason_word(o->reason) : NULL);
	gate_json_key(j, "signal");
	gate_json_u64(j, (uint64_t)d->sig);
	gate_json_key(j, "count");
	gate_json_u64(j, d->count);
	gate_json_key(j, "pid");
	gate_json_u64(j, d->pid);
	gate_json_key(j, "comm");
	gate_json_text(j, d->comm);
	gate_json_key(j, "exe");
	gate_json_text(j, d->exe);
	gate_json_end(j, '}');
}

static void print_denial(const struct gate_cli *cli, bool json, struct gate_source *source,
                         const struct gate_record_denial *d)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	if (!json) {
		say_denial(cli, source, d);
		return;
	}
	gate_json_init(&j, &out, 0);
	gate_report_denial_json(&j, d, source);
	(void)fprintf(stderr, "%s\n", out.data != NULL ? out.data : "");
}

/* --- how complete --- */
void gate_report_gaps(struct gate_buf *out, const struct gate_record *r)
{
	static const struct {
		uint32_t gap;
		const char *text;
	} gaps[] = {
		{ GATE_GAP_NOT_HEARD, "the kernel's audit log could not be read" },
		{ GATE_GAP_ONLY_KILLS, "the kernel was asked to write down kills only (--log asks for all)" },
		{ GATE_GAP_UNATTRIBUTED, "records could not be told apart from those of others" },
		{ GATE_GAP_TOO_MANY, "there were more kinds of calls than a record holds" },
		{ GATE_GAP_NO_FENCE, "the last records may have come too late" },
		{ GATE_GAP_ACTIONS, "kernel.seccomp.actions_logged leaves actions out" },
		{ GATE_GAP_UNCOUNTED, "how many records the kernel lost is not known" },
	};
	size_t before = out->len;

	for (size_t i = 0; i < GATE_ARRAY_LEN(gaps); i++)
		if ((r->gaps & gaps[i].gap) != 0)
			gate_buf_printf(out, "%s%s", out->len > before ? "; " : "", gaps[i].text);
	if ((r->gaps & GATE_GAP_LOST) != 0)
		gate_buf_printf(out, "%s%llu records were lost", out->len > before ? "; " : "",
		                (unsigned long long)r->lost);
	if (r->unattributed > 0)
		gate_buf_printf(out, "%s%llu records belong to nobody known", out->len > before ? "; " : "",
		                (unsigned long long)r->unattributed);
}

static void say_complete(const struct gate_cli *cli, const struct gate_record *r)
{
	GATE_AUTO(gate_buf_done) struct gate_buf gaps = GATE_BUF_INIT;

	gate_report_gaps(&gaps, r);
	if (gaps.len > 0)
		gate_say(cli, "this report is not complete: %s", gaps.data);
	else
		gate_say(cli, "%u kind%s of refused or logged calls; the report is complete", r->n_denials,
		         r->n_denials == 1 ? "" : "s");
}

/* --- the end --- */
static void say_unknown_kill(const struct gate_cli *cli, const struct gate_record *r)
{
	GATE_AUTO(gate_buf_done) struct gate_buf gaps = GATE_BUF_INIT;

	gate_report_gaps(&gaps, r);
	gate_say(cli, "killed by seccomp (SIGSYS); which call it was is not known%s%s", gaps.len > 0 ? ": " : "",
	         gaps.len > 0 ? gaps.data : "");
	gate_hint(cli, "callgate doctor says what reading the audit log needs");
}

static void say_resources(const struct gate_cli *cli, const struct gate_record *r)
{
	if (r->oom_kills > 0)
		gate_say(cli, "out of memory: the kernel killed %u process%s of the task at its memory limit",
		         r->oom_kills, r->oom_kills == 1 ? "" : "es");
	if (r->by_timeout != 0)
		gate_say(cli, "out of time: the task was stopped at the end of --timeout");
	if (r->log_dropped > 0)
		gate_say(cli, "%llu bytes of output could not be logged", (unsigned long long)r->log_dropped);
}

void gate_report(const struct gate_cli *cli, const struct gate_record *r, struct gate_source *source, bool log)
{
	bool killed = r->outcome == GATE_OUTCOME_KILLED && r->signal == SIGSYS, seen = false, json = false;
	const struct gate_option *o;

	for (size_t i = 0; (o = gate_verb_option(cli->verb, i)) != NULL; i++)
		json = json || (strcmp(o->name, "format") == 0 && cli->values[i] != NULL &&
		                strcmp(cli->values[i], "json") == 0);
	for (uint32_t i = 0; i < r->n_denials; i++) {
		const struct gate_record_denial *d = &r->denials[i];

		/* Without --log only deaths are news. TRAP's SIGSYS may have been handled: refused, not killed. */
		if (!log && !is_kill(d) && !(killed && d->main != 0 && d->action == GATE_RET_TRAP))
			continue;
		seen = seen || (d->main != 0 && d->sig == SIGSYS);
		print_denial(cli, json, source, d);
	}
	if (r->outcome == GATE_OUTCOME_KILLED && r->sys != 0)
		gate_say(cli, "the task was killed: its keeper could not give up its rights: %s", strerror(r->sys));
	if (killed && !seen)
		say_unknown_kill(cli, r);
	else if (log)
		say_complete(cli, r);
	say_resources(cli, r);
}

const char *gate_report_word(enum gate_task_state state, const struct gate_record *r)
{
	if (state == GATE_TASK_CREATED)
		return "created";
	if (state == GATE_TASK_RUNNING)
		return "running";
	if (state == GATE_TASK_LOST)
		return "lost";
	switch ((enum gate_task_outcome)r->outcome) {
	case GATE_OUTCOME_KILLED:
		return "killed";
	case GATE_OUTCOME_NOT_STARTED:
	case GATE_OUTCOME_NOT_EXECUTED:
		return "not started";
	case GATE_OUTCOME_NONE:
	case GATE_OUTCOME_EXITED:
		break;
	}
	return "exited";
}
