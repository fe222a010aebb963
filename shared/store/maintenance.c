#include "shared/store/maintenance.h"

#include <string.h>

#include "shared/store/internal.h"
#include "shared/store/lock.h"

#define WAITING_PERIOD_MS 5000  /* how often the `waiting` filter drops channels no longer used */
#define TRIM_FULL         900   /* this near to the 1,000 rows of Q_TRIM_POINT, expect more */
#define OVERFLOW_ROWS     10000 /* dropped in one go */

bool
maintenance_lead(struct store *st)
{
	return lock_take(st->lock_fd, LOCK_MAINTENANCE, 0) == 0;
}

void
maintenance_resign(struct store *st)
{
	lock_give(st->lock_fd, LOCK_MAINTENANCE);
}

/* --- sessions that are over ----------------------------------------------------------------- */

int
maintenance_list_streams(struct store *st, int owner, store_each_key *each, void *arg)
{
	return statement_each_key(st, statement_bind(st, Q_STREAMS_OF, "i", owner), each, arg);
}

int
maintenance_list_expired(struct store *st, int64_t now_ms, store_each_key *each, void *arg)
{
	int owners[SLOTS_MAX], n = 0, step;
	sqlite3_stmt *q = st->q[Q_OWNERS];

	/* read to the end first: the loop below updates the rows that this statement reads */
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		if (n < SLOTS_MAX)
			owners[n++] = sqlite3_column_int(q, 0);
	if (statement_finish(st, q, step) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		if (slots_alive(st->slots, owners[i]))
			continue;
		/* a stream died with its process, while a polling client will ask another one */
		if (maintenance_list_streams(st, owners[i], each, arg) == -1 ||
		    statement_exec(st, Q_RELEASE_POLLS, "i", owners[i]) == -1)
			return -1;
	}
	return statement_each_key(st, statement_bind(st, Q_EXPIRED, "l", now_ms), each, arg) == -1
	           ? -1
	           : 0;
}

int
maintenance_list_outlived(
    struct store *st, int64_t now_ms, int max, store_each_key *each, void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_OUTLIVED, "li", now_ms, max);

	return statement_each_key(st, q, each, arg) == -1 ? -1 : 0;
}

/* --- trimming the log ----------------------------------------------------------------------- */

/* Rebuild the filter of polling sessions' channels without those no longer used.  Only in a
 * transaction: a session that joins sets its bit in one too, so none is lost. */
static void
refresh_waiting(struct store *st, int64_t now_ms)
{
	struct filter fresh;
	sqlite3_stmt *q = st->q[Q_WAITING];
	int step;

	if (now_ms - st->last_waiting_ms < WAITING_PERIOD_MS)
		return;
	st->last_waiting_ms = now_ms;
	memset(&fresh, 0, sizeof(fresh));
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		filter_add(&fresh, sqlite3_column_int64(q, 0));
	/* half a filter would hide messages from those who wait for them */
	if (statement_finish(st, q, step) == 0)
		filter_replace(slots_waiting(st->slots), &fresh);
}

/* The newest row that nobody needs any more, at most 1,000 rows from the oldest on; 0: none; -1:
 * the store failed. */
static int64_t
find_trim_point(struct store *st)
{
	int64_t needed, lowest, point;

	/* rows are needed by polling sessions from their cursors on; and never the newest goes, as
	 * ids continue from it */
	if (statement_number(st, st->q[Q_LOWEST_CURSOR], INT64_MAX, &needed) == -1 ||
	    statement_number(st, st->q[Q_TRIM_POINT], 0, &point) == -1)
		return -1;
	/* ... and by processes from where they have read to */
	lowest = slots_lowest_head(st->slots);
	if (lowest < needed)
		needed = lowest;
	return point < needed ? point : needed;
}

/* Delete the rows up to `last`.  Return how many they were, or -1. */
static int
delete_rows(struct store *st, int64_t last)
{
	int n;

	if (statement_exec(st, Q_TRIM_MESSAGES, "l", last) == -1)
		return -1;
	n = sqlite3_changes(st->db);
	/* a subscription that was left is read until its last row is gone */
	return statement_exec(st, Q_TRIM_SUBSCRIPTIONS, "l", last) == -1 ? -1 : n;
}

enum store_result
maintenance_trim(struct store *st, int64_t now_ms)
{
	int64_t last, sessions;
	int deleted = 0;

	if (store_try(st) != STORE_OK)
		return STORE_FAILED;
	refresh_waiting(st, now_ms);
	/* the counter only grows between two rounds: sessions that end are not subtracted */
	if (statement_number(st, st->q[Q_SESSION_TOTAL], 0, &sessions) == 0)
		slots_set_sessions(st->slots, sessions);
	last = find_trim_point(st);
	if (last != 0)
		deleted = last == -1 ? -1 : delete_rows(st, last);
	if (deleted == -1) {
		store_rollback(st);
		return STORE_FAILED;
	}
	if (store_commit(st) == -1)
		return STORE_FAILED;
	return deleted >= TRIM_FULL ? STORE_MORE : STORE_OK;
}

/* --- a log that is too large ---------------------------------------------------------------- */

int64_t
maintenance_overflow(struct store *st, int64_t max_bytes)
{
	sqlite3_stmt *q = statement_bind(st, Q_OVERFLOW_POINT, "li", max_bytes, OVERFLOW_ROWS);
	int64_t last;

	return statement_number(st, q, 0, &last) == -1 ? -1 : last;
}

int
maintenance_list_lagging(struct store *st, int64_t last, int max, store_each_key *each, void *arg)
{
	return statement_each_key(st, statement_bind(st, Q_LAGGING, "li", last, max), each, arg);
}

int
maintenance_drop(struct store *st, int64_t last)
{
	return delete_rows(st, last) == -1 ? -1 : 0;
}
