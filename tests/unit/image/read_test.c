/* References and documents. What the end-to-end test tests/e2e/image.py asks of whole images is not asked again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "image/manifest.h"
#include "image/out.h"
#include "image/reference.h"

static bool only_dir(const char *path)
{
	return strcmp(path, "dir") == 0 || strcmp(path, "di:r") == 0;
}

static void references_mean_what_people_write(void **state)
{
	static const struct {
		const char *text;
		enum gate_reference_kind kind;
		const char *path, *tag, *name;
	} rows[] = {
		{ "oci:dir", GATE_REFERENCE_OCI, "dir", NULL, NULL },
		{ "oci:dir:tag", GATE_REFERENCE_OCI, "dir", "tag", NULL },
		{ "oci:dir:busybox:latest", GATE_REFERENCE_OCI, "dir", "busybox:latest", NULL },
		{ "oci:di:r", GATE_REFERENCE_OCI, "di:r", NULL, NULL },
		{ "oci:di:r:t", GATE_REFERENCE_OCI, "di:r", "t", NULL },
		{ "docker-archive:dir:a/b:c", GATE_REFERENCE_ARCHIVE, "dir", "a/b:c", NULL },
		{ "docker://busybox", GATE_REFERENCE_DOCKER, NULL, NULL, "docker.io/library/busybox:latest" },
		{ "docker://a/b:c", GATE_REFERENCE_DOCKER, NULL, NULL, "docker.io/a/b:c" },
		{ "docker://localhost/b", GATE_REFERENCE_DOCKER, NULL, NULL, "localhost/b:latest" },
		{ "docker://h:5000/b", GATE_REFERENCE_DOCKER, NULL, NULL, "h:5000/b:latest" },
		{ "docker://q.io/b@sha256:00", GATE_REFERENCE_DOCKER, NULL, NULL, "q.io/b@sha256:00" },
		{ "mine", GATE_REFERENCE_STORE, NULL, NULL, "mine" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
		struct gate_reference r;
		struct gate_err err = GATE_ERR_INIT;

		if (gate_reference_parse(&arena, rows[i].text, only_dir, &r, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_int_equal(r.kind, rows[i].kind);
		if (rows[i].path != NULL)
			assert_string_equal(r.path, rows[i].path);
		if (rows[i].name != NULL)
			assert_string_equal(r.name, rows[i].name);
		if (rows[i].tag != NULL)
			assert_string_equal(r.tag, rows[i].tag);
		else
			assert_null(r.tag);
	}
}

static void bad_references_are_refused(void **state)
{
	static const char *const rows[] = { "", "oci:", "oci::tag", "oci:dir:", "docker-archive:", "docker://", "docker://-x", "docker://../x",
		                            "docker://a//b", "../x", "/abs", ".hidden", "a b", "a\nb", "--help", "a$b" };

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
		struct gate_reference r;
		struct gate_err err = GATE_ERR_INIT;

		if (gate_reference_parse(&arena, rows[i], only_dir, &r, &err) == 0)
			fail_msg("'%s' was taken", rows[i]);
		assert_true(err.text[0] != '\0');
	}
}

static void file_names_of_references_come_back(void **state)
{
	static const char *const rows[] = { "a", "docker.io/library/a:b", ".", "..", "oci:/a b/%41:x", "-x", "\xff\n" };
	char file[GATE_REFERENCE_FILE], back[GATE_REFERENCE_FILE], longest[GATE_REFERENCE_FILE + 8];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		assert_int_equal(gate_reference_escape(rows[i], file, NULL), 0);
		assert_null(strchr(file, '/'));
		assert_true(file[0] != '.');
		assert_true(gate_reference_unescape(file, back));
		assert_string_equal(back, rows[i]);
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(gate_reference_escape(longest, file, NULL), -1);
	assert_int_equal(gate_reference_escape("", file, NULL), -1);
	assert_false(gate_reference_unescape("a%4", back));
	assert_false(gate_reference_unescape("%zz", back));
	assert_false(gate_reference_unescape(longest, back));
}

static void names_are_cleaned(void **state)
{
	char out[GATE_OUT_PATH], deep[3 * (GATE_OUT_DEPTH + 2)];

	(void)state;
	assert_int_equal(gate_out_clean("./a//b/./c/", out, NULL), 0);
	assert_string_equal(out, "a/b/c");
	assert_int_equal(gate_out_clean("./", out, NULL), 0);
	assert_string_equal(out, "");
	assert_int_equal(gate_out_clean("...", out, NULL), 0);
	assert_string_equal(out, "...");
	assert_int_equal(gate_out_clean("..a/b..", out, NULL), 0);
	assert_int_equal(gate_out_clean("", out, NULL), -1);
	assert_int_equal(gate_out_clean("/", out, NULL), -1);
	assert_int_equal(gate_out_clean("a/..", out, NULL), -1);
	assert_int_equal(gate_out_clean("../", out, NULL), -1);
	deep[0] = '\0';
	for (unsigned i = 0; i < GATE_OUT_DEPTH; i++)
		strcat(deep, "d/");
	assert_int_equal(gate_out_clean(deep, out, NULL), 0);
	strcat(deep, "d");
	assert_int_equal(gate_out_clean(deep, out, NULL), -1);
}

static void dates_become_seconds(void **state)
{
	static const struct {
		const char *date;
		uint64_t seconds;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },          { "2000-02-29T12:34:56Z", 951827696 }, { "2023-05-18T22:34:17.123456789Z", 1684449257 },
		{ "2100-03-01T00:00:00Z", 4107542400 }, { "0001-01-01T00:00:00Z", 0 },         { "yesterday, about tea time", 0 },
		{ "2023-13-01T00:00:00Z", 0 },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		GATE_AUTO(gate_arena_done) struct gate_arena arena = GATE_ARENA_INIT;
		struct gate_config c;
		struct gate_err err = GATE_ERR_INIT;
		char text[512];

		snprintf(text, sizeof(text), "{\"created\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%064d\"]}}",
		         rows[i].date, 7);
		if (gate_config_read(&arena, text, strlen(text), NULL, &c, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(c.created, rows[i].seconds);
		assert_int_equal(c.diffs[0].bytes[31], 7);
		assert_null(c.entrypoint[0]);
		assert_string_equal(c.user, "");
	}
}

static void digests_are_strict(void **state)
{
	struct gate_digest d;
	char good[GATE_DIGEST_TEXT], back[GATE_DIGEST_TEXT];

	(void)state;
	snprintf(good, sizeof(good), "sha256:%064x", 0xabcdef);
	assert_int_equal(gate_digest_parse(good, &d, NULL), 0);
	gate_digest_text(&d, back);
	assert_string_equal(back, good);
	good[10] = 'A';
	assert_int_equal(gate_digest_parse(good, &d, NULL), -1);
	good[10] = '\0';
	assert_int_equal(gate_digest_parse(good, &d, NULL), -1);
	assert_int_equal(gate_digest_parse("", &d, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_mean_what_people_write), cmocka_unit_test(bad_references_are_refused),
		cmocka_unit_test(file_names_of_references_come_back), cmocka_unit_test(names_are_cleaned),
		cmocka_unit_test(dates_become_seconds),               cmocka_unit_test(digests_are_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
