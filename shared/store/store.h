/* store: sessions, rooms and the message log that all processes share, in SQLite (schema.sql).
 *
 * The rules:
 *  - One writer at a time, by a kernel lock: store_begin() takes it, store_commit() releases it.
 *    A program opens at most one transaction per turn of its loop.
 *  - Every message is one row of the log, however many sessions read it; row ids are commit order.
 *  - After the commit the processes that hold a recipient are woken by a datagram.
 *  - A session on a polling transport has a cursor; what was sent in a response stays "in flight"
 *    until the client's next poll shows that it has arrived.
 * Nothing here knows the protocol, runs an application or reads a clock: times are arguments, in
 * milliseconds of CLOCK_MONOTONIC.
 *
 * This header opens the store and has its transactions.  The tables each have their own:
 * message_log.h, session_row.h, subscription.h, session_data.h, ack_row.h, end_request.h,
 * action_queue.h, idempotency.h, hook_queue.h; maintenance.h and listing.h look at all of them.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_STORE_H
#define POLLUX_STORE_H

#include <stdbool.h>
#include <stdint.h>

struct slots;
struct store;

/* For functions with more answers than success and failure; each names those it gives. */
enum store_result {
	STORE_FAILED = -1, /* logged */
	STORE_OK = 0,
	STORE_NOT_FOUND, /* no such row */
	STORE_TAKEN,     /* a row with this key exists; or a lock is another program's */
	STORE_MORE,      /* done in part: call again */
	STORE_FULL,      /* a limit is reached */
};

/* Called with one session after the other; it must not use the store: collect the keys. */
typedef void store_each_key(void *arg, int64_t key);

/* Open the store in `folder`, creating the folder and the database as needed, and replacing a
 * database of an earlier boot or another schema.  `group` (empty: none) may use its files, too.
 * `must_exist`: fail instead of creating or replacing anything.  `kind` is the program's, for the
 * slot table.  Call it after any fork.  Waits some seconds for processes of an older version to
 * leave.  Return NULL after logging why; errno is EPROTONOSUPPORT if the folder is a newer
 * version's, which has living processes. */
struct store *store_open(const char *folder, const char *group, int kind, bool must_exist);
void store_close(struct store *st);

/* Whether a program of this version may use the folder while those that use it now do: they are of
 * this version, too, or there are none.  Changes nothing, and logs nothing. */
bool store_can_join(const char *folder);

struct slots *store_slots(struct store *st);

/* Readable when another process has committed something for this one; empty it, then read the
 * log. */
int store_wake_fd(const struct store *st);
void store_empty_wake_fd(struct store *st);

/* Whether one of ours has replaced the database, or voided our sessions in it, since it was opened
 * here: store_was_replaced() without its stat(). */
bool store_epoch_passed(const struct store *st);

/* Whether that was all: the database itself is good, and the one that we have open. */
bool store_is_the_same(const struct store *st);

/* Once a second: whether the database or another file of the folder was replaced or deleted since
 * it was opened, or could not be opened again.  Then everything cached is stale: drop all sessions
 * and call store_reopen().  Costs some stat(). */
bool store_was_replaced(struct store *st);

/* Once a second, outside of transactions: whether the errors since the last call say that the
 * database is damaged, or that it cannot be written for longer than a moment.  Then store_reopen()
 * makes it anew: drop all sessions before. */
bool store_is_damaged(struct store *st, int64_t now_ms);

/* Open the store again; the wake-up descriptor and the slots may be others afterwards.  -1 after
 * logging why, the first time: everything fails until it succeeds, so try again in a second. */
int store_reopen(struct store *st);
/* After it has failed: whether only because another process is at it, so that it is to be tried
 * again in some milliseconds. */
bool store_reopens_soon(const struct store *st);

/* Whether a newer version of Pollux wants the folder, or has it: end the program.  Costs a load. */
bool store_is_outdated(const struct store *st);

/* A random text that is different for every database ever created in this folder. */
const char *store_epoch(const struct store *st);

/* --- transactions -------------------------------------------------------------------------- */

/* Begin one unless it is open; waits for the locks of other programs, `timeout_ms` at most. */
int store_begin(struct store *st, int timeout_ms);
/* The same for a loop that serves sockets, which must not wait: STORE_OK, STORE_FAILED, or
 * STORE_TAKEN: another program has held a lock for more than a moment.  Then try again when
 * store_wake_fd() is readable, and also every few milliseconds if store_must_poll(). */
enum store_result store_try(struct store *st);
bool store_must_poll(const struct store *st);
/* Whether store_try() has said STORE_TAKEN and is to be called again. */
bool store_is_waiting(const struct store *st);
bool store_in_transaction(const struct store *st);
/* Commit, release the lock, then send the wake-ups requested.  -1: rolled back, also because a
 * statement of this transaction had failed. */
int store_commit(struct store *st);
void store_rollback(struct store *st);
/* How many statements have failed so far. */
unsigned store_failures(const struct store *st);

/* After the commit wake the process of this slot, unless it is our own. */
void store_wake_slot(struct store *st, int slot);
/* After the commit wake every other process. */
void store_wake_all(struct store *st);
/* After the commit wake every other process that listens to the channel. */
void store_wake_listeners(struct store *st, int64_t chan);

#endif
