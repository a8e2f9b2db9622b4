/* plan.h - a launch as a table of rows: what the keeper is sent, what `run --explain` prints, what tests make fail.
 *
 * The launcher (src/container) decides everything and writes the plan into a sealed memfd; the keeper (src/keeper) gets
 * it with descriptors, checks it (gate_plan_check) and has its rows run in order (src/launch). Rows hold numbers,
 * descriptors and strings that were decided before: nothing is parsed after this. Trust: the plan comes from whoever
 * started the keeper, but a length or an index in it is never believed.
 *
 * The order is the safety (docs/launch.md): rows up to CLONE run in the keeper or its stager, all others in the new
 * process; FILTER is followed only by EXECVE, the last row.
 * Pure, no allocation; compiled for the keeper as well. */
#ifndef GATE_TASK_PLAN_H
#define GATE_TASK_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_PLAN_MAGIC     0x6e6c7067U /* "gpln" */
#define GATE_PLAN_VERSION   1
#define GATE_PLAN_BYTES_MAX (8U << 20) /* the kernel gives arguments and environment 6 MiB at most */
#define GATE_PLAN_FDS_MAX   252        /* SCM_MAX_FD, one message, less the plan itself */
#define GATE_PLAN_ROWS_MAX  512

/* How a keeper is started: argv {"callgate-keeper"}, no environment, descriptor 3 one end of a SOCK_SEQPACKET pair, 0, 1
 * and 2 as the starter has them: with PLAIN_STDIO they are the task's, else the keeper lets go of them before there is a
 * task. Then one message on the socket: these bytes, with the plan's sealed memfd (F_SEAL_SHRINK | GROW | WRITE) and behind
 * it the plan's descriptors in order. Answered by a STARTED or an ENDED frame (record.h); a message that is no good by
 * REFUSED. */
#define GATE_KEEPER_FD   3
#define GATE_START_MAGIC 0x74736b67U /* "gkst" */
struct gate_start_message {
	uint32_t magic, version; /* GATE_PLAN_VERSION */
};

/* In STDIO rows only: the task's ends of the pipes that the keeper makes and serves (gate_plan_fd). IN needs the flag
 * GATE_PLAN_STDIN. */
enum { GATE_PLAN_FD_NONE = -1, GATE_PLAN_FD_IN = -2, GATE_PLAN_FD_OUT = -3, GATE_PLAN_FD_ERR = -4 };

/* Every step of every launch. `object` is what a failure is about; flags are GATE_ROW_…. "target": a path that is
 * resolved beneath the task's root as openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) does, after a ROOT row; without
 * one the root is "/". */
enum gate_step {
	GATE_STEP_NONE = 0,
	/* --- before there is a process. SESSION, CGROUP, OOM, RLIMIT and NORMAL may stand here, too: the stager does it, and
	 * the process inherits it (what needs the host's user namespace when another is joined) --- */
	/* fd: a namespace; a: its CLONE_NEW… type. Runs in a stager, a child of the keeper in its memory. With flag DIRECTORY
	 * and a 0: a directory that becomes the root */
	GATE_STEP_JOIN,
	GATE_STEP_CLONE, /* a: CLONE_NEW… of new namespaces; fd: cgroup v2 directory to start in, or -1 */
	/* --- the process, privileged --- */
	GATE_STEP_SIGNALS, /* default dispositions for all signals; they stay blocked */
	GATE_STEP_HIDE,    /* PR_SET_DUMPABLE 0 */
	GATE_STEP_PARENT,  /* a: signal that the keeper's death sends; then checks that the keeper lives */
	/* umask 022, personality 0, all processors, SCHED_OTHER where the caller's was another, timer slack */
	GATE_STEP_NORMAL,
	GATE_STEP_CGROUP,  /* fd: cgroup.procs (v2 before 5.7, v1) of one hierarchy: the process enters it */
	GATE_STEP_SESSION, /* an audit session of its own; fd: /proc of the host. OPTIONAL: where there is no audit */
	/* fd: audit socket; text[0]: a bytes that the kernel passes on with the sender's process id. OPTIONAL */
	GATE_STEP_MARK,
	GATE_STEP_OOM,      /* a: oom_score_adj (as int64); fd: /proc of the host */
	GATE_STEP_RLIMIT,   /* flags: resource; a: soft, b: hard */
	GATE_STEP_UNSHARE,  /* a: CLONE_NEWCGROUP: after the CGROUP rows, so that the task sees its own as the root */
	GATE_STEP_LOOPBACK, /* brings up "lo" of a new network namespace */
	GATE_STEP_HOSTNAME, /* text[0] */
	GATE_STEP_KEYRING,  /* joins a new session keyring */
	/* --- its file system; not without CLONE_NEWNS --- */
	GATE_STEP_PRIVATE, /* all mounts private, recursively: nothing goes back to the host */
	GATE_STEP_ROOT, /* fd: a detached mount, the task's root; text[0]: host directory that it is on until PIVOT */
	/* fd: a detached mount; text[0]: target. Flags: DIRECTORY or FILE: make it when missing. text[1]: where it was copied
	 * from on the host; b: its MOUNT_ATTR_…: for another copy where this one can be put nowhere; 0: none is made */
	GATE_STEP_ATTACH,
	/* text[0]: path on the host; text[1]: target; fd: the same object, opened before, or -1: must be that; a: character
	 * device number that it must have, or 0; b: MOUNT_ATTR_… to set. A directory comes with all that is mounted in it.
	 * Flags as ATTACH */
	GATE_STEP_BIND,
	/* text[0]: type; text[1]: target; text[2]: "key=value,key" or 0; a: MOUNT_ATTR_…; flags as ATTACH */
	GATE_STEP_FILESYSTEM,
	GATE_STEP_LINK, /* text[0]: what it says; text[1]: the new symbolic link, in a file system that we made */
	/* text[0]: target: a file is covered by /dev/null, a directory by an empty one; skipped when missing */
	GATE_STEP_COVER,
	/* text[0]: target ("/": the root alone): mounted on itself read-only; skipped when missing. a: more MOUNT_ATTR_…;
	 * RECURSIVE: what is mounted in it as well (mount_setattr, 5.12) */
	GATE_STEP_READONLY,
	GATE_STEP_SYSCTL, /* text[0]: "net/ipv4/…"; text[1]: value; through a procfs of our own */
	GATE_STEP_PIVOT,  /* ROOT becomes "/", the host's tree goes */
	/* --- who it is --- */
	GATE_STEP_SESSION_LEADER, /* setsid */
	/* a pty of the task's own devpts (flag ON_HOST: of the host's) as 0, 1, 2 and controlling terminal; a: rows << 16 |
	 * columns. The slave belongs to the user of the IDS row, the master goes to the keeper */
	GATE_STEP_TERMINAL,
	GATE_STEP_STDIO,     /* fd, GATE_PLAN_FD_IN, OUT, ERR, or -1 (/dev/null) as descriptor a */
	GATE_STEP_INIT,      /* from here on a child goes on; this process reaps and forwards signals (--init) */
	GATE_STEP_HELPER,    /* starts the thread that will load the filter with the privileges of now */
	GATE_STEP_DIRECTORY, /* text[0]: working directory (0: fd); then getcwd must give a path. CREATE: make it */
	GATE_STEP_BOUNDING,  /* a: capabilities that stay in the bounding set */
	/* a: uid, b: gid; text[0]: flags many uint32_t groups; setgroups, setresgid, setresuid with capabilities kept; then
	 * PARENT's signal again */
	GATE_STEP_IDS,
	GATE_STEP_CAPABILITIES, /* a: permitted and effective; b: inheritable and ambient */
	GATE_STEP_NO_NEW_PRIVS,
	GATE_STEP_PROGRAM, /* text[0]: PATH: finds argv[0] as execvp(3) does, with the task's own rights */
	GATE_STEP_CLOSE,   /* every descriptor from 3 on */
	GATE_STEP_UNBLOCK, /* all signals */
	/* a: SECCOMP_FILTER_FLAG_… without TSYNC and NEW_LISTENER; flags: enum gate_load. No row: unconfined */
	GATE_STEP_FILTER,
	GATE_STEP_EXECVE, /* text[0]: the file, where there is no PROGRAM row (0: argv[0] is a path) */
	GATE_STEP_MAX
};

enum gate_row_flag {
	GATE_ROW_OPTIONAL = 1 << 0,  /* a failure is noted in the report and the launch goes on */
	GATE_ROW_DIRECTORY = 1 << 1, /* a missing target is made: a directory */
	GATE_ROW_FILE = 1 << 2,      /* … an empty file */
	GATE_ROW_CREATE = 1 << 3,
	GATE_ROW_ON_HOST = 1 << 4,
	GATE_ROW_RECURSIVE = 1 << 5
};

/* How the filter goes on without a call after it (docs/decisions/0005-filter-last.md). */
enum gate_load {
	GATE_LOAD_NOTHING = 1, /* unconfined */
	GATE_LOAD_LOWERED, /* the main thread has given up its privileges, and may load: CAP_SYS_ADMIN, or no_new_privs */
	GATE_LOAD_LATE,    /* it keeps them up to execve, which itself gives just the program's */
	GATE_LOAD_HELPER   /* a thread that still has CAP_SYS_ADMIN loads for all */
};

struct gate_row {
	uint16_t step;  /* enum gate_step */
	uint16_t flags; /* GATE_ROW_…, or as the step says */
	int32_t fd;     /* index into the plan's descriptors, -1: none */
	uint64_t a, b;
	uint32_t text[3]; /* offsets of NUL-terminated strings, 0: none (offset 0 is the header) */
	uint32_t zero;
};
_Static_assert(sizeof(struct gate_row) == 40, "sent between processes");

enum gate_plan_flag {
	GATE_PLAN_UNCONFINED = 1 << 0, /* must be set exactly when there is no filter */
	GATE_PLAN_TERMINAL = 1 << 1,   /* there is a TERMINAL row: one stream in and out, through its master */
	GATE_PLAN_STDIN = 1 << 2,      /* standard input is fed by clients (-i); else /dev/null */
	GATE_PLAN_REMOVE = 1 << 3,     /* the directory goes with the task (--rm) */
	GATE_PLAN_LISTENER = 1 << 4,   /* the filter has NOTIFY: load with NEW_LISTENER, the keeper keeps it */
	GATE_PLAN_EXEC = 1 << 5,       /* one more process in a task: no directory, no record, no log */
	GATE_PLAN_ATTACHED = 1 << 6,   /* who started the keeper gets output and end over the start socket */
	GATE_PLAN_PLAIN_STDIO = 1 << 7 /* 0, 1, 2 of the keeper itself are the task's: nothing is pumped or logged */
};

/* One cgroup hierarchy that the task is in, for the end: kill, count, remove. */
struct gate_plan_cgroup {
	int32_t dir;    /* fd index: the task's cgroup */
	int32_t parent; /* fd index: the directory above, for unlinkat */
	uint32_t name;  /* offset: its name there */
	uint32_t what;  /* GATE_CGROUP_… bits of the controllers in it; 0: there just for freezing or killing */
};
enum gate_cgroup_what {
	GATE_CGROUP_V2 = 1 << 0,
	GATE_CGROUP_CPU = 1 << 1, /* v1: cpu */
	GATE_CGROUP_CPUACCT = 1 << 2,
	GATE_CGROUP_MEMORY = 1 << 3,
	GATE_CGROUP_PIDS = 1 << 4,
	GATE_CGROUP_DEVICES = 1 << 5,
	GATE_CGROUP_FREEZER = 1 << 6,
	GATE_CGROUP_NAMED = 1 << 7, /* v1: name=systemd */
	GATE_CGROUP_SHARED = 1 << 8 /* not ours to kill or remove: exec into a running task */
};
#define GATE_PLAN_CGROUPS_MAX 12

/* Layout: this header, then rows, argv, envp and filter (8-aligned, in any order, not overlapping), then all strings and
 * lists of groups (4-aligned). The last byte of the message is 0. */
struct gate_plan {
	uint32_t magic, version, size; /* size: of the whole message in bytes */
	uint32_t flags;                /* GATE_PLAN_… */
	uint32_t n_fds;                /* descriptors that come with it */
	uint32_t rows, n_rows;         /* offset of struct gate_row[], 8-aligned */
	uint32_t argv, argc;         /* offset of uint64_t[argc + 1], 8-aligned: offsets of strings, the last entry 0 */
	uint32_t envp, envc;         /* the same */
	uint32_t filter, filter_len; /* offset of the program (struct sock_filter, 8 bytes each), instructions; 0, 0 */
	uint32_t id;                 /* offset: the task's id, 12 to 64 lower-case hex digits */
	/* descriptors, as indices or -1 */
	int32_t dir;       /* the task's directory in the state: record and logs are written there; -1 with EXEC */
	int32_t parent;    /* the directory above, for REMOVE; the task's directory is called `id` there */
	int32_t names;     /* the directory of the names, for REMOVE, or -1 */
	uint32_t name;     /* offset: the link in it that says `id`, or 0 */
	int32_t control;   /* listening SOCK_SEQPACKET socket for clients, or -1 */
	int32_t audit;     /* netlink socket in the audit group, or -1: denials cannot be seen */
	int32_t audit_ask; /* a second one, for the fence, or -1 */
	int32_t proc;      /* /proc of the host, O_PATH */
	int32_t lock;      /* held by flock(2) for the keeper's life, or -1 */
	uint32_t stop_signal;
	uint32_t stop_ms;    /* between the stop signal and SIGKILL */
	uint64_t timeout_ms; /* 0: none; then stopped with outcome TIMEOUT */
	uint64_t log_bytes;  /* most bytes of one log file; 0: nothing is logged */
	uint32_t log_files;  /* how many are kept, at least 1 */
	uint32_t n_cgroups;
	struct gate_plan_cgroup cgroups[GATE_PLAN_CGROUPS_MAX];
	uint64_t caps; /* what the program starts with, for the record */
	/* Get the pipes, so that the task can open /dev/stdout again: its user, as the keeper's user namespace numbers it. */
	uint32_t stdio_uid, stdio_gid;
};

/* A checked plan: every offset, length and index in it is good, all strings end, rows are in a safe order. */
struct gate_plan_view {
	struct gate_plan *plan; /* the message itself; argv and envp hold pointers after gate_plan_relocate */
	const struct gate_row *rows;
	const int *fds; /* plan->n_fds of them */
	int stdio[3];   /* what GATE_PLAN_FD_IN, OUT, ERR mean; set by the keeper, -1: nothing */
	/* a launch inside a caller's process, which has these in its memory; NULL: they lie in the message */
	const char *const *argv, *const *envp;
	const void *insns;
	bool signals_default; /* the caller's dispositions are all default, so that nothing is left to do for SIGNALS */
	bool apart;           /* never in the caller's memory: other threads of it may run */
};
/* The descriptor that `index` (of a row, of the plan) means, or -1. */
static inline int gate_plan_fd(const struct gate_plan_view *view, int32_t index)
{
	if (index >= 0)
		return view->fds[index];
	return index <= GATE_PLAN_FD_IN && index >= GATE_PLAN_FD_ERR ? view->stdio[GATE_PLAN_FD_IN - index] : -1;
}
/* NULL when the message is good, else a constant sentence that says what is wrong. `bytes` is 8-aligned. */
const char *gate_plan_check(const void *bytes, size_t size, size_t n_fds);
/* Turns the offsets of argv and envp into pointers, in place: once, after the check. */
void gate_plan_relocate(struct gate_plan *plan);
static inline const char *gate_plan_text(const struct gate_plan *plan, uint32_t offset)
{
	return offset != 0 ? (const char *)plan + offset : NULL;
}

/* "pivot"; "cannot make the task's root the root directory". Never NULL. */
const char *gate_step_name(uint32_t step);
const char *gate_step_what(uint32_t step);

#endif
