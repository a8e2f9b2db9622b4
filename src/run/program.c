#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/program.h"

#define DEFAULT_SEARCH "/usr/local/bin:/usr/bin:/bin"

/* 0, or the errno that execve would give as far as it can be known before. */
static int usable(int dirfd, const char *path)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, 0) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR; /* execve says EACCES; this is for the sentence */
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(dirfd, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

void gate_program_explain(int dirfd, const char *path, int sys, struct gate_err *err)
{
	switch (sys) {
	case EISDIR:
		gate_err_set(err, GATE_E_INVALID, 0, "'%s' is a directory", path);
		break;
	case EACCES:
		gate_err_set(err, GATE_E_DENIED, 0, "'%s' is not executable: permission denied", path);
		break;
	case ENOEXEC:
		gate_err_set(err, GATE_E_INVALID, 0, "'%s' is no program: exec format error", path);
		break;
	case ENOENT:
		if (faccessat(dirfd, path, F_OK, 0) == 0)
			gate_err_set(err, GATE_E_NOTFOUND, 0, "'%s' is there, but the interpreter that it names is not",
			             path);
		else
			gate_err_set(err, GATE_E_NOTFOUND, 0, "'%s' was not found", path);
		break;
	default:
		gate_err_set(err, GATE_E_SYS, sys, "cannot execute '%s'", path);
	}
	if (err != NULL)
		err->sys = sys == EISDIR ? EACCES : sys;
}

static int direct(int dirfd, const char *word, struct gate_program *ret, struct gate_err *err)
{
	size_t len = strlen(word);
	int sys = len >= sizeof(ret->path) ? ENAMETOOLONG : usable(dirfd, word);

	if (sys != 0)
		return gate_program_explain(dirfd, word, sys, err), -1;
	memcpy(ret->path, word, len + 1);
	return 0;
}

int gate_program_find(int dirfd, const char *word, const char *search, struct gate_program *ret, struct gate_err *err)
{
	char found[PATH_MAX];
	int worst = ENOENT;

	if (strchr(word, '/') != NULL)
		return direct(dirfd, word, ret, err);
	for (const char *p = search != NULL ? search : DEFAULT_SEARCH; p != NULL && word[0] != '\0';) {
		const char *end = strchrnul(p, ':');
		int len = snprintf(found, sizeof(found), "%.*s%s%s", (int)(end - p), p, end == p ? "./" : "/", word);
		int sys = len < 0 || (size_t)len >= sizeof(found) ? ENAMETOOLONG : usable(dirfd, found);

		if (sys == 0) {
			memcpy(ret->path, found, (size_t)len + 1);
			return 0;
		}
		/* A directory of that name is no candidate; a file without permission is what the user hears of when
		 * nothing better follows (execvp(3)). */
		if (sys != ENOENT && sys != ENOTDIR && sys != EISDIR)
			worst = EACCES;
		p = *end == ':' ? end + 1 : NULL;
	}
	if (worst == ENOENT)
		gate_err_set(err, GATE_E_NOTFOUND, 0, "'%s' was not found in PATH", word);
	else
		gate_err_set(err, GATE_E_DENIED, 0, "'%s' was found in PATH, but is not executable", word);
	if (err != NULL)
		err->sys = worst;
	return -1;
}
