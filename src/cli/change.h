/* change.h - what the verbs share that change an app or a job with one call: restart, scale, delete. */
#ifndef GATE_CLI_CHANGE_H
#define GATE_CLI_CHANGE_H

#include "cli/api.h"

/* Sends a call; -1 also for an answer that is no success. `body`: JSON, or NULL. */
int gate_change_send(const struct gate_cli *cli, const char *method, const struct gate_buf *path, const char *body,
                     struct gate_api_answer *ret, struct gate_err *err);
/* Does fn for each operand, goes on after trouble, then waits as --wait says. fn says what it has done. The exit status. */
typedef int gate_change_fn(const struct gate_cli *cli, const char *word, struct gate_api_answer *answer,
                           struct gate_err *err);
int gate_change_each(const struct gate_cli *cli, gate_change_fn *fn);
/* The app or job that the word names; *job tells which. `id` points into the word. */
int gate_change_find(const struct gate_cli *cli, const char *word, const char **id, bool *job, struct gate_err *err);
/* "?force=true" with --force, else "". */
const char *gate_change_force(const struct gate_cli *cli);

#endif
