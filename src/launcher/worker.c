/* One launch, one more command, one removal: in a process that nothing was forbidden to, because what it starts may have no
 * filter but its own. What it gets was parsed and decided by the front, which is not believed: lengths, values and the
 * program are checked here. */
#include <callgate/bpf.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher/parts.h"
#include "task/wire.h"

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP 4 /* Linux 6.9 */
#endif

#define TAIL       4096
#define AFTER_KILL 2000 /* ms */

static void answer(const struct gate_worker *w, uint32_t type, int64_t a, int64_t b, const void *bytes, size_t len)
{
	(void)gate_ipc_send(w->answer, type, 0, a, b, bytes, len, NULL, 0);
}

static void refuse(const struct gate_worker *w, const struct gate_err *err)
{
	answer(w, GATE_IPC_REFUSED, err->code, 0, err->text, strlen(err->text));
}

/* An id, or the beginning of one, is no name here. */
int gate_find_named(struct gate_store *s, const char *name, struct gate_entry *ret, struct gate_err *err)
{
	struct gate_err why = GATE_ERR_INIT;

	if (gate_task_name_ok(name) && gate_store_find(s, name, ret, &why) == 0) {
		if (strcmp(ret->name, name) == 0)
			return 0;
	} else if (why.code != GATE_OK && why.code != GATE_E_NOTFOUND && why.code != GATE_E_INVALID) {
		if (err != NULL && err->code == GATE_OK)
			*err = why;
		return -1;
	}
	return GATE_FAIL(err, GATE_E_NOTFOUND, "no such container: '%.128s'", name);
}

/* --- launch --- */
static int read_task(const struct gate_worker *w, struct gate_task *t, struct gate_wire_profile *p,
                     struct gate_err *err)
{
	const void *bytes;
	size_t len;

	if (gate_ipc_map(w->task, GATE_WIRE_MAX, &bytes, &len, err) < 0)
		return -1;
	int result = gate_wire_read_task(bytes, len, t, p, err);

	gate_ipc_unmap(bytes, len);
	if (result < 0 || p->unconfined)
		return result;
	return gate_bpf_check(p->insns, p->len, err) == 0 ? 0 : GATE_NOTE(err, "the filter of the task");
}

/* The sentence is for whoever asks later: the record has only numbers. */
static void keep_why(struct gate_store *s, const struct gate_started *started)
{
	int dir, fd;

	if (started->started || gate_store_dir(s, started->id, &dir, NULL) < 0)
		return;
	fd = openat(dir, "why", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)!write(fd, started->why, strlen(started->why));
		(void)close(fd);
	}
	(void)close(dir);
}

static int launch(const struct gate_worker *w, struct gate_store *s, struct gate_err *err)
{
	struct gate_started started = { .socket = -1, .pidfd = -1 };
	struct gate_wire_profile p;
	struct gate_ipc_task *told = calloc(1, sizeof(*told));
	struct gate_task t;

	if (told == NULL)
		return GATE_FAIL_NOMEM(err);
	gate_task_init(&t);
	int result = read_task(w, &t, &p, err);
	if (result == 0) {
		const struct gate_task_profile profile = { .insns = p.insns,
			                                   .len = p.len,
			                                   .flags = p.flags,
			                                   .unconfined = p.unconfined,
			                                   .notify = p.notify,
			                                   .source = p.source,
			                                   .text_digest = p.text_digest,
			                                   .meaning_digest = p.meaning_digest };

		/* Nobody sits in front of it, and its entry is needed until the front has written down its end. */
		t.name = w->name;
		t.detach = true;
		t.terminal = t.interactive = t.remove = false;
		t.cidfile = NULL;
		result = gate_container_start(s, &t, &profile, &started, err);
	}
	if (result == 0) {
		keep_why(s, &started);
		(void)snprintf(told->name, sizeof(told->name), "%s", w->name);
		memcpy(told->id, started.id, sizeof(told->id));
		(void)snprintf(told->why, sizeof(told->why), "%s", started.started ? "" : started.why);
		told->record = started.record;
		answer(w, GATE_IPC_LAUNCHED, 0, 0, told, sizeof(*told));
	}
	gate_task_done(&t);
	free(told);
	return result;
}

/* --- one more command --- */
struct tail {
	char bytes[TAIL];
	size_t len;
};

static void keep_tail(struct tail *t, const char *bytes, size_t len)
{
	if (len > TAIL) {
		bytes += len - TAIL;
		len = TAIL;
	}
	if (t->len + len > TAIL) {
		size_t gone = t->len + len - TAIL;

		memmove(t->bytes, t->bytes + gone, t->len - gone);
		t->len -= gone;
	}
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

/* The session of its own that each command has is one process group, unless it made more; where the kernel cannot do that, its
 * first process is what is ended. Never by number: that may be somebody else's by now. */
static void kill_command(const struct gate_started *s)
{
	if (syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, PIDFD_SIGNAL_PROCESS_GROUP) < 0)
		(void)syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
}

/* 1: *record is its end; 0: the time is over; -1: the keeper is gone. */
static int follow(const struct gate_started *s, int64_t until_ms, struct tail *tail, struct gate_record *record)
{
	static _Alignas(8) char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;

	for (;;) {
		struct pollfd p = { .fd = s->socket, .events = POLLIN };
		int64_t left = until_ms == INT64_MAX ? -1 : until_ms - gate_loop_now();
		int passed = -1;

		if (left < 0 && until_ms != INT64_MAX)
			return 0;
		int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n <= 0)
			continue;
		if (gate_frame_receive(s->socket, &head, bytes, sizeof(bytes), &passed) <= 0)
			return -1;
		if (passed >= 0)
			(void)close(passed);
		if (head.type == GATE_FRAME_OUTPUT)
			keep_tail(tail, bytes, head.len);
		if (head.type != GATE_FRAME_ENDED || head.len != sizeof(*record))
			continue;
		memcpy(record, bytes, sizeof(*record));
		return gate_record_check(record, sizeof(*record)) ? 1 : -1;
	}
}

static int wait_status(const struct gate_record *r)
{
	return r->outcome == GATE_OUTCOME_KILLED ? r->signal | (r->core != 0 ? 0x80 : 0) : (r->status & 0xff) << 8;
}

static int to_its_end(const struct gate_worker *w, const struct gate_started *s, uint64_t timeout_ms,
                      struct gate_err *err)
{
	static struct tail tail;
	struct gate_record record;
	int64_t until = timeout_ms == 0 || timeout_ms > INT32_MAX ? INT64_MAX : gate_loop_now() + (int64_t)timeout_ms;
	int ended = follow(s, until, &tail, &record);
	bool late = ended == 0;

	if (late) {
		kill_command(s);
		ended = follow(s, gate_loop_now() + AFTER_KILL, &tail, &record);
	}
	if (ended < 0 && !late)
		return GATE_FAIL(err, GATE_E_PROTO, "the keeper of the command ended without an answer");
	answer(w, GATE_IPC_EXEC_DONE, ended == 1 ? wait_status(&record) : SIGKILL, late, tail.bytes, tail.len);
	return 0;
}

static int run_exec(const struct gate_worker *w, struct gate_store *s, const struct gate_wire_exec *wire,
                    struct gate_err *err)
{
	const struct gate_exec e = {
		.args = wire->args, .env = wire->env, .n_env = wire->n_env, .user = wire->user, .workdir = wire->workdir
	};
	struct gate_started started = { .socket = -1, .pidfd = -1 };
	struct gate_entry task;

	if (gate_find_named(s, w->name, &task, err) < 0)
		return -1;
	if (task.state != GATE_TASK_RUNNING)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' is not running", w->name);
	if (gate_container_exec(s, task.id, &e, &started, err) < 0)
		return -1;
	if (started.started)
		return to_its_end(w, &started, wire->timeout_ms, err);
	/* As a shell says it: the command was looked for, and is not there or cannot be run. */
	if (started.record.outcome == GATE_OUTCOME_NOT_EXECUTED) {
		answer(w, GATE_IPC_EXEC_DONE, gate_record_exit_code(&started.record) << 8, 0, started.why,
		       strlen(started.why));
		return 0;
	}
	return GATE_FAIL(err, GATE_E_SYS, "%s", started.why);
}

static int exec_command(const struct gate_worker *w, struct gate_store *s, struct gate_err *err)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_wire_exec wire;
	const void *bytes;
	size_t len;

	if (gate_ipc_map(w->task, GATE_WIRE_MAX, &bytes, &len, err) < 0)
		return -1;
	int result = gate_wire_read_exec(bytes, len, &arena, &wire, err);

	gate_ipc_unmap(bytes, len);
	if (result == 0)
		result = run_exec(w, s, &wire, err);
	gate_arena_done(&arena);
	return result;
}

/* --- the store --- */
static int remove_task(const struct gate_worker *w, struct gate_store *s, struct gate_err *err)
{
	struct gate_entry task;
	struct gate_err why = GATE_ERR_INIT;

	if (gate_find_named(s, w->name, &task, &why) < 0) {
		if (why.code != GATE_E_NOTFOUND) {
			*err = why;
			return -1;
		}
	} else if (gate_store_remove(s, task.id, err) < 0) {
		return -1;
	}
	answer(w, GATE_IPC_DONE, 0, 0, NULL, 0);
	return 0;
}

static int sweep(const struct gate_worker *w, struct gate_store *s, struct gate_err *err)
{
	if (gate_store_sweep(s, err) < 0)
		return -1;
	answer(w, GATE_IPC_DONE, 0, 0, NULL, 0);
	return 0;
}

static const struct {
	uint32_t type;
	int (*work)(const struct gate_worker *w, struct gate_store *s, struct gate_err *err);
} kinds[] = {
	{ GATE_IPC_LAUNCH, launch },
	{ GATE_IPC_EXEC, exec_command },
	{ GATE_IPC_REMOVE, remove_task },
	{ GATE_IPC_INVENTORY, sweep },
};

void gate_worker_run(const struct gate_worker *w)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_store *s = NULL;

	for (size_t i = 0; i < GATE_ARRAY_LEN(kinds); i++) {
		if (kinds[i].type != w->type)
			continue;
		if (gate_store_open(w->tasks, &s, &err) < 0) {
			refuse(w, &err);
			return;
		}
		gate_store_images(s, w->images);
		gate_store_swept_by_other(s);
		if (kinds[i].work(w, s, &err) < 0)
			refuse(w, &err);
		gate_store_close(s);
		return;
	}
}
