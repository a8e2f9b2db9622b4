/* For cron_zoneinfo.py: answers questions on stdin, one a line, with a number a line.
 *   next FILE T EXPRESSION   the first moment after T ("-": none)
 *   chain FILE T EXPRESSION  the 800 moments after T, on one line
 *   offset FILE T            seconds east of UTC
 * FILE is a TZif file. */
#include <stdio.h>

#include "spec/cron.h"

static struct gate_zone *zone_of(const char *path)
{
	static char last[256];
	static struct gate_zone *zone;
	static char bytes[GATE_ZONE_BYTES_MAX];
	struct gate_err err = GATE_ERR_INIT;
	FILE *f;
	size_t len;

	if (zone != NULL && strcmp(last, path) == 0)
		return zone;
	gate_zone_free(GATE_TAKE(&zone));
	f = fopen(path, "re");
	len = f != NULL ? fread(bytes, 1, sizeof(bytes), f) : 0;
	if (f != NULL)
		(void)fclose(f);
	if (gate_zone_read(bytes, len, &zone, &err) < 0)
		(void)fprintf(stderr, "%s: %s\n", path, err.text);
	(void)snprintf(last, sizeof(last), "%s", path);
	return zone;
}

static void chain(const struct gate_cron *c, const struct gate_zone *z, int64_t t)
{
	for (int i = 0; i < 800 && gate_cron_next(c, z, t, &t); i++)
		printf("%lld ", (long long)t);
	printf("\n");
}

int main(void)
{
	char line[1024], word[8], path[256];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct gate_err err = GATE_ERR_INIT;
		struct gate_zone *z;
		struct gate_cron c;
		int at = 0, len = (int)strlen(line);
		long long t;
		int64_t next;

		if (len > 0 && line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (sscanf(line, "%7s %255s %lld %n", word, path, &t, &at) < 3 || (z = zone_of(path)) == NULL)
			return 2;
		if (word[0] == 'o')
			printf("%d\n", (int)gate_zone_offset(z, t));
		else if (gate_cron_parse(line + at, &c, &err) < 0)
			printf("%s\n", err.text);
		else if (word[0] == 'c')
			chain(&c, z, t);
		else if (gate_cron_next(&c, z, t, &next))
			printf("%lld\n", (long long)next);
		else
			printf("-\n");
	}
	return 0;
}
