/* Marathon's RAML types as tables: the .raml files of Marathon 1.11 (names, bounds, defaults), in their order. */
#include "spec/marathon_parts.h"

#define F(type, member) offsetof(struct type, member)
#define INT32           0, 2147483647

static bool name_ok(const char *s) /* ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ */
{
	size_t n = strlen(s);

	return n > 0 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && s[0] != '-' && s[n - 1] != '-';
}

static bool network_ok(const char *s) /* ^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$ */
{
	size_t n = strlen(s);

	return n > 0 && n <= 63 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n && s[0] != '-' &&
	       s[0] != '_' && s[n - 1] != '-' && s[n - 1] != '_';
}

static const char *const engines[] = { "MESOS", "DOCKER", NULL };
static const char *const docker_networks[] = { "BRIDGE", "HOST", "NONE", "USER", NULL };
static const char *const protocols[] = { "tcp", "udp", "udp,tcp", NULL };
static const char *const modes[] = { "RO", "RW", NULL };
static const char *const ipc_modes[] = { "PRIVATE", "SHARE_PARENT", NULL };
static const char *const network_modes[] = { "container", "container/bridge", "host", NULL };
static const char *const checks[] = {
	"HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_TCP", "MESOS_HTTP", "MESOS_HTTPS", NULL
};
static const char *const schemes[] = { "HTTP", "HTTPS", NULL };
static const char *const ip_protocols[] = { "IPv4", "IPv6", NULL };
static const char *const kills[] = { "YOUNGEST_FIRST", "OLDEST_FIRST", NULL };
static const char *const lost[] = { "WAIT_FOREVER", "RELAUNCH_AFTER_TIMEOUT", NULL };

static const struct gate_field command_fields[] = {
	{ "value", GATE_FIELD_TEXT, F(gate_app_command, value), .flags = GATE_FIELD_REQUIRED },
	{ NULL },
};
static const struct gate_schema command_schema = { command_fields, sizeof(struct gate_app_command) };

static const struct gate_field health_fields[] = {
	{ "command", GATE_FIELD_OBJECT, F(gate_app_health, command), &command_schema },
	{ "delaySeconds", GATE_FIELD_INT, F(gate_app_health, delay_s), NULL, NULL, INT32, .fallback = "15" },
	{ "gracePeriodSeconds", GATE_FIELD_INT, F(gate_app_health, grace_s), NULL, NULL, INT32, .fallback = "300" },
	{ "ignoreHttp1xx", GATE_FIELD_BOOL, F(gate_app_health, ignore_1xx) },
	{ "intervalSeconds", GATE_FIELD_INT, F(gate_app_health, interval_s), NULL, NULL, INT32, .fallback = "60" },
	{ "ipProtocol", GATE_FIELD_WORD, F(gate_app_health, ip_protocol), NULL, ip_protocols, .fallback = "IPv4" },
	{ "maxConsecutiveFailures", GATE_FIELD_INT, F(gate_app_health, max_failures), NULL, NULL, INT32,
	  .fallback = "3" },
	{ "path", GATE_FIELD_TEXT, F(gate_app_health, path) },
	{ "port", GATE_FIELD_INT, F(gate_app_health, port), NULL, NULL, 0, 65535 },
	{ "portIndex", GATE_FIELD_INT, F(gate_app_health, port_index), NULL, NULL, 0, 65535 },
	{ "protocol", GATE_FIELD_WORD, F(gate_app_health, protocol), NULL, checks, .fallback = "HTTP" },
	{ "timeoutSeconds", GATE_FIELD_INT, F(gate_app_health, timeout_s), NULL, NULL, INT32, .fallback = "20" },
	{ NULL },
};
static const struct gate_schema health_schema = { health_fields, sizeof(struct gate_app_health) };

static const struct gate_field readiness_fields[] = {
	{ "name", GATE_FIELD_TEXT, F(gate_app_readiness, name), NULL, NULL, 1, 0, .fallback = "readinessCheck" },
	{ "protocol", GATE_FIELD_WORD, F(gate_app_readiness, protocol), NULL, schemes, .fallback = "HTTP" },
	{ "path", GATE_FIELD_TEXT, F(gate_app_readiness, path), NULL, NULL, 1, 1024, .fallback = "/" },
	{ "portName", GATE_FIELD_TEXT, F(gate_app_readiness, port_name), .ok = name_ok, .fallback = "http-api" },
	{ "intervalSeconds", GATE_FIELD_INT, F(gate_app_readiness, interval_s), NULL, NULL, INT32, .fallback = "30" },
	{ "timeoutSeconds", GATE_FIELD_INT, F(gate_app_readiness, timeout_s), NULL, NULL, INT32, .fallback = "10" },
	{ "httpStatusCodesForReady", GATE_FIELD_INTS, F(gate_app_readiness, codes), NULL, NULL, 100, 999 },
	{ "preserveLastResponse", GATE_FIELD_BOOL, F(gate_app_readiness, keep_response), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema readiness_schema = { readiness_fields, sizeof(struct gate_app_readiness) };

static const struct gate_field port_fields[] = {
	{ "port", GATE_FIELD_INT, F(gate_app_port, port), NULL, NULL, 0, 65535, .fallback = "0" },
	{ "labels", GATE_FIELD_PAIRS, F(gate_app_port, labels) },
	{ "name", GATE_FIELD_TEXT, F(gate_app_port, name), .ok = name_ok },
	{ "protocol", GATE_FIELD_WORD, F(gate_app_port, protocol), NULL, protocols, .fallback = "tcp" },
	{ NULL },
};
static const struct gate_schema port_schema = { port_fields, sizeof(struct gate_app_port) };

static const struct gate_field network_fields[] = {
	{ "labels", GATE_FIELD_PAIRS, F(gate_app_network, labels) },
	{ "mode", GATE_FIELD_WORD, F(gate_app_network, mode), NULL, network_modes, .fallback = "container" },
	{ "name", GATE_FIELD_TEXT, F(gate_app_network, name), .ok = network_ok },
	{ NULL },
};
static const struct gate_schema network_schema = { network_fields, sizeof(struct gate_app_network) };

static const struct gate_field seccomp_fields[] = {
	{ "profileName", GATE_FIELD_TEXT, F(gate_app_seccomp, profile_name) },
	{ "unconfined", GATE_FIELD_BOOL, F(gate_app_seccomp, unconfined), .fallback = "false" },
	{ NULL },
};
static const struct gate_schema seccomp_schema = { seccomp_fields, sizeof(struct gate_app_seccomp) };

static const struct gate_field ipc_fields[] = {
	{ "mode", GATE_FIELD_WORD, F(gate_app_ipc_info, mode), NULL, ipc_modes, .flags = GATE_FIELD_REQUIRED },
	{ "shmSize", GATE_FIELD_INT, F(gate_app_ipc_info, shm_mib), NULL, NULL, INT32 },
	{ NULL },
};
static const struct gate_schema ipc_schema = { ipc_fields, sizeof(struct gate_app_ipc_info) };

static const struct gate_field linux_fields[] = {
	{ "ipcInfo", GATE_FIELD_OBJECT, F(gate_app_linux, ipc), &ipc_schema },
	{ "seccomp", GATE_FIELD_OBJECT, F(gate_app_linux, seccomp), &seccomp_schema },
	{ NULL },
};
static const struct gate_schema linux_schema = { linux_fields, sizeof(struct gate_app_linux) };

static const struct gate_field parameter_fields[] = {
	{ "key", GATE_FIELD_TEXT, F(gate_app_parameter, key), NULL, NULL, 1, 0, .flags = GATE_FIELD_REQUIRED },
	{ "value", GATE_FIELD_TEXT, F(gate_app_parameter, value), .flags = GATE_FIELD_REQUIRED },
	{ NULL },
};
static const struct gate_schema parameter_schema = { parameter_fields, sizeof(struct gate_app_parameter) };

/* Mappings are refused when there are any: only their number is kept. */
struct mapping {
	uint64_t said;
	const struct gate_doc *any;
};
static const struct gate_field mapping_fields[] = {
	{ "containerPort", GATE_FIELD_RAW, F(mapping, any) }, { "hostPort", GATE_FIELD_RAW, F(mapping, any) },
	{ "labels", GATE_FIELD_RAW, F(mapping, any) },        { "name", GATE_FIELD_RAW, F(mapping, any) },
	{ "protocol", GATE_FIELD_RAW, F(mapping, any) },      { "servicePort", GATE_FIELD_RAW, F(mapping, any) },
	{ "networkNames", GATE_FIELD_RAW, F(mapping, any) },  { NULL },
};
static const struct gate_schema mapping_schema = { mapping_fields, sizeof(struct mapping) };

static const struct gate_field docker_fields[] = {
	{ "credential", GATE_FIELD_RAW, F(gate_app_docker, credential) },
	{ "forcePullImage", GATE_FIELD_BOOL, F(gate_app_docker, force_pull), .fallback = "false" },
	{ "image", GATE_FIELD_TEXT, F(gate_app_docker, image), NULL, NULL, 1, 1024, .flags = GATE_FIELD_REQUIRED },
	{ "network", GATE_FIELD_WORD, F(gate_app_docker, network), NULL, docker_networks },
	{ "parameters", GATE_FIELD_OBJECTS, F(gate_app_docker, parameters), &parameter_schema,
	  .flags = GATE_FIELD_SHOWN },
	{ "portMappings", GATE_FIELD_OBJECTS, F(gate_app_docker, mappings), &mapping_schema },
	{ "privileged", GATE_FIELD_BOOL, F(gate_app_docker, privileged), .fallback = "false" },
	{ "pullConfig", GATE_FIELD_RAW, F(gate_app_docker, pull_config) },
	{ NULL },
};
static const struct gate_schema docker_schema = { docker_fields, sizeof(struct gate_app_docker) };

static const struct gate_field volume_fields[] = {
	{ "containerPath", GATE_FIELD_TEXT, F(gate_app_volume, container_path), NULL, NULL, 1, 4095,
	  .flags = GATE_FIELD_REQUIRED },
	{ "external", GATE_FIELD_RAW, F(gate_app_volume, external) },
	{ "hostPath", GATE_FIELD_TEXT, F(gate_app_volume, host_path), NULL, NULL, 1, 4095 },
	{ "mode", GATE_FIELD_WORD, F(gate_app_volume, mode), NULL, modes },
	{ "persistent", GATE_FIELD_RAW, F(gate_app_volume, persistent) },
	{ "secret", GATE_FIELD_TEXT, F(gate_app_volume, secret), NULL, NULL, 1, 0 },
	{ NULL },
};
static const struct gate_schema volume_schema = { volume_fields, sizeof(struct gate_app_volume) };

static const struct gate_field container_fields[] = {
	{ "docker", GATE_FIELD_OBJECT, F(gate_app_container, docker), &docker_schema },
	{ "linuxInfo", GATE_FIELD_OBJECT, F(gate_app_container, linux_info), &linux_schema },
	{ "portMappings", GATE_FIELD_OBJECTS, F(gate_app_container, mappings), &mapping_schema },
	{ "type", GATE_FIELD_WORD, F(gate_app_container, engine), NULL, engines, .fallback = "DOCKER" },
	{ "volumes", GATE_FIELD_OBJECTS, F(gate_app_container, volumes), &volume_schema, .flags = GATE_FIELD_SHOWN },
	{ NULL },
};
static const struct gate_schema container_schema = { container_fields, sizeof(struct gate_app_container) };

static const struct gate_field upgrade_fields[] = {
	{ "maximumOverCapacity", GATE_FIELD_REAL, F(gate_app_upgrade, over_capacity), NULL, NULL, 0, 1,
	  .flags = GATE_FIELD_REQUIRED },
	{ "minimumHealthCapacity", GATE_FIELD_REAL, F(gate_app_upgrade, health_capacity), NULL, NULL, 0, 1,
	  .flags = GATE_FIELD_REQUIRED },
	{ NULL },
};
static const struct gate_schema upgrade_schema = { upgrade_fields, sizeof(struct gate_app_upgrade) };

static const struct gate_field unreachable_fields[] = {
	{ "expungeAfterSeconds", GATE_FIELD_INT, F(gate_app_unreachable, expunge_s), NULL, NULL, 0, 9e15,
	  .fallback = "0" },
	{ "inactiveAfterSeconds", GATE_FIELD_INT, F(gate_app_unreachable, inactive_s), NULL, NULL, 0, 9e15,
	  .fallback = "0" },
	{ NULL },
};
const struct gate_schema gate_app_unreachable_schema = { unreachable_fields, sizeof(struct gate_app_unreachable) };

static const struct gate_field fetch_fields[] = {
	{ "uri", GATE_FIELD_TEXT, F(gate_app_fetch, uri), NULL, NULL, 1, 1024, .flags = GATE_FIELD_REQUIRED },
	{ "cache", GATE_FIELD_BOOL, F(gate_app_fetch, cache), .fallback = "false" },
	{ "destPath", GATE_FIELD_TEXT, F(gate_app_fetch, dest_path), NULL, NULL, 1, 1024 },
	{ "executable", GATE_FIELD_BOOL, F(gate_app_fetch, executable), .fallback = "false" },
	{ "extract", GATE_FIELD_BOOL, F(gate_app_fetch, extract), .fallback = "true" },
	{ NULL },
};
static const struct gate_schema fetch_schema = { fetch_fields, sizeof(struct gate_app_fetch) };

static const struct gate_field residency_fields[] = {
	{ "relaunchEscalationTimeoutSeconds", GATE_FIELD_INT, F(gate_app_residency, escalation_s), NULL, NULL, 0, 9e15,
	  .fallback = "3600" },
	{ "taskLostBehavior", GATE_FIELD_WORD, F(gate_app_residency, lost), NULL, lost, .fallback = "WAIT_FOREVER" },
	{ NULL },
};
static const struct gate_schema residency_schema = { residency_fields, sizeof(struct gate_app_residency) };

static const struct gate_field executor_fields[] = {
	{ "cpus", GATE_FIELD_REAL, F(gate_app_executor, cpus), NULL, NULL, 0.1, 1e6, .fallback = "0.1" },
	{ "disk", GATE_FIELD_REAL, F(gate_app_executor, disk), NULL, NULL, 10, 1e12, .fallback = "10" },
	{ "mem", GATE_FIELD_REAL, F(gate_app_executor, mem), NULL, NULL, 32, 1e12, .fallback = "32" },
	{ NULL },
};
static const struct gate_schema executor_schema = { executor_fields, sizeof(struct gate_app_executor) };

static const struct gate_field app_fields[] = {
	{ "id", GATE_FIELD_TEXT, F(gate_app, id), NULL, NULL, 1, 0, .flags = GATE_FIELD_REQUIRED },
	{ "acceptedResourceRoles", GATE_FIELD_TEXTS, F(gate_app, roles), .flags = GATE_FIELD_FORCED },
	{ "args", GATE_FIELD_TEXTS, F(gate_app, args) },
	{ "backoffFactor", GATE_FIELD_REAL, F(gate_app, backoff_factor), NULL, NULL, 1, 1e6, .fallback = "1.15" },
	{ "backoffSeconds", GATE_FIELD_INT, F(gate_app, backoff_s), NULL, NULL, INT32, .fallback = "1" },
	{ "check", GATE_FIELD_RAW, F(gate_app, check) },
	{ "cmd", GATE_FIELD_TEXT, F(gate_app, cmd), NULL, NULL, 1, 0 },
	{ "constraints", GATE_FIELD_LINES, F(gate_app, constraints) },
	{ "container", GATE_FIELD_OBJECT, F(gate_app, container), &container_schema },
	{ "cpus", GATE_FIELD_REAL, F(gate_app, cpus), NULL, NULL, 0.001, 1e6, .fallback = "1" },
	{ "dependencies", GATE_FIELD_TEXTS, F(gate_app, dependencies), NULL, NULL, 1, 0 },
	{ "disk", GATE_FIELD_REAL, F(gate_app, disk), NULL, NULL, 0, 1e12, .fallback = "0" },
	{ "env", GATE_FIELD_PAIRS, F(gate_app, env) },
	{ "executor", GATE_FIELD_TEXT, F(gate_app, executor), .fallback = "" },
	{ "executorResources", GATE_FIELD_OBJECT, F(gate_app, executor_resources), &executor_schema },
	{ "fetch", GATE_FIELD_OBJECTS, F(gate_app, fetch), &fetch_schema },
	{ "gpus", GATE_FIELD_INT, F(gate_app, gpus), NULL, NULL, INT32, .fallback = "0" },
	{ "healthChecks", GATE_FIELD_OBJECTS, F(gate_app, health), &health_schema },
	{ "instances", GATE_FIELD_INT, F(gate_app, instances), NULL, NULL, INT32, .fallback = "1" },
	{ "ipAddress", GATE_FIELD_RAW, F(gate_app, ip_address) },
	{ "killSelection", GATE_FIELD_WORD, F(gate_app, kill_selection), NULL, kills, .fallback = "YOUNGEST_FIRST" },
	{ "labels", GATE_FIELD_PAIRS, F(gate_app, labels), .flags = GATE_FIELD_SHOWN },
	{ "maxLaunchDelaySeconds", GATE_FIELD_INT, F(gate_app, max_delay_s), NULL, NULL, INT32, .fallback = "300" },
	{ "mem", GATE_FIELD_REAL, F(gate_app, mem), NULL, NULL, 0, 1e12, .fallback = "128" },
	{ "networks", GATE_FIELD_OBJECTS, F(gate_app, networks), &network_schema, .flags = GATE_FIELD_SHOWN },
	{ "ports", GATE_FIELD_INTS, F(gate_app, old_ports), NULL, NULL, 0, 65535 },
	{ "portDefinitions", GATE_FIELD_OBJECTS, F(gate_app, ports), &port_schema, .flags = GATE_FIELD_FORCED },
	{ "readinessChecks", GATE_FIELD_OBJECTS, F(gate_app, readiness), &readiness_schema },
	{ "requirePorts", GATE_FIELD_BOOL, F(gate_app, require_ports), .fallback = "false" },
	{ "residency", GATE_FIELD_OBJECT, F(gate_app, residency), &residency_schema },
	{ "resourceLimits", GATE_FIELD_RAW, F(gate_app, limits_said) },
	{ "role", GATE_FIELD_TEXT, F(gate_app, role), NULL, NULL, 1, 0, .fallback = "*" },
	{ "secrets", GATE_FIELD_RAW, F(gate_app, secrets) },
	{ "taskKillGracePeriodSeconds", GATE_FIELD_INT, F(gate_app, kill_grace_s), NULL, NULL, INT32 },
	{ "tty", GATE_FIELD_BOOL, F(gate_app, tty) },
	{ "unreachableStrategy", GATE_FIELD_RAW, F(gate_app, unreachable_said) },
	{ "upgradeStrategy", GATE_FIELD_OBJECT, F(gate_app, upgrade), &upgrade_schema },
	{ "uris", GATE_FIELD_TEXTS, F(gate_app, uris), NULL, NULL, 1, 1024 },
	{ "user", GATE_FIELD_TEXT, F(gate_app, user), NULL, NULL, 1, 255 },
	{ "version", GATE_FIELD_TEXT, F(gate_app, version_said) },
	{ "versionInfo", GATE_FIELD_IGNORED },
	/* What GET adds may come back with a PUT, as it may in Marathon. */
	{ "callgate", GATE_FIELD_IGNORED },
	{ "deployments", GATE_FIELD_IGNORED },
	{ "lastTaskFailure", GATE_FIELD_IGNORED },
	{ "readinessCheckResults", GATE_FIELD_IGNORED },
	{ "taskStats", GATE_FIELD_IGNORED },
	{ "tasks", GATE_FIELD_IGNORED },
	{ "tasksHealthy", GATE_FIELD_IGNORED },
	{ "tasksRunning", GATE_FIELD_IGNORED },
	{ "tasksStaged", GATE_FIELD_IGNORED },
	{ "tasksStats", GATE_FIELD_IGNORED },
	{ "tasksUnhealthy", GATE_FIELD_IGNORED },
	{ NULL },
};
const struct gate_schema gate_app_schema = { app_fields, sizeof(struct gate_app) };
_Static_assert(GATE_ARRAY_LEN(app_fields) <= 65, "a bit for each field");
