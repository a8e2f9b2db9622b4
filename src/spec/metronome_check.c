/* What Metronome's validators refuse (jobs/…/model/JobSpec.scala, JobRunSpec.scala, ScheduleSpec.scala), with their texts, and what one
 * host cannot do. */
#include <stdio.h>

#include "spec/metronome_parts.h"
#include "spec/passwd.h"

#define ID_PATTERN       "^([a-z0-9]+(\\-+[a-z0-9]+)*)(\\.([a-z0-9]+(\\-+[a-z0-9]+)*))*$"
#define SCHEDULE_PATTERN "^([a-z0-9][a-z0-9\\-]*[a-z0-9]+)$"

/* --- ids --- */
/* Letters and digits, with '-' inside; `dots`: several of them. */
static bool id_ok(const char *id, bool dots)
{
	char before = '.';

	for (const char *p = id;; p++) {
		bool word = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');

		if (!word && *p == '-' && before == '.')
			return false;
		if (*p == '\0' || *p == '.') {
			if (before == '.' || before == '-' || (*p == '.' && !dots))
				return false;
			if (*p == '\0')
				return true;
		} else if (!word && *p != '-') {
			return false;
		}
		before = *p;
	}
}

bool gate_job_id_ok(const char *id)
{
	return strlen(id) <= GATE_JOB_ID_MAX && id_ok(id, true);
}

static void check_id(const char *id, const char *path, struct gate_faults *f)
{
	if (id == NULL)
		return; /* a fault already */
	if (strlen(id) > GATE_JOB_ID_MAX)
		gate_fault(f, path, "'%.64s…' violates max length of %d.", id, GATE_JOB_ID_MAX);
	else if (!id_ok(id, true))
		gate_fault(f, path, "'%s' does not match pattern '%s'.", id, ID_PATTERN);
}

/* --- what runs --- */
static void check_command(const struct gate_job_run *r, struct gate_faults *f)
{
	if (r->cmd == NULL && (r->docker == NULL || r->docker->image == NULL || r->docker->image[0] == '\0') &&
	    r->ucr == NULL)
		gate_fault(f, "/run", "Cmd, Docker or UCR image must be specified");
	if (r->docker != NULL && r->ucr != NULL)
		gate_fault(f, "/run", "Either Docker or UCR should be provided, but not both");
	/* The schema's own description: "It is invalid to supply both." Metronome lets one of them win. */
	if (r->cmd != NULL && r->args.n > 0)
		gate_fault(
		    f, "/run",
		    "Either `cmd` or `args` must be supplied. It is invalid to supply both `cmd` and `args` in the "
		    "same job.");
	if (r->user != NULL) {
		struct gate_err why = GATE_ERR_INIT;

		if (gate_user_word_check(r->user, &why) < 0)
			gate_fault(f, "/run/user", "%s", why.text);
	}
	for (size_t i = 0; i < r->env.n; i++)
		if (r->env.at[i].key[0] == '\0' || strchr(r->env.at[i].key, '=') != NULL)
			gate_fault(f, "/run/env", "'%s' cannot be the name of a variable", r->env.at[i].key);
}

static const char no_pull[] = "a launch does not look again for an image that is kept: 'callgate image pull' does";

static void check_image(const struct gate_job_run *r, struct gate_faults *f)
{
	if (r->docker != NULL && r->docker->force_pull)
		gate_fault(f, "/run/docker/forcePullImage", "%s", no_pull);
	if (r->docker != NULL && r->docker->parameters.n > 0)
		gate_fault(f, "/run/docker/parameters", "there is no docker command line here that could take them");
	if (r->ucr == NULL || r->ucr->image == NULL)
		return;
	if (r->ucr->image->kind == 2)
		gate_fault(f, "/run/ucr/image/kind", "appc images are not run here: docker ones are");
	if (r->ucr->image->force_pull)
		gate_fault(f, "/run/ucr/image/forcePull", "%s", no_pull);
	if (r->ucr->image->id != NULL && r->ucr->image->id[0] == '\0')
		gate_fault(f, "/run/ucr/image/id", "an image has a name");
}

/* Mesos' rule of three states, with Marathon's texts: Metronome itself has no such member. */
static void check_seccomp(const struct gate_job_run *r, struct gate_faults *f)
{
	static const char path[] = "/run/linuxInfo/seccomp";
	const struct gate_job_seccomp *s = r->linux_info == NULL ? NULL : r->linux_info->seccomp;

	if (s == NULL)
		return;
	if (s->profile_name != NULL && s->unconfined)
		gate_fault(f, path, "Seccomp unconfined can NOT be true when Profile is defined");
	else if (s->profile_name == NULL && !s->unconfined)
		gate_fault(f, path, "Seccomp unconfined must be true when Profile is NOT defined");
	if (r->docker != NULL)
		gate_fault(
		    f, path,
		    "docker would hand the task to the Docker engine, which does not look at linuxInfo, and the setting "
		    "would be lost without a word; use ucr, which honours it");
}

/* --- what a cluster has and this host has not --- */
static void check_elsewhere(const struct gate_job_run *r, struct gate_faults *f)
{
	if (r->secrets != NULL && (r->secrets->kind != GATE_DOC_OBJECT || r->secrets->n_items > 0))
		gate_fault(f, "/run/secrets", "there is no secret store on this host");
	if (r->artifacts.n > 0)
		gate_fault(f, "/run/artifacts",
		           "nothing is fetched for a task here: put files into its image, or mount them as volumes");
	if (r->gpus > 0 && r->docker != NULL)
		gate_fault(f, "/run/gpus", "GPUs are not supported with Docker");
	else if (r->gpus > 0)
		gate_fault(f, "/run/gpus", "GPUs are not given to tasks here");
}

static bool path_ok(const char *path)
{
	if (path[0] != '/' || strlen(path) >= 4096)
		return false;
	for (const char *p = path; p != NULL; p = strchr(p + 1, '/'))
		if (strncmp(p, "/../", 4) == 0 || strcmp(p, "/..") == 0)
			return false;
	return true;
}

static void check_volume(const struct gate_job_volume *v, const struct gate_job_run *r, const char *path,
                         struct gate_faults *f)
{
	if (v->container_path == NULL)
		return;
	if (v->secret != NULL && r->docker != NULL)
		gate_fault(f, "/run/volumes", "File based secrets are only supported by UCR");
	else if (v->secret != NULL)
		gate_fault(f, path, "there is no secret store on this host");
	else if (v->host_path == NULL || v->mode == 0)
		gate_fault(
		    f, path,
		    "expected HostVolume or SecretVolume object: containerPath with hostPath and mode, or with secret");
	else if (!path_ok(v->host_path))
		gate_fault(f, path, "hostPath must be an absolute path without '..'");
	if (!path_ok(v->container_path) || strcmp(v->container_path, "/") == 0)
		gate_fault(f, path, "containerPath must be an absolute path without '..', and not '/'");
	else if (strcmp(v->container_path, "/proc") == 0 || strncmp(v->container_path, "/proc/", 6) == 0)
		gate_fault(f, path, "nothing can be mounted on '%s': /proc tells about the task itself",
		           v->container_path);
}

static void check_volumes(const struct gate_job_run *r, struct gate_faults *f)
{
	const struct gate_job_volume *v = r->volumes.at;
	char path[64];

	for (size_t i = 0; i < r->volumes.n; i++) {
		(void)snprintf(path, sizeof(path), "/run/volumes(%zu)", i);
		check_volume(&v[i], r, path, f);
		for (size_t k = 0; k < i && v[i].container_path != NULL; k++)
			if (v[k].container_path != NULL && strcmp(v[k].container_path, v[i].container_path) == 0)
				gate_fault(f, path, "two mounts on '%s'", v[i].container_path);
	}
}

/* Metronome's rules, then what there is: the host's network, and none (a container network by that name). */
static void check_networks(const struct gate_job_run *r, struct gate_faults *f)
{
	const struct gate_job_network *n = r->networks.at;
	bool contained = r->docker != NULL || r->ucr != NULL, mixed = false, other = false;
	char path[64];

	for (size_t i = 0; i < r->networks.n; i++) {
		mixed |= n[i].mode != n[0].mode;
		other |= n[i].mode != GATE_JOB_NET_CONTAINER;
	}
	if (mixed)
		gate_fault(
		    f, "/run/networks",
		    "You may not mix host, container, or container/bridge networking. Only define one kind of network.");
	if (other && r->networks.n > 1)
		gate_fault(f, "/run/networks", "Only one host or container/bridge network modes are allowed");
	for (size_t i = 0; i < r->networks.n; i++) {
		(void)snprintf(path, sizeof(path), "/run/networks(%zu)", i);
		if (n[i].mode == GATE_JOB_NET_HOST) {
			if (n[i].name != NULL)
				gate_fault(f, path, "name must be empty for host network");
			if (n[i].labels.n > 0)
				gate_fault(f, path, "labels must be empty for host network");
			continue;
		}
		if (!contained)
			gate_fault(f, "/run/networks", "Only containers may join container or bridge networks");
		if (n[i].mode == GATE_JOB_NET_BRIDGE)
			gate_fault(
			    f, path,
			    "there is no bridge on this host: host, or container with the name 'none' for no network");
		else if (n[i].mode == GATE_JOB_NET_CONTAINER && n[i].name == NULL)
			gate_fault(f, path, "name must not be empty for container networks");
		else if (n[i].mode == GATE_JOB_NET_CONTAINER && strcmp(n[i].name, "none") != 0)
			gate_fault(f, path,
			           "there is no network '%s' on this host: host, or container with the name 'none'",
			           n[i].name);
	}
}

/* As Marathon judges them: a field that the agent does not have satisfies UNLIKE alone. */
static void check_constraint(const struct gate_job_constraint *c, const struct gate_job_host *host, const char *path,
                             struct gate_faults *f)
{
	bool like = c->op >= 3, unlike = c->op == 4;
	const char *here;
	int found;

	if (c->attribute == NULL || c->op == 0)
		return;
	if (c->value == NULL || c->value[0] == '\0') {
		gate_fault(f, path, "a constraint of this kind needs a value");
		return;
	}
	here = gate_host_field(f->arena, host->hostname, host->attributes, c->attribute);
	if (here == NULL) {
		if (!unlike)
			gate_fault(f, path, "no host satisfies it: this one has no attribute '%s'", c->attribute);
		return;
	}
	found = like ? gate_simple_match(c->value, here) : gate_field_is(here, c->value);
	if (found < 0)
		gate_fault(
		    f, path,
		    "this regular expression is not judged here: literals, '.', '[…]', each with '*', '+' or '?', and '|' "
		    "outermost are");
	else if ((found == 1) == unlike && here == host->hostname)
		gate_fault(f, path, "the only host is '%s', which it excludes", here);
	else if ((found == 1) == unlike)
		gate_fault(f, path, "this one host has '%s' for '%s', which it excludes", here, c->attribute);
}

static void check_placement(const struct gate_job_run *r, const struct gate_job_host *host, struct gate_faults *f)
{
	const struct gate_job_constraint *c = r->placement == NULL ? NULL : r->placement->constraints.at;
	char path[64];

	for (size_t i = 0; c != NULL && i < r->placement->constraints.n; i++) {
		(void)snprintf(path, sizeof(path), "/run/placement/constraints(%zu)", i);
		check_constraint(&c[i], host, path, f);
	}
}

/* --- schedules --- */
static void check_schedule(struct gate_job_schedule *s, const struct gate_job_host *host, const char *path,
                           struct gate_faults *f)
{
	struct gate_err why = GATE_ERR_INIT;
	char at[96];

	if (s->id != NULL && !id_ok(s->id, false)) {
		(void)snprintf(at, sizeof(at), "%s/id", path);
		gate_fault(f, at, "'%.*s' does not match pattern '%s'.", GATE_JOB_ID_MAX, s->id, SCHEDULE_PATTERN);
	}
	if (s->cron != NULL && gate_cron_parse(s->cron, &s->when, &why) < 0) {
		(void)snprintf(at, sizeof(at), "%s/cron", path);
		gate_fault(f, at, "Can not read cron expression \"%.*s\": %s", GATE_CRON_TEXT_MAX, s->cron, why.text);
	} else if (s->cron != NULL) {
		s->cron = s->when.text;
	}
	s->zone = s->timezone != NULL && gate_zone_name_ok(s->timezone) ? host->zone(host->ctx, s->timezone) : NULL;
	if (s->timezone != NULL && s->zone == NULL) {
		(void)snprintf(at, sizeof(at), "%s/timezone", path);
		gate_fault(f, at, "No time zone found with this id: \"%.64s\"", s->timezone);
	}
	if (s->deadline_s > 0 && s->deadline_s < 60) {
		(void)snprintf(at, sizeof(at), "%s/startingDeadlineSeconds", path);
		gate_fault(f, at, "got %lld seconds, expected 1 minute or more", (long long)s->deadline_s);
	}
}

void gate_job_judge_schedule(struct gate_job_schedule *s, const struct gate_job_host *host, struct gate_faults *f)
{
	check_schedule(s, host, "", f);
}

static void check_schedules(struct gate_job *job, const struct gate_job_host *host, struct gate_faults *f)
{
	struct gate_job_schedule *s = job->schedules.at;
	char path[64];

	for (size_t i = 0; i < job->schedules.n; i++) {
		(void)snprintf(path, sizeof(path), "/schedules(%zu)", i);
		check_schedule(&s[i], host, path, f);
	}
	if (job->schedules.n > 1)
		gate_fault(f, "/schedules", "has size %zu, expected 1 or less", job->schedules.n);
	if (job->schedules.n > 0 && job->dependencies.n > 0)
		gate_fault(f, "/", "Jobs may not have both dependencies and schedules specified");
}

static void check_dependencies(const struct gate_job *job, struct gate_faults *f)
{
	char path[64];

	for (size_t i = 0; i < job->dependencies.n; i++) {
		const char *id = gate_job_dependency(job, i);

		(void)snprintf(path, sizeof(path), "/dependencies(%zu)/id", i);
		check_id(id, path, f);
		for (size_t k = 0; k < i && id != NULL; k++)
			if (gate_job_dependency(job, k) != NULL && strcmp(gate_job_dependency(job, k), id) == 0)
				gate_fault(f, "/dependencies", "has double entries");
	}
}

void gate_job_judge(struct gate_job *job, const struct gate_job_host *host, struct gate_faults *f)
{
	check_id(job->id, "/id", f);
	check_dependencies(job, f);
	check_schedules(job, host, f);
	if (job->run == NULL)
		return;
	check_command(job->run, f);
	check_image(job->run, f);
	check_seccomp(job->run, f);
	check_elsewhere(job->run, f);
	check_volumes(job->run, f);
	check_networks(job->run, f);
	if (!host->stored)
		check_placement(job->run, host, f);
}
