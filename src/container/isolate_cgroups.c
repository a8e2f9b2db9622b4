/* Control groups: only where a limit asks for them, or where nothing else could kill the task as a whole. */
#include <stdio.h>
#include <unistd.h>

#include <linux/capability.h>

#include "container/prepare.h"

/* Docker's: any node may be made, these may be used. Documentation/admin-guide/devices.txt */
static const struct gate_cgroup_device devices[] = {
	{ 'c', -1, -1, false, false, true }, { 'b', -1, -1, false, false, true },
	{ 'c', 1, 3, true, true, true },    /* null */
	{ 'c', 1, 5, true, true, true },    /* zero */
	{ 'c', 1, 7, true, true, true },    /* full */
	{ 'c', 1, 8, true, true, true },    /* random */
	{ 'c', 1, 9, true, true, true },    /* urandom */
	{ 'c', 5, 0, true, true, true },    /* tty */
	{ 'c', 5, 1, true, true, true },    /* console */
	{ 'c', 5, 2, true, true, true },    /* ptmx */
	{ 'c', 136, -1, true, true, true }, /* the slaves of ptys */
};

/* Whoever can make nodes could reach the host's disks; so could root in the host's own file system. */
static bool reaches_devices(const struct gate_prepare *p)
{
	if (p->nested || p->has_userns || p->task->privileged)
		return false;
	return p->own_root ? (p->caps >> CAP_MKNOD & 1) != 0 : p->who.uid == 0;
}

static int limits(const struct gate_prepare *p, struct gate_cgroup_limits *ret, struct gate_err *err)
{
	const struct gate_task *t = p->task;
	struct gate_cgroup_limits l = { .devices = devices, .n_devices = GATE_ARRAY_LEN(devices) };
	static const char off[] = "%s needs the isolator '%s', which is off";

	if ((t->memory != 0 || t->memory_swap != 0) && !gate_isolates(p, GATE_ISOLATE_MEM))
		return GATE_FAIL(err, GATE_E_INVALID, off, "--memory", gate_isolator_name(GATE_ISOLATE_MEM));
	if ((t->cpu_quota_us != 0 || t->cpu_shares != 0) && !gate_isolates(p, GATE_ISOLATE_CPU))
		return GATE_FAIL(err, GATE_E_INVALID, off, "a limit of processor time",
		                 gate_isolator_name(GATE_ISOLATE_CPU));
	if (t->pids != 0 && !gate_isolates(p, GATE_ISOLATE_PIDS))
		return GATE_FAIL(err, GATE_E_INVALID, off, "--pids-limit", gate_isolator_name(GATE_ISOLATE_PIDS));
	l.memory = t->memory;
	l.memory_swap = t->memory_swap;
	l.cpu_quota_us = t->cpu_quota_us;
	l.cpu_period_us = t->cpu_period_us;
	l.cpu_shares = t->cpu_shares;
	l.pids = t->pids;
	l.limit_devices = gate_isolates(p, GATE_ISOLATE_DEVICES) && reaches_devices(p);
	/* The end of a pid namespace ends all that is in it; without one there must be a group to kill. */
	if (p->contained && !(gate_isolates(p, GATE_ISOLATE_PID) && t->pid.mode == GATE_NS_OWN) && !p->nested)
		l.want = GATE_CGROUP_FREEZER;
	*ret = l;
	return 0;
}

static bool wanted(const struct gate_prepare *p, const struct gate_cgroup_limits *l)
{
	return l->memory != 0 || l->memory_swap != 0 || l->cpu_quota_us != 0 || l->cpu_shares != 0 || l->pids != 0 ||
	       l->limit_devices || l->want != 0 || p->task->cgroup_parent != NULL || p->task->cgroup_of != NULL;
}

static const char *isolator_of(uint32_t what)
{
	return gate_isolator_name((what & GATE_CGROUP_MEMORY) != 0    ? GATE_ISOLATE_MEM
	                          : (what & GATE_CGROUP_CPU) != 0     ? GATE_ISOLATE_CPU
	                          : (what & GATE_CGROUP_PIDS) != 0    ? GATE_ISOLATE_PIDS
	                          : (what & GATE_CGROUP_DEVICES) != 0 ? GATE_ISOLATE_DEVICES
	                                                              : GATE_ISOLATE_PID);
}

/* The descriptors go over to the plan; gate_cgroups_undo works on the copies until the launch is through. */
static int rows(struct gate_prepare *p, struct gate_err *err)
{
	struct gate_plan *plan = &p->plan.head;

	for (size_t i = 0; p->dry && i < p->cgroups.n; i++) {
		p->plan.by = isolator_of(p->cgroups.at[i].what);
		if ((int)i != p->cgroups.into)
			(void)gate_plan_row(&p->plan, GATE_STEP_CGROUP, "%s", p->cgroups.at[i].path);
	}
	for (size_t i = 0; !p->dry && i < p->cgroups.n; i++) {
		const struct gate_cgroup *c = &p->cgroups.at[i];
		struct gate_plan_cgroup *to = &plan->cgroups[plan->n_cgroups];
		int dir = dup(c->dir), parent = dup(c->parent);

		to->dir = gate_plan_adopt(&p->plan, dir);
		to->parent = gate_plan_adopt(&p->plan, parent);
		to->name = gate_plan_string(&p->plan, c->name);
		to->what = c->what;
		plan->n_cgroups++;
		if (to->dir < 0 || to->parent < 0)
			return GATE_FAIL_SYS(err, "cannot hold the control group '%s'", c->path);
		/* The CLONE row starts the process in it (GATE_STEP_CLONE). */
		if ((int)i == p->cgroups.into)
			continue;
		int procs = dup(c->procs);
		if (procs < 0)
			return GATE_FAIL_SYS(err, "cannot hold the control group '%s'", c->path);
		p->plan.by = isolator_of(c->what);
		struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_CGROUP, "%s", c->path);
		row->fd = gate_plan_adopt(&p->plan, procs);
	}
	return 0;
}

/* Below those of another task, as far as it has any. */
static int make_below(struct gate_prepare *p, const struct gate_cgroup_limits *l, struct gate_err *err)
{
	struct gate_cgroups above;
	struct gate_entry of;

	if (gate_store_find(p->store, p->task->cgroup_of, &of, err) < 0)
		return -1;
	if (of.state != GATE_TASK_RUNNING)
		return GATE_FAIL(err, GATE_E_CONFLICT,
		                 "the task '%s' does not run: nothing can be put below its control groups",
		                 p->task->cgroup_of);
	if (gate_cgroups_find(of.id, &above, err) < 0)
		return -1;
	int result = gate_cgroups_make_below(&above, p->id, l, &p->cgroups, err);

	gate_cgroups_done(&above);
	return result;
}

int gate_isolate_cgroups(struct gate_prepare *p, struct gate_err *err)
{
	struct gate_cgroup_limits l;

	if (limits(p, &l, err) < 0)
		return -1;
	if (!wanted(p, &l))
		return 0;
	GATE_AUTO(gate_buf_done) struct gate_buf explain = GATE_BUF_INIT;
	if (p->task->cgroup_of != NULL && !p->dry
	        ? make_below(p, &l, err) < 0
	        : gate_cgroups_make(p->id, p->task->cgroup_parent, &l, p->dry, &explain, &p->cgroups, err) < 0)
		return -1;
	p->has_cgroups = !p->dry;
	if (explain.len > 0)
		gate_prepare_note(p, "%s", explain.data);
	return rows(p, err);
}
