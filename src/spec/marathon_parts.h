/* marathon_parts.h - what the files of Marathon's definitions share. Only they include this. */
#ifndef GATE_SPEC_MARATHON_PARTS_H
#define GATE_SPEC_MARATHON_PARTS_H

#include "spec/marathon.h"

extern const struct gate_schema gate_app_schema, gate_app_unreachable_schema;

/* marathon_check.c: everything but types, into `f`. */
void gate_app_judge(const struct gate_app *app, const struct gate_app_host *host, struct gate_faults *f);
/* marathon_cluster.c: what one host cannot do. */
void gate_app_judge_cluster(const struct gate_app *app, const struct gate_app_host *host, struct gate_faults *f);

static inline bool gate_app_said(const struct gate_app *app, const char *field)
{
	return (app->said & gate_schema_bit(&gate_app_schema, field)) != 0;
}

#endif
