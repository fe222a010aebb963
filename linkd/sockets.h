/* sockets: websockets that other nodes hold, of sessions that live here.
 *
 * To the transport each is a websocket like any other; its frames go to and from the node that has
 * the connection as rows. */
#ifndef POLLUX_LINKD_SOCKETS_H
#define POLLUX_LINKD_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/linkd.h"
#include "linkd/replies.h"

/* 0 or -1. */
int sockets_open(struct linkd *l);
/* Their sessions end. */
void sockets_close(struct linkd *l);

/* The node has granted the upgrade; `request` is a copied one. */
void sockets_begin(struct linkd *l, const struct far_asker *from, struct slice request);
/* The client has sent a message. */
void sockets_text(struct linkd *l, const struct far_asker *from, struct slice text);
/* The connection has ended, for this reason (empty: it is not known).  False: there is no such
 * websocket. */
bool sockets_gone(struct linkd *l, const struct far_asker *from, struct slice reason);

/* Frames to or from the node may be lost: its websockets end. */
void sockets_lost(struct linkd *l, int node);

/* The turn is over. */
void sockets_settled(struct linkd *l, bool committed);

#endif
