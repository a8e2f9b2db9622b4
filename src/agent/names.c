#include <stdio.h>
#include <time.h>

#include "agent/agent.h"

const char *gate_state_name(enum gate_state s)
{
	static const char *const names[] = {
		[GATE_STATE_STARTING] = "TASK_STARTING",
		[GATE_STATE_RUNNING] = "TASK_RUNNING",
		[GATE_STATE_FINISHED] = "TASK_FINISHED",
		[GATE_STATE_FAILED] = "TASK_FAILED",
		[GATE_STATE_KILLED] = "TASK_KILLED",
		[GATE_STATE_LOST] = "TASK_LOST",
		[GATE_STATE_STAGING] = "TASK_STAGING",
		[GATE_STATE_ERROR] = "TASK_ERROR",
		[GATE_STATE_KILLING] = "TASK_KILLING",
		[GATE_STATE_DROPPED] = "TASK_DROPPED",
		[GATE_STATE_UNREACHABLE] = "TASK_UNREACHABLE",
		[GATE_STATE_GONE] = "TASK_GONE",
		[GATE_STATE_GONE_BY_OPERATOR] = "TASK_GONE_BY_OPERATOR",
		[GATE_STATE_UNKNOWN] = "TASK_UNKNOWN",
	};

	return (size_t)s < GATE_ARRAY_LEN(names) ? names[s] : "TASK_UNKNOWN";
}

bool gate_state_ended(enum gate_state s)
{
	switch (s) {
	case GATE_STATE_FINISHED:
	case GATE_STATE_FAILED:
	case GATE_STATE_KILLED:
	case GATE_STATE_LOST:
	case GATE_STATE_ERROR:
	case GATE_STATE_DROPPED:
	case GATE_STATE_GONE:
	case GATE_STATE_GONE_BY_OPERATOR:
		return true;
	case GATE_STATE_STARTING:
	case GATE_STATE_RUNNING:
	case GATE_STATE_STAGING:
	case GATE_STATE_KILLING:
	case GATE_STATE_UNREACHABLE:
	case GATE_STATE_UNKNOWN:
		break;
	}
	return false;
}

const char *gate_cause_name(enum gate_cause c)
{
	static const struct {
		enum gate_cause cause;
		const char *name;
	} names[] = {
		{ GATE_CAUSE_EXECUTOR_TERMINATED, "REASON_EXECUTOR_TERMINATED" },
		{ GATE_CAUSE_MEMORY, "REASON_CONTAINER_LIMITATION_MEMORY" },
		{ GATE_CAUSE_AGENT_RESTARTED, "REASON_AGENT_RESTARTED" },
		{ GATE_CAUSE_TASK_INVALID, "REASON_TASK_INVALID" },
		{ GATE_CAUSE_LAUNCH_FAILED, "REASON_CONTAINER_LAUNCH_FAILED" },
		{ GATE_CAUSE_KILLED_DURING_LAUNCH, "REASON_TASK_KILLED_DURING_LAUNCH" },
		{ GATE_CAUSE_MAX_COMPLETION_TIME, "REASON_MAX_COMPLETION_TIME_REACHED" },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++)
		if (names[i].cause == c)
			return names[i].name;
	return "";
}

void gate_agent_uuid(const struct gate_agent *a, char text[37])
{
	const struct gate_world *w = gate_agent_world(a);
	uint8_t b[16];

	w->random(w->ctx, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 4122: version 4, variant 1 */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	(void)snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
	               b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void gate_time_text(int64_t wall_ms, char text[32])
{
	int64_t ms = wall_ms % 1000;
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char day[24];

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	if (gmtime_r(&seconds, &tm) == NULL || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		(void)strcpy(day, "1970-01-01T00:00:00");
	(void)snprintf(text, 32, "%s.%03dZ", day, (int)ms);
}
