/* TZif files, their footers, and days. */
#include "spec/zone.h"

/* What RFC 8536 allows and real zones stay far below. */
#define TRANSITIONS_MAX 4096
#define DAY             86400

/* A rule for one change a year: "M3.5.0/2", "J60", "59". */
struct rule {
	char kind; /* 'M', 'J', or 'n' */
	int month, week, day;
	int32_t seconds; /* after midnight, in the time that ends then */
};

struct gate_zone {
	size_t n;
	int64_t *at;      /* ascending */
	int32_t *offsets; /* from at[i] on */
	int32_t first;    /* before at[0] */
	bool footer, summer;
	int32_t standard, saving; /* by the footer */
	struct rule begin, end;
};

/* --- calendar --- */
static bool leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int gate_month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years begin in March, so that the day of February 29 comes last; 400 years have 146097 days. */
int64_t gate_day_number(int year, int month, int day)
{
	int64_t y = month <= 2 ? (int64_t)year - 1 : year, era = floor_div(y, 400), of_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct gate_day gate_day_of(int64_t number)
{
	int64_t n = number + 719468, era = floor_div(n, 146097), of_era = n - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	struct gate_day d;

	d.day = (int)(of_year - (153 * month + 2) / 5 + 1);
	d.month = (int)(month < 10 ? month + 3 : month - 9);
	d.year = (int)(year + era * 400 + (d.month <= 2));
	return d;
}

int gate_day_weekday(int64_t number)
{
	int64_t w = (number + 4) % 7; /* 1970-01-01 was a Thursday */

	return (int)(w < 0 ? w + 7 : w);
}

/* --- the footer: a POSIX TZ string --- */
struct text {
	const char *at, *end;
};

static bool take(struct text *t, char c)
{
	if (t->at >= t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static bool number(struct text *t, int most, int *ret)
{
	const char *start = t->at;
	int n = 0;

	while (t->at < t->end && *t->at >= '0' && *t->at <= '9' && t->at - start < 4)
		n = n * 10 + (*t->at++ - '0');
	*ret = n;
	return t->at > start && n <= most;
}

/* An abbreviation: three or more letters, or anything of "A-Za-z0-9+-" between < and >. */
static bool name(struct text *t)
{
	const char *start = t->at;

	if (take(t, '<')) {
		while (t->at < t->end && *t->at != '>')
			t->at++;
		return take(t, '>');
	}
	while (t->at < t->end && ((*t->at >= 'a' && *t->at <= 'z') || (*t->at >= 'A' && *t->at <= 'Z')))
		t->at++;
	return t->at - start >= 3;
}

/* [+-]hh[:mm[:ss]]; hours up to 167 as version 3 has them. */
static bool clock_time(struct text *t, int32_t *ret)
{
	int h, m = 0, s = 0;
	bool minus = take(t, '-');

	if (!minus)
		(void)take(t, '+');
	if (!number(t, 167, &h) || (take(t, ':') && (!number(t, 59, &m) || (take(t, ':') && !number(t, 59, &s)))))
		return false;
	*ret = (minus ? -1 : 1) * (h * 3600 + m * 60 + s);
	return true;
}

static bool rule(struct text *t, struct rule *r)
{
	*r = (struct rule){ .kind = 'n', .seconds = 7200 };
	if (!take(t, ','))
		return false;
	if (take(t, 'M')) {
		r->kind = 'M';
		if (!number(t, 12, &r->month) || r->month < 1 || !take(t, '.') || !number(t, 5, &r->week) ||
		    r->week < 1 || !take(t, '.') || !number(t, 6, &r->day))
			return false;
	} else {
		r->kind = take(t, 'J') ? 'J' : 'n';
		if (!number(t, 365, &r->day) || (r->kind == 'J' && r->day < 1))
			return false;
	}
	return !take(t, '/') || clock_time(t, &r->seconds);
}

/* POSIX counts westwards: "EST5" is five hours behind. */
static bool footer(struct gate_zone *z, struct text t)
{
	int32_t west;

	if (t.at == t.end) /* it may be empty: nothing is known about later years */
		return true;
	if (!name(&t) || !clock_time(&t, &west))
		return false;
	z->standard = -west;
	z->footer = true;
	if (t.at == t.end)
		return true;
	if (!name(&t))
		return false;
	z->saving = z->standard + 3600;
	if (t.at < t.end && *t.at != ',') {
		if (!clock_time(&t, &west))
			return false;
		z->saving = -west;
	}
	z->summer = true;
	return rule(&t, &z->begin) && rule(&t, &z->end) && t.at == t.end;
}

static int64_t rule_day(const struct rule *r, int year)
{
	if (r->kind == 'J') /* February 29 is never counted */
		return gate_day_number(year, 1, 1) + r->day - 1 + (leap(year) && r->day >= 60);
	if (r->kind == 'n')
		return gate_day_number(year, 1, 1) + r->day;
	int64_t first = gate_day_number(year, r->month, 1);
	int day = (r->day - gate_day_weekday(first) + 7) % 7 + (r->week - 1) * 7;

	while (day >= gate_month_days(year, r->month)) /* "5" is the last one */
		day -= 7;
	return first + day;
}

/* The two changes of a year, in order of time. */
static void changes(const struct gate_zone *z, int year, int64_t at[2], int32_t offsets[2])
{
	int64_t begin = rule_day(&z->begin, year) * DAY + z->begin.seconds - z->standard;
	int64_t end = rule_day(&z->end, year) * DAY + z->end.seconds - z->saving;
	int first = begin <= end ? 0 : 1;

	at[first] = begin;
	offsets[first] = z->saving;
	at[1 - first] = end;
	offsets[1 - first] = z->standard;
}

static int year_of(int64_t t)
{
	return gate_day_of(floor_div(t, DAY)).year;
}

/* --- the file --- */
struct bytes {
	const uint8_t *at;
	size_t len;
};

static uint32_t big32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t big64(const uint8_t *p)
{
	return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

struct head {
	uint32_t ut, std, leap, times, types, chars;
};

/* Takes a header of 44 bytes; false when it is none. */
static bool head(struct bytes *b, struct head *h)
{
	const uint8_t *p = b->at;

	if (b->len < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2' || p[4] > '9')
		return false;
	*h = (struct head){ big32(p + 20), big32(p + 24), big32(p + 28), big32(p + 32), big32(p + 36), big32(p + 40) };
	b->at += 44;
	b->len -= 44;
	return h->times <= TRANSITIONS_MAX && h->types >= 1 && h->types <= 256 && h->chars <= 1024 && h->leap <= 1024 &&
	       h->std <= h->types && h->ut <= h->types;
}

static size_t body_size(const struct head *h, size_t time)
{
	return h->times * time + h->times + h->types * 6 + h->chars + h->leap * (time + 4) + h->std + h->ut;
}

static bool body(struct gate_zone *z, const struct head *h, const uint8_t *p)
{
	const uint8_t *types = p + (size_t)h->times * 9, *of = p + (size_t)h->times * 8;

	for (size_t i = 0; i < h->types; i++) {
		int32_t offset = (int32_t)big32(types + i * 6);

		if (offset < -26 * 3600 || offset > 26 * 3600) /* RFC 8536, 3.2 */
			return false;
	}
	z->first = (int32_t)big32(types);
	for (size_t i = 0; i < h->times; i++) {
		int64_t at = big64(p + i * 8);

		/* Real files begin at -2^59 at the earliest (RFC 8536, 4); years must stay countable. */
		if (of[i] >= h->types || (i > 0 && at <= big64(p + (i - 1) * 8)) || at < -(INT64_C(1) << 60) ||
		    at > INT64_C(1) << 40)
			return false;
		z->at[i] = at;
		z->offsets[i] = (int32_t)big32(types + of[i] * 6);
	}
	z->n = h->times;
	return true;
}

static bool parse(struct gate_zone *z, struct bytes b, const char **why)
{
	struct head h;

	*why = "it is no TZif file of version 2 or later";
	if (!head(&b, &h) || b.len < body_size(&h, 4))
		return false;
	b.at += body_size(&h, 4);
	b.len -= body_size(&h, 4);
	if (!head(&b, &h) || b.len < body_size(&h, 8))
		return false;
	*why = "it counts leap seconds";
	if (h.leap != 0)
		return false;
	*why = "its table of changes is damaged";
	z->at = calloc(h.times + 1, sizeof(*z->at));
	z->offsets = calloc(h.times + 1, sizeof(*z->offsets));
	if (z->at == NULL || z->offsets == NULL || !body(z, &h, b.at))
		return false;
	b.at += body_size(&h, 8);
	b.len -= body_size(&h, 8);
	*why = "its rule for later years is damaged";
	if (b.len < 2 || b.at[0] != '\n' || b.at[b.len - 1] != '\n')
		return false;
	return footer(z, (struct text){ (const char *)b.at + 1, (const char *)b.at + b.len - 1 });
}

int gate_zone_read(const void *bytes, size_t len, struct gate_zone **ret, struct gate_err *err)
{
	GATE_AUTO(gate_zone_freep) struct gate_zone *z = calloc(1, sizeof(*z));
	const char *why = "";

	if (z == NULL)
		return GATE_FAIL_NOMEM(err);
	if (len > GATE_ZONE_BYTES_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a time zone has more than %u bytes", GATE_ZONE_BYTES_MAX);
	if (!parse(z, (struct bytes){ bytes, len }, &why))
		return GATE_FAIL(err, GATE_E_SYNTAX, "not a time zone: %s", why);
	*ret = GATE_TAKE(&z);
	return 0;
}

static const struct gate_zone utc = { .footer = true };

const struct gate_zone *gate_zone_utc(void)
{
	return &utc;
}

void gate_zone_free(struct gate_zone *z)
{
	if (z == NULL || z == &utc)
		return;
	free(z->at);
	free(z->offsets);
	free(z);
}

bool gate_zone_name_ok(const char *name)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+";
	size_t len = strlen(name);

	if (len == 0 || len > 64 || strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0)
		return false;
	for (const char *p = name;; p++) {
		size_t part = strspn(p, bytes);

		if (part == 0 || p[0] < 'A')
			return false;
		p += part;
		if (*p == '\0')
			return true;
		if (*p != '/')
			return false;
	}
}

/* --- questions --- */
/* How many changes of the table are at or before t. */
static size_t before(const struct gate_zone *z, int64_t t)
{
	size_t low = 0, high = z->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (z->at[mid] <= t)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int32_t by_footer(const struct gate_zone *z, int64_t t)
{
	int64_t at[2];
	int32_t offsets[2], offset = z->standard;

	for (int year = year_of(t) - 1, to = year + 2; z->summer && year <= to; year++) {
		changes(z, year, at, offsets);
		for (int i = 0; i < 2; i++)
			if (at[i] <= t)
				offset = offsets[i];
	}
	return offset;
}

int32_t gate_zone_offset(const struct gate_zone *z, int64_t t)
{
	size_t i = before(z, t);

	/* The footer begins where the table ends. */
	if (i == z->n && z->footer && (z->n == 0 || t >= z->at[z->n - 1]))
		return z->n > 0 && t == z->at[z->n - 1] ? z->offsets[z->n - 1] : by_footer(z, t);
	return i == 0 ? z->first : z->offsets[i - 1];
}

bool gate_zone_next(const struct gate_zone *z, int64_t t, int64_t *at)
{
	for (size_t i = before(z, t); i < z->n; i++)
		if (z->offsets[i] != (i == 0 ? z->first : z->offsets[i - 1])) {
			*at = z->at[i];
			return true;
		}
	int64_t from = z->n > 0 && t < z->at[z->n - 1] ? z->at[z->n - 1] : t;

	/* The offsets are compared: a rule may say summer for the whole year (RFC 8536, 3.3.1). */
	for (int year = year_of(from) - 1, to = year + 3; z->footer && z->summer && year <= to; year++) {
		int64_t when[2];
		int32_t offsets[2];

		changes(z, year, when, offsets);
		for (int i = 0; i < 2; i++)
			if (when[i] > from && by_footer(z, when[i]) != gate_zone_offset(z, when[i] - 1)) {
				*at = when[i];
				return true;
			}
	}
	return false;
}

bool gate_zone_last(const struct gate_zone *z, int64_t t, int64_t *at)
{
	int64_t end = z->n > 0 ? z->at[z->n - 1] : INT64_MIN;

	for (int year = year_of(t) + 1, to = year - 3; z->footer && z->summer && year >= to; year--) {
		int64_t when[2];
		int32_t offsets[2];

		changes(z, year, when, offsets);
		for (int i = 1; i >= 0; i--)
			if (when[i] <= t && when[i] > end &&
			    by_footer(z, when[i]) != gate_zone_offset(z, when[i] - 1)) {
				*at = when[i];
				return true;
			}
	}
	for (size_t i = before(z, t); i > 0; i--)
		if (z->offsets[i - 1] != (i == 1 ? z->first : z->offsets[i - 2])) {
			*at = z->at[i - 1];
			return true;
		}
	return false;
}
