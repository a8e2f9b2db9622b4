/* schema.h - the database's tables, all of them: modules add theirs to version 1 in schema.c. */
#ifndef GATE_AGENT_SCHEMA_H
#define GATE_AGENT_SCHEMA_H

#include "store/db.h"

extern const struct gate_db_schema gate_schema;

#endif
