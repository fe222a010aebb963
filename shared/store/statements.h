/* statements: the SQL of every prepared statement, once, beside its name; grouped by the file that
 * runs them.  Included by statement.h for the names and by statement.c for the texts, so it has no
 * guard; the includer defines X(name, sql).
 *
 * The binding letters of a statement (statement_bind) are at its caller. */
/* clang-format off */

/* --- store.c --- */
X(Q_DISOWN,
    "UPDATE session SET owner = -1, deadline = iif(streaming, 0, deadline) WHERE owner = ?1")
X(Q_PROBE, "INSERT OR REPLACE INTO meta VALUES('probe', ?1)")
X(Q_BEGIN, "BEGIN IMMEDIATE")
X(Q_ROLLBACK, "ROLLBACK")
X(Q_COMMIT, "COMMIT")

/* --- message_log.c --- */
X(Q_MESSAGE_APPEND,
    "INSERT INTO message(chan, flags, except_key, except_more, ts, total, payload)"
    " VALUES(?1, ?2, ?3, ?4, ?5,"
    " (SELECT total FROM message ORDER BY id DESC LIMIT 1) + ?7, ?6)")
X(Q_MESSAGE_HEAD, "SELECT max(id) FROM message")
X(Q_MESSAGE_FIRST, "SELECT min(id) FROM message")
X(Q_MESSAGE_SPAN,
    "SELECT a.id, b.id, b.total - a.total"
    " FROM (SELECT id, total FROM message ORDER BY id LIMIT 1) AS a,"
    " (SELECT id, total FROM message ORDER BY id DESC LIMIT 1) AS b")
X(Q_MESSAGE_READ,
    "SELECT id, chan, flags, except_key, except_more, payload FROM message"
    " WHERE id > ?1 ORDER BY id")
X(Q_MESSAGE_READ_FOR,
    "SELECT id, chan, flags, except_key, except_more, payload FROM message"
    " WHERE id > ?2 AND id <= ?3 AND (chan = ?1 OR chan IN"
    " (SELECT chan FROM subscription WHERE key = ?1)) ORDER BY id")

/* --- session_row.c --- */
X(Q_SESSION_CREATE,
    "INSERT INTO session(key, sid, state, owner, gen, cursor, inflight, deadline, transport,"
    " streaming, spoke, bad, ack_seq, acks, data_bytes, address, handshake, network)"
    " VALUES(?1, ?2, 0, -1, 0, 0, NULL, ?3, 0, 0, 0, 0, 0, 0, 0, ?4, ?5, nullif(?6, 0))")
X(Q_SESSION_LOAD,
    "SELECT sid, state, owner, gen, cursor, ifnull(inflight, -1), ifnull(last, 0), deadline,"
    " transport, streaming, spoke, ifnull(home, -1), ifnull(request, 0), rooms IS NOT NULL,"
    " user IS NOT NULL"
    " FROM session WHERE key = ?1")
X(Q_SESSION_SAVE,
    "UPDATE session SET state = ?2, owner = ?3, gen = ?4, cursor = ?5, inflight = nullif(?6, -1),"
    " deadline = ?7, transport = ?8, streaming = ?9, spoke = ?10, request = nullif(?11, 0)"
    " WHERE key = ?1")
X(Q_SESSION_RESERVE,
    "UPDATE session SET inflight = ?3, owner = -1, deadline = iif(state IN (2, 5), deadline, ?4)"
    " WHERE key = ?1 AND gen = ?2")
X(Q_SESSION_ADVANCE, "UPDATE session SET cursor = ?3 WHERE key = ?1 AND gen = ?2")
X(Q_SESSION_UNRESERVE, "UPDATE session SET inflight = NULL WHERE key = ?1 AND gen = ?2")
X(Q_SESSION_SPOKE, "UPDATE session SET spoke = 1 WHERE key = ?1")
X(Q_SESSION_BAD, "UPDATE session SET bad = bad + 1 WHERE key = ?1 RETURNING bad")
X(Q_SESSION_HANDSHAKE, "SELECT handshake FROM session WHERE key = ?1")
X(Q_SESSION_ADDRESS, "SELECT address FROM session WHERE key = ?1")
X(Q_SESSION_COUNT,
    "SELECT count(*) FROM (SELECT 1 FROM session WHERE network = ?1 LIMIT ?2)")
X(Q_SESSION_SET_USER, "UPDATE session SET user = ?2 WHERE key = ?1")
X(Q_SESSION_USER, "SELECT user FROM session WHERE key = ?1")
X(Q_SESSION_GRANT,
    "UPDATE session SET expires = nullif(?2, 9223372036854775807), rooms = ?3 WHERE key = ?1")
X(Q_SESSION_EXPIRES,
    "SELECT ifnull(expires, 9223372036854775807) FROM session WHERE key = ?1")
X(Q_SESSION_ROOMS, "SELECT rooms FROM session WHERE key = ?1")
/* session_row_delete() and session_row_end() run these, five for both and timer_row_drop_all(), then
 * two of each. */
X(Q_HOOK_KEEP_ENDED,
    "INSERT OR IGNORE INTO hook_ended(key, user) SELECT key, user FROM session"
    " WHERE key = ?1 AND EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)")
X(Q_DATA_DELETE_ALL,
    "DELETE FROM data WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)")
X(Q_ACK_DELETE_ALL, "DELETE FROM ack WHERE key = ?1")
X(Q_HOOK_DELETE_DEFERRED, "DELETE FROM hook_deferred WHERE key = ?1")
X(Q_EARLY_DELETE_ALL, "DELETE FROM early_packet WHERE key = ?1")
X(Q_SUBSCRIPTION_DELETE_ALL, "DELETE FROM subscription WHERE key = ?1")
X(Q_SESSION_DELETE, "DELETE FROM session WHERE key = ?1")
X(Q_SUBSCRIPTION_END_ALL,
    "UPDATE subscription SET until = ?2 WHERE key = ?1 AND until IS NULL")
X(Q_SESSION_END,
    "UPDATE session SET state = ?8, owner = -1, gen = ?2, cursor = ?3, inflight = nullif(?4, -1),"
    " last = nullif(?5, 0), deadline = ?6, streaming = ?7, network = NULL WHERE key = ?1")

/* --- subscription.c --- */
X(Q_SUBSCRIPTION_ADD,
    "INSERT OR REPLACE INTO subscription(key, chan, since, until, ns, room, endpoint)"
    " VALUES(?1, ?2, ?3, NULL, ?4, ?5, ?6)")
X(Q_SUBSCRIPTION_DELETE, "DELETE FROM subscription WHERE key = ?1 AND chan = ?2")
X(Q_SUBSCRIPTION_FORGET, "DELETE FROM subscription WHERE key = ?1 AND chan = ?2 AND since = ?3")
X(Q_SUBSCRIPTION_END,
    "UPDATE subscription SET until = ?3 WHERE key = ?1 AND chan = ?2 AND until IS NULL")
X(Q_SUBSCRIPTION_DELETE_NS, "DELETE FROM subscription WHERE key = ?1 AND ns = ?2")
X(Q_SUBSCRIPTION_END_NS,
    "UPDATE subscription SET until = ?3 WHERE key = ?1 AND ns = ?2 AND until IS NULL")
X(Q_SUBSCRIPTION_LIST,
    "SELECT chan, since, until, ns, room, endpoint FROM subscription WHERE key = ?1")
X(Q_SUBSCRIPTION_MEMBERS, "SELECT key FROM subscription WHERE chan = ?1 AND until IS NULL")
X(Q_SUBSCRIPTION_ANY,
    "SELECT EXISTS(SELECT 1 FROM subscription WHERE chan = ?1 AND until IS NULL)")
X(Q_SUBSCRIPTION_USER_SESSIONS,
    "SELECT session.key FROM session JOIN subscription AS s ON s.key = session.key"
    " WHERE session.user = ?1 AND s.chan = ?2 AND s.until IS NULL")

/* --- user_row.c --- */
X(Q_USER_CONNECTED,
    "SELECT session.key FROM session CROSS JOIN subscription AS s ON s.key = session.key"
    " WHERE session.user = ?1 AND session.key <> ?2 AND (?4 = 0 OR session.home IS NULL)"
    " AND s.chan = ?3 AND s.until IS NULL LIMIT 1")
X(Q_USER_MEMBER,
    "SELECT EXISTS(SELECT 1 FROM subscription WHERE key = ?1 AND chan = ?2 AND until IS NULL)")
X(Q_USER_NOTE, "INSERT INTO user_change(key, user, arrives) VALUES(?1, ?2, ?3)")
X(Q_USER_NOTED, "SELECT id, key, user, arrives FROM user_change ORDER BY id LIMIT ?1")
X(Q_USER_TOLD, "DELETE FROM user_change WHERE id <= ?1")

/* --- mailbox.c --- */
X(Q_MAILBOX_ADD,
    "INSERT OR IGNORE INTO mailbox(uid, user, ns, until, bytes, packet, shared) VALUES("
    "ifnull(nullif(?1, 0), random() & 9223372036854775807), ?2, ?3, ?4, ?5, ?6, ?7)"
    " RETURNING uid")
X(Q_MAILBOX_NEXT,
    "SELECT id, uid, user, ns, until, packet FROM mailbox WHERE id > ?1 ORDER BY id LIMIT 1")
X(Q_MAILBOX_SHARED, "UPDATE mailbox SET shared = 1 WHERE id = ?1 AND shared = 0")
X(Q_MAILBOX_DROP_SHARED, "DELETE FROM mailbox WHERE shared = 1")
X(Q_MAILBOX_TRIM_USER,
    "DELETE FROM mailbox WHERE id IN (SELECT id FROM (SELECT id, count(*) OVER newer AS n,"
    " sum(bytes) OVER newer AS bytes FROM mailbox WHERE user = ?1"
    " WINDOW newer AS (ORDER BY id DESC)) WHERE n > ?2 OR bytes > ?3)")
X(Q_MAILBOX_TRIM_ONE,
    "DELETE FROM mailbox WHERE id = (SELECT min(id) FROM mailbox WHERE user = ?1)")
X(Q_MAILBOX_HAS, "SELECT EXISTS(SELECT 1 FROM mailbox WHERE uid = ?1)")
X(Q_MAILBOX_LIST,
    "SELECT m.uid, m.packet FROM session CROSS JOIN mailbox AS m ON m.user = session.user"
    " WHERE session.key = ?1 AND m.ns = ?2 AND m.until > ?3 ORDER BY m.id")
X(Q_MAILBOX_DELETE,
    "DELETE FROM mailbox WHERE user = (SELECT user FROM session WHERE key = ?1) AND ns = ?2")
X(Q_MAILBOX_REMOVE, "DELETE FROM mailbox WHERE uid = ?1")
X(Q_MAILBOX_OLD, "SELECT EXISTS(SELECT 1 FROM mailbox WHERE until <= ?1)")
X(Q_MAILBOX_EXPIRE,
    "DELETE FROM mailbox WHERE id IN (SELECT id FROM mailbox WHERE until <= ?1 LIMIT ?2)")
X(Q_MAILBOX_TOTAL, "SELECT messages, bytes FROM mailbox_total")
/* --- room_history.c --- */
X(Q_HISTORY_FIND,
    "SELECT ns, room, configured, asked, first, next, bytes FROM history_room WHERE chan = ?1")
X(Q_HISTORY_PUT,
    "INSERT INTO history_room(chan, ns, room, configured, asked, first, next, bytes, used)"
    " VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6) ON CONFLICT(chan) DO UPDATE SET"
    " configured = excluded.configured, asked = max(asked, excluded.asked), used = excluded.used")
X(Q_HISTORY_ADD,
    "INSERT OR REPLACE INTO history_message(chan, seq, except_key, except_more, payload)"
    " VALUES(?1, ?2, ?3, ?4, ?5)")
X(Q_HISTORY_CUT,
    "DELETE FROM history_message WHERE chan = ?1 AND seq = ?2"
    " RETURNING length(payload) + ifnull(length(except_more), 0) + 64")
X(Q_HISTORY_COUNT,
    "UPDATE history_room SET first = ?2, next = ?3, bytes = ?4, used = ?5 WHERE chan = ?1")
X(Q_HISTORY_READ,
    "SELECT except_key, except_more, payload FROM history_message WHERE chan = ?1 AND seq >= ?2"
    " ORDER BY seq")
X(Q_HISTORY_LIST, "SELECT chan, ns, room, configured, asked FROM history_room")
X(Q_HISTORY_CONFIGURE, "UPDATE history_room SET configured = ?2 WHERE chan = ?1")
X(Q_HISTORY_TOTAL, "SELECT rooms, bytes FROM history_total")
X(Q_HISTORY_CLEAR, "DELETE FROM history_message WHERE chan = ?1")
X(Q_HISTORY_DROP, "DELETE FROM history_room WHERE chan = ?1")
X(Q_HISTORY_EMPTY,
    "UPDATE history_room SET first = next, bytes = 0 WHERE chan = ?1")
X(Q_HISTORY_TOUCH,
    "UPDATE history_room SET used = ?1 WHERE chan IN (SELECT r.chan FROM history_room AS r"
    " WHERE r.used < ?2 AND EXISTS(SELECT 1 FROM subscription AS s"
    " WHERE s.chan = r.chan AND s.until IS NULL) LIMIT ?3)")
X(Q_HISTORY_UNUSED,
    "SELECT r.chan FROM history_room AS r WHERE r.used < ?1 AND NOT EXISTS(SELECT 1"
    " FROM subscription AS s WHERE s.chan = r.chan AND s.until IS NULL) ORDER BY r.used LIMIT ?2")
X(Q_HISTORY_OLDEST,
    "SELECT chan, bytes, EXISTS(SELECT 1 FROM subscription AS s WHERE s.chan = r.chan"
    " AND s.until IS NULL) FROM history_room AS r WHERE bytes > 0 ORDER BY used LIMIT ?1")

/* --- session_data.c --- */
/* Count a value of ?3 bytes in the place of the one of this name; no row is changed if there are more
 * than ?4 then, unless they become fewer. */
X(Q_DATA_COUNT,
    "UPDATE session SET data_bytes = data_bytes + change.n FROM (SELECT ?3 - ifnull("
    "(SELECT length(CAST(name AS BLOB)) + length(CAST(value AS BLOB)) + 64"
    " FROM data WHERE key = ?1 AND name = ?2), 0) AS n) AS change"
    " WHERE key = ?1 AND (change.n <= 0 OR data_bytes + change.n <= ?4)")
X(Q_DATA_SET, "INSERT OR REPLACE INTO data(key, name, value) VALUES(?1, ?2, ?3)")
X(Q_DATA_DELETE, "DELETE FROM data WHERE key = ?1 AND name = ?2")
X(Q_DATA_GET, "SELECT value FROM data WHERE key = ?1 AND name = ?2")
X(Q_DATA_LIST, "SELECT name, value FROM data WHERE key = ?1")

/* --- ack_row.c --- */
X(Q_ACK_NEXT_ID,
    "UPDATE session SET ack_seq = ack_seq + 1, acks = acks + 1 WHERE key = ?1 AND acks < ?2"
    " RETURNING ack_seq")
X(Q_ACK_ADD,
    "INSERT INTO ack(key, id, ns, handler, context, deadline)"
    " VALUES(?1, ?2, ?3, ?4, ?5, nullif(?6, 0))")
X(Q_ACK_TAKE, "DELETE FROM ack WHERE key = ?1 AND id = ?2 RETURNING ns, handler, context")
X(Q_ACK_TAKEN, "UPDATE session SET acks = acks - 1 WHERE key = ?1")
X(Q_ACK_LIST_DUE, "SELECT key, id FROM ack WHERE deadline <= ?1 LIMIT ?2")

/* --- timer_row.c --- */
X(Q_TIMER_SET,
    "INSERT OR REPLACE INTO timer(key, ns, name, context, due) SELECT ?1, ?2, ?3, ?4, ?5"
    " WHERE EXISTS (SELECT 1 FROM timer WHERE key = ?1 AND ns = ?2 AND name = ?3)"
    " OR (SELECT count(*) FROM timer WHERE key = ?1) < ?6")
X(Q_TIMER_DROP, "DELETE FROM timer WHERE key = ?1 AND ns = ?2 AND name = ?3")
X(Q_TIMER_DELETE_ALL, "DELETE FROM timer WHERE key = ?1")
X(Q_TIMER_DROP_NAMESPACE, "DELETE FROM timer WHERE key = ?1 AND ns = ?2")
X(Q_TIMER_TAKE,
    "DELETE FROM timer WHERE key = ?1 AND ns = ?2 AND name = ?3 AND due <= ?4 RETURNING context")
X(Q_TIMER_LIST_DUE,
    "SELECT key, ns, name FROM timer WHERE due <= ?1 ORDER BY due LIMIT ?2")
X(Q_TIMER_NEXT, "SELECT min(due) FROM timer")

/* --- early_packet.c --- */
X(Q_EARLY_ADD,
    "WITH kept AS (SELECT ns, packet FROM early_packet WHERE key = ?1)"
    " INSERT INTO early_packet(key, ns, until, packet) SELECT ?1, ?2, ?3, ?4"
    " WHERE NOT EXISTS (SELECT 1 FROM kept WHERE ns = ?2 AND packet IS NULL)"
    " AND (SELECT count(packet) < ?5 AND total(length(packet)) + length(?4) <= ?6 FROM kept)")
X(Q_EARLY_SHUT, "INSERT INTO early_packet(key, ns, until, packet) VALUES(?1, ?2, ?3, NULL)")
X(Q_EARLY_LIST, "SELECT packet, until FROM early_packet WHERE key = ?1 AND ns = ?2 ORDER BY id")
X(Q_EARLY_DELETE, "DELETE FROM early_packet WHERE key = ?1 AND ns = ?2")
X(Q_EARLY_LIST_DUE,
    "SELECT key, ns, count(*) FROM early_packet WHERE packet IS NOT NULL AND until <= ?1"
    " GROUP BY key, ns LIMIT ?2")
X(Q_EARLY_DELETE_DUE, "DELETE FROM early_packet WHERE packet IS NOT NULL AND until <= ?1")

/* --- end_request.c --- */
X(Q_END_REQUEST_ADD, "INSERT OR IGNORE INTO end_request(key, ns, reason) VALUES(?1, ?2, ?3)")
X(Q_END_REQUEST_LIST, "SELECT key, ns, reason FROM end_request LIMIT ?1")
X(Q_END_REQUEST_DELETE, "DELETE FROM end_request WHERE key = ?1 AND ns = ?2")

/* --- action_queue.c --- */
X(Q_ACTION_NOTE, "INSERT OR REPLACE INTO action_done(one, file, first, last) VALUES(1, ?1, ?2, ?3)")
X(Q_ACTION_NOTED, "SELECT first, last FROM action_done WHERE file = ?1")

/* --- idempotency.c --- */
X(Q_IDEMPOTENCY_FIND, "SELECT answer FROM idempotency WHERE key = ?1 AND until > ?2")
X(Q_IDEMPOTENCY_ADD, "INSERT OR REPLACE INTO idempotency(key, answer, until) VALUES(?1, ?2, ?3)")
X(Q_IDEMPOTENCY_TRIM,
    "DELETE FROM idempotency WHERE id <= max("
    " (SELECT max(id) FROM idempotency) - ?1, ifnull("
    " (SELECT id FROM idempotency WHERE until > ?2 ORDER BY id LIMIT 1), 0) - 1)")

/* --- status_login.c --- */
X(Q_STATUS_LOGIN_FIND, "SELECT value FROM status_login WHERE name = ?1 AND until > ?2")
X(Q_STATUS_LOGIN_PUT, "INSERT OR REPLACE INTO status_login(name, value, until) VALUES(?1, ?2, ?3)")
X(Q_STATUS_LOGIN_TRIM,
    "DELETE FROM status_login WHERE until <= ?2 OR id <= (SELECT max(id) FROM status_login) - ?1")

/* --- hook_queue.c --- */
X(Q_HOOK_ADD,
    "INSERT INTO hook_event(key, ns, ack, time, created, batch, attempts, failed, due, bytes, body)"
    " VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, ?6, ?7)")
X(Q_HOOK_LIST,
    "SELECT id, key, ack IS NOT NULL, created, batch, attempts, failed, due, bytes"
    " FROM hook_event WHERE id > ?1 ORDER BY id")
X(Q_HOOK_READ, "SELECT key, ns, ack, time, body FROM hook_event WHERE id = ?1")
X(Q_HOOK_COUNT, "SELECT count(*), ifnull(sum(bytes), 0) FROM hook_event WHERE key = ?1")
X(Q_HOOK_DONE, "DELETE FROM hook_event WHERE id = ?1")
X(Q_HOOK_RETRY,
    "UPDATE hook_event SET batch = ?2, attempts = ?3, failed = ?4, due = ?5 WHERE id = ?1")
X(Q_HOOK_DEAD_LETTER,
    "INSERT OR REPLACE INTO hook_dead(id, key, ns, ack, time, body, error)"
    " SELECT id, key, ns, ack, time, ?2, ?3 FROM hook_event WHERE id = ?1")
X(Q_HOOK_TRIM_DEAD_LETTERS,
    "DELETE FROM hook_dead WHERE id IN (SELECT id FROM (SELECT id,"
    " count(*) OVER newer AS n, sum(length(body)) OVER newer AS bytes FROM hook_dead"
    " WINDOW newer AS (ORDER BY id DESC)) WHERE n > ?1 OR bytes > ?2)")
X(Q_HOOK_USER,
    "SELECT user FROM session WHERE key = ?1 AND user IS NOT NULL"
    " UNION ALL SELECT user FROM hook_ended WHERE key = ?1")
X(Q_HOOK_FORGET_DATA,
    "DELETE FROM data WHERE key = ?1 AND EXISTS (SELECT 1 FROM hook_ended WHERE key = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)")
X(Q_HOOK_FORGET_ENDED,
    "DELETE FROM hook_ended WHERE key = ?1"
    " AND NOT EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)")
X(Q_HOOK_DEFER, "INSERT OR REPLACE INTO hook_deferred(key, actions) VALUES(?1, ?2)")
X(Q_HOOK_TAKE_DEFERRED, "DELETE FROM hook_deferred WHERE key = ?1 RETURNING actions")

/* --- hook_listing.c --- */
X(Q_HOOK_LIST_DEAD,
    "SELECT 1, id, key, ns, ack, time, body, error, 0, 0 FROM hook_dead WHERE id > ?1"
    " ORDER BY id LIMIT ?2")
X(Q_HOOK_LIST_QUEUED,
    "SELECT 0, id, key, ns, ack, time, body, NULL, attempts, due FROM hook_event WHERE id > ?1"
    " ORDER BY id LIMIT ?2")
X(Q_HOOK_DROP_DEAD, "DELETE FROM hook_dead WHERE id = ?1")
X(Q_HOOK_HURRY, "UPDATE hook_event SET due = 0 WHERE due > 0")

/* --- drain_state.c --- */
/* but those of status pages: sid_mark_status() */
X(Q_DRAIN_NEXT,
    "SELECT key FROM session WHERE state = 1 AND home IS NULL AND substr(sid, 3, 3) <> '___'"
    " AND EXISTS (SELECT 1 FROM subscription AS s WHERE s.key = session.key) LIMIT ?1")
X(Q_DRAIN_LEFT,
    "SELECT count(*) FROM session WHERE state = 1 AND home IS NULL AND substr(sid, 3, 3) <> '___'"
    " AND EXISTS (SELECT 1 FROM subscription AS s WHERE s.key = session.key)")

/* --- maintenance.c --- */
X(Q_OWNERS, "SELECT DISTINCT owner FROM session WHERE owner >= 0")
X(Q_STREAMS_OF, "SELECT key FROM session WHERE owner = ?1 AND streaming")
X(Q_RELEASE_POLLS, "UPDATE session SET owner = -1 WHERE owner = ?1 AND NOT streaming")
X(Q_EXPIRED, "SELECT key FROM session WHERE deadline <= ?1 AND NOT (streaming AND owner >= 0)")
X(Q_OUTLIVED, "SELECT key FROM session WHERE expires <= ?1 AND state < 2 LIMIT ?2")
X(Q_WAITING,
    "SELECT DISTINCT s.chan FROM session JOIN subscription AS s ON s.key = session.key"
    " WHERE session.state = 1 AND NOT session.streaming")
/* those that count against the limit: not those of status pages, sid_mark_status() */
X(Q_SESSION_TOTAL,
    "SELECT count(*) FROM session WHERE state < 2 AND substr(sid, 3, 3) <> '___'")
X(Q_LOWEST_CURSOR,
    "SELECT min(iif(state = 1, cursor, ifnull(inflight, cursor))) FROM session"
    " WHERE NOT streaming AND (state = 1 OR state IN (2, 5)"
    " AND ifnull(inflight, cursor) < last)")
X(Q_TRIM_POINT,
    "SELECT max(id) FROM (SELECT id FROM message ORDER BY id LIMIT 1000)"
    " WHERE id < (SELECT max(id) FROM message)")
X(Q_OVERFLOW_POINT,
    "SELECT max(id) FROM (SELECT id, total FROM message ORDER BY id LIMIT ?2)"
    " WHERE total <= (SELECT total FROM message ORDER BY id DESC LIMIT 1) - ?1"
    " AND id < (SELECT max(id) FROM message)")
/* Polling sessions to which a row with id <= ?1 that is for them was not sent.  `gone` has a row for
 * each channel and sender left out, and of those the two newest: a session is left out of one of
 * them at most. */
X(Q_LAGGING,
    "WITH gone AS MATERIALIZED (SELECT * FROM (SELECT chan, except_key, min(id) AS first,"
    " max(id) AS last, row_number() OVER (PARTITION BY chan ORDER BY max(id) DESC) AS rank"
    " FROM message WHERE id <= ?1 AND flags & 3 = 0 GROUP BY chan, except_key)"
    " WHERE rank <= 2),"
    " reader AS NOT MATERIALIZED (SELECT key, ifnull(inflight, cursor) AS seen FROM session"
    " WHERE state = 1 AND NOT streaming)"
    " SELECT r.key FROM gone CROSS JOIN reader AS r ON r.key = gone.chan"
    " WHERE r.seen < gone.last"
    " UNION SELECT r.key FROM gone CROSS JOIN subscription AS s"
    " ON s.chan = gone.chan AND s.until IS NULL CROSS JOIN reader AS r ON r.key = s.key"
    " WHERE gone.except_key <> r.key AND max(r.seen, s.since) < gone.last"
    " UNION SELECT r.key FROM subscription AS s CROSS JOIN gone ON gone.chan = s.chan"
    " CROSS JOIN reader AS r ON r.key = s.key"
    " WHERE s.until IS NOT NULL AND gone.except_key <> r.key AND gone.first <= s.until"
    " AND max(r.seen, s.since) < gone.last AND (gone.last <= s.until OR EXISTS"
    " (SELECT 1 FROM message AS m WHERE m.id > max(r.seen, s.since)"
    " AND m.id <= min(s.until, ?1) AND m.chan = s.chan AND m.flags & 3 = 0"
    " AND m.except_key <> r.key)) LIMIT ?2")
X(Q_TRIM_MESSAGES, "DELETE FROM message WHERE id <= ?1")
X(Q_TRIM_SUBSCRIPTIONS, "DELETE FROM subscription WHERE until <= ?1")

/* --- remote.c --- */
X(Q_REMOTE_PUT,
    "INSERT INTO session(key, sid, state, owner, gen, cursor, inflight, deadline, transport,"
    " streaming, spoke, bad, ack_seq, acks, data_bytes, address, user, handshake, home)"
    " VALUES(?1, '', 3, -1, ?3, 0, NULL, ?4, ?5, 1, 1, 0, 0, 0, 0, ?6, ?7, ?8, ?2)"
    " ON CONFLICT(key) DO UPDATE SET state = 3, gen = excluded.gen, deadline = excluded.deadline,"
    " transport = excluded.transport, address = excluded.address, user = excluded.user,"
    " handshake = excluded.handshake, home = excluded.home WHERE home IS NOT NULL")
X(Q_REMOTE_NOTE,
    "INSERT INTO session(key, sid, state, owner, gen, cursor, inflight, deadline, transport,"
    " streaming, spoke, bad, ack_seq, acks, data_bytes, address, handshake, home)"
    " VALUES(?1, '', 4, -1, 0, 0, NULL, ?3, 0, 1, 1, 0, 0, 0, 0, '', '{}', ?2)"
    " ON CONFLICT(key) DO NOTHING")
X(Q_REMOTE_ENDED,
    "UPDATE session SET state = 4, user = NULL, deadline = ?2 WHERE key = ?1 AND home IS NOT NULL")
X(Q_REMOTE_TRANSPORT,
    "UPDATE session SET transport = ?2 WHERE key = ?1 AND home IS NOT NULL")
X(Q_REMOTE_FIND,
    "SELECT ifnull(home, -1), state IN (1, 3) FROM session WHERE key = ?1")
X(Q_REMOTE_SCAN,
    "SELECT CASE WHEN state = 3 AND gen <> ?3 THEN key ELSE -key END FROM session"
    " WHERE home = ?1 AND key > ?2 ORDER BY key LIMIT ?4")
X(Q_REMOTE_CHANS,
    "SELECT DISTINCT s.chan FROM session JOIN subscription AS s ON s.key = session.key"
    " WHERE session.home IS NOT NULL AND s.until IS NULL")
X(Q_REMOTE_DEFERRED, "SELECT actions FROM hook_deferred WHERE key = ?1")
X(Q_REMOTE_OURS, "SELECT key FROM session WHERE home IS NULL AND state = 1 AND key > ?1"
    " ORDER BY key LIMIT ?2")
X(Q_REMOTE_ALL_OURS, "SELECT key FROM session WHERE home IS NULL LIMIT ?1")
X(Q_REMOTE_READ,
    "SELECT transport, address, user, handshake FROM session WHERE key = ?1")

/* --- link_out.c --- */
X(Q_LINK_ADD,
    "INSERT INTO link_out(node, kind, body, total) VALUES(?1, ?2, ?3,"
    " ifnull((SELECT total FROM link_out ORDER BY id DESC LIMIT 1), 0) + ?4)")
X(Q_LINK_LIST,
    "SELECT id, node, kind, body FROM link_out WHERE id > ?1 ORDER BY id LIMIT ?2")
X(Q_LINK_DELETE, "DELETE FROM link_out WHERE id <= ?1")
X(Q_LINK_SPAN,
    "SELECT last.id - first.id + 1, last.id, last.total - first.total"
    " FROM (SELECT id, total FROM link_out ORDER BY id LIMIT 1) AS first,"
    " (SELECT id, total FROM link_out ORDER BY id DESC LIMIT 1) AS last")
X(Q_LINK_OVERFLOW,
    "SELECT max(id) FROM (SELECT id, total FROM link_out ORDER BY id LIMIT ?2)"
    " WHERE total <= (SELECT total FROM link_out ORDER BY id DESC LIMIT 1) - ?1")

/* --- link_peer.c --- */
X(Q_LINK_PEER, "SELECT shipped, epoch, taken FROM link_peer WHERE node = ?1")
X(Q_LINK_SET_SHIPPED,
    "INSERT INTO link_peer(node, shipped, epoch, taken) VALUES(?1, ?2, '', 0)"
    " ON CONFLICT(node) DO UPDATE SET shipped = excluded.shipped")
X(Q_LINK_SET_TAKEN,
    "INSERT INTO link_peer(node, shipped, epoch, taken) VALUES(?1, 0, ?2, ?3)"
    " ON CONFLICT(node) DO UPDATE SET epoch = excluded.epoch, taken = excluded.taken")
X(Q_LINK_POSITION, "SELECT v FROM meta WHERE k = 'link_position'")
X(Q_LINK_SET_POSITION, "INSERT OR REPLACE INTO meta VALUES('link_position', ?1)")

/* --- link_node.c --- */
X(Q_LINK_NODE_PUT,
    "INSERT INTO link_node(number, name, lives, since, version, figures)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(number) DO UPDATE SET"
    " since = iif(name = excluded.name AND lives = excluded.lives, since, excluded.since),"
    " name = excluded.name, lives = excluded.lives, version = excluded.version,"
    " figures = excluded.figures")
X(Q_LINK_NODE_LOSE, "UPDATE link_node SET lives = 0, since = ?2 WHERE number = ?1 AND lives = 1")
X(Q_LINK_NODE_FORGET_LOST, "DELETE FROM link_node WHERE lives = 0 AND since < ?1")
X(Q_LINK_NODE_FORGET, "DELETE FROM link_node WHERE number = ?1")
X(Q_LINK_NODE_LIST,
    "SELECT number, name, lives, since, version, figures FROM link_node"
    " ORDER BY lives DESC, number")
X(Q_LINK_NODE_FIND,
    "SELECT number FROM link_node WHERE name = ?1 ORDER BY lives DESC, since DESC LIMIT 1")
/* clang-format on */
