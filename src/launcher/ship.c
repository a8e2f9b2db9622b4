/* The directory of profiles of an agent that is started for the first time. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/launcher.h"
#include "source/source.h"

#define FILE_NAME "default.json"

/* "/etc/callgate" of "/etc/callgate/seccomp", too. */
static int make_directory(const char *path, struct gate_err *err)
{
	char above[4096], *slash;

	(void)snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	if (slash != NULL && slash != above) {
		*slash = '\0';
		if (mkdir(above, 0755) < 0 && errno != EEXIST && errno != ENOENT)
			return GATE_FAIL_SYS(err, "cannot make the directory '%s'", above);
	}
	return mkdir(path, 0755) == 0 || errno == EEXIST
	           ? 0
	           : GATE_FAIL_SYS(err, "cannot make the directory of profiles '%s'", path);
}

static bool is_empty(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *e;
	bool empty = d != NULL;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			empty = false;
	if (d != NULL)
		(void)closedir(d);
	else if (copy >= 0)
		(void)close(copy);
	return empty;
}

/* Whole or not at all: whoever sees the name sees the text. */
static int write_whole(int dir, struct gate_err *err)
{
	static const char draft[] = "." FILE_NAME;
	int fd;
	bool good;

	(void)unlinkat(dir, draft, 0);
	fd = openat(dir, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot write '%s'", FILE_NAME);
	good = write(fd, gate_default_text, gate_default_len) == (ssize_t)gate_default_len && fchmod(fd, 0644) == 0 &&
	       fsync(fd) == 0 && renameat(dir, draft, dir, FILE_NAME) == 0;
	if (!good)
		(void)GATE_FAIL_SYS(err, "cannot write '%s'", FILE_NAME);
	(void)close(fd);
	return good ? 0 : -1;
}

int gate_ship_default(const char *path, struct gate_err *err)
{
	int result = 0;

	if (make_directory(path, err) < 0)
		return -1;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return GATE_FAIL_SYS(err, "cannot open the directory of profiles '%s'", path);
	if (is_empty(dir))
		result = write_whole(dir, err);
	(void)close(dir);
	return result == 0 ? 0 : GATE_NOTE(err, "the directory of profiles '%s'", path);
}
