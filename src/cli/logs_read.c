#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/logs.h"

/* Room for one entry, and for reading ahead of it. */
enum { ROOM = 4 * (GATE_LOG_ENTRY_MAX + sizeof(struct gate_log_head)) };

static int open_log(int dir, unsigned index)
{
	char name[16];
	struct stat st;

	gate_log_name(index, name);
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	(void)close(fd);
	errno = EINVAL;
	return -1;
}

/* The number of a file by now: -1 when it is gone. */
static int index_of(const struct gate_log_reader *r)
{
	struct stat ours, st;
	char name[16];

	if (fstat(r->fd, &ours) < 0)
		return -1;
	for (unsigned i = 0; i < GATE_LOG_FILES_MAX; i++) {
		gate_log_name(i, name);
		if (fstatat(r->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == ours.st_ino &&
		    st.st_dev == ours.st_dev)
			return (int)i;
	}
	return -1;
}

static bool open_oldest(struct gate_log_reader *r)
{
	for (int i = GATE_LOG_FILES_MAX - 1; i >= 0; i--) {
		r->fd = open_log(r->dir, (unsigned)i);
		if (r->fd >= 0)
			return true;
	}
	return false;
}

/* To the file after this one, once it is read to its end. False: there is none yet. */
static bool turn_page(struct gate_log_reader *r)
{
	int i = index_of(r), next;

	if (i == 0)
		return false;
	if (i < 0) {
		struct stat st;

		/* With the task's directory gone, this was the end. */
		if (fstatat(r->dir, "out", &st, AT_SYMLINK_NOFOLLOW) < 0)
			return false;
		r->lost = true;
	}
	int old = r->fd;

	if (i < 0) {
		if (!open_oldest(r)) {
			r->fd = old;
			return false;
		}
	} else {
		next = open_log(r->dir, (unsigned)i - 1);
		if (next < 0)
			return false; /* being renamed at this moment */
		r->fd = next;
	}
	(void)close(old);
	r->at = r->len = 0;
	return true;
}

int gate_log_reader_init(struct gate_log_reader *r, int dir, struct gate_err *err)
{
	*r = (struct gate_log_reader){ .dir = dir, .fd = -1, .buffer = malloc(ROOM) };
	return r->buffer != NULL ? 0 : GATE_FAIL_NOMEM(err);
}

void gate_log_reader_done(struct gate_log_reader *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	free(r->buffer);
	r->buffer = NULL;
	r->fd = -1;
}

/* More bytes behind those that are there: 1, 0 at the end of the file, -1. */
static int fill(struct gate_log_reader *r, struct gate_err *err)
{
	ssize_t n;

	memmove(r->buffer, r->buffer + r->at, r->len - r->at);
	r->len -= r->at;
	r->at = 0;
	do
		n = read(r->fd, r->buffer + r->len, ROOM - r->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return GATE_FAIL_SYS(err, "cannot read the log");
	r->len += (size_t)n;
	return n > 0;
}

int gate_log_reader_next(struct gate_log_reader *r, struct gate_log_entry *ret, struct gate_err *err)
{
	if (r->fd < 0 && !open_oldest(r))
		return 0;
	for (;;) {
		enum gate_log_result got = gate_log_next(r->buffer, r->len, &r->at, ret);
		int more;

		if (got == GATE_LOG_ENTRY)
			return 1;
		if (got == GATE_LOG_BROKEN) {
			r->damaged = true;
			r->at = r->len = 0;
			(void)lseek(r->fd, 0, SEEK_END);
		}
		/* Before the end of a file counts, it must be known whether it is the last one: what was written until it was
		 * renamed is read then. */
		bool full = index_of(r) != 0;

		more = fill(r, err);
		if (more < 0)
			return -1;
		if (more > 0)
			continue;
		if (!full || !turn_page(r))
			return 0;
	}
}
