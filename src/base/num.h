/* num.h - text to numbers, strictly: every character consumed, exact range, no sign, no leading blanks. */
#ifndef GATE_BASE_NUM_H
#define GATE_BASE_NUM_H

#include "base/base.h"

/* Decimal only; "" and leading zeros (but "0") are refused. Returns 0, or -1 (not a number) or -2 (above max);
 * *ret only on success. */
int gate_u64_parse(const char *s, size_t len, uint64_t max, uint64_t *ret);
/* As above, and also 0x… and 0… (octal is refused) for numbers that people type. */
int gate_u64_parse_any(const char *s, size_t len, uint64_t max, uint64_t *ret);

/* Edit distance (insert, delete, replace, swap of neighbours), capped: returns max + 1 when it is larger.
 * Texts longer than 64 bytes count as far apart. ASCII letters are equal in either case. */
unsigned gate_distance(const char *a, size_t alen, const char *b, size_t blen, unsigned max);

#endif
