/* Deployments: the replacement keeps its capacities, is locked, can be forced, cancelled and taken back, and survives the front at each
 * of its steps. */
#include "help.h"

static void make(struct fake *f, int n, const char *least, const char *over)
{
	char body[400];

	(void)snprintf(body, sizeof(body),
	               "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"mem\":32,\"instances\":%d,\"upgradeStrategy\":{"
	               "\"minimumHealthCapacity\":%s,\"maximumOverCapacity\":%s}}",
	               n, least, over);
	help_must(f, 201, "POST", "/v2/apps", body);
	help_start_all(f);
	assert_false(help_deploying(f));
}

/* The newest task in this state is told of; false: there is none. */
static bool one_step(struct fake *f)
{
	for (struct gate_agent_task *t = gate_tasks_first(f->agent); t != NULL; t = t->next) {
		char c[64];

		(void)snprintf(c, sizeof(c), "%s", t->container);
		if (t->state == GATE_STATE_STAGING) {
			fake_starts(f, c);
			return true;
		}
		if (t->state == GATE_STATE_KILLING) {
			fake_ends(f, c, 15);
			return true;
		}
	}
	return false;
}

static size_t of_version(struct fake *f, const char *version)
{
	struct gate_agent_task *t[64];
	size_t n = help_tasks(f, "/a", t, 64), found = 0;

	for (size_t i = 0; i < n; i++)
		found += strcmp(t[i]->version, version) == 0 && t[i]->state == GATE_STATE_RUNNING;
	return found;
}

static const struct {
	int n;
	const char *least, *over;
	size_t low, high; /* tasks that run, and that are there at all */
} strategies[] = {
	{ 1, "1", "1", 1, 2 },     { 1, "0", "0", 0, 1 },     { 1, "1", "0", 1, 2 },     { 4, "1", "0", 4, 5 },
	{ 4, "0.5", "0", 2, 4 },   { 4, "0.5", "0.5", 2, 6 }, { 4, "0", "1", 0, 8 },     { 5, "0.7", "0.2", 4, 6 },
	{ 10, "1", "0.3", 10, 13 }, { 3, "0.9", "0.1", 3, 4 },
};

static void replace(size_t row, bool restarts)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[64];
	char version[32];
	int steps = 0;

	make(f, strategies[row].n, strategies[row].least, strategies[row].over);
	fake_advance(f, 5);
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"cmd\":\"sleep 2\"}");
	assert_string_equal(help_at(f, "/v2/deployments", "0.currentActions.0.action"), "RestartApplication");
	(void)snprintf(version, sizeof(version), "%s", help_at(f, "/v2/apps/a", "app.version"));
	do {
		size_t all = help_tasks(f, "/a", t, 64), runs = help_count(f, "/a", GATE_STATE_RUNNING);

		if (runs < strategies[row].low || all > strategies[row].high)
			fail_msg("row %zu, step %d: %zu run, %zu are there", row, steps, runs, all);
		if (restarts)
			fake_restart(f);
		assert_true(steps++ < 200);
	} while (one_step(f));
	if (help_deploying(f))
		fail_msg("row %zu never ends", row);
	assert_int_equal(help_tasks(f, "/a", t, 64), strategies[row].n);
	assert_int_equal(of_version(f, version), strategies[row].n);
	fake_close(f);
}

static void a_replacement_keeps_its_capacities(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(strategies); i++)
		replace(i, false);
}

static void a_replacement_survives_the_front_at_every_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(strategies); i++)
		replace(i, true);
}

static void a_version_that_never_runs_leaves_the_old_one(void **state)
{
	struct fake *f = help_open(NULL);
	char deployment[40], url[80];

	(void)state;
	make(f, 2, "1", "1");
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"cmd\":\"never\"}");
	(void)snprintf(deployment, sizeof(deployment), "%s", help_at(f, "/v2/deployments", "0.id"));
	for (int i = 0; i < 5; i++) {
		while (help_count(f, "/a", GATE_STATE_STAGING) > 0) {
			struct gate_agent_task *t[8];
			size_t n = help_tasks(f, "/a", t, 8);
			char c[64];

			(void)snprintf(c, sizeof(c), "%s", t[n - 1]->container);
			fake_not_started(f, c, "no");
		}
		assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
		fake_advance(f, 3000);
	}
	assert_true(help_deploying(f));
	/* taken back: what was is again, by the same tasks' definition */
	(void)snprintf(url, sizeof(url), "/v2/deployments/%s", deployment);
	help_must(f, 200, "DELETE", url, NULL);
	assert_string_equal(help_at(f, "/v2/apps/a", "app.cmd"), "sleep 1");
	while (one_step(f))
		assert_true(help_count(f, "/a", GATE_STATE_RUNNING) >= 2);
	assert_false(help_deploying(f));
	assert_int_equal(help_events(f, "deployment_failed"), 1);
	help_must(f, 404, "DELETE", url, NULL);
	fake_close(f);
}

static void an_app_in_a_deployment_is_locked(void **state)
{
	struct fake *f = help_open(NULL);
	char *body = NULL;
	char id[40];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1}");
	(void)snprintf(id, sizeof(id), "%s", help_at(f, "/v2/deployments", "0.id"));
	assert_int_equal(help_call(f, "PUT", "/v2/apps/a", "{\"instances\":2}", &body), 409);
	assert_non_null(strstr(body, "\"message\": \"App is locked by one or more deployments. Override with the option "
	                             "'?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.\""));
	assert_non_null(strstr(body, id));
	free(body);
	help_must(f, 409, "POST", "/v2/apps/a/restart", "");
	help_must(f, 409, "DELETE", "/v2/apps/a?force=false", NULL);
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/b\",\"cmd\":\"sleep 1\",\"cpus\":0.1}"); /* another one is not */
	help_must(f, 200, "PUT", "/v2/apps/a?force=true", "{\"instances\":2}");
	assert_int_equal(help_events(f, "deployment_failed"), 1);
	help_must(f, 200, "DELETE", "/v2/apps/a", NULL); /* force is its default */
	help_end_killed(f);
	help_must(f, 404, "GET", "/v2/apps/a", NULL);
	fake_close(f);
}

static void cancelled_by_force_it_stays_as_it_is(void **state)
{
	struct fake *f = help_open(NULL);
	char url[80];

	(void)state;
	make(f, 2, "0.5", "0");
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"cmd\":\"sleep 2\"}");
	(void)snprintf(url, sizeof(url), "/v2/deployments/%s?force=true", help_at(f, "/v2/deployments", "0.id"));
	help_must(f, 202, "DELETE", url, NULL);
	assert_false(help_deploying(f));
	while (one_step(f))
		;
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2); /* the number is kept; old ones stay old */
	assert_string_equal(help_at(f, "/v2/apps/a", "app.cmd"), "sleep 2");
	fake_close(f);
}

static void a_creation_taken_back_is_gone(void **state)
{
	struct fake *f = help_open(NULL);
	char url[80];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1}");
	(void)snprintf(url, sizeof(url), "/v2/deployments/%s", help_at(f, "/v2/deployments", "0.id"));
	help_must(f, 200, "DELETE", url, NULL);
	help_must(f, 404, "GET", "/v2/apps/a", NULL);
	while (one_step(f))
		;
	assert_false(help_deploying(f));
	fake_close(f);
}

static void a_restart_replaces_all_and_what_says_nothing_new_none(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	make(f, 2, "1", "1");
	fake_forget(f);
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"cmd\":\"sleep 1\"}");
	assert_false(help_deploying(f));
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0);
	fake_advance(f, 5);
	help_must(f, 200, "POST", "/v2/apps/a/restart", "");
	while (one_step(f))
		;
	assert_false(help_deploying(f));
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 2);
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
	fake_close(f);
}

/* Dependencies that change together come first. */
static void dependencies_are_steps(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 200, "PUT", "/v2/apps",
	          "[{\"id\":\"/web\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"dependencies\":[\"/db\"]},{\"id\":\"/db\",\"cmd\":\"sleep "
	          "1\",\"cpus\":0.1}]");
	assert_int_equal(help_number(f, "/v2/deployments", "0.totalSteps"), 3);
	assert_string_equal(help_at(f, "/v2/deployments", "0.currentActions.0.app"), "/db");
	assert_int_equal(help_count(f, "/db", GATE_STATE_STAGING), 1);
	assert_int_equal(help_count(f, "/web", GATE_STATE_STAGING), 0);
	fake_restart(f);
	help_start_all(f);
	assert_false(help_deploying(f));
	assert_int_equal(help_count(f, "/web", GATE_STATE_RUNNING), 1);
	help_must(f, 422, "PUT", "/v2/apps",
	          "[{\"id\":\"/x\",\"cmd\":\"sleep 1\",\"dependencies\":[\"/y\"]},{\"id\":\"/y\",\"cmd\":\"sleep 1\",\"dependencies\":["
	          "\"/x\"]}]");
	help_must(f, 404, "GET", "/v2/apps/x", NULL);
	help_must(f, 200, "GET", "/v2/apps/web", NULL);
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replacement_keeps_its_capacities),
		cmocka_unit_test(a_replacement_survives_the_front_at_every_step),
		cmocka_unit_test(a_version_that_never_runs_leaves_the_old_one),
		cmocka_unit_test(an_app_in_a_deployment_is_locked),
		cmocka_unit_test(cancelled_by_force_it_stays_as_it_is),
		cmocka_unit_test(a_creation_taken_back_is_gone),
		cmocka_unit_test(a_restart_replaces_all_and_what_says_nothing_new_none),
		cmocka_unit_test(dependencies_are_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
