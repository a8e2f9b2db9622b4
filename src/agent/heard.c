/* What the launcher says. Messages wait in memory until they are in the database: one transaction for all that came together,
 * tried again while the disk is full. */
#include <stdio.h>

#include "agent/parts.h"

#define TOGETHER 256 /* messages of one transaction */

/* --- requests of ours --- */
static struct asked *take_asked(struct gate_agent *a, uint64_t serial)
{
	for (struct asked **at = &a->asked; serial != 0 && *at != NULL; at = &(*at)->next) {
		struct asked *q = *at;

		if (q->serial != serial)
			continue;
		*at = q->next;
		return q;
	}
	return NULL;
}

static void asked_free(struct asked *q)
{
	if (q == NULL)
		return;
	free(q->name);
	free(q);
}

void gate_agent_unask(struct gate_agent *a, uint64_t serial)
{
	asked_free(take_asked(a, serial));
}

void gate_tasks_exec_forget(struct gate_agent *a, void *ctx)
{
	for (struct asked *q = a->asked; q != NULL; q = q->next)
		if (q->done != NULL && q->ctx == ctx)
			q->done = NULL;
}

static void exec_done(const struct asked *q, const struct gate_ipc *m)
{
	GATE_AUTOFREE char *text = strndup((const char *)m->bytes, m->head.len);
	bool ran = m->head.type == GATE_IPC_EXEC_DONE;

	if (q->done != NULL)
		q->done(q->ctx, ran ? (int32_t)m->head.a : -1, ran && m->head.b != 0,
		        text != NULL ? text : "out of memory");
}

/* --- the inbox --- */
static void letter_free(struct letter *l)
{
	if (l == NULL)
		return;
	free(l->name);
	free(l);
}

/* Without memory the front cannot know any more what is: it ends, and finds out when it starts again. */
static void add_letter(struct gate_agent *a, const struct gate_ipc *m, struct asked *q)
{
	struct letter *l = calloc(1, sizeof(*l) + m->head.len + 1);

	if (l == NULL) {
		gate_err_set(&a->fatal, GATE_E_NOMEM, 0, "out of memory");
		return;
	}
	l->type = m->head.type;
	l->serial = m->head.serial;
	l->a = m->head.a;
	l->len = m->head.len;
	memcpy(l->bytes, m->bytes, m->head.len);
	if (q != NULL) {
		l->asked = q->type;
		l->name = GATE_TAKE(&q->name);
	}
	*a->inbox_end = l;
	a->inbox_end = &l->next;
}

static struct letter *take_letter(struct gate_agent *a)
{
	struct letter *l = a->inbox;

	if (l != NULL && (a->inbox = l->next) == NULL)
		a->inbox_end = &a->inbox;
	return l;
}

static void forget_seen(struct gate_agent *a)
{
	for (size_t i = 0; i < a->seen.size; i++)
		free(a->seen.slots[i].value);
	gate_map_done(&a->seen);
}

void gate_heard_forget(struct gate_agent *a)
{
	while (a->inbox != NULL)
		letter_free(take_letter(a));
	while (a->asked != NULL)
		asked_free(take_asked(a, a->asked->serial));
	forget_seen(a);
}

void gate_agent_heard(struct gate_agent *a, struct gate_ipc *m)
{
	struct asked *q = take_asked(a, m->head.serial);

	if (q != NULL && m->head.type == GATE_IPC_TASK) { /* its answer is DONE */
		q->next = a->asked;
		a->asked = q;
		q = NULL;
	} else if (q != NULL && q->type == GATE_IPC_EXEC) {
		exec_done(q, m);
		asked_free(q);
		return;
	}
	if (q != NULL || m->head.type == GATE_IPC_TASK || m->head.type == GATE_IPC_ENDED ||
	    m->head.type == GATE_IPC_LAUNCHED)
		add_letter(a, m, q);
	asked_free(q);
}

/* --- what they mean --- */
static const struct gate_ipc_task *container_of(struct gate_agent *a, const struct letter *l)
{
	const struct gate_ipc_task *c = (const struct gate_ipc_task *)l->bytes;

	if (l->len == sizeof(*c) && memchr(c->name, '\0', sizeof(c->name)) != NULL &&
	    memchr(c->why, '\0', sizeof(c->why)) != NULL && gate_task_name_ok(c->name))
		return c;
	gate_agent_log(a, "the launcher described a container that cannot be");
	return NULL;
}

/* A container that is ours by its place, but has no row: whoever asked for it was never told that it would be. */
static void orphan(struct gate_agent *a, const struct gate_ipc_task *c)
{
	bool over = c->lost != 0 || c->record.state == GATE_TASK_ENDED;

	if (c->starting != 0)
		return; /* LAUNCHED follows */
	gate_agent_log(a, "container '%s' belongs to no task: it is %s", c->name, over ? "removed" : "killed");
	gate_metric_add(a, "callgate/orphans", 1);
	if (over)
		gate_action_send(a, GATE_IPC_REMOVE, c->name, 0, 0, -1, NULL);
	else
		gate_action_send(a, GATE_IPC_KILL, c->name, 9, 0, -1, NULL);
}

static void report(struct gate_agent *a, const struct letter *l)
{
	const struct gate_ipc_task *c = container_of(a, l);
	struct gate_agent_task *t = c == NULL ? NULL : gate_tasks_container(a, c->name);

	if (c == NULL)
		return;
	if (l->type == GATE_IPC_TASK && gate_map_get(&a->seen, c->name) == NULL) {
		char *name = gate_agent_copy(a, c->name);

		if (name != NULL && gate_map_put(&a->seen, name, name) < 0) {
			free(name);
			a->nomem = true;
		}
	}
	if (t != NULL)
		gate_change_report(a, t, c);
	else
		orphan(a, c);
}

static void inventory_done(struct gate_agent *a)
{
	struct gate_agent_task *next;

	for (struct gate_agent_task *t = gate_tasks_first(a); t != NULL; t = next) {
		next = t->next;
		if (gate_map_get(&a->seen, t->container) == NULL)
			gate_change_gone(a, t);
	}
}

/* NOTFOUND: it does not run, and its end is told. */
static void kill_refused(struct gate_agent *a, const struct letter *l, const struct gate_agent_task *t)
{
	if (l->name == NULL || l->a == GATE_E_NOTFOUND)
		return;
	if (t == NULL || !gate_state_ended(t->state))
		gate_agent_log(a, "container '%s' cannot be killed, it is tried again: %s", l->name,
		               (const char *)l->bytes);
	gate_kill_refused(a, l->name);
}

static void answer(struct gate_agent *a, const struct letter *l)
{
	struct gate_agent_task *t = l->name == NULL ? NULL : gate_tasks_container(a, l->name);
	bool refused = l->type == GATE_IPC_REFUSED;

	if (l->asked == GATE_IPC_INVENTORY && refused) {
		gate_err_set(&a->fatal, GATE_E_SYS, 0, "the launcher does not tell what runs: %s",
		             (const char *)l->bytes);
	} else if (l->asked == GATE_IPC_INVENTORY) {
		inventory_done(a);
	} else if (l->asked == GATE_IPC_KILL && refused) {
		kill_refused(a, l, t);
	} else if (t == NULL) {
		return;
	} else if (l->asked == GATE_IPC_LAUNCH && refused && !gate_state_ended(t->state)) {
		gate_change_refused(a, t, gate_cause_of_code(l->a), (const char *)l->bytes);
	} else if (l->asked == GATE_IPC_REMOVE && refused) {
		gate_agent_log(a, "container '%s' cannot be removed: %s", l->name, (const char *)l->bytes);
		gate_collect_refused(a, t);
	} else if (l->asked == GATE_IPC_REMOVE && gate_state_ended(t->state)) {
		gate_table_delete(a, (struct task *)t);
	}
}

static void read_letter(struct gate_agent *a, const struct letter *l)
{
	switch (l->type) {
	case GATE_IPC_LAUNCHED:
	case GATE_IPC_ENDED:
	case GATE_IPC_TASK:
		report(a, l);
		return;
	case GATE_IPC_REFUSED:
	case GATE_IPC_DONE:
		answer(a, l);
		return;
	default:
		return; /* nothing else comes here */
	}
}

/* `n` letters in one transaction; *ends: one of them ended the inventory. */
static int read_letters(struct gate_agent *a, size_t n, bool *ends, struct gate_err *err)
{
	const struct letter *l = a->inbox;

	*ends = false;
	gate_agent_begin(a);
	for (; n > 0; n--, l = l->next) {
		*ends |= l->asked == GATE_IPC_INVENTORY && l->type == GATE_IPC_DONE;
		read_letter(a, l);
	}
	return gate_agent_commit(a, err);
}

static void recovered(struct gate_agent *a)
{
	if (a->recovery == RECOVERY_DONE)
		return;
	a->recovery = RECOVERY_DONE;
	a->recovery_ms = gate_agent_now(a) - a->recovery_started_ms;
	a->gc_soon = true;
	forget_seen(a);
	for (size_t i = 0; i < a->n_scheds; i++)
		if (a->scheds[i].s.tick != NULL)
			gate_agent_wake(a, a->scheds[i].s.self, gate_agent_now(a));
}

static size_t count_letters(const struct gate_agent *a)
{
	size_t n = 0;

	for (const struct letter *l = a->inbox; l != NULL && n < TOGETHER; l = l->next)
		n++;
	return n;
}

void gate_heard_work(struct gate_agent *a)
{
	size_t most = TOGETHER;

	while (a->inbox != NULL && a->fatal.code == GATE_OK && gate_agent_now(a) >= a->retry_ms) {
		struct gate_err err = GATE_ERR_INIT;
		size_t n = count_letters(a);
		bool ends;

		n = n < most ? n : most;
		if (read_letters(a, n, &ends, &err) == 0) {
			while (n-- > 0)
				letter_free(take_letter(a));
			if (ends)
				recovered(a);
			most = TOGETHER;
		} else if (err.code == GATE_E_NOSPACE || err.code == GATE_E_NOMEM) {
			a->retry_ms = gate_agent_now(a) + GATE_RETRY_MS;
		} else if (n > 1) {
			most = 1; /* which of them is it? */
		} else {
			gate_agent_log(a, "a message of the launcher about '%s' cannot be written down: %s",
			               a->inbox->name != NULL ? a->inbox->name : "a container", err.text);
			letter_free(take_letter(a));
		}
	}
}
