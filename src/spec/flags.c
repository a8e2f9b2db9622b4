/* The table of flags: what each value goes to. */
#include "spec/parts.h"
#include "spec/passwd.h"
#include "spec/words.h"

#define BAD(...) GATE_FAIL(err, GATE_E_INVALID, __VA_ARGS__)

int gate_spec_copy(struct gate_spec *s, const char *text, size_t len, const char **ret, struct gate_err *err)
{
	const char *copy = gate_arena_text(&s->task->arena, text, len);

	if (copy == NULL)
		return GATE_FAIL_NOMEM(err);
	*ret = copy;
	return 0;
}

static int copy(struct gate_spec *s, const char *value, const char **ret, struct gate_err *err)
{
	return gate_spec_copy(s, value, strlen(value), ret, err);
}

static int take_name(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (!gate_task_name_ok(value))
		return BAD("'--name' takes up to 128 letters, digits and '_+-.', without a dot in front, not '%s'",
		           value);
	return copy(s, value, &s->task->name, err);
}

static int take_workdir(struct gate_spec *s, const char *value, struct gate_err *err)
{
	return gate_spec_path(s, "'--workdir'", value, strlen(value), false, &s->task->workdir, err);
}

static int take_user(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (gate_user_word_check(value, err) < 0)
		return GATE_NOTE(err, "'--user'");
	return copy(s, value, &s->task->user, err);
}

static int take_group_add(struct gate_spec *s, const char *value, struct gate_err *err)
{
	const char *group;

	if (strcmp(value, "keep-groups") == 0)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "'--group-add keep-groups' is not offered: a task has the groups that "
		                 "were said and no other");
	if (gate_group_word_check(value, err) < 0)
		return GATE_NOTE(err, "'--group-add'");
	if (copy(s, value, &group, err) < 0)
		return -1;
	return GATE_SPEC_ADD(s->task->groups_add, err, group);
}

/* One word, or podman's JSON array as far as it has plain strings. */
static int take_entrypoint(struct gate_spec *s, const char *value, struct gate_err *err)
{
	struct gate_task *t = s->task;
	const char *word;

	t->has_entrypoint = true;
	t->entrypoint.n = 0;
	if (value[0] == '\0')
		return 0;
	if (value[0] == '[')
		return gate_take_entrypoint_json(s, value, err);
	if (copy(s, value, &word, err) < 0)
		return -1;
	return GATE_SPEC_ADD(t->entrypoint, err, word);
}

/* DIR, DIR:rw, DIR:ro, DIR:O. */
static int take_rootfs(struct gate_spec *s, const char *value, struct gate_err *err)
{
	size_t len = strlen(value);

	s->task->rootfs_writable = len > 3 && strcmp(value + len - 3, ":rw") == 0;
	if (s->task->rootfs_writable)
		len -= 3;
	else if (len > 2 && strcmp(value + len - 2, ":O") == 0) /* podman's word for what is the default here */
		len -= 2;
	if (len == 0)
		return BAD("'--rootfs' takes DIR or DIR:rw");
	return gate_spec_host_path(s, value, len, &s->task->rootfs, err);
}

static int take_image(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (value[0] == '\0' || value[0] == '-')
		return BAD(
		    "'--image' takes oci:DIR[:TAG], docker-archive:FILE, docker://NAME or a name of the store, not '%s'",
		    value);
	return copy(s, value, &s->task->image, err);
}

static int take_cgroup_parent(struct gate_spec *s, const char *value, struct gate_err *err)
{
	const char *text = value[0] == '/' ? value + 1 : value;

	for (const char *p = text;; p++) {
		size_t len = strcspn(p, "/");

		/* A name of cgroupfs, and no way out of it. */
		if (len == 0 || len > 255 || p[0] == '.' || memchr(p, '\n', len) != NULL)
			return BAD("'--cgroup-parent' takes the path of a control group, without '..', not '%s'",
			           value);
		p += len;
		if (*p == '\0')
			break;
	}
	return copy(s, value, &s->task->cgroup_parent, err);
}

static int take_isolation(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (strcmp(value, "default") == 0) { /* docker's only value on Linux */
		s->task->isolation = GATE_ISOLATE_ALL;
		return 0;
	}
	return gate_isolation_parse(value, &s->task->isolation, err);
}

static int take_cidfile(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (value[0] == '\0')
		return BAD("'--cidfile' takes a path");
	return copy(s, value, &s->task->cidfile, err);
}

static int take_restart(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (strcmp(value, "no") == 0 || value[0] == '\0')
		return 0;
	return GATE_FAIL(err, GATE_E_UNSUPPORTED,
	                 "'--%s %s' is not for callgate run, which starts a task once: the agent restarts tasks",
	                 s->flag, value);
}

enum kind {
	VALUE = 0,
	SWITCH, /* `at` is where its bool is */
	LINES   /* a file of lines: gate_spec_lines */
};
#define AT(field) offsetof(struct gate_task, field)

static const struct flag {
	const char *name;
	gate_spec_taker *take;
	enum kind kind;
	size_t at;
} flags[] = {
	{ "annotation", gate_take_label },
	{ "cap-add", gate_take_cap_add },
	{ "cap-drop", gate_take_cap_drop },
	{ "cgroup-parent", take_cgroup_parent },
	{ "cgroupns", gate_take_cgroupns },
	{ "cidfile", take_cidfile },
	{ "cpu-period", gate_take_cpu_period },
	{ "cpu-quota", gate_take_cpu_quota },
	{ "cpu-shares", gate_take_cpu_shares },
	{ "cpus", gate_take_cpus },
	{ "detach", NULL, SWITCH, AT(detach) },
	{ "entrypoint", take_entrypoint },
	{ "env", gate_take_env },
	{ "env-file", NULL, LINES },
	{ "group-add", take_group_add },
	{ "hostname", gate_take_hostname },
	{ "image", take_image },
	{ "init", NULL, SWITCH, AT(init) },
	{ "interactive", NULL, SWITCH, AT(interactive) },
	{ "ipc", gate_take_ipc },
	{ "isolation", take_isolation },
	{ "label", gate_take_label },
	{ "label-file", NULL, LINES },
	{ "log", NULL, SWITCH, AT(log) },
	{ "log-driver", gate_take_log_driver },
	{ "log-opt", gate_take_log_opt },
	{ "memory", gate_take_memory },
	{ "memory-swap", gate_take_memory_swap },
	{ "mount", gate_take_mount },
	{ "name", take_name },
	{ "net", gate_take_network },
	{ "network", gate_take_network },
	{ "no-new-privs", NULL, SWITCH, AT(no_new_privs) },
	{ "oom-score-adj", gate_take_oom },
	{ "pid", gate_take_pid },
	{ "pids-limit", gate_take_pids },
	{ "privileged", NULL, SWITCH, AT(privileged) },
	{ "profile", gate_take_profile },
	{ "quiet", NULL, SWITCH, AT(quiet) },
	{ "read-only", NULL, SWITCH, AT(read_only) },
	{ "restart", take_restart },
	{ "rm", NULL, SWITCH, AT(remove) },
	{ "rootfs", take_rootfs },
	{ "security-opt", gate_take_security },
	{ "shm-size", gate_take_shm_size },
	{ "sig-proxy", NULL, SWITCH, AT(sig_proxy) },
	{ "stop-signal", gate_take_stop_signal },
	{ "stop-timeout", gate_take_stop_timeout },
	{ "sysctl", gate_take_sysctl },
	{ "timeout", gate_take_timeout },
	{ "tmpfs", gate_take_tmpfs },
	{ "tty", NULL, SWITCH, AT(terminal) },
	{ "ulimit", gate_take_ulimit },
	{ "user", take_user },
	{ "userns", gate_take_userns },
	{ "uts", gate_take_uts },
	{ "volume", gate_take_volume },
	{ "workdir", take_workdir },
};
_Static_assert(GATE_ARRAY_LEN(flags) <= GATE_SPEC_FLAGS_MAX, "said[] has room for all");

static const struct flag *find(const char *name)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(flags); i++)
		if (strcmp(flags[i].name, name) == 0)
			return &flags[i];
	return NULL;
}

void gate_spec_init(struct gate_spec *s, struct gate_task *task, const struct gate_spec_caller *caller)
{
	*s = (struct gate_spec){ .task = task, .caller = caller, .flag = "" };
}

bool gate_spec_has(const char *name)
{
	return find(name) != NULL;
}

bool gate_spec_is_switch(const char *name)
{
	const struct flag *f = find(name);

	return f != NULL && f->kind == SWITCH;
}

bool gate_spec_said(const struct gate_spec *s, const char *name)
{
	const struct flag *f = find(name);

	GATE_CHECK(f != NULL);
	return s->said[f - flags];
}

int gate_spec_flag(struct gate_spec *s, const char *name, const char *value, struct gate_err *err)
{
	const struct flag *f = find(name);

	if (f == NULL || f->kind == LINES)
		return BAD("'--%s' is no flag with a value", name);
	s->flag = f->name;
	s->said[f - flags] = true;
	if (f->kind == VALUE)
		return f->take(s, value, err);
	if (gate_word_bool(value, strlen(value), (bool *)(void *)((char *)s->task + f->at)) < 0)
		return BAD("'--%s' is true or false, not '%s'", name, value);
	return 0;
}
