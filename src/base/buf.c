#include <stdio.h>

#include "base/buf.h"

static bool room(struct gate_buf *b, size_t more)
{
	size_t need, cap;
	char *data;

	if (b->failed)
		return false;
	if (__builtin_add_overflow(b->len, more, &need) || __builtin_add_overflow(need, (size_t)1, &need)) {
		b->failed = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	cap = b->cap < 256 ? 256 : b->cap;
	while (cap < need) {
		if (cap > SIZE_MAX / 2) {
			b->failed = true;
			return false;
		}
		cap *= 2;
	}
	data = realloc(b->data, cap);
	if (data == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void gate_buf_add(struct gate_buf *b, const void *bytes, size_t len)
{
	if (!room(b, len))
		return;
	if (len != 0)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void gate_buf_puts(struct gate_buf *b, const char *s)
{
	gate_buf_add(b, s, strlen(s));
}

void gate_buf_vprintf(struct gate_buf *b, const char *format, va_list ap)
{
	va_list again;
	int n;

	if (!room(b, 128))
		return;
	va_copy(again, ap);
	n = vsnprintf(b->data + b->len, b->cap - b->len, format, ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n >= b->cap - b->len) {
		if (room(b, (size_t)n)) {
			(void)vsnprintf(b->data + b->len, b->cap - b->len, format, again);
			b->len += (size_t)n;
		}
	} else {
		b->len += (size_t)n;
	}
	va_end(again);
}

void gate_buf_printf(struct gate_buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(b, format, ap);
	va_end(ap);
}

/* Length of the valid UTF-8 character at s, 0 if there is none. */
static size_t utf8(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char lo, hi, lo2, hi2, n;
	} rows[] = {
		/* Unicode 15, table 3-7 */
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		if (s[0] < rows[i].lo || s[0] > rows[i].hi)
			continue;
		if (len < rows[i].n || s[1] < rows[i].lo2 || s[1] > rows[i].hi2)
			return 0;
		for (size_t k = 2; k < rows[i].n; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].n;
	}
	return 0;
}

void gate_buf_escaped(struct gate_buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)s[i];
		size_t n = c >= 0x20 && c < 0x7f ? 1 : utf8((const unsigned char *)s + i, len - i);

		/* C1 controls (U+0080..U+009F) move terminals as well as C0 does. */
		if (n == 2 && c == 0xc2 && (unsigned char)s[i + 1] < 0xa0)
			n = 0;
		if (n == 0) {
			gate_buf_printf(b, "\\x%02x", c);
			i++;
			continue;
		}
		gate_buf_add(b, s + i, n);
		i += n;
	}
}

char *gate_buf_take(struct gate_buf *b)
{
	char *data;

	if (b->data == NULL)
		(void)room(b, 0);
	if (b->failed) {
		gate_buf_done(b);
		return NULL;
	}
	b->data[b->len] = '\0';
	data = b->data;
	*b = (struct gate_buf)GATE_BUF_INIT;
	return data;
}

void gate_buf_done(struct gate_buf *b)
{
	free(b->data);
	*b = (struct gate_buf)GATE_BUF_INIT;
}

int gate_grow(void *array_ptr, size_t n, size_t *cap, size_t size)
{
	void *array, *bigger;
	size_t want, bytes;

	if (n < *cap)
		return 0;
	want = *cap < 16 ? 16 : *cap * 2;
	if (want <= *cap || __builtin_mul_overflow(want, size, &bytes))
		return -1;
	memcpy(&array, array_ptr, sizeof(array));
	bigger = realloc(array, bytes);
	if (bigger == NULL)
		return -1;
	memcpy(array_ptr, &bigger, sizeof(bigger));
	*cap = want;
	return 0;
}
