/* When jobs run by themselves, and the zones in which that is said. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metronome/parts.h"

/* The wall clock may be set meanwhile: looked at that often at least. */
#define LOOK_MS 15000

/* --- zones --- */
static ssize_t slurp(const char *path, uint8_t *bytes, size_t size)
{
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size <= size)
		n = read(fd, bytes, size);
	(void)close(fd);
	return n;
}

static const struct gate_zone *add_zone(struct metro *m, const char *name)
{
	GATE_AUTOFREE uint8_t *bytes = malloc(GATE_ZONE_BYTES_MAX);
	struct metro_zone *z = calloc(1, sizeof(*z) + strlen(name) + 1);
	char path[128];
	ssize_t n = -1;

	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	if (bytes != NULL && z != NULL)
		n = slurp(path, bytes, GATE_ZONE_BYTES_MAX);
	if (n <= 0 || gate_zone_read(bytes, (size_t)n, &z->zone, NULL) < 0) {
		free(z);
		return NULL;
	}
	(void)strcpy(z->name, name);
	z->next = m->zones;
	m->zones = z;
	return z->zone;
}

const struct gate_zone *metro_zone(void *ctx, const char *name)
{
	struct metro *m = ctx;

	if (strcmp(name, "UTC") == 0) /* also where there is no tzdata */
		return gate_zone_utc();
	if (!gate_zone_name_ok(name))
		return NULL;
	for (struct metro_zone *z = m->zones; z != NULL; z = z->next)
		if (strcmp(z->name, name) == 0)
			return z->zone;
	return add_zone(m, name);
}

void metro_zones_free(struct metro *m)
{
	while (m->zones != NULL) {
		struct metro_zone *z = m->zones;

		m->zones = z->next;
		gate_zone_free(z->zone);
		free(z);
	}
}

/* --- moments --- */
static const struct gate_job_schedule *enabled(const struct metro_job *j)
{
	const struct gate_job_schedule *s = gate_job_schedule_of(j->spec->job);

	return s != NULL && s->enabled ? s : NULL;
}

void metro_plan(struct metro *m, struct metro_job *j)
{
	const struct gate_job_schedule *s = enabled(j);
	int64_t wall = gate_agent_wall(m->agent), at;

	j->planned_ms = wall;
	j->next_ms = 0;
	if (s != NULL)
		j->next_ms = gate_cron_next(&s->when, s->zone, wall / 1000, &at) ? at * 1000 : INT64_MAX;
	gate_agent_wake(m->agent, m, gate_agent_now(m->agent));
}

/* Of the moments that have come since the last look, one that is within the deadline: *at. They are one run together. */
static bool still_valid(const struct metro_job *j, const struct gate_job_schedule *s, int64_t wall, int64_t *at)
{
	int64_t from = j->next_ms / 1000, oldest = wall / 1000 - s->deadline_s;

	if (oldest > from)
		from = oldest;
	return gate_cron_next(&s->when, s->zone, from - 1, at) && *at <= wall / 1000;
}

/* Also tasks of runs that were stopped and have not ended yet. */
static bool runs_now(struct metro *m, const struct metro_job *j)
{
	if (j->runs != NULL)
		return true;
	for (const struct gate_agent_task *t = gate_tasks_first(m->agent); t != NULL; t = t->next)
		if (t->owner == GATE_OWNER_METRONOME && !gate_state_ended(t->state) &&
		    strcmp(t->owner_id, metro_id(j)) == 0)
			return true;
	return false;
}

static void schedule_work(struct metro *m, struct metro_job *j, int64_t wall, int64_t *next_ms)
{
	const struct gate_job_schedule *s = enabled(j);
	int64_t at;

	if (s == NULL)
		return;
	if (j->next_ms == 0 || wall + METRO_BACK_MS < j->planned_ms) {
		metro_plan(m, j);
		metro_save_job(m, j);
	} else if (j->next_ms <= wall) {
		if (!still_valid(j, s, wall, &at))
			gate_metric_add(m->agent, "callgate/job_runs_missed", 1);
		else if (s->concurrency == GATE_JOB_FORBID && runs_now(m, j))
			gate_metric_add(m->agent, "callgate/job_runs_forbidden", 1);
		else
			metro_start_or_fail(m, j, (at + s->deadline_s) * 1000);
		metro_plan(m, j);
		metro_save_job(m, j);
	}
	if (j->next_ms < *next_ms)
		*next_ms = j->next_ms;
}

void metro_tick(void *self)
{
	struct metro *m = self;
	int64_t wall = gate_agent_wall(m->agent), next = INT64_MAX, wait;

	for (struct metro_job *j = m->jobs; j != NULL; j = j->next) {
		metro_run_work(m, j, wall, &next);
		schedule_work(m, j, wall, &next);
	}
	metro_dependents_work(m);
	if (next == INT64_MAX)
		return;
	wait = next <= wall ? 0 : next - wall;
	gate_agent_wake(m->agent, m, gate_agent_now(m->agent) + (wait < LOOK_MS ? wait : LOOK_MS));
}
