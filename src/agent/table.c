/* Tasks in memory and their rows. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/parts.h"

/* --- a row's columns, in the order of SELECT --- */
enum kind { TEXT, TEXT_OR_NULL, ENUM, FLAG, I64, U64, U32, INT, REAL };
struct column {
	const char *name;
	enum kind kind;
	size_t at;
	int64_t least, most; /* ENUM */
};
#define T(field) offsetof(struct task, t.field)
static const struct column columns[] = {
	{ "seq", I64, offsetof(struct task, seq) },
	{ "id", TEXT, T(id) },
	{ "container", TEXT, T(container) },
	{ "parent", TEXT_OR_NULL, T(parent) },
	{ "owner", ENUM, T(owner), GATE_OWNER_MARATHON, GATE_OWNER_OPERATOR },
	{ "owner_id", TEXT, T(owner_id) },
	{ "version", TEXT, T(version) },
	{ "name", TEXT, T(name) },
	{ "user", TEXT, T(user) },
	{ "command", TEXT, T(command) },
	{ "profile", TEXT, T(profile) },
	{ "unconfined", FLAG, T(unconfined) },
	{ "text_digest", TEXT, T(text_digest) },
	{ "meaning_digest", TEXT, T(meaning_digest) },
	{ "cpus", REAL, T(cpus) },
	{ "mem_mib", U64, T(mem_mib) },
	{ "disk_mib", U64, T(disk_mib) },
	{ "ports", TEXT, T(ports) },
	{ "labels", TEXT, T(labels) },
	{ "extra", TEXT_OR_NULL, T(extra) },
	{ "client", TEXT, T(client) },
	{ "state", ENUM, T(state), GATE_STATE_STARTING, GATE_STATE_UNKNOWN },
	{ "cause", ENUM, T(cause), GATE_CAUSE_NONE, GATE_CAUSE_MAX_COMPLETION_TIME },
	{ "message", TEXT, T(message) },
	{ "has_status", FLAG, T(has_status) },
	{ "wait_status", INT, T(wait_status) },
	{ "staged_ms", I64, T(staged_ms) },
	{ "started_ms", I64, T(started_ms) },
	{ "ended_ms", I64, T(ended_ms) },
	{ "kill_asked", FLAG, T(kill_asked) },
	{ "kill_signal", INT, offsetof(struct task, kill_signal) },
	{ "kill_ms", U64, offsetof(struct task, kill_ms) },
	{ "health_known", FLAG, T(health_known) },
	{ "healthy", FLAG, T(healthy) },
	{ "denials", TEXT_OR_NULL, T(denials) },
	{ "denied", U32, offsetof(struct task, denied) },
	{ "pid", U32, T(pid) },
};
static const char select_sql[] =
    "SELECT seq, id, container, parent, owner, owner_id, version, name, user, command, profile, unconfined, text_digest,"
    " meaning_digest, cpus, mem_mib, disk_mib, ports, labels, extra, client, state, cause, message, wait_status IS NOT NULL,"
    " coalesce(wait_status, 0), staged_ms, started_ms, ended_ms, kill_asked, kill_signal, kill_ms, health > 0, health = 1,"
    " denials, denied, pid FROM tasks ORDER BY seq";

static void *field(struct task *k, const struct column *c)
{
	return (char *)k + c->at;
}

void gate_table_free(struct task *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < GATE_ARRAY_LEN(columns); i++)
		if (columns[i].kind == TEXT || columns[i].kind == TEXT_OR_NULL)
			free(*(char **)field(k, &columns[i]));
	free(k);
}

static void forget(struct gate_agent *a, struct task *k)
{
	gate_map_drop(&a->by_id, k->t.id);
	gate_map_drop(&a->by_container, k->t.container);
	a->n_tasks--;
	a->n_ended -= gate_state_ended(k->t.state) || k->damaged;
}

void gate_table_clear(struct gate_agent *a)
{
	while (a->first != NULL) {
		struct task *k = a->first;

		a->first = (struct task *)k->t.next;
		gate_table_free(k);
	}
	a->last = a->dirty = NULL;
	gate_map_done(&a->by_id);
	gate_map_done(&a->by_container);
	a->n_tasks = a->n_ended = 0;
	a->gc_soon = true;
}

/* --- reading --- */
/* Rows are input: whoever wrote them, what no version of ours can have written is found here. */
static bool read_column(struct gate_agent *a, struct task *k, const struct column *c, const struct gate_db_rows *q,
                        int i)
{
	int64_t n = c->kind <= TEXT_OR_NULL || c->kind == REAL ? 0 : gate_db_int(q, i);
	const char *text = c->kind <= TEXT_OR_NULL || c->kind == REAL ? gate_db_text(q, i) : NULL;
	char *end;

	switch (c->kind) {
	case TEXT:
		*(char **)field(k, c) = gate_agent_copy(a, text != NULL ? text : "");
		return text != NULL;
	case TEXT_OR_NULL:
		*(char **)field(k, c) = gate_agent_copy(a, text);
		return true;
	case ENUM:
		*(int *)field(k, c) = (int)n;
		return n >= c->least && n <= c->most;
	case FLAG:
		*(bool *)field(k, c) = n != 0;
		return n == 0 || n == 1;
	case I64:
		*(int64_t *)field(k, c) = n;
		return n >= 0;
	case U64: /* UINT64_MAX, "the task's own", is written as -1 */
		*(uint64_t *)field(k, c) = (uint64_t)n;
		return n >= -1;
	case U32:
		*(uint32_t *)field(k, c) = (uint32_t)n;
		return n >= 0 && n <= UINT32_MAX;
	case INT:
		*(int *)field(k, c) = (int)n;
		return n >= INT32_MIN && n <= INT32_MAX;
	case REAL:
		*(double *)field(k, c) = text != NULL ? strtod(text, &end) : 0;
		return text != NULL && *text != '\0' && *end == '\0' && *(double *)field(k, c) >= 0 &&
		       *(double *)field(k, c) < 1e6;
	}
	return false;
}

/* The first column that is wrong, or NULL. */
static const struct column *read_row(struct gate_agent *a, struct task *k, const struct gate_db_rows *q)
{
	const struct column *wrong = NULL;

	for (size_t i = 0; i < GATE_ARRAY_LEN(columns); i++)
		if (!read_column(a, k, &columns[i], q, (int)i) && wrong == NULL)
			wrong = &columns[i];
	if (wrong == NULL && (k->t.id[0] == '\0' || !gate_task_name_ok(k->t.container)))
		wrong = &columns[2];
	return wrong;
}

static void append(struct gate_agent *a, struct task *k)
{
	if (gate_map_put(&a->by_id, k->t.id, k) < 0 || gate_map_put(&a->by_container, k->t.container, k) < 0) {
		gate_map_drop(&a->by_id, k->t.id);
		gate_table_free(k);
		a->nomem = true;
		return;
	}
	k->t.next = NULL;
	k->before = a->last;
	if (a->last != NULL)
		a->last->t.next = &k->t;
	else
		a->first = k;
	a->last = k;
	a->n_tasks++;
	a->n_ended += gate_state_ended(k->t.state) || k->damaged;
}

/* Its container is left alone, and shown as what it is. */
static void put_aside(struct gate_agent *a, struct task *k, const struct column *wrong)
{
	char message[120];

	(void)snprintf(message, sizeof(message), "the row of this task is damaged: %s", wrong->name);
	gate_agent_log(a, "task '%s': %s", k->t.id, message);
	k->damaged = true;
	k->t.state = GATE_STATE_UNKNOWN;
	k->t.cause = GATE_CAUSE_NONE;
	k->t.owner = GATE_OWNER_OPERATOR;
	gate_table_text(a, &k->t.message, message);
}

int gate_table_load(struct gate_agent *a, struct gate_err *err)
{
	struct gate_db_rows q;
	int result = 0;

	a->next_seq = 1;
	for (gate_db_query(a->db, &q, select_sql, ""); result == 0 && gate_db_next(&q);) {
		struct task *k = calloc(1, sizeof(*k));

		if (k == NULL) {
			a->nomem = true;
			break;
		}
		const struct column *wrong = read_row(a, k, &q);

		if (a->nomem) {
			gate_table_free(k);
			break;
		}
		if (wrong != NULL && a->config->strict) {
			result =
			    GATE_FAIL(err, GATE_E_PROTO, "the row of task '%s' is damaged: %s", k->t.id, wrong->name);
			gate_table_free(k);
			break;
		}
		if (wrong != NULL)
			put_aside(a, k, wrong);
		a->next_seq = k->seq + 1;
		append(a, k);
	}
	gate_db_end(&q);
	return result < 0 ? result : gate_db_trouble(a->db, err);
}

/* --- writing --- */
void gate_table_insert(struct gate_agent *a, struct task *k)
{
	struct gate_agent_task *t = &k->t;
	char cpus[32];

	if (a->nomem) {
		gate_table_free(k);
		return;
	}
	k->seq = a->next_seq++;
	(void)snprintf(cpus, sizeof(cpus), "%.15g", t->cpus);
	gate_db_run(
	    a->db,
	    "INSERT INTO tasks (seq, id, container, parent, owner, owner_id, version, name, user, command, profile,"
	    " unconfined, text_digest, meaning_digest, cpus, mem_mib, disk_mib, ports, labels, extra, client, state,"
	    " cause, message, staged_ms, started_ms, ended_ms, kill_asked, kill_signal, kill_ms, health, denied, pid)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ?, 0, 0, 0, 0, 0, 0, 0, 0)",
	    "itttittttttitttiittttii", k->seq, t->id, t->container, t->parent, (int64_t)t->owner, t->owner_id,
	    t->version, t->name, t->user, t->command, t->profile, (int64_t)t->unconfined, t->text_digest,
	    t->meaning_digest, cpus, (int64_t)t->mem_mib, (int64_t)t->disk_mib, t->ports, t->labels, t->extra,
	    t->client, (int64_t)t->state, t->staged_ms);
	append(a, k);
}

static void write_row(struct gate_agent *a, struct task *k)
{
	const struct gate_agent_task *t = &k->t;
	int64_t health = !t->health_known ? 0 : t->healthy ? 1 : 2;

	gate_db_run(
	    a->db,
	    "UPDATE tasks SET state = ?, cause = ?, message = ?, wait_status = iif(?, ?, NULL), started_ms = ?, ended_ms = ?,"
	    " kill_asked = ?, kill_signal = ?, kill_ms = ?, health = ?, denials = ?, denied = ?, pid = ?, extra = ?"
	    " WHERE seq = ?",
	    "iitiiiiiiiitiiti", (int64_t)t->state, (int64_t)t->cause, t->message, (int64_t)t->has_status,
	    (int64_t)t->wait_status, t->started_ms, t->ended_ms, (int64_t)t->kill_asked, (int64_t)k->kill_signal,
	    (int64_t)k->kill_ms, health, t->denials, (int64_t)k->denied, (int64_t)t->pid, t->extra, k->seq);
}

void gate_table_dirty(struct gate_agent *a, struct gate_agent_task *t)
{
	struct task *k = (struct task *)t;

	if (k->dirty || k->damaged)
		return;
	k->dirty = true;
	k->next_dirty = a->dirty;
	a->dirty = k;
}

void gate_table_flush(struct gate_agent *a)
{
	while (a->dirty != NULL) {
		struct task *k = a->dirty;

		a->dirty = k->next_dirty;
		k->dirty = false;
		write_row(a, k);
	}
}

void gate_table_delete(struct gate_agent *a, struct task *k)
{
	struct task *next = (struct task *)k->t.next;

	gate_table_flush(a);
	gate_db_run(a->db, "DELETE FROM tasks WHERE seq = ?", "i", k->seq);
	forget(a, k);
	if (k->before != NULL)
		k->before->t.next = k->t.next;
	else
		a->first = next;
	if (next != NULL)
		next->before = k->before;
	else
		a->last = k->before;
	gate_table_free(k);
}

void gate_table_text(struct gate_agent *a, char **field_at, const char *value)
{
	char *copy = gate_agent_copy(a, value);

	free(*field_at);
	*field_at = copy;
}
