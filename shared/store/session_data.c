#include "shared/store/session_data.h"

#include "shared/store/internal.h"

int
session_data_set(struct store *st, int64_t key, struct slice name, struct slice value)
{
	return statement_exec(st, Q_DATA_SET, "lss", key, name, value);
}

int
session_data_delete(struct store *st, int64_t key, struct slice name)
{
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
