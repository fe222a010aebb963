#include "shared/transport/cors.h"

void
cors_allow(struct buf *headers, struct slice origin)
{
	/* a line break would let the client add headers of its own */
	for (size_t i = 0; i < origin.n; i++)
		if ((unsigned char)origin.p[i] < 0x20 || origin.p[i] == 0x7f)
			return;
	if (origin.n == 0)
		return;
	buf_puts(headers, "Access-Control-Allow-Origin: ");
	buf_add_slice(headers, origin);
	buf_puts(headers, "\r\nAccess-Control-Allow-Credentials: true\r\n");
}

void
cors_allow_preflight(struct buf *headers, struct slice wanted)
{
	buf_puts(headers, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n");
	if (wanted.n > 0) {
		buf_puts(headers, "Access-Control-Allow-Headers: ");
		for (size_t i = 0; i < wanted.n; i++)
			buf_add_char(
			    headers, (unsigned char)wanted.p[i] < 0x20 ? ' ' : wanted.p[i]);
		buf_puts(headers, "\r\n");
	}
	buf_puts(headers, "Access-Control-Max-Age: 3600\r\n");
}
