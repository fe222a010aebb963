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

static struct http *
of(struct exchange *x)
{
	return container_of(x, struct http, x);
}

static const struct http *
of_const(const struct exchange *x)
{
	return container_of(x, struct http, x);
}

/* --- the exchange's operations -------------------------------------------------------------- */

static void
begin_answer(struct http *h, const struct response *r, enum reply_end end)
{
	struct conn *c = h->c;

	if (c->state != CONN_HTTP) /* it ended in this turn: the fate tells */
		return;
	h->how.end = end;
	if (c->wsd->draining || end == REPLY_CLOSE)
		h->how.keep = false;
	conn_send(c, reply_write(r, &h->how));
}

static void
op_respond(struct exchange *x, const struct response *r)
{
	struct http *h = of(x);

	if (h->state != HTTP_HELD)
		return;
	h->state = HTTP_ANSWERED;
	if (!r->in_chunks || h->http10 || h->bare_lf) {
		begin_answer(h, r, REPLY_LENGTH);
		return;
	}
	begin_answer(h, r, REPLY_CHUNKED);
	if (h->c->state == CONN_HTTP)
		conn_send(h->c, reply_last());
}

static void
op_begin(struct exchange *x, const struct response *r)
{
	struct http *h = of(x);

	if (h->state != HTTP_HELD)
		return;
	h->state = HTTP_STREAMING;
	begin_answer(h, r, h->http10 ? REPLY_CLOSE : REPLY_CHUNKED);
}

/* Queue a part of an answer that was begun before, within the limits. */
static void
add_part(struct http *h, struct message *m)
{
	struct conn *c = h->c;
	const struct config *cfg = c->wsd->cfg;

	conn_send(c, m);
	if (outqueue_count(c->out) > cfg->queue_packets ||
	    outqueue_bytes(c->out) > cfg->queue_bytes)
		conn_close(c, "queue overflow");
}

static void
op_piece(struct exchange *x, struct slice bytes)
{
	struct http *h = of(x);

	if (h->state != HTTP_STREAMING || h->c->state != CONN_HTTP || h->how.bare || bytes.n == 0)
		return;
	add_part(h, reply_piece(bytes, h->how.end));
}

static void
op_finish(struct exchange *x)
{
	struct http *h = of(x);

	if (h->state != HTTP_STREAMING)
		return;
	h->state = HTTP_ANSWERED;
	if (h->c->state != CONN_HTTP)
		return;
	if (h->how.end == REPLY_CHUNKED && !h->how.bare)
		add_part(h, reply_last());
	conn_set_dirty(h->c); /* even if nothing is queued any more: http_flushed() goes on */
}

static const struct exchange_ops ops = {op_respond, op_begin, op_piece, op_finish};

static void
tell_fate(struct http *h, enum exchange_fate fate)
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
	const struct http *h = of_const(x);

	return h->request == NULL ? NO_HEADERS : request_header(h->request, name);
}

static void
each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	const struct http *h = of_const(x);
	struct slice name, value;

	if (h->request == NULL)
		return;
	for (unsigned i = 0; request_field(h->request, i, &name, &value); i++)
		each(arg, name, value);
}

/* Whoever came to our own port can open a websocket there; for others it depends on a proxy. */
static bool
upgrades(const struct exchange *x)
{
	const struct http *h = of_const(x);

	return h->c->wsd->cfg->wsd_reachable != CONFIG_NO || !h->peer.local ||
	       get_header(x, "x-forwarded-for").n == 0;
}

/* --- who asks ------------------------------------------------------------------------------- */

/* A proxy on this machine says for whom it asks. */
static void
see_through_proxy(struct http *h)
{
	struct slice address = peer_forwarded(request_header(h->request, "x-forwarded-for"));

	h->x.secure = request_list_has(request_header(h->request, "x-forwarded-proto"), "https");
	if (address.n > 0) {
		h->x.address = address;
		h->x.port = 0;
	}
}

static void
fill_exchange(struct http *h)
{
	const struct request *r = h->request;

	h->x = (struct exchange){
	    .ops = &ops,
	    .method = slice_of(request_method(r)),
	    .target = request_target(r),
	    .origin = request_header(r, "origin"),
	    .referer = request_header(r, "referer"),
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
http_open(struct conn *c)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -1;
	h->c = c;
	buf_init(&h->later, 0);
	peer_find(&h->peer, c->io.fd);
	c->http = h;
	c->state = CONN_HTTP;
	return 0;
}

void
http_close(struct conn *c)
{
	struct http *h = c->http;

	if (h == NULL)
		return;
	switch (h->state) {
	case HTTP_READING:
	case HTTP_PROVING:
		break;
	case HTTP_HELD:
		tell_fate(h, EXCHANGE_GONE);
		break;
	case HTTP_STREAMING:
	case HTTP_ANSWERED:
		tell_fate(h, EXCHANGE_FAILED);
		break;
	case HTTP_SENT:
		tell_fate(h, EXCHANGE_SENT);
		break;
	}
	c->http = NULL;
	request_free(h->request);
	buf_free(&h->later);
	free(h);
}

/* A whole request: to the hub, or to the upgrade. */
static void
dispatch(struct conn *c)
{
	struct http *h = c->http;

	deadline_clear(c);
	c->wsd->counters.requests++;
	h->http10 = h->request->parser.http_minor == 0;
	h->bare_lf = h->request->bare_lf;
	h->how = (struct reply){
	    .end = REPLY_LENGTH,
	    .keep = h->request->keep && !c->wsd->draining,
	    .bare = h->request->parser.method == HTTP_HEAD,
	};
	fill_exchange(h);
	if (request_upgrades(h->request) && upgrade(c))
		return;
	h->state = HTTP_HELD;
	server_request(c->wsd->sv, &h->x);
	request_free(h->request);
	h->request = NULL;
	h->x.method = h->x.target = h->x.origin = h->x.referer = NO_HEADERS;
	h->x.body = h->x.address = NO_HEADERS;
}

/* The client waits with its body for our leave. */
static void
answer_expect(struct conn *c)
{
	struct http *h = c->http;
	struct slice expect;

	if (!h->request->head_done || h->continued)
		return;
	expect = request_header(h->request, "expect");
	if (expect.n == 0 || h->request->parser.http_minor == 0)
		return;
	if (!request_list_has(expect, "100-continue")) {
		http_refuse(c, 417, "Only 100-continue can be expected.", NO_HEADERS);
		return;
	}
	h->continued = true;
	conn_send(c, outqueue_raw(SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
}

/* Begin a request, unless all of `*in` are empty lines, which some clients send behind a body. */
static bool
begin(struct conn *c, struct slice *in)
{
	struct http *h = c->http;
	const struct config *cfg = c->wsd->cfg;

	if (h->request != NULL)
		return true;
	while (in->n > 0 && (in->p[0] == '\r' || in->p[0] == '\n'))
		*in = slice_skip(*in, 1);
	if (in->n == 0)
		return false;
	h->request = request_new(cfg->header_bytes, cfg->body_bytes);
	if (h->request == NULL) {
		conn_close(c, "socket error");
		return false;
	}
	h->continued = false;
	if (c->waits != DEADLINE_REQUEST) /* of the first one it began with the connection */
		deadline_set(c, DEADLINE_REQUEST);
	return true;
}

/* Read one request; what is behind it is left in `*in`. */
static void
read_request(struct conn *c, struct slice *in)
{
	struct http *h = c->http;
	size_t used;

	if (!begin(c, in))
		return;
	switch (request_feed(h->request, *in, &used)) {
	case REQUEST_MORE:
		*in = slice_skip(*in, in->n);
		answer_expect(c);
		break;
	case REQUEST_WHOLE:
		*in = slice_skip(*in, used);
		dispatch(c);
		break;
	case REQUEST_BAD:
		*in = slice_skip(*in, in->n);
		http_refuse(c, h->request->status, h->request->why, NO_HEADERS);
		break;
	}
}

static bool
is_reading(const struct http *h)
{
	return h->state == HTTP_READING || h->state == HTTP_PROVING;
}

void
http_input(struct conn *c, struct slice in)
{
	struct http *h = c->http;

	while (in.n > 0 && c->state == CONN_HTTP && is_reading(h)) {
		if (h->state == HTTP_PROVING)
			upgrade_prove(c, &in);
		else
			read_request(c, &in);
	}
	switch ((enum conn_state)c->state) {
	case CONN_HTTP:
		if (h->state != HTTP_READING && h->how.keep)
			buf_add_slice(&h->later, in);
		if (h->later.failed)
			conn_close(c, "socket error");
		break;
	case CONN_OPEN: /* upgraded: what is left are frames */
		http_close(c);
		ws_input(c, in);
		break;
	case CONN_FLUSHING: /* upgraded, and over */
		http_close(c);
		break;
	case CONN_NEW:
	case CONN_POLICY:
	case CONN_ENDING:
	case CONN_DRAINING:
	case CONN_CLOSED:
		break;
	}
}

bool
http_takes_input(const struct conn *c)
{
	return is_reading(c->http) || c->http->later.n < LATER_BYTES;
}

void
http_eof(struct conn *c)
{
	struct http *h = c->http;

	switch (h->state) {
	case HTTP_READING:
	case HTTP_PROVING:
	case HTTP_HELD:
	case HTTP_STREAMING:
		conn_close(c, "socket end");
		break;
	case HTTP_ANSWERED: /* it may still listen */
	case HTTP_SENT:
		h->how.keep = false;
		break;
	}
}

bool
http_idle(const struct conn *c)
{
	return c->http->state == HTTP_READING && c->http->request == NULL;
}

void
http_expire(struct conn *c)
{
	if (c->http->state == HTTP_READING && !http_idle(c))
		http_refuse(c, 408, "The request took too long.", NO_HEADERS);
	else
		conn_close(c, "request timeout");
}

/* --- answering ------------------------------------------------------------------------------ */

void
http_refuse(struct conn *c, int status, const char *why, struct slice headers)
{
	struct http *h = c->http;
	struct slice origin = h->x.origin;
	struct buf all;

	if (origin.n == 0 && h->request != NULL)
		origin = request_header(h->request, "origin");
	buf_init(&all, 0);
	if (origin.n > 0) {
		buf_puts(&all, "Access-Control-Allow-Origin: ");
		buf_add_slice(&all, origin);
		buf_puts(&all, "\r\nAccess-Control-Allow-Credentials: true\r\n");
	}
	buf_add_slice(&all, headers);
	deadline_clear(c);
	h->x.on_fate = NULL;
	h->state = HTTP_ANSWERED;
	h->how.keep = false;
	conn_send(c, all.failed ? NULL : reply_error(status, why, buf_slice(&all)));
	buf_free(&all);
}

void
http_flushed(struct conn *c)
{
	struct http *h = c->http;

	switch (h->state) {
	case HTTP_READING: /* 100 Continue is out */
	case HTTP_PROVING: /* the head of the 101 */
		if (c->waits == DEADLINE_SEND)
			deadline_set(c, DEADLINE_REQUEST);
		break;
	case HTTP_HELD:
	case HTTP_STREAMING:
		deadline_clear(c);
		break;
	case HTTP_ANSWERED:
		h->state = HTTP_SENT;
		conn_set_after(c);
		break;
	case HTTP_SENT:
		break;
	}
}

void
http_after(struct conn *c)
{
	struct http *h = c->http;
	struct buf later = h->later;

	if (h->state != HTTP_SENT)
		return;
	tell_fate(h, EXCHANGE_SENT);
	if (!h->how.keep || c->eof || c->wsd->draining) {
		conn_finish(c);
		http_close(c);
		return;
	}
	h->state = HTTP_READING;
	request_free(h->request);
	h->request = NULL;
	deadline_set(c, DEADLINE_IDLE);
	if (later.n > 0) {
		buf_init(&h->later, 0);
		http_input(c, buf_slice(&later));
		buf_free(&later);
	}
}
