/* Every allocation fails in turn, the library's included: an error or the whole tree comes back, and nothing leaks.
 * malloc and its relatives are replaced for the whole program, which a sanitizer does not allow: skipped there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "doc/doc.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

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

void *malloc(size_t size)
{
	void *p = fails() ? NULL : __libc_malloc(size);

	live += p != NULL;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);

	live += p != NULL;
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __libc_realloc(old, size);

	live += p != NULL && old == NULL;
	return p;
}

void free(void *p)
{
	live -= p != NULL;
	__libc_free(p);
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
#else
static void one_failed_allocation_is_an_error(void **state)
{
	(void)state;
	print_message("skipped: a sanitizer owns malloc\n");
	skip();
}

static void memory_that_stays_gone_is_an_error(void **state)
{
	one_failed_allocation_is_an_error(state);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_failed_allocation_is_an_error),
		cmocka_unit_test(memory_that_stays_gone_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
