/* The JSON writer. */
#include <math.h>
#include <stdio.h>

#include "doc/doc.h"

void gate_json_init(struct gate_json *j, struct gate_buf *out, unsigned indent)
{
	*j = (struct gate_json){ .out = out, .indent = indent };
}

static void newline(struct gate_json *j)
{
	if (j->indent == 0)
		return;
	gate_buf_add(j->out, "\n", 1);
	for (unsigned i = 0; i < j->depth * j->indent; i++)
		gate_buf_add(j->out, " ", 1);
}

/* Before a value or a key: the comma and the line break that belong there. */
static void before(struct gate_json *j)
{
	uint64_t bit = UINT64_C(1) << j->depth;

	if (j->after_key) {
		j->after_key = false;
		return;
	}
	GATE_CHECK(j->depth > 0 || (j->comma & 1) == 0); /* one value per text */
	if (j->comma & bit)
		gate_buf_puts(j->out, j->indent != 0 ? "," : ", ");
	j->comma |= bit;
	if (j->depth > 0)
		newline(j);
}

static void begin(struct gate_json *j, const char *bracket)
{
	before(j);
	gate_buf_puts(j->out, bracket);
	j->depth++;
	GATE_CHECK(j->depth < 64);
	j->comma &= ~(UINT64_C(1) << j->depth);
}

void gate_json_object(struct gate_json *j)
{
	begin(j, "{");
}

void gate_json_array(struct gate_json *j)
{
	begin(j, "[");
}

void gate_json_end(struct gate_json *j, char bracket)
{
	GATE_CHECK(j->depth > 0 && !j->after_key && (bracket == '}' || bracket == ']'));
	bool empty = (j->comma >> j->depth & 1) == 0;

	j->depth--;
	if (!empty)
		newline(j);
	gate_buf_add(j->out, &bracket, 1);
}

/* Length of the UTF-8 character at s, 0 if there is none (Unicode 15, table 3-7). */
static size_t utf8(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static size_t one(struct gate_json *j, const unsigned char *s, size_t len)
{
	static const char shorts[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	const char *known = s[0] == 0 ? NULL : strchr(shorts, s[0]);
	size_t n;

	if (known != NULL) {
		gate_buf_add(j->out, "\\", 1);
		gate_buf_add(j->out, &letters[known - shorts], 1);
		return 1;
	}
	if (s[0] < 0x20 || s[0] == 0x7f) {
		gate_buf_printf(j->out, "\\u%04x", s[0]);
		return 1;
	}
	n = utf8(s, len);
	/* C1 controls would reach the terminal of whoever reads the output. */
	if (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)
		gate_buf_printf(j->out, "\\u%04x", s[1]);
	else if (n == 0)
		gate_buf_puts(j->out, "\xef\xbf\xbd");
	else
		gate_buf_add(j->out, s, n);
	return n == 0 ? 1 : n;
}

static void quoted(struct gate_json *j, const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i = 0;

	gate_buf_add(j->out, "\"", 1);
	while (i < len) {
		size_t plain = i;

		while (plain < len && u[plain] >= 0x20 && u[plain] < 0x7f && u[plain] != '"' && u[plain] != '\\')
			plain++;
		if (plain > i)
			gate_buf_add(j->out, s + i, plain - i);
		i = plain;
		if (i < len)
			i += one(j, u + i, len - i);
	}
	gate_buf_add(j->out, "\"", 1);
}

void gate_json_key(struct gate_json *j, const char *key)
{
	GATE_CHECK(j->depth > 0 && !j->after_key);
	before(j);
	quoted(j, key, strlen(key));
	gate_buf_puts(j->out, ": ");
	j->after_key = true;
}

void gate_json_text(struct gate_json *j, const char *s)
{
	if (s == NULL)
		gate_json_null(j);
	else
		gate_json_textn(j, s, strlen(s));
}

void gate_json_textn(struct gate_json *j, const char *s, size_t len)
{
	before(j);
	quoted(j, s, len);
}

void gate_json_u64(struct gate_json *j, uint64_t n)
{
	before(j);
	gate_buf_printf(j->out, "%llu", (unsigned long long)n);
}

void gate_json_i64(struct gate_json *j, int64_t n)
{
	before(j);
	gate_buf_printf(j->out, "%lld", (long long)n);
}

void gate_json_double(struct gate_json *j, double d)
{
	char text[40] = "null";

	/* Most are whole, and found to be so for a hundredth of what printing and reading again costs. */
	if (fabs(d) < 1e15 && d == trunc(d) && !(d == 0 && signbit(d))) { /* NOLINT: the very same number is meant */
		gate_json_i64(j, (int64_t)d);
		return;
	}
	/* C's locale is never set here, so the point is a point. */
	for (int digits = 15; isfinite(d) && digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d) /* NOLINT: the very same number is meant */
			break;
	}
	before(j);
	gate_buf_puts(j->out, text);
}

void gate_json_raw(struct gate_json *j, const char *json)
{
	before(j);
	gate_buf_puts(j->out, json != NULL ? json : "null");
}

void gate_json_bool(struct gate_json *j, bool b)
{
	before(j);
	gate_buf_puts(j->out, b ? "true" : "false");
}

void gate_json_null(struct gate_json *j)
{
	before(j);
	gate_buf_puts(j->out, "null");
}
