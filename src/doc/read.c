/* Events of libfyaml to a tree. The library decides what is JSON; here its answer is turned into places and texts,
 * and held against the bytes: between two tokens there may be nothing but white space and the one comma or colon
 * that belongs there. */
#include <libfyaml.h>

#include "doc/parts.h"

struct reader {
	struct gate_doc_tree tree;
	const char *text;
	size_t len;
	struct gate_cursor at; /* behind the last token */
	char *pool, *pool_end; /* texts of scalars and keys: never longer than the source */
	struct gate_doc_shape shape;
	bool done, not_json;
};

/* White space up to byte `to`, with exactly the separator that the place asks for. */
static bool gap(struct reader *r, size_t to, char wanted)
{
	struct gate_cursor at = r->at;
	bool seen = wanted == '\0';

	if (to < r->at.pos || to > r->len)
		return false;
	for (; at.pos < to; at.pos++) {
		char c = r->text[at.pos];

		at.column++;
		if (c == '\n') {
			at.line++;
			at.column = 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			if (seen || c != wanted)
				return false;
			seen = true;
		}
	}
	r->at = at;
	return seen;
}

/* Over a token, which lies on one line. */
static void over(struct reader *r, size_t end)
{
	if (!r->shape.ascii) {
		gate_cursor_to(&r->at, end);
		return;
	}
	r->at.column += (uint32_t)(end - r->at.pos);
	r->at.pos = end;
}

static char separator(const struct reader *r, bool closing)
{
	const struct gate_doc_level *l = gate_doc_level(&r->tree);

	if (r->tree.depth == 0 || closing)
		return '\0';
	if (l->object && l->after_key)
		return ':';
	return r->tree.n > l->first ? ',' : '\0';
}

static const char *keep(struct reader *r, const char *s, size_t len)
{
	char *p = r->pool;

	GATE_CHECK(len < (size_t)(r->pool_end - p));
	if (len != 0)
		memcpy(p, s, len);
	p[len] = '\0';
	r->pool += len + 1;
	return p;
}

/* The text of a quoted token. Without escapes it is the source itself, whatever the library made of it. */
static int string(struct reader *r, struct fy_token *token, size_t start, size_t end, const char **ret, size_t *ret_len,
                  struct gate_err *err)
{
	const char *s = r->text + start;
	size_t len = end - start;
	struct gate_place at;

	if (memchr(s, '\\', len) != NULL) {
		s = fy_token_get_text(token, &len);
		if (s == NULL)
			return GATE_FAIL_NOMEM(err);
		if (memchr(s, '\0', len) != NULL) {
			at = gate_doc_place(r->text, start - 1, end + 1);
			return GATE_FAIL_AT(err, at, GATE_E_SYNTAX, "a NUL character in a string");
		}
		if (len > end - start) {
			r->not_json = true;
			return -1;
		}
	}
	*ret = keep(r, s, len);
	*ret_len = len;
	return 0;
}

static enum gate_doc_kind plain_kind(char c)
{
	switch (c) {
	case 't':
	case 'f':
		return GATE_DOC_BOOL;
	case 'n':
		return GATE_DOC_NULL;
	default:
		return GATE_DOC_NUMBER;
	}
}

static int scalar(struct reader *r, struct fy_token *token, struct gate_err *err)
{
	const struct fy_mark *from = fy_token_start_mark(token), *to = fy_token_end_mark(token);
	enum fy_scalar_style style = fy_token_scalar_style(token);
	bool quoted = style == FYSS_DOUBLE_QUOTED;
	struct gate_place at;
	struct gate_doc *d;
	const char *text;
	size_t start, end, len;

	r->not_json = true;
	if (from == NULL || to == NULL || (!quoted && style != FYSS_PLAIN))
		return -1;
	/* The marks of a quoted scalar are inside the quotes. */
	start = from->input_pos - quoted;
	end = to->input_pos + quoted;
	if (start >= end || end > r->len || (quoted && (r->text[start] != '"' || r->text[end - 1] != '"')))
		return -1;
	if (!gap(r, start, separator(r, false)))
		return -1;
	at = (struct gate_place){ r->at.line, r->at.column, 0 };
	over(r, end);
	at.length = r->at.column - at.column;
	r->not_json = false;
	if (!quoted)
		text = keep(r, r->text + start, len = end - start);
	else if (string(r, token, start + 1, end - 1, &text, &len, err) < 0)
		return -1;
	if (gate_doc_wants_key(&r->tree)) {
		gate_doc_key(&r->tree, text, len, at);
		r->not_json = !quoted;
		return quoted ? 0 : -1;
	}
	d = gate_doc_push(&r->tree, quoted ? GATE_DOC_STRING : plain_kind(*text), at, err);
	if (d == NULL)
		return -1;
	d->text = text;
	d->len = (uint32_t)len;
	return 0;
}

static int begin(struct reader *r, struct fy_token *token, bool object, struct gate_err *err)
{
	const struct fy_mark *mark = fy_token_start_mark(token);

	r->not_json = true;
	if (mark == NULL || mark->input_pos >= r->len || r->text[mark->input_pos] != (object ? '{' : '['))
		return -1;
	if (r->tree.depth >= GATE_DOC_DEPTH || gate_doc_wants_key(&r->tree))
		return -1;
	if (!gap(r, mark->input_pos, separator(r, false)))
		return -1;
	r->not_json = false;
	if (gate_doc_open(&r->tree, object, (struct gate_place){ r->at.line, r->at.column, 1 }, err) < 0)
		return -1;
	over(r, mark->input_pos + 1);
	return 0;
}

static int finish(struct reader *r, struct fy_token *token, bool object, struct gate_err *err)
{
	const struct fy_mark *mark = fy_token_start_mark(token);
	const struct gate_doc_level *l = gate_doc_level(&r->tree);

	r->not_json = true;
	if (mark == NULL || mark->input_pos >= r->len || r->text[mark->input_pos] != (object ? '}' : ']'))
		return -1;
	if (r->tree.depth == 0 || l->object != object || l->after_key || !gap(r, mark->input_pos, separator(r, true)))
		return -1;
	r->not_json = false;
	over(r, mark->input_pos + 1);
	return gate_doc_close(&r->tree, err);
}

static int take(struct reader *r, struct fy_event *event, struct gate_err *err)
{
	struct fy_token *token = fy_event_get_token(event);

	if (r->done && event->type != FYET_DOCUMENT_END && event->type != FYET_STREAM_END) {
		r->not_json = true;
		return -1;
	}
	switch (event->type) {
	case FYET_SCALAR:
		if (scalar(r, token, err) < 0)
			return -1;
		break;
	case FYET_SEQUENCE_START:
	case FYET_MAPPING_START:
		return begin(r, token, event->type == FYET_MAPPING_START, err);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		if (finish(r, token, event->type == FYET_MAPPING_END, err) < 0)
			return -1;
		break;
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_START:
	case FYET_DOCUMENT_END:
		return 0;
	case FYET_NONE:
	case FYET_ALIAS:
	default:
		r->not_json = true;
		return -1;
	}
	r->done = r->tree.depth == 0 && r->tree.n == 1;
	return 0;
}

/* The library prints what it finds unless it is told where to: nowhere. */
static void discard(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)len;
}

static void diag_freep(struct fy_diag **diag)
{
	fy_diag_destroy(*diag);
}

static void parser_freep(struct fy_parser **parser)
{
	fy_parser_destroy(*parser);
}

static int events(struct reader *r, struct gate_err *err)
{
	struct fy_diag_cfg quiet = { .output_fn = discard, .level = FYET_ERROR };
	GATE_AUTO(diag_freep) struct fy_diag *diag = fy_diag_create(&quiet);
	struct fy_parse_cfg cfg = { .flags = FYPCF_JSON_FORCE | FYPCF_QUIET, .diag = diag };
	GATE_AUTO(parser_freep) struct fy_parser *parser = diag != NULL ? fy_parser_create(&cfg) : NULL;
	struct fy_event *event;

	if (parser == NULL || fy_parser_set_string(parser, r->text, r->len) != 0)
		return GATE_FAIL_NOMEM(err);
	errno = 0;
	while ((event = fy_parser_parse(parser)) != NULL) {
		int failed = take(r, event, err);

		fy_parser_event_free(parser, event);
		if (failed < 0)
			return -1;
	}
	if (fy_parser_get_stream_error(parser)) {
		if (errno == ENOMEM)
			return GATE_FAIL_NOMEM(err);
		r->not_json = true;
		return -1;
	}
	r->not_json = !r->done || !gap(r, r->len, '\0');
	return r->not_json ? -1 : 0;
}

static int refuse(const struct reader *r, struct gate_err *err)
{
	struct gate_place at = { r->at.line, r->at.column, 0 };

	if (gate_doc_diagnose(r->text, r->len, err) < 0)
		return -1;
	return GATE_FAIL_AT(err, at, GATE_E_SYNTAX, "something after this place is not JSON");
}

int gate_doc_read(struct gate_arena *arena, const char *text, size_t len, const struct gate_doc **ret,
                  struct gate_err *err)
{
	return gate_doc_read_most(arena, text, len, GATE_DOC_MAX, GATE_DOC_VALUES, ret, err);
}

int gate_doc_read_most(struct gate_arena *arena, const char *text, size_t len, size_t max, size_t values,
                       const struct gate_doc **ret, struct gate_err *err)
{
	struct reader r = { .tree = { .arena = arena }, .text = text, .len = len, .at = GATE_CURSOR_INIT(text) };
	struct gate_doc *root = NULL;
	int failed;

	if (gate_doc_check(text, len, max, values, &r.shape, err) < 0)
		return -1;
	/* Every text ends with a NUL where the source has a quote or a separator; one more for a number alone. */
	r.pool = gate_arena_alloc(arena, len + 2);
	if (r.pool == NULL)
		return GATE_FAIL_NOMEM(err);
	r.pool_end = r.pool + len + 2;
	failed = len == 0 || gate_doc_ask_memory(r.shape.values, err) < 0 ? -1 : events(&r, err);
	if (failed < 0 && (r.not_json || len == 0)) {
		(void)refuse(&r, err);
	} else if (failed == 0) {
		root = GATE_NEW(arena, struct gate_doc);
		if (root == NULL)
			failed = GATE_FAIL_NOMEM(err);
		else
			*root = r.tree.stack[0];
	}
	free(r.tree.stack);
	if (failed < 0)
		return -1;
	*ret = root;
	return 0;
}

const struct gate_doc *gate_doc_member(const struct gate_doc *object, const char *key)
{
	size_t len = strlen(key);

	if (object == NULL || object->kind != GATE_DOC_OBJECT)
		return NULL;
	for (size_t i = 0; i < object->n_items; i++)
		if (object->items[i].key_len == len && memcmp(object->items[i].key, key, len) == 0)
			return &object->items[i];
	return NULL;
}

const char *gate_doc_kind_name(enum gate_doc_kind kind)
{
	static const char *const names[] = {
		[GATE_DOC_NULL] = "null",       [GATE_DOC_BOOL] = "a boolean", [GATE_DOC_NUMBER] = "a number",
		[GATE_DOC_STRING] = "a string", [GATE_DOC_ARRAY] = "an array", [GATE_DOC_OBJECT] = "an object",
	};

	return kind >= GATE_DOC_NULL && kind <= GATE_DOC_OBJECT ? names[kind] : "nothing";
}
