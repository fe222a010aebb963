#include "wsd/upgrade.h"

#include "shared/wire/route.h"
#include "wsd/deadline.h"
#include "wsd/hixie.h"
#include "wsd/http.h"
#include "wsd/hybi.h"
#include "wsd/ws.h"

#define NO_HEADERS ((struct slice){NULL, 0})

/* By version: 13 is RFC 6455; 8 and 7 are drafts with the same frames and the same answer; older
 * ones have no version, the oldest no keys. */
static const struct dialect *
find_dialect(const struct wsd_request *r)
{
	struct slice version = wsd_request_header(r, "sec-websocket-version");

	if (slice_is(version, "13") || slice_is(version, "8") || slice_is(version, "7"))
		return &wsd_hybi_dialect;
	if (version.p != NULL || wsd_request_header(r, "sec-websocket-key").p != NULL)
		return NULL;
	if (wsd_request_header(r, "sec-websocket-key1").p != NULL ||
	    wsd_request_header(r, "sec-websocket-key2").p != NULL)
		return &wsd_hixie_76;
	return &wsd_hixie_75;
}

/* The dialect of a request, or NULL after it was refused. */
static const struct dialect *
choose_dialect(struct wsd_conn *c)
{
	const struct dialect *d = find_dialect(c->http->request);
	const char *why;

	if (d == NULL) {
		wsd_http_refuse(c, 426, "This version of websocket is not spoken here.",
		    SLICE("Upgrade: websocket\r\nSec-WebSocket-Version: 13, 8, 7\r\n"));
		return NULL;
	}
	why = d->check(c->http);
	if (why != NULL) {
		wsd_http_refuse(c, 400, why, NO_HEADERS);
		return NULL;
	}
	return d;
}

/* The drafts name the origin differently. */
static struct slice
origin_of(const struct wsd_request *r)
{
	struct slice draft = wsd_request_header(r, "sec-websocket-origin");

	if (slice_is(wsd_request_header(r, "sec-websocket-version"), "13") || draft.n == 0)
		return wsd_request_header(r, "origin");
	return draft;
}

/* The first thing to be said: the 101, or what of it is still to come. */
static struct message *
opening(struct wsd_conn *c, struct slice proof)
{
	const struct dialect *d = c->dialect;

	return proof.n > 0 ? d->prove(c->http, proof) : d->head(c->wsd, c->http);
}

/* Send the head ahead: before they have seen it, proxies hold back what comes behind the request.
 */
static void
await_proof(struct wsd_conn *c)
{
	c->http->state = WSD_HTTP_PROVING;
	c->granted = true;
	wsd_conn_send(c, c->dialect->head(c->wsd, c->http));
	deadline_set(c, DEADLINE_REQUEST);
}

/* The request is a well-formed upgrade to a session: what does the transport say?  Asked once more
 * when the client has proved itself, since meanwhile the session may have ended. */
static void
judge(struct wsd_conn *c, const struct route *route, struct slice proof)
{
	struct wsd_http *h = c->http;
	int status = 400;
	const char *why = "";
	enum websocket_verdict verdict = websocket_judge(c->wsd->sv, route, &h->x, &status, &why);

	if (verdict == WEBSOCKET_REFUSED && c->granted) {
		wsd_conn_close(c, "socket error");
	} else if (verdict == WEBSOCKET_REFUSED) {
		wsd_http_refuse(c, status, why, NO_HEADERS);
	} else if (proof.n < c->dialect->proof_n) {
		await_proof(c);
	} else if (verdict == WEBSOCKET_GO) {
		ws_begin(c, opening(c, proof), route);
	} else {
		ws_tell(
		    c, opening(c, proof), verdict == WEBSOCKET_ENDED ? SLICE("0::") : WS_UNKNOWN);
	}
}

void
upgrade_prove(struct wsd_conn *c, struct slice *in)
{
	struct buf *proof = &c->http->later;
	size_t n = c->dialect->proof_n - proof->n;
	struct route route;

	if (n > in->n)
		n = in->n;
	buf_add(proof, in->p, n);
	*in = slice_skip(*in, n);
	if (proof->failed) {
		wsd_conn_close(c, "socket error");
	} else if (proof->n == c->dialect->proof_n) {
		route_parse(&route, c->http->x.target, c->wsd->cfg->resource);
		judge(c, &route, buf_slice(proof));
	}
}

bool
upgrade(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;
	const struct wsd_request *r = h->request;
	struct route route;

	route_parse(&route, h->x.target, c->wsd->cfg->resource);
	if (route.disconnect) /* the end of a session, however it is asked for */
		return false;
	if (route.kind == ROUTE_NOT_FOUND)
		wsd_http_refuse(c, 404, "There is nothing here.", NO_HEADERS);
	else if (route.kind != ROUTE_TRANSPORT || (route.transport != TRANSPORT_WEBSOCKET &&
						      route.transport != TRANSPORT_FLASHSOCKET))
		wsd_http_refuse(c, 400, "This address is no websocket.", NO_HEADERS);
	else if (r->parser.method != HTTP_GET || r->parser.http_minor == 0 || h->x.body.n > 0)
		wsd_http_refuse(c, 400, "An upgrade is a GET of HTTP/1.1.", NO_HEADERS);
	else if (c->wsd->draining)
		wsd_http_refuse(c, 503, "The server is about to stop.", NO_HEADERS);
	else if ((c->dialect = choose_dialect(c)) != NULL) {
		h->x.origin = origin_of(r);
		judge(c, &route, (struct slice){NULL, 0});
	}
	return true;
}
