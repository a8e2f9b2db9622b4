/* cond.h - one test of one argument in normal form. Within this layer. */
#ifndef GATE_PROFILE_COND_H
#define GATE_PROFILE_COND_H

#include "profile/rules.h"

enum gate_truth { GATE_NEVER = 1, GATE_ALWAYS, GATE_SOMETIMES };

/* *ret is written for GATE_SOMETIMES only. On 32 bits the upper halves of value and two are dropped, as a C cast to the
 * declared type drops them: 0xffffffffffffffff is the int -1. */
enum gate_truth gate_cond_make(unsigned arg, enum gate_op op, uint64_t value, uint64_t two, bool wide,
                               struct gate_cond *ret);
bool gate_cond_holds(const struct gate_cond *c, const struct gate_data *data);

#endif
