#include "wsd/http.h"

#include <stdlib.h>

#include "shared/base/container.h"
#include "wsd/deadline.h"
#include "wsd/outqueue.h"
#include "wsd/upgrade.h"
#include "wsd/ws.h"

/* Requests that a client sends ahead wait here; behind that the connection is not read. */
#define LATER_BYTES READ_BUFFER

#define NO_HEADERS ((struct slice){NULL, 0})

static struct wsd_http *
of(struct exchange *x)
{
	return container_of(x, struct wsd_http, x);
}

static const struct wsd_http *
of_const(const struct exchange *x)
{
	return container_of(x, struct wsd_http, x);
}

/* --- the exchange's operations -------------------------------------------------------------- */

static void
begin_answer(struct wsd_http *h, const struct response *r, enum wsd_reply_end end)
{
	struct wsd_conn *c = h->c;

	if (c->state != WSD_CONN_HTTP) /* it ended in this turn: the fate tells */
		return;
	h->how.end = end;
	if (c->wsd->draining || end == WSD_REPLY_CLOSE)
		h->how.keep = false;
	wsd_conn_send(c, wsd_reply_write(r, &h->how));
}

static void
op_respond(struct exchange *x, const struct response *r)
{
	struct wsd_http *h = of(x);

	if (h->state != WSD_HTTP_HELD)
		return;
	h->state = WSD_HTTP_ANSWERED;
	if (!r->in_chunks || h->http10 || h->bare_lf) {
		begin_answer(h, r, WSD_REPLY_LENGTH);
		return;
	}
	begin_answer(h, r, WSD_REPLY_CHUNKED);
	if (h->c->state == WSD_CONN_HTTP)
		wsd_conn_send(h->c, wsd_reply_last());
}

static void
op_begin(struct exchange *x, const struct response *r)
{
	struct wsd_http *h = of(x);

	if (h->state != WSD_HTTP_HELD)
		return;
	h->state = WSD_HTTP_STREAMING;
	begin_answer(h, r, h->http10 ? WSD_REPLY_CLOSE : WSD_REPLY_CHUNKED);
}

/* Queue a part of an answer that was begun before, within the limits. */
static void
add_part(struct wsd_http *h, struct message *m)
{
	struct wsd_conn *c = h->c;
	const struct config *cfg = c->wsd->cfg;

	wsd_conn_send(c, m);
	if (outqueue_count(c->out) > cfg->queue_packets ||
	    outqueue_bytes(c->out) > cfg->queue_bytes)
		wsd_conn_close(c, "queue overflow");
}

static void
op_piece(struct exchange *x, struct slice bytes)
{
	struct wsd_http *h = of(x);

	if (h->state != WSD_HTTP_STREAMING || h->c->state != WSD_CONN_HTTP || h->how.bare ||
	    bytes.n == 0)
		return;
	add_part(h, wsd_reply_piece(bytes, h->how.end));
}

static void
op_finish(struct exchange *x)
{
	struct wsd_http *h = of(x);

	if (h->state != WSD_HTTP_STREAMING)
		return;
	h->state = WSD_HTTP_ANSWERED;
	if (h->c->state != WSD_CONN_HTTP)
		return;
	if (h->how.end == WSD_REPLY_CHUNKED && !h->how.bare)
		add_part(h, wsd_reply_last());
	wsd_conn_set_dirty(
	    h->c); /* even if nothing is queued any more: wsd_http_flushed() goes on */
}

static const struct exchange_ops ops = {op_respond, op_begin, op_piece, op_finish};

static void
tell_fate(struct wsd_http *h, enum exchange_fate fate)
{
	struct exchange *x = &h->x;
	void (*on_fate)(struct exchange *, enum exchange_fate, void *) = x->on_fate;

	x->on_fate = NULL;
	if (on_fate != NULL)
		on_fate(x, fate, x->holder);
}

static struct slice
get_header(const struct exchange *x, const char *name)
{
	const struct wsd_http *h = of_const(x);

	return h->request == NULL ? NO_HEADERS : wsd_request_header(h->request, name);
}

static void
each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	const struct wsd_http *h = of_const(x);
	struct slice name, value;

	if (h->request == NULL)
		return;
	for (unsigned i = 0; wsd_request_field(h->request, i, &name, &value); i++)
		each(arg, name, value);
}

/* Whoever came to our own port can open a websocket there; for others it depends on a proxy. */
static bool
upgrades(const struct exchange *x)
{
	const struct wsd_http *h = of_const(x);

	return h->c->wsd->cfg->wsd_reachable != CONFIG_NO || !h->peer.local ||
	       get_header(x, "x-forwarded-for").n == 0;
}

/* --- who asks ------------------------------------------------------------------------------- */

/* A proxy on this machine says for whom it asks. */
static void
see_through_proxy(struct wsd_http *h)
{
	struct slice address = peer_forwarded(wsd_request_header(h->request, "x-forwarded-for"));

	h->x.secure =
	    wsd_request_list_has(wsd_request_header(h->request, "x-forwarded-proto"), "https");
	if (address.n > 0) {
		h->x.address = address;
		h->x.port = 0;
	}
}

static void
fill_exchange(struct wsd_http *h)
{
	const struct wsd_request *r = h->request;

	h->x = (struct exchange){
	    .ops = &ops,
	    .method = slice_of(wsd_request_method(r)),
	    .target = wsd_request_target(r),
	    .origin = wsd_request_header(r, "origin"),
	    .referer = wsd_request_header(r, "referer"),
	    .body = buf_slice(&r->body),
	    .address = slice_of(h->peer.address),
	    .port = h->peer.port,
	    .body_too_large = r->body_too_large,
	    .header = get_header,
	    .each_header = each_header,
	    .upgrades = upgrades,
	};
	if (h->peer.local)
		see_through_proxy(h);
}

/* --- reading -------------------------------------------------------------------------------- */

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
	c->state = WSD_CONN_HTTP;
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
	case WSD_HTTP_PROVING:
		break;
	case WSD_HTTP_HELD:
		tell_fate(h, EXCHANGE_GONE);
		break;
	case WSD_HTTP_STREAMING:
	case WSD_HTTP_ANSWERED:
		tell_fate(h, EXCHANGE_FAILED);
		break;
	case WSD_HTTP_SENT:
		tell_fate(h, EXCHANGE_SENT);
		break;
	}
	c->http = NULL;
	wsd_request_free(h->request);
	buf_free(&h->later);
	free(h);
}

/* A whole request: to the hub, or to the upgrade. */
static void
dispatch(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	deadline_clear(c);
	c->wsd->counters.requests++;
	h->http10 = h->request->parser.http_minor == 0;
	h->bare_lf = h->request->bare_lf;
	h->how = (struct wsd_reply){
	    .end = WSD_REPLY_LENGTH,
	    .keep = h->request->keep && !c->wsd->draining,
	    .bare = h->request->parser.method == HTTP_HEAD,
	};
	fill_exchange(h);
	if (wsd_request_upgrades(h->request) && upgrade(c))
		return;
	h->state = WSD_HTTP_HELD;
	server_request(c->wsd->sv, &h->x);
	wsd_request_free(h->request);
	h->request = NULL;
	h->x.method = h->x.target = h->x.origin = h->x.referer = NO_HEADERS;
	h->x.body = h->x.address = NO_HEADERS;
}

/* The client waits with its body for our leave. */
static void
answer_expect(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;
	struct slice expect;

	if (!h->request->head_done || h->continued)
		return;
	expect = wsd_request_header(h->request, "expect");
	if (expect.n == 0 || h->request->parser.http_minor == 0)
		return;
	if (!wsd_request_list_has(expect, "100-continue")) {
		wsd_http_refuse(c, 417, "Only 100-continue can be expected.", NO_HEADERS);
		return;
	}
	h->continued = true;
	wsd_conn_send(c, outqueue_raw(SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
}

/* Begin a request, unless all of `*in` are empty lines, which some clients send behind a body. */
static bool
begin(struct wsd_conn *c, struct slice *in)
{
	struct wsd_http *h = c->http;
	const struct config *cfg = c->wsd->cfg;

	if (h->request != NULL)
		return true;
	while (in->n > 0 && (in->p[0] == '\r' || in->p[0] == '\n'))
		*in = slice_skip(*in, 1);
	if (in->n == 0)
		return false;
	h->request = wsd_request_new(cfg->header_bytes, cfg->body_bytes);
	if (h->request == NULL) {
		wsd_conn_close(c, "socket error");
		return false;
	}
	h->continued = false;
	if (c->waits != DEADLINE_REQUEST) /* of the first one it began with the connection */
		deadline_set(c, DEADLINE_REQUEST);
	return true;
}

/* Read one request; what is behind it is left in `*in`. */
static void
read_request(struct wsd_conn *c, struct slice *in)
{
	struct wsd_http *h = c->http;
	size_t used;

	if (!begin(c, in))
		return;
	switch (wsd_request_feed(h->request, *in, &used)) {
	case WSD_REQUEST_MORE:
		*in = slice_skip(*in, in->n);
		answer_expect(c);
		break;
	case WSD_REQUEST_WHOLE:
		*in = slice_skip(*in, used);
		dispatch(c);
		break;
	case WSD_REQUEST_BAD:
		*in = slice_skip(*in, in->n);
		wsd_http_refuse(c, h->request->status, h->request->why, NO_HEADERS);
		break;
	}
}

static bool
is_reading(const struct wsd_http *h)
{
	return h->state == WSD_HTTP_READING || h->state == WSD_HTTP_PROVING;
}

void
wsd_http_input(struct wsd_conn *c, struct slice in)
{
	struct wsd_http *h = c->http;

	while (in.n > 0 && c->state == WSD_CONN_HTTP && is_reading(h)) {
		if (h->state == WSD_HTTP_PROVING)
			upgrade_prove(c, &in);
		else
			read_request(c, &in);
	}
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_HTTP:
		if (h->state != WSD_HTTP_READING && h->how.keep)
			buf_add_slice(&h->later, in);
		if (h->later.failed)
			wsd_conn_close(c, "socket error");
		break;
	case WSD_CONN_OPEN: /* upgraded: what is left are frames */
		wsd_http_close(c);
		ws_input(c, in);
		break;
	case WSD_CONN_FLUSHING: /* upgraded, and over */
		wsd_http_close(c);
		break;
	case WSD_CONN_NEW:
	case WSD_CONN_POLICY:
	case WSD_CONN_ENDING:
	case WSD_CONN_DRAINING:
	case WSD_CONN_CLOSED:
		break;
	}
}

bool
wsd_http_takes_input(const struct wsd_conn *c)
{
	return is_reading(c->http) || c->http->later.n < LATER_BYTES;
}

void
wsd_http_eof(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	switch (h->state) {
	case WSD_HTTP_READING:
	case WSD_HTTP_PROVING:
	case WSD_HTTP_HELD:
	case WSD_HTTP_STREAMING:
		wsd_conn_close(c, "socket end");
		break;
	case WSD_HTTP_ANSWERED: /* it may still listen */
	case WSD_HTTP_SENT:
		h->how.keep = false;
		break;
	}
}

bool
wsd_http_idle(const struct wsd_conn *c)
{
	return c->http->state == WSD_HTTP_READING && c->http->request == NULL;
}

void
wsd_http_expire(struct wsd_conn *c)
{
	if (c->http->state == WSD_HTTP_READING && !wsd_http_idle(c))
		wsd_http_refuse(c, 408, "The request took too long.", NO_HEADERS);
	else
		wsd_conn_close(c, "request timeout");
}

/* --- answering ------------------------------------------------------------------------------ */

void
wsd_http_refuse(struct wsd_conn *c, int status, const char *why, struct slice headers)
{
	struct wsd_http *h = c->http;
	struct slice origin = h->x.origin;
	struct buf all;

	if (origin.n == 0 && h->request != NULL)
		origin = wsd_request_header(h->request, "origin");
	buf_init(&all, 0);
	if (origin.n > 0) {
		buf_puts(&all, "Access-Control-Allow-Origin: ");
		buf_add_slice(&all, origin);
		buf_puts(&all, "\r\nAccess-Control-Allow-Credentials: true\r\n");
	}
	buf_add_slice(&all, headers);
	deadline_clear(c);
	h->x.on_fate = NULL;
	h->state = WSD_HTTP_ANSWERED;
	h->how.keep = false;
	wsd_conn_send(c, all.failed ? NULL : wsd_reply_error(status, why, buf_slice(&all)));
	buf_free(&all);
}

void
wsd_http_flushed(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	switch (h->state) {
	case WSD_HTTP_READING: /* 100 Continue is out */
	case WSD_HTTP_PROVING: /* the head of the 101 */
		if (c->waits == DEADLINE_SEND)
			deadline_set(c, DEADLINE_REQUEST);
		break;
	case WSD_HTTP_HELD:
	case WSD_HTTP_STREAMING:
		deadline_clear(c);
		break;
	case WSD_HTTP_ANSWERED:
		h->state = WSD_HTTP_SENT;
		wsd_conn_set_after(c);
		break;
	case WSD_HTTP_SENT:
		break;
	}
}

void
wsd_http_after(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;
	struct buf later = h->later;

	if (h->state != WSD_HTTP_SENT)
		return;
	tell_fate(h, EXCHANGE_SENT);
	if (!h->how.keep || c->eof || c->wsd->draining) {
		wsd_conn_finish(c);
		wsd_http_close(c);
		return;
	}
	h->state = WSD_HTTP_READING;
	wsd_request_free(h->request);
	h->request = NULL;
	deadline_set(c, DEADLINE_IDLE);
	if (later.n > 0) {
		buf_init(&h->later, 0);
		wsd_http_input(c, buf_slice(&later));
		buf_free(&later);
	}
}
