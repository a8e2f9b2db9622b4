/* db.h - the agent's database (SQLite, only in this layer): WAL, STRICT tables, synchronous=FULL, versioned migrations.
 *
 * Errors are sticky: the first one since gate_db_begin is kept, everything after it does nothing, and gate_db_commit reports it
 * and has rolled everything back. So writers need no error paths; whoever commits has one. One thread. */
#ifndef GATE_STORE_DB_H
#define GATE_STORE_DB_H

#include "base/base.h"

struct gate_db;

/* A migration takes the schema from version i to i+1, in one transaction with the new version's number. */
struct gate_db_schema {
	const char *const *migrations; /* SQL scripts */
	int n;                         /* the newest version */
};

/* `path` ":memory:" in tests. Made 0600 when missing. Checks integrity (quick_check) and that the schema is not newer than ours
 * (GATE_E_UNSUPPORTED: never migrated down). GATE_E_PROTO when the file is damaged: the sentence says where. */
int gate_db_open(const char *path, const struct gate_db_schema *schema, struct gate_db **ret, struct gate_err *err);
void gate_db_close(struct gate_db *db);

void gate_db_begin(struct gate_db *db);
int gate_db_commit(struct gate_db *db, struct gate_err *err);
void gate_db_rollback(struct gate_db *db);
bool gate_db_in(const struct gate_db *db); /* between begin and commit */

/* `sql` is a literal: prepared once, found again by its address. `args` has one letter a parameter: i int64_t, t const char *
 * (NULL: null), b const void *, size_t. */
void gate_db_run(struct gate_db *db, const char *sql, const char *args, ...);
int64_t gate_db_changes(const struct gate_db *db); /* rows that the last gate_db_run changed */

/* Rows, one after the other: for (gate_db_query(…, &q); gate_db_next(&q);) …
 * Columns count from 0; text lives until the next row. Ends by itself; leave early with gate_db_end. Statements may nest, but not
 * one within itself. */
struct gate_db_rows {
	struct gate_db *db;
	void *statement;
};
void gate_db_query(struct gate_db *db, struct gate_db_rows *ret, const char *sql, const char *args, ...);
bool gate_db_next(struct gate_db_rows *q);
int64_t gate_db_int(const struct gate_db_rows *q, int column);
const char *gate_db_text(const struct gate_db_rows *q, int column); /* NULL: null */
const void *gate_db_blob(const struct gate_db_rows *q, int column, size_t *len);
void gate_db_end(struct gate_db_rows *q);
/* The first error since begin (or since the last call outside of a transaction); 0 when there is none. */
int gate_db_trouble(struct gate_db *db, struct gate_err *err);
bool gate_db_full(const struct gate_db *db); /* … and it was a full disk or a read-only file: HTTP 507 */

#endif
