/* xhr-polling: PROTOCOL section 8.
 *
 *	3:::hello      a response, and the body of a POST */
#include "shared/transport/transport.h"

const struct transport transport_xhr_polling = {
    .works = polling_works,
    .open = polling_open,
    .content_type = "text/plain; charset=UTF-8",
    .headers = "",
    .head = {"", 0},
    .wrap = bare_wrap,
    .unwrap = bare_unwrap,
};
