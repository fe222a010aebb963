/* What one process does for all, about once a second: DESIGN section 3, housekeeping. */
#include "shared/store/store.h"

#include <string.h>

#include "shared/store/internal.h"
#include "shared/store/lock.h"

#define WAITING_PERIOD_MS 5000 /* how often the filter of polling sessions loses its stale bits */

bool
store_housekeeper(struct store *st)
{
	return lock_take(st->lock_fd, LOCK_HOUSEKEEPER, 0) == 0;
}

void
store_housekeeper_done(struct store *st)
{
	lock_give(st->lock_fd, LOCK_HOUSEKEEPER);
}

static int64_t
read_number(struct store *st, sqlite3_stmt *q, int64_t if_null)
{
	int64_t n = if_null;

	if (sqlite3_step(q) != SQLITE_ROW)
		store_fail(st, sqlite3_sql(q));
	else if (sqlite3_column_type(q, 0) != SQLITE_NULL)
		n = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return n;
}

/* In the writer's transaction, so that no join is missed. */
static void
refresh_waiting(struct store *st, int64_t now_ms)
{
	struct filter fresh;
	sqlite3_stmt *q = st->q[Q_WAITING];

	if (now_ms - st->last_waiting_ms < WAITING_PERIOD_MS)
		return;
	st->last_waiting_ms = now_ms;
	memset(&fresh, 0, sizeof(fresh));
	while (sqlite3_step(q) == SQLITE_ROW)
		filter_add(&fresh, sqlite3_column_int64(q, 0));
	sqlite3_reset(q);
	filter_replace(slots_waiting(st->slots), &fresh);
}

enum store_result
store_tidy(struct store *st, int64_t now_ms, int64_t max_bytes, int64_t *floor)
{
	int64_t needed, lowest = slots_lowest_head(st->slots), point;
	bool too_big, more = false;

	*floor = 0;
	if (store_begin(st) == -1)
		return STORE_FAILED;
	refresh_waiting(st, now_ms);
	slots_set_sessions(st->slots, read_number(st, st->q[Q_SESSIONS], 0));
	needed = read_number(st, st->q[Q_NEEDED], INT64_MAX);
	if (lowest < needed)
		needed = lowest;
	/* what waits for the hook has a limit of its own */
	too_big = read_number(st, st->q[Q_PAGES], 0) - slots_hook_bytes(st->slots) > max_bytes;
	point = read_number(st, st->q[Q_TRIM_POINT], 0);
	if (point > needed && too_big)
		*floor = point;
	else if (point > needed)
		point = needed;
	if (point > 0) {
		if (store_run(st, store_bind(st, Q_TRIM, "l", point)) == -1)
			goto fail;
		more = sqlite3_changes(st->db) >= 900;
		if (store_run(st, store_bind(st, Q_SUB_EXPIRE, "l", point)) == -1)
			goto fail;
	}
	if (store_commit(st) == -1)
		return STORE_FAILED;
	return more ? STORE_MORE : STORE_OK;
fail:
	store_rollback(st);
	return STORE_FAILED;
}
