/* What Mesos, Marathon and Metronome lack: tasks of all of them, their events, their numbers. */
#include "agent/parts.h"

static void write_task(const struct gate_agent_task *t, struct gate_json *j)
{
	gate_json_object(j);
	gate_task_describe(t, j);
	gate_json_end(j, '}');
}

static bool asked_for(const struct gate_agent_task *t, const char *owner, const char *state)
{
	static const char *const owners[] = { "", "marathon", "metronome", "operator" };

	if (owner != NULL && strcmp(owner, owners[t->owner]) != 0)
		return false;
	return state == NULL || strcmp(state, gate_state_name(t->state)) == 0 ||
	       (strcmp(state, "ended") == 0 && gate_state_ended(t->state)) ||
	       (strcmp(state, "active") == 0 && !gate_state_ended(t->state));
}

/* ?owner=marathon|metronome|operator, ?state=TASK_… or active or ended, ?id= the owner's (app, job). */
static void list(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	const char *owner = gate_http_query(r, "owner"), *state = gate_http_query(r, "state"),
		   *id = gate_http_query(r, "id");
	struct gate_json j;

	gate_json_init(&j, &answer->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "tasks");
	gate_json_array(&j);
	for (const struct gate_agent_task *t = gate_tasks_first(ctx); t != NULL; t = t->next)
		if (asked_for(t, owner, state) && (id == NULL || strcmp(id, t->owner_id) == 0))
			write_task(t, &j);
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	answer->status = 200;
}

/* By its id, that of its container, or the beginning of that: `callgate ps -q` prints as little. */
static const struct gate_agent_task *find(struct gate_agent *a, const char *word, bool *several)
{
	const struct gate_agent_task *t = gate_tasks_find(a, word), *found = NULL;

	*several = false;
	if (t == NULL)
		t = gate_tasks_container(a, word);
	if (t != NULL || word[0] == '\0')
		return t;
	for (t = gate_tasks_first(a); t != NULL; t = t->next) {
		if (strncmp(t->container, word, strlen(word)) != 0)
			continue;
		*several = found != NULL;
		if (*several)
			return NULL;
		found = t;
	}
	return found;
}

static void one(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	bool several;
	const struct gate_agent_task *t = find(ctx, r->tail, &several);
	struct gate_json j;

	if (several) {
		gate_http_say(answer, 409, "The containers of several tasks begin with '%s'", r->tail);
		return;
	}
	if (t == NULL) {
		gate_http_say(answer, 404, "Task '%s' does not exist", r->tail);
		return;
	}
	gate_json_init(&j, &answer->body, 0);
	write_task(t, &j);
	answer->status = 200;
}

const struct gate_http_route gate_agent_routes[] = {
	{ "GET", "/api/v1/tasks", GATE_RIGHT_READ, false, list, NULL },
	{ "GET", "/api/v1/tasks/*", GATE_RIGHT_READ, false, one, NULL },
	{ "GET", "/api/v1/events", GATE_RIGHT_READ, false, gate_events_get, NULL },
	{ "GET", "/v2/events", GATE_RIGHT_READ, false, gate_events_get, NULL },
	{ "GET", "/metrics/prometheus", GATE_RIGHT_READ, false, gate_prometheus_get, NULL },
	{ 0 },
};
