/* Ended containers go after a while, or when there are too many: the container first, then the row. */
#include "agent/parts.h"

#define AGAIN_MS 60000 /* one that could not be removed */

static bool waits(const struct task *k)
{
	return gate_state_ended(k->t.state) && !k->damaged && !k->collecting;
}

void gate_tasks_collect(struct gate_agent *a, struct gate_agent_task *t)
{
	struct task *k = (struct task *)t;

	if (!gate_state_ended(t->state) || k->collecting)
		return;
	k->collecting = true;
	gate_action_send(a, GATE_IPC_REMOVE, t->container, 0, 0, -1, NULL);
}

/* The oldest first: that is the order of the list. */
static void look(struct gate_agent *a)
{
	size_t most = a->config->ended_most != 0 ? a->config->ended_most : GATE_ENDED_KEPT;
	size_t over = a->n_ended > most ? a->n_ended - most : 0;
	int64_t wall = gate_agent_wall(a);

	a->gc_ms = INT64_MAX;
	for (struct task *k = a->first; k != NULL; k = (struct task *)k->t.next) {
		uint64_t age = wall > k->t.ended_ms ? (uint64_t)(wall - k->t.ended_ms) : 0;

		if (k->collecting && over > 0)
			over--;
		if (!waits(k))
			continue;
		if (over > 0 || age >= a->config->gc_delay_ms) {
			over -= over > 0;
			gate_tasks_collect(a, &k->t);
		} else if (a->config->gc_delay_ms < (uint64_t)INT64_MAX / 2 &&
		           k->t.ended_ms + (int64_t)a->config->gc_delay_ms < a->gc_ms) {
			a->gc_ms = k->t.ended_ms + (int64_t)a->config->gc_delay_ms;
		}
	}
}

void gate_collect_work(struct gate_agent *a)
{
	if (!gate_agent_recovered(a) || (!a->gc_soon && gate_agent_wall(a) < a->gc_ms))
		return;
	a->gc_soon = false;
	look(a);
}

void gate_collect_refused(struct gate_agent *a, struct gate_agent_task *t)
{
	((struct task *)t)->collecting = false;
	if (gate_agent_wall(a) + AGAIN_MS < a->gc_ms)
		a->gc_ms = gate_agent_wall(a) + AGAIN_MS;
}

/* The wall clock may be set meanwhile: looked at once an hour at least. */
int64_t gate_collect_next(struct gate_agent *a)
{
	const int64_t hour = INT64_C(3600000);
	int64_t wait = a->gc_ms == INT64_MAX ? INT64_MAX : a->gc_ms - gate_agent_wall(a);

	if (wait == INT64_MAX)
		return INT64_MAX;
	return gate_agent_now(a) + (wait < 0 ? 0 : wait < hour ? wait : hour);
}
