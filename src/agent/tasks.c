#include <stdio.h>
#include <unistd.h>

#include "agent/parts.h"

#define ID_MAX      255
#define COMMAND_MAX 512 /* bytes of the command that are kept, for people */

struct gate_agent_task *gate_tasks_find(struct gate_agent *a, const char *id)
{
	return gate_map_get(&a->by_id, id);
}

struct gate_agent_task *gate_tasks_container(struct gate_agent *a, const char *container)
{
	return gate_map_get(&a->by_container, container);
}

struct gate_agent_task *gate_tasks_first(struct gate_agent *a)
{
	return (struct gate_agent_task *)a->first;
}

/* --- a new one --- */
static int check(struct gate_agent *a, const struct gate_new_task *n, struct gate_err *err)
{
	if (n->id[0] == '\0' || strlen(n->id) > ID_MAX)
		return GATE_FAIL(err, GATE_E_INVALID, "a task's id has 1 to %d bytes", ID_MAX);
	if (!gate_task_name_ok(n->container))
		return GATE_FAIL(err, GATE_E_INVALID, "'%s' cannot be a container's id", n->container);
	if (gate_tasks_find(a, n->id) != NULL)
		return GATE_FAIL(err, GATE_E_CONFLICT, "task '%s' is there already", n->id);
	if (gate_tasks_container(a, n->container) != NULL)
		return GATE_FAIL(err, GATE_E_CONFLICT, "container '%s' is there already", n->container);
	if (n->parent != NULL && gate_tasks_container(a, n->parent) == NULL)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not there", n->parent);
	return 0;
}

int gate_right_host(uint32_t rights, const struct gate_task *t, struct gate_err *err)
{
	const char *what = gate_task_of_host(t);

	return what == NULL || (rights & GATE_RIGHT_HOST) != 0
	           ? 0
	           : GATE_FAIL(err, GATE_E_DENIED,
	                       "%s needs the right 'host' ('host' in acl), and this client does not have it", what);
}

static int decide(struct gate_agent *a, const struct gate_new_task *n, struct gate_profile_decision *ret,
                  struct gate_err *err)
{
	const struct gate_profile_request r = {
		.seccomp = n->seccomp,
		.task = n->task,
		.app_path = n->app_path,
		.rights = n->rights,
		.parent = n->parent == NULL ? NULL : gate_tasks_container(a, n->parent),
	};

	return gate_profiles_decide(a->profiles, &r, &n->task->arena, ret, err);
}

/* The launch as the launcher takes it, in a memfd. */
static int pack(const struct gate_task *t, const struct gate_wire_profile *p, int *fd, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf bytes = GATE_BUF_INIT;

	if (gate_wire_task(t, p, &bytes, err) < 0)
		return -1;
	return gate_ipc_memfd(bytes.data, bytes.len, fd, err);
}

static char *command_text(struct gate_agent *a, const struct gate_task *t)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;

	for (size_t i = 0; i < t->args.n && out.len <= COMMAND_MAX; i++) {
		gate_buf_puts(&out, i > 0 ? " " : "");
		gate_buf_puts(&out, t->args.at[i]);
	}
	if (out.len > COMMAND_MAX) {
		out.len = COMMAND_MAX;
		out.data[COMMAND_MAX] = '\0';
	}
	a->nomem |= out.failed;
	return gate_agent_copy(a, out.data != NULL ? out.data : "");
}

static struct task *make(struct gate_agent *a, const struct gate_new_task *n, const struct gate_profile_decision *d)
{
	const char *none = "", *profile = d->name != NULL ? d->name : none;
	struct task *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		a->nomem = true;
		return NULL;
	}
	k->t = (struct gate_agent_task){
		.id = gate_agent_copy(a, n->id),
		.container = gate_agent_copy(a, n->container),
		.parent = gate_agent_copy(a, n->parent),
		.owner = n->owner,
		.owner_id = gate_agent_copy(a, n->owner_id != NULL ? n->owner_id : none),
		.version = gate_agent_copy(a, n->version != NULL ? n->version : none),
		.name = gate_agent_copy(a, n->name != NULL ? n->name : n->id),
		.user = gate_agent_copy(a, n->task->user != NULL ? n->task->user : none),
		.command = command_text(a, n->task),
		.state = GATE_STATE_STAGING,
		.message = gate_agent_copy(a, none),
		.staged_ms = gate_agent_wall(a),
		.profile = gate_agent_copy(a, profile),
		.unconfined = d->profile.unconfined,
		.text_digest = gate_agent_copy(a, d->profile.text_digest != NULL ? d->profile.text_digest : none),
		.meaning_digest =
		    gate_agent_copy(a, d->profile.meaning_digest != NULL ? d->profile.meaning_digest : none),
		.cpus = n->cpus,
		.mem_mib = n->mem_mib,
		.disk_mib = n->disk_mib,
		.ports = gate_agent_copy(a, n->ports != NULL ? n->ports : none),
		.labels = gate_agent_copy(a, n->labels != NULL ? n->labels : "{}"),
		.extra = gate_agent_copy(a, n->extra),
		.client = gate_agent_copy(a, n->client != NULL ? n->client : none),
	};
	return k;
}

static void add_row(struct gate_agent *a, const struct gate_new_task *n, const struct gate_profile_decision *d,
                    struct gate_agent_task **ret)
{
	struct task *k = make(a, n, d);

	if (k == NULL)
		return;
	gate_table_insert(a, k); /* it frees what it cannot take */
	if (a->nomem)
		return;
	gate_change_state(a, &k->t, GATE_STATE_STAGING, GATE_CAUSE_NONE, "");
	*ret = &k->t;
}

/* The refusal is told once the row is on disk, as one of the launcher's would be. */
static void refuse_later(struct gate_agent *a, const struct gate_new_task *n, const struct gate_err *why)
{
	struct action *x = gate_action_new(a, ACTION_REFUSE);

	if (x == NULL)
		return;
	x->serial = ++a->serial;
	x->a = -(int64_t)why->code; /* see gate_cause_of_code */
	x->name = gate_agent_copy(a, n->container);
	x->data = gate_agent_copy(a, why->text);
}

static int add(struct gate_agent *a, const struct gate_new_task *n, struct gate_agent_task **ret, struct gate_err *err)
{
	struct gate_profile_decision d = { .name = n->seccomp.profile_name };
	struct gate_err why = GATE_ERR_INIT;
	struct gate_agent_task *t = NULL;
	int fd = -1;

	if (check(a, n, err) < 0)
		return -1;
	n->task->name = gate_arena_text(&n->task->arena, n->container, strlen(n->container));
	if (n->task->name == NULL)
		return GATE_FAIL_NOMEM(err);
	if (gate_right_host(n->rights, n->task, &why) < 0 || decide(a, n, &d, &why) < 0 ||
	    pack(n->task, &d.profile, &fd, &why) < 0) {
		if (!n->keep_refused) {
			gate_metrics_not_launched(a, gate_cause_of_code(-(int64_t)why.code));
			if (err != NULL)
				*err = why;
			return -1;
		}
		d = (struct gate_profile_decision){ .name = n->seccomp.profile_name };
		d.profile.unconfined = n->seccomp.unconfined;
	}
	add_row(a, n, &d, &t);
	if (t == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return GATE_FAIL_NOMEM(err);
	}
	gate_metric_add(a, "callgate/launches", 1);
	if (fd >= 0)
		gate_action_send(a, GATE_IPC_LAUNCH, t->container, 0, 0, fd, NULL);
	else
		refuse_later(a, n, &why);
	*ret = t;
	return 0;
}

int gate_tasks_add(struct gate_agent *a, struct gate_new_task *n, struct gate_agent_task **ret, struct gate_err *err)
{
	GATE_CHECK(gate_db_in(a->db));
	int result = add(a, n, ret, err);

	gate_task_done(n->task);
	return result;
}

/* --- while it runs --- */
void gate_tasks_health(struct gate_agent *a, struct gate_agent_task *t, bool healthy)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	if (t->health_known && t->healthy == healthy)
		return;
	t->health_known = true;
	t->healthy = healthy;
	gate_table_dirty(a, t);
	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "appId");
	gate_json_text(&j, t->owner_id);
	gate_json_key(&j, "taskId");
	gate_json_text(&j, t->id);
	gate_json_key(&j, "version");
	gate_json_text(&j, t->version);
	gate_json_key(&j, "alive");
	gate_json_bool(&j, healthy);
	gate_json_end(&j, '}');
	if (out.failed)
		a->nomem = true;
	else
		gate_event_add(a, "health_status_changed_event", out.data);
}

int gate_tasks_exec(struct gate_agent *a, struct gate_agent_task *t, const struct gate_wire_exec *e, gate_exec_fn *done,
                    void *ctx, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf bytes = GATE_BUF_INIT;
	int fd;

	if (t->started_ms == 0 || gate_state_ended(t->state))
		return GATE_FAIL(err, GATE_E_CONFLICT, "container '%s' is not running", t->container);
	if (gate_wire_exec(e, &bytes, err) < 0 || gate_ipc_memfd(bytes.data, bytes.len, &fd, err) < 0)
		return -1;
	uint64_t serial = ++a->serial;
	int result = gate_agent_asks(a, serial, GATE_IPC_EXEC, t->container, done, ctx) ? 0 : GATE_FAIL_NOMEM(err);

	if (result == 0 &&
	    a->world.send(a->world.ctx, GATE_IPC_EXEC, serial, 0, 0, t->container, strlen(t->container), fd) < 0) {
		gate_agent_unask(a, serial);
		result = GATE_FAIL(err, GATE_E_SYS, "the launcher cannot be reached");
	}
	(void)close(fd);
	return result;
}

int gate_tasks_stats(struct gate_agent *a, struct gate_agent_task *t, struct gate_ipc_stats *ret, struct gate_err *err)
{
	if (t->started_ms == 0 || gate_state_ended(t->state))
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not running", t->container);
	if (a->world.stats == NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "nobody measures here");
	return a->world.stats(a->world.ctx, t->container, ret, err);
}
