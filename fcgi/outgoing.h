/* outgoing: answers as they are queued, and written after the commit. */
#ifndef POLLUX_FCGI_OUTGOING_H
#define POLLUX_FCGI_OUTGOING_H

#include "fcgi/fcgi.h"
#include "shared/transport/exchange.h"

/* By which the server answers; they queue. */
extern const struct exchange_ops outgoing_ops;

/* Write what is queued, and free the connection if it is closed.  After the commit. */
void outgoing_flush(struct fcgi_conn *c);

#endif
