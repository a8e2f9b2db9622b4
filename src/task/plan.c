#include "task/plan.h"

static const struct {
	const char *name, *what;
} steps[GATE_STEP_MAX] = {
	[GATE_STEP_NONE] = { "none", "nothing" },
	[GATE_STEP_JOIN] = { "join", "cannot join a namespace" },
	[GATE_STEP_CLONE] = { "clone", "cannot start a process in new namespaces" },
	[GATE_STEP_SIGNALS] = { "signals", "cannot reset the signals" },
	[GATE_STEP_HIDE] = { "hide", "cannot shut out tracers" },
	[GATE_STEP_PARENT] = { "parent", "cannot tie the process to its keeper" },
	[GATE_STEP_NORMAL] = { "normal", "cannot reset umask, personality, scheduling and affinity" },
	[GATE_STEP_CGROUP] = { "cgroup", "cannot enter the control group" },
	[GATE_STEP_SESSION] = { "session", "cannot start an audit session" },
	[GATE_STEP_MARK] = { "mark", "cannot be made known to the audit log" },
	[GATE_STEP_OOM] = { "oom", "cannot set oom_score_adj" },
	[GATE_STEP_RLIMIT] = { "rlimit", "cannot set a resource limit" },
	[GATE_STEP_UNSHARE] = { "unshare", "cannot make a cgroup namespace" },
	[GATE_STEP_LOOPBACK] = { "loopback", "cannot bring up the loopback interface" },
	[GATE_STEP_HOSTNAME] = { "hostname", "cannot set the host name" },
	[GATE_STEP_KEYRING] = { "keyring", "cannot join a keyring of its own" },
	[GATE_STEP_PRIVATE] = { "private", "cannot make the mounts private" },
	[GATE_STEP_ROOT] = { "root", "cannot put the task's root in place" },
	[GATE_STEP_ATTACH] = { "attach", "cannot mount a volume" },
	[GATE_STEP_BIND] = { "bind", "cannot mount an object of the host" },
	[GATE_STEP_FILESYSTEM] = { "filesystem", "cannot mount a file system" },
	[GATE_STEP_LINK] = { "link", "cannot make a symbolic link" },
	[GATE_STEP_COVER] = { "cover", "cannot cover a path" },
	[GATE_STEP_READONLY] = { "readonly", "cannot make a path read-only" },
	[GATE_STEP_SYSCTL] = { "sysctl", "cannot set a kernel parameter" },
	[GATE_STEP_PIVOT] = { "pivot", "cannot make the task's root the root directory" },
	[GATE_STEP_SESSION_LEADER] = { "session-leader", "cannot start a session" },
	[GATE_STEP_TERMINAL] = { "terminal", "cannot give the task a terminal" },
	[GATE_STEP_STDIO] = { "stdio", "cannot set up standard input and output" },
	[GATE_STEP_INIT] = { "init", "cannot start the process behind the init" },
	[GATE_STEP_HELPER] = { "helper", "cannot start the thread that loads the filter" },
	[GATE_STEP_DIRECTORY] = { "directory", "cannot enter the working directory" },
	[GATE_STEP_BOUNDING] = { "bounding", "cannot reduce the bounding set" },
	[GATE_STEP_IDS] = { "ids", "cannot become the user" },
	[GATE_STEP_CAPABILITIES] = { "capabilities", "cannot set the capabilities" },
	[GATE_STEP_NO_NEW_PRIVS] = { "no-new-privs", "cannot set no_new_privs" },
	[GATE_STEP_PROGRAM] = { "program", "cannot find the program" },
	[GATE_STEP_CLOSE] = { "close", "cannot close what the task must not have" },
	[GATE_STEP_UNBLOCK] = { "unblock", "cannot unblock the signals" },
	[GATE_STEP_FILTER] = { "filter", "cannot load the filter" },
	[GATE_STEP_EXECVE] = { "execve", "cannot execute the program" },
};

const char *gate_step_name(uint32_t step)
{
	return step < GATE_STEP_MAX ? steps[step].name : "unknown";
}

const char *gate_step_what(uint32_t step)
{
	return step < GATE_STEP_MAX ? steps[step].what : "unknown step";
}
