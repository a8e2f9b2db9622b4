/* audit_wire.h - messages of the audit netlink, one at a time. Bare calls: nothing here allocates, prints or waits; it is
 * compiled for the keeper as well. */
#ifndef GATE_KERNEL_AUDIT_WIRE_H
#define GATE_KERNEL_AUDIT_WIRE_H

#include "kernel/audit.h"

#define GATE_AUDIT_SECCOMP     1326 /* AUDIT_SECCOMP */
#define GATE_AUDIT_MESSAGE_MAX 8970 /* MAX_AUDIT_MESSAGE_LENGTH in libaudit; the kernel writes less */

/* Asks the kernel; acknowledged with the sequence number. -1 when it cannot be sent. */
int gate_audit_request(int fd, uint16_t type, uint32_t seq, const char *text);
/* The largest text of a request, with its NUL. */
#define GATE_AUDIT_TEXT_MAX 64

enum { GATE_AUDIT_SEQ_FIRST = 1, GATE_AUDIT_SEQ_SECOND, GATE_AUDIT_SEQ_FENCE };
/* What has been answered on a question socket. */
struct gate_audit_answers {
	int error[GATE_AUDIT_SEQ_FENCE + 1]; /* by sequence number: 1 = none yet, 0 or a negative errno */
	uint32_t lost[GATE_AUDIT_SEQ_FENCE + 1];
	bool has_lost[GATE_AUDIT_SEQ_FENCE + 1];
};
#define GATE_AUDIT_NO_ANSWERS                                                                                          \
	{                                                                                                              \
		{ 1, 1, 1, 1 }, { 0 },                                                                                 \
		{                                                                                                      \
			false                                                                                          \
		}                                                                                                      \
	}
/* Takes one answer; false when there is none now. */
bool gate_audit_take_answer(int fd, struct gate_audit_answers *to);

/* One message out of the group. */
struct gate_audit_datagram {
	uint16_t type;
	const char *text; /* in `bytes` */
	size_t len;
	union {
		uint32_t aligned;
		char bytes[GATE_AUDIT_MESSAGE_MAX];
	} u;
};
/* 1: a message; 0: none now; 2: records were lost, the queue ran over; -1: the socket is broken. */
int gate_audit_read(int fd, struct gate_audit_datagram *ret);

#endif
