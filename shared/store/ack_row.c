#include "shared/store/ack_row.h"

#include <stdlib.h>
#include <string.h>

#include "shared/store/internal.h"

enum store_result
ack_row_add(struct store *st, int64_t key, struct slice ns, struct slice handler,
    struct slice context, int64_t deadline, int64_t most, int64_t *id)
{
	/* ids count up per session, so that an id alone finds its row: some clients omit the
	 * endpoint in the ack (CLIENTS 10) */
	sqlite3_stmt *q = statement_bind(st, Q_ACK_NEXT_ID, "ll", key, most);
	int step = sqlite3_step(q);

	if (step != SQLITE_ROW)
		return statement_finish(st, q, step) == -1 ? STORE_FAILED : STORE_FULL;
	*id = sqlite3_column_int64(q, 0);
	if (statement_run(st, q) == -1 ||
	    statement_exec(st, Q_ACK_ADD, "llsssl", key, *id, ns, handler, context, deadline) == -1)
		return STORE_FAILED;
	return STORE_OK;
}

enum store_result
ack_row_take(struct store *st, int64_t key, int64_t id, struct ack_row *ack)
{
	sqlite3_stmt *q = statement_bind(st, Q_ACK_TAKE, "ll", key, id);
	int step = sqlite3_step(q);
	struct slice context;

	if (step != SQLITE_ROW) {
		if (step != SQLITE_DONE)
			statement_fail(st, "taking an ack");
		sqlite3_reset(q);
		return step == SQLITE_DONE ? STORE_NOT_FOUND : STORE_FAILED;
	}
	/* copy before the statement goes on: columns are borrowed */
	context = statement_column(q, 2);
	*ack = (struct ack_row){
	    .ns = strndup(statement_column(q, 0).p, statement_column(q, 0).n),
	    .handler = strndup(statement_column(q, 1).p, statement_column(q, 1).n),
	    .context = context.p == NULL ? NULL : strndup(context.p, context.n),
	};
	if (statement_run(st, q) == -1 || statement_exec(st, Q_ACK_TAKEN, "l", key) == -1 ||
	    ack->ns == NULL || ack->handler == NULL) {
		ack_row_free(ack);
		return STORE_FAILED;
	}
	return STORE_OK;
}

void
ack_row_free(struct ack_row *ack)
{
	free(ack->ns);
	free(ack->handler);
	free(ack->context);
	*ack = (struct ack_row){NULL, NULL, NULL};
}

int
ack_row_list_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, int64_t id), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_ACK_LIST_DUE, "li", now_ms, max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}
