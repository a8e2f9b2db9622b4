/* ipc.h - messages between the agent's processes: SOCK_SEQPACKET, one message a packet, fixed head, at most two
 * descriptors. docs/agent.md has the picture.
 *
 *   mother    root, no filter: starts the two others and starts them again; forks the workers that launch tasks, because what
 *             a task inherits must be nobody's filter but its own
 *   launcher  root, under a filter: the only one that talks to keepers and opens files for the front
 *   front     no privileges, under a filter: HTTP, definitions, profiles, schedules, SQLite
 *
 * Every request has a serial of the sender's choice and gets exactly one answer with the same serial. Events have serial 0.
 * A message that breaks a rule ends the connection. A front whose connection has ended ends, too: the mother starts it again
 * with a new one. So there is one way to recover, whoever was killed. */
#ifndef GATE_IPC_IPC_H
#define GATE_IPC_IPC_H

#include "base/base.h"
#include "task/record.h"

#define GATE_IPC_BYTES_MAX 16384 /* payload: larger things come in a sealed memfd */
#define GATE_IPC_FDS_MAX   2
#define GATE_IPC_NAME_MAX  128 /* of a container: gate_task_name_ok */

enum gate_ipc_type {
	/* front → launcher */
	GATE_IPC_LAUNCH =
	    1,         /* bytes: container name; fd: sealed memfd of gate_wire_task. → LAUNCHED or REFUSED (CONFLICT:
	                      * there is one of this name) */
	GATE_IPC_EXEC, /* bytes: container; fd: sealed memfd of gate_wire_exec. → EXEC_DONE or REFUSED */
	GATE_IPC_KILL, /* bytes: container; a: signal, 0: the task's stop signal, then SIGKILL after b milliseconds. One that is
	                      * being launched is cut short: LAUNCH is refused, or the signal is sent once there is a keeper.
	                      * → DONE: it is on its way to the keeper, or will be; REFUSED NOTFOUND when it does not run */
	GATE_IPC_REMOVE, /* bytes: container that has ended: its directory goes. → DONE (also when it is gone already), or
	                      * REFUSED CONFLICT: it runs */
	GATE_IPC_STATS, /* bytes: container. → STATS or REFUSED */
	GATE_IPC_OPEN,  /* a: enum gate_ipc_open; bytes: see there. → OPENED with an fd, or REFUSED */
	GATE_IPC_INVENTORY, /* → one TASK for each container of the store, then DONE, then ENDED for each that has ended */
	/* launcher → front */
	GATE_IPC_LAUNCHED = 32, /* bytes: struct gate_ipc_task; the program runs, or record says why not */
	GATE_IPC_REFUSED,       /* a: enum gate_errc; bytes: the sentence. Nothing was done, nothing is left */
	GATE_IPC_DONE,
	GATE_IPC_EXEC_DONE, /* a: wait(2) status, b: 1: its time was over; bytes: the end of its output (4 KiB at most) */
	GATE_IPC_STATS_ARE, /* bytes: struct gate_ipc_stats */
	GATE_IPC_OPENED,    /* fd, read-only */
	GATE_IPC_TASK,      /* bytes: struct gate_ipc_task */
	GATE_IPC_ENDED, /* event: struct gate_ipc_task. Sent again after every new start until the container is removed */
	/* launcher → mother */
	GATE_IPC_WORK =
	    64,       /* a: LAUNCH, EXEC, REMOVE or INVENTORY (a sweep); bytes: name; fds: a socket for the worker's one
	                     * answer, whose end without one says that it was ended; the memfd. serial: the worker's number */
	GATE_IPC_CUT, /* serial: a worker's number. It is killed, unless it has ended */
	/* mother → launcher */
	GATE_IPC_FRONT = 72 /* fd: the socket to a new front. Answers to an earlier one are for nobody */
};

enum gate_ipc_open {
	GATE_OPEN_PROFILE =
	    1, /* bytes: name below the config directory. The launcher checks owner, mode, type, links, the way */
	GATE_OPEN_PROFILES, /* bytes: sub-directory or "": a directory to list, same checks */
	GATE_OPEN_LOG,      /* bytes: container, NUL, "out" or "out.1"…: the keeper's log frames (keeper/log.h) */
	GATE_OPEN_SANDBOX /* bytes: container, NUL, path below its sandbox: a regular file or a directory, beneath only */
};

/* A container as the launcher knows it. */
struct gate_ipc_task {
	char name[GATE_IPC_NAME_MAX + 1];
	char id[65];      /* of the store */
	uint8_t starting; /* 1: a worker is at it: LAUNCHED will follow (to whoever is the front then, with serial 0) */
	uint8_t lost;     /* 1: its keeper was killed, or the host was booted since: what it left has been cleaned up */
	uint8_t rebooted; /* 1: … the latter */
	uint8_t pad[4];
	char why[400]; /* NOT_STARTED, NOT_EXECUTED: the sentence; else "" */
	struct gate_record record;
};

struct gate_ipc_stats {
	int64_t at_ms; /* wall */
	uint64_t cpu_user_us, cpu_system_us, memory, memory_limit, processes, cpu_quota_us, cpu_period_us;
};

struct gate_ipc_head {
	uint32_t type, len; /* len: bytes behind the head */
	uint64_t serial;
	int64_t a, b;
};
struct gate_ipc {
	struct gate_ipc_head head;
	uint8_t bytes[GATE_IPC_BYTES_MAX];
	int fds[GATE_IPC_FDS_MAX]; /* -1: none; owned by the receiver */
};

/* A digest of all that the two programs must agree on. Each tells the other before the first message: a package may have been
 * unpacked by half when the agent was started. */
const char *gate_ipc_protocol(void);
/* 0, or -1 with errno. Never blocks longer than the peer takes to read; SIGPIPE is not raised. */
int gate_ipc_send(int socket, uint32_t type, uint64_t serial, int64_t a, int64_t b, const void *bytes, size_t len,
                  const int *fds, size_t n_fds);
/* 1 and a message, 0 at the end of the connection, -1 with errno (EAGAIN; EPROTO for what breaks a rule). */
int gate_ipc_receive(int socket, struct gate_ipc *ret, bool wait);
/* Closes what came along and was not taken (set to -1). */
void gate_ipc_done(struct gate_ipc *m);
/* A sealed memfd with these bytes; and the bytes of one that has been checked to be sealed, mapped read-only. */
int gate_ipc_memfd(const void *bytes, size_t len, int *ret, struct gate_err *err);
int gate_ipc_map(int memfd, size_t most, const void **bytes, size_t *len, struct gate_err *err);
void gate_ipc_unmap(const void *bytes, size_t len);

#endif
