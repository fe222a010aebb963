#include "shared/transport/cors.h"

#include "shared/base/log.h"

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

void
cors_log_refusal(const char *what, const struct exchange *x)
{
	struct slice page = x->origin.n > 0 ? x->origin : x->referer;

	if (page.n == 0)
		page = SLICE("a client without an origin");
	log_limited(LOG_LEVEL_INFO, "%s refused: [protocol] origins does not allow %.*s, at %.*s",
	    what, (int)page.n, page.p, (int)x->address.n, slice_text(x->address));
}
