#include "shared/wire/handshake_text.h"

/* Seconds that fit a client's timer of 2^31-1 ms; 0 would end its connection at once. */
#define TIMEOUT_MAX 2147483

static int
timeout_field(int seconds)
{
	return seconds < 1 ? 1 : seconds > TIMEOUT_MAX ? TIMEOUT_MAX : seconds;
}

void
handshake_write(struct buf *out, struct slice sid, int heartbeat_timeout_s, int close_timeout_s,
    const char *transports)
{
	buf_add_slice(out, sid);
	buf_printf(
	    out, ":%d:%d:", timeout_field(heartbeat_timeout_s), timeout_field(close_timeout_s));
	buf_puts(out, transports);
}
