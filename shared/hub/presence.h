/* presence: what other nodes are told of our sessions.  It is collected during the turn, and goes
 * out as one row with its commit.  Nothing is collected while no other node lives: one that appears
 * gets a snapshot.
 *
 * They need the turn's transaction.  Out of memory, or a failing store: the turn fails. */
#ifndef POLLUX_HUB_PRESENCE_H
#define POLLUX_HUB_PRESENCE_H

#include "shared/hub/hub.h"

void presence_connected(struct hub *h, const struct session *s);
void presence_transport(struct hub *h, const struct session *s);
/* room.p NULL: the namespace itself. */
void presence_joined(struct hub *h, int64_t key, struct slice ns, struct slice room);
void presence_left(struct hub *h, int64_t key, struct slice ns, struct slice room);
/* `told`: the application was told that the user before has gone (user_presence.h). */
void presence_user(struct hub *h, int64_t key, struct slice user, bool told);
/* value.p NULL: it was deleted. */
void presence_value(struct hub *h, int64_t key, struct slice name, struct slice value);
void presence_ended(struct hub *h, int64_t key, bool remember, bool told);

/* Append all that there is to tell of a connected session of ours to a snapshot.  0 or -1. */
int presence_describe(struct hub *h, int64_t key, struct buf *out);

/* Before the commit: write what was collected.  0 or -1. */
int presence_flush(struct hub *h);
/* The turn is rolled back. */
void presence_forget(struct hub *h);

#endif
