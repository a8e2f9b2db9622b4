#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/netlink.h>

#include "kernel/audit.h"

#define SECCOMP_RECORD 1326 /* AUDIT_SECCOMP */
#define MESSAGE_MAX    8970 /* MAX_AUDIT_MESSAGE_LENGTH in libaudit; the kernel writes less */
/* Room for some thousand records: a program in a loop of refused calls logs faster than anybody reads. */
#define QUEUE_BYTES (4 << 20)
/* The longest wait for the kernel's answer to a question. */
#define ANSWER_MS 500

static int audit_socket(int flags)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_AUDIT);

	/* An unbound socket has port 0, the kernel's own, and would be left out of what the kernel multicasts. */
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

struct request {
	struct nlmsghdr head;
	char text[64];
};

enum { SEQ_FIRST = 1, SEQ_SECOND, SEQ_FENCE };

static int request(int fd, uint16_t type, uint32_t seq, const char *text)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct request r = { .head = {
				 .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK, .nlmsg_seq = seq } };
	size_t len = text != NULL ? strlen(text) + 1 : 0;

	if (text != NULL)
		memcpy(r.text, text, len);
	r.head.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len);
	return sendto(fd, &r, r.head.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? -1 : 0;
}

static long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What has been answered on the question socket. */
struct answers {
	int error[SEQ_FENCE + 1]; /* by sequence number: 1 = none yet, 0 or a negative errno */
	uint32_t lost[SEQ_FENCE + 1];
	bool has_lost[SEQ_FENCE + 1];
};
#define NO_ANSWERS                                                                                                     \
	{                                                                                                              \
		{ 1, 1, 1, 1 }, { 0 },                                                                                 \
		{                                                                                                      \
			false                                                                                          \
		}                                                                                                      \
	}

static bool take_answer(int fd, struct answers *to)
{
	union {
		struct nlmsghdr head;
		char bytes[MESSAGE_MAX];
	} m;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	if (n < NLMSG_HDRLEN)
		return false;
	uint32_t seq = m.head.nlmsg_seq <= SEQ_FENCE ? m.head.nlmsg_seq : 0;
	const char *body = m.bytes + NLMSG_HDRLEN;
	if (m.head.nlmsg_type == NLMSG_ERROR && n >= NLMSG_HDRLEN + (ssize_t)sizeof(int))
		memcpy(&to->error[seq], body, sizeof(int));
	/* Older kernels answer with a shorter struct; `lost` has been in it from the beginning. */
	const size_t at = offsetof(struct audit_status, lost);
	if (m.head.nlmsg_type == AUDIT_GET && (size_t)n >= NLMSG_HDRLEN + at + sizeof(uint32_t)) {
		memcpy(&to->lost[seq], body + at, sizeof(uint32_t));
		to->has_lost[seq] = true;
	}
	return true;
}

int gate_audit_open(struct gate_audit *a, bool counted, struct gate_err *err)
{
	struct gate_audit made = GATE_AUDIT_INIT;
	const int group = AUDIT_NLGRP_READLOG, bytes = QUEUE_BYTES;

	made.fd = audit_socket(SOCK_NONBLOCK);
	if (made.fd < 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "this kernel, or this namespace, has no audit: %s",
		                 strerrordesc_np(errno));
	if (setsockopt(made.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		int saved = errno;

		gate_audit_close(&made);
		if (saved == EPERM)
			return GATE_FAIL(err, GATE_E_DENIED, "listening to audit records needs CAP_AUDIT_READ");
		errno = saved;
		return GATE_FAIL_SYS(err, "cannot join the audit group");
	}
	/* FORCE needs CAP_NET_ADMIN; without it the limit in net.core.rmem_max holds. A small queue is not an error:
	 * an overflow is seen and counted. */
	if (setsockopt(made.fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(made.fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	/* A thread of the kernel's answers (audit_send_reply): the answer is not waited for, only read in the end. */
	if (counted) {
		made.ask = audit_socket(0);
		made.counted = made.ask >= 0 && request(made.ask, AUDIT_GET, SEQ_FIRST, NULL) == 0;
	}
	*a = made;
	return 0;
}

/* "audit(T:N): pid=123 uid=0 … msg='callgate-run at=…'" */
static void take_mark(struct gate_audit *a, const char *text, size_t len)
{
	static const char key[] = " pid=";
	const char *at = memmem(text, len, key, sizeof(key) - 1);
	uint32_t pid = 0;

	if (at == NULL || memmem(text, len, a->mark, strlen(a->mark)) == NULL)
		return;
	for (at += sizeof(key) - 1; at < text + len && *at >= '0' && *at <= '9' && pid < 100000000; at++)
		pid = pid * 10 + (uint32_t)(*at - '0');
	a->marked = pid;
	a->mark[0] = '\0';
}

/* One message: 1 = a record, 2 = the fence with this text, 0 = none now, 3 = something else. */
static int receive(struct gate_audit *a, const char *fence, struct gate_audit_record *ret)
{
	union {
		struct nlmsghdr head;
		char bytes[MESSAGE_MAX];
	} m;
	ssize_t n;

	do {
		n = recv(a->fd, &m, sizeof(m), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ENOBUFS) {
		a->overflows++;
		return 3;
	}
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	if (n < NLMSG_HDRLEN)
		return 3;
	/* nlmsg_len has counted the header or not, over the releases: the datagram's own length is right. */
	const char *text = m.bytes + NLMSG_HDRLEN;
	size_t len = (size_t)n - NLMSG_HDRLEN;
	if (m.head.nlmsg_type == SECCOMP_RECORD && gate_audit_parse(text, len, ret))
		return 1;
	if (m.head.nlmsg_type == SECCOMP_RECORD)
		a->overflows++; /* a record that cannot be read is a record lost */
	if (a->mark[0] != '\0' && m.head.nlmsg_type == AUDIT_USER_AVC)
		take_mark(a, text, len);
	if (fence != NULL && m.head.nlmsg_type == AUDIT_USER_AVC && memmem(text, len, fence, strlen(fence)) != NULL)
		return 2;
	return 3;
}

bool gate_audit_other_pids(void)
{
	static const char first[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
	char link[64];
	ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link));

	return n > 0 && ((size_t)n != sizeof(first) - 1 || memcmp(link, first, sizeof(first) - 1) != 0);
}

void gate_audit_prepare_mark(struct gate_audit *a, struct gate_audit_message *ret)
{
	struct request r = { .head = {
				 .nlmsg_type = AUDIT_USER_AVC, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = SEQ_FENCE } };
	struct timespec t;

	ret->len = 0;
	if (a->fd >= 0 && a->ask < 0)
		a->ask = audit_socket(0);
	if (a->fd < 0 || a->ask < 0)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	(void)snprintf(a->mark, sizeof(a->mark), "callgate-run at=%lld.%09ld", (long long)t.tv_sec, t.tv_nsec);
	memcpy(r.text, a->mark, strlen(a->mark) + 1);
	r.head.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + strlen(a->mark) + 1);
	_Static_assert(sizeof(r) <= sizeof(ret->bytes), "the message fits");
	memcpy(ret->bytes, &r, r.head.nlmsg_len);
	ret->len = r.head.nlmsg_len;
	ret->fd = a->ask;
}

int gate_audit_send_mark(const struct gate_audit_message *m)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(m->fd, m->bytes, m->len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? -1 : 0;
}

int gate_audit_next(struct gate_audit *a, struct gate_audit_record *ret)
{
	int got;

	do {
		got = receive(a, NULL, ret);
	} while (got == 3);
	return got;
}

/* Is the fence on its way? The acknowledgement is there when sendto(2) returns. */
static bool send_fence(const char *text)
{
	struct answers answers = NO_ANSWERS;
	int fd = audit_socket(0);

	if (fd < 0)
		return false;
	if (request(fd, AUDIT_USER_AVC, SEQ_FENCE, text) == 0)
		while (take_answer(fd, &answers))
			;
	(void)close(fd);
	return answers.error[SEQ_FENCE] == 0;
}

enum gate_audit_fence gate_audit_drain(struct gate_audit *a, unsigned fence_ms, unsigned quiet_ms, gate_audit_fn *fn,
                                       void *ctx)
{
	struct timespec t;
	struct gate_audit_record record;
	char fence[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	(void)snprintf(fence, sizeof(fence), "callgate-fence pid=%d at=%lld.%09ld", (int)getpid(), (long long)t.tv_sec,
	               t.tv_nsec);
	bool sent = send_fence(fence);
	for (long until = now_ms() + (long)(sent ? fence_ms : quiet_ms);;) {
		int got = receive(a, fence, &record);

		if (got == 1)
			fn(ctx, &record);
		if (got == 1 && !sent)
			until = now_ms() + (long)quiet_ms;
		if (got == 2)
			return GATE_AUDIT_FENCED;
		if (got < 0)
			return GATE_AUDIT_SILENT;
		if (got != 0)
			continue;
		struct pollfd p = { .fd = a->fd, .events = POLLIN };
		long left = until - now_ms();
		if (left <= 0)
			return sent ? GATE_AUDIT_SILENT : GATE_AUDIT_WAITED;
		(void)poll(&p, 1, (int)left);
	}
}

bool gate_audit_lost(struct gate_audit *a, uint32_t *ret, uint32_t *total)
{
	struct answers answers = NO_ANSWERS;

	if (!a->counted || request(a->ask, AUDIT_GET, SEQ_SECOND, NULL) < 0)
		return false;
	for (long until = now_ms() + ANSWER_MS; !answers.has_lost[SEQ_FIRST] || !answers.has_lost[SEQ_SECOND];) {
		struct pollfd p = { .fd = a->ask, .events = POLLIN };
		long left = until - now_ms();

		if (take_answer(a->ask, &answers))
			continue;
		/* A refusal is there at once. */
		if (answers.error[SEQ_SECOND] < 0 || left <= 0)
			return false;
		(void)poll(&p, 1, (int)left);
	}
	*ret = answers.lost[SEQ_SECOND] - answers.lost[SEQ_FIRST];
	if (total != NULL)
		*total = answers.lost[SEQ_SECOND];
	return true;
}

void gate_audit_close(struct gate_audit *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		(void)close(a->fd);
	if (a->ask >= 0)
		(void)close(a->ask);
	a->fd = a->ask = -1;
}
