/* YAML to the tree of doc.h: events of libfyaml, and a schema that cannot surprise. The library bounds nothing, so lines and
 * separators are counted before it sees a byte. */
#include <libfyaml.h>

#include "doc/parts.h"

struct reader {
	struct gate_doc_tree tree;
	struct gate_place last; /* where the last event was: for what has no place of its own */
	unsigned documents;
};

static struct gate_place place(struct reader *r, struct fy_token *token)
{
	const struct fy_mark *from = token != NULL ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *to = token != NULL ? fy_token_end_mark(token) : NULL;
	struct gate_place at = r->last;

	if (from == NULL || from->line < 0 || from->column < 0)
		return at;
	at = (struct gate_place){ (uint32_t)from->line + 1, (uint32_t)from->column + 1, 1 };
	if (to != NULL && to->line == from->line && to->column > from->column)
		at.length = (uint32_t)(to->column - from->column);
	r->last = at;
	return at;
}

static bool is_number(const char *s)
{
	const char *p = s + (*s == '-');
	size_t n = strspn(p, "0123456789");

	if (n == 0 || (n > 1 && *p == '0'))
		return false;
	p += n;
	if (*p == '.') {
		n = strspn(++p, "0123456789");
		if (n == 0)
			return false;
		p += n;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		n = strspn(p, "0123456789");
		if (n == 0)
			return false;
		p += n;
	}
	return *p == '\0';
}

static enum gate_doc_kind plain_kind(const char *s)
{
	static const struct {
		const char *word;
		enum gate_doc_kind kind;
	} words[] = {
		{ "", GATE_DOC_NULL },      { "~", GATE_DOC_NULL },     { "null", GATE_DOC_NULL },
		{ "Null", GATE_DOC_NULL },  { "NULL", GATE_DOC_NULL },  { "true", GATE_DOC_BOOL },
		{ "True", GATE_DOC_BOOL },  { "TRUE", GATE_DOC_BOOL },  { "false", GATE_DOC_BOOL },
		{ "False", GATE_DOC_BOOL }, { "FALSE", GATE_DOC_BOOL },
	};

	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++)
		if (strcmp(words[i].word, s) == 0)
			return words[i].kind;
	return is_number(s) ? GATE_DOC_NUMBER : GATE_DOC_STRING;
}

static int refuse(struct gate_place at, const char *what, struct gate_err *err)
{
	return GATE_FAIL_AT(err, at, GATE_E_SYNTAX, "%s", what);
}

static int scalar(struct reader *r, struct fy_event *event, struct gate_err *err)
{
	struct fy_token *token = event->scalar.value;
	struct gate_place at = place(r, token);
	size_t len = 0;
	const char *source = token != NULL ? fy_token_get_text(token, &len) : "";
	bool plain = token == NULL || fy_token_scalar_style(token) == FYSS_PLAIN;
	struct gate_doc *d;
	char *text;

	if (event->scalar.anchor != NULL)
		return refuse(at, "anchors are not read here: write the value out", err);
	if (event->scalar.tag != NULL)
		return refuse(at, "tags are not read here", err);
	if (source == NULL)
		return GATE_FAIL_NOMEM(err);
	if (memchr(source, '\0', len) != NULL)
		return refuse(at, "a NUL character in a string", err);
	text = gate_arena_text(r->tree.arena, source, len);
	if (text == NULL)
		return GATE_FAIL_NOMEM(err);
	if (gate_doc_wants_key(&r->tree)) {
		if (plain && strcmp(text, "<<") == 0)
			return refuse(at, "merge keys are not read here: write the values out", err);
		gate_doc_key(&r->tree, text, len, at);
		return 0;
	}
	d = gate_doc_push(&r->tree, plain ? plain_kind(text) : GATE_DOC_STRING, at, err);
	if (d == NULL)
		return -1;
	/* The words of the tree are those of JSON. */
	if (d->kind == GATE_DOC_BOOL)
		text[0] = text[0] == 'T' || text[0] == 't' ? 't' : 'f';
	for (size_t i = 1; d->kind == GATE_DOC_BOOL && i < len; i++)
		text[i] = (char)(text[i] | 0x20);
	d->text = d->kind == GATE_DOC_NULL ? "null" : text;
	d->len = (uint32_t)strlen(d->text);
	return 0;
}

static int begin(struct reader *r, struct fy_event *event, struct gate_err *err)
{
	bool object = event->type == FYET_MAPPING_START;
	struct gate_place at =
	    place(r, object ? event->mapping_start.mapping_start : event->sequence_start.sequence_start);

	if ((object ? event->mapping_start.anchor : event->sequence_start.anchor) != NULL)
		return refuse(at, "anchors are not read here: write the value out", err);
	if ((object ? event->mapping_start.tag : event->sequence_start.tag) != NULL)
		return refuse(at, "tags are not read here", err);
	if (gate_doc_wants_key(&r->tree))
		return refuse(at, "a key must be a word, not a list or a mapping", err);
	if (r->tree.depth >= GATE_DOC_DEPTH)
		return GATE_FAIL_AT(err, at, GATE_E_LIMIT, "nested deeper than %d levels", GATE_DOC_DEPTH);
	return gate_doc_open(&r->tree, object, at, err);
}

static int take(struct reader *r, struct fy_event *event, struct gate_err *err)
{
	switch (event->type) {
	case FYET_SCALAR:
		return scalar(r, event, err);
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		return begin(r, event, err);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		return gate_doc_close(&r->tree, err);
	case FYET_DOCUMENT_START:
		if (++r->documents > 1)
			return refuse(place(r, event->document_start.document_start),
			              "a second document: one is read here", err);
		return 0;
	case FYET_ALIAS:
		return refuse(place(r, event->alias.anchor), "aliases are not read here: write the value out", err);
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
		return 0;
	case FYET_NONE:
	default:
		return refuse(r->last, "this is not YAML", err);
	}
}

/* The library tells what is wrong only through its diagnostics; the first one is kept. */
struct trouble {
	bool seen;
	uint32_t line, column;
	char text[200];
};

static void heard(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	struct trouble *t = user;

	(void)diag;
	if (t->seen || len == 0)
		return;
	t->seen = true;
	len = len < sizeof(t->text) - 1 ? len : sizeof(t->text) - 1;
	memcpy(t->text, text, len);
	t->text[len] = '\0';
	t->text[strcspn(t->text, "\n")] = '\0';
}

static void diag_freep(struct fy_diag **diag)
{
	fy_diag_destroy(*diag);
}

static void parser_freep(struct fy_parser **parser)
{
	fy_parser_destroy(*parser);
}

/* "<file>:3:5: error: text" of the library as a sentence and a place. */
static int complain(const struct reader *r, const struct trouble *t, struct gate_err *err)
{
	const char *text = strstr(t->text, "error: ");
	struct gate_place at = { r->last.line, r->last.column, 0 };
	unsigned line = 0, column = 0;
	const char *colon = strchr(t->text, ':');
	char *end;

	if (!t->seen)
		return GATE_FAIL_AT(err, at, GATE_E_SYNTAX, "something after this place is not YAML");
	text = text != NULL ? text + strlen("error: ") : t->text;
	if (colon != NULL) {
		line = (unsigned)strtoul(colon + 1, &end, 10);
		column = *end == ':' ? (unsigned)strtoul(end + 1, NULL, 10) : 0;
	}
	if (line != 0)
		at = (struct gate_place){ line, column != 0 ? column : 1, 0 };
	return GATE_FAIL_AT(err, at, GATE_E_SYNTAX, "this is not YAML: %s", text);
}

static int events(struct reader *r, const char *text, size_t len, struct gate_err *err)
{
	struct trouble trouble = { .seen = false };
	struct fy_diag_cfg quiet = {
		.output_fn = heard, .user = &trouble, .level = FYET_ERROR, .show_position = true, .show_type = true
	};
	GATE_AUTO(diag_freep) struct fy_diag *diag = fy_diag_create(&quiet);
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET, .diag = diag };
	GATE_AUTO(parser_freep) struct fy_parser *parser = diag != NULL ? fy_parser_create(&cfg) : NULL;
	struct fy_event *event;

	if (parser == NULL || fy_parser_set_string(parser, text, len) != 0)
		return GATE_FAIL_NOMEM(err);
	while ((event = fy_parser_parse(parser)) != NULL) {
		int failed = take(r, event, err);

		fy_parser_event_free(parser, event);
		if (failed < 0)
			return -1;
	}
	if (fy_parser_get_stream_error(parser) || r->tree.depth != 0)
		return complain(r, &trouble, err);
	return 0;
}

/* What the library makes a token of: at most so many. */
static int count(const char *text, size_t len, size_t *ret, struct gate_err *err)
{
	size_t values = 1;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		values += c == '\n' || c == ',' || c == '[' || c == '{' || c == '-' || c == '?' || c == ':';
		if (values > GATE_DOC_VALUES)
			return GATE_FAIL_AT(err, gate_doc_place(text, i, i + 1), GATE_E_LIMIT, "more than %d values",
			                    GATE_DOC_VALUES);
	}
	*ret = values;
	return 0;
}

int gate_doc_read_yaml(struct gate_arena *arena, const char *text, size_t len, const struct gate_doc **ret,
                       struct gate_err *err)
{
	struct reader r = { .tree = { .arena = arena }, .last = { 1, 1, 0 } };
	struct gate_doc *root = NULL;
	size_t values;
	bool ascii;
	int failed;

	if (gate_doc_check_text(text, len, GATE_DOC_YAML_MAX, "YAML", &ascii, err) < 0 ||
	    count(text, len, &values, err) < 0 || gate_doc_ask_memory(values, err) < 0)
		return -1;
	failed = len == 0 ? 0 : events(&r, text, len, err);
	if (failed == 0) {
		root = GATE_NEW(arena, struct gate_doc);
		if (root == NULL)
			failed = GATE_FAIL_NOMEM(err);
		else if (r.tree.n == 0)
			*root = (struct gate_doc){ .kind = GATE_DOC_NULL, .at = { 1, 1, 0 }, .text = "null", .len = 4 };
		else
			*root = r.tree.stack[0];
	}
	free(r.tree.stack);
	if (failed < 0)
		return -1;
	*ret = root;
	return 0;
}
