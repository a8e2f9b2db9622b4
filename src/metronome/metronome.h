/* metronome.h - Metronome on one host: jobs, their schedules, runs and history, and its REST calls (/v1/jobs…, /v0/scheduled-jobs, /v1/queue,
 * /v1/metrics, /info). Stands on src/agent and uses no other scheduler.
 *
 * A run is one execution of a job: tasks one after the other, until one ends well (SUCCESS), or one fails and the job's restart
 * policy gives no further one (FAILED). Moments of a schedule that pass while nobody looks (the agent is down, the host sleeps, the
 * clock is put forward) run once when the last of them is within startingDeadlineSeconds, and are skipped otherwise. A clock that is
 * put back by up to three hours repeats nothing; by more, the schedule begins anew from the new time. */
#ifndef GATE_METRONOME_METRONOME_H
#define GATE_METRONOME_METRONOME_H

#include "agent/agent.h"

int gate_metronome_open(struct gate_agent *a, struct gate_err *err);

#endif
