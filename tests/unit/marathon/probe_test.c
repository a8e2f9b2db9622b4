/* The real probe against real sockets of this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "marathon/probe.h"

static struct gate_loop *loop;
static int status;
static char why[200], asked[512];

static void told(void *ctx, int s, const char *w)
{
	(void)ctx;
	status = s;
	(void)snprintf(why, sizeof(why), "%s", w);
	gate_loop_stop(loop);
}

struct server {
	int fd, client;
	const char *answer; /* NULL: silent */
	struct gate_watch *watch;
};

static void reply(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	ssize_t n = recv(s->client, asked, sizeof(asked) - 1, 0);

	(void)events;
	asked[n > 0 ? n : 0] = '\0';
	assert_int_equal(send(s->client, s->answer, strlen(s->answer), MSG_NOSIGNAL), strlen(s->answer));
	gate_loop_unwatch(s->watch);
	s->watch = NULL;
	(void)close(s->client);
	s->client = -1;
}

static void serve(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	struct gate_err err = GATE_ERR_INIT;

	(void)events;
	s->client = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(s->client >= 0);
	if (s->answer != NULL)
		assert_int_equal(gate_loop_watch(loop, s->client, EPOLLIN, reply, s, &s->watch, &err), 0);
}

static void ask(const char *answer, bool listens, bool http, uint64_t timeout_ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct server s = { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1, answer, NULL };
	socklen_t len = sizeof(to);
	struct gate_watch *w = NULL;
	struct gate_probe *p = NULL;
	struct gate_err err = GATE_ERR_INIT;

	assert_int_equal(bind(s.fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(s.fd, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(gate_loop_open(&loop, &err), 0);
	if (listens) {
		assert_int_equal(listen(s.fd, 5), 0);
		if (http)
			assert_int_equal(gate_loop_watch(loop, s.fd, EPOLLIN, serve, &s, &w, &err), 0);
	}
	const struct gate_probe_request r = { http, false, ntohs(to.sin_port), "/health?x=1", timeout_ms };

	status = -1;
	assert_int_equal(gate_probe_start(loop, &r, told, NULL, &p, &err), 0);
	assert_int_equal(status, -1); /* never from within */
	assert_int_equal(gate_loop_run(loop, NULL, NULL, &err), 0);
	gate_loop_unwatch(w);
	gate_loop_unwatch(s.watch);
	gate_loop_close(loop);
	if (s.client >= 0)
		(void)close(s.client);
	(void)close(s.fd);
}

static void answers_are_told(void **state)
{
	(void)state;
	ask("HTTP/1.1 204 No Content\r\n\r\n", true, true, 20000);
	assert_int_equal(status, 204);
	assert_true(strncmp(asked, "GET /health?x=1 HTTP/1.1\r\n", 26) == 0);
	ask("HTTP/1.0 503 Oh\r\n\r\n", true, true, 20000);
	assert_int_equal(status, 503);
	ask("SSH-2.0-OpenSSH_9.2\r\n", true, true, 20000);
	assert_int_equal(status, 0);
	assert_string_equal(why, "the answer is not HTTP");
	ask("", true, true, 20000);
	assert_string_equal(why, "the connection was closed without an answer");
	ask(NULL, true, true, 50);
	assert_string_equal(why, "no answer in time");
}

static void a_connection_is_enough_for_tcp(void **state)
{
	(void)state;
	ask(NULL, true, false, 20000);
	assert_int_equal(status, 200);
	ask(NULL, false, false, 20000);
	assert_int_equal(status, 0);
	assert_string_equal(why, "connecting: Connection refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_told),
		cmocka_unit_test(a_connection_is_enough_for_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
