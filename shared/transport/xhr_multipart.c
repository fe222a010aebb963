/* xhr-multipart: PROTOCOL section 11.  Firefox up to version 21 gave a script every part of
 *
 *	--socketio
 *	Content-Type: text/plain; charset=UTF-8
 *
 *	1::
 *	--socketio
 *
 * as it arrived, with bare line feeds; the boundary after a part completes it.  No released client
 * of protocol 1 speaks it: it is served and advertised only if `transports` names it. */
#include "shared/transport/transport.h"

#define BOUNDARY "--socketio\n"

static void
multipart_wrap(struct buf *out, struct slice text, unsigned index)
{
	(void)index;
	buf_puts(out, "Content-Type: text/plain; charset=UTF-8\n\n");
	buf_add_slice(out, text);
	buf_puts(out, "\n" BOUNDARY);
}

const struct transport transport_xhr_multipart = {
    .works = streaming_works,
    .open = streaming_open,
    .content_type = "multipart/x-mixed-replace;boundary=\"socketio\"",
    .headers = "X-Accel-Buffering: no\r\n", /* nginx: pass it on at once */
    .head = {BOUNDARY, sizeof(BOUNDARY) - 1},
    .wrap = multipart_wrap,
    .unwrap = bare_unwrap,
};
