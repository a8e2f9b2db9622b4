/* The recovery contract, point by point (docs/agent.md). What the launcher and the mother do of it is tested with them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "make.h"

#define LOST    "Container lost: its keeper was killed, so what ran in it was ended and how is not known"
#define NEVER   "Failed to launch container: never started: the agent was restarted before its launch"
#define REBOOT  "Container lost: the host was booted since"
#define MISSING "Container lost: it is not there any more"

/* 1 */
static void what_is_acknowledged_is_on_disk_before_it_starts(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_db_rows q;

	(void)state;
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "one", (struct gate_new_task){ 0 }, NULL));
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0); /* acknowledged here, and not asked for yet */
	gate_db_query(f->db, &q, "SELECT state FROM tasks WHERE container = 'one'", "");
	assert_true(gate_db_next(&q));
	assert_int_equal(gate_db_int(&q, 0), GATE_STATE_STAGING);
	gate_db_end(&q);
	fake_close(f);
}

static void a_row_without_a_container_has_failed_and_is_never_started(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "one", (struct gate_new_task){ 0 }, NULL));
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_restart(f); /* killed between the commit and the launch */
	expect_task(f, "one", GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED, NEVER);
	fake_advance(f, 100000);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0);
	fake_close(f);
}

static void a_launch_that_comes_true_after_that_is_undone(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "one", (struct gate_new_task){ 0 }, NULL));
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_restart(f);
	(void)fake_container(f, "one"); /* the old front's message was still in the socket */
	fake_starts(f, "one");
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 1);
	fake_ends(f, "one", SIGKILL);
	expect_task(f, "one", GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED, NEVER);
	fake_close(f);
}

/* 2 */
static void a_restart_touches_no_task(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	fake_forget(f);
	for (int i = 0; i < 5; i++)
		fake_restart(f);
	assert_int_equal(fake_sent(f, GATE_IPC_INVENTORY, NULL), 5);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL) + fake_sent(f, GATE_IPC_LAUNCH, NULL) +
	                     fake_sent(f, GATE_IPC_REMOVE, NULL),
	                 0);
	expect_task(f, "one", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	fake_close(f);
}

/* 3 */
static void each_task_is_in_exactly_one_state(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	for (const char *const *name = (const char *const[]){ "runs", "ended", "lost", "missing", "starting", NULL }; *name != NULL;
	     name++)
		(void)add_task(f, *name);
	fake_starts(f, "runs");
	fake_starts(f, "ended");
	fake_starts(f, "lost");
	fake_starts(f, "missing");
	fake_crash(f);
	fake_container(f, "ended")->is.record.state = GATE_TASK_ENDED;
	fake_container(f, "ended")->is.record.outcome = GATE_OUTCOME_EXITED;
	fake_container(f, "ended")->is.record.status = 3;
	fake_loses(f, "lost", false);
	fake_removes(f, "missing");
	fake_boot(f);
	expect_task(f, "runs", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	expect_task(f, "ended", GATE_STATE_FAILED, GATE_CAUSE_NONE, "Command exited with status 3");
	expect_task(f, "lost", GATE_STATE_LOST, GATE_CAUSE_NONE, LOST);
	expect_task(f, "missing", GATE_STATE_LOST, GATE_CAUSE_NONE, MISSING);
	expect_task(f, "starting", GATE_STATE_STAGING, GATE_CAUSE_NONE, "");
	fake_starts(f, "starting"); /* told to the new front, with serial 0 */
	expect_task(f, "starting", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	fake_close(f);
}

static void a_start_and_end_while_away_are_both_told_in_order(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_db_rows q;
	const char *const expected[] = { "TASK_STAGING", "TASK_RUNNING", "TASK_FINISHED" };
	size_t n = 0;

	(void)state;
	(void)add_task(f, "one");
	fake_crash(f);
	fake_container(f, "one")->is.starting = 0;
	fake_container(f, "one")->is.record.state = GATE_TASK_ENDED;
	fake_container(f, "one")->is.record.outcome = GATE_OUTCOME_EXITED;
	fake_boot(f);
	for (gate_db_query(f->db, &q, "SELECT data FROM events ORDER BY id", ""); gate_db_next(&q); n++) {
		assert_true(n < 3);
		assert_non_null(strstr(gate_db_text(&q, 0), expected[n]));
	}
	assert_int_equal(n, 3);
	fake_close(f);
}

/* 4 */
static void an_end_reads_the_same_before_and_after_a_restart(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer before, after;

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	fake_ends_denied(f, "one", SIGSYS, 101);
	fake_call(f, "GET", "/api/v1/tasks", NULL, &before);
	fake_restart(f);
	fake_call(f, "GET", "/api/v1/tasks", NULL, &after);
	assert_string_equal(before.body, after.body);
	fake_answer_done(&before);
	fake_answer_done(&after);
	fake_close(f);
}

/* 5 */
static void orphans_are_killed_removed_and_logged(void **state)
{
	struct fake *f = fake_new(NULL, NULL);

	(void)state;
	fake_container(f, "stray")->is.record.state = GATE_TASK_RUNNING;
	fake_container(f, "dead")->is.record.state = GATE_TASK_ENDED;
	fake_container(f, "gone")->is.lost = 1;
	fake_boot(f);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "stray"), 1);
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, "dead"), 1);
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, "gone"), 1);
	fake_ends(f, "stray", SIGKILL);
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, "stray"), 1);
	assert_null(f->containers);
	assert_non_null(strstr(f->log, "container 'stray' belongs to no task: it is killed\n"));
	assert_non_null(strstr(f->log, "container 'dead' belongs to no task: it is removed\n"));
	fake_close(f);
}

/* 7 */
static void after_a_boot_all_are_lost(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	(void)add_task(f, "two");
	(void)add_task(f, "three");
	fake_starts(f, "one");
	fake_starts(f, "two");
	fake_ends(f, "two", 0);
	fake_forget(f);
	fake_loses(f, "one", true);
	fake_loses(f, "three", true);
	fake_restart(f);
	expect_task(f, "one", GATE_STATE_LOST, GATE_CAUSE_NONE, REBOOT);
	expect_task(f, "three", GATE_STATE_LOST, GATE_CAUSE_NONE, REBOOT);
	expect_task(f, "two", GATE_STATE_FINISHED, GATE_CAUSE_NONE, "Command exited with status 0");
	assert_int_equal(gate_tasks_container(f->agent, "one")->pid, 0);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL), 0);
	fake_close(f);
}

/* 8 */
static void a_launch_that_is_tried_again_finds_the_same_task(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	(void)add_task(f, "one");
	fake_restart(f);
	gate_agent_begin(f->agent);
	assert_null(make_task(f, "one", (struct gate_new_task){ 0 }, &err));
	assert_int_equal(err.code, GATE_E_CONFLICT);
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	assert_string_equal(gate_tasks_container(f->agent, "one")->id, "task.one");
	fake_close(f);
}

static void a_kill_survives_the_front(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	gate_agent_begin(f->agent);
	gate_tasks_kill(f->agent, gate_tasks_container(f->agent, "one"), SIGINT, 777);
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_restart(f); /* killed before it was sent */
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 1);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "one")->a, SIGINT);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "one")->b, 777);
	fake_ends(f, "one", SIGINT);
	expect_task(f, "one", GATE_STATE_KILLED, GATE_CAUSE_NONE, "Command terminated with signal Interrupt");
	fake_close(f);
}

/* 9 */
static void the_profile_of_the_launch_stays_recorded(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	char digest[80];

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	(void)snprintf(digest, sizeof(digest), "%s", gate_tasks_container(f->agent, "one")->text_digest);
	assert_int_equal(strlen(digest), 71);
	fake_restart(f);
	assert_string_equal(gate_tasks_container(f->agent, "one")->text_digest, digest);
	assert_string_equal(gate_tasks_container(f->agent, "one")->profile, "default.json");
	fake_close(f);
}

/* 11 */
static void damage(struct fake *f)
{
	(void)add_task(f, "one");
	(void)add_task(f, "two");
	fake_starts(f, "one");
	fake_starts(f, "two");
	fake_crash(f);
	gate_db_run(f->db, "UPDATE tasks SET state = 99 WHERE container = 'two'", "");
	assert_int_equal(gate_db_trouble(f->db, NULL), 0);
	fake_forget(f);
}

static void strict_a_damaged_row_ends_the_start_and_is_named(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	damage(f);
	assert_int_equal(fake_try_boot(f, &err), -1);
	assert_string_equal(err.text, "recovery: the row of task 'task.two' is damaged: state");
	assert_int_equal(err.code, GATE_E_PROTO);
	assert_int_equal(fake_sent(f, GATE_IPC_INVENTORY, NULL), 0); /* nothing was adopted in part */
	fake_close(f);
}

static void lenient_it_is_put_aside_and_its_task_goes_on(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	damage(f);
	f->config.strict = false;
	fake_boot(f);
	expect_task(f, "two", GATE_STATE_UNKNOWN, GATE_CAUSE_NONE, "the row of this task is damaged: state");
	expect_task(f, "one", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, NULL) + fake_sent(f, GATE_IPC_REMOVE, NULL), 0);
	assert_non_null(strstr(f->log, "task 'task.two': the row of this task is damaged: state\n"));
	kill_task(f, "two", SIGTERM, 0); /* the operator can still end it */
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "two"), 1);
	fake_close(f);
}

/* 12 */
static void recovery_on_a_full_disk_waits_and_then_goes_on(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	fake_crash(f);
	fake_container(f, "one")->is.record.state = GATE_TASK_ENDED;
	fake_container(f, "one")->is.record.outcome = GATE_OUTCOME_EXITED;
	fake_full(f, true);
	fake_boot(f);
	assert_false(gate_agent_recovered(f->agent));
	fake_advance(f, 3000);
	assert_false(gate_agent_recovered(f->agent));
	fake_full(f, false);
	fake_advance(f, 1000);
	assert_true(gate_agent_recovered(f->agent));
	expect_task(f, "one", GATE_STATE_FINISHED, GATE_CAUSE_NONE, "Command exited with status 0");
	fake_close(f);
}

/* 13 */
static void a_crash_during_recovery_is_recovered_from(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	char name[16];

	(void)state;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		(void)add_task(f, name);
		if (i % 2 == 0)
			fake_starts(f, name);
		if (i % 4 == 0)
			fake_loses(f, name, false);
	}
	for (int times = 0; times < 10; times++) {
		struct gate_err err = GATE_ERR_INIT;

		fake_crash(f);
		assert_int_equal(fake_try_boot(f, &err), 0);
		for (int turns = 0; turns < times; turns++)
			(void)gate_agent_turn(f->agent); /* the inventory is asked for; the answer never comes */
	}
	fake_restart(f);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		expect_task(f, name, i % 4 == 0 ? GATE_STATE_LOST : i % 2 == 0 ? GATE_STATE_RUNNING : GATE_STATE_STAGING,
		            GATE_CAUSE_NONE, i % 4 == 0 ? LOST : "");
	}
	fake_close(f);
}

static double milliseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void recovers_500(const char *path, const char *what)
{
	struct fake *f = fake_open(NULL, path);
	double begin;
	char name[16];

	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		(void)add_task(f, name);
		fake_starts(f, name);
		if (i % 2 == 0)
			fake_loses(f, name, false); /* half of them change: the worse case */
	}
	fake_crash(f);
	begin = milliseconds();
	fake_boot(f);
	printf("# 500 tasks recovered in %.1f ms, %s\n", milliseconds() - begin, what);
	assert_true(gate_agent_recovered(f->agent));
	expect_task(f, "t499", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	expect_task(f, "t498", GATE_STATE_LOST, GATE_CAUSE_NONE, LOST);
	fake_close(f);
}

static void five_hundred_are_recovered(void **state)
{
	char path[64] = "/tmp/gate-recovery-XXXXXX";
	int fd = mkstemp(path);
	char other[80];

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	recovers_500(NULL, "database in memory");
	recovers_500(path, "database on disk");
	(void)unlink(path);
	(void)snprintf(other, sizeof(other), "%s-wal", path);
	(void)unlink(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_acknowledged_is_on_disk_before_it_starts),
		cmocka_unit_test(a_row_without_a_container_has_failed_and_is_never_started),
		cmocka_unit_test(a_launch_that_comes_true_after_that_is_undone),
		cmocka_unit_test(a_restart_touches_no_task),
		cmocka_unit_test(each_task_is_in_exactly_one_state),
		cmocka_unit_test(a_start_and_end_while_away_are_both_told_in_order),
		cmocka_unit_test(an_end_reads_the_same_before_and_after_a_restart),
		cmocka_unit_test(orphans_are_killed_removed_and_logged),
		cmocka_unit_test(after_a_boot_all_are_lost),
		cmocka_unit_test(a_launch_that_is_tried_again_finds_the_same_task),
		cmocka_unit_test(a_kill_survives_the_front),
		cmocka_unit_test(the_profile_of_the_launch_stays_recorded),
		cmocka_unit_test(strict_a_damaged_row_ends_the_start_and_is_named),
		cmocka_unit_test(lenient_it_is_put_aside_and_its_task_goes_on),
		cmocka_unit_test(recovery_on_a_full_disk_waits_and_then_goes_on),
		cmocka_unit_test(a_crash_during_recovery_is_recovered_from),
		cmocka_unit_test(five_hundred_are_recovered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
