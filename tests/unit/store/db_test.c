#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/db.h"

static const char *const first[] = {
	("CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL, bytes BLOB) STRICT;"
	 "CREATE TABLE b (a INTEGER NOT NULL REFERENCES a (id)) STRICT;"),
	"ALTER TABLE a ADD COLUMN more INTEGER NOT NULL DEFAULT 7;",
	"CREATE TABLE c (id INTEGER PRIMARY KEY) STRICT; CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;", /* fails */
};
static const struct gate_db_schema one = { first, 1 }, two = { first, 2 }, broken = { first, 3 };

struct place {
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/gate-db-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	(void)snprintf(p->path, sizeof(p->path), "%s/t.db", p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	struct place *p = *state;
	char path[128];

	for (size_t i = 0; i < GATE_ARRAY_LEN(ends); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", p->path, ends[i]);
		(void)unlink(path);
	}
	(void)rmdir(p->dir);
	free(p);
	return 0;
}

static struct gate_db *open_db(const char *path, const struct gate_db_schema *schema)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_db *db = NULL;

	if (gate_db_open(path, schema, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

static int64_t count(struct gate_db *db, const char *sql)
{
	struct gate_db_rows q;
	int64_t n = -1;

	gate_db_query(db, &q, sql, "");
	if (gate_db_next(&q))
		n = gate_db_int(&q, 0);
	gate_db_end(&q);
	return n;
}

static void rows_come_back_as_they_were_written(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one);
	struct gate_db_rows q;
	struct stat st;
	size_t len;

	gate_db_begin(db);
	assert_true(gate_db_in(db));
	gate_db_run(db, "INSERT INTO a VALUES (?, ?, ?)", "itb", INT64_C(1), "one", "\0\1", (size_t)2);
	gate_db_run(db, "INSERT INTO a VALUES (?, ?, NULL)", "it", INT64_MAX, "ä");
	assert_int_equal(gate_db_changes(db), 1);
	assert_int_equal(gate_db_commit(db, NULL), 0);
	gate_db_close(db);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	db = open_db(p->path, &one);
	gate_db_query(db, &q, "SELECT id, name, bytes FROM a ORDER BY id", "");
	assert_true(gate_db_next(&q));
	assert_int_equal(gate_db_int(&q, 0), 1);
	assert_string_equal(gate_db_text(&q, 1), "one");
	assert_memory_equal(gate_db_blob(&q, 2, &len), "\0\1", 2);
	assert_int_equal(len, 2);
	assert_true(gate_db_next(&q));
	assert_true(gate_db_int(&q, 0) == INT64_MAX);
	assert_null(gate_db_text(&q, 2));
	assert_false(gate_db_next(&q));
	assert_int_equal(gate_db_trouble(db, NULL), 0);
	gate_db_close(db);
}

static void the_first_error_is_kept_and_everything_rolled_back(void **state)
{
	struct gate_db *db = open_db(":memory:", &one);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	gate_db_begin(db);
	gate_db_run(db, "INSERT INTO a VALUES (1, 'x', NULL)", "");
	gate_db_run(db, "INSERT INTO a VALUES (1, 'y', NULL)", ""); /* fails */
	gate_db_run(db, "INSERT INTO a VALUES (2, NULL, NULL)", ""); /* would fail otherwise */
	assert_int_equal(gate_db_trouble(db, NULL), -1);
	assert_int_equal(gate_db_commit(db, &err), -1);
	assert_int_equal(err.code, GATE_E_CONFLICT);
	assert_non_null(strstr(err.text, "UNIQUE constraint failed: a.id"));
	assert_false(gate_db_full(db));
	assert_int_equal(count(db, "SELECT count(*) FROM a"), 0);
	gate_db_begin(db); /* and the next one is not touched by it */
	gate_db_run(db, "INSERT INTO a VALUES (1, 'y', NULL)", "");
	assert_int_equal(gate_db_commit(db, NULL), 0);
	assert_int_equal(count(db, "SELECT count(*) FROM a"), 1);
	gate_db_close(db);
}

static void rolled_back_even_with_a_query_left_open(void **state)
{
	struct gate_db *db = open_db(":memory:", &one);
	struct gate_db_rows q;

	(void)state;
	gate_db_begin(db);
	gate_db_run(db, "INSERT INTO a VALUES (1, 'x', NULL)", "");
	gate_db_query(db, &q, "SELECT id FROM a", "");
	assert_true(gate_db_next(&q));
	gate_db_rollback(db);
	assert_int_equal(count(db, "SELECT count(*) FROM a"), 0);
	gate_db_close(db);
}

static void strict_tables_and_foreign_keys_hold(void **state)
{
	struct gate_db *db = open_db(":memory:", &one);
	struct gate_err err = GATE_ERR_INIT;

	(void)state;
	gate_db_run(db, "INSERT INTO a VALUES ('text', 'x', NULL)", "");
	assert_int_equal(gate_db_trouble(db, NULL), -1);
	gate_db_run(db, "INSERT INTO b VALUES (99)", "");
	assert_int_equal(gate_db_trouble(db, &err), -1);
	assert_non_null(strstr(err.text, "FOREIGN KEY"));
	assert_int_equal(count(db, "PRAGMA trusted_schema"), 0);
	gate_db_close(db);
}

static void a_commit_is_on_the_disk_in_wal_mode(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one);
	struct gate_db_rows q;

	assert_int_equal(count(db, "PRAGMA synchronous"), 2);
	gate_db_query(db, &q, "PRAGMA journal_mode", "");
	assert_true(gate_db_next(&q));
	assert_string_equal(gate_db_text(&q, 0), "wal");
	gate_db_end(&q);
	gate_db_close(db);
}

static void migrations_run_once_and_in_order(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one);

	gate_db_run(db, "INSERT INTO a VALUES (1, 'x', NULL)", "");
	assert_int_equal(count(db, "PRAGMA user_version"), 1);
	gate_db_close(db);
	for (int i = 0; i < 2; i++) {
		db = open_db(p->path, &two);
		assert_int_equal(count(db, "SELECT more FROM a"), 7);
		assert_int_equal(count(db, "PRAGMA user_version"), 2);
		gate_db_close(db);
	}
}

static void a_failing_migration_changes_nothing(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one);
	struct gate_err err = GATE_ERR_INIT;

	gate_db_close(db);
	assert_int_equal(gate_db_open(p->path, &broken, &db, &err), -1);
	assert_non_null(strstr(err.text, "schema 3: "));
	assert_non_null(strstr(err.text, "already exists"));
	db = open_db(p->path, &two); /* 2 was done, 3 not, not even its first half */
	assert_int_equal(count(db, "PRAGMA user_version"), 2);
	assert_int_equal(count(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
	gate_db_close(db);
}

static void a_newer_schema_is_refused(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &two);
	struct gate_err err = GATE_ERR_INIT;

	gate_db_close(db);
	assert_int_equal(gate_db_open(p->path, &one, &db, &err), -1);
	assert_int_equal(err.code, GATE_E_UNSUPPORTED);
	assert_non_null(strstr(err.text, "has schema 2, this callgate knows up to 1"));
}

static void fill(struct gate_db *db, int rows)
{
	gate_db_begin(db);
	for (int i = 0; i < rows; i++)
		gate_db_run(db, "INSERT INTO a (name, bytes) VALUES ('row', zeroblob(900))", "");
	(void)gate_db_commit(db, NULL);
}

static void damage_is_seen_when_it_is_opened(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one);
	struct gate_err err = GATE_ERR_INIT;
	char junk[4096];

	fill(db, 200);
	gate_db_close(db);
	memset(junk, 0x5a, sizeof(junk));
	int fd = open(p->path, O_WRONLY | O_CLOEXEC);

	for (int page = 4; page < 12; page++)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), page * 4096), sizeof(junk));
	(void)close(fd);
	assert_int_equal(gate_db_open(p->path, &one, &db, &err), -1);
	assert_int_equal(err.code, GATE_E_PROTO);
	assert_non_null(strstr(err.text, p->path));
	err = (struct gate_err)GATE_ERR_INIT; /* what is no database at all */
	fd = open(p->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	(void)close(fd);
	assert_int_equal(gate_db_open(p->path, &one, &db, &err), -1);
	assert_int_equal(err.code, GATE_E_PROTO);
}

static void a_full_database_fails_whole_and_recovers(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one);
	struct gate_err err = GATE_ERR_INIT;

	fill(db, 10);
	gate_db_run(db, "PRAGMA max_page_count=20", "");
	gate_db_begin(db);
	for (int i = 0; i < 1000; i++)
		gate_db_run(db, "INSERT INTO a (name, bytes) VALUES ('big', zeroblob(4000))", "");
	assert_int_equal(gate_db_commit(db, &err), -1);
	assert_int_equal(err.code, GATE_E_NOSPACE);
	assert_true(gate_db_full(db));
	assert_int_equal(count(db, "SELECT count(*) FROM a"), 10);
	gate_db_run(db, "PRAGMA max_page_count=1000000", "");
	fill(db, 5);
	assert_false(gate_db_full(db));
	assert_int_equal(count(db, "SELECT count(*) FROM a"), 15);
	gate_db_close(db);
}

/* In a child with a mount namespace of its own: 0 when all is as it should be, 77 when it cannot be tried. */
static int on_small_disk(const char *dir, const char *path)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_db *db;
	int full = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=512k") < 0)
		return 77;
	if (gate_db_open(path, &one, &db, &err) < 0)
		return 1;
	int64_t rows = 0;

	for (; full == 0 && rows < 1000; rows++) {
		gate_db_begin(db);
		gate_db_run(db, "INSERT INTO a (name, bytes) VALUES ('big', zeroblob(4000))", "");
		full = gate_db_commit(db, &err);
	}
	if (full == 0 || err.code != GATE_E_NOSPACE || !gate_db_full(db))
		return 2;
	if (count(db, "SELECT count(*) FROM a") != rows - 1)
		return 3;
	if (mount(NULL, dir, NULL, MS_REMOUNT, "size=4m") < 0) /* somebody makes room: it goes on */
		return 4;
	fill(db, 5);
	if (count(db, "SELECT count(*) FROM a") != rows + 4)
		return 5;
	gate_db_close(db);
	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, "") < 0)
		return 6;
	err = (struct gate_err)GATE_ERR_INIT;
	if (gate_db_open(path, &one, &db, &err) == 0 || err.code != GATE_E_NOSPACE)
		return 7;
	return 0;
}

static void a_full_and_a_read_only_disk_are_told(void **state)
{
	struct place *p = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(on_small_disk(p->dir, p->path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* needs root */
	assert_int_equal(status, 0);
}

/* --- what it needs of the system once it is open --- */
static int no_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret)
{
	(void)vfs;
	(void)name;
	(void)file;
	(void)flags;
	(void)ret;
	_exit(3);
}

static int no_seed(sqlite3_vfs *vfs, int n, char *bytes)
{
	(void)vfs;
	(void)n;
	(void)bytes;
	_exit(4);
}

/* In a process of its own, as the front is: with nothing left of what another one has opened. */
__attribute__((noreturn)) static void begin_the_log_anew(const char *path, bool fresh)
{
	static char pages[5 << 20]; /* more than what makes SQLite copy its log into the database */
	struct gate_db *db = open_db(path, &one);

	if (fresh) {
		fill(db, 1);
		_exit(0);
	}
	sqlite3_vfs_find("callgate")->xOpen = no_file;
	sqlite3_vfs_find(NULL)->xRandomness = no_seed;
	for (int i = 0; i < 3; i++)
		gate_db_run(db, "INSERT INTO a (name, bytes) VALUES ('large', ?)", "b", pages, sizeof(pages));
	_exit(gate_db_trouble(db, NULL) == 0 ? 0 : 5);
}

/* The front has a filter by then. SQLite seeded its random numbers, from /dev/urandom, when it first began a log anew: that killed
 * the front at each of its starts, once an earlier one had filled the log and had been killed before it began another. */
static void it_opens_nothing_once_it_is_open(void **state)
{
	struct place *p = *state;

	for (int fresh = 1; fresh >= 0; fresh--) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			begin_the_log_anew(p->path, fresh == 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void a_second_process_is_told(void **state)
{
	struct place *p = *state;
	struct gate_db *db = open_db(p->path, &one), *other;
	struct gate_err err = GATE_ERR_INIT;

	assert_int_equal(gate_db_open(p->path, &one, &other, &err), -1);
	assert_non_null(strstr(err.text, "locked"));
	gate_db_close(db);
}

/* One that is dying: its descriptors are closed a little later. */
static void a_first_process_that_ends_is_waited_for(void **state)
{
	struct place *p = *state;
	int ready[2], status;
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fill(open_db(p->path, &one), 1);
		(void)!write(ready[1], &byte, 1);
		(void)usleep(300000);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	gate_db_close(open_db(p->path, &one));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void queries_nest(void **state)
{
	struct gate_db *db = open_db(":memory:", &one);
	struct gate_db_rows q, inner;
	int64_t sum = 0;

	(void)state;
	fill(db, 10);
	for (gate_db_query(db, &q, "SELECT id FROM a", ""); gate_db_next(&q);)
		for (gate_db_query(db, &inner, "SELECT id FROM a WHERE id < ?", "i", gate_db_int(&q, 0)); gate_db_next(&inner);)
			sum++;
	assert_int_equal(sum, 45);
	gate_db_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_back_as_they_were_written, setup, teardown),
		cmocka_unit_test(the_first_error_is_kept_and_everything_rolled_back),
		cmocka_unit_test(rolled_back_even_with_a_query_left_open),
		cmocka_unit_test(strict_tables_and_foreign_keys_hold),
		cmocka_unit_test_setup_teardown(a_commit_is_on_the_disk_in_wal_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(migrations_run_once_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failing_migration_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_seen_when_it_is_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_database_fails_whole_and_recovers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_and_a_read_only_disk_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(it_opens_nothing_once_it_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_process_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_first_process_that_ends_is_waited_for, setup, teardown),
		cmocka_unit_test(queries_nest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
