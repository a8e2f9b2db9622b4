/* The server as clients see it: raw bytes in, raw bytes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define H "Host: agent\r\n"
#define C "Connection: close\r\n"
#define J "Content-Type: application/json\r\n"

static struct server server;

static int start(void **state)
{
	(void)state;
	server_start(&server, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

static void expect(const char *request, int status, const char *inside)
{
	GATE_AUTOFREE char *answer = ask(&server, request);

	if (status_of(answer) != status || !strstr(answer, inside))
		fail_msg("%s\nis answered with %s\nand not with %d and %s", request, answer, status, inside);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* What /counted says begins so, at the latest in 20 s. */
static void expect_count(const char *text)
{
	for (int i = 0; i < 400; i++) {
		GATE_AUTOFREE char *answer = ask(&server, "GET /counted HTTP/1.1\r\n" H C "\r\n");
		if (strstr(answer, text))
			return;
		pause_ms(50);
	}
	fail_msg("never counted '%s'", text);
}

static void answers_requests(void **state)
{
	(void)state;
	expect("GET /ping HTTP/1.1\r\n" H C "\r\n", 200, "\r\n\r\npong");
	expect("GET /ping HTTP/1.1\r\n" H C "\r\n", 200, "Content-Type: text/plain; charset=utf-8\r\n");
	expect("GET /ping HTTP/1.1\r\n" H C "\r\n", 200, "X-Content-Type-Options: nosniff\r\n");
	expect("HEAD /ping HTTP/1.1\r\n" H C "\r\n", 200, "Content-Length: 4\r\n");
	expect("POST /echo HTTP/1.1\r\n" H C J "Content-Length: 7\r\n\r\n{\"a\":1}", 201, "\r\n\r\n{\"a\":1}");
	expect("POST /echo HTTP/1.1\r\n" H C J "Content-Length: 2\r\n\r\n{}", 201, "Location: /echo/2\r\n");
	expect("POST /echo HTTP/1.1\r\n" H C J "Content-Length: 2\r\n\r\n{}", 201, "Marathon-Deployment-Id: d-1\r\n");
	expect("POST /echo HTTP/1.1\r\n" H C J "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3\r\n   \r\n0\r\n\r\n", 201,
	       "Location: /echo/5\r\n");
	expect("POST /echo HTTP/1.1\r\n" H C "\r\n", 201, "Location: /echo/0\r\n");
	expect("GET /nothing HTTP/1.1\r\n" H C "\r\n", 500, "{\"message\": \"no answer\"}");
	expect("GET /fail HTTP/1.1\r\n" H C "\r\n", 422, "{\"message\": \"an app with \\\"quotes\\\"\"}");
	expect("GET /fail?place HTTP/1.1\r\n" H C "\r\n", 422, "{\"message\": \"3:7: an app");
}

static void takes_addresses_apart(void **state)
{
	(void)state;
	expect("GET /show/a%2Fb%20c//d HTTP/1.1\r\n" H C "\r\n", 200, "path=/show/a/b c//d tail=a/b c//d force=0");
	expect("GET /show/?force&x=1 HTTP/1.1\r\n" H C "\r\n", 200, "tail= force=1 sse=1 json=1");
	expect("GET /show/?force=false HTTP/1.1\r\n" H C "\r\n", 200, "force=0");
	expect("GET /show/?embed=apps.tasks&embed=a+b%26&embed&x&embed= HTTP/1.1\r\n" H C "\r\n", 200,
	       " embed=apps.tasks embed=a b& embed= embed=");
	expect("GET /show/x HTTP/1.1\r\n" H C "Accept: text/event-stream\r\n\r\n", 200, "sse=1 json=0");
	expect("GET /show/x HTTP/1.1\r\n" H C "Accept: text/html, application/*;q=0.1\r\n\r\n", 200, "sse=0 json=1");
	expect("GET /show/x HTTP/1.1\r\n" H C "Accept: text/event-stream;q=0, */*;q=0.1\r\n\r\n", 200, "json=1");
	expect("GET /show/%00 HTTP/1.1\r\n" H C "\r\n", 400, "bad escape");
	expect("GET /show/%zz HTTP/1.1\r\n" H C "\r\n", 400, "bad escape");
	expect("GET /show/%4 HTTP/1.1\r\n" H C "\r\n", 400, "bad escape");
	expect("GET /show/x?a=%1 HTTP/1.1\r\n" H C "\r\n", 400, "bad escape");
	expect("GET http://agent/show/x HTTP/1.1\r\n" H C "\r\n", 400, "does not begin with '/'");
}

static void refuses_what_it_does_not_have(void **state)
{
	(void)state;
	expect("GET /no%22where HTTP/1.1\r\n" H C "\r\n", 404, "{\"message\": \"there is nothing at '/no\\\"where'\"}");
	expect("DELETE /echo HTTP/1.1\r\n" H C "\r\n", 405, "Allow: POST, PUT\r\n");
	expect("GET /secret HTTP/1.1\r\n" H C "\r\n", 403, "you may not do that");
	expect("POST /echo HTTP/1.1\r\n" H C "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415, "application/json");
	expect("POST /echo HTTP/1.1\r\n" H C "Content-Length: 2\r\n\r\n{}", 415, "application/json");
	expect("POST /echo HTTP/1.1\r\n" H C "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", 201,
	       "{}");
}

static void refuses_what_two_readers_read_differently(void **state)
{
	(void)state;
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
	       "both Content-Length and Transfer-Encoding");
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "twice");
	expect("GET /ping HTTP/1.1\r\n" H H "\r\n", 400, "twice");
	expect("POST /echo HTTP/1.1\r\n" H J "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "Transfer-Encoding");
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length: +2\r\n\r\n{}", 400, "");
	expect("GET /ping HTTP/1.1\r\n" C "\r\n", 400, "");
	/* For the server a field of another name, for others a body: what follows would be another request. */
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length : 2\r\n\r\n{}", 400, "a name that is none");
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length\t: 2\r\n\r\n{}", 400, "a name that is none");
	expect("POST /echo HTTP/1.1\r\n" H J "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, "a name that is none");
	expect("GET /ping HTTP/1.1\r\n" H "Content Length: 2\r\n\r\n", 400, "a name that is none");
	expect("GET /ping HTTP/1.1\r\n" H "X\x80: 2\r\n\r\n", 400, "a name that is none");
	expect("GET /ping HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400, "control bytes");
	expect("GET /ping HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400, "control bytes");
	expect("GET /ping HTTP/1.1\r\n" H C "X-!#$%&'*+.^_`|~: a\tb \xc3\xa4\r\n\r\n", 200, "pong");
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length: 2, 2\r\n\r\n{}", 400, "");
	expect("POST /echo HTTP/1.0\r\n" H J "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "in HTTP/1.0");
	expect("GET /ping HTTP/2.0\r\n" H "\r\n", 505, "");
	expect("GET /ping\r\n\r\n", 400, "");
	expect("POST /echo HTTP/1.1\r\n" H J "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", 400, "");
}

static void refuses_other_sites(void **state)
{
	(void)state;
	expect("GET /ping HTTP/1.1\r\n" H C "Origin: https://evil.example\r\n\r\n", 403, "another origin");
	expect("GET /ping HTTP/1.1\r\n" H C "Origin: null\r\n\r\n", 403, "another origin");
	expect("GET /ping HTTP/1.1\r\n" H C "Origin: https://agent.example\r\n\r\n", 200, "pong");
	expect("GET /ping HTTP/1.1\r\n" H C "Sec-Fetch-Site: cross-site\r\n\r\n", 403, "another site");
	expect("GET /ping HTTP/1.1\r\n" H C "Sec-Fetch-Site: same-site\r\n\r\n", 403, "another site");
	expect("GET /ping HTTP/1.1\r\n" H C "Sec-Fetch-Site: same-origin\r\n\r\n", 200, "pong");
}

static void bounds_headers(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;

	(void)state;
	gate_buf_puts(&b, "GET /ping HTTP/1.1\r\n" H C);
	for (int i = 0; i < 62; i++)
		gate_buf_printf(&b, "x-%d: 1\r\n", i);
	gate_buf_puts(&b, "\r\n");
	expect(b.data, 200, "pong");
	b.len -= 2;
	gate_buf_puts(&b, "one-more: 1\r\n\r\n");
	expect(b.data, 431, "more than 64");
	gate_buf_done(&b);
	gate_buf_printf(&b, "GET /ping HTTP/1.1\r\n" H C "x: %017000d\r\n\r\n", 1);
	expect(b.data, 431, "");
	gate_buf_done(&b);
	gate_buf_printf(&b, "GET /ping HTTP/1.1\r\n" H C "x: %015000d\r\n\r\n", 1);
	expect(b.data, 200, "pong");
	gate_buf_done(&b);
	gate_buf_printf(&b, "GET /show/%020000d HTTP/1.1\r\n" H C "\r\n", 1);
	GATE_AUTOFREE char *answer = ask(&server, b.data);
	assert_int_not_equal(status_of(answer), 200);
	gate_buf_done(&b);
}

/* Sends n bytes of body, as far as they are taken. */
static void pour(int fd, size_t n)
{
	static char part[8192];

	memset(part, ' ', sizeof(part));
	while (n > 0) {
		ssize_t done = send(fd, part, n < sizeof(part) ? n : sizeof(part), MSG_NOSIGNAL);
		if (done <= 0)
			return;
		n -= (size_t)done;
	}
}

static void bounds_bodies(void **state)
{
	int fd = server_connect(&server);
	char *answer;

	(void)state;
	say(fd, "POST /echo HTTP/1.1\r\n" H J C "Content-Length: 1048576\r\n\r\n");
	pour(fd, 1048576);
	answer = hear(fd, NULL);
	assert_int_equal(status_of(answer), 201);
	free(answer);
	close(fd);
	/* Refused at once: none of it is sent. */
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length: 1048577\r\n\r\n", 413, "1 MiB");
	expect("POST /echo HTTP/1.1\r\n" H J "Content-Length: 99999999999999999999\r\n\r\n", 413, "");
	fd = server_connect(&server);
	say(fd, "POST /echo HTTP/1.1\r\n" H J "Transfer-Encoding: chunked\r\n\r\n100001\r\n");
	pour(fd, 1048577);
	say(fd, "\r\n0\r\n\r\n");
	answer = hear(fd, NULL);
	assert_int_equal(status_of(answer), 413);
	free(answer);
	close(fd);
	/* Without an end: the connection goes. */
	fd = server_connect(&server);
	say(fd, "POST /echo HTTP/1.1\r\n" H J "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n");
	pour(fd, 16 << 20);
	answer = hear(fd, NULL);
	assert_string_equal(answer, "");
	free(answer);
	close(fd);
	expect("GET /ping HTTP/1.1\r\n" H C "\r\n", 200, "pong");
}

static void keeps_connections(void **state)
{
	int fd = server_connect(&server);

	(void)state;
	for (int i = 0; i < 100; i++) {
		say(fd, "GET /ping HTTP/1.1\r\n" H "\r\n");
		free(hear(fd, "pong"));
	}
	say(fd, "GET /no HTTP/1.1\r\n" H "\r\n");
	free(hear(fd, "}"));
	say(fd, "PUT /echo HTTP/1.1\r\n" H J "Content-Length: 3\r\n\r\n{ }");
	free(hear(fd, "{ }"));
	/* Two at once. */
	say(fd, "GET /ping HTTP/1.1\r\n" H "\r\nGET /at-once HTTP/1.1\r\n" H C "\r\n");
	GATE_AUTOFREE char *both = hear(fd, NULL);
	assert_non_null(strstr(both, "pong"));
	assert_non_null(strstr(both, "done at once"));
	close(fd);
}

static void tells_who_asks(void **state)
{
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "\"1 %u %d -\"", getuid(), getpid());
	expect("GET /who HTTP/1.1\r\n" H C "\r\n", 200, expected);
}

static void answers_later(void **state)
{
	(void)state;
	expect("GET /at-once HTTP/1.1\r\n" H C "\r\n", 200, "done at once");
	time_t began = time(NULL);

	/* After 30 ms each: what is answered later does not wait for the next second. */
	for (int i = 0; i < 20; i++)
		expect("GET /later HTTP/1.1\r\n" H C "\r\n", 202, "at last");
	assert_true(time(NULL) - began < 15);
}

static void notices_who_leaves_while_it_waits(void **state)
{
	int fd = server_connect(&server);

	(void)state;
	say(fd, "GET /never HTTP/1.1\r\n" H "\r\n");
	pause_ms(20);
	expect_count("gone 0");
	close(fd);
	expect_count("gone 1");
}

static void slow_headers_and_bodies_end(void **state)
{
	int head = server_connect(&server), silent = server_connect(&server);
	time_t began = time(NULL);
	char *answer;

	(void)state;
	say(head, "GET /ping HTTP/1.1\r\nHost");
	answer = hear(head, NULL);
	assert_int_not_equal(status_of(answer), 200);
	assert_in_range(time(NULL) - began, 4, 15);
	free(answer);
	answer = hear(silent, NULL);
	assert_string_equal(answer, "");
	free(answer);
	close(head);
	close(silent);
}

/* --- streams --- */
static int open_stream(const char *path, const char *until)
{
	int fd = server_connect(&server);
	char request[100];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" H "\r\n", path);
	say(fd, request);
	free(hear(fd, until));
	return fd;
}

static void send_event(const char *times, const char *text)
{
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;

	gate_buf_printf(&b, "POST /event?times=%s HTTP/1.1\r\n" H J C "Content-Length: %zu\r\n\r\n%s", times, strlen(text), text);
	expect(b.data, 204, "");
}

static void streams_reach_everybody(void **state)
{
	int fds[20];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		fds[i] = open_stream("/stream", "hello\n\n");
	send_event("1", "data: one\n\n");
	send_event("3", "data: two\n\n");
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++) {
		GATE_AUTOFREE char *all = hear(fds[i], "two\n\n\r\n");
		assert_non_null(strstr(all, "data: one\n\n"));
	}
	close(fds[0]);
	close(fds[1]);
	expect_count("gone 2 ");
	expect("DELETE /stream HTTP/1.1\r\n" H C "\r\n", 204, "");
	for (size_t i = 2; i < GATE_ARRAY_LEN(fds); i++) {
		GATE_AUTOFREE char *all = hear(fds[i], "0\r\n\r\n");
		assert_non_null(strstr(all, "0\r\n\r\n"));
		close(fds[i]);
	}
	/* Those that were ended are not said to have left. */
	expect_count("gone 2 ");
}

static void a_slow_client_is_told_of_its_gap(void **state)
{
	int slow = open_stream("/stream", "hello\n\n"), fast = open_stream("/stream", "hello\n\n");
	struct gate_buf b = GATE_BUF_INIT;
	char *all;

	(void)state;
	gate_buf_printf(&b, "data: %01000d\n\n", 0);
	for (int i = 0; i < 40; i++) {
		send_event("50", b.data);
		free(hear(fast, "\n\n"));
	}
	/* 2 MB do not fit into its queue and its socket; it reads now what did. */
	for (size_t total = 0; total < 200000;) {
		char part[4096];
		ssize_t n = recv(slow, part, sizeof(part), 0);
		assert_true(n > 0);
		total += (size_t)n;
	}
	pause_ms(50);
	send_event("1", "data: after\n\n");
	all = hear(slow, "data: after\n\n");
	assert_non_null(strstr(all, "event: gap\ndata: {\"dropped\":"));
	assert_true(strstr(all, "event: gap") < strstr(all, "data: after"));
	free(all);
	gate_buf_done(&b);
	close(slow);
	close(fast);
}

static void a_stream_that_cannot_tell_of_gaps_ends(void **state)
{
	int slow = open_stream("/stream/json", "hello\n\n");
	struct gate_buf b = GATE_BUF_INIT;
	char *all;

	(void)state;
	gate_buf_printf(&b, "%01000d", 0);
	expect_count("room all");
	for (int i = 0; i < 40; i++)
		send_event("50", b.data);
	expect_count("room none");
	all = hear(slow, NULL);
	assert_null(strstr(all, "\r\n0\r\n\r\n"));
	assert_true(strlen(all) < 2000000);
	free(all);
	gate_buf_done(&b);
	close(slow);
	expect_count("gone 1 ");
}

static void a_head_of_a_stream_is_only_its_head(void **state)
{
	(void)state;
	expect("HEAD /stream HTTP/1.1\r\n" H C "\r\n", 200, "Content-Type: text/event-stream\r\n");
	expect_count("gone 1 ");
}

/* --- numbers --- */
static void one_user_has_64_connections(void **state)
{
	int fds[80], refused = 0, closed = 0;

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++) {
		fds[i] = server_connect(&server);
		if (send(fds[i], "GET /ping HTTP/1.1\r\n" H "\r\n", 36, MSG_NOSIGNAL) < 0) {
			closed++;
			continue;
		}
		GATE_AUTOFREE char *answer = hear(fds[i], "\r\n\r\n");
		if (i < 64) {
			assert_int_equal(status_of(answer), 200);
			continue;
		}
		closed += !*answer;
		refused += *answer != 0;
		if (*answer)
			assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
		assert_true(!*answer || status_of(answer) == 429);
	}
	assert_int_equal(refused + closed, 16);
	assert_true(refused > 0);
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++) {
		GATE_AUTOFREE char *answer = ask(&server, "GET /ping HTTP/1.1\r\n" H C "\r\n");
		if (status_of(answer) == 200)
			return;
		pause_ms(50);
	}
	fail_msg("closed connections are still counted");
}

/* As many connections as there may be, all of other users who say nothing. */
static void root_gets_in_beside_all_others(void **state)
{
	enum { USERS = 18, EACH = 64 };
	static int fds[USERS * EACH];
	struct rlimit files;
	char *answer;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs other users\n");
		skip();
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_cur < GATE_ARRAY_LEN(fds) + 64) {
		print_message("skipped: needs more descriptors\n");
		skip();
	}
	assert_int_equal(chmod(server.dir, 0711), 0);
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++) {
		assert_int_equal(seteuid((uid_t)(62990 + i / EACH)), 0);
		fds[i] = server_connect(&server);
		assert_int_equal(seteuid(0), 0);
	}
	(void)prctl(PR_SET_DUMPABLE, 1); /* other users had switched it off, and sanitizers look at themselves */
	answer = ask(&server, "GET /ping HTTP/1.1\r\n" H C "\r\n");
	for (size_t i = 0; i < GATE_ARRAY_LEN(fds); i++)
		close(fds[i]);
	int status = status_of(answer);

	free(answer);
	assert_int_equal(status, 200);
}

/* The server ends while somebody waits, somebody streams, somebody is half way through. */
static void ends_with_everybody_there(void **state)
{
	struct server own;
	int fds[3];
	char *answer;

	(void)state;
	server_start(&own, NULL);
	for (int i = 0; i < 3; i++)
		fds[i] = server_connect(&own);
	say(fds[0], "GET /never HTTP/1.1\r\n" H "\r\n");
	say(fds[1], "GET /stream HTTP/1.1\r\n" H "\r\n");
	say(fds[2], "POST /echo HTTP/1.1\r\n" H J "Content-Length: 5\r\n\r\n{");
	free(hear(fds[1], "hello"));
	pause_ms(50);
	server_stop(&own);
	answer = hear(fds[0], NULL);
	assert_int_equal(status_of(answer), 503);
	free(answer);
	for (int i = 1; i < 3; i++)
		free(hear(fds[i], NULL));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

int main(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(answers_requests),
		T(takes_addresses_apart),
		T(refuses_what_it_does_not_have),
		T(refuses_what_two_readers_read_differently),
		T(refuses_other_sites),
		T(bounds_headers),
		T(bounds_bodies),
		T(keeps_connections),
		T(tells_who_asks),
		T(answers_later),
		T(notices_who_leaves_while_it_waits),
		T(slow_headers_and_bodies_end),
		T(streams_reach_everybody),
		T(a_slow_client_is_told_of_its_gap),
		T(a_stream_that_cannot_tell_of_gaps_ends),
		T(a_head_of_a_stream_is_only_its_head),
		T(one_user_has_64_connections),
		T(root_gets_in_beside_all_others),
		cmocka_unit_test(ends_with_everybody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
