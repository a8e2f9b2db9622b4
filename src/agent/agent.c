#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/parts.h"
#include "agent/schema.h"

/* --- small things --- */
char *gate_agent_copy(struct gate_agent *a, const char *s)
{
	char *copy = s == NULL ? NULL : strdup(s);

	a->nomem |= s != NULL && copy == NULL;
	return copy;
}

void gate_agent_log(struct gate_agent *a, const char *format, ...)
{
	GATE_AUTO(gate_buf_done) struct gate_buf line = GATE_BUF_INIT, text = GATE_BUF_INIT;
	va_list ap;

	if (a->world.log == NULL)
		return;
	va_start(ap, format);
	gate_buf_vprintf(&text, format, ap);
	va_end(ap);
	if (text.data != NULL)
		gate_buf_escaped(&line, text.data, text.len);
	if (line.data != NULL)
		a->world.log(a->world.ctx, line.data);
}

struct gate_db *gate_agent_db(struct gate_agent *a)
{
	return a->db;
}

const struct gate_config *gate_agent_config(const struct gate_agent *a)
{
	return a->config;
}

const struct gate_world *gate_agent_world(const struct gate_agent *a)
{
	return &a->world;
}

struct gate_profiles *gate_agent_profiles(struct gate_agent *a)
{
	return a->profiles;
}

struct gate_loop *gate_agent_loop(struct gate_agent *a)
{
	return a->loop;
}

int64_t gate_agent_now(const struct gate_agent *a)
{
	return a->world.now_ms(a->world.ctx);
}

int64_t gate_agent_wall(const struct gate_agent *a)
{
	return a->world.wall_ms(a->world.ctx);
}

bool gate_agent_recovered(const struct gate_agent *a)
{
	return a->recovery == RECOVERY_DONE;
}

bool gate_agent_failed(const struct gate_agent *a, struct gate_err *err)
{
	if (a->fatal.code != GATE_OK && err != NULL)
		*err = a->fatal;
	return a->fatal.code != GATE_OK;
}

/* --- actions --- */
static void action_free(struct action *x)
{
	if (x->fd >= 0)
		(void)close(x->fd);
	free(x->name);
	free(x->data);
	free(x);
}

static void list_init(struct action_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_add(struct action_list *l, struct action *x)
{
	x->next = NULL;
	*l->last = x;
	l->last = &x->next;
}

static struct action *list_take(struct action_list *l)
{
	struct action *x = l->first;

	if (x != NULL && (l->first = x->next) == NULL)
		l->last = &l->first;
	return x;
}

static void list_free(struct action_list *l)
{
	for (struct action *x; (x = list_take(l)) != NULL;)
		action_free(x);
}

static void list_move(struct action_list *to, struct action_list *from)
{
	for (struct action *x; (x = list_take(from)) != NULL;)
		list_add(to, x);
}

struct action *gate_action_new(struct gate_agent *a, enum action_kind kind)
{
	struct action *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		a->nomem = true;
		return NULL;
	}
	x->kind = kind;
	x->fd = -1;
	list_add(gate_db_in(a->db) ? &a->pending : &a->todo, x);
	return x;
}

void gate_action_send(struct gate_agent *a, uint32_t type, const char *container, int64_t x, int64_t y, int fd,
                      uint64_t *serial)
{
	struct action *s = gate_action_new(a, ACTION_SEND);

	if (serial != NULL)
		*serial = a->serial + 1;
	if (s == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	*s = (struct action){
		.kind = ACTION_SEND, .type = type, .serial = ++a->serial, .a = x, .b = y, .fd = fd, .next = s->next
	};
	s->name = gate_agent_copy(a, container);
}

void gate_agent_after(struct gate_agent *a, void (*fn)(void *ctx), void *ctx)
{
	struct action *x = gate_action_new(a, ACTION_CALL);

	if (x == NULL)
		return;
	x->fn = fn;
	x->ctx = ctx;
}

bool gate_agent_asks(struct gate_agent *a, uint64_t serial, uint32_t type, const char *name, gate_exec_fn *done,
                     void *ctx)
{
	struct asked *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return false;
	*q = (struct asked){ .serial = serial, .type = type, .done = done, .ctx = ctx, .next = a->asked };
	q->name = strdup(name);
	if (q->name == NULL) {
		free(q);
		return false;
	}
	a->asked = q;
	return true;
}

/* As if the launcher had said so: what is to come of it is decided in one place. */
static void refuse(struct gate_agent *a, uint64_t serial, int64_t code, const char *why)
{
	struct gate_ipc m = { .head = { .type = GATE_IPC_REFUSED, .serial = serial, .a = code }, .fds = { -1, -1 } };

	m.head.len = (uint32_t)strnlen(why, sizeof(m.bytes));
	memcpy(m.bytes, why, m.head.len);
	gate_agent_heard(a, &m);
}

static void send_now(struct gate_agent *a, struct action *x)
{
	if (gate_agent_asks(a, x->serial, x->type, x->name != NULL ? x->name : "", NULL, NULL) &&
	    a->world.send(a->world.ctx, x->type, x->serial, x->a, x->b, x->name, x->name != NULL ? strlen(x->name) : 0,
	                  x->fd) == 0)
		return;
	refuse(a, x->serial, GATE_E_SYS, "the launcher cannot be reached");
}

static bool run_actions(struct gate_agent *a)
{
	bool any = false;

	for (struct action *x; (x = list_take(&a->todo)) != NULL; any = true) {
		if (x->kind == ACTION_SEND)
			send_now(a, x);
		else if (x->kind == ACTION_REFUSE &&
		         gate_agent_asks(a, x->serial, GATE_IPC_LAUNCH, x->name, NULL, NULL))
			refuse(a, x->serial, x->a, x->data);
		else if (x->kind == ACTION_EVENT)
			gate_events_live(a, x);
		else if (x->kind == ACTION_CALL)
			x->fn(x->ctx);
		action_free(x);
	}
	return any;
}

/* --- transactions --- */
/* Memory from the database, whatever it was. */
static int load(struct gate_agent *a, struct gate_err *err)
{
	int result;

	gate_table_clear(a);
	a->loading = true;
	gate_db_begin(a->db);
	result = gate_table_load(a, err);
	if (result == 0)
		result = gate_events_load(a, err);
	for (size_t i = 0; result == 0 && i < a->n_scheds; i++)
		result = a->scheds[i].s.load == NULL ? 0 : a->scheds[i].s.load(a->scheds[i].s.self, a, err);
	if (result == 0 && a->nomem)
		result = GATE_FAIL_NOMEM(err);
	if (result == 0)
		result = gate_db_commit(a->db, err);
	else
		gate_db_rollback(a->db);
	a->loading = false;
	return result;
}

static void reload(struct gate_agent *a)
{
	struct gate_err err = GATE_ERR_INIT;

	list_free(&a->pending);
	a->nomem = false;
	if (load(a, &err) < 0) {
		gate_err_prefix(&err, "the state cannot be read again");
		a->fatal = err;
		gate_table_clear(a);
		return;
	}
	gate_kill_reapply(a);
}

void gate_agent_begin(struct gate_agent *a)
{
	GATE_CHECK(!gate_db_in(a->db));
	gate_db_begin(a->db);
}

int gate_agent_commit(struct gate_agent *a, struct gate_err *err)
{
	struct gate_err why = GATE_ERR_INIT;
	int result;

	gate_audit_flush(a);
	gate_table_flush(a);
	if (a->nomem || a->fatal.code != GATE_OK) {
		gate_db_rollback(a->db);
		result = a->nomem ? GATE_FAIL_NOMEM(&why) : (why = a->fatal, -1);
	} else {
		result = gate_db_commit(a->db, &why);
	}
	if (result == 0) {
		gate_audit_written(a);
		list_move(&a->todo, &a->pending);
		return 0;
	}
	if (err != NULL && err->code == GATE_OK)
		*err = why;
	gate_metric_add(a, "callgate/commits_failed", 1);
	if (why.code == GATE_E_NOSPACE)
		gate_kill_owe(a, &a->pending);
	reload(a);
	return -1;
}

void gate_agent_abort(struct gate_agent *a)
{
	gate_db_rollback(a->db);
	reload(a);
}

/* Each change of a task is a dirty row, an event or a message. */
void gate_agent_leave(struct gate_agent *a)
{
	if (a->nomem || a->dirty != NULL || a->pending.first != NULL)
		gate_agent_abort(a);
	else
		gate_db_rollback(a->db);
}

/* --- schedulers --- */
int gate_agent_add(struct gate_agent *a, const struct gate_scheduler *s, struct gate_err *err)
{
	if (a->n_scheds == GATE_SCHEDULERS)
		return GATE_FAIL(err, GATE_E_LIMIT, "more than %d schedulers", GATE_SCHEDULERS);
	a->scheds[a->n_scheds++] = (struct sched){ *s, INT64_MAX };
	return 0;
}

const struct gate_scheduler *gate_agent_scheduler(const struct gate_agent *a, size_t i)
{
	return i < a->n_scheds ? &a->scheds[i].s : NULL;
}

void gate_agent_wake(struct gate_agent *a, void *self, int64_t at_ms)
{
	for (size_t i = 0; i < a->n_scheds; i++)
		if (a->scheds[i].s.self == self && at_ms < a->scheds[i].wake_ms)
			a->scheds[i].wake_ms = at_ms;
}

/* Each at most once a turn, so that one that always wants more starves nobody. */
static void tick(struct gate_agent *a, struct sched *s)
{
	struct gate_err err = GATE_ERR_INIT;

	s->wake_ms = INT64_MAX;
	gate_agent_begin(a);
	s->s.tick(s->s.self);
	if (gate_agent_commit(a, &err) == 0)
		return;
	gate_agent_log(a, "%s: %s", s->s.name, err.text);
	/* Whatever it wished for in there has not happened. */
	s->wake_ms = gate_agent_now(a) + GATE_RETRY_MS;
}

static void ticks(struct gate_agent *a)
{
	for (size_t i = 0; gate_agent_recovered(a) && i < a->n_scheds; i++)
		if (a->scheds[i].wake_ms <= gate_agent_now(a))
			tick(a, &a->scheds[i]);
}

/* --- life --- */
GATE_DEFINE_FREEP(struct gate_agent, gate_agent_close)

int gate_agent_open(struct gate_loop *loop, struct gate_db *db, const struct gate_config *c, const struct gate_world *w,
                    struct gate_agent **ret, struct gate_err *err)
{
	GATE_AUTO(gate_agent_closep) struct gate_agent *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return GATE_FAIL_NOMEM(err);
	a->loop = loop;
	a->db = db;
	a->config = c;
	a->world = *w;
	a->inbox_end = &a->inbox;
	a->audit_end = &a->audit;
	a->gc_ms = INT64_MAX;
	list_init(&a->todo);
	list_init(&a->pending);
	a->opened_ms = gate_agent_now(a);
	if (gate_profiles_open(a, &a->profiles, err) < 0)
		return -1;
	*ret = GATE_TAKE(&a);
	return 0;
}

int gate_agent_recover(struct gate_agent *a, struct gate_err *err)
{
	a->recovery_started_ms = gate_agent_now(a);
	if (load(a, err) < 0)
		return GATE_NOTE(err, "recovery");
	a->recovery = RECOVERY_ASKED;
	gate_action_send(a, GATE_IPC_INVENTORY, NULL, 0, 0, -1, &a->inventory);
	return a->nomem ? GATE_FAIL_NOMEM(err) : 0;
}

int64_t gate_agent_turn(struct gate_agent *a)
{
	do
		gate_heard_work(a);
	while (run_actions(a));
	ticks(a);
	gate_kill_work(a);
	gate_collect_work(a);
	if (gate_audit_waits(a) && gate_agent_now(a) >= a->retry_ms) {
		gate_agent_begin(a);
		if (gate_agent_commit(a, NULL) < 0)
			a->retry_ms = gate_agent_now(a) + GATE_RETRY_MS;
	}
	int64_t next = gate_events_work(a) || a->todo.first != NULL ? gate_agent_now(a) : gate_collect_next(a);

	for (size_t i = 0; gate_agent_recovered(a) && i < a->n_scheds; i++)
		if (a->scheds[i].wake_ms < next)
			next = a->scheds[i].wake_ms;
	if (a->again != NULL && a->again_ms < next)
		next = a->again_ms;
	if ((a->inbox != NULL || a->owed != NULL || gate_audit_waits(a)) && a->retry_ms < next)
		next = a->retry_ms;
	return next;
}

void gate_agent_close(struct gate_agent *a)
{
	if (a == NULL)
		return;
	for (size_t i = a->n_scheds; i-- > 0;)
		if (a->scheds[i].s.close != NULL)
			a->scheds[i].s.close(a->scheds[i].s.self);
	gate_profiles_close(a->profiles);
	gate_events_close(a);
	gate_heard_forget(a);
	gate_kill_forget(a);
	gate_table_clear(a);
	gate_metrics_close(a);
	gate_audit_close(a);
	list_free(&a->todo);
	list_free(&a->pending);
	free(a);
}
