/* /proc/self/mountinfo and /proc/self/cgroup, separated by a NUL: both hold names that others chose. */
#include "fuzz.h"
#include "kernel/cgroup_tree.h"
#include "task/plan.h"

static bool climbs(const char *path)
{
	for (const char *at = path; at != NULL; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_cgroup_tree tree = { .n = 0 };
	struct gate_err err = GATE_ERR_INIT;
	char *copy = calloc(1, size + 2);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	int result = gate_cgroup_tree_parse(copy, copy + strlen(copy) + 1, &tree, &err);
	FUZZ_CHECK(result == 0 || (err.code != GATE_OK && err.text[0] != '\0'));
	for (size_t i = 0; i < tree.n; i++) {
		const struct gate_cgroup_hierarchy *h = &tree.at[i];

		/* What is added to a path starts a component, and never leaves the mount. */
		FUZZ_CHECK(h->what != 0 && h->point[0] == '/' && h->root[0] == '/');
		FUZZ_CHECK(h->own == NULL || h->own[0] == '\0' || (h->own[0] == '/' && !climbs(h->own)));
		FUZZ_CHECK(gate_cgroup_tree_find(&tree, h->what) != NULL);
	}
	gate_cgroup_tree_done(&tree);
	free(copy);
	return 0;
}
