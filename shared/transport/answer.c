/* What all answers have in common. */
#include "shared/transport/internal.h"

/* Echo the origin (PROTOCOL 3.1): clients send credentials with the handshake, so '*' would not do.
 * An origin that could break the header is not echoed. */
static void
add_cors(struct buf *headers, struct slice origin)
{
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
answer(struct server *sv, struct exchange *x, struct slice origin, int status,
    const char *content_type, const char *extra, struct slice body)
{
	struct response r = {.status = status, .content_type = content_type, .body = body};

	buf_clear(&sv->headers);
	add_cors(&sv->headers, origin);
	buf_puts(&sv->headers, extra);
	buf_puts(&sv->headers, "Cache-Control: no-cache, no-store\r\n"); /* iOS 6 caches POSTs */
	r.headers = buf_slice(&sv->headers);
	if (sv->headers.failed)
		r = (struct response){.status = 503};
	x->ops->respond(x, &r);
}

void
answer_error(struct server *sv, struct exchange *x, int status, const char *sentence)
{
	answer(sv, x, x->origin, status, "text/plain; charset=UTF-8", "", slice_of(sentence));
}
