#include "shared/store/health.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/account.h"
#include "shared/base/log.h"
#include "shared/store/internal.h"

#define FAILING_MS 5000 /* what has failed for so long goes on to fail unless we do something */

/* Between two rebuilds by all processes.  What fails again at once has a cause that a rebuild does
 * not mend, unless the disk is full, and of ours. */
#define REBUILD_MS         5000
#define REBUILD_FAILING_MS 60000

#define SMALL_PAGES 2048 /* 8 MiB are read in some 10 ms */

/* --- errors --------------------------------------------------------------------------------- */

static enum health_fault
health_of_io(int code, int reason)
{
	if (reason == ENOSPC || reason == EDQUOT)
		return HEALTH_FULL;
	switch (code) {
	case SQLITE_IOERR_NOMEM:
		return HEALTH_OTHER;
	case SQLITE_IOERR_READ:
	case SQLITE_IOERR_SHORT_READ:
	case SQLITE_IOERR_CORRUPTFS:
		return HEALTH_DAMAGED;
	case SQLITE_IOERR_SHMSIZE: /* the index of the WAL cannot grow */
		return HEALTH_FULL;
	default:
		return HEALTH_FAILING;
	}
}

static enum health_fault
health_of_code(int code, int reason)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return HEALTH_GOOD;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return HEALTH_DAMAGED;
	case SQLITE_FULL:
		return HEALTH_FULL;
	case SQLITE_IOERR:
		return health_of_io(code, reason);
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		/* a file of another user, in a folder of ours; not that descriptors are short */
		return reason == EMFILE || reason == ENFILE ? HEALTH_OTHER : HEALTH_FAILING;
	case SQLITE_ERROR:
		/* our statements have no errors of their own: a table is not as they know it */
		return HEALTH_DAMAGED;
	default:
		return HEALTH_OTHER;
	}
}

enum health_fault
health_of_error(struct store *st)
{
	enum health_fault fault =
	    health_of_code(sqlite3_extended_errcode(st->db), sqlite3_system_errno(st->db));

	/* now: the next call replaces the words */
	if (fault > st->health.fault)
		snprintf(st->health.why, sizeof(st->health.why), "%s", sqlite3_errmsg(st->db));
	return fault;
}

void
health_note(struct store *st)
{
	enum health_fault fault = health_of_error(st);

	if (fault > st->health.fault)
		st->health.fault = fault;
}

void
health_note_written(struct store *st)
{
	if (st->health.fault != HEALTH_DAMAGED)
		st->health.fault = HEALTH_GOOD;
	st->health.failing_since_ms = 0;
}

void
health_reset(struct store *st)
{
	memset(&st->health, 0, sizeof(st->health));
}

void
health_complain(const struct store *st, const char *format, ...)
{
	char line[800];
	va_list args;

	if (st->complained)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (errno == 0)
		log_errx("store: %s", line);
	else
		log_err("store: %s", line);
}

void
health_complain_of(const struct store *st, const char *what, const char *path)
{
	char why[ACCOUNT_WHY_MAX];

	account_why(why, path, errno);
	errno = 0; /* it is in the line already */
	health_complain(st, "%s %s: %s", what, path, why);
}

/* --- once a second -------------------------------------------------------------------------- */

/* Whether the last rebuild is long enough ago.  A time that is to come is of an earlier boot. */
static bool
may_rebuild(const struct store *st, int64_t now_ms)
{
	int64_t last = slots_rebuilt(st->slots);
	int64_t pause = st->health.fault == HEALTH_FAILING ? REBUILD_FAILING_MS : REBUILD_MS;

	return last == 0 || last > now_ms || now_ms - last >= pause;
}

enum health_fault
health_tick(struct store *st, int64_t now_ms)
{
	struct health *health = &st->health;

	health->tick_ms = now_ms;
	if (health->fault == HEALTH_OTHER)
		health->fault = HEALTH_GOOD;
	if (health->fault == HEALTH_GOOD)
		return HEALTH_GOOD;
	if (health->failing_since_ms == 0)
		health->failing_since_ms = now_ms;
	if (!may_rebuild(st, now_ms) ||
	    (health->fault != HEALTH_DAMAGED && now_ms - health->failing_since_ms < FAILING_MS))
		return HEALTH_GOOD;
	return health->fault;
}

/* --- at the start --------------------------------------------------------------------------- */

/* Its first row; finalize it.  NULL: it fails, of `*fault`. */
static sqlite3_stmt *
ask_row(struct store *st, const char *sql, enum health_fault *fault)
{
	sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		return q;
	*fault = health_of_error(st);
	sqlite3_finalize(q);
	return NULL;
}

static enum health_fault
check_all(struct store *st)
{
	enum health_fault fault = HEALTH_GOOD;
	sqlite3_stmt *q = ask_row(st, "PRAGMA quick_check(1)", &fault);
	const char *found;

	if (q == NULL)
		return fault;
	found = (const char *)sqlite3_column_text(q, 0);
	if (found == NULL || strcmp(found, "ok") != 0) {
		snprintf(st->health.why, sizeof(st->health.why), "%s",
		    found == NULL ? "no memory" : found);
		fault = HEALTH_DAMAGED;
	}
	sqlite3_finalize(q);
	return fault;
}

/* From the root of a table down to its first row. */
static enum health_fault
check_table(struct store *st, const char *name)
{
	char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" LIMIT 1", name);
	sqlite3_stmt *q = NULL;
	enum health_fault fault = HEALTH_GOOD;
	int step = SQLITE_NOMEM;

	if (sql != NULL && sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) == SQLITE_OK)
		step = sqlite3_step(q);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		fault = health_of_error(st);
	sqlite3_finalize(q);
	sqlite3_free(sql);
	return fault;
}

static enum health_fault
check_every_table(struct store *st)
{
	sqlite3_stmt *q = NULL;
	enum health_fault fault = HEALTH_GOOD;
	int step = SQLITE_ROW;

	if (sqlite3_prepare_v2(st->db, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1,
		&q, NULL) != SQLITE_OK)
		return health_of_error(st);
	while (fault == HEALTH_GOOD && (step = sqlite3_step(q)) == SQLITE_ROW)
		fault = check_table(st, (const char *)sqlite3_column_text(q, 0));
	if (fault == HEALTH_GOOD && step != SQLITE_DONE)
		fault = health_of_error(st);
	sqlite3_finalize(q);
	return fault;
}

enum health_fault
health_check(struct store *st)
{
	enum health_fault fault = HEALTH_GOOD;
	sqlite3_stmt *q = ask_row(st, "PRAGMA page_count", &fault);
	int64_t pages;

	if (q == NULL)
		return fault;
	pages = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return pages <= SMALL_PAGES ? check_all(st) : check_every_table(st);
}
