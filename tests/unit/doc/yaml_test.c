/* The YAML reader: the core schema, places, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "doc/doc.h"

static const struct gate_doc *read_ok(struct gate_arena *arena, const char *text)
{
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL;

	if (gate_doc_read_yaml(arena, text, strlen(text), &d, &err) < 0)
		fail_msg("%u:%u: %s", err.line, err.column, err.text);
	return d;
}

static void reads_a_configuration_file(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *d, *list, *m;

	(void)state;
	d = read_ok(&arena, "# comment with a \" in it\nisolation: linux/seccomp,filesystem/linux\n"
	                    "strict: true\nport: 5051\nacl:\n  - uid: 1000\n    rights: [read, launch]\n"
	                    "name: \"true\"\nempty:\n");
	assert_int_equal(d->kind, GATE_DOC_OBJECT);
	assert_int_equal(d->n_items, 6);
	m = gate_doc_member(d, "isolation");
	assert_int_equal(m->kind, GATE_DOC_STRING);
	assert_string_equal(m->text, "linux/seccomp,filesystem/linux");
	assert_int_equal(m->key_at.line, 2);
	assert_int_equal(m->key_at.column, 1);
	assert_int_equal(m->at.column, 12);
	assert_int_equal(gate_doc_member(d, "strict")->kind, GATE_DOC_BOOL);
	assert_int_equal(gate_doc_member(d, "port")->kind, GATE_DOC_NUMBER);
	assert_int_equal(gate_doc_member(d, "name")->kind, GATE_DOC_STRING);
	assert_int_equal(gate_doc_member(d, "empty")->kind, GATE_DOC_NULL);
	list = gate_doc_member(d, "acl");
	assert_int_equal(list->kind, GATE_DOC_ARRAY);
	assert_int_equal(list->n_items, 1);
	m = gate_doc_member(&list->items[0], "rights");
	assert_int_equal(m->n_items, 2);
	assert_string_equal(m->items[1].text, "launch");
	assert_int_equal(m->items[1].at.line, 7);
	gate_arena_done(&arena);
}

static void plain_words_follow_the_core_schema(void **state)
{
	static const struct {
		const char *text;
		enum gate_doc_kind kind;
	} rows[] = {
		{ "no", GATE_DOC_STRING },    { "010", GATE_DOC_STRING },  { "0x10", GATE_DOC_STRING },
		{ "TRUE", GATE_DOC_BOOL },    { "~", GATE_DOC_NULL },      { "-1.5e3", GATE_DOC_NUMBER },
		{ "1.", GATE_DOC_STRING },    { "'1'", GATE_DOC_STRING },  { "{\"a\": 1}", GATE_DOC_OBJECT },
		{ "|\n  1\n", GATE_DOC_STRING }, { "", GATE_DOC_NULL },    { "--- 1\n...\n", GATE_DOC_NUMBER },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_arena arena = GATE_ARENA_INIT;

		assert_int_equal(read_ok(&arena, rows[i].text)->kind, rows[i].kind);
		gate_arena_done(&arena);
	}
}

static void what_could_surprise_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *why;
		uint32_t line;
	} rows[] = {
		{ "a: 1\na: 2\n", "duplicate key 'a', first at line 1", 2 },
		{ "a: &x 1\nb: *x\n", "anchors are not read here", 1 },
		{ "b: *x\n", "alias", 1 },
		{ "a: !!str 1\n", "tags are not read here", 1 },
		{ "a: 1\n<<: {b: 1}\n", "merge keys", 2 },
		{ "? [a]\n: 1\n", "a key must be a word", 1 },
		{ "a: 1\n---\nb: 1\n", "a second document", 2 },
		{ "a: 1\n\tb: 2\n", "not YAML", 1 },
		{ "a: [1, 2\n", "not YAML", 0 },
		{ "a: \xff\n", "not UTF-8", 1 },
		{ "\xef\xbb\xbf" "a: 1\n", "byte-order mark", 1 },
		{ "a: \"\\0\"\n", "NUL", 1 },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_arena arena = GATE_ARENA_INIT;
		struct gate_err err = GATE_ERR_INIT;
		const struct gate_doc *d = NULL;

		assert_int_equal(gate_doc_read_yaml(&arena, rows[i].text, strlen(rows[i].text), &d, &err), -1);
		assert_null(d);
		if (strstr(err.text, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, err.text);
		if (rows[i].line != 0 && err.line != rows[i].line)
			fail_msg("row %zu: line %u: %s", i, err.line, err.text);
		gate_arena_done(&arena);
	}
}

static void depth_and_number_of_values_are_bounded(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL;
	char deep[200] = "", *many = malloc(70001);

	(void)state;
	memset(deep, '[', 40);
	memset(deep + 40, ']', 40);
	assert_int_equal(gate_doc_read_yaml(&arena, deep, 80, &d, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	assert_non_null(many);
	for (int i = 0; i < 35000; i++)
		memcpy(many + 2 * i, "-\n", 2);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_doc_read_yaml(&arena, many, 70000, &d, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	free(many);
	gate_arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_configuration_file),
		cmocka_unit_test(plain_words_follow_the_core_schema),
		cmocka_unit_test(what_could_surprise_is_refused_with_its_place),
		cmocka_unit_test(depth_and_number_of_values_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
