/* Health checks: what is asked, what an answer means, what is killed for it. */
#include "help.h"

#define HC(more)                                                                                                       \
	"{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"healthChecks\":[{\"intervalSeconds\":10,\"gracePeriodSeconds\":30," \
	"\"maxConsecutiveFailures\":3,\"timeoutSeconds\":4," more "}]}"

static void http_is_asked_at_once_and_each_interval(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", HC("\"path\":\"/x\""));
	assert_null(help_probe());
	help_start_all(f);
	assert_true(help_deploying(f)); /* it runs, but nobody knows how well */
	assert_int_equal(help_probes(), 1);
	assert_true(help_probe()->r.http && !help_probe()->r.ipv6);
	assert_int_equal(help_probe()->r.port, 31000);
	assert_int_equal(help_probe()->r.timeout_ms, 4000);
	assert_string_equal(help_probe()->path, "/x");
	help_answer(f, 204, "");
	assert_false(help_deploying(f));
	assert_string_equal(help_at(f, "/v2/apps/a", "app.tasks.0.healthCheckResults.0.alive"), "true");
	assert_int_equal(help_number(f, "/v2/apps/a", "app.tasksHealthy"), 1);
	assert_int_equal(help_events(f, "health_status_changed_event"), 1);
	fake_advance(f, 9999);
	assert_null(help_probe());
	fake_advance(f, 1);
	assert_int_equal(help_probes(), 1);
	/* one that is not answered is not asked again */
	fake_advance(f, 30000);
	assert_int_equal(help_probes(), 1);
	fake_close(f);
	assert_null(help_probe());
}

static void after_so_many_failures_in_a_row_it_is_killed(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[4];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", HC("\"path\":\"/\""));
	help_start_all(f);
	help_answer(f, 200, "");
	for (int i = 1; i <= 2; i++) {
		fake_advance(f, 10000);
		help_answer(f, 503, "");
		assert_int_equal(help_number(f, "/v2/apps/a", "app.tasks.0.healthCheckResults.0.consecutiveFailures"), i);
	}
	assert_int_equal(help_number(f, "/v2/apps/a", "app.tasksUnhealthy"), 1);
	fake_advance(f, 10000);
	help_answer(f, 200, ""); /* one that is good begins the count anew */
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 1);
		fake_advance(f, 10000);
		help_answer(f, 0, "connecting: Connection refused");
	}
	assert_int_equal(help_count(f, "/a", GATE_STATE_KILLING), 1);
	assert_int_equal(help_events(f, "failed_health_check_event"), 5);
	assert_int_equal(help_events(f, "unhealthy_task_kill_event"), 1);
	help_end_killed(f);
	assert_int_equal(help_tasks(f, "/a", t, 4), 1); /* at once: a kill does not count for the back-off */
	fake_close(f);
}

static void failures_in_the_grace_period_count_for_nothing(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", HC("\"path\":\"/\""));
	help_start_all(f);
	for (int i = 0; i < 3; i++) {
		help_answer(f, 500, "");
		fake_advance(f, 10000);
		f->wall -= 3600000; /* whatever the clock is set to */
	}
	assert_int_equal(help_events(f, "failed_health_check_event"), 0);
	help_answer(f, 500, ""); /* 30 s are over */
	assert_int_equal(help_events(f, "failed_health_check_event"), 1);
	fake_close(f);
}

static void with_no_most_nothing_is_killed(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"healthChecks\":[{\"protocol\":\"TCP\",\"intervalSeconds\":1,"
	          "\"gracePeriodSeconds\":0,\"maxConsecutiveFailures\":0}]}");
	help_start_all(f);
	for (int i = 0; i < 20; i++) {
		assert_false(help_probe()->r.http);
		help_answer(f, 0, "no");
		fake_advance(f, 1000);
	}
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 1);
	fake_close(f);
}

/* A command runs in the task, under its filter, after the delay. */
static void a_command_is_run_in_the_task(void **state)
{
	struct fake *f = help_open(NULL);
	char c[64];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"healthChecks\":[{\"protocol\":\"COMMAND\",\"command\":{\"value\":"
	          "\"check\"},\"intervalSeconds\":10,\"delaySeconds\":5,\"gracePeriodSeconds\":0,\"maxConsecutiveFailures\":2}]}");
	help_start_all(f);
	(void)snprintf(c, sizeof(c), "%s", fake_last(f, GATE_IPC_LAUNCH));
	fake_advance(f, 4999);
	assert_int_equal(fake_sent(f, GATE_IPC_EXEC, c), 0);
	fake_advance(f, 1);
	assert_int_equal(fake_sent(f, GATE_IPC_EXEC, c), 1);
	fake_exec_ends(f, c, 0, false, "");
	assert_int_equal(help_number(f, "/v2/apps/a", "app.tasksHealthy"), 1);
	fake_advance(f, 10000);
	fake_exec_ends(f, c, 3 << 8, false, "it is ill");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.tasks.0.healthCheckResults.0.lastFailureCause"),
	                    "Command exited with status 3: it is ill");
	fake_advance(f, 10000);
	fake_exec_ends(f, c, 31, false, "");
	assert_int_equal(help_count(f, "/a", GATE_STATE_KILLING), 1);
	fake_close(f);
}

/* What was healthy is healthy after a restart of the front, and gets no new grace. */
static void health_lasts_over_a_restart(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", HC("\"path\":\"/\""));
	help_start_all(f);
	help_answer(f, 200, "");
	fake_restart(f);
	assert_int_equal(help_number(f, "/v2/apps/a", "app.tasksHealthy"), 1);
	assert_int_equal(help_probes(), 1);
	help_answer(f, 500, "");
	assert_int_equal(help_events(f, "failed_health_check_event"), 1);
	fake_close(f);
}

static void a_replacement_waits_for_health(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", HC("\"path\":\"/\""));
	help_start_all(f);
	help_answer(f, 200, "");
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"cmd\":\"sleep 2\"}");
	help_start_all(f);
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
	help_answer(f, 200, "");
	assert_int_equal(help_count(f, "/a", GATE_STATE_KILLING), 1);
	help_end_killed(f);
	assert_false(help_deploying(f));
	fake_close(f);
}

static void a_deployment_waits_for_readiness(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"portDefinitions\":[{\"name\":\"main\"}],\"readinessChecks\":[{"
	          "\"portName\":\"main\",\"path\":\"/r\",\"httpStatusCodesForReady\":[201]}]}");
	help_start_all(f);
	assert_string_equal(help_probe()->path, "/r");
	help_answer(f, 200, "");
	assert_true(help_deploying(f));
	assert_string_equal(help_at(f, "/v2/deployments", "0.currentActions.0.readinessCheckResults.0.ready"), "false");
	fake_advance(f, 30000);
	help_answer(f, 201, "");
	assert_false(help_deploying(f));
	fake_advance(f, 60000);
	assert_null(help_probe()); /* it is asked until it is ready, not longer */
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_is_asked_at_once_and_each_interval),
		cmocka_unit_test(after_so_many_failures_in_a_row_it_is_killed),
		cmocka_unit_test(failures_in_the_grace_period_count_for_nothing),
		cmocka_unit_test(with_no_most_nothing_is_killed),
		cmocka_unit_test(a_command_is_run_in_the_task),
		cmocka_unit_test(health_lasts_over_a_restart),
		cmocka_unit_test(a_replacement_waits_for_health),
		cmocka_unit_test(a_deployment_waits_for_readiness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
