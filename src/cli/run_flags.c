/* The flags of run. Each row without "run's own" is read by src/spec; tests/e2e holds the two tables against each other. */
#include "cli/run.h"

#define NONE GATE_OPERAND_NONE

const struct gate_option gate_run_general[] = {
	{ "rm", 0, NULL, NULL, NULL, NONE, "remove the task's entry and output when it has ended" },
	{ "detach", 'd', NULL, NULL, NULL, NONE, "print the id and leave the task to its keeper" },
	{ "interactive", 'i', NULL, NULL, NULL, NONE, "standard input is the task's" },
	{ "tty", 't', NULL, NULL, NULL, NONE, "a terminal of the task's own" },
	{ "name", 0, "NAME", NULL, NULL, NONE, "a name for the task" },
	{ "replace", 0, NULL, NULL, NULL, NONE, "stop and remove the task that has the name now" },
	{ "cidfile", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE, "write the id to a new file" },
	{ "label", 'l', "KEY[=VALUE]", NULL, NULL, NONE, "a label, for inspect and ps" },
	{ "label-file", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE, "labels, one a line" },
	{ "annotation", 0, "KEY[=VALUE]", NULL, NULL, NONE, "kept as a label" },
	{ "env", 'e', "NAME[=VALUE]", NULL, NULL, NONE,
	  "a variable of the environment; *NAME* alone takes the caller's" },
	{ "env-file", 0, "FILE", NULL, NULL, GATE_OPERAND_FILE,
	  "variables, one a line, in docker's language: *#* comments, no quotes" },
	{ "entrypoint", 0, "PROGRAM", NULL, NULL, GATE_OPERAND_FILE,
	  "the program, to which COMMAND is added; empty: none, not the image's either" },
	{ "init", 0, NULL, NULL, NULL, NONE, "a small process 1 that forwards signals and reaps children" },
	{ "stop-signal", 0, "SIGNAL", NULL, NULL, NONE, "what stop sends first (default: the image's, else SIGTERM)" },
	{ "stop-timeout", 0, "SECONDS", NULL, "10", NONE, "how long stop waits before it kills" },
	{ "timeout", 0, "SECONDS", NULL, NULL, NONE, "stop the task after this time and exit with 124" },
	{ "sig-proxy", 0, NULL, NULL, "true", NONE, "forward signals that can be caught to the task" },
	{ "log-driver", 0, "DRIVER", NULL, "k8s-file", NONE,
	  "*none* keeps no output; *k8s-file*, *json-file* and *local* keep it in files" },
	{ "log-opt", 0, "KEY=VALUE", NULL, NULL, NONE,
	  "*max-size*=SIZE (10m) and *max-file*=N (3) of the kept output" },
	{ "restart", 0, "POLICY", NULL, "no", NONE, "only *no*: run starts a task once" },
	{ "quiet", 'q', NULL, NULL, NULL, NONE, "say nothing but errors and kills" },
	{ 0 },
};

const struct gate_option gate_run_files[] = {
	{ "image", 0, "IMAGE", NULL, NULL, NONE,
	  "the root is an image: *oci:DIR[:TAG]*, *docker-archive:FILE*, *docker://NAME*, or a name of the store" },
	{ "rootfs", 0, "DIR[:rw]", NULL, NULL, GATE_OPERAND_FILE,
	  "the root is a directory, copy-on-write unless *:rw* (default: the host's file system, with a private /tmp)" },
	{ "read-only", 0, NULL, NULL, NULL, NONE, "the root cannot be written to" },
	{ "volume", 'v', "SOURCE:TARGET[:OPTIONS]", NULL, NULL, NONE,
	  "a directory or file of the host; options *ro*, *noexec*, *suid*, *dev*, *bind* (not what is mounted below)" },
	{ "mount", 0, "KEY=VALUE,...", NULL, NULL, NONE,
	  "as in *type=bind,source=/a,target=/b,readonly* or *type=tmpfs,target=/b,tmpfs-size=64m*" },
	{ "tmpfs", 0, "TARGET[:OPTIONS]", NULL, NULL, NONE,
	  "an empty directory in memory; options *size=*, *mode=*, *exec*" },
	{ "shm-size", 0, "SIZE", NULL, "64m", NONE, "the size of /dev/shm" },
	{ "workdir", 'w', "DIR", NULL, NULL, NONE, "the working directory in the task" },
	{ 0 },
};

const struct gate_option gate_run_rights[] = {
	{ "security-opt", 0, "OPTION", NULL, NULL, NONE,
	  "*seccomp=SOURCE* (the profile; *unconfined*: none) or *no-new-privileges*" },
	{ "profile", 0, "SOURCE", NULL, "default", GATE_OPERAND_SOURCE, "the same as *--security-opt seccomp=SOURCE*" },
	{ "no-new-privs", 0, NULL, NULL, NULL, NONE, "no file that is executed adds privileges" },
	{ "log", 0, NULL, NULL, NULL, NONE, "report refused calls on standard error when the task has ended" },
	{ "arch", 0, "A[,A...]", NULL, NULL, GATE_OPERAND_ARCH,
	  "the architectures to cover, the native one first (default: what the profile says for this host)" },
	{ "kernel", 0, "X.Y", NULL, NULL, NONE,
	  "the kernel release to resolve the profile for (default: the running one)" },
	{ "user", 'u', "USER[:GROUP]", NULL, NULL, NONE,
	  "numbers, or names of the task's own /etc/passwd and /etc/group" },
	{ "group-add", 0, "GROUP", NULL, NULL, NONE, "one more group" },
	{ "cap-add", 0, "CAP", NULL, NULL, GATE_OPERAND_CAPS, "a capability more than docker's 14; *ALL*" },
	{ "cap-drop", 0, "CAP", NULL, NULL, GATE_OPERAND_CAPS, "one less; *ALL*: only those of *--cap-add*" },
	{ "privileged", 0, NULL, NULL, NULL, NONE, "all capabilities and devices, no masked paths; the filter stays" },
	{ "userns", 0, "auto|host", NULL, "host", NONE, "*auto*: user ids of the task's own" },
	{ 0 },
};

const struct gate_option gate_run_amounts[] = {
	{ "memory", 'm', "SIZE", NULL, NULL, NONE, "most memory, as in *64m*" },
	{ "memory-swap", 0, "SIZE", NULL, NULL, NONE, "most memory and swap together; *-1*: as much swap as there is" },
	{ "cpus", 0, "N", NULL, NULL, NONE, "most processor time, in processors, as in *0.5*" },
	{ "cpu-period", 0, "US", NULL, NULL, NONE, "the period of *--cpu-quota* in microseconds" },
	{ "cpu-quota", 0, "US", NULL, NULL, NONE, "microseconds of processor time in a period" },
	{ "cpu-shares", 'c', "N", NULL, NULL, NONE, "weight against others, 2 to 262144" },
	{ "pids-limit", 0, "N", NULL, NULL, NONE, "most processes and threads" },
	{ "ulimit", 0, "NAME=SOFT[:HARD]", NULL, NULL, NONE,
	  "a limit of setrlimit(2), as in *nofile=1024:2048*; *-1*: none" },
	{ "oom-score-adj", 0, "N", NULL, NULL, NONE, "-1000 to 1000: who is killed first when memory is gone" },
	{ "cgroup-parent", 0, "PATH", NULL, NULL, NONE, "the control group above the task's" },
	{ 0 },
};

const struct gate_option gate_run_spaces[] = {
	{ "network", 0, "none|host|container:TASK", NULL, "none", NONE,
	  "*none*: nothing but a loopback of its own; *container*: that of another task" },
	{ "net", 0, "MODE", NULL, NULL, NONE, "the same as *--network*" },
	{ "pid", 0, "private|host|container:TASK", NULL, "private", NONE, "whose processes the task sees" },
	{ "ipc", 0, "private|host|container:TASK", NULL, "private", NONE, "whose shared memory and queues it sees" },
	{ "uts", 0, "private|host|container:TASK", NULL, "private", NONE, "whose host name it has" },
	{ "cgroupns", 0, "private|host", NULL, "private", NONE,
	  "whether its own control group is the root that it sees" },
	{ "hostname", 'h', "NAME", NULL, NULL, NONE, "the host name (default: the short id)" },
	{ "sysctl", 0, "KEY=VALUE", NULL, NULL, NONE,
	  "a kernel setting of the task's own namespaces: net.…, kernel.shm…, …" },
	{ "isolation", 0, "ISOLATOR,...", NULL, NULL, NONE,
	  "only these, by Mesos' names (default: all); *linux/seccomp* alone: a plain process of the host under its filter" },
	{ 0 },
};

/* run's own: not about the task. */
const struct gate_option gate_run_own[] = {
	{ "explain", 0, NULL, NULL, NULL, NONE, "print the launch as a table, step by step, and do none of it" },
	{ "state-dir", 0, "DIR", NULL, NULL, GATE_OPERAND_FILE,
	  "where tasks are kept (default: /run/callgate, or callgate in $XDG_RUNTIME_DIR)" },
	{ 0 },
};
