/* make.h - tasks for tests of the core. */
#ifndef TESTS_AGENT_MAKE_H
#define TESTS_AGENT_MAKE_H

#include <stdio.h>

#include "fake.h"

/* Into the open transaction: "sleep 9" in `container`, task "task.CONTAINER". NULL: refused. */
static inline struct gate_agent_task *make_task(struct fake *f, const char *container, struct gate_new_task n,
                                                struct gate_err *err)
{
	struct gate_agent_task *t = NULL;
	struct gate_task task;
	char id[160];

	gate_task_init(&task);
	task.args.at = calloc(2, sizeof(*task.args.at)); /* gate_task_done frees lists */
	task.args.at[0] = "sleep";
	task.args.at[1] = "9";
	task.args.n = 2;
	(void)snprintf(id, sizeof(id), "task.%s", container);
	n.id = id;
	n.container = container;
	n.owner = n.owner != 0 ? n.owner : GATE_OWNER_OPERATOR;
	n.owner_id = "/web";
	n.version = "v1";
	n.cpus = 0.1;
	n.mem_mib = 32;
	n.ports = "31000,31001";
	n.client = "uid 1000";
	n.rights = GATE_RIGHT_ALL;
	n.task = &task;
	return gate_tasks_add(f->agent, &n, &t, err) == 0 ? t : NULL;
}

/* In a transaction of its own; launched. */
static inline struct gate_agent_task *add_task(struct fake *f, const char *container)
{
	struct gate_err err = GATE_ERR_INIT;

	gate_agent_begin(f->agent);
	if (make_task(f, container, (struct gate_new_task){ 0 }, &err) == NULL || gate_agent_commit(f->agent, &err) < 0)
		fail_msg("%s", err.text);
	fake_turn(f);
	return gate_tasks_container(f->agent, container);
}

static inline void kill_task(struct fake *f, const char *container, int signal, uint64_t grace)
{
	gate_agent_begin(f->agent);
	gate_tasks_kill(f->agent, gate_tasks_container(f->agent, container), signal, grace);
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_turn(f);
}

static inline void expect_task(struct fake *f, const char *container, enum gate_state state, enum gate_cause cause,
                               const char *message)
{
	struct gate_agent_task *t = gate_tasks_container(f->agent, container);

	assert_non_null(t);
	assert_string_equal(gate_state_name(t->state), gate_state_name(state));
	assert_int_equal(t->cause, cause);
	assert_string_equal(t->message, message);
}

#endif
