/* Cron expressions: what is read, what is refused, and moments that Metronome's own tests name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "spec/cron.h"

static int64_t at(int year, int month, int day, int hour, int minute)
{
	return gate_day_number(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static int64_t next(const char *text, int64_t from)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_cron c;
	int64_t ret;

	if (gate_cron_parse(text, &c, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return gate_cron_next(&c, gate_zone_utc(), from, &ret) ? ret : -1;
}

static void moments_are_those_of_metronome(void **state)
{
	static const struct {
		const char *text;
		int from[5], to[5];
	} rows[] = {
		/* its CronSpecFormatTest: both days must match */
		{ "0 9 1-7 * 1", { 2017, 10, 2, 10, 0 }, { 2017, 11, 6, 9, 0 } },
		{ "0 9 1-7 * 1-5", { 2017, 10, 2, 10, 0 }, { 2017, 10, 3, 9, 0 } },
		{ "0 9 1-7 * 6-7", { 2017, 10, 2, 10, 0 }, { 2017, 10, 7, 9, 0 } },
		{ "0 9 8-14 * 1-5", { 2017, 10, 2, 10, 0 }, { 2017, 10, 9, 9, 0 } },
		{ "0 9 22-28 * 6-7", { 2017, 10, 2, 10, 0 }, { 2017, 10, 22, 9, 0 } },
		{ "* * * * 3", { 2017, 10, 2, 10, 0 }, { 2017, 10, 4, 0, 0 } },
		{ "* * */1 * 3", { 2017, 10, 2, 10, 0 }, { 2017, 10, 4, 0, 0 } },
		{ "* * * * 1", { 2017, 4, 25, 0, 0 }, { 2017, 5, 1, 0, 0 } },
		{ "* * * * 1", { 2017, 12, 27, 0, 0 }, { 2018, 1, 1, 0, 0 } },
		{ "0 0 20-31 2 *", { 2017, 10, 2, 10, 0 }, { 2018, 2, 20, 0, 0 } },
		{ "0 0 29 2 *", { 2017, 10, 2, 10, 0 }, { 2020, 2, 29, 0, 0 } },
		/* and more */
		{ "* * * * *", { 2026, 1, 1, 0, 0 }, { 2026, 1, 1, 0, 1 } },
		{ "*/10 * * * *", { 2026, 1, 1, 0, 50 }, { 2026, 1, 1, 1, 0 } },
		{ "5/15 * * * *", { 2026, 1, 1, 0, 6 }, { 2026, 1, 1, 0, 20 } },
		{ "5/15 * * * *", { 2026, 1, 1, 0, 50 }, { 2026, 1, 1, 1, 5 } },
		{ "0 0 */2 * *", { 2026, 1, 1, 0, 0 }, { 2026, 1, 3, 0, 0 } },
		{ "0 0 * * 0", { 2026, 11, 23, 0, 0 }, { 2026, 11, 29, 0, 0 } },
		{ "0 0 * * 7", { 2026, 11, 23, 0, 0 }, { 2026, 11, 29, 0, 0 } },
		{ "0 0 * * fri-sun", { 2026, 11, 23, 0, 0 }, { 2026, 11, 27, 0, 0 } },
		{ "0 0 1 JAN,jul *", { 2026, 2, 1, 0, 0 }, { 2026, 7, 1, 0, 0 } },
		{ "0 0 L * *", { 2028, 2, 1, 0, 0 }, { 2028, 2, 29, 0, 0 } },
		{ "0 0 L-3 * *", { 2026, 2, 1, 0, 0 }, { 2026, 2, 25, 0, 0 } },
		{ "0 0 LW * *", { 2026, 5, 1, 0, 0 }, { 2026, 5, 29, 0, 0 } },  /* the 31st is a Sunday */
		{ "0 0 15W * *", { 2026, 8, 1, 0, 0 }, { 2026, 8, 14, 0, 0 } }, /* a Saturday */
		{ "0 0 1W * *", { 2026, 7, 31, 0, 0 }, { 2026, 8, 3, 0, 0 } },  /* a Saturday: not in July */
		{ "0 0 * * 5L", { 2026, 11, 1, 0, 0 }, { 2026, 11, 27, 0, 0 } },
		{ "0 0 * * MON#2", { 2026, 11, 1, 0, 0 }, { 2026, 11, 9, 0, 0 } },
		{ "0 0 * * 1#5", { 2026, 10, 1, 0, 0 }, { 2026, 11, 30, 0, 0 } },
		{ "0 0 1 1 * 2030", { 2026, 1, 1, 0, 0 }, { 2030, 1, 1, 0, 0 } },
		{ "0 0 1 1 * *", { 2026, 1, 1, 0, 0 }, { 2027, 1, 1, 0, 0 } },
		{ " 05\t07  1 1 * 2028/4 ", { 2026, 1, 1, 0, 0 }, { 2028, 1, 1, 7, 5 } },
		{ "0 0 29 2 1", { 2026, 1, 1, 0, 0 }, { 2044, 2, 29, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const int *f = rows[i].from, *t = rows[i].to;
		int64_t expected = at(t[0], t[1], t[2], t[3], t[4]), found;

		found = next(rows[i].text, at(f[0], f[1], f[2], f[3], f[4]));
		if (found != expected)
			fail_msg("%s (row %zu): %lld, expected %lld", rows[i].text, i, (long long)found,
			         (long long)expected);
	}
	assert_int_equal(next("0 0 1 1 * 1999", at(2026, 1, 1, 0, 0)), -1);
	assert_int_equal(next("59 23 31 12 * 2099", at(2099, 12, 31, 23, 59)), -1);
}

static void what_is_none_is_refused_with_its_field(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "it has 0 fields; minute, hour, day of month, month and day of week are needed" },
		{ "* * * *", "it has 4 fields; minute, hour, day of month, month and day of week are needed" },
		{ "* * * * * * *", "it has more than six fields" },
		{ "60 * * * *", "the minute is from 0 to 59, not '60'" },
		{ "* 24 * * *", "the hour is from 0 to 23, not '24'" },
		{ "* * 0 * *", "the day of the month is from 1 to 31, not '0'" },
		{ "* * * 13 *", "the month is from 1 to 12 or a name of three letters, not '13'" },
		{ "* * * * 8", "the day of the week is from 0 to 7 or a name of three letters, not '8'" },
		{ "* * * * FOO", "the day of the week is from 0 to 7 or a name of three letters, not 'FOO'" },
		{ "* * * * * 2100", "the year is from 1970 to 2099, not '2100'" },
		{ "*/0 * * * *", "the step of the minute is from 1 to 59, not '0'" },
		{ "*/60 * * * *", "the step of the minute is from 1 to 59, not '60'" },
		{ "5-1 * * * *", "the range '5-1' of the minute runs backwards" },
		{ "1,,2 * * * *", "the minute has an empty place in its list" },
		{ "1, * * * *", "the minute has an empty place in its list" },
		{ "-1 * * * *", "the minute is from 0 to 59, not ''" },
		{ "? * * * *", "the minute is from 0 to 59, not '?'" },
		{ "* * 1 * L", "'L' in the day of the week needs the day, as in 5L" },
		{ "* * L-31 * *", "'L' in the day of the month is L, LW or L-N with N up to 30, not 'L-31'" },
		{ "* * * * 1#6", "'#' in the day of the week is followed by 1 to 5, not '1#6'" },
		{ "0 0 31 2 *", "no day matches it until the year 2099" },
		{ "0 0 30-31 2 *", "no day matches it until the year 2099" },
		{ "0 0 31 4,6 *", "no day matches it until the year 2099" },
		{ "@daily", "the minute is from 0 to 59, not '@daily'" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_cron c;

		assert_int_equal(gate_cron_parse(rows[i].text, &c, &err), -1);
		assert_string_equal(err.text, rows[i].why);
	}
}

static void texts_are_shown_as_metronome_does(void **state)
{
	struct gate_cron c;

	(void)state;
	assert_int_equal(gate_cron_parse("  */1  *\t1 *  * ", &c, NULL), 0);
	assert_string_equal(c.text, "* * 1 * *");
	assert_int_equal(gate_cron_parse("*/2 * * * MON", &c, NULL), 0);
	assert_string_equal(c.text, "*/2 * * * MON");
}

static void zones_that_are_no_zones_are_refused(void **state)
{
	static const char *const good[] = { "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT" };
	static const char *const bad[] = { "",       "/etc/passwd", "../x",    "Europe/../UTC", "Europe/", "posix/UTC",
		                           "right/UTC", "a b",         "Europe//Berlin", ".",       "+x" };
	struct gate_zone *z = NULL;
	char bytes[200] = "TZif2";

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(good); i++)
		assert_true(gate_zone_name_ok(good[i]));
	for (size_t i = 0; i < GATE_ARRAY_LEN(bad); i++)
		assert_false(gate_zone_name_ok(bad[i]));
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(gate_zone_read(bytes, len, &z, NULL), -1);
	assert_null(z);
}

static void days_are_numbered_forth_and_back(void **state)
{
	(void)state;
	for (int64_t n = -800000; n < 800000; n += 7) {
		struct gate_day d = gate_day_of(n);

		assert_int_equal(gate_day_number(d.year, d.month, d.day), n);
		assert_true(d.day >= 1 && d.day <= gate_month_days(d.year, d.month));
	}
	assert_int_equal(gate_day_weekday(gate_day_number(2026, 11, 23)), 1);
	assert_int_equal(gate_day_weekday(gate_day_number(1900, 1, 1)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_those_of_metronome),
		cmocka_unit_test(what_is_none_is_refused_with_its_field),
		cmocka_unit_test(texts_are_shown_as_metronome_does),
		cmocka_unit_test(zones_that_are_no_zones_are_refused),
		cmocka_unit_test(days_are_numbered_forth_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
