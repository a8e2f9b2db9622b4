/* model.h - a profile file as it is written: every field with its place, nothing decided yet. */
#ifndef GATE_PROFILE_MODEL_H
#define GATE_PROFILE_MODEL_H

#include <callgate/abi.h>
#include <callgate/check.h>
#include <callgate/policy.h>

#include "base/arena.h"
#include "doc/doc.h"

/* A string of the file with its place (quotes included in the place, not in the text). */
struct gate_text {
	const char *s; /* NUL-terminated; NULL: absent */
	size_t len;
	struct gate_place at;
};

/* Who reads the file. NATIVE: callgate's own meaning (callgate-profile(5)). */
enum gate_engine {
	GATE_ENGINE_NATIVE = 1,
	GATE_ENGINE_DOCKER,
	GATE_ENGINE_PODMAN,
	GATE_ENGINE_CONTAINERD,
	GATE_ENGINE_CRIO,
	GATE_ENGINE_CRUN,
	GATE_ENGINE_MESOS,
	GATE_ENGINE_MAX
};
const char *gate_engine_name(enum gate_engine e);
enum gate_engine gate_engine_by_name(const char *s, size_t len); /* 0 = unknown */

enum gate_op {
	GATE_OP_NE = 1,
	GATE_OP_LT,
	GATE_OP_LE,
	GATE_OP_EQ,
	GATE_OP_GE,
	GATE_OP_GT,
	GATE_OP_MASKED_EQ,
	GATE_OP_MAX
};
const char *gate_op_scmp(enum gate_op op); /* "SCMP_CMP_EQ" */
const char *gate_op_sign(enum gate_op op); /* "==" */
enum gate_op gate_op_by_scmp(const char *s, size_t len);

/* "SCMP_ACT_ERRNO" -> GATE_RET_ERRNO (data 0); -1 unknown. KILL and KILL_THREAD give GATE_RET_KILL_THREAD. */
int gate_action_by_scmp(const char *s, size_t len, uint32_t *ret);
const char *gate_action_scmp(uint32_t ret); /* KILL_THREAD -> "SCMP_ACT_KILL_THREAD" */

struct gate_arg {
	struct gate_place at; /* of the condition's object */
	uint32_t index;
	struct gate_place index_at;
	enum gate_op op;
	struct gate_text op_text;
	uint64_t value, value_two; /* MASKED_EQ: (arg & value) == (value_two & value) */
	struct gate_place value_at, value_two_at;
	bool has_two;
};

struct gate_filter { /* includes, excludes */
	bool present;
	struct gate_place at;
	struct gate_text *caps, *arches;
	size_t n_caps, n_arches;
	bool has_arches;             /* `arches` present, perhaps empty */
	struct gate_text min_kernel; /* s NULL or "" = no constraint */
	struct gate_kver min_kernel_value;
};

struct gate_entry {
	struct gate_place at; /* of the entry's object */
	struct gate_text *names;
	size_t n_names;
	bool has_names, has_name; /* `names` written; the old `name` written (its text is then in names[0]) */
	struct gate_place name_at;
	uint32_t action; /* GATE_RET_*, with data resolved from errnoRet / errno, EPERM where absent */
	struct gate_text action_text;
	bool has_errno_ret;
	uint32_t errno_ret; /* as written */
	struct gate_place errno_ret_at;
	struct gate_text errno_text; /* containers/common: "ENOSYS" or a number in a string */
	struct gate_arg *args;
	size_t n_args;
	bool has_args; /* the key is there (null too) */
	struct gate_filter includes, excludes;
	struct gate_text comment;
};

struct gate_arch_map {
	struct gate_text architecture;
	struct gate_text *subs;
	size_t n_subs;
	struct gate_place at;
};

struct gate_profile {
	struct gate_arena arena;
	const char *file; /* as the user named it, for messages */
	const char *text; /* the bytes, NUL-terminated, for carets and digests */
	size_t len;
	enum gate_engine engine;
	const struct gate_doc *root; /* for lint: unknown keys and the like */
	struct gate_place at;        /* of the profile's object */

	uint32_t default_action; /* GATE_RET_* with data */
	struct gate_text default_action_text;
	bool has_default_errno_ret;
	uint32_t default_errno_ret;
	struct gate_place default_errno_ret_at;
	struct gate_text default_errno_text;
	bool has_architectures, has_arch_map, has_flags, has_syscalls;
	struct gate_place architectures_at, arch_map_at, flags_at, syscalls_at;
	struct gate_text *architectures;
	size_t n_architectures;
	struct gate_arch_map *arch_map;
	size_t n_arch_map;
	struct gate_text *flags;
	size_t n_flags;
	struct gate_text listener_path, listener_metadata;
	struct gate_entry *entries;
	size_t n_entries;
};

/* Reads a profile in the dialect of `engine`. Stops at the first thing that makes the file meaningless (the error
 * carries its place); with `findings` (may be NULL) everything that is wrong is added there as well, and reading
 * goes on where it can, so that one call reports all of it. Allocates; *ret is freed with gate_profile_free. */
int gate_profile_read(const char *file, const char *text, size_t len, enum gate_engine engine,
                      struct gate_findings *findings, struct gate_profile **ret, struct gate_err *err);
void gate_profile_free(struct gate_profile *p);
GATE_DEFINE_FREEP(struct gate_profile, gate_profile_free)

/* Adds a finding; texts are printf-formatted and copied. `meaning` and `instead` may be NULL. Memory trouble is
 * remembered in the list and reported by gate_findings_failed. After 1000 errors, and 1000 others, more are left out. */
void gate_findings_add(struct gate_findings *f, enum gate_severity severity, const char *id, struct gate_place at,
                       const char *engines, const char *meaning, const char *instead, const char *format, ...)
    __attribute__((format(printf, 8, 9)));
bool gate_findings_failed(const struct gate_findings *f);

#endif
