/* The lists of flags.h as tables, and what is refused by name. */
#include "config/config.h"
#include "config/flags.h"

#define ROW(name, value, choices, initial, kind, help) { name, value, choices, initial, GATE_SETTING_##kind, help },

static const struct gate_flag mesos[] = { GATE_CONFIG_MESOS(ROW){ NULL } };
static const struct gate_flag ours[] = { GATE_CONFIG_OURS(ROW){ NULL } };
static const struct gate_flag harmless[] = { GATE_CONFIG_HARMLESS(ROW){ NULL } };

const struct gate_flag *const gate_flags[GATE_FLAGS_GROUPS] = {
	[GATE_FLAGS_MESOS] = mesos,
	[GATE_FLAGS_OURS] = ours,
	[GATE_FLAGS_HARMLESS] = harmless,
};

#define ACCESS  "who may do what is said by --acl"
#define MODULES "there are no modules"
#define SECRETS "there is no store of secrets"
#define TASKS   "say it in the task"
#define MAPPING "there is no port mapping: a task has a network namespace of its own or the host's"

const struct gate_refusal gate_flags_refused[] = {
	{ "acls", 0, ACCESS },
	{ "authorizer", 0, ACCESS },
	{ "authenticatee", 0, "there is no master" },
	{ "authenticate_http_readonly", 0, "clients are known by their uid or their certificate; " ACCESS },
	{ "authenticate_http_readwrite", 0, "clients are known by their uid or their certificate; " ACCESS },
	{ "authenticate_http_executors", 0, "there are no executors" },
	{ "http_authenticators", 0, "clients are known by their uid or their certificate; " ACCESS },
	{ "http_credentials", 0, "clients are known by their uid or their certificate; " ACCESS },
	{ "credential", 0, "there is no master to authenticate to" },
	{ "jwt_secret_key", 0, "there are no executors" },
	{ "firewall_rules", 0, ACCESS },
	{ "modules", 0, MODULES },
	{ "modules_dir", 0, MODULES },
	{ "hooks", 0, MODULES },
	{ "container_logger", 0, MODULES },
	{ "qos_controller", 0, MODULES },
	{ "resource_estimator", 0, MODULES },
	{ "disk_profile_adaptor", 0, MODULES },
	{ "qos_correction_interval_min", 0, MODULES },
	{ "oversubscribed_resources_interval", 0, MODULES },
	{ "secret_resolver", 0, SECRETS },
	{ "docker_config", 0, SECRETS },
	{ "domain", 0, "one host has no regions and zones" },
	{ "ip_discovery_command", 0, "say the address with --ip or --listen" },
	{ "agent_features", 0, "features are not chosen one by one" },
	{ "agent_subsystems", 0, "use --isolation" },
	{ "slave_subsystems", 0, "use --isolation" },
	{ "allowed_devices", 0, "tasks have docker's devices; use --isolation=cgroups/devices" },
	{ "nvidia_gpu_devices", 0, "there are no GPUs for tasks" },
	{ "cgroups_net_cls_primary_handle", 0, "network classes are not used" },
	{ "cgroups_net_cls_secondary_handles", 0, "network classes are not used" },
	{ "default_container_dns", 0, "a task has the host's or the image's resolv.conf" },
	{ "default_container_info", 0, TASKS },
	{ "default_shm_size", 0, TASKS },
	{ "disallow_sharing_agent_ipc_namespace", 0, "sharing the host's namespaces is a right of its own: use --acl" },
	{ "disallow_sharing_agent_pid_namespace", 0, "sharing the host's namespaces is a right of its own: use --acl" },
	{ "effective_capabilities", 0, "say them in the task; --bounding_capabilities is the most that any can have" },
	{ "executor_environment_variables", 0, TASKS },
	{ "docker_mesos_image", 0, "docker is not used" },
	{ "docker_ignore_runtime", 0, "images say what they run" },
	{ "appc_store_dir", 0, "appc images are not read" },
	{ "appc_simple_discovery_uri_prefix", 0, "appc images are not read" },
	{ "ephemeral_ports_per_container", 0, MAPPING },
	{ "eth0_name", 0, MAPPING },
	{ "lo_name", 0, MAPPING },
	{ "egress_rate_limit_per_container", 0, MAPPING },
	{ "egress_unique_flow_per_container", 0, MAPPING },
	{ "egress_flow_classifier_parent", 0, MAPPING },
	{ "network_enable_socket_statistics_summary", 0, MAPPING },
	{ "network_enable_socket_statistics_details", 0, MAPPING },
	{ "network_enable_snmp_statistics", 0, MAPPING },
	{ "perf_events", 0, "perf is not used" },
	{ "revocable_cpu_low_priority", 0, "there are no revocable resources" },
	{ "xfs_project_range", 0, "there is no quota for sandboxes" },
	{ "xfs_kill_containers", 0, "there is no quota for sandboxes" },
	{ NULL, 0, NULL },
};

static bool same(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

const struct gate_flag *gate_flag_find(const char *name, enum gate_flag_group *group)
{
	for (int g = 0; g < GATE_FLAGS_GROUPS; g++)
		for (const struct gate_flag *f = gate_flags[g]; f->name != NULL; f++) {
			if (!same(f->name, name))
				continue;
			if (group != NULL)
				*group = (enum gate_flag_group)g;
			return f;
		}
	return NULL;
}
