#include "shared/store/session_data.h"

#include "shared/store/internal.h"

#define VALUE_BYTES 64 /* of a value besides its texts; Q_DATA_COUNT has it too */

enum store_result
session_data_set(struct store *st, int64_t key, struct slice name, struct slice value, int64_t most)
{
	int64_t bytes = (int64_t)(name.n + value.n) + VALUE_BYTES;

	if (statement_exec(st, Q_DATA_COUNT, "lsll", key, name, bytes, most) == -1)
		return STORE_FAILED;
	if (sqlite3_changes(st->db) == 0)
		return STORE_FULL;
	return statement_exec(st, Q_DATA_SET, "lss", key, name, value) == -1 ? STORE_FAILED
	                                                                     : STORE_OK;
}

int
session_data_delete(struct store *st, int64_t key, struct slice name)
{
	if (statement_exec(st, Q_DATA_COUNT, "lsll", key, name, INT64_C(0), INT64_C(0)) == -1)
		return -1;
	return statement_exec(st, Q_DATA_DELETE, "ls", key, name);
}

char *
session_data_get(struct store *st, int64_t key, struct slice name)
{
	return statement_text(st, statement_bind(st, Q_DATA_GET, "ls", key, name));
}

int
session_data_list(struct store *st, int64_t key,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_DATA_LIST, "l", key);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, statement_column(q, 0), statement_column(q, 1));
	return statement_finish(st, q, step);
}
