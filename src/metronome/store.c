/* Rows: each job, active run and task of one; history only here. */
#include "metronome/parts.h"

/* --- out --- */
void metro_save_job(struct metro *m, const struct metro_job *j)
{
	gate_db_run(
	    gate_agent_db(m->agent),
	    "INSERT OR REPLACE INTO metronome_jobs (id, spec, rights, client, successes, failures, last_success_ms, "
	    "last_failure_ms, started, ended, ended_well, next_ms, planned_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	    "ttitiiiiiiiii", metro_id(j), j->spec->json, (int64_t)j->rights, j->client, j->successes, j->failures,
	    j->last_success_ms, j->last_failure_ms, j->started, j->ended, (int64_t)j->ended_well, j->next_ms,
	    j->planned_ms);
}

void metro_save_run(struct metro *m, const struct metro_job *j, const struct metro_run *r)
{
	gate_db_run(
	    gate_agent_db(m->agent),
	    "INSERT OR REPLACE INTO metronome_runs (job, id, status, spec, rights, client, created_ms, deadline_ms, "
	    "relaunch_ms, quick) VALUES (?,?,?,?,?,?,?,?,?,?)",
	    "ttititiiii", metro_id(j), r->id, (int64_t)r->status, r->spec->json, (int64_t)r->rights, r->client,
	    r->created_ms, r->deadline_ms, r->relaunch_ms, r->quick);
}

void metro_save_task(struct metro *m, const struct metro_job *j, const struct metro_run *r, const struct metro_task *t)
{
	gate_db_run(gate_agent_db(m->agent),
	            "INSERT INTO metronome_tasks (id, job, run, state, started_ms, completed_ms) VALUES (?,?,?,?,?,?) "
	            "ON CONFLICT (id) DO UPDATE SET state = excluded.state, started_ms = excluded.started_ms, "
	            "completed_ms = excluded.completed_ms",
	            "tttiii", t->id, metro_id(j), r->id, (int64_t)t->state, t->started_ms, t->completed_ms);
}

void metro_delete_run(struct metro *m, const struct metro_job *j, const struct metro_run *r)
{
	struct gate_db *db = gate_agent_db(m->agent);

	gate_db_run(db, "DELETE FROM metronome_tasks WHERE job = ? AND run = ?", "tt", metro_id(j), r->id);
	gate_db_run(db, "DELETE FROM metronome_runs WHERE job = ? AND id = ?", "tt", metro_id(j), r->id);
}

void metro_delete_job(struct metro *m, const char *id)
{
	struct gate_db *db = gate_agent_db(m->agent);

	gate_db_run(db, "DELETE FROM metronome_history WHERE job = ?", "t", id);
	gate_db_run(db, "DELETE FROM metronome_tasks WHERE job = ?", "t", id);
	gate_db_run(db, "DELETE FROM metronome_runs WHERE job = ?", "t", id);
	gate_db_run(db, "DELETE FROM metronome_jobs WHERE id = ?", "t", id);
}

void metro_save_history(struct metro *m, const struct metro_job *j, const struct metro_run *r, bool good,
                        const char *failure)
{
	GATE_AUTO(gate_buf_done) struct gate_buf tasks = GATE_BUF_INIT;
	struct gate_db *db = gate_agent_db(m->agent);
	struct gate_json out;

	gate_json_init(&out, &tasks, 0);
	gate_json_array(&out);
	for (const struct metro_task *t = r->tasks; t != NULL; t = t->next)
		gate_json_text(&out, t->id);
	gate_json_end(&out, ']');
	gate_db_run(
	    db,
	    "INSERT INTO metronome_history (job, id, good, created_ms, finished_ms, tasks, failure) VALUES (?,?,?,?,?,?,?)",
	    "ttiiitt", metro_id(j), r->id, (int64_t)good, r->created_ms, r->completed_ms,
	    tasks.failed ? "[]" : tasks.data, failure);
	gate_db_run(
	    db,
	    "DELETE FROM metronome_history WHERE job = ?1 AND good = ?2 AND seq <= (SELECT seq FROM metronome_history "
	    "WHERE job = ?1 AND good = ?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
	    "tii", metro_id(j), (int64_t)good, (int64_t)METRO_HISTORY);
}

/* --- in --- */
static struct metro_spec *read_spec(struct metro *m, const char *json, struct gate_err *err)
{
	struct gate_job_host host = m->host;
	struct gate_job *job;
	struct metro_spec *s;

	host.stored = true;
	if (json == NULL)
		return (void)GATE_FAIL(err, GATE_E_PROTO, "it has no definition"), NULL;
	if (gate_job_load(json, strlen(json), &host, &job, err) < 0)
		return NULL;
	s = metro_spec_new(job);
	if (s == NULL)
		gate_err_set(err, GATE_E_NOMEM, 0, "out of memory");
	return s;
}

/* A row that cannot be read ends a strict start. Otherwise it stays where it is, and nothing is done for it. */
static int damaged(struct metro *m, const char *what, const char *id, struct gate_err *why, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf line = GATE_BUF_INIT;
	const struct gate_world *w = gate_agent_world(m->agent);

	if (gate_agent_config(m->agent)->strict || why->code == GATE_E_NOMEM)
		return GATE_FAIL(err, why->code, "the row of %s '%.200s' cannot be read: %s", what,
		                 id != NULL ? id : "", why->text);
	gate_metric_add(m->agent, "slave/recovery_errors", 1);
	gate_buf_printf(&line, "the row of %s '", what);
	gate_buf_escaped(&line, id != NULL ? id : "", id != NULL ? strlen(id) : 0);
	gate_buf_printf(&line, "' cannot be read and is left alone: %s", why->text);
	if (w->log != NULL && line.data != NULL)
		w->log(w->ctx, line.data);
	return 0;
}

static int load_job(struct metro *m, struct gate_db_rows *q, struct gate_err *err)
{
	struct gate_err why = GATE_ERR_INIT;
	const char *id = gate_db_text(q, 0);
	struct metro_spec *s = read_spec(m, gate_db_text(q, 1), &why);
	struct metro_job *j;

	if (s != NULL && (id == NULL || strcmp(s->job->id, id) != 0)) {
		metro_spec_drop(s);
		s = NULL;
		gate_err_set(&why, GATE_E_PROTO, 0, "its definition is another job's");
	}
	if (s == NULL)
		return damaged(m, "job", id, &why, err);
	j = metro_job_new(m, s);
	if (j == NULL)
		return GATE_FAIL_NOMEM(err);
	j->rights = (uint32_t)gate_db_int(q, 2) & GATE_RIGHT_ALL;
	j->client = strdup(gate_db_text(q, 3) != NULL ? gate_db_text(q, 3) : "");
	j->successes = gate_db_int(q, 4);
	j->failures = gate_db_int(q, 5);
	j->last_success_ms = gate_db_int(q, 6);
	j->last_failure_ms = gate_db_int(q, 7);
	j->started = gate_db_int(q, 8);
	j->ended = gate_db_int(q, 9);
	j->ended_well = gate_db_int(q, 10) != 0;
	j->next_ms = gate_db_int(q, 11);
	j->planned_ms = gate_db_int(q, 12);
	if (j->started > m->order)
		m->order = j->started;
	if (j->ended > m->order)
		m->order = j->ended;
	return j->client != NULL ? 0 : GATE_FAIL_NOMEM(err);
}

static int load_run(struct metro *m, struct gate_db_rows *q, struct gate_err *err)
{
	const char *job = gate_db_text(q, 0), *id = gate_db_text(q, 1), *json = gate_db_text(q, 3);
	struct metro_job *j = job == NULL ? NULL : metro_find(m, job);
	struct gate_err why = GATE_ERR_INIT;
	struct metro_spec *s = NULL;
	struct metro_run *r;

	if (j != NULL && json != NULL && strcmp(j->spec->json, json) == 0) {
		s = j->spec;
		s->refs++;
	} else if (j != NULL) {
		s = read_spec(m, json, &why);
	} else {
		gate_err_set(&why, GATE_E_PROTO, 0, "there is no such job");
	}
	if (s == NULL || id == NULL || strlen(id) >= sizeof(r->id) || gate_db_int(q, 2) < METRO_INITIAL ||
	    gate_db_int(q, 2) > METRO_ACTIVE) {
		metro_spec_drop(s);
		gate_err_set(&why, GATE_E_PROTO, 0, "it is none");
		return damaged(m, "a run of job", job, &why, err);
	}
	r = metro_run_new(j, id);
	if (r == NULL) {
		metro_spec_drop(s);
		return GATE_FAIL_NOMEM(err);
	}
	r->spec = s;
	r->status = (enum metro_status)gate_db_int(q, 2);
	r->rights = (uint32_t)gate_db_int(q, 4) & GATE_RIGHT_ALL;
	r->client = strdup(gate_db_text(q, 5) != NULL ? gate_db_text(q, 5) : "");
	r->created_ms = gate_db_int(q, 6);
	r->deadline_ms = gate_db_int(q, 7);
	r->relaunch_ms = gate_db_int(q, 8);
	r->quick = gate_db_int(q, 9);
	return r->client != NULL ? 0 : GATE_FAIL_NOMEM(err);
}

static int load_task(struct metro *m, struct gate_db_rows *q, struct gate_err *err)
{
	const char *id = gate_db_text(q, 0), *job = gate_db_text(q, 1), *run = gate_db_text(q, 2);
	struct metro_job *j = job == NULL ? NULL : metro_find(m, job);
	struct metro_run *r = j == NULL || run == NULL ? NULL : metro_find_run(j, run);
	struct metro_task *t;

	if (r == NULL || id == NULL)
		return 0; /* of a row that was damaged */
	t = metro_task_new(r, id);
	if (t == NULL)
		return GATE_FAIL_NOMEM(err);
	t->state = gate_db_int(q, 3) >= 0 && gate_db_int(q, 3) <= GATE_STATE_UNKNOWN
	               ? (enum gate_state)gate_db_int(q, 3)
	               : GATE_STATE_UNKNOWN;
	t->started_ms = gate_db_int(q, 4);
	t->completed_ms = gate_db_int(q, 5);
	return 0;
}

typedef int load_fn(struct metro *m, struct gate_db_rows *q, struct gate_err *err);

static int load_all(struct metro *m, const char *sql, load_fn *fn, struct gate_err *err)
{
	struct gate_db *db = gate_agent_db(m->agent);
	struct gate_db_rows q;

	gate_db_query(db, &q, sql, "");
	while (gate_db_next(&q))
		if (fn(m, &q, err) < 0) {
			gate_db_end(&q);
			return -1;
		}
	return gate_db_trouble(db, err);
}

int metro_load(void *self, struct gate_agent *a, struct gate_err *err)
{
	struct metro *m = self;

	metro_clear(m);
	m->order = 0;
	m->look = true;
	if (load_all(
		m,
		"SELECT id, spec, rights, client, successes, failures, last_success_ms, last_failure_ms, started, ended, "
		"ended_well, next_ms, planned_ms FROM metronome_jobs ORDER BY id DESC",
		load_job, err) < 0 ||
	    load_all(
		m,
		"SELECT job, id, status, spec, rights, client, created_ms, deadline_ms, relaunch_ms, quick FROM metronome_runs "
		"ORDER BY created_ms, id",
		load_run, err) < 0 ||
	    load_all(m, "SELECT id, job, run, state, started_ms, completed_ms FROM metronome_tasks ORDER BY seq",
	             load_task, err) < 0)
		return -1;
	/* What could not be written is tried again, but not at once. */
	gate_agent_wake(a, m, gate_agent_now(a) + 1000);
	return 0;
}
