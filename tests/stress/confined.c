/* What a task can see of how it is confined, for comparison: exits with 42 under a filter, with 99 without one. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static void show(const char *path)
{
	char line[4096];
	FILE *f = fopen(path, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		printf("%s %s", path, line);
	if (f != NULL)
		fclose(f);
}

int main(void)
{
	static const char *const spaces[] = { "mnt", "pid", "ipc", "uts", "net", "cgroup", "user" };
	char text[4096], path[64];
	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

	show("/proc/self/status");
	show("/proc/self/mountinfo");
	show("/proc/self/cgroup");
	show("/proc/self/oom_score_adj");
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", spaces[i]);
		ssize_t n = readlink(path, text, sizeof(text) - 1);
		printf("ns %s\n", n > 0 ? (text[n] = '\0', text) : "?");
	}
	DIR *d = opendir("/proc/self/fd");
	for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			printf("fd %s\n", e->d_name);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit r = { 0 };
		getrlimit(i, &r);
		printf("limit %d %llu %llu\n", i, (unsigned long long)r.rlim_cur, (unsigned long long)r.rlim_max);
	}
	for (char **e = environ; *e != NULL; e++)
		printf("env %s\n", *e);
	printf("cwd %s leads %d\n", getcwd(text, sizeof(text)) != NULL ? text : "?", getsid(0) == getpid());
	puts("end");
	fflush(stdout);
	return mode == 2 ? 42 : 99;
}
