#include <signal.h>

#include "container/cgroup_sweep.h"
#include "kernel/cgroup.h"
#include "launch/cgroup_end.h"

/* All are killed before the first is removed: a process is in several. */
static int sweep(const struct gate_cgroups *found, struct gate_err *err)
{
	const struct gate_cgroup *g = found->at;
	int status = 0;
	size_t i;

	for (i = 0; i < found->n && status == 0; i++)
		status = gate_cgroup_kill(g[i].dir, g[i].what, SIGKILL);
	if (status < 0) {
		errno = -status;
		return GATE_FAIL_SYS(err, "processes of a lost container do not end (cgroup %s)", g[i - 1].path);
	}
	for (i = 0; i < found->n && status == 0; i++)
		status = gate_cgroup_remove(g[i].dir, g[i].parent, g[i].name);
	if (status < 0) {
		errno = -status;
		return GATE_FAIL_SYS(err, "cannot remove the cgroup %s of a lost container", g[i - 1].path);
	}
	return 0;
}

int gate_cgroups_sweep(const char *id, struct gate_err *err)
{
	struct gate_cgroups found;

	do {
		if (gate_cgroups_find(id, &found, err) < 0)
			return -1;
		int result = sweep(&found, err);
		bool more = found.n == GATE_CGROUPS_MAX;

		gate_cgroups_done(&found);
		if (result < 0 || !more)
			return result;
	} while (true);
}
