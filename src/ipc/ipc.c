#include "ipc/ipc.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

const char *gate_ipc_protocol(void)
{
	static const char digest[] =
#include "protocol.inc"
	    ;

	return digest;
}

int gate_ipc_send(int socket, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len,
                  const int *fds, size_t n_fds)
{
	struct gate_ipc_head head = { .type = type, .len = (uint32_t)len, .serial = serial, .a = a, .b = b };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)bytes, len } };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(GATE_IPC_FDS_MAX * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = len > 0 ? 2 : 1 };
	ssize_t n;

	if (len > GATE_IPC_BYTES_MAX || n_fds > GATE_IPC_FDS_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (n_fds > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(socket, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

static void close_all(int fds[GATE_IPC_FDS_MAX])
{
	for (size_t i = 0; i < GATE_IPC_FDS_MAX; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

/* What came along; false when it was more than may. None when the kernel had no descriptors for us: then the message lacks them. */
static bool take_descriptors(struct msghdr *m, int fds[GATE_IPC_FDS_MAX])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int), n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n < GATE_IPC_FDS_MAX)
				fds[n] = fd;
			else
				(void)close(fd);
		}
	}
	if ((m->msg_flags & MSG_CTRUNC) != 0)
		close_all(fds);
	return n <= GATE_IPC_FDS_MAX;
}

/* ECONNRESET: the peer went with messages of ours unread. What it had sent before is still to come, see
 * container/client.c. */
static ssize_t receive(int socket, struct msghdr *m, bool wait)
{
	ssize_t n;

	do {
		n = recvmsg(socket, m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN && wait) {
			struct pollfd p = { .fd = socket, .events = POLLIN };

			(void)poll(&p, 1, -1);
			errno = EINTR;
		}
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

int gate_ipc_receive(int socket, struct gate_ipc *ret, bool wait)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE((GATE_IPC_FDS_MAX + 1) * sizeof(int))];
	} control;
	struct iovec parts[2] = { { &ret->head, sizeof(ret->head) }, { ret->bytes, sizeof(ret->bytes) } };
	struct msghdr m = {
		.msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	for (size_t i = 0; i < GATE_IPC_FDS_MAX; i++)
		ret->fds[i] = -1;
	ssize_t n = receive(socket, &m, wait);
	if (n <= 0)
		return (int)n;
	bool good = take_descriptors(&m, ret->fds);

	if (good && (m.msg_flags & MSG_TRUNC) == 0 && (size_t)n >= sizeof(ret->head) && ret->head.type != 0 &&
	    ret->head.len == (size_t)n - sizeof(ret->head))
		return 1;
	gate_ipc_done(ret);
	errno = EPROTO;
	return -1;
}

void gate_ipc_done(struct gate_ipc *m)
{
	close_all(m->fds);
}

/* --- larger things --- */
static int fill(int fd, const void *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)bytes + at, len - at);

		if (n < 0 && errno != EINTR)
			return -1;
		at += n > 0 ? (size_t)n : 0;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS);
}

int gate_ipc_memfd(const void *bytes, size_t len, int *ret, struct gate_err *err)
{
	int fd = memfd_create("callgate", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot make a memory file");
	if (fill(fd, bytes, len) < 0) {
		(void)GATE_FAIL_SYS(err, "cannot fill a memory file");
		(void)close(fd);
		return -1;
	}
	*ret = fd;
	return 0;
}

int gate_ipc_map(int memfd, size_t most, const void **bytes, size_t *len, struct gate_err *err)
{
	int seals = fcntl(memfd, F_GET_SEALS);
	struct stat st;

	/* Whoever could still change or cut it could do so between our check and our use. */
	if (seals < 0 || (seals & SEALS) != SEALS)
		return GATE_FAIL(err, GATE_E_PROTO, "a message came with a file that is not sealed memory");
	if (fstat(memfd, &st) < 0)
		return GATE_FAIL_SYS(err, "cannot look at a memory file");
	if (st.st_size < 0 || (uint64_t)st.st_size > most)
		return GATE_FAIL(err, GATE_E_LIMIT, "a message of %lld bytes is too large: %zu are allowed",
		                 (long long)st.st_size, most);
	if (st.st_size == 0) {
		*bytes = "";
		*len = 0;
		return 0;
	}
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, memfd, 0);
	if (at == MAP_FAILED)
		return GATE_FAIL_SYS(err, "cannot map a message of %lld bytes", (long long)st.st_size);
	*bytes = at;
	*len = (size_t)st.st_size;
	return 0;
}

void gate_ipc_unmap(const void *bytes, size_t len)
{
	if (len > 0)
		(void)munmap((void *)(uintptr_t)bytes, len);
}
