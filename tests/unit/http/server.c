#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "agent/loop.h"
#include "server.h"

/* --- in the child --- */
static struct {
	struct gate_loop *loop;
	struct gate_http *http;
	struct gate_http_pending *later;
	struct gate_timer timer, flood;
	struct gate_http_stream *streams[128];
	size_t n_streams;
	unsigned gone, answered, refused;
} here;

static void ping(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx, (void)r;
	a->status = 200;
	a->type = "text/plain; charset=utf-8";
	gate_buf_puts(&a->body, "pong");
}

static void who(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	gate_http_say(a, 200, "%d %u %d %s", r->peer->local, r->peer->uid, r->peer->pid,
	              r->peer->subject ? r->peer->subject : "-");
}

static void echo(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	a->status = 201;
	snprintf(a->location, sizeof(a->location), "/echo/%zu", r->body_len);
	snprintf(a->deployment, sizeof(a->deployment), "d-1");
	gate_buf_add(&a->body, r->body, r->body_len);
}

static void show(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	const char *value = NULL;

	(void)ctx;
	a->status = 200;
	gate_buf_printf(&a->body, "path=%s tail=%s force=%d sse=%d json=%d", r->path, r->tail,
	                gate_http_query_true(r, "force"), gate_http_accepts(r, "text/event-stream"),
	                gate_http_accepts(r, "application/json"));
	while ((value = gate_http_query_next(r, "embed", value)))
		gate_buf_printf(&a->body, " embed=%s", value);
}

/* The room of the newest stream: nothing waits, something does, or nothing fits any more. */
static const char *room(void)
{
	size_t n = here.n_streams > 0 && here.streams[here.n_streams - 1]
	               ? gate_http_stream_room(here.streams[here.n_streams - 1])
	               : 0;

	return n == SIZE_MAX ? "all" : n > 0 ? "some" : "none";
}

static void counted(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx, (void)r;
	gate_http_say(a, 200, "gone %u answered %u refused %u streams %zu room %s", here.gone, here.answered,
	              here.refused, here.n_streams, room());
}

static void finish_later(void *ctx)
{
	struct gate_http_answer a = { 0 };
	struct gate_http_pending *p = here.later;

	(void)ctx;
	here.later = NULL;
	gate_http_say(&a, 202, "at last");
	if (p)
		gate_http_finish(p, &a);
	else
		gate_buf_done(&a.body);
}

static void left(void *ctx)
{
	here.gone++;
	if (ctx == &here.later)
		here.later = NULL;
}

static void later(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	here.later = gate_http_later(r, a, left, &here.later);
	here.timer.fn = finish_later;
	gate_timer_set(here.loop, &here.timer, gate_loop_now() + 30, NULL);
}

static void at_once(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_http_answer done = { 0 };
	struct gate_http_pending *p = gate_http_later(r, a, left, NULL);

	(void)ctx;
	gate_http_say(&done, 200, "done at once");
	gate_http_finish(p, &done);
}

static void never(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx;
	gate_http_later(r, a, left, NULL);
}

static void stream_left(void *ctx)
{
	here.gone++;
	for (size_t i = 0; i < here.n_streams; i++)
		if (&here.streams[i] == ctx)
			here.streams[i] = NULL;
}

static void stream(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_http_stream **s = &here.streams[here.n_streams++ % GATE_ARRAY_LEN(here.streams)];

	(void)ctx;
	*s = gate_http_open_stream(r, a, *r->tail ? "application/json" : "text/event-stream", stream_left, s);
	gate_http_stream_add(*s, "data: hello\n\n", 13);
}

/* POST /event: the body goes to every stream. */
static void event(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	uint32_t n = gate_http_query(r, "times") ? (uint32_t)atoi(gate_http_query(r, "times")) : 1;

	(void)ctx;
	for (uint32_t k = 0; k < n; k++)
		for (size_t i = 0; i < GATE_ARRAY_LEN(here.streams); i++)
			if (here.streams[i])
				gate_http_stream_add(here.streams[i], r->body, r->body_len);
	a->status = 204;
}

static void end_streams(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx, (void)r;
	for (size_t i = 0; i < GATE_ARRAY_LEN(here.streams); i++)
		if (here.streams[i]) {
			gate_http_stream_end(here.streams[i]);
			here.streams[i] = NULL;
		}
	a->status = 204;
}

static void nothing(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	(void)ctx, (void)r, (void)a;
}

static void failing(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)ctx;
	gate_err_set(&err, GATE_E_INVALID, 0, "an app with \"quotes\"");
	if (gate_http_query(r, "place"))
		gate_err_place(&err, 3, 7, 1);
	gate_http_fail(a, &err);
}

static const struct gate_http_route routes[] = {
	{ .method = "GET", .pattern = "/ping", .right = 1, .fn = ping },
	{ .method = "GET", .pattern = "/who", .right = 1, .fn = who },
	{ .method = "POST", .pattern = "/echo", .right = 2, .writes = true, .fn = echo },
	{ .method = "PUT", .pattern = "/echo", .right = 2, .writes = true, .fn = echo },
	{ .method = "GET", .pattern = "/show/*", .right = 1, .fn = show },
	{ .method = "GET", .pattern = "/counted", .right = 1, .fn = counted },
	{ .method = "GET", .pattern = "/later", .right = 1, .fn = later },
	{ .method = "GET", .pattern = "/at-once", .right = 1, .fn = at_once },
	{ .method = "GET", .pattern = "/never", .right = 1, .fn = never },
	{ .method = "GET", .pattern = "/stream*", .right = 1, .fn = stream },
	{ .method = "POST", .pattern = "/event", .right = 1, .writes = true, .fn = event },
	{ .method = "DELETE", .pattern = "/stream", .right = 1, .writes = true, .fn = end_streams },
	{ .method = "GET", .pattern = "/nothing", .right = 1, .fn = nothing },
	{ .method = "GET", .pattern = "/fail", .right = 1, .fn = failing },
	{ .method = "GET", .pattern = "/secret", .right = 4, .fn = ping },
	{ 0 },
};

static uint32_t rights(void *ctx, const struct gate_http_peer *peer)
{
	(void)ctx;
	return peer->subject && strcmp(peer->subject, "stranger") == 0 ? 0 : 3;
}

static void answered(void *ctx, const struct gate_http_request *r, int status, int64_t took_ms)
{
	(void)ctx, (void)took_ms;
	assert_non_null(r->method);
	here.answered++;
	here.refused += status >= 400;
}

static void turn(void *ctx)
{
	(void)ctx;
	gate_http_turn(here.http);
}

static void stop(void *ctx, uint32_t events)
{
	(void)ctx, (void)events;
	gate_loop_stop(here.loop);
}

static void check(int result, const struct gate_err *err)
{
	if (result == 0)
		return;
	fprintf(stderr, "server: %s\n", err->text);
	exit(1);
}

static void run_child(int unix_socket, int tcp_socket, const struct gate_http_tls *tls, int control)
{
	static const char *const hosts[] = { "127.0.0.1", "agent.example", NULL };
	struct gate_http_config c = { .unix_socket = unix_socket, .tcp_socket = tcp_socket, .hosts = hosts,
				      .rights = rights, .answered = answered };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_watch *stopping;

	c.tls = tls ? *tls : (struct gate_http_tls){ -1, -1, -1 };
	check(gate_loop_open(&here.loop, &err), &err);
	check(gate_http_open(here.loop, &c, &here.http, &err), &err);
	check(gate_http_add(here.http, routes, &here, &err), &err);
	check(gate_loop_watch(here.loop, control, EPOLLIN, stop, NULL, &stopping, &err), &err);
	check(gate_loop_run(here.loop, turn, NULL, &err), &err);
	gate_timer_clear(&here.timer);
	gate_loop_unwatch(stopping);
	gate_http_close(here.http);
	gate_loop_close(here.loop);
	exit(0);
}

/* --- in the test --- */
void server_start(struct server *s, const struct gate_http_tls *tls)
{
	const char *tmp = getenv("TMPDIR");
	struct gate_err err = GATE_ERR_INIT;
	int unix_socket, tcp_socket = -1, control[2];
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	*s = (struct server){ 0 };
	snprintf(s->dir, sizeof(s->dir), "%.40s/http-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/agent.sock", s->dir);
	assert_int_equal(gate_http_listen_unix(s->path, (gid_t)-1, &unix_socket, &err), 0);
	if (tls) {
		assert_int_equal(gate_http_listen_tcp("127.0.0.1:0", &tcp_socket, &err), 0);
		assert_int_equal(getsockname(tcp_socket, (struct sockaddr *)&at, &len), 0);
		snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(at.sin_port));
	}
	assert_int_equal(pipe(control), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(control[1]);
		run_child(unix_socket, tcp_socket, tls, control[0]);
	}
	close(control[0]);
	close(unix_socket);
	if (tcp_socket >= 0)
		close(tcp_socket);
	s->control = control[1];
}

void server_stop(struct server *s)
{
	int status;

	close(s->control);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	unlink(s->path);
	rmdir(s->dir);
	assert_int_equal(status, 0);
}

int server_connect(const struct server *s)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(to.sun_path, s->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

void say(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

char *hear(int fd, const char *until)
{
	struct gate_buf b = GATE_BUF_INIT;
	char part[4096];

	gate_buf_puts(&b, "");
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		if (until && b.data && strstr(b.data, until))
			break;
		if (poll(&p, 1, 20000) != 1)
			fail_msg("nothing for 20 s after: %s", b.data);
		ssize_t n = recv(fd, part, sizeof(part), 0);
		if (n <= 0)
			break;
		gate_buf_add(&b, part, (size_t)n);
	}
	return gate_buf_take(&b);
}

char *ask(const struct server *s, const char *request)
{
	int fd = server_connect(s);
	char *answer;

	say(fd, request);
	answer = hear(fd, NULL);
	close(fd);
	return answer;
}

int status_of(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}
