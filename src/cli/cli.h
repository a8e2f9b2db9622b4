/* cli.h - what every verb works with: its row in the table, its parsed options, its ways to speak.
 *
 * A verb is one constant struct in a file of its own. Its tables drive parsing, --help, the manual page's OPTIONS
 * and the shells' completion, so a thing is said once. Data goes to standard output, all else to standard error. */
#ifndef GATE_CLI_CLI_H
#define GATE_CLI_CLI_H

#include <stdio.h>

#include <callgate/source.h>

#include "base/base.h"
#include "base/buf.h"
#include "doc/doc.h"

GATE_DEFINE_FREEP(struct gate_source, gate_source_free)
GATE_DEFINE_FREEP(struct gate_space, gate_space_free)
GATE_DEFINE_FREEP(struct gate_findings, gate_findings_free)
GATE_DEFINE_FREEP(struct gate_explanation, gate_explanation_free)
GATE_DEFINE_FREEP(struct gate_compiled, gate_compiled_free)

/* What a word on the command line stands for: drives completion. */
enum gate_operand {
	GATE_OPERAND_NONE = 0,
	GATE_OPERAND_SOURCE, /* default, PATH, ENGINE:PATH, bpf:FILE, pid:N, unconfined */
	GATE_OPERAND_CALL,   /* mkdir, socket(40), x86:socketcall(1) */
	GATE_OPERAND_FILE,
	GATE_OPERAND_VERB,
	GATE_OPERAND_SHELL,
	GATE_OPERAND_COMMAND, /* a program and its arguments */
	GATE_OPERAND_ARCH,
	GATE_OPERAND_CAPS,
	GATE_OPERAND_TASK,     /* an id, the beginning of one, or a name */
	GATE_OPERAND_IMAGE,    /* ls, pull, rm, import */
	GATE_OPERAND_ANY_TASK, /* a task here or of the agent */
	GATE_OPERAND_APP,      /* of the agent */
	GATE_OPERAND_OWNER,    /* of tasks: an app or a job of the agent */
	GATE_OPERAND_THING,    /* an app, job, task or profile of the agent */
	GATE_OPERAND_MAX
};

/* One option. A list of them ends with a row whose name is NULL. */
struct gate_option {
	const char *name;       /* "fail-on": the long form */
	char letter;            /* 'o', or 0 when there is no short form */
	const char *value;      /* "FILE": takes a value; NULL: a switch */
	const char *choices;    /* "raw|asm|c": the value must be one of these; NULL: anything */
	const char *initial;    /* the value when it is not given, or NULL */
	enum gate_operand word; /* what the value is */
	const char *help;       /* a phrase, lower case, no full stop */
};

/* Options shared by many verbs. */
extern const struct gate_option gate_options_source[]; /* --arch --caps --kernel */
extern const struct gate_option gate_options_format[]; /* --format */
extern const struct gate_option gate_options_every[];  /* --color --help: every verb has them */

struct gate_example {
	const char *command, *what;
};
struct gate_status {
	const char *code, *what;
};

enum gate_verb_class {
	GATE_CLASS_ANALYSIS = 1, /* our own failures exit with 2 */
	GATE_CLASS_RUN,          /* 125, as docker run */
	GATE_CLASS_TASK          /* 1, as docker's other verbs */
};

struct gate_cli;
struct gate_refusal;
struct gate_verb {
	const char *name;
	const char *operands; /* "SOURCE [CALL...]", as the usage line has it */
	const char *summary;  /* one phrase */
	const char *about;    /* paragraphs for --help */
	enum gate_verb_class class;
	bool stop_at_operand; /* what follows the first operand belongs to COMMAND */
	enum gate_operand first, rest;
	int least, most; /* operands; most -1: any number */
	const struct gate_option *groups[8];
	const struct gate_refusal *refused;  /* flags that others know, and why not here (spec/spec.h); NULL: none */
	const struct gate_example *examples; /* end with a NULL command */
	const struct gate_status *statuses;  /* end with a NULL code */
	void (*begin)(struct gate_cli *cli); /* before the options are read, which takes time; NULL: nothing */
	int (*run)(struct gate_cli *cli);    /* the exit status */
};

/* All verbs in the order of --help. Ends with NULL. */
extern const struct gate_verb *const gate_verbs[];
const struct gate_verb *gate_verb_find(const char *name);
/* "check|explain|..." */
void gate_verb_names(char *ret, size_t size);

#define GATE_OPTIONS_MAX 112
struct gate_said {         /* one option as it was given */
	size_t option;     /* for gate_verb_option */
	const char *value; /* of a switch: "true" or "false" */
};
struct gate_cli {
	const struct gate_verb *verb; /* NULL before one is known */
	char **operands;              /* NULL at the end */
	int n_operands;
	const char *values[GATE_OPTIONS_MAX]; /* of the verb's options in table order, the last ones; NULL: not given */
	struct gate_said *said;               /* all that was given, in its order */
	size_t n_said, cap_said;
	bool color_out, color_err;
	void *begun; /* what the verb's `begin` leaves for its `run`, which is not called where options are wrong */
};

/* --- options.c --- */
/* The i-th option of a verb over all its groups, then those that every verb has; NULL behind the last. */
const struct gate_option *gate_verb_option(const struct gate_verb *verb, size_t i);
/* The short form of an option of a verb; 0 when it has none, or another option of the verb has taken it. */
char gate_option_letter(const struct gate_verb *verb, const struct gate_option *o);
/* Reads argv (argv[0] is the verb) into *cli, whose verb is set, as docker reads its own: "--name value", "--name=value",
 * "-it", "-eK=V", "--switch=false"; also "--no-switch". Fails with a sentence naming the option. */
int gate_options_parse(struct gate_cli *cli, int argc, char **argv, struct gate_err *err);
void gate_options_done(struct gate_cli *cli);
/* The value of an option by its long name: as given, else its initial value, else NULL. The verb must have it. */
const char *gate_option_text(const struct gate_cli *cli, const char *name);
/* The values of an option that may be given several times: begins with *at = 0; NULL behind the last. */
const char *gate_option_next(const struct gate_cli *cli, const char *name, size_t *at);
/* Given at all; of a switch: given, and not false. */
bool gate_option_set(const struct gate_cli *cli, const char *name);
/* Is the value one of "a|b|c"? */
bool gate_option_choice(const char *value, const char *choices);
bool gate_option_known(const struct gate_cli *cli, const char *name);
/* --format json */
bool gate_cli_json(const struct gate_cli *cli);

/* --- suggest.c --- */
/* The nearest of a "|"-separated list within two edits; false when nothing is near. */
bool gate_suggest(const char *word, const char *choices, char *ret, size_t size);
/* Writes " (did you mean 'x'?)", or "" when there is nothing to suggest. */
void gate_suggest_text(const char *word, const char *choices, char *ret, size_t size);

/* --- facts.c --- */
/* --arch, --caps and --kernel, over what the host is. */
int gate_cli_facts(const struct gate_cli *cli, struct gate_facts *ret, struct gate_err *err);

/* --- ask.c: the library, with trouble said on standard error --- */
/* The source of a word, or NULL. Freed with gate_source_free. */
struct gate_source *gate_ask_source(const struct gate_cli *cli, const char *word, const struct gate_facts *facts);
/* Several sources in one space, so that handles are equal when meanings are. */
struct gate_asked {
	struct gate_facts facts;
	struct gate_space *space;
	struct gate_source **sources;
	gate_policy *policies;
	int n;
};
/* Opens cli's first n operands as sources and makes their policies. False after trouble; gate_asked_done either way. */
bool gate_ask(const struct gate_cli *cli, int n, struct gate_asked *ret);
void gate_asked_done(struct gate_asked *a);
/* The source's program, proven; out of the caller's cache of proven programs where `cache`. */
bool gate_ask_compile(const struct gate_cli *cli, struct gate_source *source, bool cache, struct gate_compiled **ret);
/* A CALL of the command line. */
bool gate_ask_call(const struct gate_cli *cli, const char *text, enum gate_arch arch, struct gate_call *ret);
/* Writes a result to the file of -o (whole or not at all), or to standard output when there is none. */
bool gate_ask_write(const struct gate_cli *cli, const char *data, size_t len);

/* --- verdict.c --- */
#define GATE_VERDICT_TEXT 64
/* "errno EPERM", "allow", "trace 5". */
void gate_verdict_text(enum gate_arch arch, uint32_t action, char text[GATE_VERDICT_TEXT]);
/* The keys "verdict" and "errno" of an open object. */
void gate_verdict_json(struct gate_json *j, enum gate_arch arch, uint32_t action);
enum gate_style gate_verdict_style(uint32_t action);
/* The keys "arch" "syscall" "number" of an open object; name NULL writes null. */
void gate_call_json(struct gate_json *j, enum gate_arch arch, const char *name, uint32_t nr);
/* {"call", "arch", "number", "args"} of a concrete input. */
void gate_data_json(struct gate_json *j, const struct gate_data *data, enum gate_arch native);
/* One object of --format=json on a line of its own. */
void gate_json_line(const struct gate_buf *b);

/* --- listing.c: programs for people --- */
void gate_listing_text(struct gate_buf *out, const struct gate_insn *insns, size_t len, bool big_endian);
void gate_listing_c(struct gate_buf *out, const struct gate_insn *insns, size_t len, const char *comment);

/* --- say.c --- */
enum gate_style {
	GATE_STYLE_PLAIN = 0,
	GATE_STYLE_BOLD,
	GATE_STYLE_DIM,
	GATE_STYLE_RED,
	GATE_STYLE_GREEN,
	GATE_STYLE_YELLOW,
	GATE_STYLE_CYAN,
	GATE_STYLE_MAX
};
/* The escape sequence, or "" when `on` is false. PLAIN ends all others. */
const char *gate_style(bool on, enum gate_style style);
/* NO_COLOR, CLICOLOR_FORCE, TERM=dumb, --color and whether the stream is a terminal. */
bool gate_color_wanted(FILE *stream, const char *when);
/* Columns of the terminal behind a stream (COLUMNS where set), 0 when there is none. */
unsigned gate_columns(FILE *stream);
/* "callgate: <sentence>" on standard error; control bytes of the sentence are escaped. */
void gate_say(const struct gate_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A second, indented line saying what to do next. */
void gate_hint(const struct gate_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints an error, with the line and a caret when it has a place in `source` (may be NULL), and returns the exit status
 * of the verb's class. */
int gate_trouble(const struct gate_cli *cli, const struct gate_source *source, const struct gate_err *err);
/* The exit status for our own failures. */
int gate_trouble_status(const struct gate_cli *cli);
/* Columns that UTF-8 text takes on a terminal. */
unsigned gate_text_width(const char *s, size_t len);

/* --- excerpt.c --- */
/* A finding in a text:  file:line:column: error: sentence [T8], the line, a caret, what it means and what to write.
 * `text` may be NULL: then without the line. */
void gate_excerpt(FILE *out, bool color, const char *file, const char *text, size_t len, const struct gate_finding *f);
/* The line and the caret alone; nothing when the text has no such line. */
void gate_excerpt_line(FILE *out, bool color, const char *text, size_t len, uint32_t line, uint32_t column,
                       uint32_t length);

/* --- table.c --- */
/* Rows of text in columns as wide as their content; on a terminal the last column is folded at words. */
#define GATE_TABLE_COLUMNS 8
struct gate_table {
	char **cells; /* n_rows * n_columns, owned */
	enum gate_style *styles;
	size_t n_cells, cap_cells, cap_styles;
	unsigned n_columns;
	bool failed;
};
void gate_table_init(struct gate_table *t, unsigned n_columns);
/* Adds the next cell, row by row; copies, with control bytes escaped. */
void gate_table_add(struct gate_table *t, enum gate_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* `width` 0: never fold. */
void gate_table_print(const struct gate_table *t, FILE *out, bool color, unsigned indent, unsigned width);
void gate_table_done(struct gate_table *t);

/* --- help.c --- */
void gate_help_general(const struct gate_cli *cli, FILE *out);
void gate_help_verb(const struct gate_cli *cli, const struct gate_verb *verb, FILE *out);
/* A section of the verb's manual page in scdoc's language, out of the same tables: "synopsis" "description" "options"
 * "examples" "status". False for another word. */
bool gate_help_scdoc(const struct gate_verb *verb, const char *section, FILE *out);
/* Folds text at words to `width` columns, each line behind `indent` blanks; blank lines part paragraphs. */
void gate_fold(FILE *out, const char *text, unsigned indent, unsigned width);

/* --- warm.c --- */
void gate_cli_warm(void);

/* The whole program. Returns the exit status. */
int gate_cli_main(int argc, char **argv);

#endif
