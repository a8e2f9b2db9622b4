#include <linux/seccomp.h>
#include <signal.h>

#include <callgate/run.h>

#include "cli/cli.h"

GATE_DEFINE_FREEP(struct gate_run_result, gate_run_result_free)

/* --- what the filter refused --- */
/* The line of the profile behind a denial: the outcome with its action. NULL where it cannot be told. */
static const struct gate_outcome *outcome_of(const struct gate_explanation *e, uint32_t action)
{
	for (size_t i = 0; e != NULL && i < e->n; i++)
		if (GATE_RET_ACTION(e->outcomes[i].action) == action)
			return &e->outcomes[i];
	return NULL;
}

static void add_place(struct gate_buf *out, struct gate_source *source, const struct gate_outcome *o)
{
	if (o == NULL)
		return;
	gate_buf_puts(out, " by ");
	if (o->line > 0)
		gate_buf_printf(out, "%s:%u:%u", gate_source_file(source), o->line, o->column);
	if (o->line > 0 && o->reason == GATE_REASON_RULE)
		return;
	gate_buf_printf(out, o->line > 0 ? " (%s)" : "%s",
	                o->reason == GATE_REASON_DEFAULT     ? "default action"
	                : o->reason == GATE_REASON_ENOSYS    ? "a call younger than the profile"
	                : o->reason == GATE_REASON_UNCOVERED ? "an architecture that the profile does not cover"
	                                                     : "the program");
}

static void say_denial(const struct gate_cli *cli, struct gate_source *source, const struct gate_denial *d)
{
	GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = NULL;
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_call call = { .arch = gate_arch_of(d->arch, d->nr), .nr = d->nr };
	const struct gate_arch_info *info = gate_arch_info(call.arch);
	const struct gate_syscall *known = gate_syscall_by_nr(call.arch, d->nr);
	const char *name = known != NULL ? gate_name_text(known->name) : "a call without a name";
	char verdict[GATE_VERDICT_TEXT];

	if (info != NULL)
		(void)gate_source_explain(source, &call, &e, NULL); /* without it the place is missing, no more */
	const struct gate_outcome *o = outcome_of(e, d->action);

	gate_verdict_text(call.arch, o != NULL ? o->action : d->action, verdict);
	gate_buf_printf(&out, "'%s' (pid %u) %s %s (%s %u)", d->comm, d->pid,
	                d->sig == SIGSYS && d->action != GATE_RET_TRAP            ? "was killed by the filter for"
	                : gate_ret_rank(d->action) <= gate_ret_rank(GATE_RET_LOG) ? "called"
	                                                                          : "was refused",
	                name, info != NULL ? info->name : "an unknown architecture,", d->nr);
	gate_buf_printf(&out, " = %s", verdict);
	add_place(&out, source, o);
	if (d->count > 1)
		gate_buf_printf(&out, ", %llu times", (unsigned long long)d->count);
	gate_say(cli, "%s", out.data != NULL ? out.data : "");
	if (known != NULL)
		gate_hint(cli, "callgate explain %s %s:%s", gate_source_word(source), info->name, name);
}

static void json_denial(struct gate_source *source, const struct gate_denial *d)
{
	GATE_AUTO(gate_explanation_freep) struct gate_explanation *e = NULL;
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_call call = { .arch = gate_arch_of(d->arch, d->nr), .nr = d->nr };
	const struct gate_syscall *known = gate_syscall_by_nr(call.arch, d->nr);
	struct gate_json j;

	if (call.arch != GATE_ARCH_NONE)
		(void)gate_source_explain(source, &call, &e, NULL);
	const struct gate_outcome *o = outcome_of(e, d->action);

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_call_json(&j, call.arch, known != NULL ? gate_name_text(known->name) : NULL, d->nr);
	gate_verdict_json(&j, call.arch, o != NULL ? o->action : d->action);
	gate_json_key(&j, "rule");
	if (o == NULL || o->line == 0) {
		gate_json_null(&j);
	} else {
		gate_json_object(&j);
		gate_json_key(&j, "file");
		gate_json_text(&j, gate_source_file(source));
		gate_json_key(&j, "line");
		gate_json_u64(&j, o->line);
		gate_json_key(&j, "column");
		gate_json_u64(&j, o->column);
		gate_json_end(&j, '}');
	}
	gate_json_key(&j, "reason");
	gate_json_text(&j, o != NULL ? gate_reason_word(o->reason) : NULL);
	gate_json_key(&j, "signal");
	gate_json_u64(&j, (uint64_t)d->sig);
	gate_json_key(&j, "count");
	gate_json_u64(&j, d->count);
	gate_json_key(&j, "pid");
	gate_json_u64(&j, d->pid);
	gate_json_key(&j, "comm");
	gate_json_text(&j, d->comm);
	gate_json_key(&j, "exe");
	gate_json_text(&j, d->exe);
	gate_json_end(&j, '}');
	(void)fprintf(stderr, "%s\n", out.data != NULL ? out.data : "");
}

static void report(const struct gate_cli *cli, struct gate_source *source, const struct gate_run_result *r)
{
	bool killed = r->outcome == GATE_RUN_KILLED && r->signal == SIGSYS, seen = false;

	for (size_t i = 0; i < r->n_denials; i++) {
		const struct gate_denial *d = &r->denials[i];

		/* Without --log only the death of the program itself is news. */
		if (!gate_option_set(cli, "log") && !(killed && d->main && d->sig == SIGSYS))
			continue;
		seen = seen || (d->main && d->sig == SIGSYS);
		if (gate_cli_json(cli))
			json_denial(source, d);
		else
			say_denial(cli, source, d);
	}
	if (killed && !seen) {
		gate_say(cli, "the program was killed by the filter (SIGSYS); which call it was is not known%s%s",
		         r->incomplete[0] != '\0' ? ": " : "", r->incomplete);
		gate_hint(cli, "callgate doctor says what reading the audit log needs");
	} else if (gate_option_set(cli, "log") && !r->complete) {
		gate_say(cli, "this report is not complete: %s (%llu records lost, %llu not attributed)",
		         r->incomplete[0] != '\0' ? r->incomplete : "records are missing", (unsigned long long)r->lost,
		         (unsigned long long)r->unattributed);
	} else if (gate_option_set(cli, "log")) {
		gate_say(cli, "%zu kind%s of refused or logged calls; the report is complete", r->n_denials,
		         r->n_denials == 1 ? "" : "s");
	}
}

/* --- running --- */
static bool plan_filter(const struct gate_cli *cli, struct gate_source *source, struct gate_compiled **compiled,
                        struct gate_run_plan *plan)
{
	if (strcmp(gate_source_word(source), "unconfined") == 0) {
		gate_say(cli, "running '%s' without a filter", cli->operands[0]);
		plan->unconfined = true;
		return true;
	}
	if (!gate_ask_compile(cli, source, true, compiled))
		return false;
	if ((*compiled)->len == 0) {
		gate_say(cli, "'%s' has no filter", gate_source_word(source));
		gate_hint(cli, "to run without one, say --profile=unconfined");
		return false;
	}
	if ((*compiled)->notify)
		gate_say(cli,
		         "warning: there is no supervisor for the calls that '%s' leaves to one: they fail with ENOSYS",
		         gate_source_word(source));
	plan->insns = (*compiled)->insns;
	plan->len = (*compiled)->len;
	plan->flags |= ((*compiled)->flags & SECCOMP_FILTER_FLAG_SPEC_ALLOW) != 0 ? GATE_RUN_SPEC_ALLOW : 0;
	plan->flags |= ((*compiled)->flags & SECCOMP_FILTER_FLAG_LOG) != 0 ? GATE_RUN_LOG : 0;
	return true;
}

static int launch(const struct gate_cli *cli, struct gate_source *source, const struct gate_run_plan *plan)
{
	GATE_AUTO(gate_run_result_freep) struct gate_run_result *result = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (gate_run(plan, &result, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	if (result->outcome == GATE_RUN_NOT_STARTED)
		gate_say(cli, "%s", result->why.text);
	report(cli, source, result);
	return gate_run_exit_code(result);
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_compiled_freep) struct gate_compiled *compiled = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_facts facts;

	/* The profile is resolved for what the program will really have. */
	if (gate_cli_facts(cli, &facts, &err) < 0 || gate_run_caps(facts.caps, &facts.caps, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	GATE_AUTO(gate_source_freep)
	struct gate_source *source = gate_ask_source(cli, gate_option_text(cli, "profile"), &facts);
	struct gate_run_plan plan = {
		.argv = (const char *const *)cli->operands,
		.caps = facts.caps,
		.flags = GATE_RUN_FOREGROUND | (gate_option_set(cli, "log") ? GATE_RUN_LOG : 0) |
		         (gate_option_set(cli, "no-new-privs") ? GATE_RUN_NO_NEW_PRIVS : 0),
	};

	if (source == NULL || !plan_filter(cli, source, &compiled, &plan))
		return gate_trouble_status(cli);
	return launch(cli, source, &plan);
}

const struct gate_verb gate_verb_run = {
	.name = "run",
	.operands = "[--] COMMAND [ARG...]",
	.summary = "run a command under a profile",
	.about =
	    "Runs COMMAND with the filter of --profile and with the capabilities of --caps, never more than the caller has. "
	    "The filter is put on last: after it the only call made before COMMAND is its own execve. Programs are proven "
	    "before they are loaded; when the filter cannot be installed, COMMAND does not run. Without CAP_SYS_ADMIN "
	    "no_new_privs is set, because the kernel wants it.\n\n"
	    "A program that the filter kills is reported with the call, its number, the architecture and the line of the "
	    "profile. With --log refused calls that are not fatal are reported too, counted, out of the kernel's audit "
	    "messages; the report says when any were lost. --profile=unconfined runs without a filter, and says so.",
	.class = GATE_CLASS_RUN,
	.stop_at_operand = true,
	.first = GATE_OPERAND_COMMAND,
	.rest = GATE_OPERAND_COMMAND,
	.least = 1,
	.most = -1,
	.groups = { (const struct gate_option[]){
			{ "profile", 'p', "SOURCE", NULL, "default", GATE_OPERAND_SOURCE, "the policy to run under" },
			{ "no-new-privs", 0, NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "set no_new_privs, so that no file that is executed adds privileges" },
			{ "log", 0, NULL, NULL, NULL, GATE_OPERAND_NONE,
	                  "report refused calls on standard error when COMMAND has ended" },
			{ 0 },
		    },
	            gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate run -- nginx -g 'daemon off;'", "under the default profile" },
		{ "callgate run --profile=web.json --log -- ./server", "which calls does it lack?" },
		{ "callgate run --profile=docker:web.json --caps=none -- id",
	          "as Docker means it, without capabilities" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){
		{ "125", "callgate itself failed: usage, profile, launch; COMMAND did not run" },
		{ "126", "COMMAND cannot be executed" },
		{ "127", "COMMAND is not found" },
		{ "128+n", "COMMAND was killed by signal n; 159: by the filter" },
		{ "n", "COMMAND exited with n" },
		{ 0 },
	    },
	.run = run,
};
