/* http_read: the protocol of a connection that sends HTTP requests.  A whole request goes to the
 * hub, or to the upgrade, which hands the connection to the websocket. */
#ifndef POLLUX_WSD_HTTP_READ_H
#define POLLUX_WSD_HTTP_READ_H

#include "wsd/conn.h"

/* Hand the connection to HTTP.  Closes it when out of memory. */
void http_read_open(struct wsd_conn *c);

#endif
