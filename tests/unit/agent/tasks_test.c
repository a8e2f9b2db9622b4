#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "make.h"

/* --- tests --- */
static void a_task_is_launched_runs_and_ends(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_wire_profile p;
	struct gate_task task;
	struct gate_agent_task *t = add_task(f, "one");

	(void)state;
	assert_int_equal(t->state, GATE_STATE_STAGING);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, "one"), 1);
	fake_task(f, "one", &task, &p);
	assert_string_equal(task.name, "one");
	assert_string_equal(task.args.at[1], "9");
	assert_int_equal(p.len, 1);
	gate_task_done(&task);
	f->now += 5;
	f->wall += 5;
	fake_starts(f, "one");
	expect_task(f, "one", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	t = gate_tasks_find(f->agent, "task.one");
	assert_int_equal(t->started_ms, FAKE_WALL + 5);
	assert_int_equal(t->pid, 100);
	assert_string_equal(t->command, "sleep 9");
	assert_string_equal(t->profile, "default.json");
	fake_ends(f, "one", 3 << 8);
	expect_task(f, "one", GATE_STATE_FAILED, GATE_CAUSE_NONE, "Command exited with status 3");
	assert_true(t->has_status);
	assert_int_equal(t->wait_status, 3 << 8);
	assert_int_equal(t->pid, 0);
	fake_close(f);
}

static void texts_of_ends_are_mesos(void **state)
{
	static const struct {
		int status;
		enum gate_state state;
		const char *message;
	} rows[] = {
		{ 0, GATE_STATE_FINISHED, "Command exited with status 0" },
		{ 1 << 8, GATE_STATE_FAILED, "Command exited with status 1" },
		{ SIGKILL, GATE_STATE_FAILED, "Command terminated with signal Killed" },
		{ SIGSEGV | 0x80, GATE_STATE_FAILED, "Command terminated with signal Segmentation fault (core dumped)" },
	};
	struct fake *f = fake_open(NULL, NULL);
	char name[16];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		(void)snprintf(name, sizeof(name), "t%zu", i);
		(void)add_task(f, name);
		fake_starts(f, name);
		fake_ends(f, name, rows[i].status);
		expect_task(f, name, rows[i].state, GATE_CAUSE_NONE, rows[i].message);
		assert_int_equal(gate_tasks_container(f->agent, name)->wait_status, rows[i].status);
	}
	fake_close(f);
}

static void a_seccomp_end_names_call_number_architecture_and_line(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "bad");
	fake_starts(f, "bad");
	fake_ends_denied(f, "bad", SIGSYS, 101);
	expect_task(f, "bad", GATE_STATE_FAILED, GATE_CAUSE_NONE,
	       "Command terminated with signal Bad system call; seccomp refused ptrace (101, x86_64) by web.json:40:9");
	assert_non_null(strstr(gate_tasks_container(f->agent, "bad")->denials, "\"syscall\": \"ptrace\""));
	(void)add_task(f, "shell");
	fake_starts(f, "shell");
	f->place = NULL; /* the profile was changed since */
	fake_ends_denied(f, "shell", 159 << 8, 101);
	expect_task(f, "shell", GATE_STATE_FAILED, GATE_CAUSE_NONE,
	       "Command exited with status 159; seccomp refused ptrace (101, x86_64) by profile 'default.json'");
	(void)add_task(f, "deaf");
	fake_starts(f, "deaf");
	fake_ends(f, "deaf", SIGSYS);
	expect_task(f, "deaf", GATE_STATE_FAILED, GATE_CAUSE_NONE,
	       "Command terminated with signal Bad system call; seccomp refused a call, but which one is not known: the audit log "
	       "is not complete");
	fake_close(f);
}

static void memory_and_time_are_causes(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_record r;

	(void)state;
	(void)add_task(f, "fat");
	fake_starts(f, "fat");
	r = fake_container(f, "fat")->is.record;
	r.state = GATE_TASK_ENDED;
	r.outcome = GATE_OUTCOME_KILLED;
	r.signal = SIGKILL;
	r.oom_kills = 1;
	r.memory_peak = 33 << 20;
	fake_ends_with(f, "fat", &r);
	expect_task(f, "fat", GATE_STATE_FAILED, GATE_CAUSE_MEMORY,
	       "Memory limit exceeded: Requested: 32MB Maximum Used: 33MB; Command terminated with signal Killed");
	(void)add_task(f, "slow");
	fake_starts(f, "slow");
	r = fake_container(f, "slow")->is.record;
	r.state = GATE_TASK_ENDED;
	r.outcome = GATE_OUTCOME_KILLED;
	r.signal = SIGKILL;
	r.by_timeout = 1;
	fake_ends_with(f, "slow", &r);
	expect_task(f, "slow", GATE_STATE_FAILED, GATE_CAUSE_MAX_COMPLETION_TIME, "Command terminated with signal Killed");
	fake_close(f);
}

static void a_kill_that_was_asked_for_is_killed_not_failed(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_message *m;

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	kill_task(f, "one", SIGTERM, 3000);
	expect_task(f, "one", GATE_STATE_KILLING, GATE_CAUSE_NONE, "");
	m = fake_message(f, GATE_IPC_KILL, "one");
	assert_int_equal(m->a, SIGTERM);
	assert_int_equal(m->b, 3000);
	kill_task(f, "one", SIGKILL, 0); /* again is no error */
	fake_ends(f, "one", SIGTERM);
	expect_task(f, "one", GATE_STATE_KILLED, GATE_CAUSE_NONE, "Command terminated with signal Terminated");
	kill_task(f, "one", SIGTERM, 0); /* nor afterwards */
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 2);
	fake_close(f);
}

static void a_kill_that_cannot_be_carried_out_is_asked_for_again(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	f->no_keepers = true;
	kill_task(f, "one", SIGTERM, 3000);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 1);
	assert_non_null(strstr(f->log, "container 'one' cannot be killed, it is tried again: no descriptors"));
	fake_advance(f, 1000);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 2);
	f->no_keepers = false;
	fake_advance(f, 1000);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 3);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "one")->a, SIGTERM);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "one")->b, 3000);
	fake_ends(f, "one", SIGTERM);
	expect_task(f, "one", GATE_STATE_KILLED, GATE_CAUSE_NONE, "Command terminated with signal Terminated");
	fake_advance(f, 5000);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 3);
	fake_close(f);
}

static void a_kill_during_the_launch_is_sent_when_it_runs(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	kill_task(f, "one", SIGTERM, 100);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 1); /* refused: it does not run yet */
	fake_starts(f, "one");
	expect_task(f, "one", GATE_STATE_KILLING, GATE_CAUSE_NONE, "");
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 2);
	fake_ends(f, "one", SIGTERM);
	expect_task(f, "one", GATE_STATE_KILLED, GATE_CAUSE_NONE, "Command terminated with signal Terminated");
	(void)add_task(f, "two");
	kill_task(f, "two", SIGTERM, 100);
	fake_refuses(f, "two", "no");
	expect_task(f, "two", GATE_STATE_KILLED, GATE_CAUSE_KILLED_DURING_LAUNCH, "Failed to launch container: no");
	fake_close(f);
}

static void a_refused_launch_says_why(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	fake_refuses(f, "one", "no such image 'x'");
	expect_task(f, "one", GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED, "Failed to launch container: no such image 'x'");
	(void)add_task(f, "two");
	fake_not_started(f, "two", "cannot execute 'slep': No such file or directory");
	expect_task(f, "two", GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED,
	       "Failed to launch container: cannot execute 'slep': No such file or directory");
	f->unreachable = true;
	(void)add_task(f, "three");
	expect_task(f, "three", GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED,
	       "Failed to launch container: the launcher cannot be reached");
	fake_close(f);
}

static void expect_metric(struct fake *f, const char *line)
{
	struct fake_answer answer;

	fake_call(f, "GET", "/metrics/prometheus", NULL, &answer);
	assert_int_equal(answer.status, 200);
	if (strstr(answer.body, line) == NULL)
		fail_msg("%s is not in\n%.4000s", line, strstr(answer.body, "# HELP"));
	fake_answer_done(&answer);
}

static void what_the_profiles_refuse_is_an_error_or_a_failed_task(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	gate_err_set(&f->profile_error, GATE_E_INVALID, 0, "Failed to parse Seccomp profile 'x.json'");
	gate_agent_begin(f->agent);
	assert_null(make_task(f, "one", (struct gate_new_task){ 0 }, &err));
	assert_string_equal(err.text, "Failed to parse Seccomp profile 'x.json'");
	gate_agent_abort(f->agent);
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "two", (struct gate_new_task){ .keep_refused = true }, &err));
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	expect_task(f, "two", GATE_STATE_STAGING, GATE_CAUSE_NONE, "");
	fake_turn(f);
	expect_task(f, "two", GATE_STATE_FAILED, GATE_CAUSE_LAUNCH_FAILED,
	       "Failed to launch container: Failed to parse Seccomp profile 'x.json'");
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0);
	f->profile_error = (struct gate_err)GATE_ERR_INIT;
	gate_err_set(&f->profile_error, GATE_E_DENIED, 0, "not yours");
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "three", (struct gate_new_task){ .keep_refused = true }, &err));
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_turn(f);
	expect_metric(f, "callgate_launch_errors_total{cause=\"profile\"} 2\n");
	expect_metric(f, "callgate_launch_errors_total{cause=\"policy\"} 1\n");
	expect_metric(f, "mesos_slave_container_launch_errors 3\n");
	fake_close(f);
}

static void answers_are_counted_by_how_long_they_took(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	gate_metric_answered(f->agent, 200, 0);
	gate_metric_answered(f->agent, 200, 20);
	gate_metric_answered(f->agent, 503, 21);
	gate_metric_answered(f->agent, 200, 99999);
	expect_metric(f, "_bucket{le=\"0.001\"} 1\n");
	expect_metric(f, "_bucket{le=\"0.02\"} 2\n");
	expect_metric(f, "_bucket{le=\"0.05\"} 3\n");
	expect_metric(f, "_bucket{le=\"+Inf\"} 4\n");
	expect_metric(f, "_seconds_sum 100.04\n");
	expect_metric(f, "callgate_api_errors 1\n");
	fake_close(f);
}

static void an_id_or_container_is_used_once(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	(void)add_task(f, "one");
	gate_agent_begin(f->agent);
	assert_null(make_task(f, "one", (struct gate_new_task){ 0 }, &err));
	assert_int_equal(err.code, GATE_E_CONFLICT);
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_close(f);
}

static void what_is_nested_ends_with_its_parent(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "one.two", (struct gate_new_task){ .parent = "one" }, &err));
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_turn(f);
	fake_starts(f, "one.two");
	fake_ends(f, "one", 0);
	expect_task(f, "one.two", GATE_STATE_KILLING, GATE_CAUSE_NONE, "");
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "one.two")->a, SIGKILL);
	fake_close(f);
}

static void a_failed_commit_leaves_no_trace(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	(void)add_task(f, "one");
	fake_full(f, true);
	gate_agent_begin(f->agent);
	assert_non_null(make_task(f, "two", (struct gate_new_task){ 0 }, &err));
	assert_int_equal(gate_agent_commit(f->agent, &err), -1);
	assert_int_equal(err.code, GATE_E_NOSPACE);
	assert_null(gate_tasks_container(f->agent, "two"));
	assert_non_null(gate_tasks_container(f->agent, "one"));
	fake_turn(f);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, "two"), 0);
	fake_full(f, false);
	(void)add_task(f, "two");
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, "two"), 1);
	fake_close(f);
}

static void on_a_full_disk_kills_work_and_ends_are_written_later(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	(void)add_task(f, "two");
	fake_starts(f, "one");
	fake_starts(f, "two");
	fake_full(f, true);
	gate_agent_begin(f->agent);
	gate_tasks_kill(f->agent, gate_tasks_container(f->agent, "one"), SIGTERM, 500);
	assert_int_equal(gate_agent_commit(f->agent, NULL), -1);
	fake_turn(f);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "one"), 1); /* carried out */
	expect_task(f, "one", GATE_STATE_KILLING, GATE_CAUSE_NONE, "");
	fake_ends(f, "one", SIGTERM);
	fake_ends(f, "two", 0);
	expect_task(f, "two", GATE_STATE_RUNNING, GATE_CAUSE_NONE, ""); /* nothing that is not on disk is told */
	fake_advance(f, 5000);
	expect_task(f, "two", GATE_STATE_RUNNING, GATE_CAUSE_NONE, "");
	fake_full(f, false);
	fake_advance(f, 1001);
	expect_task(f, "one", GATE_STATE_KILLED, GATE_CAUSE_NONE, "Command terminated with signal Terminated");
	expect_task(f, "two", GATE_STATE_FINISHED, GATE_CAUSE_NONE, "Command exited with status 0");
	fake_close(f);
}

static int exec_status, exec_calls;
static char exec_text[64];

static void exec_done(void *ctx, int32_t wait_status, bool timed_out, const char *text)
{
	assert_ptr_equal(ctx, exec_text);
	exec_status = timed_out ? -2 : wait_status;
	exec_calls++;
	(void)snprintf(exec_text, sizeof(exec_text), "%s", text);
}

static void exec_answers_once(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	const char *args[] = { "true", NULL };
	const struct gate_wire_exec e = { .args = args, .n_args = 1, .timeout_ms = 1000 };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_agent_task *t = add_task(f, "one");

	(void)state;
	assert_int_equal(gate_tasks_exec(f->agent, t, &e, exec_done, exec_text, &err), -1);
	assert_string_equal(err.text, "container 'one' is not running");
	fake_starts(f, "one");
	for (int i = 0; i < 4; i++)
		assert_int_equal(gate_tasks_exec(f->agent, t, &e, exec_done, exec_text, NULL), 0);
	fake_exec_ends(f, "one", 1 << 8, false, "out");
	assert_int_equal(exec_status, 1 << 8);
	assert_string_equal(exec_text, "out");
	fake_exec_ends(f, "one", 9, true, "");
	assert_int_equal(exec_status, -2);
	fake_exec_refused(f, "one", "no");
	assert_int_equal(exec_status, -1);
	assert_string_equal(exec_text, "no");
	gate_tasks_exec_forget(f->agent, exec_text);
	fake_exec_ends(f, "one", 0, false, "");
	assert_int_equal(exec_calls, 3);
	fake_close(f);
}

static void ended_containers_go_after_gc_delay_or_when_there_are_too_many(void **state)
{
	struct fake *f = fake_new(NULL, NULL);
	char name[16];

	(void)state;
	f->config.gc_delay_ms = 60000;
	f->config.ended_most = 3;
	fake_boot(f);
	(void)add_task(f, "runs");
	fake_starts(f, "runs");
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		(void)add_task(f, name);
		fake_starts(f, name);
		fake_ends(f, name, 0);
	}
	assert_null(gate_tasks_container(f->agent, "t0"));
	assert_null(gate_tasks_container(f->agent, "t1"));
	assert_non_null(gate_tasks_container(f->agent, "t2"));
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, NULL), 2);
	fake_advance(f, 59999);
	assert_non_null(gate_tasks_container(f->agent, "t4"));
	fake_advance(f, 2);
	assert_null(gate_tasks_container(f->agent, "t4"));
	assert_non_null(gate_tasks_container(f->agent, "runs"));
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, NULL), 5);
	fake_restart(f);
	assert_null(gate_tasks_container(f->agent, "t4"));
	fake_close(f);
}

static void health_is_kept(void **state)
{
	struct fake *f = fake_open(NULL, NULL);

	(void)state;
	(void)add_task(f, "one");
	fake_starts(f, "one");
	gate_agent_begin(f->agent);
	gate_tasks_health(f->agent, gate_tasks_container(f->agent, "one"), false);
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_restart(f);
	assert_true(gate_tasks_container(f->agent, "one")->health_known);
	assert_false(gate_tasks_container(f->agent, "one")->healthy);
	fake_close(f);
}

static void tasks_are_shown_with_what_mesos_lacks(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer answer;

	(void)state;
	(void)add_task(f, "bad");
	fake_starts(f, "bad");
	fake_ends_denied(f, "bad", SIGSYS, 101);
	(void)add_task(f, "good");
	fake_call(f, "GET", "/api/v1/tasks/task.bad", NULL, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"place\": \"web.json:40:9\""));
	assert_non_null(strstr(answer.body, "\"exitStatus\": 31"));
	fake_answer_done(&answer);
	(void)add_task(f, "bat");
	fake_call(f, "GET", "/api/v1/tasks/go", NULL, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"task.good\""));
	fake_answer_done(&answer);
	fake_call(f, "GET", "/api/v1/tasks/ba", NULL, &answer);
	assert_int_equal(answer.status, 409);
	fake_answer_done(&answer);
	fake_call(f, "GET", "/api/v1/tasks?state=active", NULL, &answer);
	assert_non_null(strstr(answer.body, "\"task.good\""));
	assert_null(strstr(answer.body, "\"task.bad\""));
	fake_answer_done(&answer);
	fake_call(f, "GET", "/api/v1/tasks/none", NULL, &answer);
	assert_int_equal(answer.status, 404);
	fake_answer_done(&answer);
	fake_call(f, "GET", "/metrics/prometheus", NULL, &answer);
	assert_non_null(strstr(answer.body, "mesos_slave_tasks_failed 1\n"));
	assert_non_null(strstr(answer.body, "mesos_slave_tasks_staging 2\n"));
	assert_non_null(strstr(answer.body, "callgate_denials_total{call=\"ptrace\"} 1\n"));
	assert_non_null(strstr(answer.body, "callgate_task_denials{task=\"task.bad\",owner=\"/web\",call=\"ptrace\"} 1\n"));
	assert_non_null(strstr(answer.body, "\n# TYPE mesos_slave_tasks_staging gauge\nmesos_slave_tasks_staging 2\n"));
	assert_non_null(strstr(answer.body, "\n# TYPE mesos_slave_tasks_failed counter\nmesos_slave_tasks_failed 1\n"));
	assert_non_null(strstr(answer.body, "callgate_profile_findings{profile=\"web \\\"1\\\".json\",severity=\"warning\"} 2\n"));
	fake_answer_done(&answer);
	fake_close(f);
}

static void ids_and_times_have_their_forms(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	char uuid[37], other[37], when[32];

	(void)state;
	gate_agent_uuid(f->agent, uuid);
	gate_agent_uuid(f->agent, other);
	assert_int_equal(strlen(uuid), 36);
	assert_int_equal(uuid[14], '4');
	assert_non_null(strchr("89ab", uuid[19]));
	assert_string_not_equal(uuid, other);
	gate_time_text(FAKE_WALL, when);
	assert_string_equal(when, "2016-07-15T13:02:59.735Z");
	gate_time_text(0, when);
	assert_string_equal(when, "1970-01-01T00:00:00.000Z");
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_is_launched_runs_and_ends),
		cmocka_unit_test(texts_of_ends_are_mesos),
		cmocka_unit_test(a_seccomp_end_names_call_number_architecture_and_line),
		cmocka_unit_test(memory_and_time_are_causes),
		cmocka_unit_test(a_kill_that_was_asked_for_is_killed_not_failed),
		cmocka_unit_test(a_kill_that_cannot_be_carried_out_is_asked_for_again),
		cmocka_unit_test(a_kill_during_the_launch_is_sent_when_it_runs),
		cmocka_unit_test(a_refused_launch_says_why),
		cmocka_unit_test(what_the_profiles_refuse_is_an_error_or_a_failed_task),
		cmocka_unit_test(answers_are_counted_by_how_long_they_took),
		cmocka_unit_test(an_id_or_container_is_used_once),
		cmocka_unit_test(what_is_nested_ends_with_its_parent),
		cmocka_unit_test(a_failed_commit_leaves_no_trace),
		cmocka_unit_test(on_a_full_disk_kills_work_and_ends_are_written_later),
		cmocka_unit_test(exec_answers_once),
		cmocka_unit_test(ended_containers_go_after_gc_delay_or_when_there_are_too_many),
		cmocka_unit_test(health_is_kept),
		cmocka_unit_test(tasks_are_shown_with_what_mesos_lacks),
		cmocka_unit_test(ids_and_times_have_their_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
