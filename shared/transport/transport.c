#include "shared/transport/transport.h"

#include "shared/transport/internal.h"

static const struct transport *const transport_rows[TRANSPORT_COUNT] = {
    [TRANSPORT_WEBSOCKET] = &websocket_row,
    [TRANSPORT_FLASHSOCKET] = &websocket_row, /* the name only tells the application */
    [TRANSPORT_HTMLFILE] = &transport_htmlfile,
    [TRANSPORT_XHR_POLLING] = &transport_xhr_polling,
    [TRANSPORT_JSONP_POLLING] = &transport_jsonp_polling,
    [TRANSPORT_XHR_MULTIPART] = &transport_xhr_multipart,
};

const struct transport *
transport_row(enum transport_id id)
{
	return transport_rows[id];
}

bool
transport_works(struct server *sv, enum transport_id id)
{
	return server_enables(sv, id) && transport_rows[id]->works(sv);
}
