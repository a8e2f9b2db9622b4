/* prepare.h - from a task to a plan: what the isolators share. */
#ifndef GATE_CONTAINER_PREPARE_H
#define GATE_CONTAINER_PREPARE_H

#include "container/plan_write.h"
#include "container/store.h"
#include "image/image.h"
#include "kernel/cgroup.h"
#include "run/privilege.h"
#include "spec/passwd.h"

#define GATE_ISOLATOR_BIT(i) (UINT32_C(1) << (i))

/* A task that is being prepared. */
struct gate_prepare {
	struct gate_store *store;
	const struct gate_task *task;
	const struct gate_task_profile *profile;
	bool early; /* gate_prepare_early is through */
	bool dry;   /* rows are added and what they need is looked at, but nothing is made */

	/* who and where */
	char id[65];
	char path[4096]; /* the task's directory */
	int dir, work;   /* it, and work/ in it; -1 when dry */
	struct gate_images *images;
	struct gate_image *image; /* NULL: no --image */
	bool own_root;            /* --rootfs or --image: not the host's file system */
	bool contained;           /* any namespace of its own: more than a plain process of the host */
	int root;                 /* the task's root for reading (borrowed from the plan), or -1: the host's, or dry */
	int rootfs;               /* --rootfs, as found; -1: none */
	int proc;                 /* /proc of the host; in the plan */

	/* identity and rights */
	struct gate_caller caller; /* in the user namespace that the task will be in */
	bool nested;               /* that is not the host's first one: no device nodes, no raising of limits */
	bool has_userns;           /* --userns=auto */
	int32_t userns;            /* … its descriptor's index in the plan, -1: none or dry */
	uint32_t id_base;          /* … and what its user 0 is here; else 0 */
	uint64_t caps;             /* the task's bounding set */
	uint64_t program_caps;     /* what its program starts with */
	bool no_new_privs;
	struct gate_identity who;

	uint64_t clone; /* CLONE_NEW… for the CLONE row */
	struct gate_cgroups cgroups;
	bool has_cgroups;
	const char *workdir, *stop_word;
	uint32_t stop_signal;

	struct gate_plan_writer plan;
	struct gate_buf notes; /* for --explain: lines under the table */
};

static inline bool gate_isolates(const struct gate_prepare *p, enum gate_isolator i)
{
	return (p->task->isolation & GATE_ISOLATOR_BIT(i)) != 0;
}
/* In a namespace of this kind other than the host's? */
static inline bool gate_separate(const struct gate_prepare *p, enum gate_isolator i, const struct gate_ns *ns)
{
	return gate_isolates(p, i) && ns->mode != GATE_NS_HOST;
}

/* An isolator: decides from the task and adds rows. */
typedef int gate_isolate_fn(struct gate_prepare *p, struct gate_err *err);
gate_isolate_fn gate_isolate_namespaces; /* isolate_ns.c */
gate_isolate_fn gate_isolate_root;       /* isolate_root.c */
gate_isolate_fn gate_isolate_system;     /* isolate_system.c: /proc, /sys, /dev, masks */
gate_isolate_fn gate_isolate_masks;
gate_isolate_fn gate_isolate_files;    /* isolate_files.c: /etc/hosts and its like, volumes, read-only */
gate_isolate_fn gate_isolate_cgroups;  /* isolate_cgroups.c */
gate_isolate_fn gate_isolate_limits;   /* isolate_limits.c */
gate_isolate_fn gate_isolate_identity; /* isolate_privilege.c: user, groups, capabilities, no_new_privs, the filter */
gate_isolate_fn gate_isolate_privilege;
gate_isolate_fn gate_isolate_filter;

/* environment.c: the command, its environment and directory, from the image and the task. */
gate_isolate_fn gate_prepare_command;
gate_isolate_fn gate_prepare_environment;

/* identity.c: the user that the task names, by the files of its own root. */
int gate_prepare_identity(struct gate_prepare *p, struct gate_err *err);
/* The same for `user` in a root that is open as `root` (or -1: the host's). */
int gate_identity_in(int root, const char *user, const char *const *add, size_t n_add, struct gate_arena *arena,
                     struct gate_identity *ret, struct gate_err *err);

/* isolate_dev.c: a /dev of the task's own. */
gate_isolate_fn gate_isolate_dev;

/* prepare.c: what the caller has, and where its images are: before a user namespace is entered, in which they are
 * unpacked, so that files get the owners that they should have. */
int gate_prepare_early(struct gate_prepare *p, struct gate_err *err);
/* Everything up to the plan, which is then ready to be sealed. On failure nothing is left. */
int gate_prepare(struct gate_prepare *p, struct gate_err *err);
void gate_prepare_init(struct gate_prepare *p);
/* `undo`: what was made goes, too. */
void gate_prepare_done(struct gate_prepare *p, bool undo);
/* A line for --explain. */
void gate_prepare_note(struct gate_prepare *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* prepare.c: the keeper's ears for refused calls, and its voice for the fence that says when all have arrived. `log`: the
 * filter logs, so what the kernel loses is counted from now on. That they cannot be had is no reason not to run. */
void gate_prepare_audit(struct gate_plan_writer *w, bool log);

/* config.c: config.json, written whole into the task's directory. */
int gate_config_write(const struct gate_prepare *p, struct gate_err *err);

/* launch.c: a keeper that has been started and waits for its plan. */
struct gate_starter {
	int socket; /* -1: none */
	pid_t pid;
	struct birth *birth;
};
int gate_starter_begin(struct gate_starter *ret, struct gate_err *err);
/* Sends the plan. Until the answer there is time for other things. */
int gate_starter_send(struct gate_starter *k, const struct gate_plan_writer *w, int memfd, struct gate_err *err);
/* Waits until the program runs or has failed to. On success *ret has the socket, the pidfd, the record and the sentence;
 * the keeper then looks after everything. */
int gate_starter_answer(struct gate_starter *k, const struct gate_plan_writer *w, struct gate_started *ret,
                        struct gate_err *err);
/* A keeper that got no plan ends when its socket is closed; this waits for that. */
void gate_starter_done(struct gate_starter *k);

/* keeper_image.c: the program in a sealed memfd, or -1. */
int gate_keeper_memfd(struct gate_err *err);

#endif
