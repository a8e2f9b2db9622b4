/* YAML and the agent's configuration: what is read is a tree of the core schema, and settings survive being handed over. */
#include "config/config.h"
#include "fuzz.h"

static void check_tree(const struct gate_doc *d, int depth)
{
	FUZZ_CHECK(depth <= GATE_DOC_DEPTH + 1);
	FUZZ_CHECK(d->kind >= GATE_DOC_NULL && d->kind <= GATE_DOC_OBJECT);
	if (d->kind == GATE_DOC_ARRAY || d->kind == GATE_DOC_OBJECT) {
		for (uint32_t i = 0; i < d->n_items; i++) {
			FUZZ_CHECK((d->kind == GATE_DOC_OBJECT) == (d->items[i].key != NULL));
			check_tree(&d->items[i], depth + 1);
		}
		return;
	}
	FUZZ_CHECK(d->text != NULL && strlen(d->text) == d->len);
	if (d->kind == GATE_DOC_BOOL)
		FUZZ_CHECK(strcmp(d->text, "true") == 0 || strcmp(d->text, "false") == 0);
}

/* What was not refused line by line is one of the settings. */
static void check_settings(const char *text, size_t len)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_settings *s = NULL;

	/* file:// would read what the input says. */
	if (memmem(text, len, "file:", 5) != NULL || gate_settings_new(&s, NULL) < 0)
		return;
	if (gate_settings_yaml(s, "a.yaml", text, len, &err) < 0)
		FUZZ_CHECK(err.code == GATE_E_NOMEM || strncmp(err.text, "a.yaml:", 7) == 0);
	gate_settings_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL;

	if (gate_doc_read_yaml(&arena, (const char *)data, size, &d, &err) == 0)
		check_tree(d, 0);
	else
		FUZZ_CHECK(err.code != GATE_OK && err.text[0] != '\0');
	gate_arena_done(&arena);
	check_settings((const char *)data, size);
	return 0;
}
