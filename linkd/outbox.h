/* outbox: ships the rows of link_out to the streams of the nodes that they are for.
 *
 * A batch is what waits, up to 256 kB: an entry for each node that any of it is for, with one XADD.
 * Some batches are under way at once; the rows of the oldest are deleted when Redis has all its
 * entries, together with the next change of the database if one comes soon.  After an error, or a
 * new start, everything that is not deleted is shipped again, with the same numbers: the receivers
 * drop what they have had. */
#ifndef POLLUX_LINKD_OUTBOX_H
#define POLLUX_LINKD_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/linkd.h"

struct outbox;

/* NULL: no memory. */
struct outbox *outbox_open(struct linkd *l);
/* Close Redis first.  NULL is allowed. */
void outbox_close(struct outbox *o);

/* Redis has gone: what was under way counts as not shipped. */
void outbox_down(struct outbox *o);

/* Before the commit: delete what Redis has, if the transaction can be had. */
void outbox_run(struct outbox *o);
/* After it. */
void outbox_settled(struct outbox *o, bool committed);

/* At the end of a turn: ship what waits. */
void outbox_ship_waiting(struct outbox *o);

/* When rows are to be deleted that Redis has, ms; INT64_MAX: there are none. */
int64_t outbox_due(const struct outbox *o);

/* Whether all is shipped, or cannot be now: nothing is gained by waiting. */
bool outbox_is_idle(const struct outbox *o);

/* Once a second: count what waits, for those who look. */
void outbox_measure(struct outbox *o);

#endif
