/* harness.h - a pretend agent with Metronome on it, and its answers. */
#ifndef TESTS_METRONOME_HARNESS_H
#define TESTS_METRONOME_HARNESS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake.h"
#include "metronome/metronome.h"

#define RUN_WITH(more) "\"run\":{\"cpus\":0.1,\"mem\":32,\"disk\":0,\"cmd\":\"true\"" more "}"
#define JOB_WITH(id, more) "{\"id\":\"" id "\"," RUN_WITH(more) "}"
#define JOB(id) JOB_WITH(id, "")
#define SECOND  INT64_C(1000)
#define MINUTE  (60 * SECOND)
#define HOUR    (60 * MINUTE)

static gate_scheduler_open_fn *const harness_schedulers[] = { gate_metronome_open, NULL };

/* One call, whose status must be as said. The body belongs to the caller. */
static inline char *call(struct fake *f, const char *method, const char *url, const char *body, int status)
{
	struct fake_answer a;
	char *text;

	fake_call(f, method, url, body, &a);
	if (a.status != status)
		fail_msg("%s %s: %d %s, expected %d", method, url, a.status, a.body, status);
	text = strdup(a.body != NULL ? a.body : "");
	fake_answer_done(&a);
	return text;
}

static inline void does(struct fake *f, const char *method, const char *url, const char *body, int status)
{
	free(call(f, method, url, body, status));
}

/* … and contains a text. */
static inline void says(struct fake *f, const char *method, const char *url, const char *body, int status, const char *part)
{
	char *text = call(f, method, url, body, status);

	if (strstr(text, part) == NULL)
		fail_msg("%s %s: %s\n  has no %s", method, url, text, part);
	free(text);
}

/* The id of the run that POST has made. */
static inline void run_of(struct fake *f, const char *job, char id[24])
{
	char url[300], *text, *at;

	(void)snprintf(url, sizeof(url), "/v1/jobs/%s/runs", job);
	text = call(f, "POST", url, "", 201);
	at = strstr(text, "\"id\": \"");
	assert_non_null(at);
	memcpy(id, at + 7, 19);
	id[19] = '\0';
	free(text);
}

/* How often `part` is in what GET says. */
static inline size_t count(struct fake *f, const char *url, const char *part)
{
	char *text = call(f, "GET", url, NULL, 200);
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
		n++;
	free(text);
	return n;
}

static inline size_t launches(const struct fake *f)
{
	return fake_sent(f, GATE_IPC_LAUNCH, NULL);
}

#endif
