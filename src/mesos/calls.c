/* POST /api/v1: which call, and may this client make it. */
#include <ctype.h>
#include <stdarg.h>

#include "mesos/parts.h"

static const struct {
	const char *type; /* and, in lower case, the key of its object */
	call_fn *fn;      /* NULL: refused, `why` */
	uint32_t right;
	bool argument; /* the object must be there */
	const char *why;
} calls[] = {
	{ "GET_HEALTH", gate_mesos_get_health, GATE_RIGHT_READ, false, NULL },
	{ "GET_FLAGS", gate_mesos_get_flags, GATE_RIGHT_READ, false, NULL },
	{ "GET_VERSION", gate_mesos_get_version, GATE_RIGHT_READ, false, NULL },
	{ "GET_METRICS", gate_mesos_get_metrics, GATE_RIGHT_READ, false, NULL },
	{ "GET_LOGGING_LEVEL", gate_mesos_get_logging, GATE_RIGHT_READ, false, NULL },
	{ "LIST_FILES", gate_mesos_list_files, GATE_RIGHT_READ, true, NULL },
	{ "READ_FILE", gate_mesos_read_file, GATE_RIGHT_READ, true, NULL },
	{ "GET_STATE", gate_mesos_get_state, GATE_RIGHT_READ, false, NULL },
	{ "GET_CONTAINERS", gate_mesos_get_containers, GATE_RIGHT_READ, false, NULL },
	{ "GET_FRAMEWORKS", gate_mesos_get_frameworks, GATE_RIGHT_READ, false, NULL },
	{ "GET_EXECUTORS", gate_mesos_get_executors, GATE_RIGHT_READ, false, NULL },
	{ "GET_OPERATIONS", gate_mesos_get_operations, GATE_RIGHT_READ, false, NULL },
	{ "GET_TASKS", gate_mesos_get_tasks, GATE_RIGHT_READ, false, NULL },
	{ "GET_AGENT", gate_mesos_get_agent, GATE_RIGHT_READ, false, NULL },
	{ "GET_RESOURCE_PROVIDERS", gate_mesos_get_providers, GATE_RIGHT_READ, false, NULL },
	{ "LAUNCH_CONTAINER", gate_mesos_launch, GATE_RIGHT_LAUNCH, true, NULL },
	{ "WAIT_CONTAINER", gate_mesos_wait, GATE_RIGHT_READ, true, NULL },
	{ "KILL_CONTAINER", gate_mesos_kill, GATE_RIGHT_KILL, true, NULL },
	{ "REMOVE_CONTAINER", gate_mesos_remove, GATE_RIGHT_KILL, true, NULL },
	{ "LAUNCH_NESTED_CONTAINER", gate_mesos_launch, GATE_RIGHT_LAUNCH, true, NULL },
	{ "WAIT_NESTED_CONTAINER", gate_mesos_wait, GATE_RIGHT_READ, true, NULL },
	{ "KILL_NESTED_CONTAINER", gate_mesos_kill, GATE_RIGHT_KILL, true, NULL },
	{ "REMOVE_NESTED_CONTAINER", gate_mesos_remove, GATE_RIGHT_KILL, true, NULL },
	{ "SET_LOGGING_LEVEL", NULL, GATE_RIGHT_READ, false, "the log has one level" },
	{ "LAUNCH_NESTED_CONTAINER_SESSION", NULL, GATE_RIGHT_READ, false, "use callgate exec" },
	{ "ATTACH_CONTAINER_INPUT", NULL, GATE_RIGHT_READ, false, "use callgate exec" },
	{ "ATTACH_CONTAINER_OUTPUT", NULL, GATE_RIGHT_READ, false,
	  "use READ_FILE of stdout and stderr, or callgate logs -f" },
	{ "PRUNE_IMAGES", NULL, GATE_RIGHT_READ, false, "use callgate image rm" },
	{ "ADD_RESOURCE_PROVIDER_CONFIG", NULL, GATE_RIGHT_READ, false, "there are no resource providers" },
	{ "UPDATE_RESOURCE_PROVIDER_CONFIG", NULL, GATE_RIGHT_READ, false, "there are no resource providers" },
	{ "REMOVE_RESOURCE_PROVIDER_CONFIG", NULL, GATE_RIGHT_READ, false, "there are no resource providers" },
	{ "MARK_RESOURCE_PROVIDER_GONE", NULL, GATE_RIGHT_READ, false, "there are no resource providers" },
	{ "DRAIN_AGENT", NULL, GATE_RIGHT_READ, false, "that is a call of the master" },
};

void gate_mesos_say(struct gate_http_answer *a, int status, const char *format, ...)
{
	va_list ap;

	gate_buf_done(&a->body);
	a->body = (struct gate_buf)GATE_BUF_INIT;
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	va_start(ap, format);
	gate_buf_vprintf(&a->body, format, ap);
	va_end(ap);
}

void gate_mesos_fail(struct gate_http_answer *a, const struct gate_err *err)
{
	int status = gate_http_status(err);

	/* Mesos has one code for what a client said wrong. */
	gate_mesos_say(a, status == 422 || status == 404 || status == 413 ? 400 : status, "%s", err->text);
	if (status == 507 || status == 503)
		a->retry_after = 5;
}

static void key_of(const char *type, char key[64])
{
	size_t i = 0;

	for (; i < 63 && type[i] != '\0'; i++)
		key[i] = (char)tolower((unsigned char)type[i]);
	key[i] = '\0';
}

void gate_mesos_begin(struct call *c, struct gate_json *j)
{
	char key[64];

	key_of(c->type, key);
	gate_json_init(j, &c->a->body, 0);
	gate_json_object(j);
	gate_mesos_put(j, "type", c->type);
	gate_json_key(j, key);
	gate_json_object(j);
}

void gate_mesos_end(struct call *c, struct gate_json *j)
{
	gate_json_end(j, '}');
	gate_json_end(j, '}');
	c->a->status = 200;
}

bool gate_mesos_target(struct call *c, struct gate_mesos_id *id, struct gate_agent_task **t)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_mesos_id_read(gate_doc_member(c->arg, "container_id"), true, id, &err) < 0) {
		gate_mesos_say(c->a, 400, "Failed to validate agent::Call: %s", err.text);
		return false;
	}
	*t = gate_tasks_container(c->m->agent, id->name);
	return true;
}

static void dispatch(struct call *c, const struct gate_doc *d, const char *type)
{
	char key[64];

	for (size_t i = 0; i < GATE_ARRAY_LEN(calls); i++) {
		if (strcmp(calls[i].type, type) != 0)
			continue;
		c->type = calls[i].type;
		key_of(type, key);
		c->arg = gate_doc_member(d, key);
		if (c->arg != NULL && c->arg->kind == GATE_DOC_NULL)
			c->arg = NULL;
		for (size_t k = 0; k < d->n_items; k++)
			if (strcmp(d->items[k].key, "type") != 0 && strcmp(d->items[k].key, key) != 0) {
				gate_mesos_say(c->a, 400,
				               "Failed to validate agent::Call: '%.60s' does not belong to %s",
				               d->items[k].key, type);
				return;
			}
		if (calls[i].fn == NULL)
			gate_mesos_say(c->a, 501, "%s is not implemented: %s", type, calls[i].why);
		else if (calls[i].argument && (c->arg == NULL || c->arg->kind != GATE_DOC_OBJECT))
			gate_mesos_say(c->a, 400, "Failed to validate agent::Call: Expecting '%s' to be present", key);
		else if ((c->r->peer->rights & calls[i].right) == 0)
			gate_mesos_say(c->a, 403, "this client may not %s",
			               calls[i].right == GATE_RIGHT_LAUNCH ? "launch"
			               : calls[i].right == GATE_RIGHT_KILL ? "kill"
			                                                   : "read");
		else
			calls[i].fn(c);
		return;
	}
	gate_mesos_say(c->a, 400, "Failed to validate agent::Call: unknown type '%.60s'", type);
}

void gate_mesos_post(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL, *type;
	struct call c = { .m = ctx, .r = r, .a = a, .arena = &arena };

	if (!gate_http_accepts(r, "application/json")) {
		gate_mesos_say(a, 406, "Expecting 'Accept' to allow application/json");
		return;
	}
	if (gate_doc_read(&arena, r->body, r->body_len, &d, &err) < 0) {
		gate_mesos_say(a, 400, "Failed to parse body into JSON: %u:%u: %s", err.line, err.column, err.text);
	} else {
		type = gate_doc_member(d, "type");
		if (type == NULL || type->kind != GATE_DOC_STRING)
			gate_mesos_say(a, 400, "Failed to validate agent::Call: Expecting 'type' to be present");
		else
			dispatch(&c, d, type->text);
	}
	gate_arena_done(&arena);
}
