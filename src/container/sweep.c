/* After keepers that were killed. The kernel has killed the task's first process then (PDEATHSIG), and with a pid
 * namespace all others; what is left are processes without one, control groups, and the entry. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "container/cgroup_sweep.h"
#include "container/store.h"
#include "kernel/cgroup.h"
#include "kernel/proc.h"

/* --- the task's first process --- */
static bool this_boot(const uint8_t id[16])
{
	char text[64], hex[33] = "";
	size_t n = 0;

	if (gate_proc_read("/proc/sys/kernel/random/boot_id", text, sizeof(text)) < 0)
		return false;
	for (const char *c = text; *c != '\0' && n < 32; c++)
		if (*c != '-')
			hex[n++] = *c;
	for (size_t i = 0; i < 16; i++) {
		char byte[3];

		(void)snprintf(byte, sizeof(byte), "%02x", id[i]);
		if (strncmp(hex + 2 * i, byte, 2) != 0)
			return false;
	}
	return true;
}

/* Field 22 of /proc/PID/stat. The second one is the program's choice and may hold blanks and parentheses. */
static bool start_of(pid_t pid, uint64_t *ret)
{
	enum { AFTER_NAME = 20 };
	char path[40], text[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (gate_proc_read(path, text, sizeof(text)) < 0)
		return false;
	char *at = strrchr(text, ')');

	for (int i = 0; at != NULL && i < AFTER_NAME; i++)
		at = strchr(at + 1, ' ');
	return at != NULL && gate_u64_parse(at + 1, strcspn(at + 1, " "), UINT64_MAX, ret) == 0;
}

/* The number may be somebody else's by now: the descriptor is taken first, then the start is compared, and only then
 * the signal sent, through the descriptor. */
static void kill_first(const struct gate_record *r)
{
	enum { PATIENCE_MS = 5000 };
	uint64_t start;

	if (r->pid < 2 || r->pid > INT32_MAX)
		return;
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, (pid_t)r->pid, 0), .events = POLLIN };

	if (p.fd < 0)
		return;
	if (start_of((pid_t)r->pid, &start) && start == r->pid_start &&
	    syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0) == 0)
		(void)poll(&p, 1, PATIENCE_MS);
	(void)close(p.fd);
}

/* --- what there is --- */
struct ids {
	struct one {
		char id[65];
		bool grouped; /* it has control groups */
	} * at;
	size_t n, cap;
};

/* Under the lock nobody makes a directory, so hidden ones are leftovers, and they have unique names: they are deleted
 * afterwards, which may take its time. */
struct found {
	struct ids left; /* nobody holds their lock any more */
	struct ids hidden;
	bool walked; /* `grouped` is known */
};

static int note(struct ids *l, const char *id, struct gate_err *err)
{
	if (gate_grow(&l->at, l->n, &l->cap, sizeof(*l->at)) < 0)
		return GATE_FAIL_NOMEM(err);
	l->at[l->n] = (struct one){ .grouped = false };
	memcpy(l->at[l->n++].id, id, sizeof(l->at->id));
	return 0;
}

static bool is_left(struct gate_store *s, const char *id)
{
	int dir;

	if (gate_store_dir(s, id, &dir, NULL) < 0)
		return false; /* gone, or nothing that we touch */
	bool left = gate_store_held(dir) == 0;

	(void)close(dir);
	return left;
}

static int look_around(struct gate_store *s, struct found *f, struct gate_err *err)
{
	int fd = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return GATE_FAIL_SYS(err, "cannot list '%s'", s->path);
	}
	while (result == 0 && (e = readdir(d)) != NULL) {
		if (gate_store_is_id(e->d_name) && is_left(s, e->d_name))
			result = note(&f->left, e->d_name, err);
		else if (e->d_name[0] == '.' && gate_store_is_id(e->d_name + 1))
			result = note(&f->hidden, e->d_name + 1, err);
	}
	(void)closedir(d);
	return result;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct one *)a)->id, ((const struct one *)b)->id);
}

static void has_group(void *ctx, const char *id)
{
	struct ids *l = ctx;
	struct one key = { .grouped = false };

	if (!gate_store_is_id(id))
		return;
	memcpy(key.id, id, sizeof(key.id));
	struct one *one = bsearch(&key, l->at, l->n, sizeof(key), by_id);

	if (one != NULL)
		one->grouped = true;
}

/* One walk over the groups of the host for all of them: mostly, none has any. After it was seen that nobody holds their locks:
 * whoever held one may have made groups until then. */
static int look_for_groups(struct found *f, struct gate_err *err)
{
	if (f->left.n == 0)
		return 0;
	qsort(f->left.at, f->left.n, sizeof(*f->left.at), by_id);
	if (gate_cgroups_ids(has_group, &f->left, err) < 0)
		return -1;
	f->walked = true;
	return 0;
}

/* --- one task --- */
static bool goes_with_its_keeper(int dir)
{
	struct gate_plan plan = { 0 };
	int fd = openat(dir, "plan", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, &plan, sizeof(plan));

	(void)close(fd);
	return n == sizeof(plan) && plan.magic == GATE_PLAN_MAGIC && plan.version == GATE_PLAN_VERSION &&
	       (plan.flags & GATE_PLAN_REMOVE) != 0;
}

/* The keeper writes its first record before it says that the task was started. Without one nobody was told of it. */
static bool never_started(const struct gate_entry *e)
{
	return e->state == GATE_TASK_LOST && !e->broken && e->record.state == 0;
}

static int sweep_one(struct gate_store *s, const struct one *one, struct found *f, struct gate_err *err)
{
	struct gate_entry e = { 0 };
	int dir, result;

	if (gate_store_dir(s, one->id, &dir, NULL) < 0)
		return 0;
	result = gate_store_read(dir, one->id, &e, err);
	if (result == 0 && e.state == GATE_TASK_LOST && this_boot(e.record.boot_id))
		kill_first(&e.record);
	/* Also without a record: the launcher makes the groups before the keeper writes its first one. And after the end:
	 * the keeper may have failed to remove them. */
	if (result == 0 && one->grouped)
		result = gate_cgroups_sweep(one->id, err);
	if (result == 0 && f->walked) {
		if ((never_started(&e) || goes_with_its_keeper(dir)) && gate_store_hide(s, one->id) == 0) {
			gate_store_drop_name(s, &e);
			result = note(&f->hidden, one->id, err);
		} else if (unlinkat(dir, "lock", 0) < 0 && errno != ENOENT) {
			result = GATE_FAIL_SYS(err, "cannot clean up after container '%.12s'", one->id);
		}
	}
	(void)close(dir);
	return result;
}

/* --- all of them --- */
/* One that cannot be cleaned up now (the kernel holds a process) is no reason to leave the others. */
static int sweep_all(struct gate_store *s, struct found *f, struct gate_err *err)
{
	int result = look_around(s, f, err);

	if (look_for_groups(f, err) < 0)
		result = -1;
	for (size_t i = 0; i < f->left.n; i++)
		if (sweep_one(s, &f->left.at[i], f, err) < 0)
			result = -1;
	return result;
}

/* Names whose task is gone, as a keeper that was killed while it removed its own leaves them. */
static void sweep_names(struct gate_store *s)
{
	int fd = openat(s->names, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	char id[65];

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (readlinkat(s->names, e->d_name, id, sizeof(id)) != 64)
			continue;
		id[64] = '\0';
		if (gate_store_is_id(id) && faccessat(s->containers, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno == ENOENT)
			(void)unlinkat(s->names, e->d_name, 0);
	}
	if (d != NULL)
		(void)closedir(d);
	else if (fd >= 0)
		(void)close(fd);
}

int gate_store_sweep(struct gate_store *s, struct gate_err *err)
{
	struct found f = { 0 };

	if (gate_store_lock(s, err) < 0)
		return -1;
	int result = sweep_all(s, &f, err);

	sweep_names(s);
	gate_store_unlock(s);
	for (size_t i = 0; i < f.hidden.n; i++)
		(void)gate_store_delete(s, f.hidden.at[i].id,
		                        NULL); /* who is not permitted now may be at the next sweep */
	free(f.left.at);
	free(f.hidden.at);
	return result;
}

void gate_store_swept_by_other(struct gate_store *s)
{
	s->swept_by_other = true;
}
