/* Sessions, their rooms, their values, and the answers they owe. */
#include "shared/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "shared/store/internal.h"

/* After the commit wake every other process. */
static void
wake_all(struct store *st)
{
	for (int i = 0; i < slots_high(st->slots); i++)
		store_wake_slot(st, i);
}

enum store_result
store_session_create(struct store *st, int64_t key, struct slice sid, int64_t deadline,
    struct slice address, struct slice handshake)
{
	sqlite3_stmt *q =
	    store_bind(st, Q_SESSION_CREATE, "lslss", key, sid, deadline, address, handshake);
	int result = sqlite3_step(q);

	if (result == SQLITE_CONSTRAINT) {
		sqlite3_reset(q);
		return STORE_TAKEN;
	}
	if (result != SQLITE_DONE) {
		store_fail(st, "new session");
	} else {
		if (slots_sessions(st->slots) == 0)
			wake_all(st); /* from now on one of them looks for actions often */
		slots_add_session(st->slots);
	}
	sqlite3_reset(q);
	return result == SQLITE_DONE ? STORE_OK : STORE_FAILED;
}

enum store_result
store_session_load(struct store *st, int64_t key, struct store_session *out)
{
	sqlite3_stmt *q = store_bind(st, Q_SESSION_LOAD, "l", key);
	int step = sqlite3_step(q);
	struct slice sid;
	enum store_result result = STORE_NOT_FOUND;

	if (step == SQLITE_ROW) {
		sid = store_column(q, 0);
		if (sid.n >= sizeof(out->sid))
			sid.n = sizeof(out->sid) - 1;
		*out = (struct store_session){
		    .key = key,
		    .state = (enum store_state)sqlite3_column_int(q, 1),
		    .owner = sqlite3_column_int(q, 2),
		    .gen = sqlite3_column_int64(q, 3),
		    .cursor = sqlite3_column_int64(q, 4),
		    .inflight = sqlite3_column_int64(q, 5),
		    .deadline = sqlite3_column_int64(q, 6),
		    .transport = sqlite3_column_int(q, 7),
		    .streaming = sqlite3_column_int(q, 8) != 0,
		    .spoke = sqlite3_column_int(q, 9) != 0,
		};
		memcpy(out->sid, sid.p, sid.n);
		result = STORE_OK;
	} else if (step != SQLITE_DONE) {
		store_fail(st, "session");
		result = STORE_FAILED;
	}
	sqlite3_reset(q);
	return result;
}

int
store_session_save(struct store *st, const struct store_session *s)
{
	return store_run(st, store_bind(st, Q_SESSION_SAVE, "liilllliii", s->key, (int)s->state,
				 s->owner, s->gen, s->cursor, s->inflight, s->deadline,
				 s->transport, (int)s->streaming, (int)s->spoke));
}

enum store_result
store_session_reserve(
    struct store *st, int64_t key, int64_t gen, int64_t inflight, int64_t deadline)
{
	if (store_run(
		st, store_bind(st, Q_SESSION_RESERVE, "llll", key, gen, inflight, deadline)) == -1)
		return STORE_FAILED;
	return sqlite3_changes(st->db) == 1 ? STORE_OK : STORE_NOT_FOUND;
}

int
store_session_unreserve(struct store *st, int64_t key, int64_t gen)
{
	return store_run(st, store_bind(st, Q_SESSION_UNRESERVE, "ll", key, gen));
}

int
store_session_set_spoke(struct store *st, int64_t key)
{
	return store_run(st, store_bind(st, Q_SESSION_SPOKE, "l", key));
}

int64_t
store_session_count_bad(struct store *st, int64_t key)
{
	sqlite3_stmt *q = store_bind(st, Q_SESSION_BAD, "l", key);
	int64_t n;

	if (sqlite3_step(q) != SQLITE_ROW) {
		store_fail(st, "counting bad packets");
		sqlite3_reset(q);
		return -1;
	}
	n = sqlite3_column_int64(q, 0);
	return store_run(st, q) == -1 ? -1 : n;
}

int
store_session_end(struct store *st, int64_t key, int64_t deadline)
{
	static const enum query parts[] = {
	    Q_HOOK_PAST, Q_SUBS_DELETE, Q_DATA_DELETE, Q_ACK_DELETE, Q_HOOK_ADMISSION_DELETE};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (store_run(st, store_bind(st, parts[i], "l", key)) == -1)
			return -1;
	if (deadline == 0)
		return store_run(st, store_bind(st, Q_SESSION_DELETE, "l", key));
	return store_run(st, store_bind(st, Q_SESSION_TOMBSTONE, "ll", key, deadline));
}

char *
store_session_handshake(struct store *st, int64_t key)
{
	return store_text(st, store_bind(st, Q_SESSION_HANDSHAKE, "l", key));
}

int64_t
store_session_count(struct store *st, struct slice address)
{
	sqlite3_stmt *q = store_bind(st, Q_SESSION_COUNT, "s", address);
	int64_t n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0)
	                                          : store_fail(st, "counting sessions");

	sqlite3_reset(q);
	return n;
}

int
store_session_set_user(struct store *st, int64_t key, struct slice user)
{
	return store_run(st, store_bind(st, Q_SESSION_SET_USER, "ls", key, user));
}

char *
store_session_user(struct store *st, int64_t key)
{
	return store_text(st, store_bind(st, Q_SESSION_USER, "l", key));
}

/* --- rooms ---------------------------------------------------------------------------------- */

int
store_sub_add(struct store *st, int64_t key, const struct store_sub *sub)
{
	return store_run(st, store_bind(st, Q_SUB_ADD, "lllsss", key, sub->chan, sub->since,
				 sub->ns, sub->room, sub->endpoint));
}

int
store_sub_end(struct store *st, int64_t key, int64_t chan, int64_t until)
{
	if (until < 0)
		return store_run(st, store_bind(st, Q_SUB_FORGET, "ll", key, chan));
	return store_run(st, store_bind(st, Q_SUB_END, "lll", key, chan, until));
}

int
store_sub_end_namespace(struct store *st, int64_t key, struct slice ns, int64_t until)
{
	if (until < 0)
		return store_run(st, store_bind(st, Q_SUB_FORGET_NS, "ls", key, ns));
	return store_run(st, store_bind(st, Q_SUB_END_NS, "lsl", key, ns, until));
}

int
store_subs(struct store *st, int64_t key, store_each_sub *each, void *arg)
{
	sqlite3_stmt *q = store_bind(st, Q_SUBS, "l", key);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct store_sub sub = {
		    .chan = sqlite3_column_int64(q, 0),
		    .since = sqlite3_column_int64(q, 1),
		    .until = sqlite3_column_type(q, 2) == SQLITE_NULL ? INT64_MAX
		                                                      : sqlite3_column_int64(q, 2),
		    .ns = store_column(q, 3),
		    .room = store_column(q, 4),
		    .endpoint = store_column(q, 5),
		};

		each(arg, &sub);
	}
	if (step != SQLITE_DONE)
		store_fail(st, "rooms of a session");
	sqlite3_reset(q);
	return step == SQLITE_DONE ? 0 : -1;
}

/* Call `each` with the first column of every row; return their number, or -1. */
static int
read_keys(struct store *st, sqlite3_stmt *q, void (*each)(void *arg, int64_t key), void *arg)
{
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0));
		n++;
	}
	if (step != SQLITE_DONE)
		store_fail(st, sqlite3_sql(q));
	sqlite3_reset(q);
	return step == SQLITE_DONE ? n : -1;
}

int
store_members(struct store *st, int64_t chan, void (*each)(void *arg, int64_t key), void *arg)
{
	return read_keys(st, store_bind(st, Q_MEMBERS, "l", chan), each, arg);
}

int
store_user_sessions(struct store *st, struct slice user, int64_t chan,
    void (*each)(void *arg, int64_t key), void *arg)
{
	return read_keys(st, store_bind(st, Q_USER_SESSIONS, "sl", user, chan), each, arg);
}

/* --- values and acks ------------------------------------------------------------------------ */

int
store_set(struct store *st, int64_t key, struct slice name, struct slice value)
{
	return store_run(st, store_bind(st, Q_DATA_SET, "lss", key, name, value));
}

int
store_del(struct store *st, int64_t key, struct slice name)
{
	return store_run(st, store_bind(st, Q_DATA_DEL, "ls", key, name));
}

char *
store_get(struct store *st, int64_t key, struct slice name)
{
	return store_text(st, store_bind(st, Q_DATA_GET, "ls", key, name));
}

int
store_data(struct store *st, int64_t key,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	sqlite3_stmt *q = store_bind(st, Q_DATA, "l", key);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, store_column(q, 0), store_column(q, 1));
	if (step != SQLITE_DONE)
		store_fail(st, "values of a session");
	sqlite3_reset(q);
	return step == SQLITE_DONE ? 0 : -1;
}

int
store_ack_expect(struct store *st, int64_t key, struct slice ns, struct slice handler,
    struct slice context, int64_t deadline, int64_t *id)
{
	sqlite3_stmt *q = store_bind(st, Q_ACK_NEXT, "l", key);

	if (sqlite3_step(q) != SQLITE_ROW) {
		store_fail(st, "next ack id");
		sqlite3_reset(q);
		return -1;
	}
	*id = sqlite3_column_int64(q, 0);
	if (store_run(st, q) == -1)
		return -1;
	return store_run(
	    st, store_bind(st, Q_ACK_EXPECT, "llsssl", key, *id, ns, handler, context, deadline));
}

enum store_result
store_ack_take(struct store *st, int64_t key, int64_t id, struct store_ack *ack)
{
	sqlite3_stmt *q = store_bind(st, Q_ACK_TAKE, "ll", key, id);
	int step = sqlite3_step(q);
	struct slice context;

	if (step != SQLITE_ROW) {
		if (step != SQLITE_DONE)
			store_fail(st, "ack");
		sqlite3_reset(q);
		return step == SQLITE_DONE ? STORE_NOT_FOUND : STORE_FAILED;
	}
	context = store_column(q, 2);
	*ack = (struct store_ack){
	    .ns = strndup(store_column(q, 0).p, store_column(q, 0).n),
	    .handler = strndup(store_column(q, 1).p, store_column(q, 1).n),
	    .context = context.p == NULL ? NULL : strndup(context.p, context.n),
	};
	if (store_run(st, q) == -1 || ack->ns == NULL || ack->handler == NULL) {
		store_ack_free(ack);
		return STORE_FAILED;
	}
	return STORE_OK;
}

void
store_ack_free(struct store_ack *ack)
{
	free(ack->ns);
	free(ack->handler);
	free(ack->context);
	*ack = (struct store_ack){NULL, NULL, NULL};
}

int
store_acks_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, int64_t id), void *arg)
{
	sqlite3_stmt *q = store_bind(st, Q_ACKS_DUE, "li", now_ms, max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1));
		n++;
	}
	if (step != SQLITE_DONE)
		store_fail(st, "overdue answers");
	sqlite3_reset(q);
	return step == SQLITE_DONE ? n : -1;
}

/* --- ends that are asked for ---------------------------------------------------------------- */

int
store_ask(struct store *st, int64_t key, struct slice ns, const char *reason)
{
	st->asks = true;
	wake_all(st); /* one of them keeps house */
	return store_run(st, store_bind(st, Q_ASK, "lsz", key, ns, reason));
}

int
store_asked(struct store *st, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, struct slice reason), void *arg)
{
	sqlite3_stmt *q = store_bind(st, Q_ASKED, "i", max);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), store_column(q, 1), store_column(q, 2));
		n++;
	}
	if (step != SQLITE_DONE)
		store_fail(st, "ends asked for");
	sqlite3_reset(q);
	return step == SQLITE_DONE ? n : -1;
}

int
store_asked_done(struct store *st, int64_t key, struct slice ns)
{
	return store_run(st, store_bind(st, Q_ASKED_DELETE, "ls", key, ns));
}

int
store_behind(struct store *st, int64_t floor, void (*each)(void *arg, int64_t key), void *arg)
{
	return read_keys(st, store_bind(st, Q_BEHIND, "l", floor), each, arg) == -1 ? -1 : 0;
}

int
store_expired(struct store *st, int64_t now_ms, void (*each)(void *arg, int64_t key), void *arg)
{
	int owners[SLOTS_MAX], n = 0;
	sqlite3_stmt *q = st->q[Q_OWNERS];

	while (sqlite3_step(q) == SQLITE_ROW && n < SLOTS_MAX)
		owners[n++] = sqlite3_column_int(q, 0);
	sqlite3_reset(q);
	for (int i = 0; i < n; i++) {
		if (slots_alive(st->slots, owners[i]))
			continue;
		if (read_keys(st, store_bind(st, Q_ORPHANS, "i", owners[i]), each, arg) == -1 ||
		    store_run(st, store_bind(st, Q_SET_FREE, "i", owners[i])) == -1)
			return -1;
	}
	return read_keys(st, store_bind(st, Q_EXPIRED, "l", now_ms), each, arg) == -1 ? -1 : 0;
}
