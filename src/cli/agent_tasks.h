/* agent_tasks.h - an agent's tasks for the verbs that know tasks without one: ps, logs, inspect. */
#ifndef GATE_CLI_AGENT_TASKS_H
#define GATE_CLI_AGENT_TASKS_H

#include "cli/api.h"
#include "cli/tasks.h"

enum gate_agent_use {
	GATE_AGENT_NOT = 0, /* --state-dir was given, or no agent has a socket here */
	GATE_AGENT_TOO,     /* the one of this host, if it answers */
	GATE_AGENT_ONLY     /* --host or CALLGATE_HOST */
};
enum gate_agent_use gate_agent_use(const struct gate_cli *cli);

/* Its tasks as entries of a store, oldest first, each with what a task's configuration would say. */
struct gate_agent_tasks {
	struct gate_entry *entries;
	const struct gate_doc **configs;
	size_t n;
	struct gate_api_answer answer;
	struct gate_arena arena;
};
int gate_agent_tasks_get(const struct gate_cli *cli, struct gate_agent_tasks *ret, struct gate_err *err);
void gate_agent_tasks_done(struct gate_agent_tasks *t);

/* What inspect shows of one: the agent's object behind "schemaVersion". */
int gate_agent_inspect(const struct gate_cli *cli, const char *word, unsigned indent, struct gate_buf *out,
                       struct gate_err *err);
/* What logs shows of one. */
int gate_agent_logs(const struct gate_cli *cli, const char *word, bool follow, uint64_t tail, struct gate_err *err);

#endif
