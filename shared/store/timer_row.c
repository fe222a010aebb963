#include "shared/store/timer_row.h"

#include <string.h>

#include "shared/store/internal.h"
#include "shared/store/timekeeper.h"

enum store_result
timer_row_set(struct store *st, int64_t key, struct slice ns, struct slice name,
    struct slice context, int64_t due_ms, int64_t most)
{
	if (statement_exec(st, Q_TIMER_SET, "lsssll", key, ns, name, context, due_ms, most) == -1)
		return STORE_FAILED;
	if (sqlite3_changes(st->db) == 0)
		return STORE_FULL;
	timekeeper_add(st, due_ms);
	return STORE_OK;
}

int
timer_row_drop(struct store *st, int64_t key, struct slice ns, struct slice name)
{
	return statement_exec(st, Q_TIMER_DROP, "lss", key, ns, name);
}

/* Whether no session of this folder has a timer: the timekeeper has said so, and none was set
 * since.  Should its transaction fail, a timer is left behind, and is dropped when it is due. */
static bool
is_none_set(const struct store *st)
{
	return timekeeper_due(st) == INT64_MAX;
}

int
timer_row_drop_all(struct store *st, int64_t key)
{
	return is_none_set(st) ? 0 : statement_exec(st, Q_TIMER_DELETE_ALL, "l", key);
}

int
timer_row_drop_namespace(struct store *st, int64_t key, struct slice ns)
{
	return is_none_set(st) ? 0 : statement_exec(st, Q_TIMER_DROP_NAMESPACE, "ls", key, ns);
}

enum store_result
timer_row_take(struct store *st, int64_t key, struct slice ns, struct slice name, int64_t now_ms,
    char **context)
{
	sqlite3_stmt *q = statement_bind(st, Q_TIMER_TAKE, "lssl", key, ns, name, now_ms);
	int step = sqlite3_step(q);
	struct slice text;

	*context = NULL;
	if (step != SQLITE_ROW) {
		if (step != SQLITE_DONE)
			statement_fail(st, "taking a timer");
		sqlite3_reset(q);
		return step == SQLITE_DONE ? STORE_NOT_FOUND : STORE_FAILED;
	}
	text = statement_column(q, 0);
	if (text.p != NULL && (*context = strndup(text.p, text.n)) == NULL) {
		sqlite3_reset(q);
		return STORE_FAILED;
	}
	return statement_run(st, q) == -1 ? STORE_FAILED : STORE_OK;
}

int
timer_row_list_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, struct slice name), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_TIMER_LIST_DUE, "li", now_ms, max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), statement_column(q, 1),
		    statement_column(q, 2));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
timer_row_next(struct store *st, int64_t *due_ms)
{
	return statement_number(st, st->q[Q_TIMER_NEXT], INT64_MAX, due_ms);
}
