/* Errors as values, buffers, the arena, numbers, distances, digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/num.h"

static void the_first_error_is_kept(void **state)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	assert_int_equal(GATE_FAIL(&err, GATE_E_INVALID, "cause %d", 1), -1);
	assert_int_equal(GATE_FAIL(&err, GATE_E_LIMIT, "consequence"), -1);
	assert_int_equal(err.code, GATE_E_INVALID);
	assert_string_equal(err.text, "cause 1");
	gate_err_place(&err, 3, 4, 5);
	gate_err_place(&err, 9, 9, 9);
	assert_int_equal(err.line, 3);
	assert_int_equal(err.column, 4);
	assert_int_equal(GATE_NOTE(&err, "reading '%s'", "x"), -1);
	assert_string_equal(err.text, "reading 'x': cause 1");
	assert_int_equal(GATE_FAIL(NULL, GATE_E_INVALID, "nobody listens"), -1);
}

static void a_system_error_names_its_errno(void **state)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	errno = ENOENT;
	assert_int_equal(GATE_FAIL_SYS(&err, "opening '%s'", "f"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err.sys, ENOENT);
	assert_string_equal(err.text, "opening 'f': No such file or directory");
}

static void long_errors_are_cut_not_overrun(void **state)
{
	struct gate_err err = GATE_ERR_INIT, none = GATE_ERR_INIT;
	char big[2000];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	gate_err_set(&err, GATE_E_INVALID, 0, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	gate_err_prefix(&err, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	gate_err_prefix(&none, "prefix of nothing");
	gate_err_place(&none, 1, 1, 1);
	assert_int_equal(none.code, GATE_OK);
	assert_int_equal(none.line, 0);
	assert_string_equal(gate_errc_name(GATE_E_NOTFOUND), "not-found");
	assert_string_equal(gate_errc_name((enum gate_errc)99), "unknown");
}

static void buffers_grow_and_stay_terminated(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		gate_buf_printf(&b, "%u,", i);
	assert_int_equal(b.len, 10 + 90 * 2 + 900 * 3 + 1000);
	assert_int_equal(b.data[b.len], '\0');
	gate_buf_printf(&b, "%*s", 5000, "x");
	assert_int_equal(b.data[b.len - 1], 'x');
	assert_false(b.failed);
	char *taken = gate_buf_take(&b);
	assert_non_null(taken);
	assert_null(b.data);
	free(taken);
	taken = gate_buf_take(&b);
	assert_string_equal(taken, "");
	free(taken);
	gate_buf_done(&b);
}

static void a_buffer_that_cannot_grow_says_so(void **state)
{
	struct gate_buf b = GATE_BUF_INIT;

	(void)state;
	gate_buf_puts(&b, "a");
	gate_buf_add(&b, "", SIZE_MAX - 1);
	assert_true(b.failed);
	gate_buf_puts(&b, "b");
	assert_int_equal(b.len, 1);
	assert_null(gate_buf_take(&b));
	assert_null(b.data);
}

static void untrusted_text_cannot_move_a_terminal(void **state)
{
	static const struct {
		const char *in, *out;
		size_t len;
	} rows[] = {
		{ "plain \xc3\xa4", "plain \xc3\xa4", 8 }, { "\x1b[2J", "\\x1b[2J", 4 }, { "a\0b", "a\\x00b", 3 },
		{ "\xc2\x9b", "\\xc2\\x9b", 2 }, { "\xff\xc3(", "\\xff\\xc3(", 3 },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", 3 }, { "\xe2\x82", "\\xe2\\x82", 2 },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 4 }, { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 4 },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_buf b = GATE_BUF_INIT;

		gate_buf_escaped(&b, rows[i].in, rows[i].len);
		assert_string_equal(b.data, rows[i].out);
		gate_buf_done(&b);
	}
}

static void arrays_grow_without_losing_elements(void **state)
{
	unsigned *array = NULL;
	size_t cap = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(gate_grow(&array, i, &cap, sizeof(*array)), 0);
		array[i] = i;
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(array[i], i);
	size_t before = cap = SIZE_MAX / 4;
	assert_int_equal(gate_grow(&array, cap, &cap, sizeof(*array)), -1);
	assert_int_equal(cap, before);
	free(array);
}

static void an_arena_gives_zeroed_aligned_memory(void **state)
{
	struct gate_arena a = GATE_ARENA_INIT;

	(void)state;
	for (size_t size = 0; size < 5000; size = size * 2 + 1) {
		unsigned char *p = gate_arena_alloc(&a, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	assert_string_equal(gate_arena_text(&a, "abc", 2), "ab");
	assert_null(gate_arena_array(&a, SIZE_MAX / 2, 4));
	assert_null(gate_arena_alloc(&a, SIZE_MAX));
	assert_null(gate_arena_text(&a, "", SIZE_MAX));
	gate_arena_done(&a);
	gate_arena_done(&a);
	assert_int_equal(a.total, 0);
}

static void an_arena_stops_at_its_limit(void **state)
{
	struct gate_arena a = GATE_ARENA_INIT;
	size_t given = 0;

	(void)state;
	a.limit = 100000;
	while (gate_arena_alloc(&a, 1000) != NULL)
		given += 1000;
	assert_true(given >= 16000 && given <= a.limit);
	assert_true(a.total <= a.limit);
	gate_arena_done(&a);
}

static void numbers_are_read_to_the_last_character(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int decimal, any;
		uint64_t value;
	} rows[] = {
		{ "0", 9, 0, 0, 0 }, { "18446744073709551615", UINT64_MAX, 0, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -2, -2, 0 }, { "99999999999999999999999", UINT64_MAX, -2, -2, 0 },
		{ "10", 9, -2, -2, 0 }, { "9", 9, 0, 0, 9 }, { "", 9, -1, -1, 0 }, { "01", 9, -1, -1, 0 },
		{ "+1", 9, -1, -1, 0 }, { "-1", 9, -1, -1, 0 }, { " 1", 9, -1, -1, 0 }, { "1 ", 9, -1, -1, 0 },
		{ "1e3", 9999, -1, -1, 0 }, { "0xFf", 255, -1, 0, 255 }, { "0X10", 255, -1, 0, 16 }, { "0x", 9, -1, -1, 0 },
		{ "0xg", 9, -1, -1, 0 }, { "0x100", 255, -1, -2, 0 }, { "00", 9, -1, -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		uint64_t n = 77;
		size_t len = strlen(rows[i].text);

		assert_int_equal(gate_u64_parse(rows[i].text, len, rows[i].max, &n), rows[i].decimal);
		assert_int_equal(n, rows[i].decimal == 0 ? rows[i].value : 77);
		n = 77;
		assert_int_equal(gate_u64_parse_any(rows[i].text, len, rows[i].max, &n), rows[i].any);
		assert_int_equal(n, rows[i].any == 0 ? rows[i].value : 77);
	}
}

static void distances_count_edits_and_swaps(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned max, distance;
	} rows[] = {
		{ "open", "open", 2, 0 }, { "opne", "open", 2, 1 }, { "OPEN", "open", 2, 0 }, { "ope", "open", 2, 1 },
		{ "openx", "open", 2, 1 }, { "oxen", "open", 2, 1 }, { "", "ab", 2, 2 }, { "", "", 2, 0 },
		{ "abc", "xyz", 2, 3 }, { "kitten", "sitting", 3, 3 }, { "kitten", "sitting", 2, 3 }, { "a", "abcd", 2, 3 },
	};
	char big[65];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const char *a = rows[i].a, *b = rows[i].b;

		assert_int_equal(gate_distance(a, strlen(a), b, strlen(b), rows[i].max), rows[i].distance);
		assert_int_equal(gate_distance(b, strlen(b), a, strlen(a), rows[i].max), rows[i].distance);
	}
	memset(big, 'a', sizeof(big));
	assert_int_equal(gate_distance(big, 64, big, 64, 2), 0);
	assert_int_equal(gate_distance(big, 65, big, 65, 2), 3);
}

static void digests_are_sha256(void **state)
{
	struct gate_digest one, two;
	const struct gate_piece ab_c[] = { { "ab", 2 }, { "c", 1 } }, a_bc[] = { { "a", 1 }, { "bc", 2 } };
	char text[GATE_DIGEST_TEXT];

	(void)state;
	gate_digest_bytes("abc", 3, &one); /* FIPS 180-4, example B.1 */
	gate_digest_text(&one, text);
	assert_string_equal(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	gate_digest_pieces(ab_c, 2, &one);
	gate_digest_pieces(a_bc, 2, &two);
	assert_memory_not_equal(one.bytes, two.bytes, sizeof(one.bytes));
	gate_digest_pieces(ab_c, 2, &two);
	assert_memory_equal(one.bytes, two.bytes, sizeof(one.bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_error_is_kept),
		cmocka_unit_test(a_system_error_names_its_errno),
		cmocka_unit_test(long_errors_are_cut_not_overrun),
		cmocka_unit_test(buffers_grow_and_stay_terminated),
		cmocka_unit_test(a_buffer_that_cannot_grow_says_so),
		cmocka_unit_test(untrusted_text_cannot_move_a_terminal),
		cmocka_unit_test(arrays_grow_without_losing_elements),
		cmocka_unit_test(an_arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(an_arena_stops_at_its_limit),
		cmocka_unit_test(numbers_are_read_to_the_last_character),
		cmocka_unit_test(distances_count_edits_and_swaps),
		cmocka_unit_test(digests_are_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
