/* report.h - how a task ended, in words and as JSON, out of its record: for run, wait and inspect. */
#ifndef GATE_CLI_REPORT_H
#define GATE_CLI_REPORT_H

#include "cli/cli.h"
#include "task/record.h"

/* On standard error, when a task has ended: which calls its filter killed for, for every process of it; with `log` also
 * those that were refused or logged, and how complete that is; out of memory; out of time; output that was not logged.
 * `source`: the profile, for places; NULL when it is not at hand (unconfined, or the file is another one by now). The
 * format is that of --format where the verb has that option: text, or one JSON object for each call. */
void gate_report(const struct gate_cli *cli, const struct gate_record *r, struct gate_source *source, bool log);

/* "mount (165, x86_64)" and the keys of the object of one denial. */
void gate_report_call(struct gate_buf *out, const struct gate_record_denial *d);
void gate_report_denial_json(struct gate_json *j, const struct gate_record_denial *d, struct gate_source *source);
/* Why the list of denials may lack some, "; " between; nothing when it is complete. */
void gate_report_gaps(struct gate_buf *out, const struct gate_record *r);
/* "created", "running", "exited", "killed", "not started", "lost": one stable word. */
const char *gate_report_word(enum gate_task_state state, const struct gate_record *r);

#endif
