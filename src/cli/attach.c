#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/attach.h"

enum { IN, SOCKET, SIGNALS, OUT, N_POLLS };

struct pump {
	const struct gate_cli *cli;
	const struct gate_attach *a;
	struct gate_record *record;
	int signals;
	sigset_t mask;     /* … that it reads */
	bool raw, reading; /* our terminal is raw; standard input has not ended */
	bool over;         /* ENDED came */
	int status;        /* our own end, with `quit` */
	bool quit;
	bool ended_warned; /* the program was told to go and cannot hear it */

	/* One piece of output at a time: while we cannot get rid of it we read nothing, and the keeper waits for us. */
	int out; /* where to, or -1: nothing to write */
	size_t out_at, out_len;
	bool broken[3]; /* by descriptor: nobody reads it any more */
	bool plain[3];  /* … a file: takes any length at once */
	/* One piece of input that the socket has not taken yet. */
	size_t in_len;
	bool in_end; /* INPUT_END has to be sent */
	bool resize; /* RESIZE has to be sent */
	/* Detach keys: how many of them were typed. */
	char keys[GATE_KEYS_MAX];
	int n_keys, typed;
};

/* Not in the struct: pages that are never touched cost nothing. There is one terminal, so one of each. */
static char output[GATE_FRAME_BYTES_MAX], input[GATE_FRAME_BYTES_MAX];

/* --- to the keeper --- */
/* What does not fit now is tried again when poll says so; what cannot be sent because the keeper is gone shows as the
 * end of the connection. */
static bool tell(const struct pump *p, uint32_t type, uint64_t a, uint64_t b, const void *bytes, size_t len)
{
	return gate_frame_send(p->a->socket, type, a, b, bytes, len) == 0 || errno != EAGAIN;
}

static void send_pending(struct pump *p)
{
	if (p->resize && tell(p, GATE_FRAME_RESIZE, gate_terminal_size(), 0, NULL, 0))
		p->resize = false;
	if (p->in_len > 0 && tell(p, GATE_FRAME_INPUT, 0, 0, input, p->in_len))
		p->in_len = 0;
	if (p->in_end && p->in_len == 0 && tell(p, GATE_FRAME_INPUT_END, 0, 0, NULL, 0))
		p->in_end = false;
}

/* --- input --- */
/* Takes the detach keys out of what was typed: the beginning of them is held back until it is clear what it is. */
static size_t filter_keys(struct pump *p, const char *typed, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (typed[i] == p->keys[p->typed]) {
			if (++p->typed < p->n_keys)
				continue;
			p->record->state = GATE_TASK_RUNNING;
			p->quit = true;
			p->status = 0;
			return n;
		}
		memcpy(input + n, p->keys, (size_t)p->typed);
		n += (size_t)p->typed;
		p->typed = typed[i] == p->keys[0] ? 1 : 0;
		if (p->typed == 0)
			input[n++] = typed[i];
	}
	return n;
}

static void read_input(struct pump *p)
{
	char typed[sizeof(input) - GATE_KEYS_MAX];
	ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) { /* also EIO: a terminal that is gone */
		p->reading = false;
		p->in_end = true;
	} else if (p->n_keys > 0) {
		p->in_len = filter_keys(p, typed, (size_t)n);
	} else {
		memcpy(input, typed, (size_t)n);
		p->in_len = (size_t)n;
	}
	send_pending(p);
}

/* --- output --- */
/* Nobody reads any more. A program that wrote there itself would get SIGPIPE and mostly end; the keeper's pipe in between
 * must not make it run for ever. Other troubles (a full disk) are said, and the task goes on. */
static void cannot_write(struct pump *p, int why)
{
	enum { PATIENCE_MS = 2000 };

	if ((why == EPIPE || why == EIO) && !p->broken[STDOUT_FILENO] && !p->broken[STDERR_FILENO])
		(void)tell(p, GATE_FRAME_STOP, SIGPIPE, PATIENCE_MS, NULL, 0);
	else if (why != EPIPE && why != EIO && why != EBADF)
		gate_say(p->cli, "writing standard %s: %s", p->out == STDOUT_FILENO ? "output" : "error",
		         strerror(why));
	p->broken[p->out] = true;
	p->out = -1;
}

static void write_output(struct pump *p)
{
	/* poll promises room for this much in a pipe, and a write of more would block: pipe(7). */
	enum { ROOM = 4096 };
	size_t n = p->out_len - p->out_at;
	ssize_t done = write(p->out, output + p->out_at, n < ROOM || p->plain[p->out] ? n : ROOM);

	if (done < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (done < 0) {
		cannot_write(p, errno);
		return;
	}
	p->out_at += (size_t)done;
	if (p->out_at == p->out_len)
		p->out = -1;
}

/* --- from the keeper --- */
static void take_record(struct pump *p, const void *bytes, size_t len)
{
	struct gate_record r;

	if (len != sizeof(r))
		return;
	memcpy(&r, bytes, sizeof(r));
	if (!gate_record_check(&r, len))
		return;
	*p->record = r;
}

static void keeper_gone(struct pump *p)
{
	/* It told how the task ended, before it went to delete the task's directory. */
	if (p->record->state == GATE_TASK_ENDED) {
		p->over = true;
		gate_terminal_restore();
		gate_say(p->cli,
		         "the keeper was killed after the task had ended: the end of its output may be missing");
		return;
	}
	p->record->state = GATE_TASK_LOST;
	p->quit = true;
	p->status = gate_trouble_status(p->cli);
	gate_terminal_restore();
	gate_say(p->cli, "the keeper of the task is gone: how the task ended is not known");
}

static void read_frame(struct pump *p)
{
	struct gate_frame head;
	int passed, result = gate_frame_receive(p->a->socket, &head, output, sizeof(output), &passed);

	if (passed >= 0)
		(void)close(passed);
	if (result < 0 && errno == EAGAIN)
		return;
	if (result <= 0) {
		keeper_gone(p);
	} else if (head.type == GATE_FRAME_RECORD) {
		take_record(p, output, head.len);
	} else if (head.type == GATE_FRAME_ENDED) {
		take_record(p, output, head.len);
		p->over = p->record->state == GATE_TASK_ENDED;
		if (!p->over)
			keeper_gone(p);
	} else if (head.type == GATE_FRAME_OUTPUT && head.len > 0 && (head.a == 1 || head.a == 2) &&
	           !p->broken[head.a]) {
		p->out = (int)head.a;
		p->out_at = 0;
		p->out_len = head.len;
	}
}

/* --- signals --- */
/* Has the process a handler for the signal? The first process of a pid namespace gets no other signal from outside but
 * SIGKILL and SIGSTOP: pid_namespaces(7). */
static bool can_hear(uint32_t pid, int sig)
{
	char path[40], text[4096];
	const char *at;
	uint64_t caught = 0;

	(void)snprintf(path, sizeof(path), "/proc/%u/status", pid);
	int fd = pid != 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return true;
	ssize_t n = read(fd, text, sizeof(text) - 1);

	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nNSpid:");
	if (at == NULL || strchr(at + 7, '\t') == NULL)
		return true;
	/* "NSpid:	OUTER	INNER": the last number is its own idea of itself. */
	const char *end = strchr(at + 1, '\n');

	if (end == NULL || end - at < 3 || end[-1] != '1' || end[-2] != '\t')
		return true;
	at = strstr(text, "\nSigCgt:\t");
	for (at = at != NULL ? at + 9 : ""; *at != '\0' && *at != '\n'; at++)
		caught = caught << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return (caught >> (sig - 1) & 1) != 0;
}

static bool is_request_to_end(int sig)
{
	return sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT;
}

/* Who asked twice, or hung up, means it. */
static void insist(struct pump *p, int sig)
{
	const char *name = sigabbrev_np(sig);

	if (p->ended_warned || sig == SIGHUP) {
		(void)tell(p, GATE_FRAME_STOP, SIGKILL, 0, NULL, 0);
		return;
	}
	p->ended_warned = true;
	gate_say(p->cli, "the program, the first of its pid namespace, does not listen to SIG%s; once more to kill it",
	         name);
	gate_hint(p->cli, "--init starts programs so that signals reach them");
}

static void forward(struct pump *p, int sig)
{
	if (!p->a->sig_proxy) { /* it is ours, and what it does to most programs it does to us */
		p->quit = true;
		p->status = 128 + sig;
		p->record->state = GATE_TASK_RUNNING;
		return;
	}
	if (is_request_to_end(sig) && !can_hear(p->a->pid, sig)) {
		insist(p, sig);
		return;
	}
	if (p->a->pidfd >= 0 && syscall(SYS_pidfd_send_signal, p->a->pidfd, sig, NULL, 0) == 0)
		return;
	if (p->a->pidfd >= 0 && errno == ESRCH) {
		/* It has ended, and we are kept by somebody who does not take its output. */
		if (p->out >= 0 && is_request_to_end(sig)) {
			p->quit = true;
			p->status = 128 + sig;
		}
		return;
	}
	(void)tell(p, GATE_FRAME_SIGNAL, (uint64_t)sig, 0, NULL, 0);
}

/* ^Z from elsewhere: stops us and not the task. */
static void stop_ourselves(void)
{
	sigset_t tstp;

	gate_terminal_restore();
	(void)sigemptyset(&tstp);
	(void)sigaddset(&tstp, SIGTSTP);
	(void)raise(SIGTSTP);
	(void)sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* here it happens */
	(void)sigprocmask(SIG_BLOCK, &tstp, NULL);
}

static void take_signal(struct pump *p)
{
	struct signalfd_siginfo info;

	if (read(p->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGTSTP:
		stop_ourselves();
		break;
	case SIGCONT: /* a shell has had the terminal meanwhile */
		p->raw = p->raw && gate_terminal_raw();
		p->resize = p->a->terminal;
		break;
	case SIGWINCH:
		p->resize = p->a->terminal;
		if (!p->a->terminal && p->a->sig_proxy)
			forward(p, SIGWINCH);
		break;
	default:
		forward(p, (int)info.ssi_signo);
	}
	send_pending(p);
}

/* All but those that say something about us, that cannot be caught, or that our caller had us ignore (nohup). */
static void choose_signals(sigset_t *mask)
{
	static const int not [] = { SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU, SIGSEGV, SIGBUS,  SIGILL,
		                    SIGFPE,  SIGABRT, SIGTRAP, SIGSYS,  SIGKILL, SIGSTOP, SIGURG };
	struct sigaction now;

	(void)sigfillset(mask);
	for (size_t i = 0; i < GATE_ARRAY_LEN(not ); i++)
		(void)sigdelset(mask, not [i]);
	for (int s = 1; s < NSIG; s++)
		if (sigaction(s, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			(void)sigdelset(mask, s);
}

/* --- the loop --- */
static void one_round(struct pump *p)
{
	bool to_send = p->in_len > 0 || p->in_end || p->resize;
	struct pollfd at[N_POLLS] = {
		[IN] = { p->reading && p->in_len == 0 && !p->in_end ? STDIN_FILENO : -1, POLLIN, 0 },
		/* A hang-up is told whether asked for or not, so there must be a reason to look. */
		[SOCKET] = { p->over || (p->out >= 0 && !to_send) ? -1 : p->a->socket,
		             (short)((p->out < 0 ? POLLIN : 0) | (to_send ? POLLOUT : 0)), 0 },
		[SIGNALS] = { p->signals, POLLIN, 0 },
		[OUT] = { p->out, POLLOUT, 0 },
	};

	if (poll(at, N_POLLS, -1) < 0)
		return; /* EINTR */
	if (at[SIGNALS].revents != 0)
		take_signal(p);
	if (p->out >= 0 && at[OUT].revents != 0)
		write_output(p);
	if ((at[SOCKET].revents & POLLOUT) != 0)
		send_pending(p);
	/* Output is all read before the end of the connection counts. */
	if (p->out < 0 && !p->quit && (at[SOCKET].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		read_frame(p);
	if (at[IN].revents != 0 && !p->quit)
		read_input(p);
}

static bool begin(struct pump *p, struct sigaction *pipe_before, sigset_t *mask_before)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int flags = fcntl(p->a->socket, F_GETFL);
	struct stat st;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		p->plain[fd] = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	choose_signals(&p->mask);
	if (flags < 0 || fcntl(p->a->socket, F_SETFL, flags | O_NONBLOCK) < 0)
		return false;
	(void)sigprocmask(SIG_BLOCK, &p->mask, mask_before);
	(void)sigaction(SIGPIPE, &ignore, pipe_before);
	p->signals = signalfd(-1, &p->mask, SFD_CLOEXEC);
	if (p->signals < 0)
		return false;
	/* Now, while the program is only beginning: the end is waited for. */
	memset(output, 0, sizeof(output));
	p->reading = p->a->interactive;
	p->raw = p->a->interactive && p->a->terminal && isatty(STDIN_FILENO) == 1 && gate_terminal_raw();
	p->resize = p->a->terminal && gate_terminal_size() != 0;
	if (p->raw)
		p->n_keys = gate_keys_parse(p->a->keys != NULL ? p->a->keys : "ctrl-p,ctrl-q", p->keys);
	send_pending(p);
	return true;
}

int gate_attach(const struct gate_cli *cli, const struct gate_attach *a, struct gate_record *ret)
{
	struct pump p = { .cli = cli, .a = a, .record = ret, .signals = -1, .out = -1 };
	struct sigaction pipe_before = { .sa_handler = SIG_DFL };
	sigset_t mask_before;

	(void)sigprocmask(SIG_SETMASK, NULL, &mask_before);
	(void)fflush(stdout);
	if (!begin(&p, &pipe_before, &mask_before)) {
		gate_say(cli, "cannot attach to the task: %s", strerror(errno));
		p.quit = true;
		p.status = gate_trouble_status(cli);
		ret->state = GATE_TASK_LOST;
	}
	while (!p.quit && (!p.over || p.out >= 0))
		one_round(&p);
	gate_terminal_restore();
	if (p.signals >= 0)
		(void)close(p.signals);
	(void)sigaction(SIGPIPE, &pipe_before, NULL);
	(void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
	return p.quit ? p.status : gate_record_exit_code(ret);
}
