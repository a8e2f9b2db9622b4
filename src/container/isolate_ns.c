/* Namespaces of the task's own, or of another task's. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "container/namespaces.h"
#include "container/prepare.h"

/* Every kind of namespace that a task may share: how it is asked for and what it is called in /proc/PID/ns. */
static const struct kind {
	enum gate_isolator isolator;
	uint64_t flag;
	const char *name, *option;
	size_t offset;
} kinds[] = {
	{ GATE_ISOLATE_PID, CLONE_NEWPID, "pid", "--pid", offsetof(struct gate_task, pid) },
	{ GATE_ISOLATE_IPC, CLONE_NEWIPC, "ipc", "--ipc", offsetof(struct gate_task, ipc) },
	{ GATE_ISOLATE_NETWORK, CLONE_NEWNET, "net", "--network", offsetof(struct gate_task, network) },
	{ GATE_ISOLATE_UTS, CLONE_NEWUTS, "uts", "--uts", offsetof(struct gate_task, uts) },
};

static const struct gate_ns *asked(const struct gate_task *t, const struct kind *k)
{
	return (const struct gate_ns *)(const void *)((const char *)t + k->offset);
}

static void join_row(struct gate_prepare *p, int fd, uint64_t flag, const char *name, const char *of)
{
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_JOIN, "%s namespace of '%s'", name, of);

	row->fd = gate_plan_adopt(&p->plan, fd);
	row->a = flag;
}

static int one_kind(struct gate_prepare *p, const struct kind *k, struct gate_err *err)
{
	const struct gate_ns *ns = asked(p->task, k);
	int fd = -1;

	p->plan.by = gate_isolator_name(k->isolator);
	if (!gate_isolates(p, k->isolator)) {
		if (ns->mode == GATE_NS_OF)
			return GATE_FAIL(err, GATE_E_INVALID, "'%s=container:%s' needs the isolator '%s', which is off",
			                 k->option, ns->of, gate_isolator_name(k->isolator));
		return 0;
	}
	if (ns->mode == GATE_NS_OWN)
		p->clone |= k->flag;
	if (ns->mode != GATE_NS_OF)
		return 0;
	if (gate_namespace_of(p->store, ns->of, k->name, &fd, err) < 0)
		return -1;
	join_row(p, fd, k->flag, k->name, ns->of);
	return 0;
}

static void uts_rows(struct gate_prepare *p)
{
	char short_id[13];

	if ((p->clone & CLONE_NEWUTS) == 0)
		return;
	(void)snprintf(short_id, sizeof(short_id), "%.12s", p->id);
	const char *name = p->task->hostname != NULL ? p->task->hostname : short_id;

	p->plan.by = gate_isolator_name(GATE_ISOLATE_UTS);
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_HOSTNAME, "%s", name);
	row->text[0] = gate_plan_string(&p->plan, name);
}

static int sysctl_rows(struct gate_prepare *p, struct gate_err *err)
{
	for (size_t i = 0; i < p->task->sysctls.n; i++) {
		const struct gate_pair *pair = &p->task->sysctls.at[i];
		char path[256];
		size_t len = strlen(pair->key);
		bool net = strncmp(pair->key, "net.", 4) == 0;

		/* Whatever is not in a namespace of the task's own would be written to the host. */
		if ((p->clone & (net ? CLONE_NEWNET : CLONE_NEWIPC)) == 0)
			return GATE_FAIL(
			    err, GATE_E_INVALID,
			    "the kernel parameter '%s' would be the host's: the task has no %s namespace of its own",
			    pair->key, net ? "network" : "ipc");
		if (len >= sizeof(path))
			return GATE_FAIL(err, GATE_E_INVALID, "there is no kernel parameter '%.40s…'", pair->key);
		for (size_t c = 0; c <= len; c++)
			path[c] = pair->key[c] == '.' ? '/' : pair->key[c];
		p->plan.by = gate_isolator_name(net ? GATE_ISOLATE_NETWORK : GATE_ISOLATE_IPC);
		struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_SYSCTL, "%s=%s", pair->key, pair->value);
		row->text[0] = gate_plan_string(&p->plan, path);
		row->text[1] = gate_plan_string(&p->plan, pair->value);
	}
	return 0;
}

static int check(const struct gate_prepare *p, struct gate_err *err)
{
	const struct gate_task *t = p->task;

	if (t->hostname != NULL && !gate_separate(p, GATE_ISOLATE_UTS, &t->uts))
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "a host name of its own needs a UTS namespace of its own, which this "
		                 "task does not get");
	if (t->hostname != NULL && t->uts.mode == GATE_NS_OF)
		return GATE_FAIL(err, GATE_E_INVALID, "a host name cannot be set in the UTS namespace of '%s'",
		                 t->uts.of);
	return 0;
}

int gate_isolate_namespaces(struct gate_prepare *p, struct gate_err *err)
{
	if (check(p, err) < 0)
		return -1;
	if (p->has_userns) {
		struct gate_row *row =
		    gate_plan_row(&p->plan, GATE_STEP_JOIN, "user namespace, 0 is %u here", p->id_base);

		row->fd = p->userns;
		row->a = CLONE_NEWUSER;
		p->plan.joins_user = true;
	}
	if (gate_isolates(p, GATE_ISOLATE_FILESYSTEM))
		p->clone |= CLONE_NEWNS;
	for (size_t i = 0; i < GATE_ARRAY_LEN(kinds); i++)
		if (one_kind(p, &kinds[i], err) < 0)
			return -1;
	uts_rows(p);
	if ((p->clone & CLONE_NEWNET) != 0) {
		p->plan.by = gate_isolator_name(GATE_ISOLATE_NETWORK);
		(void)gate_plan_row(&p->plan, GATE_STEP_LOOPBACK, "lo");
	}
	if (gate_isolates(p, GATE_ISOLATE_CGROUP)) {
		p->plan.by = gate_isolator_name(GATE_ISOLATE_CGROUP);
		gate_plan_row(&p->plan, GATE_STEP_UNSHARE, "cgroup namespace")->a = CLONE_NEWCGROUP;
	}
	return sysctl_rows(p, err);
}
