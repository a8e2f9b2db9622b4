/* Counters by name, and what can be counted when it is asked for. The names are Mesos' where Mesos has one. */
#include <stdio.h>

#include <callgate/abi.h>

#include "agent/parts.h"

#define KINDS_MOST 1024 /* counters; only system calls' names make more of them */

void gate_metric_add(struct gate_agent *a, const char *name, int64_t n)
{
	struct counter **at = &a->counters;
	size_t kinds = 0;

	for (; *at != NULL && strcmp((*at)->name, name) != 0; at = &(*at)->next)
		kinds++;
	if (*at == NULL && kinds < KINDS_MOST) {
		struct counter *c = calloc(1, sizeof(*c) + strlen(name) + 1);

		if (c == NULL)
			return; /* a number that is missing harms nobody */
		(void)strcpy(c->name, name);
		*at = c;
	}
	if (*at != NULL)
		(*at)->value += n;
}

void gate_metrics_close(struct gate_agent *a)
{
	while (a->counters != NULL) {
		struct counter *c = a->counters;

		a->counters = c->next;
		free(c);
	}
}

void gate_metrics_denied(struct gate_agent *a, const struct gate_record *r)
{
	char name[160];

	for (uint32_t i = 0; i < r->n_denials; i++) {
		const struct gate_record_denial *d = &r->denials[i];
		enum gate_arch arch = gate_arch_of(d->arch, d->nr);
		const struct gate_syscall *known = gate_syscall_by_nr(arch, d->nr);

		(void)snprintf(name, sizeof(name), "callgate/denials/%s",
		               known != NULL ? gate_name_text(known->name) : "unknown");
		gate_metric_add(a, name, d->count < INT32_MAX ? (int64_t)d->count : INT32_MAX);
	}
	gate_metric_add(a, "callgate/audit_records_lost", (int64_t)(r->lost < INT32_MAX ? r->lost : INT32_MAX));
}

/* --- what is now --- */
struct sums {
	double cpus, mem, disk;
	size_t states[GATE_STATE_UNKNOWN + 1];
	size_t containers;
};

static struct sums sum(const struct gate_agent *a)
{
	struct sums s = { 0 };

	for (const struct task *k = a->first; k != NULL; k = (const struct task *)k->t.next) {
		s.states[k->t.state]++;
		if (gate_state_ended(k->t.state))
			continue;
		s.containers++;
		s.cpus += k->t.cpus;
		s.mem += (double)k->t.mem_mib;
		s.disk += (double)k->t.disk_mib;
	}
	return s;
}

typedef void metric_fn(void *ctx, const char *name, double value);

static void resource(metric_fn *fn, void *ctx, const char *name, double total, double used)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "slave/%s_total", name);
	fn(ctx, text, total);
	(void)snprintf(text, sizeof(text), "slave/%s_used", name);
	fn(ctx, text, used);
	(void)snprintf(text, sizeof(text), "slave/%s_percent", name);
	fn(ctx, text, total > 0 ? used / total : 0);
}

static void gauges(struct gate_agent *a, const struct sums *s, metric_fn *fn, void *ctx)
{
	const struct gate_config *c = a->config;

	fn(ctx, "slave/uptime_secs", (double)(gate_agent_now(a) - a->opened_ms) / 1000);
	fn(ctx, "slave/registered", gate_agent_recovered(a));
	fn(ctx, "slave/recovery_time_secs", (double)a->recovery_ms / 1000);
	resource(fn, ctx, "cpus", c->cpus, s->cpus);
	resource(fn, ctx, "mem", (double)c->mem_mib, s->mem);
	resource(fn, ctx, "disk", (double)c->disk_mib, s->disk);
	fn(ctx, "slave/executors_running", (double)s->containers);
	fn(ctx, "callgate/containers_kept", (double)a->n_ended);
	fn(ctx, "callgate/events", (double)a->last_event);
}

/* Tasks by their state: those that are there, and of those that ended, all since the start as Mesos counts them. */
static void task_states(struct gate_agent *a, const struct sums *s, metric_fn *fn, void *ctx)
{
	static const struct {
		enum gate_state state;
		const char *name;
	} now[] = {
		{ GATE_STATE_STAGING, "slave/tasks_staging" },    { GATE_STATE_STARTING, "slave/tasks_starting" },
		{ GATE_STATE_RUNNING, "slave/tasks_running" },    { GATE_STATE_KILLING, "slave/tasks_killing" },
		{ GATE_STATE_UNKNOWN, "callgate/tasks_unknown" },
	};

	(void)a;
	for (size_t i = 0; i < GATE_ARRAY_LEN(now); i++)
		fn(ctx, now[i].name, (double)s->states[now[i].state]);
}

/* Those that are there from the start, as 0. */
static const char *const counted[] = {
	"slave/tasks_finished",  "slave/tasks_failed",         "slave/tasks_killed",
	"slave/tasks_lost",      "slave/tasks_gone",           "slave/container_launch_errors",
	"slave/recovery_errors", "slave/valid_status_updates", "callgate/launches",
	"callgate/orphans",      "callgate/commits_failed",    "callgate/audit_records_lost",
	"callgate/api_requests", "callgate/api_milliseconds",  "callgate/api_errors",
};

void gate_metrics_ended(struct gate_agent *a, enum gate_state state)
{
	static const char *const names[] = {
		[GATE_STATE_FINISHED] = "slave/tasks_finished", [GATE_STATE_FAILED] = "slave/tasks_failed",
		[GATE_STATE_KILLED] = "slave/tasks_killed",     [GATE_STATE_LOST] = "slave/tasks_lost",
		[GATE_STATE_GONE] = "slave/tasks_gone",
	};

	if ((size_t)state < GATE_ARRAY_LEN(names) && names[state] != NULL)
		gate_metric_add(a, names[state], 1);
}

void gate_metrics(struct gate_agent *a, void (*fn)(void *ctx, const char *name, double value), void *ctx)
{
	struct sums s = sum(a);

	for (size_t i = 0; i < GATE_ARRAY_LEN(counted); i++)
		gate_metric_add(a, counted[i], 0);
	gauges(a, &s, fn, ctx);
	task_states(a, &s, fn, ctx);
	for (const struct counter *c = a->counters; c != NULL; c = c->next)
		fn(ctx, c->name, (double)c->value);
}

/* --- GET /metrics/prometheus --- */
/* "slave/tasks_running" is mesos_slave_tasks_running; "callgate/denials/ptrace" has the call as a label. */
static void prometheus(void *ctx, const char *name, double value)
{
	static const char denials[] = "callgate/denials/";
	struct gate_buf *out = ctx;

	if (strncmp(name, denials, sizeof(denials) - 1) == 0) {
		gate_buf_printf(out, "callgate_denials_total{call=\"%s\"} %.15g\n", name + sizeof(denials) - 1, value);
		return;
	}
	gate_buf_puts(out, strncmp(name, "callgate/", 9) == 0 ? "" : "mesos_");
	for (const char *s = name; *s != '\0'; s++)
		gate_buf_add(out, (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ? s : "_", 1);
	gate_buf_printf(out, " %.15g\n", value);
}

/* Label values: ids of tasks and apps, whose bytes were checked, but not for this language. */
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

void gate_metrics_get(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	struct gate_agent *a = ctx;

	(void)r;
	answer->status = 200;
	answer->type = "text/plain; version=0.0.4";
	gate_metrics(a, prometheus, &answer->body);
	for (const struct task *k = a->first; k != NULL; k = (const struct task *)k->t.next) {
		if (k->denied == 0)
			continue;
		gate_buf_puts(&answer->body, "callgate_task_denied_calls{");
		label(&answer->body, "task", k->t.id);
		label(&answer->body, ",owner", k->t.owner_id);
		gate_buf_printf(&answer->body, "} %u\n", k->denied);
	}
}
