/* clients: each is sent the policy when it connects, as the reference does, and must then leave.
 *
 * The request is read, since closing a socket with unread bytes resets the connection and may lose
 * the answer, but it is not parsed: the answer is always the same. */
#ifndef POLLUX_POLICYD_CLIENTS_H
#define POLLUX_POLICYD_CLIENTS_H

#include "policyd/policyd.h"

/* Accept clients of p->listen, from the next turn of the loop on.  p->policy must be set.
 * Sets p->clients.  Return 0, or -1 when out of memory. */
int clients_open(struct policyd *p);

/* The settings may have changed.  `policy` is sent from now on, and is swapped with p->policy;
 * clients that have a part of the old one are dropped if it is another. */
void clients_reload(struct policyd *p, struct buf *policy);

/* SIGTERM: accept no more, and end the loop when the clients have left. */
void clients_drain(struct policyd *p);

/* How many are connected. */
size_t clients_count(const struct policyd *p);

/* Drop those that are left.  Does nothing before clients_open(). */
void clients_close(struct policyd *p);

#endif
