/* help.h - what the tests of Marathon share: an agent with it, its ports, and short words for what is asked often. */
#ifndef TESTS_MARATHON_HELP_H
#define TESTS_MARATHON_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "marathon/marathon.h"

/* Recovered, with Marathon; `path` NULL: a database in memory. */
struct fake *help_open(const char *path);
/* Calls and gives the status; *body (may be NULL) is the caller's. */
int help_call(struct fake *f, const char *method, const char *url, const char *body, char **ret);
/* … that must have this status. */
void help_must(struct fake *f, int status, const char *method, const char *url, const char *body);
/* The body of a GET that must be 200, valid until the next call. */
const char *help_get(struct fake *f, const char *url);
/* The text or number of a member of GET's body by a path: "app.tasks.0.state"; "" when it is not there. */
const char *help_at(struct fake *f, const char *url, const char *path);
long help_number(struct fake *f, const char *url, const char *path);
/* Containers of an app's tasks that are not ended, oldest first. */
size_t help_tasks(struct fake *f, const char *app, struct gate_agent_task **ret, size_t max);
size_t help_count(struct fake *f, const char *app, enum gate_state s);
void help_start_all(struct fake *f);                          /* every STAGING task runs */
void help_end_killed(struct fake *f);                         /* every KILLING task has ended */
size_t help_events(struct fake *f, const char *type);         /* how many there were */
bool help_deploying(struct fake *f);

/* What was asked of ports: the oldest question that has no answer. */
struct gate_probe {
	struct gate_probe *next;
	struct gate_probe_request r;
	char path[256];
	gate_probe_fn *done;
	void *ctx;
};
struct gate_probe *help_probe(void);                            /* NULL: nothing is asked */
size_t help_probes(void);
void help_answer(struct fake *f, int status, const char *why); /* the oldest */

#endif
