#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/db.h"

/* Statements by the address of their text: a program has a few hundred, so this never fills up. */
#define SLOTS 1024
/* The front of an agent that was killed may still be in an fsync(2) when the next one starts. */
#define PATIENCE_MS 3000

struct slot {
	const char *sql;
	sqlite3_stmt *statement;
};
struct gate_db {
	sqlite3 *handle;
	struct gate_err err; /* the first trouble */
	bool full, in;
	int64_t changes;
	size_t used;
	struct slot slots[SLOTS];
};

/* --- trouble --- */
static bool is_full(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN: /* the journal's file cannot be made */
	case SQLITE_IOERR:
		return true;
	default:
		return false;
	}
}

static enum gate_errc code_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return GATE_E_NOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return GATE_E_PROTO;
	case SQLITE_CONSTRAINT:
	case SQLITE_BUSY:
		return GATE_E_CONFLICT;
	default:
		return is_full(code) ? GATE_E_NOSPACE : GATE_E_INVALID;
	}
}

static void failed(struct gate_db *db, const char *sql)
{
	int code = sqlite3_extended_errcode(db->handle);

	db->full |= is_full(code);
	gate_err_set(&db->err, code_of(code), 0, "the database failed: %s (%d) at '%.60s'", sqlite3_errmsg(db->handle),
	             code, sql);
}

static bool troubled(const struct gate_db *db)
{
	return db->err.code != GATE_OK;
}

/* Outside of a transaction each statement stands for itself. */
static void fresh(struct gate_db *db)
{
	if (!db->in) {
		db->err = (struct gate_err)GATE_ERR_INIT;
		db->full = false;
	}
}

int gate_db_trouble(struct gate_db *db, struct gate_err *err)
{
	if (!troubled(db))
		return 0;
	if (err != NULL)
		*err = db->err;
	return -1;
}

bool gate_db_full(const struct gate_db *db)
{
	return db->full;
}

/* --- statements --- */
static struct slot *slot_of(struct gate_db *db, const char *sql)
{
	size_t i = ((uintptr_t)sql >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 54; /* 10 bits: SLOTS */

	while (db->slots[i].sql != NULL && db->slots[i].sql != sql)
		i = (i + 1) % SLOTS;
	return &db->slots[i];
}

static sqlite3_stmt *prepared(struct gate_db *db, const char *sql)
{
	struct slot *s = slot_of(db, sql);

	if (s->sql == NULL) {
		if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->statement, NULL) !=
		    SQLITE_OK) {
			failed(db, sql);
			return NULL;
		}
		GATE_CHECK(++db->used < SLOTS);
		s->sql = sql;
	}
	GATE_CHECK(!sqlite3_stmt_busy(s->statement)); /* a query inside of itself */
	return s->statement;
}

static int bind(sqlite3_stmt *st, const char *args, va_list ap)
{
	int result = SQLITE_OK;

	for (int i = 1; *args != '\0' && result == SQLITE_OK; args++, i++) {
		if (*args == 'i') {
			result = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
		} else if (*args == 't') {
			result = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else {
			GATE_CHECK(*args == 'b');
			const void *bytes = va_arg(ap, const void *);

			result = sqlite3_bind_blob64(st, i, bytes, va_arg(ap, size_t), SQLITE_TRANSIENT);
		}
	}
	return result;
}

static sqlite3_stmt *start(struct gate_db *db, const char *sql, const char *args, va_list ap)
{
	sqlite3_stmt *st;

	fresh(db);
	if (troubled(db) || (st = prepared(db, sql)) == NULL)
		return NULL;
	GATE_CHECK((size_t)sqlite3_bind_parameter_count(st) == strlen(args));
	if (bind(st, args, ap) == SQLITE_OK)
		return st;
	failed(db, sql);
	return NULL;
}

void gate_db_run(struct gate_db *db, const char *sql, const char *args, ...)
{
	va_list ap;

	va_start(ap, args);
	sqlite3_stmt *st = start(db, sql, args, ap);
	va_end(ap);
	if (st == NULL)
		return;
	int result;

	do
		result = sqlite3_step(st);
	while (result == SQLITE_ROW); /* pragmas and "returning" answer: not asked for */
	if (result != SQLITE_DONE)
		failed(db, sql);
	db->changes = sqlite3_changes64(db->handle);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
}

int64_t gate_db_changes(const struct gate_db *db)
{
	return db->changes;
}

void gate_db_query(struct gate_db *db, struct gate_db_rows *ret, const char *sql, const char *args, ...)
{
	va_list ap;

	va_start(ap, args);
	ret->db = db;
	ret->statement = start(db, sql, args, ap);
	va_end(ap);
}

bool gate_db_next(struct gate_db_rows *q)
{
	if (q->statement == NULL)
		return false;
	int result = sqlite3_step(q->statement);

	if (result == SQLITE_ROW)
		return true;
	if (result != SQLITE_DONE)
		failed(q->db, sqlite3_sql(q->statement));
	gate_db_end(q);
	return false;
}

void gate_db_end(struct gate_db_rows *q)
{
	if (q->statement == NULL)
		return;
	(void)sqlite3_reset(q->statement);
	(void)sqlite3_clear_bindings(q->statement);
	q->statement = NULL;
}

int64_t gate_db_int(const struct gate_db_rows *q, int column)
{
	return sqlite3_column_int64(q->statement, column);
}

const char *gate_db_text(const struct gate_db_rows *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q->statement, column);

	if (text == NULL && sqlite3_column_type(q->statement, column) != SQLITE_NULL) {
		failed(q->db, "a text"); /* memory is gone */
		return "";
	}
	return text;
}

const void *gate_db_blob(const struct gate_db_rows *q, int column, size_t *len)
{
	const void *bytes = sqlite3_column_blob(q->statement, column);

	*len = (size_t)sqlite3_column_bytes(q->statement, column);
	return bytes;
}

/* --- transactions --- */
void gate_db_begin(struct gate_db *db)
{
	GATE_CHECK(!db->in);
	gate_db_run(db, "BEGIN", "");
	db->in = true;
}

bool gate_db_in(const struct gate_db *db)
{
	return db->in;
}

/* Some failures have rolled back already. A query that was not ended would keep the transaction open. */
static void roll_back(struct gate_db *db)
{
	sqlite3_stmt *st = NULL;

	while ((st = sqlite3_next_stmt(db->handle, st)) != NULL)
		if (sqlite3_stmt_busy(st))
			(void)sqlite3_reset(st);
	if (!sqlite3_get_autocommit(db->handle))
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

int gate_db_commit(struct gate_db *db, struct gate_err *err)
{
	GATE_CHECK(db->in);
	if (!troubled(db))
		gate_db_run(db, "COMMIT", "");
	if (troubled(db))
		roll_back(db);
	db->in = false;
	return gate_db_trouble(db, err);
}

void gate_db_rollback(struct gate_db *db)
{
	GATE_CHECK(db->in);
	roll_back(db);
	db->in = false;
}

/* --- opening --- */
static int64_t number(struct gate_db *db, const char *sql)
{
	struct gate_db_rows q;
	int64_t n = -1;

	gate_db_query(db, &q, sql, "");
	if (gate_db_next(&q))
		n = gate_db_int(&q, 0);
	gate_db_end(&q);
	return n;
}

/* synchronous=FULL: what is committed has reached the disk. Exclusive: one process, so no memory is shared through a file that
 * could be tampered with, and a second one is told. A schema that somebody wrote into the file runs nothing. */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA journal_mode=WAL;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA foreign_keys=ON;"
			       "PRAGMA trusted_schema=OFF;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA mmap_size=0;"
			       "PRAGMA journal_size_limit=16777216;"
			       "BEGIN EXCLUSIVE;"
			       "COMMIT;";

static int script(struct gate_db *db, const char *sql, struct gate_err *err)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	failed(db, sql);
	return gate_db_trouble(db, err);
}

static int check(struct gate_db *db, const char *path, struct gate_err *err)
{
	struct gate_db_rows q;
	char where[200] = "";

	gate_db_query(db, &q, "PRAGMA quick_check(1)", "");
	if (gate_db_next(&q))
		(void)snprintf(where, sizeof(where), "%s", gate_db_text(&q, 0));
	gate_db_end(&q);
	if (gate_db_trouble(db, err) < 0)
		return -1;
	return strcmp(where, "ok") == 0 ? 0 : GATE_FAIL(err, GATE_E_PROTO, "'%s' is damaged: %s", path, where);
}

static int migrate(struct gate_db *db, const char *path, const struct gate_db_schema *schema, struct gate_err *err)
{
	int64_t version = number(db, "PRAGMA user_version");

	if (gate_db_trouble(db, err) < 0)
		return -1;
	if (version > schema->n)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "'%s' has schema %" PRId64
		                 ", this callgate knows up to %d: it was written by a newer one",
		                 path, version, schema->n);
	if (version < 0)
		return GATE_FAIL(err, GATE_E_PROTO, "'%s' has schema %" PRId64, path, version);
	for (int64_t i = version; i < schema->n; i++) {
		char mark[64];

		(void)snprintf(mark, sizeof(mark), "PRAGMA user_version=%" PRId64, i + 1);
		gate_db_begin(db);
		if (gate_db_trouble(db, NULL) < 0 || script(db, schema->migrations[i], NULL) < 0 ||
		    script(db, mark, NULL) < 0) {
			struct gate_err why = db->err;

			gate_db_rollback(db);
			if (err != NULL)
				*err = why;
			return GATE_NOTE(err, "schema %" PRId64, i + 1);
		}
		if (gate_db_commit(db, err) < 0)
			return GATE_NOTE(err, "schema %" PRId64, i + 1);
	}
	return 0;
}

/* --- files --- */
/* Names stay as they are given: SQLite would make them absolute, and look at every directory on the way, which the front may
 * not. Its working directory does not change. */
static int same_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int add_files(struct gate_err *err)
{
	static sqlite3_vfs files;
	const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);

	if (files.zName != NULL)
		return 0;
	if (usual == NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "SQLite has no files");
	files = *usual;
	files.pNext = NULL;
	files.zName = "callgate";
	files.xFullPathname = same_name;
	return sqlite3_vfs_register(&files, 0) == SQLITE_OK
	           ? 0
	           : GATE_FAIL(err, GATE_E_UNSUPPORTED, "SQLite takes no files");
}

/* Before SQLite does, whose mode would be the umask's. */
static int make(const char *path, struct gate_err *err)
{
	if (strcmp(path, ":memory:") == 0)
		return 0;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == EROFS || errno == ENOSPC || errno == EDQUOT
		           ? GATE_FAIL(err, GATE_E_NOSPACE, "cannot write '%s': %s", path, strerror(errno))
		           : GATE_FAIL_SYS(err, "cannot open '%s'", path);
	(void)close(fd);
	return 0;
}

/* SQLite seeds its random numbers, from a file, when it first needs some: when it begins its log anew, after thousands of commits.
 * The front may not open it any more then. */
static void seed(void)
{
	uint8_t byte;

	sqlite3_randomness(sizeof(byte), &byte);
}

GATE_DEFINE_FREEP(struct gate_db, gate_db_close)

int gate_db_open(const char *path, const struct gate_db_schema *schema, struct gate_db **ret, struct gate_err *err)
{
	GATE_AUTO(gate_db_closep) struct gate_db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return GATE_FAIL_NOMEM(err);
	if (add_files(err) < 0 || make(path, err) < 0)
		return -1;
	if (sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	                    "callgate") != SQLITE_OK)
		return GATE_FAIL(err, GATE_E_NOSPACE, "cannot open '%s': %s", path,
		                 db->handle != NULL ? sqlite3_errmsg(db->handle) : "out of memory");
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_busy_timeout(db->handle, PATIENCE_MS);
	if (sqlite3_db_readonly(db->handle, "main") == 1)
		return GATE_FAIL(err, GATE_E_NOSPACE, "cannot write '%s'", path);
	if (script(db, settings, err) < 0)
		return err == NULL ? -1 : GATE_NOTE(err, "'%s'", path);
	if (check(db, path, err) < 0 || migrate(db, path, schema, err) < 0)
		return -1;
	(void)sqlite3_busy_timeout(db->handle, 0);
	seed();
	*ret = GATE_TAKE(&db);
	return 0;
}

void gate_db_close(struct gate_db *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		(void)sqlite3_finalize(db->slots[i].statement);
	(void)sqlite3_close(db->handle);
	free(db);
}
