/* How much of something a task may have, and for how long. */
#include "base/num.h"
#include "spec/parts.h"
#include "spec/words.h"

#define BAD(...) GATE_FAIL(err, GATE_E_INVALID, __VA_ARGS__)

static int size_of(struct gate_spec *s, const char *value, uint64_t *ret, struct gate_err *err)
{
	switch (gate_word_size(value, strlen(value), ret)) {
	case 0:
		return 0;
	case -2:
		return BAD("'--%s %s' is more bytes than can be counted", s->flag, value);
	default:
		return BAD("'--%s' takes a size such as 64m or 1.5g, not '%s'", s->flag, value);
	}
}

int gate_take_memory(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t n;

	if (size_of(s, value, &n, err) < 0)
		return -1;
	if (n > 0 && n < (UINT64_C(512) << 10))
		return BAD(
		    "'--memory %s' is too little to start a program in; at least 512k (without a unit it is bytes)",
		    value);
	s->task->memory = n;
	return 0;
}

int gate_take_memory_swap(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (strcmp(value, "-1") == 0) {
		s->task->memory_swap = UINT64_MAX;
		return 0;
	}
	return size_of(s, value, &s->task->memory_swap, err);
}

int gate_take_shm_size(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t n;

	if (size_of(s, value, &n, err) < 0)
		return -1;
	if (n == 0)
		return BAD("'--shm-size' must be more than 0");
	s->task->shm_size = n;
	return 0;
}

int gate_take_cpus(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t quota;

	if (gate_word_cpus(value, &quota) < 0 || quota > UINT64_C(8192) * 100000)
		return BAD("'--cpus' takes a number of processors such as 0.5 or 2, not '%s'", value);
	/* The kernel's least quota is a millisecond (sched/core.c, min_cfs_quota_period). */
	if (quota > 0 && quota < 1000)
		return BAD("'--cpus %s' is below 0.01, the least that the kernel can give", value);
	s->task->cpu_quota_us = quota;
	s->task->cpu_period_us = quota > 0 ? 100000 : 0;
	return 0;
}

int gate_take_cpu_quota(struct gate_spec *s, const char *value, struct gate_err *err)
{
	int64_t n;

	if (gate_word_signed(value, -1, INT64_C(1) << 40, &n) < 0 || (n > 0 && n < 1000))
		return BAD("'--cpu-quota' takes microseconds in a period, at least 1000 (-1 and 0: no limit), not '%s'",
		           value);
	s->task->cpu_quota_us = n > 0 ? (uint64_t)n : 0;
	return 0;
}

int gate_take_cpu_period(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t n;

	if (gate_u64_parse(value, strlen(value), 1000000, &n) < 0 || n < 1000)
		return BAD("'--cpu-period' takes microseconds, 1000 to 1000000, not '%s'", value);
	s->task->cpu_period_us = n;
	return 0;
}

int gate_take_cpu_shares(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t n;

	if (gate_u64_parse(value, strlen(value), 262144, &n) < 0 || n == 1)
		return BAD("'--cpu-shares' takes a weight, 2 to 262144 (1024 is the usual one; 0: none), not '%s'",
		           value);
	s->task->cpu_shares = n;
	return 0;
}

int gate_take_pids(struct gate_spec *s, const char *value, struct gate_err *err)
{
	int64_t n;

	/* PID_MAX_LIMIT, include/linux/threads.h */
	if (gate_word_signed(value, -1, 4194304, &n) < 0)
		return BAD(
		    "'--pids-limit' takes a number of processes and threads up to 4194304 (-1 and 0: no limit), not '%s'",
		    value);
	s->task->pids = n > 0 ? n : 0;
	return 0;
}

/* One side of "soft:hard". */
static int limit_value(const char *text, size_t len, uint64_t *ret)
{
	if ((len == 2 && memcmp(text, "-1", 2) == 0) || (len == 9 && memcmp(text, "unlimited", 9) == 0)) {
		*ret = UINT64_MAX;
		return 0;
	}
	return gate_u64_parse(text, len, INT64_MAX, ret);
}

int gate_take_ulimit(struct gate_spec *s, const char *value, struct gate_err *err)
{
	size_t name = strcspn(value, "=");
	struct gate_limit limit = { .resource = gate_word_limit(value, name) };
	const char *soft = value + name + 1;
	char near[GATE_NEAR_MAX];

	if (name == 0 || value[name] == '\0')
		return BAD("'--ulimit' takes NAME=SOFT[:HARD], as in nofile=1024:2048, not '%s'", value);
	if (limit.resource < 0)
		return BAD("unknown limit '%.*s'%s", (int)name, value,
		           gate_word_near(value, name, gate_word_limits, near));
	size_t len = strcspn(soft, ":");

	if (limit_value(soft, len, &limit.soft) < 0 ||
	    (soft[len] == ':' && limit_value(soft + len + 1, strlen(soft + len + 1), &limit.hard) < 0))
		return BAD("the limit '%.*s' takes SOFT[:HARD], decimal numbers or -1 for unlimited, not '%s'",
		           (int)name, value, soft);
	if (soft[len] != ':')
		limit.hard = limit.soft;
	if (limit.soft > limit.hard)
		return BAD("the soft limit in '%s' is above the hard one", value);
	for (size_t i = 0; i < s->task->limits.n; i++)
		if (s->task->limits.at[i].resource == limit.resource) {
			s->task->limits.at[i] = limit;
			return 0;
		}
	return GATE_SPEC_ADD(s->task->limits, err, limit);
}

int gate_take_oom(struct gate_spec *s, const char *value, struct gate_err *err)
{
	int64_t n;

	if (gate_word_signed(value, -1000, 1000, &n) < 0)
		return BAD("'--oom-score-adj' takes -1000 to 1000, not '%s'", value);
	s->task->oom_score_adj = (int32_t)n;
	s->task->has_oom_score_adj = true;
	return 0;
}

int gate_take_stop_signal(struct gate_spec *s, const char *value, struct gate_err *err)
{
	char near[GATE_NEAR_MAX];

	switch (gate_word_signal(value, &s->task->stop_signal)) {
	case 0:
		return 0;
	case -2:
		return BAD("there is no signal %s: 1 to 64", value);
	default:
		return BAD("unknown signal '%s'%s", value,
		           gate_word_near(value, strlen(value), gate_word_signals, near));
	}
}

int gate_take_stop_timeout(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t ms;

	if (gate_word_time(value, &ms) < 0 || ms > UINT32_MAX)
		return BAD("'--stop-timeout' takes seconds, as in 10 or 500ms, not '%s'", value);
	s->task->stop_ms = (uint32_t)ms;
	return 0;
}

int gate_take_timeout(struct gate_spec *s, const char *value, struct gate_err *err)
{
	uint64_t ms;

	if (gate_word_time(value, &ms) < 0 || ms > UINT64_C(1000) * 1000 * 1000 * 1000)
		return BAD("'--timeout' takes seconds, as in 60, 90s or 2m, not '%s'", value);
	s->task->timeout_ms = ms;
	return 0;
}

int gate_take_log_opt(struct gate_spec *s, const char *value, struct gate_err *err)
{
	size_t name = strcspn(value, "=");
	const char *text = value + name + (value[name] == '=');
	char near[GATE_NEAR_MAX];
	uint64_t n;

	if (name == 8 && memcmp(value, "max-size", 8) == 0) {
		if (gate_word_size(text, strlen(text), &n) < 0 || n < 4096 || n > UINT64_C(1) << 40)
			return BAD("'--log-opt max-size' takes a size from 4k to 1t, not '%s'", text);
		s->task->log_bytes = n;
		return 0;
	}
	if (name == 8 && memcmp(value, "max-file", 8) == 0) {
		if (gate_u64_parse(text, strlen(text), 100, &n) < 0 || n < 1)
			return BAD("'--log-opt max-file' takes 1 to 100, not '%s'", text);
		s->task->log_files = (uint32_t)n;
		return 0;
	}
	return BAD("'--log-opt' takes max-size=SIZE or max-file=N, not '%s'%s", value,
	           gate_word_near(value, name, "max-size|max-file", near));
}

int gate_take_log_driver(struct gate_spec *s, const char *value, struct gate_err *err)
{
	static const char *const files[] = { "k8s-file", "json-file", "local" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(files); i++)
		if (strcmp(value, files[i]) == 0)
			return 0;
	if (strcmp(value, "none") != 0)
		return BAD(
		    "'--log-driver' takes none, or k8s-file, json-file or local for the files that are kept here, not '%s'",
		    value);
	s->task->log_bytes = 0;
	return 0;
}
