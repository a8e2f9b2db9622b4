/* Reading and writing by tables. */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "spec/schema.h"

struct reader {
	struct gate_arena *arena;
	struct gate_faults *faults;
	bool whole, gone;
};

/* --- faults --- */

void gate_faults_init(struct gate_faults *f, struct gate_arena *arena)
{
	*f = (struct gate_faults){ .arena = arena };
}

void gate_faults_done(struct gate_faults *f)
{
	free(f->at);
	*f = (struct gate_faults){ .arena = NULL };
}

void gate_fault(struct gate_faults *f, const char *path, const char *format, ...)
{
	struct gate_buf text = GATE_BUF_INIT;
	struct gate_fault one;
	va_list ap;

	if (f->n >= GATE_FAULTS_MAX)
		return;
	va_start(ap, format);
	gate_buf_vprintf(&text, format, ap);
	va_end(ap);
	one.path = gate_arena_text(f->arena, path[0] != '\0' ? path : "/", path[0] != '\0' ? strlen(path) : 1);
	one.text = text.failed ? NULL : gate_arena_text(f->arena, text.data, text.len);
	gate_buf_done(&text);
	if (one.path == NULL || one.text == NULL || gate_grow(&f->at, f->n, &f->cap, sizeof(*f->at)) < 0) {
		f->failed = true;
		return;
	}
	f->at[f->n++] = one;
}

static bool first_of_path(const struct gate_faults *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(f->at[k].path, f->at[i].path) == 0)
			return false;
	return true;
}

void gate_faults_write(const struct gate_faults *f, struct gate_buf *out)
{
	struct gate_json j;

	gate_json_init(&j, out, 0);
	gate_json_object(&j);
	gate_json_key(&j, "message");
	gate_json_text(&j, f->malformed && !f->schema ? "Invalid JSON" : "Object is not valid");
	gate_json_key(&j, "details");
	gate_json_array(&j);
	for (size_t i = 0; i < f->n; i++) {
		if (!first_of_path(f, i))
			continue;
		gate_json_object(&j);
		gate_json_key(&j, "path");
		gate_json_text(&j, f->at[i].path);
		gate_json_key(&j, "errors");
		gate_json_array(&j);
		for (size_t k = i; k < f->n; k++)
			if (strcmp(f->at[k].path, f->at[i].path) == 0)
				gate_json_text(&j, f->at[k].text);
		gate_json_end(&j, ']');
		gate_json_end(&j, '}');
	}
	gate_json_end(&j, ']');
	gate_json_end(&j, '}');
}

int gate_faults_fail(const struct gate_faults *f, struct gate_err *err)
{
	if (f->failed)
		return GATE_FAIL_NOMEM(err);
	GATE_CHECK(f->n > 0);
	return GATE_FAIL(err, GATE_E_INVALID, "%s: %s%s", f->at[0].path, f->at[0].text, f->n > 1 ? " (and more)" : "");
}

/* --- reading --- */

static void *grab(struct reader *r, size_t n, size_t size)
{
	void *p = gate_arena_array(r->arena, n, size);

	r->gone |= p == NULL;
	return p;
}

static const char *copy(struct reader *r, const char *text, size_t len)
{
	const char *p = gate_arena_text(r->arena, text, len);

	r->gone |= p == NULL;
	return p;
}

/* What Play's JSON reader calls "error.expected.jsnumber", in the words of the schema validator that Metronome asks. */
static void in_schema_words(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                            const char *text)
{
	static const char *const names[] = {
		[GATE_DOC_NULL] = "null",     [GATE_DOC_BOOL] = "boolean", [GATE_DOC_NUMBER] = "number",
		[GATE_DOC_STRING] = "string", [GATE_DOC_ARRAY] = "array",  [GATE_DOC_OBJECT] = "object",
	};
	const char *expected = strstr(text, "error.expected.");

	if (expected != NULL) {
		expected += strlen("error.expected.");
		expected += strncmp(expected, "js", 2) == 0 ? 2 : 0;
		gate_fault(r->faults, path, "Wrong type. Expected %s, was %s.",
		           strcmp(expected, "int") == 0 ? "integer" : expected, names[d->kind]);
	} else if (strcmp(text, "error.minLength") == 0) {
		gate_fault(r->faults, path, "'%.64s' violates min length of %.0f.", d->text, f->least);
	} else if (strcmp(text, "error.maxLength") == 0) {
		gate_fault(r->faults, path, "'%.64s' violates max length of %.0f.", d->text, f->most);
	} else if (strcmp(text, "error.pattern") == 0) {
		gate_fault(r->faults, path, "'%.64s' does not match pattern.", d->text);
	} else if (strcmp(text, "error.min") == 0) {
		gate_fault(r->faults, path, "%.32s is smaller than required minimum value of %.15g.", d->text,
		           f->least);
	} else if (strcmp(text, "error.max") == 0) {
		gate_fault(r->faults, path, "%.32s exceeds maximum value of %.15g.", d->text, f->most);
	} else {
		gate_fault(r->faults, path, "Instance is invalid enum value.");
	}
}

/* `d` is what was found for the field `f` (NULL: for no field). */
static void wrong(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                  const char *text)
{
	r->faults->malformed = true;
	if (r->faults->schema)
		in_schema_words(r, f, d, path, text);
	else
		gate_fault(r->faults, path, "%s", text);
}

static bool is(struct reader *r, const struct gate_doc *d, enum gate_doc_kind kind, const char *path, const char *text)
{
	if (d->kind == kind)
		return true;
	wrong(r, NULL, d, path, text);
	return false;
}

/* Paths that are too long are cut: they are for people. Not inlined, so that no compiler counts how long they might be. */
__attribute__((noinline)) static void of_item(char *at, size_t size, const char *path, uint32_t i)
{
	(void)snprintf(at, size, "%s(%u)", path, i);
}

__attribute__((noinline)) static void of_member(char *at, size_t size, const char *path, const char *key)
{
	(void)snprintf(at, size, "%s/%s", path, key);
}

/* A text's own rules. `d` is a string. */
static const char *text_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path)
{
	if (d->len < (uint32_t)f->least)
		wrong(r, f, d, path, "error.minLength");
	else if (f->most > 0 && d->len > (uint32_t)f->most)
		wrong(r, f, d, path, "error.maxLength");
	else if (f->ok != NULL && !f->ok(d->text))
		wrong(r, f, d, path, "error.pattern");
	else
		return copy(r, d->text, d->len);
	return NULL;
}

static bool number_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                      double *ret)
{
	double n;

	if (!is(r, d, GATE_DOC_NUMBER, path, "error.expected.jsnumber"))
		return false;
	n = strtod(d->text, NULL); /* the reader has checked the form; C's locale is never set */
	if (!isfinite(n)) {
		wrong(r, f, d, path, "error.max");
		return false;
	}
	if (f->least < f->most && n < f->least) {
		wrong(r, f, d, path, "error.min");
		return false;
	}
	if (f->least < f->most && n > f->most) {
		wrong(r, f, d, path, "error.max");
		return false;
	}
	*ret = n;
	return true;
}

static bool int_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                   int64_t *ret)
{
	double n;

	if (!number_of(r, f, d, path, &n))
		return false;
	if (n != floor(n) || fabs(n) > 9007199254740992.0) { /* 2^53: exact in a double */
		wrong(r, f, d, path, "error.expected.int");
		return false;
	}
	*ret = (int64_t)n;
	return true;
}

static bool word_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path, int *ret)
{
	for (int i = 0; d->kind == GATE_DOC_STRING && f->words[i] != NULL; i++) {
		if (strcmp(f->words[i], d->text) == 0) {
			*ret = i + 1;
			return true;
		}
	}
	wrong(r, f, d, path, "error.unknown.enum.literal");
	return false;
}

static void texts_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                     struct gate_texts *ret)
{
	char at[512];

	ret->at = grab(r, d->n_items, sizeof(*ret->at));
	for (uint32_t i = 0; i < d->n_items && ret->at != NULL; i++) {
		const char *text = NULL;

		of_item(at, sizeof(at), path, i);
		if (is(r, &d->items[i], GATE_DOC_STRING, at, "error.expected.jsstring"))
			text = text_of(r, f, &d->items[i], at);
		if (text != NULL)
			ret->at[ret->n++] = text;
	}
}

static void lines_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                     struct gate_lines *ret)
{
	char at[512];

	ret->at = grab(r, d->n_items, sizeof(*ret->at));
	for (uint32_t i = 0; i < d->n_items && ret->at != NULL; i++) {
		of_item(at, sizeof(at), path, i);
		if (is(r, &d->items[i], GATE_DOC_ARRAY, at, "error.expected.jsarray"))
			texts_of(r, f, &d->items[i], at, &ret->at[ret->n++]);
	}
}

static void ints_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                    struct gate_ints *ret)
{
	char at[512];

	ret->at = grab(r, d->n_items, sizeof(*ret->at));
	for (uint32_t i = 0; i < d->n_items && ret->at != NULL; i++) {
		of_item(at, sizeof(at), path, i);
		if (int_of(r, f, &d->items[i], at, &ret->at[ret->n]))
			ret->n++;
	}
}

/* env's secrets are objects: known, and not here. */
static void pairs_of(struct reader *r, const struct gate_doc *d, const char *path, struct gate_pairs *ret)
{
	char at[512];

	ret->at = grab(r, d->n_items, sizeof(*ret->at));
	for (uint32_t i = 0; i < d->n_items && ret->at != NULL; i++) {
		const struct gate_doc *v = &d->items[i];

		of_member(at, sizeof(at), path, v->key);
		if (v->kind == GATE_DOC_OBJECT && gate_doc_member(v, "secret") != NULL) {
			gate_fault(
			    r->faults, path,
			    "use of secret-references in the environment requires the secrets feature to be enabled");
			continue;
		}
		if (!is(r, v, GATE_DOC_STRING, at, "error.expected.jsstring"))
			continue;
		ret->at[ret->n].key = copy(r, v->key, v->key_len);
		ret->at[ret->n++].value = copy(r, v->text, v->len);
	}
}

static void object_of(struct reader *r, const struct gate_schema *s, const struct gate_doc *d, const char *path,
                      void *ret);

static void objects_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                       struct gate_objects *ret)
{
	char at[512];

	ret->at = grab(r, d->n_items, f->of->size);
	for (uint32_t i = 0; i < d->n_items && ret->at != NULL; i++) {
		of_item(at, sizeof(at), path, i);
		if (is(r, &d->items[i], GATE_DOC_OBJECT, at, "error.expected.jsobject"))
			object_of(r, f->of, &d->items[i], at, (char *)ret->at + f->of->size * ret->n++);
	}
}

static bool simple_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path,
                      void *to)
{
	switch (f->kind) { /* NOLINT: the others are below */
	case GATE_FIELD_TEXT:
		if (!is(r, d, GATE_DOC_STRING, path, "error.expected.jsstring"))
			return false;
		*(const char **)to = text_of(r, f, d, path);
		return *(const char **)to != NULL;
	case GATE_FIELD_BOOL:
		if (!is(r, d, GATE_DOC_BOOL, path, "error.expected.jsboolean"))
			return false;
		*(bool *)to = d->text[0] == 't';
		return true;
	case GATE_FIELD_INT:
		return int_of(r, f, d, path, to);
	case GATE_FIELD_REAL:
		return number_of(r, f, d, path, to);
	case GATE_FIELD_WORD:
		return word_of(r, f, d, path, to);
	case GATE_FIELD_RAW:
		*(const struct gate_doc **)to = d;
		return true;
	case GATE_FIELD_TEXTS:
	case GATE_FIELD_LINES:
	case GATE_FIELD_INTS:
	case GATE_FIELD_PAIRS:
	case GATE_FIELD_OBJECT:
	case GATE_FIELD_OBJECTS:
	case GATE_FIELD_IGNORED:
		break;
	}
	return false;
}

/* True when the field now has a value. */
static bool value_of(struct reader *r, const struct gate_field *f, const struct gate_doc *d, const char *path, void *to)
{
	if (f->kind == GATE_FIELD_PAIRS || f->kind == GATE_FIELD_OBJECT) {
		if (!is(r, d, GATE_DOC_OBJECT, path, "error.expected.jsobject"))
			return false;
		if (f->kind == GATE_FIELD_PAIRS) {
			pairs_of(r, d, path, to);
			return true;
		}
		*(void **)to = grab(r, 1, f->of->size);
		if (*(void **)to != NULL)
			object_of(r, f->of, d, path, *(void **)to);
		return true;
	}
	if (f->kind != GATE_FIELD_TEXTS && f->kind != GATE_FIELD_LINES && f->kind != GATE_FIELD_INTS &&
	    f->kind != GATE_FIELD_OBJECTS)
		return simple_of(r, f, d, path, to);
	if (!is(r, d, GATE_DOC_ARRAY, path, "error.expected.jsarray"))
		return false;
	if (f->kind == GATE_FIELD_TEXTS)
		texts_of(r, f, d, path, to);
	else if (f->kind == GATE_FIELD_LINES)
		lines_of(r, f, d, path, to);
	else if (f->kind == GATE_FIELD_INTS)
		ints_of(r, f, d, path, to);
	else
		objects_of(r, f, d, path, to);
	return true;
}

static void fall_back(struct reader *r, const struct gate_field *f, void *to)
{
	int n = 0;

	switch (f->kind) { /* NOLINT: lists are empty by themselves */
	case GATE_FIELD_TEXT:
		*(const char **)to = copy(r, f->fallback, strlen(f->fallback));
		break;
	case GATE_FIELD_BOOL:
		*(bool *)to = f->fallback[0] == 't';
		break;
	case GATE_FIELD_INT:
		*(int64_t *)to = (int64_t)strtod(f->fallback, NULL);
		break;
	case GATE_FIELD_REAL:
		*(double *)to = strtod(f->fallback, NULL);
		break;
	case GATE_FIELD_WORD:
		while (strcmp(f->words[n], f->fallback) != 0)
			n++;
		*(int *)to = n + 1;
		break;
	case GATE_FIELD_TEXTS:
	case GATE_FIELD_LINES:
	case GATE_FIELD_INTS:
	case GATE_FIELD_PAIRS:
	case GATE_FIELD_OBJECT:
	case GATE_FIELD_OBJECTS:
	case GATE_FIELD_RAW:
	case GATE_FIELD_IGNORED:
		break;
	}
}

static const struct gate_field *field_of(const struct gate_schema *s, const char *name)
{
	for (const struct gate_field *f = s->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void unknown(struct reader *r, const struct gate_schema *s, const struct gate_doc *m, const char *path)
{
	const char *best = NULL;
	unsigned least = 3;
	char at[512];

	for (const struct gate_field *f = s->fields; f->name != NULL; f++) {
		unsigned d = gate_distance(f->name, strlen(f->name), m->key, m->key_len, 2);

		if (d < least) {
			least = d;
			best = f->name;
		}
	}
	of_member(at, sizeof(at), path, m->key);
	if (r->faults->schema) /* at the object, as the validator of schemas has it */
		gate_fault(r->faults, path, "Additional properties are not allowed but found '%.64s'%s%s%s.", m->key,
		           best != NULL ? " (did you mean '" : "", best != NULL ? best : "", best != NULL ? "'?)" : "");
	else if (best != NULL)
		gate_fault(r->faults, at, "unknown field; did you mean '%s'?", best);
	else
		gate_fault(r->faults, at, "unknown field");
}

static void missing(struct reader *r, const struct gate_field *f, const char *path, const char *at)
{
	r->faults->malformed = true;
	if (r->faults->schema)
		gate_fault(r->faults, path, "Property %s missing.", f->name);
	else
		gate_fault(r->faults, at, "error.path.missing");
}

static void object_of(struct reader *r, const struct gate_schema *s, const struct gate_doc *d, const char *path,
                      void *ret)
{
	uint64_t *said = ret, bit = 1;
	char at[512];

	for (const struct gate_field *f = s->fields; f->name != NULL; f++, bit <<= 1) {
		const struct gate_doc *m = gate_doc_member(d, f->name);
		void *to = (char *)ret + f->at;

		of_member(at, sizeof(at), path, f->name);
		if (f->kind == GATE_FIELD_IGNORED)
			continue;
		if (m != NULL && m->kind != GATE_DOC_NULL) {
			if (value_of(r, f, m, at, to))
				*said |= bit;
		} else if (r->whole && f->fallback != NULL) {
			fall_back(r, f, to);
			*said |= bit;
		} else if (r->whole && (f->flags & GATE_FIELD_REQUIRED) != 0) {
			missing(r, f, path, at);
		}
	}
	for (uint32_t i = 0; i < d->n_items; i++)
		if (field_of(s, d->items[i].key) == NULL)
			unknown(r, s, &d->items[i], path);
}

int gate_schema_read(const struct gate_schema *s, const struct gate_doc *object, const char *path, bool whole,
                     struct gate_arena *arena, void *ret, struct gate_faults *f)
{
	struct reader r = { arena, f, whole, false };

	if (object->kind != GATE_DOC_OBJECT) {
		wrong(&r, NULL, object, path, "error.expected.jsobject");
		return 0;
	}
	object_of(&r, s, object, path, ret);
	return r.gone || f->failed ? -1 : 0;
}

uint64_t gate_schema_bit(const struct gate_schema *s, const char *name)
{
	const struct gate_field *f = field_of(s, name);

	return f == NULL ? 0 : UINT64_C(1) << (f - s->fields);
}
