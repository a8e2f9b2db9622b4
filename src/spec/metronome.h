/* metronome.h - Metronome's job specs and schedules, for one host. Pure.
 *
 * Names, bounds and defaults are those of Metronome's JSON schema (api/v1/schema/jobspec.schema.json), with one member more:
 * run.linuxInfo.seccomp, which is Marathon's. What one host cannot do is refused by name, nothing is dropped. */
#ifndef GATE_SPEC_METRONOME_H
#define GATE_SPEC_METRONOME_H

#include "spec/cron.h"
#include "spec/schema.h"
#include "task/task.h"

#define GATE_JOB_ID_MAX 180

enum gate_job_policy { GATE_JOB_NEVER = 1, GATE_JOB_ON_FAILURE };
enum gate_job_concurrency { GATE_JOB_ALLOW = 1, GATE_JOB_FORBID };
enum gate_job_network_mode { GATE_JOB_NET_HOST = 1, GATE_JOB_NET_BRIDGE, GATE_JOB_NET_CONTAINER };

struct gate_job_seccomp {
	uint64_t said;
	const char *profile_name;
	bool unconfined;
};
struct gate_job_linux {
	uint64_t said;
	struct gate_job_seccomp *seccomp;
};
struct gate_job_image {
	uint64_t said;
	const char *id;
	int kind; /* 1: docker, 2: appc */
	bool force_pull;
};
struct gate_job_ucr {
	uint64_t said;
	struct gate_job_image *image;
	bool privileged;
};
struct gate_job_parameter {
	uint64_t said;
	const char *key, *value;
};
struct gate_job_docker {
	uint64_t said;
	const char *image;
	bool force_pull, privileged;
	struct gate_objects parameters; /* struct gate_job_parameter */
};
struct gate_job_restart {
	uint64_t said;
	int policy;
	int64_t deadline_s; /* -1: none */
};
struct gate_job_volume {
	uint64_t said;
	const char *container_path, *host_path, *secret;
	int mode; /* 1: RO, 2: RW, 0: not said */
};
struct gate_job_network {
	uint64_t said;
	const char *name;
	int mode;
	struct gate_pairs labels;
};
struct gate_job_constraint {
	uint64_t said;
	const char *attribute, *value;
	int op; /* 1: IS, 2: EQ, 3: LIKE, 4: UNLIKE */
};
struct gate_job_placement {
	uint64_t said;
	struct gate_objects constraints; /* struct gate_job_constraint */
};
struct gate_job_run {
	uint64_t said;
	double cpus, mem, disk;
	int64_t gpus, max_launch_delay_s;
	const char *cmd, *user;
	struct gate_texts args;
	struct gate_pairs env;
	struct gate_job_placement *placement;
	struct gate_objects artifacts, volumes, networks;
	struct gate_job_docker *docker;
	struct gate_job_ucr *ucr;
	struct gate_job_restart *restart; /* never NULL */
	double grace_s;                   /* taskKillGracePeriodSeconds; 0: not said */
	const struct gate_doc *secrets;
	struct gate_job_linux *linux_info;
};
struct gate_job_schedule {
	uint64_t said;
	const char *id, *cron, *timezone;
	int64_t deadline_s;
	int concurrency;
	bool enabled;
	struct gate_cron when;
	const struct gate_zone *zone; /* lent by the host */
};
struct gate_job_dependency {
	uint64_t said;
	const char *id;
};
struct gate_job {
	uint64_t said;
	const char *id, *description;
	struct gate_objects dependencies; /* struct gate_job_dependency */
	struct gate_pairs labels;
	struct gate_objects schedules; /* struct gate_job_schedule; at most one */
	struct gate_job_run *run;
	struct gate_arena arena;
};

/* What a definition is judged against. */
struct gate_job_host {
	const char *hostname;
	const char *attributes; /* "rack:r1;zone:west"; may be NULL */
	bool stored;            /* it was accepted once: hosts may be renamed, and have other attributes */
	/* A zone by name, or NULL. It must live as long as what was read with it. */
	const struct gate_zone *(*zone)(void *ctx, const char *name);
	void *ctx;
};

/* The body of POST, or of PUT: then the id is `id`, whatever the body says (as in Metronome). INVALID: the faults are in `f`. */
int gate_job_read(const struct gate_doc *body, const char *id, const struct gate_job_host *host, struct gate_faults *f,
                  struct gate_job **ret, struct gate_err *err);
/* A stored definition: what gate_job_write wrote. */
int gate_job_load(const char *json, size_t len, const struct gate_job_host *host, struct gate_job **ret,
                  struct gate_err *err);
/* A schedule alone, for …/schedules: `job` with it in place of the one that it had, read anew. `id` as above. */
int gate_job_with_schedule(const struct gate_job *job, const struct gate_doc *schedule, const char *id,
                           const struct gate_job_host *host, struct gate_faults *f, struct gate_job **ret,
                           struct gate_err *err);
/* The same without schedules, or with those of `other`. */
int gate_job_with_schedules_of(const struct gate_job *job, const struct gate_job *other,
                               const struct gate_job_host *host, struct gate_job **ret, struct gate_err *err);
void gate_job_free(struct gate_job *job);
GATE_DEFINE_FREEP(struct gate_job, gate_job_free)

/* The value, as GET shows it. */
void gate_job_write(const struct gate_job *job, struct gate_json *j);
/* Members into an open object: what gate_job_write has but `schedules`. */
void gate_job_members(const struct gate_job *job, struct gate_json *j);
/* With "nextRunAt", when now_s is not negative and there is one. */
void gate_job_schedule_write(const struct gate_job_schedule *s, int64_t now_s, struct gate_json *j);
static inline const struct gate_job_schedule *gate_job_schedule_of(const struct gate_job *job)
{
	return job->schedules.n > 0 ? job->schedules.at : NULL;
}
static inline const char *gate_job_dependency(const struct gate_job *job, size_t i)
{
	return ((const struct gate_job_dependency *)job->dependencies.at)[i].id;
}
/* "2016-07-15T13:02:59.735+0000": Metronome's times, always in UTC. */
void gate_job_time(int64_t ms, char text[32]);
bool gate_job_id_ok(const char *id);

/* One task of one run. */
struct gate_job_launch {
	const char *task_id, *run_id;
	uint32_t isolation; /* of the agent: limits whose isolator is off are not set, as in Mesos */
	bool cfs;           /* cpus are a hard limit, not only a share */
};
/* `t` was initialised by gate_task_init. No profile is set: that is decided later (agent/profiles.h). */
int gate_job_task(const struct gate_job *job, const struct gate_job_launch *l, struct gate_task *t,
                  struct gate_err *err);

#endif
