#include "wsd/hixie.h"

#include <strings.h>

#include "shared/wire/hixie_frame.h"
#include "shared/wire/hixie_key.h"
#include "shared/wire/route.h"
#include "shared/wire/utf8.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/partial.h"
#include "wsd/ws.h"

/* Close codes for the hub only: these drafts do not send any. */
#define CLOSE_NORMAL         1000
#define CLOSE_PROTOCOL_ERROR 1002

/* A frame is longer than its content by its type and end mark, or by type and length. */
#define HEAD_MAX 16

/* --- the handshake -------------------------------------------------------------------------- */

/* hixie-75 has no key that could be wrong. */
static const char *
hixie75_check(const struct wsd_http *h)
{
	(void)h;
	return NULL;
}

static const char *
hixie76_check(const struct wsd_http *h)
{
	uint32_t unused;

	if (hixie_key_number(wsd_request_header(h->request, "sec-websocket-key1"), &unused) == 0 &&
	    hixie_key_number(wsd_request_header(h->request, "sec-websocket-key2"), &unused) == 0)
		return NULL;
	return "Sec-WebSocket-Key1 or -Key2 is missing or not a key.";
}

static bool
location_is_secure(const struct wsd *w, const struct wsd_http *h)
{
	struct slice origin = h->x.origin;

	return h->x.secure || (w->cfg->match_origin_protocol && origin.n >= 6 &&
				  strncasecmp(origin.p, "https:", 6) == 0);
}

/* The host that the client asked for; a proxy may have replaced the header. */
static struct slice
find_location_host(const struct wsd_http *h)
{
	struct slice list = wsd_request_header(h->request, "x-forwarded-host"), first;

	if (h->by_proxy && slice_cut(&list, ',', &first) && first.n > 0)
		return first;
	return wsd_request_header(h->request, "host");
}

static void
add_hixie_header(struct buf *out, const char *prefix, const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	buf_printf(out, "%sWebSocket-%s: ", prefix, name);
	buf_add_slice(out, value);
	buf_puts(out, "\r\n");
}

/* The browser compares Location with the address it asked for, so it is sent back as it came.
 * Flash wants every line to be "Name: value", and no list in Connection. */
static struct message *
write_hixie_head(const struct wsd *w, const struct wsd_http *h, const char *status,
    const char *prefix, struct slice protocol)
{
	struct message *m;
	struct buf out;

	buf_init(&out, 0);
	buf_printf(&out,
	    "HTTP/1.1 101 %s\r\n"
	    "Upgrade: WebSocket\r\n"
	    "Connection: Upgrade\r\n",
	    status);
	add_hixie_header(&out, prefix, "Origin", h->x.origin);
	buf_printf(
	    &out, "%sWebSocket-Location: %s://", prefix, location_is_secure(w, h) ? "wss" : "ws");
	buf_add_slice(&out, find_location_host(h));
	buf_add_slice(&out, route_origin_form(h->x.target));
	buf_puts(&out, "\r\n");
	add_hixie_header(&out, prefix, "Protocol", protocol);
	buf_puts(&out, "\r\n");
	m = out.failed ? NULL : outqueue_raw(buf_slice(&out));
	buf_free(&out);
	return m;
}

static struct message *
hixie75_head(const struct wsd *w, const struct wsd_http *h)
{
	return write_hixie_head(w, h, "Web Socket Protocol Handshake", "",
	    wsd_request_header(h->request, "websocket-protocol"));
}

static struct message *
hixie76_head(const struct wsd *w, const struct wsd_http *h)
{
	return write_hixie_head(w, h, "WebSocket Protocol Handshake", "Sec-",
	    wsd_request_header(h->request, "sec-websocket-protocol"));
}

static struct message *
hixie76_prove(const struct wsd_http *h, struct slice proof)
{
	unsigned char digest[HIXIE_KEY_DIGEST_N];

	if (hixie_key_digest(digest, wsd_request_header(h->request, "sec-websocket-key1"),
		wsd_request_header(h->request, "sec-websocket-key2"), proof) == -1)
		return NULL;
	return outqueue_raw((struct slice){(const char *)digest, sizeof(digest)});
}

/* --- frames --------------------------------------------------------------------------------- */

/* These clients do not check what they send: a page's lone surrogate arrives as it is. */
static bool
take_hixie_text(struct wsd_conn *c, struct slice text)
{
	struct buf clean;
	bool open;

	/* an empty frame carries no packet */
	if (text.n == 0)
		return true;
	if (utf8_valid(text))
		return ws_text(c, text);
	buf_init(&clean, 3 * text.n); /* each byte a replacement */
	utf8_sanitize(&clean, text);
	if (clean.failed)
		wsd_conn_close(c, "socket error");
	open = !clean.failed && ws_text(c, buf_slice(&clean));
	buf_free(&clean);
	return open;
}

/* Read one frame off the front of `*in`.  Return false when there is nothing more to read. */
static bool
take_hixie_frame(struct wsd_conn *c, struct slice *in, size_t seen)
{
	struct hixie_frame f;

	switch (hixie_frame_read(&f, *in, seen, c->wsd->cfg->message_bytes)) {
	case HIXIE_FRAME_MORE:
		return false;
	case HIXIE_FRAME_NEVER:
		ws_peer_ended(c, CLOSE_PROTOCOL_ERROR, "socket error");
		return false;
	case HIXIE_FRAME_WHOLE:
		break;
	}
	/* before the text is handled: that may end the connection */
	*in = slice_skip(*in, f.used);
	switch (f.kind) {
	case HIXIE_FRAME_TEXT:
		return take_hixie_text(c, f.text);
	case HIXIE_FRAME_CLOSE:
		ws_peer_ended(c, CLOSE_NORMAL, "socket end");
		return false;
	case HIXIE_FRAME_OTHER:
		break;
	}
	return true;
}

static void
hixie_input(struct wsd_conn *c, struct slice in)
{
	size_t seen = c->partial == NULL ? 0 : c->partial->seen;
	size_t most = c->wsd->cfg->message_bytes + HEAD_MAX + READ_BUFFER;
	struct slice left;

	if (partial_join(&c->partial, &in) == -1) {
		wsd_conn_close(c, "socket error");
		return;
	}
	left = in;
	/* `seen` counts for the frame that was kept only */
	while (take_hixie_frame(c, &left, seen))
		seen = 0;
	/* nothing more is read: ws_end() frees what was kept */
	if (c->state != WSD_CONN_OPEN)
		return;
	if (partial_keep(&c->partial, in, left.n, most) == -1)
		wsd_conn_close(c, "socket error");
	else if (c->partial != NULL)
		c->partial->seen = left.n; /* without an end mark: do not search it again */
}

static void
hixie_release(struct wsd_conn *c)
{
	(void)c;
}

/* A copy, because a broadcast's message may have the head of an RFC 6455 frame; the end mark
 * follows the text of every message. */
static struct message *
hixie_frame_message(struct wsd *w, struct message *m)
{
	struct message *copy = message_new(message_text(m));

	(void)w;
	if (copy == NULL)
		return NULL;
	copy->is_volatile = m->is_volatile;
	copy->id = m->id;
	copy->part = m->part;
	copy->head[MESSAGE_HEADROOM - 1] = 0;
	copy->head_n = 1;
	copy->n++;
	return copy;
}

/* These drafts have neither a code nor a reason. */
static struct message *
hixie_close_frame(struct wsd *w, int code, const char *reason)
{
	(void)w;
	(void)code;
	(void)reason;
	return outqueue_raw(SLICE("\xff\0"));
}

const struct dialect hixie_dialect_75 = {
    .name = "hixie-75",
    .number = 1,
    .check = hixie75_check,
    .head = hixie75_head,
    .input = hixie_input,
    .release = hixie_release,
    .frame = hixie_frame_message,
    .close_frame = hixie_close_frame,
};

const struct dialect hixie_dialect_76 = {
    .name = "hixie-76",
    .number = 2,
    .check = hixie76_check,
    .head = hixie76_head,
    .proof_n = HIXIE_KEY_PROOF_N,
    .prove = hixie76_prove,
    .input = hixie_input,
    .release = hixie_release,
    .frame = hixie_frame_message,
    .close_frame = hixie_close_frame,
};
