/* conn: one TCP connection, from accept to close.  What it speaks is c->protocol's business.
 *
 *	OPEN -> ENDING -> FLUSHING -> DRAINING -> CLOSED
 *
 * ENDING is the websocket's only, and CLOSED can follow any state.  An idle websocket is this
 * struct and nothing else: buffers are borrowed, or allocated while something is under way. */
#ifndef POLLUX_WSD_CONN_H
#define POLLUX_WSD_CONN_H

#include "shared/transport/websocket.h"
#include "wsd/parked.h"
#include "wsd/partial.h"
#include "wsd/protocol.h"
#include "wsd/wsd.h"

enum wsd_conn_state {
	WSD_CONN_OPEN,     /* the protocol reads and writes */
	WSD_CONN_ENDING,   /* the peer has ended the protocol: its input is ignored, after() sends
	                    * what the hub still has for it, then the close frame */
	WSD_CONN_FLUSHING, /* the last bytes are queued */
	WSD_CONN_DRAINING, /* they are written, and our FIN.  Wait for the peer's: close() with
	                    * unread input would send a reset, and the peer lose what it has not
	                    * read */
	WSD_CONN_CLOSED,   /* the hub is to be told, then the struct is freed */
};

struct wsd_conn {
	struct ev_io io;
	struct wsd *wsd;
	const struct protocol *protocol;
	struct partial *partial; /* owned; input that is not whole; NULL: none */
	struct outqueue *out;    /* owned; NULL: nothing waits to be written */
	struct tls *tls;         /* owned; NULL: it is not encrypted */

	/* HTTP's */
	struct wsd_http *http; /* owned; NULL before and after */

	/* The websocket's */
	const struct dialect *dialect; /* from its upgrade on */
	void *held;                    /* the dialect's, between the fragments of a message */
	struct parked *parked;         /* owned; texts that wait for the store; NULL: none */
	struct websocket ws;
	struct handover_item *given; /* handover_end.h: another process has it, or will; NULL: no */
	const char *reason;          /* static; why it ended, for the application */
	/* w->turn in which it became a websocket, and the messages queued by then: a rollback drops
	 * the later ones */
	uint32_t begun_turn, begun_message;
	uint16_t code; /* WSD_CONN_ENDING: of the close frame */

	LIST_ENTRY(wsd_conn) all;
	SLIST_ENTRY(wsd_conn) dirty;
	SLIST_ENTRY(wsd_conn) after;
	SLIST_ENTRY(wsd_conn) finalized;
	STAILQ_ENTRY(wsd_conn) unread;
	TAILQ_ENTRY(wsd_conn) wait;
	TAILQ_ENTRY(wsd_conn) parking;
	int64_t deadline_at;

	uint8_t state; /* enum wsd_conn_state */
	uint8_t waits; /* enum deadline */
	bool is_dirty : 1;
	bool is_after : 1;
	bool is_finalized : 1;
	bool is_unread : 1;
	bool is_parked : 1;
	bool is_refused : 1; /* over the limit on connections: it gets its 503 and goes */
	bool granted : 1; /* websocket: the head of the 101 was sent before the session was found */
	bool attached : 1; /* websocket: the transport has `ws` */
	bool blocked : 1;  /* the kernel takes no more: EV_WRITE is watched */
	bool eof : 1;      /* the peer has sent its FIN */
};

/* Watch a new connection that speaks `first`.  Owns `fd`, on failure too.  NULL: out of memory. */
struct wsd_conn *wsd_conn_open(struct wsd *w, int fd, const struct protocol *first);

/* A new connection is to begin with a handshake of TLS. */
void wsd_conn_start_tls(struct wsd_conn *c);

/* Close a connection: no callback but after() and end() follows, both before the loop sleeps, where
 * it is freed too.  Allowed at any depth, and twice.  `reason` is static. */
void wsd_conn_close(struct wsd_conn *c, const char *reason);

/* Queue a framed message; takes over the reference.  NULL, for "out of memory", closes. */
void wsd_conn_send(struct wsd_conn *c, struct message *m);

/* The same within limits.queue_packets and queue_bytes; past them the connection is closed. */
void wsd_conn_send_limited(struct wsd_conn *c, struct message *m);

/* Nothing more will be queued: write what is, then close in order. */
void wsd_conn_finish(struct wsd_conn *c);

/* Read what has arrived. */
void wsd_conn_read(struct wsd_conn *c);

/* Give bytes to the protocol, and what it leaves to the one that it hands over to.  WSD_CONN_OPEN
 * only. */
void wsd_conn_input(struct wsd_conn *c, struct slice in);

/* Write what is queued. */
void wsd_conn_flush(struct wsd_conn *c);

/* Put it on the list of connections to write, or of those whose after() is due. */
void wsd_conn_set_dirty(struct wsd_conn *c);
void wsd_conn_set_after(struct wsd_conn *c);

/* What the connection has to do next needs the store, which cannot be had now: put it off until
 * wsd_conn_resume(). */
void wsd_conn_park(struct wsd_conn *c);
void wsd_conn_resume(struct wsd_conn *c);

/* It was on the second list. */
void wsd_conn_after(struct wsd_conn *c);

/* Its deadline has passed. */
void wsd_conn_expire(struct wsd_conn *c);

/* SIGTERM: read what may have arrived while it was idle, so that it is answered. */
void wsd_conn_read_last(struct wsd_conn *c);

/* SIGTERM: close it if it is idle. */
void wsd_conn_drain(struct wsd_conn *c);

/* Free one that is finalized and on no list but w->conns. */
void wsd_conn_free(struct wsd_conn *c);

#endif
