/* incoming: requests as they arrive on a connection, up to the server's taking them.
 *
 * One that is here as a whole is read on the spot, one that is still arriving by a reader thread.
 * One that the server cannot take yet, since the store is locked, is parked. */
#ifndef POLLUX_FCGI_INCOMING_H
#define POLLUX_FCGI_INCOMING_H

#include "fcgi/fcgi.h"
#include "fcgi/request.h"

/* Watch a new connection.  Owns `fd`, on failure too. */
void incoming_open(struct fcgi *f, int fd);

/* Of a connection without a request: take the one that is here, if there is one. */
void incoming_look(struct fcgi_conn *c);

/* The callback for readers_open(); `conn` is the connection, `rq` what was read from it. */
void incoming_was_read(void *conn, struct fcgi_request *rq);

/* The store can be had again, or requests must not wait any longer: go on with one that is parked.
 * It may be parked again. */
void incoming_resume(struct fcgi_conn *c);

/* Its deadline has passed. */
void incoming_expire(struct fcgi_conn *c);

#endif
