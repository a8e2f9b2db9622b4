/* Metronome's definitions: in, out, and with other schedules. */
#include <stdio.h>

#include "spec/metronome_parts.h"

void gate_job_free(struct gate_job *job)
{
	if (job == NULL)
		return;
	struct gate_arena arena = job->arena; /* the job itself lies in it */

	gate_arena_done(&arena);
}

static struct gate_job *make(void)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_job *job = gate_arena_alloc(&arena, sizeof(*job));

	if (job != NULL)
		job->arena = arena;
	return job;
}

/* Metronome's default where the object was not said: a run is never without. */
static bool settle(struct gate_job *job)
{
	struct gate_job_run *r = job->run;
	struct gate_job_restart *restart;

	if (r == NULL)
		return true;
	if (r->restart == NULL) {
		restart = gate_arena_alloc(&job->arena, sizeof(*restart));
		if (restart == NULL)
			return false;
		*restart = (struct gate_job_restart){ .policy = GATE_JOB_NEVER, .deadline_s = -1 };
		restart->said = 1; /* policy */
		r->restart = restart;
		r->said |= gate_schema_bit(&gate_job_run_schema, "restart");
	} else if ((r->restart->said & 2) == 0) {
		r->restart->deadline_s = -1;
	}
	if (r->placement == NULL) {
		r->placement = gate_arena_alloc(&job->arena, sizeof(*r->placement));
		if (r->placement == NULL)
			return false;
		r->said |= gate_schema_bit(&gate_job_run_schema, "placement");
	}
	return true;
}

int gate_job_read(const struct gate_doc *body, const char *id, const struct gate_job_host *host, struct gate_faults *f,
                  struct gate_job **ret, struct gate_err *err)
{
	GATE_AUTO(gate_job_freep) struct gate_job *job = make();

	f->schema = true;
	if (job == NULL || gate_schema_read(&gate_job_schema, body, "", true, &job->arena, job, f) < 0)
		return GATE_FAIL_NOMEM(err);
	if (id != NULL) {
		job->id = gate_arena_text(&job->arena, id, strlen(id));
		if (job->id == NULL)
			return GATE_FAIL_NOMEM(err);
	}
	gate_job_judge(job, host, f);
	if (f->n > 0)
		return gate_faults_fail(f, err);
	if (!settle(job))
		return GATE_FAIL_NOMEM(err);
	job->run->secrets = NULL; /* of the body, which may go */
	*ret = GATE_TAKE(&job);
	return 0;
}

int gate_job_load(const char *json, size_t len, const struct gate_job_host *host, struct gate_job **ret,
                  struct gate_err *err)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *doc;
	struct gate_faults f;
	int done = -1;

	gate_faults_init(&f, &arena);
	if (gate_doc_read(&arena, json, len, &doc, err) == 0)
		done = gate_job_read(doc, NULL, host, &f, ret, err);
	gate_faults_done(&f);
	gate_arena_done(&arena);
	return done;
}

/* --- out --- */
void gate_job_time(int64_t ms, char text[32])
{
	int64_t day = ms / 86400000 - (ms % 86400000 < 0), rest = ms - day * 86400000;
	struct gate_day d = gate_day_of(day);

	/* The remainders change nothing for the years that a clock shows: they tell the compiler that it fits. */
	(void)snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03u+0000", (unsigned)d.year % 10000,
	               (unsigned)d.month % 100, (unsigned)d.day % 100, (unsigned)(rest / 3600000) % 100,
	               (unsigned)(rest / 60000) % 60, (unsigned)(rest / 1000) % 60, (unsigned)rest % 1000);
}

void gate_job_members(const struct gate_job *job, struct gate_json *j)
{
	gate_schema_write(&gate_job_member_schema, job, j);
}

void gate_job_schedule_write(const struct gate_job_schedule *s, int64_t now_s, struct gate_json *j)
{
	char text[32];
	int64_t at;

	gate_json_object(j);
	gate_schema_write(&gate_job_schedule_schema, s, j);
	if (now_s >= 0 && gate_cron_next(&s->when, s->zone, now_s, &at)) {
		gate_job_time(at * 1000, text);
		gate_json_key(j, "nextRunAt");
		gate_json_text(j, text);
	}
	gate_json_end(j, '}');
}

void gate_job_write(const struct gate_job *job, struct gate_json *j)
{
	gate_json_object(j);
	gate_job_members(job, j);
	gate_json_key(j, "schedules");
	gate_json_array(j);
	for (size_t i = 0; i < job->schedules.n; i++)
		gate_job_schedule_write(gate_job_schedule_of(job) + i, -1, j);
	gate_json_end(j, ']');
	gate_json_end(j, '}');
}

/* --- with other schedules --- */
static int again(struct gate_buf *text, const struct gate_job_host *host, struct gate_job **ret, struct gate_err *err)
{
	if (text->failed)
		return GATE_FAIL_NOMEM(err);
	return gate_job_load(text->data, text->len, host, ret, err);
}

int gate_job_with_schedules_of(const struct gate_job *job, const struct gate_job *other,
                               const struct gate_job_host *host, struct gate_job **ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &text, 0);
	gate_json_object(&j);
	gate_job_members(job, &j);
	gate_json_key(&j, "schedules");
	gate_json_array(&j);
	for (size_t i = 0; other != NULL && i < other->schedules.n; i++)
		gate_job_schedule_write(gate_job_schedule_of(other) + i, -1, &j);
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
	return again(&text, host, ret, err);
}

int gate_job_with_schedule(const struct gate_job *job, const struct gate_doc *schedule, const char *id,
                           const struct gate_job_host *host, struct gate_faults *f, struct gate_job **ret,
                           struct gate_err *err)
{
	GATE_AUTO(gate_job_freep) struct gate_job *only = make();
	struct gate_job_schedule *s;

	f->schema = true;
	s = only == NULL ? NULL : gate_arena_alloc(&only->arena, sizeof(*s));
	if (s == NULL || gate_schema_read(&gate_job_schedule_schema, schedule, "", true, &only->arena, s, f) < 0)
		return GATE_FAIL_NOMEM(err);
	if (id != NULL)
		s->id = id;
	/* Judged alone, so that paths begin at the schedule. */
	gate_job_judge_schedule(s, host, f);
	if (job->dependencies.n > 0)
		gate_fault(f, "/", "Jobs may not have both dependencies and schedules specified");
	if (f->n > 0)
		return gate_faults_fail(f, err);
	only->schedules = (struct gate_objects){ s, 1 };
	return gate_job_with_schedules_of(job, only, host, ret, err);
}
