/* Schedules: when they run, what keeps them from it, and clocks that jump. The fake's time begins at 2016-07-15T13:02:59.735Z. */
#include "harness.h"

#define SCHEDULE(cron, more) "{\"id\":\"s\",\"cron\":\"" cron "\"" more "}"
#define WITH(id, cron, more) "{\"id\":\"" id "\"," RUN_WITH("") ",\"schedules\":[" SCHEDULE(cron, more) "]}"

static void schedules_are_made_shown_changed_and_deleted(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	says(f, "GET", "/v1/jobs/job/schedules", NULL, 200, "[]");
	says(f, "GET", "/v1/jobs/job/schedules/s", NULL, 404, "{\"id\": \"s\", \"message\": \"Schedule not found\"}");
	says(f, "POST", "/v1/jobs/none/schedules", SCHEDULE("* * * * *", ""), 404, "Job not found");
	says(f, "POST", "/v1/jobs/job/schedules", SCHEDULE("* *", ""), 422, "{\"path\": \"/cron\", \"errors\": [\"Can not read cron");
	says(f, "POST", "/v1/jobs/job/schedules", SCHEDULE("* * * * *", ",\"timezone\":\"Nowhere\""), 422,
	     "No time zone found with this id: \\\"Nowhere\\\"");
	says(f, "POST", "/v1/jobs/job/schedules", SCHEDULE("0 2 * * *", ""), 201,
	     "{\"id\": \"s\", \"cron\": \"0 2 * * *\", \"timezone\": \"UTC\", \"startingDeadlineSeconds\": 900, \"concurrencyPolicy\": "
	     "\"ALLOW\", \"enabled\": true, \"nextRunAt\": \"2016-07-16T02:00:00.000+0000\"}");
	says(f, "POST", "/v1/jobs/job/schedules", SCHEDULE("0 2 * * *", ""), 409, "A schedule with id s already exists");
	says(f, "POST", "/v1/jobs/job/schedules", "{\"id\":\"t\",\"cron\":\"* * * * *\"}", 409,
	     "Only one schedule supported at the moment");
	says(f, "GET", "/v1/jobs/job/schedules/s", NULL, 200, "\"nextRunAt\"");
	says(f, "GET", "/v1/jobs/job?embed=schedules", NULL, 200, "\"schedules\": [{\"id\": \"s\"");
	says(f, "PUT", "/v1/jobs/job/schedules/t", SCHEDULE("0 3 * * *", ""), 404, "Schedule not found");
	says(f, "PUT", "/v1/jobs/job/schedules/s", "{\"id\":\"ignored\",\"cron\":\"0 3 * * *\"}", 200, "{\"id\": \"s\", \"cron\": \"0 3");
	/* PUT of the job keeps them, that of /v0 does not. */
	says(f, "PUT", "/v1/jobs/job", JOB("job"), 200, "\"cron\": \"0 3 * * *\"");
	/* What would be forgotten is refused; what GET shows may come back. */
	says(f, "PUT", "/v1/jobs/job", WITH("job", "0 4 * * *", ""), 422, "/schedules: PUT /v1/jobs/ID leaves schedules as they are");
	says(f, "PUT", "/v1/jobs/job", WITH("job", "0 3 * * *", ",\"nextRunAt\":\"2016-07-26T08:25:00.000+0000\""), 200,
	     "\"cron\": \"0 3 * * *\"");
	says(f, "PUT", "/v0/scheduled-jobs/job", WITH("job", "0 4 * * *", ""), 200, "\"cron\": \"0 4 * * *\"");
	says(f, "PUT", "/v0/scheduled-jobs/job", JOB("job"), 200, "\"schedules\": []");
	says(f, "POST", "/v0/scheduled-jobs", WITH("more", "0 4 * * *", ""), 201, "\"cron\": \"0 4 * * *\"");
	does(f, "DELETE", "/v1/jobs/more/schedules/s", NULL, 200);
	does(f, "DELETE", "/v1/jobs/more/schedules/s", NULL, 404);
	fake_close(f);
}

static void a_schedule_runs_at_its_moments(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "POST", "/v1/jobs", WITH("job", "*/10 * * * *", ""), 201);
	fake_advance(f, 7 * MINUTE);
	assert_int_equal(launches(f), 0);
	fake_advance(f, SECOND); /* 13:10:00.735 */
	assert_int_equal(launches(f), 1);
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 7); /* ALLOW: whatever still runs */
	/* A moment that has just come is not lost by a change of something else. */
	f->now += 10 * MINUTE;
	f->wall += 10 * MINUTE;
	does(f, "PUT", "/v1/jobs/job", JOB_WITH("job", ",\"user\":\"nobody\""), 200);
	fake_turn(f);
	assert_int_equal(launches(f), 8);
	does(f, "PUT", "/v1/jobs/job/schedules/s", SCHEDULE("*/10 * * * *", ",\"enabled\":false"), 200);
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 8);
	fake_close(f);
}

static void zones_are_those_of_the_host(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	struct fake_answer a;

	(void)state;
	fake_call(f, "POST", "/v1/jobs", WITH("job", "0 2 * * *", ",\"timezone\":\"America/Chicago\""), &a);
	if (a.status == 422) /* no tzdata here */
		assert_non_null(strstr(a.body, "No time zone found"));
	else
		says(f, "GET", "/v1/jobs/job", NULL, 200, "\"nextRunAt\": \"2016-07-16T07:00:00.000+0000\"");
	fake_answer_done(&a);
	fake_close(f);
}

static void forbid_waits_for_the_last_one(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char *text, *at, url[100];

	(void)state;
	does(f, "POST", "/v1/jobs", WITH("job", "* * * * *", ",\"concurrencyPolicy\":\"FORBID\""), 201);
	fake_advance(f, MINUTE);
	assert_int_equal(launches(f), 1);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	fake_advance(f, 5 * MINUTE);
	assert_int_equal(launches(f), 1);
	/* A run that was stopped is over, but its task still ends. */
	text = call(f, "GET", "/v1/jobs/job/runs", NULL, 200);
	at = strstr(text, "\"id\": \"");
	(void)snprintf(url, sizeof(url), "/v1/jobs/job/runs/%.19s/actions/stop", at + 7);
	free(text);
	does(f, "POST", url, "", 200);
	fake_advance(f, MINUTE);
	assert_int_equal(launches(f), 1);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), SIGTERM);
	fake_advance(f, MINUTE);
	assert_int_equal(launches(f), 2);
	does(f, "POST", "/v1/jobs/job/runs", "", 201); /* by hand, always */
	assert_int_equal(launches(f), 3);
	fake_close(f);
}

static void one_that_does_not_start_in_time_has_failed(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "POST", "/v1/jobs", WITH("job", "0 14 * * *", ",\"startingDeadlineSeconds\":60"), 201);
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 1); /* 14:00 was 57 minutes and a bit away; the launcher does not answer */
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200,
	     "\"message\": \"startingDeadlineSeconds have passed, and it has not started\"");
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL), 1);
	says(f, "GET", "/v1/jobs/job/runs", NULL, 200, "[]");
	fake_close(f);
}

static void asleep(struct fake *f, int64_t ms)
{
	fake_crash(f);
	f->now += ms;
	f->wall += ms;
	fake_boot(f);
	fake_advance(f, SECOND);
}

static void moments_missed_while_down_run_once_within_the_deadline(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	f->starts_itself = true;
	does(f, "POST", "/v1/jobs", WITH("job", "*/10 * * * *", ""), 201); /* 13:10, 13:20 … */
	asleep(f, HOUR);                                                   /* 14:03: 14:00 was 180 s ago */
	assert_int_equal(launches(f), 1);
	asleep(f, 2 * MINUTE);
	assert_int_equal(launches(f), 1);
	fake_advance(f, 5 * MINUTE);
	assert_int_equal(launches(f), 2); /* 14:10 */
	fake_close(f);

	f = fake_open(harness_schedulers, NULL);
	does(f, "POST", "/v1/jobs", WITH("job", "0 14 * * *", ",\"startingDeadlineSeconds\":60"), 201);
	asleep(f, HOUR);
	assert_int_equal(launches(f), 0); /* too late: skipped */
	fake_advance(f, 24 * HOUR);
	assert_int_equal(launches(f), 1);
	fake_close(f);
}

static void a_clock_put_forward_is_like_time_that_was_slept(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	f->starts_itself = true;
	does(f, "POST", "/v1/jobs", WITH("job", "0 * * * *", ""), 201); /* 14:00 */
	f->wall += HOUR;                                               /* 14:02:59 */
	fake_advance(f, MINUTE);                                       /* noticed without a restart */
	assert_int_equal(launches(f), 1);
	f->wall += 10 * HOUR + 30 * MINUTE; /* 00:34: the last moment is half an hour old, the deadline is a quarter */
	fake_advance(f, MINUTE);
	assert_int_equal(launches(f), 1);
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 2); /* 01:00 */
	fake_close(f);
}

static void a_clock_put_back_repeats_nothing_unless_by_much(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	f->starts_itself = true;
	does(f, "POST", "/v1/jobs", WITH("job", "0 * * * *", ""), 201);
	fake_advance(f, HOUR); /* 14:02:59 */
	assert_int_equal(launches(f), 1);
	f->wall -= HOUR; /* 13:02:59 once more */
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 1); /* 14:00 has been */
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 2); /* 15:00 */
	f->wall -= 48 * HOUR; /* two days: it is another time now */
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 3);
	fake_close(f);
}

static void a_restart_waits_no_longer_when_the_clock_goes_back(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("job", ",\"restart\":{\"policy\":\"ON_FAILURE\"}"), 201);
	does(f, "POST", "/v1/jobs/job/runs", "", 201);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	assert_int_equal(launches(f), 2); /* the third in a second */
	f->wall -= HOUR;
	fake_advance(f, 20 * SECOND);
	assert_int_equal(launches(f), 3);
	fake_close(f);
}

static void a_schedule_without_further_moments_rests(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char *text;

	(void)state;
	does(f, "POST", "/v1/jobs", WITH("job", "0 0 1 1 * 1999", ""), 201);
	text = call(f, "GET", "/v1/jobs/job/schedules/s", NULL, 200);
	assert_null(strstr(text, "nextRunAt"));
	free(text);
	fake_advance(f, 24 * HOUR);
	assert_int_equal(launches(f), 0);
	fake_close(f);
}

static void a_moment_on_a_full_disk_comes_when_there_is_room(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "POST", "/v1/jobs", WITH("job", "0 14 * * *", ""), 201);
	fake_full(f, true);
	fake_advance(f, 58 * MINUTE);
	assert_int_equal(launches(f), 0);
	fake_full(f, false);
	fake_advance(f, MINUTE);
	assert_int_equal(launches(f), 1);
	fake_advance(f, MINUTE);
	assert_int_equal(launches(f), 1);
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules_are_made_shown_changed_and_deleted),
		cmocka_unit_test(a_schedule_runs_at_its_moments),
		cmocka_unit_test(zones_are_those_of_the_host),
		cmocka_unit_test(forbid_waits_for_the_last_one),
		cmocka_unit_test(one_that_does_not_start_in_time_has_failed),
		cmocka_unit_test(moments_missed_while_down_run_once_within_the_deadline),
		cmocka_unit_test(a_clock_put_forward_is_like_time_that_was_slept),
		cmocka_unit_test(a_clock_put_back_repeats_nothing_unless_by_much),
		cmocka_unit_test(a_restart_waits_no_longer_when_the_clock_goes_back),
		cmocka_unit_test(a_schedule_without_further_moments_rests),
		cmocka_unit_test(a_moment_on_a_full_disk_comes_when_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
