/* Reading: what a tree looks like, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_has_places_and_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
