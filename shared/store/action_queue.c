#include "shared/store/action_queue.h"

#include "shared/store/internal.h"
#include "shared/store/lock.h"

bool
action_queue_lead(struct store *st)
{
	return lock_take(st->lock_fd, LOCK_ACTIONS, 0) == 0;
}

int
action_queue_list(struct store *st, int max, size_t max_bytes,
    void (*each)(void *arg, int64_t id, struct slice json), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_ACTION_LIST, "i", max);
	size_t bytes = 0;
	int n = 0, step = SQLITE_DONE;

	/* stopping early is allowed: the rows left stay in the table for the next turn */
	while (bytes < max_bytes && (step = sqlite3_step(q)) == SQLITE_ROW) {
		struct slice json = statement_column(q, 1);

		each(arg, sqlite3_column_int64(q, 0), json);
		bytes += json.n;
		n++;
	}
	if (step == SQLITE_ROW)
		step = SQLITE_DONE;
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
action_queue_done(struct store *st, int64_t id)
{
	return statement_exec(st, Q_ACTION_DELETE, "l", id);
}
