#include "tests/bench/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a header line that starts with `name`, or NULL. */
static const char *
header(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0)
		return NULL;
	return line + n + strspn(line + n, " \t");
}

/* A hexadecimal chunk size with its line end.  Return the bytes it took, 0 when the line is
 * incomplete. */
static size_t
chunk_head(const char *p, size_t n, size_t *size)
{
	const char *eol = memchr(p, '\n', n);

	if (eol == NULL)
		return 0;
	*size = strtoul(p, NULL, 16);
	return (size_t)(eol - p) + 1;
}

/* Move the chunks at `body` together. */
static enum http_result
join_chunks(struct http_answer *a, char *in, size_t n, size_t body)
{
	size_t from, size, head, joined = 0;

	/* move nothing before the body is complete */
	for (from = body;; from += head + size + 2) {
		if (from > n || (head = chunk_head(in + from, n - from, &size)) == 0)
			return HTTP_MORE;
		if (size > n)
			return HTTP_MORE;
		if (size == 0)
			break;
	}
	if (from + head + 2 > n)
		return HTTP_MORE;
	a->used = from + head + 2;
	for (from = body; (head = chunk_head(in + from, n - from, &size)) > 0 && size > 0;
	     from += head + size + 2) {
		memmove(in + body + joined, in + from + head, size);
		joined += size;
	}
	a->body = (struct slice){in + body, joined};
	return HTTP_WHOLE;
}

enum http_result
http_take(struct http_answer *a, char *in, size_t n)
{
	const char *end = memmem(in, n, "\r\n\r\n", 4), *line, *value;
	size_t body, length = 0;
	bool chunked = false, known = false;

	if (end == NULL)
		return n > 65536 ? HTTP_BAD : HTTP_MORE;
	if (n < 13 || strncmp(in, "HTTP/1.", 7) != 0)
		return HTTP_BAD;
	a->status = atoi(in + 9);
	a->close = in[7] == '0';
	for (line = strchr(in, '\n') + 1; line < end; line = strchr(line, '\n') + 1) {
		if ((value = header(line, "Content-Length:")) != NULL) {
			length = strtoul(value, NULL, 10);
			known = true;
		} else if ((value = header(line, "Transfer-Encoding:")) != NULL) {
			chunked = strncasecmp(value, "chunked", 7) == 0;
		} else if ((value = header(line, "Connection:")) != NULL) {
			a->close = strncasecmp(value, "close", 5) == 0;
		}
	}
	body = (size_t)(end - in) + 4;
	if (chunked)
		return join_chunks(a, in, n, body);
	if (!known && a->status != 101)
		return HTTP_BAD;
	if (n - body < length)
		return HTTP_MORE;
	a->body = (struct slice){in + body, length};
	a->used = body + length;
	return HTTP_WHOLE;
}
