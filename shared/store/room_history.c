#include "shared/store/room_history.h"

#include <string.h>

#include "shared/store/internal.h"

#define MESSAGE_BYTES 64 /* of a message besides its texts; Q_HISTORY_CUT has it too */
#define DROP_MAX      100

/* --- rooms ---------------------------------------------------------------------------------- */

/* Copy a name of the row, which a program may have written that knows longer ones. */
static struct slice
keep_name(char to[ROOM_HISTORY_NAME_MAX], struct slice name)
{
	if (name.n > ROOM_HISTORY_NAME_MAX)
		name.n = ROOM_HISTORY_NAME_MAX;
	if (name.n > 0)
		memcpy(to, name.p, name.n);
	return (struct slice){to, name.n};
}

int
room_history_find(struct store *st, int64_t chan, struct room_history *r)
{
	sqlite3_stmt *q = statement_bind(st, Q_HISTORY_FIND, "l", chan);
	int step = sqlite3_step(q), found = step == SQLITE_ROW;

	if (found) {
		r->chan = chan;
		r->ns = keep_name(r->names, statement_column(q, 0));
		r->room = keep_name(r->names + ROOM_HISTORY_NAME_MAX, statement_column(q, 1));
		r->configured = sqlite3_column_int64(q, 2);
		r->asked = sqlite3_column_int64(q, 3);
		r->first = sqlite3_column_int64(q, 4);
		r->next = sqlite3_column_int64(q, 5);
		r->bytes = sqlite3_column_int64(q, 6);
		step = SQLITE_DONE;
	}
	return statement_finish(st, q, step) == -1 ? -1 : found;
}

int
room_history_put(struct store *st, const struct room_history *r, int64_t now)
{
	return statement_exec(
	    st, Q_HISTORY_PUT, "lsslll", r->chan, r->ns, r->room, r->configured, r->asked, now);
}

int
room_history_list(
    struct store *st, void (*each)(void *arg, const struct room_history *r), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_HISTORY_LIST, "");
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct room_history r = {
		    .chan = sqlite3_column_int64(q, 0),
		    .ns = statement_column(q, 1),
		    .room = statement_column(q, 2),
		    .configured = sqlite3_column_int64(q, 3),
		    .asked = sqlite3_column_int64(q, 4),
		};

		each(arg, &r);
	}
	return statement_finish(st, q, step);
}

int
room_history_configure(struct store *st, int64_t chan, int64_t n)
{
	return statement_exec(st, Q_HISTORY_CONFIGURE, "ll", chan, n);
}

int
room_history_total(struct store *st, struct room_history_total *total)
{
	sqlite3_stmt *q = st->q[Q_HISTORY_TOTAL];
	int result = 0;

	if (sqlite3_step(q) == SQLITE_ROW)
		*total = (struct room_history_total){
		    .rooms = sqlite3_column_int64(q, 0),
		    .bytes = sqlite3_column_int64(q, 1),
		};
	else
		result = statement_fail(st, "reading the size of the history");
	sqlite3_reset(q);
	return result;
}

/* --- messages ------------------------------------------------------------------------------- */

/* Drop the oldest message.  One that is not there does not matter: the table may have been
 * repaired. */
static int
cut_oldest(struct store *st, struct room_history *r)
{
	int64_t bytes = 0;
	sqlite3_stmt *q = statement_bind(st, Q_HISTORY_CUT, "ll", r->chan, r->first);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		bytes = sqlite3_column_int64(q, 0);
	r->first++;
	r->bytes = r->first < r->next ? r->bytes - bytes : 0;
	return statement_finish(st, q, step);
}

int
room_history_add(struct store *st, struct room_history *r, const struct room_history_message *m,
    const struct room_history_limits *limits, int64_t now)
{
	int64_t bytes = (int64_t)(m->payload.n + m->except_more.n) + MESSAGE_BYTES;

	if (bytes > limits->bytes || limits->messages < 1)
		return 0;
	while (r->first < r->next &&
	       (r->next - r->first >= limits->messages || r->bytes + bytes > limits->bytes))
		if (cut_oldest(st, r) == -1)
			return -1;
	if (statement_exec(st, Q_HISTORY_ADD, "lllnb", r->chan, r->next, m->except_key,
		m->except_more, m->payload) == -1)
		return -1;
	r->next++;
	r->bytes += bytes;
	return statement_exec(
		   st, Q_HISTORY_COUNT, "lllll", r->chan, r->first, r->next, r->bytes, now) == -1
	           ? -1
	           : 1;
}

int
room_history_read(
    struct store *st, const struct room_history *r, int64_t n, room_history_each *each, void *arg)
{
	int64_t from = n < r->next ? r->next - n : 0;
	sqlite3_stmt *q = statement_bind(st, Q_HISTORY_READ, "ll", r->chan, from);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct room_history_message m = {
		    .except_key = sqlite3_column_int64(q, 0),
		    .except_more = statement_column(q, 1),
		    .payload = statement_column(q, 2),
		};

		each(arg, &m);
	}
	return statement_finish(st, q, step);
}

/* --- rooms that go -------------------------------------------------------------------------- */

int
room_history_touch(struct store *st, int64_t before, int max, int64_t now)
{
	return statement_exec(st, Q_HISTORY_TOUCH, "lli", now, before, max);
}

int
room_history_drop(struct store *st, int64_t chan)
{
	if (statement_exec(st, Q_HISTORY_CLEAR, "l", chan) == -1)
		return -1;
	return statement_exec(st, Q_HISTORY_DROP, "l", chan);
}

struct chan_list {
	int64_t at[DROP_MAX];
	int n;
};

static void
add_chan(void *arg, int64_t chan)
{
	struct chan_list *list = arg;

	list->at[list->n++] = chan;
}

int
room_history_expire(struct store *st, int64_t before, int max)
{
	struct chan_list list = {.n = 0};

	if (max > DROP_MAX)
		max = DROP_MAX;
	if (statement_each_key(
		st, statement_bind(st, Q_HISTORY_UNUSED, "li", before, max), add_chan, &list) == -1)
		return -1;
	for (int i = 0; i < list.n; i++)
		if (room_history_drop(st, list.at[i]) == -1)
			return -1;
	return list.n;
}

int
room_history_free(struct store *st, int64_t bytes, int max)
{
	struct {
		int64_t chan;
		bool in_use;
	} list[DROP_MAX];
	sqlite3_stmt *q;
	int n = 0, step;

	if (max > DROP_MAX)
		max = DROP_MAX;
	q = statement_bind(st, Q_HISTORY_OLDEST, "i", max);
	while ((step = sqlite3_step(q)) == SQLITE_ROW && bytes > 0) {
		list[n].chan = sqlite3_column_int64(q, 0);
		list[n++].in_use = sqlite3_column_int(q, 2) != 0;
		bytes -= sqlite3_column_int64(q, 1);
	}
	if (statement_finish(st, q, step == SQLITE_ROW ? SQLITE_DONE : step) == -1)
		return -1;
	for (int i = 0; i < n; i++)
		if (statement_exec(st, Q_HISTORY_CLEAR, "l", list[i].chan) == -1 ||
		    statement_exec(st, list[i].in_use ? Q_HISTORY_EMPTY : Q_HISTORY_DROP, "l",
			list[i].chan) == -1)
			return -1;
	return n;
}
