#include <time.h>

#include "base/num.h"
#include "cli/tasks.h"

#define SECOND UINT64_C(1000000000)

uint64_t gate_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

void gate_duration_text(uint64_t ns, char ret[32])
{
	enum { MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 7 * DAY, MONTH = 30 * DAY, YEAR = 365 * DAY };
	static const struct {
		uint64_t below, unit; /* seconds */
		const char *text;     /* with the number of units, where the unit is not 0 */
	} steps[] = {
		{ 1, 0, "Less than a second" },     { 2, 0, "1 second" },
		{ MINUTE, 1, "%llu seconds" },      { 2 * MINUTE, 0, "About a minute" },
		{ HOUR, MINUTE, "%llu minutes" },   { 2 * HOUR, 0, "About an hour" },
		{ 2 * DAY, HOUR, "%llu hours" },    { 2 * WEEK, DAY, "%llu days" },
		{ 2 * MONTH, WEEK, "%llu weeks" },  { 2 * YEAR, MONTH, "%llu months" },
		{ UINT64_MAX, YEAR, "%llu years" },
	};
	uint64_t seconds = ns / SECOND;
	size_t i = 0;

	while (seconds >= steps[i].below)
		i++;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	(void)snprintf(ret, 32, steps[i].text, (unsigned long long)(steps[i].unit != 0 ? seconds / steps[i].unit : 0));
#pragma GCC diagnostic pop
}

void gate_time_text(uint64_t ns, char ret[40])
{
	time_t seconds = (time_t)(ns / SECOND);
	struct tm tm;

	ret[0] = '\0';
	if (ns == 0 || gmtime_r(&seconds, &tm) == NULL)
		return;
	size_t n = strftime(ret, 40, "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(ret + n, 40 - n, ".%09uZ", (unsigned)(ns % SECOND));
}

/* ".5" as nanoseconds; moves *s behind it. */
static bool fraction(const char **s, uint64_t *ret)
{
	uint64_t unit = SECOND / 10, n = 0;
	const char *at = *s + 1;

	if (**s != '.') {
		*ret = 0;
		return true;
	}
	for (; *at >= '0' && *at <= '9'; at++, unit /= 10)
		n += unit * (uint64_t)(*at - '0');
	if (at == *s + 1)
		return false;
	*s = at;
	*ret = n;
	return true;
}

static bool digits(const char **s, uint64_t max, uint64_t *ret)
{
	size_t len = strspn(*s, "0123456789");

	/* Leading zeros are usual here. */
	while (len > 1 && **s == '0') {
		(*s)++;
		len--;
	}
	if (len == 0 || gate_u64_parse(*s, len, max, ret) < 0)
		return false;
	*s += len;
	return true;
}

/* "1h30m", "1.5s". */
static bool duration(const char *s, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ms", SECOND / 1000 }, { "us", SECOND / 1000000 }, { "ns", 1 },
		      { "h", 3600 * SECOND },  { "m", 60 * SECOND },       { "s", SECOND } };
	uint64_t sum = 0, n, part;

	if (*s == '\0')
		return false;
	while (*s != '\0') {
		size_t i = 0;

		if (!digits(&s, 1000000000, &n) || !fraction(&s, &part))
			return false;
		while (i < GATE_ARRAY_LEN(units) && strncmp(s, units[i].name, strlen(units[i].name)) != 0)
			i++;
		if (i == GATE_ARRAY_LEN(units) || n > UINT64_MAX / 4 / units[i].ns)
			return false;
		sum += n * units[i].ns + (uint64_t)((double)part * (double)units[i].ns / (double)SECOND);
		s += strlen(units[i].name);
	}
	*ret = sum;
	return true;
}

static bool unix_time(const char *s, uint64_t *ret)
{
	uint64_t n, part;

	if (!digits(&s, UINT64_MAX / SECOND - 1, &n) || !fraction(&s, &part) || *s != '\0')
		return false;
	*ret = n * SECOND + part;
	return true;
}

/* "Z", "+01:00", "" (ours): seconds to subtract, or false. */
static bool zone(const char *s, struct tm *tm, time_t *ret)
{
	uint64_t hours, minutes;
	int sign = *s == '-' ? -1 : 1;

	if (*s == '\0') {
		tm->tm_isdst = -1;
		*ret = mktime(tm);
		return *ret != -1;
	}
	*ret = timegm(tm);
	if (strcmp(s, "Z") == 0)
		return true;
	if ((*s != '+' && *s != '-') || strlen(s) != 6 || s[3] != ':')
		return false;
	s++;
	if (!digits(&s, 23, &hours) || *s++ != ':' || !digits(&s, 59, &minutes) || *s != '\0')
		return false;
	*ret -= sign * (time_t)(hours * 3600 + minutes * 60);
	return true;
}

static bool date(const char *s, uint64_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d" };
	uint64_t part;
	time_t seconds;

	for (size_t i = 0; i < GATE_ARRAY_LEN(forms); i++) {
		struct tm tm = { 0 };
		const char *at = strptime(s, forms[i], &tm);

		if (at == NULL || !fraction(&at, &part) || !zone(at, &tm, &seconds) || seconds < 0)
			continue;
		*ret = (uint64_t)seconds * SECOND + part;
		return true;
	}
	return false;
}

int gate_time_parse(const char *text, uint64_t now, uint64_t *ret, struct gate_err *err)
{
	uint64_t ago;

	if (unix_time(text, ret) || date(text, ret))
		return 0;
	if (!duration(text, &ago))
		return GATE_FAIL(
		    err, GATE_E_INVALID,
		    "'%s' is no time: write 2026-11-23T10:00:00Z, seconds since 1970, or how long ago, as in 10m",
		    text);
	*ret = ago < now ? now - ago : 0;
	return 0;
}
