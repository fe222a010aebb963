/* websocket: the Socket.IO side of a websocket or flashsocket (PROTOCOL section 12): session,
 * heartbeats, packets in and out.  Frames and sockets are up to the program. */
#ifndef POLLUX_WEBSOCKET_H
#define POLLUX_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/hub/hub.h"
#include "shared/transport/exchange.h"
#include "shared/transport/heartbeat.h"
#include "shared/transport/server.h"
#include "shared/wire/route.h"

struct websocket;

/* The frame sink: what the program does for the transport.  Ops only queue; the program writes
 * after server_settle().  None of them calls back before it returns. */
struct websocket_ops {
	/* Queue one message as one text frame; takes a reference of its own if it keeps it.  Past
	 * the connection's limits the program closes it (from its loop, by websocket_gone()). */
	void (*send)(struct websocket *ws, struct message *m);
	/* Send what is queued, then a close frame with this code, then end the connection.  The
	 * session is detached: the transport makes no further call. */
	void (*close)(struct websocket *ws, int code, const char *reason);
	/* Stop reading from the connection (what was read already may still come), or read on:
	 * `ws->paused` has changed. */
	void (*pause)(struct websocket *ws);
};

/* Embedded in the program's connection; zeroed before websocket_open(). */
struct websocket {
	const struct websocket_ops *ops; /* set by the program */
	struct session *session;         /* the transport's; NULL when not open */
	struct server *server;           /* the transport's */
	struct heartbeat heartbeat;      /* the transport's; runs while it has a session */
	bool paused;                     /* the transport's; the program reads nothing */
	struct relayed *relayed;         /* the relay's: its session is on another node */
};

/* What to answer to an upgrade request. */
enum websocket_verdict {
	WEBSOCKET_GO,      /* 101, then websocket_open() */
	WEBSOCKET_UNKNOWN, /* 101, text frame 7:::1+0, close 1000 (PROTOCOL 12.1) */
	WEBSOCKET_REFUSED, /* answer `*status` with the sentence `*why` instead of 101 */
	WEBSOCKET_WAIT, /* another node is asked for the session: x->judge_again() will be called,
	                    * or the program tells by x->on_fate that the client has left */
};

/* Judge an upgrade to `route`, which was parsed from x->target.  Does not change the session. */
enum websocket_verdict websocket_judge(struct server *sv, const struct route *route,
    struct exchange *x, int *status, const char **why);

/* The 101 is queued: attach the session.  Sends 1:: and whatever waits; if it has ended, what the
 * client has not collected yet and 0::, and closes: kicked, it must not come back.  `x` is the one
 * that was judged.
 * Return 0, or -1 when the session is not live any more (the program closes as for UNKNOWN). */
int websocket_open(
    struct server *sv, struct websocket *ws, const struct route *route, struct exchange *x);

/* How a websocket stands that goes over to another process. */
struct websocket_state {
	char sid[STORE_SID_SIZE];
	int64_t gen;
	enum heartbeat_state beat;
	int64_t beat_at; /* ms of CLOCK_MONOTONIC */
};

/* Another process goes on with it: detach the session, in a way that nobody notices.  Not while it
 * is `paused`.  True: it holds once the turn is committed; if that is rolled back, close the
 * connection.  False: it is unchanged, or its end was told; or the turn is lost. */
bool websocket_give(struct server *sv, struct websocket *ws, struct websocket_state *state);

enum websocket_take {
	WEBSOCKET_TAKEN, /* or it has ended meanwhile, and was told */
	WEBSOCKET_LATE,  /* another transport has the session: nothing may be written */
	WEBSOCKET_LOST,  /* there is no such session any more: as for UNKNOWN */
	WEBSOCKET_BUSY,  /* the store failed */
};

/* The other process; or the same, if the other could not take it.  What was sent meanwhile is sent
 * now.  `ws` has its ops, and is zeroed otherwise. */
enum websocket_take websocket_take(
    struct server *sv, struct websocket *ws, const struct websocket_state *state);

/* One text message arrived: one packet.  May call ops->close.  `text` is valid UTF-8 (RFC 6455) or
 * is cleaned by the program (hixie).  False: the store cannot be had now: give it again, before all
 * that follows it, once server_waits() is false. */
bool websocket_text(struct server *sv, struct websocket *ws, struct slice text);

/* The connection has ended, or the program closes it.  The session ends, with this reason for the
 * application ("socket end", "socket error", ...), unless it was detached before. */
void websocket_gone(struct server *sv, struct websocket *ws, const char *reason);

#endif
