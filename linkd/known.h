/* known: what we are told of the sessions of other nodes, into the tables of our own. */
#ifndef POLLUX_LINKD_KNOWN_H
#define POLLUX_LINKD_KNOWN_H

#include <stdint.h>

#include "linkd/linkd.h"
#include "shared/base/slice.h"

/* Take in a body of LINK_PRESENCE; sessions that are new get the number of the round.  0; 1: it is
 * malformed, and what came before was taken in; or -1: the turn is lost. */
int known_take(struct linkd *l, int sender, int64_t round, struct slice body);

/* A session was not in the last snapshot of its node, which has told the application of its end.
 * 0, or -1: the turn is lost. */
int known_forget(struct linkd *l, int64_t key);

/* Forget the channels that have no members on other nodes any more: slots_link_remote().  In the
 * turn's transaction.  Return how long it took, ms. */
int64_t known_rebuild_filter(struct linkd *l);

#endif
