/* Jobs and runs: calls and codes, restart policies, stopping, history, restarts of the agent, a full disk. */
#include "harness.h"

static void jobs_are_made_shown_changed_and_deleted(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "GET", "/v1/jobs", NULL, 200);
	says(f, "POST", "/v1/jobs", JOB("b.c"), 201, "{\"id\": \"b.c\", \"dependencies\": [], \"labels\": {}, \"run\": {\"cpus\": 0.1");
	says(f, "POST", "/v1/jobs", JOB("b.c"), 409, "\"Job with this id already exists\"");
	says(f, "POST", "/v1/jobs", "{", 400, "Invalid JSON");
	says(f, "POST", "/v1/jobs", "{}", 422, "\"Object is not valid\"");
	does(f, "POST", "/v1/jobs", JOB("a"), 201);
	says(f, "GET", "/v1/jobs", NULL, 200, "[{\"id\": \"a\"");
	assert_int_equal(count(f, "/v1/jobs", "\"dependencies\""), 2);
	says(f, "GET", "/v1/jobs/b.c", NULL, 200, "\"schedules\": []");
	says(f, "GET", "/v1/jobs/x", NULL, 404, "{\"id\": \"x\", \"message\": \"Job not found\"}");
	says(f, "GET", "/v1/jobs/X", NULL, 400, "Not a valid id");
	says(f, "GET", "/v1/jobs/a?embed=nothing", NULL, 400, "Unknown embed options. Valid options are: ");
	says(f, "GET", "/v1/jobs/a/b", NULL, 404, "Unknown route.");
	says(f, "PUT", "/v1/jobs/b.c", JOB_WITH("whatever", ",\"user\":\"nobody\""), 200, "{\"id\": \"b.c\"");
	says(f, "GET", "/v1/jobs/b.c", NULL, 200, "\"user\": \"nobody\"");
	says(f, "PUT", "/v1/jobs/x", JOB("x"), 404, "Job not found");
	says(f, "DELETE", "/v1/jobs/b.c", NULL, 200, "{\"id\": \"b.c\"");
	does(f, "GET", "/v1/jobs/b.c", NULL, 404);
	does(f, "DELETE", "/v1/jobs/b.c", NULL, 404);
	assert_int_equal(launches(f), 0);
	fake_close(f);
}

static void a_run_goes_from_starting_to_success(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24], url[100];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	does(f, "POST", "/v1/jobs/none/runs", "", 404);
	run_of(f, "job", id);
	assert_memory_equal(id, "20160715130259", 14);
	(void)snprintf(url, sizeof(url), "/v1/jobs/job/runs/%s", id);
	says(f, "GET", url, NULL, 200, "\"status\": \"STARTING\", \"createdAt\": \"2016-07-15T13:02:59.735+0000\", \"completedAt\": null");
	says(f, "GET", "/v1/queue", NULL, 200, "[{\"jobId\": \"job\", \"runs\": [{\"runId\": \"");
	assert_int_equal(launches(f), 1);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	says(f, "GET", url, NULL, 200, "\"status\": \"ACTIVE\"");
	says(f, "GET", url, NULL, 200, "\"status\": \"TASK_RUNNING\"");
	says(f, "GET", "/v1/queue", NULL, 200, "[]");
	says(f, "GET", "/v1/jobs/job?embed=activeRuns", NULL, 200, "\"activeRuns\": [{\"id\": \"2016");
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	says(f, "GET", url, NULL, 404, "\"message\": \"Job Run not found\"}");
	says(f, "GET", "/v1/jobs/job/runs", NULL, 200, "[]");
	says(f, "GET", "/v1/jobs/job?embed=history&embed=activeRuns", NULL, 200,
	     "\"history\": {\"successCount\": 1, \"failureCount\": 0, \"lastSuccessAt\": \"2016-");
	says(f, "GET", "/v1/jobs/job?embed=history,historySummary", NULL, 200,
	     "\"historySummary\": {\"successCount\": 1, \"failureCount\": 0");
	assert_int_equal(launches(f), 1);
	fake_close(f);
}

static void the_task_is_what_the_job_says(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	struct gate_wire_profile p;
	struct gate_task t;
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("a.b", ",\"linuxInfo\":{\"seccomp\":{\"profileName\":\"web.json\"}}"), 201);
	run_of(f, "a.b", id);
	gate_task_init(&t);
	fake_task(f, fake_last(f, GATE_IPC_LAUNCH), &t, &p);
	assert_string_equal(t.args.at[2], "true");
	gate_task_done(&t);
	for (const struct gate_agent_task *k = gate_tasks_first(f->agent); k != NULL; k = k->next) {
		assert_memory_equal(k->id, "a_b_20160715130259", 18);
		assert_non_null(strstr(k->id, ".instance-"));
		assert_non_null(strstr(k->id, "._app.1"));
		assert_string_equal(k->owner_id, "a.b");
		assert_string_equal(k->version, id);
	}
	fake_close(f);
}

static void failures_follow_the_policy(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("never"), 201);
	run_of(f, "never", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	says(f, "GET", "/v1/jobs/never/runs", NULL, 200, "[]");
	says(f, "GET", "/v1/jobs/never?embed=history", NULL, 200,
	     "\"failedFinishedRuns\": [{\"id\": \"2016");
	says(f, "GET", "/v1/jobs/never?embed=history", NULL, 200, "\"failure\": {\"message\": \"Command exited with status 1\"");
	assert_int_equal(launches(f), 1);

	/* ON_FAILURE: at once, then a little later each time while it fails soon. */
	fake_forget(f);
	does(f, "POST", "/v1/jobs", JOB_WITH("again", ",\"restart\":{\"policy\":\"ON_FAILURE\",\"activeDeadlineSeconds\":100}"), 201);
	run_of(f, "again", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	assert_int_equal(launches(f), 2);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	assert_int_equal(launches(f), 2);
	fake_advance(f, SECOND);
	assert_int_equal(launches(f), 3);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), SIGKILL);
	fake_advance(f, 2 * SECOND);
	assert_int_equal(launches(f), 4);
	/* One that lived is followed at once. */
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	fake_advance(f, 60 * SECOND);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	assert_int_equal(launches(f), 5);
	assert_int_equal(count(f, "/v1/jobs/again/runs", "TASK_FAILED"), 4);
	/* The deadline counts from the run's beginning. */
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	fake_advance(f, 60 * SECOND);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 5);
	says(f, "GET", "/v1/jobs/again?embed=historySummary", NULL, 200, "\"failureCount\": 1");
	fake_close(f);
}

static void a_run_that_succeeds_in_the_end_is_a_success(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("again", ",\"restart\":{\"policy\":\"ON_FAILURE\"}"), 201);
	run_of(f, "again", id);
	fake_refuses(f, fake_last(f, GATE_IPC_LAUNCH), "no memory");
	assert_int_equal(launches(f), 2);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	says(f, "GET", "/v1/jobs/again?embed=history", NULL, 200, "\"successCount\": 1, \"failureCount\": 0");
	fake_close(f);
}

static void a_refused_profile_fails_the_run_with_its_sentence(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("job", ",\"linuxInfo\":{\"seccomp\":{\"profileName\":\"none.json\"}}"), 201);
	(void)GATE_FAIL(&f->profile_error, GATE_E_NOTFOUND, "there is no profile 'none.json'");
	run_of(f, "job", id);
	fake_turn(f);
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200,
	     "\"failure\": {\"message\": \"Failed to launch container: there is no profile 'none.json'\"");
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200, "\"reason\": \"REASON_CONTAINER_LAUNCH_FAILED\"");
	assert_int_equal(launches(f), 0);
	fake_close(f);
}

static void a_run_that_seccomp_ended_names_the_call(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	run_of(f, "job", id);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	fake_ends_denied(f, fake_last(f, GATE_IPC_LAUNCH), SIGSYS, 101);
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200,
	     "\"message\": \"Command terminated with signal Bad system call; seccomp refused ptrace (101, x86_64)");
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200, "\"syscall\": \"ptrace\"");
	says(f, "GET", "/v1/jobs/job?embed=historySummary", NULL, 200, "\"failureCount\": 1");
	assert_int_equal(launches(f), 1); /* NEVER */
	fake_close(f);
}

static void a_stopped_run_has_failed_and_does_not_come_back(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24], url[100];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("job", ",\"restart\":{\"policy\":\"ON_FAILURE\"}"), 201);
	run_of(f, "job", id);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	(void)snprintf(url, sizeof(url), "/v1/jobs/job/runs/%s/actions/stop", id);
	does(f, "POST", "/v1/jobs/job/runs/20160715130259AAAAA/actions/stop", "", 404);
	says(f, "POST", url, "", 200, "\"status\": \"FAILED\"");
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL), 1);
	says(f, "POST", url, "", 404, "Job Run not found");
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), SIGTERM);
	fake_advance(f, HOUR);
	assert_int_equal(launches(f), 1);
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200, "\"failure\": {\"message\": \"stopped by uid ");
	fake_close(f);
}

static void a_job_with_runs_is_deleted_only_on_request(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	run_of(f, "job", id);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	says(f, "DELETE", "/v1/jobs/job", NULL, 409,
	     "There are active job runs. Override with stopCurrentJobRuns=true");
	does(f, "DELETE", "/v1/jobs/job?stopCurrentJobRuns=true", NULL, 200);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL), 1);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), SIGTERM);
	does(f, "GET", "/v1/jobs/job", NULL, 404);
	/* A new job of the same name has nothing of the old one. */
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	says(f, "GET", "/v1/jobs/job?embed=history", NULL, 200, "\"failureCount\": 0, \"lastSuccessAt\": null");
	fake_close(f);
}

static void an_update_does_not_touch_what_runs(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	struct gate_wire_profile p;
	struct gate_task t;
	char id[24];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("job", ",\"env\":{\"A\":\"old\"},\"restart\":{\"policy\":\"ON_FAILURE\"}"), 201);
	run_of(f, "job", id);
	does(f, "PUT", "/v1/jobs/job", JOB_WITH("job", ",\"env\":{\"A\":\"new\"}"), 200);
	fake_restart(f); /* it is kept with the run */
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	gate_task_init(&t);
	fake_task(f, fake_last(f, GATE_IPC_LAUNCH), &t, &p);
	assert_int_equal(launches(f), 2);
	assert_string_equal(t.env.at[t.env.n - 1], "A=old");
	gate_task_done(&t);
	fake_close(f);
}

static void everything_outlives_a_restart(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char one[24], two[24], *before, *after;

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("a", ",\"restart\":{\"policy\":\"ON_FAILURE\"}"), 201);
	does(f, "POST", "/v1/jobs", JOB("b"), 201);
	run_of(f, "b", one);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	run_of(f, "a", one);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	run_of(f, "a", two);
	before = call(f, "GET", "/v1/jobs?embed=activeRuns&embed=history", NULL, 200);
	fake_restart(f);
	after = call(f, "GET", "/v1/jobs?embed=activeRuns&embed=history", NULL, 200);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(launches(f), 3);
	/* The second has not been answered by the launcher: it is now. */
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	assert_int_equal(count(f, "/v1/jobs/a/runs", "ACTIVE"), 2);
	/* Its keeper goes while nobody looks: it is lost, which is a failure, and the policy says again. */
	fake_crash(f);
	fake_loses(f, fake_last(f, GATE_IPC_LAUNCH), false);
	fake_boot(f);
	assert_int_equal(launches(f), 4);
	fake_close(f);
}

static void dependencies_start_what_waits_for_them(void **state)
{
#define CHILD "{\"id\":\"child\",\"dependencies\":[{\"id\":\"p1\"},{\"id\":\"p2\"}]," RUN_WITH("") "}"
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24];

	(void)state;
	says(f, "POST", "/v1/jobs", CHILD, 422, "Dependencies contain unknown jobs. unknown=[p1, p2]");
	does(f, "POST", "/v1/jobs", JOB("p1"), 201);
	does(f, "POST", "/v1/jobs", JOB("p2"), 201);
	run_of(f, "p1", id); /* ended before the child was there: no reason */
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	does(f, "POST", "/v1/jobs", CHILD, 201);
	says(f, "PUT", "/v1/jobs/p1", "{\"id\":\"p1\",\"dependencies\":[{\"id\":\"child\"}]," RUN_WITH("") "}", 422,
	     "Dependencies have a cycle.");
	says(f, "DELETE", "/v1/jobs/p1", NULL, 409, "There are jobs with a dependency on p1. children=[child]");
	says(f, "POST", "/v1/jobs/child/schedules", "{\"id\":\"s\",\"cron\":\"* * * * *\"}", 422,
	     "Jobs may not have both dependencies and schedules specified");
	run_of(f, "p2", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	assert_int_equal(launches(f), 2);
	run_of(f, "p1", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8); /* not well */
	assert_int_equal(launches(f), 3);
	run_of(f, "p1", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	assert_int_equal(launches(f), 5); /* both well: the child */
	assert_int_equal(count(f, "/v1/jobs/child/runs", "\"jobId\": \"child\""), 1);
	/* Once for each time that all of them ended well; also one that failed does not keep it from its next. */
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 1 << 8);
	fake_restart(f);
	assert_int_equal(launches(f), 5);
	run_of(f, "p1", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	assert_int_equal(launches(f), 6);
	run_of(f, "p2", id);
	fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), 0);
	assert_int_equal(launches(f), 8);
	fake_close(f);
}

static void a_full_disk_refuses_and_forgets_nothing(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24], url[100];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB_WITH("job", ",\"restart\":{\"policy\":\"ON_FAILURE\"}"), 201);
	run_of(f, "job", id);
	fake_starts(f, fake_last(f, GATE_IPC_LAUNCH));
	(void)snprintf(url, sizeof(url), "/v1/jobs/job/runs/%s/actions/stop", id);
	fake_full(f, true);
	does(f, "POST", "/v1/jobs", JOB("other"), 507);
	does(f, "PUT", "/v1/jobs/job", JOB("job"), 507);
	does(f, "POST", "/v1/jobs/job/runs", "", 507);
	does(f, "GET", "/v1/jobs/other", NULL, 404);
	assert_int_equal(count(f, "/v1/jobs/job/runs", "ACTIVE"), 1);
	assert_int_equal(launches(f), 1);
	/* A stop is carried out all the same. */
	does(f, "POST", url, "", 507);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL), 1);
	fake_full(f, false);
	fake_advance(f, 5 * SECOND);
	does(f, "POST", url, "", 200);
	fake_close(f);
}

static void history_is_bounded(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	f->starts_itself = true;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	for (int i = 0; i < 1005; i++) {
		char id[24];

		run_of(f, "job", id);
		fake_ends(f, fake_last(f, GATE_IPC_LAUNCH), i < 1003 ? 0 : 1 << 8);
		fake_forget(f);
	}
	assert_int_equal(count(f, "/v1/jobs/job?embed=history", "\"finishedAt\""), 1002);
	says(f, "GET", "/v1/jobs/job?embed=historySummary", NULL, 200, "\"successCount\": 1003, \"failureCount\": 2");
	fake_close(f);
}

static void rights_are_asked_for(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	char id[24], url[100];

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	run_of(f, "job", id);
	(void)snprintf(url, sizeof(url), "/v1/jobs/job/runs/%s/actions/stop", id);
	f->rights = GATE_RIGHT_READ;
	does(f, "GET", "/v1/jobs/job", NULL, 200);
	does(f, "POST", "/v1/jobs", JOB("more"), 403);
	does(f, "POST", "/v1/jobs/job/runs", "", 403);
	does(f, "POST", url, "", 403);
	does(f, "DELETE", "/v1/jobs/job", NULL, 403);
	f->rights = GATE_RIGHT_READ | GATE_RIGHT_LAUNCH;
	does(f, "DELETE", "/v1/jobs/job", NULL, 403);
	says(f, "POST", "/v1/jobs", JOB_WITH("v", ",\"volumes\":[{\"containerPath\":\"/c\",\"hostPath\":\"/h\",\"mode\":\"RO\"}]"), 403,
	     "a volume of the host needs the right 'host'");
	says(f, "POST", "/v1/jobs", JOB("h"), 403, "to see the host's files (a task without an image) needs the right 'host'");
	f->rights |= GATE_RIGHT_HOST;
	says(f, "POST", "/v1/jobs", JOB_WITH("u", ",\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}}"), 403,
	     "need the right 'unconfined'");
	says(f, "PUT", "/v1/jobs/job", JOB_WITH("job", ",\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}}"), 403,
	     "need the right 'unconfined'");
	assert_int_equal(launches(f), 1);
	fake_close(f);
}

static void damaged_rows_end_a_strict_start_and_no_other(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("good"), 201);
	does(f, "POST", "/v1/jobs", JOB("bad"), 201);
	fake_crash(f);
	gate_db_run(f->db, "UPDATE metronome_jobs SET spec = '{' WHERE id = 'bad'", "");
	f->config.strict = true;
	assert_int_equal(fake_try_boot(f, &err), -1);
	assert_non_null(strstr(err.text, "the row of job 'bad' cannot be read"));
	fake_crash(f);
	f->config.strict = false;
	fake_boot(f);
	does(f, "GET", "/v1/jobs/good", NULL, 200);
	does(f, "GET", "/v1/jobs/bad", NULL, 404);
	assert_non_null(strstr(f->log, "the row of job 'bad' cannot be read and is left alone"));
	fake_close(f);
}

static void who_asks_for_numbers_gets_them(void **state)
{
	struct fake *f = fake_open(harness_schedulers, NULL);

	(void)state;
	does(f, "POST", "/v1/jobs", JOB("job"), 201);
	does(f, "POST", "/v1/jobs/job/runs", "", 201);
	says(f, "GET", "/v1/metrics", NULL, 200, "\"metronome.jobs.active.gauge\": {\"value\": 1}");
	says(f, "GET", "/v1/metrics", NULL, 200, "\"callgate/job_runs_started\": {\"value\": 1}");
	says(f, "GET", "/info", NULL, 200, "\"libVersion\"");
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_made_shown_changed_and_deleted),
		cmocka_unit_test(a_run_goes_from_starting_to_success),
		cmocka_unit_test(the_task_is_what_the_job_says),
		cmocka_unit_test(failures_follow_the_policy),
		cmocka_unit_test(a_run_that_succeeds_in_the_end_is_a_success),
		cmocka_unit_test(a_refused_profile_fails_the_run_with_its_sentence),
		cmocka_unit_test(a_run_that_seccomp_ended_names_the_call),
		cmocka_unit_test(a_stopped_run_has_failed_and_does_not_come_back),
		cmocka_unit_test(a_job_with_runs_is_deleted_only_on_request),
		cmocka_unit_test(an_update_does_not_touch_what_runs),
		cmocka_unit_test(everything_outlives_a_restart),
		cmocka_unit_test(dependencies_start_what_waits_for_them),
		cmocka_unit_test(a_full_disk_refuses_and_forgets_nothing),
		cmocka_unit_test(history_is_bounded),
		cmocka_unit_test(rights_are_asked_for),
		cmocka_unit_test(damaged_rows_end_a_strict_start_and_no_other),
		cmocka_unit_test(who_asks_for_numbers_gets_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
