/* Containers and tasks as Mesos shows them, and what it lacks beside them: profile, digests, refused calls, message, reason. */
#include "base/num.h"
#include "mesos/parts.h"

void gate_mesos_put(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_text(j, value);
}

void gate_mesos_put_value(struct gate_json *j, const char *key, const char *value)
{
	gate_json_key(j, key);
	gate_json_object(j);
	gate_mesos_put(j, "value", value);
	gate_json_end(j, '}');
}

const char *gate_mesos_framework(const struct gate_agent_task *t)
{
	return t->owner == GATE_OWNER_MARATHON    ? "marathon"
	       : t->owner == GATE_OWNER_METRONOME ? "metronome"
	                                          : "callgate";
}

/* {"value":"c","parent":{"value":"p"}}: only of nested containers is the name in parts. */
void gate_mesos_put_id(struct gate_mesos *m, const struct gate_agent_task *t, const char *key, struct gate_json *j)
{
	size_t len = t->parent != NULL ? strlen(t->parent) : 0;
	const struct gate_agent_task *parent = len > 0 ? gate_tasks_container(m->agent, t->parent) : NULL;

	gate_json_key(j, key);
	gate_json_object(j);
	gate_mesos_put(j, "value", len > 0 && strlen(t->container) > len ? t->container + len + 1 : t->container);
	if (parent != NULL)
		gate_mesos_put_id(m, parent, "parent", j);
	else if (len > 0)
		gate_mesos_put_value(j, "parent", t->parent);
	gate_json_end(j, '}');
}

void gate_mesos_put_seccomp(const struct gate_agent_task *t, struct gate_json *j)
{
	gate_json_key(j, "seccomp");
	gate_json_object(j);
	gate_mesos_put(j, "profile_name", t->profile[0] != '\0' ? t->profile : NULL);
	gate_json_key(j, "unconfined");
	gate_json_bool(j, t->unconfined);
	gate_mesos_put(j, "text_digest", t->text_digest[0] != '\0' ? t->text_digest : NULL);
	gate_mesos_put(j, "meaning_digest", t->meaning_digest[0] != '\0' ? t->meaning_digest : NULL);
	gate_json_key(j, "denials");
	gate_json_raw(j, t->denials != NULL && t->denials[0] != '\0' ? t->denials : NULL);
	gate_json_end(j, '}');
}

void gate_mesos_put_status(struct gate_mesos *m, const struct gate_agent_task *t, struct gate_json *j)
{
	gate_json_key(j, "container_status");
	gate_json_object(j);
	gate_mesos_put_id(m, t, "container_id", j);
	if (t->pid != 0) {
		gate_json_key(j, "executor_pid");
		gate_json_u64(j, t->pid);
	}
	gate_json_key(j, "network_infos");
	gate_json_array(j);
	gate_json_end(j, ']');
	gate_mesos_put_seccomp(t, j);
	gate_mesos_put(j, "state", gate_state_name(t->state));
	gate_mesos_put(j, "message", t->message);
	gate_mesos_put(j, "reason", t->cause != GATE_CAUSE_NONE ? gate_cause_name(t->cause) : NULL);
	gate_json_end(j, '}');
}

static void put_u64(struct gate_json *j, const char *key, uint64_t n)
{
	gate_json_key(j, key);
	gate_json_u64(j, n);
}

static void put_seconds(struct gate_json *j, const char *key, int64_t ms)
{
	gate_json_key(j, key);
	gate_json_double(j, (double)ms / 1000);
}

void gate_mesos_put_statistics(struct gate_mesos *m, struct gate_agent_task *t, struct gate_json *j)
{
	struct gate_ipc_stats s = { .at_ms = 0 };

	gate_json_object(j);
	if (gate_tasks_stats(m->agent, t, &s, NULL) == 0) {
		put_seconds(j, "timestamp", s.at_ms);
		put_seconds(j, "cpus_user_time_secs", (int64_t)(s.cpu_user_us / 1000));
		put_seconds(j, "cpus_system_time_secs", (int64_t)(s.cpu_system_us / 1000));
		gate_json_key(j, "cpus_limit");
		gate_json_double(j, s.cpu_period_us != 0 && s.cpu_quota_us != 0
		                        ? (double)s.cpu_quota_us / (double)s.cpu_period_us
		                        : t->cpus);
		put_u64(j, "mem_total_bytes", s.memory);
		put_u64(j, "mem_limit_bytes", s.memory_limit);
		put_u64(j, "processes", s.processes);
	} else {
		put_seconds(j, "timestamp", gate_agent_wall(m->agent));
		gate_json_key(j, "cpus_limit");
		gate_json_double(j, t->cpus);
		put_u64(j, "mem_limit_bytes", t->mem_mib << 20);
	}
	gate_json_end(j, '}');
}

/* --- resources: {"cpus":1,…,"ports":"[1-1]"} (older), or a list of Resource --- */

static void put_scalar(struct gate_json *j, const char *name, double value, bool flat)
{
	if (flat) {
		gate_json_key(j, name);
		gate_json_double(j, value);
		return;
	}
	gate_json_object(j);
	gate_mesos_put(j, "name", name);
	gate_mesos_put(j, "type", "SCALAR");
	gate_json_key(j, "scalar");
	gate_json_object(j);
	gate_json_key(j, "value");
	gate_json_double(j, value);
	gate_json_end(j, '}');
	gate_mesos_put(j, "role", "*");
	gate_json_end(j, '}');
}

/* "31000,31001" and "31000-32000" in one: pairs of begin and end. */
static size_t next_range(const char *s, uint64_t *low, uint64_t *high)
{
	size_t len = strcspn(s, ","), n = strcspn(s, "-,");

	if (gate_u64_parse(s, n, 65535, low) < 0)
		*low = 0;
	*high = *low;
	if (n < len && gate_u64_parse(s + n + 1, len - n - 1, 65535, high) < 0)
		*high = *low;
	return len;
}

static void put_ports(struct gate_json *j, const char *ports, bool flat)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	uint64_t low, high;

	if (!flat) {
		gate_json_object(j);
		gate_mesos_put(j, "name", "ports");
		gate_mesos_put(j, "type", "RANGES");
		gate_json_key(j, "ranges");
		gate_json_object(j);
		gate_json_key(j, "range");
		gate_json_array(j);
	}
	for (const char *s = ports; *s != '\0'; s += *s == ',') {
		s += next_range(s, &low, &high);
		if (flat) {
			gate_buf_printf(&text, "%s%llu-%llu", text.len > 0 ? ", " : "[", (unsigned long long)low,
			                (unsigned long long)high);
			continue;
		}
		gate_json_object(j);
		put_u64(j, "begin", low);
		put_u64(j, "end", high);
		gate_json_end(j, '}');
	}
	if (flat) {
		gate_buf_puts(&text, "]");
		gate_mesos_put(j, "ports", text.data);
		return;
	}
	gate_json_end(j, ']');
	gate_json_end(j, '}');
	gate_mesos_put(j, "role", "*");
	gate_json_end(j, '}');
}

void gate_mesos_put_resources(const char *key, double cpus, uint64_t mem, uint64_t disk, const char *ports, bool flat,
                              struct gate_json *j)
{
	gate_json_key(j, key);
	(flat ? gate_json_object : gate_json_array)(j);
	put_scalar(j, "cpus", cpus, flat);
	put_scalar(j, "mem", (double)mem, flat);
	put_scalar(j, "disk", (double)disk, flat);
	if (flat)
		put_scalar(j, "gpus", 0, true);
	if (ports != NULL && ports[0] != '\0')
		put_ports(j, ports, flat);
	gate_json_end(j, flat ? '}' : ']');
}

/* --- a task --- */

static void put_task_status(struct gate_mesos *m, const struct gate_agent_task *t, bool flat, struct gate_json *j)
{
	int64_t at = t->ended_ms != 0 ? t->ended_ms : t->started_ms != 0 ? t->started_ms : t->staged_ms;

	gate_json_object(j);
	if (!flat)
		gate_mesos_put_value(j, "task_id", t->id);
	gate_mesos_put(j, "state", gate_state_name(t->state));
	gate_mesos_put(j, "message", t->message);
	gate_mesos_put(j, "reason", t->cause != GATE_CAUSE_NONE ? gate_cause_name(t->cause) : NULL);
	gate_mesos_put(j, "source", "SOURCE_AGENT");
	put_seconds(j, "timestamp", at);
	if (t->health_known) {
		gate_json_key(j, "healthy");
		gate_json_bool(j, t->healthy);
	}
	if (t->has_status) {
		gate_json_key(j, "exit_status");
		gate_json_i64(j, t->wait_status);
	}
	gate_mesos_put_status(m, t, j);
	gate_json_end(j, '}');
}

static void put_task_ids(struct gate_mesos *m, const struct gate_agent_task *t, bool flat, struct gate_json *j)
{
	if (flat) {
		gate_mesos_put(j, "id", t->id);
		gate_mesos_put(j, "framework_id", gate_mesos_framework(t));
		gate_mesos_put(j, "executor_id", "");
		gate_mesos_put(j, "slave_id", m->id);
		return;
	}
	gate_mesos_put_value(j, "task_id", t->id);
	gate_mesos_put_value(j, "framework_id", gate_mesos_framework(t));
	gate_mesos_put_value(j, "agent_id", m->id);
}

/* The length of the JSON string that begins here, 0 when none does. */
static size_t string_at(const char *s)
{
	size_t n = 1;

	if (s[0] != '"')
		return 0;
	for (; s[n] != '"'; n++) {
		n += s[n] == '\\';
		if ((unsigned char)s[n] < 0x20)
			return 0;
	}
	return n + 1;
}

static void put_string(struct gate_json *j, const char *key, const char *s, size_t len)
{
	gate_json_key(j, key);
	gate_json_raw(j, "");
	gate_buf_add(j->out, s, len);
}

/* Labels are kept as an object, {"a": "b", …}, that our own writer wrote; Mesos has a list of pairs. Its strings are taken as they
 * are: reading it as JSON cost more than all else that is said of a task. */
static void put_labels(const struct gate_agent_task *t, bool flat, struct gate_json *j)
{
	const char *s = t->labels != NULL && t->labels[0] == '{' ? t->labels + 1 : "";
	size_t key, value;

	gate_json_key(j, "labels");
	if (!flat) {
		gate_json_object(j);
		gate_json_key(j, "labels");
	}
	gate_json_array(j);
	while ((key = string_at(s)) > 0) {
		const char *at = s + key + strspn(s + key, ": ");

		value = strncmp(at, "null", 4) == 0 ? 4 : string_at(at);
		if (value == 0)
			break;
		gate_json_object(j);
		put_string(j, "key", s, key);
		put_string(j, "value", at, value);
		gate_json_end(j, '}');
		s = at + value + strspn(at + value, ", ");
	}
	gate_json_end(j, ']');
	if (!flat)
		gate_json_end(j, '}');
}

void gate_mesos_put_task(struct gate_mesos *m, const struct gate_agent_task *t, bool flat, struct gate_json *j)
{
	gate_json_object(j);
	put_task_ids(m, t, flat, j);
	gate_mesos_put(j, "name", t->name);
	gate_mesos_put(j, "state", gate_state_name(t->state));
	gate_mesos_put(j, "user", t->user);
	gate_mesos_put_resources("resources", t->cpus, t->mem_mib, t->disk_mib, t->ports, flat, j);
	if (flat)
		gate_mesos_put(j, "role", "*");
	put_labels(t, flat, j);
	gate_json_key(j, "statuses");
	gate_json_array(j);
	put_task_status(m, t, flat, j);
	gate_json_end(j, ']');
	gate_json_end(j, '}');
}
