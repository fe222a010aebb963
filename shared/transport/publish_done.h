/* publish_done: answers to requests with an Idempotency-Key, for when the request comes again, to
 * any node of the cluster.
 *
 * The other nodes are told in the transaction of what the request did, and know some milliseconds
 * later: a request that is repeated faster, to another node, is done twice.
 *
 * And logins at the status page, which hold on all nodes in the same way. */
#ifndef POLLUX_PUBLISH_DONE_H
#define POLLUX_PUBLISH_DONE_H

#include <stdint.h>

#include "shared/base/slice.h"

struct server;

/* Remember the answer for a day, here and on all nodes.  Needs an open transaction, which fails if
 * this does. */
void publish_done_remember(struct server *sv, struct slice key, struct slice answer);

/* The same of a row of status_login.h, for `left_ms`. */
void publish_done_login(struct server *sv, struct slice name, struct slice value, int64_t left_ms);

/* Another node has: `body` is a struct link_done.  Needs an open transaction.  Return 0; 1: it is
 * malformed; or -1: the turn is lost. */
int publish_done_take(struct server *sv, struct slice body);

#endif
