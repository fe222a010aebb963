/* early: packets for a namespace that their client has not joined yet (PROTOCOL 5.6).
 *
 *	5:1+:/chat:{"name":"say"}   after an outage the clients 0.8 and 0.9 send what they have
 *	1::/chat                    buffered first, and join their namespaces then
 *
 * They are kept in the store, since each may come in a request of its own, to any process, and
 * reach the application behind the connection event.  The bounds are those of one session; what is
 * beyond them, or not joined in time, is dropped without an acknowledgement. */
#ifndef POLLUX_HUB_EARLY_H
#define POLLUX_HUB_EARLY_H

#include "shared/hub/hub.h"

/* PROTOCOL 5.4: an id without '+' is acknowledged by the server itself, before the application
 * sees the packet; not for heartbeats, acks, and the end of the whole session. */
void early_acknowledge(struct hub *h, struct session *s, const struct packet *pk);

/* A packet for the application: acknowledge it and hand it on if the session is in the namespace,
 * else keep its `text`. */
void early_receive(struct hub *h, struct session *s, struct hub_ns *ns, const struct packet *pk,
    struct slice text);

/* The session has joined the namespace and the application knows: hand on what was kept. */
void early_deliver(struct hub *h, struct session *s, struct hub_ns *ns);

/* The session may not join the namespace: drop what was kept. */
void early_drop(struct hub *h, struct session *s, const struct hub_ns *ns);

/* The session has left the namespace: keep nothing for it until it joins again.  0, or -1: the turn
 * is lost. */
int early_shut(struct hub *h, struct session *s, struct hub_ns *ns);

/* Drop what was not joined in time.  For the process that does maintenance. */
void early_expire(struct hub *h);

#endif
