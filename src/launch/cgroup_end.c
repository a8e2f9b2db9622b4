#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "launch/cgroup_end.h"

/* The same numbers everywhere (asm-generic); libc headers may be older than 5.1 and 5.3. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define KILL_MS   5000
#define REMOVE_MS 1000
#define FREEZE_MS 200
#define DEPTH_MAX 128 /* of groups that the task made in its own; each costs one descriptor while it is walked */
#define BELOW_MAX 100000
#define BATCH     64 /* processes signalled together */

/* --- time --- */

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void nap(unsigned *us)
{
	const struct timespec t = { 0, (long)*us * 1000 };

	(void)syscall(SYS_nanosleep, &t, NULL);
	if (*us < 10000)
		*us *= 2;
}

/* --- files --- */

static int write_text(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	int result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	(void)close(fd);
	return result;
}

static ssize_t read_text(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, text, size - 1);
	(void)close(fd);
	if (n < 0)
		return -1;
	text[n] = '\0';
	return n;
}

/* The number after "NAME " at the start of a line, or of the whole text when name is "". */
static bool number_of(const char *text, const char *name, uint64_t *ret)
{
	size_t len = strlen(name);
	uint64_t value = 0;

	while (len > 0 && (strncmp(text, name, len) != 0 || text[len] != ' ')) {
		text = strchr(text, '\n');
		if (text == NULL)
			return false;
		text++;
	}
	text += len > 0 ? len + 1 : 0;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	*ret = value;
	return true;
}

static bool number_in(int dir, const char *file, const char *name, uint64_t *ret)
{
	char text[4096];

	return read_text(dir, file, text, sizeof(text)) > 0 && number_of(text, name, ret);
}

/* --- processes of one group, read in pieces --- */

struct pids {
	int fd;
	size_t at, len;
	char text[512];
};

static int pids_open(struct pids *p, int dir)
{
	p->fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	p->at = p->len = 0;
	return p->fd < 0 ? -errno : 0;
}

static int pids_byte(struct pids *p)
{
	if (p->at == p->len) {
		ssize_t n = read(p->fd, p->text, sizeof(p->text));

		if (n <= 0)
			return -1;
		p->at = 0;
		p->len = (size_t)n;
	}
	return (unsigned char)p->text[p->at++];
}

/* The next process id; -1 at the end. 0 is a process that this pid namespace does not see. */
static pid_t pids_next(struct pids *p)
{
	pid_t pid = 0;
	int c = pids_byte(p);

	if (c < 0)
		return -1;
	for (; c >= '0' && c <= '9'; c = pids_byte(p))
		pid = pid * 10 + (c - '0');
	return pid;
}

/* Signals up to BATCH processes. A descriptor names one process for ever, but the number it was made from may have passed
 * to another process before: so the list is read once more after all are open. Who is still on it is in the group; a
 * number that came back to the group after a stranger had it leads to a stranger that has ended. */
static void signal_batch(int dir, const pid_t *pid, size_t n, int sig)
{
	int fd[BATCH];
	uint64_t in_group = 0;
	struct pids again;

	for (size_t i = 0; i < n; i++)
		fd[i] = (int)syscall(SYS_pidfd_open, pid[i], 0);
	if (pids_open(&again, dir) == 0) {
		for (pid_t p; (p = pids_next(&again)) >= 0;)
			for (size_t i = 0; i < n; i++)
				if (pid[i] == p)
					in_group |= UINT64_C(1) << i;
		(void)close(again.fd);
	}
	for (size_t i = 0; i < n; i++) {
		if (fd[i] < 0)
			continue;
		if ((in_group >> i & 1) != 0)
			(void)syscall(SYS_pidfd_send_signal, fd[i], sig, NULL, 0);
		(void)close(fd[i]);
	}
}

/* Signals (sig 0: only counts) the processes of one group; returns how many there are. */
static uint64_t signal_group(int dir, int sig)
{
	struct pids list;
	pid_t batch[BATCH];
	size_t n = 0;
	uint64_t all = 0;

	if (pids_open(&list, dir) < 0)
		return 0;
	for (pid_t p; (p = pids_next(&list)) >= 0;) {
		all++;
		if (sig == 0 || p == 0)
			continue;
		batch[n++] = p;
		if (n == BATCH) {
			signal_batch(dir, batch, n, sig);
			n = 0;
		}
	}
	(void)close(list.fd);
	if (n > 0)
		signal_batch(dir, batch, n, sig);
	return all;
}

/* --- groups in groups --- */

struct entry { /* struct linux_dirent64 of getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};
#define TYPE_DIR 4

/* Goes through the groups in a group. */
struct groups {
	int fd;
	long at, len;
	_Alignas(8) char bytes[512];
};

/* A descriptor of the next one, which the caller closes, and its name; -1: no more; -2: one that cannot be opened. */
static int groups_next(struct groups *g, char name[256])
{
	for (;;) {
		if (g->at >= g->len) {
			g->len = syscall(SYS_getdents64, g->fd, g->bytes, sizeof(g->bytes));
			g->at = 0;
			if (g->len <= 0)
				return -1;
		}
		const struct entry *e = (const struct entry *)(const void *)(g->bytes + g->at);

		g->at += e->len;
		if (e->type != TYPE_DIR || strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0 ||
		    strlen(e->name) > 255)
			continue;
		int fd = openat(g->fd, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue; /* gone meanwhile */
		memcpy(name, e->name, strlen(e->name) + 1);
		return fd < 0 ? -2 : fd;
	}
}

/* Signals all processes of the group `fd` and of those in it, and closes it; returns how many there are. A group that
 * cannot be looked into counts as one: what is not seen is not empty. */
static uint64_t signal_tree(int fd, int sig, unsigned depth)
{
	struct groups below = { .fd = fd };
	char name[256];
	uint64_t all = signal_group(fd, sig);

	for (int child; (child = groups_next(&below, name)) != -1;)
		if (child >= 0 && depth < DEPTH_MAX) {
			all += signal_tree(child, sig, depth + 1);
		} else {
			all++;
			if (child >= 0)
				(void)close(child);
		}
	(void)close(fd);
	return all;
}

static uint64_t signal_all(int dir, int sig)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? signal_tree(fd, sig, 0) : errno != ENOENT;
}

/* Removes one group below `dir` that has none in it: 1, or 0 when there is none, or -errno. */
static int remove_one_below(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[256], deepest[256];
	int above = -1, child, result = 0;

	if (fd < 0)
		return -errno;
	while (child = groups_next(&(struct groups){ .fd = fd }, name), child >= 0) {
		if (above >= 0)
			(void)close(above);
		above = fd;
		fd = child;
		memcpy(deepest, name, sizeof(deepest));
	}
	if (above >= 0) {
		result = unlinkat(above, deepest, AT_REMOVEDIR) == 0 || errno == ENOENT ? 1 : -errno;
		(void)close(above);
	}
	(void)close(fd);
	return result;
}

/* --- killing --- */

static bool is_empty(int dir, uint32_t what)
{
	uint64_t populated;

	if ((what & GATE_CGROUP_V2) != 0 && number_in(dir, "cgroup.events", "populated", &populated))
		return populated == 0;
	return signal_all(dir, 0) == 0;
}

/* Version 1, where SIGKILL waits for the thaw: also groups below that were frozen by themselves. Closes `fd`. */
static void thaw_tree(int fd, unsigned depth)
{
	struct groups below = { .fd = fd };
	char name[256];

	(void)write_text(fd, "freezer.state", "THAWED");
	for (int child; (child = groups_next(&below, name)) != -1;)
		if (child >= 0 && depth < DEPTH_MAX)
			thaw_tree(child, depth + 1);
		else if (child >= 0)
			(void)close(child);
	(void)close(fd);
}

static void thaw(int dir, uint32_t what)
{
	int fd;

	if ((what & GATE_CGROUP_V2) != 0)
		(void)write_text(dir, "cgroup.freeze", "0");
	else if ((what & GATE_CGROUP_FREEZER) != 0 && (fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		thaw_tree(fd, 0);
}

/* Stops everybody, so that a list of processes stays true; waits a moment for those that are slow. */
static void freeze(int dir, uint32_t what)
{
	bool v2 = (what & GATE_CGROUP_V2) != 0;
	uint64_t until = now_ms() + FREEZE_MS, frozen;
	unsigned us = 100;
	char state[32];

	if (!v2 && (what & GATE_CGROUP_FREEZER) == 0)
		return;
	if (write_text(dir, v2 ? "cgroup.freeze" : "freezer.state", v2 ? "1" : "FROZEN") < 0)
		return;
	for (; now_ms() < until; nap(&us)) {
		if (v2 && number_in(dir, "cgroup.events", "frozen", &frozen) && frozen != 0)
			return;
		if (!v2 && read_text(dir, "freezer.state", state, sizeof(state)) > 0 &&
		    strncmp(state, "FROZEN", 6) == 0)
			return;
	}
}

/* 0 when the group and all in it are empty. */
static int kill_group(int dir, uint32_t what)
{
	uint64_t until = now_ms() + KILL_MS;
	unsigned us = 100;

	if (is_empty(dir, what))
		return 0;
	bool killed = (what & GATE_CGROUP_V2) != 0 && write_text(dir, "cgroup.kill", "1") == 0;
	/* Nobody is born any more, in groups below neither. */
	if (!killed && (what & GATE_CGROUP_PIDS) != 0)
		(void)write_text(dir, "pids.max", "0");
	for (; now_ms() < until; nap(&us)) {
		if (!killed) {
			freeze(dir, what);
			(void)signal_all(dir, SIGKILL);
			thaw(dir, what);
		}
		if (is_empty(dir, what))
			return 0;
	}
	return -EBUSY;
}

static int fd_of(const struct gate_plan_view *view, int32_t index)
{
	return index >= 0 && (uint32_t)index < view->plan->n_fds ? view->fds[index] : -1;
}

int gate_cgroup_kill(int dir, uint32_t what, int sig)
{
	if (sig == SIGKILL)
		return kill_group(dir, what);
	(void)signal_all(dir, sig);
	return 0;
}

int gate_cgroups_kill(const struct gate_plan_view *view, int sig)
{
	/* A process is in all groups at once, so for SIGKILL the best way comes first and the others find nobody. */
	static const uint32_t order[] = { GATE_CGROUP_V2, GATE_CGROUP_FREEZER, GATE_CGROUP_PIDS, 0 };
	uint32_t done = 0;
	int result = 0;

	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (uint32_t i = 0; i < view->plan->n_cgroups; i++) {
			const struct gate_plan_cgroup *g = &view->plan->cgroups[i];
			int dir = fd_of(view, g->dir);

			if ((done >> i & 1) != 0 || (order[k] != 0 && (g->what & order[k]) == 0))
				continue;
			done |= 1U << i;
			if ((g->what & GATE_CGROUP_SHARED) != 0 || dir < 0)
				continue;
			int status = gate_cgroup_kill(dir, g->what, sig);

			if (status < 0 && result == 0)
				result = status;
			if (sig != SIGKILL)
				return result; /* once to each */
		}
	return result;
}

/* --- counting --- */

static void count_v2(int dir, uint32_t what, struct gate_record *r)
{
	uint64_t n;

	if (number_in(dir, "cpu.stat", "user_usec", &n))
		r->user_us = n;
	if (number_in(dir, "cpu.stat", "system_usec", &n))
		r->system_us = n;
	if ((what & GATE_CGROUP_MEMORY) == 0)
		return;
	if (number_in(dir, "memory.events", "oom_kill", &n) && n > 0)
		r->oom_kills = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	if (number_in(dir, "memory.peak", "", &n)) /* 5.19 */
		r->memory_peak = n;
}

static void count_v1(int dir, uint32_t what, struct gate_record *r)
{
	uint64_t n;

	if ((what & GATE_CGROUP_CPUACCT) != 0 && number_in(dir, "cpuacct.usage_user", "", &n))
		r->user_us = n / 1000;
	if ((what & GATE_CGROUP_CPUACCT) != 0 && number_in(dir, "cpuacct.usage_sys", "", &n))
		r->system_us = n / 1000;
	if ((what & GATE_CGROUP_MEMORY) == 0)
		return;
	if (number_in(dir, "memory.oom_control", "oom_kill", &n) && n > 0) /* 4.13 */
		r->oom_kills = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	if (number_in(dir, "memory.max_usage_in_bytes", "", &n))
		r->memory_peak = n;
}

void gate_cgroups_count(const struct gate_plan_view *view, struct gate_record *record)
{
	for (uint32_t i = 0; i < view->plan->n_cgroups; i++) {
		const struct gate_plan_cgroup *g = &view->plan->cgroups[i];
		int dir = fd_of(view, g->dir);

		if (dir < 0 || (g->what & GATE_CGROUP_SHARED) != 0)
			continue;
		if ((g->what & GATE_CGROUP_V2) != 0)
			count_v2(dir, g->what, record);
		else
			count_v1(dir, g->what, record);
	}
}

/* --- removing --- */

int gate_cgroup_remove(int dir, int parent, const char *name)
{
	uint64_t until = now_ms() + REMOVE_MS;
	unsigned us = 100, removed = 0;
	int result;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return -EINVAL;
	for (;;) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		result = -errno;
		if (result != -EBUSY)
			return result;
		/* Version 1 and 2 both say EBUSY for groups in it and for a process that has not quite ended. */
		if (removed < BELOW_MAX && remove_one_below(dir) > 0) {
			removed++;
			continue;
		}
		if (now_ms() >= until)
			return result;
		nap(&us);
	}
}

int gate_cgroups_remove(const struct gate_plan_view *view)
{
	int result = 0;

	for (uint32_t i = 0; i < view->plan->n_cgroups; i++) {
		const struct gate_plan_cgroup *g = &view->plan->cgroups[i];
		const char *name = gate_plan_text(view->plan, g->name);
		int dir = fd_of(view, g->dir), parent = fd_of(view, g->parent);

		if ((g->what & GATE_CGROUP_SHARED) != 0 || name == NULL || dir < 0 || parent < 0)
			continue;
		int status = unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : -errno;

		/* Groups of other tasks that were put below this one's: they end with it. */
		if (status == -EBUSY)
			(void)kill_group(dir, g->what);
		if (status < 0)
			status = gate_cgroup_remove(dir, parent, name);
		if (status < 0 && result == 0)
			result = status;
	}
	return result;
}
