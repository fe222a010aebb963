/* publish: what the hub itself sends, to clients and to the other processes.  hub.h has the rest.
 *
 * On -1 the turn is lost: h->failed is set. */
#ifndef POLLUX_HUB_PUBLISH_H
#define POLLUX_HUB_PUBLISH_H

#include "shared/hub/hub.h"

/* Encode a packet and send it to the session.  Endpoints are sent as they are: `pk` has what the
 * client wrote. */
int hub_publish_packet(struct hub *h, struct session *s, const struct packet *pk);

/* Tell the process of slot `owner` what became of a session that it holds: a control message
 * (follow.h).  Does nothing if that is this process, or none (-1). */
int hub_publish_control(struct hub *h, int64_t key, int owner, struct slice text);

/* The same when the session joined or left a room; with room.p NULL the namespace itself. */
int hub_publish_control_room(struct hub *h, const struct session *s, bool join, struct slice ns,
    struct slice room, struct slice endpoint);

#endif
