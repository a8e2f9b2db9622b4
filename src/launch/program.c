#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "launch/launch.h"
#include "launch/sys.h"

#define DEFAULT_SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A directory that is not beneath our root has no path there: getcwd(2) then gives "(unreachable)…", or ENOENT for a
 * removed one. A descriptor that leaked from the host led there, and out again: /proc/self/fd/N as directory. */
static int is_reachable(void)
{
	char path[PATH_MAX];

	long got = gate_sys(SYS_getcwd, path, sizeof(path));
	if (got < 0)
		return (int)got;
	return path[0] == '/' ? 0 : -EXDEV;
}

int gate_step_directory(struct gate_launch *l, const struct gate_row *row)
{
	const char *path = gate_plan_text(l->view->plan, row->text[0]);
	long got;

	if (path == NULL) {
		got = gate_sys(SYS_fchdir, l->view->fds[row->fd]);
		return got < 0 ? (int)got : is_reachable();
	}
	int dir = (row->flags & GATE_ROW_CREATE) != 0 ? gate_launch_make(l, path, true)
	                                              : gate_launch_open(l, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return dir;
	got = gate_sys(SYS_fchdir, dir);
	(void)gate_sys(SYS_close, dir);
	return got < 0 ? (int)got : is_reachable();
}

/* What execve would say of the file, as far as it can be known before. */
static int judge(const char *path)
{
	struct stat st;

	long got = gate_sys(SYS_newfstatat, AT_FDCWD, path, &st, 0);
	if (got < 0)
		return (int)-got;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	got = gate_sys(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS);
	/* Before 5.8: by the real ids, which the IDS row made the same. */
	if (got == -ENOSYS || got == -EPERM)
		got = gate_sys(SYS_faccessat, AT_FDCWD, path, X_OK);
	return (int)-got;
}

static bool join(char path[static PATH_MAX], const char *dir, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	/* An empty part of the list is the current directory. */
	if (len == 0) {
		dir = ".";
		len = 1;
	}
	if (len + 1 + word_len + 1 > PATH_MAX)
		return false;
	memcpy(path, dir, len);
	path[len] = '/';
	memcpy(path + len + 1, word, word_len + 1);
	return true;
}

static int direct(struct gate_launch *l, const char *word)
{
	size_t len = strlen(word);

	if (len >= sizeof(l->program))
		return ENAMETOOLONG;
	memcpy(l->program, word, len + 1);
	int sys = judge(l->program);
	return sys == EISDIR ? EACCES : sys;
}

static int search(struct gate_launch *l, const char *word, const char *list)
{
	int worst = ENOENT;

	if (word[0] == '\0')
		return ENOENT;
	for (const char *p = list;; p++) {
		size_t len = 0;
		while (p[len] != '\0' && p[len] != ':')
			len++;
		int sys = join(l->program, p, len, word) ? judge(l->program) : ENAMETOOLONG;
		if (sys == 0)
			return 0;
		/* A directory of that name is no candidate; a file without permission is what the user hears of when
		 * nothing better follows (execvp(3)). */
		if (sys != ENOENT && sys != ENOTDIR && sys != EISDIR)
			worst = EACCES;
		p += len;
		if (*p == '\0')
			return worst;
	}
}

int gate_step_program(struct gate_launch *l, const struct gate_row *row)
{
	const char *list = gate_plan_text(l->view->plan, row->text[0]);
	const char *word = l->argv[0];
	bool is_path = strchr(word, '/') != NULL;

	int sys = is_path ? direct(l, word) : search(l, word, list != NULL ? list : DEFAULT_SEARCH);
	l->report->exec_sys = (uint32_t)sys;
	return -sys;
}
