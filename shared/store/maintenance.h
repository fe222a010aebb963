/* maintenance: what one process does for all about once a second: find the sessions that are over,
 * trim the log, refresh the counters in the slot table. */
#ifndef POLLUX_MAINTENANCE_H
#define POLLUX_MAINTENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/store/store.h"

/* Try to become the process that does it, until maintenance_resign().  False: another one is
 * doing it. */
bool maintenance_lead(struct store *st);
void maintenance_resign(struct store *st);

/* Call `each` with every session that is over: past its deadline, or a stream of a process that
 * died.  Polling sessions of dead processes are released to any process.  Needs an open
 * transaction.  `each` must not use the store: collect the keys.  Return 0, or -1 after logging. */
int maintenance_list_expired(struct store *st, int64_t now_ms, store_each_key *each, void *arg);

/* Call `each` with every session, at most `max`, whose token has expired.  Otherwise the same. */
int maintenance_list_outlived(
    struct store *st, int64_t now_ms, int max, store_each_key *each, void *arg);

/* Call `each` with every session that has its stream in the process of this slot.  Otherwise the
 * same.  Return their number, or -1 after logging. */
int maintenance_list_streams(struct store *st, int owner, store_each_key *each, void *arg);

/* Delete at most 1,000 rows of the log that every reader has passed.  Also refreshes the `waiting`
 * filter and the count of sessions.  Opens and commits a transaction of its own, so none may be
 * open.  STORE_OK, STORE_MORE when there is more to trim, or STORE_FAILED. */
enum store_result maintenance_trim(struct store *st, int64_t now_ms);

/* When the log has more than `max_bytes` (message_log_span): the newest of its oldest rows, of at
 * most 10,000 of them, that must go although somebody may need them; 0: none; -1: the store
 * failed. */
int64_t maintenance_overflow(struct store *st, int64_t max_bytes);

/* Call `each` with every polling session, at most `max`, to which a row up to `last` that is for it
 * was not sent.  Its cursor alone says nothing: what it has not read may be for others.  Return
 * their number, or -1 after logging. */
int maintenance_list_lagging(
    struct store *st, int64_t last, int max, store_each_key *each, void *arg);

/* Delete the rows up to `last`, needed or not.  Needs an open transaction, in which the sessions
 * that lag were ended.  Return 0, or -1 after logging. */
int maintenance_drop(struct store *st, int64_t last);

#endif
