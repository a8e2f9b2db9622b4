#include <inttypes.h>
#include <stdio.h>

#include "kernel/cgroup_limits.h"
#include "task/plan.h"

/* kernel/sched/core.c: max_cfs_runtime, min_cfs_quota_period, max_cfs_quota_period. */
#define CPU_QUOTA_MIN_US  1000U
#define CPU_PERIOD_MIN_US 1000U
#define CPU_PERIOD_MAX_US 1000000U
#define CPU_PERIOD_US     100000U
/* Stack, page tables and kernel stack are charged too: a dynamically linked /bin/true of Debian 12 is killed with less than
 * 384 KiB (Linux 6.18), and the launch before it takes its part. docker's least is 6 MiB, for runc's sake. */
#define MEMORY_MIN (512U << 10)

int gate_cgroup_limits_check(const struct gate_cgroup_limits *l, struct gate_err *err)
{
	uint64_t period = l->cpu_period_us != 0 ? l->cpu_period_us : CPU_PERIOD_US;

	if (l->memory != 0 && l->memory < MEMORY_MIN)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "a memory limit of %" PRIu64
		                 " bytes is too small: no program starts with less than %u KiB",
		                 l->memory, MEMORY_MIN >> 10);
	if (l->memory_swap != 0 && l->memory == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "a limit of memory and swap needs a memory limit, too");
	if (l->memory_swap != 0 && l->memory_swap < l->memory)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "the limit of memory and swap together (%" PRIu64
		                 " bytes) is less than that of memory alone (%" PRIu64 ")",
		                 l->memory_swap, l->memory);
	if (l->cpu_quota_us != 0 && (period < CPU_PERIOD_MIN_US || period > CPU_PERIOD_MAX_US))
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "a processor period of %" PRIu64 " µs is not between 1 ms and 1 s", period);
	if (l->cpu_quota_us != 0 && l->cpu_quota_us < CPU_QUOTA_MIN_US)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "a processor quota of %" PRIu64
		                 " µs is less than the kernel's least, 1 ms in each period",
		                 l->cpu_quota_us);
	if (l->cpu_quota_us == 0 && l->cpu_period_us != 0)
		return GATE_FAIL(err, GATE_E_INVALID, "a processor period needs a quota, too");
	if (l->cpu_shares != 0 && (l->cpu_shares < 2 || l->cpu_shares > 262144))
		return GATE_FAIL(err, GATE_E_INVALID, "processor shares of %" PRIu64 " are not between 2 and 262144",
		                 l->cpu_shares);
	if (l->pids < 0)
		return GATE_FAIL(err, GATE_E_INVALID, "a limit of %" PRId64 " processes", l->pids);
	for (size_t i = 0; l->limit_devices && i < l->n_devices; i++) {
		const struct gate_cgroup_device *d = &l->devices[i];

		/* MAJOR and MINOR of the kernel: 12 and 20 bits. */
		if ((d->type != 'a' && d->type != 'b' && d->type != 'c') || d->major < -1 || d->major > 0xfff ||
		    d->minor < -1 || d->minor > 0xfffff || !(d->read || d->write || d->mknod))
			return GATE_FAIL(err, GATE_E_INVALID,
			                 "device rule %zu is not one: type '%c', %" PRId64 ":%" PRId64, i + 1,
			                 d->type >= 'a' && d->type <= 'z' ? d->type : '?', d->major, d->minor);
	}
	return 0;
}

uint32_t gate_cgroup_limits_need(const struct gate_cgroup_limits *l)
{
	return (l->memory != 0 ? GATE_CGROUP_MEMORY : 0) |
	       (l->cpu_quota_us != 0 || l->cpu_shares != 0 ? GATE_CGROUP_CPU : 0) |
	       (l->pids != 0 ? GATE_CGROUP_PIDS : 0) | (l->limit_devices ? GATE_CGROUP_DEVICES : 0);
}

struct settings {
	struct gate_cgroup_setting *at;
	size_t n;
	uint32_t what; /* which are wanted */
};

static __attribute__((format(printf, 4, 5))) void set(struct settings *s, uint32_t what, const char *file,
                                                      const char *format, ...)
{
	va_list ap;

	if ((what & s->what) == 0)
		return;
	struct gate_cgroup_setting *to = &s->at[s->n++];

	to->what = what;
	to->file = file;
	va_start(ap, format);
	(void)vsnprintf(to->value, sizeof(to->value), format, ap);
	va_end(ap);
}

/* Documentation/admin-guide/cgroup-v2.rst. The weight is runc's and crun's line through (2, 1) and (262144, 10000). */
static void settings_v2(const struct gate_cgroup_limits *l, struct settings *s)
{
	uint64_t period = l->cpu_period_us != 0 ? l->cpu_period_us : CPU_PERIOD_US;

	if (l->memory != 0)
		set(s, GATE_CGROUP_MEMORY, "memory.max", "%" PRIu64, l->memory);
	if (l->memory_swap != 0 && l->memory_swap != UINT64_MAX)
		set(s, GATE_CGROUP_MEMORY, "memory.swap.max", "%" PRIu64, l->memory_swap - l->memory);
	if (l->cpu_quota_us != 0)
		set(s, GATE_CGROUP_CPU, "cpu.max", "%" PRIu64 " %" PRIu64, l->cpu_quota_us, period);
	if (l->cpu_shares != 0)
		set(s, GATE_CGROUP_CPU, "cpu.weight", "%" PRIu64, 1 + (l->cpu_shares - 2) * 9999 / 262142);
	if (l->pids != 0)
		set(s, GATE_CGROUP_PIDS, "pids.max", "%" PRId64, l->pids);
}

/* Documentation/admin-guide/cgroup-v1/memory.rst, pids.rst, scheduler/sched-bwc.rst. Memory and swap together may not be
 * less than memory, so memory is first. The period is written while the quota is still unlimited: together they may be
 * more than what the group above has. */
static void settings_v1(const struct gate_cgroup_limits *l, struct settings *s)
{
	if (l->memory != 0)
		set(s, GATE_CGROUP_MEMORY, "memory.limit_in_bytes", "%" PRIu64, l->memory);
	if (l->memory_swap != 0 && l->memory_swap != UINT64_MAX)
		set(s, GATE_CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "%" PRIu64, l->memory_swap);
	if (l->cpu_quota_us != 0 && l->cpu_period_us != 0 && l->cpu_period_us != CPU_PERIOD_US)
		set(s, GATE_CGROUP_CPU, "cpu.cfs_period_us", "%" PRIu64, l->cpu_period_us);
	if (l->cpu_quota_us != 0)
		set(s, GATE_CGROUP_CPU, "cpu.cfs_quota_us", "%" PRIu64, l->cpu_quota_us);
	if (l->cpu_shares != 0)
		set(s, GATE_CGROUP_CPU, "cpu.shares", "%" PRIu64, l->cpu_shares);
	if (l->pids != 0)
		set(s, GATE_CGROUP_PIDS, "pids.max", "%" PRId64, l->pids);
}

size_t gate_cgroup_settings(const struct gate_cgroup_limits *l, uint32_t what, bool v2,
                            struct gate_cgroup_setting ret[GATE_CGROUP_SETTINGS_MAX])
{
	struct settings s = { ret, 0, what };

	if (v2)
		settings_v2(l, &s);
	else
		settings_v1(l, &s);
	return s.n;
}
