/* readers: a few threads that read the requests which arrive in pieces, so that a slow body does
 * not hold up the loop.  Whoever is slow for too long is cut off by the loop (shutdown(2) of the
 * connection ends the read). */
#ifndef POLLUX_FCGI_READERS_H
#define POLLUX_FCGI_READERS_H

#include "fcgi/conn.h"

/* Start the threads.  NULL after logging why. */
struct readers *readers_open(struct fcgi *f);
/* Stop them; connections being read must have been shut down. */
void readers_close(struct readers *r);

/* Hand a connection over; conn_was_read() comes from the loop.  -1: the queue is full. */
int readers_add(struct readers *r, struct conn *c);

#endif
