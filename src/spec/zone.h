/* zone.h - time zones: TZif files (RFC 8536), read from bytes that somebody else opened. Pure.
 *
 * Only versions 2 and later (64-bit times and a footer with the rule for all years to come), without leap seconds. */
#ifndef GATE_SPEC_ZONE_H
#define GATE_SPEC_ZONE_H

#include "base/base.h"

#define GATE_ZONE_BYTES_MAX (64U << 10) /* the largest of tzdata 2024 has 4 KiB */

struct gate_zone;

/* SYNTAX when the bytes are not such a file. */
int gate_zone_read(const void *bytes, size_t len, struct gate_zone **ret, struct gate_err *err);
void gate_zone_free(struct gate_zone *z); /* NULL is fine; what gate_zone_utc lends stays */
GATE_DEFINE_FREEP(struct gate_zone, gate_zone_free)
const struct gate_zone *gate_zone_utc(void);
/* "Europe/Berlin": parts of letters, digits, '_', '-' and '+', the form of a name below /usr/share/zoneinfo; not "posix/…" and
 * "right/…", which are other forms of the same zones. */
bool gate_zone_name_ok(const char *name);

/* Seconds that are added to UTC at `t` (seconds since 1970). */
int32_t gate_zone_offset(const struct gate_zone *z, int64_t t);
/* The first moment after `t` at which that number changes; false: never again. */
bool gate_zone_next(const struct gate_zone *z, int64_t t, int64_t *at);
/* The last one at or before `t`; false: none before. */
bool gate_zone_last(const struct gate_zone *z, int64_t t, int64_t *at);

/* --- the calendar (Gregorian, also before its time) --- */
struct gate_day {
	int year, month, day; /* from 1 */
};
int64_t gate_day_number(int year, int month, int day); /* days since 1970-01-01 */
struct gate_day gate_day_of(int64_t number);
int gate_day_weekday(int64_t number); /* 0: Sunday */
int gate_month_days(int year, int month);

#endif
