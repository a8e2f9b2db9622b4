#include <asm/ioctls.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "launch/launch.h"
#include "launch/sys.h"

#define DEVPTS_MAGIC 0x1cd1 /* linux/magic.h */
#define FIRST_OTHER  3      /* after standard input, output and error */
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41) /* 4.13 */
#endif

int gate_step_session_leader(struct gate_launch *l, const struct gate_row *row)
{
	(void)l;
	(void)row;
	long got = gate_sys(SYS_setsid);
	return got < 0 ? (int)got : 0;
}

/* A file in a directory of the task's root, no symbolic link on the way: what lies there is the task's. */
static int open_walk(const struct gate_launch *l, const char *const *dirs, const char *name, int flags)
{
	long at = l->root >= 0 ? l->root : gate_sys(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	for (; at >= 0 && *dirs != NULL; dirs++) {
		long next = gate_sys(SYS_openat, at, *dirs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		if (at != l->root)
			(void)gate_sys(SYS_close, at);
		at = next;
	}
	if (at < 0)
		return (int)at;
	long fd = gate_sys(SYS_openat, at, name, flags | O_NOFOLLOW | O_CLOEXEC, 0);
	if (at != l->root)
		(void)gate_sys(SYS_close, at);
	return (int)fd;
}

static int open_master(const struct gate_launch *l, bool on_host)
{
	static const char *const devpts[] = { "dev", "pts", NULL };
	struct statfs fs;

	/* The host's may be a device of its own or a link to the one in devpts. */
	if (on_host)
		return (int)gate_sys(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	/* Looked at before it is opened for good: opening a device of somebody's choice can do something. */
	int fd = open_walk(l, devpts, "ptmx", O_PATH);
	if (fd < 0)
		return fd;
	long got = gate_sys(SYS_fstatfs, fd, &fs);
	(void)gate_sys(SYS_close, fd);
	if (got < 0)
		return (int)got;
	if (fs.f_type != DEVPTS_MAGIC)
		return -ENXIO;
	fd = open_walk(l, devpts, "ptmx", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return fd;
	got = gate_sys(SYS_fstatfs, fd, &fs);
	if (got == 0 && fs.f_type == DEVPTS_MAGIC)
		return fd;
	(void)gate_sys(SYS_close, fd);
	return got < 0 ? (int)got : -ENXIO;
}

/* The slave by the master, never by a path (/dev/pts/N may be anything). */
static int open_slave(const struct gate_launch *l, int master, uint64_t size)
{
	struct winsize window = { .ws_row = (unsigned short)(size >> 16), .ws_col = (unsigned short)size };
	int locked = 0;

	long got = gate_sys(SYS_ioctl, master, TIOCSPTLCK, &locked);
	if (got == 0 && size != 0)
		got = gate_sys(SYS_ioctl, master, TIOCSWINSZ, &window);
	if (got == 0)
		got = gate_sys(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (got < 0)
		return (int)got;
	long slave = got;
	for (uint32_t i = 0; got >= 0 && i < l->view->plan->n_rows; i++)
		if (l->view->rows[i].step == GATE_STEP_IDS)
			got = gate_sys(SYS_fchown, slave, (uint32_t)l->view->rows[i].a, UINT32_MAX);
	if (got >= 0)
		got = gate_sys(SYS_ioctl, slave, TIOCSCTTY, 0);
	if (got >= 0)
		return (int)slave;
	(void)gate_sys(SYS_close, slave);
	return (int)got;
}

/* As descriptor `to`, which the program inherits. */
static int put_on(int fd, int to)
{
	long got = fd == to ? gate_sys(SYS_fcntl, fd, F_SETFD, 0) : gate_sys(SYS_dup3, fd, to, 0);

	return got < 0 ? (int)got : 0;
}

static int send_master(const struct gate_launch *l, int master)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(&control, 0, sizeof(control));
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), &master, sizeof(master));
	long got = gate_sys(SYS_sendmsg, l->terminal_socket, &message, MSG_NOSIGNAL);
	return got < 0 ? (int)got : 0;
}

/* A pair of ends that are no standard descriptors, or the first dup would close one. */
static int raise_above(int fd)
{
	if (fd < 0 || fd >= FIRST_OTHER)
		return fd;
	long higher = gate_sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_OTHER);
	(void)gate_sys(SYS_close, fd);
	return (int)higher;
}

int gate_step_terminal(struct gate_launch *l, const struct gate_row *row)
{
	int master = raise_above(open_master(l, (row->flags & GATE_ROW_ON_HOST) != 0));
	if (master < 0)
		return master;
	int slave = raise_above(open_slave(l, master, row->a));
	int sys = slave < 0 ? slave : 0;

	for (int fd = 0; sys == 0 && fd < FIRST_OTHER; fd++)
		sys = put_on(slave, fd);
	if (sys == 0)
		sys = send_master(l, master);
	if (slave >= 0)
		(void)gate_sys(SYS_close, slave);
	(void)gate_sys(SYS_close, master);
	return sys;
}

static int open_null(const struct gate_launch *l)
{
	static const char *const dev[] = { "dev", NULL };
	struct stat st;

	int fd = open_walk(l, dev, "null", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	/* Not whatever lies there under that name. */
	long got = gate_sys(SYS_fstat, fd, &st);
	if (got == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) &&
	    (got = gate_sys(SYS_fcntl, fd, F_SETFL, O_RDWR)) == 0)
		return fd;
	(void)gate_sys(SYS_close, fd);
	return got < 0 ? (int)got : -ENXIO;
}

int gate_step_stdio(struct gate_launch *l, const struct gate_row *row)
{
	int to = (int)row->a;

	l->report->object = to;
	if (row->fd != GATE_PLAN_FD_NONE)
		return put_on(gate_plan_fd(l->view, row->fd), to);
	int fd = open_null(l);
	if (fd < 0)
		return fd;
	int sys = put_on(fd, to);
	if (fd != to)
		(void)gate_sys(SYS_close, fd);
	return sys;
}

/* Descriptors were born close-on-exec; these are what our own caller left to us. The pipe whose end tells the keeper
 * of execve goes with that, as number 3. */
int gate_step_close(struct gate_launch *l, const struct gate_row *row)
{
	unsigned from = FIRST_OTHER;
	long got = 0;

	(void)row;
	if (l->done_pipe >= 0) {
		if (l->done_pipe != FIRST_OTHER)
			got = gate_sys(SYS_dup3, l->done_pipe, FIRST_OTHER, O_CLOEXEC);
		if (got < 0)
			return (int)got;
		l->done_pipe = FIRST_OTHER;
		from++;
	}
	got = gate_sys(SYS_close_range, from, ~0U, 0);
	if (got != -ENOSYS)
		return (int)got;
	for (unsigned fd = from; fd < l->close_to; fd++)
		(void)gate_sys(SYS_close, fd);
	return 0;
}
