#include "wsd/reply.h"

#include <time.h>

#include <http_parser.h>

#include "shared/base/buf.h"
#include "wsd/outqueue.h"

static struct message *
take_reply(struct buf *b)
{
	struct message *m = b->failed ? NULL : outqueue_raw(buf_slice(b));

	buf_free(b);
	return m;
}

static void
add_date_header(struct buf *out)
{
	time_t now = time(NULL);
	struct tm utc;
	char text[64];

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
	buf_puts(out, text);
}

struct message *
wsd_reply_write(const struct response *r, const struct wsd_reply *how)
{
	struct buf out;

	buf_init(&out, 0);
	/* to HTTP/1.0 clients, too: it is the version that the server supports (RFC 9110 6.2) */
	buf_printf(
	    &out, "HTTP/1.1 %d %s\r\n", r->status, http_status_str((enum http_status)r->status));
	add_date_header(&out);
	if (r->content_type != NULL)
		buf_printf(&out, "Content-Type: %s\r\n", r->content_type);
	buf_add_slice(&out, r->headers);
	buf_puts(&out, EXCHANGE_HEADERS);
	buf_puts(&out, how->keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
	switch (how->end) {
	case WSD_REPLY_LENGTH:
		/* with 304 it would be the length of the body that is not sent */
		if (r->status != 304)
			buf_printf(&out, "Content-Length: %zu\r\n", r->body.n);
		buf_puts(&out, "\r\n");
		break;
	case WSD_REPLY_CHUNKED:
		buf_puts(&out, "Transfer-Encoding: chunked\r\n\r\n");
		/* an empty chunk would end the body */
		if (r->body.n > 0 && !how->bare)
			buf_printf(&out, "%zx\r\n", r->body.n);
		break;
	case WSD_REPLY_CLOSE:
		buf_puts(&out, "\r\n");
		break;
	}
	if (!how->bare) {
		buf_add_slice(&out, r->body);
		if (how->end == WSD_REPLY_CHUNKED && r->body.n > 0)
			buf_puts(&out, "\r\n");
	}
	return take_reply(&out);
}

struct message *
wsd_reply_piece(struct slice bytes, enum wsd_reply_end end)
{
	struct buf out;

	buf_init(&out, 0);
	if (end == WSD_REPLY_CHUNKED)
		buf_printf(&out, "%zx\r\n", bytes.n);
	buf_add_slice(&out, bytes);
	if (end == WSD_REPLY_CHUNKED)
		buf_puts(&out, "\r\n");
	return take_reply(&out);
}

struct message *
wsd_reply_last(void)
{
	return outqueue_raw(SLICE("0\r\n\r\n"));
}

struct message *
wsd_reply_error(int status, const char *why, struct slice headers)
{
	struct response r = {.status = status,
	    .content_type = "text/plain",
	    .headers = headers,
	    .body = slice_of(why)};
	struct wsd_reply how = {WSD_REPLY_LENGTH, false, false};

	return wsd_reply_write(&r, &how);
}
