/* task.h - what a task is: what somebody asked for, whatever the language they asked in.
 *
 * Made by src/spec (flags of docker run; later Mesos, Marathon, Metronome and Pod definitions), used by src/container.
 * Values: every string is owned by the task's arena; NULL and 0 mean "not said" unless a field says otherwise. Sizes in
 * bytes, times in milliseconds. */
#ifndef GATE_TASK_TASK_H
#define GATE_TASK_TASK_H

#include "base/arena.h"

/* Mesos' names; parsed and printed by gate_isolator_parse and gate_isolator_name. */
enum gate_isolator {
	GATE_ISOLATE_SECCOMP = 0,  /* linux/seccomp */
	GATE_ISOLATE_CAPABILITIES, /* linux/capabilities */
	GATE_ISOLATE_NNP,          /* linux/nnp: honours no-new-privileges */
	GATE_ISOLATE_FILESYSTEM,   /* filesystem/linux: mount namespace, root, volumes */
	GATE_ISOLATE_PID,          /* namespaces/pid */
	GATE_ISOLATE_IPC,          /* namespaces/ipc */
	GATE_ISOLATE_UTS,          /* namespaces/uts */
	GATE_ISOLATE_NETWORK,      /* namespaces/network */
	GATE_ISOLATE_CGROUP,       /* namespaces/cgroup */
	GATE_ISOLATE_CPU,          /* cgroups/cpu */
	GATE_ISOLATE_MEM,          /* cgroups/mem */
	GATE_ISOLATE_PIDS,         /* cgroups/pids */
	GATE_ISOLATE_DEVICES,      /* cgroups/devices */
	GATE_ISOLATE_RLIMITS,      /* posix/rlimits */
	GATE_ISOLATE_COUNT
};
#define GATE_ISOLATE_ALL ((UINT32_C(1) << GATE_ISOLATE_COUNT) - 1)
const char *gate_isolator_name(enum gate_isolator i);
/* "linux/seccomp,namespaces/pid" to bits; also "cgroups/all", "posix/…" are errors with a suggestion. */
int gate_isolation_parse(const char *text, uint32_t *ret, struct gate_err *err);

/* A namespace to be in. */
enum gate_ns_mode {
	GATE_NS_OWN = 0, /* a new one (network: with nothing but "lo") */
	GATE_NS_HOST,
	GATE_NS_OF /* of the task `of`: its id or name */
};
struct gate_ns {
	enum gate_ns_mode mode;
	const char *of;
};

enum gate_volume_kind { GATE_VOLUME_BIND = 1, GATE_VOLUME_TMPFS };
struct gate_volume {
	enum gate_volume_kind kind;
	const char *source; /* BIND: host path, made absolute by the caller of spec */
	const char *target; /* absolute, in the task */
	bool read_only, recursive /* default true for -v */, nosuid, nodev, noexec;
	bool make_source; /* -v makes a missing source directory as docker does; --mount does not */
	uint64_t size;    /* TMPFS: 0: half of memory */
	uint32_t mode;    /* TMPFS: 0: 01777 */
};

struct gate_limit { /* --ulimit nofile=1024:2048 */
	int resource;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

struct gate_device {          /* --device is refused; these are the defaults and what --privileged opens */
	char type;            /* 'c', 'b', 'a' */
	int64_t major, minor; /* -1: any */
	const char *access;   /* "rwm" */
};

struct gate_pair {
	const char *key, *value;
};

#define GATE_SPEC_LIST(type, name)                                                                                     \
	struct {                                                                                                       \
		type *at;                                                                                              \
		size_t n, cap;                                                                                         \
	} name

struct gate_task {
	struct gate_arena arena;
	uint32_t isolation; /* bits 1 << enum gate_isolator */

	const char *name;     /* NULL: none */
	const char *hostname; /* NULL: the short id */
	const char *rootfs;   /* --rootfs: host path; NULL: image or host */
	bool rootfs_writable; /* DIR:rw: written to as it is, else copy-on-write */
	const char *image;    /* --image: reference as typed */
	bool read_only;

	GATE_SPEC_LIST(const char *, args);       /* the command as typed, after the options */
	GATE_SPEC_LIST(const char *, entrypoint); /* --entrypoint (one word); has_entrypoint with n = 0: cleared */
	bool has_entrypoint;
	GATE_SPEC_LIST(const char *, env); /* "K=V", later ones win; "K" alone was resolved by the caller of spec */
	const char *workdir;
	const char *user; /* as typed: "1000", "1000:1000", "www-data:adm" */
	bool init, terminal, interactive, detach, remove;

	/* HOST where the isolator is off. userns_of is HOST. */
	struct gate_ns pid, ipc, network, uts, userns_of;
	bool userns_auto; /* --userns=auto */

	GATE_SPEC_LIST(struct gate_volume, volumes);
	uint64_t cap_add, cap_drop; /* masks; ALL is all bits */
	bool privileged;
	const char *profile; /* SOURCE of --security-opt seccomp= or --profile; NULL: "default" */
	bool no_new_privs, log;

	uint64_t memory, memory_swap; /* 0: no limit; memory_swap: memory and swap together, UINT64_MAX unlimited */
	uint64_t cpu_quota_us, cpu_period_us; /* --cpus 0.5 = 50000 of 100000; 0: none */
	uint64_t cpu_shares;                  /* -c, 2 to 262144; 0: none */
	int64_t pids;                         /* 0: none */
	const char *cgroup_parent;
	const char *cgroup_of; /* a running task, by its name: below its groups, so that its limits hold; NULL: none */
	int32_t oom_score_adj;
	bool has_oom_score_adj;
	uint64_t shm_size; /* 0: 64 MiB */
	GATE_SPEC_LIST(struct gate_limit, limits);
	GATE_SPEC_LIST(struct gate_pair, sysctls);
	GATE_SPEC_LIST(struct gate_pair, labels);
	GATE_SPEC_LIST(const char *, groups_add); /* --group-add */

	int stop_signal;  /* 0: the image's, else SIGTERM */
	uint32_t stop_ms; /* default 10000 */
	uint64_t timeout_ms;
	uint64_t log_bytes; /* default 10 MiB per file, 3 files */
	uint32_t log_files;
	const char *cidfile;
	bool sig_proxy, quiet;
};

void gate_task_init(struct gate_task *t); /* all defaults */
void gate_task_done(struct gate_task *t);

/* The capabilities that the task gets: docker's 14 (all with privileged), plus cap_add, less cap_drop (of ALL: cap_add
 * alone), never more than `caller`. Without the capabilities isolator: all of `caller`. */
uint64_t gate_task_caps(const struct gate_task *t, uint64_t caller);
#define GATE_TASK_DEFAULT_CAPS UINT64_C(0xa80425fb)

/* What of the host's own the task gets beyond what an image in namespaces of its own has, in words for "… is a right of its own": its
 * files (an image is what keeps a task from them), directories, processes, capabilities beyond docker's. The host's network and
 * name, which Mesos' containers have, are not counted, nor what an isolator that is off gives to every task. NULL: nothing. */
const char *gate_task_of_host(const struct gate_task *t);

/* Names of tasks, images' tags, …: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 128 bytes. */
bool gate_task_name_ok(const char *name);

#endif
