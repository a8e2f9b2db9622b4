/* Makes the groups of a task with every limit and undoes them, for cgroup_fail.sh: 0 made and gone, 2 refused with a sentence and
 * nothing left, 77 not possible here, 3 something is left, 4 refused without a sentence. */
#include <stdio.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "task/plan.h"

int main(int argc, char **argv)
{
	static const struct gate_cgroup_device null = { 'c', 1, 3, true, true, false };
	const struct gate_cgroup_limits limits = { .memory = 64 << 20,
		                                   .pids = 10,
		                                   .cpu_quota_us = 50000,
		                                   .devices = &null,
		                                   .n_devices = 1,
		                                   .limit_devices = true,
		                                   .want = GATE_CGROUP_FREEZER };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_cgroups groups, left;

	if (argc < 2 || geteuid() != 0)
		return 77;
	bool made = gate_cgroups_make(argv[1], argc > 2 ? argv[2] : NULL, &limits, false, NULL, &groups, &err) == 0;
	if (made)
		gate_cgroups_undo(&groups);
	else
		(void)fprintf(stderr, "%s\n", err.text);
	for (int tries = 0; tries < 2; tries++) /* the first may be the call that fails */
		if (gate_cgroups_find(argv[1], &left, NULL) == 0 && left.n > 0) {
			gate_cgroups_undo(&left);
			return 3;
		}
	return made ? 0 : err.text[0] != '\0' ? 2 : 4;
}
