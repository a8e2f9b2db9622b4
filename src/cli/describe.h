/* describe.h - one thing of an agent for people: lines of "name value", and tables below them. */
#ifndef GATE_CLI_DESCRIBE_H
#define GATE_CLI_DESCRIBE_H

#include "cli/api.h"

void gate_describe_app(const struct gate_cli *cli, const struct gate_found *f);
void gate_describe_job(const struct gate_cli *cli, const struct gate_found *f);
void gate_describe_task(const struct gate_cli *cli, const struct gate_found *f);
void gate_describe_profile(const struct gate_cli *cli, const struct gate_found *f);

/* --- describe_tasks.c --- */
/* The tasks of an owner ("marathon", "metronome") of that id, the newest first, and below them the calls that were refused to them. */
void gate_describe_tasks(const struct gate_cli *cli, const char *owner, const char *id);
/* "profile 'web.json'", "unconfined", "none" */
void gate_describe_profile_of(const struct gate_doc *task, struct gate_buf *out);
/* A table of denials: call, times, verdict, place. `task` NULL: no column for it. */
struct gate_denials {
	struct gate_table table;
	uint32_t n;
	bool tasks;
};
void gate_denials_begin(struct gate_denials *d, bool tasks);
void gate_denials_add(struct gate_denials *d, const struct gate_doc *task);
void gate_denials_print(const struct gate_cli *cli, struct gate_denials *d);

#endif
