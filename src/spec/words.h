/* words.h - values as people type them: sizes, times, signals, limits. For src/spec, and the signals for src/cli.
 * Those that return int give 0, -1 (not in the language) or -2 (above what can be); *ret only on success. */
#ifndef GATE_SPEC_WORDS_H
#define GATE_SPEC_WORDS_H

#include "base/base.h"

/* "64m", "1g", "0.5g", "1024", "10 KiB": docker's sizes, powers of 1024, b k m g t. */
int gate_word_size(const char *text, size_t len, uint64_t *ret);
/* "0.5" processors as microseconds of 100000. */
int gate_word_cpus(const char *text, uint64_t *ret);
/* "10" (seconds), "500ms", "10s", "2m", "1h", "1.5s". */
int gate_word_time(const char *text, uint64_t *ret_ms);
/* "SIGTERM", "term", "15", "SIGRTMIN+3". */
int gate_word_signal(const char *text, int *ret);
/* As Go's ParseBool: 1 t T true True TRUE, 0 f …. */
int gate_word_bool(const char *text, size_t len, bool *ret);
/* "nofile"; -1 when unknown. */
int gate_word_limit(const char *name, size_t len);
/* "-5" to "5", for what may be negative. */
int gate_word_signed(const char *text, int64_t least, int64_t most, int64_t *ret);

/* " (did you mean 'x'?)" with the nearest of a "|"-separated list within two edits, or "". */
#define GATE_NEAR_MAX 96
const char *gate_word_near(const char *word, size_t len, const char *choices, char ret[GATE_NEAR_MAX]);
extern const char gate_word_limits[], gate_word_signals[]; /* "as|core|…", "SIGHUP|…" */

#endif
