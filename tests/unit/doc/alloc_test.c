/* Every allocation of ours fails in turn (ld --wrap): an error or the whole tree comes back, and nothing leaks.
 * libfyaml's own cannot fail here: 0.7.12 dereferences NULL in fy_parser_set_string when its input cannot be
 * allocated. The reader asks for as much memory as the library can need before it calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "doc/doc.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static size_t countdown; /* 0: off */
static bool keeps_failing;
static long live;

static bool fails(void)
{
	if (countdown == 0)
		return false;
	if (countdown > 1) {
		countdown--;
		return false;
	}
	if (!keeps_failing)
		countdown = 0;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	void *p = fails() ? NULL : __real_malloc(size);

	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(n, size);

	live += p != NULL;
	return p;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __real_realloc(old, size);

	live += p != NULL && old == NULL;
	return p;
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

static void sweep(const char *text, bool for_ever, int expected)
{
	size_t len = strlen(text);
	int result = -1;

	keeps_failing = for_ever;
	for (size_t nth = 1;; nth++) {
		struct gate_arena a = GATE_ARENA_INIT;
		struct gate_err err = GATE_ERR_INIT;
		const struct gate_doc *d = NULL;
		long before = live;

		countdown = nth;
		result = gate_doc_read(&a, text, len, &d, &err);
		bool fired = for_ever ? countdown == 1 : countdown == 0;
		countdown = 0;
		gate_arena_done(&a);
		if (live != before)
			fail_msg("allocation %zu: %ld blocks leak", nth, live - before);
		assert_int_equal(d != NULL, result == 0);
		if (result < 0 && expected == 0 && err.code != GATE_E_NOMEM)
			fail_msg("allocation %zu: %s", nth, err.text);
		if (!fired)
			break;
		assert_true(nth < 10000);
	}
	assert_int_equal(result, expected);
}

static const char good[] = "{\"a\": [1, \"x\\u00e4\", {\"b\": null}], \"c\": {\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,"
                           "\"6\":6,\"7\":7,\"8\":8,\"9\":9}}";
static const char bad[] = "{\"a\": [1, \"x\\u00e4\", {\"b\": null,}]}";

static void one_failed_allocation_is_an_error(void **state)
{
	(void)state;
	sweep(good, false, 0);
	sweep(bad, false, -1);
}

static void memory_that_stays_gone_is_an_error(void **state)
{
	(void)state;
	sweep(good, true, 0);
	sweep(bad, true, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_failed_allocation_is_an_error),
		cmocka_unit_test(memory_that_stays_gone_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
