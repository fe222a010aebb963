/* store: sessions, rooms and the message log that all processes share, in SQLite (schema.sql).
 *
 * The rules (DESIGN section 3):
 *  - One writer at a time, by a kernel lock: store_begin() takes it, store_commit() gives it back.
 *    A program opens at most one transaction per turn of its loop.
 *  - Every message is one row of the log, whoever reads it; row ids are commit order.
 *  - After the commit the processes that have somebody to tell are woken by a datagram.
 *  - A session on a polling transport has a cursor; what was sent in a response stays "in flight"
 *    until the client's next poll shows that it has arrived.
 * Nothing here knows the protocol, runs an application or reads a clock: times are arguments, in
 * milliseconds of CLOCK_MONOTONIC.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_STORE_H
#define POLLUX_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/slots.h"

#define STORE_SID_SIZE 24 /* room for a secret session id and its NUL */

struct store;

/* For functions with more answers than success and failure; each names those it gives. */
enum store_result {
	STORE_FAILED = -1, /* logged */
	STORE_OK = 0,
	STORE_NOT_FOUND, /* no such row */
	STORE_TAKEN,     /* a row with this key exists */
	STORE_MORE,      /* done in part: call again */
};

/* Open (or make) the store in `folder`, which is made if it is missing; `must_exist`: only open
 * what is there and can be used as it is.  `kind` shows in the slot table.  Call it after any fork.
 * NULL after logging why. */
struct store *store_open(const char *folder, int kind, bool must_exist);
void store_close(struct store *st);

struct slots *store_slots(struct store *st);
int store_wake_fd(const struct store *st);
void store_empty_wake_fd(struct store *st);

/* Was the database replaced or deleted under us since it was opened?  Then nothing that is in
 * memory is true any more: let go of all sessions and call store_reopen().  Cheap: once a second.
 */
bool store_was_replaced(struct store *st);
int store_reopen(struct store *st);

/* A text that names this database, and no other that there ever was in this folder. */
const char *store_epoch(const struct store *st);

/* --- transactions -------------------------------------------------------------------------- */

int store_begin(struct store *st);
bool store_in_transaction(const struct store *st);
/* Commit, give the lock back, then send the wake-ups asked for.  -1: rolled back. */
int store_commit(struct store *st);
void store_rollback(struct store *st);

/* After the commit wake the process of this slot (not our own). */
void store_wake_slot(struct store *st, int slot);
/* After the commit wake every other process that listens to the channel. */
void store_wake_listeners(struct store *st, int64_t chan);

/* --- the log ------------------------------------------------------------------------------- */

enum store_flags {
	STORE_VOLATILE = 1, /* only for transports that are open when it is sent */
	STORE_CONTROL = 2,  /* between processes, never for a client */
};

struct store_message {
	int64_t id;
	int64_t chan;
	int64_t except_key; /* 0: nobody is left out */
	unsigned flags;
	struct slice except_more; /* further keys, as the bytes of an int64_t array; p NULL: none */
	struct slice payload;     /* both slices are borrowed during the call */
};

/* The channel of a room of a namespace; room NULL p: of the namespace itself.  Always negative. */
int64_t store_channel(struct slice ns, struct slice room);

/* Append a message; `m->id` is set. */
int store_append(struct store *st, struct store_message *m, int64_t now_ms);

/* The id of the newest row. */
int store_head(struct store *st, int64_t *head);

/* Call `each` for every row with id > after, in order.  `each` must not use the store. */
typedef void store_each_message(void *arg, const struct store_message *m);
int store_read(struct store *st, int64_t after, store_each_message *each, void *arg);

/* The same, only what concerns one session (its own channel and those in its subs), up to and with
 * `until`; since and until of the subs are not looked at. */
int store_read_for(struct store *st, int64_t key, int64_t after, int64_t until,
    store_each_message *each, void *arg);

/* --- sessions ------------------------------------------------------------------------------ */

enum store_state {
	STORE_NEW = 0,   /* handshaken, no transport yet */
	STORE_OPEN = 1,  /* connected */
	STORE_ENDED = 2, /* ended by us or by the client's word: its next poll is told 0:: */
};

struct store_session {
	int64_t key;
	char sid[STORE_SID_SIZE];
	enum store_state state;
	int owner; /* slot; -1: none */
	int64_t gen, cursor;
	int64_t inflight; /* -1: none */
	int64_t deadline;
	int transport;
	bool streaming;
	bool spoke;
};

/* Add a session in STORE_NEW: STORE_OK, STORE_TAKEN or STORE_FAILED. */
enum store_result store_session_create(struct store *st, int64_t key, struct slice sid,
    int64_t deadline, struct slice address, struct slice handshake);

/* Fill `out`: STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
enum store_result store_session_load(struct store *st, int64_t key, struct store_session *out);

/* Write owner, gen, cursor, inflight, deadline, transport, streaming, spoke, state of `s`. */
int store_session_save(struct store *st, const struct store_session *s);

/* A response with everything up to `inflight` is about to be written to the poll of generation
 * `gen`; the session is free for its next poll until `deadline`.  STORE_OK; STORE_NOT_FOUND when it
 * ended or a newer poll superseded this one (write nothing); STORE_FAILED. */
enum store_result store_session_reserve(
    struct store *st, int64_t key, int64_t gen, int64_t inflight, int64_t deadline);

/* That response was not received: the next poll gets its messages again, unless a newer poll has
 * taken them already. */
int store_session_unreserve(struct store *st, int64_t key, int64_t gen);

int store_session_set_spoke(struct store *st, int64_t key);

/* One more packet that was none: how many there were now, or -1. */
int64_t store_session_count_bad(struct store *st, int64_t key);

/* End: subs, acks and data go (the latter stay while the web hook is to be told something of the
 * session: hook_queue.h); the row stays as STORE_ENDED until `deadline`, or goes too when
 * `deadline` is 0. */
int store_session_end(struct store *st, int64_t key, int64_t deadline);

/* The handshake's JSON, appended to nothing: a malloc'ed NUL-terminated copy, or NULL. */
char *store_session_handshake(struct store *st, int64_t key);

/* How many sessions this address has, or -1. */
int64_t store_session_count(struct store *st, struct slice address);

/* Name the person behind a session; p NULL: nobody. */
int store_session_set_user(struct store *st, int64_t key, struct slice user);
/* A malloc'ed copy, or NULL when nobody is named. */
char *store_session_user(struct store *st, int64_t key);
/* Call `each` with every session of the person that is in the channel; return their number, or -1.
 * `each` must not use the store: collect the keys. */
int store_user_sessions(struct store *st, struct slice user, int64_t chan,
    void (*each)(void *arg, int64_t key), void *arg);

/* --- rooms --------------------------------------------------------------------------------- */

struct store_sub {
	int64_t chan;
	int64_t since;
	int64_t until;         /* INT64_MAX: still in it */
	struct slice ns;       /* borrowed during the call */
	struct slice room;     /* p NULL: the namespace itself */
	struct slice endpoint; /* p NULL: as ns */
};

int store_sub_add(struct store *st, int64_t key, const struct store_sub *sub);

/* Leave: `until` is the last row still to be seen; or forget it at once with until < 0. */
int store_sub_end(struct store *st, int64_t key, int64_t chan, int64_t until);

/* Leave every room of a namespace and the namespace. */
int store_sub_end_namespace(struct store *st, int64_t key, struct slice ns, int64_t until);

typedef void store_each_sub(void *arg, const struct store_sub *sub);
int store_subs(struct store *st, int64_t key, store_each_sub *each, void *arg);

/* Call `each` with the key of every session in the channel; return their number, or -1.  `each`
 * must not use the store. */
int store_members(struct store *st, int64_t chan, void (*each)(void *arg, int64_t key), void *arg);

/* --- socket.set() and socket.get(); acks ---------------------------------------------------- */

int store_set(struct store *st, int64_t key, struct slice name, struct slice value);
int store_del(struct store *st, int64_t key, struct slice name);
/* A malloc'ed copy, or NULL when there is none (or after an error, logged). */
char *store_get(struct store *st, int64_t key, struct slice name);

/* Call `each` with every value of a session; it must not use the store. */
int store_data(struct store *st, int64_t key,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg);

/* Expect an answer; `*id` is the ack id to send.  `context` may be NULL p.  `deadline` 0: while the
 * session lives. */
int store_ack_expect(struct store *st, int64_t key, struct slice ns, struct slice handler,
    struct slice context, int64_t deadline, int64_t *id);

struct store_ack {
	char *ns, *handler, *context; /* malloc'ed; context may be NULL */
};

/* Take an expected answer out: STORE_OK (free `ack`), STORE_NOT_FOUND or STORE_FAILED. */
enum store_result store_ack_take(struct store *st, int64_t key, int64_t id, struct store_ack *ack);
void store_ack_free(struct store_ack *ack);

/* Call `each` with the answers that are overdue, at most `max` of them; return their number, or -1.
 * `each` must not use the store. */
int store_acks_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, int64_t id), void *arg);

/* --- ends that are asked for ---------------------------------------------------------------- */

/* Ask the housekeeper to end a session (ns "") or its stay in a namespace; for programs that run no
 * application, which must hear of it.  Everybody is woken after the commit. */
int store_ask(struct store *st, int64_t key, struct slice ns, const char *reason);

/* Call `each` with what was asked for, at most `max`; return their number, or -1.  The slices are
 * borrowed during the call; `each` must not use the store. */
int store_asked(struct store *st, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, struct slice reason), void *arg);
int store_asked_done(struct store *st, int64_t key, struct slice ns);

/* --- actions that other programs have written (the table action_in) ------------------------- */

/* Try to be the one process that does them; it stays so until it closes the store. */
bool store_doorkeeper(struct store *st);

/* A number that changes when anybody else has committed, whoever it is; -1 after logging why. */
int64_t store_version(struct store *st);

/* Call `each` with the first of them, in the order of their ids: at most `max`, and no more once
 * they have `max_bytes`.  Return their number, or -1.  `json` is borrowed during the call; `each`
 * must not use the store. */
int store_actions(struct store *st, int max, size_t max_bytes,
    void (*each)(void *arg, int64_t id, struct slice json), void *arg);
int store_action_done(struct store *st, int64_t id);

/* --- requests that may come twice ----------------------------------------------------------- */

/* The answer that was remembered under a key: a malloc'ed text, or NULL. */
char *store_published(struct store *st, struct slice key, int64_t now_ms);
/* Remember one; only so many of the latest are kept. */
int store_set_published(
    struct store *st, struct slice key, struct slice answer, int64_t now_ms, int64_t until_ms);

/* --- housekeeping -------------------------------------------------------------------------- */

/* Try to be the housekeeper until store_housekeeper_done().  False: another process is at it. */
bool store_housekeeper(struct store *st);
void store_housekeeper_done(struct store *st);

/* Call `each` with every session that is over: past its deadline, or streaming in a process that
 * died.  Polling sessions of dead processes are set free.  `each` must not use the store: collect
 * the keys. */
int store_expired(
    struct store *st, int64_t now_ms, void (*each)(void *arg, int64_t key), void *arg);

/* Trim what nobody needs any more, at most 1,000 rows; more than `max_bytes` of database: also what
 * somebody might need, and `*floor` is then the newest id that is gone (sessions with an older
 * cursor have missed something), else 0.  Also refreshes the `waiting` filter and the count of
 * sessions.  Opens its own transaction.  STORE_OK, STORE_MORE when there is more to trim, or
 * STORE_FAILED. */
enum store_result store_tidy(struct store *st, int64_t now_ms, int64_t max_bytes, int64_t *floor);

/* Keys of the polling sessions whose cursor is below `floor`. */
int store_behind(struct store *st, int64_t floor, void (*each)(void *arg, int64_t key), void *arg);

#endif
