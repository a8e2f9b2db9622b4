/* cron.h - when a schedule runs: Metronome's cron expressions in a time zone. Pure.
 *
 * Five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday), and a sixth for years (1970 to 2099) that may be
 * left out. A field is a star, or values, ranges and steps ("5", "1-7", "5/15", "1-31/2", a star with "/15") with commas between
 * them; months and days of the week have names (JAN, mon). Days of the month also: "L" the last, "L-3" three before it, "15W" the
 * working day nearest to the 15th, "LW" the last working day; of the week: "5L" the last Friday of the month, "5#2" the second.
 * As in Metronome and unlike in cron(8) BOTH days must match when both are said.
 *
 * Clocks that are put forward or back: an expression whose hours are all 24 means "every so often", and is about the time that
 * really passes. Any other is about the clock on the wall: a moment that the clock skips comes when the clock has been put
 * forward, once; one that it shows twice counts the first time only. */
#ifndef GATE_SPEC_CRON_H
#define GATE_SPEC_CRON_H

#include "spec/zone.h"

#define GATE_CRON_TEXT_MAX 256
#define GATE_CRON_YEAR_MIN 1970
#define GATE_CRON_YEAR_MAX 2099

struct gate_cron {
	uint64_t minutes;
	uint32_t hours, days, months;      /* bit n: n; days and months from bit 1 */
	uint32_t weekdays;                 /* bit 0: Sunday; "5#2" and "5L" are not here */
	uint32_t days_near;                /* "15W" */
	uint32_t days_from_last;           /* bit 3: "L-3" */
	bool last_working;                 /* "LW" */
	uint8_t nth[7], last[7];           /* of the weekday: bit k: the k-th; 1: the last */
	uint64_t years[3];                 /* bit n: 1970 + n; all zero: every year */
	char text[GATE_CRON_TEXT_MAX + 1]; /* as it is shown: single blanks, "*" for a star with "/1" */
};

/* SYNTAX or INVALID: the sentence names the field. Also refused: what no calendar has ("0 0 31 2 *"). */
int gate_cron_parse(const char *text, struct gate_cron *ret, struct gate_err *err);
/* The first moment after `t` (both seconds since 1970). False: there is none until 2099. */
bool gate_cron_next(const struct gate_cron *c, const struct gate_zone *z, int64_t t, int64_t *at);

#endif
