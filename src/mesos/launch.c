/* LAUNCH_CONTAINER: answered when the program runs, or with why it does not. */
#include "mesos/parts.h"

static bool failed_to_launch(const struct gate_agent_task *t)
{
	return gate_state_ended(t->state) && t->cause == GATE_CAUSE_LAUNCH_FAILED;
}

/* As far as a launch has come: true when there is an answer. */
static bool launched(const struct gate_agent_task *t, struct gate_http_answer *a)
{
	if (t == NULL)
		gate_mesos_say(a, 400, "the container was removed while it was launched");
	else if (failed_to_launch(t))
		gate_mesos_say(a, 400, "%s", t->message);
	else if (t->state == GATE_STATE_STAGING || t->state == GATE_STATE_STARTING)
		return false;
	else
		a->status = 200;
	return true;
}

/* As far as a container has come to its end. */
static bool ended(struct waiter *w, const struct gate_agent_task *t, struct gate_http_answer *a)
{
	struct gate_json j;
	char key[64];
	size_t i = 0;

	if (t == NULL) {
		gate_mesos_say(a, 404, "Container %s cannot be found", w->container);
		return true;
	}
	if (!gate_state_ended(t->state))
		return false;
	for (; w->call[i] != '\0'; i++)
		key[i] = w->call[i] == '_' ? '_' : (char)(w->call[i] | 0x20);
	key[i] = '\0';
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_mesos_put(&j, "type", w->call);
	gate_json_key(&j, key);
	gate_json_object(&j);
	if (t->has_status) {
		gate_json_key(&j, "exit_status");
		gate_json_i64(&j, t->wait_status);
	}
	gate_mesos_put(&j, "state", gate_state_name(t->state));
	if (t->cause != GATE_CAUSE_NONE)
		gate_mesos_put(&j, "reason", gate_cause_name(t->cause));
	gate_mesos_put(&j, "message", t->message);
	gate_mesos_put_seccomp(t, &j);
	gate_json_end(&j, '}');
	gate_json_end(&j, '}');
	a->status = 200;
	return true;
}

void gate_mesos_answer_waiters(void *ctx)
{
	struct gate_mesos *m = ctx;

	for (struct waiter **at = &m->waiters; *at != NULL;) {
		struct waiter *w = *at;
		const struct gate_agent_task *t = gate_tasks_container(m->agent, w->container);
		struct gate_http_answer a = { .status = 0 };

		if (!(w->what == WAIT_LAUNCHED ? launched(t, &a) : ended(w, t, &a))) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		gate_http_finish(w->pending, &a);
		free(w);
	}
}

void gate_mesos_wait(struct call *c)
{
	struct waiter w = { .call = c->type };
	struct gate_agent_task *t = NULL;
	struct gate_mesos_id id;

	if (!gate_mesos_target(c, &id, &t))
		return;
	memcpy(w.container, id.name, sizeof(w.container));
	if (!ended(&w, t, c->a))
		(void)gate_mesos_await(c, id.name, WAIT_ENDED);
}

/* --- launching --- */

static int add(struct call *c, const struct gate_mesos_launch *l, struct gate_task *t, struct gate_err *err)
{
	struct gate_agent *a = c->m->agent;
	char client[80];
	const struct gate_new_task n = {
		.id = l->id.name,
		.container = l->id.name,
		.parent = l->id.parent[0] != '\0' ? l->id.parent : NULL,
		.owner = GATE_OWNER_OPERATOR,
		.owner_id = l->id.name,
		.version = "",
		.name = l->id.name,
		.client = client,
		.ports = l->resources.ports,
		.cpus = l->resources.cpus,
		.mem_mib = (uint64_t)l->resources.mem,
		.disk_mib = (uint64_t)l->resources.disk,
		.task = t,
		.seccomp = { .present = l->seccomp, .profile_name = l->profile_name, .unconfined = l->unconfined },
		.app_path = l->id.name,
		.rights = c->r->peer->rights,
	};
	struct gate_new_task copy = n;
	struct gate_agent_task *ret;

	gate_client_text(c->r->peer, client);
	gate_agent_begin(a);
	if (gate_tasks_add(a, &copy, &ret, err) < 0) {
		gate_agent_leave(a);
		return -1;
	}
	gate_audit_add(a, client, "POST", "/api/v1 LAUNCH_CONTAINER", 0);
	return gate_agent_commit(a, err);
}

/* What is there already answers for itself. */
static bool there(struct call *c, const struct gate_mesos_id *id)
{
	struct gate_agent_task *t = gate_tasks_container(c->m->agent, id->name);

	if (t == NULL)
		return false;
	if (failed_to_launch(t))
		gate_mesos_say(c->a, 400, "%s", t->message);
	else
		c->a->status = 202;
	return true;
}

static bool parent_runs(struct call *c, const struct gate_mesos_launch *l)
{
	const struct gate_agent_task *parent;

	if (l->id.parent[0] == '\0') {
		if (strcmp(c->type, "LAUNCH_NESTED_CONTAINER") != 0)
			return true;
		gate_mesos_say(
		    c->a, 400,
		    "Failed to validate agent::Call: Expecting 'launch_nested_container.container_id.parent' to be "
		    "present");
		return false;
	}
	parent = gate_tasks_container(c->m->agent, l->id.parent);
	if (parent != NULL && parent->state == GATE_STATE_RUNNING)
		return true;
	gate_mesos_say(c->a, 400,
	               parent == NULL ? "Parent container %s does not exist" : "Parent container %s is not running",
	               l->id.parent);
	return false;
}

void gate_mesos_launch(struct call *c)
{
	const struct gate_config *config = gate_agent_config(c->m->agent);
	const struct gate_mesos_facts f = { config->isolation, config->cfs, config->hostname };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_mesos_launch l;
	struct gate_task t;

	gate_task_init(&t);
	if (gate_mesos_launch_read(c->arg, &f, &t, &l, &err) < 0) {
		if (err.code == GATE_E_UNSUPPORTED)
			gate_mesos_say(c->a, 400, "%s", err.text);
		else
			gate_mesos_say(c->a, 400, "Failed to validate agent::Call: %s", err.text);
	} else if (there(c, &l.id)) {
		/* answered */
	} else if (parent_runs(c, &l)) {
		if (add(c, &l, &t, &err) < 0)
			gate_mesos_fail(c->a, &err);
		else if (!launched(gate_tasks_container(c->m->agent, l.id.name), c->a))
			(void)gate_mesos_await(c, l.id.name, WAIT_LAUNCHED);
		return; /* the task was taken */
	}
	gate_task_done(&t);
}
