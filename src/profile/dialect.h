/* dialect.h - which fields each engine reads, and what runs beneath it. Within this layer. */
#ifndef GATE_PROFILE_DIALECT_H
#define GATE_PROFILE_DIALECT_H

#include "profile/model.h"

/* A field belongs to the dialects that read it (profile-format: five dialects). */
enum gate_field {
	GATE_FIELD_OCI = 1 << 0,
	GATE_FIELD_DOCKER = 1 << 1,     /* archMap, name, includes, excludes */
	GATE_FIELD_ERRNO_WORD = 1 << 2, /* errno, defaultErrno: containers/common */
	GATE_FIELD_MIN_KERNEL = 1 << 3, /* moby only */
	GATE_FIELD_REMARK = 1 << 4,     /* comment: means nothing to anybody */
};

/* What makes the filter in the end. */
enum gate_runtime { GATE_RUNTIME_NONE = 0, GATE_RUNTIME_RUNC, GATE_RUNTIME_CRUN, GATE_RUNTIME_MESOS };

struct gate_engine_row {
	enum gate_engine engine;
	unsigned fields;
	enum gate_runtime runtime;
	bool fold_case;        /* encoding/json matches keys without regard to case */
	bool empty_unconfined; /* `{}` runs the program without a filter there */
	uint32_t flags_absent; /* SECCOMP_FILTER_FLAG_* where `flags` is absent */
	bool empty_is_absent;  /* `flags: []` is lost on its way to the runtime (omitempty) */
	const char *bad_action, *bad_operator, *bad_arch, *bad_flag; /* the engine's own texts; one %s each */
	const char *both_names, *both_arches;
};

const struct gate_engine_row *gate_engine_row(enum gate_engine e);

#endif
