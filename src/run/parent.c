#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/parent.h"

/* A terminal sends these to the whole foreground process group, so the program has got its own; sent by a process
 * (si_code <= 0) they were meant for us as the program's stand-in. */
static const int from_terminal[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGCONT };
/* Faults of our own: never blocked, the kernel would kill us for a blocked one. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };

int gate_parent_init(struct gate_parent *p, bool foreground, struct gate_err *err)
{
	struct sigaction chld = { .sa_handler = SIG_DFL };
	sigset_t all;
	int reaper = 0;

	*p = (struct gate_parent){ .pidfd = -1, .signals = -1, .foreground = foreground };
	(void)sigfillset(&all);
	for (size_t i = 0; i < GATE_ARRAY_LEN(faults); i++)
		(void)sigdelset(&all, faults[i]);
	(void)pthread_sigmask(SIG_BLOCK, &all, &p->mask);
	/* An inherited "ignore" would have the kernel reap the program, and its end with it. */
	if (sigaction(SIGCHLD, NULL, &p->old_chld) == 0 &&
	    (p->old_chld.sa_handler == SIG_IGN || (p->old_chld.sa_flags & SA_NOCLDWAIT) != 0))
		p->chld_changed = sigaction(SIGCHLD, &chld, NULL) == 0;
	if (!foreground)
		return 0;
	p->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signals < 0)
		return GATE_FAIL_SYS(err, "cannot listen to signals");
	if (prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0) < 0 ||
	    (reaper == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0))
		return GATE_FAIL_SYS(err, "cannot adopt the processes that the program leaves behind");
	p->was_reaper = reaper != 0;
	return 0;
}

int gate_parent_start(struct gate_parent *p, const struct gate_plan_view *view, struct gate_launch_report *report)
{
	struct gate_launched launched;
	int sys = gate_launch_start(view, report, &launched);

	p->pid = launched.pid;
	p->pidfd = launched.pidfd;
	/* The child is made; the caller's handlers may run again. */
	if (!p->foreground)
		(void)pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
	return sys;
}

static void forward(const struct gate_parent *p, int sig)
{
	/* Gone already: the end is noticed by the pidfd. */
	(void)syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

/* A stopped program with a running parent would leave the shell waiting, with ^Z dead. */
static void mirror_stop(const struct gate_parent *p)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)p->pid, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid != p->pid)
		return;
	(void)kill(getpid(), SIGSTOP);
	forward(p, SIGCONT);
}

/* What the program left behind and we adopted. Records that name these were taken just before. */
static void reap_others(const struct gate_parent *p)
{
	for (;;) {
		siginfo_t info = { 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
		    info.si_pid == p->pid)
			return;
		(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
	}
}

static void take_signals(const struct gate_parent *p, struct gate_witness *w)
{
	struct signalfd_siginfo s;

	while (read(p->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		int sig = (int)s.ssi_signo;
		bool terminal = false;

		if (sig == SIGCHLD) {
			gate_witness_look(w);
			mirror_stop(p);
			reap_others(p);
			continue;
		}
		for (size_t i = 0; i < GATE_ARRAY_LEN(from_terminal); i++)
			terminal = terminal || from_terminal[i] == sig;
		if (!terminal || s.ssi_code <= 0)
			forward(p, sig);
	}
}

int gate_parent_watch(struct gate_parent *p, struct gate_witness *w, siginfo_t *ret, struct gate_err *err)
{
	enum { END, AUDIT, SIGNALS, N };
	struct pollfd fds[N] = {
		[END] = { p->pidfd, POLLIN, 0 },
		[AUDIT] = { w->audit.fd, POLLIN, 0 },
		[SIGNALS] = { p->signals, POLLIN, 0 },
	};

	for (;;) {
		if (poll(fds, N, -1) < 0 && errno != EINTR)
			return GATE_FAIL_SYS(err, "cannot wait for the program");
		if (fds[AUDIT].revents != 0)
			gate_witness_look(w);
		/* A socket that stays in error (the queue overflowed) was emptied by looking. */
		if (fds[SIGNALS].revents != 0)
			take_signals(p, w);
		if (fds[END].revents == 0)
			continue;
		*ret = (siginfo_t){ 0 };
		if (waitid(P_PID, (id_t)p->pid, ret, WEXITED | WNOWAIT) < 0)
			return GATE_FAIL_SYS(err, "cannot learn how the program ended");
		return 0;
	}
}

/* Reaps, and kills before if it still runs. */
static void reap(struct gate_parent *p)
{
	siginfo_t info;

	if (p->pid == 0)
		return;
	forward(p, SIGKILL); /* of no effect on what has ended */
	while (waitid(P_PID, (id_t)p->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

void gate_parent_done(struct gate_parent *p)
{
	reap(p);
	if (p->foreground && !p->was_reaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	if (p->pidfd >= 0)
		(void)close(p->pidfd);
	if (p->signals >= 0)
		(void)close(p->signals);
	if (p->chld_changed)
		(void)sigaction(SIGCHLD, &p->old_chld, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
	p->pidfd = p->signals = -1;
}
