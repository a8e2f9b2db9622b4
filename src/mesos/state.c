/* GET_STATE, GET_TASKS and /state. */
#include <stdio.h>

#include "mesos/parts.h"

/* Where a task stands in Mesos' five lists. */
enum place { PENDING, QUEUED, LAUNCHED, TERMINATED, COMPLETED, PLACES };

static enum place place_of(const struct gate_agent_task *t)
{
	if (gate_state_ended(t->state))
		return COMPLETED;
	return t->state == GATE_STATE_STAGING ? QUEUED : LAUNCHED;
}

static void put_tasks(struct gate_mesos *m, struct gate_json *j)
{
	static const char *const names[PLACES] = { "pending_tasks", "queued_tasks", "launched_tasks",
		                                   "terminated_tasks", "completed_tasks" };

	gate_json_object(j);
	for (int p = 0; p < PLACES; p++) {
		gate_json_key(j, names[p]);
		gate_json_array(j);
		for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next)
			if ((int)place_of(t) == p)
				gate_mesos_put_task(m, t, false, j);
		gate_json_end(j, ']');
	}
	gate_json_end(j, '}');
}

/* One for each scheduler that has tasks. */
static const char *const frameworks[] = { "marathon", "metronome", "callgate" };

static bool has_tasks(struct gate_mesos *m, const char *framework)
{
	const struct gate_agent_task *t = gate_tasks_first(m->agent);

	while (t != NULL && strcmp(gate_mesos_framework(t), framework) != 0)
		t = t->next;
	return t != NULL;
}

static void put_frameworks(struct gate_mesos *m, struct gate_json *j)
{
	gate_json_object(j);
	gate_json_key(j, "frameworks");
	gate_json_array(j);
	for (size_t i = 0; i < GATE_ARRAY_LEN(frameworks); i++) {
		if (!has_tasks(m, frameworks[i]))
			continue;
		gate_json_object(j);
		gate_json_key(j, "framework_info");
		gate_json_object(j);
		gate_mesos_put_value(j, "id", frameworks[i]);
		gate_mesos_put(j, "name", frameworks[i]);
		gate_mesos_put(j, "user", "root");
		gate_json_end(j, '}');
		gate_json_end(j, '}');
	}
	gate_json_end(j, ']');
	gate_json_key(j, "completed_frameworks");
	gate_json_array(j);
	gate_json_end(j, ']');
	gate_json_end(j, '}');
}

/* Every task is its own executor, as a command task is in Mesos. */
static void put_executors(struct gate_mesos *m, struct gate_json *j)
{
	gate_json_object(j);
	for (int ended = 0; ended < 2; ended++) {
		gate_json_key(j, ended ? "completed_executors" : "executors");
		gate_json_array(j);
		for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next) {
			if (gate_state_ended(t->state) != (ended == 1))
				continue;
			gate_json_object(j);
			gate_json_key(j, "executor_info");
			gate_json_object(j);
			gate_mesos_put_value(j, "executor_id", t->id);
			gate_mesos_put_value(j, "framework_id", gate_mesos_framework(t));
			gate_mesos_put(j, "name", t->name);
			gate_mesos_put(j, "source", t->id);
			gate_json_end(j, '}');
			gate_json_end(j, '}');
		}
		gate_json_end(j, ']');
	}
	gate_json_end(j, '}');
}

void gate_mesos_get_state(struct call *c)
{
	struct gate_json j;

	gate_mesos_begin(c, &j);
	gate_json_key(&j, "get_tasks");
	put_tasks(c->m, &j);
	gate_json_key(&j, "get_executors");
	put_executors(c->m, &j);
	gate_json_key(&j, "get_frameworks");
	put_frameworks(c->m, &j);
	gate_mesos_end(c, &j);
}

/* {"type":"X","x":…} of a part that writes an object of its own. */
static void part(struct call *c, const char *key, void (*put)(struct gate_mesos *m, struct gate_json *j))
{
	struct gate_json j;

	gate_json_init(&j, &c->a->body, 0);
	gate_json_object(&j);
	gate_mesos_put(&j, "type", c->type);
	gate_json_key(&j, key);
	put(c->m, &j);
	gate_json_end(&j, '}');
	c->a->status = 200;
}

void gate_mesos_get_tasks(struct call *c)
{
	part(c, "get_tasks", put_tasks);
}

void gate_mesos_get_frameworks(struct call *c)
{
	part(c, "get_frameworks", put_frameworks);
}

void gate_mesos_get_executors(struct call *c)
{
	part(c, "get_executors", put_executors);
}

/* --- GET /state --- */

static void put_flat_executor(struct gate_mesos *m, const struct gate_agent_task *t, struct gate_json *j)
{
	static const char *const lists[] = { "tasks", "queued_tasks", "completed_tasks" };
	static const enum place places[] = { LAUNCHED, QUEUED, COMPLETED };
	char directory[GATE_MESOS_ID_MAX + 16];

	(void)snprintf(directory, sizeof(directory), "/containers/%s", t->container);
	gate_json_object(j);
	gate_mesos_put(j, "id", t->id);
	gate_mesos_put(j, "name", t->name);
	gate_mesos_put(j, "source", t->id);
	gate_mesos_put(j, "container", t->container);
	gate_mesos_put(j, "directory", directory);
	gate_mesos_put_resources("resources", t->cpus, t->mem_mib, t->disk_mib, t->ports, true, j);
	for (size_t i = 0; i < GATE_ARRAY_LEN(lists); i++) {
		gate_json_key(j, lists[i]);
		gate_json_array(j);
		if (place_of(t) == places[i])
			gate_mesos_put_task(m, t, true, j);
		gate_json_end(j, ']');
	}
	gate_json_end(j, '}');
}

static void put_flat_frameworks(struct gate_mesos *m, struct gate_json *j)
{
	gate_json_key(j, "frameworks");
	gate_json_array(j);
	for (size_t i = 0; i < GATE_ARRAY_LEN(frameworks); i++) {
		if (!has_tasks(m, frameworks[i]))
			continue;
		gate_json_object(j);
		gate_mesos_put(j, "id", frameworks[i]);
		gate_mesos_put(j, "name", frameworks[i]);
		gate_mesos_put(j, "user", "root");
		for (int ended = 0; ended < 2; ended++) {
			gate_json_key(j, ended ? "completed_executors" : "executors");
			gate_json_array(j);
			for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next)
				if (gate_state_ended(t->state) == (ended == 1) &&
				    strcmp(gate_mesos_framework(t), frameworks[i]) == 0)
					put_flat_executor(m, t, j);
			gate_json_end(j, ']');
		}
		gate_json_end(j, '}');
	}
	gate_json_end(j, ']');
	gate_json_key(j, "completed_frameworks");
	gate_json_array(j);
	gate_json_end(j, ']');
}

static void put_object(struct gate_json *j, const char *key)
{
	gate_json_key(j, key);
	gate_json_object(j);
	gate_json_end(j, '}');
}

/* "rack:r1;zone:west" */
static void put_attributes(const struct gate_config *c, struct gate_json *j)
{
	char text[256];

	gate_json_key(j, "attributes");
	gate_json_object(j);
	for (const char *s = c->attributes != NULL ? c->attributes : ""; *s != '\0'; s += *s == ';') {
		size_t len = strcspn(s, ";"), name = strcspn(s, ":;");

		if (name < len && len < sizeof(text)) {
			memcpy(text, s, len);
			text[name] = text[len] = '\0';
			gate_mesos_put(j, text, text + name + 1);
		}
		s += len;
	}
	gate_json_end(j, '}');
}

static void put_flags(const struct gate_config *c, struct gate_json *j)
{
	gate_json_key(j, "flags");
	gate_json_object(j);
	for (size_t i = 0; i < c->n_settings; i++)
		gate_mesos_put(j, c->settings[i].name, c->settings[i].value);
	gate_json_end(j, '}');
}

void gate_mesos_state(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_mesos *m = ctx;
	const struct gate_config *c = gate_agent_config(m->agent);
	struct gate_json j;
	char ports[32];

	(void)r;
	gate_mesos_ports_text(c, ports);
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_mesos_put(&j, "version", c->version);
	gate_mesos_put(&j, "id", m->id);
	gate_mesos_put(&j, "pid", "callgate");
	gate_mesos_put(&j, "hostname", c->hostname);
	gate_json_key(&j, "start_time");
	gate_json_double(&j, (double)(gate_agent_wall(m->agent) / 1000));
	gate_json_key(&j, "capabilities");
	gate_json_array(&j);
	gate_json_end(&j, ']');
	gate_mesos_put_resources("resources", c->cpus, c->mem_mib, c->disk_mib, ports, true, &j);
	gate_mesos_put_resources("unreserved_resources", c->cpus, c->mem_mib, c->disk_mib, ports, true, &j);
	put_object(&j, "reserved_resources");
	put_attributes(c, &j);
	gate_mesos_put(&j, "master_hostname", "");
	gate_mesos_put(&j, "log_dir", "");
	put_flags(c, &j);
	put_flat_frameworks(m, &j);
	gate_json_end(&j, '}');
	a->status = 200;
}

void gate_mesos_flags(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_mesos *m = ctx;
	struct gate_json j;

	(void)r;
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	put_flags(gate_agent_config(m->agent), &j);
	gate_json_end(&j, '}');
	a->status = 200;
}
