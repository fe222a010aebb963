/* route: what a request target under the Socket.IO resource asks for (PROTOCOL section 2).  Pure.
 * Works on the raw target, without percent-decoding.
 *
 *	/socket.io/1/?t=1                        handshake
 *	/socket.io/1/xhr-polling/SID?t=1         transport
 *	/socket.io/1//SID/?disconnect=1          session */
#ifndef POLLUX_ROUTE_H
#define POLLUX_ROUTE_H

#include <stdbool.h>

#include "shared/base/slice.h"

enum transport_id {
	TRANSPORT_NONE,
	TRANSPORT_WEBSOCKET,
	TRANSPORT_FLASHSOCKET,
	TRANSPORT_HTMLFILE,
	TRANSPORT_XHR_POLLING,
	TRANSPORT_JSONP_POLLING,
	TRANSPORT_XHR_MULTIPART,
	TRANSPORT_COUNT,
};

enum route_kind {
	ROUTE_NOT_FOUND,   /* outside the resource, or too many segments */
	ROUTE_WELCOME,     /* the bare resource */
	ROUTE_BAD_VERSION, /* a first segment that is not "1" */
	ROUTE_HANDSHAKE,   /* /1/, also /1/<transport>/ without a session id */
	ROUTE_TRANSPORT,   /* /1/<transport>/<sid>; TRANSPORT_NONE when its name is unknown */
	ROUTE_SESSION,     /* /1/<sid> or /1//<sid>: with ?disconnect, or from clients 0.9.7/8 */
};

struct route {
	enum route_kind kind;
	enum transport_id transport;
	/* borrowed from the target, empty when absent */
	struct slice path; /* after the resource and its slash, without the query */
	struct slice sid;
	struct slice query; /* without '?' */
	bool disconnect;    /* the query has the key "disconnect" */
	bool has_jsonp;     /* it has a valid jsonp=N */
	unsigned jsonp;
	unsigned index; /* i=N; 0 when absent or not digits */
};

/* Read a raw request target, in origin or absolute form.  `resource` is the prefix without slashes
 * around it ("socket.io", "app/socket.io").  Segments are separated by single slashes; after "1" a
 * second one is tolerated ("/1//SID" has an empty transport, PROTOCOL 2.1).  A single segment after
 * "/1/" that names a transport is a handshake, any other one ROUTE_SESSION. */
void route_parse(struct route *r, struct slice target, const char *resource);

/* The origin form of a request target, "/path?query" (RFC 9112, section 3.2.1).  The absolute form,
 * "http://host/path?query", which Apache hands on when a proxy sent it, loses scheme and host.
 * Return a slice of `target`; the empty one (p NULL) when there is no path. */
struct slice route_origin_form(struct slice target);

/* The wire name of a transport: "xhr-polling"; NULL for TRANSPORT_NONE. */
const char *route_transport_name(enum transport_id id);

/* The transport of a wire name; TRANSPORT_NONE when unknown. */
enum transport_id route_transport_by_name(struct slice name);

#endif
