/* Jobs, runs and history as Metronome shows them. */
#include "metronome/parts.h"

static void put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void put_time(struct gate_json *j, const char *key, int64_t ms)
{
	char text[32];

	gate_job_time(ms, text);
	put(j, key, ms != 0 ? text : NULL);
}

static void put_number(struct gate_json *j, const char *key, int64_t n)
{
	gate_json_key(j, key);
	gate_json_i64(j, n);
}

/* Metronome has seven: what is killed still runs, and what was lost has failed. */
static const char *task_status(enum gate_state s)
{
	if (s == GATE_STATE_STAGING || s == GATE_STATE_STARTING || s == GATE_STATE_RUNNING ||
	    s == GATE_STATE_FINISHED || s == GATE_STATE_KILLED)
		return gate_state_name(s);
	return gate_state_ended(s) ? "TASK_FAILED" : "TASK_RUNNING";
}

static void show_task(const struct metro_task *t, struct gate_json *out)
{
	gate_json_object(out);
	put(out, "id", t->id);
	put_time(out, "startedAt", t->started_ms);
	if (t->completed_ms != 0) /* left out in Metronome, too */
		put_time(out, "completedAt", t->completed_ms);
	put(out, "status", task_status(t->state));
	gate_json_end(out, '}');
}

void metro_show_run(const struct metro_job *j, const struct metro_run *r, struct gate_json *out)
{
	gate_json_object(out);
	put(out, "id", r->id);
	put(out, "jobId", metro_id(j));
	put(out, "status", metro_status_name(r->status));
	put_time(out, "createdAt", r->created_ms);
	put_time(out, "completedAt", r->completed_ms);
	gate_json_key(out, "tasks");
	gate_json_array(out);
	for (const struct metro_task *t = r->tasks; t != NULL; t = t->next)
		show_task(t, out);
	gate_json_end(out, ']');
	gate_json_end(out, '}');
}

/* --- history --- */
static void show_counts(const struct metro_job *j, struct gate_json *out)
{
	put_number(out, "successCount", j->successes);
	put_number(out, "failureCount", j->failures);
	put_time(out, "lastSuccessAt", j->last_success_ms);
	put_time(out, "lastFailureAt", j->last_failure_ms);
}

static void show_finished(struct metro *m, const struct metro_job *j, bool good, struct gate_json *out)
{
	struct gate_db_rows q;

	gate_json_array(out);
	gate_db_query(
	    gate_agent_db(m->agent), &q,
	    "SELECT id, created_ms, finished_ms, tasks, failure FROM metronome_history WHERE job = ? AND good = ? "
	    "ORDER BY seq DESC LIMIT ?",
	    "tii", metro_id(j), (int64_t)good, (int64_t)METRO_HISTORY);
	while (gate_db_next(&q)) {
		const char *failure = gate_db_text(&q, 4);

		gate_json_object(out);
		put(out, "id", gate_db_text(&q, 0));
		put_time(out, "createdAt", gate_db_int(&q, 1));
		put_time(out, "finishedAt", gate_db_int(&q, 2));
		gate_json_key(out, "tasks");
		gate_json_raw(out, gate_db_text(&q, 3));
		if (failure != NULL) { /* ours: why */
			gate_json_key(out, "failure");
			gate_json_raw(out, failure);
		}
		gate_json_end(out, '}');
	}
	gate_json_end(out, ']');
}

static void show_history(struct metro *m, const struct metro_job *j, struct gate_json *out)
{
	gate_json_object(out);
	show_counts(j, out);
	gate_json_key(out, "successfulFinishedRuns");
	show_finished(m, j, true, out);
	gate_json_key(out, "failedFinishedRuns");
	show_finished(m, j, false, out);
	gate_json_end(out, '}');
}

char *metro_failure_text(const struct gate_agent_task *t, const char *message)
{
	struct gate_buf text = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &text, 0);
	gate_json_object(&j);
	put(&j, "message", message);
	if (t != NULL) {
		put(&j, "taskId", t->id);
		put(&j, "state", gate_state_name(t->state));
		put(&j, "reason", t->cause != GATE_CAUSE_NONE ? gate_cause_name(t->cause) : NULL);
		put(&j, "profile", t->profile[0] != '\0' ? t->profile : NULL);
		gate_json_key(&j, "unconfined");
		gate_json_bool(&j, t->unconfined);
		gate_json_key(&j, "denials");
		gate_json_raw(&j, t->denials != NULL ? t->denials : "[]");
	}
	gate_json_end(&j, '}');
	return gate_buf_take(&text);
}

/* --- a job --- */
void metro_show_job(struct metro *m, const struct metro_job *j, unsigned embed, struct gate_json *out)
{
	const struct gate_job *job = j->spec->job;

	gate_json_object(out);
	gate_job_members(job, out);
	/* As the newest Metronome, which shows them asked or not. */
	gate_json_key(out, "schedules");
	gate_json_array(out);
	for (size_t i = 0; i < job->schedules.n; i++)
		gate_job_schedule_write(gate_job_schedule_of(job) + i, gate_agent_wall(m->agent) / 1000, out);
	gate_json_end(out, ']');
	if ((embed & METRO_EMBED_RUNS) != 0) {
		gate_json_key(out, "activeRuns");
		gate_json_array(out);
		for (const struct metro_run *r = j->runs; r != NULL; r = r->next)
			metro_show_run(j, r, out);
		gate_json_end(out, ']');
	}
	if ((embed & METRO_EMBED_HISTORY) != 0) {
		gate_json_key(out, "history");
		show_history(m, j, out);
	}
	if ((embed & METRO_EMBED_SUMMARY) != 0) {
		gate_json_key(out, "historySummary");
		gate_json_object(out);
		show_counts(j, out);
		gate_json_end(out, '}');
	}
	gate_json_end(out, '}');
}
