/* One more process in a running task: what the task's own plan says about its rights counts for this one, always. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/namespaces.h"
#include "container/rights.h"
#include "container/userns.h"
#include "kernel/proc.h"
#include "kernel/seccomp.h"

/* The task's plan as it was kept: checked as if a stranger had sent it. */
struct kept {
	void *bytes;
	const struct gate_plan *plan;
	const struct gate_row *rows;
};

struct exec {
	struct gate_store *store;
	const char *id;
	const struct gate_exec *asked;
	struct kept kept;
	struct gate_first first;
	int root; /* the task's, for its passwd file */
	struct gate_plan_writer plan;
	struct gate_cgroups groups;
	bool joins_user, joins_mounts;
};

/* --- the task's plan --- */
static int read_kept(int dir, struct kept *ret, struct gate_err *err)
{
	int fd = openat(dir, "plan", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot read the task's plan");
	bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	            st.st_size > (off_t)sizeof(struct gate_plan) && st.st_size <= (off_t)GATE_PLAN_BYTES_MAX;
	void *bytes = good ? malloc((size_t)st.st_size) : NULL;
	size_t done = 0;
	ssize_t n = 1;

	while (bytes != NULL && done < (size_t)st.st_size && n > 0)
		if ((n = read(fd, (char *)bytes + done, (size_t)st.st_size - done)) > 0)
			done += (size_t)n;
	(void)close(fd);
	const struct gate_plan *plan = bytes;
	const char *wrong = bytes == NULL || done < (size_t)st.st_size ? "it cannot be read whole, or is not ours alone"
	                                                               : gate_plan_check(bytes, done, plan->n_fds);
	if (wrong != NULL) {
		free(bytes);
		return GATE_FAIL(err, GATE_E_PROTO, "the plan that the task was started with is not to be trusted: %s",
		                 wrong);
	}
	*ret = (struct kept){ bytes, plan, (const struct gate_row *)(const void *)((const char *)bytes + plan->rows) };
	return 0;
}

static const struct gate_row *kept_row(const struct kept *k, enum gate_step step)
{
	for (uint32_t i = 0; i < k->plan->n_rows; i++)
		if (k->rows[i].step == step)
			return &k->rows[i];
	return NULL;
}

static const char *kept_string(const struct kept *k, uint32_t list, uint32_t i)
{
	const uint64_t *offsets = (const uint64_t *)(const void *)((const char *)k->bytes + list);

	return (const char *)k->bytes + offsets[i];
}

/* --- where it is to be --- */
static const struct {
	const char *path;
	uint64_t type;
} kinds[] = {
	/* The user namespace first: its rights are needed for the others; the mounts last, because they change what "/" is. */
	{ "ns/user", CLONE_NEWUSER }, { "ns/cgroup", CLONE_NEWCGROUP }, { "ns/ipc", CLONE_NEWIPC },
	{ "ns/uts", CLONE_NEWUTS },   { "ns/net", CLONE_NEWNET },       { "ns/pid", CLONE_NEWPID },
	{ "ns/mnt", CLONE_NEWNS },
};

static int join(struct exec *x, const char *path, uint64_t type, struct gate_err *err)
{
	struct stat theirs, ours;
	char own[32];
	int fd = -1;

	(void)snprintf(own, sizeof(own), "/proc/self/%s", path);
	if (gate_first_open(&x->first, path, O_RDONLY, &fd, err) < 0)
		return -1;
	if (fstat(fd, &theirs) < 0 || stat(own, &ours) < 0) {
		(void)close(fd);
		return GATE_FAIL_SYS(err, "cannot compare the namespaces of the task");
	}
	if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) {
		(void)close(fd);
		return 0;
	}
	if (type == CLONE_NEWUSER)
		x->joins_user = x->plan.joins_user = true;
	x->joins_mounts = x->joins_mounts || type == CLONE_NEWNS;
	struct gate_row *row = gate_plan_row(&x->plan, GATE_STEP_JOIN, "%s of the task", path);
	row->fd = gate_plan_adopt(&x->plan, fd);
	row->a = type;
	return 0;
}

/* A group in a hierarchy that cannot be seen from here, or that somebody has removed, would be a limit less. */
static bool all_found(const struct gate_plan *plan, const struct gate_cgroups *found)
{
	for (uint32_t i = 0; i < plan->n_cgroups; i++) {
		const uint32_t what = plan->cgroups[i].what;
		size_t k = 0;

		while (k < found->n && ((what & GATE_CGROUP_V2) != 0 ? (found->at[k].what & GATE_CGROUP_V2) == 0
		                                                     : found->at[k].what != what))
			k++;
		if (k == found->n)
			return false;
	}
	return true;
}

/* Into the task's own groups: limits hold for this process, too. */
static int enter_groups(struct exec *x, struct gate_err *err)
{
	struct gate_plan *plan = &x->plan.head;

	if (x->kept.plan->n_cgroups == 0)
		return 0;
	if (gate_cgroups_find(x->id, &x->groups, err) < 0)
		return -1;
	if (!all_found(x->kept.plan, &x->groups))
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "of the task's %u control groups some are not to be found here: the process would escape "
		    "its limits",
		    x->kept.plan->n_cgroups);
	for (size_t i = 0; i < x->groups.n; i++) {
		const struct gate_cgroup *g = &x->groups.at[i];
		int procs = openat(g->dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);

		if (procs < 0)
			return GATE_FAIL_SYS(err, "cannot enter the control group '%s'", g->path);
		struct gate_row *row = gate_plan_row(&x->plan, GATE_STEP_CGROUP, "%s", g->path);
		row->fd = gate_plan_adopt(&x->plan, procs);
		plan->cgroups[plan->n_cgroups] =
		    (struct gate_plan_cgroup){ .dir = gate_plan_adopt(&x->plan, dup(g->dir)),
			                       .parent = -1,
			                       .what = g->what | GATE_CGROUP_SHARED };
		plan->n_cgroups++;
	}
	return 0;
}

static int place(struct exec *x, struct gate_err *err)
{
	if (enter_groups(x, err) < 0)
		return -1;
	for (size_t i = 0; i < GATE_ARRAY_LEN(kinds); i++)
		if (join(x, kinds[i].path, kinds[i].type, err) < 0)
			return -1;
	if (gate_first_open(&x->first, "root", O_PATH | O_DIRECTORY, &x->root, err) < 0)
		return -1;
	if (x->joins_mounts) {
		int root = fcntl(x->root, F_DUPFD_CLOEXEC, 3);

		if (root < 0)
			return GATE_FAIL_SYS(err, "cannot keep the root of the task");
		struct gate_row *row = gate_plan_row(&x->plan, GATE_STEP_JOIN, "the root of the task");
		row->fd = gate_plan_adopt(&x->plan, root);
		row->flags = GATE_ROW_DIRECTORY;
	}
	(void)gate_plan_row(&x->plan, GATE_STEP_CLONE, NULL);
	return 0;
}

/* --- what it may do --- */
/* Numbers that the task's own process was started with. */
static void copy_row(struct exec *x, enum gate_step step, const char *object)
{
	for (uint32_t i = 0; i < x->kept.plan->n_rows; i++) {
		const struct gate_row *from = &x->kept.rows[i];

		if (from->step != step)
			continue;
		struct gate_row *row = gate_plan_row(&x->plan, step, "%s", object);
		row->flags = from->flags;
		row->a = from->a;
		row->b = from->b;
	}
}

static int copy_identity(struct exec *x, const struct gate_row *ids, struct gate_identity *who, struct gate_err *err)
{
	*who = (struct gate_identity){ .uid = (uint32_t)ids->a, .gid = (uint32_t)ids->b, .name = "", .home = "/" };
	who->groups = GATE_NEWS(&x->plan.arena, uint32_t, (size_t)ids->flags + 1);
	if (who->groups == NULL)
		return GATE_FAIL_NOMEM(err);
	memcpy(who->groups, (const char *)x->kept.bytes + ids->text[0], ids->flags * sizeof(uint32_t));
	who->n_groups = ids->flags;
	return 0;
}

static int caller_of(const struct exec *x, uint64_t caps, struct gate_caller *ret, struct gate_err *err)
{
	long long last = 0;

	if (!x->joins_user)
		return gate_caller_read(caps, ret, err);
	/* setns(2) into a user namespace gives everything in it. */
	if (gate_proc_number("/proc/sys/kernel/cap_last_cap", &last) < 0 || last < 0 || last > 63)
		return GATE_FAIL_SYS(err, "cannot ask for the kernel's last capability");
	uint64_t all = UINT64_MAX >> (63 - last);
	*ret = (struct gate_caller){ .permitted = all, .effective = all, .bounding = all, .root = true };
	return 0;
}

static int find_user(struct exec *x, struct gate_identity *who, struct gate_err *err)
{
	char users[64], groups[64];

	if (gate_identity_in(x->root, x->asked->user, NULL, 0, &x->plan.arena, who, err) < 0)
		return -1;
	(void)snprintf(users, sizeof(users), "/proc/%d/uid_map", x->first.pid);
	(void)snprintf(groups, sizeof(groups), "/proc/%d/gid_map", x->first.pid);
	return gate_userns_check_ids(who, gate_userns_mapped(users), gate_userns_mapped(groups), err);
}

static int rights(struct exec *x, struct gate_identity *who, struct gate_err *err)
{
	const struct kept *k = &x->kept;
	const struct gate_row *ids = kept_row(k, GATE_STEP_IDS), *bounding = kept_row(k, GATE_STEP_BOUNDING),
			      *caps = kept_row(k, GATE_STEP_CAPABILITIES), *filter = kept_row(k, GATE_STEP_FILTER);
	struct gate_rights_asked asked = { .unconfined = filter == NULL,
		                           .no_new_privs = kept_row(k, GATE_STEP_NO_NEW_PRIVS) };
	struct gate_rights r;

	if (x->asked->user != NULL) {
		if (find_user(x, who, err) < 0)
			return -1;
	} else if (ids != NULL && copy_identity(x, ids, who, err) < 0) {
		return -1;
	}
	asked.changes_user = x->asked->user != NULL || ids != NULL;
	asked.uid = asked.changes_user ? who->uid : geteuid();
	/* Never more than the task's own: what stays in its bounding set, or all when nothing was dropped. */
	asked.caps = bounding != NULL ? bounding->a : caps != NULL ? UINT64_MAX : 0;
	if (caller_of(x, asked.caps, &asked.caller, err) < 0)
		return -1;
	asked.caps &= asked.caller.permitted;
	asked.ambient = caps != NULL && x->asked->user == NULL ? caps->b : 0;
	if (asked.changes_user && gate_identity_rows(&x->plan, who, err) < 0)
		return -1;
	x->plan.filter = k->plan->filter_len != 0 ? (const char *)k->bytes + k->plan->filter : NULL;
	x->plan.filter_len = k->plan->filter_len;
	gate_rights_decide(&asked, &r);
	gate_rights_rows(&x->plan, &r, true, asked.no_new_privs, "the task's", filter != NULL ? filter->a : 0);
	return 0;
}

/* --- what it runs --- */
static void environment(struct exec *x, const struct gate_identity *who)
{
	char home[4096];

	for (uint32_t i = 0; i < x->kept.plan->envc; i++)
		gate_plan_env(&x->plan, kept_string(&x->kept, x->kept.plan->envp, i));
	if (x->asked->terminal && gate_plan_env_get(&x->plan, "TERM") == NULL)
		gate_plan_env(&x->plan, "TERM=xterm");
	if (x->asked->user != NULL && snprintf(home, sizeof(home), "HOME=%s", who->home) < (int)sizeof(home))
		gate_plan_env(&x->plan, home);
	for (size_t i = 0; i < x->asked->n_env; i++)
		gate_plan_env(&x->plan, x->asked->env[i]);
}

static void stdio(struct exec *x)
{
	static const int32_t ends[] = { GATE_PLAN_FD_IN, GATE_PLAN_FD_OUT, GATE_PLAN_FD_ERR };

	(void)gate_plan_row(&x->plan, GATE_STEP_SESSION_LEADER, NULL);
	if (x->asked->terminal) {
		(void)gate_plan_row(&x->plan, GATE_STEP_TERMINAL, NULL);
		return;
	}
	for (uint64_t i = 0; i < GATE_ARRAY_LEN(ends); i++) {
		struct gate_row *row = gate_plan_row(&x->plan, GATE_STEP_STDIO, NULL);

		row->fd = i == 0 && !x->asked->interactive ? -1 : ends[i];
		row->a = i;
	}
}

static void command(struct exec *x)
{
	const struct gate_row *directory = kept_row(&x->kept, GATE_STEP_DIRECTORY);
	const char *workdir = x->asked->workdir;

	for (const char *const *a = x->asked->args; *a != NULL; a++)
		gate_plan_arg(&x->plan, *a);
	if (workdir == NULL && directory != NULL && directory->text[0] != 0)
		workdir = (const char *)x->kept.bytes + directory->text[0];
	struct gate_row *row = gate_plan_row(&x->plan, GATE_STEP_DIRECTORY, "%s", workdir != NULL ? workdir : "/");
	row->text[0] = gate_plan_string(&x->plan, workdir != NULL ? workdir : "/");
	row = gate_plan_row(&x->plan, GATE_STEP_PROGRAM, "%s", x->plan.argc > 0 ? x->plan.argv[0] : "");
	row->text[0] = gate_plan_string(&x->plan, gate_plan_env_get(&x->plan, "PATH"));
	(void)gate_plan_row(&x->plan, GATE_STEP_CLOSE, NULL);
	(void)gate_plan_row(&x->plan, GATE_STEP_UNBLOCK, NULL);
	(void)gate_plan_row(&x->plan, GATE_STEP_EXECVE, "%s", x->plan.argc > 0 ? x->plan.argv[0] : "");
}

/* --- all of it --- */
static int keeper_needs(struct exec *x, struct gate_err *err)
{
	struct gate_plan *head = &x->plan.head;
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return GATE_FAIL_SYS(err, "cannot open '/proc'");
	head->proc = gate_plan_adopt(&x->plan, proc);
	head->id = gate_plan_string(&x->plan, x->id);
	head->stop_signal = x->kept.plan->stop_signal;
	head->stop_ms = x->kept.plan->stop_ms;
	head->flags = GATE_PLAN_EXEC | GATE_PLAN_ATTACHED |
	              (x->kept.plan->flags & (GATE_PLAN_UNCONFINED | GATE_PLAN_LISTENER)) |
	              (x->asked->terminal ? GATE_PLAN_TERMINAL : 0) |
	              (x->asked->interactive && !x->asked->terminal ? GATE_PLAN_STDIN : 0);
	if ((head->flags & GATE_PLAN_UNCONFINED) != 0)
		return 0;
	struct gate_row *row = gate_plan_row(&x->plan, GATE_STEP_SESSION, NULL);
	row->fd = head->proc;
	row->flags = GATE_ROW_OPTIONAL;
	const struct gate_row *filter = kept_row(&x->kept, GATE_STEP_FILTER);
	gate_prepare_audit(&x->plan, filter != NULL && (filter->a & GATE_SECCOMP_LOG) != 0);
	return 0;
}

/* The pipes belong to the user as this side numbers it: as far from the task's number as for its first process. */
static void own_pipes(struct exec *x, const struct gate_identity *who)
{
	const struct gate_row *ids = kept_row(&x->kept, GATE_STEP_IDS);

	x->plan.head.stdio_uid = x->kept.plan->stdio_uid + who->uid - (ids != NULL ? (uint32_t)ids->a : who->uid);
	x->plan.head.stdio_gid = x->kept.plan->stdio_gid + who->gid - (ids != NULL ? (uint32_t)ids->b : who->gid);
}

/* Without root the keeper, too, must be where the task's ids are known: in the user namespace that its launcher made. */
static int enter(struct exec *x, struct gate_err *err)
{
	int fd = -1;

	if (geteuid() == 0)
		return 0;
	if (gate_first_open(&x->first, "ns/user", O_RDONLY, &fd, err) < 0)
		return -1;
	/* EINVAL: it is our own already, as for a plain process of the host. */
	int result = setns(fd, CLONE_NEWUSER) == 0 ? setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -1 : 0
	             : errno == EINVAL             ? 0
	                                           : -1;
	int sys = errno;

	(void)close(fd);
	errno = sys;
	return result == 0 ? 0 : GATE_FAIL_SYS(err, "cannot enter the user namespace of the task");
}

static int prepare(struct exec *x, struct gate_err *err)
{
	struct gate_identity who = { .name = "", .home = "/" };
	int dir = -1;

	if (x->asked->args == NULL || x->asked->args[0] == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "there is no command to run");
	if (gate_store_dir(x->store, x->id, &dir, err) < 0)
		return -1;
	int result = read_kept(dir, &x->kept, err);
	(void)close(dir);
	if (result < 0 || keeper_needs(x, err) < 0 || place(x, err) < 0)
		return -1;
	(void)gate_plan_row(&x->plan, GATE_STEP_SIGNALS, NULL);
	(void)gate_plan_row(&x->plan, GATE_STEP_HIDE, NULL);
	gate_plan_row(&x->plan, GATE_STEP_PARENT, NULL)->a = SIGKILL;
	copy_row(x, GATE_STEP_NORMAL, "");
	copy_row(x, GATE_STEP_RLIMIT, "a limit of the task");
	copy_row(x, GATE_STEP_KEYRING, "");
	stdio(x);
	if (rights(x, &who, err) < 0)
		return -1;
	own_pipes(x, &who);
	environment(x, &who);
	command(x);
	return 0;
}

static int start(struct exec *x, struct gate_starter *k, struct gate_started *ret, struct gate_err *err)
{
	int memfd = -1;

	if (prepare(x, err) < 0 || gate_plan_seal(&x->plan, &memfd, NULL, err) < 0)
		return -1;
	int result = gate_starter_send(k, &x->plan, memfd, err) < 0 ? -1 : gate_starter_answer(k, &x->plan, ret, err);
	(void)close(memfd);
	return result;
}

int gate_container_exec(struct gate_store *s, const char *id, const struct gate_exec *e, struct gate_started *ret,
                        struct gate_err *err)
{
	struct gate_started started = { .socket = -1, .pidfd = -1 };
	struct gate_starter k = { .socket = -1 };
	struct exec *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return GATE_FAIL_NOMEM(err);
	*x = (struct exec){ .store = s, .id = id, .asked = e, .first = { .keeper = -1, .pidfd = -1 }, .root = -1 };
	gate_plan_writer_init(&x->plan);
	(void)snprintf(started.id, sizeof(started.id), "%s", id);
	int result = gate_first_find(s, id, &x->first, err) < 0 || enter(x, err) < 0 ? -1 : gate_starter_begin(&k, err);
	if (result == 0)
		result = start(x, &k, &started, err);
	if (result < 0)
		gate_starter_done(&k);
	gate_plan_writer_done(&x->plan);
	gate_cgroups_done(&x->groups);
	gate_first_done(&x->first);
	if (x->root >= 0)
		(void)close(x->root);
	free(x->kept.bytes);
	free(x);
	if (result == 0)
		*ret = started;
	return result;
}
