/* settle.h - do all ways through a list of cases end alike? Private to this layer. */
#ifndef GATE_COMPILE_SETTLE_H
#define GATE_COMPILE_SETTLE_H

#include "profile/rules.h"

/* 1 and *action when the list decides the same whatever the arguments are, 0 when it does not, or when finding out
 * would take too long; -1 when memory is gone. Slow: asks a diagram. */
int gate_settle(const struct gate_case *cases, size_t n, uint32_t *action);

#endif
