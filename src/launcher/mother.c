/* The mother: a small loop that starts the launcher, the front and workers, and starts the first two again. She parses
 * nothing that comes from outside and talks to nobody but the launcher. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/mother.h"

#define WORKERS_MAX  512 /* more than the launcher ever asks for at a time */
#define BACK_OFF_MS  100
#define BACK_OFF_MAX 5000
#define STEADY_MS    1000 /* who lived that long is started again at once */
#define PATIENCE_MS  5000 /* for the front, to end in peace */

struct child {
	const char *name;
	pid_t pid; /* 0: none */
	int64_t began_ms, start_ms, back_off_ms;
	bool blameless;  /* it ends because another one did: no back-off */
	int64_t kill_ms; /* it should have ended by itself by then; INT64_MAX: not waited for */
};
struct mother {
	const struct gate_mother *m;
	struct gate_mother_files files;
	int launcher_socket;
	struct child launcher, front;
	struct {
		pid_t pid;
		uint64_t number; /* the launcher's */
	} workers[WORKERS_MAX];
	size_t n_workers;
	sigset_t before; /* signals that were blocked when we were started */
	bool stopping, told_ready;
	bool hopeless; /* the front says that starting it again would not help */
};

void gate_say_agent(const char *format, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	(void)dprintf(STDERR_FILENO, "callgate agent: %s\n", line);
}

/* --- children --- */
/* Ends with us, whatever we die of. */
static void become_child(const struct mother *h, pid_t mother)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != mother)
		_exit(1);
	(void)sigprocmask(SIG_SETMASK, &h->before, NULL);
}

static pid_t start_launcher(struct mother *h)
{
	const pid_t mother = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		const struct gate_launcher_setup setup = { 3, h->files.tasks, h->m->config_dir };

		become_child(h, mother);
		gate_settle_fds(3, &pair[1], 1);
		_exit(gate_launcher_run(&setup));
	}
	(void)close(pair[1]);
	if (pid < 0)
		(void)close(pair[0]);
	else
		h->launcher_socket = pair[0];
	return pid;
}

static pid_t start_front(struct mother *h)
{
	const pid_t mother = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid_t pid = -1;
	if (gate_ipc_send(h->launcher_socket, GATE_IPC_FRONT, 0, 0, 0, NULL, 0, &pair[0], 1) == 0)
		pid = fork();
	if (pid == 0) {
		become_child(h, mother);
		gate_front_exec(h->m, &h->files, pair[1], mother);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	return pid;
}

static void has_begun(struct child *c, pid_t pid)
{
	c->began_ms = gate_loop_now();
	c->kill_ms = INT64_MAX;
	c->blameless = false;
	c->pid = pid > 0 ? pid : 0;
	if (pid < 0) {
		gate_say_agent("the %s cannot be started: %s", c->name, strerror(errno));
		c->start_ms = c->began_ms + BACK_OFF_MAX;
	}
}

static void has_ended(struct mother *h, struct child *c, int status)
{
	int64_t now = gate_loop_now();

	c->pid = 0;
	if (c->blameless) {
		c->start_ms = now;
		return;
	}
	if (now - c->began_ms >= STEADY_MS || c->back_off_ms == 0)
		c->back_off_ms = BACK_OFF_MS;
	c->start_ms = now + c->back_off_ms;
	if (!h->stopping)
		gate_say_agent("the %s was ended by %s %d: it is started again in %lld ms", c->name,
		               WIFSIGNALED(status) ? "signal" : "exit status",
		               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (long long)c->back_off_ms);
	c->back_off_ms = c->back_off_ms * 2 < BACK_OFF_MAX ? c->back_off_ms * 2 : BACK_OFF_MAX;
}

static void launcher_gone(struct mother *h)
{
	(void)close(h->launcher_socket);
	h->launcher_socket = -1;
	/* Nobody waits for their answers. A new launcher is started when they are gone, so that what it finds stays as it is. */
	for (size_t i = 0; i < h->n_workers; i++)
		(void)kill(h->workers[i].pid, SIGKILL);
	/* It notices by itself, or has done so already; that is not its own fault. */
	h->front.blameless = true;
	if (h->front.pid != 0)
		h->front.kill_ms = gate_loop_now() + PATIENCE_MS;
	else
		h->front.start_ms = 0;
}

static void reap(struct mother *h)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == h->launcher.pid) {
			has_ended(h, &h->launcher, status);
			launcher_gone(h);
		} else if (pid == h->front.pid) {
			h->hopeless = WIFEXITED(status) && WEXITSTATUS(status) == GATE_FRONT_HOPELESS;
			h->stopping |= h->hopeless;
			has_ended(h, &h->front, status);
		}
		for (size_t i = 0; i < h->n_workers; i++)
			if (h->workers[i].pid == pid)
				h->workers[i] = h->workers[--h->n_workers];
	}
}

/* --- workers --- */
static void be_worker(struct mother *h, const struct gate_ipc *m)
{
	char name[GATE_IPC_NAME_MAX + 1];
	const bool has_task = m->fds[1] >= 0;
	const int fds[] = { h->files.workers, m->fds[0], m->fds[1] };
	const struct gate_worker w = { .type = (uint32_t)m->head.a,
		                       .name = name,
		                       .answer = 4,
		                       .task = has_task ? 5 : -1,
		                       .tasks = h->files.tasks,
		                       .images = h->m->images };

	(void)snprintf(name, sizeof(name), "%.*s", (int)m->head.len, (const char *)m->bytes);
	gate_settle_fds(3, fds, has_task ? 3 : 2);
	(void)prctl(PR_SET_NAME, "gate-worker");
	gate_worker_run(&w);
	_exit(0);
}

static void work(struct mother *h, const struct gate_ipc *m)
{
	const pid_t mother = getpid();

	if (h->stopping || h->n_workers == WORKERS_MAX || m->fds[0] < 0 || m->head.len > GATE_IPC_NAME_MAX)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		become_child(h, mother);
		be_worker(h, m);
	}
	/* Without one, the end of its socket is the answer. */
	if (pid < 0) {
		gate_say_agent("no process for a launch: %s", strerror(errno));
	} else {
		h->workers[h->n_workers].pid = pid;
		h->workers[h->n_workers++].number = m->head.serial;
	}
}

/* One that has not been waited for, so its id is still its own. */
static void cut(struct mother *h, uint64_t number)
{
	for (size_t i = 0; i < h->n_workers; i++)
		if (h->workers[i].number == number)
			(void)kill(h->workers[i].pid, SIGKILL);
}

static void from_launcher(struct mother *h)
{
	static struct gate_ipc m;
	int got = gate_ipc_receive(h->launcher_socket, &m, false);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0 || (m.head.type != GATE_IPC_WORK && m.head.type != GATE_IPC_CUT)) {
		/* Also at its end, which the next signal tells. */
		if (h->launcher.pid > 0)
			(void)kill(h->launcher.pid, SIGKILL);
		(void)poll(NULL, 0, 1);
		return;
	}
	if (m.head.type == GATE_IPC_WORK)
		work(h, &m);
	else
		cut(h, m.head.serial);
	gate_ipc_done(&m);
}

/* --- the loop --- */
static void from_signals(struct mother *h)
{
	struct signalfd_siginfo s;

	while (read(h->files.signals, &s, sizeof(s)) == sizeof(s))
		if (s.ssi_signo != SIGCHLD)
			h->stopping = true;
	reap(h);
}

static void start_due(struct mother *h)
{
	int64_t now = gate_loop_now();

	if (h->launcher.pid == 0 && h->n_workers == 0 && now >= h->launcher.start_ms)
		has_begun(&h->launcher, start_launcher(h));
	if (h->launcher.pid != 0 && h->front.pid == 0 && now >= h->front.start_ms)
		has_begun(&h->front, start_front(h));
	if (h->front.pid != 0 && now >= h->front.kill_ms) {
		(void)kill(h->front.pid, SIGKILL);
		h->front.kill_ms = INT64_MAX;
	}
	if (h->front.pid != 0 && !h->told_ready) {
		gate_mother_ready();
		h->told_ready = true;
	}
}

static int64_t next_ms(const struct mother *h)
{
	int64_t at = INT64_MAX;

	if (h->launcher.pid == 0 && h->n_workers == 0)
		at = h->launcher.start_ms;
	else if (h->launcher.pid != 0 && h->front.pid == 0)
		at = h->front.start_ms;
	if (h->front.pid != 0 && h->front.kill_ms < at)
		at = h->front.kill_ms;
	return at;
}

static void turn(struct mother *h)
{
	struct pollfd p[] = { { .fd = h->files.signals, .events = POLLIN },
		              { .fd = h->launcher_socket, .events = POLLIN } };
	int64_t at = next_ms(h), left = at == INT64_MAX ? -1 : at - gate_loop_now();

	if (poll(p, GATE_ARRAY_LEN(p), at == INT64_MAX ? -1 : left < 0 ? 0 : (int)left + 1) <= 0)
		return;
	if (p[1].revents != 0)
		from_launcher(h);
	if (p[0].revents != 0)
		from_signals(h);
}

/* The front first, while the launcher still answers it. Tasks go on. */
static void end_child(struct mother *h, struct child *c, int signal)
{
	int64_t until = gate_loop_now() + PATIENCE_MS;

	if (c->pid != 0)
		(void)kill(c->pid, signal);
	while (c->pid != 0) {
		struct pollfd p = { .fd = h->files.signals, .events = POLLIN };

		if (poll(&p, 1, 100) > 0)
			from_signals(h);
		if (c->pid != 0 && gate_loop_now() >= until)
			(void)kill(c->pid, SIGKILL);
	}
}

static void end_all(struct mother *h)
{
	h->stopping = true;
	end_child(h, &h->front, SIGTERM);
	end_child(h, &h->launcher, SIGKILL);
	while (h->n_workers > 0) {
		struct pollfd p = { .fd = h->files.signals, .events = POLLIN };

		if (poll(&p, 1, 100) > 0)
			from_signals(h);
	}
}

static int block_signals(struct mother *h, struct gate_err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGCHLD);
	/* Whoever started us may ignore it: then no child could be waited for. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, &h->before) < 0)
		return GATE_FAIL_SYS(err, "cannot block signals");
	h->files.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return h->files.signals >= 0 ? 0 : GATE_FAIL_SYS(err, "cannot wait for signals");
}

int gate_mother_run(const struct gate_mother *m, struct gate_err *err)
{
	struct mother h = {
		.m = m, .launcher_socket = -1, .launcher = { .name = "launcher" }, .front = { .name = "front" }
	};

	gate_mother_files_init(&h.files);
	int result = gate_mother_open(m, &h.files, err) < 0 || block_signals(&h, err) < 0 ? -1 : 0;
	if (result == 0) {
		gate_mother_clean_up();
		while (!h.stopping) {
			start_due(&h);
			turn(&h);
		}
		end_all(&h);
		if (h.hopeless)
			result =
			    GATE_FAIL(err, GATE_E_INVALID, "it ends, because starting the front again would not help");
	}
	gate_mother_close(m, &h.files, result == 0);
	return result;
}
