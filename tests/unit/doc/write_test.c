/* Writing: layout, escapes, and that what is written is read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "doc/doc.h"

static void build(struct gate_json *j)
{
	gate_json_object(j);
	gate_json_key(j, "a");
	gate_json_array(j);
	gate_json_u64(j, UINT64_MAX);
	gate_json_bool(j, true);
	gate_json_null(j);
	gate_json_array(j);
	gate_json_end(j, ']');
	gate_json_end(j, ']');
	gate_json_key(j, "b\n");
	gate_json_text(j, NULL);
	gate_json_key(j, "c");
	gate_json_object(j);
	gate_json_end(j, '}');
	gate_json_end(j, '}');
}

static void one_line_has_blanks_between_items(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;
	struct gate_json j;

	(void)state;
	gate_json_init(&j, &b, 0);
	build(&j);
	assert_string_equal(b.data, "{\"a\": [18446744073709551615, true, null, []], \"b\\n\": null, \"c\": {}}");
	gate_buf_done(&b);
}

static void indented_text_has_a_line_for_each_item(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;
	struct gate_json j;

	(void)state;
	gate_json_init(&j, &b, 2);
	build(&j);
	assert_string_equal(b.data, "{\n  \"a\": [\n    18446744073709551615,\n    true,\n    null,\n    []\n  ],\n"
	                            "  \"b\\n\": null,\n  \"c\": {}\n}");
	gate_buf_done(&b);
}

static void any_bytes_become_a_valid_string(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1b\x7f", "\"\\u0001\\u001b\\u007f\"" },
		{ "\xc2\x9b\xc2\xa0", "\"\\u009b\xc2\xa0\"" },
		{ "a\xff\xc3(", "\"a\xef\xbf\xbd\xef\xbf\xbd(\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf0\x9f\x98\x80\xe2\x82", "\"\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_buf b = GATE_BUF_INIT;
		struct gate_arena a = GATE_ARENA_INIT;
		const struct gate_doc *d = NULL;
		struct gate_json j;

		gate_json_init(&j, &b, 0);
		gate_json_text(&j, rows[i].in);
		assert_string_equal(b.data, rows[i].out);
		assert_int_equal(gate_doc_read(&a, b.data, b.len, &d, NULL), 0);
		assert_int_equal(d->kind, GATE_DOC_STRING);
		gate_buf_done(&b);
		gate_arena_done(&a);
	}
}

static void a_nul_byte_is_escaped(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;
	struct gate_json j;

	(void)state;
	gate_json_init(&j, &b, 0);
	gate_json_textn(&j, "a\0b", 3);
	assert_string_equal(b.data, "\"a\\u0000b\"");
	gate_buf_done(&b);
}

static void numbers_are_as_short_as_they_can_be(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;
	struct gate_json j;

	(void)state;
	gate_json_init(&j, &b, 0);
	gate_json_array(&j);
	gate_json_double(&j, 0.1);
	gate_json_double(&j, 128);
	gate_json_double(&j, 1.0 / 3);
	gate_json_double(&j, 1e300 * 1e300);
	gate_json_i64(&j, INT64_MIN);
	gate_json_raw(&j, "{\"a\": []}");
	gate_json_raw(&j, NULL);
	gate_json_end(&j, ']');
	assert_string_equal(
	    b.data, "[0.1, 128, 0.3333333333333333, null, -9223372036854775808, {\"a\": []}, null]");
	gate_buf_done(&b);
}

static void whole_numbers_look_as_printf_has_them(void **state)
{
	static const double numbers[] = { 0, -0.0, 1, -1, 999999999999999, -999999999999999, 1e15, -1e15, 1e16, 1e22 };
	struct gate_buf b = GATE_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct gate_json j;
		char text[40];

		(void)snprintf(text, sizeof(text), "%.15g", numbers[i]);
		gate_json_init(&j, &b, 0);
		gate_json_double(&j, numbers[i]);
		assert_string_equal(b.data, text);
		gate_buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_as_short_as_they_can_be),
		cmocka_unit_test(whole_numbers_look_as_printf_has_them),
		cmocka_unit_test(one_line_has_blanks_between_items),
		cmocka_unit_test(indented_text_has_a_line_for_each_item),
		cmocka_unit_test(any_bytes_become_a_valid_string),
		cmocka_unit_test(a_nul_byte_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
