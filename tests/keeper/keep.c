#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keep.h"
#include "kernel/audit.h"

#define NEED(x) ((x) ? (void)0 : failed(#x, __LINE__))
static void failed(const char *what, int line)
{
	(void)fprintf(stderr, "keep.c:%d: %s: %s\n", line, what, strerror(errno));
	abort();
}

void keep_init(struct keep *k, const char *where)
{
	static unsigned number;
	struct timespec t;

	*k = (struct keep){ .socket = -1, .state = -1, .dir = -1, .lock = -1 };
	k->flags = GATE_PLAN_ATTACHED;
	k->program = getenv("KEEPER");
	k->log_bytes = 1 << 20;
	k->log_files = 3;
	k->stop_ms = 10000;
	(void)snprintf(k->path, sizeof(k->path), "%s/callgate-keep-XXXXXX", where != NULL ? where : "/tmp");
	NEED(mkdtemp(k->path) != NULL);
	NEED((k->state = open(k->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
	(void)clock_gettime(CLOCK_REALTIME, &t);
	(void)snprintf(k->id, sizeof(k->id), "%08x%08lx%08x", (unsigned)getpid(), (unsigned long)t.tv_nsec, number++);
	NEED(mkdirat(k->state, k->id, 0700) == 0 && mkdirat(k->state, "names", 0700) == 0);
	NEED((k->dir = openat(k->state, k->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
}

/* --- the plan --- */
struct writer {
	char *bytes;
	size_t len;
	int *fds;
	size_t n_fds;
};

static uint32_t put(struct writer *w, const void *bytes, size_t len)
{
	uint32_t at = (uint32_t)w->len;

	memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
	return at;
}

static void align(struct writer *w)
{
	w->len = (w->len + 7) & ~(size_t)7;
}

static int32_t pass(struct writer *w, int fd)
{
	if (fd < 0)
		return -1;
	w->fds[w->n_fds] = fd;
	return (int32_t)w->n_fds++;
}

static int listen_on(const struct keep *k)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s/control", k->path, k->id);
	NEED(fd >= 0 && bind(fd, (const void *)&at, sizeof(at)) == 0 && listen(fd, 512) == 0);
	return fd;
}

static void audit(struct keep *k, struct gate_plan *p, struct writer *w)
{
	struct gate_audit a = GATE_AUDIT_INIT;
	struct gate_audit_message unused;

	if (!k->audit || gate_audit_open(&a, false, NULL) < 0)
		return;
	gate_audit_prepare_mark(&a, &unused); /* opens the second one */
	p->audit = pass(w, a.fd);
	if (!k->no_ask)
		p->audit_ask = pass(w, a.ask);
}

/* A directory that looks like /proc as far as a keeper reads it, but for that file: the host's holds for all who run. */
static int proc_of(const struct keep *k)
{
	char link[64] = "";
	int real = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), dir = -1, file;

	if (k->logged == NULL)
		return real;
	NEED(real >= 0 && readlinkat(real, "self/ns/pid", link, sizeof(link) - 1) > 0);
	NEED(mkdirat(k->dir, "proc", 0700) == 0 && (dir = openat(k->dir, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0);
	NEED(mkdirat(dir, "self", 0700) == 0 && mkdirat(dir, "self/ns", 0700) == 0 && symlinkat(link, dir, "self/ns/pid") == 0);
	NEED(mkdirat(dir, "sys", 0700) == 0 && mkdirat(dir, "sys/kernel", 0700) == 0 && mkdirat(dir, "sys/kernel/seccomp", 0700) == 0);
	file = openat(dir, "sys/kernel/seccomp/actions_logged", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	NEED(file >= 0 && write(file, k->logged, strlen(k->logged)) == (ssize_t)strlen(k->logged) && close(file) == 0);
	(void)close(real);
	return dir;
}

static uint32_t rows(struct keep *k, struct gate_plan *p, struct writer *w, int32_t proc)
{
	struct gate_row r[32];
	uint32_t n = 0;
	const bool terminal = (k->flags & GATE_PLAN_TERMINAL) != 0, plain = (k->flags & GATE_PLAN_PLAIN_STDIO) != 0;

#define ROW(...) (r[n++] = (struct gate_row){ __VA_ARGS__ })
	ROW(.fd = -1, .step = GATE_STEP_CLONE, .a = k->namespaces);
	if (k->groups != NULL && k->groups->into >= 0)
		r[n - 1].fd = p->cgroups[k->groups->into].dir;
	ROW(.fd = -1, .step = GATE_STEP_SIGNALS);
	ROW(.fd = -1, .step = GATE_STEP_PARENT, .a = SIGKILL);
	for (size_t i = 0; k->groups != NULL && i < k->groups->n; i++)
		if ((int)i != k->groups->into)
			ROW(.step = GATE_STEP_CGROUP, .fd = pass(w, dup(k->groups->at[i].procs)));
	if (k->session)
		ROW(.step = GATE_STEP_SESSION, .flags = GATE_ROW_OPTIONAL, .fd = proc);
	ROW(.fd = -1, .step = GATE_STEP_SESSION_LEADER);
	if (terminal)
		ROW(.fd = -1, .step = GATE_STEP_TERMINAL, .flags = GATE_ROW_ON_HOST, .a = 25 << 16 | 80);
	else if (!plain) {
		ROW(.step = GATE_STEP_STDIO, .fd = (k->flags & GATE_PLAN_STDIN) != 0 ? GATE_PLAN_FD_IN : -1, .a = 0);
		ROW(.step = GATE_STEP_STDIO, .fd = GATE_PLAN_FD_OUT, .a = 1);
		ROW(.step = GATE_STEP_STDIO, .fd = GATE_PLAN_FD_ERR, .a = 2);
	}
	if (k->init)
		ROW(.fd = -1, .step = GATE_STEP_INIT);
	if ((k->flags & GATE_PLAN_LISTENER) != 0)
		ROW(.fd = -1, .step = GATE_STEP_HELPER);
	if (k->filter != NULL)
		ROW(.fd = -1, .step = GATE_STEP_NO_NEW_PRIVS);
	ROW(.fd = -1, .step = GATE_STEP_CLOSE);
	ROW(.fd = -1, .step = GATE_STEP_UNBLOCK);
	if (k->filter != NULL)
		ROW(.fd = -1, .step = GATE_STEP_FILTER, .flags = GATE_LOAD_LOWERED, .a = k->filter_flags);
	ROW(.fd = -1, .step = GATE_STEP_EXECVE);
#undef ROW
	p->n_rows = n;
	align(w);
	return put(w, r, n * sizeof(r[0]));
}

/* Offsets of the strings, which are written behind them. */
static uint32_t list(struct writer *w, const char *const *strings, uint32_t n, size_t *fix)
{
	const uint64_t zero[16] = { 0 };

	(void)strings;
	align(w);
	*fix = w->len;
	return put(w, zero, (n + 1) * sizeof(zero[0]));
}

static void strings(struct writer *w, size_t fix, const char *const *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = put(w, from[i], strlen(from[i]) + 1);

		memcpy(w->bytes + fix + i * sizeof(at), &at, sizeof(at));
	}
}

int keep_plan(struct keep *k, int fds[GATE_PLAN_FDS_MAX], size_t *n, bool sealed)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/" };
	static char bytes[65536];
	struct gate_plan p = { .magic = GATE_PLAN_MAGIC, .version = GATE_PLAN_VERSION, .names = -1, .audit = -1, .audit_ask = -1, .control = -1, .lock = -1, .dir = -1, .parent = -1 };
	struct writer w = { bytes, sizeof(p), fds, 0 };
	size_t fix_argv, fix_envp;

	memset(bytes, 0, sizeof(bytes));
	p.flags = k->flags | (k->filter == NULL ? GATE_PLAN_UNCONFINED : 0);
	p.stop_signal = SIGTERM;
	p.stop_ms = k->stop_ms;
	p.timeout_ms = k->timeout_ms;
	p.log_bytes = k->log_bytes;
	p.log_files = k->log_files;
	NEED((k->lock = openat(k->dir, "lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600)) >= 0 && flock(k->lock, LOCK_EX | LOCK_NB) == 0);
	p.lock = pass(&w, k->lock);
	if ((k->flags & GATE_PLAN_EXEC) == 0)
		p.dir = pass(&w, dup(k->dir));
	p.parent = pass(&w, dup(k->state));
	p.names = pass(&w, openat(k->state, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	p.proc = pass(&w, proc_of(k));
	if ((k->flags & GATE_PLAN_EXEC) == 0)
		p.control = pass(&w, listen_on(k));
	audit(k, &p, &w);
	for (size_t i = 0; k->groups != NULL && i < k->groups->n; i++) {
		p.cgroups[p.n_cgroups].dir = pass(&w, dup(k->groups->at[i].dir));
		p.cgroups[p.n_cgroups].parent = pass(&w, dup(k->groups->at[i].parent));
		p.cgroups[p.n_cgroups++].what = k->groups->at[i].what;
	}
	p.rows = rows(k, &p, &w, pass(&w, open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)));
	while (k->argv[p.argc] != NULL)
		p.argc++;
	p.envc = 2;
	p.argv = list(&w, k->argv, p.argc, &fix_argv);
	p.envp = list(&w, env, p.envc, &fix_envp);
	if (k->filter != NULL) {
		align(&w);
		p.filter = put(&w, k->filter, k->filter_len * 8);
		p.filter_len = k->filter_len;
	}
	strings(&w, fix_argv, k->argv, p.argc);
	strings(&w, fix_envp, env, p.envc);
	p.id = put(&w, k->id, strlen(k->id) + 1);
	for (size_t i = 0; k->groups != NULL && i < k->groups->n; i++)
		p.cgroups[i].name = put(&w, k->groups->at[i].name, strlen(k->groups->at[i].name) + 1);
	if (k->name != NULL) {
		p.name = put(&w, k->name, strlen(k->name) + 1);
		NEED(symlinkat(k->id, fds[p.names], k->name) == 0);
	}
	p.size = (uint32_t)w.len;
	p.n_fds = (uint32_t)w.n_fds;
	memcpy(bytes, &p, sizeof(p));
	int plan = memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	NEED(plan >= 0 && write(plan, bytes, w.len) == (ssize_t)w.len);
	if (sealed)
		NEED(fcntl(plan, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0);
	*n = w.n_fds;
	return plan;
}

bool keep_send_start(struct keep *k, const void *bytes, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * 253)];
	} control = { .bytes = { 0 } };
	struct iovec part = { (void *)(uintptr_t)bytes, len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * n);
	}
	return sendmsg(k->socket, &m, MSG_NOSIGNAL) == (ssize_t)len;
}

void keep_spawn(struct keep *k)
{
	int pair[2];

	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	k->socket = pair[0];
	if (k->send_buffer != 0)
		NEED(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &k->send_buffer, sizeof(int)) == 0);
	k->keeper = fork();
	if (k->keeper == 0) {
		char *const argv[] = { (char *)(uintptr_t)"callgate-keeper", NULL }, *const envp[] = { NULL };
		int null = open("/dev/null", O_RDWR);

		if ((k->flags & GATE_PLAN_PLAIN_STDIO) == 0)
			for (int i = 0; i < 3; i++)
				(void)dup2(null, i);
		if (pair[1] != 3)
			(void)dup2(pair[1], 3);
		else
			(void)fcntl(3, F_SETFD, 0);
		(void)execve(k->program, argv, envp);
		_exit(127);
	}
	NEED(k->keeper > 0);
	(void)close(pair[1]);
}

void keep_start(struct keep *k)
{
	const struct gate_start_message start = { GATE_START_MAGIC, GATE_PLAN_VERSION };
	int fds[1 + GATE_PLAN_FDS_MAX];
	size_t n;

	keep_spawn(k);
	fds[0] = keep_plan(k, fds + 1, &n, true);
	NEED(keep_send_start(k, &start, sizeof(start), fds, n + 1));
	for (size_t i = 0; i < n + 1; i++)
		(void)close(fds[i]);
	k->lock = -1;
}

int keep_wait(struct keep *k, int ms)
{
	int status, pidfd = (int)syscall(434, k->keeper, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int got = poll(&p, 1, ms);

	(void)close(pidfd);
	if (got != 1 || waitpid(k->keeper, &status, 0) != k->keeper)
		return -1;
	k->keeper = 0;
	return status;
}

void keep_done(struct keep *k)
{
	char command[128];

	if (k->keeper > 0) {
		(void)kill(k->keeper, SIGKILL);
		(void)waitpid(k->keeper, NULL, 0);
	}
	if (k->socket >= 0)
		(void)close(k->socket);
	(void)close(k->dir);
	(void)close(k->state);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", k->path);
	NEED(system(command) == 0);
}

int keep_connect(const struct keep *k)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s/control", k->path, k->id);
	if (connect(fd, (const void *)&at, sizeof(at)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int keep_receive(int fd, int ms, struct gate_frame *head, void *bytes, int *passed)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec parts[2] = { { head, sizeof(*head) }, { bytes, GATE_FRAME_BYTES_MAX } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int got = -1;

	if (poll(&p, 1, ms) <= 0)
		return -1;
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return 0;
	if (CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&got, CMSG_DATA(&control.head), sizeof(int));
	if (passed != NULL)
		*passed = got;
	else if (got >= 0)
		(void)close(got);
	NEED(n >= (ssize_t)sizeof(*head) && (size_t)n == sizeof(*head) + head->len);
	return (int)head->type;
}

bool keep_ask(int fd, uint32_t type, uint64_t a, uint64_t b, const void *bytes, size_t len)
{
	struct gate_frame head = { type, (uint32_t)len, a, b };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)bytes, len } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };

	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)(sizeof(head) + len);
}

bool keep_until(int fd, int ms, uint32_t type, struct gate_frame *head, void *bytes)
{
	int got;

	while ((got = keep_receive(fd, ms, head, bytes, NULL)) > 0)
		if ((uint32_t)got == type)
			return true;
	return false;
}

bool keep_end(int fd, int ms, struct gate_record *ret, char *out, size_t *n)
{
	static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	size_t room = n != NULL ? *n : 0, len = 0;
	int got;

	while ((got = keep_receive(fd, ms, &head, bytes, NULL)) > 0) {
		if (got == GATE_FRAME_OUTPUT && out != NULL) {
			size_t part = head.len < room - len ? head.len : room - len;

			memcpy(out + len, bytes, part);
			len += part;
		}
		if (got != GATE_FRAME_ENDED)
			continue;
		memcpy(ret, bytes, sizeof(*ret));
		if (n != NULL)
			*n = len;
		return head.len == sizeof(*ret) && gate_record_check(ret, sizeof(*ret)) && ret->state == GATE_TASK_ENDED;
	}
	return false;
}

bool keep_record(const struct keep *k, struct gate_record *ret)
{
	int fd = openat(k->dir, "record", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, sizeof(*ret));

	(void)close(fd);
	return n == (ssize_t)sizeof(*ret) && gate_record_check(ret, (size_t)n);
}
