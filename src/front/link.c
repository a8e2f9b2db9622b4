#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "front/front.h"

#define PATIENCE_MS 10000 /* for an answer that is waited for: the launcher reads a few small files for it */
#define OWN_SERIAL  (UINT64_C(1) << 63) /* the agent's are counted from 1 */
#define ROUND       64                  /* messages before others get their turn */

struct parcel { /* a message that waits, on its way out or in */
	struct parcel *next;
	struct gate_ipc_head head;
	int fd;
	uint8_t bytes[];
};
struct queue {
	struct parcel *first, **last;
};
struct gate_link {
	struct gate_loop *loop;
	struct gate_watch *watch;
	struct gate_agent *agent;
	int socket;
	bool out_watched;
	uint64_t serial;
	struct queue out, in;
	struct gate_err broken;
	struct gate_ipc m; /* too large for a stack that is to be small */
};

/* --- queues --- */
static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static struct parcel *parcel_new(struct queue *q, const struct gate_ipc_head *head, const void *bytes)
{
	struct parcel *p = malloc(sizeof(*p) + head->len);

	if (p == NULL)
		return NULL;
	*p = (struct parcel){ .head = *head, .fd = -1 };
	if (head->len > 0)
		memcpy(p->bytes, bytes, head->len);
	*q->last = p;
	q->last = &p->next;
	return p;
}

static struct parcel *queue_take(struct queue *q)
{
	struct parcel *p = q->first;

	if (p != NULL && (q->first = p->next) == NULL)
		q->last = &q->first;
	return p;
}

static void parcel_free(struct parcel *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	free(p);
}

/* --- trouble --- */
static int breaks(struct gate_link *l, const char *why)
{
	gate_err_set(&l->broken, GATE_E_PROTO, 0, "%s", why);
	gate_loop_stop(l->loop);
	return -1;
}

bool gate_link_broken(const struct gate_link *l, struct gate_err *err)
{
	if (l->broken.code != GATE_OK && err != NULL)
		*err = l->broken;
	return l->broken.code != GATE_OK;
}

/* --- out --- */
static int send_one(struct gate_link *l, const struct gate_ipc_head *h, const void *bytes, int fd)
{
	return gate_ipc_send(l->socket, h->type, h->serial, h->a, h->b, bytes, h->len, &fd, fd >= 0 ? 1 : 0);
}

static void watch_out(struct gate_link *l)
{
	bool want = l->out.first != NULL;

	if (want != l->out_watched && gate_loop_change(l->watch, EPOLLIN | (want ? (uint32_t)EPOLLOUT : 0), NULL) == 0)
		l->out_watched = want;
}

/* 0 also when the rest has to wait. */
static int flush(struct gate_link *l)
{
	while (l->out.first != NULL) {
		struct parcel *p = l->out.first;

		if (send_one(l, &p->head, p->bytes, p->fd) < 0)
			return errno == EAGAIN ? 0 : breaks(l, "the launcher does not listen any more");
		parcel_free(queue_take(&l->out));
	}
	return 0;
}

int gate_link_send(void *ctx, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len,
                   int fd)
{
	struct gate_link *l = ctx;
	const struct gate_ipc_head head = { .type = type, .len = (uint32_t)len, .serial = serial, .a = a, .b = b };

	if (gate_link_broken(l, NULL))
		return -1;
	if (l->out.first == NULL && send_one(l, &head, bytes, fd) == 0)
		return 0;
	if (l->out.first == NULL && errno != EAGAIN)
		return breaks(l, "the launcher does not listen any more");
	struct parcel *p = parcel_new(&l->out, &head, bytes);

	if (p == NULL)
		return -1;
	if (fd >= 0 && (p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return breaks(l, "there are too many descriptors");
	watch_out(l);
	return 0;
}

/* --- in --- */
/* True when there was one; whether the connection is over is in `broken`. */
static bool receive(struct gate_link *l)
{
	int got = gate_ipc_receive(l->socket, &l->m, false);

	if (got > 0)
		return true;
	if (got == 0)
		(void)breaks(l, "the launcher has ended");
	else if (errno != EAGAIN)
		(void)breaks(l, "the launcher sent what is no message");
	return false;
}

static void hear(struct gate_link *l)
{
	if (l->agent != NULL && (l->m.head.serial & OWN_SERIAL) == 0) /* an answer that was given up has come late */
		gate_agent_heard(l->agent, &l->m);
	gate_ipc_done(&l->m);
}

static void on_event(void *ctx, uint32_t events)
{
	struct gate_link *l = ctx;

	gate_link_turn(l);
	for (int i = 0; i < ROUND && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && receive(l); i++)
		hear(l);
	if (!gate_link_broken(l, NULL) && flush(l) == 0)
		watch_out(l);
}

void gate_link_turn(struct gate_link *l)
{
	for (struct parcel *p; (p = queue_take(&l->in)) != NULL; parcel_free(p)) {
		l->m.head = p->head;
		memcpy(l->m.bytes, p->bytes, p->head.len);
		hear(l);
	}
}

/* --- questions whose answer is waited for --- */
static int wait_for(struct gate_link *l, short events, int64_t until, struct gate_err *err)
{
	struct pollfd p = { .fd = l->socket, .events = events };
	int64_t left = until - gate_loop_now();

	if (left > 0 && (poll(&p, 1, (int)left) > 0 || errno == EINTR))
		return 0;
	(void)breaks(l, "the launcher does not answer");
	return GATE_FAIL(err, GATE_E_SYS, "the launcher does not answer");
}

/* Others' messages are kept in their order. */
static int await(struct gate_link *l, uint64_t serial, int64_t until, struct gate_err *err)
{
	while (!gate_link_broken(l, NULL)) {
		if (receive(l)) {
			if (l->m.head.serial == serial)
				return 0;
			if (parcel_new(&l->in, &l->m.head, l->m.bytes) == NULL)
				(void)breaks(l, "out of memory");
			gate_ipc_done(&l->m);
		} else if (!gate_link_broken(l, NULL) && wait_for(l, POLLIN, until, err) < 0) {
			return -1;
		}
	}
	return GATE_FAIL(err, GATE_E_SYS, "%s", l->broken.text);
}

static int ask(struct gate_link *l, uint32_t type, int64_t a, const void *bytes, size_t len, struct gate_err *err)
{
	int64_t until = gate_loop_now() + PATIENCE_MS;
	uint64_t serial = ++l->serial | OWN_SERIAL;

	if (len > GATE_IPC_BYTES_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a name is too long");
	if (gate_link_send(l, type, serial, a, 0, bytes, len, -1) < 0)
		return GATE_FAIL(err, GATE_E_SYS, "the launcher cannot be reached");
	while (l->out.first != NULL) {
		if (wait_for(l, POLLOUT, until, err) < 0 || flush(l) < 0)
			return -1;
	}
	watch_out(l);
	if (await(l, serial, until, err) < 0)
		return -1;
	if (l->m.head.type != GATE_IPC_REFUSED)
		return 0;
	gate_err_set(err,
	             l->m.head.a > GATE_OK && l->m.head.a < GATE_ERRC_MAX ? (enum gate_errc)l->m.head.a : GATE_E_PROTO,
	             0, "%.*s", (int)l->m.head.len, (const char *)l->m.bytes);
	gate_ipc_done(&l->m);
	return -1;
}

int gate_link_open_file(void *ctx, enum gate_ipc_open what, const void *bytes, size_t len, int *fd,
                        struct gate_err *err)
{
	struct gate_link *l = ctx;

	if (ask(l, GATE_IPC_OPEN, what, bytes, len, err) < 0)
		return -1;
	*fd = l->m.fds[0];
	l->m.fds[0] = -1;
	gate_ipc_done(&l->m);
	return *fd >= 0 ? 0 : GATE_FAIL(err, GATE_E_PROTO, "the launcher opened a file and did not send it");
}

int gate_link_stats(void *ctx, const char *container, struct gate_ipc_stats *ret, struct gate_err *err)
{
	struct gate_link *l = ctx;

	if (ask(l, GATE_IPC_STATS, 0, container, strlen(container), err) < 0)
		return -1;
	bool good = l->m.head.len == sizeof(*ret);

	if (good)
		memcpy(ret, l->m.bytes, sizeof(*ret));
	gate_ipc_done(&l->m);
	return good ? 0 : GATE_FAIL(err, GATE_E_PROTO, "the launcher measured and did not tell");
}

/* --- life --- */
GATE_DEFINE_FREEP(struct gate_link, gate_link_close)

int gate_link_open(struct gate_loop *loop, int socket, struct gate_link **ret, struct gate_err *err)
{
	GATE_AUTO(gate_link_closep) struct gate_link *l = calloc(1, sizeof(*l));
	int flags = fcntl(socket, F_GETFL);

	if (l == NULL)
		return GATE_FAIL_NOMEM(err);
	l->loop = loop;
	l->socket = socket;
	queue_init(&l->out);
	queue_init(&l->in);
	if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0)
		return GATE_FAIL_SYS(err, "there is no launcher");
	if (gate_loop_watch(loop, socket, EPOLLIN, on_event, l, &l->watch, err) < 0)
		return -1;
	*ret = GATE_TAKE(&l);
	return 0;
}

void gate_link_attach(struct gate_link *l, struct gate_agent *a)
{
	l->agent = a;
}

void gate_link_close(struct gate_link *l)
{
	if (l == NULL)
		return;
	gate_loop_unwatch(l->watch);
	for (struct parcel *p; (p = queue_take(&l->out)) != NULL;)
		parcel_free(p);
	for (struct parcel *p; (p = queue_take(&l->in)) != NULL;)
		parcel_free(p);
	free(l);
}
