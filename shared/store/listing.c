#include "shared/store/listing.h"

#include <stdlib.h>
#include <string.h>

#include "shared/store/internal.h"
#include "shared/store/link_node.h"
#include "shared/store/session_data.h"
#include "shared/wire/digit.h"
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

/* A condition on rows with a key: the session is one of those that ?1 and ?2 say (bind_node). */
#define OF_NODE                                                                                    \
	" CASE ?1 WHEN 0 THEN 1"                                                                   \
	" WHEN 1 THEN key NOT IN (SELECT key FROM session WHERE home IS NOT NULL)"                 \
	" ELSE key IN (SELECT key FROM session WHERE home = ?2) END"

static void
bind_node(sqlite3_stmt *q, struct listing_node of)
{
	sqlite3_bind_int(q, 1, !of.is_one ? 0 : of.number < 0 ? 1 : 2);
	sqlite3_bind_int(q, 2, of.number);
}

static int64_t
listing_number(struct store *st, const char *sql, struct listing_node of)
{
	sqlite3_stmt *q = listing_prepare(st, sql);
	int64_t n;

	if (q == NULL)
		return -1;
	if (sqlite3_bind_parameter_count(q) > 0)
		bind_node(q, of);
	if (statement_number(st, q, 0, &n) == -1)
		n = -1;
	sqlite3_finalize(q);
	return n;
}

/* --- nodes ---------------------------------------------------------------------------------- */

/* The number that the text is, or -1. */
static int
read_node_number(struct slice text)
{
	int n = 0;

	if (text.n == 0 || text.n > 4 || digit_run(text) < text.n)
		return -1;
	for (size_t i = 0; i < text.n; i++)
		n = n * 10 + (text.p[i] - '0');
	return n;
}

struct node_search {
	int number;
	bool found;
};

static void
match_node(void *arg, const struct link_node *node)
{
	struct node_search *search = arg;

	search->found = search->found || node->number == search->number;
}

bool
listing_find_node(struct store *st, struct slice text, struct listing_node *of)
{
	int own = slots_link_number(st->slots);
	struct node_search search = {.number = link_node_find(st, text)};

	/* a name may consist of digits: it counts first */
	if (search.number == -1) {
		search.number = read_node_number(text);
		if (search.number == -1 || link_node_list(st, match_node, &search) == -1 ||
		    (!search.found && search.number != own))
			return false;
	}
	*of = search.number == own ? LISTING_HERE
	                           : (struct listing_node){.is_one = true, .number = search.number};
	return true;
}

/* --- sessions ------------------------------------------------------------------------------- */

/* Give the session those of its values that are on a list. */
static int
add_values(struct store *st, struct listing_session *s, struct slice names, struct buf *data)
{
	buf_clear(data);
	if (session_data_json(st, s->key, names, data) == -1 || data->failed)
		return -1;
	s->data = buf_slice(data);
	return 0;
}

int
listing_sessions(struct store *st, const struct listing_filter *filter,
    void (*each)(void *arg, const struct listing_session *s), void *arg)
{
	static const char sql[] =
	    "SELECT key, state, owner, transport, streaming, address, user, handshake,"
	    " (SELECT json_group_array(ns) FROM subscription"
	    " WHERE subscription.key = session.key AND room IS NULL AND until IS NULL),"
	    " ifnull(home, -1), iif(?8 IS NULL, NULL, coalesce("
	    " (SELECT name FROM link_node WHERE number = ifnull(session.home, ?8)),"
	    " CAST(home AS TEXT), ''))"
	    " FROM session WHERE state IN (0, 1, 3) AND key > ?3 AND" OF_NODE " AND (?4 = 0 OR"
	    " key IN (SELECT key FROM subscription WHERE chan = ?4 AND until IS NULL))"
	    " AND (?5 IS NULL OR user = ?5) AND (?6 = 0 OR key = ?6) ORDER BY key LIMIT ?7";
	sqlite3_stmt *q = listing_prepare(st, sql);
	struct buf data = {.p = NULL};
	int step, result;

	if (q == NULL)
		return -1;
	/* pages by key, not by OFFSET: sessions come and go between two requests */
	bind_node(q, filter->of);
	sqlite3_bind_int64(q, 3, filter->after);
	sqlite3_bind_int64(q, 4, filter->chan);
	if (filter->user.p != NULL)
		sqlite3_bind_text64(
		    q, 5, filter->user.p, filter->user.n, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int64(q, 6, filter->key);
	sqlite3_bind_int(q, 7, filter->limit);
	if (filter->names_nodes)
		sqlite3_bind_int(q, 8, slots_link_number(st->slots));
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
		    .home = sqlite3_column_int(q, 9),
		    .node = statement_column(q, 10),
		};

		if (filter->data.p != NULL && add_values(st, &s, filter->data, &data) == -1)
			break;
		each(arg, &s);
	}
	result = listing_finish(st, q, step);
	buf_free(&data);
	return result;
}

int64_t
listing_issued(const struct listing_session *s)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;
	char digits[24];

	/* not a column of its own: only listings ask for it */
	if (json_parse(&all, s->handshake) == -1 || all.kind != JSON_KIND_OBJECT)
		return 0;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value)) {
		/* a number, as we wrote it; strtoll() needs a NUL after it */
		if (!json_string_is(key, "issued") || value.text.n >= sizeof(digits))
			continue;
		memcpy(digits, value.text.p, value.text.n);
		digits[value.text.n] = '\0';
		return strtoll(digits, NULL, 10);
	}
	return 0;
}

int64_t
listing_age(const struct listing_session *s, int64_t now_ms)
{
	int64_t issued = listing_issued(s);

	if (issued == 0)
		return -1;
	/* the clock of another node may be ahead of ours */
	return issued > now_ms ? 0 : (now_ms - issued) / 1000;
}

struct slice
listing_transport(const struct listing_session *s)
{
	const char *name =
	    s->state == STORE_NEW ? NULL : route_transport_name((enum transport_id)s->transport);

	return name == NULL ? SLICE("-") : slice_of(name);
}

/* --- rooms ---------------------------------------------------------------------------------- */

int
listing_rooms(struct store *st, const struct listing_room_filter *filter,
    void (*each)(void *arg, struct slice ns, struct slice room, int64_t sessions), void *arg)
{
	sqlite3_stmt *q = listing_prepare(st,
	    "SELECT ns, room, count(*) FROM subscription WHERE until IS NULL AND" OF_NODE
	    " AND (?3 IS NULL OR ns = ?3) AND (?4 = 0 OR chan IN"
	    " (SELECT chan FROM subscription WHERE key = ?4 AND until IS NULL))"
	    " GROUP BY ns, room ORDER BY ns, room");
	int step;

	if (q == NULL)
		return -1;
	bind_node(q, filter->of);
	if (filter->ns.p != NULL)
		sqlite3_bind_text64(q, 3, filter->ns.p, filter->ns.n, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int64(q, 4, filter->key);
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, statement_column(q, 0), statement_column(q, 1),
		    sqlite3_column_int64(q, 2));
	return listing_finish(st, q, step);
}

int
listing_namespaces(struct store *st, struct listing_node of,
    void (*each)(void *arg, struct slice ns, int transport, int64_t sessions), void *arg)
{
	sqlite3_stmt *q = listing_prepare(st,
	    "SELECT u.ns, s.transport, count(*) AS n"
	    " FROM subscription AS u JOIN session AS s USING(key)"
	    " WHERE u.room IS NULL AND u.until IS NULL AND s.state IN (1, 3) AND" OF_NODE
	    " GROUP BY u.ns, s.transport ORDER BY n DESC, u.ns, s.transport");
	int step;

	if (q == NULL)
		return -1;
	bind_node(q, of);
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, statement_column(q, 0), sqlite3_column_int(q, 1),
		    sqlite3_column_int64(q, 2));
	return listing_finish(st, q, step);
}

/* --- users ---------------------------------------------------------------------------------- */

int
listing_users(struct store *st, struct listing_node of, struct slice after, int limit,
    void (*each)(void *arg, struct slice user, int64_t sessions), void *arg)
{
	sqlite3_stmt *q = listing_prepare(st,
	    "SELECT user, count(*) FROM session WHERE user IS NOT NULL AND state IN (1, 3) "
	    "AND" OF_NODE " AND (?3 IS NULL OR user > ?3) GROUP BY user ORDER BY user LIMIT ?4");
	int step;

	if (q == NULL)
		return -1;
	bind_node(q, of);
	if (after.p != NULL)
		sqlite3_bind_text64(q, 3, after.p, after.n, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int(q, 4, limit);
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, statement_column(q, 0), sqlite3_column_int64(q, 1));
	return listing_finish(st, q, step);
}

/* --- totals --------------------------------------------------------------------------------- */

int
listing_homes(struct store *st, void (*each)(void *arg, int node, int64_t sessions), void *arg)
{
	sqlite3_stmt *q = listing_prepare(st,
	    "SELECT home, count(*) FROM session WHERE home IS NOT NULL AND state = 3"
	    " GROUP BY home");
	int step;

	if (q == NULL)
		return -1;
	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, sqlite3_column_int(q, 0), sqlite3_column_int64(q, 1));
	return listing_finish(st, q, step);
}

static int
count_by_transport(struct store *st, struct listing_node of, struct listing_totals *t)
{
	sqlite3_stmt *q =
	    listing_prepare(st, "SELECT state, transport, count(*) FROM session WHERE" OF_NODE
				" GROUP BY state, transport");
	int step;

	if (q == NULL)
		return -1;
	bind_node(q, of);
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		int transport = sqlite3_column_int(q, 1);
		int64_t n = sqlite3_column_int64(q, 2);

		switch ((enum session_row_state)sqlite3_column_int(q, 0)) {
		case STORE_NEW:
			t->fresh += n;
			break;
		case STORE_OPEN:
		case STORE_REMOTE:
			if (transport >= 0 && transport < TRANSPORT_COUNT)
				t->by_transport[transport] += n;
			break;
		case STORE_ENDED:
		case STORE_MOVED:
			t->ended += n;
			break;
		case STORE_REMOTE_NOTE:
			break;
		}
	}
	return listing_finish(st, q, step);
}

int
listing_totals(struct store *st, struct listing_node of, struct listing_totals *t)
{
	*t = (struct listing_totals){.fresh = 0};
	if (count_by_transport(st, of, t) == -1)
		return -1;
	t->rooms = listing_number(st,
	    "SELECT count(DISTINCT chan) FROM subscription WHERE room IS NOT NULL"
	    " AND until IS NULL AND" OF_NODE,
	    of);
	t->memberships = listing_number(st,
	    "SELECT count(*) FROM subscription WHERE room IS NOT NULL AND until IS NULL"
	    " AND" OF_NODE,
	    of);
	t->values = listing_number(st, "SELECT count(*) FROM data WHERE" OF_NODE, of);
	t->answers_awaited = listing_number(st, "SELECT count(*) FROM ack WHERE" OF_NODE, of);
	/* without the row that the log was created with, or the newest, which is never trimmed */
	t->messages = listing_number(st, "SELECT max(id) - min(id) FROM message", of);
	t->appended = listing_number(st, "SELECT max(id) - 1 FROM message", of);
	t->bytes = listing_number(st,
	    "SELECT (page_count - freelist_count) * page_size FROM"
	    " pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
	    of);
	return t->rooms < 0 || t->memberships < 0 || t->values < 0 || t->answers_awaited < 0 ||
	               t->messages < 0 || t->appended < 0 || t->bytes < 0
	           ? -1
	           : 0;
}

int64_t
listing_count_users(struct store *st)
{
	return listing_number(st,
	    "SELECT count(DISTINCT user) FROM session WHERE user IS NOT NULL AND state IN (1, 3)",
	    LISTING_EVERYWHERE);
}

int64_t
listing_dead(struct store *st)
{
	return listing_number(st, "SELECT count(*) FROM hook_dead", LISTING_EVERYWHERE);
}

int64_t
listing_end_requests(struct store *st)
{
	return listing_number(st, "SELECT count(*) FROM end_request", LISTING_EVERYWHERE);
}

/* --- faults --------------------------------------------------------------------------------- */

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
