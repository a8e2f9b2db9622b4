/* The keeper's log files as one stream. */
#include <unistd.h>

#include "keeper/log.h"
#include "mesos/output.h"

struct stream {
	uint32_t want;
	uint64_t at, offset, most, mtime_ns; /* at: bytes of the stream so far */
	struct gate_buf *out;
};

static void entry(struct stream *s, const struct gate_log_entry *e)
{
	uint64_t from, to, end = s->offset + s->most < s->offset ? UINT64_MAX : s->offset + s->most;

	if (e->stream != s->want)
		return;
	from = s->offset > s->at ? s->offset - s->at : 0;
	to = end > s->at ? end - s->at : 0;
	to = to < e->len ? to : e->len;
	if (s->out != NULL && from < to)
		gate_buf_add(s->out, e->bytes + from, (size_t)(to - from));
	s->at += e->len;
	s->mtime_ns = e->time_ns;
}

static int open_log(struct gate_mesos *m, const char *container, unsigned index)
{
	const struct gate_world *w = gate_agent_world(m->agent);
	char bytes[GATE_MESOS_ID_MAX + 18];
	size_t len = strlen(container) + 1;
	int fd = -1;

	memcpy(bytes, container, len);
	gate_log_name(index, bytes + len);
	len += strlen(bytes + len);
	return w->open(w->ctx, GATE_OPEN_LOG, bytes, len, &fd, NULL) < 0 ? -1 : fd;
}

/* One file, a piece at a time: an entry may lie across two. */
static void file(struct stream *s, int fd)
{
	size_t size = 2 * (GATE_LOG_ENTRY_MAX + sizeof(struct gate_log_head)), have = 0, at = 0;
	char *buffer = malloc(size);
	struct gate_log_entry e;
	enum gate_log_result r = GATE_LOG_END;
	ssize_t n;

	while (buffer != NULL && (n = read(fd, buffer + have, size - have)) > 0) {
		have += (size_t)n;
		at = 0;
		while ((r = gate_log_next(buffer, have, &at, &e)) == GATE_LOG_ENTRY)
			entry(s, &e);
		if (r == GATE_LOG_BROKEN)
			break;
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
	free(buffer);
}

int gate_mesos_output(struct gate_mesos *m, const char *container, uint32_t stream, uint64_t offset, uint64_t most,
                      struct gate_buf *out, uint64_t *size, uint64_t *mtime_ns)
{
	struct stream s = { .want = stream, .offset = offset, .most = most, .out = out };
	int fds[GATE_LOG_FILES_MAX];
	unsigned n = 0;

	while (n < GATE_LOG_FILES_MAX && (fds[n] = open_log(m, container, n)) >= 0)
		n++;
	*size = *mtime_ns = 0;
	for (unsigned i = n; i-- > 0;) {
		file(&s, fds[i]);
		(void)close(fds[i]);
	}
	*size = s.at;
	*mtime_ns = s.mtime_ns;
	return n > 0 ? 0 : -1;
}
