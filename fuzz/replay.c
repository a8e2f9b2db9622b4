/* A plain driver for one target, for machines without libFuzzer and for the ordinary suite: replays the files of a
 * corpus, then mutations of them for some seconds (CALLGATE_FUZZ_SECONDS, default 3). TAP on stdout. */
#include <dirent.h>
#include <time.h>

#include "fuzz.h"
#include "../tests/unit/random.h"

#define MOST_SEEDS 512

struct seed {
	uint8_t *bytes;
	size_t len;
};

static size_t load(const char *dir, struct seed seeds[MOST_SEEDS])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && n < MOST_SEEDS && (e = readdir(d)) != NULL) {
		char path[4096];
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (f == NULL)
			continue;
		seeds[n].bytes = malloc(1 << 16);
		seeds[n].len = seeds[n].bytes == NULL ? 0 : fread(seeds[n].bytes, 1, 1 << 16, f);
		n += seeds[n].bytes != NULL;
		(void)fclose(f);
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

/* Exact-size copies, so that a sanitizer sees a read behind the end. */
static void run(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	if (copy == NULL)
		return;
	memcpy(copy, bytes, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static size_t mutate(struct test_random *r, const struct seed *seeds, size_t n, uint8_t *out, size_t room)
{
	const struct seed *s = &seeds[test_below(r, (uint32_t)n)];
	size_t len = s->len < room ? s->len : room;

	memcpy(out, s->bytes, len);
	for (unsigned i = 1 + test_below(r, 6); i > 0 && len > 0; i--) {
		size_t at = test_below(r, (uint32_t)len);

		switch (test_below(r, 5)) {
		case 0:
			out[at] = (uint8_t)test_next(r);
			break;
		case 1:
			out[at] ^= (uint8_t)(1u << test_below(r, 8));
			break;
		case 2:
			len = at;
			break;
		case 3: { /* a piece of another seed */
			const struct seed *o = &seeds[test_below(r, (uint32_t)n)];
			size_t from = o->len == 0 ? 0 : test_below(r, (uint32_t)o->len), piece = test_below(r, 64);

			for (size_t k = 0; k < piece && at + k < len && from + k < o->len; k++)
				out[at + k] = o->bytes[from + k];
			break;
		}
		default: { /* the same again, further on */
			size_t piece = test_below(r, 32);

			for (size_t k = 0; k < piece && at + piece + k < len; k++)
				out[at + piece + k] = out[at + k];
			break;
		}
		}
	}
	return len;
}

int main(int argc, char **argv)
{
	const char *limit = getenv("CALLGATE_FUZZ_SECONDS");
	struct test_random r = test_random_start(31);
	static struct seed seeds[MOST_SEEDS];
	static uint8_t out[1 << 16];
	time_t end = time(NULL) + (limit != NULL ? atoi(limit) : 3);
	unsigned long runs = 0;
	size_t n = argc > 1 ? load(argv[1], seeds) : 0;

	if (n == 0) {
		static uint8_t start[] = "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}";

		seeds[n++] = (struct seed){ start, sizeof(start) - 1 };
	}
	for (size_t i = 0; i < n; i++)
		run(seeds[i].bytes, seeds[i].len);
	printf("1..2\nok 1 - %zu files of the corpus\n", n);
	while (time(NULL) < end) {
		for (int i = 0; i < 50; i++, runs++) {
			size_t len = mutate(&r, seeds, n, out, sizeof(out));

			run(out, len);
		}
	}
	printf("# %lu mutated inputs\nok 2 - mutated inputs\n", runs);
	return 0;
}
