#include "wsd/upgrade.h"

#include "shared/wire/handshake.h"
#include "shared/wire/route.h"
#include "wsd/hybi.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/ws.h"

#define NO_HEADERS ((struct slice){NULL, 0})

/* Sixteen random bytes in base64: 22 characters and "==". */
static bool
key_well_formed(struct slice key)
{
	if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++) {
		char c = key.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '+' && c != '/')
			return false;
	}
	return true;
}

/* The dialect of a request, or NULL after it was refused.  13 is RFC 6455; 8 and 7 are drafts with
 * the same frames and the same answer. */
static const struct dialect *
choose_dialect(struct conn *c)
{
	const struct request *r = c->http->request;
	struct slice version = request_header(r, "sec-websocket-version");

	if (!slice_is(version, "13") && !slice_is(version, "8") && !slice_is(version, "7")) {
		http_refuse(c, 426, "This version of websocket is not spoken here.",
		    SLICE("Upgrade: websocket\r\nSec-WebSocket-Version: 13, 8, 7\r\n"));
		return NULL;
	}
	if (!key_well_formed(request_header(r, "sec-websocket-key"))) {
		http_refuse(c, 400, "Sec-WebSocket-Key is missing or not a key.", NO_HEADERS);
		return NULL;
	}
	return &dialect_hybi;
}

/* The drafts name the origin differently. */
static struct slice
origin_of(const struct request *r)
{
	struct slice draft = request_header(r, "sec-websocket-origin");

	if (slice_is(request_header(r, "sec-websocket-version"), "13") || draft.n == 0)
		return request_header(r, "origin");
	return draft;
}

static struct message *
switching_protocols(const struct request *r)
{
	char accept[WEBSOCKET_ACCEPT_LENGTH + 1];
	struct message *m;
	struct buf out;

	if (websocket_accept(accept, request_header(r, "sec-websocket-key")) == -1)
		return NULL;
	buf_init(&out, 0);
	buf_printf(&out,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n"
	    "\r\n",
	    accept);
	m = out.failed ? NULL : outqueue_raw(buf_slice(&out));
	buf_free(&out);
	return m;
}

/* The request is a well-formed upgrade to a session: what does the transport say? */
static void
judge(struct conn *c, const struct dialect *d, const struct route *route)
{
	struct http *h = c->http;
	int status = 400;
	const char *why = "";

	h->x.origin = origin_of(h->request);
	switch (websocket_judge(c->wsd->sv, route, &h->x, &status, &why)) {
	case WEBSOCKET_GO:
		ws_open(c, d, switching_protocols(h->request), route);
		break;
	case WEBSOCKET_UNKNOWN:
		ws_tell(c, d, switching_protocols(h->request), WS_UNKNOWN);
		break;
	case WEBSOCKET_ENDED:
		ws_tell(c, d, switching_protocols(h->request), SLICE("0::"));
		break;
	case WEBSOCKET_REFUSED:
		http_refuse(c, status, why, NO_HEADERS);
		break;
	}
}

bool
upgrade(struct conn *c)
{
	struct http *h = c->http;
	const struct request *r = h->request;
	const struct dialect *d;
	struct route route;

	route_parse(&route, h->x.target, c->wsd->cfg->resource);
	if (route.disconnect) /* the end of a session, however it is asked for */
		return false;
	if (route.kind == ROUTE_NOT_FOUND)
		http_refuse(c, 404, "There is nothing here.", NO_HEADERS);
	else if (route.kind != ROUTE_TRANSPORT || (route.transport != TRANSPORT_WEBSOCKET &&
						      route.transport != TRANSPORT_FLASHSOCKET))
		http_refuse(c, 400, "This address is no websocket.", NO_HEADERS);
	else if (r->parser.method != HTTP_GET || r->parser.http_minor == 0 || h->x.body.n > 0)
		http_refuse(c, 400, "An upgrade is a GET of HTTP/1.1.", NO_HEADERS);
	else if (c->wsd->draining)
		http_refuse(c, 503, "The server is about to stop.", NO_HEADERS);
	else if ((d = choose_dialect(c)) != NULL)
		judge(c, d, &route);
	return true;
}
