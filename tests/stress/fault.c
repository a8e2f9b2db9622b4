/* fault LOG ROLE NUMBER WHAT COMMAND...: runs COMMAND, and lets one system call of it fail.
 * fault LOG ROLE NUMBER WHAT -p PID: does it to a process that runs already, until the call has been hit or this is ended.
 *
 * ROLE is 0 for the command's own process, 1 for its children (the keeper), 2 for all below until they execute a program
 * (the stager, the child, an init). NUMBER counts the calls of that role from 1; 0 lets none fail. WHAT is an errno's number,
 * or "kill": then who makes the call is killed before it; "after": right after it. The LOG says what happened, one fact a line:
 *   ready                 with -p: from here on it counts
 *   call ROLE NUMBER NR   one line a call, with NUMBER 0 only
 *   hit NR                the call was made to fail
 *   id HEX                a directory or a control group of this task was to be made
 *   exit CODE             of COMMAND; 128 + the signal that ended it
 *   left PID ROLE NR      still alive after 20 seconds; it is killed then
 * Ends when every process has ended. The counting is exact where strace counts by name and process; x86_64 only. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

enum { MAX = 4096, PATIENCE_S = 20, PROGRAM = 3, BEFORE = 0, AFTER = -1 }; /* the last two: of WHAT */

static struct tracee {
	pid_t pid;
	int role;              /* -1: its parent's event has not come yet */
	int stopped;           /* … and it waits for that */
	int failing;           /* the call that it is in is to fail */
	struct user_regs_struct before;
	long nr;
} tracees[MAX];
static size_t n_tracees;
static long counts[PROGRAM + 1];
static FILE *out;
static volatile sig_atomic_t late;
static int attached, done;

static void on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

static struct tracee *find(pid_t pid)
{
	for (size_t i = 0; i < n_tracees; i++)
		if (tracees[i].pid == pid)
			return &tracees[i];
	if (n_tracees == MAX)
		abort();
	tracees[n_tracees] = (struct tracee){ .pid = pid, .role = -1, .nr = -1 };
	return &tracees[n_tracees++];
}

static void forget(pid_t pid)
{
	for (size_t i = 0; i < n_tracees; i++)
		if (tracees[i].pid == pid) {
			tracees[i] = tracees[--n_tracees];
			return;
		}
}

/* Calls that cannot fail, or do not come back. */
static int never_fails(long nr)
{
	switch (nr) {
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigreturn:
	case SYS_restart_syscall:
	case SYS_getpid:
	case SYS_getppid:
	case SYS_gettid:
	case SYS_getuid:
	case SYS_geteuid:
	case SYS_getgid:
	case SYS_getegid:
	case SYS_brk: /* it answers with the break as it is */
	case SYS_umask:
	case SYS_set_tid_address:
	case SYS_sched_yield:
		return 1;
	default:
		return 0;
	}
}

/* Names of what is made: "callgate-HEX" and ".HEX" tell the task's id. */
static void note_id(const struct tracee *t, const struct user_regs_struct *r)
{
	const unsigned long at = t->nr == SYS_mkdir ? r->rdi : r->rsi;
	char text[256] = "";
	struct iovec here = { text, sizeof(text) - 1 }, there = { (void *)(uintptr_t)at, sizeof(text) - 1 };

	if ((t->nr != SYS_mkdir && t->nr != SYS_mkdirat) || process_vm_readv(t->pid, &here, 1, &there, 1, 0) < 0)
		return;
	const char *name = strrchr(text, '/');
	name = name != NULL ? name + 1 : text;
	if (name[0] == '.')
		name++;
	else if (strncmp(name, "callgate-", 9) == 0)
		name += 9;
	if (strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64)
		fprintf(out, "id %s\n", name);
}

static void hit(const struct tracee *t)
{
	fprintf(out, "hit %ld\n", t->nr);
	(void)kill(t->pid, SIGKILL);
	done = attached;
}

static void entry(struct tracee *t, int role, long number, int what)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, t->pid, 0, &r) < 0)
		return;
	t->nr = (long)r.orig_rax;
	note_id(t, &r);
	long at = ++counts[t->role];
	if (number == 0)
		fprintf(out, "call %d %ld %ld\n", t->role, at, t->nr);
	if (number == 0 || t->role != role || at != number)
		return;
	if (what == BEFORE) {
		hit(t);
		return;
	}
	if (what == AFTER) {
		t->failing = 1;
		return;
	}
	if (never_fails(t->nr))
		return;
	fprintf(out, "hit %ld\n", t->nr);
	t->failing = 1;
	t->before = r;
	/* The kernel closes also when it says that it could not. Everything else is not done at all: a call that every filter
	 * on the way lets pass takes its place. The one of the task's init knows none but these, with an argument that makes
	 * them fail. */
	if (t->nr == SYS_wait4) {
		r.rdx = 1UL << 16;
		(void)ptrace(PTRACE_SETREGS, t->pid, 0, &r);
	} else if (t->nr == SYS_kill) {
		r.rsi = 4096;
		(void)ptrace(PTRACE_SETREGS, t->pid, 0, &r);
	} else if (t->nr == SYS_rt_sigtimedwait) {
		r.r10 = 0;
		(void)ptrace(PTRACE_SETREGS, t->pid, 0, &r);
	} else if (t->nr != SYS_close) {
		r.orig_rax = SYS_close;
		r.rdi = (unsigned long)-1;
		(void)ptrace(PTRACE_SETREGS, t->pid, 0, &r);
	}
}

static void leave(struct tracee *t, int what)
{
	if (!t->failing)
		return;
	t->failing = 0;
	if (what == AFTER) {
		hit(t);
		return;
	}
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, t->pid, 0, &r) < 0)
		return;
	r.rdi = t->before.rdi;
	r.rsi = t->before.rsi;
	r.rdx = t->before.rdx;
	r.r10 = t->before.r10;
	r.rax = (unsigned long)-what;
	(void)ptrace(PTRACE_SETREGS, t->pid, 0, &r);
}

static void syscall_stop(struct tracee *t, int role, long number, int what)
{
	struct ptrace_syscall_info info;

	if (t->role >= PROGRAM || ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		entry(t, role, number, what);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		leave(t, what);
}

static void go_on(const struct tracee *t, int sig)
{
	(void)ptrace(PTRACE_SYSCALL, t->pid, 0, sig);
}

static int below(int role)
{
	return role >= 2 ? role : role + 1;
}

static void stop(pid_t pid, int status, int role, long number, int what)
{
	struct tracee *t = find(pid);
	int event = status >> 16, sig = WSTOPSIG(status);
	unsigned long child = 0;

	if (t->role < 0) { /* before its parent's event: it waits */
		t->stopped = 1;
		return;
	}
	if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
		int its = below(t->role);

		if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0 && child != 0) {
			struct tracee *c = find((pid_t)child);

			c->role = its;
			if (c->stopped)
				go_on(c, 0);
			t = find(pid);
		}
	} else if (event == PTRACE_EVENT_EXEC && t->role == 2) {
		t->role = PROGRAM;
	} else if (event == 0 && sig == (SIGTRAP | 0x80)) {
		syscall_stop(t, role, number, what);
	} else if (event == PTRACE_EVENT_STOP && (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)) {
		(void)ptrace(PTRACE_LISTEN, pid, 0, 0);
		return;
	} else if (event == 0) {
		go_on(t, sig);
		return;
	}
	go_on(t, 0);
}

static void kill_the_rest(void)
{
	for (size_t i = 0; i < n_tracees; i++) {
		fprintf(out, "left %d %d %ld\n", tracees[i].pid, tracees[i].role, tracees[i].nr);
		(void)kill(tracees[i].pid, SIGKILL);
	}
}

#define EVENTS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)

/* When this ends, all of them go on without it. */
static pid_t attach(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, EVENTS) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		perror("fault: cannot trace");
		exit(77);
	}
	find(pid)->role = 0;
	attached = 1;
	return pid;
}

static pid_t begin(char **command)
{
	int gate[2];
	char byte;

	if (pipe2(gate, O_CLOEXEC) < 0)
		exit(3);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		execvp(command[0], command);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, EVENTS | PTRACE_O_EXITKILL) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) {
		perror("fault: cannot trace");
		(void)kill(pid, SIGKILL);
		exit(77);
	}
	find(pid)->role = PROGRAM; /* until its execve */
	(void)close(gate[0]);
	(void)close(gate[1]);
	return pid;
}

int main(int argc, char **argv)
{
	if (argc < 6 || (out = fopen(argv[1], "we")) == NULL)
		return 3;
	int role = atoi(argv[2]), status, ended = 0;
	int what = strcmp(argv[4], "kill") == 0 ? BEFORE : strcmp(argv[4], "after") == 0 ? AFTER : atoi(argv[4]);
	long number = atol(argv[3]);
	struct sigaction act = { .sa_handler = on_alarm };
	(void)setvbuf(out, NULL, _IOLBF, 0);
	pid_t first = strcmp(argv[5], "-p") == 0 ? attach(argc > 6 ? atoi(argv[6]) : -1) : begin(argv + 5);

	(void)sigaction(SIGALRM, &act, NULL);
	if (!attached)
		(void)alarm(PATIENCE_S);
	while (n_tracees > 0 && !done) {
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR) {
			if (late) {
				late = 0;
				kill_the_rest();
				(void)alarm(PATIENCE_S);
			}
			continue;
		}
		if (pid < 0)
			break;
		if (WIFSTOPPED(status)) {
			if (pid == first && !ended && status >> 16 == PTRACE_EVENT_EXEC && find(pid)->role == PROGRAM)
				find(pid)->role = 0;
			stop(pid, status, role, number, what);
			if (attached == 1) {
				attached = 2;
				fputs("ready\n", out);
			}
			continue;
		}
		if (pid == first) {
			ended = 1;
			fprintf(out, "exit %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
		}
		forget(pid);
	}
	return fclose(out) == 0 ? 0 : 3;
}
