#include <stdio.h>

#include "doc/parts.h"

struct gate_place gate_doc_place(const char *text, size_t pos, size_t end)
{
	struct gate_cursor c = GATE_CURSOR_INIT(text);
	struct gate_place at;

	gate_cursor_to(&c, pos);
	at = (struct gate_place){ c.line, c.column, 0 };
	for (; c.pos < end && text[c.pos] != '\n'; c.pos++)
		at.length += ((unsigned char)text[c.pos] & 0xc0) != 0x80;
	return at;
}

/* Characters without ink, and those that turn a line around: U+2000 to U+200F, U+202A to U+202F, U+205F to U+206F,
 * U+3000, U+FEFF. */
static bool unseen(const unsigned char *s, size_t len)
{
	if (len < 3)
		return false;
	if (s[0] != 0xe2)
		return (s[0] == 0xe3 && s[1] == 0x80 && s[2] == 0x80) || (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf);
	return (s[1] == 0x80 && (s[2] <= 0x8f || (s[2] >= 0xaa && s[2] <= 0xaf))) ||
	       (s[1] == 0x81 && s[2] >= 0x9f && s[2] <= 0xaf);
}

const char *gate_doc_excerpt(char out[GATE_DOC_EXCERPT], const char *s, size_t len)
{
	size_t n = 0;
	unsigned chars = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c & 0xc0) != 0x80 && ++chars > 40) {
			memcpy(out + n, "...", 4);
			return out;
		}
		if (unseen((const unsigned char *)s + i, len - i)) {
			n += (size_t)snprintf(out + n, 13, "\\x%02x\\x%02x\\x%02x", c, (unsigned char)s[i + 1],
			                      (unsigned char)s[i + 2]);
			i += 2;
			continue;
		}
		/* C1 controls move terminals as C0 does: U+0080 to U+009F are c2 80 to c2 9f. */
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0))
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
		else if ((c & 0xc0) == 0x80 && (i == 0 || ((unsigned char)s[i - 1] == 0xc2 && c < 0xa0)))
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	out[n] = '\0';
	return out;
}

/* Length of the character at s, which begins with a byte above 0x7f; 0 if it is not UTF-8 (Unicode 15, table 3-7). */
static size_t utf8(const unsigned char *s, size_t len)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0; /* overlong */
	else if (s[0] == 0xed)
		hi = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f; /* above U+10FFFF */
	if (len < n || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static int check_bytes(const char *text, size_t len, bool *ascii, struct gate_err *err)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0, n;

	*ascii = true;
	while (i < len) {
		uint64_t word;

		/* Eight bytes at once while none has its high bit set and none is zero. */
		for (; i + sizeof(word) <= len; i += sizeof(word)) {
			memcpy(&word, s + i, sizeof(word));
			if (((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) != 0)
				break;
		}
		if (i >= len)
			break;
		if (s[i] == 0)
			return GATE_FAIL_AT(err, gate_doc_place(text, i, i + 1), GATE_E_SYNTAX,
			                    "a NUL byte at offset %zu", i);
		n = s[i] < 0x80 ? 1 : utf8(s + i, len - i);
		if (n == 0)
			return GATE_FAIL_AT(err, gate_doc_place(text, i, i + 1), GATE_E_SYNTAX,
			                    "byte 0x%02x at offset %zu is not UTF-8", s[i], i);
		if (n > 1)
			*ascii = false;
		i += n;
	}
	return 0;
}

/* Exactly, strings skipped. */
static int count_shape(const char *text, size_t len, size_t most, struct gate_err *err)
{
	size_t depth = 0, values = 1;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '"') {
			for (i++; i < len && text[i] != '"'; i++)
				if (text[i] == '\\')
					i++;
			continue;
		}
		depth -= (c == ']' || c == '}') && depth > 0;
		if (c != ',' && c != '[' && c != '{')
			continue;
		if (c != ',' && ++depth > GATE_DOC_DEPTH)
			return GATE_FAIL_AT(err, gate_doc_place(text, i, i + 1), GATE_E_LIMIT,
			                    "nested deeper than %d levels", GATE_DOC_DEPTH);
		if (++values > most)
			return GATE_FAIL_AT(err, gate_doc_place(text, i, i + 1), GATE_E_LIMIT, "more than %zu values",
			                    most);
	}
	return 0;
}

/* Values are counted, because the library takes some 400 bytes for each of its tokens, and holds all of them: a
 * mebibyte of "[1,1,1..." costs it 206 MB and a second (0.7.12). Depth is counted, because it recurses.
 *
 * This first count does not know strings and has no branches: six times as fast. Values can only come out too many,
 * and are then counted exactly. Depth can come out too small, when strings hold closing brackets; such a text is
 * refused by the reader at the same depth, and the library has a limit of its own at 64. */
static int check_shape(const char *text, size_t len, size_t most, size_t *ret, struct gate_err *err)
{
	static const struct {
		signed char depth;
		unsigned char values;
	} weights[256] = {
		['['] = { 1, 1 }, ['{'] = { 1, 1 }, [']'] = { -1, 0 }, ['}'] = { -1, 0 }, [','] = { 0, 1 },
	};
	int depth = 0, deepest = 0;
	size_t values = 1;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		depth += weights[c].depth;
		values += weights[c].values;
		deepest = depth > deepest ? depth : deepest;
	}
	*ret = values <= most ? values : most;
	return values <= most && deepest <= GATE_DOC_DEPTH ? 0 : count_shape(text, len, most, err);
}

/* People hand over the file beside the one they mean: say what it is, not which of its bytes is no UTF-8. */
static const char *other_kind(const char *text, size_t len)
{
	static const struct {
		const char *magic, *what;
		size_t len;
	} kinds[] = {
		{ "\x7f"
		  "ELF",
		  "an ELF file", 4 },
		{ "\x1f\x8b", "a gzip file", 2 },
		{ "\x28\xb5\x2f\xfd", "a zstd file", 4 },
		{ "\xfd"
		  "7zXZ",
		  "an xz file", 5 },
		{ "PK\x03\x04", "a zip file", 4 },
		{ "\x89PNG", "a PNG image", 4 },
		{ "%PDF", "a PDF file", 4 },
		{ "SQLite format 3", "an SQLite database", 15 },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(kinds); i++)
		if (len >= kinds[i].len && memcmp(text, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].what;
	return NULL;
}

int gate_doc_check_text(const char *text, size_t len, size_t max, const char *language, bool *ascii,
                        struct gate_err *err)
{
	const char *kind = other_kind(text, len);

	if (len > max)
		return GATE_FAIL(err, GATE_E_LIMIT, "%zu bytes, more than the limit of %zu", len, max);
	if (kind != NULL)
		return GATE_FAIL_AT(err, ((struct gate_place){ 1, 1, 1 }), GATE_E_SYNTAX, "this is %s, not %s", kind,
		                    language);
	if (len >= 2 && (memcmp(text, "\xfe\xff", 2) == 0 || memcmp(text, "\xff\xfe", 2) == 0))
		return GATE_FAIL_AT(err, ((struct gate_place){ 1, 1, 1 }), GATE_E_SYNTAX,
		                    "UTF-16 text: save the file as UTF-8");
	/* The library would skip a mark silently; RFC 8259 allows a reader to refuse it, and engines do. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return GATE_FAIL_AT(err, ((struct gate_place){ 1, 1, 1 }), GATE_E_SYNTAX,
		                    "a byte-order mark in front of the text: save the file as UTF-8 without it");
	return check_bytes(text, len, ascii, err);
}

int gate_doc_check(const char *text, size_t len, size_t max, size_t values, struct gate_doc_shape *ret,
                   struct gate_err *err)
{
	if (gate_doc_check_text(text, len, max, "JSON", &ret->ascii, err) < 0)
		return -1;
	return check_shape(text, len, values, &ret->values, err);
}
