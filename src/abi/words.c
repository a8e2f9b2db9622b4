#include "abi/words.h"
#include "base/num.h"

void gate_nearest_try(struct gate_nearest *best, const char *word, size_t len, const char *candidate,
                      size_t candidate_len)
{
	unsigned max = len <= 3 ? 1 : 2;
	unsigned d = gate_distance(word, len, candidate, candidate_len, max);

	if (d > max || d > best->distance)
		return;
	if (best->text != NULL && d == best->distance && strcmp(candidate, best->text) >= 0)
		return;
	best->text = candidate;
	best->distance = d;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool gate_word_equal(const char *a, size_t alen, const char *b, size_t blen)
{
	/* Not strncasecmp: it knows locales. */
	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}
