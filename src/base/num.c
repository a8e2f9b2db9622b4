#include "base/num.h"

static int digits(const char *s, size_t len, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;
	bool over = false;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned d;

		if (s[i] >= '0' && s[i] <= '9')
			d = (unsigned)(s[i] - '0');
		else if (base == 16 && s[i] >= 'a' && s[i] <= 'f')
			d = (unsigned)(s[i] - 'a') + 10;
		else if (base == 16 && s[i] >= 'A' && s[i] <= 'F')
			d = (unsigned)(s[i] - 'A') + 10;
		else
			return -1;
		if (__builtin_mul_overflow(n, (uint64_t)base, &n) || __builtin_add_overflow(n, (uint64_t)d, &n))
			over = true;
	}
	if (over || n > max)
		return -2;
	*ret = n;
	return 0;
}

int gate_u64_parse(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	if (len > 1 && s[0] == '0')
		return -1;
	return digits(s, len, 10, max, ret);
}

int gate_u64_parse_any(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return digits(s + 2, len - 2, 16, max, ret);
	return gate_u64_parse(s, len, max, ret);
}

static unsigned char fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

unsigned gate_distance(const char *a, size_t alen, const char *b, size_t blen, unsigned max)
{
	enum { MOST = 64 };
	unsigned rows[3][MOST + 1];

	if (alen > MOST || blen > MOST || (alen > blen ? alen - blen : blen - alen) > max)
		return max + 1;
	for (unsigned j = 0; j <= blen; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= alen; i++) {
		unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		unsigned best = now[0] = i;

		for (unsigned j = 1; j <= blen; j++) {
			unsigned d = last[j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));

			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]) &&
			    before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			now[j] = d;
			if (d < best)
				best = d;
		}
		if (best > max)
			return max + 1;
	}
	unsigned d = rows[alen % 3][blen];
	return d > max ? max + 1 : d;
}
