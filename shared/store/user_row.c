#include "shared/store/user_row.h"

#include "shared/store/internal.h"

int64_t
user_row_session(struct store *st, struct slice user, int64_t except, int64_t root, bool here)
{
	sqlite3_stmt *q =
	    statement_bind(st, Q_USER_CONNECTED, "slli", user, except, root, (int)here);
	int step = sqlite3_step(q);
	int64_t key = step == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;

	if (step != SQLITE_ROW)
		return statement_finish(st, q, step) == -1 ? -1 : 0;
	sqlite3_reset(q);
	return key;
}

int
user_row_is_member(struct store *st, int64_t key, int64_t chan)
{
	int64_t is;

	if (statement_number(st, statement_bind(st, Q_USER_MEMBER, "ll", key, chan), 0, &is) == -1)
		return -1;
	return is != 0;
}

int
user_row_note(struct store *st, int64_t key, struct slice user, bool arrives)
{
	/* as a requested end does: maintenance looks at both */
	st->ends_requested = true;
	store_wake_all(st);
	return statement_exec(st, Q_USER_NOTE, "lsi", key, user, (int)arrives);
}

int
user_row_list_noted(
    struct store *st, int max, void (*each)(void *arg, const struct user_change *change), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_USER_NOTED, "i", max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, &(struct user_change){
			      .id = sqlite3_column_int64(q, 0),
			      .key = sqlite3_column_int64(q, 1),
			      .user = statement_column(q, 2),
			      .arrives = sqlite3_column_int(q, 3) != 0,
			  });
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
user_row_told(struct store *st, int64_t id)
{
	return statement_exec(st, Q_USER_TOLD, "l", id);
}
