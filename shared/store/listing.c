#include "shared/store/listing.h"

#include "shared/store/internal.h"

static sqlite3_stmt *
prepare(struct store *st, const char *sql)
{
	sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) != SQLITE_OK)
		store_fail(st, sql);
	return q;
}

/* Free the statement.  `step` is what its last step gave. */
static int
finish(struct store *st, sqlite3_stmt *q, int step)
{
	int result = step == SQLITE_DONE ? 0 : store_fail(st, sqlite3_sql(q));

	sqlite3_finalize(q);
	return result;
}

static int64_t
number(struct store *st, const char *sql)
{
	sqlite3_stmt *q = prepare(st, sql);
	int64_t n = -1;

	if (q == NULL)
		return -1;
	if (sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	else
		store_fail(st, sql);
	sqlite3_finalize(q);
	return n;
}

int
listing_sessions(struct store *st, const struct listing_filter *filter,
    void (*each)(void *arg, const struct listing_session *s), void *arg)
{
	static const char sql[] =
	    "SELECT key, state, owner, transport, streaming, address, user, handshake,"
	    " (SELECT json_group_array(ns) FROM sub WHERE sub.key = session.key AND room IS NULL"
	    "  AND until IS NULL)"
	    " FROM session WHERE state < 2 AND key > ?1"
	    " AND (?2 = 0 OR key IN (SELECT key FROM sub WHERE chan = ?2 AND until IS NULL))"
	    " AND (?3 IS NULL OR user = ?3) AND (?4 = 0 OR key = ?4) ORDER BY key LIMIT ?5";
	sqlite3_stmt *q = prepare(st, sql);
	int step;

	if (q == NULL)
		return -1;
	sqlite3_bind_int64(q, 1, filter->after);
	sqlite3_bind_int64(q, 2, filter->chan);
	if (filter->user.p != NULL)
		sqlite3_bind_text64(
		    q, 3, filter->user.p, filter->user.n, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int64(q, 4, filter->key);
	sqlite3_bind_int(q, 5, filter->limit);
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct listing_session s = {
		    .key = sqlite3_column_int64(q, 0),
		    .state = (enum store_state)sqlite3_column_int(q, 1),
		    .owner = sqlite3_column_int(q, 2),
		    .transport = sqlite3_column_int(q, 3),
		    .streaming = sqlite3_column_int(q, 4) != 0,
		    .address = store_column(q, 5),
		    .user = store_column(q, 6),
		    .handshake = store_column(q, 7),
		    .namespaces = store_column(q, 8),
		};

		each(arg, &s);
	}
	return finish(st, q, step);
}

int
listing_rooms(struct store *st,
    void (*each)(void *arg, struct slice ns, struct slice room, int64_t sessions), void *arg)
{
	sqlite3_stmt *q = prepare(st, "SELECT ns, room, count(*) FROM sub WHERE until IS NULL"
				      " GROUP BY ns, room ORDER BY ns, room");
	int step;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, store_column(q, 0), store_column(q, 1), sqlite3_column_int64(q, 2));
	return finish(st, q, step);
}

static int
count_sessions(struct store *st, struct listing_totals *t)
{
	sqlite3_stmt *q =
	    prepare(st, "SELECT state, transport, count(*) FROM session GROUP BY state, transport");
	int step;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		int transport = sqlite3_column_int(q, 1);
		int64_t n = sqlite3_column_int64(q, 2);

		switch ((enum store_state)sqlite3_column_int(q, 0)) {
		case STORE_NEW:
			t->fresh += n;
			break;
		case STORE_OPEN:
			if (transport >= 0 && transport < TRANSPORT_COUNT)
				t->by_transport[transport] += n;
			break;
		case STORE_ENDED:
			t->ended += n;
			break;
		}
	}
	return finish(st, q, step);
}

int
listing_totals(struct store *st, struct listing_totals *t)
{
	*t = (struct listing_totals){.fresh = 0};
	if (count_sessions(st, t) == -1)
		return -1;
	t->rooms = number(st, "SELECT count(DISTINCT chan) FROM sub WHERE room IS NOT NULL"
			      " AND until IS NULL");
	t->memberships =
	    number(st, "SELECT count(*) FROM sub WHERE room IS NOT NULL AND until IS NULL");
	t->values = number(st, "SELECT count(*) FROM data");
	t->answers_awaited = number(st, "SELECT count(*) FROM ack");
	t->messages = number(st, "SELECT max(id) - min(id) FROM msg");
	t->appended = number(st, "SELECT max(id) - 1 FROM msg");
	t->bytes = number(st, "SELECT (page_count - freelist_count) * page_size FROM"
			      " pragma_page_count(), pragma_freelist_count(), pragma_page_size()");
	return t->rooms < 0 || t->memberships < 0 || t->values < 0 || t->answers_awaited < 0 ||
	               t->messages < 0 || t->appended < 0 || t->bytes < 0
	           ? -1
	           : 0;
}

int64_t
listing_asked(struct store *st)
{
	return number(st, "SELECT count(*) FROM asked");
}

int
listing_check(struct store *st, void (*each)(void *arg, struct slice line), void *arg)
{
	sqlite3_stmt *q = prepare(st, "PRAGMA integrity_check(100)");
	int step, faults = 0;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct slice line = store_column(q, 0);

		faults += slice_is(line, "ok") ? 0 : 1;
		each(arg, line);
	}
	return finish(st, q, step) == -1 ? -1 : faults;
}
