/* run.h - the parts of the verb run: its flags, the task that they describe. */
#ifndef GATE_CLI_RUN_H
#define GATE_CLI_RUN_H

#include "cli/cli.h"
#include "task/task.h"

/* run_flags.c: tables of the flags, by what they are about. */
extern const struct gate_option gate_run_general[], gate_run_files[], gate_run_rights[], gate_run_amounts[],
    gate_run_spaces[], gate_run_own[];

/* run_task.c */
/* The task that the options and operands describe. False after trouble, which was said. */
bool gate_run_task(const struct gate_cli *cli, struct gate_task *t);
/* A SOURCE whose path does not depend on the working directory any more; freed by the caller. NULL: out of memory. */
char *gate_run_source_word(const char *word);

/* run_notify.c: for a profile that leaves calls to a supervisor, whom the launch itself cannot wait for. False when it would
 * have to, which was said; else a warning was. */
bool gate_run_notify(const struct gate_cli *cli, struct gate_source *source);

struct gate_store;
/* run_replace.c: stops and removes the task that has this name, if there is one. */
int gate_run_replace(struct gate_store *s, const char *name, struct gate_err *err);

#endif
