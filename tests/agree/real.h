/* real.h - the real profiles that tests read beside the source (CALLGATE_SHARED, default ../shared). */
#ifndef GATE_TEST_REAL_H
#define GATE_TEST_REAL_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At most 1 MiB, NUL-terminated; NULL when it cannot be read. Freed by the caller. */
static inline char *test_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *text;

	if (f == NULL)
		return NULL;
	text = calloc(1, (1 << 20) + 1);
	if (text != NULL)
		*len = fread(text, 1, 1 << 20, f);
	(void)fclose(f);
	return text;
}

typedef void test_real_fn(void *ctx, const char *name, const char *text, size_t len);

/* Calls `fn` for every *.json there and returns how many there are; -1, with the reason printed, without the folder. */
static inline int test_each_real(test_real_fn *fn, void *ctx)
{
	const char *shared = getenv("CALLGATE_SHARED");
	char dir[PATH_MAX], path[PATH_MAX + 256];
	struct dirent *e;
	int files = 0;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/profiles", shared != NULL ? shared : GATE_TEST_SHARED);
	d = opendir(dir);
	if (d == NULL) {
		printf("# skipped: no real profiles at %s\n", dir);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		size_t len = 0, name = strlen(e->d_name);
		char *text;

		if (name < 5 || strcmp(e->d_name + name - 5, ".json") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		text = test_read(path, &len);
		if (text == NULL)
			continue;
		files++;
		fn(ctx, e->d_name, text, len);
		free(text);
	}
	(void)closedir(d);
	return files;
}

#endif
