/* marathon.h - Marathon's app definitions (RAML of Marathon 1.11): JSON to a struct with every default, judged as Marathon
 * judges it, back to the JSON that Marathon shows, and one instance as a task. Pure.
 *
 * What belongs to a cluster is accepted where one host satisfies it (docs/marathon.md has the table) and otherwise refused by
 * name. Nothing is dropped. */
#ifndef GATE_SPEC_MARATHON_H
#define GATE_SPEC_MARATHON_H

#include "spec/schema.h"
#include "task/task.h"

#define GATE_APP_ID_MAX                                                                                                \
	180 /* with "_" for "/", ".instance-", a uuid and "._app.N" it is a Mesos task id of at most 255 */

enum gate_app_check { /* AppHealthCheckProtocol */
	              GATE_CHECK_HTTP = 1,
	              GATE_CHECK_HTTPS,
	              GATE_CHECK_TCP,
	              GATE_CHECK_COMMAND,
	              GATE_CHECK_MESOS_TCP,
	              GATE_CHECK_MESOS_HTTP,
	              GATE_CHECK_MESOS_HTTPS
};
enum gate_app_engine { GATE_ENGINE_IS_MESOS = 1, GATE_ENGINE_IS_DOCKER };
enum gate_app_kill { GATE_KILL_YOUNGEST = 1, GATE_KILL_OLDEST };
enum gate_app_ipc { GATE_IPC_IS_PRIVATE = 1, GATE_IPC_SHARES_PARENT };
enum gate_app_mode { GATE_VOLUME_RO = 1, GATE_VOLUME_RW };

struct gate_app_command {
	uint64_t said;
	const char *value;
};
struct gate_app_health {
	uint64_t said;
	const struct gate_app_command *command; /* NULL: none */
	int64_t delay_s, grace_s, interval_s, max_failures, port, port_index, timeout_s;
	bool ignore_1xx;
	int ip_protocol; /* 1 IPv4, 2 IPv6 */
	const char *path;
	int protocol; /* enum gate_app_check */
	bool has_port, has_index;
};
struct gate_app_readiness {
	uint64_t said;
	const char *name, *path, *port_name;
	int protocol; /* 1 HTTP, 2 HTTPS */
	int64_t interval_s, timeout_s;
	struct gate_ints codes;
	bool keep_response;
};
struct gate_app_port {
	uint64_t said;
	int64_t port;
	struct gate_pairs labels;
	const char *name;
	int protocol; /* 1 tcp, 2 udp, 3 udp,tcp */
};
struct gate_app_network {
	uint64_t said;
	struct gate_pairs labels;
	int mode; /* 1 container, 2 container/bridge, 3 host */
	const char *name;
};
struct gate_app_seccomp {
	uint64_t said;
	const char *profile_name; /* NULL: not said */
	bool unconfined;
};
struct gate_app_ipc_info {
	uint64_t said;
	int mode; /* enum gate_app_ipc */
	int64_t shm_mib;
};
struct gate_app_linux {
	uint64_t said;
	struct gate_app_ipc_info *ipc; /* NULL: not said; so is seccomp */
	struct gate_app_seccomp *seccomp;
};
struct gate_app_docker {
	uint64_t said;
	const struct gate_doc *credential, *pull_config;
	bool force_pull, privileged;
	const char *image;
	int network; /* 0: not said; 1 BRIDGE, 2 HOST, 3 NONE, 4 USER */
	struct gate_objects parameters, mappings;
};
struct gate_app_parameter {
	uint64_t said;
	const char *key, *value;
};
struct gate_app_volume {
	uint64_t said;
	const char *container_path, *host_path, *secret;
	const struct gate_doc *external, *persistent;
	int mode; /* enum gate_app_mode */
};
struct gate_app_container {
	uint64_t said;
	struct gate_app_docker *docker;
	struct gate_app_linux *linux_info;
	struct gate_objects mappings; /* RAW elements are not needed: only their number counts */
	int engine;                   /* enum gate_app_engine */
	struct gate_objects volumes;  /* struct gate_app_volume */
};
struct gate_app_upgrade {
	uint64_t said;
	double over_capacity, health_capacity;
};
struct gate_app_limit {
	bool said, unlimited;
	double value;
};
struct gate_app_fetch {
	uint64_t said;
	bool cache, executable, extract;
	const char *uri, *dest_path;
};
struct gate_app_unreachable {
	uint64_t said;
	int64_t expunge_s, inactive_s;
};
struct gate_app_residency {
	uint64_t said;
	int64_t escalation_s;
	int lost;
};
struct gate_app_executor {
	uint64_t said;
	double cpus, disk, mem;
};

/* A definition. Fields in the order of the table in marathon_schema.c. */
struct gate_app {
	uint64_t said;
	const char *id; /* canonical: begins with '/' */
	struct gate_texts roles, args;
	double backoff_factor;
	int64_t backoff_s;
	const struct gate_doc *check;
	const char *cmd;
	struct gate_lines constraints;
	struct gate_app_container *container;
	double cpus;
	struct gate_texts dependencies;
	double disk;
	struct gate_pairs env;
	const char *executor;
	struct gate_app_executor *executor_resources;
	struct gate_objects fetch; /* struct gate_app_fetch */
	int64_t gpus;
	struct gate_objects health; /* struct gate_app_health */
	int64_t instances;
	const struct gate_doc *ip_address;
	int kill_selection; /* enum gate_app_kill */
	struct gate_pairs labels;
	int64_t max_delay_s;
	double mem;
	struct gate_objects networks;
	struct gate_objects ports;  /* portDefinitions: struct gate_app_port */
	struct gate_ints old_ports; /* ports */
	struct gate_objects readiness;
	bool require_ports;
	struct gate_app_residency *residency;
	const struct gate_doc *limits_said;
	const char *role;
	const struct gate_doc *secrets;
	int64_t kill_grace_s; /* has_grace */
	bool tty;
	const struct gate_doc *unreachable_said;
	struct gate_app_upgrade *upgrade;
	struct gate_texts uris;
	const char *user, *version_said;

	/* derived */
	bool has_grace, unreachable_disabled;
	struct gate_app_unreachable unreachable;
	struct gate_app_limit limit_cpus, limit_mem;
	/* the server's */
	int64_t version_ms, scaled_ms, config_ms;
	struct gate_arena arena;
};

/* What a definition is judged against. */
struct gate_app_host {
	const char *hostname;
	const char *attributes; /* "rack:r1;zone:west"; may be NULL */
};

/* The body of POST (id in it) or of PUT and PATCH (`id` from the path, NULL: in it). INVALID: faults are in `f` (whose arena must
 * outlive it). Otherwise *ret is the caller's. */
int gate_app_read(const struct gate_doc *body, const char *id, const struct gate_app_host *host, struct gate_faults *f,
                  struct gate_app **ret, struct gate_err *err);
/* PUT with partialUpdate and PATCH: what `body` says, over `old` (its versions too). */
int gate_app_patch(const struct gate_app *old, const struct gate_doc *body, const struct gate_app_host *host,
                   struct gate_faults *f, struct gate_app **ret, struct gate_err *err);
/* `body` is nothing but a version (and maybe an id): the version's text; else NULL. A version with more is a fault. */
const char *gate_app_only_version(const struct gate_doc *body, struct gate_faults *f);
/* A stored definition: canonical JSON by gate_app_write with its versions. */
int gate_app_load(const char *json, size_t len, struct gate_app **ret, struct gate_err *err);
/* The same definition with another number of instances. */
int gate_app_copy(const struct gate_app *app, struct gate_app **ret, struct gate_err *err);
void gate_app_free(struct gate_app *app);
GATE_DEFINE_FREEP(struct gate_app, gate_app_free)

/* Members into an open object, as GET shows them, with version and versionInfo when version_ms is not 0. */
void gate_app_write(const struct gate_app *app, struct gate_json *j);
/* Do they differ in anything but the number of instances? */
bool gate_app_differs(const struct gate_app *a, const struct gate_app *b);
/* "/a//b/" and "a/b" are "/a/b". Into `ret`; false: not a path at all (too long). */
bool gate_app_path(const char *text, char ret[GATE_APP_ID_MAX + 2]);
/* Is `id` one that Marathon accepts? Its faults otherwise. */
void gate_app_check_id(const char *id, struct gate_faults *f);
/* "2016-07-15T13:02:59.735Z" and back; false: no such time. */
void gate_app_time(int64_t ms, char text[32]);
bool gate_app_time_parse(const char *text, int64_t *ms);
static inline const struct gate_app_health *gate_app_healths(const struct gate_app *a)
{
	return a->health.at;
}
static inline const struct gate_app_port *gate_app_ports(const struct gate_app *a)
{
	return a->ports.at;
}
/* The query ?label=: "a==b,c!=d,e in (f,g),h notin (i),k". SYNTAX: Marathon's sentence. */
int gate_app_label_match(const char *selector, const struct gate_app *app, bool *ret, struct gate_err *err);

/* One instance. */
struct gate_app_instance {
	const char *task_id, *host;
	uint32_t isolation; /* of the agent: limits whose isolator is off are not set, as in Mesos */
	bool cfs;           /* cpus are a hard limit too (--cgroups_enable_cfs) */
	const uint16_t *ports;
	size_t n_ports; /* as many as the app has */
};
/* `t` was initialised by gate_task_init. No profile is set: that is decided later (agent/profiles.h). */
int gate_app_task(const struct gate_app *app, const struct gate_app_instance *i, struct gate_task *t,
                  struct gate_err *err);
/* What the task's linux_info.seccomp is. */
struct gate_app_choice {
	bool present, unconfined;
	const char *profile_name;
};
struct gate_app_choice gate_app_choice(const struct gate_app *app);

#endif
