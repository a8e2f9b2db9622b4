/* tasks.h - what the verbs on tasks share: the state directory, operands that are tasks, talk with keepers. */
#ifndef GATE_CLI_TASKS_H
#define GATE_CLI_TASKS_H

#include "cli/cli.h"
#include "container/container.h"

GATE_DEFINE_FREEP(struct gate_store, gate_store_close)

extern const struct gate_option gate_options_state[]; /* --state-dir */

/* Opens the state directory of --state-dir and cleans up after keepers that were killed. NULL after trouble. */
struct gate_store *gate_ask_store(const struct gate_cli *cli);
/* Calls fn for the task of each operand; trouble is said and the next one is tried. The exit status: 0, or that of our own
 * failures when anything failed. */
typedef int gate_each_fn(const struct gate_cli *cli, struct gate_store *s, const char *word, const struct gate_entry *e,
                         struct gate_err *err);
int gate_each_task(const struct gate_cli *cli, struct gate_store *s, gate_each_fn *fn);

/* Has the keeper stop the task: `sig` 0 and `ms` UINT64_MAX mean the task's own. Returns when the keeper has heard it.
 * NOTFOUND when it does not run. */
int gate_task_stop(struct gate_store *s, const char *id, int sig, uint64_t ms, struct gate_err *err);
int gate_task_signal(struct gate_store *s, const char *id, int sig, struct gate_err *err);
/* Waits for the end and returns its record, that of a task that has ended at once. NOTFOUND when it is lost: how it ended
 * nobody knows. */
int gate_task_wait(struct gate_store *s, const char *id, struct gate_record *ret, struct gate_err *err);

/* "SIGTERM", "term", "15". */
int gate_signal_parse(const char *text, int *ret, struct gate_err *err);

/* --- when.c --- */
uint64_t gate_now_ns(void);
/* "3 minutes", "About an hour": as docker says it. */
void gate_duration_text(uint64_t ns, char ret[32]);
/* "2026-11-23T00:52:10.123456789Z"; "" for 0. */
void gate_time_text(uint64_t ns, char ret[40]);
/* What --since takes: that form, also cut short ("2026-11-23", "2026-11-23T10:00"; without a zone: ours) or with an offset
 * ("+01:00"), seconds since 1970 ("1700000000.5"), or how long ago ("10m", "1h30m"). */
int gate_time_parse(const char *text, uint64_t now, uint64_t *ret, struct gate_err *err);

/* --- template.c: what --format takes of Go's templates --- */
struct gate_template; /* parsed */
/* {{.Field.Field}}, {{json .}}, {{len .Field}}, {{index .Field "key" 0}}, {{.Label "key"}}, {{range .Field}}…{{end}},
 * {{if .Field}}…{{else}}…{{end}}; \t and \n outside of them. Fails with a place in the text. */
int gate_template_parse(const char *text, struct gate_template **ret, struct gate_err *err);
/* Writes it out for one value. Fields are found whatever their case; one that is not there is an error that names those that
 * are. Control bytes in values are escaped. */
int gate_template_print(const struct gate_template *t, const struct gate_doc *value, struct gate_buf *out,
                        struct gate_err *err);
/* The fields in capitals, as the head of a table: "CONTAINER ID	NAMES". */
void gate_template_head(const struct gate_template *t, struct gate_buf *out);
/* A value as it was read. */
void gate_doc_json(struct gate_json *j, const struct gate_doc *d);
void gate_template_free(struct gate_template *t);
GATE_DEFINE_FREEP(struct gate_template, gate_template_free)

#endif
