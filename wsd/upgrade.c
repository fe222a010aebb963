#include "wsd/upgrade.h"

#include "shared/wire/route.h"
#include "wsd/deadline.h"
#include "wsd/hixie.h"
#include "wsd/http.h"
#include "wsd/hybi.h"
#include "wsd/ws.h"

#define NO_HEADERS ((struct slice){NULL, 0})
#define NO_PROOF   ((struct slice){NULL, 0})

/* By version: 13 is RFC 6455; 8 and 7 are drafts with the same frames and the same answer; older
 * ones have no version, the oldest no keys. */
static const struct dialect *
find_dialect(const struct wsd_request *r)
{
	struct slice version = wsd_request_header(r, "sec-websocket-version");

	if (slice_is(version, "13") || slice_is(version, "8") || slice_is(version, "7"))
		return &hybi_dialect;
	/* the drafts between hixie-76 and version 7 have a key or a version, and frames that we do
	 * not read */
	if (version.p != NULL || wsd_request_header(r, "sec-websocket-key").p != NULL)
		return NULL;
	if (wsd_request_header(r, "sec-websocket-key1").p != NULL ||
	    wsd_request_header(r, "sec-websocket-key2").p != NULL)
		return &hixie_dialect_76;
	return &hixie_dialect_75;
}

/* The dialect of a request, or NULL after it was refused. */
static const struct dialect *
choose_dialect(struct wsd_conn *c)
{
	const struct dialect *d = find_dialect(c->http->request);
	const char *why;

	if (d == NULL) {
		/* RFC 6455 4.4: tell the versions, a client may try again with one of them */
		wsd_http_refuse(c, 426, "This version of websocket is not supported.",
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

/* Versions 7 and 8 send the origin in a header of their own. */
static struct slice
find_upgrade_origin(const struct wsd_request *r)
{
	struct slice draft = wsd_request_header(r, "sec-websocket-origin");

	if (slice_is(wsd_request_header(r, "sec-websocket-version"), "13") || draft.n == 0)
		return wsd_request_header(r, "origin");
	return draft;
}

/* The first bytes of the answer: the 101, or after a proof the part of it that is still missing. */
static struct message *
make_opening(struct wsd_conn *c, struct slice proof)
{
	const struct dialect *d = c->dialect;

	return proof.n > 0 ? d->prove(c->http, proof) : d->head(c->wsd, c->http);
}

static void
await_proof(struct wsd_conn *c)
{
	c->http->state = WSD_HTTP_PROVING;
	c->granted = true;
	/* the head goes first: until a proxy sees it, it holds back the proof, which follows the
	 * request like a body without a length */
	wsd_conn_send(c, c->dialect->head(c->wsd, c->http));
	deadline_set(c, DEADLINE_REQUEST);
}

/* The request is a well-formed upgrade: do what the transport says about its session. */
static void
take_over_connection(struct wsd_conn *c, const struct route *route, struct slice proof)
{
	int status = 400;
	const char *why = "";
	enum websocket_verdict verdict;

	if (!server_try(c->wsd->sv) && server_requests_wait(c->wsd->sv)) {
		deadline_clear(c);
		c->http->state = WSD_HTTP_WAITING;
		wsd_conn_park(c);
		return;
	}
	/* asked before the proof and after it: meanwhile the session may have ended */
	verdict = websocket_judge(c->wsd->sv, route, &c->http->x, &status, &why);
	if (verdict == WEBSOCKET_WAIT) {
		deadline_clear(c);
		c->http->state = WSD_HTTP_WAITING;
	} else if (verdict == WEBSOCKET_REFUSED && c->granted) {
		/* the 101 is sent, no other status can follow */
		wsd_conn_close(c, "socket error");
	} else if (verdict == WEBSOCKET_REFUSED) {
		wsd_http_refuse(c, status, why, NO_HEADERS);
	} else if (proof.n < c->dialect->proof_n) {
		await_proof(c);
	} else if (verdict == WEBSOCKET_GO) {
		/* from here on the connection is the websocket's; http_read.c frees c->http when it
		 * sees that, for its request and the proof are read until then */
		ws_begin(c, make_opening(c, proof), route);
	} else {
		ws_begin_refused(c, make_opening(c, proof), WS_UNKNOWN);
	}
}

void
upgrade_prove(struct wsd_conn *c, struct slice *in)
{
	struct buf *proof = &c->http->later;
	size_t n = c->dialect->proof_n - proof->n;
	struct route route;

	/* no more than the proof: the first frames may follow it */
	if (n > in->n)
		n = in->n;
	buf_add(proof, in->p, n);
	*in = slice_skip(*in, n);
	if (proof->failed) {
		wsd_conn_close(c, "socket error");
	} else if (proof->n == c->dialect->proof_n) {
		route_parse(&route, c->http->x.target, c->wsd->cfg->resource);
		take_over_connection(c, &route, buf_slice(proof));
	}
}

void
upgrade_resume(struct wsd_conn *c, struct slice *in)
{
	struct slice proof = {in->p, c->granted ? c->dialect->proof_n : 0};
	struct route route;

	*in = slice_skip(*in, proof.n);
	c->http->state = c->granted ? WSD_HTTP_PROVING : WSD_HTTP_READING;
	route_parse(&route, c->http->x.target, c->wsd->cfg->resource);
	take_over_connection(c, &route, proof);
}

/* Return NULL when the request can be an upgrade of `route`, else why not and `*status`; static. */
static const char *
check_upgrade(const struct wsd_conn *c, const struct route *route, int *status)
{
	const struct wsd_request *r = c->http->request;

	if (route->kind == ROUTE_NOT_FOUND) {
		*status = 404;
		return "There is nothing here.";
	}
	*status = 400;
	if (route->kind != ROUTE_TRANSPORT ||
	    (route->transport != TRANSPORT_WEBSOCKET && route->transport != TRANSPORT_FLASHSOCKET))
		return "This address does not serve websockets.";
	/* RFC 6455 4.1, and bytes after a body could not be told from frames */
	if (r->parser.method != HTTP_GET || r->parser.http_minor == 0 || c->http->x.body.n > 0)
		return "An upgrade must be a GET of HTTP/1.1 without a body.";
	*status = 503;
	return c->wsd->draining ? "The server is about to stop." : NULL;
}

bool
upgrade_begin(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;
	struct route route;
	const char *why;
	int status;

	route_parse(&route, h->x.target, c->wsd->cfg->resource);
	/* it ends a session, whatever headers it has */
	if (route.disconnect)
		return false;
	why = check_upgrade(c, &route, &status);
	if (why != NULL) {
		wsd_http_refuse(c, status, why, NO_HEADERS);
	} else if ((c->dialect = choose_dialect(c)) != NULL) {
		h->x.origin = find_upgrade_origin(h->request);
		take_over_connection(c, &route, NO_PROOF);
	}
	return true;
}
