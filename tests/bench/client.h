/* client: one Socket.IO 1 client of the load generator, over websocket or xhr-polling.
 *
 * It behaves like the browser's client: a handshake, then one websocket; or one connection for the
 * polls, one after the other, and one for the POSTs, one at a time, the next with everything sent
 * meanwhile.  It answers heartbeats.  A client that loses its session calls `on_fail` once and
 * cannot be used any more. */
#ifndef POLLUX_BENCH_CLIENT_H
#define POLLUX_BENCH_CLIENT_H

#include "tests/bench/link.h"

enum client_transport {
	CLIENT_WEBSOCKET,
	CLIENT_POLLING,
	CLIENT_BARE /* a websocket without a session: open once upgraded */
};

enum client_state {
	CLIENT_IDLE,
	CLIENT_HANDSHAKE,
	CLIENT_CONNECTING,
	CLIENT_OPEN,
	CLIENT_FAILED
};

struct client {
	/* to be set by the owner */
	struct ev_loop *loop;
	enum client_transport transport;
	struct in_addr from;
	struct sockaddr_in to;
	struct sockaddr_in later; /* where polls and POSTs go once it is open */
	void *owner;
	void (*on_open)(struct client *c);
	void (*on_event)(struct client *c, struct slice packet); /* a whole `5:...` */
	void (*on_fail)(struct client *c, const char *why);

	/* private */
	enum client_state state;
	bool upgraded; /* websocket: frames from here on */
	bool posting;  /* a POST is under way */
	bool polled;   /* a poll has opened it */
	char sid[65];
	struct link main; /* the handshake, then the websocket or the polls */
	struct link post;
	struct buf outbox; /* packets for the next POST, framed */
	unsigned outbox_packets;
	uint32_t mask; /* of the last frame */
	unsigned long requests;
};

/* Start with the handshake.  Return 0, or -1 with errno. */
int client_open(struct client *c);

/* Queue one packet, ASCII, below 64 kB, until the flush.  Packets queued within on_open and
 * on_event need no flush. */
void client_send(struct client *c, struct slice packet);
void client_flush(struct client *c);

/* Close the connections without a disconnect packet and free everything. */
void client_free(struct client *c);

#endif
