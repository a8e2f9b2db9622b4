/* The document reader: any bytes. What it accepts must come back the same after being written. */
#include "doc/doc.h"
#include "fuzz.h"

static void write_out(struct gate_json *j, const struct gate_doc *d)
{
	switch (d->kind) {
	case GATE_DOC_NULL:
		gate_json_null(j);
		break;
	case GATE_DOC_BOOL:
		gate_json_bool(j, d->text[0] == 't');
		break;
	case GATE_DOC_NUMBER:
	case GATE_DOC_STRING:
		gate_json_textn(j, d->text, d->len);
		break;
	case GATE_DOC_ARRAY:
	case GATE_DOC_OBJECT:
		if (d->kind == GATE_DOC_ARRAY)
			gate_json_array(j);
		else
			gate_json_object(j);
		for (size_t i = 0; i < d->n_items; i++) {
			if (d->kind == GATE_DOC_OBJECT)
				gate_json_key(j, d->items[i].key);
			write_out(j, &d->items[i]);
		}
		gate_json_end(j, d->kind == GATE_DOC_ARRAY ? ']' : '}');
		break;
	}
}

static void same(const struct gate_doc *a, const struct gate_doc *b)
{
	FUZZ_CHECK(a->n_items == b->n_items);
	FUZZ_CHECK(a->kind == b->kind || (a->kind == GATE_DOC_NUMBER && b->kind == GATE_DOC_STRING));
	FUZZ_CHECK(a->len == b->len && (a->len == 0 || memcmp(a->text, b->text, a->len) == 0));
	FUZZ_CHECK(a->key_len == b->key_len && (a->key_len == 0 || memcmp(a->key, b->key, a->key_len) == 0));
	for (size_t i = 0; i < a->n_items; i++)
		same(&a->items[i], &b->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_arena arena = GATE_ARENA_INIT, again = GATE_ARENA_INIT;
	struct gate_buf out = GATE_BUF_INIT;
	const struct gate_doc *doc = NULL, *back = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_json j;

	if (gate_doc_read(&arena, (const char *)data, size, &doc, &err) < 0) {
		FUZZ_CHECK(err.code != GATE_OK && err.text[0] != '\0');
		FUZZ_CHECK(err.code != GATE_E_SYNTAX || err.line > 0);
	} else {
		gate_json_init(&j, &out, 0);
		write_out(&j, doc);
		/* Escapes may make the text longer than the limit. */
		if (out.len <= GATE_DOC_MAX) {
			FUZZ_CHECK(gate_doc_read(&again, out.data, out.len, &back, &err) == 0);
			same(doc, back);
		}
	}
	gate_buf_done(&out);
	gate_arena_done(&arena);
	gate_arena_done(&again);
	return 0;
}
