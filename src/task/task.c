/* What a task is when nothing was said, and the words for it. */
#include <callgate/abi.h>

#include "base/buf.h"
#include "base/num.h"
#include "task/task.h"

static const char *const isolators[GATE_ISOLATE_COUNT] = {
	[GATE_ISOLATE_SECCOMP] = "linux/seccomp",
	[GATE_ISOLATE_CAPABILITIES] = "linux/capabilities",
	[GATE_ISOLATE_NNP] = "linux/nnp",
	[GATE_ISOLATE_FILESYSTEM] = "filesystem/linux",
	[GATE_ISOLATE_PID] = "namespaces/pid",
	[GATE_ISOLATE_IPC] = "namespaces/ipc",
	[GATE_ISOLATE_UTS] = "namespaces/uts",
	[GATE_ISOLATE_NETWORK] = "namespaces/network",
	[GATE_ISOLATE_CGROUP] = "namespaces/cgroup",
	[GATE_ISOLATE_CPU] = "cgroups/cpu",
	[GATE_ISOLATE_MEM] = "cgroups/mem",
	[GATE_ISOLATE_PIDS] = "cgroups/pids",
	[GATE_ISOLATE_DEVICES] = "cgroups/devices",
	[GATE_ISOLATE_RLIMITS] = "posix/rlimits",
};

/* Mesos' other names, and what does their work here; NULL: nothing does. */
static const struct {
	const char *name, *here;
} others[] = {
	{ "cgroups/all", "cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices" },
	{ "cgroups/memory", "cgroups/mem" },
	{ "posix/cpu", "cgroups/cpu" },
	{ "posix/mem", "cgroups/mem" },
	{ "filesystem/posix", "filesystem/linux" },
	{ "filesystem/shared", "filesystem/linux" },
	{ "network/cni", "namespaces/network" },
	{ "network/port_mapping", "namespaces/network" },
	{ "docker/runtime", "filesystem/linux" },
	{ "appc/runtime", "filesystem/linux" },
	{ "docker/volume", "filesystem/linux" },
	{ "volume/host_path", "filesystem/linux" },
	{ "volume/sandbox_path", "filesystem/linux" },
	{ "volume/image", NULL },
	{ "volume/secret", NULL },
	{ "volume/csi", NULL },
	{ "environment_secret", NULL },
	{ "disk/du", NULL },
	{ "disk/xfs", NULL },
	{ "posix/disk", NULL },
	{ "gpu/nvidia", NULL },
	{ "linux/devices", "cgroups/devices" },
	{ "cgroups/blkio", NULL },
	{ "cgroups/cpuset", NULL },
	{ "cgroups/hugetlb", NULL },
	{ "cgroups/net_cls", NULL },
	{ "cgroups/net_prio", NULL },
	{ "cgroups/perf_event", NULL },
};

const char *gate_isolator_name(enum gate_isolator i)
{
	return (unsigned)i < GATE_ISOLATE_COUNT ? isolators[i] : "?";
}

static bool is_word(const char *word, const char *s, size_t len)
{
	return strlen(word) == len && memcmp(word, s, len) == 0;
}

static int unknown_isolator(const char *s, size_t len, struct gate_err *err)
{
	const char *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < GATE_ARRAY_LEN(others); i++) {
		if (!is_word(others[i].name, s, len))
			continue;
		if (others[i].here == NULL)
			return GATE_FAIL(err, GATE_E_UNSUPPORTED, "there is no isolator '%s' here", others[i].name);
		return GATE_FAIL(err, GATE_E_INVALID, "there is no isolator '%s' here; its work is done by '%s'",
		                 others[i].name, others[i].here);
	}
	for (size_t i = 0; i < GATE_ISOLATE_COUNT; i++) {
		const char *behind = strchr(isolators[i], '/') + 1; /* "seccomp" */
		unsigned d = gate_distance(s, len, isolators[i], strlen(isolators[i]), 2);

		if (is_word(behind, s, len))
			d = 0;
		if (d < least) {
			least = d;
			best = isolators[i];
		}
	}
	return GATE_FAIL(err, GATE_E_INVALID, "unknown isolator '%.*s'%s%s%s", (int)(len < 64 ? len : 64), s,
	                 best != NULL ? " (did you mean '" : "", best != NULL ? best : "", best != NULL ? "'?)" : "");
}

int gate_isolation_parse(const char *text, uint32_t *ret, struct gate_err *err)
{
	uint32_t bits = 0;

	for (const char *s = text;; s++) {
		size_t len = strcspn(s, ","), i = 0;

		while (i < GATE_ISOLATE_COUNT && !is_word(isolators[i], s, len))
			i++;
		if (len == 0)
			return GATE_FAIL(err, GATE_E_INVALID, "a list of isolators has an empty place: '%s'", text);
		if (i == GATE_ISOLATE_COUNT)
			return unknown_isolator(s, len, err);
		if ((bits & UINT32_C(1) << i) != 0)
			return GATE_FAIL(err, GATE_E_INVALID, "the isolator '%s' is named twice", isolators[i]);
		bits |= UINT32_C(1) << i;
		s += len;
		if (*s == '\0')
			break;
	}
	*ret = bits;
	return 0;
}

void gate_task_init(struct gate_task *t)
{
	*t = (struct gate_task){
		.arena = GATE_ARENA_INIT,
		.isolation = GATE_ISOLATE_ALL,
		.userns_of = { .mode = GATE_NS_HOST },
		.stop_ms = 10000,
		.log_bytes = UINT64_C(10) << 20,
		.log_files = 3,
		.sig_proxy = true,
	};
}

void gate_task_done(struct gate_task *t)
{
	free(t->args.at);
	free(t->entrypoint.at);
	free(t->env.at);
	free(t->volumes.at);
	free(t->limits.at);
	free(t->sysctls.at);
	free(t->labels.at);
	free(t->groups_add.at);
	gate_arena_done(&t->arena);
	*t = (struct gate_task){ 0 };
}

uint64_t gate_task_caps(const struct gate_task *t, uint64_t caller)
{
	uint64_t base = t->privileged ? GATE_CAPS_ALL : GATE_TASK_DEFAULT_CAPS;

	if ((t->isolation & UINT32_C(1) << GATE_ISOLATE_CAPABILITIES) == 0)
		return caller;
	/* As docker: --cap-drop ALL --cap-add X leaves X. */
	if ((t->cap_drop & GATE_CAPS_ALL) == GATE_CAPS_ALL)
		return t->cap_add & caller;
	return (base | t->cap_add) & ~t->cap_drop & caller;
}

static bool joins_host(const struct gate_task *t, enum gate_isolator i, const struct gate_ns *ns)
{
	return (t->isolation >> i & 1) != 0 && ns->mode == GATE_NS_HOST;
}

const char *gate_task_of_host(const struct gate_task *t)
{
	bool limited = (t->isolation >> GATE_ISOLATE_CAPABILITIES & 1) != 0;

	for (size_t i = 0; i < t->volumes.n; i++)
		if (t->volumes.at[i].kind == GATE_VOLUME_BIND)
			return "a volume of the host";
	if (t->privileged)
		return "to be privileged";
	if (limited && (t->cap_add & ~GATE_TASK_DEFAULT_CAPS) != 0)
		return "a capability that is none of docker's default ones";
	if (joins_host(t, GATE_ISOLATE_PID, &t->pid))
		return "to share the host's processes";
	if (joins_host(t, GATE_ISOLATE_IPC, &t->ipc))
		return "to share the host's IPC";
	return t->image == NULL ? "to see the host's files (a task without an image)" : NULL;
}

static bool name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
	       c == '-' || (c == '.' && !first);
}

bool gate_task_name_ok(const char *name)
{
	size_t len = 0;

	for (; name[len] != '\0'; len++)
		if (len >= 128 || !name_byte(name[len], len == 0))
			return false;
	return len > 0;
}
