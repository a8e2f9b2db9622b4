/* Resource limits and the out-of-memory score. */
#include <sys/resource.h>

#include <linux/capability.h>

#include "container/prepare.h"
#include "kernel/proc.h"

static const char *const names[] = {
	[RLIMIT_CPU] = "cpu",           [RLIMIT_FSIZE] = "fsize",
	[RLIMIT_DATA] = "data",         [RLIMIT_STACK] = "stack",
	[RLIMIT_CORE] = "core",         [RLIMIT_RSS] = "rss",
	[RLIMIT_NPROC] = "nproc",       [RLIMIT_NOFILE] = "nofile",
	[RLIMIT_MEMLOCK] = "memlock",   [RLIMIT_AS] = "as",
	[RLIMIT_LOCKS] = "locks",       [RLIMIT_SIGPENDING] = "sigpending",
	[RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice",
	[RLIMIT_RTPRIO] = "rtprio",     [RLIMIT_RTTIME] = "rttime",
};

/* setrlimit(2) and /proc/PID/oom_score_adj ask for it in the first user namespace. */
static bool may_raise(const struct gate_prepare *p)
{
	return !p->nested && !p->has_userns && (p->caller.effective >> CAP_SYS_RESOURCE & 1) != 0;
}

/* setrlimit(2): more descriptors than fs.nr_open are EPERM for everybody. */
static int check_descriptors(const struct gate_limit *l, struct gate_err *err)
{
	long long most = 0;

	if (l->resource != RLIMIT_NOFILE || gate_proc_number("/proc/sys/fs/nr_open", &most) < 0 ||
	    l->hard <= (uint64_t)most)
		return 0;
	return GATE_FAIL(err, GATE_E_INVALID,
	                 "the limit of 'nofile' cannot be raised to %llu: this host has at most %lld (fs.nr_open)",
	                 (unsigned long long)l->hard, most);
}

static int limit_row(struct gate_prepare *p, const struct gate_limit *l, struct gate_err *err)
{
	struct rlimit now;

	if (l->resource < 0 || (size_t)l->resource >= GATE_ARRAY_LEN(names))
		return GATE_FAIL(err, GATE_E_INVALID, "there is no resource %d to limit", l->resource);
	const char *name = names[l->resource];
	if (getrlimit((__rlimit_resource_t)l->resource, &now) < 0)
		return GATE_FAIL_SYS(err, "cannot ask for the limit of '%s'", name);
	if (l->hard > now.rlim_max && !may_raise(p))
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "the limit of '%s' cannot be raised from %llu to %llu without CAP_SYS_RESOURCE", name,
		                 (unsigned long long)now.rlim_max, (unsigned long long)l->hard);
	if (check_descriptors(l, err) < 0)
		return -1;
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_RLIMIT, "%s=%llu:%llu", name,
	                                     (unsigned long long)l->soft, (unsigned long long)l->hard);
	row->flags = (uint16_t)l->resource;
	row->a = l->soft;
	row->b = l->hard;
	return 0;
}

static int score_row(struct gate_prepare *p, struct gate_err *err)
{
	long long now = 0;

	if (!p->task->has_oom_score_adj)
		return 0;
	if (gate_proc_number("/proc/self/oom_score_adj", &now) < 0)
		return GATE_FAIL_SYS(err, "cannot ask for the out-of-memory score");
	if (p->task->oom_score_adj < now && !may_raise(p))
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "the out-of-memory score cannot be lowered from %lld to %d without CAP_SYS_RESOURCE",
		                 now, p->task->oom_score_adj);
	struct gate_row *row = gate_plan_row(&p->plan, GATE_STEP_OOM, "%d", p->task->oom_score_adj);
	row->a = (uint64_t)(int64_t)p->task->oom_score_adj;
	row->fd = p->plan.head.proc;
	return 0;
}

int gate_isolate_limits(struct gate_prepare *p, struct gate_err *err)
{
	if (!gate_isolates(p, GATE_ISOLATE_RLIMITS)) {
		if (p->task->limits.n > 0)
			return GATE_FAIL(err, GATE_E_INVALID, "--ulimit needs the isolator '%s', which is off",
			                 gate_isolator_name(GATE_ISOLATE_RLIMITS));
		return score_row(p, err);
	}
	for (size_t i = 0; i < p->task->limits.n; i++)
		if (limit_row(p, &p->task->limits.at[i], err) < 0)
			return -1;
	return score_row(p, err);
}
