/* What limits tasks can have here: asked of the code that makes their groups, which only checks. */
#include <stdio.h>

#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"
#include "kernel/host_probe.h"
#include "task/plan.h"

static void say(struct gate_host_text value, const char *text, size_t len)
{
	static const char cut[] = "...";
	bool whole = len < value.size;

	(void)snprintf(value.text, value.size, "%.*s%s", (int)(whole ? len : value.size - sizeof(cut)), text,
	               whole ? "" : cut);
}

enum gate_host_state gate_probe_cgroup(unsigned long arg, struct gate_host_text value)
{
	GATE_AUTO(gate_cgroup_tree_done) struct gate_cgroup_tree tree = { .n = 0 };
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;

	(void)arg;
	if (gate_cgroup_tree_read("", &tree, &err) < 0) {
		say(value, err.text, strlen(err.text));
		return GATE_HOST_UNKNOWN;
	}
	const struct gate_cgroup_hierarchy *v2 = gate_cgroup_tree_find(&tree, GATE_CGROUP_V2);
	gate_buf_puts(&text, tree.n == 0  ? "no hierarchy is mounted"
	                     : v2 == NULL ? "v1"
	                     : tree.n > 1 ? "hybrid"
	                                  : "v2");
	for (size_t i = 0; i < tree.n; i++)
		gate_buf_printf(&text, "%s %s", i == 0 ? ":" : ",", tree.at[i].point);
	if (text.data != NULL)
		say(value, text.data, text.len);
	return tree.n > 0 ? GATE_HOST_YES : GATE_HOST_NO;
}

enum gate_host_state gate_probe_cgroup_limit(unsigned long arg, struct gate_host_text value)
{
	/* Any limits will do: nothing is made. */
	const struct gate_cgroup_limits limits = {
		.memory = arg == GATE_CGROUP_MEMORY ? 1U << 30 : 0,
		.cpu_quota_us = arg == GATE_CGROUP_CPU ? 100000 : 0,
		.pids = arg == GATE_CGROUP_PIDS ? 1000 : 0,
		.limit_devices = arg == GATE_CGROUP_DEVICES,
		.want = arg == GATE_CGROUP_FREEZER ? GATE_CGROUP_FREEZER : 0,
	};
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_cgroups none;

	if (gate_cgroups_make("000000000000", NULL, &limits, true, &text, &none, &err) < 0) {
		say(value, err.text, strlen(err.text));
		return GATE_HOST_NO;
	}
	gate_cgroups_done(&none);
	const char *name = text.data != NULL ? strstr(text.data, "/callgate-000000000000") : NULL;
	if (name == NULL)
		return GATE_HOST_NO;
	say(value, text.data, (size_t)(name - text.data));
	return GATE_HOST_YES;
}
