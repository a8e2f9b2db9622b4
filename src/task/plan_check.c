/* plan_check.c - nothing in a plan is believed: offsets, lengths, indices, and the order of its rows. */
#include <linux/capability.h>
#include <linux/sched.h>
#include <limits.h>
#include <string.h>

#include "task/plan.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#define NAMESPACES      ((uint64_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)
#define SIGNALS         64
#define RESOURCES       16
#define FILTER_MAX      4096
#define LISTEN_FLAG     (1U << 5)                         /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
#define FILTER_FLAGS    (1U << 1 | 1U << 2 | LISTEN_FLAG) /* LOG, SPEC_ALLOW */
#define ALL_FLAGS       0xffU
#define ALL_CGROUP_BITS 0x1ffU
#define BAD_ID          UINT32_MAX
#define LOG_FILES_MAX   1000

/* The phases of a launch. A row may not come after one of a later phase. */
enum phase { STAGE, CLONE, PRIVILEGED, STREAMS, HELPER, ROOM, IDS, CAPABILITIES, LAST_RIGHTS, FILTER, EXECVE };

/* What a row of each kind must and may have. */
enum { NO_FD, MAYBE_FD, NEEDS_FD };
#define T(n) (1U << (n))
static const struct shape {
	uint8_t from, to; /* enum phase: where it may stand */
	uint8_t fd;
	uint8_t needs, may;   /* texts, as bits */
	uint16_t flags;       /* GATE_ROW_… besides OPTIONAL */
	bool once, own_flags; /* at most one; `flags` means something else */
	bool mount;           /* changes the mount namespace: not without one of its own */
} shapes[GATE_STEP_MAX] = {
	[GATE_STEP_JOIN] = { STAGE, STAGE, NEEDS_FD, .flags = GATE_ROW_DIRECTORY },
	[GATE_STEP_CLONE] = { CLONE, CLONE, MAYBE_FD, .once = true },
	[GATE_STEP_SIGNALS] = { PRIVILEGED, PRIVILEGED, .once = true },
	[GATE_STEP_HIDE] = { PRIVILEGED, PRIVILEGED, .once = true },
	[GATE_STEP_PARENT] = { PRIVILEGED, PRIVILEGED, .once = true },
	[GATE_STEP_NORMAL] = { STAGE, PRIVILEGED, .once = true },
	[GATE_STEP_CGROUP] = { STAGE, PRIVILEGED, NEEDS_FD },
	[GATE_STEP_SESSION] = { STAGE, PRIVILEGED, NEEDS_FD, .once = true },
	[GATE_STEP_MARK] = { PRIVILEGED, PRIVILEGED, NEEDS_FD, .needs = T(0), .once = true },
	[GATE_STEP_OOM] = { STAGE, ROOM, NEEDS_FD, .once = true },
	[GATE_STEP_RLIMIT] = { STAGE, ROOM, .own_flags = true },
	[GATE_STEP_UNSHARE] = { PRIVILEGED, STREAMS, .once = true },
	[GATE_STEP_LOOPBACK] = { PRIVILEGED, STREAMS, .once = true },
	[GATE_STEP_HOSTNAME] = { PRIVILEGED, STREAMS, .needs = T(0), .once = true },
	[GATE_STEP_KEYRING] = { PRIVILEGED, ROOM, .once = true },
	[GATE_STEP_PRIVATE] = { PRIVILEGED, PRIVILEGED, .once = true },
	[GATE_STEP_ROOT] = { PRIVILEGED, PRIVILEGED, NEEDS_FD, .needs = T(0), .once = true, .mount = true },
	[GATE_STEP_ATTACH] = { PRIVILEGED, PRIVILEGED, NEEDS_FD, .needs = T(0), .may = T(1),
	                       .flags = GATE_ROW_DIRECTORY | GATE_ROW_FILE, .mount = true },
	[GATE_STEP_BIND] = { PRIVILEGED, PRIVILEGED, MAYBE_FD, .needs = T(0) | T(1),
	                     .flags = GATE_ROW_DIRECTORY | GATE_ROW_FILE, .mount = true },
	[GATE_STEP_FILESYSTEM] = { PRIVILEGED, PRIVILEGED, .needs = T(0) | T(1), .may = T(2),
	                           .flags = GATE_ROW_DIRECTORY | GATE_ROW_FILE, .mount = true },
	[GATE_STEP_LINK] = { PRIVILEGED, PRIVILEGED, .needs = T(0) | T(1), .mount = true },
	[GATE_STEP_COVER] = { PRIVILEGED, PRIVILEGED, .needs = T(0), .mount = true },
	[GATE_STEP_READONLY] = { PRIVILEGED, PRIVILEGED, .needs = T(0), .flags = GATE_ROW_RECURSIVE, .mount = true },
	[GATE_STEP_SYSCTL] = { PRIVILEGED, PRIVILEGED, .needs = T(0) | T(1) },
	[GATE_STEP_PIVOT] = { PRIVILEGED, PRIVILEGED, .once = true, .mount = true },
	[GATE_STEP_SESSION_LEADER] = { PRIVILEGED, STREAMS, .once = true },
	[GATE_STEP_TERMINAL] = { STREAMS, STREAMS, .flags = GATE_ROW_ON_HOST, .once = true },
	[GATE_STEP_STDIO] = { STREAMS, STREAMS, MAYBE_FD },
	[GATE_STEP_INIT] = { STREAMS, STREAMS, .once = true },
	[GATE_STEP_HELPER] = { HELPER, HELPER, .once = true },
	[GATE_STEP_DIRECTORY] = { HELPER, LAST_RIGHTS, MAYBE_FD, .may = T(0), .flags = GATE_ROW_CREATE, .once = true },
	[GATE_STEP_BOUNDING] = { ROOM, ROOM, .once = true },
	[GATE_STEP_IDS] = { IDS, IDS, .may = T(0), .once = true, .own_flags = true },
	[GATE_STEP_CAPABILITIES] = { CAPABILITIES, CAPABILITIES, .once = true },
	[GATE_STEP_NO_NEW_PRIVS] = { LAST_RIGHTS, LAST_RIGHTS, .once = true },
	[GATE_STEP_PROGRAM] = { LAST_RIGHTS, LAST_RIGHTS, .may = T(0), .once = true },
	[GATE_STEP_CLOSE] = { LAST_RIGHTS, LAST_RIGHTS, .once = true },
	[GATE_STEP_UNBLOCK] = { LAST_RIGHTS, LAST_RIGHTS, .once = true },
	[GATE_STEP_FILTER] = { FILTER, FILTER, .once = true, .own_flags = true },
	[GATE_STEP_EXECVE] = { EXECVE, EXECVE, .may = T(0), .once = true },
};

/* The message under check, and what has been learned of it. */
struct check {
	const char *bytes;
	const struct gate_plan *plan;
	size_t size;
	uint32_t strings; /* where they may begin: after all arrays */
	unsigned phase;
	uint64_t seen; /* steps, as bits */
	uint64_t cloned;
	uint16_t load;
};
_Static_assert(GATE_STEP_MAX <= 64, "steps as bits");

static bool has(const struct check *c, enum gate_step step)
{
	return (c->seen >> step & 1) != 0;
}

/* The last byte of the message is 0, so what begins in it ends in it. */
static bool is_text(const struct check *c, uint64_t offset)
{
	return offset >= c->strings && offset < c->size;
}

static bool is_fd(const struct check *c, int32_t fd)
{
	return fd >= 0 && (uint32_t)fd < c->plan->n_fds;
}

/* --- arrays --- */

struct area {
	uint64_t from, to;
};

static bool is_array(struct check *c, uint64_t from, uint64_t n, uint64_t each, struct area *ret)
{
	uint64_t to = from + n * each; /* 32-bit factors */

	*ret = (struct area){ from, to };
	if (from % 8 != 0 || from < sizeof(struct gate_plan) || to > c->size)
		return false;
	if (to > c->strings)
		c->strings = (uint32_t)to;
	return true;
}

static const char *check_arrays(struct check *c)
{
	const struct gate_plan *p = c->plan;
	struct area areas[4];
	unsigned n = 3;

	c->strings = sizeof(*p);
	if (!is_array(c, p->rows, p->n_rows, sizeof(struct gate_row), &areas[0]))
		return "the rows do not lie in it";
	if (!is_array(c, p->argv, (uint64_t)p->argc + 1, sizeof(uint64_t), &areas[1]))
		return "the arguments do not lie in it";
	if (!is_array(c, p->envp, (uint64_t)p->envc + 1, sizeof(uint64_t), &areas[2]))
		return "the environment does not lie in it";
	if (p->filter_len > FILTER_MAX)
		return "the filter is longer than the kernel takes";
	if (p->filter_len == 0 && p->filter != 0)
		return "a filter of no instructions has a place";
	if (p->filter_len != 0) {
		if (!is_array(c, p->filter, p->filter_len, 8, &areas[3]))
			return "the filter does not lie in it";
		n++;
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			if (areas[i].from < areas[k].to && areas[k].from < areas[i].to)
				return "two of its arrays overlap";
	return NULL;
}

static bool is_list(const struct check *c, uint32_t at, uint32_t n)
{
	const uint64_t *list = (const uint64_t *)(const void *)(c->bytes + at);

	for (uint32_t i = 0; i < n; i++)
		if (!is_text(c, list[i]))
			return false;
	return list[n] == 0;
}

/* --- the header --- */

static bool is_id(const struct check *c)
{
	const char *id = c->bytes + c->plan->id;
	size_t len = 0;

	if (!is_text(c, c->plan->id))
		return false;
	while ((id[len] >= '0' && id[len] <= '9') || (id[len] >= 'a' && id[len] <= 'f'))
		len++;
	return id[len] == '\0' && len >= 12 && len <= 64;
}

static bool is_file_name(const char *name)
{
	return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strchr(name, '/') == NULL;
}

static const char *check_cgroups(const struct check *c)
{
	const struct gate_plan *p = c->plan;

	if (p->n_cgroups > GATE_PLAN_CGROUPS_MAX)
		return "it has too many control groups";
	for (uint32_t i = 0; i < p->n_cgroups; i++) {
		const struct gate_plan_cgroup *g = &p->cgroups[i];

		if (!is_fd(c, g->dir) || (g->parent != -1 && !is_fd(c, g->parent)))
			return "a control group's descriptor is none of its own";
		if ((g->what & ~ALL_CGROUP_BITS) != 0)
			return "a control group has unknown bits";
		if (g->name == 0 && g->parent == -1)
			continue;
		if (!is_text(c, g->name))
			return "a control group's name does not lie in it";
		if (!is_file_name(c->bytes + g->name))
			return "a control group's name is no file name";
	}
	return NULL;
}

static const char *check_header(const struct check *c)
{
	const struct gate_plan *p = c->plan;
	const int32_t fds[] = { p->dir, p->parent, p->control, p->audit, p->audit_ask, p->proc, p->lock, p->names };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] != -1 && !is_fd(c, fds[i]))
			return "a descriptor of the task is none of its own";
	if ((p->flags & ~ALL_FLAGS) != 0)
		return "it has unknown flags";
	if ((p->flags & GATE_PLAN_EXEC) != 0 && p->dir != -1)
		return "a second process of a task has a directory";
	if ((p->flags & GATE_PLAN_EXEC) == 0 && p->dir == -1)
		return "the task has no directory";
	if ((p->flags & GATE_PLAN_REMOVE) != 0 && p->parent == -1)
		return "the task's directory is to be removed from nowhere";
	if (!is_id(c))
		return "the task's id is none";
	if (p->name != 0 && (!is_text(c, p->name) || !is_file_name(c->bytes + p->name)))
		return "the task's name is no file name";
	if (p->stop_signal < 1 || p->stop_signal > SIGNALS)
		return "the stop signal is none";
	if (p->log_bytes != 0 && (p->log_files < 1 || p->log_files > LOG_FILES_MAX))
		return "it logs to no file, or to too many";
	if (p->argc < 1 || !is_list(c, p->argv, p->argc))
		return "the arguments are none, or not in it";
	if (!is_list(c, p->envp, p->envc))
		return "the environment's strings are not in it";
	return check_cgroups(c);
}

/* --- rows --- */

/* The keeper's pipes have names of their own. */
static bool is_stream(const struct gate_row *row)
{
	return row->step == GATE_STEP_STDIO && row->fd >= GATE_PLAN_FD_ERR && row->fd <= GATE_PLAN_FD_IN;
}

static const char *check_shape(const struct check *c, const struct gate_row *row)
{
	const struct shape *shape = &shapes[row->step];

	if (row->zero != 0)
		return "a row has something where nothing may be";
	if (row->fd != -1 && !is_fd(c, row->fd) && !is_stream(row))
		return "a row's descriptor is none of its own";
	if ((shape->fd == NO_FD) != (row->fd == -1) && shape->fd != MAYBE_FD)
		return "a row has a descriptor too many or too few";
	if (!shape->own_flags && (row->flags & ~(shape->flags | GATE_ROW_OPTIONAL)) != 0)
		return "a row has flags that its step does not know";
	for (unsigned i = 0; i < 3; i++) {
		if (row->text[i] == 0 && (shape->needs & T(i)) != 0)
			return "a row's text is missing";
		if (row->text[i] == 0)
			continue;
		if (((shape->needs | shape->may) & T(i)) == 0)
			return "a row has a text that its step does not know";
		if (!is_text(c, row->text[i]))
			return "a row's text does not lie in it";
	}
	return NULL;
}

/* Where the row stands among the others. */
static const char *check_place(struct check *c, const struct gate_row *row)
{
	const struct shape *shape = &shapes[row->step];

	if (shape->once && has(c, row->step))
		return "a step that happens once is there twice";
	if (row->step != GATE_STEP_CLONE && shape->from > CLONE && !has(c, GATE_STEP_CLONE))
		return "a step of the process comes before there is one";
	if (c->phase > shape->to)
		return "a step comes after one that it must precede";
	if (shape->from > c->phase)
		c->phase = shape->from;
	if (shape->mount && !has(c, GATE_STEP_PRIVATE))
		return "a mount is changed before the mounts are private";
	if ((shape->mount || row->step == GATE_STEP_PRIVATE) && has(c, GATE_STEP_PIVOT))
		return "a mount is changed after the root is in place";
	if (row->step == GATE_STEP_PIVOT && !has(c, GATE_STEP_ROOT))
		return "there is no root to become the root directory";
	return NULL;
}

static const char *check_numbers(struct check *c, const struct gate_row *row)
{
	const uint64_t types = NAMESPACES | CLONE_NEWUSER;

	switch (row->step) {
	case GATE_STEP_JOIN:
		if (row->flags == GATE_ROW_DIRECTORY && row->a == 0)
			break;
		if ((row->a & ~types) != 0 || row->a == 0 || (row->a & (row->a - 1)) != 0)
			return "a namespace to join has no type";
		break;
	case GATE_STEP_CLONE:
		if ((row->a & CLONE_NEWUSER) != 0)
			return "a user namespace is to be joined: in a new one nobody would write the maps";
		if ((row->a & ~NAMESPACES) != 0)
			return "the new process has flags that are no namespaces";
		c->cloned = row->a;
		break;
	case GATE_STEP_PARENT:
		if (row->a < 1 || row->a > SIGNALS)
			return "the signal of the keeper's death is none";
		break;
	case GATE_STEP_RLIMIT:
		if (row->flags >= RESOURCES)
			return "a limit is for no resource";
		if (row->a > row->b)
			return "a soft limit is above its hard limit";
		break;
	case GATE_STEP_OOM:
		if ((int64_t)row->a < -1000 || (int64_t)row->a > 1000)
			return "oom_score_adj is not between -1000 and 1000";
		break;
	case GATE_STEP_MARK:
		if (row->a > c->size - row->text[0])
			return "what it sends to the audit log does not lie in it";
		break;
	case GATE_STEP_UNSHARE:
		if (row->a != CLONE_NEWCGROUP)
			return "only a cgroup namespace may be made late";
		break;
	case GATE_STEP_LOOPBACK:
		if ((c->cloned & CLONE_NEWNET) == 0)
			return "the loopback interface is the host's";
		break;
	case GATE_STEP_HOSTNAME:
		if ((c->cloned & CLONE_NEWUTS) == 0)
			return "the host name is the host's";
		break;
	case GATE_STEP_SYSCTL:
		if ((c->cloned & (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)) == 0)
			return "a kernel parameter is the host's";
		break;
	case GATE_STEP_PRIVATE:
		if ((c->cloned & CLONE_NEWNS) == 0)
			return "the mounts are the host's";
		break;
	default:
		break;
	}
	return NULL;
}

static const char *check_late_numbers(struct check *c, const struct gate_row *row)
{
	switch (row->step) {
	case GATE_STEP_TERMINAL:
		if (!has(c, GATE_STEP_SESSION_LEADER))
			return "a terminal is given to no session";
		if ((row->flags & GATE_ROW_ON_HOST) != 0 && has(c, GATE_STEP_ROOT))
			return "a terminal of the host is given to a task with a root of its own";
		break;
	case GATE_STEP_STDIO:
		if (row->a > 2)
			return "a stream is none of the three";
		if (row->fd == GATE_PLAN_FD_IN && (c->plan->flags & GATE_PLAN_STDIN) == 0)
			return "standard input is a pipe that nobody fills";
		break;
	case GATE_STEP_DIRECTORY:
		if ((row->text[0] == 0) == (row->fd == -1))
			return "the working directory is neither a path nor a descriptor, or both";
		if (has(c, GATE_STEP_CLOSE))
			return "a step comes after one that it must precede";
		break;
	case GATE_STEP_IDS:
		if (row->a >= BAD_ID || row->b >= BAD_ID)
			return "a user or group id is none";
		if (row->flags != 0 && (row->text[0] % 4 != 0 || !is_text(c, row->text[0]) ||
		                        row->text[0] + (uint64_t)row->flags * sizeof(uint32_t) > c->size))
			return "the list of groups does not lie in it";
		break;
	case GATE_STEP_CAPABILITIES:
		if ((row->b & ~row->a) != 0)
			return "a capability would be ambient that is not permitted";
		break;
	case GATE_STEP_FILTER:
		if (row->flags < GATE_LOAD_LOWERED || row->flags > GATE_LOAD_HELPER)
			return "nobody would load the filter";
		if ((row->a & ~(uint64_t)FILTER_FLAGS) != 0)
			return "the filter has unknown flags";
		if ((row->a & LISTEN_FLAG) != 0 && (c->plan->flags & GATE_PLAN_LISTENER) == 0)
			return "calls would wait for a listener that there is not";
		c->load = row->flags;
		break;
	default:
		break;
	}
	return NULL;
}

/* What all rows together must be. */
static const char *check_whole(const struct check *c)
{
	const uint32_t flags = c->plan->flags;
	bool filter = has(c, GATE_STEP_FILTER), listener = (flags & GATE_PLAN_LISTENER) != 0;

	if (!has(c, GATE_STEP_CLONE))
		return "no process is made";
	if (!has(c, GATE_STEP_EXECVE))
		return "no program is executed";
	if (!has(c, GATE_STEP_SIGNALS) || !has(c, GATE_STEP_UNBLOCK))
		return "the program would start with the keeper's signals";
	if (!has(c, GATE_STEP_CLOSE))
		return "the program would start with the keeper's descriptors";
	if (filter != (c->plan->filter_len != 0))
		return "there is a filter that is not loaded, or none to load";
	if (filter == ((flags & GATE_PLAN_UNCONFINED) != 0))
		return "only 'unconfined' runs without a filter";
	if (listener && !filter)
		return "a listener needs a filter";
	if (listener && has(c, GATE_STEP_INIT))
		return "a listener and an init cannot be had together";
	if (has(c, GATE_STEP_HELPER) != (c->load == GATE_LOAD_HELPER || listener))
		return "the thread that loads the filter is missing, or there for nothing";
	if (has(c, GATE_STEP_TERMINAL) != ((flags & GATE_PLAN_TERMINAL) != 0))
		return "there is a terminal that nobody holds, or none";
	if (has(c, GATE_STEP_ROOT) != has(c, GATE_STEP_PIVOT))
		return "the task's root would not become its root directory";
	return NULL;
}

static const char *check_rows(struct check *c)
{
	const struct gate_row *rows = (const struct gate_row *)(const void *)(c->bytes + c->plan->rows);
	const char *bad = NULL;

	for (uint32_t i = 0; bad == NULL && i < c->plan->n_rows; i++) {
		const struct gate_row *row = &rows[i];

		if (row->step == GATE_STEP_NONE || row->step >= GATE_STEP_MAX)
			return "a row has an unknown step";
		bad = check_shape(c, row);
		if (bad == NULL)
			bad = check_place(c, row);
		if (bad == NULL)
			bad = check_numbers(c, row);
		if (bad == NULL)
			bad = check_late_numbers(c, row);
		c->seen |= UINT64_C(1) << row->step;
		if (bad == NULL && row->step == GATE_STEP_EXECVE && !has(c, GATE_STEP_PROGRAM)) {
			uint64_t first = *(const uint64_t *)(const void *)(c->bytes + c->plan->argv);
			uint64_t file = row->text[0] != 0 ? row->text[0] : first;
			if (strnlen(c->bytes + file, PATH_MAX) == PATH_MAX)
				return "the program's name is too long";
		}
	}
	return bad != NULL ? bad : check_whole(c);
}

const char *gate_plan_check(const void *bytes, size_t size, size_t n_fds)
{
	struct check c = { .bytes = bytes, .plan = bytes, .size = size };
	const struct gate_plan *p = bytes;
	const char *bad;

	if ((uintptr_t)bytes % 8 != 0)
		return "it is not aligned";
	if (size <= sizeof(*p) || size > GATE_PLAN_BYTES_MAX)
		return "its size is none of a plan";
	if (p->magic != GATE_PLAN_MAGIC)
		return "it is no plan";
	if (p->version != GATE_PLAN_VERSION)
		return "it is of another version";
	if (p->size != size)
		return "its size is not what it says";
	if (c.bytes[size - 1] != '\0')
		return "its last text does not end";
	if (p->n_fds != n_fds || n_fds > GATE_PLAN_FDS_MAX)
		return "its descriptors have not all come with it";
	if (p->n_rows < 1 || p->n_rows > GATE_PLAN_ROWS_MAX)
		return "it has no rows, or too many";
	bad = check_arrays(&c);
	if (bad == NULL)
		bad = check_header(&c);
	return bad != NULL ? bad : check_rows(&c);
}

static void relocate(char *bytes, uint32_t at, uint32_t n)
{
	uint64_t *list = (uint64_t *)(void *)(bytes + at);

	for (uint32_t i = 0; i < n; i++) {
		char *text = bytes + list[i];
		_Static_assert(sizeof(text) == sizeof(list[i]), "pointers take the place of offsets");
		memcpy(&list[i], &text, sizeof(text));
	}
}

void gate_plan_relocate(struct gate_plan *plan)
{
	relocate((char *)plan, plan->argv, plan->argc);
	relocate((char *)plan, plan->envp, plan->envc);
}
