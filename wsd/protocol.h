/* protocol: what a connection speaks, as a table of functions.
 *
 *	policy ---> http_read ---> ws
 *
 * A connection has one protocol at a time, c->protocol.  The listener gives it the first one, and
 * input() of each may hand it to the next.  conn.c calls through this table only and knows none of
 * the rows; a row is named by the file that hands a connection over to it. */
#ifndef POLLUX_WSD_PROTOCOL_H
#define POLLUX_WSD_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

struct wsd_conn;

/* Every function is set. */
struct protocol {
	const char *name;
	size_t read_bytes; /* most to read at once, while c->partial is empty */
	bool metered; /* left unread once the turn has given the hub enough messages; see conn.c */

	/* Bytes have arrived, in WSD_CONN_OPEN only.  When this sets c->protocol, the new one gets
	 * what is left of `*in`.  Input that is not whole is kept, in c->partial or elsewhere. */
	void (*input)(struct wsd_conn *c, struct slice *in);

	/* The peer has sent its FIN, and c->eof is set.  WSD_CONN_OPEN only. */
	void (*eof)(struct wsd_conn *c);

	/* Back-pressure: return false to leave the peer's bytes in the kernel.
	 * WSD_CONN_OPEN only. */
	bool (*takes_input)(const struct wsd_conn *c);

	/* Everything that was queued is written.  WSD_CONN_OPEN or WSD_CONN_ENDING. */
	void (*flushed)(struct wsd_conn *c);

	/* The queues are written and the hub can be called: wsd_conn_set_after() asked for this.
	 * WSD_CONN_OPEN or WSD_CONN_ENDING. */
	void (*after)(struct wsd_conn *c);

	/* What wsd_conn_park() put off may go on, or be put off again.  WSD_CONN_OPEN only. */
	void (*resume)(struct wsd_conn *c);

	/* Whether ending it needs the store: then after() and end() wait for that. */
	bool (*needs_store)(const struct wsd_conn *c);

	/* The deadline c->waits has passed; DEADLINE_SEND is conn.c's own.  Return the reason to
	 * close the connection with, static, or NULL after answering the peer instead. */
	const char *(*expire)(struct wsd_conn *c);

	/* Nothing is under way, so SIGTERM may close the connection at once. */
	bool (*is_idle)(const struct wsd_conn *c);

	/* The connection is closed: tell the hub and free what the protocol owns.  The last
	 * call. */
	void (*end)(struct wsd_conn *c);
};

#endif
