/* audit.h - the kernel's audit records of seccomp (type 1326), from netlink multicast group 1, without auditd.
 *
 * Loss is never silent: a reader knows how often its own queue overflowed, whether the kernel's counter of lost
 * records moved, and whether everything that was logged before a moment has arrived. */
#ifndef GATE_KERNEL_AUDIT_H
#define GATE_KERNEL_AUDIT_H

#include "base/base.h"

struct gate_audit_record {
	uint64_t serial;
	uint32_t pid; /* the process (not the thread), in the first pid namespace */
	uint32_t uid;
	uint32_t session; /* audit session, UINT32_MAX: none */
	uint32_t arch;    /* AUDIT_ARCH_* */
	uint32_t nr;
	uint32_t code; /* GATE_RET_… without data: ERRNO(38) shows as 0x50000 */
	int32_t sig;
	uint64_t ip;
	char comm[32]; /* 16 bytes of the kernel's, decoded */
	char exe[256]; /* decoded, cut */
};
/* The text after the header: "audit(T:N): key=value …". False when it is not a complete seccomp record. Pure. */
bool gate_audit_parse(const char *text, size_t len, struct gate_audit_record *ret);

/* An open reader. Zeroed is not open; fd -1 neither. */
struct gate_audit {
	int fd;             /* bound to the group, non-blocking, close-on-exec: poll it */
	int ask;            /* a second socket, for questions; -1 until the first one */
	uint32_t overflows; /* ENOBUFS seen: at least so many records are gone */
	bool counted;       /* the counter of lost records was asked for; the answer comes when it comes */
	char mark[40];      /* the text of gate_audit_mark that is being waited for; "" = none */
	uint32_t marked;    /* the process that sent it, as records name it; 0 = not heard of */
};
#define GATE_AUDIT_INIT                                                                                                \
	{                                                                                                              \
		-1, -1, 0, false, "", 0                                                                                \
	}

/* Joins the group. `counted`: also ask for the counter of lost records now. Fails with GATE_E_DENIED without
 * CAP_AUDIT_READ in the first user namespace, GATE_E_UNSUPPORTED where there is no audit. About 10 us. */
int gate_audit_open(struct gate_audit *a, bool counted, struct gate_err *err);
/* Opens `ask`, where it is not open yet: for whoever hands both sockets on and has the questions asked elsewhere. */
bool gate_audit_open_ask(struct gate_audit *a);
/* The next seccomp record that has arrived: 1, or 0 when there is none now. Other record types are skipped; -1 for
 * a broken socket. An overflow is counted in `overflows`. Never waits. */
int gate_audit_next(struct gate_audit *a, struct gate_audit_record *ret);

/* Records name processes by their ids in the first pid namespace. True where the caller's own ids are others. */
bool gate_audit_other_pids(void);
/* There, a process makes itself known: it sends this message (audit type USER_AVC, which the kernel passes on with the
 * sender's id) to the reader's `ask` socket; gate_audit_next then fills `marked`. Prepared before clone, sent after it:
 * one system call, no allocation. -1 when it cannot be sent. */
struct gate_audit_message {
	char bytes[128];
	uint32_t len; /* 0: nothing to send */
	int fd;
};
void gate_audit_prepare_mark(struct gate_audit *a, struct gate_audit_message *ret);
int gate_audit_send_mark(const struct gate_audit_message *m);

enum gate_audit_fence {
	GATE_AUDIT_FENCED = 1, /* all that was logged before the call has been handed to `fn` */
	GATE_AUDIT_WAITED,     /* no fence possible (CAP_AUDIT_WRITE is missing): nothing came for `quiet_ms` */
	GATE_AUDIT_SILENT,     /* a fence was sent, but did not come back within `fence_ms` */
};
/* Hands all records logged so far to `fn`. The fence is an audit message of type USER_AVC, the only one that the
 * kernel passes on also while auditing is off (audit_receive_msg, kernel/audit.c). */
typedef void gate_audit_fn(void *ctx, const struct gate_audit_record *record);
enum gate_audit_fence gate_audit_drain(struct gate_audit *a, unsigned fence_ms, unsigned quiet_ms, gate_audit_fn *fn,
                                       void *ctx);
/* How many records the kernel lost between gate_audit_open and now, and (may be NULL) since it started. False when
 * that cannot be known (CAP_AUDIT_CONTROL is missing). Waits for the kernel's answer, some 100 us. To be asked once. */
bool gate_audit_lost(struct gate_audit *a, uint32_t *ret, uint32_t *total);
void gate_audit_close(struct gate_audit *a);

#endif
