/* Those who talk to the keeper: connections of the task's owner or root, one request a message. A client can be slow,
 * wrong, or gone: that is its own affair only. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "keeper/keeper.h"

/* A connection that asked for nothing that lasts may be sent away after this when others wait. */
#define IDLE_MS     1000
#define END_OF_TEXT 4 /* ^D, where the terminal does not say */

int gate_frame_put(int fd, uint32_t type, uint64_t a, uint64_t b, const void *bytes, uint32_t len, int pass)
{
	struct gate_frame head = { type, len, a, b };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)bytes, len } };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n;

	if (pass >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass, sizeof(int));
	}
	do {
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 1;
	/* Memory that the kernel has not now it will have; too many descriptors in flight are taken in the end. */
	return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS ? 0 : -1;
}

/* --- coming and going --- */
static void take_in(struct gate_keeper *k, struct gate_keeper_client *c, int fd)
{
	*c = (struct gate_keeper_client){ .fd = fd, .active_ms = gate_keeper_now_ms() };
	for (int i = 0; i < 2; i++)
		c->sent[i] = k->streams[i].len;
}

void gate_clients_init(struct gate_keeper *k, int starter)
{
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		k->clients[i] = (struct gate_keeper_client){ .fd = -1 };
	take_in(k, &k->clients[0], starter);
	k->clients[0].starter = k->clients[0].attached = true;
}

static void close_input(struct gate_keeper *k)
{
	/* The terminal is the way out, too. */
	if (k->in >= 0 && k->in != k->task.terminal)
		(void)close(k->in);
	k->in = -1;
}

void gate_client_drop(struct gate_keeper *k, struct gate_keeper_client *c)
{
	if (c->fd < 0)
		return;
	(void)close(c->fd);
	c->fd = -1;
	/* As docker run -i: what the command that went away had typed is all there will be. */
	if (c->starter && k->in >= 0 && k->in != k->task.terminal)
		close_input(k);
}

static struct gate_keeper_client *find_room(struct gate_keeper *k, uint64_t now)
{
	struct gate_keeper_client *oldest = NULL;

	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++) {
		struct gate_keeper_client *c = &k->clients[i];

		if (c->fd < 0)
			return c;
		if (!c->attached && !c->waits && (oldest == NULL || c->active_ms < oldest->active_ms))
			oldest = c;
	}
	return oldest != NULL && now >= oldest->active_ms + IDLE_MS ? oldest : NULL;
}

bool gate_client_room(struct gate_keeper *k, uint64_t now)
{
	return find_room(k, now) != NULL;
}

void gate_client_accept(struct gate_keeper *k, uint64_t now)
{
	struct gate_keeper_client *c = find_room(k, now);
	struct ucred who;
	socklen_t size = sizeof(who);

	if (c == NULL)
		return;
	int fd = accept4(gate_plan_fd(&k->view, k->plan->control), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	/* The directory keeps others out already. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || (who.uid != 0 && who.uid != geteuid())) {
		(void)close(fd);
		return;
	}
	gate_client_drop(k, c);
	take_in(k, c, fd);
}

/* --- answers --- */
static void answer(struct gate_keeper *k, struct gate_keeper_client *c, uint32_t type, uint64_t a, uint64_t b)
{
	c->reply.type = type;
	c->reply.a = a;
	c->reply.b = b;
	gate_client_flush(k, c);
}

static void done(struct gate_keeper *k, struct gate_keeper_client *c, uint32_t request, int sys)
{
	answer(k, c, sys == 0 ? GATE_FRAME_DONE : GATE_FRAME_REFUSED, (uint64_t)sys, request);
}

static int send_reply(struct gate_keeper *k, struct gate_keeper_client *c)
{
	const void *bytes = NULL;
	uint32_t len = 0;
	int pass = -1;

	if (c->reply.type == GATE_FRAME_RECORD) {
		bytes = &k->record;
		len = sizeof(k->record);
		pass = k->task.pidfd;
	}
	bool listener = c->reply.type == GATE_FRAME_DONE && c->reply.b == GATE_FRAME_LISTENER;
	if (listener) {
		pass = k->task.listener;
		if (pass < 0) {
			c->reply.type = GATE_FRAME_REFUSED;
			c->reply.a = ENOENT;
		}
	}
	int sent = gate_frame_put(c->fd, c->reply.type, c->reply.a, c->reply.b, bytes, len, pass);
	/* Given away once: whoever holds it decides about the task's calls. */
	if (sent == 1 && listener && pass >= 0) {
		(void)close(pass);
		k->task.listener = -1;
	}
	return sent;
}

void gate_client_flush(struct gate_keeper *k, struct gate_keeper_client *c)
{
	c->full = false;
	if (c->reply.type != 0) {
		int sent = send_reply(k, c);

		if (sent < 0) {
			gate_client_drop(k, c);
			return;
		}
		if (sent == 0) {
			c->full = true;
			return;
		}
		c->reply.type = 0;
	}
	gate_output_push(k, c);
	if (c->fd < 0 || c->full || !k->over || gate_output_owes(k, c))
		return;
	if ((c->attached || c->waits) &&
	    gate_frame_put(c->fd, GATE_FRAME_ENDED, 0, 0, &k->record, sizeof(k->record), -1) == 0) {
		c->full = true;
		return;
	}
	gate_client_drop(k, c);
}

/* Who waits for the end hears of it before the task's directory is deleted, which may take long: a keeper that is killed at
 * that has told how the task ended. Whoever has no room for it now waits for ENDED, as all do. */
void gate_clients_foretell(struct gate_keeper *k)
{
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++) {
		struct gate_keeper_client *c = &k->clients[i];

		if (c->fd >= 0 && (c->attached || c->waits))
			(void)gate_frame_put(c->fd, GATE_FRAME_RECORD, 0, 0, &k->record, sizeof(k->record), -1);
	}
}

/* --- requests --- */
static int lasting(const struct gate_keeper *k, const struct gate_keeper_client *c)
{
	int n = 0;

	if (c->attached || c->waits)
		return 0;
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		n += k->clients[i].fd >= 0 && (k->clients[i].attached || k->clients[i].waits);
	return n >= GATE_KEEPER_CLIENTS - GATE_KEEPER_SPARE ? EUSERS : 0;
}

static int resize(const struct gate_keeper *k, uint64_t a)
{
	struct winsize size = { .ws_row = (unsigned short)(a >> 16 & 0xffff), .ws_col = (unsigned short)(a & 0xffff) };

	if (k->task.terminal < 0 || k->streams[0].fd < 0)
		return ENOTTY;
	return ioctl(k->task.terminal, TIOCSWINSZ, &size) < 0 ? errno : 0;
}

static void carry_out(struct gate_keeper *k, struct gate_keeper_client *c, const struct gate_frame *f)
{
	int sys = 0;

	switch ((enum gate_frame_type)f->type) {
	case GATE_FRAME_STATUS:
		gate_denials_look(k, GATE_NEVER);
		gate_cgroups_count(&k->view, &k->record);
		answer(k, c, GATE_FRAME_RECORD, 0, 0);
		return;
	case GATE_FRAME_ATTACH:
		if ((sys = lasting(k, c)) == 0 && !c->attached) {
			c->attached = true;
			for (int i = 0; i < 2; i++)
				c->sent[i] = k->streams[i].len;
		}
		break;
	case GATE_FRAME_WAIT:
		if ((sys = lasting(k, c)) == 0) {
			c->waits = true;
			return;
		}
		break;
	case GATE_FRAME_RESIZE:
		sys = resize(k, f->a);
		break;
	case GATE_FRAME_SIGNAL:
		sys = gate_keeper_signal(k, (int)f->a, f->b != 0);
		break;
	case GATE_FRAME_STOP:
		gate_keeper_stop(k, (uint32_t)f->a, f->b);
		break;
	case GATE_FRAME_LISTENER:
		break;
	case GATE_FRAME_INPUT:
	case GATE_FRAME_INPUT_END:
	case GATE_FRAME_STARTED:
	case GATE_FRAME_RECORD:
	case GATE_FRAME_ENDED:
	case GATE_FRAME_OUTPUT:
	case GATE_FRAME_DONE:
	case GATE_FRAME_REFUSED:
	default:
		sys = EPROTO;
	}
	done(k, c, f->type, sys);
}

static unsigned char end_of_text(int terminal)
{
	struct termios t;

	return tcgetattr(terminal, &t) == 0 && t.c_cc[VEOF] != 0 ? t.c_cc[VEOF] : END_OF_TEXT;
}

/* The frame stays in the client's queue until all of it is written: true when it can go. */
static bool write_input(struct gate_keeper *k, struct gate_keeper_client *c, const struct gate_frame *f,
                        const unsigned char *bytes, int *sys)
{
	unsigned char end;
	uint32_t len = f->len;

	if (k->in < 0) {
		*sys = EPIPE;
		return true;
	}
	if (f->type == GATE_FRAME_INPUT_END) {
		if (k->in != k->task.terminal) {
			close_input(k);
			return true;
		}
		end = end_of_text(k->in);
		bytes = &end;
		len = 1;
	}
	while (c->input_at < len) {
		ssize_t n = write(k->in, bytes + c->input_at, len - c->input_at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			c->input_waits = true;
			return false;
		}
		if (n <= 0) {
			*sys = n < 0 ? errno : EIO;
			close_input(k);
			return true;
		}
		c->input_at += (uint32_t)n;
	}
	return true;
}

void gate_client_serve(struct gate_keeper *k, struct gate_keeper_client *c)
{
	static union {
		struct gate_frame head;
		unsigned char bytes[sizeof(struct gate_frame) + GATE_FRAME_BYTES_MAX];
	} m;
	struct gate_frame f;
	char rest;

	if (c->reply.type != 0 || c->input_waits)
		return;
	/* No room for descriptors is given: those that a client sends are closed by the kernel. */
	ssize_t n = recv(c->fd, m.bytes, sizeof(m), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		gate_client_drop(k, c);
		return;
	}
	c->active_ms = gate_keeper_now_ms();
	int sys = (size_t)n > sizeof(m) ? EPROTO : gate_request_check(m.bytes, (size_t)n, &f);
	bool input = sys == 0 && (f.type == GATE_FRAME_INPUT || f.type == GATE_FRAME_INPUT_END);
	if (input && !write_input(k, c, &f, m.bytes + sizeof(f), &sys))
		return;
	(void)recv(c->fd, &rest, 1, MSG_DONTWAIT);
	c->input_at = 0;
	if (sys == EPROTO) {
		/* Whoever speaks another language is told so once. */
		(void)gate_frame_put(c->fd, GATE_FRAME_REFUSED, EPROTO, 0, NULL, 0, -1);
		gate_client_drop(k, c);
	} else if (sys != 0) {
		done(k, c, f.type, sys);
	} else if (!input) {
		carry_out(k, c, &f);
	} else if (f.type == GATE_FRAME_INPUT_END) {
		done(k, c, f.type, 0);
	}
}
