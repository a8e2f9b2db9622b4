/* program.h - which file a command word means, decided before the filter. */
#ifndef GATE_RUN_PROGRAM_H
#define GATE_RUN_PROGRAM_H

#include <limits.h>

#include "base/base.h"

struct gate_program {
	char path[PATH_MAX]; /* what execve gets */
};

/* A word with a slash is a path, any other is searched in `search` (the value of PATH; NULL: the system's), where an
 * empty part means the current directory. Relative paths start at `dirfd`. What is no regular file or not executable
 * for the caller does not count, but is remembered: the error has sys = ENOENT when nothing was there, else EACCES,
 * ENAMETOOLONG, … as execvp(3) would have. */
int gate_program_find(int dirfd, const char *word, const char *search, struct gate_program *ret, struct gate_err *err);
/* The sentence for an execve that failed with this errno. */
void gate_program_explain(int dirfd, const char *path, int sys, struct gate_err *err);

#endif
