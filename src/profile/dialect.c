/* dialect.c - one row per engine. Read in: moby/profiles cd3bed8, container-libs f0ddf1a, runc 76d9cf5, crun ba38286,
 * containerd 301026e, cri-o f954a17, Apache Mesos c1b42f7. */
#include "profile/dialect.h"

#define SPEC_ALLOW (1u << 2)

/* Docker, containerd and CRI-O run runc; Podman runs crun: the defaults of the distributions. */
#define RUNC_WORDS                                                                                                     \
	.runtime = GATE_RUNTIME_RUNC, .flags_absent = SPEC_ALLOW,                                                      \
	.bad_action = "string %s is not a valid action for seccomp",                                                   \
	.bad_operator = "string %s is not a valid operator for seccomp",                                               \
	.bad_arch = "string %s is not a valid arch for seccomp", .bad_flag = "seccomp flag %s is not known to runc"
#define CRUN_WORDS                                                                                                     \
	.runtime = GATE_RUNTIME_CRUN, .flags_absent = SPEC_ALLOW, .bad_action = "seccomp get action `%s`",             \
	.bad_operator = "seccomp get operator `%s`", .bad_arch = "seccomp unknown architecture `%s`",                  \
	.bad_flag = "unknown seccomp option `%s`"
#define COMMON_WORDS                                                                                                   \
	.both_names = "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'",        \
	.both_arches = "'architectures' and 'archMap' were specified in the seccomp profile, "                         \
		       "use either 'architectures' or 'archMap'"

static const struct gate_engine_row dialects[GATE_ENGINE_MAX] = {
	[GATE_ENGINE_NATIVE] = {
		.engine = GATE_ENGINE_NATIVE,
		.fields = GATE_FIELD_OCI | GATE_FIELD_DOCKER | GATE_FIELD_ERRNO_WORD | GATE_FIELD_MIN_KERNEL |
		          GATE_FIELD_REMARK,
	},
	[GATE_ENGINE_DOCKER] = {
		.engine = GATE_ENGINE_DOCKER, RUNC_WORDS, .fold_case = true, .empty_unconfined = true,
		.empty_is_absent = true,
		.fields = GATE_FIELD_OCI | GATE_FIELD_DOCKER | GATE_FIELD_MIN_KERNEL | GATE_FIELD_REMARK,
		.both_names = "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
		.both_arches = "both 'architectures' and 'archMap' are specified in the seccomp profile, "
		               "use either 'architectures' or 'archMap'",
	},
	[GATE_ENGINE_PODMAN] = {
		.engine = GATE_ENGINE_PODMAN, CRUN_WORDS, COMMON_WORDS, .fold_case = true, .empty_unconfined = true,
		.empty_is_absent = true,
		.fields = GATE_FIELD_OCI | GATE_FIELD_DOCKER | GATE_FIELD_ERRNO_WORD | GATE_FIELD_REMARK,
	},
	[GATE_ENGINE_CONTAINERD] = {
		.engine = GATE_ENGINE_CONTAINERD, RUNC_WORDS, .fold_case = true, .empty_unconfined = true,
		.empty_is_absent = true, .fields = GATE_FIELD_OCI | GATE_FIELD_REMARK,
	},
	[GATE_ENGINE_CRIO] = {
		.engine = GATE_ENGINE_CRIO, RUNC_WORDS, COMMON_WORDS, .fold_case = true, .empty_unconfined = true,
		.empty_is_absent = true,
		.fields = GATE_FIELD_OCI | GATE_FIELD_DOCKER | GATE_FIELD_ERRNO_WORD | GATE_FIELD_REMARK,
	},
	[GATE_ENGINE_CRUN] = {
		.engine = GATE_ENGINE_CRUN, CRUN_WORDS, .fields = GATE_FIELD_OCI | GATE_FIELD_REMARK,
	},
	[GATE_ENGINE_MESOS] = {
		.engine = GATE_ENGINE_MESOS, .runtime = GATE_RUNTIME_MESOS,
		.fields = GATE_FIELD_OCI | GATE_FIELD_DOCKER | GATE_FIELD_REMARK,
	},
};

const struct gate_engine_row *gate_engine_row(enum gate_engine e)
{
	GATE_CHECK(e > 0 && e < GATE_ENGINE_MAX);
	return &dialects[e];
}
