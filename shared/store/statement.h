/* statement: prepared statements, bound by letters and run to their end.
 *
 * One rule for every caller: a statement is reset on every way out.  A statement that is still open
 * is a reader in SQLite's eyes, keeps the WAL from shrinking and makes COMMIT fail. */
#ifndef POLLUX_STATEMENT_H
#define POLLUX_STATEMENT_H

#include <sqlite3.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

enum query {
#define X(name, sql) name,
#include "shared/store/statements.h"
#undef X
	Q_N
};

/* Prepare all of them, or free them.  Return 0, or -1 after logging. */
int statement_prepare_all(struct store *st);
void statement_finalize_all(struct store *st);

/* Bind arguments by letter, one for each of ?1, ?2, ...:
 *   i  int                l  int64_t
 *   s  struct slice, as text (p NULL: NULL)
 *   n  struct slice, as blob (p NULL: NULL)
 *   b  struct slice, as blob (p NULL: empty)
 *   z  const char *, as text (NULL: NULL)
 * SQLite borrows texts and blobs: they must live until the statement is reset.  Returns the
 * statement, ready to step. */
sqlite3_stmt *statement_bind(struct store *st, enum query q, const char *kinds, ...);

/* Run a bound statement to its end, skipping rows, and reset it.  Return 0, or -1 after logging. */
int statement_run(struct store *st, sqlite3_stmt *q);
/* Bind and run in one. */
int statement_exec(struct store *st, enum query q, const char *kinds, ...);

/* Run a bound statement to its end.  Return the first column of its first row as a malloc'ed text,
 * or NULL when there is no row, it holds NULL, or an error was logged. */
char *statement_text(struct store *st, sqlite3_stmt *q);

/* Read the number in the first column of a bound statement's only row into `*n`; `if_null` if that
 * is NULL.  Return 0, or -1 after logging, also if there is no row. */
int statement_number(struct store *st, sqlite3_stmt *q, int64_t if_null, int64_t *n);

/* Run a bound statement to its end; call `each` with the first column of every row.  Return the
 * number of rows, or -1 after logging.  `each` must not use the store. */
int statement_each_key(struct store *st, sqlite3_stmt *q, store_each_key *each, void *arg);

/* Reset a statement after its last sqlite3_step() returned `step`.  Return 0 when that was the end
 * of the rows, or -1 after logging. */
int statement_finish(struct store *st, sqlite3_stmt *q, int step);

/* A column's bytes, borrowed until the next step; p NULL for NULL. */
struct slice statement_column(sqlite3_stmt *q, int column);

/* Log what failed with SQLite's words, once a minute at most, note it (health.h), and return -1. */
int statement_fail(struct store *st, const char *what);

#endif
