/* Metronome's calls. What changes something is one transaction; the answer is made from what has been written. */
#include <stdio.h>

#include "metronome/rest.h"

/* --- answers --- */
void metro_answer(struct gate_json *j, struct gate_http_answer *a, int status)
{
	a->status = status;
	gate_json_init(j, &a->body, 0);
}

/* {"id":…,"message":"Job not found"} */
void metro_unknown(struct metro_call *c, const char *key, const char *id, const char *message)
{
	struct gate_json j;

	metro_answer(&j, c->answer, 404);
	gate_json_object(&j);
	if (strcmp(key, "jobSpec") == 0) {
		metro_put(&j, "jobSpec", c->id);
		metro_put(&j, "id", id);
	} else {
		metro_put(&j, key, id);
	}
	metro_put(&j, "message", message);
	gate_json_end(&j, '}');
}

static void no_route(struct metro_call *c)
{
	struct gate_json j;

	metro_answer(&j, c->answer, 404);
	gate_json_object(&j);
	metro_put(&j, "message", "Unknown route.");
	metro_put(&j, "requestPath", c->r->path);
	gate_json_end(&j, '}');
}

static void bad_request(struct metro_call *c, const char *message)
{
	struct gate_json j;

	metro_answer(&j, c->answer, 400);
	gate_json_object(&j);
	metro_put(&j, "message", message);
	metro_put(&j, "requestPath", c->r->path);
	gate_json_end(&j, '}');
}

bool metro_known(struct metro_call *c)
{
	c->job = metro_find(c->m, c->id);
	if (c->job == NULL)
		metro_unknown(c, "id", c->id, "Job not found");
	return c->job != NULL;
}

/* --- bodies --- */
struct body {
	struct gate_arena arena;
	const struct gate_doc *doc;
	struct gate_faults faults;
};

static bool open_body(struct metro_call *c, struct body *b)
{
	struct gate_err err = GATE_ERR_INIT;

	*b = (struct body){ .arena = GATE_ARENA_INIT };
	gate_faults_init(&b->faults, &b->arena);
	if (gate_doc_read(&b->arena, c->r->body, c->r->body_len, &b->doc, &err) == 0)
		return true;
	if (err.code == GATE_E_SYNTAX)
		gate_http_say(c->answer, 400, "Invalid JSON: line %u, column %u: %s", err.line, err.column, err.text);
	else
		gate_http_fail(c->answer, &err);
	return false;
}

static void close_body(struct body *b)
{
	gate_faults_done(&b->faults);
	gate_arena_done(&b->arena);
}

/* 422 with every fault, or what else went wrong. */
static void refuse(struct metro_call *c, const struct gate_faults *f, const struct gate_err *err)
{
	if (f->n == 0 || err->code != GATE_E_INVALID) {
		gate_http_fail(c->answer, err);
		return;
	}
	c->answer->status = 422;
	gate_faults_write(f, &c->answer->body);
}

/* --- what a definition must not do --- */
static bool may(struct metro_call *c, const struct gate_job *job)
{
	const struct gate_job_linux *l = job->run->linux_info;
	const struct gate_config *config = gate_agent_config(c->m->agent);
	const struct gate_job_launch launch = {
		.task_id = "", .run_id = "", .isolation = config->isolation, .cfs = config->cfs
	};
	struct gate_err err = GATE_ERR_INIT;
	uint32_t rights = c->r->peer->rights;
	struct gate_task t;

	/* What cannot be a task here is said by its run. */
	gate_task_init(&t);
	if (gate_job_task(job, &launch, &t, NULL) == 0)
		(void)gate_right_host(rights, &t, &err);
	gate_task_done(&t);
	if (err.code != GATE_OK)
		gate_http_say(c->answer, 403, "Not authorized: %s", err.text);
	else if (l != NULL && l->seccomp != NULL && l->seccomp->unconfined && (rights & GATE_RIGHT_UNCONFINED) == 0)
		gate_http_say(c->answer, 403, "Not authorized: tasks without a filter need the right 'unconfined'");
	else
		return true;
	return false;
}

/* Is there a way along dependencies from `from` to `to`? `depth` bounds what damaged rows could do. */
static bool leads(struct metro *m, const char *from, const char *to, size_t depth)
{
	const struct metro_job *j = metro_find(m, from);

	if (strcmp(from, to) == 0)
		return true;
	for (size_t i = 0; j != NULL && depth > 0 && i < j->spec->job->dependencies.n; i++)
		if (leads(m, gate_job_dependency(j->spec->job, i), to, depth - 1))
			return true;
	return false;
}

static bool dependencies_ok(struct metro_call *c, const struct gate_job *job)
{
	GATE_AUTO(gate_buf_done) struct gate_buf names = GATE_BUF_INIT;
	bool circle = false;

	for (size_t i = 0; i < job->dependencies.n; i++) {
		const char *id = gate_job_dependency(job, i);

		if (metro_find(c->m, id) == NULL && strcmp(id, job->id) != 0)
			gate_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", id);
		else
			circle |= leads(c->m, id, job->id, 64);
	}
	if (names.len > 0)
		gate_http_say(c->answer, 422, "Dependencies contain unknown jobs. unknown=[%s]", names.data);
	else if (circle)
		gate_http_say(c->answer, 422, "Dependencies have a cycle.");
	return names.len == 0 && !circle;
}

/* --- jobs --- */
static bool read_job(struct metro_call *c, const char *id, struct gate_job **ret)
{
	struct gate_err err = GATE_ERR_INIT;
	struct body b;
	bool good = false;

	if (open_body(c, &b)) {
		good = gate_job_read(b.doc, id, &c->m->host, &b.faults, ret, &err) == 0;
		if (!good)
			refuse(c, &b.faults, &err);
	}
	close_body(&b);
	return good;
}

/* The definition that has been written is the answer. */
bool metro_commit(struct metro_call *c)
{
	struct gate_err err = GATE_ERR_INIT;

	if (gate_agent_commit(c->m->agent, &err) == 0)
		return true;
	gate_http_fail(c->answer, &err);
	return false;
}

static void nomem(struct metro_call *c)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)GATE_FAIL_NOMEM(&err);
	gate_agent_abort(c->m->agent);
	gate_http_fail(c->answer, &err);
}

static void show_spec(struct metro_call *c, int status)
{
	struct gate_json j;

	metro_answer(&j, c->answer, status);
	metro_show_job(c->m, metro_find(c->m, c->id), 0, &j);
}

static void create_job(struct metro_call *c)
{
	struct gate_job *job;
	struct metro_job *j;
	char client[80];

	if (!read_job(c, NULL, &job))
		return;
	(void)snprintf(c->id, sizeof(c->id), "%s", job->id);
	if (metro_find(c->m, job->id) != NULL)
		gate_http_say(c->answer, 409, "Job with this id already exists");
	if (c->answer->status != 0 || !may(c, job) || !dependencies_ok(c, job)) {
		gate_job_free(job);
		return;
	}
	gate_client_text(c->r->peer, client);
	gate_agent_begin(c->m->agent);
	j = metro_job_new(c->m, metro_spec_new(job));
	if (j == NULL || (j->client = strdup(client)) == NULL) {
		nomem(c);
		return;
	}
	j->rights = c->r->peer->rights;
	j->started = c->m->order; /* what ended before is no reason to run */
	metro_plan(c->m, j);
	metro_save_job(c->m, j);
	if (metro_commit(c))
		show_spec(c, 201);
}

static bool same_dependencies(const struct gate_job *a, const struct gate_job *b)
{
	bool same = a->dependencies.n == b->dependencies.n;

	for (size_t i = 0; same && i < a->dependencies.n; i++)
		same = strcmp(gate_job_dependency(a, i), gate_job_dependency(b, i)) == 0;
	return same;
}

/* The schedule's text; empty: it has none. */
static void schedule_text(const struct gate_job *job, struct gate_buf *out)
{
	struct gate_json j;

	gate_buf_puts(out, "");
	if (gate_job_schedule_of(job) == NULL)
		return;
	gate_json_init(&j, out, 0);
	gate_job_schedule_write(gate_job_schedule_of(job), -1, &j);
}

/* False also when memory is gone. */
static bool same_schedule(const struct gate_job *a, const struct gate_job *b)
{
	GATE_AUTO(gate_buf_done) struct gate_buf x = GATE_BUF_INIT;
	GATE_AUTO(gate_buf_done) struct gate_buf y = GATE_BUF_INIT;

	schedule_text(a, &x);
	schedule_text(b, &y);
	return !x.failed && !y.failed && strcmp(x.data, y.data) == 0;
}

/* Takes `job`. In a transaction of its own; true when it is on disk. */
static bool replace(struct metro_call *c, struct gate_job *job)
{
	struct metro_job *j = c->job;
	bool same = same_dependencies(job, j->spec->job), same_time = same_schedule(job, j->spec->job);
	struct metro_spec *s;
	char *client;
	char text[80];

	gate_client_text(c->r->peer, text);
	gate_agent_begin(c->m->agent);
	s = metro_spec_new(job);
	client = strdup(text);
	if (s == NULL || client == NULL) {
		metro_spec_drop(s);
		free(client);
		nomem(c);
		return false;
	}
	metro_spec_drop(j->spec); /* runs keep the one that they began with */
	j->spec = s;
	free(j->client);
	j->client = client;
	j->rights = c->r->peer->rights;
	if (!same)
		j->started = c->m->order;
	if (!same_time)
		metro_plan(c->m, j); /* else a moment that has come and was not looked at yet would be lost */
	metro_save_job(c->m, j);
	return metro_commit(c);
}

/* Metronome forgets what the body of PUT /v1/jobs/ID says about schedules. What GET showed may come back. */
static bool would_forget(struct metro_call *c, const struct gate_job *job)
{
	if (job->schedules.n == 0 || same_schedule(job, c->job->spec->job))
		return false;
	gate_http_say(
	    c->answer, 422,
	    "/schedules: PUT /v1/jobs/ID leaves schedules as they are; they are changed by /v1/jobs/ID/schedules or "
	    "PUT /v0/scheduled-jobs/ID");
	return true;
}

/* PUT /v1/jobs/ID keeps the schedules, PUT /v0/scheduled-jobs/ID sets them. */
static void update(struct metro_call *c, bool schedules)
{
	GATE_AUTO(gate_job_freep) struct gate_job *job = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_job *whole = NULL;

	if (!read_job(c, c->id, &job) || !metro_known(c) || !may(c, job) || !dependencies_ok(c, job))
		return;
	if (!schedules && would_forget(c, job))
		return;
	if (schedules)
		whole = GATE_TAKE(&job);
	else if (job->dependencies.n > 0 && c->job->spec->job->schedules.n > 0)
		gate_http_say(c->answer, 422, "Jobs may not have both dependencies and schedules specified");
	else if (gate_job_with_schedules_of(job, c->job->spec->job, &c->m->host, &whole, &err) < 0)
		gate_http_fail(c->answer, &err);
	if (whole != NULL && replace(c, whole))
		show_spec(c, 200);
}

static void update_job(struct metro_call *c)
{
	update(c, false);
}

static void update_scheduled_job(struct metro_call *c)
{
	update(c, true);
}

static unsigned embeds(struct metro_call *c, bool *bad)
{
	static const char *const names[] = { "activeRuns", "schedules", "history", "historySummary" };
	unsigned bits = 0;

	for (const char *v = gate_http_query(c->r, "embed"); v != NULL; v = gate_http_query_next(c->r, "embed", v))
		for (const char *p = v; *p != '\0'; p += *p == ',') {
			size_t len = strcspn(p, ","), i = 0;

			while (i < GATE_ARRAY_LEN(names) && (strlen(names[i]) != len || memcmp(names[i], p, len) != 0))
				i++;
			*bad |= i == GATE_ARRAY_LEN(names);
			bits |= 1U << i;
			p += len;
		}
	if (*bad)
		bad_request(c,
		            "Unknown embed options. Valid options are: activeRuns, schedules, history, historySummary");
	return bits;
}

static void list_jobs(struct metro_call *c)
{
	bool bad = false;
	unsigned embed = embeds(c, &bad);
	struct gate_json j;

	if (bad)
		return;
	metro_answer(&j, c->answer, 200);
	gate_json_array(&j);
	for (const struct metro_job *k = c->m->jobs; k != NULL; k = k->next)
		metro_show_job(c->m, k, embed, &j);
	gate_json_end(&j, ']');
}

static void get_job(struct metro_call *c)
{
	bool bad = false;
	unsigned embed = embeds(c, &bad);
	struct gate_json j;

	if (bad || !metro_known(c))
		return;
	metro_answer(&j, c->answer, 200);
	metro_show_job(c->m, c->job, embed, &j);
}

static bool needed(struct metro_call *c)
{
	GATE_AUTO(gate_buf_done) struct gate_buf names = GATE_BUF_INIT;

	for (const struct metro_job *k = c->m->jobs; k != NULL; k = k->next)
		for (size_t i = 0; i < k->spec->job->dependencies.n; i++)
			if (strcmp(gate_job_dependency(k->spec->job, i), c->id) == 0)
				gate_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", metro_id(k));
	if (names.len > 0)
		gate_http_say(c->answer, 409, "There are jobs with a dependency on %s. children=[%s]", c->id,
		              names.data);
	return names.len > 0;
}

static void delete_job(struct metro_call *c)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_json j;

	if (!metro_known(c))
		return;
	if (c->job->runs != NULL && !gate_http_query_true(c->r, "stopCurrentJobRuns")) {
		gate_http_say(c->answer, 409, "There are active job runs. Override with stopCurrentJobRuns=true");
		return;
	}
	if (needed(c))
		return;
	gate_json_init(&j, &text, 0);
	metro_show_job(c->m, c->job, 0, &j);
	gate_agent_begin(c->m->agent);
	while (c->job->runs != NULL)
		metro_stop(c->m, c->job, c->job->runs, "its job was deleted");
	metro_delete_job(c->m, c->id);
	metro_job_unlink(c->m, c->job);
	if (!metro_commit(c))
		return;
	c->answer->status = 200;
	gate_buf_add(&c->answer->body, text.data, text.len);
}

/* --- schedules --- */
static void show_schedule(struct metro_call *c, int status)
{
	struct gate_json j;

	metro_answer(&j, c->answer, status);
	gate_job_schedule_write(gate_job_schedule_of(metro_find(c->m, c->id)->spec->job),
	                        gate_agent_wall(c->m->agent) / 1000, &j);
}

static void list_schedules(struct metro_call *c)
{
	struct gate_json j;

	if (!metro_known(c))
		return;
	metro_answer(&j, c->answer, 200);
	gate_json_array(&j);
	for (size_t i = 0; i < c->job->spec->job->schedules.n; i++)
		gate_job_schedule_write(gate_job_schedule_of(c->job->spec->job) + i,
		                        gate_agent_wall(c->m->agent) / 1000, &j);
	gate_json_end(&j, ']');
}

static bool known_schedule(struct metro_call *c)
{
	const struct gate_job_schedule *s = c->job == NULL ? NULL : gate_job_schedule_of(c->job->spec->job);

	if (s != NULL && strcmp(s->id, c->sub) == 0)
		return true;
	metro_unknown(c, "id", c->sub, "Schedule not found");
	return false;
}

static void get_schedule(struct metro_call *c)
{
	if (metro_known(c) && known_schedule(c))
		show_schedule(c, 200);
}

/* `id`: from the path, NULL: in the body. */
static bool read_schedule(struct metro_call *c, const char *id, struct gate_job **ret)
{
	struct gate_err err = GATE_ERR_INIT;
	struct body b;
	bool good = false;

	if (open_body(c, &b)) {
		good = gate_job_with_schedule(c->job->spec->job, b.doc, id, &c->m->host, &b.faults, ret, &err) == 0;
		if (!good)
			refuse(c, &b.faults, &err);
	}
	close_body(&b);
	return good;
}

static void create_schedule(struct metro_call *c)
{
	const struct gate_job_schedule *old;
	struct gate_job *job;

	if (!metro_known(c) || !read_schedule(c, NULL, &job))
		return;
	old = gate_job_schedule_of(c->job->spec->job);
	if (old != NULL && strcmp(old->id, gate_job_schedule_of(job)->id) == 0)
		gate_http_say(c->answer, 409, "requirement failed: A schedule with id %s already exists", old->id);
	else if (old != NULL)
		gate_http_say(c->answer, 409, "requirement failed: Only one schedule supported at the moment");
	if (old != NULL || !may(c, job)) {
		gate_job_free(job);
		return;
	}
	if (replace(c, job))
		show_schedule(c, 201);
}

static void update_schedule(struct metro_call *c)
{
	struct gate_job *job;

	if (!metro_known(c) || !known_schedule(c) || !read_schedule(c, c->sub, &job))
		return;
	if (!may(c, job))
		gate_job_free(job);
	else if (replace(c, job))
		show_schedule(c, 200);
}

static void delete_schedule(struct metro_call *c)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_job *job;

	if (!metro_known(c) || !known_schedule(c))
		return;
	if (gate_job_with_schedules_of(c->job->spec->job, NULL, &c->m->host, &job, &err) < 0)
		gate_http_fail(c->answer, &err);
	else if (!may(c, job))
		gate_job_free(job);
	else if (replace(c, job))
		c->answer->status = 200;
}

/* --- routes --- */
typedef void call_fn(struct metro_call *c);

/* "J" stands for a job's id, "S" for a schedule's or run's. */
static const struct {
	const char *method, *path;
	uint32_t right;
	call_fn *fn;
} calls[] = {
	{ "GET", "J", GATE_RIGHT_READ, get_job },
	{ "PUT", "J", GATE_RIGHT_LAUNCH, update_job },
	{ "DELETE", "J", GATE_RIGHT_KILL, delete_job },
	{ "GET", "J/schedules", GATE_RIGHT_READ, list_schedules },
	{ "POST", "J/schedules", GATE_RIGHT_LAUNCH, create_schedule },
	{ "GET", "J/schedules/S", GATE_RIGHT_READ, get_schedule },
	{ "PUT", "J/schedules/S", GATE_RIGHT_LAUNCH, update_schedule },
	{ "DELETE", "J/schedules/S", GATE_RIGHT_LAUNCH, delete_schedule },
	{ "GET", "J/runs", GATE_RIGHT_READ, metro_list_runs },
	{ "POST", "J/runs", GATE_RIGHT_LAUNCH, metro_start_run },
	{ "GET", "J/runs/S", GATE_RIGHT_READ, metro_get_run },
	{ "POST", "J/runs/S/actions/stop", GATE_RIGHT_KILL, metro_stop_run },
};

/* Does `tail` have the form of `path`? Its ids into the call. */
static bool fits(struct metro_call *c, const char *path, const char *tail)
{
	for (; *path != '\0'; path++) {
		if (*path != 'J' && *path != 'S') {
			if (*tail++ != *path)
				return false;
			continue;
		}
		size_t len = strcspn(tail, "/");

		if (len == 0 || len >= sizeof(c->id))
			return false;
		memcpy(*path == 'J' ? c->id : c->sub, tail, len);
		(*path == 'J' ? c->id : c->sub)[len] = '\0';
		tail += len;
	}
	return *tail == '\0';
}

static void dispatch(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)
{
	struct metro_call c = { .m = ctx, .r = r, .answer = answer };
	const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;

	for (size_t i = 0; i < GATE_ARRAY_LEN(calls); i++) {
		if (strcmp(calls[i].method, method) != 0 || !fits(&c, calls[i].path, r->tail))
			continue;
		if ((r->peer->rights & calls[i].right) != calls[i].right)
			gate_http_say(answer, 403, "Not authorized to perform this action");
		else if (!gate_job_id_ok(c.id))
			bad_request(&c, "Not a valid id");
		else
			calls[i].fn(&c);
		return;
	}
	no_route(&c);
}

#define CALL(name, fn)                                                                                                 \
	static void name(void *ctx, const struct gate_http_request *r, struct gate_http_answer *answer)                \
	{                                                                                                              \
		struct metro_call c = { .m = ctx, .r = r, .answer = answer };                                          \
                                                                                                                       \
		fn(&c);                                                                                                \
	}

static void put_scheduled(struct metro_call *c)
{
	if (!fits(c, "J", c->r->tail))
		no_route(c);
	else if (!gate_job_id_ok(c->id))
		bad_request(c, "Not a valid id");
	else
		update_scheduled_job(c);
}

CALL(route_list, list_jobs)
CALL(route_create, create_job)
CALL(route_scheduled, put_scheduled)
CALL(route_queue, metro_queue)
CALL(route_info, metro_info)
CALL(route_metrics, metro_metrics)

const struct gate_http_route metro_routes[] = {
	{ "GET", "/v1/jobs", GATE_RIGHT_READ, false, route_list, NULL },
	{ "POST", "/v1/jobs", GATE_RIGHT_LAUNCH, true, route_create, NULL },
	{ "GET", "/v1/jobs/*", GATE_RIGHT_READ, false, dispatch, NULL },
	{ "POST", "/v1/jobs/*", 0, true, dispatch, NULL },
	{ "PUT", "/v1/jobs/*", GATE_RIGHT_LAUNCH, true, dispatch, NULL },
	{ "DELETE", "/v1/jobs/*", 0, true, dispatch, NULL },
	{ "POST", "/v0/scheduled-jobs", GATE_RIGHT_LAUNCH, true, route_create, NULL },
	{ "PUT", "/v0/scheduled-jobs/*", GATE_RIGHT_LAUNCH, true, route_scheduled, NULL },
	{ "GET", "/v1/queue", GATE_RIGHT_READ, false, route_queue, NULL },
	{ "GET", "/v1/metrics", GATE_RIGHT_READ, false, route_metrics, NULL },
	{ "GET", "/info", GATE_RIGHT_READ, false, route_info, NULL },
	{ 0 },
};
