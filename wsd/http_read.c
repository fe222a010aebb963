#include "wsd/http_read.h"

#include "wsd/deadline.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/upgrade.h"

/* Pipelined input that is kept while a request is answered; beyond this, the connection is not
 * read.  One read() may go past it. */
#define LATER_BYTES READ_BUFFER

#define NO_HEADERS ((struct slice){NULL, 0})

/* A whole request: to the upgrade, or to the hub. */
static void
dispatch_request(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	/* a poll may be held for any time; sending sets a deadline of its own */
	deadline_clear(c);
	c->wsd->counters.requests++;
	h->http10 = h->request->parser.http_minor == 0;
	h->bare_lf = h->request->head.bare_lf;
	h->how = (struct wsd_reply){
	    .end = WSD_REPLY_LENGTH,
	    .keep = h->request->keep && !c->wsd->closing,
	    .bare = h->request->parser.method == HTTP_HEAD,
	};
	wsd_http_describe(h);
	if (!wsd_request_upgrades(h->request) || !upgrade_begin(c))
		wsd_http_ask(h);
}

/* Once the head is complete: send a 100 if the client waits for it before it sends the body. */
static void
answer_expect(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;
	struct slice expect;

	if (!h->request->head_done || h->continued)
		return;
	expect = wsd_request_header(h->request, "expect");
	/* RFC 9110 10.1.1: HTTP/1.0 clients do not know interim answers */
	if (expect.n == 0 || h->request->parser.http_minor == 0)
		return;
	if (!wsd_request_list_has(expect, "100-continue")) {
		wsd_http_refuse(c, 417, "Only 100-continue can be expected.", NO_HEADERS);
		return;
	}
	h->continued = true;
	wsd_conn_send(c, outqueue_raw(SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
}

/* Begin a request, unless all of `*in` are empty lines, which some clients send after a body. */
static bool
begin_request(struct wsd_conn *c, struct slice *in)
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
	/* the first request's time has run since the connection was accepted */
	if (c->waits != DEADLINE_REQUEST)
		deadline_set(c, DEADLINE_REQUEST);
	return true;
}

/* Read one request; what follows it is left in `*in`. */
static void
read_request(struct wsd_conn *c, struct slice *in)
{
	struct wsd_http *h = c->http;
	size_t used;

	if (!begin_request(c, in))
		return;
	switch (wsd_request_feed(h->request, *in, &used)) {
	case WSD_REQUEST_MORE:
		*in = slice_skip(*in, in->n);
		answer_expect(c);
		break;
	case WSD_REQUEST_WHOLE:
		*in = slice_skip(*in, used);
		dispatch_request(c);
		break;
	case WSD_REQUEST_BAD:
		*in = slice_skip(*in, in->n);
		wsd_http_refuse(c, h->request->status, h->request->why, NO_HEADERS);
		break;
	}
}

static bool
is_reading_request(const struct wsd_http *h)
{
	return h->state == WSD_HTTP_READING || h->state == WSD_HTTP_PROVING;
}

static const struct protocol http_read_protocol;

static void
http_read_input(struct wsd_conn *c, struct slice *in)
{
	struct wsd_http *h = c->http;

	while (in->n > 0 && c->protocol == &http_read_protocol && c->state == WSD_CONN_OPEN &&
	       is_reading_request(h)) {
		if (h->state == WSD_HTTP_PROVING)
			upgrade_prove(c, in);
		else
			read_request(c, in);
	}
	/* upgraded: only here is nothing on the stack that reads the request; `*in` holds frames */
	if (c->protocol != &http_read_protocol) {
		wsd_http_close(c);
		return;
	}
	if (c->state == WSD_CONN_OPEN && h->state != WSD_HTTP_READING &&
	    (h->how.keep || h->state == WSD_HTTP_WAITING))
		buf_add_slice(&h->later, *in);
	if (h->later.failed)
		wsd_conn_close(c, "socket error");
}

static bool
http_read_takes_input(const struct wsd_conn *c)
{
	return is_reading_request(c->http) || c->http->later.n < LATER_BYTES;
}

static void
http_read_eof(struct wsd_conn *c)
{
	struct wsd_http *h = c->http;

	switch (h->state) {
	case WSD_HTTP_READING:
	case WSD_HTTP_PROVING:
	case WSD_HTTP_WAITING:
	case WSD_HTTP_HELD:
	case WSD_HTTP_STREAMING:
		wsd_conn_close(c, "socket end");
		break;
	case WSD_HTTP_ANSWERED:
	case WSD_HTTP_SENT:
		/* some clients shut down their side after the request and read on */
		h->how.keep = false;
		break;
	}
}

static void
http_read_after(struct wsd_conn *c)
{
	struct buf later = c->http->later;

	if (!wsd_http_next(c) || later.n == 0)
		return;
	/* take the bytes out first: reading them may queue some again, or free c->http */
	buf_init(&c->http->later, 0);
	wsd_conn_input(c, buf_slice(&later));
	buf_free(&later);
}

/* Go on with an upgrade, which gets what has followed it. */
static void
resume_upgrade(struct wsd_conn *c)
{
	struct buf later = c->http->later;
	struct slice in = buf_slice(&later);

	buf_init(&c->http->later, 0);
	upgrade_resume(c, &in);
	if (c->protocol == &http_read_protocol && c->http->state == WSD_HTTP_WAITING) {
		c->http->later = later;
		return;
	}
	if (c->protocol != &http_read_protocol)
		wsd_http_close(c);
	if (c->state == WSD_CONN_OPEN && in.n > 0)
		wsd_conn_input(c, in);
	buf_free(&later);
}

static void
http_read_resume(struct wsd_conn *c)
{
	if (c->http->state == WSD_HTTP_WAITING)
		resume_upgrade(c);
	else if (c->http->state == WSD_HTTP_HELD && c->http->request != NULL)
		wsd_http_ask(c->http);
}

/* Does the transport want to know what becomes of the exchange? */
static bool
http_read_needs_store(const struct wsd_conn *c)
{
	return c->http != NULL && c->http->x.on_fate != NULL && c->http->state != WSD_HTTP_SENT;
}

static bool
http_read_is_idle(const struct wsd_conn *c)
{
	return c->http->state == WSD_HTTP_READING && c->http->request == NULL;
}

static const char *
http_read_expire(struct wsd_conn *c)
{
	if (c->waits == DEADLINE_IDLE)
		return "socket end";
	/* a 101 has begun, or there is no request to answer */
	if (c->http->state != WSD_HTTP_READING || http_read_is_idle(c))
		return "request timeout";
	wsd_http_refuse(c, 408, "The request took too long.", NO_HEADERS);
	return NULL;
}

static const struct protocol http_read_protocol = {
    .name = "http",
    .read_bytes = READ_BUFFER,
    .input = http_read_input,
    .eof = http_read_eof,
    .takes_input = http_read_takes_input,
    .flushed = wsd_http_flushed,
    .after = http_read_after,
    .resume = http_read_resume,
    .needs_store = http_read_needs_store,
    .expire = http_read_expire,
    .is_idle = http_read_is_idle,
    .end = wsd_http_close,
};

void
http_read_open(struct wsd_conn *c)
{
	if (wsd_http_open(c) == -1) {
		wsd_conn_close(c, "socket error");
		return;
	}
	c->protocol = &http_read_protocol;
}
