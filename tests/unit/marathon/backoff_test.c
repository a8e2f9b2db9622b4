/* The back-off: Marathon's delays, what counts, and what ends them. */
#include "help.h"

#define APP(more) "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"mem\":32" more "}"

static size_t launches(struct fake *f)
{
	return fake_sent(f, GATE_IPC_LAUNCH, NULL);
}

/* How long until the next launch, in ms; the clock goes on by it. At most `most`. */
static int64_t wait_for_launch(struct fake *f, int64_t most)
{
	size_t before = launches(f);
	int64_t begin = f->now;

	while (launches(f) == before && f->now - begin <= most) {
		int64_t next = gate_agent_turn(f->agent);

		if (next > begin + most)
			break;
		fake_advance(f, next > f->now ? next - f->now : 1);
	}
	return launches(f) > before ? f->now - begin : -1;
}

static void run_and_fail(struct fake *f, int wait_status)
{
	char container[64];

	(void)snprintf(container, sizeof(container), "%s", fake_last(f, GATE_IPC_LAUNCH));
	fake_starts(f, container);
	fake_ends(f, container, wait_status);
}

/* 1, 1.15, 1.32, … s, never more than 300 s. */
static void delays_grow_by_the_factor_to_the_largest(void **state)
{
	struct fake *f = help_open(NULL);
	int64_t ns = INT64_C(1000000000);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	for (int i = 0; i < 60; i++) {
		int64_t want = (ns + 999999) / 1000000, is;

		run_and_fail(f, 1 << 8);
		is = wait_for_launch(f, 400000);
		if (is != want)
			fail_msg("delay %d is %lld ms, not %lld", i, (long long)is, (long long)want);
		ns = (int64_t)((double)ns * 1.15);
		ns = ns < INT64_C(300000000000) ? ns : INT64_C(300000000000);
	}
	assert_int_equal(ns, INT64_C(300000000000));
	assert_int_equal(launches(f), 61);
	fake_close(f);
}

static void the_definition_says_how(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"backoffSeconds\":5,\"backoffFactor\":3,\"maxLaunchDelaySeconds\":20"));
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 5000);
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 15000);
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 20000);
	fake_close(f);
}

static void what_ends_well_counts_and_what_was_killed_does_not(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	run_and_fail(f, 0); /* FINISHED: a service that ends is ill */
	assert_int_equal(wait_for_launch(f, 60000), 1000);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	help_must(f, 200, "DELETE", "/v2/apps/a/tasks", NULL);
	help_end_killed(f);
	assert_int_equal(launches(f), 2); /* the delay is what it was, and counts from the last launch */
	assert_int_equal(wait_for_launch(f, 60000), 1000);
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 1150);
	fake_close(f);
}

static void what_could_not_be_launched_counts(void **state)
{
	struct fake *f = help_open(NULL);
	char container[64];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	(void)snprintf(container, sizeof(container), "%s", fake_last(f, GATE_IPC_LAUNCH));
	fake_refuses(f, container, "no such user");
	assert_int_equal(wait_for_launch(f, 60000), 1000);
	(void)snprintf(container, sizeof(container), "%s", fake_last(f, GATE_IPC_LAUNCH));
	fake_not_started(f, container, "execve: No such file or directory");
	assert_int_equal(wait_for_launch(f, 60000), 1150);
	fake_close(f);
}

/* An agent that is started anew with fewer isolators: what it cannot do is said, and tried again when it can. */
static void what_cannot_be_a_task_any_more_says_why(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps",
	          APP(",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"/v\",\"hostPath\":\"/srv\","
	              "\"mode\":\"RO\"}]}"));
	run_and_fail(f, 1 << 8);
	fake_crash(f);
	f->config.isolation = 0;
	fake_boot(f);
	assert_int_equal(wait_for_launch(f, 10000), -1);
	assert_string_equal(help_at(f, "/v2/apps/a", "app.lastTaskFailure.state"), "TASK_ERROR");
	assert_non_null(strstr(help_at(f, "/v2/apps/a", "app.lastTaskFailure.message"), "filesystem/linux"));
	assert_true(help_number(f, "/v2/queue", "queue.0.delay.timeLeftSeconds") > 0);
	fake_crash(f);
	f->config.isolation = GATE_ISOLATE_ALL;
	fake_boot(f);
	assert_true(wait_for_launch(f, 10000) >= 0);
	fake_close(f);
}

static void it_ends_by_a_new_configuration_a_call_or_time(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"maxLaunchDelaySeconds\":10"));
	for (int i = 0; i < 3; i++) {
		run_and_fail(f, 1 << 8);
		assert_true(wait_for_launch(f, 60000) > 0);
	}
	/* by hand */
	run_and_fail(f, 1 << 8);
	help_must(f, 404, "DELETE", "/v2/queue/b/delay", NULL);
	help_must(f, 204, "DELETE", "/v2/queue/a/delay", NULL);
	assert_int_equal(launches(f), 5);
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 1000);
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 1150);
	/* by time: it ran longer than the largest delay */
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	fake_advance(f, 10001);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 1000);
	/* scaling is no new configuration */
	run_and_fail(f, 1 << 8);
	help_must(f, 200, "PUT", "/v2/apps/a?force=true", "{\"instances\":2}");
	assert_int_equal(launches(f), 8);
	assert_int_equal(wait_for_launch(f, 60000), 1150);
	fake_forget(f);
	/* by a new one */
	help_must(f, 200, "PUT", "/v2/apps/a?force=true", "{\"env\":{\"A\":\"1\"}}");
	assert_true(launches(f) > 0);
	fake_close(f);
}

static void it_lasts_over_a_restart(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"backoffSeconds\":30"));
	run_and_fail(f, 1 << 8);
	fake_advance(f, 10000);
	fake_restart(f);
	assert_int_equal(launches(f), 1);
	assert_int_equal(wait_for_launch(f, 60000), 20000);
	fake_close(f);
}

static void a_clock_that_is_set_changes_no_delay(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"backoffSeconds\":30,\"backoffFactor\":2"));
	run_and_fail(f, 1 << 8);
	f->wall -= 3600000;
	fake_turn(f);
	assert_int_equal(help_number(f, "/v2/queue", "queue.0.delay.timeLeftSeconds"), 30);
	assert_int_equal(wait_for_launch(f, 1000000), 30000);
	run_and_fail(f, 1 << 8);
	f->wall += 7200000;
	fake_turn(f);
	assert_int_equal(wait_for_launch(f, 1000000), 60000);
	/* While the front was away: no longer than all of it. */
	run_and_fail(f, 1 << 8);
	fake_crash(f);
	f->wall -= 3600000;
	fake_boot(f);
	assert_int_equal(wait_for_launch(f, 1000000), 120000);
	fake_close(f);
}

/* backoffSeconds 0: at once in Marathon, whose offers come seconds apart; here it must not be a busy loop. */
static void no_backoff_is_no_busy_loop(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"backoffSeconds\":0"));
	run_and_fail(f, 1 << 8);
	assert_int_equal(wait_for_launch(f, 60000), 100);
	/* … also when no delay may be longer, and whatever else is to be done meanwhile. */
	help_must(f, 200, "PUT", "/v2/apps/a?force=true", "{\"maxLaunchDelaySeconds\":0}");
	run_and_fail(f, 1 << 8);
	size_t before = launches(f);
	fake_advance(f, 1);
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/b\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"mem\":32,\"instances\":0}");
	assert_int_equal(launches(f), before);
	assert_int_equal(wait_for_launch(f, 60000), 99);
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_grow_by_the_factor_to_the_largest),
		cmocka_unit_test(the_definition_says_how),
		cmocka_unit_test(what_ends_well_counts_and_what_was_killed_does_not),
		cmocka_unit_test(what_could_not_be_launched_counts),
		cmocka_unit_test(what_cannot_be_a_task_any_more_says_why),
		cmocka_unit_test(it_ends_by_a_new_configuration_a_call_or_time),
		cmocka_unit_test(it_lasts_over_a_restart),
		cmocka_unit_test(a_clock_that_is_set_changes_no_delay),
		cmocka_unit_test(no_backoff_is_no_busy_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
