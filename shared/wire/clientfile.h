/* clientfile: the names under which a browser asks for its client (PROTOCOL section 18), and which
 * file each means.  Pure: opens nothing, and names no file but the four of the 0.9 release.
 *
 *	socket.io.js                            the client, with all its transports
 *	socket.io.min.js                        the same, smaller
 *	socket.io+websocket+xhr-polling.js      the same: the handshake says what is used
 *	socket.io.v0.9.17.js                    a name whose content never changes; any version
 *	static/flashsocket/WebSocketMain.swf    its Flash part, and WebSocketMainInsecure.swf */
#ifndef POLLUX_CLIENTFILE_H
#define POLLUX_CLIENTFILE_H

#include <stdbool.h>

#include "shared/base/slice.h"

struct clientfile {
	const char *name; /* in the folder; static */
	const char *type; /* for Content-Type; static */
	bool for_ever;    /* may be kept without asking again */
	bool script;      /* gets smaller by gzip; a SWF is compressed already */
};

/* Which file does `path` ask for, what stands behind the resource and its slash in a request
 * target? Return false when it is none of ours. */
bool clientfile_find(struct clientfile *file, struct slice path);

/* Does a client with this Accept-Encoding take gzip?  (RFC 9110, section 12.5.3) */
bool clientfile_accepts_gzip(struct slice accept_encoding);

/* Does this If-None-Match name the entity tag, given with its quotes?  Compared weakly: a cache on
 * the way may have marked it W/.  (RFC 9110, section 13.1.2) */
bool clientfile_has_tag(struct slice if_none_match, struct slice tag);

#endif
