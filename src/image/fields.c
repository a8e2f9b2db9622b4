#include "base/num.h"
#include "image/fields.h"

int gate_field_root(struct gate_arena *arena, const char *text, size_t len, const struct gate_doc **ret,
                    struct gate_err *err)
{
	const struct gate_doc *doc;

	if (gate_doc_read(arena, text, len, &doc, err) < 0)
		return -1;
	if (doc->kind != GATE_DOC_OBJECT)
		return GATE_FAIL_AT(err, doc->at, GATE_E_INVALID, "it is %s, not an object",
		                    gate_doc_kind_name(doc->kind));
	*ret = doc;
	return 0;
}

int gate_field(const struct gate_doc *object, const char *key, enum gate_doc_kind kind, bool needed,
               const struct gate_doc **ret, struct gate_err *err)
{
	const struct gate_doc *d = gate_doc_member(object, key);

	if (d != NULL && d->kind == GATE_DOC_NULL)
		d = NULL;
	if (d == NULL && needed)
		return GATE_FAIL_AT(err, object->at, GATE_E_INVALID, "it has no '%s'", key);
	if (d != NULL && d->kind != kind)
		return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "'%s' is %s, not %s", key, gate_doc_kind_name(d->kind),
		                    gate_doc_kind_name(kind));
	*ret = d;
	return 0;
}

int gate_field_text(struct gate_arena *arena, const struct gate_doc *object, const char *key, const char **ret,
                    struct gate_err *err)
{
	const struct gate_doc *d;

	if (gate_field(object, key, GATE_DOC_STRING, false, &d, err) < 0)
		return -1;
	const char *copy = d != NULL ? gate_arena_text(arena, d->text, d->len) : "";

	if (copy == NULL)
		return GATE_FAIL_NOMEM(err);
	*ret = copy;
	return 0;
}

int gate_field_texts(struct gate_arena *arena, const struct gate_doc *object, const char *key, const char ***ret,
                     size_t *n, struct gate_err *err)
{
	const struct gate_doc *d;

	if (gate_field(object, key, GATE_DOC_ARRAY, false, &d, err) < 0)
		return -1;
	size_t count = d != NULL ? d->n_items : 0;
	const char **list = GATE_NEWS(arena, const char *, count + 1);

	if (list == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < count; i++) {
		const struct gate_doc *item = &d->items[i];

		if (item->kind != GATE_DOC_STRING)
			return GATE_FAIL_AT(err, item->at, GATE_E_INVALID, "'%s' has %s where a string must be", key,
			                    gate_doc_kind_name(item->kind));
		list[i] = gate_arena_text(arena, item->text, item->len);
		if (list[i] == NULL)
			return GATE_FAIL_NOMEM(err);
	}
	*ret = list;
	*n = count;
	return 0;
}

int gate_field_size(const struct gate_doc *object, const char *key, uint64_t *ret, struct gate_err *err)
{
	const struct gate_doc *d;

	if (gate_field(object, key, GATE_DOC_NUMBER, true, &d, err) < 0)
		return -1;
	if (gate_u64_parse(d->text, d->len, INT64_MAX, ret) < 0)
		return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "'%s' is no size", key);
	return 0;
}
