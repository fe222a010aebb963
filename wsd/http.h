/* http: requests and answers on one connection, as exchanges: one at a time, the next is read when
 * the answer is out.  A held poll keeps a struct wsd_http and nothing of its request. */
#ifndef POLLUX_WSD_HTTP_H
#define POLLUX_WSD_HTTP_H

#include "shared/transport/exchange.h"
#include "wsd/conn.h"
#include "wsd/peer.h"
#include "wsd/reply.h"
#include "wsd/request.h"

enum wsd_http_state {
	WSD_HTTP_READING,   /* a request, or for one to begin: `request` is NULL then */
	WSD_HTTP_PROVING,   /* an upgrade, whose client is to send something behind it */
	WSD_HTTP_HELD,      /* the hub has it */
	WSD_HTTP_STREAMING, /* the answer has begun */
	WSD_HTTP_ANSWERED,  /* all of it is queued */
	WSD_HTTP_SENT,      /* and written */
};

struct wsd_http {
	struct exchange x;
	struct wsd_conn *c;
	struct wsd_request *request; /* owned; until the hub has seen it, or a websocket begins */
	struct buf later;            /* what arrived behind it */
	enum wsd_http_state state;
	struct wsd_reply how; /* to answer */
	bool http10;          /* the client is of this age */
	bool bare_lf;         /* or of the kind that knows no chunks (CLIENTS 3) */
	bool continued;       /* 100 Continue was sent */
	struct peer peer;
};

/* Begin on a connection: sets c->http.  Return 0, or -1 when out of memory. */
int wsd_http_open(struct wsd_conn *c);

/* End: what was under way is told to the hub, c->http is freed.  Does nothing without one. */
void wsd_http_close(struct wsd_conn *c);

/* Bytes have arrived.  The connection may be a websocket afterwards. */
void wsd_http_input(struct wsd_conn *c, struct slice bytes);
void wsd_http_eof(struct wsd_conn *c);
bool wsd_http_takes_input(const struct wsd_conn *c);

/* All that was queued is out; then, when the hub can be called, what follows. */
void wsd_http_flushed(struct wsd_conn *c);
void wsd_http_after(struct wsd_conn *c);

/* The request was not complete in time. */
void wsd_http_expire(struct wsd_conn *c);

/* Nothing is under way. */
bool wsd_http_idle(const struct wsd_conn *c);

/* Answer by ourselves and end the connection: with the CORS headers, and `headers` besides. */
void wsd_http_refuse(struct wsd_conn *c, int status, const char *why, struct slice headers);

#endif
