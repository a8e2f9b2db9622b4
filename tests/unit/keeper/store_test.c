/* What is written down is whole; what is removed is all of it, and nothing beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/keeper.h"

struct place {
	char path[64];
	int dir;
};

static int make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->path, "/tmp/callgate-store-XXXXXX");
	if (mkdtemp(p->path) == NULL)
		return -1;
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int drop(void **state)
{
	struct place *p = *state;
	char command[96];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", p->path);
	int result = system(command);
	(void)close(p->dir);
	free(p);
	return result;
}

static bool there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void a_tree_goes_with_all_that_is_in_it(void **state)
{
	struct place *p = *state;
	char name[64];

	assert_int_equal(mkdirat(p->dir, "tree", 0755), 0);
	assert_int_equal(mkdirat(p->dir, "beside", 0755), 0);
	assert_int_equal(mkdirat(p->dir, "beside/it", 0755), 0);
	assert_int_equal(symlinkat("../beside", p->dir, "tree/link"), 0);
	assert_int_equal(symlinkat("/nowhere", p->dir, "tree/broken"), 0);
	assert_int_equal(mkfifoat(p->dir, "tree/fifo", 0), 0);
	/* More than one read of the directory gives. */
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "tree/a file with a rather long name, number %d", i);
		(void)close(openat(p->dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
	}
	assert_int_equal(gate_store_remove_tree(p->dir, "tree"), 0);
	assert_false(there(p->dir, "tree"));
	assert_true(there(p->dir, "beside/it"));
	/* Already gone is as good. */
	assert_int_equal(gate_store_remove_tree(p->dir, "tree"), 0);
}

static void a_deep_tree_needs_no_deep_stack(void **state)
{
	struct place *p = *state;
	struct rlimit was, few;

	assert_int_equal(mkdirat(p->dir, "tree", 0755), 0);
	int at = openat(p->dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(mkdirat(at, "deeper", 0755), 0);
		(void)close(openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0));
		int next = openat(at, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int result = gate_store_remove_tree(p->dir, "tree");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(result, 0);
	assert_false(there(p->dir, "tree"));
}

static void what_is_no_directory_is_not_removed(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdirat(p->dir, "target", 0755), 0);
	assert_int_equal(mkdirat(p->dir, "target/x", 0755), 0);
	assert_int_equal(symlinkat("target", p->dir, "link"), 0);
	assert_true(gate_store_remove_tree(p->dir, "link") < 0);
	assert_true(there(p->dir, "link"));
	assert_true(there(p->dir, "target/x"));
}

static void a_record_is_written_whole(void **state)
{
	struct place *p = *state;
	static struct gate_record r, back[2];

	r.magic = 1;
	assert_int_equal(gate_store_write_record(p->dir, &r), 0);
	r.magic = 2;
	assert_int_equal(gate_store_write_record(p->dir, &r), 0);
	int fd = openat(p->dir, "record", O_RDONLY | O_CLOEXEC);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read(fd, back, sizeof(back)), sizeof(r));
	assert_memory_equal(back, &r, sizeof(r));
	(void)close(fd);
	assert_false(there(p->dir, "record.new"));
}

/* RLIMIT_FSIZE stands for a disk that has no room for a second one. */
static void without_room_the_old_record_is_written_over(void **state)
{
	struct place *p = *state;
	static struct gate_record r;
	struct rlimit was, none;

	r.magic = 1;
	assert_int_equal(gate_store_write_record(p->dir, &r), 0);
	/* Nothing can be made beside it: a directory has its name. */
	assert_int_equal(mkdirat(p->dir, "record.new", 0700), 0);
	r.magic = 3;
	assert_int_equal(gate_store_write_record(p->dir, &r), 0);
	char text[8];
	assert_int_equal(gate_store_read(p->dir, "record", text, sizeof(text)), 7);
	assert_int_equal(text[0], 3);
	/* And where not even that can be done it is an error. */
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = was;
	none.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	int result = gate_store_write_record(p->dir, &r);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(result, -EFBIG);
}

static void no_link_is_followed(void **state)
{
	struct place *p = *state;
	static struct gate_record r;
	char text[8];

	assert_int_equal(symlinkat("target", p->dir, "record.new"), 0);
	assert_true(gate_store_write_record(p->dir, &r) < 0);
	assert_false(there(p->dir, "target"));
	assert_int_equal(symlinkat("/etc/passwd", p->dir, "name"), 0);
	assert_int_equal(gate_store_read(p->dir, "name", text, sizeof(text)), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tree_goes_with_all_that_is_in_it, make, drop),
		cmocka_unit_test_setup_teardown(a_deep_tree_needs_no_deep_stack, make, drop),
		cmocka_unit_test_setup_teardown(what_is_no_directory_is_not_removed, make, drop),
		cmocka_unit_test_setup_teardown(a_record_is_written_whole, make, drop),
		cmocka_unit_test_setup_teardown(without_room_the_old_record_is_written_over, make, drop),
		cmocka_unit_test_setup_teardown(no_link_is_followed, make, drop),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
