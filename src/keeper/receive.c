/* What the starter sends: one message with the plan and its descriptors, of which nothing is believed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/keeper.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* 5.9, the same on every architecture */
#endif
/* Where the limit on descriptors is higher, nobody hands down such a one: before 5.9 only. */
#define CLOSE_MOST 65536

static void close_from(unsigned first)
{
	struct rlimit most;

	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &most) < 0 || most.rlim_cur > CLOSE_MOST)
		most.rlim_cur = CLOSE_MOST;
	for (unsigned fd = first; fd < most.rlim_cur; fd++)
		(void)close((int)fd);
}

/* What our starter's caller had closed must not become the number of something that we open. */
static int fill_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return -errno;
	return 0;
}

int gate_keeper_settle(struct gate_keeper *k, int socket)
{
	const struct rlimit none = { 0, 0 };
	sigset_t all, wanted;
	int64_t object;

	close_from((unsigned)socket + 1);
	int sys = fill_streams();
	if (sys < 0)
		return sys;
	if (fcntl(socket, F_SETFD, FD_CLOEXEC) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	/* A launch may wait for ever (a file server that does not answer), and then we wait in the kernel as well: until
	 * the task runs, whoever started us takes us along. Who died before this is told by the socket. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)sigemptyset(&wanted);
	(void)sigaddset(&wanted, SIGTERM);
	(void)sigaddset(&wanted, SIGINT);
	k->signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	/* The task's process inherits them; here there is time, the plan is still being made. */
	k->signals_default = gate_launch_default_signals(&object) == 0;
	/* Its own session: a terminal that hangs up is nothing to it. Fails only where it leads a group already. */
	(void)setsid();
	return chdir("/") < 0 ? -errno : 0;
}

/* All that came, in order; SIZE_MAX when it is not the one row of descriptors that was asked for. */
static size_t take_descriptors(struct msghdr *m, int *ret, size_t room)
{
	size_t n = 0;
	bool good = (m->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < room)
				ret[n++] = fd;
			else
				good = false;
		}
	}
	return good ? n : SIZE_MAX;
}

/* What arguments and environment do not make long is brought in at once: a fault for each page takes longer. */
#define POPULATE_MOST 16384

/* The seals make sure that what is checked stays so: the starter may still hold the file. */
static const char *map_plan(struct gate_keeper *k, int fd, int *sys)
{
	const int needed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	*sys = EINVAL;
	if (seals < 0 || (seals & needed) != needed)
		return "the plan's file is not sealed";
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct gate_plan) || st.st_size > GATE_PLAN_BYTES_MAX)
		return "the plan's size is out of range";
	k->plan_size = (size_t)st.st_size;
	k->plan = mmap(NULL, k->plan_size, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | (k->plan_size <= POPULATE_MOST ? MAP_POPULATE : 0), fd, 0);
	if (k->plan == MAP_FAILED) {
		*sys = errno;
		k->plan = NULL;
		return "the plan cannot be mapped";
	}
	return NULL;
}

const char *gate_keeper_receive(struct gate_keeper *k, int socket, int *sys)
{
	struct gate_start_message start = { 0 };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * (GATE_PLAN_FDS_MAX + 1))];
	} control;
	struct iovec part = { &start, sizeof(start) };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int fds[GATE_PLAN_FDS_MAX + 1];
	ssize_t got;

	do {
		got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	*sys = 0;
	if (got <= 0)
		return NULL;
	size_t n = take_descriptors(&m, fds, GATE_PLAN_FDS_MAX + 1);
	*sys = EINVAL;
	if (got != sizeof(start) || start.magic != GATE_START_MAGIC || start.version != GATE_PLAN_VERSION)
		return "the start message is none of this version";
	if (n == SIZE_MAX || n == 0)
		return "the start message's descriptors did not come whole";
	const char *wrong = map_plan(k, fds[0], sys);
	if (wrong != NULL)
		return wrong;
	(void)close(fds[0]);
	memcpy(k->fds, fds + 1, (n - 1) * sizeof(int));
	*sys = EINVAL;
	wrong = gate_plan_check(k->plan, k->plan_size, n - 1);
	if (wrong != NULL)
		return wrong;
	gate_plan_relocate(k->plan);
	k->view = (struct gate_plan_view){
		.signals_default = k->signals_default,
		.plan = k->plan,
		.rows = (const struct gate_row *)(const void *)((const char *)k->plan + k->plan->rows),
		.fds = k->fds,
		.stdio = { -1, -1, -1 },
	};
	return NULL;
}
