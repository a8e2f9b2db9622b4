#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/program.h"

static char dir[] = "/tmp/callgate-program-XXXXXX";
static int dirfd_;

static void make(const char *name, mode_t mode)
{
	int fd = openat(dirfd_, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	dirfd_ = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(dirfd_, "one", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "two", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "one/folder", 0755), 0);
	make("one/plain", 0644);
	make("two/plain", 0755);
	make("two/tool", 0755);
	make("two/data", 0644);
	make("here", 0755);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "one/plain", "two/plain", "two/tool", "two/data", "here" };

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(files); i++)
		(void)unlinkat(dirfd_, files[i], 0);
	(void)unlinkat(dirfd_, "one/folder", AT_REMOVEDIR);
	(void)unlinkat(dirfd_, "one", AT_REMOVEDIR);
	(void)unlinkat(dirfd_, "two", AT_REMOVEDIR);
	(void)close(dirfd_);
	return rmdir(dir);
}

static void words_become_paths_or_a_reason(void **state)
{
	static const struct {
		const char *word, *search, *path;
		int sys;
		const char *text;
	} rows[] = {
		{ "tool", "one:two", "two/tool", 0, NULL },
		{ "plain", "one:two", "two/plain", 0, NULL },
		{ "./here", "one", "./here", 0, NULL },
		{ "two/tool", NULL, "two/tool", 0, NULL },
		{ "here", "one::two", "./here", 0, NULL },
		{ "here", "one:", "./here", 0, NULL },
		{ "here", "", "./here", 0, NULL },
		{ "here", "one:two", NULL, ENOENT, "'here' was not found in PATH" },
		{ "folder", "one:two", NULL, ENOENT, "'folder' was not found in PATH" },
		{ "data", "one:two", NULL, EACCES, "'data' was found in PATH, but is not executable" },
		{ "", "one:two", NULL, ENOENT, "'' was not found in PATH" },
		{ "./none", "one", NULL, ENOENT, "'./none' was not found" },
		{ "./one", NULL, NULL, EACCES, "'./one' is a directory" },
		{ "two/data", NULL, NULL, EACCES, "'two/data' is not executable: permission denied" },
		{ "two/tool/x", NULL, NULL, ENOTDIR, "cannot execute 'two/tool/x': Not a directory" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_program program = { "untouched" };
		struct gate_err err = GATE_ERR_INIT;
		int result = gate_program_find(dirfd_, rows[i].word, rows[i].search, &program, &err);

		if (rows[i].path != NULL) {
			assert_int_equal(result, 0);
			assert_string_equal(program.path, rows[i].path);
			continue;
		}
		assert_int_equal(result, -1);
		assert_string_equal(err.text, rows[i].text);
		assert_int_equal(err.sys, rows[i].sys);
		assert_string_equal(program.path, "untouched");
	}
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	struct gate_program program;
	struct gate_err err = GATE_ERR_INIT;
	char word[PATH_MAX + 10];

	(void)state;
	memset(word, 'a', sizeof(word));
	word[0] = '/';
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(gate_program_find(dirfd_, word, NULL, &program, &err), -1);
	assert_int_equal(err.sys, ENAMETOOLONG);
}

static void an_absent_interpreter_is_told_from_an_absent_program(void **state)
{
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	gate_program_explain(dirfd_, "here", ENOENT, &err);
	assert_string_equal(err.text, "'here' is there, but the interpreter that it names is not");
	err = (struct gate_err)GATE_ERR_INIT;
	gate_program_explain(dirfd_, "here", ENOEXEC, &err);
	assert_string_equal(err.text, "'here' is no program: exec format error");
	assert_int_equal(err.sys, ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_paths_or_a_reason),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(an_absent_interpreter_is_told_from_an_absent_program),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
