/* ws: the protocol of a connection that is a websocket, between its dialect below and the transport
 * above (PROTOCOL section 12). */
#ifndef POLLUX_WSD_WS_H
#define POLLUX_WSD_WS_H

#include "shared/wire/route.h"
#include "wsd/conn.h"
#include "wsd/dialect.h"

extern const struct protocol ws_protocol;

/* The upgrade is granted, and c->dialect set: queue its answer `head` (the rest of it, if some was
 * sent before), whose reference is taken over, and attach the session. */
void ws_begin(struct wsd_conn *c, struct message *head, const struct route *route);

/* The upgrade is granted only because old clients understand no other refusal: queue `head`, one
 * packet and the close frame, then end. */
void ws_begin_refused(struct wsd_conn *c, struct message *head, struct slice packet);

/* The packet for a session that does not exist any more: the client makes a new one. */
#define WS_UNKNOWN SLICE("7:::1+0")

/* For the dialect: a text message.  Return false when the connection is not WSD_CONN_OPEN any more.
 */
bool ws_text(struct wsd_conn *c, struct slice text);

/* For the dialect: a control frame of its own (a pong), as a message whose reference is taken over.
 */
void ws_control(struct wsd_conn *c, struct message *m);

/* For the dialect: the peer has ended the websocket, or broken a rule.  `code` is for the close
 * frame, which is sent after what the hub still has; `reason` is static. */
void ws_peer_ended(struct wsd_conn *c, int code, const char *reason);

/* Whether another process can go on with it: it is between two messages, or in one that has come in
 * part but can come there from its beginning, and nothing of it waits here. */
bool ws_can_be_given(const struct wsd_conn *c);

/* Detach its session for another process: see websocket_give(). */
bool ws_give(struct wsd_conn *c, struct websocket_state *state);

/* Be that process, or take it back: attach its session.  WSD_CONN_OPEN; it may be closed by
 * this. */
void ws_take(struct wsd_conn *c, const struct websocket_state *state);

/* The turn was rolled back.  If the connection became a websocket in it, take back what is queued
 * since, and answer 503 unless a part of the 101 is sent already. */
void ws_rollback(struct wsd_conn *c);

/* What this turn did is undone (server_on_rollback()): drop what was queued of it. */
void ws_take_back(struct wsd_conn *c);

#endif
