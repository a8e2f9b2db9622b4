/* temp.h - a directory for one test, gone after it. */
#ifndef TESTS_CONTAINER_TEMP_H
#define TESTS_CONTAINER_TEMP_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/store.h"

struct temp {
	char path[64], state[80];
	struct gate_store *s;
};

static inline int temp_setup(void **state)
{
	struct temp *t = calloc(1, sizeof(*t));

	(void)strcpy(t->path, "/tmp/callgate-store-XXXXXX");
	if (mkdtemp(t->path) == NULL)
		return -1;
	(void)snprintf(t->state, sizeof(t->state), "%s/state", t->path);
	*state = t;
	return 0;
}

static inline int temp_setup_store(void **state)
{
	if (temp_setup(state) < 0)
		return -1;
	struct temp *t = *state;

	return gate_store_open(t->state, &t->s, NULL);
}

static inline int temp_teardown(void **state)
{
	struct temp *t = *state;
	int dir = open(t->path, O_RDONLY | O_DIRECTORY);

	gate_store_close(t->s);
	if (dir >= 0) {
		(void)gate_store_empty(dir);
		(void)close(dir);
	}
	(void)rmdir(t->path);
	free(t);
	return 0;
}

/* A file's whole content. */
static inline void temp_write(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	(void)close(fd);
}

/* A task's directory as a keeper that is no more would have left it. */
static inline void temp_task(struct temp *t, const char *name, const struct gate_record *r, char id[65])
{
	struct gate_err err = GATE_ERR_INIT;
	int dir, lock;

	if (gate_store_create(t->s, name, id, &dir, &lock, &err) < 0)
		fail_msg("%s", err.text);
	if (r != NULL)
		temp_write(dir, "record", r, sizeof(*r));
	(void)close(dir);
	(void)close(lock);
}

static inline struct gate_record temp_record(enum gate_task_state state)
{
	return (struct gate_record){ .magic = GATE_RECORD_MAGIC,
		                     .version = GATE_RECORD_VERSION,
		                     .size = sizeof(struct gate_record),
		                     .state = state,
		                     .outcome = state == GATE_TASK_ENDED ? GATE_OUTCOME_EXITED : GATE_OUTCOME_NONE,
		                     .session = UINT32_MAX };
}

#endif
