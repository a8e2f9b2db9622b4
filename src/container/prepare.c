/* From a task to a plan: the isolators in their table, what every launch has, and the keeper's own needs. */
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "container/prepare.h"
#include "container/userns.h"
#include "kernel/audit.h"
#include "kernel/seccomp.h"

#define BIT(i) GATE_ISOLATOR_BIT(GATE_ISOLATE_##i)

/* The order in which they decide, because later ones ask what earlier ones found (the root's files tell the user). The
 * order in which rows run is the plan's. */
static const struct {
	uint32_t bits; /* for reading: each function looks at them itself, to refuse what asks for one that is off */
	gate_isolate_fn *prepare;
} isolators[] = {
	{ BIT(SECCOMP), gate_isolate_filter },
	{ BIT(PID) | BIT(IPC) | BIT(UTS) | BIT(NETWORK) | BIT(CGROUP), gate_isolate_namespaces },
	{ BIT(FILESYSTEM), gate_isolate_root },
	{ 0, gate_isolate_identity },
	{ BIT(CPU) | BIT(MEM) | BIT(PIDS) | BIT(DEVICES), gate_isolate_cgroups },
	{ BIT(RLIMITS), gate_isolate_limits },
	{ BIT(FILESYSTEM) | BIT(IPC), gate_isolate_system },
	{ BIT(FILESYSTEM), gate_isolate_files },
	{ BIT(FILESYSTEM), gate_isolate_masks },
	{ 0, gate_prepare_command },
	{ 0, gate_prepare_environment },
	{ BIT(CAPABILITIES) | BIT(NNP) | BIT(SECCOMP), gate_isolate_privilege },
};

void gate_prepare_init(struct gate_prepare *p)
{
	*p = (struct gate_prepare){
		.dir = -1, .work = -1, .root = -1, .rootfs = -1, .proc = -1, .userns = -1, .cgroups = { .into = -1 }
	};
	gate_plan_writer_init(&p->plan);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void gate_prepare_done(struct gate_prepare *p, bool undo)
{
	/* An entry whose groups are left stays for the next sweep, which finds them by it. */
	bool left = p->has_cgroups && undo && gate_cgroups_undo(&p->cgroups) < 0;
	if (p->has_cgroups && !undo)
		gate_cgroups_done(&p->cgroups);
	close_fd(&p->work);
	close_fd(&p->rootfs);
	gate_plan_writer_done(&p->plan); /* the lock, too: the entry can be removed now */
	if (undo && !left && !p->dry && p->dir >= 0)
		(void)gate_store_remove(p->store, p->id, NULL);
	p->dir = -1;
	gate_image_free(p->image);
	gate_images_close(p->images);
	gate_buf_done(&p->notes);
}

void gate_prepare_note(struct gate_prepare *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&p->notes, format, ap);
	va_end(ap);
	if (p->notes.len > 0 && p->notes.data[p->notes.len - 1] != '\n')
		gate_buf_puts(&p->notes, "\n");
}

/* --- what every launch has --- */
static void first_rows(struct gate_prepare *p)
{
	p->plan.by = "launch";
	gate_plan_row(&p->plan, GATE_STEP_SIGNALS, NULL);
	gate_plan_row(&p->plan, GATE_STEP_HIDE, NULL);
	gate_plan_row(&p->plan, GATE_STEP_PARENT, NULL)->a = SIGKILL;
	if (p->contained) {
		(void)gate_plan_row(&p->plan, GATE_STEP_NORMAL, NULL);
		(void)gate_plan_row(&p->plan, GATE_STEP_KEYRING, NULL);
	}
	if (!p->profile->unconfined) {
		struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_SESSION, NULL);

		row->fd = p->plan.head.proc;
		row->flags = GATE_ROW_OPTIONAL;
	}
}

static void stdio_rows(struct gate_prepare *p)
{
	static const int32_t ends[] = { GATE_PLAN_FD_IN, GATE_PLAN_FD_OUT, GATE_PLAN_FD_ERR };
	static const char *const names[] = { "input", "output", "errors" };

	if ((p->plan.head.flags & GATE_PLAN_PLAIN_STDIO) != 0)
		return;
	p->plan.by = "launch";
	(void)gate_plan_row(&p->plan, GATE_STEP_SESSION_LEADER, NULL);
	if (p->task->terminal) {
		bool own = p->own_root || gate_isolates(p, GATE_ISOLATE_FILESYSTEM);

		gate_plan_row(&p->plan, GATE_STEP_TERMINAL, own ? "of its own devpts" : "of the host's devpts")->flags =
		    own ? 0 : GATE_ROW_ON_HOST;
		return;
	}
	for (uint64_t i = 0; i < GATE_ARRAY_LEN(ends); i++) {
		bool none = i == 0 && !p->task->interactive;
		struct gate_row *row =
		    gate_plan_row(&p->plan, GATE_STEP_STDIO, none ? "%s: /dev/null" : "%s: a pipe", names[i]);

		row->fd = none ? -1 : ends[i];
		row->a = i;
	}
}

static const char *namespaces(uint64_t flags, char text[64])
{
	static const struct {
		uint64_t flag;
		const char *name;
	} kinds[] = {
		{ CLONE_NEWNS, "mount" }, { CLONE_NEWPID, "pid" },     { CLONE_NEWIPC, "ipc" },
		{ CLONE_NEWUTS, "uts" },  { CLONE_NEWNET, "network" },
	};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < GATE_ARRAY_LEN(kinds); i++)
		if ((flags & kinds[i].flag) != 0)
			len += (size_t)snprintf(text + len, 64 - len, "%s%s", len > 0 ? ", " : "new: ", kinds[i].name);
	return text;
}

static void last_rows(struct gate_prepare *p)
{
	char text[64];

	p->plan.by = "launch";
	bool into = p->cgroups.into >= 0;
	struct gate_row *row =
	    gate_plan_row(&p->plan, GATE_STEP_CLONE, into ? "%s%sin %s" : "%s", namespaces(p->clone, text),
	                  p->clone != 0 ? "; " : "", into ? p->cgroups.at[p->cgroups.into].path : "");
	row->a = p->clone;
	if (p->has_cgroups && into)
		row->fd = p->plan.head.cgroups[p->cgroups.into].dir;
	if (p->task->init)
		(void)gate_plan_row(&p->plan, GATE_STEP_INIT, NULL);
	(void)gate_plan_row(&p->plan, GATE_STEP_CLOSE, "every descriptor from 3 on");
	(void)gate_plan_row(&p->plan, GATE_STEP_UNBLOCK, NULL);
	(void)gate_plan_row(&p->plan, GATE_STEP_EXECVE, "%s", p->plan.argc > 0 ? p->plan.argv[0] : "");
}

/* --- what the keeper needs --- */
static int control_socket(struct gate_prepare *p, struct gate_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* The state directory's path may be longer than what fits here. */
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/control", p->dir);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0) {
		gate_err_set(err, GATE_E_SYS, errno, "cannot make the socket '%s/control'", p->path);
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	p->plan.head.control = gate_plan_adopt(&p->plan, fd);
	return 0;
}

void gate_prepare_audit(struct gate_plan_writer *w, bool log)
{
	struct gate_audit a = GATE_AUDIT_INIT;

	if (gate_audit_open(&a, log, NULL) < 0)
		return;
	w->head.audit = gate_plan_adopt(w, a.fd);
	if (gate_audit_open_ask(&a))
		w->head.audit_ask = gate_plan_adopt(w, a.ask);
}

static int host_proc(struct gate_prepare *p, struct gate_err *err)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open '/proc'");
	p->plan.head.proc = gate_plan_adopt(&p->plan, fd);
	return 0;
}

static uint32_t keeper_flags(const struct gate_prepare *p)
{
	const struct gate_task *t = p->task;

	return (t->terminal ? GATE_PLAN_TERMINAL : 0) | (t->interactive && !t->terminal ? GATE_PLAN_STDIN : 0) |
	       (t->remove ? GATE_PLAN_REMOVE : 0) | (!t->detach ? GATE_PLAN_ATTACHED : 0) |
	       (!p->contained && !t->detach && !t->terminal ? GATE_PLAN_PLAIN_STDIO : 0);
}

static int keeper_needs(struct gate_prepare *p, struct gate_err *err)
{
	struct gate_plan *head = &p->plan.head;

	head->id = gate_plan_string(&p->plan, p->id);
	head->stop_ms = p->task->stop_ms;
	head->timeout_ms = p->task->timeout_ms;
	head->log_bytes = p->task->log_bytes;
	head->log_files = p->task->log_files != 0 ? p->task->log_files : 1;
	head->stdio_uid = p->who.uid + p->id_base;
	head->stdio_gid = p->who.gid + p->id_base;
	if (p->dry)
		return 0;
	int parent = dup(gate_store_containers(p->store));
	head->parent = gate_plan_adopt(&p->plan, parent);
	if (parent < 0)
		return GATE_FAIL_SYS(err, "cannot hold the state directory");
	if (p->task->remove && p->task->name != NULL) {
		head->names = gate_plan_adopt(&p->plan, dup(p->store->names));
		head->name = gate_plan_string(&p->plan, p->task->name);
	}
	if (!p->profile->unconfined)
		gate_prepare_audit(&p->plan, (p->profile->flags & GATE_SECCOMP_LOG) != 0);
	return control_socket(p, err);
}

/* --- all of it --- */
static bool is_contained(const struct gate_prepare *p)
{
	const struct gate_task *t = p->task;

	return gate_isolates(p, GATE_ISOLATE_FILESYSTEM) || gate_isolates(p, GATE_ISOLATE_CGROUP) ||
	       gate_separate(p, GATE_ISOLATE_PID, &t->pid) || gate_separate(p, GATE_ISOLATE_IPC, &t->ipc) ||
	       gate_separate(p, GATE_ISOLATE_UTS, &t->uts) || gate_separate(p, GATE_ISOLATE_NETWORK, &t->network);
}

bool gate_task_contained(const struct gate_task *t)
{
	const struct gate_prepare p = { .task = t };

	return is_contained(&p);
}

static int entry(struct gate_prepare *p, struct gate_err *err)
{
	int lock = -1;

	if (p->dry)
		(void)snprintf(p->id, sizeof(p->id), "%064d", 0);
	else if (gate_store_create(p->store, p->task->name, p->id, &p->dir, &lock, err) < 0)
		return -1;
	(void)snprintf(p->path, sizeof(p->path), "%s/containers/%s", gate_store_path(p->store), p->dry ? "ID" : p->id);
	p->plan.head.lock = gate_plan_adopt(&p->plan, lock);
	p->plan.head.dir = gate_plan_adopt(&p->plan, p->dir);
	return 0;
}

void gate_store_images(struct gate_store *s, const char *dir)
{
	s->images = dir;
}

static int open_images(struct gate_prepare *p, struct gate_err *err)
{
	p->own_root = p->task->image != NULL || p->task->rootfs != NULL;
	return p->task->image == NULL ? 0 : gate_images_open(p->store->images, &p->images, err);
}

static int find_image(struct gate_prepare *p, struct gate_err *err)
{
	return p->images == NULL ? 0 : gate_image_get(p->images, p->task->image, false, &p->image, err);
}

int gate_prepare_early(struct gate_prepare *p, struct gate_err *err)
{
	p->early = true;
	p->contained = is_contained(p);
	if (p->profile->caller != NULL) {
		p->caller = p->profile->caller->has;
		p->nested = p->profile->caller->nested;
	} else if (gate_caller_in(p->task, &p->caller, &p->nested, err) < 0) {
		return -1;
	}
	return open_images(p, err);
}

int gate_prepare(struct gate_prepare *p, struct gate_err *err)
{
	if ((!p->early && gate_prepare_early(p, err) < 0) || find_image(p, err) < 0)
		return -1;
	p->caps = gate_task_caps(p->task, p->caller.permitted & p->caller.bounding);
	if (entry(p, err) < 0 || host_proc(p, err) < 0)
		return -1;
	if (p->task->userns_auto && gate_userns_auto(p, err) < 0)
		return -1;
	p->plan.head.flags = keeper_flags(p);
	first_rows(p);
	for (size_t i = 0; i < GATE_ARRAY_LEN(isolators); i++) {
		p->plan.by = "launch";
		if (isolators[i].prepare(p, err) < 0)
			return -1;
	}
	stdio_rows(p);
	last_rows(p);
	return keeper_needs(p, err);
}
