/* What the task writes: to the log, and to the clients that are attached.
 *
 * One buffer for each stream. Nothing is read while an attached client has not got what was read before, so a slow one
 * slows the task down (as a pipe does), and memory never grows. After the end the task's pipes hold at most what fits
 * behind that; the log gets it at once, clients when they take it. */
#include <errno.h>
#include <unistd.h>

#include "keeper/keeper.h"

/* A process that escaped may go on writing: not more than this belongs to the end. */
#define AFTER_END_MAX (4U << 20)

static unsigned char buffers[2][GATE_KEEPER_BUFFER];

void gate_output_init(struct gate_keeper *k)
{
	for (uint32_t i = 0; i < 2; i++)
		k->streams[i] = (struct gate_keeper_stream){ .fd = -1, .number = i + 1, .bytes = buffers[i] };
	k->in = -1;
}

static bool taken(const struct gate_keeper *k, const struct gate_keeper_stream *s)
{
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		if (k->clients[i].fd >= 0 && k->clients[i].attached && k->clients[i].sent[s->number - 1] < s->len)
			return false;
	return true;
}

bool gate_output_wanted(const struct gate_keeper *k, const struct gate_keeper_stream *s)
{
	return s->fd >= 0 && taken(k, s);
}

bool gate_output_owes(const struct gate_keeper *k, const struct gate_keeper_client *c)
{
	for (int i = 0; i < 2; i++)
		if (c->attached && (k->streams[i].fd >= 0 || c->sent[i] < k->streams[i].len))
			return true;
	return false;
}

void gate_output_push(struct gate_keeper *k, struct gate_keeper_client *c)
{
	for (int i = 0; i < 2 && c->fd >= 0 && c->attached; i++) {
		const struct gate_keeper_stream *s = &k->streams[i];

		while (c->fd >= 0 && !c->full && c->sent[i] < s->len) {
			uint32_t n = s->len - c->sent[i];

			if (n > GATE_FRAME_BYTES_MAX)
				n = GATE_FRAME_BYTES_MAX;
			int sent = gate_frame_put(c->fd, GATE_FRAME_OUTPUT, s->number, 0, s->bytes + c->sent[i], n, -1);
			if (sent < 0)
				gate_client_drop(k, c);
			else if (sent == 0)
				c->full = true;
			else
				c->sent[i] += n;
		}
	}
}

/* The terminal is also the way in: closed once. */
static void close_stream(struct gate_keeper *k, struct gate_keeper_stream *s)
{
	if (s->fd == k->in)
		k->in = -1;
	(void)close(s->fd);
	s->fd = -1;
}

/* Behind what is there. True when something came. */
static bool take(struct gate_keeper *k, struct gate_keeper_stream *s)
{
	ssize_t n = read(s->fd, s->bytes + s->len, GATE_KEEPER_CHUNK);

	if (n < 0 && (errno == EINTR || (errno == EAGAIN && !k->over)))
		return false;
	/* EIO: nobody has the terminal's other side any more; after the end EAGAIN: what is not there will not come. */
	if (n <= 0) {
		close_stream(k, s);
		return false;
	}
	gate_log_write(&k->log, gate_keeper_time_ns(), s->number, s->bytes + s->len, (uint32_t)n);
	s->len += (uint32_t)n;
	if (k->over && (s->after_end += (uint64_t)n) > AFTER_END_MAX)
		close_stream(k, s);
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		if (k->clients[i].fd >= 0 && k->clients[i].attached)
			gate_output_push(k, &k->clients[i]);
	return true;
}

static void forget(struct gate_keeper *k, struct gate_keeper_stream *s)
{
	s->len = 0;
	for (int i = 0; i < GATE_KEEPER_CLIENTS; i++)
		k->clients[i].sent[s->number - 1] = 0;
}

void gate_output_pump(struct gate_keeper *k, struct gate_keeper_stream *s)
{
	if (!gate_output_wanted(k, s))
		return;
	forget(k, s);
	(void)take(k, s);
}

void gate_output_drain(struct gate_keeper *k)
{
	for (int i = 0; i < 2; i++) {
		struct gate_keeper_stream *s = &k->streams[i];

		while (s->fd >= 0) {
			if (taken(k, s))
				forget(k, s);
			if (s->len > GATE_KEEPER_BUFFER - GATE_KEEPER_CHUNK || !take(k, s))
				break;
		}
	}
}
