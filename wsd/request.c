#include "wsd/request.h"

#include <stdlib.h>
#include <strings.h>

#include "shared/wire/form.h"

/* Return the value that makes the parser stop. */
static int
reject_request(struct wsd_request *r, int status, const char *why)
{
	r->status = status;
	r->why = why;
	return -1;
}

static int
store_head_bytes(struct wsd_request *r, const char *p, size_t n)
{
	buf_add(&r->text, p, n);
	return r->text.failed ? reject_request(r, 431, "The request's head is too long.") : 0;
}

/* Return whether there is a control character other than `allowed`.  What is stored goes into
 * answers, the log and the application: none of it may break out of its line. */
static bool
has_control_character(const char *p, size_t n, char allowed)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < ' ' || p[i] == 0x7f) && p[i] != allowed)
			return true;
	return false;
}

static int
wsd_request_on_url(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;

	/* http-parser accepts tabs and form feeds */
	if (has_control_character(p, n, ' '))
		return reject_request(r, 400, "The request's target has a control character.");
	r->target_n += n;
	return store_head_bytes(r, p, n);
}

static int
wsd_request_on_name(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;
	size_t at = r->text.n;

	/* behind a chunked body: what the head says must not be changed there */
	if (r->head_done)
		return 0;
	/* the parser gives a name in pieces, as the input is cut */
	if (r->fields_n == 0 || r->in_value) {
		if (r->fields_n == WSD_REQUEST_FIELDS)
			return reject_request(r, 431, "The request has too many headers.");
		r->fields[r->fields_n++] = (struct wsd_request_field){(uint32_t)at, 0, 0};
		r->in_value = false;
	}
	r->fields[r->fields_n - 1].name_n += (uint32_t)n;
	if (store_head_bytes(r, p, n) == -1)
		return -1;
	for (char *c = r->text.p + at; c < r->text.p + r->text.n; c++) {
		/* http-parser accepts it, but a proxy may read another name there */
		if (*c == ' ')
			return reject_request(r, 400, "A header's name contains a blank.");
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return 0;
}

static int
wsd_request_on_value(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;

	if (r->head_done)
		return 0;
	/* http-parser does not check the first byte, which may be a NUL */
	if (has_control_character(p, n, '\t'))
		return reject_request(r, 400, "A header's value has a control character.");
	r->in_value = true;
	r->fields[r->fields_n - 1].value_n += (uint32_t)n;
	return store_head_bytes(r, p, n);
}

/* What http-parser leaves to us, and a proxy may read in another way, taking other bytes for
 * the next request, or another site for this one.  There may be no Host: devices of the era send
 * none. */
static int
check_head(struct wsd_request *r)
{
	struct slice name, value;
	unsigned hosts = 0, codings = 0;
	bool form = false;

	for (unsigned i = 0; wsd_request_field(r, i, &name, &value); i++) {
		value = slice_trim(value);
		if (slice_is(name, "host") && ++hosts > 1)
			return reject_request(r, 400, "The request has two Host headers.");
		if (slice_is(name, "transfer-encoding") &&
		    (++codings > 1 || value.n != 7 || strncasecmp(value.p, "chunked", 7) != 0))
			return reject_request(
			    r, 501, "The only Transfer-Encoding that is read is chunked.");
		/* the transport counts what it decodes */
		if (slice_is(name, "content-type") && form_is_type(value) && !form) {
			form = true;
			r->body_max = r->body.ceiling = form_body_max(r->body_max);
		}
	}
	return 0;
}

/* Return 1 to make the parser skip the body. */
static int
wsd_request_on_head(http_parser *parser)
{
	struct wsd_request *r = parser->data;

	r->head_done = true;
	if (parser->http_major != 1)
		return reject_request(r, 505, "Only HTTP/1.0 and HTTP/1.1 are supported.");
	if (check_head(r) == -1)
		return -1;
	r->keep = http_should_keep_alive(parser) != 0;
	/* refused by its length, before anything of it is stored */
	if ((parser->flags & F_CONTENTLENGTH) != 0 && parser->content_length > r->body_max) {
		r->body_too_large = true;
		return 1;
	}
	return 0;
}

/* A chunk is announced: a body that will be too large is refused before it arrives. */
static int
wsd_request_on_chunk(http_parser *parser)
{
	struct wsd_request *r = parser->data;

	if (parser->content_length <= r->body_max - r->body.n)
		return 0;
	r->body_too_large = true;
	r->done = true;
	buf_free(&r->body);
	return -1;
}

static int
wsd_request_on_body(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;

	/* no more than its length or its chunks have announced */
	buf_add(&r->body, p, n);
	return r->body.failed ? reject_request(r, 503, "Out of memory.") : 0;
}

static int
wsd_request_on_end(http_parser *parser)
{
	struct wsd_request *r = parser->data;

	r->done = true;
	http_parser_pause(parser, 1); /* the next request has a parser of its own */
	return 0;
}

static const http_parser_settings wsd_request_callbacks = {
    .on_url = wsd_request_on_url,
    .on_header_field = wsd_request_on_name,
    .on_header_value = wsd_request_on_value,
    .on_headers_complete = wsd_request_on_head,
    .on_chunk_header = wsd_request_on_chunk,
    .on_body = wsd_request_on_body,
    .on_message_complete = wsd_request_on_end,
};

struct wsd_request *
wsd_request_new(size_t header_bytes, size_t body_bytes)
{
	struct wsd_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	http_parser_init(&r->parser, HTTP_REQUEST);
	r->parser.data = r;
	buf_init(&r->text, header_bytes);
	buf_init(&r->body, body_bytes);
	r->body_max = body_bytes;
	return r;
}

void
wsd_request_free(struct wsd_request *r)
{
	if (r == NULL)
		return;
	buf_free(&r->text);
	buf_free(&r->body);
	free(r);
}

/* What the parser has read of a body in chunks: all of `body` but its last `rest` bytes.  Return
 * NULL, or what is wrong. */
static const char *
look_at_body(struct wsd_request *r, struct slice body, size_t rest)
{
	if (!r->head_done || (r->parser.flags & F_CHUNKED) == 0 || r->status != 0 ||
	    r->body_too_large || body.n < rest)
		return NULL;
	body.n -= rest;
	return chunks_look(&r->chunks, body);
}

enum wsd_request_result
wsd_request_feed(struct wsd_request *r, struct slice in, size_t *used)
{
	struct slice body = in;
	const char *wrong = head_look(&r->head, &body);
	enum http_errno e;

	*used = in.n;
	if (wrong == NULL) {
		*used = http_parser_execute(&r->parser, &wsd_request_callbacks, in.p, in.n);
		wrong = look_at_body(r, body, in.n - *used);
	}
	if (wrong != NULL) {
		*used = in.n;
		(void)reject_request(r, 400, wrong);
		return WSD_REQUEST_BAD;
	}
	if (r->status != 0)
		return WSD_REQUEST_BAD;
	/* in this order: the parser is also stopped, with an error, when all is read */
	if (r->done) {
		/* where the rest of a dropped body ends is not known */
		r->keep = r->keep && !r->body_too_large;
		return WSD_REQUEST_WHOLE;
	}
	e = HTTP_PARSER_ERRNO(&r->parser);
	if (e == HPE_OK)
		return WSD_REQUEST_MORE;
	if (e == HPE_HEADER_OVERFLOW)
		(void)reject_request(r, 431, "The head is longer than this server accepts.");
	else
		(void)reject_request(r, 400, "This is not an HTTP request.");
	return WSD_REQUEST_BAD;
}

struct slice
wsd_request_target(const struct wsd_request *r)
{
	return (struct slice){r->text.p, r->target_n};
}

const char *
wsd_request_method(const struct wsd_request *r)
{
	return http_method_str((enum http_method)r->parser.method);
}

bool
wsd_request_field(const struct wsd_request *r, unsigned i, struct slice *name, struct slice *value)
{
	const struct wsd_request_field *f = &r->fields[i];

	if (i >= r->fields_n)
		return false;
	*name = (struct slice){r->text.p + f->at, f->name_n};
	*value = (struct slice){r->text.p + f->at + f->name_n, f->value_n};
	return true;
}

struct slice
wsd_request_header(const struct wsd_request *r, const char *name)
{
	struct slice found, value;

	for (unsigned i = 0; wsd_request_field(r, i, &found, &value); i++)
		if (slice_is(found, name))
			return value;
	return (struct slice){NULL, 0};
}

bool
wsd_request_list_has(struct slice list, const char *token)
{
	struct slice word;
	size_t n = strlen(token);

	while (slice_cut(&list, ',', &word)) {
		word = slice_trim(word);
		if (word.n == n && strncasecmp(word.p, token, n) == 0)
			return true;
	}
	return false;
}

bool
wsd_request_upgrades(const struct wsd_request *r)
{
	/* the parser has found "upgrade" in Connection; other protocols (h2c) are ignored, as RFC
	 * 9110 7.8 allows */
	return r->parser.upgrade != 0 &&
	       wsd_request_list_has(wsd_request_header(r, "upgrade"), "websocket");
}
