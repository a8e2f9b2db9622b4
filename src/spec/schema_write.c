/* Structs back to JSON, by the same tables. */
#include "spec/schema.h"

static void write_texts(const struct gate_texts *t, struct gate_json *j)
{
	gate_json_array(j);
	for (size_t i = 0; i < t->n; i++)
		gate_json_text(j, t->at[i]);
	gate_json_end(j, ']');
}

static size_t count(const struct gate_field *f, const void *from)
{
	switch (f->kind) { /* NOLINT: the others are no lists */
	case GATE_FIELD_TEXTS:
		return ((const struct gate_texts *)from)->n;
	case GATE_FIELD_LINES:
		return ((const struct gate_lines *)from)->n;
	case GATE_FIELD_INTS:
		return ((const struct gate_ints *)from)->n;
	case GATE_FIELD_PAIRS:
		return ((const struct gate_pairs *)from)->n;
	case GATE_FIELD_OBJECTS:
		return ((const struct gate_objects *)from)->n;
	case GATE_FIELD_TEXT:
	case GATE_FIELD_BOOL:
	case GATE_FIELD_INT:
	case GATE_FIELD_REAL:
	case GATE_FIELD_WORD:
	case GATE_FIELD_OBJECT:
	case GATE_FIELD_RAW:
	case GATE_FIELD_IGNORED:
		break;
	}
	return 0;
}

static void write_list(const struct gate_field *f, const void *from, struct gate_json *j)
{
	size_t n = count(f, from);

	if (f->kind == GATE_FIELD_TEXTS) {
		write_texts(from, j);
		return;
	}
	gate_json_array(j);
	for (size_t i = 0; i < n; i++) {
		if (f->kind == GATE_FIELD_LINES) {
			write_texts(&((const struct gate_lines *)from)->at[i], j);
		} else if (f->kind == GATE_FIELD_INTS) {
			gate_json_i64(j, ((const struct gate_ints *)from)->at[i]);
		} else {
			const struct gate_objects *o = from;

			gate_json_object(j);
			gate_schema_write(f->of, (const char *)o->at + f->of->size * i, j);
			gate_json_end(j, '}');
		}
	}
	gate_json_end(j, ']');
}

static void write_pairs(const struct gate_pairs *p, struct gate_json *j)
{
	gate_json_object(j);
	for (size_t i = 0; i < p->n; i++) {
		gate_json_key(j, p->at[i].key);
		gate_json_text(j, p->at[i].value);
	}
	gate_json_end(j, '}');
}

static void write_one(const struct gate_field *f, const void *from, struct gate_json *j)
{
	gate_json_key(j, f->name);
	switch (f->kind) {
	case GATE_FIELD_TEXT:
		gate_json_text(j, *(const char *const *)from);
		break;
	case GATE_FIELD_BOOL:
		gate_json_bool(j, *(const bool *)from);
		break;
	case GATE_FIELD_INT:
		gate_json_i64(j, *(const int64_t *)from);
		break;
	case GATE_FIELD_REAL:
		gate_json_double(j, *(const double *)from);
		break;
	case GATE_FIELD_WORD:
		gate_json_text(j, f->words[*(const int *)from - 1]);
		break;
	case GATE_FIELD_PAIRS:
		write_pairs(from, j);
		break;
	case GATE_FIELD_OBJECT:
		gate_json_object(j);
		gate_schema_write(f->of, *(void *const *)from, j);
		gate_json_end(j, '}');
		break;
	case GATE_FIELD_TEXTS:
	case GATE_FIELD_LINES:
	case GATE_FIELD_INTS:
	case GATE_FIELD_OBJECTS:
		write_list(f, from, j);
		break;
	case GATE_FIELD_RAW:
	case GATE_FIELD_IGNORED:
		gate_json_null(j); /* never said: see gate_schema_write */
		break;
	}
}

static bool is_list(const struct gate_field *f)
{
	return f->kind == GATE_FIELD_TEXTS || f->kind == GATE_FIELD_LINES || f->kind == GATE_FIELD_INTS ||
	       f->kind == GATE_FIELD_PAIRS || f->kind == GATE_FIELD_OBJECTS;
}

void gate_schema_write(const struct gate_schema *s, const void *from, struct gate_json *j)
{
	const uint64_t *said = from;
	uint64_t bit = 1;

	for (const struct gate_field *f = s->fields; f->name != NULL; f++, bit <<= 1) {
		const void *at = (const char *)from + f->at;
		bool there = (*said & bit) != 0;

		/* RAW fields are judged and refused, or the caller writes them. */
		if (f->kind == GATE_FIELD_RAW || f->kind == GATE_FIELD_IGNORED)
			continue;
		if (is_list(f))
			there = count(f, at) > 0 || (f->flags & GATE_FIELD_SHOWN) != 0 ||
			        (there && (f->flags & GATE_FIELD_FORCED) != 0);
		if (there)
			write_one(f, at, j);
	}
}
