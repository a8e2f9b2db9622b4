/* Users and groups out of hostile files: every malformed one is refused, none becomes root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "spec/passwd.h"

static const char passwd[] = "# a comment\n"
			     "root:x:0:0:root:/root:/bin/sh\n"
			     "web:x:33:34:web,,,:/var/www:/bin/false\n"
			     "1000:x:0:0:named like a number:/:/bin/sh\n"
			     "minus:x:-1:0::/:/bin/sh\n"
			     "top:x:4294967295:0::/:/bin/sh\n"
			     "last:x:4294967294:5::/:/bin/sh\n"
			     "hex:x:0x0:0::/:/bin/sh\n"
			     "huge:x:10000000000000000000000000000000000000000:0::/:/bin/sh\n"
			     "none:x::0::/:/bin/sh\n"
			     "blank:x: 0:0::/:/bin/sh\n"
			     "zeros:x:00:0::/:/bin/sh\n"
			     "badgid:x:7:x::/:/bin/sh\n"
			     "short:x:8:8\n"
			     "long:x:9:9::/:/bin/sh:more\n"
			     "relative:x:10:10::../..:/bin/sh\n"
			     "twice:x:11:11::/first:/bin/sh\n"
			     "twice:x:12:12::/second:/bin/sh\n"
			     ":x:13:13::/:/bin/sh\n"
			     "unended:x:14:14::/:/bin/sh";
static const char group[] = "root:x:0:\n"
			    "www:x:34:\n"
			    "adm:x:4:web,other\n"
			    "audio:x:29:other,web\n"
			    "again:x:4:web\n"
			    "webby:x:30:webb,we\n"
			    "neg:x:-4:\n"
			    "evil:x:0x0:victim\n"
			    "5:x:0:\n";

static int find(const char *user, bool host, struct gate_arena *arena, struct gate_identity *id, struct gate_err *err)
{
	struct gate_passwd files = { passwd, group, sizeof(passwd) - 1, sizeof(group) - 1, host };

	return gate_identity_find(&files, user, NULL, 0, arena, id, err);
}

static void good_users_are_found(void **state)
{
	static const struct {
		const char *user;
		uint32_t uid, gid;
		const char *home;
		size_t n_groups;
		uint32_t groups[4];
	} rows[] = {
		{ NULL, 0, 0, "/root", 1, { 0 } },
		{ "", 0, 0, "/root", 1, { 0 } },
		{ "root", 0, 0, "/root", 1, { 0 } },
		{ "web", 33, 34, "/var/www", 3, { 4, 29, 34 } },
		{ "33", 33, 34, "/var/www", 3, { 4, 29, 34 } },
		{ "web:adm", 33, 4, "/var/www", 1, { 4 } },
		{ "web:77", 33, 77, "/var/www", 1, { 77 } },
		{ "1000", 1000, 0, "/", 1, { 0 } }, /* never the name "1000" */
		{ "1000:5", 1000, 5, "/", 1, { 5 } },
		{ "1000:1000", 1000, 1000, "/", 1, { 1000 } },
		{ "last", 4294967294U, 5, "/", 1, { 5 } },
		{ "4294967294:4294967294", 4294967294U, 4294967294U, "/", 1, { 4294967294U } },
		{ "relative", 10, 10, "/", 1, { 10 } },
		{ "twice", 11, 11, "/first", 1, { 11 } },
		{ "unended", 14, 14, "/", 1, { 14 } },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_arena arena = GATE_ARENA_INIT;
		struct gate_err err = GATE_ERR_INIT;
		struct gate_identity id;

		if (find(rows[i].user, false, &arena, &id, &err) < 0)
			fail_msg("'%s': %s", rows[i].user, err.text);
		assert_int_equal(id.uid, rows[i].uid);
		assert_int_equal(id.gid, rows[i].gid);
		assert_string_equal(id.home, rows[i].home);
		assert_int_equal(id.n_groups, rows[i].n_groups);
		assert_memory_equal(id.groups, rows[i].groups, rows[i].n_groups * sizeof(uint32_t));
		gate_arena_done(&arena);
	}
}

static void bad_users_are_refused(void **state)
{
	static const char *const users[] = {
		"minus", "top", "hex", "huge", "none", "blank", "zeros", "badgid", "short", "long", "nobody", "-1", "+1", "0x0",
		"00", "01", " 0", "0 ", "1e3", "4294967295", "4294967296", "18446744073709551616",
		"10000000000000000000000000000000000000000", "1000a", ":", ":0", "root:", "root:-1", "root:0x0", "root:nogroup",
		"root:neg", "root:evil", "root:00", "root:4294967295", "0:0:0", "a/b", "../root", "web\n", "web:adm:adm", "#",
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(users); i++) {
		struct gate_arena arena = GATE_ARENA_INIT;
		struct gate_err err = GATE_ERR_INIT;
		struct gate_identity id = { .uid = 4242, .gid = 4242 };

		if (find(users[i], false, &arena, &id, &err) == 0)
			fail_msg("'%s' became %u:%u", users[i], id.uid, id.gid);
		assert_int_equal(id.uid, 4242);
		assert_true(err.text[0] != '\0');
		gate_arena_done(&arena);
	}
}

static void on_the_host_an_unknown_number_says_its_group(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_identity id;

	(void)state;
	assert_int_equal(find("1000", true, &arena, &id, &err), -1);
	assert_non_null(strstr(err.text, "'1000:GROUP'"));
	assert_int_equal(find("1000:1000", true, &arena, &id, NULL), 0);
	assert_int_equal(find("33", true, &arena, &id, NULL), 0);
	assert_int_equal(id.gid, 34);
	gate_arena_done(&arena);
}

static void files_may_be_missing(void **state)
{
	struct gate_passwd files = { 0 };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_identity id;

	(void)state;
	assert_int_equal(gate_identity_find(&files, NULL, NULL, 0, &arena, &id, &err), 0);
	assert_int_equal(id.uid, 0);
	assert_string_equal(id.home, "/");
	assert_int_equal(gate_identity_find(&files, "5:6", NULL, 0, &arena, &id, &err), 0);
	assert_int_equal(id.gid, 6);
	assert_int_equal(gate_identity_find(&files, "web", NULL, 0, &arena, &id, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
	gate_arena_done(&arena);
}

static void groups_are_added(void **state)
{
	struct gate_passwd files = { passwd, group, sizeof(passwd) - 1, sizeof(group) - 1, false };
	const char *add[] = { "audio", "7", "7" }, *bad[] = { "neg" };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_identity id;

	(void)state;
	assert_int_equal(gate_identity_find(&files, "5:6", add, 3, &arena, &id, &err), 0);
	assert_int_equal(id.n_groups, 3);
	assert_int_equal(id.groups[0], 6);
	assert_int_equal(id.groups[1], 7);
	assert_int_equal(id.groups[2], 29);
	assert_int_equal(gate_identity_find(&files, "5:6", bad, 1, &arena, &id, &err), -1);
	gate_arena_done(&arena);
}

/* n groups list the user, whose own is among them. */
static int with_groups(size_t n, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_identity id;

	for (size_t i = 0; i < n; i++)
		gate_buf_printf(&text, "g%zu:x:%zu:web\n", i, i);
	struct gate_passwd files = { passwd, text.data, sizeof(passwd) - 1, text.len, false };
	int done = gate_identity_find(&files, "web", NULL, 0, &arena, &id, err);

	if (done == 0)
		assert_int_equal(id.n_groups, n);
	gate_arena_done(&arena);
	return done;
}

static void too_many_groups_are_an_error(void **state)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	assert_int_equal(with_groups(65536, &err), 0);
	assert_int_equal(with_groups(65537, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(with_groups(140000, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
}

static void files_have_a_size(void **state)
{
	char *big = calloc(1, GATE_PASSWD_BYTES_MAX + 1);
	struct gate_passwd files = { big, NULL, GATE_PASSWD_BYTES_MAX + 1, 0, false };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_identity id;

	(void)state;
	assert_non_null(big);
	assert_int_equal(gate_identity_find(&files, "0", NULL, 0, &arena, &id, &err), -1);
	assert_int_equal(err.code, GATE_E_LIMIT);
	files.passwd_len--;
	assert_int_equal(gate_identity_find(&files, "0", NULL, 0, &arena, &id, &err), -1 + 1);
	gate_arena_done(&arena);
	free(big);
}

static void a_line_with_nul_is_no_entry(void **state)
{
	static const char text[] = "web\0:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n";
	struct gate_passwd files = { text, NULL, sizeof(text) - 1, 0, false };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_identity id;

	(void)state;
	assert_int_equal(gate_identity_find(&files, "web", NULL, 0, &arena, &id, NULL), 0);
	assert_int_equal(id.uid, 33);
	gate_arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_users_are_found),
		cmocka_unit_test(bad_users_are_refused),
		cmocka_unit_test(on_the_host_an_unknown_number_says_its_group),
		cmocka_unit_test(files_may_be_missing),
		cmocka_unit_test(groups_are_added),
		cmocka_unit_test(too_many_groups_are_an_error),
		cmocka_unit_test(files_have_a_size),
		cmocka_unit_test(a_line_with_nul_is_no_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
