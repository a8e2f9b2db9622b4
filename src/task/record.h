/* record.h - what the keeper writes down and tells: fixed structs, no text to parse.
 *
 * The file "record" in a task's directory is one struct gate_record, written whole (write, fsync, rename) when the task
 * runs and when it has ended. Pure, no allocation; compiled for the keeper as well. */
#ifndef GATE_TASK_RECORD_H
#define GATE_TASK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_RECORD_MAGIC   0x63657267U /* "grec" */
#define GATE_RECORD_VERSION 1
#define GATE_RECORD_DENIALS 64

enum gate_task_state {
	GATE_TASK_CREATED = 1, /* its directory is there, no process yet */
	GATE_TASK_RUNNING,
	GATE_TASK_ENDED,
	GATE_TASK_LOST /* never written: what a reader concludes when nobody holds the lock and there is no end */
};

enum gate_task_outcome {
	GATE_OUTCOME_NONE = 0,
	GATE_OUTCOME_EXITED,      /* status */
	GATE_OUTCOME_KILLED,      /* signal */
	GATE_OUTCOME_NOT_STARTED, /* a step failed: step, sys, object; the program did not run */
	GATE_OUTCOME_NOT_EXECUTED /* execve failed (or PROGRAM found nothing) with sys */
};

/* Calls that the filter refused or logged, equal ones counted. */
struct gate_record_denial {
	uint32_t arch, nr; /* AUDIT_ARCH_*, number */
	uint32_t action;   /* GATE_RET_… without data */
	int32_t sig;       /* what the process got; 0: none */
	uint64_t count;
	uint32_t pid;  /* of the first one, as the host numbers it */
	uint32_t main; /* 1: the first one was the task's first process */
	char comm[32], exe[128];
};

/* Why denials may be missing. */
enum gate_record_gap {
	GATE_GAP_NOT_HEARD = 1 << 0,    /* the audit log could not be read */
	GATE_GAP_ONLY_KILLS = 1 << 1,   /* the filter was loaded without LOG: only kills are written to the log */
	GATE_GAP_LOST = 1 << 2,         /* `lost` records at least */
	GATE_GAP_UNATTRIBUTED = 1 << 3, /* no audit session: records could not be told apart */
	GATE_GAP_TOO_MANY = 1 << 4,     /* more kinds than GATE_RECORD_DENIALS */
	GATE_GAP_NO_FENCE = 1 << 5,     /* late records may be missing */
	GATE_GAP_ACTIONS = 1 << 6,      /* kernel.seccomp.actions_logged leaves some out */
	GATE_GAP_UNCOUNTED = 1 << 7     /* records that the kernel lost were not counted: needs CAP_AUDIT_CONTROL */
};

struct gate_record {
	uint32_t magic, version, size;
	uint32_t state;   /* enum gate_task_state */
	uint32_t outcome; /* enum gate_task_outcome */
	int32_t status, signal;
	uint32_t core;       /* with a core file */
	uint32_t by_timeout; /* --timeout ended it */
	uint32_t by_stop;    /* a client's stop ended it: 1 signal, 2 SIGKILL after the grace time */
	uint32_t step;       /* NOT_STARTED: enum gate_step */
	uint32_t row;        /* … and the row's index */
	int32_t sys;         /* … its errno */
	int64_t object;      /* … a number that names what it stumbled over, or 0 */
	uint32_t pid;        /* of the task's first process on the host */
	uint32_t keeper;     /* pid of its keeper */
	uint64_t pid_start;  /* field 22 of /proc/PID/stat of `pid`: the two together are never used twice */
	uint8_t boot_id[16];
	uint32_t session; /* audit session, 0xffffffff: none */
	uint32_t oom_kills;
	uint64_t created_ns, started_ns, ended_ns; /* CLOCK_REALTIME */
	uint64_t user_us, system_us;               /* processor time of all of it (cgroup), else of the waited-for */
	uint64_t memory_peak;                      /* bytes; 0 unknown */
	uint32_t gaps;                             /* GATE_GAP_…; 0: the list of denials is complete */
	uint32_t n_denials;
	uint64_t lost, unattributed;
	uint64_t log_dropped; /* bytes of output that could not be written */
	struct gate_record_denial denials[GATE_RECORD_DENIALS];
};

/* True when it is a record of this version with sane numbers: what was read from a file may be anything. */
bool gate_record_check(const struct gate_record *r, size_t len);
/* As docker run: the status, 128 + signal, 124 after --timeout, 127 or 126 for NOT_EXECUTED, 125 for NOT_STARTED. */
int gate_record_exit_code(const struct gate_record *r);

/* --- talk over SOCK_SEQPACKET sockets: one message, one frame --- */
#define GATE_FRAME_BYTES_MAX 16384
enum gate_frame_type {
	/* from the keeper */
	GATE_FRAME_STARTED = 1, /* execve has happened: struct gate_record (RUNNING), a pidfd of the first process */
	GATE_FRAME_RECORD,      /* struct gate_record as it is now: answer to STATUS, and before --rm deletes */
	GATE_FRAME_ENDED,       /* struct gate_record: the last frame of a connection that is attached or waits */
	GATE_FRAME_OUTPUT,      /* a: 1 stdout (and terminal), 2 stderr; bytes */
	GATE_FRAME_DONE,        /* b: the type of the request, which was carried out */
	GATE_FRAME_REFUSED,     /* a: errno; b: the type of the request, 0: none; bytes: to the starter, a sentence */
	/* to the keeper; answered by DONE or REFUSED where nothing else is said */
	GATE_FRAME_STATUS = 64, /* answered by RECORD with a pidfd */
	GATE_FRAME_ATTACH,      /* a: 1: output from now on comes to this connection, and its end */
	GATE_FRAME_WAIT,        /* answered by ENDED when it has ended */
	/* bytes for standard input; no answer when they are taken. A full pipe makes the keeper stop reading from us: what must
	 * get through then (SIGNAL, STOP) goes over a second connection */
	GATE_FRAME_INPUT,
	GATE_FRAME_INPUT_END, /* end of standard input */
	GATE_FRAME_RESIZE,    /* a: rows << 16 | columns */
	GATE_FRAME_SIGNAL,    /* a: signal for the first process; b: 1: for all processes of the task */
	/* a: signal or 0: the task's; b: milliseconds until SIGKILL, or UINT64_MAX: the task's; DONE at once */
	GATE_FRAME_STOP,
	GATE_FRAME_LISTENER /* answered by DONE with the seccomp listener, given away once; REFUSED ENOENT */
};
struct gate_frame {
	uint32_t type, len; /* len: bytes that follow */
	uint64_t a, b;
};

#endif
