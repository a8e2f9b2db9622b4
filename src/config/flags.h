/* flags.h - every setting of the agent, once: the verb's options, its help and manual, MESOS_* variables and the keys of
 * agent.yaml are made from these lists. X(name, value, choices, initial, kind, help)
 *   value    placeholder in the help; NULL: a switch
 *   choices  "a|b", or NULL: any text
 *   initial  what holds when nothing was said; NULL: nothing (or it depends: the help says)
 *   kind     enum gate_setting_kind, without its GATE_SETTING_ */
#ifndef GATE_CONFIG_FLAGS_H
#define GATE_CONFIG_FLAGS_H

/* What Mesos' agent knows and callgate does. */
#define GATE_CONFIG_MESOS(X)                                                                                           \
	X("isolation", "LIST", NULL, NULL, LIST,                                                                       \
	  "what tasks are isolated by, as in *linux/seccomp,filesystem/linux* (default: everything but linux/nnp)")    \
	X("seccomp_config_dir", "DIR", NULL, NULL, PATH,                                                               \
	  "the directory of profiles; needed when *--isolation* names linux/seccomp (default: /etc/callgate/seccomp)") \
	X("seccomp_profile_name", "NAME", NULL, NULL, TEXT,                                                            \
	  "the default profile, a path below that directory (default: none, as in Mesos)")                             \
	X("work_dir", "DIR", NULL, NULL, PATH, "the same as *--state-dir*")                                            \
	X("hostname", "NAME", NULL, NULL, TEXT, "the name of this host in answers (default: the kernel's)")            \
	X("ip", "ADDRESS", NULL, NULL, TEXT, "with *--port*: listen on https://ADDRESS:PORT too")                      \
	X("port", "N", NULL, NULL, PORT, "the port for *--ip* (default: 5051)")                                        \
	X("resources", "TEXT", NULL, NULL, RESOURCES,                                                                  \
	  "what tasks may be given, as in *cpus:4;mem:8192;disk:10000;ports:[31000-32000]* or as JSON (default: what " \
	  "the host has)")                                                                                             \
	X("attributes", "TEXT", NULL, NULL, ATTRIBUTES,                                                                \
	  "for constraints, and shown in answers, as in *rack:r1;zone:west*")                                          \
	X("gc_delay", "TIME", NULL, "1weeks", DURATION,                                                                \
	  "how long ended containers are kept, as in *2days* or *30mins*")                                             \
	X("recover", "HOW", "reconnect", "reconnect", TEXT, "tasks of an earlier agent are taken over")                \
	X("strict", NULL, NULL, "true", SWITCH,                                                                        \
	  "a damaged row of the state ends the start; else it is put aside and its task goes on")                      \
	X("reconfiguration_policy", "HOW", "equal|additive", "equal", TEXT,                                            \
	  "with running tasks, resources and attributes must be *equal* to before, or may have more (*additive*)")     \
	X("bounding_capabilities", "SET", NULL, NULL, CAPABILITIES,                                                    \
	  "the most that a task can have, as in *NET_RAW,CHOWN* or Mesos' JSON")                                       \
	X("cgroups_enable_cfs", NULL, NULL, "false", SWITCH, "a task's cpus are a hard limit, not only a share")

/* What is callgate's own. */
#define GATE_CONFIG_OURS(X)                                                                                            \
	X("listen", "WHERE", NULL, "unix:///run/callgate/agent.sock", LIST,                                            \
	  "unix://PATH or https://ADDRESS:PORT; may be given twice, once each")                                        \
	X("state-dir", "DIR", NULL, "/var/lib/callgate", PATH, "where tasks and the database are kept")                \
	X("config", "FILE", NULL, NULL, PATH,                                                                          \
	  "the configuration file (default: /etc/callgate/agent.yaml when it is there)")                               \
	X("tls-certificate", "FILE", NULL, NULL, PATH, "PEM, for https")                                               \
	X("tls-key", "FILE", NULL, NULL, PATH, "PEM, for https")                                                       \
	X("tls-clients", "FILE", NULL, NULL, PATH, "PEM: authorities whose certificates clients must have, for https") \
	X("socket-group", "GROUP", NULL, NULL, TEXT,                                                                   \
	  "name or number of the group that may connect to the UNIX socket")                                           \
	X("agent-user", "USER", NULL, "callgate", TEXT,                                                                \
	  "who the process that serves the API is; uid 62893 when there is no user of this name")                      \
	X("acl", "JSON", NULL, NULL, ACL,                                                                              \
	  "who may do what beside root: a list of objects with *uid*, *gid* or *subject*, and *rights*: read launch "  \
	  "kill exec unconfined host, or all")                                                                         \
	X("unconfined", "JSON", NULL, NULL, MAY,                                                                       \
	  "who may run without a profile: a list of objects with globs for *user*, *path* (of app, job or container) " \
	  "and *label* (KEY=VALUE); *nobody*, or *anyone* (default: anyone with the right)")                           \
	X("profiles", "GLOBS", NULL, NULL, LIST,                                                                       \
	  "names of profiles that tasks may have, with wildcards (default: every name)")                               \
	X("floor", "NAME", NULL, NULL, TEXT, "a profile that the profile of every task must be a subset of")           \
	X("log-denials", NULL, NULL, "false", SWITCH,                                                                  \
	  "calls that a profile answers with an error are written to the audit log and shown, not only kills")         \
	X("mesos-dialect", NULL, NULL, "false", SWITCH,                                                                \
	  "profiles mean exactly what Mesos makes of them; what it refuses is refused")

/* What Mesos' agent knows, and what nothing depends on here: accepted, with a line in the log. With choices: accepted only
 * when it says what callgate does anyway. `help` is the reason. */
#define GATE_CONFIG_HARMLESS(X)                                                                                        \
	X("master", "TEXT", NULL, NULL, TEXT, "there is no master: this agent takes its work itself")                  \
	X("advertise_ip", "TEXT", NULL, NULL, TEXT, "nobody is told where this agent is")                              \
	X("advertise_port", "TEXT", NULL, NULL, TEXT, "nobody is told where this agent is")                            \
	X("hostname_lookup", NULL, NULL, NULL, SWITCH, "the name of the host is never looked up")                      \
	X("log_dir", "TEXT", NULL, NULL, TEXT, "the log goes to standard error")                                       \
	X("external_log_file", "TEXT", NULL, NULL, TEXT, "the log goes to standard error")                             \
	X("logbufsecs", "TEXT", NULL, NULL, TEXT, "the log is not buffered")                                           \
	X("logging_level", "TEXT", NULL, NULL, TEXT, "the log has one level")                                          \
	X("initialize_driver_logging", NULL, NULL, NULL, SWITCH, "there are no drivers")                               \
	X("quiet", NULL, NULL, NULL, SWITCH, "the log goes to standard error")                                         \
	X("memory_profiling", NULL, NULL, NULL, SWITCH, "there is no memory profiler")                                 \
	X("runtime_dir", "TEXT", NULL, NULL, TEXT, "everything is below --state-dir")                                  \
	X("sandbox_directory", "TEXT", NULL, NULL, TEXT, "a task with an image begins in the image's directory")       \
	X("launcher", "TEXT", "linux|posix", NULL, TEXT, "tasks have a keeper each")                                   \
	X("launcher_dir", "TEXT", NULL, NULL, TEXT, "the keeper is part of callgate")                                  \
	X("containerizers", "TEXT", "mesos|mesos,docker|docker,mesos", NULL, TEXT, "there is one containerizer")       \
	X("image_providers", "TEXT", "docker|DOCKER", NULL, TEXT, "images are docker's and OCI's")                     \
	X("image_provisioner_backend", "TEXT", NULL, NULL, TEXT, "layers are mounted by overlayfs")                    \
	X("docker_store_dir", "TEXT", NULL, NULL, TEXT, "images are where callgate image keeps them")                  \
	X("docker_registry", "TEXT", NULL, NULL, TEXT, "images are not fetched from registries")                       \
	X("docker", "TEXT", NULL, NULL, TEXT, "docker is not used")                                                    \
	X("docker_socket", "TEXT", NULL, NULL, TEXT, "docker is not used")                                             \
	X("docker_remove_delay", "TEXT", NULL, NULL, TEXT, "docker is not used")                                       \
	X("docker_stop_timeout", "TEXT", NULL, NULL, TEXT, "docker is not used")                                       \
	X("docker_volume_checkpoint_dir", "TEXT", NULL, NULL, TEXT, "there are no volume drivers")                     \
	X("docker_volume_chown", NULL, NULL, NULL, SWITCH, "there are no volume drivers")                              \
	X("docker_kill_orphans", NULL, NULL, NULL, SWITCH, "docker is not used")                                       \
	X("switch_user", NULL, "true", NULL, SWITCH, "a task runs as its user, always")                                \
	X("executor_registration_timeout", "TEXT", NULL, NULL, TEXT, "there are no executors")                         \
	X("executor_reregistration_timeout", "TEXT", NULL, NULL, TEXT, "there are no executors")                       \
	X("executor_reregistration_retry_interval", "TEXT", NULL, NULL, TEXT, "there are no executors")                \
	X("executor_shutdown_grace_period", "TEXT", NULL, NULL, TEXT, "there are no executors")                        \
	X("http_command_executor", NULL, NULL, NULL, SWITCH, "there are no executors")                                 \
	X("recovery_timeout", "TEXT", NULL, NULL, TEXT, "tasks never end because the agent is away")                   \
	X("registration_backoff_factor", "TEXT", NULL, NULL, TEXT, "there is no master")                               \
	X("authentication_backoff_factor", "TEXT", NULL, NULL, TEXT, "there is no master")                             \
	X("zk_session_timeout", "TEXT", NULL, NULL, TEXT, "there is no master")                                        \
	X("max_completed_executors_per_framework", "TEXT", NULL, NULL, TEXT, "ended containers stay for --gc_delay")   \
	X("gc_disk_headroom", "TEXT", NULL, NULL, TEXT, "ended containers stay for --gc_delay")                        \
	X("gc_non_executor_container_sandboxes", NULL, NULL, NULL, SWITCH, "sandboxes go with their containers")       \
	X("disk_watch_interval", "TEXT", NULL, NULL, TEXT, "disks are not watched")                                    \
	X("container_disk_watch_interval", "TEXT", NULL, NULL, TEXT, "disks are not watched")                          \
	X("enforce_container_disk_quota", NULL, "false", NULL, SWITCH, "there is no quota for sandboxes")              \
	X("enforce_container_ports", NULL, "false", NULL, SWITCH, "ports are told to tasks, not enforced")             \
	X("cgroups_hierarchy", "TEXT", NULL, NULL, TEXT, "control groups are found where they are mounted")            \
	X("cgroups_root", "TEXT", NULL, NULL, TEXT, "the agent's control groups lie below its own")                    \
	X("cgroups_limit_swap", NULL, "false", NULL, SWITCH, "swap is not limited")                                    \
	X("cgroups_cpu_enable_pids_and_tids_count", NULL, NULL, NULL, SWITCH, "processes are always counted")          \
	X("cgroups_destroy_timeout", "TEXT", NULL, NULL, TEXT, "control groups go with their keeper")                  \
	X("systemd_enable_support", NULL, NULL, NULL, SWITCH, "keepers have control groups of their own")              \
	X("systemd_runtime_directory", "TEXT", NULL, NULL, TEXT, "systemd is not asked")                               \
	X("network_cni_config_dir", "TEXT", NULL, NULL, TEXT, "a task that names a network is refused")                \
	X("network_cni_plugins_dir", "TEXT", NULL, NULL, TEXT, "a task that names a network is refused")               \
	X("network_cni_root_dir_persist", NULL, NULL, NULL, SWITCH, "a task that names a network is refused")          \
	X("network_cni_metrics", NULL, NULL, NULL, SWITCH, "a task that names a network is refused")                   \
	X("fetcher_cache_dir", "TEXT", NULL, NULL, TEXT, "a task with URIs is refused")                                \
	X("fetcher_cache_size", "TEXT", NULL, NULL, TEXT, "a task with URIs is refused")                               \
	X("fetcher_stall_timeout", "TEXT", NULL, NULL, TEXT, "a task with URIs is refused")                            \
	X("hadoop_home", "TEXT", NULL, NULL, TEXT, "a task with URIs is refused")                                      \
	X("frameworks_home", "TEXT", NULL, NULL, TEXT, "there are no frameworks")                                      \
	X("default_role", "TEXT", NULL, NULL, TEXT, "resources have no roles on one host")                             \
	X("http_heartbeat_interval", "TEXT", NULL, NULL, TEXT, "streams have a heartbeat of 15 seconds")               \
	X("perf_duration", "TEXT", NULL, NULL, TEXT, "perf is not used")                                               \
	X("perf_interval", "TEXT", NULL, NULL, TEXT, "perf is not used")                                               \
	X("volume_gid_range", "TEXT", NULL, NULL, TEXT, "there are no volumes with a group of their own")              \
	X("csi_plugin_config_dir", "TEXT", NULL, NULL, TEXT, "there are no volume drivers")                            \
	X("resource_provider_config_dir", "TEXT", NULL, NULL, TEXT, "there are no resource providers")                 \
	X("image_gc_config", "TEXT", NULL, NULL, TEXT, "images go by callgate image rm")                               \
	X("host_path_volume_force_creation", "TEXT", NULL, NULL, TEXT, "a host path must be there")

#endif
