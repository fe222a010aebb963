#include "shared/store/listing.h"

#include <stdlib.h>
#include <string.h>

#include "shared/store/internal.h"
#include "shared/wire/json.h"

static sqlite3_stmt *
listing_prepare(struct store *st, const char *sql)
{
	sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) != SQLITE_OK)
		statement_fail(st, sql);
	return q;
}

/* Free the statement; `step` is what its last sqlite3_step() returned.  Return 0, or -1 after
 * logging when that was not the end of the rows. */
static int
listing_finish(struct store *st, sqlite3_stmt *q, int step)
{
	int result = step == SQLITE_DONE ? 0 : statement_fail(st, sqlite3_sql(q));

	sqlite3_finalize(q);
	return result;
}

static int64_t
listing_number(struct store *st, const char *sql)
{
	sqlite3_stmt *q = listing_prepare(st, sql);
	int64_t n;

	if (q == NULL)
		return -1;
	if (statement_number(st, q, 0, &n) == -1)
		n = -1;
	sqlite3_finalize(q);
	return n;
}

int
listing_sessions(struct store *st, const struct listing_filter *filter,
    void (*each)(void *arg, const struct listing_session *s), void *arg)
{
	static const char sql[] =
	    "SELECT key, state, owner, transport, streaming, address, user, handshake,"
	    " (SELECT json_group_array(ns) FROM subscription"
	    " WHERE subscription.key = session.key AND room IS NULL AND until IS NULL)"
	    " FROM session WHERE state < 2 AND key > ?1"
	    " AND (?2 = 0 OR"
	    " key IN (SELECT key FROM subscription WHERE chan = ?2 AND until IS NULL))"
	    " AND (?3 IS NULL OR user = ?3) AND (?4 = 0 OR key = ?4) ORDER BY key LIMIT ?5";
	sqlite3_stmt *q = listing_prepare(st, sql);
	int step;

	if (q == NULL)
		return -1;
	/* pages by key, not by OFFSET: sessions come and go between two requests */
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
		    .state = (enum session_row_state)sqlite3_column_int(q, 1),
		    .owner = sqlite3_column_int(q, 2),
		    .transport = sqlite3_column_int(q, 3),
		    .streaming = sqlite3_column_int(q, 4) != 0,
		    .address = statement_column(q, 5),
		    .user = statement_column(q, 6),
		    .handshake = statement_column(q, 7),
		    .namespaces = statement_column(q, 8),
		};

		each(arg, &s);
	}
	return listing_finish(st, q, step);
}

int64_t
listing_age(const struct listing_session *s, int64_t now_ms)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;
	char digits[24];

	/* not a column of its own: only listings ask for it */
	if (json_parse(&all, s->handshake) == -1 || all.kind != JSON_KIND_OBJECT)
		return -1;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value)) {
		/* a number, as we wrote it; strtoll() needs a NUL after it */
		if (!json_string_is(key, "issued") || value.text.n >= sizeof(digits))
			continue;
		memcpy(digits, value.text.p, value.text.n);
		digits[value.text.n] = '\0';
		return (now_ms - strtoll(digits, NULL, 10)) / 1000;
	}
	return -1;
}

struct slice
listing_transport(const struct listing_session *s)
{
	const char *name =
	    s->state == STORE_NEW ? NULL : route_transport_name((enum transport_id)s->transport);

	return name == NULL ? SLICE("-") : slice_of(name);
}

int
listing_rooms(struct store *st,
    void (*each)(void *arg, struct slice ns, struct slice room, int64_t sessions), void *arg)
{
	sqlite3_stmt *q =
	    listing_prepare(st, "SELECT ns, room, count(*) FROM subscription WHERE until IS NULL"
				" GROUP BY ns, room ORDER BY ns, room");
	int step;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, statement_column(q, 0), statement_column(q, 1),
		    sqlite3_column_int64(q, 2));
	return listing_finish(st, q, step);
}

static int
count_by_transport(struct store *st, struct listing_totals *t)
{
	sqlite3_stmt *q = listing_prepare(
	    st, "SELECT state, transport, count(*) FROM session GROUP BY state, transport");
	int step;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		int transport = sqlite3_column_int(q, 1);
		int64_t n = sqlite3_column_int64(q, 2);

		switch ((enum session_row_state)sqlite3_column_int(q, 0)) {
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
	return listing_finish(st, q, step);
}

int
listing_totals(struct store *st, struct listing_totals *t)
{
	*t = (struct listing_totals){.fresh = 0};
	if (count_by_transport(st, t) == -1)
		return -1;
	t->rooms = listing_number(st,
	    "SELECT count(DISTINCT chan) FROM subscription WHERE room IS NOT NULL"
	    " AND until IS NULL");
	t->memberships = listing_number(
	    st, "SELECT count(*) FROM subscription WHERE room IS NOT NULL AND until IS NULL");
	t->values = listing_number(st, "SELECT count(*) FROM data");
	t->answers_awaited = listing_number(st, "SELECT count(*) FROM ack");
	/* without the row that the log was created with, or the newest, which is never trimmed */
	t->messages = listing_number(st, "SELECT max(id) - min(id) FROM message");
	t->appended = listing_number(st, "SELECT max(id) - 1 FROM message");
	t->bytes =
	    listing_number(st, "SELECT (page_count - freelist_count) * page_size FROM"
			       " pragma_page_count(), pragma_freelist_count(), pragma_page_size()");
	return t->rooms < 0 || t->memberships < 0 || t->values < 0 || t->answers_awaited < 0 ||
	               t->messages < 0 || t->appended < 0 || t->bytes < 0
	           ? -1
	           : 0;
}

int64_t
listing_end_requests(struct store *st)
{
	return listing_number(st, "SELECT count(*) FROM end_request");
}

int
listing_check(struct store *st, void (*each)(void *arg, struct slice line), void *arg)
{
	sqlite3_stmt *q = listing_prepare(st, "PRAGMA integrity_check(100)");
	int step, faults = 0;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct slice line = statement_column(q, 0);

		faults += slice_is(line, "ok") ? 0 : 1;
		each(arg, line);
	}
	return listing_finish(st, q, step) == -1 ? -1 : faults;
}
