/* The groups of a task whose keeper is gone: looked for in every hierarchy, because whoever looks may be in another group
 * than whoever made them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup_tree.h"
#include "task/plan.h"

#define DEPTH_MAX 64 /* of groups; deeper ones are not ours */

#define PREFIX "callgate-"

struct search {
	const char *name; /* NULL: every one of ours is told to `each` */
	const struct gate_cgroup_hierarchy *h;
	struct gate_cgroups *found;
	void (*each)(void *ctx, const char *id);
	void *ctx;
	char path[4096];
};

/* Not one that another user made under this name in a group that was delegated to them: what enters it would be theirs to
 * freeze and to end. */
static void add(struct search *s, int parent)
{
	struct gate_cgroup *g = &s->found->at[s->found->n];
	struct stat st;

	*g = (struct gate_cgroup){ .dir = -1, .parent = -1, .procs = -1, .what = s->h->what };
	g->dir = openat(parent, s->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ours = g->dir >= 0 && fstat(g->dir, &st) == 0 && st.st_uid == geteuid();
	g->parent = ours ? openat(parent, ".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (g->parent < 0) {
		if (g->dir >= 0)
			(void)close(g->dir);
		return;
	}
	(void)snprintf(g->name, sizeof(g->name), "%s", s->name);
	(void)snprintf(g->path, sizeof(g->path), "%.170s/%s", s->path, s->name);
	s->found->n++;
}

/* Takes `fd`. Groups that cannot be read or vanish meanwhile are left out: ours can be, and are not looked for twice. */
static void search_below(struct search *s, int fd, unsigned depth)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t len = strlen(s->path);

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	for (const struct dirent *e;
	     (s->name == NULL || s->found->n < GATE_CGROUPS_MAX) && (e = readdir(dir)) != NULL;) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (s->name == NULL && strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0)
			s->each(s->ctx, e->d_name + strlen(PREFIX));
		if (s->name != NULL && strcmp(e->d_name, s->name) == 0) {
			add(s, dirfd(dir));
			continue;
		}
		if (depth == DEPTH_MAX ||
		    (size_t)snprintf(s->path + len, sizeof(s->path) - len, "/%s", e->d_name) >= sizeof(s->path) - len)
			continue;
		search_below(s, openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		             depth + 1);
		s->path[len] = '\0';
	}
	(void)closedir(dir);
}

static int search(struct search *s, struct gate_err *err)
{
	GATE_AUTO(gate_cgroup_tree_done) struct gate_cgroup_tree tree = { .n = 0 };

	if (gate_cgroup_tree_read("", &tree, err) < 0)
		return -1;
	for (size_t i = 0; i < tree.n; i++) {
		s->h = &tree.at[i];
		(void)snprintf(s->path, sizeof(s->path), "%s", tree.at[i].point);
		search_below(s, open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	}
	s->h = NULL;
	return 0;
}

int gate_cgroups_find(const char *id, struct gate_cgroups *ret, struct gate_err *err)
{
	struct gate_cgroups found = { .n = 0, .into = -1 };
	char name[80];
	struct search s = { .name = name, .found = &found };

	if (snprintf(name, sizeof(name), PREFIX "%.64s", id) < 12 || strchr(id, '/') != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "not an id");
	if (search(&s, err) < 0)
		return -1;
	*ret = found;
	return 0;
}

int gate_cgroups_ids(void (*each)(void *ctx, const char *id), void *ctx, struct gate_err *err)
{
	struct search s = { .each = each, .ctx = ctx };

	return search(&s, err);
}
