/* drain: a data folder that is taken out of service (store/drain_state.h).  Whichever process comes
 * first ends a few sessions at a time; their clients are told to come back, and find another node,
 * or this one when it is in service again.
 *
 * Clients that come meanwhile are told to come back, too, a while after they have connected; the
 * application hears nothing of them.  Before that they would take it badly (measured, with 0.9.17):
 * one whose handshake is refused never tries again; one that is told so instead of 1:: tries again
 * more and more often, and sends the 0:: for the session that it leaves to the one that it gets in
 * the end.  And of 0.8.7 a poll whose answer has both packets is repeated for ever. */
#ifndef POLLUX_HUB_DRAIN_H
#define POLLUX_HUB_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define DRAIN_RATE_MAX 10000

struct hub;
struct session;

/* For the command line.  Begin, or change the rate: sessions that end in a second, 1 to
 * DRAIN_RATE_MAX.  Return 0, or -1 after logging why. */
int drain_start(struct hub *h, unsigned rate);
/* Be in service again.  As drain_start(). */
int drain_stop(struct hub *h);
/* In a turn, before drain_start(): send an event without arguments to all clients of this node.
 * Its name is UTF-8.  0, or -1: the turn is lost. */
int drain_tell(struct hub *h, struct slice event);
/* How many sessions of this node are open, or -1 after logging. */
int64_t drain_left(struct hub *h);

/* Whether the folder is out of service. */
bool drain_is_on(const struct hub *h);

/* The first transport of a session opens while that is so.  0, or -1: the turn is lost. */
int drain_begin_away(struct hub *h, struct session *s);
/* Whether the session was begun so. */
bool drain_is_away(const struct session *s);
/* Such a session is to be moved by this process. */
void drain_move_soon(struct hub *h, struct session *s);
/* When the hub is closed. */
void drain_forget(struct hub *h);

/* Between transactions: end those that are due; may open a transaction. */
void drain_run(struct hub *h);
/* Whether some are due for this process to try. */
bool drain_is_due(const struct hub *h);
/* When that will be, ms; INT64_MAX: never. */
int64_t drain_next(const struct hub *h);

#endif
