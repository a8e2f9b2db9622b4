/* spec.h - what people say, as a task: the flags of docker run and podman run. Pure: what lies outside (working
 * directory, environment, files) is handed in.
 *
 * A value is either honoured or refused with one sentence; nothing is ignored. What docker or podman know and this does not
 * is in gate_spec_refused, with the reason. gate_spec_finish refuses combinations that cannot be. */
#ifndef GATE_SPEC_SPEC_H
#define GATE_SPEC_SPEC_H

#include "task/task.h"

/* What is outside. */
struct gate_spec_caller {
	const char *cwd; /* absolute: relative sources of volumes begin here; NULL: there is none */
	/* NULL at the end: what "-e NAME" stands for, and what a task without a root of its own has */
	const char *const *environ;
};

#define GATE_SPEC_FLAGS_MAX 80
struct gate_spec {
	struct gate_task *task;
	const struct gate_spec_caller *caller;
	const char *flag;               /* the one being read, for messages */
	bool said[GATE_SPEC_FLAGS_MAX]; /* by place in the table of flags */
	bool cgroup_host;               /* --cgroupns=host */
};

/* `task` was initialised by gate_task_init. */
void gate_spec_init(struct gate_spec *s, struct gate_task *task, const struct gate_spec_caller *caller);

/* Is "memory" a flag that gate_spec_flag reads? Is it a switch (its value is "true" or "false")? */
bool gate_spec_has(const char *name);
bool gate_spec_is_switch(const char *name);
/* One flag by its long name. Later ones win, or are added where docker adds. The two flags that name a file of lines go to
 * gate_spec_lines instead. */
int gate_spec_flag(struct gate_spec *s, const char *name, const char *value, struct gate_err *err);
/* The text of --env-file or --label-file; `file` for messages. At most GATE_SPEC_LINES_MAX bytes. */
int gate_spec_lines(struct gate_spec *s, const char *name, const char *file, const char *text, size_t len,
                    struct gate_err *err);
#define GATE_SPEC_LINES_MAX (1U << 20)
/* The command (NULL at the end), then the check of everything together. Namespaces whose isolator is off become HOST. A task
 * without an image and a root directory has the caller's environment below what was said; one without filesystem/linux is in
 * the caller's directory. */
int gate_spec_finish(struct gate_spec *s, const char *const *args, struct gate_err *err);

/* Flags of docker or podman that are not honoured. Ends with a NULL name. */
struct gate_refusal {
	const char *name;
	char letter;     /* or 0 */
	const char *why; /* a clause */
};
extern const struct gate_refusal gate_spec_refused[];

#endif
