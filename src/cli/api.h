/* api.h - what the verbs that talk to an agent share: whom to ask, asking, and what an answer says. */
#ifndef GATE_CLI_API_H
#define GATE_CLI_API_H

#include "cli/cli.h"
#include "remote/remote.h"

extern const struct gate_option gate_options_host[]; /* --host --tls-cert --tls-key --tls-ca */

/* --host, else CALLGATE_HOST, else the agent of this host. `cli` may be NULL here and in gate_api_get, gate_api_call: there are no
 * options then. */
const char *gate_api_host(const struct gate_cli *cli);

struct gate_api_answer {
	int status;
	struct gate_buf body;
	struct gate_arena arena;
	const struct gate_doc *doc; /* NULL: the body is not JSON */
};
#define GATE_API_ANSWER_INIT                                                                                           \
	{                                                                                                              \
		0, GATE_BUF_INIT, GATE_ARENA_INIT, NULL                                                                \
	}
void gate_api_answer_done(struct gate_api_answer *a);

/* Asks; -1 when nobody answers. `body` NULL: none. Any status is an answer. */
int gate_api_call(const struct gate_cli *cli, const char *method, const char *path, const struct gate_buf *body,
                  struct gate_api_answer *ret, struct gate_err *err);
/* GET; -1 also for an answer that is no success, as gate_api_refused has it. */
int gate_api_get(const struct gate_cli *cli, const char *path, struct gate_api_answer *ret, struct gate_err *err);
/* What an answer that is no success says: its message and details. -1. */
int gate_api_refused(const struct gate_api_answer *a, struct gate_err *err);
/* gate_trouble, with a hint when nobody answered. */
int gate_api_trouble(const struct gate_cli *cli, const struct gate_err *err);
/* Copies --tls-… to where callgate-http looks for them. For verbs that use gate_remote_… themselves. */
void gate_api_prepare(const struct gate_cli *cli);

/* "FRONT" ID "BACK" with the id escaped; of an app: with one '/' in front. */
void gate_api_path(struct gate_buf *out, const char *front, const char *id, const char *back);
void gate_api_app_path(struct gate_buf *out, const char *id, const char *back);

/* --- what a document says; `key` may be a way: "versionInfo.lastScalingAt" --- */
const struct gate_doc *gate_api_at(const struct gate_doc *d, const char *way);
const char *gate_api_text(const struct gate_doc *d, const char *way); /* "" when it is not there or not a scalar */
uint64_t gate_api_number(const struct gate_doc *d, const char *way);  /* 0 … */
bool gate_api_true(const struct gate_doc *d, const char *way);
/* An ISO time of an API in nanoseconds; 0 for none. */
uint64_t gate_api_time(const struct gate_doc *d, const char *way);
/* "3 minutes ago", "never". */
void gate_api_ago(const struct gate_doc *d, const char *way, char ret[48]);
/* A profile as a definition has it: name, "unconfined", or "-" (nothing was said). `seccomp`: a linuxInfo.seccomp. */
const char *gate_api_seccomp(const struct gate_doc *seccomp);
/* For the --format json of verbs on lists: the answer as it came, on lines of its own. */
void gate_api_print(const struct gate_api_answer *a);

/* --- a list of things: apps, jobs, profiles (api_list.c) --- */
extern const struct gate_option gate_options_list[]; /* --quiet --format */
struct gate_api_list {
	const char *path;
	const char *member; /* of the answer: the array; NULL: the answer is it */
	const char *id;     /* what --quiet prints of each */
	const char *const *heads;
	unsigned n_heads;
	void (*row)(struct gate_table *t, const struct gate_doc *item);
};
/* Asks and prints as the options say. The exit status. */
int gate_api_show_list(const struct gate_cli *cli, const struct gate_api_list *list);
uint32_t gate_api_count(const struct gate_doc *d, const char *way); /* items of an array; 0 when it is none */

/* --- what an operand names (api_find.c) --- */
enum gate_thing { GATE_THING_APP = 1, GATE_THING_JOB, GATE_THING_TASK, GATE_THING_PROFILE };
#define GATE_THING_BIT(t) (1U << (t))
struct gate_found {
	enum gate_thing thing;
	const char *id;                /* into the operand; of an app with or without its '/' */
	struct gate_api_answer answer; /* of GET */
};
const char *gate_thing_name(enum gate_thing t); /* "app" */
/* KIND/ID, or an ID of one of the kinds in `kinds` (bits); "/x" is an app. NOTFOUND; CONFLICT when several have it. */
int gate_api_find(const struct gate_cli *cli, const char *word, unsigned kinds, struct gate_found *ret,
                  struct gate_err *err);

/* --- deployments (api_wait.c) --- */
/* Remembers the deployment that an answer names, if it does. */
struct gate_deployments {
	char ids[64][64];
	size_t n;
};
void gate_deployments_add(struct gate_deployments *d, const struct gate_api_answer *a);
/* Returns when all of them have ended; LIMIT when that takes longer than `seconds` (0: for ever). */
int gate_deployments_wait(const struct gate_cli *cli, const struct gate_deployments *d, uint64_t seconds,
                          struct gate_err *err);
extern const struct gate_option gate_options_wait[]; /* --wait --timeout --force */
/* With --wait: waits as long as --timeout says. The exit status. */
int gate_api_wait(const struct gate_cli *cli, const struct gate_deployments *d);

#endif
