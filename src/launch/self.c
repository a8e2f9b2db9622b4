#include <fcntl.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "launch/launch.h"
#include "launch/sys.h"

/* libc's sigaction and sigprocmask refuse to touch two signals that it keeps for itself. */
#define KERNEL_SIGNALS 64
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#define NO_SESSION  UINT32_MAX
#define TIMER_SLACK 50000 /* init's: include/linux/init_task.h */
#define AFFINITY_BYTES                                                                                                 \
	1024 /* 8192 processors, the largest that kernels are built for; longer than the kernel's is fine */

int gate_launch_default_signals(int64_t *object)
{
	const struct kernel_sigaction by_default = { .handler = SIG_DFL };

	for (int sig = 1; sig <= KERNEL_SIGNALS; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		*object = sig;
		long got = gate_sys(SYS_rt_sigaction, sig, &by_default, NULL, sizeof(uint64_t));
		if (got < 0)
			return (int)got;
	}
	*object = 0;
	return 0;
}

/* Ignored signals would stay ignored in the program, handlers of the caller's must not run here. */
int gate_step_signals(struct gate_launch *l, const struct gate_row *row)
{
	(void)row;
	return l->view->signals_default ? 0 : gate_launch_default_signals(&l->report->object);
}

/* While somebody more privileged shares our memory (the helper, the keeper), nobody with the lesser privileges of the
 * main thread may attach to it with ptrace(2). execve makes the program dumpable again. */
int gate_step_hide(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	(void)row;
	return (int)gate_sys(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int gate_launch_tie(struct gate_launch *l)
{
	struct pollfd keeper = { l->parent_pidfd, POLLIN, 0 };
	const struct timespec now = { 0, 0 };

	if (l->death_signal == 0)
		return 0;
	long got = gate_sys(SYS_prctl, PR_SET_PDEATHSIG, l->death_signal, 0, 0, 0);
	if (got < 0)
		return (int)got;
	/* It may have died before: then nobody sends the signal. Not by getppid(2), which says 0 for a parent in another
	 * pid namespace. */
	got = gate_sys(SYS_ppoll, &keeper, 1, &now, NULL, 0);
	if (got < 0)
		return (int)got;
	return got == 0 ? 0 : -ESRCH;
}

int gate_step_parent(struct gate_launch *l, const struct gate_row *row)
{
	l->death_signal = (int)row->a;
	return gate_launch_tie(l);
}

int gate_step_normal(struct gate_launch *l, const struct gate_row *row)
{
	const struct sched_param ordinary = { 0 };
	unsigned char all[AFFINITY_BYTES];
	long got;

	(void)l;
	(void)row;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = 0xff;
	(void)gate_sys(SYS_umask, 022);
	(void)gate_sys(SYS_personality, 0);
	got = gate_sys(SYS_sched_getscheduler, 0);
	if (got > SCHED_OTHER)
		got = gate_sys(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary);
	if (got < 0)
		return (int)got;
	/* The kernel cuts it to the processors of the cpuset. */
	got = gate_sys(SYS_sched_setaffinity, 0, sizeof(all), all);
	if (got < 0)
		return (int)got;
	return (int)gate_sys(SYS_prctl, PR_SET_TIMERSLACK, TIMER_SLACK, 0, 0, 0);
}

/* One write: 0 or -errno. */
static int write_all(int fd, const char *text, size_t len)
{
	long got = gate_sys(SYS_write, fd, text, len);

	if (got < 0)
		return (int)got;
	return (size_t)got == len ? 0 : -EIO;
}

static int write_at(int dir, const char *path, const char *text, size_t len)
{
	long fd = gate_sys(SYS_openat, dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (fd < 0)
		return (int)fd;
	int got = write_all((int)fd, text, len);
	(void)gate_sys(SYS_close, fd);
	return got;
}

/* The number that a file of /proc consists of. */
static int read_number(int dir, const char *path, uint32_t *ret)
{
	char text[16];
	uint64_t n = 0;

	long fd = gate_sys(SYS_openat, dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return (int)fd;
	long got = gate_sys(SYS_read, fd, text, sizeof(text));
	(void)gate_sys(SYS_close, fd);
	if (got <= 0)
		return got < 0 ? (int)got : -EIO;
	for (long i = 0; i < got && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(text[i] - '0');
	if (n > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)n;
	return 0;
}

static size_t print_number(char text[static 24], int64_t number)
{
	uint64_t n = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[24];
	size_t len = 0, at = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	if (number < 0)
		text[at++] = '-';
	while (len > 0)
		text[at++] = digits[--len];
	return at;
}

int gate_step_cgroup(struct gate_launch *l, const struct gate_row *row)
{
	return write_all(l->view->fds[row->fd], "0", 1);
}

/* The kernel gives a new audit session to whoever sets its login user id, also to the same one
 * (audit_set_loginuid, kernel/auditsc.c). */
int gate_step_session(struct gate_launch *l, const struct gate_row *row)
{
	int proc = l->view->fds[row->fd];
	uint32_t login = NO_SESSION, session = NO_SESSION;
	char text[24];

	int sys = read_number(proc, "self/loginuid", &login);
	if (sys == 0)
		sys = write_at(proc, "self/loginuid", text, print_number(text, login == NO_SESSION ? 0 : login));
	if (sys == 0)
		sys = read_number(proc, "self/sessionid", &session);
	if (sys == 0)
		l->report->session = session;
	return sys;
}

int gate_step_mark(struct gate_launch *l, const struct gate_row *row)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	long got = gate_sys(SYS_sendto, l->view->fds[row->fd], gate_plan_text(l->view->plan, row->text[0]), row->a, 0,
	                    &kernel, sizeof(kernel));
	return got < 0 ? (int)got : 0;
}

int gate_step_oom(struct gate_launch *l, const struct gate_row *row)
{
	char text[24];

	return write_at(l->view->fds[row->fd], "self/oom_score_adj", text, print_number(text, (int64_t)row->a));
}

int gate_step_rlimit(struct gate_launch *l, const struct gate_row *row)
{
	const uint64_t limit[2] = { row->a, row->b };

	l->report->object = row->flags;
	return (int)gate_sys(SYS_prlimit64, 0, row->flags, limit, NULL);
}

int gate_step_unshare(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	return (int)gate_sys(SYS_unshare, row->a);
}

int gate_step_loopback(struct gate_launch *l, const struct gate_row *row)
{
	struct ifreq lo;

	(void)l;
	(void)row;
	memset(&lo, 0, sizeof(lo));
	memcpy(lo.ifr_name, "lo", 3);
	long fd = gate_sys(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	long got = gate_sys(SYS_ioctl, fd, SIOCGIFFLAGS, &lo);
	if (got == 0) {
		lo.ifr_flags = (short)(lo.ifr_flags | IFF_UP);
		got = gate_sys(SYS_ioctl, fd, SIOCSIFFLAGS, &lo);
	}
	(void)gate_sys(SYS_close, fd);
	return (int)got;
}

int gate_step_hostname(struct gate_launch *l, const struct gate_row *row)
{
	const char *name = gate_plan_text(l->view->plan, row->text[0]);

	return (int)gate_sys(SYS_sethostname, name, strlen(name));
}

int gate_step_keyring(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	(void)row;
	long got = gate_sys(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return got < 0 ? (int)got : 0;
}
