/* namespaces.h - namespaces of running tasks, as descriptors that are surely theirs. */
#ifndef GATE_CONTAINER_NAMESPACES_H
#define GATE_CONTAINER_NAMESPACES_H

#include "container/container.h"

/* The namespace `name` ("pid", "net", …, as in /proc/PID/ns) of the first process of the task `word`. */
int gate_namespace_of(struct gate_store *s, const char *word, const char *name, int *ret, struct gate_err *err);

/* A running task's first process: its number is its own as long as the pidfd says that it lives. */
struct gate_first {
	int keeper, pidfd;
	pid_t pid;
	struct gate_record record;
};
int gate_first_find(struct gate_store *s, const char *id, struct gate_first *ret, struct gate_err *err);
void gate_first_done(struct gate_first *f);
/* "/proc/PID/<name>" of it, opened with `flags` and then proven to be its own. */
int gate_first_open(const struct gate_first *f, const char *name, int flags, int *ret, struct gate_err *err);

#endif
