#include "shared/store/session_row.h"

#include <string.h>

#include "shared/base/address.h"
#include "shared/store/internal.h"
#include "shared/store/timer_row.h"

enum store_result
session_row_create(struct store *st, int64_t key, struct slice sid, int64_t deadline,
    struct slice address, struct slice handshake)
{
	struct address a;
	int64_t network = address_parse(&a, address) ? address_network(&a) : 0;
	sqlite3_stmt *q = statement_bind(
	    st, Q_SESSION_CREATE, "lslssl", key, sid, deadline, address, handshake, network);
	int step = sqlite3_step(q);

	if (step == SQLITE_CONSTRAINT) {
		sqlite3_reset(q);
		return STORE_TAKEN;
	}
	if (statement_finish(st, q, step) == -1)
		return STORE_FAILED;
	/* the first session: the leader of the action queue must look at it often from now on */
	if (slots_sessions(st->slots) == 0)
		store_wake_all(st);
	slots_add_session(st->slots);
	return STORE_OK;
}

enum store_result
session_row_load(struct store *st, int64_t key, struct session_row *out)
{
	sqlite3_stmt *q = statement_bind(st, Q_SESSION_LOAD, "l", key);
	int step = sqlite3_step(q);
	struct slice sid;
	enum store_result result = STORE_NOT_FOUND;

	if (step == SQLITE_ROW) {
		sid = statement_column(q, 0);
		/* *out is zeroed below, so a NUL follows */
		if (sid.n >= sizeof(out->sid))
			sid.n = sizeof(out->sid) - 1;
		*out = (struct session_row){
		    .key = key,
		    .state = (enum session_row_state)sqlite3_column_int(q, 1),
		    .owner = sqlite3_column_int(q, 2),
		    .gen = sqlite3_column_int64(q, 3),
		    .cursor = sqlite3_column_int64(q, 4),
		    .inflight = sqlite3_column_int64(q, 5),
		    .last = sqlite3_column_int64(q, 6),
		    .deadline = sqlite3_column_int64(q, 7),
		    .transport = sqlite3_column_int(q, 8),
		    .streaming = sqlite3_column_int(q, 9) != 0,
		    .spoke = sqlite3_column_int(q, 10) != 0,
		    .home = sqlite3_column_int(q, 11),
		    .request = sqlite3_column_int64(q, 12),
		    .has_rooms = sqlite3_column_int(q, 13) != 0,
		    .has_user = sqlite3_column_int(q, 14) != 0,
		};
		memcpy(out->sid, sid.p, sid.n);
		result = STORE_OK;
	} else if (step != SQLITE_DONE) {
		statement_fail(st, "loading a session");
		result = STORE_FAILED;
	}
	sqlite3_reset(q);
	return result;
}

int
session_row_save(struct store *st, const struct session_row *s)
{
	return statement_exec(st, Q_SESSION_SAVE, "liilllliiil", s->key, (int)s->state, s->owner,
	    s->gen, s->cursor, s->inflight, s->deadline, s->transport, (int)s->streaming,
	    (int)s->spoke, s->request);
}

enum store_result
session_row_reserve(struct store *st, int64_t key, int64_t gen, int64_t inflight, int64_t deadline)
{
	if (statement_exec(st, Q_SESSION_RESERVE, "llll", key, gen, inflight, deadline) == -1)
		return STORE_FAILED;
	return sqlite3_changes(st->db) == 1 ? STORE_OK : STORE_NOT_FOUND;
}

int
session_row_advance(struct store *st, int64_t key, int64_t gen, int64_t cursor)
{
	return statement_exec(st, Q_SESSION_ADVANCE, "lll", key, gen, cursor);
}

int
session_row_unreserve(struct store *st, int64_t key, int64_t gen)
{
	return statement_exec(st, Q_SESSION_UNRESERVE, "ll", key, gen);
}

int
session_row_set_spoke(struct store *st, int64_t key)
{
	return statement_exec(st, Q_SESSION_SPOKE, "l", key);
}

int64_t
session_row_count_bad(struct store *st, int64_t key)
{
	sqlite3_stmt *q = statement_bind(st, Q_SESSION_BAD, "l", key);
	int64_t n;

	if (sqlite3_step(q) != SQLITE_ROW) {
		statement_fail(st, "counting bad packets");
		sqlite3_reset(q);
		return -1;
	}
	n = sqlite3_column_int64(q, 0);
	return statement_run(st, q) == -1 ? -1 : n;
}

/* All that hangs on a session but its subscriptions. */
static int
delete_belongings(struct store *st, int64_t key)
{
	/* Q_HOOK_KEEP_ENDED first: it copies the user from the session's row */
	static const enum query parts[] = {
	    Q_HOOK_KEEP_ENDED,
	    Q_DATA_DELETE_ALL,
	    Q_ACK_DELETE_ALL,
	    Q_HOOK_DELETE_DEFERRED,
	    Q_EARLY_DELETE_ALL,
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (statement_exec(st, parts[i], "l", key) == -1)
			return -1;
	return timer_row_drop_all(st, key);
}

int
session_row_delete(struct store *st, int64_t key)
{
	/* a response on its way finds no row to reserve */
	if (delete_belongings(st, key) == -1 ||
	    statement_exec(st, Q_SUBSCRIPTION_DELETE_ALL, "l", key) == -1)
		return -1;
	return statement_exec(st, Q_SESSION_DELETE, "l", key);
}

int
session_row_end(struct store *st, const struct session_row *s)
{
	int ended = s->last == 0
	                ? statement_exec(st, Q_SUBSCRIPTION_DELETE_ALL, "l", s->key)
	                : statement_exec(st, Q_SUBSCRIPTION_END_ALL, "ll", s->key, s->last);

	if (ended == -1 || delete_belongings(st, s->key) == -1)
		return -1;
	return statement_exec(st, Q_SESSION_END, "llllllii", s->key, s->gen, s->cursor, s->inflight,
	    s->last, s->deadline, (int)s->streaming, (int)s->state);
}

char *
session_row_handshake(struct store *st, int64_t key)
{
	return statement_text(st, statement_bind(st, Q_SESSION_HANDSHAKE, "l", key));
}

char *
session_row_address(struct store *st, int64_t key)
{
	return statement_text(st, statement_bind(st, Q_SESSION_ADDRESS, "l", key));
}

int64_t
session_row_count(struct store *st, int64_t network, int64_t most)
{
	sqlite3_stmt *q = statement_bind(st, Q_SESSION_COUNT, "ll", network, most);
	int64_t n;

	return statement_number(st, q, 0, &n) == -1 ? -1 : n;
}

int
session_row_grant(struct store *st, int64_t key, int64_t expires, struct slice rooms)
{
	return statement_exec(st, Q_SESSION_GRANT, "lls", key, expires, rooms);
}

int64_t
session_row_expires(struct store *st, int64_t key)
{
	sqlite3_stmt *q = statement_bind(st, Q_SESSION_EXPIRES, "l", key);
	int64_t expires;

	return statement_number(st, q, INT64_MAX, &expires) == -1 ? INT64_MIN : expires;
}

char *
session_row_rooms(struct store *st, int64_t key)
{
	return statement_text(st, statement_bind(st, Q_SESSION_ROOMS, "l", key));
}

int
session_row_set_user(struct store *st, int64_t key, struct slice user)
{
	return statement_exec(st, Q_SESSION_SET_USER, "ls", key, user);
}

char *
session_row_user(struct store *st, int64_t key)
{
	return statement_text(st, statement_bind(st, Q_SESSION_USER, "l", key));
}
