#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "container/container.h"

int gate_frame_send(int fd, uint32_t type, uint64_t a, uint64_t b, const void *bytes, size_t len)
{
	struct gate_frame head = { .type = type, .len = (uint32_t)len, .a = a, .b = b };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)bytes, len } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = len > 0 ? 2 : 1 };
	ssize_t n;

	if (len > GATE_FRAME_BYTES_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/* Keeps the first descriptor that came, and closes the others. */
static int take_descriptors(struct msghdr *m)
{
	int first = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (first < 0)
				first = fd;
			else
				(void)close(fd);
		}
	}
	return first;
}

/* A peer that closes with frames of ours unread makes the next call here fail once, before what it has sent us is
 * handed out (unix(7), sock_error in __skb_try_recv_datagram): its last words must not be lost by that. */
static ssize_t receive(int fd, struct msghdr *m)
{
	ssize_t n;

	do
		n = recvmsg(fd, m, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

int gate_frame_receive(int fd, struct gate_frame *head, void *buf, size_t size, int *passed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec parts[2] = { { head, sizeof(*head) }, { buf, size } };
	struct msghdr m = { .msg_iov = parts,
		            .msg_iovlen = size > 0 ? 2 : 1,
		            .msg_control = &control,
		            .msg_controllen = sizeof(control) };
	ssize_t n = receive(fd, &m);

	*passed = -1;
	if (n <= 0)
		return (int)n;
	int first = take_descriptors(&m);

	if ((m.msg_flags & MSG_TRUNC) != 0 || (size_t)n < sizeof(*head) || head->len != (size_t)n - sizeof(*head)) {
		if (first >= 0)
			(void)close(first);
		errno = EPROTO;
		return -1;
	}
	*passed = first;
	return 1;
}

int gate_container_connect(struct gate_store *s, const char *id, int *ret, struct gate_err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int dir, fd, result = 0;

	if (gate_store_dir(s, id, &dir, err) < 0)
		return -1;
	/* The name of a socket has room for 108 bytes, that of a state directory is longer sometimes. */
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/control", dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		result = GATE_FAIL_SYS(err, "connecting to the keeper of '%.12s'", id);
	else if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		result = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR
		             ? GATE_FAIL(err, GATE_E_NOTFOUND, "container '%.12s' is not running", id)
		             : GATE_FAIL_SYS(err, "connecting to the keeper of '%.12s'", id);
	(void)close(dir);
	if (result == 0)
		*ret = fd;
	else if (fd >= 0)
		(void)close(fd);
	return result;
}
