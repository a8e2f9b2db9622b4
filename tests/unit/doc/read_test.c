/* Reading: what a tree looks like, what is refused, and with which words. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/doc.h"

#define TEXT(s) (s), sizeof(s) - 1

static void a_tree_has_places_and_texts(void **state)
{
	struct gate_arena a = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL, *names;

	(void)state;
	assert_int_equal(gate_doc_read(&a, TEXT("{\n\t\"n\\u00e4me\" : [\"\xc3\xa4\", \"b\\n\"],\n  \"\": -1.5e3}"), &d,
	                               &err), 0);
	assert_int_equal(d->kind, GATE_DOC_OBJECT);
	assert_int_equal(d->at.line, 1);
	assert_int_equal(d->at.column, 1);
	assert_int_equal(d->at.length, 1);
	assert_int_equal(d->n_items, 2);
	assert_null(d->key);
	names = &d->items[0];
	assert_string_equal(names->key, "n\xc3\xa4me");
	assert_int_equal(names->key_len, 5);
	assert_int_equal(names->key_at.line, 2);
	assert_int_equal(names->key_at.column, 2);
	assert_int_equal(names->key_at.length, 11);
	assert_ptr_equal(gate_doc_member(d, "n\xc3\xa4me"), names);
	assert_int_equal(names->at.column, 16);
	assert_int_equal(names->items[1].at.column, 22); /* the two bytes in front of it are one character */
	assert_int_equal(names->items[0].at.length, 3);
	assert_string_equal(names->items[1].text, "b\n");
	assert_int_equal(names->items[1].len, 2);
	assert_null(names->items[1].key);
	assert_int_equal(d->items[1].kind, GATE_DOC_NUMBER);
	assert_string_equal(d->items[1].text, "-1.5e3");
	assert_int_equal(d->items[1].at.line, 3);
	assert_string_equal(d->items[1].key, "");
	assert_null(gate_doc_member(d, "x"));
	assert_null(gate_doc_member(names, "x"));
	gate_arena_done(&a);
}

static int read_text(const char *text, size_t len, struct gate_err *err)
{
	struct gate_arena a = GATE_ARENA_INIT;
	const struct gate_doc *d = NULL;
	int result = gate_doc_read(&a, text, len, &d, err);

	assert_int_equal(d != NULL, result == 0);
	gate_arena_done(&a);
	return result;
}

static void all_of_json_is_read(void **state)
{
	static const char *const texts[] = { "null", "true", "-0", "12", "1e400", "\"\"", " [ ] ", "{}", "\t\r\n{ }\n",
		"{\"a\"\n:\n1}", "[\"\\/\\b\\f\\n\\r\\t\\\"\\\\\\ud83d\\ude00\"]", "[1\r\n,\r2]", "[\"\x7f\"]",
		"[\"\xc2\x85\",\"\xe2\x80\xa8\"]", "[\"# // /* */ , : ]\"]", "{\"a\":1,\"A\":2,\"a \":3}",
		"[[[[]]],{\"a\":{}}]", "[0.5E-3,18446744073709551616]", "[\"---\",\"- a\",\"&a *b !c %d\"]" };

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(texts); i++) {
		struct gate_err err = GATE_ERR_INIT;

		if (read_text(texts[i], strlen(texts[i]), &err) < 0)
			fail_msg("%s: %s", texts[i], err.text);
	}
}

static void strings_are_what_the_file_says(void **state)
{
	/* U+2028 and U+0085 are line breaks in YAML, and folded there. */
	struct gate_arena a = GATE_ARENA_INIT;
	const struct gate_doc *d = NULL;

	(void)state;
	assert_int_equal(gate_doc_read(&a, TEXT("[\" \xe2\x80\xa8 x \", \"\xc2\x85\\u0041\", 7]"), &d, NULL), 0);
	assert_string_equal(d->items[0].text, " \xe2\x80\xa8 x ");
	assert_string_equal(d->items[1].text, "\xc2\x85" "A");
	assert_int_equal(d->items[2].at.line, 1);
	assert_int_equal(d->items[2].at.column, 22);
	gate_arena_done(&a);
}

static char *repeat(const char *head, const char *part, size_t times, const char *tail, size_t *len)
{
	struct gate_buf b = GATE_BUF_INIT;

	gate_buf_puts(&b, head);
	for (size_t i = 0; i < times; i++)
		gate_buf_puts(&b, part);
	gate_buf_puts(&b, tail);
	*len = b.len;
	return gate_buf_take(&b);
}

static void expect(const char *head, const char *part, size_t times, const char *tail, const char *says)
{
	struct gate_err err = GATE_ERR_INIT;
	size_t len;
	GATE_AUTOFREE char *text = repeat(head, part, times, tail, &len);

	assert_non_null(text);
	if (says == NULL) {
		assert_int_equal(read_text(text, len, &err), 0);
		return;
	}
	assert_int_equal(read_text(text, len, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	assert_string_equal(err.text, says);
}

static void limits_hold_to_the_last_one(void **state)
{
	(void)state;
	expect("", "[", 32, "1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", NULL);
	expect("", "[", 33, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested deeper than 32 levels");
	expect("", "[", 1 << 20, "", "nested deeper than 32 levels");
	/* Closing brackets inside strings do not hide depth. */
	expect("", "{\"]]]\":[", 17, "", "nested deeper than 32 levels");
	expect("", "{\"]]]\":[", 100000, "", "nested deeper than 32 levels");
	expect("[\"", "[", 1000, "\"]", NULL);
	expect("[", "1,", GATE_DOC_VALUES - 2, "1]", NULL);
	expect("[", "1,", GATE_DOC_VALUES - 1, "1]", "more than 32768 values");
	expect("[\"", ",", 100000, "\"]", NULL);
	expect("\"", "a", GATE_DOC_MAX - 2, "\"", NULL);
	expect("\"", "a", GATE_DOC_MAX - 1, "\"", "1048577 bytes, more than the limit of 1048576");
	expect("{\"", "k", 5000, "\":1}", NULL); /* YAML would allow 1024 characters */
}

static void bounds_can_be_those_of_the_caller(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *doc = NULL;
	size_t len, n = 3 * (size_t)GATE_DOC_VALUES;
	GATE_AUTOFREE char *text = repeat("[", "1,", n - 2, "1]", &len);

	(void)state;
	assert_non_null(text);
	assert_int_equal(gate_doc_read_most(&arena, text, len, len, n, &doc, &err), 0);
	assert_int_equal(doc->n_items, n - 1);
	assert_int_equal(gate_doc_read_most(&arena, text, len, len, n - 1, &doc, &err), -1);
	assert_string_equal(err.text, "more than 98303 values");
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_doc_read_most(&arena, text, len, len - 1, n, &doc, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	gate_arena_done(&arena);
}

static void duplicates_are_found_among_many_keys(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	gate_buf_puts(&b, "{");
	for (unsigned i = 0; i < 3000; i++)
		gate_buf_printf(&b, "\"k%u\": 1,\n", i);
	assert_false(b.failed);
	size_t good = b.len;
	gate_buf_puts(&b, "\"z\": 1}");
	assert_int_equal(read_text(b.data, b.len, &err), 0);
	b.len = good;
	gate_buf_puts(&b, "\"k2000\": 1,\n\"k7\": 1, \"k7\": 2}");
	assert_int_equal(read_text(b.data, b.len, &err), -1);
	assert_string_equal(err.text, "duplicate key 'k2000', first at line 2001");
	assert_int_equal(err.line, 3001);
	assert_int_equal(err.length, 7);
	gate_buf_done(&b);
}

static void messages_never_carry_control_characters(void **state)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	assert_int_equal(read_text(TEXT("{\"\\u001b[2J\xc2\x9b\":1,\"\\u001b[2J\xc2\x9b\":2}"), &err), -1);
	assert_string_equal(err.text, "duplicate key '\\x1b[2J\\xc2\\x9b', first at line 1");
}

/* One byte of a real text changed, in every place: whatever it becomes, an answer with a place comes back. */
static void a_changed_byte_never_breaks_the_reader(void **state)
{
	static const char text[] = "{\"a\": [1, -2.5e3, \"x\\n\\u00e4\"], \"b\": {\"c\": null, \"d\": [true, {}]}}\n";
	static const char bytes[] = "\"\\[]{},:'#/ \n\tx0-.\x80\xc2\xff";
	char copy[sizeof(text)];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			struct gate_err err = GATE_ERR_INIT;

			memcpy(copy, text, sizeof(text));
			copy[i] = bytes[k];
			if (read_text(copy, sizeof(text) - 1, &err) < 0) {
				assert_int_equal(err.code, GATE_E_SYNTAX);
				assert_int_not_equal(err.line, 0);
				assert_null(strstr(err.text, "something after"));
			}
		}
		/* Cut short, it is never whole; the last byte is a line feed. */
		if (i < sizeof(text) - 2)
			assert_int_equal(read_text(text, i, NULL), -1);
	}
}

static void every_real_profile_is_read(void **state)
{
	const char *shared = getenv("CALLGATE_SHARED");
	char path[4096];
	static char text[GATE_DOC_MAX];
	glob_t found;
	size_t refused = 0;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/profiles/*.json", shared != NULL ? shared : DEFAULT_SHARED);
	if (glob(path, 0, NULL, &found) != 0) {
		print_message("skipped: no shared profiles (CALLGATE_SHARED)\n");
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "re");
		struct gate_err err = GATE_ERR_INIT;

		assert_non_null(f);
		size_t len = fread(text, 1, sizeof(text), f);
		(void)fclose(f);
		if (read_text(text, len, &err) < 0) {
			/* The only one that no JSON parser reads. */
			assert_non_null(strstr(found.gl_pathv[i], "oskarirauta"));
			assert_string_equal(err.text, "a comma behind the last value, in front of '}'");
			refused++;
		}
	}
	assert_true(found.gl_pathc >= 78);
	assert_int_equal(refused, 1);
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_has_places_and_texts),
		cmocka_unit_test(all_of_json_is_read),
		cmocka_unit_test(strings_are_what_the_file_says),
		cmocka_unit_test(limits_hold_to_the_last_one),
		cmocka_unit_test(bounds_can_be_those_of_the_caller),
		cmocka_unit_test(duplicates_are_found_among_many_keys),
		cmocka_unit_test(messages_never_carry_control_characters),
		cmocka_unit_test(a_changed_byte_never_breaks_the_reader),
		cmocka_unit_test(every_real_profile_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
