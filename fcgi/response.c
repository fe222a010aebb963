#include "fcgi/response.h"

#include "fcgi/records.h"

static const char *
response_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 426:
		return "Upgrade Required";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	}
	return "Status"; /* RFC 3875 wants a phrase after the code, any will do */
}

void
response_add(struct buf *out, uint16_t request_id, const struct response *r, bool with_length)
{
	struct buf content = {.p = NULL};

	buf_printf(&content, "Status: %d %s\r\n", r->status, response_reason(r->status));
	if (r->content_type != NULL)
		buf_printf(&content, "Content-Type: %s\r\n", r->content_type);
	buf_add_slice(&content, r->headers);
	buf_puts(&content, EXCHANGE_HEADERS);
	if (r->closes) /* the web server does not pass it on, it obeys */
		buf_puts(&content, "Connection: close\r\n");
	/* of a 304 it would be the length of the body that is not sent */
	if (with_length && r->status != 304)
		buf_printf(&content, "Content-Length: %zu\r\n", r->body.n);
	buf_puts(&content, "\r\n");
	buf_add_slice(&content, r->body);
	if (content.failed)
		out->failed = true;
	records_add_stdout(out, request_id, buf_slice(&content));
	buf_free(&content);
}
