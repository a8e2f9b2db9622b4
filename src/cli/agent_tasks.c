#include <sys/wait.h>
#include <unistd.h>

#include "cli/agent_tasks.h"

enum gate_agent_use gate_agent_use(const struct gate_cli *cli)
{
	const char *host = getenv("CALLGATE_HOST");

	if (gate_option_set(cli, "host"))
		return GATE_AGENT_ONLY;
	if (gate_option_set(cli, "state-dir"))
		return GATE_AGENT_NOT;
	if (host != NULL && host[0] != '\0')
		return GATE_AGENT_ONLY;
	return access(strstr(GATE_REMOTE_HOST, "//") + 2, R_OK | W_OK) == 0 ? GATE_AGENT_TOO : GATE_AGENT_NOT;
}

/* --- as entries --- */
static void set_state(const struct gate_doc *task, struct gate_entry *e)
{
	static const struct {
		const char *name;
		enum gate_task_state state;
	} states[] = { { "TASK_STAGING", GATE_TASK_CREATED }, { "TASK_STARTING", GATE_TASK_CREATED },
		       { "TASK_RUNNING", GATE_TASK_RUNNING }, { "TASK_KILLING", GATE_TASK_RUNNING },
		       { "TASK_LOST", GATE_TASK_LOST },       { "TASK_UNKNOWN", GATE_TASK_LOST } };
	const char *name = gate_api_text(task, "state");
	int status = (int)gate_api_number(task, "exitStatus");
	struct gate_record *r = &e->record;

	e->state = GATE_TASK_ENDED;
	for (size_t i = 0; i < GATE_ARRAY_LEN(states); i++)
		if (strcmp(states[i].name, name) == 0)
			e->state = states[i].state;
	if (e->state != GATE_TASK_ENDED)
		return;
	if (gate_api_at(task, "exitStatus") == NULL) {
		r->outcome = GATE_OUTCOME_NOT_STARTED;
	} else if (WIFSIGNALED(status)) {
		r->outcome = GATE_OUTCOME_KILLED;
		r->signal = WTERMSIG(status);
	} else {
		r->outcome = GATE_OUTCOME_EXITED;
		r->status = WEXITSTATUS(status);
	}
	r->oom_kills = strcmp(gate_api_text(task, "reason"), "REASON_CONTAINER_LIMITATION_MEMORY") == 0;
}

static void fill(const struct gate_doc *task, struct gate_entry *e)
{
	const struct gate_doc *denials = gate_api_at(task, "denials");

	(void)snprintf(e->id, sizeof(e->id), "%.64s", gate_api_text(task, "containerId"));
	(void)snprintf(e->name, sizeof(e->name), "%.128s", gate_api_text(task, "id"));
	e->record.created_ns = gate_api_time(task, "stagedAt");
	e->record.started_ns = gate_api_time(task, "startedAt");
	e->record.ended_ns = gate_api_time(task, "endedAt");
	e->record.pid = (uint32_t)gate_api_number(task, "pid");
	e->record.n_denials = denials != NULL && denials->kind == GATE_DOC_ARRAY ? denials->n_items : 0;
	set_state(task, e);
}

/* The members that ps reads of a configuration. */
static const struct gate_doc *config_of(const struct gate_doc *task, struct gate_arena *arena)
{
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;
	const struct gate_doc *ret = NULL, *labels = gate_api_at(task, "labels");
	const char *name = gate_api_text(task, "profile.name");
	struct gate_json j;

	gate_json_init(&j, &b, 0);
	gate_json_object(&j);
	gate_json_key(&j, "args");
	gate_json_array(&j);
	gate_json_text(&j, gate_api_text(task, "command"));
	gate_json_end(&j, ']');
	gate_json_key(&j, "rootfs"); /* the agent does not say what its root is */
	gate_json_text(&j, "-");
	gate_json_key(&j, "profile");
	gate_json_object(&j);
	gate_json_key(&j, "source");
	gate_json_text(&j, name[0] != '\0' ? name : "unconfined");
	gate_json_end(&j, '}');
	if (labels != NULL && labels->kind == GATE_DOC_OBJECT) {
		gate_json_key(&j, "labels");
		gate_doc_json(&j, labels);
	}
	gate_json_end(&j, '}');
	if (!b.failed)
		(void)gate_doc_read(arena, b.data, b.len, &ret, NULL);
	return ret;
}

int gate_agent_tasks_get(const struct gate_cli *cli, struct gate_agent_tasks *ret, struct gate_err *err)
{
	const struct gate_doc *list;

	*ret = (struct gate_agent_tasks){ .answer = GATE_API_ANSWER_INIT, .arena = GATE_ARENA_INIT };
	if (gate_api_get(cli, "/api/v1/tasks", &ret->answer, err) < 0)
		return -1;
	list = gate_api_at(ret->answer.doc, "tasks");
	if (list == NULL || list->kind != GATE_DOC_ARRAY || list->n_items == 0)
		return 0;
	ret->entries = calloc(list->n_items, sizeof(*ret->entries));
	ret->configs = calloc(list->n_items, sizeof(*ret->configs));
	if (ret->entries == NULL || ret->configs == NULL)
		return GATE_FAIL_NOMEM(err);
	for (; ret->n < list->n_items; ret->n++) {
		fill(&list->items[ret->n], &ret->entries[ret->n]);
		ret->configs[ret->n] = config_of(&list->items[ret->n], &ret->arena);
	}
	return 0;
}

void gate_agent_tasks_done(struct gate_agent_tasks *t)
{
	free(t->entries);
	free(t->configs);
	gate_arena_done(&t->arena);
	gate_api_answer_done(&t->answer);
	*t = (struct gate_agent_tasks){ .answer = GATE_API_ANSWER_INIT, .arena = GATE_ARENA_INIT };
}

/* --- inspect --- */
int gate_agent_inspect(const struct gate_cli *cli, const char *word, unsigned indent, struct gate_buf *out,
                       struct gate_err *err)
{
	struct gate_found f;
	struct gate_json j;

	if (gate_api_find(cli, word, GATE_THING_BIT(GATE_THING_TASK), &f, err) < 0)
		return -1;
	gate_json_init(&j, out, indent);
	gate_json_object(&j);
	gate_json_key(&j, "schemaVersion");
	gate_json_u64(&j, 1);
	for (uint32_t i = 0; f.answer.doc->kind == GATE_DOC_OBJECT && i < f.answer.doc->n_items; i++) {
		if (strcmp(f.answer.doc->items[i].key, "schemaVersion") == 0)
			continue;
		gate_json_key(&j, f.answer.doc->items[i].key);
		gate_doc_json(&j, &f.answer.doc->items[i]);
	}
	gate_json_end(&j, '}');
	gate_api_answer_done(&f.answer);
	return out->failed ? GATE_FAIL_NOMEM(err) : 0;
}
