/* bench.h - filters side by side. */
#ifndef GATE_BENCH_H
#define GATE_BENCH_H

#include <stdio.h>

#include "compile/compile.h"

/* --- sample.c: what was measured --- */

#define SAMPLES_MAX 4096u
struct samples {
	double *values;
	size_t n;
};
void sample(struct samples *s, double value);
/* Sorts. */
double quantile(struct samples *s, double q);
void samples_done(struct samples *s);
double now_us(void);
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* --- peer.c: libseccomp, fed as runc and crun feed it --- */

struct peer_time {
	double add, export;
};
/* optimize: SCMP_FLTATR_CTL_OPTIMIZE. */
void peer_compile(const struct gate_profile *p, const struct gate_facts *facts, unsigned optimize,
                  struct gate_program *ret, struct peer_time *time);
const char *peer_version(void);

/* --- live.c: in the kernel --- */

struct contender {
	char name[40];
	struct gate_program program;
	struct samples load;     /* us */
	struct samples calls[3]; /* ns: see live_call_names */
};
extern const char *const live_call_names[3];
/* Round by round, every contender in turn. False when filters cannot be loaded here; the reason is printed. */
bool live_load(struct contender *c, size_t n, int rounds);
bool live_calls(struct contender *c, size_t n, int rounds);

#endif
