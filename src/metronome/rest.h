/* rest.h - what the files of Metronome's calls share. Only they include this. */
#ifndef GATE_METRONOME_REST_H
#define GATE_METRONOME_REST_H

#include "metronome/parts.h"

/* A call, and what its path names. */
struct metro_call {
	struct metro *m;
	const struct gate_http_request *r;
	struct gate_http_answer *answer;
	char id[256], sub[256]; /* job; schedule or run */
	struct metro_job *job;
};

/* Begins the answer. */
void metro_answer(struct gate_json *j, struct gate_http_answer *a, int status);
static inline void metro_put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}
/* 404 with Metronome's shape for `key`: "id", or "jobSpec" for a run. */
void metro_unknown(struct metro_call *c, const char *key, const char *id, const char *message);
/* Finds c->job; else 404. */
bool metro_known(struct metro_call *c);
/* Commits; else the answer says why not. */
bool metro_commit(struct metro_call *c);

/* runs_rest.c */
void metro_list_runs(struct metro_call *c);
void metro_start_run(struct metro_call *c);
void metro_get_run(struct metro_call *c);
void metro_stop_run(struct metro_call *c);
void metro_queue(struct metro_call *c);
void metro_info(struct metro_call *c);
void metro_metrics(struct metro_call *c);

#endif
