/* transport: what the transports differ in, a row for each; the row is chosen once, by the name in
 * the URL, and no other code asks which transport it serves.
 *
 *	polling.c    holds GETs                   xhr_polling.c, jsonp_polling.c
 *	streaming.c  answers a GET without end    htmlfile.c, xhr_multipart.c
 *	websocket.c  has no GETs                  both kinds of sockets
 *	post.c       takes POSTs                  for all */
#ifndef POLLUX_TRANSPORT_H
#define POLLUX_TRANSPORT_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"
#include "shared/wire/route.h"

struct server;

struct transport {
	/* Can this process, or one it can send clients to, serve it now?  What cannot be served is
	 * not advertised. */
	bool (*works)(struct server *sv);

	/* A GET has come: answer it or hold it. */
	void (*open)(struct server *sv, struct exchange *x, const struct route *route);

	/* The answer to a GET. */
	const char *content_type;
	const char *headers; /* further lines, each ending in \r\n */
	struct slice head;   /* what it begins with */
	/* Append what carries `text` to the client: of polling all that waits, one packet or a
	 * payload; of a stream one packet.  `index` is that of the GET. */
	void (*wrap)(struct buf *out, struct slice text, unsigned index);

	/* The payload in the body of a POST: in the body itself or in `scratch`, which is empty.
	 * It is cleaned to UTF-8 later; an empty one is ignored. */
	struct slice (*unwrap)(struct slice body, struct buf *scratch);
};

extern const struct transport transport_xhr_polling, transport_jsonp_polling, transport_htmlfile,
    transport_xhr_multipart, transport_websocket;

/* The row of a transport; NULL for TRANSPORT_NONE. */
const struct transport *transport_row(enum transport_id id);

/* For rows: text that needs no wrapping, and a body that is the payload. */
void transport_wrap_bare(struct buf *out, struct slice text, unsigned index);
struct slice transport_unwrap_bare(struct slice body, struct buf *scratch);

/* polling.c, streaming.c: for rows. */
bool polling_works(struct server *sv);
void polling_open(struct server *sv, struct exchange *x, const struct route *route);
bool streaming_works(struct server *sv);
void streaming_open(struct server *sv, struct exchange *x, const struct route *route);

#endif
