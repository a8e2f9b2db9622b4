/* Health checks and readiness checks of what runs. COMMAND runs in the task, under its filter; HTTP and TCP ask the task's port on
 * this host (the network is the host's). Answers are kept until the next tick, which is in a transaction. */
#include <stdio.h>
#include <sys/wait.h>

#include "marathon/parts.h"

#define TEXT(to, ...) ((void)snprintf((to), sizeof(to), __VA_ARGS__))

/* Marathon asks at once and then each interval; Mesos waits for the delay first. */
static int64_t first_ms(const struct gate_app_health *h)
{
	bool marathons = h->protocol == GATE_CHECK_HTTP || h->protocol == GATE_CHECK_TCP;

	return marathons ? 0 : h->delay_s * 1000;
}

/* What is left of the grace period: less than all of it where the front was started anew. */
static int64_t grace_left(const struct marathon *m, const struct gate_app_health *h, const struct gate_agent_task *t)
{
	int64_t whole = h->grace_s * 1000, left = t->started_ms + whole - gate_agent_wall(m->agent);

	return left < 0 ? 0 : left > whole ? whole : left;
}

void gate_m_checks_start(struct marathon *m, struct instance *i)
{
	const struct def *d = gate_m_def(m, i->app, i->version);
	const struct gate_agent_task *t = gate_m_task(m, i);
	int64_t now = gate_agent_now(m->agent);
	size_t n = d == NULL ? 0 : d->app->health.n + d->app->readiness.n;

	if (n == 0 || i->checks != NULL || t == NULL)
		return;
	i->checks = calloc(n, sizeof(*i->checks));
	if (i->checks == NULL)
		return; /* it counts as healthy; the next start tries again */
	i->n_checks = n;
	for (size_t k = 0; k < n; k++) {
		struct check *c = &i->checks[k];

		c->m = m;
		c->instance = i;
		if (k < d->app->health.n)
			c->health = &gate_app_healths(d->app)[k];
		else
			c->readiness = &((const struct gate_app_readiness *)d->app->readiness.at)[k - d->app->health.n];
		c->next_ms = now + (c->health != NULL ? first_ms(c->health) : 0);
		c->grace_ms = now + (c->health != NULL ? grace_left(m, c->health, t) : 0);
		/* What was found before the front was started anew. */
		if (c->health != NULL && t->health_known && t->healthy)
			c->first_success = c->last_success = t->started_ms;
	}
	gate_m_soon(m);
}

void gate_m_checks_stop(struct marathon *m, struct instance *i)
{
	for (size_t k = 0; k < i->n_checks; k++) {
		if (i->checks[k].probe != NULL)
			m->prober.cancel(m->prober.self, i->checks[k].probe);
		gate_tasks_exec_forget(m->agent, &i->checks[k]);
	}
	free(i->checks);
	i->checks = NULL;
	i->n_checks = 0;
}

/* --- answers: outside of a transaction, so they only leave a note --- */

static void note(struct check *c, bool good)
{
	c->asking = false;
	c->answered = true;
	c->good = good;
	c->probe = NULL;
	gate_m_soon(c->m);
}

static bool ready_code(const struct gate_app_readiness *r, int status)
{
	for (size_t i = 0; i < r->codes.n; i++)
		if (r->codes.at[i] == status)
			return true;
	return false;
}

static void probed(void *ctx, int status, const char *why)
{
	struct check *c = ctx;
	bool good = status >= 200 && status < 400;

	if (c->readiness != NULL)
		good = ready_code(c->readiness, status);
	c->status = status;
	if (status == 0)
		TEXT(c->why, "%.255s", why);
	else
		TEXT(c->why, "status %d", status);
	note(c, good);
}

static void executed(void *ctx, int32_t wait_status, bool timed_out, const char *text)
{
	struct check *c = ctx;

	if (wait_status == -1)
		TEXT(c->why, "the command could not be run: %.200s", text);
	else if (timed_out)
		TEXT(c->why, "the command took longer than %llds", (long long)c->health->timeout_s);
	else if (WIFSIGNALED(wait_status))
		TEXT(c->why, "Command terminated with signal %s", strsignal(WTERMSIG(wait_status)));
	else
		TEXT(c->why, "Command exited with status %d%s%.200s", WEXITSTATUS(wait_status),
		     text[0] != '\0' ? ": " : "", text);
	note(c, wait_status == 0 && !timed_out);
}

/* --- asking --- */

static uint16_t nth_port(const char *ports, int64_t n)
{
	while (n-- > 0) {
		ports += strcspn(ports, ",");
		if (*ports == '\0')
			return 0;
		ports++;
	}
	return (uint16_t)strtoul(ports, NULL, 10);
}

static uint16_t named_port(const struct gate_app *def, const char *ports, const char *name)
{
	const struct gate_app_port *p = gate_app_ports(def);

	for (size_t i = 0; i < def->ports.n; i++)
		if (p[i].name != NULL && strcmp(p[i].name, name) == 0)
			return nth_port(ports, (int64_t)i);
	return 0;
}

static struct gate_probe_request request(struct marathon *m, const struct check *c, const struct gate_agent_task *t)
{
	const struct gate_app_health *h = c->health;
	const struct def *d;

	if (h != NULL)
		return (struct gate_probe_request){ .http = h->protocol == GATE_CHECK_HTTP ||
			                                    h->protocol == GATE_CHECK_MESOS_HTTP,
			                            .ipv6 = h->ip_protocol == 2,
			                            .port = h->has_port && h->port != 0
			                                        ? (uint16_t)h->port
			                                        : nth_port(t->ports, h->has_index ? h->port_index : 0),
			                            .path = h->path != NULL && h->path[0] == '/' ? h->path : "/",
			                            .timeout_ms = (uint64_t)h->timeout_s * 1000 };
	d = gate_m_def(m, c->instance->app, c->instance->version);
	return (struct gate_probe_request){ .http = true,
		                            .port =
		                                d == NULL ? 0 : named_port(d->app, t->ports, c->readiness->port_name),
		                            .path = c->readiness->path[0] == '/' ? c->readiness->path : "/",
		                            .timeout_ms = (uint64_t)c->readiness->timeout_s * 1000 };
}

static int ask_command(struct marathon *m, struct check *c, struct gate_agent_task *t, struct gate_err *err)
{
	const char *args[] = { "/bin/sh", "-c", c->health->command->value, NULL };
	struct gate_wire_exec e = { .args = args, .n_args = 3, .timeout_ms = (uint64_t)c->health->timeout_s * 1000 };

	return gate_tasks_exec(m->agent, t, &e, executed, c, err);
}

static void ask(struct marathon *m, struct check *c, struct gate_agent_task *t)
{
	int64_t every = (c->health != NULL ? c->health->interval_s : c->readiness->interval_s) * 1000;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_probe_request r;
	int result;

	c->next_ms = gate_agent_now(m->agent) + every;
	c->asking = true;
	if (c->health != NULL && c->health->protocol == GATE_CHECK_COMMAND) {
		result = ask_command(m, c, t, &err);
	} else {
		r = request(m, c, t);
		result = m->prober.start(m->prober.self, &r, probed, c, &c->probe, &err);
	}
	if (result == 0)
		return;
	TEXT(c->why, "%.255s", err.text);
	note(c, false);
}

/* --- what an answer means (HealthCheckActor.scala) --- */

static bool in_grace(const struct marathon *m, const struct check *c)
{
	return c->first_success == 0 && c->grace_ms > gate_agent_now(m->agent);
}

static void succeeded(struct marathon *m, struct check *c)
{
	c->last_success = gate_agent_wall(m->agent);
	if (c->first_success == 0)
		c->first_success = c->last_success;
	c->failures = 0;
}

/* True when the task is to be killed for it. */
static bool has_failed(struct marathon *m, struct check *c)
{
	if (in_grace(m, c))
		return false;
	c->failures++;
	c->last_failure = gate_agent_wall(m->agent);
	TEXT(c->cause, "%.255s", c->why);
	gate_m_say_failed_check(m, c);
	return c->health->max_failures > 0 && c->failures >= c->health->max_failures;
}

static void tell_health(struct marathon *m, const struct instance *i, struct gate_agent_task *t)
{
	bool all = true, any_bad = false;

	for (size_t k = 0; k < i->n_checks; k++) {
		const struct check *c = &i->checks[k];

		if (c->health == NULL)
			continue;
		all &= c->last_success != 0 && c->failures == 0;
		any_bad |= c->failures > 0;
	}
	if (all || any_bad)
		gate_tasks_health(m->agent, t, all);
}

/* True: its task was told to end. */
static bool judge(struct marathon *m, struct check *c, struct gate_agent_task *t)
{
	bool kill = false;

	c->answered = false;
	if (c->readiness != NULL) {
		c->ready = c->good;
		return false;
	}
	if (c->health->ignore_1xx && c->status >= 100 && c->status < 200)
		return false;
	if (c->good)
		succeeded(m, c);
	else
		kill = has_failed(m, c);
	tell_health(m, c->instance, t);
	if (!kill)
		return false;
	gate_m_say_unhealthy(m, c, t);
	gate_tasks_kill(m->agent, t, 0, UINT64_MAX);
	return true;
}

static void work(struct marathon *m, struct instance *i, struct gate_agent_task *t)
{
	for (size_t k = 0; k < i->n_checks; k++) {
		struct check *c = &i->checks[k];

		if (c->answered && judge(m, c, t))
			return;
		if (c->asking || (c->readiness != NULL && c->ready))
			continue;
		if (c->next_ms <= gate_agent_now(m->agent))
			ask(m, c, t);
		if (!c->asking && !c->answered)
			gate_agent_wake(m->agent, m, c->next_ms);
	}
}

void gate_m_checks_work(struct marathon *m, struct app *app)
{
	for (struct instance *i = app->instances; i != NULL; i = i->next) {
		struct gate_agent_task *t = i->checks == NULL ? NULL : gate_m_task(m, i);

		if (t != NULL && t->state == GATE_STATE_RUNNING)
			work(m, i, t);
	}
}
