/* Jobs, runs and tasks in memory. */
#include "metronome/parts.h"

const char *metro_status_name(enum metro_status s)
{
	static const char *const names[] = { "INITIAL", "STARTING", "ACTIVE", "SUCCESS", "FAILED" };

	return names[s];
}

struct metro_spec *metro_spec_new(struct gate_job *job)
{
	GATE_AUTO(gate_job_freep) struct gate_job *mine = job;
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct metro_spec *s = calloc(1, sizeof(*s));
	struct gate_json j;

	gate_json_init(&j, &text, 0);
	gate_job_write(job, &j);
	if (s == NULL || (s->json = gate_buf_take(&text)) == NULL) {
		free(s);
		return NULL;
	}
	s->refs = 1;
	s->job = GATE_TAKE(&mine);
	return s;
}

void metro_spec_drop(struct metro_spec *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	gate_job_free(s->job);
	free(s->json);
	free(s);
}

struct metro_job *metro_find(struct metro *m, const char *id)
{
	for (struct metro_job *j = m->jobs; j != NULL; j = j->next)
		if (strcmp(metro_id(j), id) == 0)
			return j;
	return NULL;
}

struct metro_run *metro_find_run(struct metro_job *j, const char *id)
{
	for (struct metro_run *r = j->runs; r != NULL; r = r->next)
		if (strcmp(r->id, id) == 0)
			return r;
	return NULL;
}

struct metro_job *metro_job_new(struct metro *m, struct metro_spec *spec)
{
	struct metro_job *j = spec == NULL ? NULL : calloc(1, sizeof(*j)), **at = &m->jobs;

	if (j == NULL) {
		metro_spec_drop(spec);
		return NULL;
	}
	j->spec = spec;
	j->last = &j->runs;
	while (*at != NULL && strcmp(metro_id(*at), metro_id(j)) < 0)
		at = &(*at)->next;
	j->next = *at;
	*at = j;
	return j;
}

struct metro_run *metro_run_new(struct metro_job *j, const char *id)
{
	struct metro_run *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->last = &r->tasks;
	memcpy(r->id, id, strnlen(id, sizeof(r->id) - 1));
	*j->last = r;
	j->last = &r->next;
	return r;
}

struct metro_task *metro_task_new(struct metro_run *r, const char *id)
{
	size_t len = strlen(id) + 1;
	struct metro_task *t = calloc(1, sizeof(*t) + len);

	if (t == NULL)
		return NULL;
	memcpy(t->id, id, len);
	t->state = GATE_STATE_STAGING;
	*r->last = t;
	r->last = &t->next;
	return t;
}

static void run_free(struct metro_run *r)
{
	while (r->tasks != NULL) {
		struct metro_task *t = r->tasks;

		r->tasks = t->next;
		free(t);
	}
	metro_spec_drop(r->spec);
	free(r->client);
	free(r);
}

void metro_run_unlink(struct metro_job *j, struct metro_run *r)
{
	struct metro_run **at = &j->runs;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (j->last == &r->next)
		j->last = at;
	run_free(r);
}

void metro_job_unlink(struct metro *m, struct metro_job *j)
{
	struct metro_job **at = &m->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	while (j->runs != NULL) {
		struct metro_run *r = j->runs;

		j->runs = r->next;
		run_free(r);
	}
	metro_spec_drop(j->spec);
	free(j->client);
	free(j);
}

void metro_clear(struct metro *m)
{
	while (m->jobs != NULL)
		metro_job_unlink(m, m->jobs);
}
