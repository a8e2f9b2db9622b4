/* turns.c - whole processes in turns: A B C A B C …, so that what the machine does meanwhile happens to all of them.
 *
 *   bench-turns ROUNDS COMMANDS [TSV]
 *
 * COMMANDS is a file; each line is  NAME<TAB>WORD WORD …  without quoting. Words before the program may be
 *   N<FILE    descriptor N reads FILE (bubblewrap's --seccomp)
 *   mnt=FILE  the command starts in the mount namespace that FILE is bound to
 *   env=N=V   … with the variable N in its environment
 *   sh=TEXT   is run by a shell before each start and not measured ("," stands for a blank)
 * A row "-" is left out. Measured is the wall time from before vfork to after wait. Prints median, p10, p90, and how often
 * a command failed: a row with failures is no measurement and says so. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS = 24, WORDS = 64, MOST = 3000 };

struct command {
	char *name, *before, **env, *words[WORDS];
	int opens[4][2], n_opens, mnt, failed;
	double us[MOST];
};
static struct command commands[COMMANDS];

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void die(const char *what)
{
	(void)fprintf(stderr, "bench-turns: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Our environment with one more variable, or another value of it. */
static char **with(char *variable)
{
	size_t n = 0, len = strcspn(variable, "=") + 1;
	char **e = environ, **made;

	while (e[n] != NULL)
		n++;
	made = calloc(n + 2, sizeof(*made));
	for (n = 0; made != NULL && *e != NULL; e++)
		if (strncmp(*e, variable, len) != 0)
			made[n++] = *e;
	if (made == NULL)
		die("calloc");
	made[n] = variable;
	return made;
}

static void prefix(struct command *c, char *word)
{
	if (strncmp(word, "mnt=", 4) == 0) {
		c->mnt = open(word + 4, O_RDONLY | O_CLOEXEC);
		if (c->mnt < 0)
			die(word);
	} else if (strncmp(word, "env=", 4) == 0) {
		c->env = with(strdup(word + 4));
	} else if (strncmp(word, "sh=", 3) == 0) {
		c->before = strdup(word + 3);
		for (char *p = c->before; *p != '\0'; p++)
			*p = *p == ',' ? ' ' : *p;
	} else {
		c->opens[c->n_opens][0] = atoi(word);
		c->opens[c->n_opens][1] = open(strchr(word, '<') + 1, O_RDONLY | O_CLOEXEC);
		if (c->opens[c->n_opens++][1] < 0)
			die(word);
	}
}

static int read_commands(const char *path)
{
	FILE *f = fopen(path, "r");
	static char line[8192];
	int n = 0;

	if (f == NULL)
		die(path);
	while (n < COMMANDS && fgets(line, sizeof(line), f) != NULL) {
		struct command *c = &commands[n];
		char *tab = strchr(line, '\t');
		int words = 0, started = 0;

		if (tab == NULL || line[0] == '#')
			continue;
		*tab = '\0';
		c->name = strdup(line);
		c->mnt = -1;
		c->env = environ;
		for (char *w = strtok(tab + 1, " \n"); w != NULL && words < WORDS - 1; w = strtok(NULL, " \n")) {
			if (!started &&
			    (strncmp(w, "mnt=", 4) == 0 || strncmp(w, "sh=", 3) == 0 || strncmp(w, "env=", 4) == 0 ||
			     (w[0] >= '0' && w[0] <= '9' && strchr(w, '<') != NULL))) {
				prefix(c, w);
				continue;
			}
			started = 1;
			c->words[words++] = strdup(w);
		}
		n += words > 0;
	}
	(void)fclose(f);
	return n;
}

static double once(struct command *c)
{
	int status = 0;

	if (c->before != NULL && system(c->before) != 0)
		c->failed++;
	double start = now();
	pid_t pid = c->mnt >= 0 ? fork() : vfork(); /* setns(CLONE_NEWNS) wants a process that shares nothing */
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (c->mnt >= 0 && setns(c->mnt, CLONE_NEWNS) < 0)
			_exit(99);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		for (int i = 0; i < c->n_opens; i++) {
			(void)lseek(c->opens[i][1], 0, SEEK_SET);
			(void)dup2(c->opens[i][1], c->opens[i][0]);
		}
		(void)execve(c->words[0], c->words, c->env);
		_exit(98);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	double end = now();
	c->failed += status != 0;
	return end - start;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[1]) : 0, n;
	FILE *rows = argc > 3 ? fopen(argv[3], "a") : NULL;

	if (rounds < 5 || rounds > MOST) {
		(void)fprintf(stderr, "usage: bench-turns ROUNDS COMMANDS [TSV]\n");
		return 2;
	}
	n = read_commands(argv[2]);
	for (int i = 0; i < n; i++) /* not counted: files come into memory, caches fill */
		(void)once(&commands[i]);
	for (int i = 0; i < n; i++)
		commands[i].failed = 0;
	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < n; i++)
			commands[i].us[r] = once(&commands[i]);
	for (int i = 0; i < n; i++) {
		struct command *c = &commands[i];
		double *us = c->us;

		qsort(us, (size_t)rounds, sizeof(*us), order);
		printf("  %-52s %8.2f ms  (p10 %.2f, p90 %.2f)", c->name, us[rounds / 2] / 1e3, us[rounds / 10] / 1e3,
		       us[rounds * 9 / 10] / 1e3);
		if (c->failed > 0)
			printf("  FAILED %d of %d: no measurement", c->failed, rounds);
		(void)putchar('\n');
		if (rows != NULL)
			(void)fprintf(rows, "launch\t%s\tms\t%.3f\t%.3f\t%.3f\t%d\t%d\n", c->name, us[rounds / 2] / 1e3,
			              us[rounds / 10] / 1e3, us[rounds * 9 / 10] / 1e3, rounds, c->failed);
	}
	if (rows != NULL)
		(void)fclose(rows);
	return 0;
}
