#include "shared/store/early_packet.h"

#include "shared/store/internal.h"

enum store_result
early_packet_add(struct store *st, int64_t key, struct slice ns, struct slice packet, int64_t until,
    const struct early_limits *limits)
{
	if (statement_exec(st, Q_EARLY_ADD, "lslbll", key, ns, until, packet,
		(int64_t)limits->packets, (int64_t)limits->bytes) == -1)
		return STORE_FAILED;
	return sqlite3_changes(st->db) == 1 ? STORE_OK : STORE_NOT_FOUND;
}

int
early_packet_shut(struct store *st, int64_t key, struct slice ns)
{
	return statement_exec(st, Q_EARLY_SHUT, "lsl", key, ns, INT64_MAX);
}

int
early_packet_list(struct store *st, int64_t key, struct slice ns,
    void (*each)(void *arg, struct slice packet, int64_t until), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_EARLY_LIST, "ls", key, ns);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		if (sqlite3_column_type(q, 0) != SQLITE_NULL)
			each(arg, statement_column(q, 0), sqlite3_column_int64(q, 1));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
early_packet_delete(struct store *st, int64_t key, struct slice ns)
{
	return statement_exec(st, Q_EARLY_DELETE, "ls", key, ns);
}

int
early_packet_list_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, int n), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_EARLY_LIST_DUE, "li", now_ms, max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), statement_column(q, 1),
		    sqlite3_column_int(q, 2));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
early_packet_delete_due(struct store *st, int64_t now_ms)
{
	return statement_exec(st, Q_EARLY_DELETE_DUE, "l", now_ms);
}
