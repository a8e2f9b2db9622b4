/* Every row of the shared facts is found by name and by number. Skipped where the facts are absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"

#include <callgate/abi.h>

struct row {
	char *abi, *number, *name, *since, *types;
};

static FILE *facts(void)
{
	char path[4096];
	const char *shared = getenv("CALLGATE_SHARED");

	(void)snprintf(path, sizeof(path), "%s/facts/syscalls.tsv", shared != NULL ? shared : DEFAULT_SHARED);
	return fopen(path, "re");
}

static bool next(FILE *f, char *line, int size, struct row *ret)
{
	char **fields[] = { &ret->abi, &ret->number, &ret->name, &ret->since, &ret->types };

	do {
		if (fgets(line, size, f) == NULL)
			return false;
	} while (line[0] == '#');
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < GATE_ARRAY_LEN(fields); i++) {
		*fields[i] = strsep(&line, "\t");
		assert_non_null(*fields[i]);
	}
	return true;
}

static void check_row(const struct row *r)
{
	enum gate_arch arch = gate_arch_by_name(r->abi, strlen(r->abi));
	uint32_t nr = (uint32_t)strtoul(r->number, NULL, 10);
	int name = gate_name_find(r->name, strlen(r->name));
	const struct gate_syscall *call;
	unsigned major, minor;

	assert_int_not_equal(arch, GATE_ARCH_NONE);
	assert_true(name >= 0);
	call = gate_syscall_of(arch, (unsigned)name);
	assert_non_null(call);
	assert_int_equal(call->nr, nr);
	assert_int_equal(call->name, name);
	assert_ptr_equal(gate_syscall_by_nr(arch, nr), call);
	/* Three rows say when x86 renamed a call inside the kernel, not when it got it. */
	bool renamed = strcmp(r->abi, "x86") == 0 && strcmp(r->since, "v5.7") == 0 && call->nr <= 300;

	if (renamed) {
		assert_int_equal(call->since.major, 0);
	} else if (sscanf(r->since, "v%u.%u", &major, &minor) == 2) {
		assert_int_equal(call->since.major, major);
		assert_int_equal(call->since.minor, minor);
	} else if (strcmp(r->since, "<=v4.0") == 0) {
		assert_int_equal(call->since.major, 0);
	}
	if (strcmp(r->types, "?") != 0) {
		unsigned n = strcmp(r->types, "-") != 0;

		for (const char *p = r->types; *p != '\0'; p++)
			n += *p == ',';
		assert_int_equal(call->n_args, n > 6 ? 6 : n);
	}
}

static void every_row_is_found_by_name_and_number(void **state)
{
	FILE *f = facts();
	size_t rows[GATE_ARCH_MAX] = { 0 }, total = 0;
	char line[4096];
	struct row r;

	(void)state;
	if (f == NULL) {
		print_message("skipped: no shared facts (CALLGATE_SHARED)\n");
		skip();
	}
	for (; next(f, line, sizeof(line), &r); total++) {
		check_row(&r);
		rows[gate_arch_by_name(r.abi, strlen(r.abi))]++;
	}
	(void)fclose(f);
	assert_true(total > 7000);
	for (unsigned a = 1; a < GATE_ARCH_MAX; a++)
		if (rows[a] != 0)
			assert_int_equal(gate_syscall_count((enum gate_arch)a), rows[a]);
}

static bool is(const char *type, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(type, list[i]) == 0)
			return true;
	return false;
}

static void declared_types_become_widths(void **state)
{
	static const char *const wide[] = { "long", "unsigned long", "size_t", "off_t", "loff_t", "u64", "__u64",
		"uintptr_t", "old_sigset_t", "aio_context_t" };
	static const char *const pointer[] = { "ptr", "cap_user_header_t", "cap_user_data_t", "__sighandler_t" };
	FILE *f = facts();
	char line[4096];
	struct row r;

	(void)state;
	if (f == NULL) {
		print_message("skipped: no shared facts (CALLGATE_SHARED)\n");
		skip();
	}
	while (next(f, line, sizeof(line), &r)) {
		const struct gate_syscall *call = gate_syscall_by_nr(gate_arch_by_name(r.abi, strlen(r.abi)),
		                                                     (uint32_t)strtoul(r.number, NULL, 10));
		unsigned i = 0;

		assert_non_null(call);
		if (strcmp(r.types, "?") == 0 || strcmp(r.types, "-") == 0)
			continue;
		for (char *rest = r.types, *type; (type = strsep(&rest, ",")) != NULL && i < 6; i++) {
			bool is_ptr = is(type, pointer, GATE_ARRAY_LEN(pointer));

			assert_int_equal(call->narrow >> i & 1, !is_ptr && !is(type, wide, GATE_ARRAY_LEN(wide)));
			if (is_ptr)
				assert_int_equal(call->pointers >> i & 1, 1);
		}
	}
	(void)fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_by_name_and_number),
		cmocka_unit_test(declared_types_become_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
