/* agent.h - an agent of a test's own: the real mother, launcher, workers and keepers, and in place of the front a relay, so that
 * the test speaks with the launcher itself. */
#ifndef TESTS_LAUNCHER_AGENT_H
#define TESTS_LAUNCHER_AGENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/loop.h"
#include "base/num.h"
#include "container/container.h"
#include "kernel/proc.h"
#include "launcher/launcher.h"
#include "task/wire.h"

#define PATIENCE_MS 30000

struct agent {
	char path[64], state[80], config[80], socket[80], tasks[96], log[80];
	pid_t mother, front;
	int link; /* to the launcher */
	uint64_t serial;
	struct gate_ipc kept[64]; /* read while something else was waited for */
	size_t n_kept;
};

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static inline void agent_init(struct agent *a)
{
	*a = (struct agent){ .path = "/tmp/callgate-agent-XXXXXX", .link = -1 };
	assert_non_null(mkdtemp(a->path));
	(void)snprintf(a->state, sizeof(a->state), "%s/state", a->path);
	(void)snprintf(a->config, sizeof(a->config), "%s/profiles", a->path);
	(void)snprintf(a->socket, sizeof(a->socket), "%s/socket", a->path);
	(void)snprintf(a->tasks, sizeof(a->tasks), "%s/tasks", a->state);
	(void)snprintf(a->log, sizeof(a->log), "%s/log", a->path);
	assert_int_equal(mkdir(a->config, 0755), 0);
}

static inline int agent_run(const struct agent *a, struct gate_err *err)
{
	const struct gate_mother m = { .state_dir = a->state,
		                       .config_dir = a->config,
		                       .front = RELAY,
		                       .unix_path = a->socket,
		                       .tcp = -1,
		                       .settings = "",
		                       .settings_len = 0 };

	return gate_mother_run(&m, err);
}

static inline void agent_start(struct agent *a)
{
	(void)fflush(NULL);
	a->mother = fork();
	assert_true(a->mother >= 0);
	if (a->mother > 0)
		return;
	struct gate_err err = GATE_ERR_INIT;
	int log = open(a->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

	(void)dup2(log, STDERR_FILENO);
	(void)close_range(3, ~0U, 0);
	int result = agent_run(a, &err);

	if (result < 0)
		(void)dprintf(STDERR_FILENO, "%s\n", err.text);
	_exit(result < 0);
}

static inline void hang_up(struct agent *a)
{
	if (a->link >= 0)
		(void)close(a->link);
	a->link = -1;
	while (a->n_kept > 0)
		gate_ipc_done(&a->kept[--a->n_kept]);
}

/* The mother's end status, as wait(2) has it. */
static inline int agent_end(struct agent *a, int signal)
{
	int status = 0;

	if (a->mother <= 0)
		return -1;
	if (signal != 0)
		assert_int_equal(kill(a->mother, signal), 0);
	assert_int_equal(waitpid(a->mother, &status, 0), a->mother);
	a->mother = 0;
	hang_up(a);
	return status;
}

static inline bool send_to(struct agent *a, uint32_t type, int64_t x, int64_t y, const void *bytes, size_t len, int fd)
{
	a->serial++;
	return gate_ipc_send(a->link, type, a->serial, x, y, bytes, len, &fd, fd >= 0 ? 1 : 0) == 0;
}

/* False: the connection has ended, or nothing came. */
static inline bool next(struct agent *a, struct gate_ipc *m, int64_t until)
{
	while (gate_loop_now() < until) {
		struct pollfd p = { .fd = a->link, .events = POLLIN };

		if (poll(&p, 1, 100) <= 0)
			continue;
		return gate_ipc_receive(a->link, m, false) == 1;
	}
	return false;
}

static inline bool is_for(const struct gate_ipc *m, uint32_t type, uint64_t serial, const char *name)
{
	const struct gate_ipc_task *t = (const struct gate_ipc_task *)(const void *)m->bytes;

	return m->head.serial == serial && (type == 0 || m->head.type == type) &&
	       (name == NULL || strcmp(t->name, name) == 0);
}

/* The answer with this serial (events: 0, by the container's name); what else comes is kept. */
static inline bool hear(struct agent *a, uint32_t type, uint64_t serial, const char *name, struct gate_ipc *m)
{
	int64_t until = gate_loop_now() + PATIENCE_MS;

	for (size_t i = 0; i < a->n_kept; i++) {
		if (!is_for(&a->kept[i], type, serial, name))
			continue;
		*m = a->kept[i];
		a->kept[i] = a->kept[--a->n_kept];
		return true;
	}
	while (next(a, m, until)) {
		if (is_for(m, type, serial, name))
			return true;
		assert_true(a->n_kept < GATE_ARRAY_LEN(a->kept));
		a->kept[a->n_kept++] = *m;
	}
	return false;
}

/* Connects to a front whose launcher lives, and takes the inventory: TASKs are in `kept`, the number of them is returned. */
static inline size_t agent_meet(struct agent *a)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static struct gate_ipc m;
	int64_t until = gate_loop_now() + PATIENCE_MS;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", a->socket);
	for (; gate_loop_now() < until; (void)usleep(20000)) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		hang_up(a);
		if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 || gate_ipc_receive(fd, &m, true) != 1) {
			(void)close(fd);
			continue;
		}
		(void)close(fd);
		a->front = (pid_t)m.head.a;
		a->link = m.fds[0];
		if (!send_to(a, GATE_IPC_INVENTORY, 0, 0, NULL, 0, -1) || !hear(a, GATE_IPC_DONE, a->serial, NULL, &m))
			continue;
		size_t n = 0;

		for (size_t i = 0; i < a->n_kept; i++)
			n += a->kept[i].head.type == GATE_IPC_TASK;
		return n;
	}
	char text[2048] = "";

	(void)gate_proc_read(a->log, text, sizeof(text));
	fail_msg("no front could be met: %s", text);
	return 0;
}

static inline const struct gate_ipc_task *task_of(const struct gate_ipc *m)
{
	assert_int_equal(m->head.len, sizeof(struct gate_ipc_task));
	return (const struct gate_ipc_task *)(const void *)m->bytes;
}

/* Out of the inventory. */
static inline bool inventory_has(struct agent *a, const char *name, struct gate_ipc_task *ret)
{
	for (size_t i = 0; i < a->n_kept; i++)
		if (a->kept[i].head.type == GATE_IPC_TASK && strcmp(task_of(&a->kept[i])->name, name) == 0) {
			*ret = *task_of(&a->kept[i]);
			return true;
		}
	return false;
}

/* --- what is asked --- */
static const uint64_t allow_all[] = { UINT64_C(0x7fff000000000006) };

/* A memfd of a task that runs these words on the host's files. */
static inline int make_task(const char *const *args, bool unconfined)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_wire_profile p = { .insns = unconfined ? NULL : allow_all,
		                       .len = unconfined ? 0 : 1,
		                       .unconfined = unconfined,
		                       .source = "test.json",
		                       .text_digest = "",
		                       .meaning_digest = "" };
	struct gate_task t;
	int fd = -1;

	gate_task_init(&t);
	for (; *args != NULL; args++) {
		assert_int_equal(gate_grow(&t.args.at, t.args.n, &t.args.cap, sizeof(*t.args.at)), 0);
		t.args.at[t.args.n++] = *args;
	}
	t.memory = 64U << 20;
	t.stop_ms = 2000;
	assert_int_equal(gate_wire_task(&t, &p, &out, NULL), 0);
	assert_int_equal(gate_ipc_memfd(out.data, out.len, &fd, NULL), 0);
	gate_task_done(&t);
	return fd;
}

static inline uint64_t ask_launch(struct agent *a, const char *name, const char *const *args)
{
	int fd = make_task(args, false);

	assert_true(send_to(a, GATE_IPC_LAUNCH, 0, 0, name, strlen(name), fd));
	(void)close(fd);
	return a->serial;
}

/* Starts `sh -c SCRIPT` and returns what LAUNCHED said. */
static inline struct gate_ipc_task launch(struct agent *a, const char *name, const char *script)
{
	const char *const args[] = { "sh", "-c", script, NULL };
	static struct gate_ipc m;
	uint64_t serial = ask_launch(a, name, args);

	assert_true(hear(a, 0, serial, NULL, &m));
	if (m.head.type == GATE_IPC_REFUSED)
		fail_msg("refused: %.*s", (int)m.head.len, (const char *)m.bytes);
	assert_int_equal(m.head.type, GATE_IPC_LAUNCHED);
	return *task_of(&m);
}

static inline uint32_t ask(struct agent *a, uint32_t type, int64_t x, int64_t y, const void *bytes, size_t len,
                           struct gate_ipc *m)
{
	assert_true(send_to(a, type, x, y, bytes, len, -1));
	assert_true(hear(a, 0, a->serial, NULL, m));
	return m->head.type;
}

static inline struct gate_ipc_task hear_end(struct agent *a, const char *name)
{
	static struct gate_ipc m;

	assert_true(hear(a, GATE_IPC_ENDED, 0, name, &m));
	return *task_of(&m);
}

static inline void kill_and_remove(struct agent *a, const char *name)
{
	static struct gate_ipc m;

	if (ask(a, GATE_IPC_KILL, SIGKILL, 0, name, strlen(name), &m) == GATE_IPC_DONE)
		(void)hear_end(a, name);
	assert_int_equal(ask(a, GATE_IPC_REMOVE, 0, 0, name, strlen(name), &m), GATE_IPC_DONE);
}

/* --- processes --- */
static inline bool confined(uint32_t pid)
{
	char path[40], text[8192];
	uint64_t mode;

	(void)snprintf(path, sizeof(path), "/proc/%u/status", pid);
	return gate_proc_read(path, text, sizeof(text)) > 0 && gate_proc_field(text, "Seccomp", 10, &mode) && mode == 2;
}

/* The launcher of this mother: 0 when there is none now. */
static inline pid_t launcher_of(pid_t mother)
{
	char path[64], text[4096], name[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", mother, mother);
	if (gate_proc_read(path, text, sizeof(text)) < 0)
		return 0;
	for (char *at = strtok(text, " "); at != NULL; at = strtok(NULL, " ")) {
		(void)snprintf(path, sizeof(path), "/proc/%s/comm", at);
		if (gate_proc_read(path, name, sizeof(name)) > 0 && strcmp(name, "gate-launcher") == 0)
			return (pid_t)strtol(at, NULL, 10);
	}
	return 0;
}

/* One that nobody has waited for yet has ended all the same. */
static inline bool lives(uint32_t pid)
{
	char path[40], text[1024];

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (gate_proc_read(path, text, sizeof(text)) < 0)
		return false;
	const char *state = strrchr(text, ')');

	return state != NULL && state[2] != 'Z' && state[2] != 'X';
}

/* Ends what a failed test left, and takes its files away. */
static inline void agent_done(struct agent *a)
{
	struct gate_entry *list = NULL;
	struct gate_store *s = NULL;
	size_t n = 0;

	if (a->mother > 0)
		(void)agent_end(a, SIGKILL);
	hang_up(a);
	(void)usleep(100000);
	if (gate_store_open(a->tasks, &s, NULL) == 0 && gate_store_list(s, &list, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			if (list[i].state == GATE_TASK_RUNNING)
				(void)kill((pid_t)list[i].record.keeper, SIGKILL);
	if (s != NULL)
		(void)gate_store_sweep(s, NULL);
	gate_store_close(s);
	free(list);
	(void)nftw(a->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#endif
