#include "wsd/request.h"

#include <stdlib.h>
#include <strings.h>

/* Return what makes the parser stop. */
static int
refuse(struct wsd_request *r, int status, const char *why)
{
	r->status = status;
	r->why = why;
	return -1;
}

static int
store(struct wsd_request *r, const char *p, size_t n)
{
	buf_add(&r->text, p, n);
	return r->text.failed ? refuse(r, 431, "The request's head is too long.") : 0;
}

/* Is there a control character other than `allowed`? */
static bool
has_control(const char *p, size_t n, char allowed)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < ' ' || p[i] == 0x7f) && p[i] != allowed)
			return true;
	return false;
}

static int
on_url(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;

	if (has_control(p, n, ' ')) /* the parser lets tabs and form feeds pass */
		return refuse(r, 400, "The request's target has a control character.");
	r->target_n += n;
	return store(r, p, n);
}

static int
on_name(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;
	size_t at = r->text.n;

	if (r->fields_n == 0 || r->in_value) { /* not a further piece of the same name */
		if (r->fields_n == WSD_REQUEST_FIELDS)
			return refuse(r, 431, "The request has too many headers.");
		r->fields[r->fields_n++] = (struct wsd_request_field){(uint32_t)at, 0, 0};
		r->in_value = false;
	}
	r->fields[r->fields_n - 1].name_n += (uint32_t)n;
	if (store(r, p, n) == -1)
		return -1;
	for (char *c = r->text.p + at; c < r->text.p + r->text.n; c++) {
		if (*c == ' ') /* the parser lets it pass; a proxy may read another name */
			return refuse(r, 400, "A header's name has a blank.");
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return 0;
}

static int
on_value(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;

	if (has_control(p, n, '\t')) /* the parser lets the first byte pass, even a NUL */
		return refuse(r, 400, "A header's value has a control character.");
	r->in_value = true;
	r->fields[r->fields_n - 1].value_n += (uint32_t)n;
	return store(r, p, n);
}

/* 1 makes the parser skip the body. */
static int
on_head(http_parser *parser)
{
	struct wsd_request *r = parser->data;

	r->head_done = true;
	if (parser->http_major != 1)
		return refuse(r, 505, "HTTP/1.1 is spoken here.");
	r->keep = http_should_keep_alive(parser) != 0;
	if ((parser->flags & F_CONTENTLENGTH) != 0 && parser->content_length > r->body_max) {
		r->body_too_large = true;
		return 1;
	}
	return 0;
}

static int
on_body(http_parser *parser, const char *p, size_t n)
{
	struct wsd_request *r = parser->data;

	if (n > r->body_max - r->body.n) {
		r->body_too_large = true;
		r->done = true;
		buf_free(&r->body);
		return -1;
	}
	buf_add(&r->body, p, n);
	return r->body.failed ? refuse(r, 503, "Out of memory.") : 0;
}

static int
on_end(http_parser *parser)
{
	struct wsd_request *r = parser->data;

	r->done = true;
	http_parser_pause(parser, 1); /* the next request has a parser of its own */
	return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
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

/* How does the first line end?  The parser takes both ways and does not tell. */
static void
note_line_end(struct wsd_request *r, struct slice in)
{
	const char *end = r->line_seen || in.n == 0 ? NULL : memchr(in.p, '\n', in.n);

	if (end != NULL) {
		r->line_seen = true;
		r->bare_lf = (end == in.p ? r->last : end[-1]) != '\r';
	} else if (in.n > 0) {
		r->last = in.p[in.n - 1];
	}
}

enum wsd_request_result
wsd_request_feed(struct wsd_request *r, struct slice in, size_t *used)
{
	enum http_errno e;

	note_line_end(r, in);
	*used = http_parser_execute(&r->parser, &settings, in.p, in.n);
	if (r->status != 0)
		return WSD_REQUEST_BAD;
	if (r->done) {
		r->keep = r->keep && !r->body_too_large;
		return WSD_REQUEST_WHOLE;
	}
	e = HTTP_PARSER_ERRNO(&r->parser);
	if (e == HPE_OK)
		return WSD_REQUEST_MORE;
	if (e == HPE_HEADER_OVERFLOW)
		(void)refuse(r, 431, "The request's head is too long.");
	else
		(void)refuse(r, 400, "This is not an HTTP request.");
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

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_skip(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool
wsd_request_list_has(struct slice list, const char *token)
{
	struct slice word;
	size_t n = strlen(token);

	while (slice_cut(&list, ',', &word)) {
		word = trim(word);
		if (word.n == n && strncasecmp(word.p, token, n) == 0)
			return true;
	}
	return false;
}

bool
wsd_request_upgrades(const struct wsd_request *r)
{
	/* the parser looks for "upgrade" in Connection; other protocols are ignored (h2c) */
	return r->parser.upgrade != 0 &&
	       wsd_request_list_has(wsd_request_header(r, "upgrade"), "websocket");
}
