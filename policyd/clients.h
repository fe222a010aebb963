/* clients: whoever connects is told the policy at once, as the reference does, and has then to go.
 *
 * The request of Flash Player is read so that closing does not reset the answer, but not
 * understood: there is nothing else to be had here. */
#ifndef POLLUX_POLICYD_CLIENTS_H
#define POLLUX_POLICYD_CLIENTS_H

#include "policyd/policyd.h"

/* Take in whoever connects to p->listen, from the next turn of the loop on.  The policy is there.
 * Sets p->clients.  Return 0, or -1 when out of memory. */
int clients_open(struct policyd *p);

/* SIGTERM: take in no more; the loop ends when those that are there have left. */
void clients_drain(struct policyd *p);

/* How many there are. */
size_t clients_count(const struct policyd *p);

/* Cut off those that are left.  Does nothing without clients_open(). */
void clients_close(struct policyd *p);

#endif
