/* Everything together: what cannot be is refused, never dropped. */
#include "spec/parts.h"

#include <callgate/abi.h>

#define NO(...) GATE_FAIL(err, GATE_E_CONFLICT, __VA_ARGS__)

/* A flag that means nothing without its isolator. */
static const struct {
	const char *flag;
	enum gate_isolator needs;
} needs[] = {
	{ "cap-add", GATE_ISOLATE_CAPABILITIES },
	{ "cap-drop", GATE_ISOLATE_CAPABILITIES },
	{ "privileged", GATE_ISOLATE_CAPABILITIES },
	{ "image", GATE_ISOLATE_FILESYSTEM },
	{ "rootfs", GATE_ISOLATE_FILESYSTEM },
	{ "volume", GATE_ISOLATE_FILESYSTEM },
	{ "mount", GATE_ISOLATE_FILESYSTEM },
	{ "tmpfs", GATE_ISOLATE_FILESYSTEM },
	{ "read-only", GATE_ISOLATE_FILESYSTEM },
	{ "shm-size", GATE_ISOLATE_FILESYSTEM },
	{ "sysctl", GATE_ISOLATE_FILESYSTEM },
	{ "hostname", GATE_ISOLATE_UTS },
	{ "memory", GATE_ISOLATE_MEM },
	{ "memory-swap", GATE_ISOLATE_MEM },
	{ "cpus", GATE_ISOLATE_CPU },
	{ "cpu-quota", GATE_ISOLATE_CPU },
	{ "cpu-period", GATE_ISOLATE_CPU },
	{ "cpu-shares", GATE_ISOLATE_CPU },
	{ "pids-limit", GATE_ISOLATE_PIDS },
	{ "ulimit", GATE_ISOLATE_RLIMITS },
};

/* What a switch set to false asks for is there already. */
static bool wanted(const struct gate_spec *s, const char *flag)
{
	if (strcmp(flag, "privileged") == 0)
		return s->task->privileged;
	if (strcmp(flag, "read-only") == 0)
		return s->task->read_only;
	return gate_spec_said(s, flag);
}

static int check_isolators(const struct gate_spec *s, struct gate_err *err)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(needs); i++)
		if (wanted(s, needs[i].flag) && !gate_spec_isolates(s, needs[i].needs))
			return NO("'--%s' needs the isolator '%s', which '--isolation' leaves out", needs[i].flag,
			          gate_isolator_name(needs[i].needs));
	return 0;
}

static int check_filter(const struct gate_spec *s, struct gate_err *err)
{
	const struct gate_task *t = s->task;
	bool unconfined = t->profile != NULL && strcmp(t->profile, "unconfined") == 0;

	if (t->no_new_privs && !gate_spec_isolates(s, GATE_ISOLATE_NNP))
		return NO("no-new-privileges needs the isolator 'linux/nnp', which '--isolation' leaves out");
	if (gate_spec_isolates(s, GATE_ISOLATE_SECCOMP))
		return 0;
	if (t->profile != NULL && !unconfined)
		return NO("the profile '%s' needs the isolator 'linux/seccomp', which '--isolation' leaves out",
		          t->profile);
	if (t->log)
		return NO("'--log' needs the isolator 'linux/seccomp', which '--isolation' leaves out");
	/* There is one word for running without a filter, and leaving out an isolator is not it. */
	if (!unconfined)
		return NO("without the isolator 'linux/seccomp' the task would have no filter; if that is meant, add "
		          "'--security-opt seccomp=unconfined'");
	return 0;
}

/* Namespaces, in the order of what is said about them. */
static int check_space(struct gate_spec *s, struct gate_ns *ns, enum gate_isolator i, const char *flag,
                       const char *alias, struct gate_err *err)
{
	bool said = gate_spec_said(s, flag) || (alias != NULL && gate_spec_said(s, alias));

	if (gate_spec_isolates(s, i))
		return 0;
	if (said && ns->mode != GATE_NS_HOST)
		return NO("'--%s' needs the isolator '%s', which '--isolation' leaves out", flag,
		          gate_isolator_name(i));
	*ns = (struct gate_ns){ GATE_NS_HOST, NULL };
	return 0;
}

static int check_spaces(struct gate_spec *s, struct gate_err *err)
{
	struct gate_task *t = s->task;

	if (check_space(s, &t->network, GATE_ISOLATE_NETWORK, "network", "net", err) < 0 ||
	    check_space(s, &t->pid, GATE_ISOLATE_PID, "pid", NULL, err) < 0 ||
	    check_space(s, &t->ipc, GATE_ISOLATE_IPC, "ipc", NULL, err) < 0 ||
	    check_space(s, &t->uts, GATE_ISOLATE_UTS, "uts", NULL, err) < 0)
		return -1;
	if (gate_spec_said(s, "cgroupns") && !s->cgroup_host && !gate_spec_isolates(s, GATE_ISOLATE_CGROUP))
		return NO("'--cgroupns' needs the isolator 'namespaces/cgroup', which '--isolation' leaves out");
	if (s->cgroup_host)
		t->isolation &= ~(UINT32_C(1) << GATE_ISOLATE_CGROUP);
	if (t->hostname != NULL && t->uts.mode != GATE_NS_OWN)
		return NO("'--hostname' with '--uts %s': the name is not the task's own",
		          t->uts.mode == GATE_NS_HOST ? "host" : "container:…");
	if (t->shm_size != 0 && t->ipc.mode != GATE_NS_OWN)
		return NO("'--shm-size' with '--ipc %s': /dev/shm is not the task's own",
		          t->ipc.mode == GATE_NS_HOST ? "host" : "container:…");
	return 0;
}

/* A user namespace of its own owns only the namespaces that are made in it (user_namespaces(7)). */
static int check_users(const struct gate_spec *s, struct gate_err *err)
{
	const struct {
		const char *flag;
		const struct gate_ns *ns;
	} spaces[] = { { "network", &s->task->network },
		       { "pid", &s->task->pid },
		       { "ipc", &s->task->ipc },
		       { "uts", &s->task->uts } };

	for (size_t i = 0; s->task->userns_auto && i < GATE_ARRAY_LEN(spaces); i++)
		if (spaces[i].ns->mode == GATE_NS_HOST)
			return NO(
			    "'--userns auto' with '--%s host': its root would have no right to what belongs to the host",
			    spaces[i].flag);
	if (s->task->userns_auto && !gate_spec_isolates(s, GATE_ISOLATE_FILESYSTEM))
		return NO("'--userns auto' needs the isolator 'filesystem/linux', which '--isolation' leaves out");
	return 0;
}

static int check_sysctls(const struct gate_spec *s, struct gate_err *err)
{
	const struct gate_task *t = s->task;

	for (size_t i = 0; i < t->sysctls.n; i++) {
		const char *key = t->sysctls.at[i].key;
		bool net = gate_sysctl_space(key, strlen(key)) == GATE_ISOLATE_NETWORK;

		if ((net ? t->network : t->ipc).mode != GATE_NS_OWN)
			return NO("the sysctl '%s' needs %s namespace of the task's own, else it would change %s", key,
			          net ? "a network" : "an IPC",
			          (net ? t->network : t->ipc).mode == GATE_NS_HOST ? "the host" : "another task");
	}
	return 0;
}

static int check_amounts(struct gate_spec *s, struct gate_err *err)
{
	struct gate_task *t = s->task;

	if (t->memory_swap != 0 && t->memory == 0)
		return NO("'--memory-swap' is memory and swap together, and needs '--memory'");
	if (t->memory_swap != 0 && t->memory_swap < t->memory)
		return NO("'--memory-swap' is memory and swap together, and cannot be below '--memory'");
	if (gate_spec_said(s, "cpus") && (gate_spec_said(s, "cpu-quota") || gate_spec_said(s, "cpu-period")))
		return NO("'--cpus' and '--cpu-quota' say the same thing; one of them is enough");
	if (t->cpu_quota_us == 0 && gate_spec_said(s, "cpu-period"))
		return NO("'--cpu-period' needs '--cpu-quota'");
	if (t->cpu_quota_us != 0 && t->cpu_period_us == 0)
		t->cpu_period_us = 100000;
	/* Of both together docker takes one and podman none. */
	bool all_add = t->cap_add == GATE_CAPS_ALL, all_drop = t->cap_drop == GATE_CAPS_ALL;
	uint64_t both = (all_add != all_drop) ? 0 : t->cap_add & t->cap_drop;

	for (unsigned c = 0; both != 0 && c <= GATE_CAP_LAST; c++)
		if ((both >> c & 1) != 0)
			return NO("%s is both added and dropped", all_add ? "every capability" : gate_cap_name(c));
	return 0;
}

static int check_root(const struct gate_spec *s, struct gate_err *err)
{
	const struct gate_task *t = s->task;

	if (t->image != NULL && t->rootfs != NULL)
		return NO("'--image' and '--rootfs' are two answers to one question");
	if (t->rootfs_writable && t->read_only)
		return NO("'--rootfs …:rw' and '--read-only' contradict each other");
	if (t->cgroup_parent != NULL && (t->isolation & (1U << GATE_ISOLATE_CPU | 1U << GATE_ISOLATE_MEM |
	                                                 1U << GATE_ISOLATE_PIDS | 1U << GATE_ISOLATE_DEVICES)) == 0)
		return NO("'--cgroup-parent' needs one of the cgroups/… isolators, which '--isolation' leaves out");
	return 0;
}

static int take_args(struct gate_spec *s, const char *const *args, struct gate_err *err)
{
	struct gate_task *t = s->task;
	const char *word;

	for (size_t i = 0; args[i] != NULL; i++)
		if (gate_spec_copy(s, args[i], strlen(args[i]), &word, err) < 0 ||
		    GATE_SPEC_ADD(t->args, err, word) < 0)
			return -1;
	if (t->args.n == 0 && t->entrypoint.n == 0 && t->image == NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "run needs COMMAND, or --image with one");
	if (t->args.n > 0 && t->args.at[0][0] == '\0' && t->entrypoint.n == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "the command is empty");
	return 0;
}

/* A plain process of the host stays where its caller is. */
static int stay(struct gate_spec *s, struct gate_err *err)
{
	const char *cwd = s->caller->cwd;

	if (s->task->workdir != NULL || gate_spec_isolates(s, GATE_ISOLATE_FILESYSTEM))
		return 0;
	if (cwd == NULL)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "the current directory has no path; '--workdir' names another");
	return gate_spec_copy(s, cwd, strlen(cwd), &s->task->workdir, err);
}

int gate_spec_finish(struct gate_spec *s, const char *const *args, struct gate_err *err)
{
	if (take_args(s, args, err) < 0 || check_root(s, err) < 0 || check_isolators(s, err) < 0 ||
	    check_filter(s, err) < 0 || check_spaces(s, err) < 0 || check_users(s, err) < 0 ||
	    check_sysctls(s, err) < 0 || check_amounts(s, err) < 0 || stay(s, err) < 0)
		return -1;
	return s->task->image == NULL && s->task->rootfs == NULL ? gate_spec_inherit(s, err) : 0;
}
