/* server.c - accepts, counts, hands to libmicrohttpd, and ends what takes too long. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/server.h"

/* --- a request --- */
static void dispatch(struct talk *t)
{
	struct gate_http_answer a = { 0 };
	struct gate_http_request r = {
		.method = t->method,
		.path = t->path,
		.tail = t->tail,
		.body = t->body.data ? t->body.data : "",
		.body_len = t->body.len,
		.peer = &t->conn->peer,
		.impl = t,
	};

	t->route->fn(t->route->ctx ? t->route->ctx : t->route_ctx, &r, &a);
	gate_buf_done(&t->body);
	if (!t->pending || (!t->response && a.status))
		gate_talk_respond(t, &a, false);
	else
		gate_buf_done(&a.body);
}

static void refuse(struct talk *t, int status, const char *text, bool close)
{
	struct gate_http_answer a = { 0 };

	gate_http_say(&a, status, "%s", text);
	gate_talk_respond(t, &a, close);
}

static enum MHD_Result send_answer(struct talk *t)
{
	enum MHD_Result done = MHD_NO;

	t->state = TALK_ANSWERED;
	if (t->response && !t->left)
		done = MHD_queue_response(t->conn->mhd, (unsigned)t->status, t->response);
	if (t->response)
		MHD_destroy_response(t->response);
	t->response = NULL;
	return done;
}

/* The header is here. What is refused is refused before its body is read; the connection ends then, because the body is on its way. */
static enum MHD_Result at_head(struct talk *t)
{
	struct gate_http_answer a = { 0 };
	bool body = gate_talk_has_body(t);

	t->state = TALK_BODY;
	t->conn->deadline_ms = body ? gate_loop_now() + HTTP_BODY_MS : INT64_MAX;
	if (gate_talk_read(t, &a) && gate_talk_allow(t, &a))
		return MHD_YES;
	gate_talk_respond(t, &a, body || t->conn->refuse || a.status == 400);
	return body ? send_answer(t) : MHD_YES;
}

static enum MHD_Result at_body(struct talk *t, const char *bytes, size_t *len)
{
	t->received += *len;
	if (t->received > HTTP_DISCARD_MAX)
		return MHD_NO;
	if (t->received > HTTP_BODY_MAX)
		gate_buf_done(&t->body);
	else
		gate_buf_add(&t->body, bytes, *len);
	*len = 0;
	return MHD_YES;
}

static enum MHD_Result at_end(struct talk *t)
{
	t->conn->deadline_ms = INT64_MAX;
	if (!t->response && t->received > HTTP_BODY_MAX)
		refuse(t, 413, "a body of more than 1 MiB", true);
	else if (!t->response && t->body.failed)
		refuse(t, 503, "out of memory", true);
	else if (!t->response)
		dispatch(t);
	if (t->response)
		return send_answer(t);
	if (!t->pending)
		return MHD_NO;
	t->state = TALK_WAITING;
	gate_talk_suspend(t);
	return MHD_YES;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *bytes, size_t *len, void **request)
{
	struct talk *t = *request;

	(void)ctx, (void)mhd, (void)url;
	if (!t)
		return MHD_NO;
	switch (t->state) {
	case TALK_HEAD:
		t->method = gate_arena_text(&t->arena, method, strlen(method));
		t->old = strcmp(version, "HTTP/1.0") == 0;
		return t->method ? at_head(t) : MHD_NO;
	case TALK_BODY:
		return *len ? at_body(t, bytes, len) : at_end(t);
	case TALK_WAITING:
		return send_answer(t);
	case TALK_ANSWERED:
		break;
	}
	return MHD_NO;
}

static void *first_line(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *c = info->socket_context;
	struct talk *t = calloc(1, sizeof(*t));

	(void)ctx;
	if (!t)
		return NULL;
	t->conn = c;
	t->began_ms = gate_loop_now();
	t->uri = gate_arena_text(&t->arena, uri, strlen(uri));
	if (c->deadline_ms > t->began_ms + HTTP_HEADER_MS)
		c->deadline_ms = t->began_ms + HTTP_HEADER_MS;
	if (!t->uri) {
		free(t);
		return NULL;
	}
	c->talk = t;
	return t;
}

static void completed(void *ctx, struct MHD_Connection *mhd, void **request, enum MHD_RequestTerminationCode why)
{
	struct talk *t = *request;

	(void)ctx, (void)mhd, (void)why;
	if (!t)
		return;
	gate_talk_gone(t);
	for (struct talk **at = &t->conn->side->http->dirty; *at; at = &(*at)->next_dirty)
		if (*at == t) {
			*at = t->next_dirty;
			break;
		}
	gate_loop_unwatch(t->conn->leaving);
	t->conn->leaving = NULL;
	t->conn->talk = NULL;
	t->conn->deadline_ms = gate_loop_now() + HTTP_IDLE_MS;
	if (t->stream)
		gate_stream_detach(t->stream);
	if (t->response)
		MHD_destroy_response(t->response);
	gate_buf_done(&t->body);
	gate_arena_done(&t->arena);
	free(t);
	*request = NULL;
}

/* --- a connection --- */
static void forget_conn(struct conn *c)
{
	gate_loop_unwatch(c->leaving);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->side->http->n_conns--;
	free(c);
}

static void connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode what)
{
	struct side *s = ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = s->http->adopting;
		s->http->adopting->mhd = mhd;
		if (s->tls)
			gate_tls_demand(mhd);
	} else if (*socket_context) {
		if (s->http->adopting == *socket_context)
			s->http->adopting = NULL;
		forget_conn(*socket_context);
		*socket_context = NULL;
	}
}

/* Who it is, as far as a socket tells. */
static void ask_peer(struct conn *c, const struct sockaddr_storage *from)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	c->peer = (struct gate_http_peer){ .local = !c->side->tls, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	if (!c->side->tls && getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		c->peer.uid = cred.uid;
		c->peer.gid = cred.gid;
		c->peer.pid = cred.pid;
		c->who = cred.uid;
	} else if (from->ss_family == AF_INET) {
		c->who = (UINT64_C(1) << 32) + ((const struct sockaddr_in *)from)->sin_addr.s_addr;
	} else if (from->ss_family == AF_INET6) {
		/* A host has a network of 64 bits to choose addresses from. */
		memcpy(&c->who, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof(c->who));
	}
}

/* 0: welcome; else the status to refuse it with; -1: not even that. However many others there are, root gets in: who else could do
 * something about them? */
static int too_many(const struct gate_http *h, const struct conn *c)
{
	const size_t all = c->peer.local && c->peer.uid == 0 ? 0 : h->n_conns;
	size_t mine = 0;

	for (const struct conn *other = h->conns; other; other = other->next)
		mine += other->who == c->who && other->side == c->side;
	if (mine >= HTTP_ONE_MAX + HTTP_REFUSED_ONE || all >= HTTP_ALL_MAX + HTTP_REFUSED_ALL)
		return -1;
	return mine >= HTTP_ONE_MAX ? 429 : all >= HTTP_ALL_MAX ? 503 : 0;
}

static void adopt(struct side *s, int fd, struct sockaddr_storage *from, socklen_t len)
{
	struct gate_http *h = s->http;
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->side = s;
	c->fd = fd;
	ask_peer(c, from);
	c->refuse = too_many(h, c);
	if (c->refuse < 0) {
		close(fd);
		free(c);
		return;
	}
	c->deadline_ms = gate_loop_now() + (c->refuse ? 1000 : HTTP_HEADER_MS + (s->tls ? HTTP_TLS_MS : 0));
	c->next = h->conns;
	c->link = &h->conns;
	if (c->next)
		c->next->link = &c->next;
	h->conns = c;
	h->n_conns++;
	h->adopting = c;
	/* On failure it has closed the socket. */
	if (MHD_add_connection(s->daemon, fd, (const struct sockaddr *)from, len) != MHD_YES && h->adopting)
		forget_conn(c);
	h->adopting = NULL;
}

/* --- the loop --- */
static void work(struct side *s);

static void work_again(void *ctx)
{
	struct gate_http *h = ctx;

	for (size_t i = 0; i < GATE_ARRAY_LEN(h->sides); i++)
		if (h->sides[i].daemon)
			work(&h->sides[i]);
}

/* libmicrohttpd's own epoll is edge-triggered: it may have work left without its descriptor being readable. */
static void work(struct side *s)
{
	struct gate_http *h = s->http;
	MHD_UNSIGNED_LONG_LONG timeout = 1;

	for (int rounds = 0; rounds < 8; rounds++) {
		MHD_run(s->daemon);
		timeout = 1;
		if (MHD_get_timeout(s->daemon, &timeout) != MHD_YES || timeout != 0)
			return;
	}
	gate_timer_set(h->loop, &h->again, gate_loop_now(), NULL);
}

static void working(void *ctx, uint32_t events)
{
	(void)events;
	work(ctx);
}

/* Deadlines and pings, once a second as long as there is anybody. */
static void tick(void *ctx)
{
	struct gate_http *h = ctx;
	int64_t now = gate_loop_now();

	for (struct conn *c = h->conns; c; c = c->next) {
		if (c->deadline_ms <= now) {
			c->deadline_ms = INT64_MAX;
			shutdown(c->fd, SHUT_RDWR);
		}
		if (c->talk && c->talk->stream)
			gate_stream_ping(c->talk->stream, now);
	}
	work_again(h); /* libmicrohttpd's own timeouts */
	if (h->n_conns)
		gate_timer_set(h->loop, &h->tick, now + HTTP_TICK_MS, NULL);
}

static void accept_again(void *ctx)
{
	struct gate_http *h = ctx;

	for (size_t i = 0; i < GATE_ARRAY_LEN(h->sides); i++)
		if (h->sides[i].accepting)
			gate_loop_change(h->sides[i].accepting, EPOLLIN, NULL);
}

static void accepting(void *ctx, uint32_t events)
{
	struct side *s = ctx;
	struct gate_http *h = s->http;

	(void)events;
	for (int i = 0; i < 64; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t len = sizeof(from);
		int fd = accept4(s->listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			/* The one who waits would be reported again and again. */
			gate_loop_change(s->accepting, 0, NULL);
			gate_timer_set(h->loop, &h->accept_again, gate_loop_now() + 100, NULL);
		}
		if (fd < 0)
			break;
		adopt(s, fd, &from, len);
	}
	if (h->n_conns && !h->tick.place)
		gate_timer_set(h->loop, &h->tick, gate_loop_now() + HTTP_TICK_MS, NULL);
	work(s);
}

void gate_http_turn(struct gate_http *h)
{
	bool any = h->dirty != NULL;

	while (h->dirty) {
		struct talk *t = h->dirty;
		h->dirty = t->next_dirty;
		t->dirty = false;
		if (t->suspended) {
			t->suspended = false;
			MHD_resume_connection(t->conn->mhd);
		}
	}
	/* Resuming makes nothing readable when libmicrohttpd has no thread. Not here: it would call handlers, and who calls us is
	 * about to wait. */
	if (any)
		gate_timer_set(h->loop, &h->again, gate_loop_now(), NULL);
	gate_stream_forget(h);
}

/* --- opening and closing --- */
static int read_pem(int fd, char **ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	char part[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, part, sizeof(part), at)) > 0 && text.len <= HTTP_BODY_MAX; at += n)
		gate_buf_add(&text, part, (size_t)n);
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read a TLS file");
	if (text.failed || text.len == 0 || text.len > HTTP_BODY_MAX)
		return GATE_FAIL(err, GATE_E_INVALID, "a TLS file is empty or too large");
	*ret = gate_buf_take(&text);
	return *ret ? 0 : GATE_FAIL_NOMEM(err);
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	gate_freep(text);
}

static size_t no_unescape(void *ctx, struct MHD_Connection *mhd, char *s)
{
	(void)ctx, (void)mhd;
	return strlen(s); /* request.c does it, and refuses what is wrong */
}

static int open_side(struct gate_http *h, struct side *s, const struct gate_http_tls *tls, struct gate_err *err)
{
	GATE_AUTO(wipe) char *key = NULL;
	GATE_AUTOFREE char *certificate = NULL;
	GATE_AUTOFREE char *clients = NULL;
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0);
	const union MHD_DaemonInfo *info;

	if (tls && (tls->certificate < 0 || tls->key < 0 || tls->clients < 0))
		return GATE_FAIL(err, GATE_E_INVALID, "TCP needs a certificate, its key and the authority of clients");
	if (tls && (read_pem(tls->certificate, &certificate, err) < 0 || read_pem(tls->key, &key, err) < 0 ||
	            read_pem(tls->clients, &clients, err) < 0))
		return -1;
	struct MHD_OptionItem only_tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, key },
		{ MHD_OPTION_HTTPS_MEM_TRUST, 0, clients },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3" },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

	s->daemon =
	    MHD_start_daemon(flags, 0, NULL, NULL, handle, s, MHD_OPTION_CONNECTION_LIMIT,
	                     (unsigned)(HTTP_ALL_MAX + HTTP_REFUSED_ALL + HTTP_ONE_MAX + HTTP_REFUSED_ONE),
	                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL, MHD_OPTION_CONNECTION_TIMEOUT,
	                     (unsigned)(HTTP_IDLE_MS / 1000), MHD_OPTION_STRICT_FOR_CLIENT, 1,
	                     MHD_OPTION_URI_LOG_CALLBACK, first_line, s, MHD_OPTION_NOTIFY_COMPLETED, completed, s,
	                     MHD_OPTION_NOTIFY_CONNECTION, connection, s, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, s,
	                     MHD_OPTION_ARRAY, tls ? only_tls : none, MHD_OPTION_END);
	if (!s->daemon)
		return GATE_FAIL(err, GATE_E_INVALID, "cannot start the HTTP server%s",
		                 tls ? ": the certificate or its key is not what it should be" : "");
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0)
		return GATE_FAIL(err, GATE_E_SYS, "the HTTP server has no descriptor to wait for");
	if (gate_loop_watch(h->loop, info->epoll_fd, EPOLLIN, working, s, &s->working, err) < 0 ||
	    gate_loop_watch(h->loop, s->listener, EPOLLIN, accepting, s, &s->accepting, err) < 0)
		return -1;
	return 0;
}

static int copy_hosts(struct gate_http *h, const char *const *hosts)
{
	size_t n = 0;

	while (hosts && hosts[n])
		n++;
	h->hosts = calloc(n + 1, sizeof(*h->hosts));
	for (size_t i = 0; h->hosts && i < n; i++)
		if (!(h->hosts[i] = strdup(hosts[i])))
			return -1;
	return h->hosts ? 0 : -1;
}

GATE_DEFINE_FREEP(struct gate_http, gate_http_close)

int gate_http_open(struct gate_loop *loop, const struct gate_http_config *c, struct gate_http **ret,
                   struct gate_err *err)
{
	GATE_AUTO(gate_http_closep) struct gate_http *h = calloc(1, sizeof(*h));

	if (!h)
		return GATE_FAIL_NOMEM(err);
	h->loop = loop;
	h->config = *c;
	h->tick = (struct gate_timer){ .fn = tick, .ctx = h };
	h->again = (struct gate_timer){ .fn = work_again, .ctx = h };
	h->accept_again = (struct gate_timer){ .fn = accept_again, .ctx = h };
	h->sides[0] = (struct side){ .http = h, .listener = c->unix_socket };
	h->sides[1] = (struct side){ .http = h, .listener = c->tcp_socket, .tls = true };
	if (copy_hosts(h, c->hosts) < 0)
		return GATE_FAIL_NOMEM(err);
	signal(SIGPIPE, SIG_IGN); /* libmicrohttpd with TLS writes without MSG_NOSIGNAL */
	for (size_t i = 0; i < GATE_ARRAY_LEN(h->sides); i++) {
		struct side *s = &h->sides[i];
		if (s->listener < 0)
			continue;
		if (fcntl(s->listener, F_SETFL, O_NONBLOCK) < 0)
			return GATE_FAIL_SYS(err, "cannot use a listening socket");
		if (open_side(h, s, s->tls ? &c->tls : NULL, err) < 0)
			return -1;
	}
	*ret = GATE_TAKE(&h);
	return 0;
}

/* Everybody who waits is answered, streams end; the sockets of those who do not read fast enough are shut. */
static void finish_all(struct gate_http *h)
{
	for (struct conn *c = h->conns; c; c = c->next) {
		struct talk *t = c->talk;
		if (t && (t->pending || t->stream)) {
			gate_talk_gone(t);
			if (t->pending && !t->response)
				refuse(t, 503, "the agent is stopping", true);
			gate_talk_dirty(t);
		}
	}
	for (int i = 0; i < 20 && h->n_conns; i++) {
		gate_http_turn(h);
		work_again(h);
	}
	for (struct conn *c = h->conns; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	work_again(h);
}

void gate_http_close(struct gate_http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < GATE_ARRAY_LEN(h->sides); i++) {
		gate_loop_unwatch(h->sides[i].accepting);
		gate_loop_unwatch(h->sides[i].working);
		h->sides[i].accepting = h->sides[i].working = NULL;
		if (h->sides[i].listener >= 0)
			close(h->sides[i].listener);
	}
	finish_all(h);
	for (size_t i = 0; i < GATE_ARRAY_LEN(h->sides); i++)
		if (h->sides[i].daemon)
			MHD_stop_daemon(h->sides[i].daemon);
	gate_timer_clear(&h->tick);
	gate_timer_clear(&h->again);
	gate_timer_clear(&h->accept_again);
	gate_stream_forget(h);
	for (size_t i = 0; h->hosts && h->hosts[i]; i++)
		free((void *)(uintptr_t)h->hosts[i]);
	free(h->hosts);
	free(h->tables);
	free(h);
}
