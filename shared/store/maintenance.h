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

/* Delete at most 1,000 rows of the log that every reader has passed.  While the database is larger
 * than `max_bytes`, delete rows still needed too; `*floor` is then the newest id deleted (sessions
 * with an older cursor lost messages), else 0.  Also refreshes the `waiting` filter and the count
 * of sessions.  Opens and commits a transaction of its own, so none may be open.  STORE_OK,
 * STORE_MORE when there is more to trim, or STORE_FAILED. */
enum store_result maintenance_trim(
    struct store *st, int64_t now_ms, int64_t max_bytes, int64_t *floor);

/* Call `each` with every polling session whose cursor is below `floor`; it must not use the store.
 * Return 0, or -1 after logging. */
int maintenance_list_lagging(struct store *st, int64_t floor, store_each_key *each, void *arg);

#endif
