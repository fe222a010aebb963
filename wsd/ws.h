/* ws: a connection that is a websocket, between its dialect below and the transport above. */
#ifndef POLLUX_WSD_WS_H
#define POLLUX_WSD_WS_H

#include "shared/wire/route.h"
#include "wsd/conn.h"
#include "wsd/dialect.h"

/* The upgrade is granted: queue its answer `head` (the rest of it, if some went ahead), whose
 * reference is taken over, and attach the session.  c->dialect is set. */
void ws_begin(struct wsd_conn *c, struct message *head, const struct route *route);

/* The upgrade is granted so that the client can be told one packet; then it ends. */
void ws_tell(struct wsd_conn *c, struct message *head, struct slice packet);

/* There is no such session any more: the client makes a new one. */
#define WS_UNKNOWN SLICE("7:::1+0")

/* Bytes have arrived. */
void ws_input(struct wsd_conn *c, struct slice bytes);
bool ws_takes_input(const struct wsd_conn *c);

/* For the dialect: a text message.  Return false when the connection is not open any more. */
bool ws_text(struct wsd_conn *c, struct slice text);

/* For the dialect: bytes of its own (a pong), as a message whose reference is taken over. */
void ws_control(struct wsd_conn *c, struct message *m);

/* For the dialect: the peer has ended it, or broken a rule.  `code` is for the close frame, which
 * goes out behind what the hub still has; `reason` is static. */
void ws_peer_ended(struct wsd_conn *c, int code, const char *reason);

/* Tell the hub that it has ended, and the peer if that was not done; give back what was borrowed.
 * Does nothing without a websocket. */
void ws_end(struct wsd_conn *c);

/* The queue was cut back to before the upgrade: say 503 instead, if nothing was said yet. */
void ws_rollback(struct wsd_conn *c);

#endif
