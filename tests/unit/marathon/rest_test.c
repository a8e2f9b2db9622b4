/* REST: codes, bodies, queries, versions; what is not built says so. */
#include "help.h"

static struct fake *with_apps(void)
{
	struct fake *f = help_open(NULL);

	help_must(f, 201, "POST", "/v2/apps",
	          "{\"id\":\"/shop/web\",\"cmd\":\"serve\",\"cpus\":0.1,\"labels\":{\"tier\":\"front\"},\"ports\":[8080]}");
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"shop/db\",\"args\":[\"keep\",\"it\"],\"cpus\":0.1,\"labels\":{\"tier\":\"back\"}}");
	help_start_all(f);
	return f;
}

static size_t apps_in(struct fake *f, const char *url)
{
	const char *body = help_get(f, url);
	size_t n = 0;

	for (const char *s = body; (s = strstr(s, "\"id\": \"/")) != NULL; s++)
		n++;
	return n;
}

static void apps_are_found_by_what_is_asked(void **state)
{
	struct fake *f = with_apps();

	(void)state;
	assert_int_equal(apps_in(f, "/v2/apps"), 2);
	assert_int_equal(apps_in(f, "/v2/apps?id=WEB"), 1);
	assert_int_equal(apps_in(f, "/v2/apps?cmd=serve"), 1);
	assert_int_equal(apps_in(f, "/v2/apps?label=tier==back"), 1);
	assert_int_equal(apps_in(f, "/v2/apps?label=tier%20in%20(back,front)"), 2);
	help_must(f, 422, "GET", "/v2/apps?label=tier==", NULL);
	assert_int_equal(apps_in(f, "/v2/apps/shop/*"), 2);
	help_must(f, 404, "GET", "/v2/apps/none/*", NULL);
	help_must(f, 404, "GET", "/v2/apps/none", NULL);
	help_must(f, 200, "GET", "/v2/apps//shop/web", NULL);
	assert_null(strstr(help_get(f, "/v2/apps"), "\"tasks\""));
	assert_non_null(strstr(help_get(f, "/v2/apps?embed=apps.tasks"), "\"tasks\""));
	assert_non_null(strstr(help_get(f, "/v2/apps?embed=apps.taskStats"), "\"totalSummary\""));
	fake_close(f);
}

static void bad_bodies_get_marathons_codes(void **state)
{
	struct fake *f = help_open(NULL);
	char *body = NULL;

	(void)state;
	assert_int_equal(help_call(f, "POST", "/v2/apps", "{", &body), 400);
	assert_non_null(strstr(body, "\"message\": \"Invalid JSON\""));
	free(body);
	assert_int_equal(help_call(f, "POST", "/v2/apps", "{\"id\":\"/a\"}", &body), 422);
	assert_string_equal(body, "{\"message\": \"Object is not valid\", \"details\": [{\"path\": \"/\", \"errors\": [\"AppDefinition "
	                          "must either contain one of 'cmd' or 'args', and/or a 'container'.\"]}]}");
	free(body);
	assert_int_equal(help_call(f, "GET", "/v2/apps/x", NULL, &body), 404);
	assert_non_null(strstr(body, "App '/x' does not exist"));
	free(body);
	help_must(f, 404, "PATCH", "/v2/apps/x", "{\"cmd\":\"sleep 1\"}");
	help_must(f, 201, "PUT", "/v2/apps/x", "{\"cmd\":\"sleep 1\",\"cpus\":0.1}"); /* PUT makes one */
	help_must(f, 422, "PUT", "/v2/apps", "{}");
	help_must(f, 422, "PUT", "/v2/apps", "[{\"cmd\":\"sleep 1\"}]");
	help_must(f, 405, "POST", "/v2/apps/x", "{}");
	fake_close(f);
}

static void rights_are_asked_for(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	f->rights = GATE_RIGHT_READ | GATE_RIGHT_LAUNCH;
	help_must(f, 403, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"container\":{\"type\":\"MESOS\",\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}}}}");
	help_must(f, 403, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"/x\",\"hostPath\":"
	          "\"/etc\",\"mode\":\"RO\"}]}}");
	help_must(f, 403, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"sleep 1\"}");
	help_must(f, 403, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"container\":{\"type\":\"MESOS\",\"docker\":{\"image\":\"i\"},\"linuxInfo\":{\"ipcInfo\":{\"mode\":"
	          "\"SHARE_PARENT\"}}}}");
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/a\",\"container\":{\"type\":\"MESOS\",\"docker\":{\"image\":\"i\"}}}");
	help_must(f, 403, "DELETE", "/v2/apps/a", NULL);
	fake_close(f);
}

/* Who brings an older version back must be one who could have made it. */
static void a_way_back_lends_no_rights(void **state)
{
	struct fake *f = help_open(NULL);
	char url[80];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps",
	          "{\"id\":\"/a\",\"cpus\":0.1,\"container\":{\"type\":\"MESOS\",\"docker\":{\"image\":\"i\"},\"volumes\":[{"
	          "\"containerPath\":\"/x\",\"hostPath\":\"/etc\",\"mode\":\"RW\"}]}}");
	help_start_all(f);
	fake_advance(f, 10);
	f->rights = GATE_RIGHT_READ | GATE_RIGHT_LAUNCH;
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"container\":{\"type\":\"MESOS\",\"docker\":{\"image\":\"i\"},\"volumes\":[]}}");
	(void)snprintf(url, sizeof(url), "/v2/deployments/%s", help_at(f, "/v2/deployments", "0.id"));
	help_must(f, 403, "DELETE", url, NULL);
	f->rights = GATE_RIGHT_ALL;
	help_must(f, 200, "DELETE", url, NULL);
	fake_close(f);
}

static void versions_are_kept_and_can_come_back(void **state)
{
	struct fake *f = help_open(NULL);
	char first[32], url[80], body[80];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"one 1\",\"cpus\":0.1}");
	help_start_all(f);
	(void)snprintf(first, sizeof(first), "%s", help_at(f, "/v2/apps/a", "app.version"));
	fake_advance(f, 10);
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"cmd\":\"two 2\"}");
	help_start_all(f);
	help_end_killed(f);
	assert_string_equal(help_at(f, "/v2/apps/a/versions", "versions.1"), first);
	(void)snprintf(url, sizeof(url), "/v2/apps/a/versions/%s", first);
	assert_string_equal(help_at(f, url, "cmd"), "one 1");
	help_must(f, 404, "GET", "/v2/apps/a/versions/2001-01-01T00:00:00.000Z", NULL);
	(void)snprintf(body, sizeof(body), "{\"version\":\"%s\",\"cmd\":\"x y\"}", first);
	help_must(f, 422, "PUT", "/v2/apps/a", body);
	(void)snprintf(body, sizeof(body), "{\"version\":\"%s\"}", first);
	help_must(f, 200, "PUT", "/v2/apps/a", body);
	assert_string_equal(help_at(f, "/v2/apps/a", "app.cmd"), "one 1");
	/* a complete definition, not only what it says */
	help_must(f, 200, "PUT", "/v2/apps/a?partialUpdate=false&force=true", "{\"args\":[\"x\"],\"cpus\":0.1}");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.cmd"), "");
	for (int i = 0; i < 60; i++) {
		char scale[32];

		(void)snprintf(scale, sizeof(scale), "{\"instances\":%d}", i % 2);
		help_must(f, 200, "PUT", "/v2/apps/a?force=true", scale);
	}
	assert_string_equal(help_at(f, "/v2/apps/a/versions", "versions.60"), ""); /* the newest fifty */
	fake_close(f);
}

static void tasks_are_lists_or_lines(void **state)
{
	struct fake *f = with_apps();
	struct fake_answer a;

	(void)state;
	fake_call_with(f, "GET", "/v2/tasks", "Accept", "text/plain", NULL, &a);
	assert_string_equal(a.type, "text/plain");
	assert_string_equal(a.body, "shop_db\t0\thost.example:31001\t\nshop_web\t8080\thost.example:31000\t\n");
	fake_answer_done(&a);
	assert_string_equal(help_at(f, "/v2/tasks?status=running", "tasks.0.appId"), "/shop/db");
	assert_string_equal(help_at(f, "/v2/tasks?status=staging", "tasks.0.appId"), "");
	assert_int_equal(help_number(f, "/v2/apps/shop/web/tasks", "tasks.0.servicePorts.0"), 8080);
	fake_close(f);
}

static void what_is_not_built_says_so(void **state)
{
	static const char *const urls[] = { "/v2/groups", "/v2/groups/a", "/v2/pods", "/v2/pods/a::status" };
	struct fake *f = help_open(NULL);

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(urls); i++)
		help_must(f, 501, "GET", urls[i], NULL);
	assert_string_equal(help_get(f, "/ping"), "pong");
	assert_string_equal(help_at(f, "/v2/info", "name"), "marathon");
	assert_string_equal(help_at(f, "/v2/leader", "leader"), "host.example");
	assert_non_null(strstr(help_get(f, "/metrics"), "\"gauges\""));
	assert_string_equal(help_get(f, "/v2/queue"), "{\"queue\": []}");
	assert_string_equal(help_get(f, "/v2/deployments"), "[]");
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apps_are_found_by_what_is_asked),
		cmocka_unit_test(bad_bodies_get_marathons_codes),
		cmocka_unit_test(rights_are_asked_for),
		cmocka_unit_test(a_way_back_lends_no_rights),
		cmocka_unit_test(versions_are_kept_and_can_come_back),
		cmocka_unit_test(tasks_are_lists_or_lines),
		cmocka_unit_test(what_is_not_built_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
