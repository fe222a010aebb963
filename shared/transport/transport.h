/* transport: what the transports differ in, one row each.  The name in the URL selects the row; no
 * other code asks which transport it serves.
 *
 *	polling.c    holds GETs                   xhr_polling.c, jsonp_polling.c
 *	streaming.c  answers a GET without end    htmlfile.c, xhr_multipart.c
 *	websocket.c  answers a GET with 426       websocket, flashsocket
 *	post.c       takes POSTs                  all
 *
 * Rows never call transport.c, which lists them: they are passed their own row. */
#ifndef POLLUX_TRANSPORT_H
#define POLLUX_TRANSPORT_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"
#include "shared/wire/route.h"

struct server;

struct transport {
	/* Whether this process, or one that clients can reach from here, can serve it now.  What
	 * cannot be served is not advertised. */
	bool (*works)(struct server *sv);

	/* A GET has come: answer it or hold it.  `t` is this row. */
	void (*open)(struct server *sv, const struct transport *t, struct exchange *x,
	    const struct route *route);

	/* The answer to a GET. */
	const char *content_type;
	const char *headers; /* further lines, each ending in \r\n */
	struct slice head;   /* what it begins with */
	/* Append `text` as the client expects it.  `text` is all that goes into the answer of a
	 * poll (one packet or a payload), or one packet of a stream.  `index`: see struct route. */
	void (*wrap)(struct buf *out, struct slice text, unsigned index);

	/* The payload in the body of a POST: part of the body itself, or written to `scratch`,
	 * which is empty.  The caller cleans it to UTF-8; an empty payload is ignored. */
	struct slice (*unwrap)(struct slice body, struct buf *scratch);
};

extern const struct transport transport_xhr_polling, transport_jsonp_polling, transport_htmlfile,
    transport_xhr_multipart, websocket_row;

/* The row of a transport; NULL for TRANSPORT_NONE. */
const struct transport *transport_row(enum transport_id id);

/* Whether it is enabled and can be served now. */
bool transport_works(struct server *sv, enum transport_id id);

/* --- for rows ------------------------------------------------------------------------------- */

/* bare.c: text that needs no wrapping, a body that is the payload. */
void bare_wrap(struct buf *out, struct slice text, unsigned index);
struct slice bare_unwrap(struct slice body, struct buf *scratch);

bool polling_works(struct server *sv);
void polling_open(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route);

bool streaming_works(struct server *sv);
void streaming_open(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route);

#endif
