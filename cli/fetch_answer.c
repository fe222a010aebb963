#include "cli/fetch_answer.h"

#include "cli/fetch_end.h"
#include "shared/base/clock.h"

static int
on_header_name(struct http_parser *parser, const char *p, size_t n)
{
	struct fetch *f = parser->data;

	if (f->in_value)
		buf_add_char(&f->head, '\n');
	f->in_value = false;
	for (size_t i = 0; i < n; i++)
		buf_add_char(
		    &f->head, p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i]);
	return f->head.failed;
}

static int
on_header_value(struct http_parser *parser, const char *p, size_t n)
{
	struct fetch *f = parser->data;

	if (!f->in_value)
		buf_puts(&f->head, ": ");
	f->in_value = true;
	buf_add(&f->head, p, n);
	return f->head.failed;
}

static int
on_headers_end(struct http_parser *parser)
{
	struct fetch *f = parser->data;

	f->status = (int)parser->status_code;
	buf_add_char(&f->head, '\n');
	return 0;
}

static int
on_body_bytes(struct http_parser *parser, const char *p, size_t n)
{
	struct fetch *f = parser->data;
	size_t room = FETCH_BODY_MAX - f->body.n;

	buf_add(&f->body, p, n < room ? n : room);
	/* the start of a large file tells what it is */
	return f->body.failed || n >= room;
}

static int
on_answer_end(struct http_parser *parser)
{
	struct fetch *f = parser->data;

	/* a 101 is the answer, and the connection goes on */
	if (parser->status_code == 101)
		return 0;
	/* 100 Continue and 103 Early Hints are not */
	if (parser->status_code < 200) {
		buf_clear(&f->head);
		f->in_value = false;
		f->status = 0;
		return 0;
	}
	fetch_end(f, FETCH_DONE, "%d", f->status);
	return 1;
}

static const struct http_parser_settings answer_callbacks = {
    .on_header_field = on_header_name,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_end,
    .on_body = on_body_bytes,
    .on_message_complete = on_answer_end,
};

static void
take_http(struct fetch *f, const char *p, size_t n)
{
	size_t used = http_parser_execute(&f->parser, &answer_callbacks, p, n);

	if (fetch_has_ended(f))
		return;
	if (f->parser.upgrade) {
		f->state = FETCH_UPGRADED;
		buf_add(&f->body, p + used, n - used);
	} else if (HTTP_PARSER_ERRNO(&f->parser) != HPE_OK) {
		if (f->body.n == FETCH_BODY_MAX)
			fetch_end(f, FETCH_DONE, "%d", f->status);
		else
			fetch_end(f, FETCH_GARBLED, "the answer is not HTTP (%s)",
			    http_errno_description(HTTP_PARSER_ERRNO(&f->parser)));
	}
}

void
fetch_answer_take(struct fetch *f, const char *p, size_t n, int error)
{
	if (n > 0 && f->answered_ms == 0)
		f->answered_ms = clock_ms();
	if (n > 0 && f->state < FETCH_READING)
		f->state = FETCH_READING;
	if (f->raw || f->state == FETCH_UPGRADED) {
		size_t room = FETCH_BODY_MAX - f->body.n;

		buf_add(&f->body, p, n < room ? n : room);
		if (n == 0 && f->raw)
			fetch_end(f, FETCH_DONE, "closed");
		else if (n == 0 || n >= room)
			fetch_end_cut(f, error);
		return;
	}
	if (n == 0 && error == 0) /* a body without a length ends so */
		http_parser_execute(&f->parser, &answer_callbacks, p, 0);
	else if (n > 0)
		take_http(f, p, n);
	if (n == 0 && !fetch_has_ended(f))
		fetch_end_cut(f, error);
}
