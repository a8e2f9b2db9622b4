/* Tables without libsmartcols: docs/decisions/0002-static-cli.md. */
#include "cli/cli.h"

void gate_table_init(struct gate_table *t, unsigned n_columns)
{
	GATE_CHECK(n_columns > 0 && n_columns <= GATE_TABLE_COLUMNS);
	*t = (struct gate_table){ .n_columns = n_columns };
}

void gate_table_add(struct gate_table *t, enum gate_style style, const char *format, ...)
{
	GATE_AUTO(gate_buf_done) struct gate_buf raw = GATE_BUF_INIT, text = GATE_BUF_INIT;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&raw, format, ap);
	va_end(ap);
	gate_buf_escaped(&text, raw.data != NULL ? raw.data : "", raw.len);
	gate_buf_puts(&text, "");
	if (t->failed || raw.failed || text.failed ||
	    gate_grow(&t->cells, t->n_cells, &t->cap_cells, sizeof(*t->cells)) < 0 ||
	    gate_grow(&t->styles, t->n_cells, &t->cap_styles, sizeof(*t->styles)) < 0) {
		t->failed = true;
		return;
	}
	t->styles[t->n_cells] = style;
	t->cells[t->n_cells] = text.data != NULL ? gate_buf_take(&text) : calloc(1, 1);
	if (t->cells[t->n_cells] == NULL)
		t->failed = true;
	else
		t->n_cells++;
}

static unsigned column_width(const struct gate_table *t, unsigned column)
{
	unsigned widest = 0;

	for (size_t i = column; i < t->n_cells; i += t->n_columns) {
		unsigned w = gate_text_width(t->cells[i], strlen(t->cells[i]));

		widest = w > widest ? w : widest;
	}
	return widest;
}

/* How much of `s` fits `room` columns, ending at a blank or a comma where there is one. */
static size_t fitting(const char *s, unsigned room)
{
	size_t len = strlen(s), end, good = 0;

	if (gate_text_width(s, len) <= room)
		return len;
	for (end = 0; end < len && gate_text_width(s, end + 1) <= room; end++)
		if (s[end] == ' ')
			good = end;
	while (end > 0 && ((unsigned char)s[end] & 0xc0) == 0x80)
		end--; /* never within a character */
	return good > 0 ? good : end > 0 ? end : len;
}

/* The last column, folded under itself. */
static void print_last(FILE *out, const char *s, const char *on, const char *off, unsigned at, unsigned width)
{
	enum { LEAST = 20 }; /* narrower than this, folding makes it worse */
	unsigned room = width > at + LEAST ? width - at : 0;

	for (;;) {
		size_t n = room > 0 ? fitting(s, room) : strlen(s);

		(void)fprintf(out, "%s%.*s%s\n", on, (int)n, s, off);
		s += n;
		while (*s == ' ')
			s++;
		if (*s == '\0')
			return;
		(void)fprintf(out, "%*s", (int)at, "");
	}
}

static bool nothing_after(const struct gate_table *t, size_t row, unsigned column)
{
	for (unsigned c = column + 1; c < t->n_columns; c++)
		if (t->cells[row + c][0] != '\0')
			return false;
	return true;
}

void gate_table_print(const struct gate_table *t, FILE *out, bool color, unsigned indent, unsigned width)
{
	enum { GAP = 2 };
	const char *off = gate_style(color, GATE_STYLE_PLAIN);
	unsigned widths[GATE_TABLE_COLUMNS];

	for (unsigned c = 0; c < t->n_columns; c++)
		widths[c] = column_width(t, c);
	for (size_t row = 0; row + t->n_columns <= t->n_cells; row += t->n_columns) {
		unsigned at = indent;

		(void)fprintf(out, "%*s", (int)indent, "");
		for (unsigned c = 0; c < t->n_columns; c++) {
			const char *s = t->cells[row + c];
			enum gate_style style = t->styles[row + c];
			const char *on = style != GATE_STYLE_PLAIN ? gate_style(color, style) : "";

			if (c + 1 == t->n_columns || nothing_after(t, row, c)) {
				print_last(out, s, on, style != GATE_STYLE_PLAIN ? off : "", at, width);
				break;
			}
			(void)fprintf(out, "%s%s%s%*s", on, s, style != GATE_STYLE_PLAIN ? off : "",
			              (int)(widths[c] - gate_text_width(s, strlen(s)) + GAP), "");
			at += widths[c] + GAP;
		}
	}
	if (t->failed)
		(void)fprintf(out, "(cut: out of memory)\n");
}

void gate_table_done(struct gate_table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->styles);
	*t = (struct gate_table){ 0 };
}
