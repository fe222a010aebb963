/* drain_state: whether the data folder is out of service (pollux drain): no session begins, and
 * those that have end, so many a second.
 *
 * The file `drain` in the folder says so, and outlives every process, the database and the slot
 * table; the table has a copy of it, so that to look costs one load. */
#ifndef POLLUX_DRAIN_STATE_H
#define POLLUX_DRAIN_STATE_H

#include <stdint.h>

#include "shared/store/store.h"

/* Begin, or change the rate, in sessions a second; 0: be in service again.  Return 0, or -1 after
 * logging why. */
int drain_state_set(struct store *st, unsigned rate);

/* While the store is opened, with LOCK_INIT held: copy what the file says into the slot table. */
void drain_state_load(struct store *st);

/* Call `each` with open sessions of this node, at most `max`, but not with those that are in no
 * namespace.  Keys are hashes, so they come in no order that anybody knows.  Needs an open
 * transaction.  Return their number, or -1 after logging. */
int drain_state_list(struct store *st, int max, store_each_key *each, void *arg);

/* How many of those there are, or -1 after logging. */
int64_t drain_state_left(struct store *st);

#endif
