/* words.h - comparing and suggesting words. Only src/abi includes this. */
#ifndef GATE_ABI_WORDS_H
#define GATE_ABI_WORDS_H

#include "base/base.h"

/* The best of several candidates: smallest edit distance up to 2, then alphabetical. A word of up to three letters
 * is allowed one edit only: everything short is within two edits of everything else. */
struct gate_nearest {
	const char *text;
	unsigned distance;
};
#define GATE_NEAREST_INIT                                                                                              \
	{                                                                                                              \
		NULL, 3                                                                                                \
	}
void gate_nearest_try(struct gate_nearest *best, const char *word, size_t len, const char *candidate,
                      size_t candidate_len);

/* ASCII letters are equal in either case. */
bool gate_word_equal(const char *a, size_t alen, const char *b, size_t blen);

#endif
