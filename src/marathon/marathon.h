/* marathon.h - Marathon on one host: apps with versions, instances that are kept running, deployments, health checks, REST.
 *
 * Deterministic but for its probes. What is wanted and how far it is lasts in the database; the driver (drive.c) compares
 * it with what is and does the next step, so it does not matter when the front was killed in between. */
#ifndef GATE_MARATHON_MARATHON_H
#define GATE_MARATHON_MARATHON_H

#include "agent/agent.h"
#include "marathon/probe.h"

int gate_marathon_open(struct gate_agent *a, struct gate_err *err); /* gate_scheduler_open_fn */
/* The same with other probes, for tests. */
int gate_marathon_open_with(struct gate_agent *a, const struct gate_prober *prober, struct gate_err *err);

#endif
