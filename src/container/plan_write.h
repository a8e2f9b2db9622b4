/* plan_write.h - a plan in the making: rows, strings and descriptors, sealed into the message that a keeper gets.
 *
 * Isolators add rows in any order; the plan has them in the order of enum gate_step, with the steps that build the file
 * system as one group that keeps the order in which they were added. Failures (memory, a limit) are
 * remembered and told by gate_plan_seal, so that adding needs no checks. */
#ifndef GATE_CONTAINER_PLAN_WRITE_H
#define GATE_CONTAINER_PLAN_WRITE_H

#include "base/arena.h"
#include "base/buf.h"
#include "task/plan.h"

struct gate_plan_line {
	struct gate_row row;
	const char *object; /* for people: what --explain shows and what errors name; "" when the step says it all */
	const char *by;     /* the isolator that wants it, or "launch" */
};

struct gate_plan_writer {
	struct gate_plan head; /* numbers and descriptor indices are set by the caller; offsets by sealing */
	struct gate_arena arena;
	struct gate_plan_line *lines;
	size_t n_lines, cap_lines;
	struct gate_buf texts; /* offsets in rows count from its start until sealing; offset 0 holds a NUL */
	const char **argv, **envp;
	size_t argc, cap_argv, envc, cap_envp;
	const void *filter; /* borrowed */
	size_t filter_len;
	int fds[GATE_PLAN_FDS_MAX]; /* owned */
	size_t n_fds;
	bool joins_user;        /* a user namespace is joined: what needs the host's comes before that */
	const char *by;         /* for the next rows */
	struct gate_err failed; /* the first failure */
};

void gate_plan_writer_init(struct gate_plan_writer *w);
void gate_plan_writer_done(struct gate_plan_writer *w);

/* A new row without descriptor and texts; valid until the next one is added. Never NULL: after a failure it is one
 * that is thrown away. */
struct gate_row *gate_plan_row(struct gate_plan_writer *w, enum gate_step step, const char *object, ...)
    __attribute__((format(printf, 3, 4)));
/* For gate_row.text: a copy of the string; NULL gives 0. */
uint32_t gate_plan_string(struct gate_plan_writer *w, const char *s);
uint32_t gate_plan_groups(struct gate_plan_writer *w, const uint32_t *groups, size_t n);
/* For gate_row.fd: takes the descriptor over. -1 gives -1. */
int32_t gate_plan_adopt(struct gate_plan_writer *w, int fd);
void gate_plan_arg(struct gate_plan_writer *w, const char *arg);
/* "K=V"; replaces an earlier value of K in its place. */
void gate_plan_env(struct gate_plan_writer *w, const char *pair);
void gate_plan_unset(struct gate_plan_writer *w, const char *key);
/* The value of a variable, or NULL. */
const char *gate_plan_env_get(const struct gate_plan_writer *w, const char *key);

/* Puts the rows into the plan's order: what explaining and sealing begin with. */
void gate_plan_sort(struct gate_plan_writer *w);
/* The message, checked as the keeper will check it, in a sealed memfd. *size (may be NULL) in bytes. */
int gate_plan_seal(struct gate_plan_writer *w, int *memfd, size_t *size, struct gate_err *err);

/* The table of rows; `notes` (may be NULL) are lines under it. */
int gate_plan_explain(struct gate_plan_writer *w, const char *notes, bool json, struct gate_buf *out,
                      struct gate_err *err);

#endif
