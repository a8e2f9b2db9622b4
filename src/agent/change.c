/* Changes of a task's state: the row, the event and the owner's share in one transaction. */
#include <signal.h>
#include <stdio.h>

#include "agent/parts.h"

#define NS_PER_MS 1000000

/* --- telling --- */
static void put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void put_ports(struct gate_json *j, const char *ports)
{
	gate_json_key(j, "ports");
	gate_json_array(j);
	while (*ports != '\0') {
		gate_json_u64(j, strtoull(ports, NULL, 10));
		ports += strcspn(ports, ",");
		ports += *ports == ',';
	}
	gate_json_end(j, ']');
}

/* Marathon's members, then what it lacks. */
static void tell_event(struct gate_agent *a, const struct gate_agent_task *t)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	put(&j, "slaveId", a->config->hostname);
	put(&j, "taskId", t->id);
	put(&j, "taskStatus", gate_state_name(t->state));
	put(&j, "message", t->message);
	put(&j, "appId", t->owner_id);
	put(&j, "host", a->config->hostname);
	gate_json_key(&j, "ipAddresses");
	gate_json_array(&j);
	gate_json_end(&j, ']');
	put_ports(&j, t->ports);
	put(&j, "version", t->version);
	put(&j, "reason", t->cause == GATE_CAUSE_NONE ? NULL : gate_cause_name(t->cause));
	put(&j, "containerId", t->container);
	put(&j, "profile", t->profile);
	gate_json_end(&j, '}');
	if (out.failed)
		a->nomem = true;
	else
		gate_event_add(a, "status_update_event", out.data);
}

static void tell(struct gate_agent *a, struct gate_agent_task *t, enum gate_state before)
{
	tell_event(a, t);
	gate_metric_add(a, "slave/valid_status_updates", 1);
	for (size_t i = 0; i < a->n_scheds; i++)
		if (a->scheds[i].s.owner == t->owner && a->scheds[i].s.task != NULL)
			a->scheds[i].s.task(a->scheds[i].s.self, t, before);
}

/* What ran inside of it must not outlive it: its filter and its limits were those of the parent. */
static void end_nested(struct gate_agent *a, const struct gate_agent_task *parent)
{
	for (struct gate_agent_task *t = gate_tasks_first(a); t != NULL; t = t->next)
		if (t->parent != NULL && strcmp(t->parent, parent->container) == 0 && !gate_state_ended(t->state) &&
		    !t->kill_asked)
			gate_tasks_kill(a, t, SIGKILL, 0);
}

void gate_change_state(struct gate_agent *a, struct gate_agent_task *t, enum gate_state state, enum gate_cause cause,
                       const char *message)
{
	enum gate_state before = t->state;
	bool over = gate_state_ended(state);

	t->state = state;
	t->cause = cause;
	gate_table_text(a, &t->message, message);
	if (t->message == NULL)
		return; /* memory is gone: this transaction will not be */
	if (over) {
		if (t->ended_ms == 0)
			t->ended_ms = gate_agent_wall(a);
		t->pid = 0;
		a->n_ended++;
		gate_metrics_ended(a, state);
		a->gc_soon = true;
	}
	gate_table_dirty(a, t);
	tell(a, t, before);
	if (over)
		end_nested(a, t);
}

/* --- what a record says --- */
static void describe_end(const struct gate_record *r, struct gate_buf *out)
{
	if (r->outcome == GATE_OUTCOME_KILLED)
		gate_buf_printf(out, "Command terminated with signal %s%s", strsignal(r->signal),
		                r->core != 0 ? " (core dumped)" : "");
	else
		gate_buf_printf(out, "Command exited with status %d", r->status);
}

static bool memory_ended_it(const struct gate_record *r)
{
	return r->oom_kills > 0 &&
	       (r->outcome == GATE_OUTCOME_KILLED ? r->signal == SIGKILL : r->status == 128 + SIGKILL);
}

static void describe_memory(const struct gate_agent_task *t, const struct gate_record *r, struct gate_buf *out)
{
	gate_buf_printf(out, "Memory limit exceeded: Requested: %lluMB", (unsigned long long)t->mem_mib);
	if (r->memory_peak != 0)
		gate_buf_printf(out, " Maximum Used: %lluMB", (unsigned long long)(r->memory_peak >> 20));
	gate_buf_puts(out, "; ");
}

static void judge(const struct gate_agent_task *t, const struct gate_record *r, enum gate_state *state,
                  enum gate_cause *cause)
{
	bool good = r->outcome == GATE_OUTCOME_EXITED && r->status == 0;

	*cause = GATE_CAUSE_NONE;
	if (r->by_timeout != 0) {
		*state = GATE_STATE_FAILED;
		*cause = GATE_CAUSE_MAX_COMPLETION_TIME;
	} else if (t->kill_asked || r->by_stop != 0) {
		*state = GATE_STATE_KILLED;
	} else if (memory_ended_it(r)) {
		*state = GATE_STATE_FAILED;
		*cause = GATE_CAUSE_MEMORY;
	} else {
		*state = good ? GATE_STATE_FINISHED : GATE_STATE_FAILED;
	}
}

/* As wait(2) has it: what WAIT_CONTAINER answers. */
static int32_t wait_status(const struct gate_record *r)
{
	return r->outcome == GATE_OUTCOME_KILLED ? r->signal | (r->core != 0 ? 0x80 : 0) : r->status << 8;
}

static void ended(struct gate_agent *a, struct gate_agent_task *t, const struct gate_record *r)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct task *k = (struct task *)t;
	enum gate_state state;
	enum gate_cause cause;

	judge(t, r, &state, &cause);
	if (cause == GATE_CAUSE_MEMORY)
		describe_memory(t, r, &text);
	describe_end(r, &text);
	if (state == GATE_STATE_FAILED && cause == GATE_CAUSE_NONE)
		gate_denials_text(a, t, r, false, &text);
	free(t->denials);
	t->denials = gate_denials_json(a, t, r);
	k->denied = r->n_denials;
	gate_metrics_denied(a, r);
	t->has_status = true;
	t->wait_status = wait_status(r);
	t->ended_ms = (int64_t)(r->ended_ns / NS_PER_MS);
	if (text.failed)
		a->nomem = true;
	else
		gate_change_state(a, t, state, cause, text.data);
}

void gate_change_refused(struct gate_agent *a, struct gate_agent_task *t, const char *cause, const char *why)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;

	gate_metrics_not_launched(a, cause);
	gate_buf_printf(&text, "Failed to launch container: %s", why);
	if (text.failed)
		a->nomem = true;
	else if (t->kill_asked)
		gate_change_state(a, t, GATE_STATE_KILLED, GATE_CAUSE_KILLED_DURING_LAUNCH, text.data);
	else
		gate_change_state(a, t, GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED, text.data);
}

/* The program never ran; maybe because the profile refuses its execve. */
static void not_run(struct gate_agent *a, struct gate_agent_task *t, const struct gate_ipc_task *c)
{
	GATE_AUTO(gate_buf_done) struct gate_buf why = GATE_BUF_INIT;

	gate_buf_puts(&why, c->why[0] != '\0' ? c->why : "the program was not started");
	if (c->record.n_denials > 0) {
		gate_denials_text(a, t, &c->record, true, &why);
		free(t->denials);
		t->denials = gate_denials_json(a, t, &c->record);
		((struct task *)t)->denied = c->record.n_denials;
		gate_metrics_denied(a, &c->record);
	}
	if (why.failed)
		a->nomem = true;
	else
		gate_change_refused(a, t, c->record.n_denials > 0 ? "seccomp" : "program", why.data);
}

static void running(struct gate_agent *a, struct gate_agent_task *t, const struct gate_record *r)
{
	t->started_ms = (int64_t)(r->started_ns / NS_PER_MS);
	if (t->started_ms == 0)
		t->started_ms = gate_agent_wall(a);
	t->pid = r->pid;
	if (!t->kill_asked) {
		gate_change_state(a, t, GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
		return;
	}
	gate_table_dirty(a, t);
	if (r->state == GATE_TASK_RUNNING) /* the kill came before the launch was done */
		gate_kill_send(a, t);
}

static void lost(struct gate_agent *a, struct gate_agent_task *t, bool rebooted)
{
	gate_change_state(
	    a, t, GATE_STATE_LOST, GATE_CAUSE_NONE,
	    rebooted ? "Container lost: the host was booted since"
		     : "Container lost: its keeper was killed, so what ran in it was ended and how is not known");
}

/* An ended task's container that lives, e.g. a launch that was carried out after the front that asked had gone. */
static void unwanted(struct gate_agent *a, const struct gate_agent_task *t, const struct gate_ipc_task *c)
{
	if (c->lost != 0 || c->record.state == GATE_TASK_ENDED)
		return;
	gate_agent_log(a, "container '%s' runs, but its task is %s: it is killed", c->name, gate_state_name(t->state));
	gate_action_send(a, GATE_IPC_KILL, t->container, SIGKILL, 0, -1, NULL);
}

void gate_change_report(struct gate_agent *a, struct gate_agent_task *t, const struct gate_ipc_task *c)
{
	const struct gate_record *r = &c->record;
	bool over = r->state == GATE_TASK_ENDED;
	bool ran = r->outcome == GATE_OUTCOME_EXITED || r->outcome == GATE_OUTCOME_KILLED;

	if (((struct task *)t)->damaged || c->starting != 0)
		return;
	if (gate_state_ended(t->state)) {
		unwanted(a, t, c);
		return;
	}
	if (c->lost != 0) {
		lost(a, t, c->rebooted != 0);
		return;
	}
	if (over && !ran) {
		not_run(a, t, c);
		return;
	}
	/* Its start is told before its end, even when both are heard of together. */
	if (t->started_ms == 0 && (over || r->state == GATE_TASK_RUNNING))
		running(a, t, r);
	else if (t->kill_asked && r->state == GATE_TASK_RUNNING)
		gate_kill_send(a, t);
	t->pid = over ? 0 : r->pid;
	if (over && !a->nomem)
		ended(a, t, r);
}

void gate_change_gone(struct gate_agent *a, struct gate_agent_task *t)
{
	if (((struct task *)t)->damaged || gate_state_ended(t->state))
		return;
	if (t->started_ms != 0)
		gate_change_state(a, t, GATE_STATE_LOST, GATE_CAUSE_NONE, "Container lost: it is not there any more");
	else
		gate_change_refused(a, t, "restart", "never started: the agent was restarted before its launch");
}
