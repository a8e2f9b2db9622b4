/* Cron expressions: text to sets, and the next moment. */
#include "base/num.h"
#include "spec/cron.h"

#define DAY         86400
#define BAD(...)    GATE_FAIL(err, GATE_E_INVALID, __VA_ARGS__)
#define MINUTES_ALL ((UINT64_C(1) << 60) - 1)
#define HOURS_ALL   0xffffffU

/* --- fields --- */
enum field { MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR, FIELDS };

static const struct {
	const char *what;
	int least, most;
	const char *names; /* three letters each; the first stands for `base` */
	int base;
} fields[FIELDS] = {
	[MINUTE] = { "the minute", 0, 59, NULL, 0 },
	[HOUR] = { "the hour", 0, 23, NULL, 0 },
	[DAY_OF_MONTH] = { "the day of the month", 1, 31, NULL, 0 },
	[MONTH] = { "the month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", 1 },
	[DAY_OF_WEEK] = { "the day of the week", 0, 7, "SUNMONTUEWEDTHUFRISAT", 0 },
	[YEAR] = { "the year", GATE_CRON_YEAR_MIN, GATE_CRON_YEAR_MAX, NULL, 0 },
};

struct item {
	const char *at;
	size_t len;
};
#define SHOW(i) (int)((i).len < 64 ? (i).len : 64), (i).at

static void mark(struct gate_cron *c, enum field f, int n)
{
	switch (f) {
	case MINUTE:
		c->minutes |= UINT64_C(1) << n;
		break;
	case HOUR:
		c->hours |= UINT32_C(1) << n;
		break;
	case DAY_OF_MONTH:
		c->days |= UINT32_C(1) << n;
		break;
	case MONTH:
		c->months |= UINT32_C(1) << n;
		break;
	case DAY_OF_WEEK:
		c->weekdays |= UINT32_C(1) << n % 7;
		break;
	case YEAR:
	case FIELDS:
		c->years[(n - GATE_CRON_YEAR_MIN) / 64] |= UINT64_C(1) << (n - GATE_CRON_YEAR_MIN) % 64;
		break;
	}
}

/* A number or a name; -1: neither, or not in the field. */
static int value(enum field f, struct item w)
{
	uint64_t n;

	if (fields[f].names != NULL && w.len == 3)
		for (int i = 0; fields[f].names[3 * i] != '\0'; i++)
			if (strncasecmp(w.at, fields[f].names + 3 * i, 3) == 0)
				return fields[f].base + i;
	while (w.len > 1 && w.at[0] == '0') { /* "05" is five */
		w.at++;
		w.len--;
	}
	if (gate_u64_parse(w.at, w.len, (uint64_t)fields[f].most, &n) < 0 || (int)n < fields[f].least)
		return -1;
	return (int)n;
}

static int no_value(enum field f, struct item w, struct gate_err *err)
{
	return BAD("%s is from %d to %d%s, not '%.*s'", fields[f].what, fields[f].least, fields[f].most,
	           fields[f].names != NULL ? " or a name of three letters" : "", SHOW(w));
}

/* "*", "N", "N-M", each with "/STEP"; "N/STEP" goes on to the end. */
static int plain(struct gate_cron *c, enum field f, struct item w, struct gate_err *err)
{
	const char *slash = memchr(w.at, '/', w.len);
	struct item base = { w.at, slash != NULL ? (size_t)(slash - w.at) : w.len };
	const char *dash = memchr(base.at, '-', base.len);
	int from = fields[f].least, to = fields[f].most, step = 1;
	uint64_t n;

	if (slash != NULL) {
		struct item s = { slash + 1, w.len - base.len - 1 };

		if (gate_u64_parse(s.at, s.len, (uint64_t)fields[f].most, &n) < 0 || n == 0)
			return BAD("the step of %s is from 1 to %d, not '%.*s'", fields[f].what, fields[f].most,
			           SHOW(s));
		step = (int)n;
	}
	if (base.len == 1 && base.at[0] == '*') {
		to -= f == DAY_OF_WEEK; /* 7 is 0 again, and would shift the steps */
	} else if (dash != NULL) {
		struct item a = { base.at, (size_t)(dash - base.at) }, b = { dash + 1, base.len - a.len - 1 };

		from = value(f, a);
		to = value(f, b);
		if (from < 0 || to < 0)
			return no_value(f, from < 0 ? a : b, err);
		if (f == DAY_OF_WEEK && to == 0 && from > 0) /* FRI-SUN */
			to = 7;
		if (from > to)
			return BAD("the range '%.*s' of %s runs backwards", SHOW(base), fields[f].what);
	} else {
		from = value(f, base);
		if (from < 0)
			return no_value(f, base, err);
		if (slash == NULL)
			to = from;
		else
			to -= f == DAY_OF_WEEK;
	}
	for (int i = from; i <= to; i += step)
		mark(c, f, i);
	return 0;
}

/* "L", "L-3", "LW", "15W". 1: none of them. */
static int of_month(struct gate_cron *c, struct item w, struct gate_err *err)
{
	if (w.len == 2 && strncasecmp(w.at, "LW", 2) == 0) {
		c->last_working = true;
		return 0;
	}
	if (w.len >= 1 && (w.at[0] == 'L' || w.at[0] == 'l')) {
		uint64_t n = 0;

		if (w.len > 1 && (w.at[1] != '-' || gate_u64_parse(w.at + 2, w.len - 2, 30, &n) < 0))
			return BAD("'L' in the day of the month is L, LW or L-N with N up to 30, not '%.*s'", SHOW(w));
		c->days_from_last |= UINT32_C(1) << n;
		return 0;
	}
	if (w.len > 1 && (w.at[w.len - 1] == 'W' || w.at[w.len - 1] == 'w')) {
		int day = value(DAY_OF_MONTH, (struct item){ w.at, w.len - 1 });

		if (day < 0)
			return no_value(DAY_OF_MONTH, w, err);
		c->days_near |= UINT32_C(1) << day;
		return 0;
	}
	return 1;
}

/* "5L", "5#2". 1: none of them. */
static int of_week(struct gate_cron *c, struct item w, struct gate_err *err)
{
	const char *hash = memchr(w.at, '#', w.len);
	bool last = w.len > 1 && (w.at[w.len - 1] == 'L' || w.at[w.len - 1] == 'l');
	struct item day = { w.at, hash != NULL ? (size_t)(hash - w.at) : w.len - last };
	uint64_t n;

	if (hash == NULL && !last)
		return w.len == 1 && (w.at[0] == 'L' || w.at[0] == 'l')
		           ? BAD("'L' in the day of the week needs the day, as in 5L")
		           : 1;
	int d = value(DAY_OF_WEEK, day);

	if (d < 0)
		return no_value(DAY_OF_WEEK, day, err);
	if (hash == NULL) {
		c->last[d % 7] = 1;
		return 0;
	}
	if (gate_u64_parse(hash + 1, w.len - day.len - 1, 5, &n) < 0 || n == 0)
		return BAD("'#' in the day of the week is followed by 1 to 5, not '%.*s'", SHOW(w));
	c->nth[d % 7] |= (uint8_t)(1U << n);
	return 0;
}

static int item(struct gate_cron *c, enum field f, struct item w, struct gate_err *err)
{
	int done = 1;

	if (w.len == 0)
		return GATE_FAIL(err, GATE_E_SYNTAX, "%s has an empty place in its list", fields[f].what);
	if (f == DAY_OF_MONTH)
		done = of_month(c, w, err);
	if (f == DAY_OF_WEEK)
		done = of_week(c, w, err);
	return done <= 0 ? done : plain(c, f, w, err);
}

static int field(struct gate_cron *c, enum field f, struct item w, struct gate_err *err)
{
	for (;;) {
		const char *comma = memchr(w.at, ',', w.len);
		struct item first = { w.at, comma != NULL ? (size_t)(comma - w.at) : w.len };

		if (item(c, f, first, err) < 0)
			return -1;
		if (comma == NULL)
			return 0;
		w.len -= first.len + 1;
		w.at = comma + 1;
	}
}

/* --- days --- */
/* The working day nearest to `day` in its month. */
static int near_day(int year, int month, int day)
{
	int weekday = gate_day_weekday(gate_day_number(year, month, day)), last = gate_month_days(year, month);

	if (weekday == 6)
		return day > 1 ? day - 1 : day + 2;
	if (weekday == 0)
		return day < last ? day + 1 : day - 2;
	return day;
}

static bool month_day_matches(const struct gate_cron *c, struct gate_day d)
{
	int last = gate_month_days(d.year, d.month);
	int working = last;

	if ((c->days >> d.day & 1) != 0 || (c->days_from_last >> (last - d.day) & 1) != 0)
		return true;
	/* A working day that is "nearest" can be two days away at most. */
	for (int i = d.day > 2 ? d.day - 2 : 1; c->days_near != 0 && i <= last && i <= d.day + 2; i++)
		if ((c->days_near >> i & 1) != 0 && near_day(d.year, d.month, i) == d.day)
			return true;
	while (c->last_working) {
		int weekday = gate_day_weekday(gate_day_number(d.year, d.month, working));

		if (weekday != 0 && weekday != 6)
			return working == d.day;
		working--;
	}
	return false;
}

static bool day_matches(const struct gate_cron *c, int64_t number)
{
	struct gate_day d = gate_day_of(number);
	int weekday = gate_day_weekday(number), n = d.year - GATE_CRON_YEAR_MIN;
	bool every = (c->years[0] | c->years[1] | c->years[2]) == 0;

	if ((c->months >> d.month & 1) == 0 || (!every && (c->years[n / 64] >> n % 64 & 1) == 0))
		return false;
	if ((c->weekdays >> weekday & 1) == 0 && (c->nth[weekday] >> ((d.day - 1) / 7 + 1) & 1) == 0 &&
	    (c->last[weekday] == 0 || d.day + 7 <= gate_month_days(d.year, d.month)))
		return false;
	return month_day_matches(c, d);
}

/* The first matching minute in [from, to), seconds of local time; false: none. */
static bool search(const struct gate_cron *c, int64_t from, int64_t to, int64_t *at)
{
	int64_t end = gate_day_number(GATE_CRON_YEAR_MAX + 1, 1, 1) * DAY;
	int64_t minute = (from + 59) / 60; /* never negative: callers begin in 1970 */

	if (to > end)
		to = end;
	while (minute * 60 < to) {
		int64_t day = minute / 1440;
		int of_day = (int)(minute % 1440);

		if (!day_matches(c, day)) {
			minute = (day + 1) * 1440;
			continue;
		}
		for (; of_day < 1440; of_day++) {
			if ((c->hours >> of_day / 60 & 1) == 0)
				of_day += 59 - of_day % 60;
			else if ((c->minutes >> of_day % 60 & 1) != 0)
				break;
		}
		minute = day * 1440 + of_day;
		if (of_day < 1440 && minute * 60 < to) {
			*at = minute * 60;
			return true;
		}
	}
	return false;
}

bool gate_cron_next(const struct gate_cron *c, const struct gate_zone *z, int64_t t, int64_t *at)
{
	bool elapsed = c->hours == HOURS_ALL;
	/* Times before 1970 in any zone are of no interest. */
	int64_t from = t + 1 < 2 * DAY ? 2 * DAY : t + 1, begin, end, local;

	/* Stretches between two changes of the clock, one after the other. */
	for (;;) {
		int32_t offset = gate_zone_offset(z, from), before = offset;
		int64_t low = from + offset;
		bool ends = gate_zone_next(z, from, &end);

		if (gate_zone_last(z, from, &begin))
			before = gate_zone_offset(z, begin - 1);
		/* Put back: the first times of this stretch have been there before. Put forward at this very moment: what was
		 * skipped comes now. */
		if (!elapsed && before > offset && low < begin + before)
			low = begin + before;
		if (!elapsed && before < offset && from == begin && search(c, begin + before, begin + offset, &local)) {
			*at = from;
			return true;
		}
		if (search(c, low, ends ? end + offset : INT64_MAX, &local)) {
			*at = local - offset;
			return true;
		}
		if (!ends || gate_day_of(end / DAY).year > GATE_CRON_YEAR_MAX)
			return false;
		from = end;
	}
}

/* --- the whole --- */
static void show(struct gate_cron *c, size_t *len, struct item w)
{
	if (*len > 0)
		c->text[(*len)++] = ' ';
	if (w.len == 3 && memcmp(w.at, "*/1", 3) == 0)
		w.len = 1;
	memcpy(c->text + *len, w.at, w.len);
	*len += w.len;
	c->text[*len] = '\0';
}

int gate_cron_parse(const char *text, struct gate_cron *ret, struct gate_err *err)
{
	static const char blanks[] = " \t";
	struct gate_cron c = { 0 };
	size_t n = 0, shown = 0;
	int64_t at;

	if (strlen(text) > GATE_CRON_TEXT_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "it has more than %d bytes", GATE_CRON_TEXT_MAX);
	for (const char *p = text + strspn(text, blanks); *p != '\0'; n++) {
		struct item w = { p, strcspn(p, blanks) };

		if (n == FIELDS)
			return GATE_FAIL(err, GATE_E_SYNTAX, "it has more than six fields");
		/* A year that may be any is the same as none. */
		if (!(n == YEAR && w.len == 1 && w.at[0] == '*') && field(&c, (enum field)n, w, err) < 0)
			return -1;
		show(&c, &shown, w);
		p += w.len;
		p += strspn(p, blanks);
	}
	if (n < YEAR)
		return GATE_FAIL(err, GATE_E_SYNTAX,
		                 "it has %zu fields; minute, hour, day of month, month and day of week are needed", n);
	if (!search(&c, 2 * DAY, INT64_MAX, &at))
		return BAD("no day matches it until the year %d", GATE_CRON_YEAR_MAX);
	*ret = c;
	return 0;
}
