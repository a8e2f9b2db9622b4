/* Metronome's JSON schemas as tables (api/src/main/resources/public/api/v1/schema of Metronome 0.6.48 and later), in the order in
 * which Metronome writes them. */
#include "spec/metronome_parts.h"

#define F(type, member) offsetof(struct type, member)
#define MOST            9007199254740992.0 /* 2^53: what a double counts exactly */
#define TEN_YEARS       315360000.0

static const char *const kinds[] = { "docker", "appc", NULL };
static const char *const policies[] = { "NEVER", "ON_FAILURE", NULL };
static const char *const modes[] = { "RO", "RW", NULL };
static const char *const network_modes[] = { "host", "container/bridge", "container", NULL };
static const char *const operators[] = { "IS", "EQ", "LIKE", "UNLIKE", NULL };
static const char *const concurrency[] = { "ALLOW", "FORBID", NULL };

static const struct gate_field seccomp_fields[] = {
	{ "profileName", GATE_FIELD_TEXT, F(gate_job_seccomp, profile_name) },
	{ "unconfined", GATE_FIELD_BOOL, F(gate_job_seccomp, unconfined), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema seccomp_schema = { seccomp_fields, sizeof(struct gate_job_seccomp) };

static const struct gate_field linux_fields[] = {
	{ "seccomp", GATE_FIELD_OBJECT, F(gate_job_linux, seccomp), &seccomp_schema },
	{ NULL },
};
static const struct gate_schema linux_schema = { linux_fields, sizeof(struct gate_job_linux) };

static const struct gate_field image_fields[] = {
	{ "id", GATE_FIELD_TEXT, F(gate_job_image, id), .flags = GATE_FIELD_REQUIRED },
	{ "kind", GATE_FIELD_WORD, F(gate_job_image, kind), NULL, kinds, .fallback = "docker" },
	{ "forcePull", GATE_FIELD_BOOL, F(gate_job_image, force_pull), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema image_schema = { image_fields, sizeof(struct gate_job_image) };

static const struct gate_field ucr_fields[] = {
	{ "image", GATE_FIELD_OBJECT, F(gate_job_ucr, image), &image_schema, .flags = GATE_FIELD_REQUIRED },
	{ "privileged", GATE_FIELD_BOOL, F(gate_job_ucr, privileged), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema ucr_schema = { ucr_fields, sizeof(struct gate_job_ucr) };

static const struct gate_field parameter_fields[] = {
	{ "key", GATE_FIELD_TEXT, F(gate_job_parameter, key), .flags = GATE_FIELD_REQUIRED },
	{ "value", GATE_FIELD_TEXT, F(gate_job_parameter, value), .flags = GATE_FIELD_REQUIRED },
	{ NULL },
};
static const struct gate_schema parameter_schema = { parameter_fields, sizeof(struct gate_job_parameter) };

static const struct gate_field docker_fields[] = {
	{ "image", GATE_FIELD_TEXT, F(gate_job_docker, image), .flags = GATE_FIELD_REQUIRED },
	{ "privileged", GATE_FIELD_BOOL, F(gate_job_docker, privileged), .fallback = "false" },
	{ "parameters", GATE_FIELD_OBJECTS, F(gate_job_docker, parameters), &parameter_schema,
	  .flags = GATE_FIELD_SHOWN },
	{ "forcePullImage", GATE_FIELD_BOOL, F(gate_job_docker, force_pull), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema docker_schema = { docker_fields, sizeof(struct gate_job_docker) };

static const struct gate_field restart_fields[] = {
	{ "policy", GATE_FIELD_WORD, F(gate_job_restart, policy), NULL, policies, .flags = GATE_FIELD_REQUIRED },
	{ "activeDeadlineSeconds", GATE_FIELD_INT, F(gate_job_restart, deadline_s), NULL, NULL, 0, TEN_YEARS },
	{ NULL },
};
static const struct gate_schema restart_schema = { restart_fields, sizeof(struct gate_job_restart) };

static const struct gate_field volume_fields[] = {
	{ "containerPath", GATE_FIELD_TEXT, F(gate_job_volume, container_path), NULL, NULL, 1, 0,
	  .flags = GATE_FIELD_REQUIRED },
	{ "hostPath", GATE_FIELD_TEXT, F(gate_job_volume, host_path), NULL, NULL, 1, 0 },
	{ "mode", GATE_FIELD_WORD, F(gate_job_volume, mode), NULL, modes },
	{ "secret", GATE_FIELD_TEXT, F(gate_job_volume, secret), NULL, NULL, 1, 0 },
	{ NULL },
};
static const struct gate_schema volume_schema = { volume_fields, sizeof(struct gate_job_volume) };

static const struct gate_field network_fields[] = {
	{ "name", GATE_FIELD_TEXT, F(gate_job_network, name) },
	{ "mode", GATE_FIELD_WORD, F(gate_job_network, mode), NULL, network_modes, .flags = GATE_FIELD_REQUIRED },
	{ "labels", GATE_FIELD_PAIRS, F(gate_job_network, labels) },
	{ NULL },
};
static const struct gate_schema network_schema = { network_fields, sizeof(struct gate_job_network) };

static const struct gate_field constraint_fields[] = {
	{ "attribute", GATE_FIELD_TEXT, F(gate_job_constraint, attribute), .flags = GATE_FIELD_REQUIRED },
	{ "operator", GATE_FIELD_WORD, F(gate_job_constraint, op), NULL, operators, .flags = GATE_FIELD_REQUIRED },
	{ "value", GATE_FIELD_TEXT, F(gate_job_constraint, value) },
	{ NULL },
};
static const struct gate_schema constraint_schema = { constraint_fields, sizeof(struct gate_job_constraint) };

static const struct gate_field placement_fields[] = {
	{ "constraints", GATE_FIELD_OBJECTS, F(gate_job_placement, constraints), &constraint_schema,
	  .flags = GATE_FIELD_SHOWN },
	{ NULL },
};
static const struct gate_schema placement_schema = { placement_fields, sizeof(struct gate_job_placement) };

/* Refused when there are any, but judged first as Metronome judges them. */
struct artifact {
	uint64_t said;
	const char *uri;
	bool extract, executable, cache;
};
static const struct gate_field artifact_fields[] = {
	{ "uri", GATE_FIELD_TEXT, F(artifact, uri), .flags = GATE_FIELD_REQUIRED },
	{ "extract", GATE_FIELD_BOOL, F(artifact, extract), .fallback = "true" },
	{ "executable", GATE_FIELD_BOOL, F(artifact, executable), .fallback = "false" },
	{ "cache", GATE_FIELD_BOOL, F(artifact, cache), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema artifact_schema = { artifact_fields, sizeof(struct artifact) };

static const struct gate_field run_fields[] = {
	{ "cpus", GATE_FIELD_REAL, F(gate_job_run, cpus), NULL, NULL, 0.01, 1e6, .flags = GATE_FIELD_REQUIRED },
	{ "mem", GATE_FIELD_REAL, F(gate_job_run, mem), NULL, NULL, 32, 1e12, .flags = GATE_FIELD_REQUIRED },
	{ "disk", GATE_FIELD_REAL, F(gate_job_run, disk), NULL, NULL, 0, 1e12, .flags = GATE_FIELD_REQUIRED },
	{ "gpus", GATE_FIELD_INT, F(gate_job_run, gpus), NULL, NULL, 0, MOST, .fallback = "0" },
	{ "cmd", GATE_FIELD_TEXT, F(gate_job_run, cmd), NULL, NULL, 1, 0 },
	{ "args", GATE_FIELD_TEXTS, F(gate_job_run, args) },
	{ "user", GATE_FIELD_TEXT, F(gate_job_run, user) },
	{ "env", GATE_FIELD_PAIRS, F(gate_job_run, env), .flags = GATE_FIELD_SHOWN },
	{ "placement", GATE_FIELD_OBJECT, F(gate_job_run, placement), &placement_schema },
	{ "artifacts", GATE_FIELD_OBJECTS, F(gate_job_run, artifacts), &artifact_schema, .flags = GATE_FIELD_SHOWN },
	{ "maxLaunchDelay", GATE_FIELD_INT, F(gate_job_run, max_launch_delay_s), NULL, NULL, 1, TEN_YEARS,
	  .fallback = "3600" },
	{ "docker", GATE_FIELD_OBJECT, F(gate_job_run, docker), &docker_schema },
	{ "ucr", GATE_FIELD_OBJECT, F(gate_job_run, ucr), &ucr_schema },
	{ "volumes", GATE_FIELD_OBJECTS, F(gate_job_run, volumes), &volume_schema, .flags = GATE_FIELD_SHOWN },
	{ "restart", GATE_FIELD_OBJECT, F(gate_job_run, restart), &restart_schema },
	{ "taskKillGracePeriodSeconds", GATE_FIELD_REAL, F(gate_job_run, grace_s), NULL, NULL, 0, 86400 },
	{ "secrets", GATE_FIELD_RAW, F(gate_job_run, secrets) },
	{ "networks", GATE_FIELD_OBJECTS, F(gate_job_run, networks), &network_schema, .flags = GATE_FIELD_SHOWN },
	{ "linuxInfo", GATE_FIELD_OBJECT, F(gate_job_run, linux_info), &linux_schema },
	{ NULL },
};
const struct gate_schema gate_job_run_schema = { run_fields, sizeof(struct gate_job_run) };

static const struct gate_field dependency_fields[] = {
	{ "id", GATE_FIELD_TEXT, F(gate_job_dependency, id), .flags = GATE_FIELD_REQUIRED },
	{ NULL },
};
static const struct gate_schema dependency_schema = { dependency_fields, sizeof(struct gate_job_dependency) };

static const struct gate_field schedule_fields[] = {
	{ "id", GATE_FIELD_TEXT, F(gate_job_schedule, id), .flags = GATE_FIELD_REQUIRED },
	{ "cron", GATE_FIELD_TEXT, F(gate_job_schedule, cron), .flags = GATE_FIELD_REQUIRED },
	{ "timezone", GATE_FIELD_TEXT, F(gate_job_schedule, timezone), .fallback = "UTC" },
	{ "startingDeadlineSeconds", GATE_FIELD_INT, F(gate_job_schedule, deadline_s), NULL, NULL, 1, TEN_YEARS,
	  .fallback = "900" },
	{ "concurrencyPolicy", GATE_FIELD_WORD, F(gate_job_schedule, concurrency), NULL, concurrency,
	  .fallback = "ALLOW" },
	{ "enabled", GATE_FIELD_BOOL, F(gate_job_schedule, enabled), .fallback = "true" },
	{ "nextRunAt", GATE_FIELD_IGNORED, 0 },
	{ NULL },
};
const struct gate_schema gate_job_schedule_schema = { schedule_fields, sizeof(struct gate_job_schedule) };

#define MEMBERS                                                                                                        \
	{ "id", GATE_FIELD_TEXT, F(gate_job, id), .flags = GATE_FIELD_REQUIRED },                                      \
	    { "description", GATE_FIELD_TEXT, F(gate_job, description) },                                              \
	    { "dependencies", GATE_FIELD_OBJECTS, F(gate_job, dependencies), &dependency_schema,                       \
	      .flags = GATE_FIELD_SHOWN },                                                                             \
	    { "labels", GATE_FIELD_PAIRS, F(gate_job, labels), .flags = GATE_FIELD_SHOWN },                            \
	{                                                                                                              \
		"run", GATE_FIELD_OBJECT, F(gate_job, run), &gate_job_run_schema, .flags = GATE_FIELD_REQUIRED         \
	}

static const struct gate_field member_fields[] = { MEMBERS, { NULL } };
const struct gate_schema gate_job_member_schema = { member_fields, sizeof(struct gate_job) };

static const struct gate_field job_fields[] = {
	MEMBERS,
	{ "schedules", GATE_FIELD_OBJECTS, F(gate_job, schedules), &gate_job_schedule_schema,
	  .flags = GATE_FIELD_SHOWN },
	{ NULL },
};
const struct gate_schema gate_job_schema = { job_fields, sizeof(struct gate_job) };
