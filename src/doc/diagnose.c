/* What is wrong with a text that the library refused. The library's own words speak of YAML ("Invalid JSON plain
 * scalar" for "{1:2}", for a missing comma and for a comment alike) and its place is often the line after. This pass
 * finds the first byte that no JSON text could have there and says what its author meant. It never decides what is
 * accepted. */
#include <stdio.h>
#include <strings.h>

#include "base/num.h"
#include "doc/parts.h"

struct scan {
	const char *s;
	size_t len, pos;
	struct {
		size_t at; /* of the bracket */
		bool object;
	} open[GATE_DOC_DEPTH + 1];
	size_t depth;
	size_t key, key_end; /* the key read last, without its quotes */
	struct gate_err *err;
};

#define FAIL(c, from, to, ...) GATE_FAIL_AT((c)->err, gate_doc_place((c)->s, (from), (to)), GATE_E_SYNTAX, __VA_ARGS__)

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

static char at(const struct scan *c, size_t pos)
{
	return pos < c->len ? c->s[pos] : '\0';
}

static void space(struct scan *c)
{
	while (is_space(at(c, c->pos)))
		c->pos++;
}

/* The end of the character at `pos`. */
static size_t after(const struct scan *c, size_t pos)
{
	for (pos++; ((unsigned char)at(c, pos) & 0xc0) == 0x80; pos++)
		continue;
	return pos;
}

static int fail_comment(struct scan *c)
{
	bool block = at(c, c->pos + 1) == '*';
	size_t end = c->pos + 1;

	while (end < c->len && c->s[end] != '\n') {
		end++;
		if (block && end > c->pos + 3 && c->s[end - 1] == '/' && c->s[end - 2] == '*')
			break;
	}
	return FAIL(c, c->pos, end, "a comment: JSON has none");
}

static bool is_comment(const struct scan *c)
{
	char next = at(c, c->pos + 1);

	return at(c, c->pos) == '#' || (at(c, c->pos) == '/' && (next == '/' || next == '*'));
}

static int fail_end(struct scan *c)
{
	size_t end = c->len;

	while (end > 0 && is_space(c->s[end - 1]))
		end--;
	if (end == 0)
		return FAIL(c, 0, 0, "the text is empty: there is no value");
	if (c->depth == 0)
		return FAIL(c, end, end, "the text ends too early");
	return FAIL(c, end, end, "the text ends, but '%c' of line %u is not closed", c->s[c->open[c->depth].at],
	            gate_doc_place(c->s, c->open[c->depth].at, 0).line);
}

static int fail_char(struct scan *c, const char *expected)
{
	static const struct {
		const char *bytes, *what;
		bool first; /* only where the text begins */
	} known[] = {
		{ "\xc2\xa0", "a no-break space (U+00A0) is no white space in JSON", false },
		{ "\xe2\x80\x9c", "a typographic quote: JSON strings are in '\"'", false },
		{ "\xe2\x80\x9d", "a typographic quote: JSON strings are in '\"'", false },
		{ "\xe2\x80\x99", "a typographic quote: JSON strings are in '\"'", false },
		{ "<<<<<<<", "a conflict marker: the file was merged and not settled", false },
		{ "{{", "a template that was not filled in", false },
		{ "---", "'---' begins YAML, not JSON", true },
		{ "<", "'<' begins HTML or XML, not JSON", true },
	};
	char text[GATE_DOC_EXCERPT];
	size_t end = after(c, c->pos), left = c->len - c->pos;

	for (size_t i = 0; i < GATE_ARRAY_LEN(known); i++) {
		size_t n = strlen(known[i].bytes);

		if (left >= n && memcmp(c->s + c->pos, known[i].bytes, n) == 0 && (!known[i].first || c->depth == 0))
			return FAIL(c, c->pos, end, "%s", known[i].what);
	}
	return FAIL(c, c->pos, end, "found '%s' where %s was expected",
	            gate_doc_excerpt(text, c->s + c->pos, end - c->pos), expected);
}

static int hex4(const struct scan *c, size_t pos, unsigned *ret)
{
	unsigned n = 0;

	for (size_t i = 0; i < 4; i++) {
		char h = at(c, pos + i);

		if (is_digit(h))
			n = n * 16 + (unsigned)(h - '0');
		else if ((h | 0x20) >= 'a' && (h | 0x20) <= 'f')
			n = n * 16 + (unsigned)((h | 0x20) - 'a') + 10;
		else
			return -1;
	}
	*ret = n;
	return 0;
}

static int unicode(struct scan *c)
{
	size_t from = c->pos;
	unsigned unit, low;

	if (hex4(c, from + 2, &unit) < 0)
		return FAIL(c, from, from + 2, "'\\u' without four hexadecimal digits behind it");
	c->pos += 6;
	if (unit == 0)
		return FAIL(c, from, c->pos, "a NUL character in a string");
	if (unit >= 0xd800 && unit <= 0xdbff && at(c, c->pos) == '\\' && at(c, c->pos + 1) == 'u' &&
	    hex4(c, c->pos + 2, &low) == 0 && low >= 0xdc00 && low <= 0xdfff)
		c->pos += 6;
	else if (unit >= 0xd800 && unit <= 0xdfff)
		return FAIL(c, from, c->pos, "'%.6s' is half of a surrogate pair", c->s + from);
	return 0;
}

static int string(struct scan *c)
{
	size_t from = c->pos++;
	char text[GATE_DOC_EXCERPT];

	for (;;) {
		unsigned char ch = (unsigned char)at(c, c->pos);

		if (c->pos >= c->len || ch == '\n' || ch == '\r')
			return FAIL(c, from, c->pos, "a string that is not closed on its line");
		if (ch == '"') {
			c->pos++;
			return 0;
		}
		if (ch < 0x20)
			return FAIL(c, c->pos, c->pos + 1, "control character U+%04X in a string: write '\\u%04x'", ch,
			            ch);
		if (ch != '\\') {
			c->pos++;
		} else if (at(c, c->pos + 1) == 'u') {
			if (unicode(c) < 0)
				return -1;
		} else if (c->pos + 1 < c->len && strchr("\"\\/bfnrt", c->s[c->pos + 1]) != NULL) {
			c->pos += 2;
		} else if (c->pos + 1 >= c->len || at(c, c->pos + 1) == '\n') {
			return FAIL(c, from, c->pos, "a string that is not closed on its line");
		} else {
			size_t end = after(c, c->pos + 1);

			return FAIL(c, c->pos, end, "unknown escape '%s' in a string",
			            gate_doc_excerpt(text, c->s + c->pos, end - c->pos));
		}
	}
}

static size_t digits(struct scan *c)
{
	size_t from = c->pos;

	while (is_digit(at(c, c->pos)))
		c->pos++;
	return c->pos - from;
}

static int number(struct scan *c)
{
	size_t from = c->pos, end = from;
	char text[GATE_DOC_EXCERPT];
	const char *why = NULL;

	while (is_word(at(c, end)) || at(c, end) == '.' || at(c, end) == '+' || at(c, end) == '-')
		end++;
	if (at(c, c->pos) == '+')
		why = "a number has no '+' in front";
	else if (at(c, c->pos) == '.')
		why = "a number has a digit in front of its point";
	c->pos += at(c, c->pos) == '-';
	if (why == NULL && at(c, c->pos) == '0' && (at(c, c->pos + 1) | 0x20) == 'x')
		why = "JSON numbers are decimal";
	else if (why == NULL && at(c, c->pos) == '0' && is_digit(at(c, c->pos + 1)))
		why = "a number has no zero in front";
	else if (why == NULL && digits(c) == 0)
		why = "it has no digits";
	if (why == NULL && at(c, c->pos) == '.') {
		c->pos++;
		why = digits(c) == 0 ? "a number has a digit behind its point" : NULL;
	}
	if (why == NULL && (at(c, c->pos) | 0x20) == 'e') {
		c->pos++;
		c->pos += at(c, c->pos) == '+' || at(c, c->pos) == '-';
		why = digits(c) == 0 ? "its exponent has no digits" : NULL;
	}
	if (why == NULL && c->pos != end)
		why = "it goes on like a word";
	if (why == NULL)
		return 0;
	return FAIL(c, from, end, "'%s' is no JSON number: %s", gate_doc_excerpt(text, c->s + from, end - from), why);
}

static int word(struct scan *c)
{
	static const struct {
		const char *word, *meant;
	} known[] = {
		{ "true", "true" }, { "false", "false" },    { "null", "null" }, { "none", "null" },
		{ "nil", "null" },  { "yes", "true" },       { "no", "false" },  { "on", "true" },
		{ "off", "false" }, { "undefined", "null" },
	}; /* the first three are JSON's own */
	size_t from = c->pos, end = from;
	char text[GATE_DOC_EXCERPT];

	while (is_word(at(c, end)))
		end++;
	gate_doc_excerpt(text, c->s + from, end - from);
	for (size_t i = 0; i < 3; i++) {
		if (strlen(known[i].word) == end - from && memcmp(known[i].word, c->s + from, end - from) == 0) {
			c->pos = end;
			return 0;
		}
	}
	for (size_t i = 0; i < GATE_ARRAY_LEN(known); i++)
		if (strcasecmp(known[i].word, text) == 0 ||
		    (i < 3 && gate_distance(known[i].word, strlen(known[i].word), text, strlen(text), 1) <= 1))
			return FAIL(c, from, end, "'%s' is no JSON word (did you mean '%s'?)", text, known[i].meant);
	if (strcasecmp(text, "nan") == 0 || strcasecmp(text, "infinity") == 0 || strcasecmp(text, "inf") == 0)
		return FAIL(c, from, end, "'%s' is no JSON number", text);
	if (c->depth == 0 && at(c, end) == ':')
		return FAIL(c, from, end, "'%s:' begins YAML, not JSON", text);
	return FAIL(c, from, end, "'%s' is not in double quotes", text);
}

/* One value that is no container. */
static int simple(struct scan *c)
{
	char ch = at(c, c->pos);

	if (ch == '"')
		return string(c);
	if (ch == '\'')
		return FAIL(c, c->pos, c->pos + 1, "a single quote: JSON strings are in double quotes");
	if (is_comment(c))
		return fail_comment(c);
	if (is_digit(ch) || (ch == '-' && is_word(at(c, c->pos + 1))) ||
	    ((ch == '+' || ch == '.') && is_digit(at(c, c->pos + 1))))
		return number(c);
	if (is_word(ch) && (unsigned char)ch < 0x80)
		return word(c);
	return fail_char(c, "a value");
}

static int key(struct scan *c)
{
	char ch = at(c, c->pos), text[GATE_DOC_EXCERPT];
	size_t end = c->pos;

	if (ch == '\'')
		return FAIL(c, c->pos, c->pos + 1, "a single quote: JSON keys are in double quotes");
	if (is_comment(c))
		return fail_comment(c);
	if (ch == '"') {
		c->key = c->pos + 1;
		if (string(c) < 0)
			return -1;
		c->key_end = c->pos - 1;
		return 0;
	}
	while (is_word(at(c, end)) || at(c, end) == '-' || at(c, end) == '.')
		end++;
	if (end > c->pos && (unsigned char)ch < 0x80)
		return FAIL(c, c->pos, end, "key '%s' is not in double quotes",
		            gate_doc_excerpt(text, c->s + c->pos, end - c->pos));
	return fail_char(c, "a key in double quotes");
}

static int colon(struct scan *c)
{
	char text[GATE_DOC_EXCERPT];

	space(c);
	if (c->pos >= c->len)
		return fail_end(c);
	if (c->s[c->pos] == ':') {
		c->pos++;
		space(c);
		if (at(c, c->pos) == ',' || at(c, c->pos) == '}')
			return FAIL(c, c->pos, c->pos + 1, "key '%s' has no value",
			            gate_doc_excerpt(text, c->s + c->key, c->key_end - c->key));
		return 0;
	}
	if (is_comment(c))
		return fail_comment(c);
	return FAIL(c, c->pos, after(c, c->pos), "no colon behind key '%s'",
	            gate_doc_excerpt(text, c->s + c->key, c->key_end - c->key));
}

/* Behind a value: closes what ends here, and stops behind a comma. *done when the outermost value has ended. */
static int follow(struct scan *c, bool *done)
{
	for (;;) {
		char ch, close = c->open[c->depth].object ? '}' : ']';

		space(c);
		ch = at(c, c->pos);
		if (c->depth == 0) {
			*done = true;
			return 0;
		}
		if (c->pos >= c->len)
			return fail_end(c);
		if (ch == close) {
			c->pos++;
			c->depth--;
			continue;
		}
		if (ch == ']' || ch == '}')
			return FAIL(c, c->pos, c->pos + 1, "found '%c', but '%c' of line %u is open", ch,
			            c->s[c->open[c->depth].at], gate_doc_place(c->s, c->open[c->depth].at, 0).line);
		if (ch != ',')
			break;
		size_t comma = c->pos++;
		space(c);
		if (at(c, c->pos) == ',')
			return FAIL(c, c->pos, c->pos + 1, "a second comma");
		if (at(c, c->pos) == close)
			return FAIL(c, comma, comma + 1, "a comma behind the last value, in front of '%c'", close);
		return 0;
	}
	if (is_comment(c))
		return fail_comment(c);
	if (c->s[c->pos] == ':')
		return FAIL(c, c->pos, c->pos + 1, c->open[c->depth].object ? "a second colon" : "a colon in an array");
	if (strchr("\"'{[-", c->s[c->pos]) != NULL || is_word(c->s[c->pos]))
		return FAIL(c, c->pos, after(c, c->pos), "no comma in front of this %s",
		            c->open[c->depth].object ? "member" : "value");
	return fail_char(c, "a comma");
}

static int trailing(struct scan *c)
{
	if (c->pos >= c->len)
		return 0;
	if (is_comment(c))
		return fail_comment(c);
	if (c->s[c->pos] == ']' || c->s[c->pos] == '}')
		return FAIL(c, c->pos, c->pos + 1, "'%c' closes nothing", c->s[c->pos]);
	return FAIL(c, c->pos, after(c, c->pos), "more text behind the value: a document is one value");
}

int gate_doc_diagnose(const char *text, size_t len, struct gate_err *err)
{
	struct scan c = { .s = text, .len = len, .err = err };
	bool done = false;

	while (!done) {
		char ch;

		space(&c);
		if (c.pos >= len)
			return fail_end(&c);
		if (c.depth > 0 && c.open[c.depth].object && (key(&c) < 0 || colon(&c) < 0))
			return -1;
		ch = at(&c, c.pos);
		if (c.pos >= len)
			return fail_end(&c);
		if (ch == '[' || ch == '{') {
			if (c.depth == GATE_DOC_DEPTH)
				return GATE_FAIL_AT(err, gate_doc_place(text, c.pos, c.pos + 1), GATE_E_LIMIT,
				                    "nested deeper than %d levels", GATE_DOC_DEPTH);
			c.depth++;
			c.open[c.depth].at = c.pos++;
			c.open[c.depth].object = ch == '{';
			space(&c);
			if (at(&c, c.pos) != (ch == '{' ? '}' : ']')) {
				if (at(&c, c.pos) == ',')
					return FAIL(&c, c.pos, c.pos + 1, "a comma in front of the first value");
				continue;
			}
		} else if (simple(&c) < 0) {
			return -1;
		}
		if (follow(&c, &done) < 0)
			return -1;
	}
	return trailing(&c);
}
