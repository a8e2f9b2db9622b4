/* Mesos' list of isolators, as what is done here. */
#include "config/parts.h"

#define CHAIN "Failed to create a containerizer: Could not create MesosContainerizer: "

static const struct {
	const char *name;
	uint32_t bits;
	const char *idle; /* why it does nothing; NULL: it does what `bits` do */
} also[] = {
	{ "cgroups/all",
	  1U << GATE_ISOLATE_CPU | 1U << GATE_ISOLATE_MEM | 1U << GATE_ISOLATE_PIDS | 1U << GATE_ISOLATE_DEVICES,
	  NULL },
	{ "docker/runtime", 1U << GATE_ISOLATE_FILESYSTEM, NULL },
	{ "volume/host_path", 1U << GATE_ISOLATE_FILESYSTEM, NULL },
	{ "linux/devices", 1U << GATE_ISOLATE_DEVICES, NULL },
	{ "filesystem/posix", 0, "it isolates nothing" },
	{ "posix/cpu", 0, "it measures and isolates nothing" },
	{ "posix/mem", 0, "it measures and isolates nothing" },
	{ "disk/du", 0, "there is no quota for sandboxes; usage is not measured" },
	{ "posix/disk", 0, "there is no quota for sandboxes; usage is not measured" },
	{ "network/cni", 0, "a task that names a network is refused" },
	{ "volume/sandbox_path", 0, "a task with a volume of a sandbox is refused" },
	{ "docker/volume", 0, "a task with a volume driver is refused" },
	{ "volume/csi", 0, "a task with a CSI volume is refused" },
	{ "volume/secret", 0, "a task with a secret is refused" },
	{ "environment_secret", 0, "a task with a secret is refused" },
};

static bool is_word(const char *word, const char *s, size_t len)
{
	return strlen(word) == len && memcmp(word, s, len) == 0;
}

const char *gate_isolation_idle(const char *name, size_t len)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(also); i++)
		if (is_word(also[i].name, name, len))
			return also[i].idle;
	return NULL;
}

static bool find(const char *s, size_t len, uint32_t *bits)
{
	for (unsigned i = 0; i < GATE_ISOLATE_COUNT; i++) {
		if (!is_word(gate_isolator_name((enum gate_isolator)i), s, len))
			continue;
		*bits = UINT32_C(1) << i;
		return true;
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(also); i++) {
		if (!is_word(also[i].name, s, len))
			continue;
		*bits = also[i].bits;
		return true;
	}
	return false;
}

/* Is the word of `len` bytes at `s` in the list before it? */
static bool again(const char *list, const char *s, size_t len)
{
	for (const char *w = list; w < s; w += strcspn(w, ",") + 1)
		if (strcspn(w, ",") == len && memcmp(w, s, len) == 0)
			return true;
	return false;
}

int gate_isolation_read(const char *text, uint32_t *ret, struct gate_err *err)
{
	uint32_t all = 0, bits = 0;

	for (const char *s = text;; s++) {
		size_t len = strcspn(s, ",");

		if (again(text, s, len))
			return GATE_FAIL(err, GATE_E_INVALID,
			                 CHAIN "Duplicate entries found in --isolation flag '%.200s'", text);
		if (!find(s, len, &bits))
			return GATE_FAIL(err, GATE_E_INVALID, CHAIN "Unknown or unsupported isolator '%.*s'",
			                 (int)(len < 64 ? len : 64), s);
		all |= bits;
		s += len;
		if (*s == '\0')
			break;
	}
	*ret = all;
	return 0;
}
