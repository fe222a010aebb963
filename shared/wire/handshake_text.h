/* handshake_text: the one line that answers a handshake (PROTOCOL 4.1).  Pure.
 *
 *	SID:60:60:websocket,xhr-polling      id, heartbeat timeout, close timeout, transports */
#ifndef POLLUX_HANDSHAKE_TEXT_H
#define POLLUX_HANDSHAKE_TEXT_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Append the line, without a newline.  Timeouts are in seconds and clamped to what clients survive,
 * 1 to 2147483 (PROTOCOL 4.2).  `transports`: names separated by commas, best first. */
void handshake_text_write(struct buf *out, struct slice sid, int heartbeat_timeout_s,
    int close_timeout_s, const char *transports);

#endif
