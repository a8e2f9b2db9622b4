/* /etc/hosts and its like, and the volumes. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/mounts.h"
#include "container/prepare.h"
#include "container/rootfs.h"

#define RESOLV_MAX 65536

/* --- files that we write --- */
static int write_file(const struct gate_prepare *p, const char *name, const char *text, size_t len,
                      struct gate_err *err)
{
	int fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len && fchmod(fd, 0644) == 0 &&
	            (p->id_base == 0 || fchown(fd, p->id_base, p->id_base) == 0);
	int sys = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = sys;
	return good ? 0 : GATE_FAIL_SYS(err, "cannot write '%s/%s'", p->path, name);
}

static int put(struct gate_prepare *p, const char *name, const char *text, size_t len, struct gate_err *err)
{
	char target[32];
	int tree = -1;

	(void)snprintf(target, sizeof(target), "/etc/%s", name);
	if (!p->dry) {
		if (write_file(p, name, text, len, err) < 0)
			return -1;
		tree = gate_mount_clone(p->dir, name, false, err);
		if (tree < 0)
			return -1;
	}
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_ATTACH, "%s", target);
	/* A root whose /etc takes no such file (somebody else's, without root; a directory of that name) still runs
	 * programs: steps.c has the reasons that count. */
	row->flags = GATE_ROW_FILE | GATE_ROW_OPTIONAL;
	row->fd = gate_plan_adopt(&p->plan, tree);
	row->text[0] = gate_plan_string(&p->plan, target);
	return 0;
}

static int put_hosts(struct gate_prepare *p, const char *name, struct gate_err *err)
{
	char text[1024];
	int len = snprintf(text, sizeof(text),
	                   "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t%s\n", name);

	return put(p, "hosts", text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1, err);
}

/* *ret: how much of `fd` is in `text`; cut at its size. */
static int read_all(int fd, char *text, size_t size, size_t *ret)
{
	ssize_t n = 1;

	for (*ret = 0; n > 0 && *ret<size; *ret += n> 0 ? (size_t)n : 0)
		n = read(fd, text + *ret, size - *ret);
	return n < 0 ? -1 : 0;
}

/* A host without one has no name servers to tell of. */
static int put_resolv(struct gate_prepare *p, struct gate_err *err)
{
	GATE_AUTOFREE char *text = malloc(RESOLV_MAX);
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;

	if (text == NULL || (fd < 0 && (errno == ENOENT || errno == ENOTDIR))) {
		if (fd >= 0)
			(void)close(fd);
		return text == NULL ? GATE_FAIL_NOMEM(err) : 0;
	}
	int result = fd < 0 || read_all(fd, text, RESOLV_MAX, &len) < 0
	                 ? GATE_FAIL_SYS(err, "cannot read '/etc/resolv.conf'")
	                 : 0;
	if (fd >= 0)
		(void)close(fd);
	return result < 0 || len == 0 ? result : put(p, "resolv.conf", text, len, err);
}

/* Only into an /etc that is there: a directory with one program in it stays what it is. 1, 0, -1. */
static int has_etc(const struct gate_prepare *p, struct gate_err *err)
{
	int at = p->root >= 0 ? p->root : p->rootfs;
	struct stat st;

	if (at < 0)
		return 1;
	if (fstatat(at, "etc", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode);
	return errno == ENOENT ? 0 : GATE_FAIL_SYS(err, "cannot look at '/etc' of the task's root");
}

static int etc(struct gate_prepare *p, struct gate_err *err)
{
	char name[128], line[sizeof(name) + 1];
	int there = has_etc(p, err);

	if (there <= 0)
		return there;
	(void)snprintf(name, sizeof(name), "%s", p->task->hostname != NULL ? p->task->hostname : "");
	if (name[0] == '\0' && gate_separate(p, GATE_ISOLATE_UTS, &p->task->uts))
		(void)snprintf(name, sizeof(name), "%.12s", p->id);
	if (name[0] == '\0' && gethostname(name, sizeof(name) - 1) < 0)
		return GATE_FAIL_SYS(err, "cannot ask for the host's name");
	if (put_hosts(p, name, err) < 0)
		return -1;
	(void)snprintf(line, sizeof(line), "%s\n", name);
	if (put(p, "hostname", line, strlen(line), err) < 0)
		return -1;
	return gate_separate(p, GATE_ISOLATE_NETWORK, &p->task->network) ? 0 : put_resolv(p, err);
}

/* --- volumes --- */
/* As docker does for -v: a directory for what is not there yet. */
static int make_source(const char *path, struct gate_err *err)
{
	char copy[4096];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return GATE_FAIL(err, GATE_E_LIMIT, "the volume's name '%.40s…' is too long", path);
	for (char *c = copy + 1; *c != '\0'; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return GATE_FAIL_SYS(err, "cannot make the volume's directory '%s'", copy);
		*c = '/';
	}
	if (mkdir(copy, 0755) < 0 && errno != EEXIST)
		return GATE_FAIL_SYS(err, "cannot make the volume's directory '%s'", copy);
	return 0;
}

static uint64_t attributes(const struct gate_volume *v)
{
	return (v->read_only ? MOUNT_ATTR_RDONLY : 0) | (v->nosuid ? MOUNT_ATTR_NOSUID : 0) |
	       (v->nodev ? MOUNT_ATTR_NODEV : 0) | (v->noexec ? MOUNT_ATTR_NOEXEC : 0);
}

/* Without asking the file system whether we may enter: one that is far away may never answer. */
static bool exists(const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static int bind(struct gate_prepare *p, const struct gate_volume *v, struct gate_err *err)
{
	bool there = exists(v->source), directory = true;
	int tree = -1, object = -1;

	if (!there && (errno != ENOENT || !v->make_source))
		return GATE_FAIL_SYS(err, "cannot find the volume '%s'", v->source);
	if (!p->dry &&
	    ((!there && make_source(v->source, err) < 0) ||
	     gate_volume_tree(v, p->userns >= 0 ? p->plan.fds[p->userns] : -1, &tree, &object, &directory, err) < 0))
		return -1;
	struct gate_row *row = gate_plan_row(&p->plan, object >= 0 && tree < 0 ? GATE_STEP_BIND : GATE_STEP_ATTACH,
	                                     v->read_only ? "%s (%s, read-only)" : "%s (%s)", v->target, v->source);

	row->flags = directory ? GATE_ROW_DIRECTORY : GATE_ROW_FILE;
	row->fd = gate_plan_adopt(&p->plan, tree >= 0 ? tree : object);
	row->b = attributes(v);
	if (row->step == GATE_STEP_BIND) {
		row->text[0] = gate_plan_string(&p->plan, v->source);
		row->text[1] = gate_plan_string(&p->plan, v->target);
	} else {
		row->text[0] = gate_plan_string(&p->plan, v->target);
		/* The other copy would have the host's ids. */
		row->text[1] = v->recursive && p->userns < 0 ? gate_plan_string(&p->plan, v->source) : 0;
	}
	return 0;
}

static void tmpfs(struct gate_prepare *p, const struct gate_volume *v)
{
	char options[64];
	int n = snprintf(options, sizeof(options), "mode=%o", v->mode != 0 ? v->mode : 01777);

	if (v->size != 0)
		(void)snprintf(options + n, sizeof(options) - (size_t)n, ",size=%llu", (unsigned long long)v->size);
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_FILESYSTEM, "%s (tmpfs)", v->target);
	row->flags = GATE_ROW_DIRECTORY;
	row->text[0] = gate_plan_string(&p->plan, "tmpfs");
	row->text[1] = gate_plan_string(&p->plan, v->target);
	row->text[2] = gate_plan_string(&p->plan, options);
	row->a = attributes(v);
}

static size_t depth(const struct gate_volume *v)
{
	size_t n = 0;

	for (const char *c = v->target; *c != '\0'; c++)
		n += *c == '/' && c[1] != '/' && c[1] != '\0';
	return n;
}

/* One that lies in another comes after it. Few, so they are sought by depth. */
static int volumes(struct gate_prepare *p, struct gate_err *err)
{
	size_t left = p->task->volumes.n;

	for (size_t d = 0; left > 0; d++)
		for (size_t i = 0; i < p->task->volumes.n; i++) {
			const struct gate_volume *v = &p->task->volumes.at[i];

			if (depth(v) != d)
				continue;
			left--;
			if (v->kind == GATE_VOLUME_TMPFS)
				tmpfs(p, v);
			else if (bind(p, v, err) < 0)
				return -1;
		}
	return 0;
}

int gate_isolate_files(struct gate_prepare *p, struct gate_err *err)
{
	if (!gate_isolates(p, GATE_ISOLATE_FILESYSTEM))
		return 0;
	if (p->own_root && etc(p, err) < 0)
		return -1;
	return volumes(p, err);
}
