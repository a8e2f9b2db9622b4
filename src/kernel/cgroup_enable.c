#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup_make.h"

int gate_cgroup_write(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

static void plus_words(uint32_t what, char ret[64])
{
	(void)snprintf(ret, 64, "%s%s%s", (what & GATE_CGROUP_CPU) != 0 ? "+cpu " : "",
	               (what & GATE_CGROUP_MEMORY) != 0 ? "+memory " : "",
	               (what & GATE_CGROUP_PIDS) != 0 ? "+pids " : "");
	size_t len = strlen(ret);
	if (len > 0)
		ret[len - 1] = '\0';
}

/* What a write to cgroup.subtree_control would say: 0 or an errno. The real top has no cgroup.type, and may hold processes. */
static int would_enable(const char *path)
{
	char text[64];

	if (!gate_cgroup_may_write(path, "cgroup.subtree_control"))
		return errno;
	return gate_cgroup_read(path, "cgroup.type", text, sizeof(text)) >= 0 &&
	               gate_cgroup_read(path, "cgroup.procs", text, sizeof(text)) > 0
	           ? EBUSY
	           : 0;
}

static int enable(const struct gate_cgroup_maker *m, const char *path, uint32_t what, struct gate_err *err)
{
	char words[64], text[1024];

	if (gate_cgroup_read(path, "cgroup.subtree_control", text, sizeof(text)) < 0)
		text[0] = '\0';
	what &= ~gate_cgroup_controllers(text);
	if (what == 0)
		return 0;
	plus_words(what, words);
	int sys = 0;
	if (m->dry)
		sys = would_enable(path);
	else {
		char file[4200];

		(void)snprintf(file, sizeof(file), "%s/cgroup.subtree_control", path);
		sys = gate_cgroup_write(AT_FDCWD, file, words) < 0 ? errno : 0;
	}
	return sys != 0 ? gate_cgroup_cannot_enable(path, words, sys, err) : 0;
}

/* Needed ones must be there, wanted ones may. */
static int enable_level(const struct gate_cgroup_maker *m, const char *path, uint32_t need, uint32_t want,
                        struct gate_err *err)
{
	if (need != 0 && enable(m, path, need, err) < 0)
		return -1;
	if (want != 0)
		(void)enable(m, path, want, NULL);
	return 0;
}

int gate_cgroup_descend(const struct gate_cgroup_maker *m, struct gate_cgroup_place *p, size_t *made,
                        struct gate_err *err)
{
	bool v2 = p->h->what == GATE_CGROUP_V2;
	uint32_t need = v2 ? p->need & GATE_CGROUP_V2_CONTROLLERS : 0,
		 want = v2 ? p->want & GATE_CGROUP_V2_CONTROLLERS : 0;
	char top[GATE_CGROUP_PATH_MAX];

	if (m->parent == NULL)
		return enable_level(m, p->base, need, want, err);
	if (gate_cgroup_path(m, p->h, "", top, err) < 0)
		return -1;
	for (size_t len = strlen(top);; len += 1 + strcspn(p->base + len + 1, "/")) {
		char saved = p->base[len];

		p->base[len] = '\0';
		if (!m->dry && len > strlen(top)) {
			if (mkdir(p->base, 0755) == 0)
				++*made;
			else if (errno != EEXIST)
				return GATE_FAIL_SYS(err, "cannot make the parent cgroup %s (%s)", p->base,
				                     gate_cgroup_advice(errno));
		}
		if ((!m->dry || access(p->base, F_OK) == 0) && enable_level(m, p->base, need, want, err) < 0)
			return -1;
		p->base[len] = saved;
		if (saved == '\0')
			return 0;
	}
}
