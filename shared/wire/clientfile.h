/* clientfile: the names under which a browser asks for the client script and its Flash part
 * (PROTOCOL section 18), and which file of the 0.9 release each one means.  Pure: opens nothing,
 * and never names a file other than those four.
 *
 *	socket.io.js                            the client, with all its transports
 *	socket.io.min.js                        the same, minified
 *	socket.io+websocket+xhr-polling.js      the same: the handshake decides what is used
 *	socket.io.v0.9.17.js                    the same, may be cached for ever; any version
 *	static/flashsocket/WebSocketMain.swf    the Flash part, and WebSocketMainInsecure.swf */
#ifndef POLLUX_CLIENTFILE_H
#define POLLUX_CLIENTFILE_H

#include <stdbool.h>

#include "shared/base/slice.h"

struct clientfile {
	const char *name; /* in the folder of client files; static */
	const char *type; /* for Content-Type; static */
	bool for_ever;    /* versioned: caches need not revalidate it */
	bool script;      /* worth compressing; a SWF is compressed already */
};

/* Find the file that `path` asks for: the part of a request target after the resource and its
 * slash, without the query.  Return false when it is not a client file. */
bool clientfile_find(struct clientfile *file, struct slice path);

/* Whether a client with this Accept-Encoding takes gzip (RFC 9110, section 12.5.3). */
bool clientfile_accepts_gzip(struct slice accept_encoding);

/* Whether this If-None-Match lists the entity tag, given with its quotes.  Compared weakly: a
 * cache on the way may have prefixed it with W/.  (RFC 9110, section 13.1.2) */
bool clientfile_has_tag(struct slice if_none_match, struct slice tag);

#endif
