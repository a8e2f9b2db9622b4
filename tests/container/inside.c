/* What a task says of itself. Static, so that a root file system needs nothing else.
 * inside cat FILE… | ls DIR | write FILE TEXT | env | cwd | id | exit N | sleep SECONDS | fds | mknod FILE MAJOR MINOR | stat FILE |
 * keyring | count ARG… */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

extern char **environ;

static int failed(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int cat(const char *path)
{
	char bytes[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return failed(path);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		(void)fwrite(bytes, 1, (size_t)n, stdout);
	(void)close(fd);
	return n < 0 ? failed(path) : 0;
}

static int ls(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (d == NULL)
		return failed(path);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			printf("%s\n", e->d_name);
	(void)closedir(d);
	return 0;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return failed(path);
	(void)close(fd);
	return 0;
}

static int id(void)
{
	gid_t groups[1024];
	int n = getgroups(1024, groups);

	printf("%u %u:", getuid(), getgid());
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\n");
	return 0;
}

/* Those that were there before this program opened any. */
static int fds(void)
{
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d\n", fd);
	return 0;
}

static int node(const char *path, const char *major_text, const char *minor_text)
{
	dev_t dev = makedev((unsigned)atoi(major_text), (unsigned)atoi(minor_text));

	if (mknod(path, S_IFBLK | 0600, dev) < 0)
		return failed("mknod");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed("open");
	(void)close(fd);
	return 0;
}

static int say_stat(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return failed(path);
	printf("%o %u:%u %u:%u\n", st.st_mode, st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

/* The session keyring's number: keyctl(2), KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING. */
static int keyring(void)
{
	long id = syscall(SYS_keyctl, 0L, -3L, 0L);

	printf("%ld\n", id);
	return id < 0 ? failed("keyctl") : 0;
}

static int count(char **args, int n)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += strlen(args[i]) + 1;
	for (char **e = environ; *e != NULL; e++)
		bytes += strlen(*e) + 1;
	printf("%zu\n", bytes);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	char path[4096];
	int result = 0;

	if (strcmp(verb, "cat") == 0)
		for (int i = 2; i < argc; i++)
			result |= cat(argv[i]);
	else if (strcmp(verb, "ls") == 0 && argc == 3)
		result = ls(argv[2]);
	else if (strcmp(verb, "write") == 0 && argc == 4)
		result = put(argv[2], argv[3]);
	else if (strcmp(verb, "env") == 0)
		for (char **e = environ; *e != NULL; e++)
			printf("%s\n", *e);
	else if (strcmp(verb, "cwd") == 0)
		printf("%s\n", getcwd(path, sizeof(path)) != NULL ? path : strerror(errno));
	else if (strcmp(verb, "id") == 0)
		result = id();
	else if (strcmp(verb, "fds") == 0)
		result = fds();
	else if (strcmp(verb, "exit") == 0 && argc == 3)
		result = atoi(argv[2]);
	else if (strcmp(verb, "sleep") == 0 && argc == 3)
		(void)sleep((unsigned)atoi(argv[2]));
	else if (strcmp(verb, "mknod") == 0 && argc == 5)
		result = node(argv[2], argv[3], argv[4]);
	else if (strcmp(verb, "stat") == 0 && argc == 3)
		result = say_stat(argv[2]);
	else if (strcmp(verb, "keyring") == 0)
		result = keyring();
	else if (strcmp(verb, "count") == 0)
		result = count(argv + 2, argc - 2);
	else
		return 99;
	return fflush(stdout) == 0 ? result : 98;
}
