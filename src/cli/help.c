#include "cli/cli.h"

enum { HELP_WIDTH = 100 };

void gate_fold(FILE *out, const char *text, unsigned indent, unsigned width)
{
	unsigned at = 0;

	for (const char *s = text; *s != '\0';) {
		size_t n = strcspn(s, " \n");

		if (at > 0 && at + 1 + n > width - indent) {
			(void)fputc('\n', out);
			at = 0;
		}
		if (n > 0)
			at += (unsigned)fprintf(out, "%*s%.*s", at > 0 ? 1 : (int)indent, "", (int)n, s) -
			      (at > 0 ? 0 : indent);
		s += n;
		if (*s == '\n') {
			(void)fputc('\n', out);
			at = 0;
		}
		s += *s != '\0';
	}
	(void)fputc('\n', out);
}

/* Help phrases mark words as *bold* for the manual; terminals get them plain. */
static void unmark(const char *help, char *ret, size_t size)
{
	size_t n = 0;

	for (; *help != '\0' && n + 1 < size; help++)
		if (*help != '*')
			ret[n++] = *help;
	ret[n] = '\0';
}

static const char *value_of(const struct gate_option *o)
{
	return o->choices != NULL ? o->choices : o->value;
}

/* Choices that would leave no room for the texts of the other options stand in the option's own. */
#define CHOICES_MOST 48

static void add_choices(const struct gate_option *o, char *help, size_t size)
{
	size_t n = strlen(help);

	n += (size_t)snprintf(help + n, size - n, ": ");
	for (const char *c = o->choices; *c != '\0' && n + 3 < size; c++) {
		help[n++] = *c == '|' ? ',' : *c;
		if (*c == '|')
			help[n++] = ' ';
	}
	help[n] = '\0';
}

static void add_options(struct gate_table *t, const struct gate_verb *verb, const struct gate_option *list)
{
	char help[512], initial[64];

	for (const struct gate_option *o = list; o != NULL && o->name != NULL; o++) {
		bool many = o->choices != NULL && strlen(o->choices) > CHOICES_MOST;
		char letter[8] = "    ";

		if (gate_option_letter(verb, o) != 0)
			(void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		unmark(o->help, help, sizeof(help));
		if (many)
			add_choices(o, help, sizeof(help));
		initial[0] = '\0';
		if (o->initial != NULL)
			(void)snprintf(initial, sizeof(initial), " (default: %s)", o->initial);
		gate_table_add(t, GATE_STYLE_BOLD, "%s--%s%s%s", letter, o->name, o->value != NULL ? "=" : "",
		               o->value == NULL ? ""
		               : many           ? o->value
		                                : value_of(o));
		gate_table_add(t, GATE_STYLE_PLAIN, "%s%s", help, initial);
	}
}

static void heading(FILE *out, bool color, const char *text)
{
	(void)fprintf(out, "\n%s%s%s\n", gate_style(color, GATE_STYLE_BOLD), text, gate_style(color, GATE_STYLE_PLAIN));
}

static unsigned width_of(FILE *out)
{
	unsigned columns = gate_columns(out);

	return columns == 0 || columns > HELP_WIDTH ? HELP_WIDTH : columns;
}

/* Commands beside what they do, or below it where that would be too wide; a longer command goes on behind a backslash. */
static void print_examples(const struct gate_verb *verb, FILE *out, bool color, unsigned width)
{
	enum { INDENT = 2, MORE = 6, LEAST = 40 };
	GATE_AUTO(gate_table_done) struct gate_table beside = { 0 };
	const char *on = gate_style(color, GATE_STYLE_CYAN), *off = gate_style(color, GATE_STYLE_PLAIN);
	size_t command = 0, what = 0, room = (width > LEAST ? width : LEAST) - MORE, n;

	for (const struct gate_example *e = verb->examples; e->command != NULL; e++) {
		command = strlen(e->command) > command ? strlen(e->command) : command;
		what = strlen(e->what) > what ? strlen(e->what) : what;
	}
	gate_table_init(&beside, 2);
	for (const struct gate_example *e = verb->examples; e->command != NULL; e++) {
		if (INDENT + command + 2 + what <= width) {
			gate_table_add(&beside, GATE_STYLE_CYAN, "%s", e->command);
			gate_table_add(&beside, GATE_STYLE_PLAIN, "%s", e->what);
			continue;
		}
		(void)fprintf(out, "%*s# %s\n%*s%s", INDENT, "", e->what, INDENT, "", on);
		for (const char *s = e->command; *s != '\0'; s += n + (s[n] == ' ')) {
			n = strlen(s);
			if (n > room)
				for (n = room - 2; n > 0 && s[n] != ' ';)
					n--;
			if (n == 0)
				n = strlen(s);
			(void)fprintf(out, "%.*s", (int)n, s);
			if (s[n] != '\0')
				(void)fprintf(out, " \\\n%*s", MORE, "");
		}
		(void)fprintf(out, "%s\n", off);
	}
	gate_table_print(&beside, out, color, INDENT, width);
}

void gate_help_verb(const struct gate_cli *cli, const struct gate_verb *verb, FILE *out)
{
	GATE_AUTO(gate_table_done) struct gate_table options = { 0 }, statuses = { 0 };
	GATE_AUTO(gate_buf_done) struct gate_buf title = GATE_BUF_INIT;
	unsigned width = width_of(out);
	bool color = cli->color_out;

	gate_table_init(&options, 2);
	gate_table_init(&statuses, 2);
	gate_buf_printf(&title, "callgate %s - %s", verb->name, verb->summary);
	gate_fold(out, title.data != NULL ? title.data : "", 0, width);
	(void)fprintf(out, "\nusage: callgate %s [OPTION...] %s\n\n", verb->name, verb->operands);
	gate_fold(out, verb->about, 0, width);
	for (size_t g = 0; g < GATE_ARRAY_LEN(verb->groups); g++)
		add_options(&options, verb, verb->groups[g]);
	add_options(&options, verb, gate_options_every);
	heading(out, color, "options");
	gate_table_print(&options, out, color, 2, width);
	heading(out, color, "examples");
	print_examples(verb, out, color, width);
	for (const struct gate_status *s = verb->statuses; s->code != NULL; s++) {
		gate_table_add(&statuses, GATE_STYLE_BOLD, "%s", s->code);
		gate_table_add(&statuses, GATE_STYLE_PLAIN, "%s", s->what);
	}
	heading(out, color, "exit status");
	gate_table_print(&statuses, out, color, 2, width);
}

void gate_help_general(const struct gate_cli *cli, FILE *out)
{
	GATE_AUTO(gate_table_done) struct gate_table verbs = { 0 };
	unsigned width = width_of(out);

	gate_table_init(&verbs, 2);
	(void)fprintf(out, "callgate - what a seccomp profile really allows, proven, and programs run under it\n\n"
	                   "usage: callgate VERB [OPTION...] [OPERAND...]\n");
	for (size_t i = 0; gate_verbs[i] != NULL; i++) {
		gate_table_add(&verbs, GATE_STYLE_BOLD, "%s", gate_verbs[i]->name);
		gate_table_add(&verbs, GATE_STYLE_PLAIN, "%s", gate_verbs[i]->summary);
	}
	heading(out, cli->color_out, "verbs");
	gate_table_print(&verbs, out, cli->color_out, 2, width);
	heading(out, cli->color_out, "words");
	gate_fold(
	    out,
	    "SOURCE is a policy: default (built in), a PATH, ENGINE:PATH (a file as docker, podman, containerd, cri-o, crun "
	    "or mesos reads it), bpf:FILE (a raw program), pid:N (the filters of a living process), unconfined.",
	    2, width);
	gate_fold(
	    out,
	    "CALL is a system call: mkdir, 'socket(40)', 'openat(_, _, 0x41)', a number, or any of these with an "
	    "architecture in front, as in 'x86:socketcall(1)'. An argument left out or written _ means any value.",
	    2, width);
	heading(out, cli->color_out, "examples");
	(void)fputs("  callgate explain default mount         is mount allowed, and which line says so?\n"
	            "  callgate diff docker:web.json web.json what changes between two meanings?\n"
	            "  callgate run --image=oci:./web -m 64m  run an image under the default profile, with a limit\n",
	            out);
	(void)fputs("\nMore: callgate help VERB, or the manual: man callgate, man callgate-profile\n", out);
}

/* --- scdoc(5): _x_ underlines, *x* is bold; other marks in text are escaped --- */
static void scdoc_text(FILE *out, const char *s, bool marks)
{
	for (const char *first = s; *s != '\0'; s++) {
		if (*s == '-' && (s == first || s[-1] == '\n'))
			(void)fputc('\\', out); /* no list */
		if (*s == '_' || *s == '\\' || *s == '`' || (*s == '*' && !marks) || *s == '#' || *s == '|')
			(void)fputc('\\', out);
		(void)fputc(*s, out);
	}
}

static void scdoc_options(FILE *out, const struct gate_verb *verb, const struct gate_option *list)
{
	for (const struct gate_option *o = list; o != NULL && o->name != NULL; o++) {
		if (gate_option_letter(verb, o) != 0)
			(void)fprintf(out, "*-%c*, ", o->letter);
		(void)fprintf(out, "*--%s*", o->name);
		if (o->value != NULL) {
			(void)fputc('=', out);
			(void)fputc(o->choices != NULL ? '*' : '_', out);
			scdoc_text(out, value_of(o), false);
			(void)fputc(o->choices != NULL ? '*' : '_', out);
		}
		(void)fputs("\n\t", out);
		scdoc_text(out, o->help, true);
		if (o->initial != NULL) {
			(void)fputs(" (default: ", out);
			scdoc_text(out, o->initial, false);
			(void)fputc(')', out);
		}
		(void)fputs("\n\n", out);
	}
}

static void section_synopsis(const struct gate_verb *verb, FILE *out)
{
	(void)fprintf(out, "*callgate %s* [_option_...] ", verb->name);
	scdoc_text(out, verb->operands, false);
	(void)fputc('\n', out);
}

static void section_description(const struct gate_verb *verb, FILE *out)
{
	scdoc_text(out, verb->about, false);
	(void)fputc('\n', out);
}

static void section_options(const struct gate_verb *verb, FILE *out)
{
	for (size_t g = 0; g < GATE_ARRAY_LEN(verb->groups); g++)
		scdoc_options(out, verb, verb->groups[g]);
	scdoc_options(out, verb, gate_options_every);
}

static void section_status(const struct gate_verb *verb, FILE *out)
{
	for (const struct gate_status *s = verb->statuses; s->code != NULL; s++) {
		(void)fprintf(out, "*%s*\n\t", s->code);
		scdoc_text(out, s->what, false);
		(void)fputs("\n\n", out);
	}
}

static void section_examples(const struct gate_verb *verb, FILE *out)
{
	for (const struct gate_example *e = verb->examples; e->command != NULL; e++) {
		(void)fputs("*", out);
		scdoc_text(out, e->command, false);
		(void)fputs("*\n\t", out);
		scdoc_text(out, e->what, false);
		(void)fputs("\n\n", out);
	}
}

bool gate_help_scdoc(const struct gate_verb *verb, const char *section, FILE *out)
{
	static const struct {
		const char *name;
		void (*print)(const struct gate_verb *verb, FILE *out);
	} sections[] = {
		{ "synopsis", section_synopsis }, { "description", section_description },
		{ "options", section_options },   { "status", section_status },
		{ "examples", section_examples },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(sections); i++)
		if (strcmp(sections[i].name, section) == 0) {
			sections[i].print(verb, out);
			return true;
		}
	return false;
}
