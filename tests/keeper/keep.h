/* keep.h - for tests: plans written by hand, a real keeper started with them, frames sent and received. */
#ifndef TEST_KEEP_H
#define TEST_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/cgroup.h"
#include "task/plan.h"
#include "task/record.h"

struct keep {
	/* what is asked for, before keep_start */
	const char *program;    /* path of callgate-keeper */
	const char *argv[8];    /* absolute program first */
	uint32_t flags;         /* GATE_PLAN_… ; ATTACHED when nothing is said */
	uint64_t namespaces;    /* CLONE_NEW… */
	uint64_t log_bytes;
	uint32_t log_files, stop_ms;
	uint64_t timeout_ms;
	const void *filter; /* struct sock_filter[]; NULL: unconfined */
	uint32_t filter_len, filter_flags;
	bool audit, session, init, no_ask;
	const struct gate_cgroups *groups; /* NULL: none */
	const char *name;
	const char *logged; /* what kernel.seccomp.actions_logged says to the keeper; NULL: this host's */
	int send_buffer; /* SO_SNDBUF of the keeper's end of the start socket; 0: as usual */

	/* what is there then */
	char path[64], id[32];  /* the state directory; the task's is path/id */
	int state, dir, lock;   /* descriptors */
	pid_t keeper;
	int socket;
};

/* A state directory in /tmp (or on `where`), everything else zero. */
void keep_init(struct keep *k, const char *where);
void keep_start(struct keep *k);
/* Sends any bytes and descriptors instead of a good message. */
void keep_spawn(struct keep *k);
int keep_plan(struct keep *k, int fds[GATE_PLAN_FDS_MAX], size_t *n, bool sealed);
bool keep_send_start(struct keep *k, const void *bytes, size_t len, const int *fds, size_t n);
/* Ends the keeper if it still lives, removes the directory. */
void keep_done(struct keep *k);
/* The keeper's wait status, once it has ended by itself within `ms`; -1 when it has not. */
int keep_wait(struct keep *k, int ms);

int keep_connect(const struct keep *k);
/* Type of the frame, 0 at the end, -1 when none came within `ms`. bytes: GATE_FRAME_BYTES_MAX; *passed may be NULL. */
int keep_receive(int fd, int ms, struct gate_frame *head, void *bytes, int *passed);
bool keep_ask(int fd, uint32_t type, uint64_t a, uint64_t b, const void *bytes, size_t len);
/* Skips frames up to one of this type. */
bool keep_until(int fd, int ms, uint32_t type, struct gate_frame *head, void *bytes);
/* Up to ENDED: the record; output goes to out (may be NULL) of size *n, cut. */
bool keep_end(int fd, int ms, struct gate_record *ret, char *out, size_t *n);
bool keep_record(const struct keep *k, struct gate_record *ret);

#endif
