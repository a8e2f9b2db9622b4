/* Log files: what is written is read again, caps hold, a full disk leaves whole entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/log.h"

struct place {
	char path[64];
	int dir;
};

static int make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->path, "/tmp/callgate-log-XXXXXX");
	if (mkdtemp(p->path) == NULL)
		return -1;
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int drop(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(p->path);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		(void)unlinkat(p->dir, e->d_name, 0);
	(void)closedir(d);
	(void)close(p->dir);
	(void)rmdir(p->path);
	free(p);
	return 0;
}

static size_t slurp(int dir, const char *name, unsigned char *to, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t n = 0;

	if (fd < 0)
		return SIZE_MAX;
	for (ssize_t got; n < size && (got = read(fd, to + n, size - n)) > 0;)
		n += (size_t)got;
	(void)close(fd);
	return n;
}

static void what_is_written_is_read(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	static unsigned char buffer[1 << 16];
	struct gate_log_entry e;
	size_t at = 0;

	gate_log_init(&log, p->dir, 1 << 20, 3);
	gate_log_write(&log, 11, GATE_LOG_STDOUT, "hello\n", 6);
	gate_log_write(&log, 12, GATE_LOG_STDERR, "\0x", 2);
	gate_log_done(&log);
	size_t n = slurp(p->dir, "out", buffer, sizeof(buffer));
	assert_int_equal(gate_log_next(buffer, n, &at, &e), GATE_LOG_ENTRY);
	assert_int_equal(e.time_ns, 11);
	assert_int_equal(e.stream, GATE_LOG_STDOUT);
	assert_int_equal(e.len, 6);
	assert_memory_equal(e.bytes, "hello\n", 6);
	assert_int_equal(gate_log_next(buffer, n, &at, &e), GATE_LOG_ENTRY);
	assert_int_equal(e.stream, GATE_LOG_STDERR);
	assert_memory_equal(e.bytes, "\0x", 2);
	assert_int_equal(gate_log_next(buffer, n, &at, &e), GATE_LOG_END);
	for (size_t cut = 1; cut < n; cut++) {
		enum gate_log_result got = GATE_LOG_ENTRY;

		for (at = 0; got == GATE_LOG_ENTRY;)
			got = gate_log_next(buffer, cut, &at, &e);
		assert_true(got == (cut == sizeof(struct gate_log_head) + 6 ? GATE_LOG_END : GATE_LOG_PART));
	}
}

static void nonsense_is_no_entry(void **state)
{
	struct gate_log_head head = { 1, GATE_LOG_STDOUT, 0 };
	struct gate_log_entry e;
	size_t at = 0;

	(void)state;
	assert_int_equal(gate_log_next(&head, sizeof(head), &at, &e), GATE_LOG_BROKEN);
	head.len = GATE_LOG_ENTRY_MAX + 1;
	assert_int_equal(gate_log_next(&head, sizeof(head), &at, &e), GATE_LOG_BROKEN);
	head.len = 1;
	head.stream = 3;
	assert_int_equal(gate_log_next(&head, sizeof(head), &at, &e), GATE_LOG_BROKEN);
	assert_int_equal(at, 0);
	assert_int_equal(gate_log_next(&head, 0, &at, &e), GATE_LOG_END);
}

static void files_are_capped_and_turned(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	static unsigned char buffer[1 << 16];
	char line[100], name[16];
	uint64_t last = 0;

	gate_log_init(&log, p->dir, 5000, 3);
	memset(line, 'x', sizeof(line));
	for (uint64_t i = 1; i <= 1000; i++)
		gate_log_write(&log, i, GATE_LOG_STDOUT, line, sizeof(line));
	assert_int_equal(log.dropped, 0);
	gate_log_done(&log);
	/* The oldest first: the entries go on without a hole up to the newest. */
	for (unsigned i = 3; i-- > 0;) {
		struct gate_log_entry e;
		size_t at = 0;

		gate_log_name(i, name);
		size_t n = slurp(p->dir, name, buffer, sizeof(buffer));
		assert_true(n > 0 && n <= 5000);
		while (gate_log_next(buffer, n, &at, &e) == GATE_LOG_ENTRY) {
			assert_true(last == 0 || e.time_ns == last + 1);
			last = e.time_ns;
		}
		assert_int_equal(at, n);
	}
	assert_int_equal(last, 1000);
	assert_true(slurp(p->dir, "out.3", buffer, 1) == SIZE_MAX);
	gate_log_name(1234567890, name);
	assert_string_equal(name, "out.1234567890");
}

static void one_file_starts_anew(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	unsigned char buffer[8192];

	gate_log_init(&log, p->dir, 1, 0);
	for (int i = 0; i < 100; i++)
		gate_log_write(&log, 1, GATE_LOG_STDOUT, "0123456789012345678901234567890123456789", 40);
	size_t n = slurp(p->dir, "out", buffer, sizeof(buffer));
	assert_true(n > 0 && n <= GATE_LOG_FILE_MIN);
	assert_true(slurp(p->dir, "out.1", buffer, 1) == SIZE_MAX);
	gate_log_done(&log);
}

static void much_at_once_is_several_entries(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	static unsigned char much[200000], buffer[300000];
	struct gate_log_entry e;
	size_t at = 0, sum = 0, entries = 0;

	gate_log_init(&log, p->dir, 1 << 20, 2);
	gate_log_write(&log, 1, GATE_LOG_STDOUT, much, sizeof(much));
	gate_log_done(&log);
	size_t n = slurp(p->dir, "out", buffer, sizeof(buffer));
	for (; gate_log_next(buffer, n, &at, &e) == GATE_LOG_ENTRY; entries++)
		sum += e.len;
	assert_int_equal(sum, sizeof(much));
	assert_int_equal(entries, 4);
	assert_int_equal(at, n);
}

static void no_cap_is_no_log(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	unsigned char buffer[1];

	gate_log_init(&log, p->dir, 0, 3);
	gate_log_write(&log, 1, GATE_LOG_STDOUT, "x", 1);
	assert_int_equal(log.dropped, 0);
	assert_true(slurp(p->dir, "out", buffer, 1) == SIZE_MAX);
}

/* RLIMIT_FSIZE stands for a full disk: it cuts a write in the middle as one does. */
static void what_is_not_written_whole_is_taken_back(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	static unsigned char buffer[1 << 16];
	struct rlimit was, small = { 1000, RLIM_INFINITY };
	char line[300];
	struct gate_log_entry e;
	size_t at = 0, entries = 0;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	gate_log_init(&log, p->dir, 1 << 20, 3);
	memset(line, 'x', sizeof(line));
	for (uint64_t i = 1; i <= 5; i++)
		gate_log_write(&log, i, GATE_LOG_STDOUT, line, sizeof(line));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(log.dropped, 2 * sizeof(line));
	gate_log_write(&log, 6, GATE_LOG_STDERR, "again", 5);
	gate_log_done(&log);
	size_t n = slurp(p->dir, "out", buffer, sizeof(buffer));
	while (gate_log_next(buffer, n, &at, &e) == GATE_LOG_ENTRY)
		entries++;
	assert_int_equal(at, n);
	assert_int_equal(entries, 4);
	assert_int_equal(e.time_ns, 6);
}

static void a_directory_in_the_way_loses_output_only(void **state)
{
	struct place *p = *state;
	struct gate_log log;

	assert_int_equal(mkdirat(p->dir, "out", 0700), 0);
	gate_log_init(&log, p->dir, 5000, 3);
	gate_log_write(&log, 1, GATE_LOG_STDOUT, "abc", 3);
	assert_int_equal(log.dropped, 3);
	assert_int_equal(unlinkat(p->dir, "out", AT_REMOVEDIR), 0);
	gate_log_write(&log, 1, GATE_LOG_STDOUT, "abc", 3);
	assert_int_equal(log.dropped, 3);
	gate_log_done(&log);
}

static void a_link_in_the_way_is_not_followed(void **state)
{
	struct place *p = *state;
	struct gate_log log;
	unsigned char buffer[1];

	assert_int_equal(symlinkat("elsewhere", p->dir, "out"), 0);
	gate_log_init(&log, p->dir, 5000, 3);
	gate_log_write(&log, 1, GATE_LOG_STDOUT, "abc", 3);
	assert_int_equal(log.dropped, 3);
	assert_true(slurp(p->dir, "elsewhere", buffer, 1) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, make, drop),
		cmocka_unit_test(nonsense_is_no_entry),
		cmocka_unit_test_setup_teardown(files_are_capped_and_turned, make, drop),
		cmocka_unit_test_setup_teardown(one_file_starts_anew, make, drop),
		cmocka_unit_test_setup_teardown(much_at_once_is_several_entries, make, drop),
		cmocka_unit_test_setup_teardown(no_cap_is_no_log, make, drop),
		cmocka_unit_test_setup_teardown(what_is_not_written_whole_is_taken_back, make, drop),
		cmocka_unit_test_setup_teardown(a_directory_in_the_way_loses_output_only, make, drop),
		cmocka_unit_test_setup_teardown(a_link_in_the_way_is_not_followed, make, drop),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
