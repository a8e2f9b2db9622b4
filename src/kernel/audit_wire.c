#include <sys/socket.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/netlink.h>

#include "kernel/audit_wire.h"

struct request {
	struct nlmsghdr head;
	char text[GATE_AUDIT_TEXT_MAX];
};

int gate_audit_request(int fd, uint16_t type, uint32_t seq, const char *text)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct request r = { .head = {
				 .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK, .nlmsg_seq = seq } };
	size_t len = text != NULL ? strlen(text) + 1 : 0;

	if (len > sizeof(r.text))
		return -1;
	if (text != NULL)
		memcpy(r.text, text, len);
	r.head.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len);
	return sendto(fd, &r, r.head.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? -1 : 0;
}

bool gate_audit_take_answer(int fd, struct gate_audit_answers *to)
{
	union {
		struct nlmsghdr head;
		char bytes[GATE_AUDIT_MESSAGE_MAX];
	} m;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	if (n < NLMSG_HDRLEN)
		return false;
	uint32_t seq = m.head.nlmsg_seq <= GATE_AUDIT_SEQ_FENCE ? m.head.nlmsg_seq : 0;
	const char *body = m.bytes + NLMSG_HDRLEN;
	if (m.head.nlmsg_type == NLMSG_ERROR && n >= NLMSG_HDRLEN + (ssize_t)sizeof(int))
		memcpy(&to->error[seq], body, sizeof(int));
	/* Older kernels answer with a shorter struct; `lost` has been in it from the beginning. */
	const size_t at = offsetof(struct audit_status, lost);
	if (m.head.nlmsg_type == AUDIT_GET && (size_t)n >= NLMSG_HDRLEN + at + sizeof(uint32_t)) {
		uint32_t lost;

		/* A question may be asked twice, by the launcher and by the keeper, and answered out of turn (a thread of the
		 * kernel's for each): the counter only grows, the lower answer is the earlier one. */
		memcpy(&lost, body + at, sizeof(lost));
		if (!to->has_lost[seq] || lost < to->lost[seq])
			to->lost[seq] = lost;
		to->has_lost[seq] = true;
	}
	return true;
}

int gate_audit_read(int fd, struct gate_audit_datagram *ret)
{
	struct nlmsghdr head;
	ssize_t n;

	do {
		n = recv(fd, ret->u.bytes, sizeof(ret->u.bytes), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ENOBUFS)
		return 2;
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	ret->type = 0;
	ret->text = ret->u.bytes;
	ret->len = 0;
	if (n < NLMSG_HDRLEN)
		return 1;
	memcpy(&head, ret->u.bytes, sizeof(head));
	ret->type = head.nlmsg_type;
	/* nlmsg_len has counted the header or not, over the releases: the datagram's own length is right. */
	ret->text = ret->u.bytes + NLMSG_HDRLEN;
	ret->len = (size_t)n - NLMSG_HDRLEN;
	return 1;
}
