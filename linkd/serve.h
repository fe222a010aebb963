/* serve: requests of other nodes whose sessions live here.
 *
 * The transports answer them as if they had come to this node; only the exchange differs, which
 * writes rows for the node that asked.  An answer counts as sent when the other node has not
 * complained for SERVE_KEEP_MS.
 *
 *	REQUEST -> held -- ANSWER, or BEGIN PIECE.. FINISH --> kept -- time is up --> sent
 *	                -- GONE ----------------------------> gone  -- UNDELIVERED -> failed
 *
 * Functions that return int return 0, or -1: the turn is lost. */
#ifndef POLLUX_LINKD_SERVE_H
#define POLLUX_LINKD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/linkd.h"
#include "linkd/replies.h"
#include "shared/link/frame.h"

#define SERVE_KEEP_MS 10000

int serve_open(struct linkd *l);
/* All that is held is forgotten. */
void serve_close(struct linkd *l);

/* A copied request. */
void serve_request(struct linkd *l, const struct far_asker *from, struct slice request);
/* The client has left, or has not got the answer.  False: there is no such request. */
bool serve_gone(struct linkd *l, const struct far_asker *from);

/* What we have told the node lately may be lost: streams end, and polls are asked again.  `dead`:
 * it is gone, and its requests with it. */
void serve_lost(struct linkd *l, int node, bool dead);

/* At the end of a turn: what is due.  Return when it wants the next one. */
int64_t serve_run(struct linkd *l);
/* The turn is over. */
void serve_settled(struct linkd *l, bool committed);

#endif
