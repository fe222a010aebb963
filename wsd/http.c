#include "wsd/http.h"

#include <stdlib.h>

#include "shared/base/container.h"
#include "shared/base/proxies.h"
#include "shared/transport/cors.h"
#include "wsd/deadline.h"
#include "wsd/outqueue.h"

#define NO_HEADERS ((struct slice){NULL, 0})

/* Connections that wait for the store; beyond it requests are answered 503. */
#define PARKED_MAX    1000
#define FORWARDED_MAX 8 /* headers; the last ones count */

static struct wsd_http *
http_of_exchange(struct exchange *x)
{
	return container_of(x, struct wsd_http, x);
}

static const struct wsd_http *
http_of_const_exchange(const struct exchange *x)
{
	return container_of(x, struct wsd_http, x);
}

/* --- the exchange's operations -------------------------------------------------------------- */

static void
queue_answer(struct wsd_http *h, const struct response *r, enum wsd_reply_end end)
{
	struct wsd_conn *c = h->c;

	if (c->state != WSD_CONN_OPEN) /* closed in this turn: wsd_http_close() tells the fate */
		return;
	h->how.end = end;
	/* while closing no request may follow; and WSD_REPLY_CLOSE ends the body by the
	 * connection */
	if (c->wsd->closing || r->closes || end == WSD_REPLY_CLOSE)
		h->how.keep = false;
	wsd_conn_send(c, wsd_reply_write(r, &h->how));
}

static void
wsd_http_respond(struct exchange *x, const struct response *r)
{
	struct wsd_http *h = http_of_exchange(x);

	if (h->state != WSD_HTTP_HELD)
		return;
	h->state = WSD_HTTP_ANSWERED;
	/* a length, unless chunks are wanted and the client can read them (CLIENTS 3) */
	if (!r->in_chunks || h->http10 || h->bare_lf) {
		queue_answer(h, r, WSD_REPLY_LENGTH);
		return;
	}
	queue_answer(h, r, WSD_REPLY_CHUNKED);
	if (h->c->state == WSD_CONN_OPEN)
		wsd_conn_send(h->c, wsd_reply_last());
}

static void
wsd_http_begin(struct exchange *x, const struct response *r)
{
	struct wsd_http *h = http_of_exchange(x);

	if (h->state != WSD_HTTP_HELD)
		return;
	h->state = WSD_HTTP_STREAMING;
	/* HTTP/1.0 has no chunks: the body ends with the connection */
	queue_answer(h, r, h->http10 ? WSD_REPLY_CLOSE : WSD_REPLY_CHUNKED);
}

static void
wsd_http_piece(struct exchange *x, struct slice bytes)
{
	struct wsd_http *h = http_of_exchange(x);

	/* an empty chunk would end the body */
	if (h->state != WSD_HTTP_STREAMING || h->c->state != WSD_CONN_OPEN || h->how.bare ||
	    bytes.n == 0)
		return;
	wsd_conn_send_limited(h->c, wsd_reply_piece(bytes, h->how.end));
}

static void
wsd_http_finish(struct exchange *x)
{
	struct wsd_http *h = http_of_exchange(x);

	if (h->state != WSD_HTTP_STREAMING)
		return;
	h->state = WSD_HTTP_ANSWERED;
	if (h->c->state != WSD_CONN_OPEN)
		return;
	if (h->how.end == WSD_REPLY_CHUNKED && !h->how.bare)
		wsd_conn_send_limited(h->c, wsd_reply_last());
	/* all pieces may be written already: without a flush wsd_http_flushed() would not come */
	wsd_conn_set_dirty(h->c);
}

static const struct exchange_ops http_exchange_ops = {
    wsd_http_respond, wsd_http_begin, wsd_http_piece, wsd_http_finish};

static void
wsd_http_tell_fate(struct wsd_http *h, enum exchange_fate fate)
{
	struct exchange *x = &h->x;
	void (*on_fate)(struct exchange *, enum exchange_fate, void *) = x->on_fate;

	/* once only, even if the callee closes the connection */
	x->on_fate = NULL;
	if (on_fate != NULL)
		on_fate(x, fate, x->holder);
}

static struct slice
find_exchange_header(const struct exchange *x, const char *name)
{
	const struct wsd_http *h = http_of_const_exchange(x);

	return h->request == NULL ? NO_HEADERS : wsd_request_header(h->request, name);
}

static void
each_exchange_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	const struct wsd_http *h = http_of_const_exchange(x);
	struct slice name, value;

	if (h->request == NULL)
		return;
	for (unsigned i = 0; wsd_request_field(h->request, i, &name, &value); i++)
		each(arg, name, value);
}

/* A client that reached this port itself can open a websocket here; behind a proxy it depends on
 * what the proxy passes on. */
static bool
can_upgrade_here(const struct exchange *x)
{
	const struct wsd_http *h = http_of_const_exchange(x);

	return h->c->wsd->cfg->wsd_reachable != CONFIG_NO || !h->by_proxy ||
	       find_exchange_header(x, "x-forwarded-for").n == 0;
}

/* Judging it goes on in the next turn, as after a wait for the store. */
static void
judge_exchange_again(struct exchange *x)
{
	struct wsd_http *h = http_of_exchange(x);

	if (h->c->state == WSD_CONN_OPEN && h->state == WSD_HTTP_WAITING)
		wsd_conn_park(h->c);
}

/* --- one exchange --------------------------------------------------------------------------- */

int
wsd_http_open(struct wsd_conn *c)
{
	struct wsd_http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -1;
	h->c = c;
	buf_init(&h->later, 0);
	peer_find(&h->peer, c->io.fd);
	c->http = h;
	return 0;
}

void
wsd_http_close(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	if (h == NULL)
		return;
	switch (h->state) {
	case WSD_HTTP_READING:
		break;
	case WSD_HTTP_PROVING:
	case WSD_HTTP_WAITING:
	case WSD_HTTP_HELD:
		wsd_http_tell_fate(h, EXCHANGE_GONE);
		break;
	case WSD_HTTP_STREAMING:
	case WSD_HTTP_ANSWERED:
		wsd_http_tell_fate(h, EXCHANGE_FAILED);
		break;
	case WSD_HTTP_SENT:
		wsd_http_tell_fate(h, EXCHANGE_SENT);
		break;
	}
	c->http = NULL;
	wsd_request_free(h->request);
	buf_free(&h->later);
	free(h);
}

/* The X-Forwarded-For headers, the last one first. */
static size_t
list_forwarded(const struct wsd_request *r, struct slice forwarded[FORWARDED_MAX])
{
	struct slice name, value;
	size_t n = 0;

	for (unsigned i = r->fields_n; i > 0 && n < FORWARDED_MAX; i--)
		if (wsd_request_field(r, i - 1, &name, &value) && slice_is(name, "x-forwarded-for"))
			forwarded[n++] = value;
	return n;
}

/* Whether the client speaks TLS: a proxy says that of its clients, whatever it speaks to us. */
static bool
is_secure(const struct wsd_http *h)
{
	struct slice scheme = wsd_request_header(h->request, "x-forwarded-proto");

	if (h->by_proxy && scheme.n > 0)
		return wsd_request_list_has(scheme, "https");
	return h->c->tls != NULL;
}

static void
find_client(struct wsd_http *h)
{
	static const struct proxies none;
	struct slice forwarded[FORWARDED_MAX];
	struct proxies_client client;

	proxies_find_client(h->peer.kind == PEER_UNKNOWN ? &none : server_proxies(h->c->wsd->sv),
	    h->peer.kind == PEER_INTERNET ? &h->peer.address : NULL, forwarded,
	    list_forwarded(h->request, forwarded), &client);
	h->by_proxy = client.by_proxy;
	h->client[0] = '\0';
	if (client.known)
		address_write(&client.address, h->client);
	h->x.address = slice_of(h->client);
	h->x.port = client.passed == 0 ? h->peer.port : 0;
	/* one of them is the web server, which passes the request on to us */
	h->x.by_proxy = client.passed > 1 && client.outer_known;
	h->x.proxy = client.outer;
	h->x.secure = is_secure(h);
}

void
wsd_http_describe(struct wsd_http *h)
{
	const struct wsd_request *r = h->request;

	h->x = (struct exchange){
	    .ops = &http_exchange_ops,
	    .method = slice_of(wsd_request_method(r)),
	    .target = wsd_request_target(r),
	    .origin = wsd_request_header(r, "origin"),
	    .referer = wsd_request_header(r, "referer"),
	    .body = buf_slice(&r->body),
	    .body_too_large = r->body_too_large,
	    .header = find_exchange_header,
	    .each_header = each_exchange_header,
	    .upgrades = can_upgrade_here,
	    .judge_again = judge_exchange_again,
	};
	find_client(h);
}

void
wsd_http_ask(struct wsd_http *h)
{
	/* first the state: the answer may come during the call, and needs it */
	h->state = WSD_HTTP_HELD;
	if (h->c->wsd->parked_n >= PARKED_MAX) {
		server_refuse(h->c->wsd->sv, &h->x, 503, "server busy");
	} else if (!server_request(h->c->wsd->sv, &h->x)) {
		wsd_conn_park(h->c);
		return;
	}
	/* thousands of polls are held at a time: keep nothing that they do not need */
	wsd_request_free(h->request);
	h->request = NULL;
	h->x.method = h->x.target = h->x.origin = h->x.referer = NO_HEADERS;
	h->x.body = h->x.address = NO_HEADERS;
}

void
wsd_http_refuse(struct wsd_conn *c, int status, const char *why, struct slice headers)
{
	struct wsd_http *h = c->http;
	struct slice origin = h->x.origin;
	struct buf all;

	/* a page can read the answer only with these, and the exchange may not be filled yet */
	if (origin.n == 0 && h->request != NULL)
		origin = wsd_request_header(h->request, "origin");
	buf_init(&all, 0);
	cors_allow(&all, origin);
	buf_add_slice(&all, headers);
	deadline_clear(c);
	h->x.on_fate = NULL;
	h->state = WSD_HTTP_ANSWERED;
	h->how.keep = false; /* where the next request begins is not certain */
	wsd_conn_send(c, all.failed ? NULL : wsd_reply_error(status, why, buf_slice(&all)));
	buf_free(&all);
}

void
wsd_http_flushed(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	switch (h->state) {
	case WSD_HTTP_READING: /* 100 Continue is written */
	case WSD_HTTP_PROVING: /* the head of the 101 */
		if (c->waits == DEADLINE_SEND)
			deadline_set(c, DEADLINE_REQUEST);
		break;
	case WSD_HTTP_WAITING:
	case WSD_HTTP_HELD:
	case WSD_HTTP_STREAMING:
		deadline_clear(c);
		break;
	case WSD_HTTP_ANSWERED:
		/* after the turn's commit the hub cannot be called: wsd_http_next() tells it */
		h->state = WSD_HTTP_SENT;
		wsd_conn_set_after(c);
		break;
	case WSD_HTTP_SENT:
		break;
	}
}

bool
wsd_http_next(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	if (h->state != WSD_HTTP_SENT)
		return false;
	/* first the fate: the transport may still refer to the exchange */
	wsd_http_tell_fate(h, EXCHANGE_SENT);
	if (!h->how.keep || c->eof || c->wsd->closing) {
		wsd_conn_finish(c);
		wsd_http_close(c);
		return false;
	}
	h->state = WSD_HTTP_READING;
	wsd_request_free(h->request);
	h->request = NULL;
	deadline_set(c, DEADLINE_IDLE);
	return true;
}
