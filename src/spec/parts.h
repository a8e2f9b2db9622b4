/* parts.h - what the files of src/spec share. Only they include this. */
#ifndef GATE_SPEC_PARTS_H
#define GATE_SPEC_PARTS_H

#include "base/buf.h"
#include "spec/spec.h"

typedef int gate_spec_taker(struct gate_spec *s, const char *value, struct gate_err *err);

/* Adds one element to a GATE_SPEC_LIST: 0 or -1. */
#define GATE_SPEC_ADD(list, err, ...)                                                                                  \
	(gate_grow(&(list).at, (list).n, &(list).cap, sizeof(*(list).at)) < 0                                          \
	     ? GATE_FAIL_NOMEM(err)                                                                                    \
	     : ((list).at[(list).n++] = (__VA_ARGS__), 0))

/* A copy in the task's arena; -1 with NOMEM. */
int gate_spec_copy(struct gate_spec *s, const char *text, size_t len, const char **ret, struct gate_err *err);
bool gate_spec_said(const struct gate_spec *s, const char *name);
static inline bool gate_spec_isolates(const struct gate_spec *s, enum gate_isolator i)
{
	return (s->task->isolation & UINT32_C(1) << i) != 0;
}

/* The caller's environment, below what was said. (env.c) */
int gate_spec_inherit(struct gate_spec *s, struct gate_err *err);

gate_spec_taker gate_take_volume, gate_take_mount, gate_take_tmpfs;                          /* volume.c */
gate_spec_taker gate_take_env, gate_take_label;                                              /* env.c */
gate_spec_taker gate_take_entrypoint_json;                                                   /* entrypoint.c */
gate_spec_taker gate_take_cap_add, gate_take_cap_drop, gate_take_security, gate_take_sysctl; /* security.c */
gate_spec_taker gate_take_profile, gate_take_no_new_privs;
gate_spec_taker gate_take_memory, gate_take_memory_swap, gate_take_cpus, gate_take_cpu_quota, gate_take_cpu_period,
    gate_take_cpu_shares, gate_take_pids, gate_take_ulimit, gate_take_shm_size, gate_take_oom, gate_take_stop_signal,
    gate_take_stop_timeout, gate_take_timeout, gate_take_log_opt, gate_take_log_driver; /* amounts.c */
gate_spec_taker gate_take_network, gate_take_pid, gate_take_ipc, gate_take_uts, gate_take_userns, gate_take_cgroupns,
    gate_take_hostname; /* spaces.c */
/* What a sysctl needs: the namespace of its own, or GATE_ISOLATE_COUNT when it is not allowed at all. */
enum gate_isolator gate_sysctl_space(const char *key, size_t len);

/* Absolute, without "." and empty parts; ".." is refused where `inside`, a path in the task. *ret in the arena. */
int gate_spec_path(struct gate_spec *s, const char *what, const char *text, size_t len, bool inside, const char **ret,
                   struct gate_err *err);
/* The same for a path on the host, which may be relative to the caller's directory. */
int gate_spec_host_path(struct gate_spec *s, const char *text, size_t len, const char **ret, struct gate_err *err);

#endif
