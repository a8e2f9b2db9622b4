#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "make.h"

static void say(struct fake *f, const char *type, int n)
{
	char data[64];

	gate_agent_begin(f->agent);
	for (int i = 0; i < n; i++) {
		(void)snprintf(data, sizeof(data), "{\"n\":%d}", i);
		gate_event_add(f->agent, type, data);
	}
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_turn(f);
}

static void listen_to(struct fake *f, const char *url, const char *last, struct fake_answer *ret)
{
	fake_call_with(f, "GET", url, last != NULL ? "Last-Event-ID" : NULL, last, NULL, ret);
	assert_int_equal(ret->status, 200);
	assert_string_equal(ret->type, "text/event-stream");
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

/* Every id from `first` on, each once, in order; returns the last one. */
static int64_t check_ids(const char *text, int64_t first)
{
	int64_t expected = first;

	while ((text = strstr(text, "id: ")) != NULL) {
		assert_int_equal(strtoll(text + 4, NULL, 10), expected);
		expected++;
		text += 4;
	}
	return expected - 1;
}

static void events_have_type_and_time_in_front(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	listen_to(f, "/v2/events", NULL, &s);
	assert_non_null(strstr(fake_stream_text(&s), "event: event_stream_attached\n"));
	say(f, "one_event", 1);
	assert_non_null(strstr(fake_stream_text(&s), "id: 1\nevent: one_event\ndata: {\"eventType\":\"one_event\",\"timestamp\":"
	                                             "\"2016-07-15T13:02:59.735Z\",\"n\":0}\n\n"));
	gate_agent_begin(f->agent);
	gate_event_add(f->agent, "empty_event", "{}");
	assert_int_equal(gate_agent_commit(f->agent, NULL), 0);
	fake_turn(f);
	assert_non_null(strstr(fake_stream_text(&s), "{\"eventType\":\"empty_event\",\"timestamp\":\"2016-07-15T13:02:59.735Z\"}\n\n"));
	fake_answer_done(&s);
	fake_turn(f);
	fake_close(f);
}

static void a_tasks_life_is_told_in_order(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	listen_to(f, "/api/v1/events", NULL, &s);
	(void)add_task(f, "one");
	fake_starts(f, "one");
	fake_ends(f, "one", 1 << 8);
	const char *text = fake_stream_text(&s), *at;

	assert_non_null(at = strstr(text, "\"taskStatus\": \"TASK_STAGING\""));
	assert_non_null(at = strstr(at, "\"taskStatus\": \"TASK_RUNNING\""));
	assert_non_null(at = strstr(at, "\"taskStatus\": \"TASK_FAILED\""));
	assert_non_null(strstr(at, "\"message\": \"Command exited with status 1\""));
	assert_non_null(strstr(at, "\"ports\": [31000, 31001]"));
	assert_int_equal(check_ids(text, 1), 3);
	fake_answer_done(&s);
	fake_close(f);
}

static void filters_leave_the_others_out(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	listen_to(f, "/v2/events?event_type=a_event&event_type=c_event", NULL, &s);
	say(f, "a_event", 2);
	say(f, "b_event", 2);
	say(f, "c_event", 2);
	assert_int_equal(count(fake_stream_text(&s), "event: a_event"), 2);
	assert_int_equal(count(fake_stream_text(&s), "event: b_event"), 0);
	assert_int_equal(count(fake_stream_text(&s), "event: c_event"), 2);
	fake_answer_done(&s);
	/* More of them than are kept: none is forgotten in silence. */
	char url[1024] = "/v2/events?";
	for (int i = 0; i < 32; i++)
		strcat(url, "event_type=a_event&");
	listen_to(f, url, NULL, &s);
	fake_answer_done(&s);
	fake_call_with(f, "GET", strcat(url, "event_type=b_event"), "Accept", "text/event-stream", NULL, &s);
	assert_int_equal(s.status, 400);
	assert_null(s.stream);
	fake_answer_done(&s);
	fake_close(f);
}

static void a_client_that_comes_back_misses_nothing(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	say(f, "old_event", 700);
	fake_restart(f);
	listen_to(f, "/v2/events", "5", &s);
	say(f, "new_event", 3);
	assert_int_equal(check_ids(fake_stream_text(&s), 6), 703);
	fake_answer_done(&s);
	fake_close(f);
}

static void a_client_that_reads_slowly_misses_nothing(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	listen_to(f, "/v2/events", NULL, &s);
	fake_stream_room(&s, 300); /* two or three of them */
	say(f, "an_event", 50);
	assert_in_range(check_ids(fake_stream_text(&s), 1), 2, 4);
	fake_stream_room(&s, 0);
	say(f, "an_event", 500);
	fake_stream_room(&s, SIZE_MAX);
	fake_turn(f);
	assert_int_equal(check_ids(fake_stream_text(&s), 1), 550);
	fake_answer_done(&s);
	fake_close(f);
}

static void a_failed_commit_tells_nothing_and_leaves_no_gap(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	listen_to(f, "/v2/events", NULL, &s);
	say(f, "an_event", 2);
	fake_full(f, true);
	gate_agent_begin(f->agent);
	gate_event_add(f->agent, "lost_event", "{}");
	assert_int_equal(gate_agent_commit(f->agent, NULL), -1);
	fake_full(f, false);
	gate_agent_begin(f->agent);
	gate_event_add(f->agent, "lost_event", "{}");
	gate_agent_abort(f->agent);
	say(f, "an_event", 2);
	assert_int_equal(check_ids(fake_stream_text(&s), 1), 4);
	assert_null(strstr(fake_stream_text(&s), "lost_event"));
	fake_answer_done(&s);
	fake_close(f);
}

static void what_the_table_has_given_up_is_told_as_a_gap(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer s;

	(void)state;
	say(f, "an_event", 100);
	gate_db_run(f->db, "DELETE FROM events WHERE id <= 90", "");
	listen_to(f, "/v2/events", "10", &s);
	assert_non_null(strstr(fake_stream_text(&s), "event: gap\ndata: {\"missed\":80}\n\n"));
	assert_int_equal(check_ids(fake_stream_text(&s), 91), 100);
	fake_answer_done(&s);
	fake_close(f);
}

static void the_table_is_bounded(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_db_rows q;

	(void)state;
	for (int i = 0; i < 102; i++)
		say(f, "an_event", 1000);
	gate_db_query(f->db, &q, "SELECT count(*), min(id), max(id) FROM events", "");
	assert_true(gate_db_next(&q));
	assert_int_equal(gate_db_int(&q, 0), 100000);
	assert_int_equal(gate_db_int(&q, 1), 2001);
	assert_int_equal(gate_db_int(&q, 2), 102000);
	gate_db_end(&q);
	fake_close(f);
}

static void who_wants_no_stream_is_told(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct fake_answer answer;

	(void)state;
	fake_call_with(f, "GET", "/v2/events", "Accept", "application/json", NULL, &answer);
	assert_int_equal(answer.status, 405);
	fake_answer_done(&answer);
	fake_close(f);
}

static void who_did_what_is_written_with_the_change(void **state)
{
	struct fake *f = fake_open(NULL, NULL);
	struct gate_db_rows q;

	(void)state;
	gate_audit_add(f->agent, "uid 7", "POST", "/nothing", 0);
	gate_audit_drop(f->agent); /* it changed nothing */
	gate_audit_add(f->agent, "uid 7", "POST", "/v2/apps", 0);
	say(f, "an_event", 1);
	gate_audit_drop(f->agent);
	gate_audit_add(f->agent, "uid 8", "DELETE", "/v2/apps/x", 403); /* refused: with the turn */
	fake_turn(f);
	gate_db_query(f->db, &q, "SELECT group_concat(client || ' ' || method || ' ' || path || ' ' || status) FROM audit", "");
	assert_true(gate_db_next(&q));
	assert_string_equal(gate_db_text(&q, 0), "uid 7 POST /v2/apps 0,uid 8 DELETE /v2/apps/x 403");
	gate_db_end(&q);
	fake_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_have_type_and_time_in_front),
		cmocka_unit_test(a_tasks_life_is_told_in_order),
		cmocka_unit_test(filters_leave_the_others_out),
		cmocka_unit_test(a_client_that_comes_back_misses_nothing),
		cmocka_unit_test(a_client_that_reads_slowly_misses_nothing),
		cmocka_unit_test(a_failed_commit_tells_nothing_and_leaves_no_gap),
		cmocka_unit_test(what_the_table_has_given_up_is_told_as_a_gap),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(who_wants_no_stream_is_told),
		cmocka_unit_test(who_did_what_is_written_with_the_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
