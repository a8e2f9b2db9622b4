/* Kills: written down before they are carried out, unless the disk does not let us. Then they are carried out all the same, and
 * written when it does. */
#include <signal.h>

#include "agent/parts.h"

void gate_kill_send(struct gate_agent *a, struct gate_agent_task *t)
{
	const struct task *k = (const struct task *)t;

	gate_action_send(a, GATE_IPC_KILL, t->container, k->kill_signal, (int64_t)k->kill_ms, -1, NULL);
}

void gate_tasks_kill(struct gate_agent *a, struct gate_agent_task *t, int signal, uint64_t grace_ms)
{
	struct task *k = (struct task *)t;
	bool again = t->kill_asked;

	if (gate_state_ended(t->state))
		return;
	t->kill_asked = true;
	k->kill_signal = signal;
	k->kill_ms = grace_ms;
	gate_kill_send(a, t);
	gate_table_dirty(a, t);
	if (!again && !k->damaged)
		gate_change_state(a, t, GATE_STATE_KILLING, GATE_CAUSE_NONE, "");
}

/* --- what could not be carried out --- */
/* The keeper could not be reached: whoever asked was told that it will end, so it is asked for until it has. */
void gate_kill_refused(struct gate_agent *a, const char *container)
{
	struct owed *o = a->again;

	while (o != NULL && strcmp(o->container, container) != 0)
		o = o->next;
	if (o != NULL)
		return;
	o = calloc(1, sizeof(*o));
	if (o == NULL || (o->container = strdup(container)) == NULL) {
		free(o);
		a->nomem = true; /* the message is read once more */
		return;
	}
	if (a->again == NULL)
		a->again_ms = gate_agent_now(a) + GATE_RETRY_MS;
	o->next = a->again;
	a->again = o;
}

static void free_list(struct owed **list)
{
	while (*list != NULL) {
		struct owed *o = *list;

		*list = o->next;
		free(o->container);
		free(o);
	}
}

static void ask_again(struct gate_agent *a)
{
	if (a->again == NULL || gate_agent_now(a) < a->again_ms)
		return;
	for (struct owed *o = a->again; o != NULL; o = o->next) {
		struct gate_agent_task *t = gate_tasks_container(a, o->container);

		if (t != NULL && t->kill_asked && !gate_state_ended(t->state))
			gate_kill_send(a, t);
		else if (t == NULL || gate_state_ended(t->state)) /* nobody's */
			gate_action_send(a, GATE_IPC_KILL, o->container, SIGKILL, 0, -1, NULL);
	}
	free_list(&a->again);
}

/* --- what a full disk keeps us from writing --- */
static struct owed *owed_of(struct gate_agent *a, const char *container)
{
	for (struct owed *o = a->owed; o != NULL; o = o->next)
		if (strcmp(o->container, container) == 0)
			return o;
	return NULL;
}

static void owe(struct gate_agent *a, const struct action *x)
{
	struct owed *o = owed_of(a, x->name);

	if (o == NULL) {
		o = calloc(1, sizeof(*o));
		if (o == NULL || (o->container = strdup(x->name)) == NULL) {
			free(o); /* it is killed; that we asked for it will not be known */
			return;
		}
		o->next = a->owed;
		a->owed = o;
	}
	o->signal = (int)x->a;
	o->grace_ms = (uint64_t)x->b;
}

void gate_kill_owe(struct gate_agent *a, struct action_list *lost)
{
	for (struct action *x = lost->first; x != NULL; x = x->next) {
		if (x->kind != ACTION_SEND || x->type != GATE_IPC_KILL || x->name == NULL)
			continue;
		owe(a, x);
		gate_action_send(a, GATE_IPC_KILL, x->name, x->a, x->b, -1, NULL);
	}
}

void gate_kill_reapply(struct gate_agent *a)
{
	for (struct owed *o = a->owed; o != NULL; o = o->next) {
		struct gate_agent_task *t = gate_tasks_container(a, o->container);

		if (t == NULL || gate_state_ended(t->state) || ((struct task *)t)->damaged)
			continue;
		t->kill_asked = true;
		t->state = GATE_STATE_KILLING;
		((struct task *)t)->kill_signal = o->signal;
		((struct task *)t)->kill_ms = o->grace_ms;
	}
}

void gate_kill_forget(struct gate_agent *a)
{
	free_list(&a->owed);
	free_list(&a->again);
}

void gate_kill_work(struct gate_agent *a)
{
	ask_again(a);
	if (a->owed == NULL || gate_agent_now(a) < a->retry_ms)
		return;
	gate_agent_begin(a);
	for (struct owed *o = a->owed; o != NULL; o = o->next) {
		struct gate_agent_task *t = gate_tasks_container(a, o->container);

		if (t != NULL && t->kill_asked && !gate_state_ended(t->state))
			gate_change_state(a, t, GATE_STATE_KILLING, GATE_CAUSE_NONE, "");
	}
	if (gate_agent_commit(a, NULL) == 0)
		free_list(&a->owed);
	else
		a->retry_ms = gate_agent_now(a) + GATE_RETRY_MS;
}
