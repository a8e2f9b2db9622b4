/* config.json: what was asked and what was decided. Values of the environment are not in it: they may be secrets. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "container/prepare.h"
#include "doc/doc.h"

static void text(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

static void number(struct gate_json *j, const char *key, uint64_t value)
{
	gate_json_key(j, key);
	gate_json_u64(j, value);
}

static void truth(struct gate_json *j, const char *key, bool value)
{
	gate_json_key(j, key);
	gate_json_bool(j, value);
}

/* 0 is "none" and not a limit of nothing. */
static void limit(struct gate_json *j, const char *key, uint64_t value)
{
	gate_json_key(j, key);
	if (value == 0)
		gate_json_null(j);
	else
		gate_json_u64(j, value);
}

static void command(struct gate_json *j, const struct gate_prepare *p)
{
	gate_json_key(j, "args");
	gate_json_array(j);
	for (size_t i = 0; i < p->plan.argc; i++)
		gate_json_text(j, p->plan.argv[i]);
	gate_json_end(j, ']');
	gate_json_key(j, "env");
	gate_json_array(j);
	for (size_t i = 0; i < p->plan.envc; i++)
		gate_json_textn(j, p->plan.envp[i], strcspn(p->plan.envp[i], "="));
	gate_json_end(j, ']');
	text(j, "workdir", p->workdir);
}

static void image(struct gate_json *j, const struct gate_prepare *p)
{
	gate_json_key(j, "image");
	if (p->image == NULL) {
		gate_json_null(j);
	} else {
		gate_json_object(j);
		text(j, "reference", p->image->reference);
		text(j, "digest", p->image->digest);
		gate_json_key(j, "layers");
		gate_json_array(j);
		for (size_t i = 0; i < p->image->n_layers; i++)
			gate_json_text(j, p->image->layers[i]);
		gate_json_end(j, ']');
		gate_json_end(j, '}');
	}
	text(j, "rootfs", p->task->rootfs);
	truth(j, "rootfsWritable", p->task->rootfs_writable);
	truth(j, "readOnly", p->task->read_only);
}

static void mounts(struct gate_json *j, const struct gate_prepare *p)
{
	gate_json_key(j, "mounts");
	gate_json_array(j);
	for (size_t i = 0; i < p->task->volumes.n; i++) {
		const struct gate_volume *v = &p->task->volumes.at[i];

		gate_json_object(j);
		text(j, "type", v->kind == GATE_VOLUME_TMPFS ? "tmpfs" : "bind");
		text(j, "source", v->source);
		text(j, "target", v->target);
		truth(j, "readOnly", v->read_only);
		gate_json_end(j, '}');
	}
	gate_json_end(j, ']');
}

static void isolation(struct gate_json *j, const struct gate_prepare *p)
{
	gate_json_key(j, "isolation");
	gate_json_array(j);
	for (int i = 0; i < GATE_ISOLATE_COUNT; i++)
		if (gate_isolates(p, (enum gate_isolator)i))
			gate_json_text(j, gate_isolator_name((enum gate_isolator)i));
	gate_json_end(j, ']');
}

static void namespaces(struct gate_json *j, const struct gate_prepare *p)
{
	const struct {
		const char *name;
		enum gate_isolator isolator;
		const struct gate_ns *ns;
	} kinds[] = {
		{ "pid", GATE_ISOLATE_PID, &p->task->pid },
		{ "ipc", GATE_ISOLATE_IPC, &p->task->ipc },
		{ "uts", GATE_ISOLATE_UTS, &p->task->uts },
		{ "network", GATE_ISOLATE_NETWORK, &p->task->network },
	};

	gate_json_key(j, "namespaces");
	gate_json_object(j);
	for (size_t i = 0; i < GATE_ARRAY_LEN(kinds); i++) {
		bool separate = gate_separate(p, kinds[i].isolator, kinds[i].ns);

		text(j, kinds[i].name, !separate ? "host" : kinds[i].ns->mode == GATE_NS_OF ? kinds[i].ns->of : "own");
	}
	text(j, "mount", gate_isolates(p, GATE_ISOLATE_FILESYSTEM) ? "own" : "host");
	text(j, "cgroup", gate_isolates(p, GATE_ISOLATE_CGROUP) ? "own" : "host");
	text(j, "user", p->has_userns ? "auto" : p->nested ? "caller" : "host");
	gate_json_end(j, '}');
	text(j, "hostname", p->task->hostname);
}

static void caps(struct gate_json *j, const char *key, uint64_t set)
{
	gate_json_key(j, key);
	gate_json_array(j);
	for (unsigned cap = 0; cap < 64; cap++)
		if ((set >> cap & 1) != 0 && gate_cap_name(cap) != NULL)
			gate_json_text(j, gate_cap_name(cap));
	gate_json_end(j, ']');
}

static void identity(struct gate_json *j, const struct gate_prepare *p)
{
	bool known = p->who.home != NULL;

	gate_json_key(j, "user");
	gate_json_object(j);
	text(j, "asked", p->task->user);
	number(j, "uid", known ? p->who.uid : geteuid());
	number(j, "gid", known ? p->who.gid : getegid());
	gate_json_key(j, "groups");
	gate_json_array(j);
	for (size_t i = 0; i < p->who.n_groups; i++)
		gate_json_u64(j, p->who.groups[i]);
	gate_json_end(j, ']');
	gate_json_end(j, '}');
	gate_json_key(j, "capabilities");
	gate_json_object(j);
	caps(j, "bounding", p->caps);
	caps(j, "effective", p->program_caps);
	gate_json_end(j, '}');
	truth(j, "noNewPrivileges", p->no_new_privs);
	truth(j, "privileged", p->task->privileged);
}

static void limits(struct gate_json *j, const struct gate_prepare *p)
{
	const struct gate_task *t = p->task;

	gate_json_key(j, "limits");
	gate_json_object(j);
	limit(j, "memory", t->memory);
	limit(j, "memorySwap", t->memory_swap);
	limit(j, "cpuQuota", t->cpu_quota_us);
	limit(j, "cpuPeriod", t->cpu_period_us);
	limit(j, "cpuShares", t->cpu_shares);
	limit(j, "pids", t->pids > 0 ? (uint64_t)t->pids : 0);
	gate_json_end(j, '}');
	gate_json_key(j, "cgroups");
	gate_json_array(j);
	for (size_t i = 0; i < p->cgroups.n; i++)
		gate_json_text(j, p->cgroups.at[i].path);
	gate_json_end(j, ']');
}

static void profile(struct gate_json *j, const struct gate_prepare *p)
{
	const struct gate_task_profile *f = p->profile;

	gate_json_key(j, "profile");
	gate_json_object(j);
	text(j, "source", f->unconfined ? "unconfined" : f->source);
	text(j, "textDigest", f->text_digest);
	text(j, "meaningDigest", f->meaning_digest);
	number(j, "instructions", f->len);
	number(j, "flags", f->flags);
	gate_json_end(j, '}');
}

static void labels(struct gate_json *j, const struct gate_prepare *p)
{
	gate_json_key(j, "labels");
	gate_json_object(j);
	for (const char **l = p->image != NULL ? p->image->labels : NULL; l != NULL && *l != NULL; l++) {
		char key[256];
		size_t len = strcspn(*l, "=");
		bool own = false;

		if (len >= sizeof(key))
			continue;
		memcpy(key, *l, len);
		key[len] = '\0';
		for (size_t i = 0; i < p->task->labels.n; i++)
			own = own || strcmp(p->task->labels.at[i].key, key) == 0;
		if (!own)
			text(j, key, (*l)[len] == '=' ? *l + len + 1 : "");
	}
	for (size_t i = 0; i < p->task->labels.n; i++)
		text(j, p->task->labels.at[i].key, p->task->labels.at[i].value);
	gate_json_end(j, '}');
}

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void describe(struct gate_json *j, const struct gate_prepare *p)
{
	gate_json_object(j);
	number(j, "schemaVersion", 1);
	text(j, "id", p->id);
	text(j, "name", p->task->name);
	number(j, "created", now_ns());
	command(j, p);
	image(j, p);
	mounts(j, p);
	isolation(j, p);
	namespaces(j, p);
	identity(j, p);
	limits(j, p);
	profile(j, p);
	labels(j, p);
	number(j, "stopSignal", p->stop_signal);
	number(j, "stopTimeoutMs", p->task->stop_ms);
	number(j, "timeoutMs", p->task->timeout_ms);
	truth(j, "terminal", p->task->terminal);
	truth(j, "interactive", p->task->interactive);
	truth(j, "init", p->task->init);
	truth(j, "remove", p->task->remove);
	truth(j, "detached", p->task->detach);
	gate_json_end(j, '}');
}

int gate_config_write(const struct gate_prepare *p, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 2);
	describe(&j, p);
	gate_buf_puts(&out, "\n");
	if (out.failed)
		return GATE_FAIL_NOMEM(err);
	int fd = openat(p->dir, ".config", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = fd >= 0 ? write(fd, out.data, out.len) : -1;
	int sys = n >= 0 && (size_t)n < out.len ? ENOSPC : errno;

	if (fd >= 0)
		(void)close(fd);
	if (n == (ssize_t)out.len && renameat(p->dir, ".config", p->dir, "config.json") == 0)
		return 0;
	errno = n == (ssize_t)out.len ? errno : sys;
	return GATE_FAIL_SYS(err, "cannot write '%s/config.json'", p->path);
}
