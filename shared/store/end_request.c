#include "shared/store/end_request.h"

#include "shared/store/internal.h"

int
end_request_add(struct store *st, int64_t key, struct slice ns, const char *reason)
{
	st->ends_requested = true;
	store_wake_all(st); /* any of them may be the next to do maintenance */
	return statement_exec(st, Q_END_REQUEST_ADD, "lsz", key, ns, reason);
}

int
end_request_list(struct store *st, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, struct slice reason), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_END_REQUEST_LIST, "i", max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), statement_column(q, 1),
		    statement_column(q, 2));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
end_request_delete(struct store *st, int64_t key, struct slice ns)
{
	return statement_exec(st, Q_END_REQUEST_DELETE, "ls", key, ns);
}
