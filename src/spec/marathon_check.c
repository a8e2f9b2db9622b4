/* What Marathon's validators refuse (api/v2/validation/AppValidation.scala and those it calls), with their paths and texts. */
#include <stdio.h>

#include "spec/marathon_parts.h"

static const char secrets_off[] = "Feature secrets is not enabled. Enable with --enable_features secrets)";
static const char volumes_off[] =
    "Feature external_volumes is not enabled. Enable with --enable_features external_volumes)";

/* --- id --- */

static bool segment_ok(const char *s, size_t len)
{
	bool edge = true; /* at the beginning of a label */

	for (size_t i = 0; i < len; i++) {
		bool word = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');
		bool last = i + 1 == len || s[i + 1] == '.';

		if (!word && (s[i] != '-' || edge || last) && (s[i] != '.' || edge))
			return false;
		edge = s[i] == '.';
	}
	return len > 0 && !edge;
}

static bool path_ok(const char *id)
{
	for (const char *s = id; *s != '\0';) {
		size_t len;

		s += *s == '/';
		len = strcspn(s, "/");
		if (len > 0 && !segment_ok(s, len) && !(len <= 2 && strspn(s, ".") == len))
			return false;
		s += len;
	}
	return true;
}

static bool reserved(const char *id)
{
	static const char *const words[] = { "restart", "tasks", "versions", ".", ".." };
	const char *last = strrchr(id, '/');

	last = last == NULL ? id : last + 1;
	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++)
		if (strcmp(words[i], last) == 0)
			return true;
	/* Nothing is relative here: "/a/../b" would be two names for "/b". */
	return strstr(id, "/../") != NULL || strstr(id, "/./") != NULL;
}

static void check_path(const char *id, const char *path, struct gate_faults *f)
{
	if (!path_ok(id))
		gate_fault(
		    f, path,
		    "must fully match regular expression "
		    "'^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$'");
	if (reserved(id))
		gate_fault(f, path,
		           "must not end with any of the following reserved keywords: restart, tasks, versions, ., ..");
}

void gate_app_check_id(const char *id, struct gate_faults *f)
{
	if (strcmp(id, "/") == 0) {
		gate_fault(f, "/id", "Path must contain at least one path element");
		gate_fault(f, "/", "must not be root");
		return;
	}
	check_path(id, "/id", f);
}

/* --- command --- */

static void check_command(const struct gate_app *app, struct gate_faults *f)
{
	bool cmd = app->cmd != NULL, args = app->args.n > 0;
	bool container = app->container != NULL &&
	                 (app->container->docker != NULL || app->container->engine == GATE_ENGINE_IS_MESOS);

	if (!(cmd != args || (!(cmd && args) && container)))
		gate_fault(f, "/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.");
	else if (!cmd && !args && app->container->docker == NULL)
		gate_fault(f, "/", "a container without an image has no command of its own: 'cmd' or 'args' is needed");
	if (cmd && strlen(app->cmd) <= 1)
		gate_fault(f, "/", "must not be an empty string");
}

/* --- ports and networks --- */

static void check_ports(const struct gate_app *app, struct gate_faults *f)
{
	const struct gate_app_port *p = gate_app_ports(app);
	bool names = false, ports = false;

	for (size_t i = 0; i < app->ports.n; i++) {
		for (size_t k = 0; k < i; k++) {
			names |= p[i].name != NULL && p[k].name != NULL && strcmp(p[i].name, p[k].name) == 0;
			ports |= p[i].port != 0 && p[i].port == p[k].port;
		}
	}
	if (names)
		gate_fault(f, "/portDefinitions", "Port names must be unique.");
	if (ports)
		gate_fault(f, "/portDefinitions", "Ports must be unique.");
	if (app->ports.n > 32)
		gate_fault(f, "/portDefinitions", "at most 32 ports");
}

static void check_networks(const struct gate_app *app, struct gate_faults *f)
{
	const struct gate_app_network *n = app->networks.at;
	size_t of_mode[4] = { 0 };
	bool host_named = false, bridge_named = false, twice = false;

	for (size_t i = 0; i < app->networks.n; i++) {
		of_mode[n[i].mode]++;
		host_named |= n[i].mode == 3 && (n[i].name != NULL || n[i].labels.n > 0);
		bridge_named |= n[i].mode == 2 && n[i].name != NULL;
		for (size_t k = 0; k < i; k++)
			twice |= n[i].name == NULL || n[k].name == NULL
			             ? n[i].name == n[k].name && n[i].mode == 1 && n[k].mode == 1
			             : strcmp(n[i].name, n[k].name) == 0;
	}
	if (host_named)
		gate_fault(f, "/networks", "Host networks may not have names or labels");
	if (bridge_named)
		gate_fault(f, "/networks", "Bridge networks may not have names");
	if (twice)
		gate_fault(f, "/networks", "Duplicate networks are not allowed");
	if ((of_mode[3] > 0) + (of_mode[2] > 0) + (of_mode[1] > 0) > 1 || of_mode[3] > 1 || of_mode[2] > 1)
		gate_fault(
		    f, "/networks",
		    "May specify a single host network, single bridge network, or else 1-to-n container networks");
	if (of_mode[1] + of_mode[2] > 0)
		gate_fault(f, "/networks", "only the mode 'host' is built here: there are no container networks");
}

/* --- container --- */

/* One name for one place. */
static bool plain_path(const char *s)
{
	size_t n = strlen(s);

	if (s[0] != '/' || n < 2 || s[n - 1] == '/')
		return false;
	for (; *s != '\0'; s += strcspn(s, "/")) {
		size_t len = strcspn(++s, "/");

		if (len == 0 || (len <= 2 && strspn(s, ".") == len) || (len > 255))
			return false;
	}
	return true;
}

static void check_volume(const struct gate_app_volume *v, const char *path, struct gate_faults *f)
{
	if (v->external != NULL)
		gate_fault(f, path, "%s", volumes_off);
	if (v->secret != NULL)
		gate_fault(f, path, "%s", secrets_off);
	if (v->persistent != NULL)
		gate_fault(f, path, "persistent volumes are not kept here; use a hostPath");
	if (v->external != NULL || v->secret != NULL || v->persistent != NULL)
		return;
	if (v->host_path == NULL)
		gate_fault(f, path, "Unknown app volume type");
	else if (v->host_path[0] != '/')
		gate_fault(f, path, "hostPath must be absolute: volumes of the sandbox are not built here");
	else if (!plain_path(v->host_path) && strcmp(v->host_path, "/") != 0)
		gate_fault(f, path, "hostPath must be without '.', '..' and empty parts");
	if (v->mode == 0)
		gate_fault(f, path, "error.path.missing: mode");
	if (v->container_path != NULL && v->container_path[0] != '/')
		gate_fault(f, path, "containerPath must be absolute: volumes of the sandbox are not built here");
	else if (v->container_path != NULL && !plain_path(v->container_path))
		gate_fault(f, path, "containerPath must be without '.', '..' and empty parts, and not '/'");
}

static void check_seccomp(const struct gate_app_container *c, struct gate_faults *f)
{
	static const char path[] = "/container/linuxInfo/seccomp";
	const struct gate_app_seccomp *s = c->linux_info == NULL ? NULL : c->linux_info->seccomp;

	if (s == NULL)
		return;
	if (s->profile_name != NULL && s->unconfined)
		gate_fault(f, path, "Seccomp unconfined can NOT be true when Profile is defined");
	else if (s->profile_name == NULL && !s->unconfined)
		gate_fault(f, path, "Seccomp unconfined must be true when Profile is NOT defined");
	if (c->engine == GATE_ENGINE_IS_DOCKER && c->docker != NULL)
		gate_fault(
		    f, path,
		    "type DOCKER would hand the container to the Docker engine, which does not look at linuxInfo: Marathon "
		    "drops this setting without a word; use type MESOS, which honours it");
}

static void check_container(const struct gate_app *app, struct gate_faults *f)
{
	const struct gate_app_container *c = app->container;
	const struct gate_app_volume *v;
	char path[64];

	if (c == NULL)
		return;
	if (c->engine == GATE_ENGINE_IS_DOCKER && c->docker == NULL) {
		gate_fault(f, "/container/docker", "not defined");
		gate_fault(f, "/container/docker", "illegal container specification");
	}
	if (c->mappings.n > 0 || (c->docker != NULL && c->docker->mappings.n > 0))
		gate_fault(f, "/", "portMappings are not allowed with host-networking");
	v = c->volumes.at;
	for (size_t i = 0; i < c->volumes.n; i++) {
		(void)snprintf(path, sizeof(path), "/container/volumes(%zu)", i);
		check_volume(&v[i], path, f);
	}
	check_seccomp(c, f);
	if (c->linux_info != NULL && c->linux_info->ipc != NULL && c->linux_info->ipc->mode == GATE_IPC_SHARES_PARENT &&
	    (c->linux_info->ipc->said & 2) != 0)
		gate_fault(f, "/container/linuxInfo/ipcInfo",
		           "ipcInfo shmSize can NOT be set when mode is SHARE_PARENT");
}

static void check_docker(const struct gate_app *app, struct gate_faults *f)
{
	const struct gate_app_docker *d = app->container == NULL ? NULL : app->container->docker;
	bool mesos = app->container != NULL && app->container->engine == GATE_ENGINE_IS_MESOS;

	if (d == NULL)
		return;
	if (d->credential != NULL)
		gate_fault(f, "/container/docker/credential", "must be empty");
	if (d->pull_config != NULL && mesos)
		gate_fault(f, "/container/docker/pullConfig", "%s", secrets_off);
	if (d->pull_config != NULL && !mesos)
		gate_fault(f, "/container/docker/pullConfig", "pullConfig is not supported with Docker containerizer");
	if (d->parameters.n > 0 && mesos)
		gate_fault(f, "/container/docker/parameters", "must be empty");
	else if (d->parameters.n > 0)
		gate_fault(f, "/container/docker/parameters",
		           "there is no docker command line here that could take them");
	if (d->privileged && mesos)
		gate_fault(f, "/container/docker/privileged", "the Mesos containerizer has no privileged containers");
	if (d->force_pull)
		gate_fault(f, "/container/docker/forcePullImage",
		           "a launch does not look again for an image that is kept: 'callgate image pull' does");
}

/* --- health --- */

static bool by_marathon(int protocol)
{
	return protocol == GATE_CHECK_HTTP || protocol == GATE_CHECK_HTTPS || protocol == GATE_CHECK_TCP;
}

static void check_health_one(const struct gate_app *app, const struct gate_app_health *h, const char *path,
                             struct gate_faults *f)
{
	bool mesos_net = !by_marathon(h->protocol) && h->protocol != GATE_CHECK_COMMAND;
	bool docker = app->container != NULL && app->container->engine == GATE_ENGINE_IS_DOCKER;

	if (h->command == NULL && by_marathon(h->protocol) &&
	    !(h->has_index ? h->port_index < (int64_t)app->ports.n : h->has_port || app->ports.n == 1))
		gate_fault(
		    f, path,
		    "Health check port indices must address an element of the ports array or container port mappings.");
	else if (mesos_net && !h->has_port && !(h->has_index && h->port_index < (int64_t)app->ports.n))
		gate_fault(f, path, "a check by %s needs a port: 'port', or a 'portIndex' of portDefinitions",
		           h->protocol == GATE_CHECK_MESOS_TCP ? "MESOS_TCP" : "MESOS_HTTP");
	if (h->ip_protocol == 2 && !(mesos_net && docker))
		gate_fault(f, path,
		           "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks");
	if (h->protocol == GATE_CHECK_COMMAND && h->command == NULL)
		gate_fault(f, path, "a check by COMMAND needs a 'command'");
	if (h->protocol != GATE_CHECK_COMMAND && h->command != NULL)
		gate_fault(f, path, "a 'command' needs the protocol COMMAND");
	if (h->protocol == GATE_CHECK_HTTPS || h->protocol == GATE_CHECK_MESOS_HTTPS)
		gate_fault(f, path, "the agent has no TLS client: use COMMAND with a program of the task's, or HTTP");
	if (h->has_port && h->port == 0 && !h->has_index)
		gate_fault(f, path, "port 0 cannot be asked");
	if (h->path != NULL && (strlen(h->path) > 1024 || strpbrk(h->path, " \r\n\t") != NULL))
		gate_fault(f, path, "a path has no blanks and at most 1024 bytes");
	if (h->interval_s == 0)
		gate_fault(f, path, "intervalSeconds must be at least 1");
	if (h->timeout_s == 0)
		gate_fault(f, path, "timeoutSeconds must be at least 1");
}

static void check_health(const struct gate_app *app, struct gate_faults *f)
{
	const struct gate_app_health *h = gate_app_healths(app);
	size_t mesos = 0;
	char path[64];

	for (size_t i = 0; i < app->health.n; i++) {
		(void)snprintf(path, sizeof(path), "/healthChecks(%zu)", i);
		check_health_one(app, &h[i], path, f);
		mesos += !by_marathon(h[i].protocol) && h[i].command == NULL && h[i].protocol != GATE_CHECK_COMMAND;
	}
	if (mesos > 1)
		gate_fault(f, "/", "AppDefinition can contain at most one Mesos health check");
	if (app->health.n > 16)
		gate_fault(f, "/healthChecks", "at most 16 checks");
}

static void check_readiness(const struct gate_app *app, struct gate_faults *f)
{
	const struct gate_app_readiness *r = app->readiness.at;
	const struct gate_app_port *p = gate_app_ports(app);
	char path[64];

	if (app->readiness.n > 1)
		gate_fault(f, "/readinessChecks", "got %zu, expected 1 or less", app->readiness.n);
	for (size_t i = 0; i < app->readiness.n; i++) {
		bool known = false;

		for (size_t k = 0; k < app->ports.n; k++)
			known |= p[k].name != NULL && strcmp(p[k].name, r[i].port_name) == 0;
		(void)snprintf(path, sizeof(path), "/readinessChecks(%zu)/portName", i);
		if (!known)
			gate_fault(f, path, "No port definition reference for portName %s", r[i].port_name);
		(void)snprintf(path, sizeof(path), "/readinessChecks(%zu)/timeoutSeconds", i);
		if (r[i].timeout_s >= r[i].interval_s)
			gate_fault(f, path, "got %lld, expected less than %lld", (long long)r[i].timeout_s,
			           (long long)r[i].interval_s);
		(void)snprintf(path, sizeof(path), "/readinessChecks(%zu)/protocol", i);
		if (r[i].protocol == 2)
			gate_fault(f, path, "the agent has no TLS client: use HTTP");
		(void)snprintf(path, sizeof(path), "/readinessChecks(%zu)/path", i);
		if (strpbrk(r[i].path, " \r\n\t") != NULL)
			gate_fault(f, path, "a path has no blanks");
	}
}

/* --- the rest --- */

static const char *label(const struct gate_app *app, const char *key)
{
	for (size_t i = 0; i < app->labels.n; i++)
		if (strcmp(app->labels.at[i].key, key) == 0)
			return app->labels.at[i].value;
	return NULL;
}

static void check_labels(const struct gate_app *app, struct gate_faults *f)
{
	const char *single = label(app, "MARATHON_SINGLE_INSTANCE_APP"),
		   *api = label(app, "DCOS_MIGRATION_API_VERSION");
	const char *name = label(app, "DCOS_PACKAGE_FRAMEWORK_NAME"), *path = label(app, "DCOS_MIGRATION_API_PATH");

	if (api != NULL && api[0] != '\0' &&
	    (strcmp(api, "v1") != 0 || name == NULL || name[0] == '\0' || path == NULL || path[0] == '\0'))
		gate_fault(f, "/",
		           "DCOS_PACKAGE_FRAMEWORK_NAME and DCOS_MIGRATION_API_PATH must be defined when using "
		           "DCOS_MIGRATION_API_VERSION");
	if (single == NULL || strcmp(single, "true") != 0)
		return;
	if (app->instances > 1)
		gate_fault(f, "/", "Single instance app may only have one instance");
	if (app->upgrade->health_capacity != 0)
		gate_fault(f, "/upgradeStrategy/minimumHealthCapacity", "got %g, expected 0.0",
		           app->upgrade->health_capacity);
	if (app->upgrade->over_capacity != 0)
		gate_fault(f, "/upgradeStrategy/maximumOverCapacity", "got %g, expected 0.0",
		           app->upgrade->over_capacity);
}

static void check_env(const struct gate_app *app, struct gate_faults *f)
{
	for (size_t i = 0; i < app->env.n; i++) {
		if (app->env.at[i].key[0] == '\0')
			gate_fault(f, "/env", "must not be empty");
		else if (strchr(app->env.at[i].key, '=') != NULL)
			gate_fault(f, "/env", "'%s': a name cannot contain '='", app->env.at[i].key);
	}
}

/* Each app is counted, and its instances; a host that could start them all would be a large one. */
static void check_amounts(const struct gate_app *app, struct gate_faults *f)
{
	if (app->instances > 10000)
		gate_fault(f, "/instances", "at most 10000 on one host");
	if (app->mem > 0 && app->mem < 1)
		gate_fault(f, "/mem", "is in MiB: at least 1, or 0 for no limit");
}

void gate_app_judge(const struct gate_app *app, const struct gate_app_host *host, struct gate_faults *f)
{
	(void)host;
	gate_app_check_id(app->id, f);
	for (size_t i = 0; i < app->dependencies.n; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/dependencies(%zu)", i);
		check_path(app->dependencies.at[i], path, f);
	}
	check_command(app, f);
	check_ports(app, f);
	check_networks(app, f);
	check_container(app, f);
	check_docker(app, f);
	check_health(app, f);
	check_readiness(app, f);
	check_labels(app, f);
	check_env(app, f);
	check_amounts(app, f);
	if (app->secrets != NULL && !(app->secrets->kind == GATE_DOC_OBJECT && app->secrets->n_items == 0))
		gate_fault(f, "/secrets", "%s", secrets_off);
}
