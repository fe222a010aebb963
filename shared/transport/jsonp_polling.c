/* jsonp-polling: PROTOCOL section 9.
 *
 *	io.j[1]("3:::hello");       a response: a script that calls a function of the page
 *	d=%223%3A%3A%3Ahello%22     the body of a POST: a form, sent from a hidden frame
 *
 * A page cannot see the status of a script: every answer is 200 and JavaScript. */
#include "shared/transport/transport.h"
#include "shared/wire/digit.h"
#include "shared/wire/form.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

static void
jsonp_wrap(struct buf *out, struct slice text, unsigned index)
{
	buf_printf(out, "io.j[%u](", index);
	json_write_string(out, text);
	buf_puts(out, ");");
}

/* Browsers turn every line break of a form into CRLF, but the lengths in the payload were counted
 * before. */
static void
undo_crlf(struct buf *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] != '\r' || i + 1 == text->n || text->p[i + 1] != '\n')
			text->p[kept++] = text->p[i];
	text->n = kept;
}

/* Clients up to 0.8.5 send the bare payload, later ones a JSON string: one begins with a digit or
 * U+FFFD, the other with a quote.  Anything else is ignored; the reference ends the session. */
static void
read_jsonp_value(struct buf *payload, struct slice value)
{
	struct json_value json;

	if (value.n == 0)
		return;
	if (value.p[0] != '"') {
		if (digit_is(value.p[0]) || slice_starts(value, SLICE(UTF8_REPLACEMENT)))
			buf_add_slice(payload, value);
		undo_crlf(payload);
	} else if (json_parse(&json, value) == 0) {
		json_string_decode(payload, json.text);
	}
}

static struct slice
jsonp_unwrap(struct slice body, struct buf *scratch)
{
	struct buf bytes = {.p = NULL}, text = {.p = NULL};
	struct slice raw;

	if (!form_field(body, "d", &raw))
		return (struct slice){NULL, 0};
	form_decode(&bytes, raw);
	utf8_sanitize(&text, buf_slice(&bytes));
	if (bytes.failed || text.failed)
		scratch->failed = true;
	else
		read_jsonp_value(scratch, buf_slice(&text));
	buf_free(&text);
	buf_free(&bytes);
	return buf_slice(scratch);
}

const struct transport transport_jsonp_polling = {
    .works = polling_works,
    .open = polling_open,
    .content_type = "text/javascript; charset=UTF-8", /* or the page's charset applies */
    .headers = "X-XSS-Protection: 0\r\n",             /* IE8 takes it for an attack */
    .head = {"", 0},
    .wrap = jsonp_wrap,
    .unwrap = jsonp_unwrap,
};
