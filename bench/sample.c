/* sample.c - samples and their quantiles. */
#include <stdarg.h>
#include <time.h>

#include "bench.h"

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bench-filter: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

void sample(struct samples *s, double value)
{
	if (!s->values)
		s->values = calloc(SAMPLES_MAX, sizeof(*s->values));
	if (!s->values)
		die("out of memory");
	if (s->n < SAMPLES_MAX)
		s->values[s->n++] = value;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double quantile(struct samples *s, double q)
{
	if (s->n == 0)
		return 0;
	qsort(s->values, s->n, sizeof(*s->values), ascending);
	return s->values[(size_t)(q * (double)(s->n - 1) + 0.5)];
}

void samples_done(struct samples *s)
{
	free(s->values);
	s->values = NULL;
	s->n = 0;
}

double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
