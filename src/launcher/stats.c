/* What a task uses now: from its control groups, which are found by what the kernel says of its first process. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "kernel/cgroup_tree.h"
#include "kernel/proc.h"
#include "launcher/parts.h"

#define NO_LIMIT (UINT64_C(1) << 60) /* version 1 says "none" with a number about as large as an address */

struct group {
	char path[4096];
	bool v2;
};

/* The task may have made groups in its own and gone there: its own is the one with its id. False: it is in none. */
static bool find(const struct gate_cgroup_tree *tree, uint32_t what, const char *name, struct group *ret)
{
	const struct gate_cgroup_hierarchy *h = gate_cgroup_tree_find(tree, what);
	const char *own = h != NULL ? h->own : NULL, *at = own != NULL ? strstr(own, name) : NULL;
	size_t len = strlen(name);

	if (at == NULL || at == own || at[-1] != '/' || (at[len] != '\0' && at[len] != '/'))
		return false;
	ret->v2 = h->what == GATE_CGROUP_V2;
	return (size_t)snprintf(ret->path, sizeof(ret->path), "%s%.*s", h->point, (int)(at + len - own), own) <
	       sizeof(ret->path);
}

/* The number in the file, alone or behind `word` at the beginning of a line; 0 when there is none ("max"). */
static uint64_t number(const struct group *g, const char *file, const char *word)
{
	char path[4200], text[4096];
	const char *at = text;
	uint64_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", g->path, file);
	if (gate_proc_read(path, text, sizeof(text)) < 0)
		return 0;
	while (word != NULL && (strncmp(at, word, strlen(word)) != 0 || at[strlen(word)] != ' ')) {
		at = strchr(at, '\n');
		if (at == NULL)
			return 0;
		at++;
	}
	at += word != NULL ? strlen(word) + 1 : 0;
	return gate_u64_parse(at, strcspn(at, " \n"), UINT64_MAX, &n) == 0 && n < NO_LIMIT ? n : 0;
}

static void read_cpu(const struct gate_cgroup_tree *tree, const char *name, struct gate_ipc_stats *s)
{
	struct group g;
	char path[4200], text[64];

	if (find(tree, GATE_CGROUP_CPUACCT, name, &g)) {
		s->cpu_user_us = number(&g, "cpuacct.usage_user", NULL) / 1000;
		s->cpu_system_us = number(&g, "cpuacct.usage_sys", NULL) / 1000;
	} else if (find(tree, GATE_CGROUP_V2, name, &g)) {
		s->cpu_user_us = number(&g, "cpu.stat", "user_usec");
		s->cpu_system_us = number(&g, "cpu.stat", "system_usec");
	}
	if (find(tree, GATE_CGROUP_CPU, name, &g)) {
		s->cpu_quota_us = number(&g, "cpu.cfs_quota_us", NULL);
		s->cpu_period_us = number(&g, "cpu.cfs_period_us", NULL);
	} else if (find(tree, GATE_CGROUP_V2, name, &g)) {
		s->cpu_quota_us = number(&g, "cpu.max", NULL);
		(void)snprintf(path, sizeof(path), "%s/cpu.max", g.path);
		/* "max 100000" or "50000 100000" */
		if (gate_proc_read(path, text, sizeof(text)) > 0 && strchr(text, ' ') != NULL)
			(void)gate_u64_parse(strchr(text, ' ') + 1, strlen(strchr(text, ' ') + 1), NO_LIMIT,
			                     &s->cpu_period_us);
	}
}

static void read_rest(const struct gate_cgroup_tree *tree, const char *name, struct gate_ipc_stats *s)
{
	struct group g;

	if (find(tree, GATE_CGROUP_MEMORY, name, &g)) {
		s->memory = number(&g, "memory.usage_in_bytes", NULL);
		s->memory_limit = number(&g, "memory.limit_in_bytes", NULL);
	} else if (find(tree, GATE_CGROUP_V2, name, &g)) {
		s->memory = number(&g, "memory.current", NULL);
		s->memory_limit = number(&g, "memory.max", NULL);
	}
	if (find(tree, GATE_CGROUP_PIDS, name, &g) || find(tree, GATE_CGROUP_V2, name, &g))
		s->processes = number(&g, "pids.current", NULL);
}

/* The same list of mounts for all tasks that are asked about at a time; it may be long. */
static char *slurp(const char *path)
{
	const size_t most = 4U << 20;
	char *text = malloc(most);
	ssize_t n = text != NULL ? gate_proc_read(path, text, most) : -1;

	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

int gate_held_stats(struct gate_held *c, struct gate_ipc_stats *ret, struct gate_err *err)
{
	GATE_AUTO(gate_cgroup_tree_done) struct gate_cgroup_tree tree = { .n = 0 };
	GATE_AUTOFREE char *mounts = slurp("/proc/self/mountinfo");
	struct gate_ipc_stats s = { 0 };
	struct gate_entry e;
	char path[64], own[4096], name[80];
	struct timespec now;
	int dir;

	if (gate_store_dir(c->l->store, c->id, &dir, err) < 0)
		return -1;
	int result = gate_store_read(dir, c->id, &e, err);

	(void)close(dir);
	if (result < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%u/cgroup", e.record.pid);
	(void)snprintf(name, sizeof(name), "callgate-%s", c->id);
	/* Its number may be somebody else's by now: then none of the groups has its id in it. */
	if (mounts == NULL || gate_proc_read(path, own, sizeof(own)) < 0)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "container '%s' has just ended", c->name);
	if (gate_cgroup_tree_parse(mounts, own, &tree, err) < 0)
		return -1;
	read_cpu(&tree, name, &s);
	read_rest(&tree, name, &s);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	s.at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	*ret = s;
	return 0;
}
