/* jsonp-polling: PROTOCOL section 9.
 *
 *	io.j[1]("3:::hello");       a response: a script that calls what the page has laid out
 *	d=%223%3A%3A%3Ahello%22     the body of a POST: a form that was sent from a hidden frame
 *
 * A page cannot see the status of a script: an answer is 200 and JavaScript, always. */
#include "shared/transport/transport.h"
#include "shared/wire/form.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

static void
wrap(struct buf *out, struct slice text, unsigned index)
{
	buf_printf(out, "io.j[%u](", index);
	json_write_string(out, text);
	buf_puts(out, ");");
}

/* Browsers turn every line break of a form into CRLF, after the lengths were counted. */
static void
undo_crlf(struct buf *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < text->n; i++)
		if (text->p[i] != '\r' || i + 1 == text->n || text->p[i + 1] != '\n')
			text->p[kept++] = text->p[i];
	text->n = kept;
}

/* Clients up to 0.8.5 send the payload as it is, later ones as a JSON string: one begins with a
 * digit or U+FFFD, the other with a quote.  What is neither is nothing; the reference ends the
 * session over it. */
static void
read_value(struct buf *payload, struct slice value)
{
	struct json_value json;

	if (value.n == 0)
		return;
	if (value.p[0] != '"') {
		if ((value.p[0] >= '0' && value.p[0] <= '9') ||
		    slice_starts(value, SLICE(UTF8_REPLACEMENT)))
			buf_add_slice(payload, value);
		undo_crlf(payload);
	} else if (json_parse(&json, value) == 0) {
		json_string_decode(payload, json.text);
	}
}

static struct slice
unwrap(struct slice body, struct buf *scratch)
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
		read_value(scratch, buf_slice(&text));
	buf_free(&text);
	buf_free(&bytes);
	return buf_slice(scratch);
}

const struct transport transport_jsonp_polling = {
    .works = polling_works,
    .open = polling_open,
    .content_type = "text/javascript; charset=UTF-8", /* else the page's charset would count */
    .headers = "X-XSS-Protection: 0\r\n",             /* of IE8, which takes it for an attack */
    .head = {"", 0},
    .wrap = wrap,
    .unwrap = unwrap,
};
