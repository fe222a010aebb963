#include "shared/store/link_out.h"

#include "shared/store/internal.h"

#define DROP_ROWS 10000 /* deleted in one go */

int
link_out_add(struct store *st, int node, unsigned char kind, struct slice body)
{
	if (statement_exec(st, Q_LINK_ADD, "iibl", node, (int)kind, body,
		(int64_t)body.n + LINK_ROW_BYTES) == -1)
		return -1;
	store_wake_slot(st, slots_link_slot(st->slots));
	return 0;
}

int
link_out_list(struct store *st, int64_t after, int max,
    bool (*each)(void *arg, const struct link_row *row), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_LINK_LIST, "li", after, max);
	int step, n = 0;
	bool more = true;

	while (more && (step = sqlite3_step(q)) == SQLITE_ROW) {
		struct link_row row = {
		    .id = sqlite3_column_int64(q, 0),
		    .node = sqlite3_column_int(q, 1),
		    .kind = (unsigned char)sqlite3_column_int(q, 2),
		    .body = statement_column(q, 3),
		};

		more = each(arg, &row);
		n += more;
	}
	if (more)
		return statement_finish(st, q, step) == -1 ? -1 : n;
	sqlite3_reset(q);
	return n;
}

int
link_out_delete(struct store *st, int64_t last)
{
	return statement_exec(st, Q_LINK_DELETE, "l", last);
}

int
link_out_span(struct store *st, struct link_span *span)
{
	sqlite3_stmt *q = st->q[Q_LINK_SPAN];
	int step = sqlite3_step(q);

	*span = (struct link_span){.rows = 0};
	if (step == SQLITE_ROW) {
		*span = (struct link_span){
		    .rows = sqlite3_column_int64(q, 0),
		    .newest = sqlite3_column_int64(q, 1),
		    .bytes = sqlite3_column_int64(q, 2),
		};
		step = sqlite3_step(q);
	}
	return statement_finish(st, q, step);
}

int
link_out_drop(struct store *st, int64_t max_bytes)
{
	int64_t last;
	sqlite3_stmt *q = statement_bind(st, Q_LINK_OVERFLOW, "li", max_bytes, DROP_ROWS);

	if (statement_number(st, q, 0, &last) == -1)
		return -1;
	if (last == 0)
		return 0;
	return link_out_delete(st, last) == -1 ? -1 : sqlite3_changes(st->db);
}
