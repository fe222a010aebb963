/* dialect: how the frames of a websocket look.  Chosen once, at the upgrade; no other code asks
 * which one it is. */
#ifndef POLLUX_WSD_DIALECT_H
#define POLLUX_WSD_DIALECT_H

#include "shared/hub/message.h"
#include "wsd/conn.h"

struct dialect {
	const char *name;

	/* Bytes have arrived: call ws_text() for each message that is whole, ws_over() when the
	 * peer has ended it or broken a rule; keep what is not whole in `c->rest` and `c->held`. */
	void (*input)(struct conn *c, struct slice bytes);

	/* Give `c->held` back. */
	void (*release)(struct conn *c);

	/* A packet as one frame: a reference of its own to `m`, or to a copy.  NULL: out of memory.
	 */
	struct message *(*frame)(struct wsd *w, struct message *m);

	/* The last frame.  NULL: out of memory. */
	struct message *(*goodbye)(struct wsd *w, int code, const char *reason);
};

#endif
