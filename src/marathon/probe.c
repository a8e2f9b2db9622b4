#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "marathon/probe.h"

#define ANSWER_MAX 1024 /* only the first line counts */

struct gate_probe {
	struct gate_loop *loop;
	struct gate_watch *watch;
	struct gate_timer timer;
	int fd, error; /* error: of connect(2), told by the timer */
	bool http, connected;
	char request[2048];
	size_t len, sent;
	char answer[ANSWER_MAX + 1];
	size_t got;
	gate_probe_fn *done;
	void *ctx;
};

void gate_probe_cancel(struct gate_probe *p)
{
	if (p == NULL)
		return;
	gate_timer_clear(&p->timer);
	gate_loop_unwatch(p->watch);
	if (p->fd >= 0)
		(void)close(p->fd);
	free(p);
}

static void finish(struct gate_probe *p, int status, const char *why)
{
	gate_probe_fn *done = p->done;
	void *ctx = p->ctx;

	gate_probe_cancel(p);
	done(ctx, status, why);
}

static void fail(struct gate_probe *p, const char *what, int error)
{
	char why[160];

	(void)snprintf(why, sizeof(why), "%s: %s", what, strerror(error));
	finish(p, 0, why);
}

/* "HTTP/1.1 204 No Content"; true when it is all there, or cannot become one. */
static bool status_line(struct gate_probe *p)
{
	int status = 0;

	p->answer[p->got] = '\0';
	if (p->got < 12 && p->got < ANSWER_MAX)
		return false;
	if (strncmp(p->answer, "HTTP/1.", 7) == 0 && p->answer[8] == ' ' && strspn(p->answer + 9, "0123456789") == 3)
		status = atoi(p->answer + 9); /* NOLINT: three digits */
	if (status < 100)
		finish(p, 0, "the answer is not HTTP");
	else
		finish(p, status, "");
	return true;
}

static void receive(struct gate_probe *p)
{
	ssize_t n;

	do {
		n = recv(p->fd, p->answer + p->got, ANSWER_MAX - p->got, 0);
		if (n > 0)
			p->got += (size_t)n;
		if (n > 0 && status_line(p))
			return;
	} while (n > 0);
	if (n == 0)
		finish(p, 0, "the connection was closed without an answer");
	else if (errno != EAGAIN && errno != EINTR)
		fail(p, "receiving", errno);
}

static void push(struct gate_probe *p)
{
	struct gate_err err = GATE_ERR_INIT;

	while (p->sent < p->len) {
		ssize_t n = send(p->fd, p->request + p->sent, p->len - p->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			fail(p, "sending", errno);
			return;
		}
		p->sent += (size_t)n;
	}
	if (gate_loop_change(p->watch, EPOLLIN, &err) < 0)
		finish(p, 0, err.text);
}

static void ready(void *ctx, uint32_t events)
{
	struct gate_probe *p = ctx;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	if (!p->connected) {
		if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			error = errno;
		if (error != 0) {
			fail(p, "connecting", error);
			return;
		}
		p->connected = true;
		if (!p->http) {
			finish(p, 200, "");
			return;
		}
	}
	if (p->sent < p->len)
		push(p);
	else
		receive(p);
}

static void late(void *ctx)
{
	struct gate_probe *p = ctx;

	if (p->error != 0)
		fail(p, "connecting", p->error);
	else
		finish(p, 0, "no answer in time");
}

static int dial(struct gate_probe *p, const struct gate_probe_request *r, struct gate_err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_port = htons(r->port),
		                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		                   .sin6_port = htons(r->port),
		                   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const struct sockaddr *to = r->ipv6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;

	p->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return GATE_FAIL_SYS(err, "a socket for a health check");
	if (connect(p->fd, to, r->ipv6 ? sizeof(v6) : sizeof(v4)) < 0 && errno != EINPROGRESS)
		p->error = errno;
	return 0;
}

int gate_probe_start(struct gate_loop *loop, const struct gate_probe_request *r, gate_probe_fn *done, void *ctx,
                     struct gate_probe **ret, struct gate_err *err)
{
	struct gate_probe *p = calloc(1, sizeof(*p));
	int n;

	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	*p = (struct gate_probe){ .loop = loop, .fd = -1, .http = r->http, .done = done, .ctx = ctx };
	p->timer.fn = late;
	p->timer.ctx = p;
	n = snprintf(
	    p->request, sizeof(p->request),
	    "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: callgate-health-check\r\nAccept: */*\r\nConnection: "
	    "close\r\n\r\n",
	    r->path != NULL ? r->path : "/", r->ipv6 ? "[::1]" : "127.0.0.1", r->port);
	if (n < 0 || (size_t)n >= sizeof(p->request)) {
		gate_probe_cancel(p);
		return GATE_FAIL(err, GATE_E_LIMIT, "the path of a health check is too long");
	}
	p->len = r->http ? (size_t)n : 0;
	if (dial(p, r, err) < 0 ||
	    (p->error == 0 && gate_loop_watch(loop, p->fd, EPOLLOUT, ready, p, &p->watch, err) < 0) ||
	    gate_timer_set(loop, &p->timer, gate_loop_now() + (p->error == 0 ? (int64_t)r->timeout_ms : 0), err) < 0) {
		gate_probe_cancel(p);
		return -1;
	}
	*ret = p;
	return 0;
}
