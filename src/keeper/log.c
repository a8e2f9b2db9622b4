#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "keeper/log.h"

enum gate_log_result gate_log_next(const void *buffer, size_t size, size_t *at, struct gate_log_entry *ret)
{
	struct gate_log_head head;

	if (*at >= size)
		return GATE_LOG_END;
	if (size - *at < sizeof(head))
		return GATE_LOG_PART;
	memcpy(&head, (const unsigned char *)buffer + *at, sizeof(head));
	if (head.len == 0 || head.len > GATE_LOG_ENTRY_MAX ||
	    (head.stream != GATE_LOG_STDOUT && head.stream != GATE_LOG_STDERR))
		return GATE_LOG_BROKEN;
	if (size - *at - sizeof(head) < head.len)
		return GATE_LOG_PART;
	*ret = (struct gate_log_entry){ head.time_ns, head.stream, head.len,
		                        (const unsigned char *)buffer + *at + sizeof(head) };
	*at += sizeof(head) + head.len;
	return GATE_LOG_ENTRY;
}

void gate_log_name(unsigned index, char ret[16])
{
	char digits[10];
	size_t n = 0, at = 3;

	memcpy(ret, "out", 4);
	if (index == 0)
		return;
	ret[at++] = '.';
	for (; index != 0; index /= 10)
		digits[n++] = (char)('0' + index % 10);
	while (n > 0)
		ret[at++] = digits[--n];
	ret[at] = '\0';
}

void gate_log_init(struct gate_log *log, int dir, uint64_t max, uint32_t files)
{
	*log = (struct gate_log){ .dir = dir, .fd = -1, .files = files, .max = max };
	if (max != 0 && max < GATE_LOG_FILE_MIN)
		log->max = GATE_LOG_FILE_MIN;
	if (files == 0)
		log->files = 1;
	if (files > GATE_LOG_FILES_MAX)
		log->files = GATE_LOG_FILES_MAX;
}

/* The keeper is the only one that writes in the directory: what is there with this name is ours. */
static int open_new(struct gate_log *log)
{
	log->fd = openat(log->dir, "out", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	log->size = 0;
	return log->fd < 0 ? -1 : 0;
}

/* Every file gets the next number, the last one goes. A reader that has the old "out" open reads it to its end. */
static int rotate(struct gate_log *log)
{
	char from[16], to[16];

	(void)close(log->fd);
	log->fd = -1;
	for (unsigned i = log->files - 1; i > 0; i--) {
		gate_log_name(i - 1, from);
		gate_log_name(i, to);
		if (renameat(log->dir, from, log->dir, to) < 0 && errno != ENOENT)
			return -1;
	}
	if (log->files == 1 && unlinkat(log->dir, "out", 0) < 0 && errno != ENOENT)
		return -1;
	return open_new(log);
}

/* A rotation that failed half way left no file open: what is called "out" is then continued. */
static int ready(struct gate_log *log, uint64_t need)
{
	struct stat st;

	if (log->fd < 0 && open_new(log) < 0) {
		if (errno != EEXIST)
			return -1;
		log->fd = openat(log->dir, "out", O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
		if (log->fd < 0 || fstat(log->fd, &st) < 0)
			return -1;
		log->size = (uint64_t)st.st_size;
	}
	return log->size != 0 && log->size + need > log->max ? rotate(log) : 0;
}

static void write_entry(struct gate_log *log, uint64_t time_ns, uint32_t stream, const unsigned char *bytes,
                        uint32_t len)
{
	struct gate_log_head head = { time_ns, stream, len };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)bytes, len } };
	size_t need = sizeof(head) + len;

	if (ready(log, need) < 0) {
		log->dropped += len;
		return;
	}
	ssize_t n = writev(log->fd, parts, 2);
	if (n == (ssize_t)need) {
		log->size += need;
		return;
	}
	/* Part of an entry would make all that follows unreadable. */
	log->dropped += len;
	if (n > 0 && ftruncate(log->fd, (off_t)log->size) < 0)
		log->size = log->max;
}

void gate_log_write(struct gate_log *log, uint64_t time_ns, uint32_t stream, const void *bytes, uint32_t len)
{
	uint64_t most = log->max - sizeof(struct gate_log_head);

	if (log->max == 0)
		return;
	if (most > GATE_LOG_ENTRY_MAX)
		most = GATE_LOG_ENTRY_MAX;
	for (const unsigned char *at = bytes; len > 0;) {
		uint32_t n = len > most ? (uint32_t)most : len;

		write_entry(log, time_ns, stream, at, n);
		at += n;
		len -= n;
	}
}

void gate_log_done(struct gate_log *log)
{
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
}
