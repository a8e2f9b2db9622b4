/* podman's --entrypoint '["a", "b"]'. */
#include "doc/doc.h"
#include "spec/parts.h"

int gate_take_entrypoint_json(struct gate_spec *s, const char *value, struct gate_err *err)
{
	const struct gate_doc *doc = NULL;
	const char *word;

	if (gate_doc_read(&s->task->arena, value, strlen(value), &doc, NULL) < 0 || doc->kind != GATE_DOC_ARRAY)
		return GATE_FAIL(err, GATE_E_INVALID,
		                 "'--entrypoint' takes one word or a JSON array of words, not '%s'", value);
	for (size_t i = 0; i < doc->n_items; i++) {
		const struct gate_doc *d = &doc->items[i];

		if (d->kind != GATE_DOC_STRING || memchr(d->text, '\0', d->len) != NULL)
			return GATE_FAIL(err, GATE_E_INVALID, "'--entrypoint' takes an array of words, not '%s'",
			                 value);
		if (gate_spec_copy(s, d->text, d->len, &word, err) < 0 ||
		    GATE_SPEC_ADD(s->task->entrypoint, err, word) < 0)
			return -1;
	}
	return 0;
}
