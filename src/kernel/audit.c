#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/netlink.h>

#include "kernel/audit_wire.h"

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

static long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
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
	if (counted)
		made.counted = gate_audit_open_ask(&made) &&
		               gate_audit_request(made.ask, AUDIT_GET, GATE_AUDIT_SEQ_FIRST, NULL) == 0;
	*a = made;
	return 0;
}

bool gate_audit_open_ask(struct gate_audit *a)
{
	if (a->fd >= 0 && a->ask < 0)
		a->ask = audit_socket(0);
	return a->ask >= 0;
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
	struct gate_audit_datagram m;
	int got = gate_audit_read(a->fd, &m);

	if (got == 2)
		a->overflows++;
	if (got != 1)
		return got == 2 ? 3 : got;
	if (m.type == GATE_AUDIT_SECCOMP && gate_audit_parse(m.text, m.len, ret))
		return 1;
	if (m.type == GATE_AUDIT_SECCOMP)
		a->overflows++; /* a record that cannot be read is a record lost */
	if (a->mark[0] != '\0' && m.type == AUDIT_USER_AVC)
		take_mark(a, m.text, m.len);
	if (fence != NULL && m.type == AUDIT_USER_AVC && memmem(m.text, m.len, fence, strlen(fence)) != NULL)
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
	struct {
		struct nlmsghdr head;
		char text[GATE_AUDIT_TEXT_MAX];
	} r = { .head = {
		    .nlmsg_type = AUDIT_USER_AVC, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = GATE_AUDIT_SEQ_FENCE } };
	struct timespec t;

	ret->len = 0;
	if (!gate_audit_open_ask(a))
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
	struct gate_audit_answers answers = GATE_AUDIT_NO_ANSWERS;
	int fd = audit_socket(0);

	if (fd < 0)
		return false;
	if (gate_audit_request(fd, AUDIT_USER_AVC, GATE_AUDIT_SEQ_FENCE, text) == 0)
		while (gate_audit_take_answer(fd, &answers))
			;
	(void)close(fd);
	return answers.error[GATE_AUDIT_SEQ_FENCE] == 0;
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
	struct gate_audit_answers answers = GATE_AUDIT_NO_ANSWERS;

	if (!a->counted || gate_audit_request(a->ask, AUDIT_GET, GATE_AUDIT_SEQ_SECOND, NULL) < 0)
		return false;
	for (long until = now_ms() + ANSWER_MS;
	     !answers.has_lost[GATE_AUDIT_SEQ_FIRST] || !answers.has_lost[GATE_AUDIT_SEQ_SECOND];) {
		struct pollfd p = { .fd = a->ask, .events = POLLIN };
		long left = until - now_ms();

		if (gate_audit_take_answer(a->ask, &answers))
			continue;
		/* A refusal is there at once. */
		if (answers.error[GATE_AUDIT_SEQ_SECOND] < 0 || left <= 0)
			return false;
		(void)poll(&p, 1, (int)left);
	}
	*ret = answers.lost[GATE_AUDIT_SEQ_SECOND] - answers.lost[GATE_AUDIT_SEQ_FIRST];
	if (total != NULL)
		*total = answers.lost[GATE_AUDIT_SEQ_SECOND];
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
