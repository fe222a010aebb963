/* later: the text that answers a client's ack from anywhere: the public id of the session, the ack
 * id that the client gave its packet, and the namespace.
 *
 *	P0123456789a:17:/chat */
#ifndef POLLUX_LATER_H
#define POLLUX_LATER_H

#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* The ack that a client waits for. */
struct later {
	int64_t session;     /* key */
	struct slice id, ns; /* the id has digits only; the namespace is a valid name of one */
};

void later_write(struct buf *out, const struct later *l);

/* Read such a text, into which `out` points.  0, or -1: it is none. */
int later_read(struct later *out, struct slice text);

#endif
