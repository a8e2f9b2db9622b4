/* Counters by name, and what can be counted when it is asked for. The names are Mesos' where Mesos has one. */
#include <stdio.h>

#include <callgate/abi.h>

#include "agent/parts.h"

const int64_t gate_latency_ms[GATE_LATENCIES] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30000 };

#define KINDS_MOST 1024 /* counters; only system calls' names make more of them */

void gate_metric_add(struct gate_agent *a, const char *name, int64_t n)
{
	struct counter **at = &a->counters;
	size_t kinds = 0;

	for (; *at != NULL && strcmp((*at)->name, name) != 0; at = &(*at)->next)
		kinds++;
	if (*at == NULL && kinds < KINDS_MOST) {
		const size_t size = strlen(name) + 1;
		struct counter *c = calloc(1, sizeof(*c) + size);

		if (c == NULL)
			return; /* a number that is missing harms nobody */
		memcpy(c->name, name, size);
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

const char *gate_cause_of_code(int64_t code)
{
	if (code >= 0)
		return "launcher";
	return code == -GATE_E_DENIED ? "policy" : code == -GATE_E_LIMIT ? "task" : "profile";
}

void gate_metrics_not_launched(struct gate_agent *a, const char *cause)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "callgate/launch_errors/%s", cause);
	gate_metric_add(a, name, 1);
	gate_metric_add(a, "slave/container_launch_errors", 1);
}

void gate_metric_answered(struct gate_agent *a, int status, int64_t took_ms)
{
	struct latency *l = &a->latency;
	size_t i = 0;

	while (i < GATE_LATENCIES && took_ms > gate_latency_ms[i])
		i++;
	l->upto[i]++;
	l->n++;
	l->ms += took_ms;
	if (status >= 500)
		gate_metric_add(a, "callgate/api_errors", 1);
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

static void resource(gate_metric_fn *fn, void *ctx, const char *name, double total, double used)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "slave/%s_total", name);
	fn(ctx, text, total);
	(void)snprintf(text, sizeof(text), "slave/%s_used", name);
	fn(ctx, text, used);
	(void)snprintf(text, sizeof(text), "slave/%s_percent", name);
	fn(ctx, text, total > 0 ? used / total : 0);
}

static void gauges(struct gate_agent *a, const struct sums *s, gate_metric_fn *fn, void *ctx)
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
static void task_states(const struct sums *s, gate_metric_fn *fn, void *ctx)
{
	static const struct {
		enum gate_state state;
		const char *name;
	} now[] = {
		{ GATE_STATE_STAGING, "slave/tasks_staging" },    { GATE_STATE_STARTING, "slave/tasks_starting" },
		{ GATE_STATE_RUNNING, "slave/tasks_running" },    { GATE_STATE_KILLING, "slave/tasks_killing" },
		{ GATE_STATE_UNKNOWN, "callgate/tasks_unknown" },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(now); i++)
		fn(ctx, now[i].name, (double)s->states[now[i].state]);
}

/* Those that are there from the start, as 0. */
static const char *const counted[] = {
	"slave/tasks_finished",  "slave/tasks_failed",         "slave/tasks_killed",
	"slave/tasks_lost",      "slave/tasks_gone",           "slave/container_launch_errors",
	"slave/recovery_errors", "slave/valid_status_updates", "callgate/launches",
	"callgate/orphans",      "callgate/commits_failed",    "callgate/audit_records_lost",
	"callgate/api_errors",
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

void gate_metrics_gauges(struct gate_agent *a, gate_metric_fn *fn, void *ctx)
{
	struct sums s = sum(a);

	gauges(a, &s, fn, ctx);
	task_states(&s, fn, ctx);
}

void gate_metrics_counters(struct gate_agent *a, gate_metric_fn *fn, void *ctx)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(counted); i++)
		gate_metric_add(a, counted[i], 0);
	for (const struct counter *c = a->counters; c != NULL; c = c->next)
		fn(ctx, c->name, (double)c->value);
}

void gate_metrics(struct gate_agent *a, gate_metric_fn *fn, void *ctx)
{
	gate_metrics_gauges(a, fn, ctx);
	gate_metrics_counters(a, fn, ctx);
	fn(ctx, "callgate/api_requests", (double)a->latency.n);
	fn(ctx, "callgate/api_milliseconds", (double)a->latency.ms);
}
