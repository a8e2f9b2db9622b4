/* metronome_parts.h - what the files of Metronome's definitions share. Only they include this. */
#ifndef GATE_SPEC_METRONOME_PARTS_H
#define GATE_SPEC_METRONOME_PARTS_H

#include "spec/metronome.h"

/* The member schema is the whole one without the schedules. */
extern const struct gate_schema gate_job_schema, gate_job_member_schema, gate_job_run_schema, gate_job_schedule_schema;

/* metronome_check.c: everything but types, into `f`. Settles the schedules (cron, zone). */
void gate_job_judge(struct gate_job *job, const struct gate_job_host *host, struct gate_faults *f);
void gate_job_judge_schedule(struct gate_job_schedule *s, const struct gate_job_host *host, struct gate_faults *f);

#endif
