#include "shared/transport/transport.h"

static const struct transport *const rows[TRANSPORT_COUNT] = {
    [TRANSPORT_WEBSOCKET] = &transport_websocket,
    [TRANSPORT_FLASHSOCKET] = &transport_websocket, /* the name only tells the application */
    [TRANSPORT_HTMLFILE] = &transport_htmlfile,
    [TRANSPORT_XHR_POLLING] = &transport_xhr_polling,
    [TRANSPORT_JSONP_POLLING] = &transport_jsonp_polling,
    [TRANSPORT_XHR_MULTIPART] = &transport_xhr_multipart,
};

const struct transport *
transport_row(enum transport_id id)
{
	return rows[id];
}

void
transport_wrap_bare(struct buf *out, struct slice text, unsigned index)
{
	(void)index;
	buf_add_slice(out, text);
}

struct slice
transport_unwrap_bare(struct slice body, struct buf *scratch)
{
	(void)scratch;
	return body;
}
