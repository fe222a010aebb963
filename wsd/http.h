/* http: requests and answers on one connection, as exchanges: one at a time, the next is read when
 * the answer is out.  A held poll keeps a struct http and nothing of its request. */
#ifndef POLLUX_WSD_HTTP_H
#define POLLUX_WSD_HTTP_H

#include "shared/transport/exchange.h"
#include "wsd/conn.h"
#include "wsd/peer.h"
#include "wsd/reply.h"
#include "wsd/request.h"

enum http_state {
	HTTP_READING,   /* a request, or for one to begin: `request` is NULL then */
	HTTP_PROVING,   /* an upgrade, whose client is to send something behind it */
	HTTP_HELD,      /* the hub has it */
	HTTP_STREAMING, /* the answer has begun */
	HTTP_ANSWERED,  /* all of it is queued */
	HTTP_SENT,      /* and written */
};

struct http {
	struct exchange x;
	struct conn *c;
	struct request *request; /* owned; until the hub has seen it, or a websocket begins */
	struct buf later;        /* what arrived behind it */
	enum http_state state;
	struct reply how; /* to answer */
	bool http10;      /* the client is of this age */
	bool continued;   /* 100 Continue was sent */
	struct peer peer;
};

/* Begin on a connection: sets c->http.  Return 0, or -1 when out of memory. */
int http_open(struct conn *c);

/* End: what was under way is told to the hub, c->http is freed.  Does nothing without one. */
void http_close(struct conn *c);

/* Bytes have arrived.  The connection may be a websocket afterwards. */
void http_input(struct conn *c, struct slice bytes);
void http_eof(struct conn *c);
bool http_takes_input(const struct conn *c);

/* All that was queued is out; then, when the hub can be called, what follows. */
void http_flushed(struct conn *c);
void http_after(struct conn *c);

/* The request was not complete in time. */
void http_expire(struct conn *c);

/* Nothing is under way. */
bool http_idle(const struct conn *c);

/* Answer by ourselves and end the connection: with the CORS headers, and `headers` besides. */
void http_refuse(struct conn *c, int status, const char *why, struct slice headers);

#endif
