/* dialect: how a websocket begins and how its frames look, as a table of functions.  The upgrade
 * chooses it; no other code asks which one it is. */
#ifndef POLLUX_WSD_DIALECT_H
#define POLLUX_WSD_DIALECT_H

#include "shared/hub/message.h"
#include "wsd/conn.h"

struct wsd_http;

/* Every function is set, but prove() only with a proof_n. */
struct dialect {
	const char *name;
	uint32_t number; /* see handover_record.h */

	/* Return what is wrong with the request `h->request`, static, or NULL. */
	const char *(*check)(const struct wsd_http *h);

	/* The head of the 101 to it.  NULL: out of memory. */
	struct message *(*head)(const struct wsd *w, const struct wsd_http *h);

	/* Bytes that the client sends after the request, once it has seen that head, to prove
	 * that it speaks this dialect; and the answer to them, which the first frame follows.
	 * proof_n 0: there are none. */
	size_t proof_n;
	struct message *(*prove)(const struct wsd_http *h, struct slice proof);

	/* Bytes have arrived: call ws_text() for each whole message, and ws_peer_ended() when the
	 * peer has ended the websocket or broken a rule.  Input that is not whole is kept in
	 * `c->partial` and `c->held`. */
	void (*input)(struct wsd_conn *c, struct slice bytes);

	/* Give `c->held` back; NULL is allowed there. */
	void (*release)(struct wsd_conn *c);

	/* A packet as one frame: another reference to `m`, or a copy.  NULL: out of memory. */
	struct message *(*frame)(struct wsd *w, struct message *m);

	/* The last frame.  NULL: out of memory. */
	struct message *(*close_frame)(struct wsd *w, int code, const char *reason);
};

#endif
