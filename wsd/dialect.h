/* dialect: how a websocket begins and how its frames look.  Chosen once, at the upgrade; no other
 * code asks which one it is. */
#ifndef POLLUX_WSD_DIALECT_H
#define POLLUX_WSD_DIALECT_H

#include "shared/hub/message.h"
#include "wsd/conn.h"

struct wsd_http;

struct dialect {
	const char *name;

	/* What is missing in the request `h->request`; static.  NULL: nothing. */
	const char *(*check)(const struct wsd_http *h);

	/* The head of the 101 to it.  NULL: out of memory. */
	struct message *(*head)(const struct wsd *w, const struct wsd_http *h);

	/* Bytes behind the request that the client proves itself with, once it has seen that head;
	 * and the answer to them, which the first frame follows.  0 and NULL: none. */
	size_t proof_n;
	struct message *(*prove)(const struct wsd_http *h, struct slice proof);

	/* Bytes have arrived: call ws_text() for each message that is whole, ws_peer_ended() when the
	 * peer has ended it or broken a rule; keep what is not whole in `c->partial` and `c->held`. */
	void (*input)(struct wsd_conn *c, struct slice bytes);

	/* Give `c->held` back. */
	void (*release)(struct wsd_conn *c);

	/* A packet as one frame: a reference of its own to `m`, or to a copy.  NULL: out of memory.
	 */
	struct message *(*frame)(struct wsd *w, struct message *m);

	/* The last frame.  NULL: out of memory. */
	struct message *(*close_frame)(struct wsd *w, int code, const char *reason);
};

#endif
