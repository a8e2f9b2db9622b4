#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/cli.h"

const char *gate_style(bool on, enum gate_style style)
{
	static const char *const codes[GATE_STYLE_MAX] = {
		[GATE_STYLE_PLAIN] = "\033[0m", [GATE_STYLE_BOLD] = "\033[1m",   [GATE_STYLE_DIM] = "\033[2m",
		[GATE_STYLE_RED] = "\033[31m",  [GATE_STYLE_GREEN] = "\033[32m", [GATE_STYLE_YELLOW] = "\033[33m",
		[GATE_STYLE_CYAN] = "\033[36m",
	};

	return on ? codes[style] : "";
}

/* https://no-color.org: present and not empty. CLICOLOR_FORCE: https://bixense.com/clicolors. */
bool gate_color_wanted(FILE *stream, const char *when)
{
	const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");

	if (strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	if (no != NULL && no[0] != '\0')
		return false;
	if (force != NULL && force[0] != '\0' && strcmp(force, "0") != 0)
		return true;
	return term != NULL && strcmp(term, "dumb") != 0 && isatty(fileno(stream)) == 1;
}

unsigned gate_columns(FILE *stream)
{
	const char *env = getenv("COLUMNS");
	struct winsize size = { 0 };
	uint64_t n;

	if (isatty(fileno(stream)) != 1)
		return 0;
	if (env != NULL && gate_u64_parse(env, strlen(env), 10000, &n) == 0 && n > 0)
		return (unsigned)n;
	return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 80;
}

__attribute__((format(printf, 4, 0))) static void say(const struct gate_cli *cli, const char *head,
                                                      enum gate_style style, const char *format, va_list ap)
{
	GATE_AUTO(gate_buf_done) struct gate_buf raw = GATE_BUF_INIT, text = GATE_BUF_INIT;

	gate_buf_vprintf(&raw, format, ap);
	gate_buf_escaped(&text, raw.data != NULL ? raw.data : "", raw.len);
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s%s%s %s\n", gate_style(cli->color_err, style), head,
	              gate_style(cli->color_err, GATE_STYLE_PLAIN), text.data != NULL ? text.data : "out of memory");
}

void gate_say(const struct gate_cli *cli, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(cli, "callgate:", GATE_STYLE_BOLD, format, ap);
	va_end(ap);
}

void gate_hint(const struct gate_cli *cli, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(cli, "  hint:", GATE_STYLE_DIM, format, ap);
	va_end(ap);
}

int gate_trouble_status(const struct gate_cli *cli)
{
	static const int statuses[] = { [GATE_CLASS_ANALYSIS] = 2, [GATE_CLASS_RUN] = 125, [GATE_CLASS_TASK] = 1 };

	return cli->verb != NULL ? statuses[cli->verb->class] : 2;
}

int gate_trouble(const struct gate_cli *cli, const struct gate_source *source, const struct gate_err *err)
{
	size_t len = 0;
	const char *text = source != NULL && err->line > 0 ? gate_source_text(source, &len) : NULL;
	struct gate_finding f = { .severity = GATE_ERROR,
		                  .line = err->line,
		                  .column = err->column,
		                  .length = err->length,
		                  .text = err->text };

	if (text == NULL) {
		gate_say(cli, "%s", err->text);
		return gate_trouble_status(cli);
	}
	(void)fflush(stdout);
	gate_excerpt(stderr, cli->color_err, gate_source_file(source), text, len, &f);
	return gate_trouble_status(cli);
}

/* The wide and the empty ranges that occur in practice; a terminal's own idea differs between terminals anyway. */
static unsigned char_width(uint32_t c)
{
	static const struct {
		uint32_t lo, hi;
		unsigned width;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 }, { 0x200b, 0x200f, 0 }, { 0xfe00, 0xfe0f, 0 },   { 0x1100, 0x115f, 2 },
		{ 0x2e80, 0xa4cf, 2 }, { 0xac00, 0xd7a3, 2 }, { 0xf900, 0xfaff, 2 },   { 0xfe30, 0xfe6f, 2 },
		{ 0xff00, 0xff60, 2 }, { 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(ranges); i++)
		if (c >= ranges[i].lo && c <= ranges[i].hi)
			return ranges[i].width;
	return 1;
}

unsigned gate_text_width(const char *s, size_t len)
{
	unsigned width = 0;

	for (size_t i = 0; i < len;) {
		unsigned char b = (unsigned char)s[i++];
		uint32_t c = b < 0x80 ? b : b < 0xe0 ? b & 0x1f : b < 0xf0 ? b & 0x0f : b & 0x07;

		while (i < len && ((unsigned char)s[i] & 0xc0) == 0x80)
			c = c << 6 | ((unsigned char)s[i++] & 0x3f);
		width += char_width(c);
	}
	return width;
}
