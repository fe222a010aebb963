#include "shared/store/statement.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/store/health.h"
#include "shared/store/internal.h"

static const char *const statement_sql[Q_N] = {
#define X(name, sql) [name] = sql,
#include "shared/store/statements.h"
#undef X
};

int
statement_fail(struct store *st, const char *what)
{
	st->failures++;
	/* no database: whoever could not open it has said so */
	if (st->db == NULL)
		return -1;
	log_limited(LOG_LEVEL_ERROR, "store %s: %s: %s", st->path, what, sqlite3_errmsg(st->db));
	health_note(st);
	return -1;
}

int
statement_prepare_all(struct store *st)
{
	for (int i = 0; i < Q_N; i++)
		if (sqlite3_prepare_v3(st->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			&st->q[i], NULL) != SQLITE_OK)
			return statement_fail(st, statement_sql[i]);
	return 0;
}

void
statement_finalize_all(struct store *st)
{
	for (int i = 0; i < Q_N; i++) {
		sqlite3_finalize(st->q[i]);
		st->q[i] = NULL;
	}
}

static void
bind_text(sqlite3_stmt *stmt, int i, struct slice s)
{
	if (s.p == NULL)
		sqlite3_bind_null(stmt, i);
	else
		sqlite3_bind_text64(stmt, i, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void
bind_blob_or_null(sqlite3_stmt *stmt, int i, struct slice s)
{
	if (s.p == NULL)
		sqlite3_bind_null(stmt, i);
	else
		sqlite3_bind_blob64(stmt, i, s.p, s.n, SQLITE_STATIC);
}

static void
bind_all(sqlite3_stmt *stmt, const char *kinds, va_list args)
{
	struct slice s;

	for (int i = 1; *kinds != '\0'; i++, kinds++) {
		switch (*kinds) {
		case 'i':
			sqlite3_bind_int(stmt, i, va_arg(args, int));
			break;
		case 'l':
			sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
			break;
		case 's':
			bind_text(stmt, i, va_arg(args, struct slice));
			break;
		case 'n':
			bind_blob_or_null(stmt, i, va_arg(args, struct slice));
			break;
		case 'b':
			/* SQLite binds NULL for a NULL pointer, and the column is NOT NULL */
			s = va_arg(args, struct slice);
			sqlite3_bind_blob64(stmt, i, s.n == 0 ? "" : s.p, s.n, SQLITE_STATIC);
			break;
		case 'z':
			sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_STATIC);
			break;
		}
	}
}

sqlite3_stmt *
statement_bind(struct store *st, enum query q, const char *kinds, ...)
{
	va_list args;

	va_start(args, kinds);
	bind_all(st->q[q], kinds, args);
	va_end(args);
	return st->q[q];
}

int
statement_finish(struct store *st, sqlite3_stmt *q, int step)
{
	/* the message first: a reset may replace it */
	int result = step == SQLITE_DONE ? 0 : statement_fail(st, sqlite3_sql(q));

	sqlite3_reset(q);
	return result;
}

int
statement_run(struct store *st, sqlite3_stmt *q)
{
	int step;

	/* rows that RETURNING gives and the caller has read, or does not want, are skipped */
	do
		step = sqlite3_step(q);
	while (step == SQLITE_ROW);
	return statement_finish(st, q, step);
}

int
statement_exec(struct store *st, enum query q, const char *kinds, ...)
{
	va_list args;

	va_start(args, kinds);
	bind_all(st->q[q], kinds, args);
	va_end(args);
	return statement_run(st, st->q[q]);
}

char *
statement_text(struct store *st, sqlite3_stmt *q)
{
	int step = sqlite3_step(q);
	char *text = NULL;

	if (step != SQLITE_ROW) {
		statement_finish(st, q, step);
		return NULL;
	}
	if (sqlite3_column_type(q, 0) != SQLITE_NULL) {
		struct slice s = statement_column(q, 0);

		text = strndup(s.p, s.n);
	}
	if (statement_run(st, q) == -1) {
		free(text);
		return NULL;
	}
	return text;
}

int
statement_number(struct store *st, sqlite3_stmt *q, int64_t if_null, int64_t *n)
{
	int result = 0;

	if (sqlite3_step(q) != SQLITE_ROW)
		result = statement_fail(st, sqlite3_sql(q));
	else if (sqlite3_column_type(q, 0) == SQLITE_NULL)
		*n = if_null;
	else
		*n = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return result;
}

int
statement_each_key(struct store *st, sqlite3_stmt *q, store_each_key *each, void *arg)
{
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

struct slice
statement_column(sqlite3_stmt *q, int column)
{
	const char *p = sqlite3_column_blob(q, column);

	if (sqlite3_column_type(q, column) == SQLITE_NULL)
		return (struct slice){NULL, 0};
	/* an empty value has a NULL pointer too, but is not NULL */
	return (struct slice){p == NULL ? "" : p, (size_t)sqlite3_column_bytes(q, column)};
}
