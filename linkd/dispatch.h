/* dispatch: what rows of other nodes, and the fates of those nodes, mean here.
 *
 * Frames and fates are told in a turn, with its transaction open.  If the turn is rolled back, the
 * same comes again in a later one. */
#ifndef POLLUX_LINKD_DISPATCH_H
#define POLLUX_LINKD_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/linkd.h"
#include "shared/link/frame.h"

/* Once l->sv is open.  0, or -1: no memory. */
int dispatch_open(struct linkd *l);
/* Before it is closed: end what is served here. */
void dispatch_close(struct linkd *l);

/* A row of another node, for the first time, in the order in which it was written.  Its body is
 * borrowed. */
void dispatch_frame(struct linkd *l, int node, const struct link_frame *frame);

/* Another node lives, as slots_link_lives() says from now on: greet it, and ask what it has. */
void dispatch_node_up(struct linkd *l, int node);

/* Its pollux-linkd was started anew, or its database is another one. */
void dispatch_node_restarted(struct linkd *l, int node);

/* It is dead: what it had is gone.  `tell`: the application hears of it from us; else another node
 * tells it. */
void dispatch_node_lost(struct linkd *l, int node, bool tell);

/* Rows of it are missing. */
void dispatch_gap(struct linkd *l, int node);

/* --- the turn ------------------------------------------------------------------------------- */

/* Before server_settle(): do what is due, and write what is to go to other nodes.  l->dispatch_next
 * is when it wants its next turn, ms. */
void dispatch_run(struct linkd *l);

/* After server_settle(), which has committed or rolled back. */
void dispatch_settled(struct linkd *l, bool committed);

/* Whether something is to be written that came up in server_settle(): another commit is needed. */
bool dispatch_is_dirty(const struct linkd *l);

#endif
