/* Apps: made, scaled, killed, deleted; ports and room; what lasts. */
#include "help.h"

#define APP(more) "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"mem\":32" more "}"

static void an_app_runs_and_its_deployment_ends(void **state)
{
	struct fake *f = help_open(NULL);
	struct fake_answer a;
	struct gate_agent_task *t[2];
	struct gate_wire_profile p;
	struct gate_task task;

	(void)state;
	fake_call(f, "POST", "/v2/apps", APP(",\"env\":{\"X\":\"secret\"}"), &a);
	assert_int_equal(a.status, 201);
	assert_string_equal(a.location, "/v2/apps/a");
	assert_int_equal(strlen(a.deployment), 36);
	assert_non_null(strstr(a.body, "\"version\": \"2016-07-15T13:02:59.735Z\""));
	assert_non_null(strstr(a.body, "\"tasksStaged\": 0"));
	assert_non_null(strstr(a.body, a.deployment));
	fake_answer_done(&a);

	assert_int_equal(help_tasks(f, "/a", t, 2), 1);
	assert_string_equal(t[0]->version, "2016-07-15T13:02:59.735Z");
	assert_true(strncmp(t[0]->id, "a.instance-", 11) == 0);
	assert_string_equal(t[0]->id + strlen(t[0]->id) - 7, "._app.1");
	assert_string_equal(t[0]->ports, "31000");
	fake_task(f, t[0]->container, &task, &p);
	assert_string_equal(task.args.at[2], "sleep 1");
	assert_int_equal(task.memory, 32 << 20);
	gate_task_done(&task);
	assert_true(help_deploying(f));
	assert_string_equal(help_at(f, "/v2/deployments", "0.affectedApps.0"), "/a");
	assert_string_equal(help_at(f, "/v2/deployments", "0.currentActions.0.action"), "ScaleApplication");
	assert_int_equal(help_number(f, "/v2/deployments", "0.currentStep"), 2);
	assert_int_equal(help_number(f, "/v2/deployments", "0.totalSteps"), 2);
	assert_string_equal(help_at(f, "/v2/deployments", "0.steps.0.actions.0.action"), "StartApplication");

	help_start_all(f);
	assert_false(help_deploying(f));
	assert_int_equal(help_number(f, "/v2/apps/a", "app.tasksRunning"), 1);
	assert_string_equal(help_at(f, "/v2/apps/a", "app.tasks.0.state"), "TASK_RUNNING");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.tasks.0.callgate.profile.name"), "default.json");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.env.X"), "secret");
	assert_int_equal(help_events(f, "deployment_success"), 1);
	assert_int_equal(help_events(f, "deployment_step_success"), 2);
	assert_int_equal(help_events(f, "deployment_info"), 2);
	assert_int_equal(help_events(f, "api_post_event"), 1);
	/* Whoever may only read sees no values, and events never have them. */
	f->rights = GATE_RIGHT_READ;
	assert_string_equal(help_at(f, "/v2/apps/a", "app.env.X"), "(hidden)");
	assert_int_equal(help_call(f, "POST", "/v2/apps", APP(""), NULL), 403);
	fake_close(f);
}

static void it_is_kept_running(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[2];
	char first[300];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	help_start_all(f);
	(void)help_tasks(f, "/a", t, 2);
	(void)snprintf(first, sizeof(first), "%s", t[0]->id);
	fake_ends(f, t[0]->container, 1 << 8);
	assert_int_equal(help_tasks(f, "/a", t, 2), 0);
	assert_int_equal(help_number(f, "/v2/queue", "queue.0.count"), 1);
	assert_int_equal(help_number(f, "/v2/queue", "queue.0.delay.timeLeftSeconds"), 1);
	assert_string_equal(help_at(f, "/v2/queue", "queue.0.delay.overdue"), "false");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.lastTaskFailure.message"), "Command exited with status 1");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.lastTaskFailure.state"), "TASK_FAILED");
	assert_string_equal(help_at(f, "/v2/apps/a", "app.lastTaskFailure.taskId"), first);
	fake_advance(f, 1000);
	assert_int_equal(help_tasks(f, "/a", t, 2), 1);
	first[strlen(first) - 1] = '2'; /* the same instance, its next incarnation */
	assert_string_equal(t[0]->id, first);
	assert_false(help_deploying(f));
	fake_close(f);
}

/* mesos.md: what seccomp killed says so, with the call. */
static void a_call_that_was_refused_is_named(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	help_start_all(f);
	fake_ends_denied(f, fake_last(f, GATE_IPC_LAUNCH), 31, 101);
	assert_non_null(strstr(help_at(f, "/v2/apps/a", "app.lastTaskFailure.message"), "Command terminated with signal Bad system call"));
	assert_non_null(strstr(help_at(f, "/v2/apps/a", "app.lastTaskFailure.message"), "ptrace (101, x86_64)"));
	fake_close(f);
}

static void what_the_profile_refuses_is_tried_again(void **state)
{
	struct fake *f = help_open(NULL);

	(void)state;
	gate_err_set(&f->profile_error, GATE_E_NOTFOUND, 0, "Failed to read Seccomp profile file 'x'");
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	assert_non_null(strstr(help_at(f, "/v2/apps/a", "app.lastTaskFailure.message"),
	                       "Failed to launch container: Failed to read Seccomp profile file 'x'"));
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0);
	f->profile_error = (struct gate_err)GATE_ERR_INIT;
	fake_advance(f, 1000);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 1);
	fake_close(f);
}

static void it_grows_and_shrinks(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[8];
	char oldest[300], youngest[300];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"instances\":1"));
	help_start_all(f);
	for (int n = 2; n <= 4; n++) {
		char body[64];

		fake_advance(f, 10);
		(void)snprintf(body, sizeof(body), "{\"instances\":%d}", n);
		help_must(f, 200, "PUT", "/v2/apps/a", body);
		assert_true(help_deploying(f));
		help_start_all(f);
		assert_false(help_deploying(f));
	}
	assert_int_equal(help_tasks(f, "/a", t, 8), 4);
	(void)snprintf(oldest, sizeof(oldest), "%s", t[0]->id);
	(void)snprintf(youngest, sizeof(youngest), "%s", t[3]->id);
	/* the youngest goes first */
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"instances\":3}");
	assert_int_equal(gate_tasks_find(f->agent, youngest)->state, GATE_STATE_KILLING);
	assert_true(help_deploying(f));
	help_end_killed(f);
	assert_false(help_deploying(f));
	/* … or the oldest, if the app says so (which is a change of its configuration: it restarts) */
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"killSelection\":\"OLDEST_FIRST\"}");
	for (int i = 0; i < 10 && help_deploying(f); i++) {
		fake_advance(f, 10);
		help_start_all(f);
		help_end_killed(f);
	}
	assert_false(help_deploying(f));
	assert_int_equal(help_tasks(f, "/a", t, 8), 3);
	assert_true(gate_state_ended(gate_tasks_find(f->agent, oldest)->state));
	(void)snprintf(oldest, sizeof(oldest), "%s", t[0]->id);
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"instances\":2}");
	assert_int_equal(gate_tasks_find(f->agent, oldest)->state, GATE_STATE_KILLING);
	help_end_killed(f);
	/* to nothing: suspended, and back */
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"instances\":0}");
	help_end_killed(f);
	assert_false(help_deploying(f));
	assert_int_equal(help_tasks(f, "/a", t, 8), 0);
	fake_advance(f, 600000);
	assert_int_equal(help_tasks(f, "/a", t, 8), 0);
	help_must(f, 200, "PUT", "/v2/apps/a", "{\"instances\":1}");
	assert_int_equal(help_tasks(f, "/a", t, 8), 1);
	fake_close(f);
}

/* What does not run yet goes before what runs, and what is ill before what is well. */
static void those_that_do_not_run_go_first(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[8];
	char staged[300];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"instances\":3,\"killSelection\":\"OLDEST_FIRST\""));
	(void)help_tasks(f, "/a", t, 8);
	(void)snprintf(staged, sizeof(staged), "%s", t[1]->id);
	fake_starts(f, t[0]->container);
	(void)help_tasks(f, "/a", t, 8);
	fake_starts(f, t[2]->container);
	help_must(f, 409, "PUT", "/v2/apps/a", "{\"instances\":2}");
	help_must(f, 200, "PUT", "/v2/apps/a?force=true", "{\"instances\":2}");
	assert_int_equal(gate_tasks_find(f->agent, staged)->state, GATE_STATE_KILLING);
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
	fake_close(f);
}

static void tasks_are_killed_and_come_back_or_not(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[8];
	char url[400], id[300], body[400];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"instances\":3"));
	help_start_all(f);
	(void)help_tasks(f, "/a", t, 8);
	(void)snprintf(id, sizeof(id), "%s", t[0]->id);
	(void)snprintf(url, sizeof(url), "/v2/apps/a/tasks/%s", id);
	help_must(f, 200, "DELETE", url, NULL);
	assert_int_equal(gate_tasks_find(f->agent, id)->state, GATE_STATE_KILLING);
	help_end_killed(f);
	assert_int_equal(gate_tasks_find(f->agent, id)->state, GATE_STATE_KILLED);
	assert_int_equal(help_tasks(f, "/a", t, 8), 3); /* at once: what was asked for counts for nothing */
	help_start_all(f);
	help_must(f, 404, "DELETE", url, NULL);
	help_must(f, 404, "DELETE", "/v2/apps/b/tasks", NULL);
	help_must(f, 400, "DELETE", "/v2/apps/a/tasks?scale=true&wipe=true", NULL);
	/* with scale it is one fewer, and exactly that one */
	(void)help_tasks(f, "/a", t, 8);
	(void)snprintf(id, sizeof(id), "%s", t[1]->id);
	(void)snprintf(body, sizeof(body), "{\"ids\":[\"%s\"]}", id);
	help_must(f, 200, "POST", "/v2/tasks/delete?scale=true", body);
	assert_int_equal(gate_tasks_find(f->agent, id)->state, GATE_STATE_KILLING);
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
	help_end_killed(f);
	assert_int_equal(help_tasks(f, "/a", t, 8), 2);
	assert_int_equal(help_number(f, "/v2/apps/a", "app.instances"), 2);
	assert_false(help_deploying(f));
	help_must(f, 400, "POST", "/v2/tasks/delete", "{\"ids\":[\"x\"]}");
	help_must(f, 422, "POST", "/v2/tasks/delete", "{}");
	help_must(f, 200, "DELETE", "/v2/apps/a/tasks?host=elsewhere", NULL);
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
	help_must(f, 200, "DELETE", "/v2/apps/a/tasks", NULL);
	assert_int_equal(help_count(f, "/a", GATE_STATE_KILLING), 2);
	fake_close(f);
}

static void an_app_that_is_deleted_ends_and_is_gone(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[8];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"instances\":2"));
	help_must(f, 409, "POST", "/v2/apps", APP(""));
	help_start_all(f);
	help_must(f, 200, "DELETE", "/v2/apps/a", NULL);
	help_must(f, 404, "GET", "/v2/apps/a", NULL);
	assert_string_equal(help_at(f, "/v2/deployments", "0.currentActions.0.action"), "StopApplication");
	assert_int_equal(help_count(f, "/a", GATE_STATE_KILLING), 2);
	help_must(f, 409, "POST", "/v2/apps", APP("")); /* locked until it is gone */
	help_end_killed(f);
	assert_false(help_deploying(f));
	assert_int_equal(help_events(f, "app_terminated_event"), 1);
	assert_int_equal(help_tasks(f, "/a", t, 8), 0);
	help_must(f, 404, "DELETE", "/v2/apps/a", NULL);
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	fake_close(f);
}

static void what_does_not_fit_waits(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[16];

	(void)state;
	f->config.cpus = 2;
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":1,\"mem\":1,\"instances\":3}");
	assert_int_equal(help_tasks(f, "/a", t, 16), 2);
	assert_string_equal(help_at(f, "/v2/queue", "queue.0.delay.overdue"), "true");
	help_start_all(f);
	fake_advance(f, 5000);
	assert_int_equal(help_tasks(f, "/a", t, 16), 2);
	f->config.cpus = 3;
	fake_advance(f, 1000);
	assert_int_equal(help_tasks(f, "/a", t, 16), 3);
	fake_close(f);
}

static void ports_are_taken_once(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[16];

	(void)state;
	f->config.port_high = (uint16_t)(f->config.port_low + 3);
	help_must(f, 201, "POST", "/v2/apps", APP(",\"instances\":3,\"portDefinitions\":[{},{}]"));
	assert_int_equal(help_tasks(f, "/a", t, 16), 2); /* four ports are there */
	assert_string_equal(t[0]->ports, "31000,31001");
	assert_string_equal(t[1]->ports, "31002,31003");
	help_must(f, 201, "POST", "/v2/apps",
	          "{\"id\":\"/p\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"requirePorts\":true,\"instances\":2,\"portDefinitions\":[{\"port\":"
	          "8080}]}");
	assert_int_equal(help_tasks(f, "/p", t, 16), 1);
	assert_string_equal(t[0]->ports, "8080");
	fake_close(f);
}

/* Killed between any two steps, it goes on; nothing is launched twice. */
static void it_lasts_over_restarts(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[8];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(",\"instances\":2"));
	fake_restart(f);
	assert_int_equal(help_tasks(f, "/a", t, 8), 2);
	assert_true(help_deploying(f));
	help_start_all(f);
	assert_false(help_deploying(f));
	fake_restart(f);
	assert_int_equal(help_tasks(f, "/a", t, 8), 2);
	assert_int_equal(help_count(f, "/a", GATE_STATE_RUNNING), 2);
	fake_ends(f, t[0]->container, 1 << 8);
	fake_restart(f);
	assert_int_equal(help_tasks(f, "/a", t, 8), 1); /* its back-off is not over */
	assert_string_equal(help_at(f, "/v2/apps/a", "app.lastTaskFailure.message"), "Command exited with status 1");
	fake_advance(f, 1000);
	assert_int_equal(help_tasks(f, "/a", t, 8), 2);
	help_must(f, 200, "DELETE", "/v2/apps/a", NULL);
	fake_restart(f);
	help_must(f, 404, "GET", "/v2/apps/a", NULL);
	help_end_killed(f);
	assert_false(help_deploying(f));
	assert_int_equal(help_events(f, "app_terminated_event"), 1);
	fake_close(f);
}

/* Nothing that was refused for want of room on the disk has happened; what runs goes on, and can be killed. */
static void a_full_disk_changes_nothing(void **state)
{
	struct fake *f = help_open(NULL);
	struct gate_agent_task *t[8];

	(void)state;
	help_must(f, 201, "POST", "/v2/apps", APP(""));
	help_start_all(f);
	fake_forget(f);
	fake_full(f, true);
	help_must(f, 507, "POST", "/v2/apps", "{\"id\":\"/b\",\"cmd\":\"sleep 1\"}");
	help_must(f, 507, "PUT", "/v2/apps/a", "{\"instances\":5}");
	help_must(f, 404, "GET", "/v2/apps/b", NULL);
	assert_int_equal(help_number(f, "/v2/apps/a", "app.instances"), 1);
	assert_int_equal(help_number(f, "/v2/apps/a", "app.tasksRunning"), 1);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0);
	help_must(f, 507, "DELETE", "/v2/apps/a/tasks", NULL);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL), 1);
	fake_full(f, false);
	fake_advance(f, 2000);
	help_end_killed(f);
	fake_advance(f, 2000);
	assert_int_equal(help_tasks(f, "/a", t, 8), 1);
	help_must(f, 201, "POST", "/v2/apps", "{\"id\":\"/b\",\"cmd\":\"sleep 1\"}");
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_app_runs_and_its_deployment_ends),
		cmocka_unit_test(it_is_kept_running),
		cmocka_unit_test(a_call_that_was_refused_is_named),
		cmocka_unit_test(what_the_profile_refuses_is_tried_again),
		cmocka_unit_test(it_grows_and_shrinks),
		cmocka_unit_test(those_that_do_not_run_go_first),
		cmocka_unit_test(tasks_are_killed_and_come_back_or_not),
		cmocka_unit_test(an_app_that_is_deleted_ends_and_is_gone),
		cmocka_unit_test(what_does_not_fit_waits),
		cmocka_unit_test(ports_are_taken_once),
		cmocka_unit_test(it_lasts_over_restarts),
		cmocka_unit_test(a_full_disk_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
