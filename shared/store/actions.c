/* Actions of other programs: the table action_in, which those write to that know nothing of us but
 * SQL, and answers to requests that may come twice. */
#include <string.h>

#include "shared/store/internal.h"
#include "shared/store/lock.h"

#define PUBLISHED_MAX INT64_C(10000)

bool
store_doorkeeper(struct store *st)
{
	return lock_take(st->lock_fd, LOCK_DOOR, 0) == 0;
}

int64_t
store_version(struct store *st)
{
	sqlite3_stmt *q = st->q[Q_VERSION];
	int64_t version = -1;

	if (sqlite3_step(q) == SQLITE_ROW)
		version = sqlite3_column_int64(q, 0);
	else
		store_fail(st, sqlite3_sql(q));
	sqlite3_reset(q);
	return version;
}

int
store_actions(struct store *st, int max, size_t max_bytes,
    void (*each)(void *arg, int64_t id, struct slice json), void *arg)
{
	sqlite3_stmt *q = store_bind(st, Q_ACTIONS, "i", max);
	size_t bytes = 0;
	int n = 0, step = SQLITE_DONE;

	while (bytes < max_bytes && (step = sqlite3_step(q)) == SQLITE_ROW) {
		struct slice json = store_column(q, 1);

		each(arg, sqlite3_column_int64(q, 0), json);
		bytes += json.n;
		n++;
	}
	if (step != SQLITE_DONE && step != SQLITE_ROW) {
		store_fail(st, sqlite3_sql(q));
		n = -1;
	}
	sqlite3_reset(q);
	return n;
}

int
store_action_done(struct store *st, int64_t id)
{
	return store_run(st, store_bind(st, Q_ACTION_DELETE, "l", id));
}

char *
store_published(struct store *st, struct slice key, int64_t now_ms)
{
	return store_text(st, store_bind(st, Q_PUBLISHED_FIND, "sl", key, now_ms));
}

int
store_set_published(
    struct store *st, struct slice key, struct slice answer, int64_t now_ms, int64_t until_ms)
{
	if (store_run(st, store_bind(st, Q_PUBLISHED_ADD, "ssl", key, answer, until_ms)) == -1)
		return -1;
	return store_run(st, store_bind(st, Q_PUBLISHED_TRIM, "ll", PUBLISHED_MAX, now_ms));
}
