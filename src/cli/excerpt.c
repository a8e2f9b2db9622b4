#include "cli/cli.h"

/* A line of a text, shown around a column. */
struct shown {
	const char *s;
	size_t len;
	unsigned caret;  /* characters of `s` before the caret */
	unsigned length; /* characters under the caret */
	bool cut_left, cut_right;
};

static const char *find_line(const char *text, size_t len, uint32_t line, size_t *ret_len)
{
	const char *end = text + len, *s = text, *nl;

	while (--line > 0 && s != NULL) {
		nl = memchr(s, '\n', (size_t)(end - s));
		s = nl != NULL ? nl + 1 : NULL;
	}
	if (s == NULL)
		return NULL;
	nl = memchr(s, '\n', (size_t)(end - s));
	*ret_len = (size_t)((nl != NULL ? nl : end) - s);
	return s;
}

/* The byte offset of the n-th character, at most len. */
static size_t offset_of(const char *s, size_t len, size_t n)
{
	size_t i = 0;

	while (n-- > 0 && i < len)
		for (i++; i < len && ((unsigned char)s[i] & 0xc0) == 0x80;)
			i++;
	return i;
}

static size_t count(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Minified profiles are one line of 20,000 characters: show 100 of them around the place. */
static struct shown around(const char *line, size_t len, uint32_t column, uint32_t length)
{
	enum { WIDE = 100, BEFORE = 40 };
	size_t chars = count(line, len), at = column > 0 ? column - 1 : 0, first = 0, last = chars;

	if (at > chars)
		at = chars;
	if (chars > WIDE) {
		first = at > BEFORE ? at - BEFORE : 0;
		last = first + WIDE < chars ? first + WIDE : chars;
	}
	size_t from = offset_of(line, len, first), to = offset_of(line, len, last);
	size_t room = last - at;

	return (struct shown){ line + from,
		               to - from,
		               (unsigned)(at - first),
		               length == 0 || room == 0 ? 1 : (unsigned)(length < room ? length : room),
		               first > 0,
		               last < chars };
}

static void print_line(FILE *out, bool color, uint32_t line, const struct shown *l)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT, under = GATE_BUF_INIT;
	const char *dim = gate_style(color, GATE_STYLE_DIM), *off = gate_style(color, GATE_STYLE_PLAIN);
	size_t start = offset_of(l->s, l->len, l->caret), end = offset_of(l->s, l->len, l->caret + l->length);

	for (size_t i = 0; i < l->len;) { /* piece by piece, so that escapes widen the line under it as well */
		size_t n = offset_of(l->s + i, l->len - i, 1), before = text.len;
		bool in = i >= start && i < end;

		if (l->s[i] == '\t') {
			gate_buf_puts(&text, "\t");
			gate_buf_puts(&under, "\t"); /* tabs stay tabs: the caret lines up at any tab width */
			i += n;
			continue;
		}
		if (l->s[i] == '\r' && i + 1 == l->len)
			break;
		gate_buf_escaped(&text, l->s + i, n);
		if (text.data != NULL)
			for (unsigned w = gate_text_width(text.data + before, text.len - before); w > 0; w--)
				gate_buf_puts(&under, in ? "~" : " ");
		i += n;
	}
	if (under.data != NULL && memchr(under.data, '~', under.len) != NULL)
		*(char *)memchr(under.data, '~', under.len) = '^';
	else
		gate_buf_puts(&under, "^");
	while (under.len > 0 && under.data != NULL &&
	       (under.data[under.len - 1] == ' ' || under.data[under.len - 1] == '\t'))
		under.data[--under.len] = '\0';
	(void)fprintf(out, "%s%5u |%s %s%s%s\n", dim, line, off, l->cut_left ? "..." : "",
	              text.data != NULL ? text.data : "", l->cut_right ? "..." : "");
	(void)fprintf(out, "%s      |%s %s%s%s%s\n", dim, off, l->cut_left ? "   " : "",
	              gate_style(color, GATE_STYLE_GREEN), under.data != NULL ? under.data : "", off);
}

static void print_note(FILE *out, bool color, const char *word, const char *text)
{
	GATE_AUTO(gate_buf_done) struct gate_buf b = GATE_BUF_INIT;

	if (text == NULL)
		return;
	gate_buf_escaped(&b, text, strlen(text));
	(void)fprintf(out, "      %s=%s %s: %s\n", gate_style(color, GATE_STYLE_DIM),
	              gate_style(color, GATE_STYLE_PLAIN), word, b.data != NULL ? b.data : "");
}

void gate_excerpt_line(FILE *out, bool color, const char *text, size_t len, uint32_t line, uint32_t column,
                       uint32_t length)
{
	size_t line_len = 0;
	const char *s = text != NULL && line > 0 ? find_line(text, len, line, &line_len) : NULL;

	if (s != NULL) {
		struct shown l = around(s, line_len, column, length);

		print_line(out, color, line, &l);
	}
}

void gate_excerpt(FILE *out, bool color, const char *file, const char *text, size_t len, const struct gate_finding *f)
{
	static const struct {
		const char *word;
		enum gate_style style;
	} words[] = {
		[GATE_NOTICE] = { "notice", GATE_STYLE_CYAN },
		[GATE_WARNING] = { "warning", GATE_STYLE_YELLOW },
		[GATE_ERROR] = { "error", GATE_STYLE_RED },
	};
	GATE_AUTO(gate_buf_done) struct gate_buf head = GATE_BUF_INIT;
	const char *off = gate_style(color, GATE_STYLE_PLAIN);

	gate_buf_escaped(&head, file, strlen(file));
	if (f->line > 0)
		gate_buf_printf(&head, ":%u:%u", f->line, f->column);
	(void)fprintf(out, "%s%s:%s %s%s:%s ", gate_style(color, GATE_STYLE_BOLD), head.data != NULL ? head.data : "",
	              off, gate_style(color, words[f->severity].style), words[f->severity].word, off);
	gate_buf_done(&head);
	gate_buf_escaped(&head, f->text, strlen(f->text));
	(void)fprintf(out, "%s", head.data != NULL ? head.data : "");
	if (f->engines != NULL)
		(void)fprintf(out, " (%s)", f->engines);
	(void)fprintf(out, f->id[0] != '\0' ? " [%s]\n" : "%s\n", f->id);
	gate_excerpt_line(out, color, text, len, f->line, f->column, f->length);
	print_note(out, color, "means", f->meaning);
	print_note(out, color, "write", f->instead);
}
