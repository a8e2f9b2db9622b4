/* container.h - tasks in containers: start them, find them, talk to them. For src/cli (and the agent).
 *
 * There is no daemon: each running task has a keeper (src/keeper) that owns the task's directory
 * STATE/containers/ID. Everything here works on those directories and over the keepers' sockets. */
#ifndef GATE_CONTAINER_CONTAINER_H
#define GATE_CONTAINER_CONTAINER_H

#include <callgate/facts.h>

#include "base/buf.h"
#include "run/privilege.h"
#include "task/plan.h"
#include "task/record.h"
#include "task/task.h"

/* --- the state directory (store.c) --- */
/* STATE            0700 (or 0711), owned by the caller; root: /run/callgate, others $XDG_RUNTIME_DIR/callgate
 *   containers/ID/ config.json  what was asked and what was decided (written once, before the start, by rename)
 *                  plan         the plan as it was sent: exec starts from its filter and capabilities
 *                  record       struct gate_record, by the keeper
 *                  out, out.1…  log frames: struct gate_log_head and bytes, see keeper/log.h
 *                  control      the keeper's socket
 *                  lock         flock: held by the keeper while it lives; removed when a sweep has cleaned up after it
 *                  name         symbolic link whose text is the task's name; missing when it has none
 *                  work/        overlay upper and work, sandbox
 *   containers/.ID one that is being made or removed
 *   names/NAME     symbolic link whose text is the id: link creation is what makes names unique
 *   lock           flock: held while names and directories are made or removed */
struct gate_store;
/* dir NULL: the default. Checks owner and mode of what is there and of what leads there, makes what is not. */
int gate_store_open(const char *dir, struct gate_store **ret, struct gate_err *err);
void gate_store_close(struct gate_store *s);
const char *gate_store_path(const struct gate_store *s);

struct gate_entry {
	char id[65];
	char name[129];             /* "" when none */
	enum gate_task_state state; /* RUNNING only while its keeper holds the lock */
	struct gate_record record;  /* all zero but created_ns when there is none */
	bool broken;                /* there is a record, and it cannot be read as one */
};
/* All tasks, oldest first; freed with free. */
int gate_store_list(struct gate_store *s, struct gate_entry **ret, size_t *n, struct gate_err *err);
/* By id, name, or unique prefix of an id. NOTFOUND; INVALID for a word that could be neither, or several. */
int gate_store_find(struct gate_store *s, const char *word, struct gate_entry *ret, struct gate_err *err);
/* config.json's text, which the caller frees. */
int gate_store_config(struct gate_store *s, const char *id, char **ret, size_t *len, struct gate_err *err);
/* Does a task that has not ended have this directory as a layer of its image? 1, 0, or -1. Asked while no image can be
 * fetched (gate_image_remove's `in_use`), so that no task can get one meanwhile. (layers.c) */
int gate_container_uses(struct gate_store *s, const char *layer, struct gate_err *err);
/* Reserves an id (and the name, NULL: none): makes the directory. *lock is the task's lock, held: whoever has a copy of
 * this descriptor keeps the task from being taken for lost, so the keeper gets one. CONFLICT: the name is taken. */
int gate_store_create(struct gate_store *s, const char *name, char id[65], int *dir, int *lock, struct gate_err *err);
/* The task's directory, opened for reading. */
int gate_store_dir(struct gate_store *s, const char *id, int *ret, struct gate_err *err);
/* The directory above all of them, and that of the names, lent: `parent` and `names` of a plan with REMOVE. */
int gate_store_containers(const struct gate_store *s);
int gate_store_names(const struct gate_store *s);
/* Removes an ended or lost task's directory and name. CONFLICT while it runs. The caller of gate_store_create may call it
 * once it has closed the lock. */
int gate_store_remove(struct gate_store *s, const char *id, struct gate_err *err);
/* Cleans up after keepers that were killed: what they left running is killed, their cgroups removed, their entries
 * become LOST, those of --rm vanish. Called by every verb that lists, and by every start; costs three calls for each task. -1: one or
 * more could not be cleaned up (it is tried again by the next sweep); the store can be used all the same. */
int gate_store_sweep(struct gate_store *s, struct gate_err *err);
/* Starts leave sweeping to somebody who watches all tasks of this store, as the agent's launcher does: it costs each of many starts
 * calls for each of many tasks. */
void gate_store_swept_by_other(struct gate_store *s);

/* --- starting (prepare.c, isolate_*.c, launch.c) --- */
/* Who starts a task with this specification: the capabilities, whether its user namespace is another than the host's
 * first one; and the keeper, once it has been started. */
struct gate_container_caller {
	struct gate_caller has;
	bool nested;
	struct gate_starter *keeper; /* NULL: gate_container_start starts one */
};
int gate_container_caller(const struct gate_task *t, struct gate_container_caller *ret, struct gate_err *err);
/* Starts the keeper already, unless that has been done: it takes as long as reading the flags and resolving a profile do.
 * Not where a user namespace has to be made first; `t` NULL: the task is not known yet. Whether or not
 * gate_container_start takes it: gate_container_caller_done ends one that was not needed. */
int gate_container_keeper(const struct gate_task *t, struct gate_container_caller *c, struct gate_err *err);
void gate_container_caller_done(struct gate_container_caller *c);
/* What the task can have then: capabilities for resolving its profile. */
uint64_t gate_container_caps(const struct gate_task *t, const struct gate_container_caller *c);

struct gate_task_profile { /* the proven filter and what inspect says of it; `unconfined`: insns NULL */
	const void *insns;
	size_t len;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_LOG, SPEC_ALLOW, WAIT_KILLABLE of the profile */
	bool unconfined, notify;
	const char *source, *text_digest, *meaning_digest; /* source: absolute, so that inspect can explain later */
	struct gate_container_caller *caller;              /* that it was resolved for; NULL: it is read when needed */
};

/* A plan in the making: rows, strings and descriptors. `object` of a row is for people: what --explain shows and what
 * errors name. (plan_write.c) */
struct gate_plan_writer;

/* Where images are looked for (image/image.h); `dir` is not copied. NULL: the default. */
void gate_store_images(struct gate_store *s, const char *dir);
/* A caller without root who has subordinate ids becomes root of a user namespace that has them: files of every owner can
 * be made and removed then. Others stay what they are. Default directories are those of root afterwards. */
int gate_container_own_ids(struct gate_err *err);
/* Checks the task, prepares and starts it: returns when its program runs, or has failed to. Sweeps, too: before, where a
 * name is to be taken, else while the keeper works; unless somebody else does (gate_store_swept_by_other). */
struct gate_started {
	char id[65];
	int socket; /* to the keeper: frames of task/record.h; owned by the caller */
	int pidfd;  /* of the task's first process */
	struct gate_record record;
	/* false: the record says why the program did not run; everything is undone but the entry (unless --rm) */
	bool started;
	char why[400]; /* … as a sentence */
};
int gate_container_start(struct gate_store *s, const struct gate_task *t, const struct gate_task_profile *p,
                         struct gate_started *ret, struct gate_err *err);
/* The launch as a table, for people (json false) or programs. Does nothing of it. */
int gate_container_explain(struct gate_store *s, const struct gate_task *t, const struct gate_task_profile *p,
                           bool json, struct gate_buf *out, struct gate_err *err);
/* One more process in a running task, under the same filter, capabilities and no_new_privs. */
struct gate_exec {
	const char *const *args; /* NULL at the end */
	const char *const *env;  /* added to the task's */
	size_t n_env;
	const char *user, *workdir; /* NULL: the task's */
	bool terminal, interactive;
};
int gate_container_exec(struct gate_store *s, const char *id, const struct gate_exec *e, struct gate_started *ret,
                        struct gate_err *err);
/* A connection to the keeper of a running task. NOTFOUND when it does not run. */
int gate_container_connect(struct gate_store *s, const char *id, int *ret, struct gate_err *err);

/* --- frames (client.c) --- */
int gate_frame_send(int fd, uint32_t type, uint64_t a, uint64_t b, const void *bytes, size_t len);
/* 1 and a frame (bytes behind *head in `buf`), 0 at the end, -1 with errno. *passed: a descriptor or -1. */
int gate_frame_receive(int fd, struct gate_frame *head, void *buf, size_t size, int *passed);

#endif
