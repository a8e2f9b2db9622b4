/* Metronome's calls about runs, and its numbers. */
#include <stdio.h>

#include "metronome/rest.h"

/* --- runs --- */
void metro_list_runs(struct metro_call *c)
{
	struct gate_json j;

	if (!metro_known(c))
		return;
	metro_answer(&j, c->answer, 200);
	gate_json_array(&j);
	for (const struct metro_run *r = c->job->runs; r != NULL; r = r->next)
		metro_show_run(c->job, r, &j);
	gate_json_end(&j, ']');
}

void metro_start_run(struct metro_call *c)
{
	struct gate_err err = GATE_ERR_INIT;
	struct metro_run *r = NULL;
	struct gate_json j;
	char client[80], id[24];

	if (!metro_known(c))
		return;
	gate_client_text(c->r->peer, client);
	gate_agent_begin(c->m->agent);
	/* What a job may do is what its author might, whoever triggers it. */
	if (metro_start(c->m, c->job, 0, c->job->rights, client, &r, &err) < 0) {
		gate_agent_abort(c->m->agent);
		gate_http_fail(c->answer, &err);
		return;
	}
	memcpy(id, r->id, sizeof(id));
	if (!metro_commit(c))
		return;
	metro_answer(&j, c->answer, 201);
	metro_show_run(c->job, metro_find_run(c->job, id), &j);
}

static struct metro_run *known_run(struct metro_call *c)
{
	struct metro_run *r = c->job == NULL ? NULL : metro_find_run(c->job, c->sub);

	if (r == NULL)
		metro_unknown(c, "jobSpec", c->sub, "Job Run not found");
	return r;
}

void metro_get_run(struct metro_call *c)
{
	struct metro_run *r;
	struct gate_json j;

	c->job = metro_find(c->m, c->id); /* Metronome asks for the run alone */
	r = known_run(c);
	if (r == NULL)
		return;
	metro_answer(&j, c->answer, 200);
	metro_show_run(c->job, r, &j);
}

void metro_stop_run(struct metro_call *c)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct metro_run *r;
	struct gate_json j;
	char client[80], why[128];

	if (!metro_known(c) || (r = known_run(c)) == NULL)
		return;
	gate_client_text(c->r->peer, client);
	(void)snprintf(why, sizeof(why), "stopped by %s", client);
	gate_agent_begin(c->m->agent);
	/* As it will be; the run itself goes. */
	r->status = METRO_FAILED;
	r->completed_ms = gate_agent_wall(c->m->agent);
	gate_json_init(&j, &text, 0);
	metro_show_run(c->job, r, &j);
	metro_stop(c->m, c->job, r, why);
	if (!metro_commit(c))
		return;
	c->answer->status = 200;
	gate_buf_add(&c->answer->body, text.data, text.len);
}

/* --- the rest --- */
/* Runs whose task the launcher has not started yet. */
void metro_queue(struct metro_call *c)
{
	struct gate_json j;

	metro_answer(&j, c->answer, 200);
	gate_json_array(&j);
	for (const struct metro_job *k = c->m->jobs; k != NULL; k = k->next) {
		bool any = false;

		for (const struct metro_run *r = k->runs; r != NULL; r = r->next) {
			if (r->status != METRO_STARTING && r->relaunch_ms == 0)
				continue;
			if (!any) {
				gate_json_object(&j);
				metro_put(&j, "jobId", metro_id(k));
				gate_json_key(&j, "runs");
				gate_json_array(&j);
			}
			any = true;
			gate_json_object(&j);
			metro_put(&j, "runId", r->id);
			gate_json_end(&j, '}');
		}
		if (any) {
			gate_json_end(&j, ']');
			gate_json_end(&j, '}');
		}
	}
	gate_json_end(&j, ']');
}

void metro_info(struct metro_call *c)
{
	const struct gate_config *config = gate_agent_config(c->m->agent);
	struct gate_json j;

	metro_answer(&j, c->answer, 200);
	gate_json_object(&j);
	metro_put(&j, "version", config->version);
	metro_put(&j, "libVersion", config->version);
	gate_json_key(&j, "config");
	gate_json_object(&j);
	gate_json_key(&j, "metronome.history.count");
	gate_json_u64(&j, METRO_HISTORY);
	gate_json_end(&j, '}');
	gate_json_end(&j, '}');
}

static void metric(void *ctx, const char *name, double value)
{
	struct gate_json *j = ctx;

	gate_json_key(j, name);
	gate_json_object(j);
	gate_json_key(j, "value");
	gate_json_double(j, value);
	gate_json_end(j, '}');
}

/* Dropwizard's shape. */
void metro_metrics(struct metro_call *c)
{
	static const char *const others[] = { "counters", "histograms", "meters", "timers" };
	size_t active = 0;
	struct gate_json j;

	for (const struct metro_job *k = c->m->jobs; k != NULL; k = k->next)
		for (const struct metro_run *r = k->runs; r != NULL; r = r->next)
			active++;
	metro_answer(&j, c->answer, 200);
	gate_json_object(&j);
	metro_put(&j, "version", "3.0.0");
	gate_json_key(&j, "gauges");
	gate_json_object(&j);
	metric(&j, "metronome.jobs.active.gauge", (double)active);
	gate_metrics(c->m->agent, metric, &j);
	gate_json_end(&j, '}');
	for (size_t i = 0; i < GATE_ARRAY_LEN(others); i++) {
		gate_json_key(&j, others[i]);
		gate_json_object(&j);
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, '}');
}
