#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/namespaces.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

void gate_first_done(struct gate_first *f)
{
	if (f->keeper >= 0)
		(void)close(f->keeper);
	if (f->pidfd >= 0)
		(void)close(f->pidfd);
	f->keeper = f->pidfd = -1;
}

/* Asks the keeper: the record's pid and a pidfd of the same process. */
static int ask(struct gate_first *f, const char *id, struct gate_err *err)
{
	_Alignas(8) char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;

	if (gate_frame_send(f->keeper, GATE_FRAME_STATUS, 0, 0, NULL, 0) < 0 ||
	    gate_frame_receive(f->keeper, &head, bytes, sizeof(bytes), &f->pidfd) != 1)
		return GATE_FAIL_SYS(err, "the keeper of '%.12s' does not answer", id);
	if (head.type != GATE_FRAME_RECORD || head.len != sizeof(f->record))
		return GATE_FAIL(err, GATE_E_PROTO, "the keeper of '%.12s' gave an answer that is no record", id);
	memcpy(&f->record, bytes, sizeof(f->record));
	if (!gate_record_check(&f->record, sizeof(f->record)))
		return GATE_FAIL(err, GATE_E_PROTO, "the keeper of '%.12s' gave a broken record", id);
	if (f->record.state != GATE_TASK_RUNNING || f->pidfd < 0)
		return GATE_FAIL(err, GATE_E_CONFLICT, "the task '%.12s' is not running", id);
	f->pid = (pid_t)f->record.pid;
	return 0;
}

int gate_first_find(struct gate_store *s, const char *id, struct gate_first *ret, struct gate_err *err)
{
	struct gate_first f = { .keeper = -1, .pidfd = -1 };

	if (gate_container_connect(s, id, &f.keeper, err) < 0)
		return -1;
	if (ask(&f, id, err) < 0) {
		gate_first_done(&f);
		return -1;
	}
	*ret = f;
	return 0;
}

int gate_first_open(const struct gate_first *f, const char *name, int flags, int *ret, struct gate_err *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", f->pid, name);
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open '%s' of the task", name);
	/* The process still lives, unreaped: so its number was nobody else's when the file was opened. */
	if (syscall(SYS_pidfd_send_signal, f->pidfd, 0, NULL, 0) < 0) {
		(void)close(fd);
		return GATE_FAIL(err, GATE_E_CONFLICT, "the task has ended");
	}
	*ret = fd;
	return 0;
}

int gate_namespace_of(struct gate_store *s, const char *word, const char *name, int *ret, struct gate_err *err)
{
	struct gate_entry entry;
	struct gate_first first;
	char path[32];

	if (gate_store_find(s, word, &entry, err) < 0)
		return -1;
	if (entry.state != GATE_TASK_RUNNING)
		return GATE_FAIL(err, GATE_E_CONFLICT, "the task '%s' does not run: its namespaces cannot be shared",
		                 word);
	if (gate_first_find(s, entry.id, &first, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "ns/%s", name);
	int result = gate_first_open(&first, path, O_RDONLY, ret, err);
	gate_first_done(&first);
	return result;
}
