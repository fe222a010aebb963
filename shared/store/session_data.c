#include "shared/store/session_data.h"

#include "shared/store/internal.h"
#include "shared/wire/json.h"

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

bool
session_data_are_names(struct slice names)
{
	size_t n = 1;

	for (size_t i = 0; i < names.n; i++)
		n += names.p[i] == ',';
	return n <= SESSION_DATA_NAMES_MAX && !slice_has_nul(names);
}

/* Cut the first name off a list. */
static struct slice
cut_name(struct slice *names)
{
	const char *comma = memchr(names->p, ',', names->n);
	struct slice name = {names->p, comma == NULL ? names->n : (size_t)(comma - names->p)};

	*names = slice_skip(*names, comma == NULL ? names->n : name.n + 1);
	return name;
}

/* Append a member, if the value is set. */
static int
add_data_member(struct store *st, int64_t key, struct slice name, bool first, struct buf *out)
{
	sqlite3_stmt *q = statement_bind(st, Q_DATA_GET, "ls", key, name);
	int step = sqlite3_step(q);

	if (step == SQLITE_ROW) {
		if (!first)
			buf_add_char(out, ',');
		json_write_string(out, name);
		buf_add_char(out, ':');
		buf_add_slice(out, statement_column(q, 0));
		step = sqlite3_step(q);
	}
	return statement_finish(st, q, step);
}

int
session_data_json(struct store *st, int64_t key, struct slice names, struct buf *out)
{
	size_t begin = out->n + 1;
	int result = 0;

	buf_add_char(out, '{');
	while (result == 0 && names.n > 0)
		result = add_data_member(st, key, cut_name(&names), out->n == begin, out);
	buf_add_char(out, '}');
	return result;
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
