#include "shared/wire/handshake_text.h"

/* Clients keep both timeouts in a 32-bit timer of milliseconds: more would overflow to 1 ms, and 0
 * fires at once, so either would end the connection before it opens (PROTOCOL 4.2). */
#define TIMEOUT_MAX 2147483

static int
clamp_timeout(int seconds)
{
	return seconds < 1 ? 1 : seconds > TIMEOUT_MAX ? TIMEOUT_MAX : seconds;
}

void
handshake_text_write(struct buf *out, struct slice sid, int heartbeat_timeout_s,
    int close_timeout_s, const char *transports)
{
	buf_add_slice(out, sid);
	buf_printf(
	    out, ":%d:%d:", clamp_timeout(heartbeat_timeout_s), clamp_timeout(close_timeout_s));
	/* no newline after it: clients would take it for part of the last transport's name */
	buf_puts(out, transports);
}
