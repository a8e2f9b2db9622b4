/* start.c - what a plain process under its filter, `callgate run --isolation=linux/seccomp -- true`, costs over a bare fork and
 * exec: whole processes, in turns, medians. Containers are measured beside their peers, by launch.py.
 *
 *   bench-start CALLGATE ROUNDS [TSV]
 *
 * The program is a static one of our own that only exits (so that what is measured is the launch, not the loader) and
 * /bin/true. "warm": the proven program is in the cache; "cold": the cache is empty each time, so the profile is read,
 * compiled and proven. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BARE, UNCONFINED, WARM, COLD, BARE_TRUE, WARM_TRUE, ROWS, MOST = 2000 };

static double us[ROWS][MOST];
static char cache[] = "/tmp/callgate-bench-XXXXXX";

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double once(char *const argv[])
{
	static posix_spawn_file_actions_t quiet; /* a run without a filter says so */
	static int ready;
	int status = 0;
	pid_t pid = 0;

	if (!ready && (posix_spawn_file_actions_init(&quiet) != 0 ||
	               posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0) != 0))
		exit(2);
	ready = 1;
	double start = now();
	if (posix_spawn(&pid, argv[0], &quiet, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) < 0 ||
	    status != 0) {
		(void)fprintf(stderr, "bench-start: '%s' did not run\n", argv[0]);
		exit(2);
	}
	return now() - start;
}

static int order(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* "callgate", the cache of proven programs in it; or "", all of it. */
static void forget(const char *what)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s/%s", cache, what);
	if (system(command) != 0)
		exit(2);
}

static void print(const char *what, double *row, int n, const double *floor, FILE *rows)
{
	qsort(row, (size_t)n, sizeof(*row), order);
	printf("  %-44s %8.0f us  (p10 %.0f, p90 %.0f, n %d)", what, row[n / 2], row[n / 10], row[n * 9 / 10], n);
	if (floor != NULL)
		printf("  + %.0f us over the bare start", row[n / 2] - floor[n / 2]);
	(void)putchar('\n');
	if (rows != NULL)
		(void)fprintf(rows, "-\t-\tcallgate\t%s\tus\t%.1f\t%.1f\t%.1f\t%d\n", what, row[n / 2], row[n / 10],
		              row[n * 9 / 10], n);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 100;
	FILE *rows = argc > 3 ? fopen(argv[3], "a") : NULL;
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc == 2 && strcmp(argv[1], "exit") == 0)
		return 0;
	if (argc < 3 || len < 0 || n < 10 || n > MOST) {
		(void)fprintf(stderr, "usage: %s CALLGATE ROUNDS [TSV]\n", argv[0]);
		return 2;
	}
	self[len] = '\0';
	if (mkdtemp(cache) == NULL || setenv("XDG_CACHE_HOME", cache, 1) < 0)
		return 2;
	char *bare[] = { self, (char[]){ "exit" }, NULL };
	char state[64];
	(void)snprintf(state, sizeof(state), "--state-dir=%s/state", cache);
#define PLAIN                                                                                                          \
	argv[1], (char[]){ "run" }, (char[]){ "--rm" }, state, (char[])                                                \
	{                                                                                                              \
		"--isolation=linux/seccomp"                                                                            \
	}
	char *run[] = { PLAIN, (char[]){ "--" }, self, (char[]){ "exit" }, NULL };
	char *loose[] = { PLAIN, (char[]){ "--profile=unconfined" }, (char[]){ "--" }, self, (char[]){ "exit" }, NULL };
	char *bare_true[] = { (char[]){ "/bin/true" }, NULL };
	char *run_true[] = { PLAIN, (char[]){ "--" }, (char[]){ "/bin/true" }, NULL };

	for (int i = 0; i < n; i++) {
		forget("callgate");
		us[COLD][i] = once(run);
		us[BARE][i] = once(bare);
		us[UNCONFINED][i] = once(loose);
		us[WARM][i] = once(run);
		us[BARE_TRUE][i] = once(bare_true);
		us[WARM_TRUE][i] = once(run_true);
	}
	forget("");
	printf(
	    "start to end of a plain process under its filter (--isolation=linux/seccomp; in turns; whole processes):\n");
	print("bare, a static program", us[BARE], n, NULL, rows);
	print("callgate run --profile=unconfined", us[UNCONFINED], n, us[BARE], rows);
	print("callgate run, warm", us[WARM], n, us[BARE], rows);
	print("callgate run, cold (read, compile, prove)", us[COLD], n, us[BARE], rows);
	print("bare, /bin/true", us[BARE_TRUE], n, NULL, rows);
	print("callgate run -- /bin/true, warm", us[WARM_TRUE], n, us[BARE_TRUE], rows);
	if (rows != NULL)
		(void)fclose(rows);
	return 0;
}
