/* mesos.h - Mesos' agent API for one host: the operator API v1 (POST /api/v1) and the older GETs. callgate-api(7) has the
 * calls, docs/from-mesos.md where they differ. */
#ifndef GATE_MESOS_MESOS_H
#define GATE_MESOS_MESOS_H

#include "agent/agent.h"

/* The scheduler of standalone and nested containers: no scheduler at all, it starts what it is told. */
gate_scheduler_open_fn gate_mesos_open;

#endif
