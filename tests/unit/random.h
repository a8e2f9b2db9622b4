/* random.h - a seeded generator for tests: the same seed, the same run. CALLGATE_SEED overrides. */
#ifndef GATE_TEST_RANDOM_H
#define GATE_TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct test_random {
	uint64_t state;
};

static inline uint64_t test_next(struct test_random *r)
{
	/* splitmix64, Steele, Lea, Flood 2014 */
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline struct test_random test_random_start(uint64_t seed)
{
	const char *text = getenv("CALLGATE_SEED");
	struct test_random r = { text != NULL ? strtoull(text, NULL, 0) : seed };

	printf("# seed %llu (CALLGATE_SEED sets another)\n", (unsigned long long)r.state);
	return r;
}

static inline uint32_t test_below(struct test_random *r, uint32_t n)
{
	return (uint32_t)(test_next(r) % n);
}

/* Numbers that break things more often than others. */
static inline uint32_t test_edge32(struct test_random *r)
{
	static const uint32_t edges[] = { 0, 1, 2, 3, 7, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x3fffffff, 0x40000000,
		                          0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x7e020000 };

	switch (test_below(r, 4)) {
	case 0:
		return (uint32_t)test_next(r);
	case 1:
		return test_below(r, 512);
	default:
		return edges[test_below(r, sizeof(edges) / sizeof(edges[0]))];
	}
}

static inline uint64_t test_edge64(struct test_random *r)
{
	uint64_t hi = test_below(r, 2) != 0 ? 0 : test_edge32(r);

	return hi << 32 | test_edge32(r);
}

#endif
