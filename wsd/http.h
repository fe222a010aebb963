/* http: one exchange after the other on a connection, and their answers; http_read.h reads the
 * requests.  The next request is read when the answer is written.  A held poll keeps a struct
 * wsd_http and nothing of its request. */
#ifndef POLLUX_WSD_HTTP_H
#define POLLUX_WSD_HTTP_H

#include "shared/transport/exchange.h"
#include "wsd/conn.h"
#include "wsd/peer.h"
#include "wsd/reply.h"
#include "wsd/request.h"

enum wsd_http_state {
	WSD_HTTP_READING, /* a request; `request` is NULL until its first byte arrives */
	WSD_HTTP_PROVING, /* a granted upgrade, whose dialect wants more bytes of the client */
	WSD_HTTP_WAITING, /* an upgrade that waits for the store, or for another node; `later` has
	                   * what follows it */
	WSD_HTTP_HELD,    /* the hub has the request; or it waits for the store: `request` is set */
	WSD_HTTP_STREAMING, /* the answer has begun */
	WSD_HTTP_ANSWERED,  /* all of it is queued */
	WSD_HTTP_SENT,      /* all of it is written */
};

struct wsd_http {
	struct exchange x;
	struct wsd_conn *c;
	struct wsd_request *request; /* owned; until the hub has seen it, or a websocket begins */
	struct buf later;            /* pipelined input; WSD_HTTP_PROVING: the proof so far */
	enum wsd_http_state state;
	struct wsd_reply how; /* to answer */
	bool http10;          /* the client speaks HTTP/1.0: no chunks */
	bool bare_lf;         /* it ends lines by LF alone, and knows no chunks (CLIENTS 3) */
	bool continued;       /* 100 Continue was sent */
	struct peer peer;
	bool by_proxy;             /* the peer is trusted, and so are its X-Forwarded headers */
	char client[ADDRESS_SIZE]; /* the client's address, of the request; empty: unknown */
};

/* Allocate c->http.  Return 0, or -1 when out of memory. */
int wsd_http_open(struct wsd_conn *c);

/* Tell the transport the fate of an exchange that is under way, and free c->http.  Does nothing
 * without one. */
void wsd_http_close(struct wsd_conn *c);

/* Fill the exchange from the request, which is whole. */
void wsd_http_describe(struct wsd_http *h);

/* Hand the exchange to the hub, and free the request. */
void wsd_http_ask(struct wsd_http *h);

/* Answer without asking the hub, with CORS headers and `headers` (as in struct response), and close
 * the connection. */
void wsd_http_refuse(struct wsd_conn *c, int status, const char *why, struct slice headers);

/* All that was queued is written. */
void wsd_http_flushed(struct wsd_conn *c);

/* The hub can be called: if the answer is written, tell its fate.  Return true if another request
 * may be read now. */
bool wsd_http_next(struct wsd_conn *c);

#endif
