/* User namespaces: of a caller that is not root, and of one task. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "container/subid.h"
#include "container/userns.h"
#include "kernel/proc.h"

#define RANGE        65536U
#define RANGES_BEGIN 0x70000000U /* far from those of people; systemd-nspawn picks below 0x70000000 */
#define RANGES_END   0x7f000000U

/* --- what there will be --- */
int gate_caller_in(const struct gate_task *t, struct gate_caller *ret, bool *nested, struct gate_err *err)
{
	bool made = geteuid() != 0 && gate_task_contained(t);
	long long last = 0;

	if (!made && !t->userns_auto) {
		int first = gate_proc_first_userns();

		/* Never a guess: "nested" would leave out the limit of devices. */
		if (first < 0)
			return GATE_FAIL_SYS(err, "cannot learn which user namespace this is: is /proc mounted?");
		*nested = first == 0;
		return gate_caller_read(gate_task_caps(t, UINT64_MAX), ret, err);
	}
	/* Whoever makes a user namespace has everything in it (create_user_ns, kernel/user_namespace.c). */
	if (gate_proc_number("/proc/sys/kernel/cap_last_cap", &last) < 0 || last < 0 || last > 63)
		return GATE_FAIL_SYS(err, "cannot ask for the kernel's last capability");
	uint64_t all = UINT64_MAX >> (63 - last);

	*ret = (struct gate_caller){ .permitted = all, .effective = all, .bounding = all, .root = true };
	*nested = made;
	return 0;
}

/* How many ids from 0 on the file maps: one row "0 X N", and perhaps "1 Y M". */
uint64_t gate_userns_mapped(const char *file)
{
	char text[4096];
	uint64_t end = 0;

	if (gate_proc_read(file, text, sizeof(text)) < 0)
		return UINT64_MAX;
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		unsigned long inside, outside, n;

		line += *line == '\n';
		if (sscanf(line, "%lu %lu %lu", &inside, &outside, &n) == 3 && inside == end)
			end += n;
	}
	return end;
}

bool gate_userns_setgroups(void)
{
	char text[16];

	return gate_proc_read("/proc/self/setgroups", text, sizeof(text)) < 0 || strcmp(text, "deny") != 0;
}

int gate_userns_check_ids(const struct gate_identity *who, uint64_t users, uint64_t groups, struct gate_err *err)
{
	uint64_t highest = who->gid;

	for (size_t i = 0; i < who->n_groups; i++)
		highest = who->groups[i] > highest ? who->groups[i] : highest;
	if (who->uid < users && highest < groups)
		return 0;
	return GATE_FAIL(err, GATE_E_DENIED,
	                 "the task's %s %llu is not mapped in its user namespace, which has %llu id%s",
	                 who->uid >= users ? "user" : "group",
	                 (unsigned long long)(who->uid >= users ? who->uid : highest),
	                 (unsigned long long)(who->uid >= users ? users : groups),
	                 users == 1 ? ": subordinate ids come from /etc/subuid, /etc/subgid and newuidmap(1)" : "s");
}

int gate_userns_check(const struct gate_prepare *p, struct gate_err *err)
{
	if (p->nested && !p->dry)
		return gate_userns_check_ids(&p->who, gate_userns_mapped("/proc/self/uid_map"),
		                             gate_userns_mapped("/proc/self/gid_map"), err);
	return p->has_userns ? gate_userns_check_ids(&p->who, RANGE, RANGE, err) : 0;
}

/* --- a caller without privileges --- */
static int write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int sys = errno;

	(void)close(fd);
	errno = sys;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Only one's own id, which needs nobody's permission; the kernel wants setgroups(2) given up for that. */
static int map_self(uid_t uid, gid_t gid, struct gate_err *err)
{
	char text[64];

	if (write_map("/proc/self/setgroups", "deny") < 0)
		return GATE_FAIL_SYS(err, "cannot give up setgroups");
	(void)snprintf(text, sizeof(text), "0 %u 1", gid);
	if (write_map("/proc/self/gid_map", text) < 0)
		return GATE_FAIL_SYS(err, "cannot map the group %u", gid);
	(void)snprintf(text, sizeof(text), "0 %u 1", uid);
	if (write_map("/proc/self/uid_map", text) < 0)
		return GATE_FAIL_SYS(err, "cannot map the user %u", uid);
	return 0;
}

/* newuidmap(1) is set-user-ID root and looks whether the range is the caller's. */
static int map_tool(const char *tool, pid_t pid, uint32_t own, const struct gate_subid *range)
{
	char numbers[4][16];

	(void)snprintf(numbers[0], 16, "%d", pid);
	(void)snprintf(numbers[1], 16, "%u", own);
	(void)snprintf(numbers[2], 16, "%u", range->start);
	(void)snprintf(numbers[3], 16, "%u", range->count);
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		(void)execl(tool, tool, numbers[0], "0", numbers[1], "1", "1", numbers[2], numbers[3], (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

struct outside {
	struct gate_subid uids, gids;
	int go[2]; /* closed by the one who enters, when it has */
};

static __attribute__((noreturn)) void map_from_outside(const struct outside *o, pid_t pid, uid_t uid, gid_t gid)
{
	char c;

	(void)close(o->go[1]);
	if (read(o->go[0], &c, 1) != 1)
		_exit(1);
	_exit(map_tool(GATE_NEWUIDMAP, pid, uid, &o->uids) < 0   ? 2
	      : map_tool(GATE_NEWGIDMAP, pid, gid, &o->gids) < 0 ? 3
	                                                         : 0);
}

static int enter_with_ranges(struct outside *o, uid_t uid, gid_t gid, struct gate_err *err)
{
	pid_t self = getpid();
	int status = -1;

	if (pipe2(o->go, O_CLOEXEC) < 0)
		return GATE_FAIL_SYS(err, "cannot make a pipe");
	pid_t helper = fork();
	if (helper == 0)
		map_from_outside(o, self, uid, gid);
	(void)close(o->go[0]);
	int result = helper > 0 ? unshare(CLONE_NEWUSER | CLONE_NEWNS) : -1;
	int sys = errno;
	if (result == 0 && write(o->go[1], "g", 1) != 1)
		result = -1;
	(void)close(o->go[1]);
	if (helper > 0)
		(void)waitpid(helper, &status, 0);
	errno = sys;
	if (result < 0)
		return GATE_FAIL_SYS(err, "cannot make a user namespace");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return GATE_FAIL(err, GATE_E_DENIED, "%s did not map the subordinate ids %u and following",
		                 WIFEXITED(status) && WEXITSTATUS(status) == 3 ? GATE_NEWGIDMAP : GATE_NEWUIDMAP,
		                 WIFEXITED(status) && WEXITSTATUS(status) == 3 ? o->gids.start : o->uids.start);
	return 0;
}

static bool find_ranges(struct outside *o)
{
	uid_t uid = geteuid();

	return gate_subid_find(GATE_SUBUID, uid, &o->uids) && gate_subid_find(GATE_SUBGID, uid, &o->gids) &&
	       access(GATE_NEWUIDMAP, X_OK) == 0 && access(GATE_NEWGIDMAP, X_OK) == 0;
}

bool gate_userns_ranges(void)
{
	struct outside o;

	return geteuid() != 0 && find_ranges(&o);
}

int gate_container_own_ids(struct gate_err *err)
{
	return gate_userns_ranges() ? gate_userns_enter(err) : 0;
}

int gate_userns_enter(struct gate_err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct outside o = { .go = { -1, -1 } };

	if (find_ranges(&o)) {
		if (enter_with_ranges(&o, uid, gid, err) < 0)
			return -1;
	} else {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return GATE_FAIL_SYS(
			    err, "cannot make a user namespace: callgate needs root, or user namespaces for "
				 "everybody (user.max_user_namespaces)");
		if (map_self(uid, gid, err) < 0)
			return -1;
	}
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return GATE_FAIL_SYS(err, "cannot become root of the user namespace");
	return 0;
}

/* --- a range for one task --- */
/* The ranges of tasks that there are, from the file that each one's directory has. */
static bool taken(const struct gate_entry *list, size_t n, struct gate_store *s, uint32_t base)
{
	char path[128], text[32];

	for (size_t i = 0; i < n; i++) {
		uint64_t other = 0;

		(void)snprintf(path, sizeof(path), "%s/idbase", list[i].id);
		int fd = openat(gate_store_containers(s), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t len = read(fd, text, sizeof(text));
		(void)close(fd);
		if (len > 0 && gate_u64_parse(text, (size_t)len, UINT32_MAX, &other) == 0 && other == base)
			return true;
	}
	return false;
}

static int write_base(struct gate_prepare *p, uint32_t base, struct gate_err *err)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%u", base);
	int fd = openat(p->dir, "idbase", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = fd >= 0 ? write(fd, text, (size_t)len) : -1;

	if (fd >= 0)
		(void)close(fd);
	return n == len ? 0 : GATE_FAIL_SYS(err, "cannot write '%s/idbase'", p->path);
}

static int choose_base(struct gate_prepare *p, struct gate_err *err)
{
	GATE_AUTOFREE struct gate_entry *list = NULL;
	struct gate_subid range = { RANGES_BEGIN, RANGES_END - RANGES_BEGIN };
	size_t n = 0;

	(void)gate_subid_reserved(&range);
	if (gate_store_list(p->store, &list, &n, err) < 0)
		return -1;
	for (uint64_t base = range.start; base + RANGE <= (uint64_t)range.start + range.count; base += RANGE) {
		if (taken(list, n, p->store, (uint32_t)base))
			continue;
		p->id_base = (uint32_t)base;
		return p->dry ? 0 : write_base(p, p->id_base, err);
	}
	return GATE_FAIL(err, GATE_E_LIMIT, "all ranges of user ids from %u to %u are taken by tasks", range.start,
	                 range.start + range.count - 1);
}

/* A process that only holds the namespace until we have it. With the pipe's other end in its own hands it would outlive a
 * maker that is killed, and with it the keeper, whose socket it has as well. */
static pid_t hold(const int ready[2])
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
	char c;

	if (pid != 0)
		return pid;
	(void)close(ready[1]);
	_exit(read(ready[0], &c, 1) < 0 ? 1 : 0);
}

static int map_and_open(pid_t pid, uint32_t base, struct gate_err *err)
{
	char path[64], text[64];

	(void)snprintf(text, sizeof(text), "0 %u %u", base, RANGE);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	if (write_map(path, text) < 0)
		return GATE_FAIL_SYS(err, "cannot map the users %u to %u", base, base + RANGE - 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (write_map(path, text) < 0)
		return GATE_FAIL_SYS(err, "cannot map the groups %u to %u", base, base + RANGE - 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : GATE_FAIL_SYS(err, "cannot open the user namespace");
}

static int make(uint32_t base, struct gate_err *err)
{
	int ready[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return GATE_FAIL_SYS(err, "cannot make a pipe");
	pid_t pid = hold(ready);
	int fd = pid > 0 ? map_and_open(pid, base, err) : GATE_FAIL_SYS(err, "cannot make a user namespace");
	(void)close(ready[1]); /* ends it, too, where a filter of the caller's does not let us kill */
	if (pid > 0) {
		(void)kill(pid, SIGKILL); /* our own child, not yet waited for: the number is surely its */
		(void)waitpid(pid, NULL, 0);
	}
	(void)close(ready[0]);
	return fd;
}

int gate_userns_auto(struct gate_prepare *p, struct gate_err *err)
{
	if (p->nested)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "--userns=auto needs root: without it the task is in a user namespace of yours already");
	if (gate_store_lock(p->store, err) < 0)
		return -1;
	int result = choose_base(p, err);
	gate_store_unlock(p->store);
	if (result < 0)
		return -1;
	gate_prepare_note(p, "users 0 to %u of the task are %u to %u here", RANGE - 1, p->id_base,
	                  p->id_base + RANGE - 1);
	p->has_userns = true;
	if (p->dry)
		return 0;
	int fd = make(p->id_base, err);
	if (fd < 0)
		return -1;
	p->userns = gate_plan_adopt(&p->plan, fd);
	return 0;
}
