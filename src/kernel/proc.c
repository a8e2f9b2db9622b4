#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/proc.h"

ssize_t gate_proc_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -1;
	while (len < size - 1) {
		ssize_t n = read(fd, text + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int saved = errno;

			(void)close(fd);
			errno = saved;
			return -1;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	(void)close(fd);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return (ssize_t)len;
}

int gate_proc_number(const char *path, long long *ret)
{
	char text[64], *end;

	if (gate_proc_read(path, text, sizeof(text)) <= 0)
		return -1;
	errno = 0;
	long long value = strtoll(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0')
		return -1;
	*ret = value;
	return 0;
}

bool gate_proc_field(const char *text, const char *name, int base, uint64_t *ret)
{
	size_t len = strlen(name);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		const char *start = line + len + 1;
		char *end;
		unsigned long long value = strtoull(start, &end, base);

		if (end == start)
			return false;
		*ret = value;
		return true;
	}
	return false;
}

pid_t gate_proc_parent(pid_t pid)
{
	char path[32], text[512];
	int parent;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (gate_proc_read(path, text, sizeof(text)) <= 0)
		return -1;
	/* The name in field 2 may hold anything, blanks and parentheses too: the fields go on after the last ')'. */
	const char *tail = strrchr(text, ')');
	if (tail == NULL || sscanf(tail, ") %*c %d", &parent) != 1)
		return -1;
	return parent;
}

#define FIRST_USERNS_INODE 0xEFFFFFFDU /* PROC_USER_INIT_INO, include/linux/proc_ns.h */

int gate_proc_first_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 ? -1 : st.st_ino == FIRST_USERNS_INODE;
}
