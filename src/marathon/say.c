/* Marathon's events. status_update_event and health_status_changed_event are the core's: they are the same for all tasks. */
#include "marathon/parts.h"

struct event {
	struct gate_buf out;
	struct gate_json j;
};

static void open_event(struct event *e)
{
	e->out = (struct gate_buf)GATE_BUF_INIT;
	gate_json_init(&e->j, &e->out, 0);
	gate_json_object(&e->j);
}

/* An event that memory does not suffice for is not told: the change stands. */
static void close_event(struct marathon *m, struct event *e, const char *type)
{
	gate_json_end(&e->j, '}');
	if (!e->out.failed)
		gate_event_add(m->agent, type, e->out.data);
	gate_buf_done(&e->out);
}

static void put(struct event *e, const char *key, const char *value)
{
	gate_json_key(&e->j, key);
	gate_json_text(&e->j, value);
}

static void put_host(struct marathon *m, struct event *e)
{
	const char *host = gate_agent_config(m->agent)->hostname;

	put(e, "host", host);
	put(e, "slaveId", host);
}

const char *gate_m_condition(enum gate_state s)
{
	switch (s) {
	case GATE_STATE_STARTING:
		return "Starting";
	case GATE_STATE_RUNNING:
		return "Running";
	case GATE_STATE_FINISHED:
		return "Finished";
	case GATE_STATE_FAILED:
		return "Failed";
	case GATE_STATE_KILLED:
		return "Killed";
	case GATE_STATE_STAGING:
		return "Staging";
	case GATE_STATE_ERROR:
		return "Error";
	case GATE_STATE_KILLING:
		return "Killing";
	case GATE_STATE_DROPPED:
		return "Dropped";
	case GATE_STATE_UNREACHABLE:
		return "Unreachable";
	case GATE_STATE_LOST:
	case GATE_STATE_GONE:
	case GATE_STATE_GONE_BY_OPERATOR:
		return "Gone";
	case GATE_STATE_UNKNOWN:
		break;
	}
	return "Unknown";
}

void gate_m_say_deployment(struct marathon *m, const char *type, const struct deployment *d)
{
	bool whole = strcmp(type, "deployment_success") == 0 || strcmp(type, "deployment_failed") == 0;
	struct event e;

	open_event(&e);
	if (whole)
		put(&e, "id", d->id);
	gate_json_key(&e.j, "plan");
	gate_json_object(&e.j);
	gate_m_show_plan(d, &e.j);
	gate_json_end(&e.j, '}');
	if (!whole) {
		gate_json_key(&e.j, "currentStep");
		gate_json_object(&e.j);
		gate_json_key(&e.j, "actions");
		gate_json_array(&e.j);
		gate_m_show_actions(d, d->step, &e.j);
		gate_json_end(&e.j, ']');
		gate_json_end(&e.j, '}');
	}
	close_event(m, &e, type);
}

void gate_m_say_instance(struct marathon *m, const struct instance *i, const struct gate_agent_task *t)
{
	const char *host = gate_agent_config(m->agent)->hostname;
	struct event e;

	open_event(&e);
	gate_json_key(&e.j, "instanceId");
	gate_m_show_instance_id(i, &e.j);
	put(&e, "condition", gate_m_condition(t->state));
	put(&e, "runSpecId", i->app->id);
	put(&e, "agentId", host);
	put(&e, "host", host);
	put(&e, "runSpecVersion", t->version);
	close_event(m, &e, "instance_changed_event");
}

void gate_m_say_gone(struct marathon *m, const char *app)
{
	struct event e;

	open_event(&e);
	put(&e, "appId", app);
	close_event(m, &e, "app_terminated_event");
}

void gate_m_say_failed_check(struct marathon *m, const struct check *c)
{
	static const char *const protocols[] = { "",        "HTTP",      "HTTPS",      "TCP",
		                                 "COMMAND", "MESOS_TCP", "MESOS_HTTP", "MESOS_HTTPS" };
	struct event e;

	open_event(&e);
	put(&e, "appId", c->instance->app->id);
	put(&e, "taskId", c->instance->task);
	gate_json_key(&e.j, "instanceId");
	gate_m_show_instance_id(c->instance, &e.j);
	gate_json_key(&e.j, "healthCheck");
	gate_json_object(&e.j);
	put(&e, "protocol", protocols[c->health->protocol]);
	if (c->health->path != NULL)
		put(&e, "path", c->health->path);
	if (c->health->command != NULL)
		put(&e, "command", c->health->command->value);
	gate_json_end(&e.j, '}');
	put(&e, "reason", c->why);
	close_event(m, &e, "failed_health_check_event");
}

void gate_m_say_unhealthy(struct marathon *m, const struct check *c, const struct gate_agent_task *t)
{
	struct event e;

	open_event(&e);
	put(&e, "appId", c->instance->app->id);
	put(&e, "taskId", t->id);
	gate_json_key(&e.j, "instanceId");
	gate_m_show_instance_id(c->instance, &e.j);
	put(&e, "version", t->version);
	put(&e, "reason", c->cause);
	put_host(m, &e);
	close_event(m, &e, "unhealthy_task_kill_event");
}

void gate_m_say_post(struct marathon *m, const char *client, const char *uri, const struct gate_app *def)
{
	struct event e;

	open_event(&e);
	put(&e, "clientIp", client);
	put(&e, "uri", uri);
	gate_json_key(&e.j, "appDefinition");
	gate_json_object(&e.j);
	gate_m_show_definition(def, false, &e.j);
	gate_json_end(&e.j, '}');
	close_event(m, &e, "api_post_event");
}
