/* taking: the entries of other nodes, as they come: what we have had is dropped, what is missing is
 * noticed, and the rest goes to dispatch_frame(). */
#ifndef POLLUX_LINKD_TAKING_H
#define POLLUX_LINKD_TAKING_H

#include <stdbool.h>

#include "linkd/linkd.h"
#include "shared/base/slice.h"

struct taking;

/* NULL: no memory. */
struct taking *taking_open(struct linkd *l);
void taking_close(struct taking *t);

/* Whether the database is another one than at the last call. */
bool taking_follow_store(struct taking *t);

/* Whether it was written by a node that does not live for us. */
bool taking_is_of_stranger(const struct taking *t, struct slice bytes);

/* One entry; a transaction is open.  One that is malformed is dropped, and counted. */
void taking_entry(struct taking *t, struct slice bytes);

/* Before the commit: note how far we are with each node.  0, or -1: the store failed. */
int taking_end(struct taking *t);

/* The turn is over; without its commit all of it counts as not taken. */
void taking_settled(struct taking *t, bool committed);

#endif
